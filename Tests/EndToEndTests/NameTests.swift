// The same name again: duplicates, names that are taken, retries and re-runs by mv.

import Contract
import Digest
import Foundation
import Ledger
import Linux
import TestSupport
import Testing

extension EndToEnd {
    @Suite("The same name again")
    @Outside
    struct Names {
        @Test("the bytes of a done job are removed, other bytes are refused under a name of their own; the first stays")
        func afterDone() throws {
            let site = try Site()
            let daemon = try site.ready()
            try site.deliver(Fixture.request(2), as: "job.json")
            _ = try daemon.complete("job")
            let first = try daemon.result("job", in: "done")
            try site.deliver(Fixture.request(2), as: "job.json")
            try daemon.awaitLine("request.removed", ["job": "job"])
            let other = Fixture.request(1)
            let taken = "job~" + SHA256.of(Array(other.utf8)).hex.prefix(8)
            try site.deliver(other, as: "job.json")
            let failure = try daemon.failed(taken)
            #expect(failure.code == .nameTaken && !failure.retryable)
            #expect(try site.file("failed", "\(taken).json") == Array(other.utf8))
            #expect(try daemon.result("job", in: "done") == first)
            #expect(try site.names("done") == ["job.json", "job.result.json"])
            #expect(try daemon.stop() == 0)
            #expect(try row("job", site)?.run == 1)
        }

