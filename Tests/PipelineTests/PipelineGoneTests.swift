// Tasks that the provider knows no more when they are asked about again: after a crash in the moment in which that was
// written down, and by a retry long after the job had ended.

import Contract
import Providers
import TestSupport
import Testing

@testable import Ledger
@testable import Pipeline

@Suite("Tasks that are gone when a job goes on")
struct PipelineGoneTests {
    private let atelier: Atelier

    init() throws { atelier = try Atelier() }

    private var request: String { atelier.request(#""provider": "paid""#, outfit: Atelier.one) }
    private static let price = Price(credits: 8, microdollars: 80_000)
    private static let gone = TaskState.gone(code: "TASK_GONE", message: "It is not there.")

    /// A job that stands at its task, whose attempt was closed so before vizd was stopped.
    private func closed(_ settlement: Settlement) async throws -> JobTicket {
        let ticket = try await atelier.admit(request)
        let plan = Plan(
            provider: "paid", model: "plain", size: PixelSize(width: 512, height: 512), seed: nil, prompt: "p",
            references: 1, usedDescriptor: false, usedProfileDescriptor: false)
        let order = NewAttempt(
            provider: "paid", model: "plain", userID: "peichin", estimate: Money(Self.price), freeOfCharge: false)
        _ = try await atelier.journal.order(ticket.name, plan: plan.encoded(), order, at: Atelier.now)
        try await atelier.journal.tasked(ticket.name, taskID: "t-1", at: Atelier.now)
        try await atelier.journal.settle(ticket.name, settlement, at: Atelier.now)
        return try await atelier.admit(request)
    }

    @Test("a stop between the books and the result changes nothing: it is gone, at the estimate, uncertain")
    func stoppedBetween() async throws {
        let ticket = try await closed(.uncertain)
        atelier.paid.tell(Self.gone)
        let result = try await atelier.run(ticket)
        #expect(result.failure?.code == .generationFailed && result.failure?.providerCode == "TASK_GONE")
        #expect(result.cost == .init(credits: 8, usd: 0.08, uncertain: true))
        #expect(try await atelier.journal.attempts("a").map(\.state) == [.uncertain])
    }

    @Test("what was paid for a task stays in the books when it is gone by the time that it is asked for once more")
    func settledBefore() async throws {
        let ticket = try await closed(.final(Money(Self.price), made: false))
        atelier.paid.tell(Self.gone)
        let result = try await atelier.run(ticket)
        #expect(result.failure?.code == .generationFailed && result.failure?.providerCode == "TASK_GONE")
        #expect(result.cost == .init(credits: 8, usd: 0.08))
        #expect(try await atelier.journal.attempts("a").map(\.state) == [.settled])
        #expect(atelier.paid.orders.isEmpty)
    }
}
