// The health of providers: one that is down is left alone, tried by one order at a time, and its jobs wait.

import Contract
import Providers
import Synchronization
import TestSupport
import Testing

@testable import Ledger
@testable import Pipeline

private let second: Int64 = 1_000_000_000
private let place = DeskBook.Place(provider: "long", model: "plain")
private let dead = ProviderFailure(
    code: .providerUnavailable, message: "Scripted cannot be reached. Mend the line.", retryable: true,
    retry: .later(seconds: nil), httpStatus: 503)
private let limited = ProviderFailure(
    code: .providerUnavailable, message: "Too many.", retryable: true, retry: .later(seconds: nil), httpStatus: 429)

extension DeskBook {
    /// A failure of a provider that is down.
    fileprivate mutating func fail(at now: Int64, pause: Double? = nil, dice: Double = 0) -> DeskWait? {
        failed("long", reason: "it is dead", pause: pause, at: now, dice: dice)
    }

    /// A book whose provider was found down at 0.
    fileprivate static func down() -> DeskBook {
        var book = DeskBook()
        for _ in 0..<3 { _ = book.fail(at: 0) }
        return book
    }
}

@Suite("The health of a provider")
struct DeskHealthTests {
    @Test("three failures in a row and it is down; an answer between begins the count anew")
    func count() {
        var book = DeskBook()
        #expect(book.fail(at: 0) == nil && book.fail(at: 0) == nil)
        #expect(book.answered("long", at: 0).isEmpty)
        #expect(book.fail(at: 1) == nil && book.fail(at: 2) == nil)
        _ = book.enter(place, ticket: 0, at: 2)
        #expect(book.accepted(place, at: 2).isEmpty)
        #expect(book.fail(at: 3) == nil && book.fail(at: 4) == nil)
        #expect(book.fail(at: 5) == DeskWait(kind: .down, reason: "it is dead", since: 5, until: 5 + 5 * second))
        #expect(book.enter(place, ticket: 1, at: 6)?.kind == .down && book.shut == ["long"])
    }

