// Budgets: the value that judges, and that any number of orders at once never go over; the sums that stand behind them,
// and what `vizd costs` reads of the books.

import Contract
import GRDB
import Testing

@testable import Ledger

@Suite("Budgets, as values")
struct BudgetValueTests {
    private let spent = Spent(byRequest: 80_000, byUserThisMonth: 1_000_000, byAllThisMonth: 5_000_000)

    @Test("an order fits up to the last millionth and not beyond, by each limit")
    func edges() {
        let cases: [(BudgetLimits, String)] = [
            (BudgetLimits(perRequest: 160_000), "budget.perRequest"),
            (BudgetLimits(perUserMonthly: 1_080_000), "budget.perUserMonthly"),
            (BudgetLimits(monthly: 5_080_000), "budget.monthly"),
        ]
        for (limits, setting) in cases {
            #expect(BudgetExcess.judge(80_000, spent, limits) == nil)
            #expect(BudgetExcess.judge(80_001, spent, limits)?.setting == setting)
        }
        #expect(BudgetExcess.judge(.max / 2, spent, .none) == nil)
    }

    @Test("what is free fits into every budget, also into one that is overdrawn")
    func free() {
        let limits = BudgetLimits(perRequest: 0, perUserMonthly: 0, monthly: 0)
        #expect(BudgetExcess.judge(0, spent, limits) == nil)
        #expect(BudgetExcess.judge(1, spent, limits)?.setting == "budget.perRequest", "the narrowest is told first")
    }

    @Test("the sentence says what it would cost, whose budget it is, and what to do")
    func sentences() {
        let excess = BudgetExcess(setting: "budget.perUserMonthly", limit: 1_000_000, spent: 960_000, estimate: 80_000)
        let sentence = excess.sentence(user: "peichin", month: "2026-11")
        for word in ["$0.08", "$0.96", "$1.00", "peichin", "2026-11", "budget.perUserMonthly", "Nothing was ordered"] {
            #expect(sentence.contains(word), "\(word)")
        }
    }
}

@Suite("Budgets, in the books")
struct BudgetTests {
    private let folder: Folder
    private let journal: Journal

    init() throws {
        folder = try Folder()
        journal = try Journal(path: folder.journal)
    }

    private func order(_ name: String, _ order: NewAttempt = .paid, _ budget: BudgetLimits, at: Timestamp = .at(1))
        async throws(JournalFailure)
    {
        _ = try await journal.order(name, plan: [], order, budget: budget, at: at)
    }

    private func spend(_ user: String, _ month: String = "2026-11") async throws -> Int64? {
        try await journal.write { books in
            try books.one("SELECT usd_micros FROM spend WHERE month = ? AND user_id = ?", [month, user])?["usd_micros"]
        }
    }

    @Test("two hundred orders at once against a budget for fifty: exactly fifty are written, the rest are refused")
    func crowd() async throws {
        for job in 0..<200 { _ = try await journal.admit(.sample("j\(job)")) }
        let budget = BudgetLimits(monthly: 50 * 80_000)
        let codes = await withTaskGroup(of: JournalFailure.Code?.self) { group in
            for job in 0..<200 {
                group.addTask { await failureCode { try await order("j\(job)", .paid, budget) } }
            }
            var all: [JournalFailure.Code?: Int] = [:]
            for await code in group { all[code, default: 0] += 1 }
            return all
        }
        #expect(codes == [nil: 50, .overBudget: 150])
        #expect(try await spend("") == 4_000_000)
        let rows = try await journal.rows(open: true)
        #expect(rows.filter { $0.phase == .ordered }.count == 50, "a refused order leaves its job where it was")
    }

    @Test("a user's budget is the user's alone, and a new month begins at midnight UTC")
    func usersAndMonths() async throws {
        for name in ["a", "b", "c", "d"] { _ = try await journal.admit(.sample(name)) }
        let budget = BudgetLimits(perUserMonthly: 100_000)
        try await order("a", .paid, budget)
        #expect(await failureCode { try await order("b", .paid, budget) } == .overBudget)
        var other = NewAttempt.paid
        other.userID = "somebody"
        try await order("c", other, budget)
        let lastMoment = Timestamp(nanoseconds: 1_796_083_199_999_999_999)
        #expect(await failureCode { try await order("d", .paid, budget, at: lastMoment) } == .overBudget)
        try await order("d", .paid, budget, at: Timestamp(nanoseconds: lastMoment.nanoseconds + 1))
        #expect(try await spend("peichin", "2026-12") == 80_000)
    }

    @Test("a refused or refunded order makes room again, an uncertain one does not")
    func room() async throws {
        for name in ["a", "b", "c", "d", "e"] { _ = try await journal.admit(.sample(name)) }
        let budget = BudgetLimits(monthly: 80_000)
        try await order("a", .paid, budget)
        #expect(await failureCode { try await order("b", .paid, budget) } == .overBudget)
        try await journal.settle("a", .refused, at: .at(2))
        try await order("b", .paid, budget)
        try await journal.tasked("b", taskID: "t", estimate: Money(credits: 5, usdMicros: 50_000), at: .at(3))
        #expect(try await spend("") == 50_000, "the provider's own estimate is what is reserved")
        try await journal.settle("b", .final(Money(credits: 0, usdMicros: 0), made: false), at: .at(4))
        try await order("c", .paid, budget)
        try await journal.settle("c", .uncertain, at: .at(5))
        #expect(await failureCode { try await order("d", .paid, budget) } == .overBudget)
        try await order("e", .free, budget)
    }

