// Prices that are not final when a job ends: what the result and the books say then, and what is read and corrected
// later, once, by whichever run of the program is there.

import Contract
import Providers
import Synchronization
import TestSupport
import Testing

@testable import Ledger
@testable import Pipeline

private let price = Price(credits: 8, microdollars: 80_000)
private let nothing = Price(credits: 0, microdollars: 0)
private let second: Int64 = 1_000_000_000

@Suite("When a figure is read again, as a value")
struct LateFigureTests {
    private func figure(since: Int64 = 0) -> LateFigure { LateFigure(closedAt: 0, waitsSince: since, delay: 300) }

    @Test("after the delay, from its close or from the last try; a clock that was set back costs one delay at most")
    func due() {
        #expect(figure().step(at: 299) == .wait(until: 300))
        #expect(figure().step(at: 300) == .read)
        #expect(figure(since: 1000).step(at: 1100) == .wait(until: 1300))
        #expect(figure(since: 1_000_000).step(at: 50) == .wait(until: 350))
    }

    @Test("a week of trying is enough")
    func patience() {
        #expect(figure(since: LateFigure.patience - 1000).step(at: LateFigure.patience) == .read)
        #expect(figure(since: LateFigure.patience).step(at: LateFigure.patience + 1) == .giveUp)
    }

    @Test("every end tells a price or that there is none; a task under way tells nothing")
    func prices() {
        let failure = TaskFailure(code: .moderation, providerCode: nil, message: "No.", retryable: false)
        let ends: [TaskState] = [
            .done(outputs: [], price: price), .failed(failure, price: price),
            .gone(code: "CANCELLED", message: "Gone.", price: price),
        ]
        for end in ends { #expect(LateFigure.price(end) == .some(price), "\(end)") }
        #expect(LateFigure.price(.gone(code: "TASK_GONE", message: "Gone.")) == .some(nil))
        for state in [TaskState.running(progress: 1), .waiting(.queued)] {
            #expect(LateFigure.price(state) == .none, "\(state)")
        }
    }
}

@Suite("Prices that are told late")
struct LateSettlementTests {
    private let atelier: Atelier
    private let news = News()

    init() throws { atelier = try Atelier() }

    /// What was told, as words.
    private final class News: Sendable {
        private let all = Mutex<[String]>([])
        var words: [String] { all.withLock { $0 } }

        func add(_ news: LateNews) {
            let word =
                switch news {
                case .corrected(let attempt, let correction):
                    "\(attempt.name): \(correction.before.usdMicros) to \(correction.after.usdMicros)"
                case .confirmed(let attempt): "\(attempt.name): as it was"
                case .unread(let attempt, _): "\(attempt?.name ?? "books"): unread"
                case .givenUp(let attempt): "\(attempt.name): given up"
                }
            all.withLock { $0.append(word) }
        }
    }

    private var late: LateSettlement {
        LateSettlement(atelier.pipeline()) { [news] in news.add($0) }
    }

    /// Lets the worker turn for so long.
    private func pass(seconds: Int64) async {
        let (worker, end) = (late, atelier.time.monotonic + seconds * second)
        while atelier.time.monotonic < end {
            let pause = await worker.turn()
            #expect(pause >= LateSettlement.pace)
            atelier.time.sleep(until: atelier.time.monotonic + pause)
        }
    }

    private func run(_ name: String, _ end: TaskState) async throws -> ResultDocument {
        atelier.paid.say(.accepted(taskID: "t-\(name)", estimate: price))
        atelier.paid.tell(end)
        if case .done = end { atelier.transfer.answer(200, try Repository.picture("noise.png")) }
        let more = #""provider": "paid", "regenerate": true"#
        return try await atelier.run(atelier.request(more, outfit: Atelier.one), as: name)
    }

    private func attempt(_ name: String) async throws -> AttemptRow {
        try #require(try await atelier.journal.attempts(name).last)
    }

    private static func failed(_ price: Price?) -> TaskState {
        .failed(TaskFailure(code: .moderation, providerCode: "SAFETY", message: "No.", retryable: false), price: price)
    }

    @Test(
        "a finished task without a price is complete, uncertain in result and books, and certain when it is read again")
    func unpriced() async throws {
        let result = try await run("a", .done(outputs: ["https://pictures.test/a.png"], price: nil))
        #expect(result.picture != nil && result.cost == .init(credits: 8, usd: 0.08, uncertain: true))
        let row = try await attempt("a")
        #expect(row.state == .uncertain && row.made && row.final == nil)
        atelier.paid.tell(.done(outputs: [], price: Price(credits: 5, microdollars: 50_000)))
        await pass(seconds: 400)
        #expect(try await attempt("a").final == Money(credits: 5, usdMicros: 50_000))
        #expect(news.words == ["a: 80000 to 50000"])
    }

    @Test("a charged failure is read again after five minutes, once: a refund that has landed corrects the books")
    func refunded() async throws {
        let result = try await run("a", Self.failed(price))
        #expect(result.cost == .init(credits: 8, usd: 0.08))
        let asked = atelier.paid.polls.count
        await pass(seconds: 290)
        #expect(atelier.paid.polls.count == asked, "not yet")
        atelier.paid.tell(Self.failed(nothing))
        await pass(seconds: 1000)
        #expect(atelier.paid.polls.count == asked + 1)
        let row = try await attempt("a")
        #expect(row.state == .settled && row.final == Money(nothing) && !row.made)
        #expect(news.words == ["a: 80000 to 0"])
    }

