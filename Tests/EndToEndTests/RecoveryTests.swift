// What a start makes of what the last run left: staged with the daemon down, then looked at from outside.

import Contract
import Digest
import Foundation
import Ledger
import Linux
import TestSupport
import Testing

extension EndToEnd {
    @Suite("Recovery at the start")
    @Outside
    struct Recovery {
        @Test("a file in processing/ of which the journal has never heard is run, as it was claimed before a crash")
        func claimedOnly() throws {
            let site = try stopped()
            try site.deliver(Fixture.request(2), as: "claimed.json")
            try site.move("claimed.json", from: "incoming", to: "processing")
            let daemon = try site.ready()
            _ = try daemon.complete("claimed")
            #expect(try daemon.stop() == 0)
        }

        @Test("one file with a name in incoming/ and one in processing/ is one job, and its name in incoming/ goes")
        func twin() throws {
            let site = try stopped()
            try site.deliver(Fixture.request(2), as: "twin.json")
            try site.box("incoming").link("twin.json", to: try site.box("processing"), as: "twin.json")
            let daemon = try site.ready()
            _ = try daemon.complete("twin")
            try daemon.settled()
            #expect(try daemon.stop() == 0)
            #expect(try daemon.lines(of: "job.admitted").count == 1 && site.names("failed").isEmpty)
            #expect(try site.box("done").info(of: "twin.json").links == 1)
        }