    @Test("a request's own budget counts all its attempts")
    func perRequest() async throws {
        _ = try await journal.admit(.sample("a"))
        let budget = BudgetLimits(perRequest: 100_000)
        try await order("a", .paid, budget)
        try await journal.settle("a", .uncertain, at: .at(2))
        #expect(await failureCode { try await order("a", .paid, budget) } == .overBudget)
        _ = try await journal.admit(.sample("b"))
        try await order("b", .paid, budget)
    }

    @Test("the sums are those of the attempts after any mix of steps")
    func sums() async throws {
        var dice = SystemRandomNumberGenerator()
        for job in 0..<60 {
            let name = "j\(job)"
            _ = try await journal.admit(.sample(name))
            var attempt = NewAttempt.paid
            attempt.userID = ["a", "b", "c"].randomElement(using: &dice) ?? "a"
            attempt.estimate = Money(credits: 1, usdMicros: .random(in: 0...90_000, using: &dice))
            try await order(name, attempt, .none, at: .at(Double.random(in: 0...2_000_000, using: &dice)))
            if Bool.random(using: &dice) {
                let price = Money(credits: 2, usdMicros: .random(in: 0...90_000, using: &dice))
                try await journal.tasked(name, taskID: "t", estimate: Bool.random() ? price : nil, at: .at(2))
            }
            switch Int.random(in: 0...3, using: &dice) {
            case 0: try await journal.settle(name, .uncertain, at: .at(3))
            case 1:
                let price = Money(credits: 1, usdMicros: .random(in: 0...90_000, using: &dice))
                try await journal.settle(name, .final(price, made: false), at: .at(3))
            default: break
            }
        }
        let (kept, counted) = try await journal.write { books in
            let kept = try books.all("SELECT * FROM spend ORDER BY month, user_id", [])
            let counted = try books.all(
                """
                SELECT month, user_id, sum(coalesce(final_usd_micros, estimate_usd_micros)) AS usd_micros FROM attempt
                    GROUP BY 1, 2
                UNION SELECT month, '', sum(coalesce(final_usd_micros, estimate_usd_micros)) FROM attempt GROUP BY 1
                ORDER BY 1, 2
                """, [])
            let words = { (row: Row) in
                "\(row["month"] as String) \(row["user_id"] as String) \(row["usd_micros"] as Int64)"
            }
            return (kept.map(words), counted.map(words))
        }
        #expect(kept == counted && kept.count >= 4)
    }

    @Test("what was spent before there were sums is counted when the journal is converted")
    func converted() async throws {
        for name in ["a", "b"] {
            _ = try await journal.admit(.sample(name))
            try await order(name, .paid, .none)
        }
        try await journal.settle("b", .refused, at: .at(2))
        try await journal.write { books in
            try books.db.execute(
                sql: """
                    DROP TRIGGER spend_reserved; DROP TRIGGER spend_changed; DROP TABLE spend;
                    DELETE FROM grdb_migrations WHERE identifier LIKE '2:%';
                    """)
        }
        await journal.close()
        let converted = try Journal(path: folder.journal)
        let sums = try await converted.write { books in
            try books.all("SELECT usd_micros FROM spend ORDER BY user_id", []).map { $0["usd_micros"] as Int64 }
        }
        #expect(sums == [80_000, 80_000])
    }

    @Test("costs are summed by user, model and day, each amount under what is known of it; free attempts are left out")
    func costs() async throws {
        for name in ["a", "b", "c", "d", "e"] { _ = try await journal.admit(.sample(name)) }
        try await order("a", .paid, .none)
        try await order("b", .paid, .none, at: .at(90_000))
        try await journal.settle("b", .final(Money(credits: 5, usdMicros: 50_000), made: true), at: .at(90_010))
        var other = NewAttempt.paid
        (other.userID, other.model) = ("somebody", "gen4_image_turbo")
        try await order("c", other, .none)
        try await journal.settle("c", .uncertain, at: .at(3))
        try await order("d", .free, .none)
        try await order("e", other, .none)
        try await journal.settle("e", .refused, at: .at(3))
        let reader = try #require(try JournalReader.open(path: folder.journal))
        let peichin = CostRow(
            key: "peichin", attempts: 2, credits: 13, reserved: 80_000, settled: 50_000, uncertain: 0)
        let somebody = CostRow(key: "somebody", attempts: 2, credits: 8, reserved: 0, settled: 0, uncertain: 80_000)
        #expect(try reader.costs("2026-11", by: .user) == [peichin, somebody])
        #expect(try reader.costs("2026-11", user: "somebody", by: .user) == [somebody])
        #expect(try reader.costs("2026-10", by: .user).isEmpty)
        #expect(
            try reader.costs("2026-11", by: .model).map(\.key) == ["runway/gen4_image", "runway/gen4_image_turbo"])
        #expect(try reader.costs("2026-11", by: .day).map(\.key) == ["2026-11-24", "2026-11-25"])
    }
}
