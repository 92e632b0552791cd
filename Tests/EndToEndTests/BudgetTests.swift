// Budgets and books against the simulated Runway, whose own books are the witness: a crowd that never goes over, and
// totals that agree to the credit after any mix of failures, kills and retries.

import Contract
import Ledger
import Linux
import RunwaySimulator
import TestSupport
import Testing

extension EndToEnd {
    @Suite("Budgets at Runway")
    @Outside
    struct Budgets {
        /// A size whose estimate is the price of the list, so that a reservation stays what it was.
        private static let atListPrice = ["RUNWAY_RATIO": "1080:1440"]

        @Test("two hundred jobs at once against a budget for fifty: fifty orders, nothing sent for the others")
        func crowd() throws {
            let place = try RunwaySite(held: true)
            let settings = Self.atListPrice.merging(["VIZD_BUDGET_MONTHLY": "4"]) { $1 }
            let daemon = try place.ready(settings)
            let names = (1...200).map { "job-\($0)" }
            for name in names { try place.order(name) }
            try daemon.await("150 refusals") { () -> Bool? in
                try place.site.names("failed").count == 300 ? true : nil
            }
            try daemon.await("50 orders") { place.runway.books.createsReceived >= 50 ? true : nil }
            place.letTimePass()
            try daemon.await("50 pictures") { try place.site.names("done").count == 100 ? true : nil }
            let books = place.runway.books
            #expect(books.createsReceived == 50 && books.tasks.count == 50 && books.creditsBilled == 400)
            var refused = 0
            for name in names {
                guard case .failed(let failure)? = try place.result(name)?.outcome else { continue }
                refused += 1
                #expect(failure.code == .budgetExceeded && failure.message.contains("budget.monthly"), "\(failure)")
                #expect(place.tasks(of: name).isEmpty)
            }
            #expect(refused == 150)
            try place.finish(daemon, names)
            let total = try place.site.command("costs", "--json")
            #expect(total.output.contains(#""reserved":0,"settled":4,"uncertain":0"#), "\(total.output)")
        }

        @Test("a user's budget is the user's alone, and a request that is too dear is refused whoever sends it")
        func narrower() throws {
            let place = try RunwaySite(at: try Site(users: ["peichin", "other"]))
            let limits = ["VIZD_BUDGET_PER_USER_MONTHLY": "0.16", "VIZD_BUDGET_PER_REQUEST": "0.1"]
            let daemon = try place.ready(Self.atListPrice.merging(limits) { $1 })
            try place.order("dear", more: #""model":"gemini_image3_pro""#)
            #expect(try daemon.failed("dear").message.contains("budget.perRequest"))
            var names: [String] = []
            for user in ["peichin", "other"] {
                for number in 1...4 {
                    let name = "\(user)-\(number)"
                    names.append(name)
                    let mark = #""prompt":"\#(RunwaySite.mark(name))""#
                    try place.site.deliver(Fixture.request(2, user: user, more: mark), as: "\(name).json")
                }
            }
            try daemon.await("all of them") { () -> Bool? in
                try place.site.names("done").count + place.site.names("failed").count == 18 ? true : nil
            }
            for user in ["peichin", "other"] {
                let own = names.filter { $0.hasPrefix(user) }
                let made = try own.filter { try place.result($0)?.failure == nil }
                #expect(made.count == 2, "\(user): \(made)")
            }
            #expect(place.runway.books.createsReceived == 4)
            try place.finish(daemon, names + ["dear"])
        }
    }

    @Suite("Books that add up")
    @Outside
    struct AddingUp {
        /// A reproducible draw (SplitMix64).
        private struct Draw: RandomNumberGenerator {
            var state: UInt64

            mutating func next() -> UInt64 {
                state &+= 0x9E37_79B9_7F4A_7C15
                var mixed = state
                mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
                mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
                return mixed ^ (mixed >> 31)
            }
        }

        /// What may happen to an order; nil: nothing.
        private static let faults: [Fault?] = [
            nil, nil, nil, .failure(code: "SAFETY.INPUT.TEXT"), .failure(code: "INTERNAL.BAD_OUTPUT.01"),
            .failure(code: "ASSET.INVALID"), .failure(code: nil, charged: true), .createThenDrop, .dropAfterBody,
            .createThenStatus(502), .status(503), .status(429), .withoutEstimate, .cancelled,
        ]