    @Test("one at a time tries it, at pauses that grow to a minute; the others stay in line")
    func probes() {
        var book = DeskBook.down()
        for ticket: UInt64 in 0..<9 { #expect(book.enter(place, ticket: ticket, at: 0) != nil) }
        var now: Int64 = 0
        for (ticket, pause) in [5, 10, 20, 40, 60, 60].enumerated() {
            #expect(book.admit("long", at: now + Int64(pause) * second - 1).isEmpty)
            now += Int64(pause) * second
            #expect(book.admit("long", at: now) == [UInt64(ticket)])
            #expect(book.admit("long", at: now).isEmpty, "one tries at a time")
            #expect(book.waits(at: now).first?.wait == DeskWait(kind: .down, reason: "it is dead", since: 0))
            #expect(book.fail(at: now)?.since == 0)
            #expect(book.leave(place, at: now).isEmpty)
        }
        #expect(book.admit("long", at: now + 60 * second) == [6])
        #expect(book.accepted(place, at: now + 60 * second) == [7, 8])
        #expect(book.shut.isEmpty && book.closings.isEmpty)
    }

    @Test("chance makes a pause longer, never than a minute; only the provider's own wish does that")
    func pauses() throws {
        for (wish, dice, seconds) in [(nil, 1, 7.5), (3, 0, 5), (90, 1, 90)] as [(Double?, Double, Double)] {
            var book = DeskBook()
            for _ in 0..<2 { _ = book.fail(at: 0) }
            #expect(book.fail(at: 0, pause: wish, dice: dice)?.until == Int64(seconds * 1e9))
        }
        var book = DeskBook.down()
        for round in 1..<9 {
            let now = Int64(round) * 100 * second
            _ = book.enter(place, ticket: UInt64(round), at: now)
            let until = try #require(book.fail(at: now, dice: 1)?.until)
            #expect((5 * second...60 * second).contains(until - now))
            _ = book.leave(place, at: now)
        }
    }

    @Test("failures of orders that were on their way already do not put the trial off")
    func stragglers() {
        var book = DeskBook.down()
        #expect(book.fail(at: 3 * second)?.until == 5 * second)
        #expect(book.enter(place, ticket: 0, at: 5 * second) == nil)
    }

    @Test("one who tries and comes back without an order lets the next one try; one with an order does not")
    func withoutVerdict() {
        var book = DeskBook()
        _ = book.enter(place, ticket: 0, at: 0)
        for _ in 0..<3 { _ = book.fail(at: 0) }
        for ticket: UInt64 in 1..<4 { _ = book.enter(place, ticket: ticket, at: 0) }
        #expect(book.admit("long", at: 5 * second) == [1])
        #expect(book.leave(place, wasAccepted: true, at: 5 * second).isEmpty)
        #expect(book.leave(place, at: 5 * second) == [2])
    }

    @Test("a lost answer says nothing of one that is open, and puts the next trial off where it was one")
    func lost() {
        var book = DeskBook()
        for _ in 0..<5 { #expect(book.lost("long", reason: "no answer", at: 0, dice: 0) == nil) }
        book = .down()
        #expect(book.enter(place, ticket: 0, at: 5 * second) == nil)
        let wait = book.lost("long", reason: "no answer", at: 6 * second, dice: 0)
        #expect(wait == DeskWait(kind: .down, reason: "no answer", since: 0, until: 16 * second))
    }

    @Test("a reload opens it, and a refused key holds it")
    func others() {
        var book = DeskBook.down()
        _ = book.enter(place, ticket: 0, at: 0)
        #expect(book.release(at: 1) == [0] && book.obstacle("long", at: 1) == nil)
        #expect(book.fail(at: 2) == nil, "the count begins anew")
        _ = book.hold("long", until: 100, reason: "no key", at: 3)
        #expect(book.answered("long", at: 4).isEmpty && book.obstacle("long", at: 4)?.kind == .held)
        #expect(book.enter(place, ticket: 1, at: 100) == nil)
        #expect(book.fail(at: 101)?.kind == .down, "whoever tried a held one found it down")
    }
}

/// A job under way whose reports are waited for.
struct WatchedJob {
    let end: Task<JobEnd, Never>
    private let reports: AsyncStream<StageReport>

    init(_ request: String, as name: String, in atelier: Atelier, cancel: JobCancel = JobCancel()) async throws {
        let ticket = try await atelier.admit(request, as: name)
        let (reports, tell) = AsyncStream.makeStream(of: StageReport.self)
        self.reports = reports
        let pipeline = atelier.pipeline()
        end = Task {
            let end = await pipeline.run(ticket, cancel: cancel) { _ = tell.yield($0) }
            tell.finish()
            return end
        }
    }

    /// The next report that is so.
    func report(_ isSo: (StageReport) -> Bool) async throws -> StageReport {
        for await report in reports where isSo(report) { return report }
        throw Unexpected(what: "the job ended without the report that was waited for")
    }

    /// It stands in line before a provider that is down.
    @discardableResult
    func isAtTheDesk() async throws -> StageReport {
        try await report { $0.waiting?.told.until != nil && $0.message.contains(" Down since ") }
    }

    func result() async throws -> ResultDocument {
        guard case .result(let document) = await end.value else { throw Unexpected(what: "the pipeline stopped") }
        return document
    }
}

@Suite("Jobs whose provider is down")
struct PipelineHealthTests {
    private let atelier: Atelier
    private var provider: ScriptedProvider { atelier.long }
    private var desk: ProviderDesk { atelier.desk }

    init() throws { atelier = try Atelier() }

    private func job(_ name: String, cancel: JobCancel = JobCancel()) async throws -> WatchedJob {
        let request = atelier.request(#""provider": "long", "regenerate": true"#, outfit: Atelier.one)
        return try await WatchedJob(request, as: name, in: atelier, cancel: cancel)
    }

    @Test("after three failures the jobs wait with the reason, one tries at a time, and then all are ordered once")
    func waiting() async throws {
        for _ in 0..<4 { provider.failStage(dead) }
        let first = try await job("a")
        let wait = try await first.isAtTheDesk()
        #expect(wait.waiting?.reason == .providerDown && wait.stage == .generate)
        #expect(wait.message.hasPrefix("Waiting for Scripted: Scripted cannot be reached. Mend the line. Down since "))
        #expect(atelier.time.sleeps == [2, 4], "its own pauses before that")
        let second = try await job("b")
        try await second.isAtTheDesk()
        #expect(desk.figures("long") == (taken: 0, waiting: 2))
        #expect(try atelier.bells.strike(atelier.time) <= 5)
        try await first.isAtTheDesk()
        #expect(provider.orders.isEmpty)
        let picture = try Repository.picture("noise.png")
        for _ in 0..<2 { provider.answer(picture) }
        _ = try atelier.bells.strike(atelier.time)
        for job in [first, second] { #expect(try await job.result().picture != nil) }
        #expect(provider.orders.count == 2 && desk.figures("long") == (taken: 0, waiting: 0))
        let told = atelier.news.value
        let pauses = told.compactMap { news -> Double? in
            guard case .down("long", dead.message, let pause) = news else { return nil }
            return pause
        }
        #expect(pauses == [5, 10])
        guard case .open("long", _)? = told.last else { throw Unexpected(what: "\(told)") }
    }

    @Test("a job that met the failures itself fails with the last of them when its time is over, and may be retried")
    func overdue() async throws {
        atelier.settings.withLock { $0.jobDeadline = 20 * second }
        for _ in 0..<4 { provider.fail(dead) }
        let job = try await job("a")
        try await job.isAtTheDesk()
        _ = try atelier.bells.strike(atelier.time)
        try await job.isAtTheDesk()
        // The patience of the first wait, which came to an end before it was over, rings in vain.
        while provider.orders.count < 5, desk.figures("long").waiting > 0 { _ = try atelier.bells.strike(atelier.time) }
        let failure = try #require(try await job.result().failure)
        #expect(failure.code == .providerUnavailable && failure.retryable && failure.message == dead.message)
        #expect(failure.httpStatus == 503 && provider.orders.count == 4)
        #expect(Set(try await atelier.journal.attempts("a").map(\.state)) == [.refused])
        #expect(desk.figures("long") == (taken: 0, waiting: 0))
    }

    @Test("a job that only ever waited fails when the provider was down for its whole time, with nothing ordered")
    func neverTried() async throws {
        atelier.settings.withLock { $0.jobDeadline = 3 * second }
        for _ in 0..<3 { _ = desk.failed("long", dead, dice: 0) }
        let job = try await job("a")
        try await job.isAtTheDesk()
        #expect(try atelier.bells.strike(atelier.time) <= 3)
        let failure = try #require(try await job.result().failure)
        #expect(failure.code == .providerUnavailable && failure.retryable && failure.stage == .generate)
        #expect(failure.message.contains("limits.jobDeadline") && failure.message.contains("Mend the line."))
        #expect(provider.orders.isEmpty && desk.figures("long") == (taken: 0, waiting: 0))
        #expect(try await atelier.journal.attempts("a").isEmpty)
    }

    @Test("the line before a provider that takes orders again uses up nothing of a job's time")
    func patience() async throws {
        atelier.settings.withLock { $0.jobDeadline = 60 * second }
        let allowance = Allowance(concurrent: 1, daily: nil, usedToday: nil, ahead: 0)
        desk.read(Account(balance: 1, models: ["plain": allowance]), of: "long")
        #expect(desk.tryEnter(place))
        for _ in 0..<3 { _ = desk.failed("long", dead, dice: 0) }
        let job = try await job("a")
        try await job.isAtTheDesk()
        desk.answered("long")
        _ = try await job.report { $0.waiting?.reason == .place }
        atelier.time.pass(seconds: 3600)
        // Its patience rings, and it is in the line of a provider that is there.
        for _ in 0..<2 { _ = try atelier.bells.strike(atelier.time) }
        #expect(desk.figures("long") == (taken: 1, waiting: 1))
        provider.answer(try Repository.picture("noise.png"))
        desk.leave(place)
        #expect(try await job.result().picture != nil)
    }

    @Test("a rate limit is no sign that it is down, nor is a refused order")
    func limits() async throws {
        for _ in 0..<4 { provider.fail(limited) }
        provider.answer(try Repository.picture("noise.png"))
        let job = try await job("a")
        #expect(try await job.result().attempts == 5)
        #expect(atelier.news.value.isEmpty)
    }

    @Test("a job in the line of one that is down can be cancelled, and a reload lets the others in")
    func cancelled() async throws {
        for _ in 0..<3 { _ = desk.failed("long", dead, dice: 0) }
        let cancel = JobCancel()
        let jobs = [try await job("a", cancel: cancel), try await job("b")]
        for job in jobs { try await job.isAtTheDesk() }
        cancel.make()
        #expect(try await jobs[0].result().failure?.code == .cancelled)
        provider.answer(try Repository.picture("noise.png"))
        desk.release()
        #expect(try await jobs[1].result().picture != nil)
        #expect(provider.orders.count == 1)
    }
}
