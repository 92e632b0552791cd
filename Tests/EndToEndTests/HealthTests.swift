// Runway out of reach for a while: jobs wait with the reason and all complete, each ordered once; or another provider
// makes their pictures, unless something may have been paid for them.

import Contract
import RunwaySimulator
import TestSupport
import Testing

extension EndToEnd {
    @Suite("A provider that is down")
    @Outside
    struct HealthTests {
        /// A place whose Runway refuses connections until it is opened.
        private func closed() throws -> RunwaySite {
            let place = try RunwaySite()
            place.runway.stop()
            return place
        }

        /// Runway at the same address, with new books.
        private func open(_ place: RunwaySite) throws -> RunwaySite {
            try RunwaySite(at: place.site, key: place.key) { $0.port = place.runway.port }
        }

        @Test("jobs wait while connections are refused, and all complete when Runway is back, each ordered once")
        func refused() throws {
            let place = try closed()
            let daemon = try place.started()
            let names = (1...6).map { "job-\($0)" }
            for name in names { try place.order(name) }
            try daemon.awaitLine("provider.down", ["provider": "runway"])
            for name in names {
                let told = try daemon.await("\(name) to wait") { () -> StatusDocument? in
                    guard let status = try place.status(of: name), status.message.contains(" Down since ") else {
                        return nil
                    }
                    return status
                }
                #expect(told.waiting?.reason == .providerDown)
                #expect(told.message.hasPrefix("Waiting for Runway ML: Runway could not be reached"))
            }
            #expect(try place.site.names("failed").isEmpty)
            let back = try open(place)
            for name in names { _ = try daemon.complete(name) }
            try daemon.awaitLine("provider.open", ["provider": "runway"])
            #expect(back.runway.books.createsReceived == names.count)
            for name in names { #expect(back.tasks(of: name).count == 1) }
            try back.finish(daemon, names)
        }

        @Test("a fallback makes the pictures meanwhile, and the results, the books and the log name it")
        func fallback() throws {
            let place = try closed()
            let daemon = try place.started(["VIZD_PROVIDERS_FALLBACK": "flatlay"])
            let names = (1...4).map { "job-\($0)" }
            for name in names { try place.order(name) }
            for name in names {
                #expect(try daemon.complete(name).provider == "Flat lay")
                #expect(try place.result(name)?.cost.usd == 0)
            }
            try daemon.awaitLine("provider.fallback", ["from": "runway", "to": "flatlay"])
            _ = try daemon.stop()
        }

        @Test("an order whose answer was lost goes to no fallback: it is sent to Runway again when that is back")
        func lost() throws {
            let place = try RunwaySite()
            place.spoilCreate("lost", .createThenDrop)
            let daemon = try place.ready([
                "VIZD_PROVIDERS_FALLBACK": "flatlay", "RUNWAY_ON_LOST_RESPONSE": "resubmit",
                "RUNWAY_RESUBMIT_AFTER": "3",
            ])
            try place.order("lost")
            try place.awaitTask("lost", daemon)
            place.runway.stop()
            let others = (1...3).map { "job-\($0)" }
            for name in others { try place.order(name) }
            for name in others { _ = try daemon.complete(name) }
            let told = try daemon.await("the lost one to wait") { () -> StatusDocument? in
                guard let status = try place.status(of: "lost"), status.message.contains(" Down since ") else {
                    return nil
                }
                return status
            }
            #expect(told.provider == "Runway ML")
            let back = try open(place)
            #expect(try daemon.complete("lost").provider == "Runway ML")
            #expect(back.tasks(of: "lost").count == 1 && back.runway.books.createsReceived == 1)
            _ = try daemon.stop()
        }
    }
}
