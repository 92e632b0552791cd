// Cancelling, seen from outside: files and the command, against the simulated Runway whose books are the witness for
// the money.

import Contract
import Foundation
import Linux
import RunwaySimulator
import TestSupport
import Testing

extension EndToEnd {
    @Suite("Cancelling")
    @Outside
    struct Cancelling {
        private func cancelled(_ name: String, _ daemon: DaemonRun) throws -> ResultDocument {
            let result = try ResultDocument.decode(try daemon.result(name, in: "failed"))
            guard case .failed(let failure) = result.outcome else { throw Overdue(description: "\(result)") }
            #expect(failure.code == .cancelled, "\(failure)")
            return result
        }

        private func status(_ name: String, _ place: RunwaySite, _ daemon: DaemonRun, says text: String) throws {
            try daemon.await("\(name) to say \(text)") { () -> Bool? in
                let bytes = try place.site.file("processing", "\(name).status.json") ?? []
                return String(decoding: bytes, as: UTF8.self).contains(text) ? true : nil
            }
        }

        @Test("a task at work is given up at Runway, and the result says what Runway charged")
        func running() throws {
            let place = try RunwaySite { ($0.duration, $0.pendingShare) = (60...60, 0) }
            let daemon = try place.ready()
            try place.order("a")
            let task = try place.awaitTask("a", daemon)
            try status("a", place, daemon, says: "is making the picture")
            let run = try place.site.command("cancel", "a")
            #expect(run.status == 0 && run.output.hasPrefix("a is cancelled."), "\(run)")
            let result = try cancelled("a", daemon)
            guard case .failed(let failure) = result.outcome else { return }
            #expect(failure.taskID == task.id && result.attempts == 1)
            let books = place.runway.books
            #expect(books.cancels == 1 && place.tasks(of: "a").first?.status == "DELETED")
            #expect(result.cost.credits.map(Int.init) == place.tasks(of: "a").first?.billed)
            #expect(!result.cost.uncertain)
            try daemon.awaitLine("cancel.done", ["job": "a"])
            #expect(try place.site.names("incoming").isEmpty)
            #expect(try daemon.stop() == 0)
        }

        @Test("a task that has not begun is booked as uncertain")
        func throttled() throws {
            let place = try RunwaySite {
                ($0.duration, $0.pendingShare, $0.limits.concurrent) = (60...60, 0, 1)
            }
            let daemon = try place.ready()
            try place.order("first")
            try status("first", place, daemon, says: "is making the picture")
            try place.order("second")
            try status("second", place, daemon, says: "holds the order back")
            try place.site.deliver("", as: "second.cancel")
            let result = try cancelled("second", daemon)
            #expect(result.cost.uncertain && place.tasks(of: "second").first?.billed == 0)
            try place.site.deliver("why not", as: "first.cancel")
            #expect(try !cancelled("first", daemon).cost.uncertain)
            #expect(try daemon.stop() == 0)
        }

        @Test("a request that waits for a slot is cancelled out of turn, and one that is removed leaves no trace")
        func waiting() throws {
            let site = try Site(gated: true)
            let daemon = try site.ready(["VIZD_LIMITS_IN_FLIGHT": "1"])
            try site.deliver(Fixture.request(2), as: "busy.json")
            try daemon.awaitLine("request.claimed", ["job": "busy"])
            for name in ["second", "withdrawn", "third"] {
                try site.deliver(Fixture.request(2), as: "\(name).json")
            }
            try site.box("incoming").unlink("withdrawn.json")
            let status = try site.command(["VIZD_LIMITS_IN_FLIGHT": "1"], "status", "third", "--json")
            #expect(status.output.contains(#""waiting":{"for":"in_flight_limit""#), "\(status)")
            #expect(status.output.contains(#""ahead":1}"#), "\(status)")
            try site.deliver("", as: "second.cancel")
            let result = try cancelled("second", daemon)
            #expect(result.cost == .init() && result.attempts == 0)
            try daemon.awaitLine("cancel.done", ["job": "second"])
            #expect(try site.names("incoming") == ["third.json"])
            try site.gate?.open()
            _ = try daemon.result("busy", in: "done")
            _ = try daemon.result("third", in: "done")
            #expect(try daemon.lines(of: "request.claimed").allSatisfy { $0["job"] != "withdrawn" })
            #expect(try daemon.stop() == 0)
        }

