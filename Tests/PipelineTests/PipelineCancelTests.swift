// Jobs that somebody wishes to end, at every point of their life: what is sent, what it costs, what the result says,
// and what a retry does.

import Contract
import Linux
import Providers
import Synchronization
import TestSupport
import Testing

@testable import Ledger
@testable import Pipeline

private let price = Price(credits: 8, microdollars: 80_000)
private let nothing = Price(credits: 0, microdollars: 0)
private let busy = ProviderFailure(
    code: .providerUnavailable, message: "Scripted is busy.", retryable: true, retry: .later(seconds: 30),
    httpStatus: 503)
private let address = "https://pictures.test/a.png"

@Suite("Jobs that are cancelled")
struct PipelineCancelTests {
    private let atelier: Atelier
    private let cancel = JobCancel()
    private var provider: ScriptedProvider { atelier.paid }
    private var request: String { atelier.request(#""provider": "paid""#, outfit: Atelier.one) }

    init() throws { atelier = try Atelier() }

    /// Runs the job, and wishes it to end at the first report that `moment` says yes to.
    private func run(_ ticket: JobTicket? = nil, when moment: @escaping @Sendable (StageReport) -> Bool) async throws
        -> ResultDocument
    {
        let ticket = if let ticket { ticket } else { try await atelier.admit(request) }
        let end = await atelier.pipeline().run(ticket, cancel: cancel) { [cancel] report in
            if moment(report) { cancel.make() }
        }
        guard case .result(let document) = end else { throw Unexpected(what: "the pipeline stopped") }
        return document
    }

    private func attempts() async throws -> [AttemptRow] { try await atelier.journal.attempts("a") }

    private func isCancelled(
        _ result: ResultDocument, cost: ResultDocument.Cost = .init(), task: String? = nil,
        _ location: SourceLocation = #_sourceLocation
    ) throws {
        let failure = try #require(result.failure, sourceLocation: location)
        #expect(failure.code == .cancelled && !failure.retryable, sourceLocation: location)
        #expect(failure.taskID == task && result.cost == cost, "\(result.cost)", sourceLocation: location)
        #expect(atelier.desk.figures("paid") == (taken: 0, waiting: 0), sourceLocation: location)
    }

    /// A job of an earlier run of the program that stands at its task.
    private func interrupted() async throws -> JobTicket {
        let ticket = try await atelier.admit(request)
        let plan = Plan(
            provider: "paid", model: "plain", size: PixelSize(width: 512, height: 512), seed: nil, prompt: "p",
            references: 1, usedDescriptor: true, usedProfileDescriptor: true)
        let order = NewAttempt(
            provider: "paid", model: "plain", userID: "peichin", estimate: Money(price), freeOfCharge: false)
        _ = try await atelier.journal.order(ticket.name, plan: plan.encoded(), order, at: Atelier.now)
        try await atelier.journal.tasked(ticket.name, taskID: "t-1", at: Atelier.now)
        return try await atelier.admit(request)
    }

    // MARK: Before the order

    @Test("a wish that is there at the beginning, or comes while photos are made ready, orders nothing")
    func beforeTheOrder() async throws {
        try isCancelled(try await run { $0.stage == .prepare })
        #expect(provider.orders.isEmpty)
        #expect(try await attempts().isEmpty)
    }

    @Test("a job in line for a place leaves the line at once")
    func inLine() async throws {
        let account = Account(
            balance: 1, models: ["plain": Allowance(concurrent: 1, daily: nil, usedToday: 0)])
        atelier.desk.read(account, of: "paid")
        let place = DeskBook.Place(provider: "paid", model: "plain")
        for _ in 0..<3 { #expect(atelier.desk.tryEnter(place)) }
        let result = try await run { $0.message.hasPrefix("Waiting for Scripted") }
        #expect(atelier.desk.figures("paid") == (taken: 3, waiting: 0))
        for _ in 0..<3 { atelier.desk.leave(place) }
        try isCancelled(result)
        #expect(provider.orders.isEmpty)
    }

    @Test("a job that waits for a held provider ends at once")
    func held() async throws {
        atelier.desk.hold("paid", reason: "The key is refused.")
        try isCancelled(try await run { $0.message.contains("The key is refused.") })
        #expect(provider.orders.isEmpty)
    }

    @Test("a job that waits between two tries ends at once, at the cost of the tries before")
    func pausing() async throws {
        provider.fail(busy)
        let result = try await run { $0.message.contains("next try") }
        try isCancelled(result, cost: .init(credits: 0, usd: 0, uncertain: false))
        #expect(provider.orders.count == 1 && result.attempts == 1)
        #expect(try await attempts().map(\.state) == [.refused])
    }

    @Test("a job that waits for room on the disk ends at once")
    func room() async throws {
        atelier.floors.withLock { $0 = ["The disk is full.", "The disk is full."] }
        try isCancelled(try await run { $0.message.contains("The disk is full.") })
        #expect(provider.orders.isEmpty && atelier.floors.withLock { $0.count } == 1)
    }

    @Test("a wish that comes when the intent is written and the call has not begun sends nothing")
    func atTheDoor() async throws {
        let result = try await run { $0.message == "Sending the order" }
        try isCancelled(result, cost: .init(credits: 0, usd: 0, uncertain: false))
        #expect(provider.orders.isEmpty)
        #expect(try await attempts().map(\.state) == [.refused])
    }

    // MARK: The paid call

    @Test("the answer to a paid call is awaited, and then its task is given up")
    func duringTheCall() async throws {
        provider.say(.accepted(taskID: "t-1", estimate: price))
        provider.meanwhile { [cancel] in cancel.make() }
        provider.tell(.waiting(.queued))
        let result = try await run { _ in false }
        try isCancelled(result, cost: .init(credits: 8, usd: 0.08, uncertain: true), task: "t-1")
        #expect(provider.polls == ["t-1"] && provider.givenUp == ["t-1"])
        #expect(try await attempts().map(\.state) == [.uncertain])
    }

    @Test("a picture that comes with the answer is kept: too late")
    func madeDuringTheCall() async throws {
        provider.say(.made(GeneratedPicture(bytes: try Repository.picture("noise.png")), price: price))
        provider.meanwhile { [cancel] in cancel.make() }
        #expect(try await run { _ in false }.picture != nil)
        #expect(provider.givenUp.isEmpty)
    }

    @Test("a lost answer stays one: a wish makes nobody forget that something may have been ordered")
    func lostDuringTheCall() async throws {
        provider.say(.lost(LostAnswer("the connection broke")))
        provider.meanwhile { [cancel] in cancel.make() }
        let result = try await run { _ in false }
        #expect(result.failure?.code == .submissionUnknown && result.cost.uncertain)
    }

    // MARK: Calls that last

    private var ended: ProviderFailure {
        ProviderFailure(code: .cancelled, message: "It was ended.", retryable: false)
    }

    /// A job of the free provider whose calls last.
    private func program() async throws -> JobTicket {
        try await atelier.admit(atelier.request(#""provider": "program""#, outfit: Atelier.one))
    }

    @Test("a long call that costs nothing is ended at once, and the job is cancelled for nothing")
    func freeCall() async throws {
        atelier.program.fail(ended)
        atelier.program.meanwhile { [cancel] in
            cancel.make()
            do { try await Task.sleep(for: .seconds(86_400)) } catch {}
            #expect(Task.isCancelled)
        }
        let result = try await run(try await program()) { _ in false }
        try isCancelled(result, cost: .init(credits: nil, usd: 0, uncertain: false))
        #expect(result.failure?.message.contains("while Scripted was making the picture") == true, "\(result)")
        #expect(atelier.program.orders.count == 1 && atelier.desk.figures("program") == (taken: 0, waiting: 0))
        #expect(try await attempts().map(\.state) == [.refused])
        // The request put back is made anew.
        try await atelier.land("a", result)
        atelier.program.answer(try Repository.picture("noise.png"))
        #expect(try await atelier.run(try await program()).picture != nil)
    }

    @Test("a free picture that was made in that moment is kept, and what failed by itself says how")
    func freeCallTooLate() async throws {
        atelier.program.meanwhile { [cancel] in cancel.make() }
        atelier.program.answer(try Repository.picture("noise.png"))
        #expect(try await run(try await program()) { _ in false }.picture != nil)
        let other = try await atelier.admit(
            atelier.request(#""provider": "program", "seed": 7"#, outfit: Atelier.one), as: "b")
        atelier.program.fail(ProviderFailure(code: .generationFailed, message: "It broke.", retryable: true))
        #expect(try await run(other) { _ in false }.failure?.code == .cancelled, "a wish before the call starts none")
    }

    @Test("a program that says by itself that it was ended is no cancelled job")
    func endedByItself() async throws {
        atelier.program.fail(ended)
        let result = try await run(try await program()) { _ in false }
        #expect(result.failure?.message == "It was ended.")
    }

    @Test("a long call that is paid for is never broken off: its picture is kept")
    func paidCall() async throws {
        atelier.long.say(.made(GeneratedPicture(bytes: try Repository.picture("noise.png")), price: price))
        atelier.long.meanwhile { [cancel] in
            cancel.make()
            #expect(!Task.isCancelled)
        }
        let ticket = try await atelier.admit(atelier.request(#""provider": "long""#, outfit: Atelier.one))
        #expect(try await run(ticket) { _ in false }.picture != nil)
        #expect(atelier.long.orders.count == 1)
    }

    // MARK: The task

    @Test("a task at work is looked at once more, given up, and booked at its full price")
    func running() async throws {
        provider.say(.accepted(taskID: "t-1", estimate: price))
        provider.tell(.running(progress: 0.5), .running(progress: 0.6))
        let result = try await run { $0.message.contains("50 %") }
        try isCancelled(result, cost: .init(credits: 8, usd: 0.08), task: "t-1")
        #expect(provider.polls == ["t-1", "t-1"] && provider.givenUp == ["t-1"])
        let attempt = try #require(try await attempts().first)
        #expect(attempt.state == .settled && attempt.final == Money(price) && !attempt.made)
    }

    @Test("a task that is found finished is kept, and never deleted at the provider")
    func finished() async throws {
        provider.say(.accepted(taskID: "t-1", estimate: price))
        provider.tell(.running(progress: 0.5), .done(outputs: [address], price: price))
        atelier.transfer.answer(200, try Repository.picture("noise.png"))
        #expect(try await run { $0.message.contains("50 %") }.picture != nil)
        #expect(provider.givenUp.isEmpty)
    }

    @Test("a task that failed by itself meanwhile is cancelled at its own price, and not made again")
    func failedMeanwhile() async throws {
        provider.say(.accepted(taskID: "t-1", estimate: price))
        let no = TaskFailure(code: .generationFailed, providerCode: nil, message: "No.", retryable: true)
        provider.tell(.running(progress: 0.5), .failed(no, price: nothing))
        let result = try await run { $0.message.contains("50 %") }
        try isCancelled(result, cost: .init(credits: 0, usd: 0, uncertain: false), task: "t-1")
        #expect(provider.orders.count == 1 && provider.givenUp.isEmpty)
    }

    @Test("a provider that cannot be asked or told is asked and told again")
    func unheard() async throws {
        provider.say(.accepted(taskID: "t-1", estimate: price))
        provider.tell(.running(progress: 0.5))
        provider.keepSilent(busy, times: 2)
        provider.tell(.running(progress: 0.7), .running(progress: 0.8))
        provider.failCancel(busy)
        let result = try await run { $0.message.contains("50 %") }
        try isCancelled(result, cost: .init(credits: 8, usd: 0.08), task: "t-1")
        #expect(provider.givenUp == ["t-1", "t-1"] && provider.polls.count == 5)
    }

    @Test("when the time is over without an answer the job ends, and says that the task may go on")
    func overdue() async throws {
        provider.say(.accepted(taskID: "t-1", estimate: price))
        provider.tell(.running(progress: 0.5))
        provider.keepSilent(busy, times: 100)
        let result = try await run { $0.message.contains("50 %") }
        try isCancelled(result, cost: .init(credits: 8, usd: 0.08, uncertain: true), task: "t-1")
        #expect(provider.givenUp.isEmpty && result.failure?.message.contains("usage page") == true)
    }

    @Test("a provider that cannot give tasks up is left to end it, and the estimate stands as uncertain")
    func deaf() async throws {
        provider.cancels.withLock { $0 = false }
        provider.say(.accepted(taskID: "t-1", estimate: price))
        provider.tell(.running(progress: 0.5), .running(progress: 0.6))
        let result = try await run { $0.message.contains("50 %") }
        try isCancelled(result, cost: .init(credits: 8, usd: 0.08, uncertain: true), task: "t-1")
        #expect(provider.givenUp.isEmpty)
    }

    @Test("a picture that is being fetched is kept: too late")
    func fetching() async throws {
        provider.say(.accepted(taskID: "t-1", estimate: price))
        provider.tell(.done(outputs: [address], price: price))
        atelier.transfer.answer(200, try Repository.picture("noise.png"))
        #expect(try await run { $0.stage == .download }.picture != nil)
    }

    // MARK: Across stops and retries

    @Test("a wish that is found at the start comes before the first look of the job itself")
    func atTheStart() async throws {
        let ticket = try await interrupted()
        cancel.make()
        provider.tell(.running(progress: 0.5))
        let result = try await run(ticket) { _ in false }
        try isCancelled(result, cost: .init(credits: 8, usd: 0.08), task: "t-1")
        #expect(provider.polls == ["t-1"] && provider.givenUp == ["t-1"])
    }

    @Test("a task that was given up before a crash, and is gone now, is cancelled and not lost")
    func goneAfterACrash() async throws {
        let ticket = try await interrupted()
        cancel.make()
        provider.tell(.gone(code: "TASK_GONE", message: "It is gone."))
        try isCancelled(
            try await run(ticket) { _ in false }, cost: .init(credits: 8, usd: 0.08, uncertain: true), task: "t-1")
    }

    @Test("the same where it was booked before the crash: the figure stands")
    func bookedBeforeACrash() async throws {
        _ = try await interrupted()
        try await atelier.journal.settle("a", .final(Money(price), made: false), at: Atelier.now)
        let ticket = try await atelier.admit(request)
        cancel.make()
        let gone = TaskState.gone(code: "TASK_GONE", message: "It is gone.")
        provider.tell(gone, gone)
        try isCancelled(
            try await run(ticket) { _ in false }, cost: .init(credits: 8, usd: 0.08), task: "t-1")
        #expect(try await attempts().map(\.state) == [.settled] && provider.givenUp.isEmpty)
    }

    @Test("a retry of a cancelled job orders anew: its task is not asked for ever")
    func retry() async throws {
        provider.say(.accepted(taskID: "t-1", estimate: price))
        provider.tell(.waiting(.queued), .waiting(.queued))
        let result = try await run { $0.message.contains("queue") }
        try await atelier.land("a", result)
        provider.say(.accepted(taskID: "t-2", estimate: price))
        provider.tell(.done(outputs: [address], price: price))
        atelier.transfer.answer(200, try Repository.picture("noise.png"))
        let again = try await atelier.run(try await atelier.admit(request, old: .failed))
        #expect(again.picture?.making.taskID == "t-2" && provider.orders.count == 2)
        #expect(again.cost == .init(credits: 16, usd: 0.16, uncertain: true))
    }
}
