// Jobs whose provider brings the picture along with its answer, after a call that lasts: what the status file hears
// meanwhile, what is let go of, and what it means when the answer holds nothing that can be kept.

import Contract
import Glibc
import Imaging
import Linux
import Providers
import TestSupport
import Testing

@testable import Ledger
@testable import Pipeline

private let price = Price(credits: nil, microdollars: 41_000)
private let nothingInIt = TaskFailure(
    code: .generationFailed, providerCode: nil, message: "It is empty. Show it to them.", retryable: false)

@Suite("Jobs with long calls")
struct PipelineLongCallTests {
    private let atelier: Atelier
    private var request: String { atelier.request(#""provider": "long""#, outfit: Atelier.one) }

    init() throws { atelier = try Atelier() }

    @Test("the picture of the answer is kept, at the price of the answer; the status file hears how far the call is")
    func goesWell() async throws {
        atelier.long.tellDuring(
            CallProgress(fraction: 0.4, words: "mixing"), CallProgress(fraction: nil, words: nil),
            CallProgress(fraction: 7, words: nil))
        atelier.long.say(.made(GeneratedPicture(bytes: try Repository.picture("noise.png")), price: price))
        let result = try await atelier.run(request)
        #expect(result.picture != nil && result.cost.usd == 0.041 && result.attempts == 1)
        let told = atelier.reports.filter { $0.message.hasPrefix("Scripted is making the picture") }
        #expect(told.map(\.percent) == [20, 44, 20, 80] && told[1].message.hasSuffix("(40 %): mixing"))
        #expect(try await atelier.journal.attempts("a").map(\.state) == [.settled])
        #expect(atelier.desk.figures("long") == (taken: 0, waiting: 0))
    }

    @Test("an answer that holds nothing is charged at its price and fails; a retry orders anew")
    func spoiled() async throws {
        atelier.long.say(.spoiled(nothingInIt, price: price))
        let failed = try await atelier.run(request)
        #expect(failed.failure?.code == .generationFailed && failed.cost.usd == 0.041 && !failed.cost.uncertain)
        let attempt = try #require(try await atelier.journal.attempts("a").first)
        #expect(attempt.state == .settled && attempt.final?.usdMicros == 41_000 && !attempt.made)
        try await atelier.land("a", failed)
        atelier.long.say(.made(GeneratedPicture(bytes: try Repository.picture("noise.png")), price: price))
        let again = try await atelier.run(try await atelier.admit(request))
        #expect(again.picture != nil && atelier.long.orders.count == 2)
        #expect(atelier.desk.figures("long") == (taken: 0, waiting: 0))
    }

    @Test("a picture whose price the answer does not tell is complete, and uncertain in result and books")
    func unpriced() async throws {
        atelier.long.say(.made(GeneratedPicture(bytes: try Repository.picture("noise.png")), price: nil))
        let result = try await atelier.run(request)
        #expect(result.picture != nil && result.cost.usd == 0.08 && result.cost.uncertain)
        let attempt = try #require(try await atelier.journal.attempts("a").first)
        #expect(attempt.state == .uncertain && attempt.made)
    }

    @Test("where the price of nothing is not told, the estimate stands and is called uncertain")
    func spoiledWithoutPrice() async throws {
        atelier.long.say(.spoiled(nothingInIt, price: nil))
        let failed = try await atelier.run(request)
        #expect(failed.cost.usd == 0.08 && failed.cost.uncertain)
        #expect(try await atelier.journal.attempts("a").map(\.state) == [.uncertain])
    }

    @Test(
        "half a picture in the answer is charged and is none; a retry orders anew, since there is nothing to read again"
    )
    func truncated() async throws {
        let whole = try Repository.picture("noise.png")
        atelier.long.say(.made(GeneratedPicture(bytes: Array(whole.prefix(whole.count / 2))), price: price))
        let failed = try await atelier.run(request)
        #expect(failed.failure?.code == .notAnImage && failed.cost.usd == 0.041 && !failed.cost.uncertain)
        #expect(failed.failure?.message.contains("made anew") == true, "\(failed)")
        #expect(try await atelier.journal.attempts("a").map(\.state) == [.settled])
        try await atelier.land("a", failed)
        atelier.long.say(.made(GeneratedPicture(bytes: whole), price: price))
        let again = try await atelier.run(try await atelier.admit(request))
        #expect(again.picture != nil && atelier.long.orders.count == 2 && again.attempts == 2)
        #expect(again.cost.usd == 0.082)
    }

    @Test("an image worker that dies over the picture of an answer is not its end: another one looks at it")
    func workerDies() async throws {
        let picture = NoisePicture.png(edge: 2500, seed: 1)
        atelier.long.say(.made(GeneratedPicture(bytes: picture), price: price))
        let (killed, isOver) = (Monitor<Set<Int32>>([]), Monitor(false))
        // On a thread of its own: those that tests share may all be busy just then.
        OwnedThread.spawn(name: "killer") { [atelier] in
            while killed.look({ $0.count }) < 2 && !isOver.look({ $0 }) {
                poll(nil, 0, 1)
                // Before the order they make photos ready.
                if atelier.long.orders.isEmpty { continue }
                for process in atelier.workers.report().filter({ $0.isDecoding }).compactMap(\.processID) {
                    guard killed.change({ $0.insert(process).inserted }) else { continue }
                    do throws(SystemFailure) { try Host.kill(process, signal: 9) } catch { Issue.record(error) }
                }
            }
        }
        let result = try await atelier.run(request)
        isOver.change { $0 = true }
        #expect(killed.look { $0.count } == 2)
        #expect(result.picture != nil && result.cost.usd == 0.041, "\(result)")
        #expect(atelier.long.orders.count == 1)
    }

    @Test("vizd stopped between the books and the result of such an answer orders nothing by itself; a retry does")
    func stoppedBetween() async throws {
        atelier.long.say(.spoiled(nothingInIt, price: price))
        _ = try await atelier.run(request)
        // Its result was never landed.
        let failed = try await atelier.run(try await atelier.admit(request))
        #expect(failed.failure?.code == .generationFailed && failed.cost.usd == 0.041, "\(failed)")
        #expect(failed.failure?.message.contains("order it anew") == true && atelier.long.orders.count == 1)
        try await atelier.land("a", failed)
        atelier.long.say(.made(GeneratedPicture(bytes: try Repository.picture("noise.png")), price: price))
        #expect(try await atelier.run(try await atelier.admit(request)).picture != nil)
        #expect(atelier.long.orders.count == 2)
    }

    @Test("during the call its photos are not counted among those in memory")
    func lettingGo() async throws {
        let pipeline = atelier.pipeline()
        let ticket = try await atelier.admit(request)
        var job = JobRun(ticket: ticket, startedAt: 0, report: { _ in })
        #expect(await pipeline.takeHands(&job))
        guard case .prepared(let plan) = try await pipeline.prepare(&job) else { throw Unexpected(what: "no plan") }
        #expect(job.isInHand)
        _ = try await pipeline.order(plan, &job)
        atelier.long.say(.spoiled(nothingInIt, price: price))
        for _ in 0..<31 { #expect(await pipeline.hands.enter(unless: JobCancel())) }
        // The last place is the job's own: while it calls, another may have it.
        atelier.long.meanwhile { #expect(await pipeline.hands.enter(unless: JobCancel())) }
        do throws(StepTrouble) {
            _ = try await pipeline.submit(plan, &job)
            Issue.record("it went well")
        } catch {}
        #expect(!job.isInHand && job.order == nil)
    }
}
