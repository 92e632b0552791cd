// The account at Runway: its limits, its day, its credit, its key. What does not fit waits here and says why; what was
// refused is refused once, and the others wait for a person.

import Contract
import Foundation
import Linux
import RunwaySimulator
import TestSupport
import Testing

extension EndToEnd {
    @Suite("Runway's account")
    @Outside
    struct RunwayAccounts {
        @Test(
            "of five jobs at a concurrency of one, three are at Runway at most, and each is ordered once")
        func throttled() throws {
            let place = try RunwaySite(held: true) { $0.limits.concurrent = 1 }
            let daemon = try place.ready()
            let names = (1...5).map { "job-\($0)" }
            for name in names { try place.order(name) }
            try daemon.await("three tasks and two jobs in line") { () -> Bool? in
                let waiting = try names.filter { try says($0, "may have 1 at work", place) }
                return place.runway.books.tasks.count == 3 && waiting.count == 2 ? true : nil
            }
            #expect(place.runway.books.tasks.filter { $0.status == "THROTTLED" }.count == 2)
            let ahead = try #require(names.first { place.tasks(of: $0).first?.status == "THROTTLED" })
            try place.awaitStatus(ahead, containing: "holds the order back", daemon)
            place.letTimePass()
            var most = 0
            try daemon.await("five results") { () -> Bool? in
                let open = place.runway.books.tasks.filter { $0.billed == nil }
                most = max(most, open.count)
                return try place.site.names("done").count == 2 * names.count ? true : nil
            }
            #expect(most <= 3)
            for name in names {
                #expect(try place.result(name)?.attempts == 1 && place.tasks(of: name).count == 1)
            }
            try place.finish(daemon, names)
        }

        @Test("what the day has no room for waits with the reason, and is ordered when the day has rolled on")
        func dailyCap() throws {
            let place = try RunwaySite { $0.limits.daily = 1 }
            let daemon = try place.ready()
            try place.order("today")
            _ = try daemon.complete("today")
            try place.order("tomorrow")
            try place.awaitStatus(
                "tomorrow", containing: "1 pictures a day with gen4_image are used up", daemon)
            #expect(place.runway.books.createsReceived == 1)
            place.letPass(hours: 25)
            try daemon.signal(1)
            _ = try daemon.complete("tomorrow")
            #expect(place.runway.books.createsReceived == 2)
            try place.finish(daemon, ["today", "tomorrow"])
        }

        @Test("without credit the job that met it fails, the next waits with the reason, and a hang-up lets it go")
        func noCredit() throws {
            // Enough for one; its credits come back, since that one fails free of charge.
            let place = try RunwaySite(held: true) { $0.credits = 8 }
            place.spoilCreate("first", .failure(code: "ASSET.INVALID"))
            let daemon = try place.ready()
            try place.order("first")
            try place.awaitTask("first", daemon)
            try place.order("poor")
            let failure = try daemon.failed("poor")
            #expect(failure.code == .providerNoCredit && !failure.retryable && failure.httpStatus == 400)
            #expect(failure.message.contains("Buy credits"))
            try place.order("patient")
            try place.awaitStatus("patient", containing: "too few credits", daemon)
            let creates = place.runway.books.createsReceived
            place.letTimePass()
            #expect(try daemon.failed("first").code == .generationFailed)
            // The credits alone change nothing: vizd is told.
            #expect(place.runway.books.createsReceived == creates && creates == 2)
            try daemon.signal(1)
            _ = try daemon.complete("patient")
            try place.finish(daemon, ["first", "poor", "patient"])
        }

        @Test("a wrong key fails the job that met it, the next waits, and the right one in the key's file lets it go")
        func wrongKey() throws {
            let place = try RunwaySite()
            let keys = "\(place.site.path)/keys"
            try Host.makeDirectories(keys, mode: 0o700)
            func write(_ key: String) throws {
                try Data("\(key)\n".utf8).write(to: URL(filePath: "\(keys)/runway"))
            }
            let wrong = RunwaySite.freshKey()
            try write(wrong)
            try FileManager.default.setAttributes(
                [.posixPermissions: 0o600], ofItemAtPath: "\(keys)/runway")
            let daemon = try place.started([
                "RUNWAY_API_KEY": "", "RUNWAY_API_KEY_FILE": "\(keys)/runway",
            ])
            try place.order("refused")
            let failure = try daemon.failed("refused")
            #expect(
                failure.code == .providerAuth && failure.httpStatus == 401
                    && !failure.message.contains(wrong))
            try place.order("patient")
            try place.awaitStatus("patient", containing: "refused the key", daemon)
            #expect(place.runway.books.createsReceived == 1)
            try write(place.key)
            try daemon.signal(1)
            _ = try daemon.complete("patient")
            #expect(try daemon.lines().allSatisfy { !$0.contains(wrong) })
            try place.finish(daemon, ["refused", "patient"])
        }

        @Test("a lost answer's message says whether Runway has counted the order")
        func counters() throws {
            let place = try RunwaySite()
            let daemon = try place.ready()
            place.spoilCreate("taken", .createThenDrop)
            try place.order("taken")
            let taken = try daemon.failed("taken")
            #expect(
                taken.code == .submissionUnknown && taken.message.contains("so it probably took this one"))
            place.spoilCreate("not-taken", .dropAfterBody)
            try place.order("not-taken")
            let lost = try daemon.failed("not-taken")
            #expect(
                lost.code == .submissionUnknown && lost.message.contains("so it probably did not take it"))
            // A person decides: moved back, they are ordered anew.
            for name in ["taken", "not-taken"] {
                try place.site.move("\(name).json", from: "failed", to: "incoming")
                _ = try daemon.complete(name)
            }
            #expect(place.tasks(of: "taken").count == 2 && place.tasks(of: "not-taken").count == 1)
            try place.finish(daemon, ["taken", "not-taken"])
        }

        private func says(_ name: String, _ words: String, _ place: RunwaySite) throws -> Bool {
            try place.status(of: name)?.message.contains(words) ?? false
        }
    }
}
