// The watch over the loop, with sockets of this machine in place of libcurl's: what is shut, and what is left alone.

import Glibc
import Linux
import TestSupport
import Testing

@testable import Transfer

/// A connection to a peer that sends for as long as it is let.
private final class Hose: Sendable {
    let number: CInt

    init() throws {
        let port = try RawPort(listening: true)
        number = socket(AF_INET, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        try #require(RawPort.connect(number, to: port.port))
        let peer = accept(port.number, nil, nil)
        try #require(peer >= 0)
        OwnedThread.spawn(name: "hose") {
            let piece = [UInt8](repeating: 0, count: 65_536)
            while send(peer, piece, piece.count, CInt(MSG_NOSIGNAL)) > 0 {}
            close(peer)
        }
    }

    deinit { close(number) }

    /// Reads so many bytes, or to the end; answers how many came.
    func drain(_ most: Int64 = .max) -> Int64 {
        var (buffer, count) = ([UInt8](repeating: 0, count: 65_536), Int64(0))
        while count < most {
            let got = recv(number, &buffer, buffer.count, 0)
            if got <= 0 { return count }
            count += Int64(got)
        }
        return count
    }

    /// Whether it is open: there is always more to read then.
    var isOpen: Bool {
        var byte: UInt8 = 0
        return recv(number, &byte, 1, CInt(MSG_PEEK)) == 1
    }
}

/// Functions of libcurl that vizd has no use for. Its header, imported here, would take the names of sockets' constants
/// away from the other tests.
private enum Libcurl {
    typealias Maker = @convention(c) () -> UnsafeMutableRawPointer?
    typealias User = @convention(c) (UnsafeMutableRawPointer) -> CInt

    static func function<Function>(_ name: String, as kind: Function.Type) throws -> Function {
        unsafeBitCast(try #require(dlsym(nil, name)), to: kind)
    }
}

@Suite("The watch over the loop")
struct LifeguardTests {
    /// Runs what blocks on a thread of its own, with a lifeguard that looks every millisecond.
    private func watched(_ body: @escaping @Sendable (Lifeguard) throws -> Void) async throws {
        let outcome: Result<Void, any Error> = await withCheckedContinuation { waiter in
            OwnedThread.spawn(name: "watched") {
                let lifeguard = Lifeguard(tick: 1_000_000)
                defer { lifeguard.close() }
                lifeguard.set(isAtWork: true)
                waiter.resume(returning: Result { try body(lifeguard) })
            }
        }
        try outcome.get()
    }

    @Test("a connection that is read within one call without an end is shut, and no other one is")
    func flood() async throws {
        try await watched { lifeguard in
            let (bad, good) = (try Hose(), try Hose())
            lifeguard.add(bad.number)
            lifeguard.add(good.number)
            #expect(lifeguard.over { bad.drain() } > Lifeguard.limit)
            #expect(lifeguard.shut == 1 && good.isOpen)
            #expect(lifeguard.over { good.drain(1 << 20) } >= 1 << 20)
        }
    }

    @Test("much that comes over many calls is an answer, and so is what comes while nobody is in a call")
    func answer() async throws {
        try await watched { lifeguard in
            let hose = try Hose()
            lifeguard.add(hose.number)
            for _ in 0..<64 { #expect(lifeguard.over { hose.drain(1 << 20) } >= 1 << 20) }
            #expect(hose.drain(4 * Lifeguard.limit) >= 4 * Lifeguard.limit)
            #expect(lifeguard.shut == 0 && hose.isOpen)
        }
    }

    @Test("a call that lasts because its own work does shuts nothing, and given-back sockets are nobody's")
    func slow() async throws {
        try await watched { lifeguard in
            let (resting, gone) = (try Hose(), try Hose())
            lifeguard.add(resting.number)
            lifeguard.add(gone.number)
            lifeguard.remove(gone.number)
            lifeguard.over {
                _ = gone.drain(4 * Lifeguard.limit)
                poll(nil, 0, 50)
            }
            #expect(lifeguard.shut == 0 && resting.isOpen && gone.isOpen)
        }
    }

    @Test("a socket that was closed without a word is not mistaken for the one that has its number now")
    func numbers() async throws {
        try await watched { lifeguard in
            let (gone, other) = (try Hose(), try Hose())
            lifeguard.add(gone.number)
            #expect(dup2(other.number, gone.number) == gone.number)
            lifeguard.over { _ = gone.drain(4 * Lifeguard.limit) }
            #expect(lifeguard.shut == 0 && other.isOpen)
        }
    }

    @Test("a connection is watched over before libcurl has a word of it for its loop, and until it is closed")
    func unannounced() async throws {
        let server = try await BadServer.start("flood of windows")
        try await watched { lifeguard in
            try #require(Curl.started)
            let share = try #require(try Libcurl.function("curl_share_init", as: Libcurl.Maker.self)())
            do {
                // With a loop of libcurl's own, which tells nobody of its sockets.
                let passage = try flooded(server, share, lifeguard)
                let perform = try Libcurl.function("curl_easy_perform", as: Libcurl.User.self)
                let code = lifeguard.over { perform(passage.handle.raw) }
                #expect(code != 0 && lifeguard.shut == 1, "libcurl answered \(code)")
            }
            #expect(lifeguard.known == 0)
            _ = try Libcurl.function("curl_share_cleanup", as: Libcurl.User.self)(share)
        }
    }

    private func flooded(
        _ server: BadServer, _ share: UnsafeMutableRawPointer, _ lifeguard: Lifeguard
    ) throws -> Passage {
        var settings = TransferSettings()
        settings.caFile = server.caFile
        settings.resolve = ["provider.test:\(server.port):127.0.0.1"]
        let destination = try #require(Destination("https://provider.test:\(server.port)/"))
        // Only the lifeguard is to end it, however long a busy machine takes.
        var limits = TransferLimits()
        (limits.connect, limits.stall, limits.total) = (Patience.limit, Patience.limit, Patience.limit)
        let leg = Leg(
            method: .get, destination: destination, headers: [], body: .none, sink: .memory, limits: limits,
            judgesAddress: false, isForeign: false)
        return Passage(
            TransferID(1), leg, settings, sharing: share, under: lifeguard, at: MonotonicClock.now(), onConnected: {},
            onSocket: {}, onBegun: { _ in })
    }

    @Test("with nothing under way it sleeps, and it looks again when there is something")
    func rest() async throws {
        try await watched { lifeguard in
            lifeguard.set(isAtWork: false)
            let hose = try Hose()
            lifeguard.add(hose.number)
            poll(nil, 0, 20)
            lifeguard.set(isAtWork: true)
            #expect(lifeguard.over { hose.drain() } > Lifeguard.limit)
            #expect(lifeguard.shut == 1)
        }
    }
}
