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
                guard try site.file("failed", "vain.json") != nil,
                    let bytes = try site.file("failed", "vain.result.json")
                else { return nil }
                let result = try ResultDocument.decode(bytes)
                return result.finishedAt == first.finishedAt ? nil : result
            }
            #expect(second.outcome == first.outcome)
            #expect(try daemon.stop() == 0)
            #expect(try site.names("failed") == ["vain.json", "vain.result.json"])
        }

        @Test(
            "a done request that is moved back runs once more as its second run, with one entry for each in the record")
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
        }

        private func row(_ name: String, _ site: Site) throws -> JobRow? {
            try JournalReader.open(path: "\(site.state)/vizd.sqlite")?.row(name)
        }
    }
}
