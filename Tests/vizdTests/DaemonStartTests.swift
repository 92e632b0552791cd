// A start with everything that an earlier run can leave, and the loop until all of it has ended: the daemon in this
// process, with one slot, so that nobody may wait for somebody who waits for a slot.

import Contract
import Digest
import Foundation
import Ledger
import Linux
import Spool
import Synchronization
import TestSupport
import Testing
import Wardrobe

@testable import vizd

/// The folders of a daemon that does not run yet.
private final class Site: Sendable {
    let path: String
    let spool: Spool
    let lines = Lines()

    init() throws {
        path = "\(NSTemporaryDirectory())vizd-start-\(Random.hex(bytes: 8))"
        try Host.makeDirectories("\(path)/state/work", mode: 0o700)
        try FileManager.default.copyItem(
            atPath: "\(Repository.root)/Examples/wardrobe_photos", toPath: "\(path)/wardrobe_photos")
        spool = try Spool(path: "\(path)/spool")
    }

    deinit {
        do { try FileManager.default.removeItem(atPath: path) } catch { Issue.record("\(path) stays behind: \(error)") }
    }

    func put(_ name: FileName, in box: Box, _ bytes: [UInt8] = Array(Household.request().utf8)) throws {
        try spool[box].publish(bytes, as: name, temporary: ".t")
    }

    func names(_ box: Box) throws -> [String] { try spool[box].names().map(\.description) }

    private func settings() throws -> Settings {
        let environment = [
            "VIZD_SPOOL_DIR": "\(path)/spool", "VIZD_STATE_DIR": "\(path)/state",
            "VIZD_WARDROBE_ROOT": "\(path)/wardrobe_photos", "VIZD_LIMITS_IN_FLIGHT": "1", "VIZD_SPOOL_RESERVE": "0",
            "VIZD_SPOOL_MIN_FREE": "0", "VIZD_LIMITS_PER_USER": "1",
        ]
        let world = SettingsWorld(environment: environment, credentialsDirectory: nil) { _ in .absent }
        let loaded = SettingsLoader.load(path: nil, world: world, capabilities: .thisVersion)
        return try #require(loaded.settings, "\(loaded.problems)")
    }

    /// Looks at the folders again and again, with a moment for the daemon in between; for a while at most.
    private static func wait(for condition: () throws -> Bool) {
        let deadline = MonotonicClock.now() + Patience.limit
        do {
            while try !condition(), MonotonicClock.now() < deadline {
                _ = try Poll.readable([], timeout: 5_000_000)
            }
        } catch {
            Issue.record(error)
        }
    }

    /// Runs the daemon on a thread of its own until a condition holds, asks it to leave, and answers its exit code.
    func run(
        with look: @escaping @Sendable (Assembly) -> Void = { _ in },
        until condition: @escaping @Sendable () throws -> Bool
    ) async throws -> Int32 {
        let (settings, log) = (try settings(), lines.output(.text).logger())
        return await withCheckedContinuation { continuation in
            OwnedThread.spawn(name: "test-daemon") {
                var daemon = DaemonProcess(settings: settings, log: log, standby: false)
                daemon.assembled = { assembly in
                    look(assembly)
                    let mailbox = assembly.mailbox
                    OwnedThread.spawn(name: "test-watch") {
                        Site.wait(for: condition)
                        mailbox.askToLeave()
                    }
                }
                continuation.resume(returning: daemon.run())
            }
        }
    }
}

@Suite("A start with what was left", .serialized)
struct DaemonStartTests {
    private let site: Site

    init() throws { site = try Site() }

    private func question(_ name: String) -> AdmissionRequest {
        let bytes = Array(Household.request().utf8)
        return AdmissionRequest(
            name: name, digest: SHA256.of(bytes).bytes, ownerUID: 0, request: bytes, userID: "peichin", outfitID: nil,
            oldRequest: .nowhere, running: false, at: Sample.now)
    }

