// Fetching the finished picture: what is tried again, what is asked anew, what ends the job, and what it cost then.

import Contract
import Linux
import Providers
import Synchronization
import TestSupport
import Testing
import Transfer

@testable import Ledger
@testable import Pipeline

private let price = Price(credits: 8, microdollars: 80_000)

private func failure(_ code: TransferFailure.Code, sent: TransferSent = .whole) -> TransferFailure {
    TransferFailure(code, sent: sent, "the transfer ended as \(code.rawValue)")
}

@Suite("What is done about a fetch that did not work")
struct FetchWatchTests {
    private func answer(_ status: Int) -> FetchTrouble {
        .status(TransferAnswer(status: status, headers: [], body: []))
    }

    @Test("an expired address is asked for anew once, then it is a failure")
    func expired() {
        for status in [401, 403, 404, 410] {
            var watch = FetchWatch()
            #expect(watch.next(after: answer(status), dice: 0) == .renew)
            guard case .fail(let failure) = watch.next(after: answer(status), dice: 0) else {
                Issue.record("\(status) was tried a third time")
                continue
            }
            #expect(failure.code == .downloadFailed && failure.httpStatus == status)
        }
    }

    @Test("what may pass is tried again at longer and longer pauses, and not for ever")
    func again() {
        let troubles: [FetchTrouble] =
            [200, 408, 425, 429, 500, 502, 503, 504].map(answer)
            + [
                TransferFailure.Code.unresolved, .unconnected, .proxy, .tls, .broken, .cutShort, .malformed, .stalled,
                .timedOut,
            ].map { .failure(failure($0), limit: 1) }
        for trouble in troubles {
            var watch = FetchWatch()
            var pauses: [Double] = []
            while case .again(let seconds, let cause) = watch.next(after: trouble, dice: 0) {
                #expect(cause.code == .downloadFailed)
                pauses.append(seconds)
            }
            #expect(pauses == [2, 4, 8, 16, 32, 60, 60], "\(trouble)")
        }
    }

    @Test("what will not pass ends the job at once, each with its code")
    func ends() {
        let cases: [(FetchTrouble, ResultCode)] = [
            (answer(400), .downloadFailed), (answer(302), .downloadFailed), (answer(451), .downloadFailed),
            (.failure(failure(.tooLarge), limit: 7), .downloadTooLarge),
            (.failure(failure(.refusedAddress), limit: 7), .downloadFailed),
            (.failure(failure(.refusedURL), limit: 7), .downloadFailed),
            (.failure(failure(.refusedRedirect), limit: 7), .downloadFailed),
        ]
        for (trouble, code) in cases {
            var watch = FetchWatch()
            guard case .fail(let failure) = watch.next(after: trouble, dice: 0) else {
                Issue.record("\(trouble) was tried again")
                continue
            }
            #expect(failure.code == code)
        }
    }
}