        @Test("a wish that comes while vizd is down is found at its start, before the task is asked about")
        func whileDown() throws {
            let place = try RunwaySite { ($0.duration, $0.pendingShare) = (60...60, 0) }
            let daemon = try place.ready()
            try place.order("a")
            try place.awaitTask("a", daemon)
            try status("a", place, daemon, says: "Runway ML")
            try daemon.kill()
            let status = try place.site.command("status", "a", "--json")
            #expect(status.output.contains(#""waiting":"#), "\(status)")
            let run = try place.site.command("cancel", "a")
            #expect(run.status == 0 && run.output.contains("No vizd is at work"), "\(run)")
            let again = try place.ready()
            let result = try cancelled("a", again)
            #expect(result.cost.credits.map(Int.init) == place.tasks(of: "a").first?.billed)
            #expect(place.runway.books.tasks.count == 1 && place.runway.books.cancels == 1)
            #expect(try again.stop() == 0)
        }

        @Test("killed after the task was given up, the job still ends as cancelled, and nothing is ordered again")
        func killedInBetween() throws {
            let place = try RunwaySite { ($0.duration, $0.pendingShare) = (60...60, 0) }
            let daemon = try place.ready()
            try place.order("a")
            try place.awaitTask("a", daemon)
            try status("a", place, daemon, says: "is making the picture")
            // The answer to the wish comes so late that vizd is gone by then.
            place.runway.inject(Injection(at: .cancel, fault: .createThenStall))
            try place.site.deliver("", as: "a.cancel")
            try daemon.await("the wish at Runway") { place.runway.books.cancels == 1 ? true : nil }
            try daemon.kill()
            let again = try place.ready()
            let result = try cancelled("a", again)
            #expect(result.cost.uncertain && result.attempts == 1)
            #expect(place.runway.books.tasks.count == 1)
            #expect(try again.stop() == 0)
        }

        @Test("the command says what there is to say of jobs that are not there, have ended, or were cancelled before")
        func command() throws {
            let site = try Site()
            let daemon = try site.ready()
            #expect(try site.command("cancel", "nobody").status == 66)
            try site.deliver(Fixture.request(2), as: "done.json")
            _ = try daemon.result("done", in: "done")
            let late = try site.command("cancel", "done")
            #expect(late.status == 1 && late.errors.contains("too late"), "\(late)")
            try site.deliver("{", as: "bad.json")
            _ = try daemon.result("bad", in: "failed")
            let failed = try site.command("cancel", "bad.json")
            #expect(failed.status == 1 && failed.errors.contains("invalid_json"), "\(failed)")
            #expect(try site.names("incoming").isEmpty)
            #expect(try daemon.stop() == 0)
        }

        @Test("thousands of wishes about nothing are removed, and a request among them is served")
        func flood() throws {
            let site = try Site()
            for number in 0..<3000 { try site.box("incoming").open(FileName("w\(number).cancel"), .create).sync() }
            let daemon = try site.ready()
            try site.deliver(Fixture.request(2), as: "a.json")
            _ = try daemon.result("a", in: "done")
            try daemon.await("an empty incoming/") { try site.names("incoming").isEmpty ? true : nil }
            // What was done about the last one is told after it was done.
            try daemon.await("a line for each") { try daemon.lines(of: "cancel.unknown").count == 3000 ? true : nil }
            #expect(try daemon.stop() == 0)
        }
    }
}
