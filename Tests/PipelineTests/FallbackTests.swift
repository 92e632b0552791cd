// Another provider in place of one that takes no orders: when, which one, and never for what may have been paid for.

import Contract
import Providers
import Synchronization
import TestSupport
import Testing

@testable import Ledger
@testable import Pipeline

private let dead = ProviderFailure(
    code: .providerUnavailable, message: "Scripted cannot be reached.", retryable: true, retry: .later(seconds: nil))
private let wrongKey = ProviderFailure(
    code: .providerAuth, message: "Scripted refuses the key.", retryable: false, httpStatus: 401)
private let refused = ProviderFailure(
    code: .moderation, message: "Scripted wants no such picture.", retryable: false, httpStatus: 400)

@Suite("The fallback of a provider")
struct FallbackTests {
    private let atelier: Atelier
    private var desk: ProviderDesk { atelier.desk }

    /// Orders go to the paid provider; two others stand in for it.
    init() throws {
        atelier = try Atelier()
        atelier.settings.withLock { ($0.provider, $0.fallback) = ("paid", ["scripted", "long"]) }
    }

    private func down(_ providers: String...) {
        for provider in providers { for _ in 0..<3 { _ = desk.failed(provider, dead, dice: 0) } }
    }

    private func job(_ more: String = "", outfit: String = Atelier.one, as name: String = "a") async throws
        -> WatchedJob
    {
        try await WatchedJob(atelier.request(more, outfit: outfit), as: name, in: atelier)
    }

    private func providers(_ name: String = "a") async throws -> [String] {
        try await atelier.journal.attempts(name).map(\.provider)
    }

    private func picture() throws -> [UInt8] { try Repository.picture("noise.png") }

    @Test("while its provider is down a job goes to the first that is open, and everything names that one")
    func first() async throws {
        down("paid")
        atelier.scripted.answer(try picture())
        let job = try await job()
        let report = try await job.report { $0.fallback != nil }
        #expect(report.fallback == Fallback(from: "paid", to: "scripted", reason: dead.message))
        #expect(report.provider == "scripted" && report.message.contains("takes no orders"))
        #expect(try await job.result().picture != nil)
        #expect(try await providers() == ["scripted"] && atelier.paid.orders.isEmpty)
        let row = try await atelier.admit(atelier.request(outfit: Atelier.one)).row
        #expect(row.plan.flatMap(Plan.init(encoded:))?.provider == "scripted")
    }

