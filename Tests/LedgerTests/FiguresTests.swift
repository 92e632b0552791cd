// What the journal counts of itself, and the sums of a month: they agree with the books, attempt by attempt.

import Contract
import Testing

@testable import Ledger

@Suite("Figures of the journal")
struct FiguresTests {
    private let folder: Folder
    private let journal: Journal

    init() throws {
        folder = try Folder()
        journal = try Journal(path: folder.journal)
    }

    private func order(_ name: String, _ order: NewAttempt = .paid) async throws {
        _ = try await journal.admit(.sample(name))
        _ = try await journal.order(name, plan: [], order, at: .at(1))
    }

    @Test(
        "commits and operations are counted when they are on the disk, and an operation that is refused changes nothing"
    )
    func commits() async throws {
        let before = journal.figures
        try await order("a")
        let after = journal.figures
        #expect(after.commits - before.commits == 2 && after.operations - before.operations == 2)
        #expect(after.orders == ["runway": 1] && after.reorders.isEmpty && after.failures == 0)
        #expect(await failureCode { _ = try await journal.order("a", plan: [], .paid, at: .at(2)) } == .wrongPhase)
        #expect(journal.figures.orders == ["runway": 1])
        #expect(journal.figures.moneyRevision == after.moneyRevision)
    }

    @Test("an order after one that came to nothing is counted as made again")
    func again() async throws {
        try await order("a")
        try await journal.settle("a", .refused, at: .at(2))
        _ = try await journal.order("a", plan: [], .paid, at: .at(3))
        #expect(journal.figures.orders == ["runway": 2] && journal.figures.reorders == ["runway": 1])
        #expect((journal.figures.spent["runway"] ?? 0) == 0)
    }

    @Test("what is booked as spent grows by what each close adds, an uncertain one by its estimate, and never falls")
    func spent() async throws {
        try await order("a")
        try await journal.settle("a", .final(Money(credits: 5, usdMicros: 50_000), made: true), at: .at(2))
        #expect(journal.figures.spent == ["runway": 50_000])
        try await order("b")
        try await journal.settle("b", .uncertain, at: .at(2))
        #expect(journal.figures.spent == ["runway": 130_000])
        // It is learned later: only what that adds.
        try await journal.settle("b", .final(Money(credits: 9, usdMicros: 90_000), made: true), at: .at(3))
        #expect(journal.figures.spent == ["runway": 140_000])
        // A refund.
        try await journal.settle("b", .final(Money(credits: 0, usdMicros: 0), made: true), at: .at(4))
        #expect(journal.figures.spent == ["runway": 140_000])
        try await order("c", .free)
        try await journal.settle("c", .uncertain, at: .at(2))
        #expect(journal.figures.spent.values.reduce(0, +) == 140_000)
    }

    @Test("a picture that is kept closes its attempt: that counts too, once")
    func kept() async throws {
        try await order("a")
        let final = Settlement.final(Money(credits: 8, usdMicros: 80_000), made: true)
        try await journal.fetched("a", .sample, settling: final, at: .at(2))
        #expect(journal.figures.spent == ["runway": 80_000])
    }

    @Test("the sums of a month are those of `vizd costs`, by provider, and of the user with the most")
    func month() async throws {
        let month = AttemptRow.month(of: .at(1))
        try await order("a")
        try await journal.settle("a", .final(Money(credits: 5, usdMicros: 50_000), made: true), at: .at(2))
        try await order("b")
        var other = NewAttempt.paid
        (other.userID, other.provider, other.model) = ("other", "bfl", nil)
        try await order("c", other)
        try await journal.settle("c", .uncertain, at: .at(2))
        try await order("d", .free)
        let reader = try #require(try JournalReader.open(path: folder.journal))
        let money = try reader.money(of: month)
        var (runway, bfl) = (MonthMoney.Sums(), MonthMoney.Sums())
        (runway.settled, runway.reserved, bfl.uncertain) = (50_000, 80_000, 80_000)
        #expect(money.providers == ["runway": runway, "bfl": bfl])
        #expect(money.all == 210_000 && money.largestUser == 130_000 && money.month == month)
        let empty = try reader.money(of: "1999-01")
        #expect(empty.providers.isEmpty && empty.all == 0 && empty.largestUser == 0)
    }
}
