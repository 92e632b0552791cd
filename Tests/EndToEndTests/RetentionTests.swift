// Retention in the spawned program: jobs that are made to look old go at the start and when a reload says so; killed at
// any call of a sweep, vizd goes on with it, and nobody ever sees a request without its result. Runway's books and
// vizd's own are the witnesses that money stays where it was.

import Contract
import Foundation
import Glibc
import Linux
import RunwaySimulator
import TestSupport
import Testing

/// Days that nothing in these tests lives to by itself.
private let thirtyDays = ["VIZD_RETENTION_DONE": "30", "VIZD_RETENTION_FAILED": "30"]

/// Whether files can be made immutable here: root, and a file system that knows it.
private let canFreeze: Bool = {
    let path = "/tmp/vizd-freeze-\(Random.hex(bytes: 8))"
    do {
        try Host.makeDirectories(path)
        defer { rmdir(path) }
        try chattr("+i", path)
        try chattr("-i", path)
        return true
    } catch {
        print("skipped: immutable files need root and a file system that has them (\(error))")
        return false
    }
}()

private func chattr(_ flag: String, _ path: String) throws {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/chattr")
    process.arguments = [flag, path]
    process.standardError = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else { throw Overdue(description: "chattr \(flag) \(path)") }
}

extension Site {
    /// Puts everything that has landed back by forty days, in the journal and in the results.
    fileprivate func age() throws {
        let script = """
            import glob, os, re, sqlite3, sys
            spool, state = sys.argv[1:]
            journal = sqlite3.connect(state + "/vizd.sqlite")
            with journal:
                journal.execute("UPDATE job SET landed_at = landed_at - ?", (40 * 86400 * 10**9,))
            journal.close()
            for path in glob.glob(spool + "/[df]*/*.result.json"):
                text = open(path).read()
                open(path, "w").write(re.sub(r'("finished_at": *)"[^"]*"', r'\\1"2001-09-09T01:46:40Z"', text))
                os.utime(path, (10**9, 10**9))
            """
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/python3")
        process.arguments = ["-c", script, spool, state]
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw Overdue(description: "the journal could not be aged") }
    }

    /// Requests in done/ and failed/ without a result beside them.
    fileprivate func lonely() throws -> [String] {
        try ["done", "failed"].flatMap { box in
            let names = Set(try names(box))
            return names.filter {
                $0.hasSuffix(".json") && !$0.hasSuffix(".result.json")
                    && !names.contains($0.dropLast(5) + ".result.json")
            }
        }
    }

    /// What the books say, as `vizd costs` tells it.
    fileprivate func costs() throws -> String { try command("costs", "--json").output }
}

extension EndToEnd {
    @Suite("Retention")
    @Outside
    struct RetentionTests {
        /// A job that is done, a batch of which a part failed, a job that failed and a file that was refused: all old.
        private func oldSite() throws -> Site {
            let site = try Site()
            let daemon = try site.ready()
            try site.deliver(Fixture.request(2), as: "one.json")
            let parts = #"{"user_id":"peichin","outfit_ids":["\#(Fixture.outfit(1))","nowhere"]}"#
            try site.deliver(parts, as: "two.json")
            try site.deliver(Fixture.missing(), as: "three.json")
            try site.deliver(Fixture.missing(), as: "four.status.json")
            for name in ["one", "two"] { _ = try daemon.result(name, in: "done") }
            _ = try daemon.failed("three")
            try daemon.await("the refused file") { try site.names("failed").count == 5 ? true : nil }
            #expect(try daemon.stop() == 0)
            try site.age()
            return site
        }

        /// A copy of a place whose folders are as they were.
        private func copy(of old: Site) throws -> Site {
            let site = try Site()
            for (one, other) in [(old.spool, site.spool), (old.state, site.state)] {
                if other == site.spool { try FileManager.default.removeItem(atPath: other) }
                let process = Process()
                process.executableURL = URL(filePath: "/bin/cp")
                process.arguments = ["--archive", one, other]
                try process.run()
                process.waitUntilExit()
            }
            return site
        }

        private func awaitEmpty(_ daemon: DaemonRun) throws {
            try daemon.await("empty boxes") {
                try daemon.site.names("done").isEmpty && daemon.site.names("failed").isEmpty ? true : nil
            }
        }

        @Test("at the start old jobs of every kind go with all their files, and their names are new")
        func start() throws {
            let site = try oldSite()
            let costs = try site.costs()
            #expect(try site.names("done").count == 5 && site.names("failed").count == 5)
            let keeping = try site.ready()
            try site.deliver(Fixture.request(2), as: "after.json")
            _ = try keeping.complete("after")
            #expect(try keeping.stop() == 0)
            #expect(try site.names("done").count == 7, "an empty setting keeps for ever")
            let daemon = try site.ready(thirtyDays)
            try daemon.await("young files alone") { try site.names("done").count == 2 ? true : nil }
            try daemon.await("no failed files") { try site.names("failed").isEmpty ? true : nil }
            #expect(try site.names("done") == ["after.json", "after.result.json"])
            try site.deliver(Fixture.missing(), as: "one.json")
            #expect(try daemon.failed("one").code == .outfitNotFound, "it would be name_taken if it were known")
            #expect(try daemon.stop() == 0)
            #expect(try site.costs() == costs)
            let list = try site.command("status", "two")
            #expect(list.status == 66, "\(list.output)")
        }

