// Who comes first: priority, then users in turn, then arrival. One slot, held while the others arrive.

import Contract
import Foundation
import Linux
import TestSupport
import Testing

extension EndToEnd {
    @Suite("Order")
    @Outside
    struct Order {
        @Test("requests run by priority, then users in turn, then arrival, whether they came before or after the start")
        func order() throws {
            let site = try Site(users: ["peichin", "ann", "bob", "cy"], gated: true)
            let daemon = try site.ready(["VIZD_LIMITS_IN_FLIGHT": "1"])
            try site.deliver(Fixture.request(2), as: "first.json")
            try daemon.awaitLine("job.admitted", ["job": "first"])
            try deliverAll(site)
            try site.gate?.open()
            try expectOrder(daemon)
        }

        @Test("the order is the same when a start finds them all")
        func orderAtStart() throws {
            let site = try Site(users: ["peichin", "ann", "bob", "cy"])
            try deliverAll(site)
            try expectOrder(try site.ready(["VIZD_LIMITS_IN_FLIGHT": "1"]))
        }

        @Test("a user with five hundred requests does not delay another's first")
        func fairness() throws {
            let site = try Site(users: ["peichin"], gated: true)
            let daemon = try site.ready(["VIZD_LIMITS_IN_FLIGHT": "1"])
            try site.deliver(Fixture.request(2), as: "first.json")
            try daemon.awaitLine("job.admitted", ["job": "first"])
            for number in 0..<500 {
                try site.deliver(Fixture.missing(user: "many", number: number), as: "m-\(number).json")
            }
            try site.deliver(Fixture.missing(user: "few"), as: "few.json")
            try site.gate?.open()
            _ = try daemon.failed("few")
            let claimed = try daemon.lines(of: "request.claimed").compactMap { $0["job"] }
            let turn = try #require(claimed.firstIndex(of: "few"))
            #expect(turn <= 2, "few came as number \(turn): \(claimed.prefix(5))")
            #expect(try daemon.stop() == 0)
        }

        @Test("no more of one user's jobs than limits.perUser are at work at once, and another's are not kept waiting")
        func perUser() throws {
            let site = try Site(users: ["peichin", "ann"], gated: true)
            let daemon = try site.ready(["VIZD_LIMITS_PER_USER": "2", "VIZD_LIMITS_IN_FLIGHT": "4"])
            for number in 0..<4 {
                try site.deliver(Fixture.request(2, more: #""metadata":{"n":\#(number)}"#), as: "p-\(number).json")
            }
            try daemon.awaitLine("job.admitted", ["job": "p-1"])
            try site.deliver(Fixture.request(2, user: "ann"), as: "ann.json")
            try daemon.awaitLine("job.admitted", ["job": "ann"])
            #expect(try Set(site.names("processing")) == ["p-0.json", "p-1.json", "ann.json"])
            try site.gate?.open()
            for name in ["p-0", "p-1", "p-2", "p-3", "ann"] { _ = try daemon.complete(name) }
            #expect(try daemon.stop() == 0)
        }

        /// Low ones first, high ones last; each user's in the order of their numbers.
        private func deliverAll(_ site: Site) throws {
            for priority in ["low", "normal", "high"] {
                for user in ["ann", "bob", "cy"] {
                    for number in 1...2 {
                        let request = #"{"user_id":"\#(user)","outfit_id":"none","priority":"\#(priority)"}"#
                        try site.deliver(request, as: "\(priority)-\(user)-\(number).json")
                    }
                }
            }
        }

        private func expectOrder(_ daemon: DaemonRun) throws {
            try daemon.awaitLine("job.failed", count: 18)
            let claimed = try daemon.lines(of: "request.claimed").compactMap { $0["job"] }.filter { $0 != "first" }
            #expect(claimed.count == 18)
            for (turn, priority) in ["high", "normal", "low"].enumerated() {
                let mine = Array(claimed.dropFirst(6 * turn).prefix(6))
                #expect(mine.allSatisfy { $0.hasPrefix(priority + "-") }, "\(mine)")
                // Everybody's first before anybody's second, in the same turn of users both times.
                #expect(mine.prefix(3).allSatisfy { $0.hasSuffix("-1") }, "\(mine)")
                #expect(Set(mine.prefix(3)).count == 3 && Set(mine.suffix(3)).count == 3, "\(mine)")
                #expect(mine.prefix(3).map { $0.dropLast() } == mine.suffix(3).map { $0.dropLast() }, "\(mine)")
            }
            #expect(try daemon.stop() == 0)
        }
    }
}
