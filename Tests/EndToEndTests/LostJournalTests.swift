// `vizd recover --journal-lost` on the spawned program, with Runway's books as the witness: nothing is bought twice.

import Contract
import Digest
import Foundation
import Linux
import RunwaySimulator
import TestSupport
import Testing

extension EndToEnd {
    @Suite("A lost journal")
    @Outside
    struct LostJournals {
        @Test("what may have been paid for fails as unknown, the rest runs, and nothing is ordered twice")
        func recovered() throws {
            let place = try RunwaySite(held: true)
            let site = place.site
            try stage(place)
            try FileManager.default.removeItem(atPath: site.state)
            let refused = try site.start(place.settings())
            #expect(try refused.awaitExit() == 78)
            let reason = try refused.lines(of: "vizd.cannot_start").first?["reason"] ?? ""
            #expect(reason.contains("vizd recover --journal-lost"), "\(reason)")

            let before = try site.names("processing")
            let shown = try site.command(place.settings(), "recover", "--journal-lost", "--dry-run")
            #expect(shown.status == 0 && shown.output.contains("WOULD GO TO"), "\(shown.output)\(shown.errors)")
            #expect(try site.names("processing") == before && site.names("failed").isEmpty)
            let run = try site.command(place.settings(), "recover", "--journal-lost")
            #expect(run.status == 0 && run.errors.isEmpty, "\(run.output)\(run.errors)")
            #expect(lines(shown.output) == lines(run.output))
            #expect(try site.box("processing").names().isEmpty)
            #expect(try site.names("incoming") == ["free.json", "second.json"])
            try expectUnknown("ordered", site, run)

            place.letTimePass()
            let daemon = try place.ready()
            _ = try daemon.complete("free")
            _ = try daemon.complete("second")
            try daemon.settled()
            #expect(try daemon.stop() == 0)
            #expect(place.tasks(of: "ordered").count == 1 && place.tasks(of: "second").count == 1)
            #expect(place.runway.books.createsReceived == 2)
        }