        @Test("killed before or after any call of a sweep, the next start goes on with it, and nothing is left or lost")
        func killed() throws {
            let old = try oldSite()
            let shim = try BuiltProducts.path(of: "libCrashShim.so")
            let counted = try copy(of: old)
            let log = "\(counted.path)/calls"
            let first = try counted.ready(thirtyDays.merging(["LD_PRELOAD": shim, "CRASH_LOG": log]) { $1 })
            try awaitEmpty(first)
            for box in ["done", "failed"] { try first.awaitLine("retention.removed", ["box": box]) }
            #expect(try first.stop() == 0)
            let calls = String(decoding: try Host.readFile(log, limit: 1 << 24), as: UTF8.self).split(separator: "\n")
            // From the first file that goes: files, boxes, journal, in whatever order they come.
            let begin = try #require(calls.firstIndex { $0.contains(" unlink ") && $0.hasSuffix("one.json") })
            let points = Array(stride(from: begin + 1, through: min(calls.count, begin + 40), by: 2))
            #expect(points.count > 8, "\(calls)")
            for (index, point) in points.enumerated() {
                let site = try copy(of: old)
                let strike = [
                    "LD_PRELOAD": shim, "CRASH_AT": "\(point)",
                    "CRASH_WHEN": index.isMultiple(of: 2) ? "before" : "after",
                ]
                let struck = try site.start(thirtyDays.merging(strike) { $1 })
                try struck.await("its end, or that of the sweep") {
                    let sweeps = try struck.lines(of: "retention.removed").count
                    return !struck.isRunning || sweeps == 2 ? true : nil
                }
                if struck.isRunning { try struck.kill() } else { _ = try struck.awaitExit() }
                #expect(try site.lonely() == [], "\(point): \(calls[point - 1])")
                let healed = try site.ready(thirtyDays)
                try awaitEmpty(healed)
                try site.deliver(Fixture.missing(), as: "one.json")
                #expect(try healed.failed("one").code == .outfitNotFound, "\(point): \(calls[point - 1])")
                #expect(try healed.stop() == 0)
                #expect(try site.costs() == old.costs())
            }
        }

        @Test(
            "what a box that may not be changed holds is told once and left, and the daemon serves on",
            .enabled(if: canFreeze))
        func readOnly() throws {
            let site = try oldSite()
            for name in try site.names("done") { try chattr("+i", "\(site.spool)/done/\(name)") }
            defer {
                do {
                    for name in try site.names("done") where name != "after.json" && name != "after.result.json" {
                        try chattr("-i", "\(site.spool)/done/\(name)")
                    }
                } catch {
                    Issue.record(error)
                }
            }
            let daemon = try site.ready(thirtyDays)
            let line = try daemon.awaitLine("retention.stopped", ["box": "done"])
            #expect(line["reason"]?.contains("Operation not permitted") ?? false)
            try daemon.awaitLine("retention.removed", ["box": "failed"])
            try site.deliver(Fixture.request(2), as: "after.json")
            _ = try daemon.complete("after")
            #expect(try site.names("done").count == 7 && site.names("failed").isEmpty == false)
            #expect(try daemon.stop() == 0)
        }

        @Test("a reload brings a new limit into force at once; what was paid for and may still be fetched stays")
        func reload() throws {
            let place = try RunwaySite { $0.duration = 3600...3600 }
            let conf = "\(place.site.path)/vizd.conf"
            try Data("retention.done: 3000\n".utf8).write(to: URL(filePath: conf))
            let first = try place.started(["VIZD_LIMITS_JOB_DEADLINE": "1s"], "--config", conf)
            try place.order("late", outfit: Fixture.outfit(2))
            #expect(try first.failed("late").code == .generationTimeout)
            try place.site.deliver(Fixture.missing(), as: "gone.json")
            _ = try first.failed("gone")
            #expect(try first.stop() == 0)
            try place.site.age()
            let costs = try place.site.costs()
            let daemon = try place.started([:], "--config", conf)
            #expect(try place.site.names("failed").count == 4)
            try Data("retention.failed: 30\n".utf8).write(to: URL(filePath: conf))
            try daemon.signal(1)
            try daemon.awaitLine("retention.removed", ["box": "failed", "jobs": "1"])
            let kept = try daemon.awaitLine("retention.kept", ["box": "failed"])
            #expect(kept["first"] == "late" && kept["unsettled"] == "order 1")
            #expect(try place.site.names("failed") == ["late.json", "late.result.json"])
            #expect(try daemon.stop() == 0)
            #expect(try place.site.costs() == costs)
            #expect(!costs.contains(#""reserved":0,"#), "its money stays reserved: \(costs)")
            #expect(place.runway.books.tasks.count == 1)
        }
    }
}
