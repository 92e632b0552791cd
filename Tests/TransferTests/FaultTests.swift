// What a server or a network can do to a transfer, and what each is called.

import Glibc
import Linux
import LoopbackServer
import TestSupport
import Testing

@testable import Transfer

@Suite("Faults")
struct FaultTests {
    private static let head = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"

    @Test("a process that has a client is not ended by writing to a connection that broke")
    func brokenPipe() async {
        await #expect(processExitsWith: .success) {
            _ = try CurlTransfer(TransferSettings())
            raise(SIGPIPE)
        }
    }

    /// What a server does, and what it is called.
    struct Mischief: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let reply: LoopbackReply
        let code: TransferFailure.Code
        var status: Int?

        init(_ name: String, _ reply: LoopbackReply, _ code: TransferFailure.Code, status: Int? = nil) {
            (testDescription, self.reply, self.code, self.status) = (name, reply, code, status)
        }
    }

    static let mischiefs: [Mischief] = [
        Mischief("closes before an answer", .steps([.close]), .broken),
        Mischief("resets before an answer", .steps([.reset]), .broken),
        Mischief("closes within the headers", .raw("HTTP/1.1 200 OK\r\nX: y", then: .close), .broken, status: 200),
        Mischief("closes within the body", .raw(head + "12345", then: .close), .cutShort, status: 200),
        Mischief("resets within the body", .raw(head + "12345", then: .reset), .cutShort, status: 200),
        Mischief(
            "closes within a chunk",
            .raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", then: .close), .cutShort, status: 200),
        Mischief("speaks no HTTP", .raw("SSH-2.0-OpenSSH_9.2\r\n", then: .close), .malformed),
        Mischief("sends nothing but bytes", .raw(String(repeating: "\u{1}", count: 5000), then: .close), .malformed),
        Mischief(
            "declares too much", .raw("HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n", then: .stall), .tooLarge,
            status: 200),
        Mischief(
            "sends too much in chunks",
            .raw(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                    + String(repeating: "64\r\n" + String(repeating: "x", count: 100) + "\r\n", count: 11), then: .stall
            ),
            .tooLarge, status: 200),
        Mischief(
            "sends too much without an end",
            .raw("HTTP/1.1 200 OK\r\n\r\n" + String(repeating: "x", count: 1001), then: .stall), .tooLarge,
            status: 200),
        Mischief(
            "never ends its headers",
            .raw("HTTP/1.1 200 OK\r\n" + String(repeating: "X-Header: value\r\n", count: 6000), then: .stall),
            .headersTooLarge, status: 200),
        Mischief(
            "never ends a header",
            .raw("HTTP/1.1 200 OK\r\nX: " + String(repeating: "y", count: 300_000), then: .stall),
            .headersTooLarge, status: 200),
        Mischief("says nothing", .steps([.stall]), .stalled),
        Mischief("stops within the headers", .raw("HTTP/1.1 200 OK\r\nX: y\r\n", then: .stall), .stalled, status: 200),
        Mischief("stops within the body", .raw(head + "12345", then: .stall), .stalled, status: 200),
        Mischief("drips", drip("HTTP/1.1 200 OK\r\n\r\n"), .timedOut, status: 200),
        Mischief("drips headers", drip("HTTP/1.1 200 OK\r\n", piece: "X: y\r\n"), .timedOut, status: 200),
    ]

    private static func drip(_ start: String, piece: String = ".") -> LoopbackReply {
        let pieces = [LoopbackStep](repeating: .pause(milliseconds: 20), count: 500).flatMap {
            [.bytes(Array(piece.utf8)), $0]
        }
        return .steps([.bytes(Array(start.utf8))] + pieces)
    }

    @Test("each has its code, and the request counts as sent", arguments: mischiefs)
    func called(mischief: Mischief) async throws {
        let parlour = try Parlour { _ in mischief.reply }
        var request = parlour.request(.post, "/", body: "order")
        request.limits.bytes = 1000
        // The limit that is meant is short, the others are out of the way of a busy machine.
        if mischief.code == .timedOut { request.limits.total = 1_000_000_000 }
        if mischief.code == .stalled { request.limits.stall = 2_000_000_000 }
        let failure = await parlour.client.failure(request)
        #expect(failure?.code == mischief.code)
        #expect(failure?.sent == .whole)
        #expect(failure?.status == mischief.status)
        #expect(parlour.server.requests.count == 1)
        await parlour.client.awaitReport { $0.underWay == 0 && $0.done == 1 }
    }

    @Test("a connection that nobody takes up ends at its limit, with nothing sent")
    func connectLimit() async throws {
        let deaf = try DeafPort()
        var settings = TransferSettings()
        settings.allowInsecure = ["127.0.0.1:\(deaf.port)"]
        let client = try CurlTransfer(settings)
        var request = TransferRequest(.post, "http://127.0.0.1:\(deaf.port)/", reach: .configured)
        request.body = .bytes([1])
        request.limits.connect = 200_000_000
        let failure = await client.failure(request)
        #expect(failure?.code == .unconnected && failure?.sent == .nothing)
        #expect(failure?.message == "no connection to 127.0.0.1 within 0.2 s")
        request.limits.connect = 20_000_000_000
        request.limits.total = 200_000_000
        #expect(await client.verdict(request) == Verdict(.timedOut, .nothing))
    }

    @Test(
        "a server that does not take the request's body is given up after the silence that is allowed, with a part sent"
    )
    func slowReader() async throws {
        let parlour = try Parlour(onHead: { _ in .steps([.stall]) }) { _ in .ok() }
        var request = parlour.request(.post)
        request.body = .bytes([UInt8](repeating: 7, count: 64 << 20))
        request.limits.stall = 2_000_000_000
        let failure = await parlour.client.failure(request)
        #expect(failure?.code == .stalled && failure?.sent == .part)
        #expect(failure?.message == "nothing came from 127.0.0.1 for 2 s")
        #expect(parlour.whole("POST") == 0)
    }

    @Test(
        "a packed answer is taken as it came: what it would unpack to is nobody's concern", arguments: ["gzip", "br"])
    func packedBomb(coding: String) async throws {
        // A megabyte that a client with an unpacker would make a gigabyte of.
        let body = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3] + [UInt8](repeating: 0, count: 1 << 20)
        let parlour = try Parlour { _ in .answer(status: 200, headers: [("Content-Encoding", coding)], body: body) }
        let answer = try await parlour.client.transfer(parlour.request())
        #expect(answer.body == body)
        #expect(parlour.server.requests[0].header("accept-encoding") == nil)
        var small = parlour.request()
        small.limits.bytes = 1 << 19
        #expect(await parlour.client.verdict(small) == Verdict(.tooLarge, .whole))
    }

    @Test("a name that does not resolve is told as such, with nothing sent")
    func unresolved() async throws {
        let client = try CurlTransfer(TransferSettings())
        let request = TransferRequest(.get, "https://nowhere.invalid/", reach: .configured)
        let failure = await client.failure(request)
        #expect(failure?.code == .unresolved && failure?.sent == .nothing)
        #expect(failure?.message == "the name nowhere.invalid does not resolve")
    }

    @Test("a place that a limit of time has freed goes to the next who waits, at once")
    func freedPlace() async throws {
        let asked = Happening()
        let parlour = try Parlour {
            $0.maximumPerOrigin = 1
        } _: { request in
            asked.happen()
            return request.target == "/silent" ? .steps([.stall]) : .ok("served")
        }
        var silent = parlour.request(.get, "/silent")
        silent.limits.stall = 2_000_000_000
        let first = Task { [silent] in await parlour.client.verdict(silent) }
        await asked.times(1)
        let second = Task { try await parlour.client.transfer(parlour.request()).text }
        // On a machine that is too busy it may come too late to wait.
        await parlour.client.awaitReport { $0.waiting == 1 || $0.done > 0 }
        #expect(await first.value == Verdict(.stalled, .whole))
        #expect(try await second.value == "served")
    }

    @Test("a transfer that was broken off leaves the next one a sound connection")
    func soundAfter() async throws {
        let parlour = try Parlour {
            $0.target == "/bad" ? .raw("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx", then: .stall) : .ok("good")
        }
        var request = parlour.request(.get, "/bad")
        request.limits.stall = 100_000_000
        for _ in 0..<5 {
            #expect(await parlour.client.verdict(request) == Verdict(.stalled, .whole))
            #expect(try await parlour.client.transfer(parlour.request()).text == "good")
        }
    }
}

/// A port whose connections are never taken up: its backlog is full.
private final class DeafPort: Sendable {
    private let listener: RawPort
    private let sockets: [CInt]
    var port: UInt16 { listener.port }

    init() throws {
        let listener = try RawPort(listening: true, backlog: 0)
        self.listener = listener
        // The first ones are established; the kernel drops what comes after.
        sockets = (0..<8).map { _ in
            let one = socket(AF_INET, CInt(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
            _ = RawPort.connect(one, to: listener.port)
            return one
        }
    }

    deinit { for number in sockets { close(number) } }
}
