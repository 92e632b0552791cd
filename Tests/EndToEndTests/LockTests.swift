// The lock of a spool: who holds it, who does not any more, and who may hold it without knowing.

import Contract
import Foundation
import Glibc
import Linux
import TestSupport
import Testing

extension EndToEnd {
    @Suite("The lock of a spool")
    @Outside
    struct Locks {
        @Test("a lock file that a dead vizd left, or anybody wrote, is no lock: only the kernel's counts")
        func stale() throws {
            let site = try Site()
            let first = try site.ready()
            let words = try #require(try site.file(".", ".lock"))
            try first.kill()
            #expect(try site.file(".", ".lock") == words)
            let second = try site.ready()
            #expect(try second.stop() == 0)
            let lock = try Directory(path: site.spool).open(".lock", .readWrite)
            try lock.setSize(0)
            try lock.write(all: Array("pid 1\nhost \(Host.name)\nsince ever\n".utf8))
            let third = try site.ready()
            let signed = String(decoding: try #require(try site.file(".", ".lock")), as: UTF8.self)
            #expect(signed.contains("\(third.processID)"))
            #expect(try third.stop() == 0)
        }

        @Test("a process that inherited the lock keeps the spool locked: vizd says so, and a standby waits for its end")
        func inherited() throws {
            let site = try Site()
            let first = try site.ready()
            try first.kill()
            let heir = try Heir(of: "\(site.spool)/.lock", note: "\(site.path)/heir")
            let refused = try site.start()
            #expect(try refused.awaitExit() == 75)
            let reason = try refused.lines(of: "vizd.cannot_start").first?["reason"] ?? ""
            // The lock file names a process that is gone, and a person would look for it in vain.
            #expect(reason.contains("\(first.processID)") && reason.contains("inherited"), "\(reason)")
            let standby = try site.start([:], "--standby")
            try standby.awaitLine("standby.waiting")
            try heir.end()
            try standby.awaitLine("vizd.ready")
            try site.deliver(Fixture.missing(), as: "a.json")
            #expect(try standby.failed("a").code == .outfitNotFound)
            #expect(try standby.stop() == 0)
        }

        @Test("a living holder is named without a word of heirs")
        func holder() throws {
            let site = try Site()
            let first = try site.ready()
            let second = try site.start()
            #expect(try second.awaitExit() == 75)
            let reason = try second.lines(of: "vizd.cannot_start").first?["reason"] ?? ""
            #expect(reason.contains("\(first.processID)") && !reason.contains("inherited"), "\(reason)")
            #expect(try first.stop() == 0)
        }

        @Test("image workers inherit nothing: no lock, no spool, no journal, no connection")
        func workers() throws {
            let site = try Site(gated: true)
            try site.gate?.open()
            let daemon = try site.ready()
            try site.deliver(Fixture.request(2), as: "a.json")
            _ = try daemon.complete("a")
            let workers = try daemon.workers()
            #expect(!workers.isEmpty)
            for worker in workers {
                let folder = "/proc/\(worker)/fd"
                for number in try FileManager.default.contentsOfDirectory(atPath: folder) {
                    let target = try FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/\(number)")
                    #expect(!target.hasPrefix(site.spool) && !target.hasPrefix(site.state), "\(number): \(target)")
                }
            }
            // A worker that cannot end at once must not hold up the next start.
            for worker in workers { try Host.kill(worker, signal: 19) }
            try daemon.kill()
            let next = try site.ready()
            #expect(try next.stop() == 0)
        }
    }
}

/// A process that took a lock and died, and its child, which has the descriptor still and knows nothing of it.
private final class Heir {
    private let process: Int32

    /// Takes the lock of a file; the child's number is noted in `note`.
    init(of lock: String, note: String) throws {
        let line = "exec 9<>'\(lock)'; flock -x 9; sleep 600 & echo $! >'\(note)'; kill -9 $$"
        _ = TestSupport.ProgramRun.finish("/bin/sh", ["-c", line])
        let text = String(decoding: try Host.readFile(note, limit: 64), as: UTF8.self)
        process = try #require(Int32(text.trimmingCharacters(in: .whitespacesAndNewlines)))
    }

    deinit { kill(process, SIGKILL) }

    func end() throws { try Host.kill(process, signal: SIGKILL) }
}