        @Test("an open job whose file is back in incoming/ goes on, and one whose file is lost: from the journal")
        func openJobs() throws {
            let site = try Site(gated: true)
            let first = try site.ready()
            for name in ["back", "lost", "stays"] {
                try site.deliver(Fixture.request(2, more: #""metadata":{"n":"\#(name)"}"#), as: "\(name).json")
                try first.awaitLine("job.admitted", ["job": name])
            }
            try first.kill()
            try site.move("back.json", from: "processing", to: "incoming")
            let copy = try #require(try site.file("processing", "lost.json"))
            try site.box("processing").unlink("lost.json")
            try site.gate?.open()
            let second = try site.ready()
            for name in ["back", "lost", "stays"] {
                _ = try second.complete(name)
                let line = try second.awaitLine("job.admitted", ["job": name])
                #expect(line["judgement"] == "resume" && line["run"] == "1", "\(name)")
            }
            #expect(try site.file("done", "lost.json") == copy)
            #expect(try second.lines(of: "request.put_back").map { $0["job"] } == ["lost"])
            #expect(try second.stop() == 0)
            #expect(try site.names("incoming").isEmpty && site.names("processing").isEmpty)
        }

        @Test("other bytes that wait in incoming/ under the name of an open job are refused")
        func otherBytes() throws {
            let site = try Site(gated: true)
            let first = try site.ready()
            try site.deliver(Fixture.request(2), as: "job.json")
            try first.awaitLine("job.admitted", ["job": "job"])
            try first.kill()
            let other = Fixture.request(1)
            try site.deliver(other, as: "job.json")
            try site.gate?.open()
            let second = try site.ready()
            _ = try second.complete("job")
            let taken = "job~" + SHA256.of(Array(other.utf8)).hex.prefix(8)
            #expect(try second.failed(taken).code == .nameTaken)
            #expect(try second.stop() == 0)
        }

        @Test(
            "a landing that was broken off is finished from the journal, wherever it had got to",
            arguments: ["before the result", "result there", "result cut short", "request moved", "all moved"])
        func landing(_ point: String) async throws {
            let site = try Site(gated: true)
            let first = try site.ready()
            try site.deliver(Fixture.request(2), as: "job.json")
            try first.awaitLine("job.admitted", ["job": "job"])
            try first.kill()
            let result = try await writeLanding("job", site)
            let (processing, failed) = (try site.box("processing"), try site.box("failed"))
            if point != "before the result" {
                let bytes = point == "result cut short" ? Array(result.prefix(100)) : result
                let name: FileName = point == "result cut short" ? ".job.result.json.vizd-0123abcd" : "job.result.json"
                try failed.open(name, .create).write(all: bytes)
            }
            if point == "request moved" || point == "all moved" {
                try processing.rename("job.json", to: failed, as: "job.json", .noReplace)
            }
            let second = try site.ready()
            #expect(try second.result("job", in: "failed") == result)
            try second.settled()
            if point == "result cut short" { try second.awaitLine("start.tidied", ["what": "failed"]) }
            #expect(try second.stop() == 0)
            #expect(try failed.names() == ["job.json", "job.result.json"])
            #expect(try site.names("done").isEmpty)
            let row = try JournalReader.open(path: "\(site.state)/vizd.sqlite")?.row("job")
            #expect(row?.phase == .landed && row?.outcome?.result == nil && row?.request == nil)
        }

        @Test("hidden files of vizd's own that a crash left in the boxes are swept; those of others stay")
        func sweep() throws {
            let site = try stopped()
            for box in ["incoming", "processing", "done", "failed"] {
                let folder = try site.box(box)
                try folder.open(".x.result.json.vizd-01234567", .create).write(all: [1])
                try folder.open(".mine", .create).write(all: [1])
            }
            try site.box("incoming").open(".vizd-canary-0123-1", .create).write(all: [])
            try site.box("processing").open("gone.status.json", .create).write(all: [1])
            let daemon = try site.ready()
            for box in ["incoming", "processing"] { #expect(try site.box(box).names() == [".mine"], "\(box)") }
            // Beside the first jobs.
            for box in ["done", "failed"] { try daemon.awaitLine("start.tidied", ["what": box, "files": "1"]) }
            #expect(try daemon.stop() == 0)
            for box in ["done", "failed"] { #expect(try site.box(box).names() == [".mine"], "\(box)") }
        }

        @Test("another spool's journal is refused with 78 and a sentence, and nothing is claimed")
        func otherJournal() throws {
            let (site, other) = (try stopped(), try stopped())
            try site.deliver(Fixture.missing(), as: "a.json")
            let daemon = try site.start(["VIZD_STATE_DIR": other.state])
            #expect(try daemon.awaitExit() == 78)
            let reason = try #require(try daemon.lines(of: "vizd.cannot_start").first?["reason"])
            #expect(reason.contains("belongs to another spool"))
            #expect(try site.names("incoming") == ["a.json"])
        }

        @Test("a spool with work in progress whose journal is gone is refused with 78, until the work is moved back")
        func journalGone() throws {
            let site = try Site(gated: true)
            let first = try site.ready()
            try site.deliver(Fixture.request(2), as: "job.json")
            try first.awaitLine("job.admitted", ["job": "job"])
            try first.kill()
            try FileManager.default.removeItem(atPath: site.state)
            let second = try site.start()
            #expect(try second.awaitExit() == 78)
            #expect(try second.lines(of: "vizd.cannot_start").first?["reason"]?.contains("state.dir") ?? false)
            #expect(try site.names("processing") == ["job.json"])
            try site.move("job.json", from: "processing", to: "incoming")
            try site.gate?.open()
            let third = try site.ready()
            _ = try third.complete("job")
            #expect(try third.stop() == 0)
        }

        @Test("after a clean stop nothing is started anew: jobs that have landed stay as they are")
        func quiet() throws {
            let site = try Site()
            let first = try site.ready()
            try site.deliver(Fixture.request(2), as: "a.json")
            try site.deliver(Fixture.missing(), as: "b.json")
            _ = try (first.complete("a"), first.failed("b"))
            #expect(try first.stop() == 0)
            let before = try (site.file("done", "a.result.json"), site.file("failed", "b.result.json"), site.record())
            let second = try site.ready()
            #expect(try second.stop() == 0)
            #expect(try second.lines(of: "job.admitted").isEmpty && second.lines(of: "landing.finished").isEmpty)
            #expect(try site.file("done", "a.result.json") == before.0)
            #expect(try site.file("failed", "b.result.json") == before.1 && site.record() == before.2)
        }

        // MARK: Staging

        /// A place whose daemon has run once.
        private func stopped() throws -> Site {
            let site = try Site()
            let daemon = try site.ready()
            #expect(try daemon.stop() == 0)
            return site
        }

        /// Writes into the journal of a daemon that is down that the job has failed and is about to land.
        private func writeLanding(_ name: String, _ site: Site) async throws -> [UInt8] {
            let journal = try Journal(path: "\(site.state)/vizd.sqlite")
            let row = try #require(try await journal.row(name))
            let failure = ResultDocument.Failure(code: .outfitNotFound, message: "There is none.", stage: .prepare)
            let result = ResultDocument(
                jobID: name, progress: 0, outcome: .failed(failure), userID: "peichin", outfitID: nil, attempts: 0,
                requestSHA256: SHA256Digest(bytes: row.digest)?.hex, metadata: nil,
                finishedAt: Timestamp(nanoseconds: WallClock.now()), version: "test"
            ).encode()
            try await journal.landing(
                name, .failed, code: .outfitNotFound, result: result, at: Timestamp(nanoseconds: WallClock.now()))
            await journal.close()
            return result
        }
    }
}