        @Test("after failures, charged moderation, refunds, lost answers, kills and retries", arguments: [1, 2, 3])
        func anyMix(_ seed: UInt64) throws {
            var draw = Draw(state: seed)
            let place = try RunwaySite()
            let names = (1...24).map { "job-\($0)" }
            for name in names {
                guard let fault = Self.faults.randomElement(using: &draw) ?? nil else { continue }
                place.spoilCreate(name, fault)
            }
            place.runway.inject(Injection(at: .poll, count: Int.random(in: 0...2, using: &draw), fault: .forgotten))
            place.runway.inject(Injection(at: .download, count: 3, fault: .truncatedPicture))
            var settings = ["VIZD_BUDGET_RECHECK_AFTER": "1"]
            if seed % 2 == 0 { settings["RUNWAY_ON_LOST_RESPONSE"] = "resubmit" }
            settings["RUNWAY_RESUBMIT_AFTER"] = "0.1"
            var daemon = try place.ready(settings)
            for name in names { try place.order(name) }
            for _ in 0..<2 {
                let creates = Int.random(in: 1...20, using: &draw)
                // A kill takes what is out with it, so there may be fewer orders than that.
                try daemon.await("\(creates) orders, or all results") { () -> Bool? in
                    try place.runway.books.createsReceived >= creates || haveLanded(names, place) ? true : nil
                }
                try daemon.kill()
                daemon = try place.ready(settings)
            }
            try awaitAll(names, place, daemon)
            for name in names.shuffled(using: &draw).prefix(12)
            where try place.site.file("failed", "\(name).json") != nil {
                try place.site.move("\(name).json", from: "failed", to: "incoming")
            }
            try awaitAll(names, place, daemon)
            try awaitFigures(names, place, daemon)
            try compare(place, names)
            try place.finish(daemon, names)
        }

        private func awaitAll(_ names: [String], _ place: RunwaySite, _ daemon: DaemonRun) throws {
            try daemon.await("all results") { () -> Bool? in try haveLanded(names, place) ? true : nil }
            try daemon.settled()
        }

        private func haveLanded(_ names: [String], _ place: RunwaySite) throws -> Bool {
            try place.site.names("done").count + place.site.names("failed").count == 2 * names.count
        }

        /// Waits until no figure waits to be read again.
        private func awaitFigures(_ names: [String], _ place: RunwaySite, _ daemon: DaemonRun) throws {
            try daemon.await("the last figure") { () -> Bool? in
                guard let journal = try JournalReader.open(path: "\(place.site.state)/vizd.sqlite") else { return nil }
                let waits = try names.contains { try journal.attempts($0).contains { $0.recheckSince != nil } }
                return waits ? nil : true
            }
        }

        /// What is settled is what Runway billed for the very tasks; beyond it there is at most what is uncertain.
        private func compare(_ place: RunwaySite, _ names: [String]) throws {
            let journal = try #require(try JournalReader.open(path: "\(place.site.state)/vizd.sqlite"))
            let attempts = try names.flatMap { try journal.attempts($0) }
            let tasks = place.runway.books.tasks
            let known = Set(attempts.filter { $0.state == .settled }.compactMap(\.taskID))
            let billed = tasks.filter { known.contains($0.id) }.reduce(0) { $0 + ($1.billed ?? 0) }
            for grouping in CostGrouping.allCases {
                let rows = try journal.costs(nil, by: grouping)
                let settled = rows.reduce(0) { $0 + $1.settled }
                let uncertain = rows.reduce(0) { $0 + $1.uncertain }
                #expect(settled == Int64(billed) * 10_000, "\(grouping)")
                let all = Int64(place.runway.books.creditsBilled) * 10_000
                #expect(settled <= all && all <= settled + uncertain, "\(grouping): \(settled) \(all) \(uncertain)")
                #expect(rows.allSatisfy { $0.reserved == 0 })
            }
        }
    }
}

extension ResultDocument {
    /// Why it failed; nil for a complete one.
    fileprivate var failure: Failure? {
        if case .failed(let failure) = outcome { failure } else { nil }
    }
}
