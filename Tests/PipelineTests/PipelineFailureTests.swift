// Jobs that end without a picture: each failure with its code, its stage and what it says, and what the books know.

import Contract
import Digest
import Ledger
import Linux
import Providers
import TestSupport
import Testing

@testable import Pipeline

@Suite("Jobs that fail")
struct PipelineFailureTests {
    private let atelier: Atelier

    init() throws { atelier = try Atelier() }

    /// Runs a request that is to fail; what every failure before an order has in common is looked at here.
    private func failure(_ request: String, as name: String = "a", stage: Stage? = .prepare) async throws
        -> ResultDocument.Failure
    {
        let result = try await atelier.run(request, as: name)
        let failure = try #require(result.failure)
        #expect(failure.stage == stage)
        #expect(failure.message.hasSuffix(".") && failure.message.first?.isLowercase == false, "\(failure.message)")
        return failure
    }

    private func nothingWasOrdered(_ name: String = "a") async throws {
        #expect(try await atelier.journal.attempts(name).isEmpty)
        #expect(atelier.scripted.orders.isEmpty)
    }

    @Test("a request that is too late is not ordered")
    func expired() async throws {
        let failure = try await failure(atelier.request(#""not_after": "2026-11-24T11:59:59Z""#))
        #expect(failure.code == .expired && failure.message.contains("2026-11-24T11:59:59"))
        try await nothingWasOrdered()
        #expect(try await atelier.run(atelier.request(#""not_after": "2026-11-24T12:00:01Z""#), as: "b").failure == nil)
    }

    @Test("a provider that this vizd does not have is named, with those that it has")
    func unknownProvider() async throws {
        let failure = try await failure(atelier.request(#""provider": "runway""#))
        #expect(failure.code == .unknownProvider)
        #expect(failure.message.contains("\"runway\"") && failure.message.contains("flatlay, scripted, paid"))
        try await nothingWasOrdered()
    }

    @Test("a model that the provider does not have is refused with those that it has, beside the other problems")
    func unknownModel() async throws {
        let more = #""provider": "scripted", "model": "runway-9", "views": [{"name": "street", "seed": 7}]"#
        let failure = try await failure(atelier.request(more))
        #expect(failure.code == .invalidRequest)
        #expect(Set(failure.details.map(\.path)) == ["model"])
        #expect(failure.details.contains { $0.message.contains("plain, grand") })
    }

    @Test("all that a provider cannot do is said at once, each with its path")
    func unsupported() async throws {
        let failure = try await failure(
            atelier.request(
                #"""
                "seed": 7, "ratio": "100:5000", "kind": "video", "person_image": "items/me.jpg",
                "views": [{"name": "street", "seed": 8}]
                """#))
        #expect(failure.code == .invalidRequest && !failure.retryable)
        #expect(Set(failure.details.map(\.path)) == ["ratio", "views[0].seed", "kind", "person_image"])
        #expect(failure.details.allSatisfy { !$0.message.isEmpty })
        #expect(failure.message.contains("and 3 more"))
        try await nothingWasOrdered()
    }

    @Test("an outfit or a user that is not there, and one without garments, fail before anything is ordered")
    func missing() async throws {
        #expect(try await failure(atelier.request(outfit: "nowhere"), as: "a").code == .outfitNotFound)
        #expect(try await failure(#"{"user_id": "nobody", "outfit_id": "o"}"#, as: "b").code == .outfitNotFound)
        let empty = #"{"saved": [{"id": "empty", "outfit_data": {"items": []}}], "last_updated": "then"}"#
        try atelier.scratch.write(Array(empty.utf8), "wardrobe_photos/peichin/saved_outfits.json")
        #expect(try await failure(atelier.request(outfit: "empty"), as: "c").code == .noGarmentImages)
        try atelier.scratch.write(Array("{\"saved\": 3}".utf8), "wardrobe_photos/peichin/saved_outfits.json")
        #expect(try await failure(atelier.request(), as: "d").code == .recordInvalid)
        for name in ["a", "b", "c", "d"] { try await nothingWasOrdered(name) }
    }

    @Test("garments that cannot be read are all named, with their places and why")
    func unreadable() async throws {
        let items = "wardrobe_photos/peichin/items"
        try atelier.scratch.folder(items).unlink("teal-silk-shirt.jpg")
        try atelier.scratch.write(Array("<html></html>".utf8), "\(items)/blue-sneakers.jpg")
        let failure = try await failure(atelier.request())
        #expect(failure.code == .garmentUnreadable)
        #expect(failure.details.map(\.path) == ["items[0]", "items[2]"])
        #expect(failure.message.contains("2 of 3 garments"))
        #expect(failure.message.contains("Teal silk shirt") && failure.message.contains("Light blue sneakers"))
        #expect(!failure.message.contains("Printed summer shorts"))
        try await nothingWasOrdered()
    }

    @Test("more garments than the model takes are refused with both figures")
    func tooMany() async throws {
        let failure = try await failure(atelier.request(#""provider": "scripted""#))
        #expect(failure.code == .invalidRequest)
        #expect(failure.details.map(\.path) == ["outfit_id"])
        #expect(failure.message.contains("3 garments") && failure.message.contains("up to 2"))
        try await nothingWasOrdered()
    }

    @Test("a request that could not be read fails with its own fault, before the first stage")
    func undecodable() async throws {
        let broken = try await failure("{\"user_id\": ", as: "a", stage: nil)
        #expect(broken.code == .invalidJSON)
        let wrong = try await atelier.run(#"{"user_id": "peichin", "outfit_id": "o", "colour": 1}"#, as: "b")
        #expect(wrong.failure?.code == .invalidRequest && wrong.failure?.details.map(\.path) == ["colour"])
        #expect(wrong.progress == 0 && wrong.attempts == 0 && wrong.cost == .init(credits: 0, usd: 0))
        #expect(wrong.userID == "peichin")
        try await nothingWasOrdered()
    }

    @Test("a provider's refusal passes through with its code, its words and its own word on retrying")
    func providerFailures() async throws {
        let codes: [ResultCode] = [
            .providerRejected, .providerAuth, .providerNoCredit, .moderation, .generationFailed, .generationTimeout,
            .providerUnavailable, .downloadFailed, .downloadTooLarge, .budgetExceeded,
        ]
        for (index, code) in codes.enumerated() {
            let (name, retryable) = ("job-\(index)", index.isMultiple(of: 2))
            // What holds a provider would have the next job wait.
            atelier.desk.release()
            atelier.scripted.fail(ProviderFailure(code: code, message: "It said no.", retryable: retryable))
            let failure = try await failure(
                atelier.request(#""provider": "scripted""#, outfit: Atelier.one), as: name, stage: .generate)
            #expect(failure.code == code && failure.message == "It said no." && failure.retryable == retryable)
            let attempts = try await atelier.journal.attempts(name)
            #expect(attempts.map(\.state) == [.refused] && attempts.first?.made == false, "\(code)")
            #expect(atelier.scripted.orders.count == index + 1)
        }
    }

    @Test("what is no whole picture is not stored: web pages, noise, nothing, a torn JPEG, a bomb")
    func notAnImage() async throws {
        let noise = (0..<5000).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 3) }
        let jpeg = try Repository.picture("noise.jpg")
        let answers: [(String, [UInt8])] = [
            ("html", Array("<!doctype html><title>502</title>".utf8)), ("noise", noise), ("empty", []),
            ("torn", Array(jpeg.prefix(jpeg.count * 2 / 3))), ("bomb", try Repository.picture("bomb.png")),
        ]
        for (name, bytes) in answers {
            atelier.scripted.answer(bytes)
            let result = try await atelier.run(
                atelier.request(#""provider": "scripted""#, outfit: Atelier.one), as: name)
            #expect(result.failure?.code == .notAnImage, "\(name)")
            #expect(result.failure?.stage == .download && result.progress == 80 && result.attempts == 1)
            let attempt = try #require(try await atelier.journal.attempts(name).first)
            #expect(attempt.state == .settled && !attempt.made, "\(name)")
            #expect(try await atelier.journal.row(name)?.picture == nil)
        }
        #expect(try await atelier.work.jobs().isEmpty)
        #expect(try !atelier.record().contains("visualization_url"))
    }

    @Test("a poisoned job fails without being touched again")
    func poison() async throws {
        let ticket = try await atelier.admit(atelier.request())
        guard case .result(let result) = await atelier.pipeline().poisoned(ticket) else {
            throw Unexpected(what: "stopped")
        }
        #expect(result.failure?.code == .poison && result.failure?.stage == nil && result.failure?.retryable == false)
        #expect(result.progress == 0 && result.userID == "peichin")
        try await nothingWasOrdered()
    }

    @Test("a file that never became a job gets a result of the same shape, with a digest only where it was read")
    func refused() throws {
        let file = { (wasRead: Bool) in
            RefusedFile(
                code: .nameTaken, message: "Taken.", userID: "u", outfitID: nil, digest: SHA256.of([1]),
                wasRead: wasRead, ownerUID: 1001)
        }
        let result = atelier.pipeline().refused(file(true), as: "a~01234567")
        #expect(result.jobID == "a~01234567" && result.progress == 0 && result.attempts == 0)
        #expect(result.failure?.code == .nameTaken && result.failure?.stage == nil)
        #expect(result.requestSHA256 == SHA256.of([1]).hex && result.userID == "u")
        #expect(result.submitterUID == 1001)
        #expect(atelier.pipeline().refused(file(false), as: "a").requestSHA256 == nil)
    }
}
