// What the status file says of every wait of a job under way: the reason for programs, since when, until when, how many
// are before it, and the sentence for a person.

import Contract
import Linux
import Providers
import Synchronization
import TestSupport
import Testing

@testable import Pipeline

private let price = Price(credits: 8, microdollars: 80_000)
private let address = "https://pictures.test/a.png"
private let place = DeskBook.Place(provider: "paid", model: "plain")

private func failure(_ status: Int, after seconds: Double?) -> ProviderFailure {
    ProviderFailure(
        code: .providerUnavailable, message: "Scripted cannot be had.", retryable: true,
        retry: .later(seconds: seconds), httpStatus: status)
}

/// Something that closures of jobs note down.
final class Noted<Value: Sendable>: Sendable {
    private let state: Mutex<Value>

    init(_ value: Value) { state = Mutex(value) }

    var value: Value { state.withLock { $0 } }
    func change(_ body: (inout Value) -> Void) { state.withLock { body(&$0) } }
}

@Suite("What a job waits for")
struct WaitsTests {
    private let atelier: Atelier
    private var provider: ScriptedProvider { atelier.paid }

    init() throws { atelier = try Atelier() }

    /// Runs a job that is cancelled when it waits for this, and answers what was told of that wait.
    private func told(_ reason: WaitReason, more: String = "") async throws -> StageReport {
        let request = atelier.request(#""provider": "paid"\#(more)"#, outfit: Atelier.one)
        let ticket = try await atelier.admit(request)
        let cancel = JobCancel()
        let found = Noted<StageReport?>(nil)
        _ = await atelier.pipeline().run(ticket, cancel: cancel) { report in
            guard report.waiting?.reason == reason else { return }
            found.change { $0 = report }
            cancel.make()
        }
        return try #require(found.value)
    }

    @Test("for a place: how many the account may have, and how many are before it")
    func line() async throws {
        let allowance = Allowance(concurrent: 1, daily: nil, usedToday: 0)
        atelier.desk.read(Account(balance: 1, models: ["plain": allowance]), of: "paid")
        for _ in 0..<3 { #expect(atelier.desk.tryEnter(place)) }
        let before = (0..<2).map { _ in JobCancel() }
        let (entered, enter) = AsyncStream.makeStream(of: Void.self)
        let waiters = before.map { cancel in
            Task { [desk = atelier.desk] in await desk.enter(place, unless: cancel) { _, _ in enter.yield() } }
        }
        var turns = entered.makeAsyncIterator()
        for _ in before { await turns.next() }
        let ahead = Noted<[Int?]>([])
        let (cancel, desk) = (JobCancel(), atelier.desk)
        let last = Task {
            await desk.enter(place, unless: cancel) { wait, place in
                #expect(wait.kind == .place && wait.reason.contains("may have 1 at work"))
                ahead.change { $0.append(place()) }
                before[0].make()
                ahead.change { $0.append(place()) }
                cancel.make()
            }
        }
        #expect(await last.value == .cancelled)
        #expect(ahead.value == [2, 1])
        before[1].make()
        for waiter in waiters { #expect(await waiter.value == .cancelled) }
        #expect(atelier.desk.figures("paid") == (taken: 3, waiting: 0))
    }

    @Test("the pipeline tells a line as a wait for a place")
    func inLine() async throws {
        let allowance = Allowance(concurrent: 1, daily: nil, usedToday: 0)
        atelier.desk.read(Account(balance: 1, models: ["plain": allowance]), of: "paid")
        for _ in 0..<3 { #expect(atelier.desk.tryEnter(place)) }
        let report = try await told(.place, more: #", "not_after": "2030-01-01T00:00:00Z""#)
        #expect(report.message.hasPrefix("Waiting for Scripted: 3 orders with plain are under way"))
        #expect(report.message.hasSuffix("It is not ordered after 2030-01-01T00:00:00.000Z (not_after)."))
        #expect(report.waiting?.told.until == nil)
    }

    @Test("the pictures of the day")
    func daily() async throws {
        let allowance = Allowance(concurrent: nil, daily: 5, usedToday: 5)
        atelier.desk.read(Account(balance: 1, models: ["plain": allowance]), of: "paid")
        #expect(try await told(.dailyLimit).message.contains("5 pictures a day with plain are used up"))
    }

    @Test("a provider that is held: since when, and when it is tried again")
    func held() async throws {
        atelier.desk.hold("paid", reason: "Scripted refuses the key. Mend it.")
        let report = try await told(.providerHeld)
        let wait = try #require(report.waiting?.told)
        let until = try #require(wait.until)
        // The desk's clock and the pipeline's go by the same hands; each look of the latter costs a millisecond.
        #expect(abs(until.nanoseconds - wait.since.nanoseconds - ProviderDesk.hold) < 100_000_000)
        #expect(
            report.message.contains("refuses the key. Mend it. Held since \(wait.since.clock), and tried again at "))
    }

    @Test("a rate limit: until when")
    func limited() async throws {
        provider.fail(failure(429, after: 90))
        let limited = try await told(.rateLimit)
        let wait = try #require(limited.waiting?.told)
        #expect(limited.message.contains("The next try is in 90 s, at \(try #require(wait.until).clock)."))
        let seconds = Double(try #require(wait.until).nanoseconds - wait.since.nanoseconds) / 1e9
        #expect((89...91).contains(seconds))
    }

    @Test("a provider that is down: since when, across the tries, and when it is tried again")
    func down() async throws {
        for _ in 0..<2 { provider.fail(failure(503, after: nil)) }
        provider.say(.accepted(taskID: "t-1", estimate: price))
        provider.tell(.done(outputs: [address], price: price))
        atelier.transfer.answer(200, try Repository.picture("noise.png"))
        let result = try await atelier.run(atelier.request(#""provider": "paid""#, outfit: Atelier.one))
        let waits = atelier.reports.compactMap { $0.waiting?.told }
        try #require(waits.map(\.reason) == [.providerDown, .providerDown], "\(waits) \(result)")
        #expect(waits[0].since == waits[1].since)
        let ends = try waits.map { try #require($0.until) }
        #expect(ends[0] < ends[1])
    }

    @Test("a provider that does not answer about a task: since when, and when it is asked again")
    func unheard() async throws {
        provider.say(.accepted(taskID: "t-1", estimate: price))
        provider.keepSilent(failure(503, after: nil), times: 2)
        provider.tell(.done(outputs: [address], price: price))
        atelier.transfer.answer(200, try Repository.picture("noise.png"))
        _ = try await atelier.run(atelier.request(#""provider": "paid""#, outfit: Atelier.one))
        let waits = atelier.reports.compactMap { $0.waiting?.told }.filter { $0.reason == .providerDown }
        try #require(waits.count == 2, "\(waits)")
        #expect(waits[0].since == waits[1].since)
        #expect(waits.allSatisfy { $0.until.map { $0 > waits[0].since } == true })
        #expect(atelier.reports.last?.waiting == nil)
    }

    @Test("the provider's own queue")
    func queue() async throws {
        provider.say(.accepted(taskID: "t-1", estimate: price))
        provider.tell(.waiting(.queued), .waiting(.queued))
        #expect(try await told(.providerQueue).message == "Scripted has the order in its queue")
    }

    @Test("room on the disk, in the words of the floor")
    func room() async throws {
        atelier.floors.withLock { $0 = ["/srv has 12 MiB free, less than the 64 MiB of spool.minFree."] }
        let report = try await told(.room)
        #expect(report.message.hasPrefix("Waiting for room on the disk: /srv has 12 MiB free, less than the 64 MiB"))
    }

    @Test("a provider held again stays held since the first time")
    func heldAgain() {
        var book = DeskBook()
        _ = book.hold("paid", until: 100, reason: "no credit", at: 10)
        #expect(book.enter(place, ticket: 0, at: 20)?.since == 10)
        #expect(book.admit("paid", at: 100) == [0])
        _ = book.hold("paid", until: 300, reason: "no credit", at: 110)
        let wait = book.enter(place, ticket: 1, at: 120)
        #expect(wait?.since == 10 && wait?.until == 300 && wait?.kind == .held)
        _ = book.release(at: 130)
        _ = book.hold("paid", until: 400, reason: "no credit", at: 140)
        #expect(book.enter(place, ticket: 2, at: 150)?.since == 140)
    }

    @Test("whoever leaves the line makes it shorter for those behind, and for nobody else")
    func withdrawn() {
        var book = DeskBook()
        _ = book.hold("paid", until: 100, reason: "no credit", at: 0)
        for ticket: UInt64 in [3, 5, 8, 9] { #expect(book.enter(place, ticket: ticket, at: 0) != nil) }
        book.withdraw(place, ticket: 4)
        book.withdraw(place, ticket: 5)
        book.withdraw(place, ticket: 5)
        #expect([3, 5, 8, 9].map { book.ahead(place, ticket: $0) } == [0, nil, 1, 2])
        #expect(book.release(at: 1) == [3, 8, 9])
    }
}