@Suite("Fetching")
struct PipelineFetchTests {
    private let atelier: Atelier
    private var request: String { atelier.request(#""provider": "paid""#, outfit: Atelier.one) }

    init() throws { atelier = try Atelier() }

    private func ordered(_ addresses: String...) {
        atelier.paid.say(.accepted(taskID: "t-1", estimate: price))
        for address in addresses { atelier.paid.tell(.done(outputs: [address], price: price)) }
    }

    @Test("an expired address is renewed by reading the task again, and the picture comes from the new one")
    func renewed() async throws {
        ordered("https://old.test/a.png", "https://new.test/a.png")
        atelier.transfer.answer(403)
        atelier.transfer.answer(200, try Repository.picture("noise.png"))
        #expect(try await atelier.run(request).picture != nil)
        #expect(atelier.transfer.requests.map(\.url) == ["https://old.test/a.png", "https://new.test/a.png"])
    }

    @Test("a picture that breaks off decodes only in part: it is fetched once more from a fresh address")
    func spoiledOnce() async throws {
        ordered("https://a.test/1.png", "https://a.test/2.png")
        let picture = try Repository.picture("noise.png")
        atelier.transfer.answer(200, Array(picture.prefix(picture.count / 2)))
        atelier.transfer.answer(200, picture)
        let result = try await atelier.run(request)
        #expect(result.picture != nil && result.cost == .init(credits: 8, usd: 0.08))
        #expect(atelier.transfer.requests.map(\.url) == ["https://a.test/1.png", "https://a.test/2.png"])
        let attempt = try #require(try await atelier.journal.attempts("a").first)
        #expect(attempt.state == .settled && attempt.made)
    }

    @Test("what is no picture twice is not_an_image, paid for, and a retry fetches it again instead of buying it")
    func noPicture() async throws {
        ordered("https://a.test/1.png", "https://a.test/2.png", "https://a.test/3.png")
        for _ in 0..<2 { atelier.transfer.answer(200, Array("<html>Sorry</html>".utf8)) }
        let result = try await atelier.run(request)
        #expect(result.failure?.code == .notAnImage && result.failure?.stage == .download)
        #expect(result.failure?.taskID == "t-1" && result.cost == .init(credits: 8, usd: 0.08))
        let attempt = try #require(try await atelier.journal.attempts("a").first)
        #expect(attempt.state == .settled && !attempt.made)
        try await atelier.land("a", result)
        atelier.transfer.answer(200, try Repository.picture("noise.png"))
        let again = try await atelier.run(try await atelier.admit(request, old: .failed))
        #expect(again.picture != nil && atelier.paid.orders.count == 1 && again.attempts == 1)
        #expect(again.cost == .init(credits: 8, usd: 0.08))
    }

    @Test("a fetch that fails for good is settled at the task's price, and a retry fetches again")
    func failed() async throws {
        ordered("https://a.test/1.png", "https://a.test/2.png")
        atelier.transfer.fail(failure(.refusedAddress, sent: .nothing))
        let result = try await atelier.run(request)
        #expect(result.failure?.code == .downloadFailed && result.failure?.retryable == true)
        #expect(result.cost == .init(credits: 8, usd: 0.08))
        #expect(try await atelier.journal.attempts("a").map(\.state) == [.settled])
        try await atelier.land("a", result)
        atelier.transfer.answer(200, try Repository.picture("noise.png"))
        let again = try await atelier.run(try await atelier.admit(request, old: .failed))
        #expect(again.picture != nil && atelier.paid.orders.count == 1)
    }

    @Test("a picture beyond the limit is refused as such, with the setting's name")
    func tooLarge() async throws {
        ordered("https://a.test/1.png")
        atelier.transfer.fail(failure(.tooLarge))
        let result = try await atelier.run(request)
        #expect(result.failure?.code == .downloadTooLarge)
        #expect(result.failure?.message.contains("limits.downloadBytes") == true && result.failure?.retryable == false)
    }

    @Test("a disk that fills while the picture comes is a pause, and the picture is fetched when there is room")
    func fullDisk() async throws {
        ordered("https://a.test/1.png")
        let full = SystemFailure(call: "pwrite", errno: .noSpace, subject: "work")
        atelier.transfer.fail(TransferFailure(.sink, sent: .whole, "the disk is full", system: full))
        atelier.transfer.answer(200, try Repository.picture("noise.png"))
        #expect(try await atelier.run(request).picture != nil)
        #expect(atelier.waited.count == 1 && atelier.waited[0].contains("finished picture"))
    }

    @Test("a disk that fails while the picture comes stops the program, and the task is asked after the next start")
    func brokenDisk() async throws {
        ordered("https://a.test/1.png")
        let broken = SystemFailure(call: "pwrite", errno: .inputOutput, subject: "work")
        atelier.transfer.fail(TransferFailure(.sink, sent: .whole, "the disk is ill", system: broken))
        guard case .stopped = await atelier.end(try await atelier.admit(request)) else {
            throw Unexpected(what: "the job went on")
        }
        #expect(try await atelier.journal.attempts("a").map(\.state) == [.task])
    }

    @Test("a fetch that would be tried again after the job's time is over is not waited for")
    func deadline() async throws {
        atelier.settings.withLock { $0.jobDeadline = 10_000_000_000 }
        ordered("https://a.test/1.png")
        for _ in 0..<8 { atelier.transfer.answer(500) }
        let result = try await atelier.run(request)
        #expect(result.failure?.code == .downloadFailed && result.failure?.httpStatus == 500)
        #expect(atelier.transfer.requests.count < 5)
    }
}