        /// A job whose task exists, one of the free provider, a copy of the first under a second name, a second request
        /// without a first, and a bad name; then SIGKILL.
        private func stage(_ place: RunwaySite) throws {
            let site = place.site
            let daemon = try place.ready()
            try place.order("ordered", outfit: Fixture.outfit(2))
            try place.awaitTask("ordered", daemon)
            try daemon.kill()
            let processing = try site.box("processing")
            let copy = try #require(try site.file("processing", "ordered.json"))
            let free = Fixture.request(1, more: #""provider":"flatlay""#)
            try processing.open("free.json", .create).write(all: Array(free.utf8))
            try processing.open(".again.1f.ordered.json", .create).write(all: copy)
            let second = Fixture.request(2, more: #""prompt":"\#(RunwaySite.mark("second"))""#)
            try processing.open(".again.2f.second.json", .create).write(all: Array(second.utf8))
            try processing.open(".invalid.3f.controlCharacter.bad%0A.json", .create).write(all: Array("{}".utf8))
            // A second delivery of the very request would be bought again once the first is out of the way.
            try site.deliver(copy, as: "ordered.json")
        }

        private func expectUnknown(_ name: String, _ site: Site, _ run: CommandRun) throws {
            let result = try ResultDocument.decode(try #require(try site.file("failed", "\(name).result.json")))
            guard case .failed(let failure) = result.outcome else {
                Issue.record("\(name) is complete")
                return
            }
            #expect(failure.code == .submissionUnknown && !failure.retryable && result.cost.uncertain)
            #expect(failure.message.contains("journal was lost") && failure.message.contains("usage page"))
            #expect(result.userID == "peichin" && result.outfitID == Fixture.outfit(2) && result.jobID == name)
            let request = try #require(try site.file("failed", "\(name).json"))
            #expect(result.requestSHA256 == SHA256.of(request).hex)
            let bad = "bad%0A~" + SHA256.of(Array("{}".utf8)).hex.prefix(8)
            let expected = [
                "\(bad).json", "\(bad).result.json", "\(name).json", "\(name).result.json",
            ]
            #expect(try site.names("failed") == expected)
            for word in ["WENT TO", "submission_unknown", "free of charge", "removed", "invalid_name"] {
                #expect(run.output.contains(word), "\(word): \(run.output)")
            }
        }

        /// Without the title and the last paragraph, which differ.
        private func lines(_ output: String) -> [String] {
            let all = output.split(separator: "\n").dropFirst().dropLast()
            return all.map { $0.split(separator: " ").joined(separator: " ") }
        }

        @Test(
            "a landing that was broken off is finished from its result, and an older result of other bytes is not one")
        func landings() throws {
            let site = try Site()
            let first = try site.ready()
            try site.deliver(Fixture.request(2), as: "a.json")
            try site.deliver(Fixture.missing(), as: "b.json")
            _ = try (first.complete("a"), first.failed("b"))
            #expect(try first.stop() == 0)
            try site.move("a.json", from: "done", to: "processing")
            try site.box("failed").unlink("b.json")
            let other = Array(Fixture.request(1).utf8)
            try site.box("processing").open("b.json", .create).write(all: other)
            try FileManager.default.removeItem(atPath: site.state)
            let results = try (site.file("done", "a.result.json"), site.file("failed", "b.result.json"))
            #expect(try site.command("recover", "--journal-lost").status == 0)
            #expect(try site.names("done") == ["a.json", "a.result.json"])
            #expect(try site.file("done", "a.result.json") == results.0)
            #expect(try site.file("failed", "b.result.json") == results.1)
            #expect(try site.file("incoming", "b.json") == other)
            let second = try site.ready()
            _ = try second.complete("b")
            #expect(try second.stop() == 0)
        }

        @Test("with --trust-status a job that was waiting for its turn goes back, and is bought once")
        func trusted() throws {
            let place = try RunwaySite()
            let site = place.site
            #expect(try place.ready().stop() == 0)
            let request = Fixture.request(2, more: #""prompt":"\#(RunwaySite.mark("a"))""#)
            try site.box("processing").open("a.json", .create).write(all: Array(request.utf8))
            let status = StatusDocument(
                jobID: "a", progress: 5, stage: .prepare, message: "Waiting for its turn", estimatedTime: 1, attempt: 1,
                userID: "peichin", outfitID: Fixture.outfit(2), provider: "Runway ML",
                updatedAt: Timestamp(nanoseconds: WallClock.now()))
            try site.box("processing").open("a.status.json", .create).write(all: status.encode())
            try FileManager.default.removeItem(atPath: site.state)
            let shown = try site.command(place.settings(), "recover", "--journal-lost", "--dry-run")
            #expect(shown.output.contains("submission_unknown") && shown.output.contains("prepare, 5 %"))
            let run = try site.command(place.settings(), "recover", "--journal-lost", "--trust-status")
            #expect(run.status == 0, "\(run.output)\(run.errors)")
            #expect(try site.names("incoming") == ["a.json"] && site.box("processing").names().isEmpty)
            let daemon = try place.ready()
            _ = try daemon.complete("a")
            #expect(try daemon.stop() == 0)
            #expect(place.runway.books.createsReceived == 1)
        }

        @Test(
            "while a vizd runs it is 75 and names it; with the journal there, or another spool's, 78; nothing is moved")
        func refusals() throws {
            let (site, other) = (try Site(gated: true), try Site())
            #expect(try site.command("recover").status == 64)
            let daemon = try site.ready()
            try site.deliver(Fixture.request(2), as: "held.json")
            try daemon.awaitLine("job.admitted", ["job": "held"])
            let running = try site.command("recover", "--journal-lost")
            #expect(running.status == 75 && running.errors.contains("\(daemon.processID)"), "\(running.errors)")
            try daemon.kill()
            let there = try site.command("recover", "--journal-lost")
            #expect(there.status == 78 && there.errors.contains("Nothing was moved"), "\(there.errors)")
            #expect(try other.ready().stop() == 0)
            let strange = try site.command(["VIZD_STATE_DIR": other.state], "recover", "--journal-lost")
            #expect(strange.status == 78 && strange.errors.contains("another spool"), "\(strange.errors)")
            let nowhere = try site.command(["VIZD_SPOOL_DIR": site.path + "/none"], "recover", "--journal-lost")
            #expect(nowhere.status == 73)
            #expect(try site.names("processing") == ["held.json"])
            #expect(try Directory(path: site.path).infoIfPresent(of: "none") == nil)
            let idle = try other.command(["VIZD_STATE_DIR": other.path + "/new"], "recover", "--journal-lost")
            #expect(idle.status == 0 && idle.output.contains("Nothing is in progress"), "\(idle.errors)")
        }
    }
}