        @Test("while a job is in progress its bytes are removed and other bytes refused, and it is run once")
        func inProgress() throws {
            let site = try Site(gated: true)
            let daemon = try site.ready()
            try site.deliver(Fixture.request(2), as: "job.json")
            try daemon.awaitLine("job.admitted", ["job": "job"])
            try site.deliver(Fixture.request(2), as: "job.json")
            try daemon.awaitLine("request.removed", ["job": "job"])
            let other = Fixture.request(2, more: #""priority":"low""#)
            try site.deliver(other, as: "job.json")
            #expect(try daemon.failed("job~" + SHA256.of(Array(other.utf8)).hex.prefix(8)).code == .nameTaken)
            #expect(try site.names("done").isEmpty)
            try site.gate?.open()
            _ = try daemon.complete("job")
            try daemon.settled()
            #expect(try daemon.stop() == 0)
            #expect(try daemon.lines(of: "job.complete").count == 1)
        }

        @Test("a failed request that is moved back after the cause was mended runs, and the stale result is gone")
        func retry() throws {
            let site = try Site()
            let daemon = try site.ready()
            try site.deliver(Fixture.request(6), as: "again.json")
            #expect(try daemon.failed("again").code == .garmentUnreadable)
            let items = "\(site.wardrobe)/peichin/items"
            try FileManager.default.copyItem(atPath: "\(items)/gold-chain.jpg", toPath: "\(items)/lost-scarf.jpg")
            try site.move("again.json", from: "failed", to: "incoming")
            let picture = try daemon.complete("again")
            #expect(picture.making.references == 2)
            #expect(try site.names("failed").isEmpty)
            #expect(try daemon.stop() == 0)
            #expect(try row("again", site)?.run == 1)
        }

        @Test("a failed request that is moved back without any change fails again, with a new result")
        func retryInVain() throws {
            let site = try Site()
            let daemon = try site.ready()
            try site.deliver(Fixture.request(5), as: "vain.json")
            let first = try ResultDocument.decode(try daemon.result("vain", in: "failed"))
            try site.move("vain.json", from: "failed", to: "incoming")
            let second = try daemon.await("a newer result") { () -> ResultDocument? in
                guard let bytes = try daemon.whole("vain", in: "failed") else { return nil }
                let result = try ResultDocument.decode(bytes)
                return result.finishedAt == first.finishedAt ? nil : result
            }
            #expect(second.outcome == first.outcome)
            #expect(try daemon.stop() == 0)
            #expect(try site.names("failed") == ["vain.json", "vain.result.json"])
        }

        @Test("a done request that is moved back runs once more, as its second run, and its entry is renewed")
        func rerun() throws {
            let site = try Site()
            let daemon = try site.ready()
            try site.deliver(Fixture.request(2), as: "twice.json")
            _ = try daemon.complete("twice")
            let first = try ResultDocument.decode(try daemon.result("twice", in: "done"))
            try site.move("twice.json", from: "done", to: "incoming")
            let line = try daemon.awaitLine("job.admitted", ["job": "twice", "judgement": "rerun"])
            #expect(line["run"] == "2")
            let second = try ResultDocument.decode(try daemon.result("twice", in: "done"))
            #expect(second.finishedAt != first.finishedAt)
            #expect(try daemon.stop() == 0)
            let row = try #require(try row("twice", site))
            #expect(row.run == 2 && row.phase == .landed && row.outcome?.box == .done)
            #expect(try jobs(of: Fixture.outfit(2), site) == ["twice"])
        }

        @Test("the bytes of a failed job, dropped again, are a retry that takes the place of the first")
        func droppedAgain() throws {
            let site = try Site()
            let daemon = try site.ready()
            try site.deliver(Fixture.request(5), as: "again.json")
            #expect(try daemon.failed("again").code == .noGarmentImages)
            try site.deliver(Fixture.request(5), as: "again.json")
            try daemon.awaitLine("job.admitted", ["job": "again", "judgement": "retry"])
            try daemon.awaitLine("job.failed", ["job": "again"], count: 2)
            try daemon.settled()
            #expect(try site.names("failed") == ["again.json", "again.result.json"])
            #expect(try daemon.stop() == 0)
        }

        @Test("a name whose files were taken away is free again, for other bytes too")
        func freed() throws {
            let site = try Site()
            let daemon = try site.ready()
            try site.deliver(Fixture.missing(number: 1), as: "name.json")
            _ = try daemon.failed("name")
            for file in ["name.json", "name.result.json"] { try site.box("failed").unlink(FileName(file)) }
            try site.deliver(Fixture.missing(number: 2), as: "name.json")
            _ = try daemon.failed("name")
            let result = try ResultDocument.decode(daemon.result("name", in: "failed"))
            #expect(result.outfitID == "nowhere-2")
            #expect(try daemon.stop() == 0)
        }

        @Test("a request that is written over while it waits runs once, as it was written last")
        func writtenOver() throws {
            let site = try Site(gated: true)
            let daemon = try site.ready(["VIZD_LIMITS_IN_FLIGHT": "1"])
            try site.deliver(Fixture.request(2), as: "first.json")
            try daemon.awaitLine("job.admitted", ["job": "first"])
            for number in 1...3 { try site.deliver(Fixture.missing(number: number), as: "name.json") }
            try site.gate?.open()
            let result = try ResultDocument.decode(daemon.result("name", in: "failed"))
            #expect(result.outfitID == "nowhere-3")
            try daemon.settled()
            #expect(try daemon.stop() == 0)
            #expect(try site.names("failed") == ["name.json", "name.result.json"])
        }

        @Test(
            "two pictures of one outfit leave two entries, the newest first; one that is answered from it leaves none")
        func twoJobs() throws {
            let site = try Site()
            let daemon = try site.ready()
            for (name, more) in [("one", ""), ("again", ""), ("two", #""regenerate":true"#)] {
                try site.deliver(Fixture.request(2, more: more), as: "\(name).json")
                #expect(try daemon.complete(name).making.reused == (name == "again"))
            }
            #expect(try jobs(of: Fixture.outfit(2), site) == ["two", "one"])
            #expect(try daemon.stop() == 0)
        }

        /// The jobs whose pictures an outfit's record has.
        private func jobs(of outfit: String, _ site: Site) throws -> [String] {
            let record = try JSONDocument(parsing: site.record())
            let saved = try #require(record.root["saved"]?.elements?.first { $0["id"]?.value == .string(outfit) })
            return (saved["visualizations"]?.elements ?? []).compactMap {
                if case .string(let job)? = $0["job_id"]?.value { job } else { nil }
            }
        }

        private func row(_ name: String, _ site: Site) throws -> JobRow? {
            try JournalReader.open(path: "\(site.state)/vizd.sqlite")?.row(name)
        }
    }
}