    @Test("one that is down, or cannot make what is asked for, is passed over")
    func passedOver() async throws {
        down("paid")
        for (index, more) in [
            (0, #""person_image": "wardrobe_photos/peichin/items/blue-sneakers.jpg""#), (1, ""),
        ] {
            atelier.long.answer(try picture())
            // The first takes no person, and no outfit of three garments either.
            let job = try await job(more, outfit: index == 0 ? Atelier.one : Atelier.three, as: "job-\(index)")
            #expect(try await job.result().picture != nil)
            #expect(try await providers("job-\(index)") == ["long"])
        }
        down("scripted")
        atelier.long.answer(try picture())
        let job = try await job(#""seed": 4, "regenerate": true"#, as: "job-2")
        #expect(try await job.result().picture != nil)
        #expect(try await providers("job-2") == ["long"] && atelier.scripted.orders.isEmpty)
    }

    @Test("a request that names a provider or a model waits for it")
    func named() async throws {
        down("paid")
        for (index, more) in [#""provider": "paid""#, #""model": "grand""#].enumerated() {
            try await job(more, as: "job-\(index)").isAtTheDesk()
        }
        #expect(desk.figures("paid") == (taken: 0, waiting: 2))
    }

    @Test("where none is open the job waits for its own, and goes where one opens first")
    func noneOpen() async throws {
        down("paid", "scripted", "long")
        let job = try await job()
        #expect(try await job.isAtTheDesk().provider == "paid")
        #expect(desk.figures("paid").waiting == 1)
        atelier.long.answer(try picture())
        desk.answered("long")
        #expect(try await job.result().picture != nil)
        #expect(try await providers() == ["long"] && desk.figures("paid") == (taken: 0, waiting: 0))
    }

    @Test("those who stand in line for a place go over when the provider turns out to be down")
    func fromTheLine() async throws {
        let allowance = Allowance(concurrent: 1, daily: nil, usedToday: nil, ahead: 0)
        desk.read(Account(balance: 1, models: ["plain": allowance]), of: "paid")
        #expect(desk.tryEnter(DeskBook.Place(provider: "paid", model: "plain")))
        let job = try await job()
        _ = try await job.report { $0.waiting?.reason == .place }
        atelier.scripted.answer(try picture())
        down("paid")
        #expect(try await job.result().picture != nil)
        #expect(try await providers() == ["scripted"])
    }

    @Test("orders that were refused do not bind: the job that met the third failure, or the refused key, goes over too")
    func afterRefusals() async throws {
        for _ in 0..<3 { atelier.paid.fail(dead) }
        atelier.scripted.answer(try picture())
        let result = try await job().result()
        #expect(result.picture != nil && result.attempts == 4 && result.cost.usd == 0)
        #expect(try await providers() == ["paid", "paid", "paid", "scripted"])
        desk.release()
        atelier.paid.fail(wrongKey)
        atelier.scripted.answer(try picture())
        #expect(try await job(#""regenerate": true"#, as: "b").result().picture != nil)
        #expect(try await providers("b") == ["paid", "scripted"])
    }

    @Test("what is refused for what it asks for is asked of nobody else")
    func moderation() async throws {
        atelier.paid.fail(refused)
        #expect(try await job().result().failure?.code == .moderation)
        #expect(atelier.scripted.orders.isEmpty && atelier.long.orders.isEmpty)
    }

    @Test("an order whose answer was lost is sent again where it was sent, however long that provider is down")
    func lost() async throws {
        atelier.settings.withLock { $0.resubmitAfter = ["paid": 120] }
        atelier.paid.say(.lost(LostAnswer("it was lost")))
        atelier.paid.meanwhile { [desk] in for _ in 0..<3 { _ = desk.failed("paid", dead, dice: 0) } }
        let job = try await job()
        // The pause of the lost order is longer than that of the provider.
        atelier.paid.fail(dead)
        let report = try await job.report { $0.message.contains(" Down since ") && $0.waiting?.told.until != nil }
        #expect(report.provider == "paid")
        #expect(atelier.scripted.orders.isEmpty && atelier.long.orders.isEmpty)
        atelier.paid.say(.accepted(taskID: "t-1", estimate: nil))
        atelier.paid.tell(.done(outputs: ["https://pictures.test/a.png"], price: nil))
        atelier.transfer.answer(200, try picture())
        desk.release()
        #expect(try await job.result().picture != nil)
        #expect(Set(try await providers()) == ["paid"] && atelier.paid.orders.count == 3)
    }

    @Test("what was ordered from a fallback is ordered once more there, though its own provider is back")
    func bound() async throws {
        atelier.settings.withLock { $0.fallback = ["long"] }
        down("paid")
        atelier.settings.withLock { $0.resubmitAfter = ["long": 10] }
        atelier.long.say(.lost(LostAnswer("it was lost")))
        atelier.long.meanwhile { [desk] in desk.release() }
        atelier.long.answer(try picture())
        #expect(try await job().result().picture != nil)
        #expect(try await providers() == ["long", "long"] && atelier.paid.orders.isEmpty)
    }

    @Test("a job that may have been paid for in an earlier life of the program waits for its own provider")
    func earlier() async throws {
        atelier.paid.say(.lost(LostAnswer("it was lost")))
        try await atelier.land("a", try await job().result())
        down("paid")
        try await job().isAtTheDesk()
        #expect(atelier.scripted.orders.isEmpty)
    }

    @Test("a picture of its own provider's that is stored answers an unchanged request, though that one is down")
    func reuse() async throws {
        atelier.paid.say(.accepted(taskID: "t-1", estimate: nil))
        atelier.paid.tell(.done(outputs: ["https://pictures.test/a.png"], price: nil))
        atelier.transfer.answer(200, try picture())
        try await atelier.land("a", try await job().result())
        down("paid")
        let again = try await job(as: "b").result()
        #expect(again.picture?.making.reused == true && atelier.scripted.orders.isEmpty)
    }
}