    @Test("everything that was left ends, with one slot: jobs, second requests, lost files, half landings, new ones")
    func everything() async throws {
        let journal = try Journal(path: "\(site.path)/state/vizd.sqlite")
        _ = try await journal.bind(spoolID: try site.spool.id(), spoolHasWork: false, newID: try site.spool.id())
        // Claimed and admitted, with second requests of the same name around them; and claimed, never admitted.
        for name in ["a", "b", "lost", "landing"] { _ = try await journal.admit([question(name)]) }
        let result = Sample.complete("landing").encode()
        try await journal.landing("landing", .done, code: nil, result: result, at: Sample.now)
        await journal.close()
        for name in ["a", "b", "never"] { try site.put(FileName("\(name).json"), in: .processing) }
        for name in ["a", "b", "never"] { try site.put(FileName(".again.1f.\(name).json"), in: .processing) }
        let other = Array(Household.request(#""seed": 1"#).utf8)
        try site.put(".again.2f.a.json", in: .processing, other)
        try site.put("a.status.json", in: .processing, [1])
        try site.put("stale.status.json", in: .processing, [1])
        try site.put("new.json", in: .incoming)
        let work = try Directory(path: "\(site.path)/state/work")
        for name: FileName in [".a.picture", "nobody.picture"] { try work.publish([1], as: name, temporary: ".t") }

        let spool = site.spool
        let code = try await site.run {
            try spool[.done].names().count == 2 * 6 - 1 && spool[.processing].names().isEmpty
                && spool[.failed].names().count == 2
        }
        #expect(code == 0, "\(site.lines.all.joined())")
        #expect(try site.names(.processing).isEmpty && site.names(.incoming).isEmpty)
        let done = Set(try site.names(.done))
        for name in ["a", "b", "never", "lost", "new"] {
            #expect(done.contains("\(name).json") && done.contains("\(name).result.json"), "\(name)")
        }
        #expect(done.contains("landing.result.json"), "its request was removed by somebody")
        let taken = "a~\(SHA256.of(other).hex.prefix(8))"
        #expect(try site.names(.failed) == ["\(taken).json", "\(taken).result.json"])
        #expect(try work.names().map(\.description).filter { $0.hasSuffix(".picture") } == [])
        let after = try Journal(path: "\(site.path)/state/vizd.sqlite")
        #expect(try await after.rows(open: true).isEmpty)
        #expect(try await after.row("a")?.run == 1)
        #expect(try await after.attempts("a").count == 1)
    }

    @Test("a request that is there before the start is done, and the daemon leaves when it is asked to")
    func plain() async throws {
        try site.put("a.json", in: .incoming)
        let spool = site.spool
        let code = try await site.run { try spool[.done].infoIfPresent(of: "a.json") != nil }
        #expect(code == 0)
        #expect(try site.names(.done) == ["a.json", "a.result.json"])
        #expect(site.lines.all.contains { $0.contains("vizd.ready") })
        #expect(site.lines.all.last?.contains("vizd.stopped") == true)
    }

    @Test("a daemon that has left changes no record any more, whoever asks")
    func closedWardrobe() async throws {
        try site.put("a.json", in: .incoming)
        let spool = site.spool
        let kept = Mutex<(any Wardrobe)?>(nil)
        let code = try await site.run(with: { assembly in kept.withLock { $0 = assembly.wardrobe } }) {
            try spool[.done].infoIfPresent(of: "a.result.json") != nil
        }
        #expect(code == 0)
        let wardrobe = try #require(kept.withLock { $0 })
        let user = try #require(UserID("peichin"))
        let outfit = try #require(OutfitID("8f14e45f-ceea-467f-a0e6-1d1c6d3a0002"))
        let before = try records()
        #expect(before[0].contains(#""job_id": "a""#) || before[0].contains(#""job_id":"a""#), "\(before[0])")
        // Several, one after the other has asked: an open wardrobe would have taken the first by the time of the last.
        for number in 0..<8 {
            await withCheckedContinuation { asks in
                Task {
                    asks.resume()
                    try await wardrobe.setDescriptor("somebody \(number)", of: user)
                }
            }
            await withCheckedContinuation { asks in
                Task {
                    asks.resume()
                    _ = try await wardrobe.clearRecord(of: outfit, user)
                }
            }
        }
        // Waits for what is being written, if anything is.
        await wardrobe.close()
        #expect(try records() == before)
    }

    /// Outfits and profile of the example's user.
    private func records() throws -> [String] {
        let folder = try Directory(path: "\(site.path)/wardrobe_photos/peichin")
        return try ["saved_outfits.json", "user_profile.json"].map { (name: FileName) in
            String(decoding: try folder.open(name, .read).read(limit: 1 << 20), as: UTF8.self)
        }
    }
}
