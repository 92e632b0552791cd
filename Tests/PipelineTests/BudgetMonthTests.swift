// A budget at the turn of a month, with a clock: months are UTC, and each order counts in the month of its intent.

import Contract
import Providers
import Synchronization
import TestSupport
import Testing

@testable import Ledger
@testable import Pipeline

@Suite("Budgets at the turn of a month")
struct BudgetMonthTests {
    @Test("what the old month has no room for is ordered when it is midnight in UTC")
    func midnight() async throws {
        let atelier = try Atelier()
        atelier.settings.withLock { $0.budget.perUserMonthly = 80_000 }
        let end = try #require(Timestamp(rfc3339: "2026-11-30T23:59:50Z"))
        atelier.time.jump(seconds: Double(end.nanoseconds - atelier.time.wall) / 1e9)
        var codes: [ResultCode?] = []
        for (name, pause) in [("a", 0.0), ("b", 9), ("c", 2), ("d", 1)] {
            atelier.time.pass(seconds: pause)
            atelier.paid.answer(try Repository.picture("noise.jpg"))
            let more = #""provider": "paid", "regenerate": true"#
            codes.append(try await atelier.run(atelier.request(more, outfit: Atelier.one), as: name).failure?.code)
        }
        #expect(codes == [nil, .budgetExceeded, nil, .budgetExceeded])
        #expect(atelier.paid.orders.count == 2)
        let months = try await ["a", "c"].asyncMap { try await atelier.journal.attempts($0).map(\.month) }
        #expect(months == [["2026-11"], ["2026-12"]])
        let rows = try await atelier.journal.write { books in try books.costs(nil, user: nil, by: .month) }
        #expect(rows.map(\.key) == ["2026-11", "2026-12"] && rows.map(\.settled) == [80_000, 80_000])
    }
}

extension Array {
    /// One after the other.
    fileprivate func asyncMap<Mapped>(_ transform: (Element) async throws -> Mapped) async throws -> [Mapped] {
        var mapped: [Mapped] = []
        for element in self { mapped.append(try await transform(element)) }
        return mapped
    }
}