    @Test("a cancelled task that tells its price is settled at it, in result and books")
    func cancelledWithAPrice() async throws {
        let result = try await run("a", .gone(code: "CANCELLED", message: "Somebody did.", price: nothing))
        #expect(result.failure?.providerCode == "CANCELLED" && result.cost == .init(credits: 0, usd: 0))
        #expect(try await attempt("a").state == .settled)
        await pass(seconds: 1000)
        #expect(news.words.isEmpty, "nothing is left to learn")
    }

    @Test("a task that nobody knows any more stays uncertain, and is asked about once")
    func gone() async throws {
        let result = try await run("a", .gone(code: "TASK_GONE", message: "It is gone."))
        #expect(result.cost.uncertain)
        await pass(seconds: 2000)
        #expect(try await attempt("a").state == .uncertain)
        #expect(news.words == ["a: as it was"])
    }

    @Test("what cannot be read is tried again, never twice within a second, and given up after a week")
    func silent() async throws {
        for name in ["a", "b", "c"] { _ = try await run(name, Self.failed(price)) }
        let busy = ProviderFailure(code: .providerUnavailable, message: "Busy.", retryable: true)
        atelier.paid.keepSilent(busy, times: 3)
        await pass(seconds: 400)
        #expect(news.words == ["a: unread", "b: unread", "c: unread"])
        for _ in 0..<3 { atelier.paid.tell(Self.failed(price)) }
        await pass(seconds: 400)
        #expect(news.words.suffix(3) == ["a: as it was", "b: as it was", "c: as it was"])
        _ = try await run("d", Self.failed(price))
        atelier.time.pass(seconds: 8 * 86_400)
        await pass(seconds: 60)
        #expect(news.words.last == "d: given up")
        #expect(try await attempt("d").final == Money(price))
    }

    @Test("the settings' delay counts from the moment that they are read again")
    func delay() async throws {
        _ = try await run("a", Self.failed(price))
        atelier.settings.withLock { $0.recheckAfter = 2 * second }
        atelier.paid.tell(Self.failed(nothing))
        await pass(seconds: 10)
        #expect(news.words == ["a: 80000 to 0"])
    }

    @Test("a poisoned job's result tells what all attempts of its run cost")
    func poisoned() async throws {
        atelier.settings.withLock { $0.resubmitAfter["paid"] = 1 }
        atelier.paid.say(.lost(LostAnswer("it was lost")))
        let request = atelier.request(#""provider": "paid""#, outfit: Atelier.one)
        atelier.paid.say(.accepted(taskID: "t-2", estimate: price))
        atelier.paid.tell(.done(outputs: ["https://pictures.test/a.png"], price: price))
        atelier.transfer.answer(200, try Repository.picture("noise.png"))
        let ticket = try await atelier.admit(request)
        guard case .stopped = await atelier.end(ticket, troubles: [.store: [.stop]]) else {
            throw Unexpected(what: "the job was not stopped")
        }
        let again = try await atelier.admit(request)
        guard case .result(let result) = await atelier.pipeline().poisoned(again) else {
            throw Unexpected(what: "stopped")
        }
        #expect(result.cost == .init(credits: 16, usd: 0.16, uncertain: true) && result.attempts == 2)
    }
}

@Suite("Settings that are read again while jobs wait")
struct LiveSettingsTests {
    @Test("a job that waits for a place orders by the budget of the moment that it gets one")
    func budget() async throws {
        let atelier = try Atelier()
        let allowance = Allowance(concurrent: 1, daily: nil, usedToday: 0)
        atelier.desk.read(Account(balance: nil, models: ["plain": allowance]), of: "paid")
        let place = DeskBook.Place(provider: "paid", model: "plain")
        while atelier.desk.tryEnter(place) {}
        let pipeline = atelier.pipeline()
        let (told, tell) = AsyncStream.makeStream(of: String.self)
        let ticket = try await atelier.admit(atelier.request(#""provider": "paid""#, outfit: Atelier.one))
        let job = Task { await pipeline.run(ticket) { tell.yield($0.message) } }
        for await message in told where message.contains("Waiting for Scripted") { break }
        pipeline.settings.budget.perRequest = 79_999
        atelier.desk.leave(place)
        guard case .result(let result) = await job.value else { throw Unexpected(what: "stopped") }
        #expect(result.failure?.code == .budgetExceeded && atelier.paid.orders.isEmpty)
    }

    @Test("deadline and pauses between questions are those of the moment that the order goes out")
    func times() async throws {
        let atelier = try Atelier()
        let pipeline = atelier.pipeline()
        let request = atelier.request(#""provider": "paid""#, outfit: Atelier.one)
        let ticket = try await atelier.admit(request)
        atelier.paid.meanwhile { pipeline.settings.poll = PollRule(interval: 30) }
        atelier.paid.say(.accepted(taskID: "t", estimate: price))
        for _ in 0..<100 { atelier.paid.tell(.running(progress: nil)) }
        pipeline.settings.jobDeadline = 100 * second
        let result = try await atelier.run(ticket, in: pipeline)
        #expect(result.failure?.code == .generationTimeout)
        #expect(atelier.time.sleeps.first == 30 && atelier.time.sleeps.reduce(0, +) < 101)
    }
}
