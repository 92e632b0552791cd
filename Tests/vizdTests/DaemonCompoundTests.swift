// Compound jobs with real parts: their files, their record, what a retry and a re-run do, what a new start finds.

import Contract
import Digest
import Foundation
import Ledger
import Linux
import Pipeline
import Spool
import Testing

@testable import vizd

private let one = "8f14e45f-ceea-467f-a0e6-1d1c6d3a0001"
private let two = "8f14e45f-ceea-467f-a0e6-1d1c6d3a0002"

private func batch(_ outfits: String..., more: String = "") -> String {
    let ids = outfits.map { #""\#($0)""# }.joined(separator: ",")
    return #"{"user_id": "peichin", "outfit_ids": [\#(ids)]\#(more.isEmpty ? "" : ", \(more)")}"#
}

private let views = #""views": [{"name": "studio"}, {"name": "street", "prompt": "in the rain"}]"#

@Suite("The life of a compound request")
struct DaemonCompoundTests {
    private let house: Household

    init() throws { house = try Household() }

    private func members(_ name: String = "a", in box: Box) throws -> [ResultDocument.Batch.Member] {
        let result = try house.result(name, in: box)
        switch result.outcome {
        case .batch(let batch): return batch.members
        case .failed(let failure): return failure.batch?.members ?? []
        case .complete, .removed, .profile: throw Ill(sentence: "\(result)")
        }
    }

    private func entries(of outfit: String) throws -> [JSONNode] {
        let path = "\(house.path)/wardrobe_photos/peichin/saved_outfits.json"
        let root = try JSONDocument(parsing: try Host.readFile(path, limit: 1 << 24)).root
        guard case .array(let saved)? = root["saved"]?.value else { throw Ill(sentence: "no outfits") }
        let found = saved.first { $0["id"]?.value == .string(outfit) }
        guard case .array(let entries)? = found?["visualizations"]?.value else { return [] }
        return entries
    }

    // MARK: Batches

    @Test("a batch lands each outfit's result by itself, then its own, with what they cost together")
    func batchOfTwo() async throws {
        try await house.run(batch(one, two, more: #""metadata": {"cart": 17}"#))
        let own = ["a.0001.result.json", "a.0002.result.json", "a.json", "a.result.json"]
        #expect(try house.names(.done) == own && house.names(.failed).isEmpty)
        #expect(
            try members(in: .done) == [
                .init(outfitID: one, jobID: "a.0001", isComplete: true),
                .init(outfitID: two, jobID: "a.0002", isComplete: true),
            ])
        let whole = try house.result(in: .done)
        #expect(whole.attempts == 2 && whole.outfitID == nil && whole.metadata == Array(#"{"cart": 17}"#.utf8))
        let part = try house.result("a.0002", in: .done)
        #expect(part.outfitID == two && part.metadata == whole.metadata && part.attempts == 1)
        #expect(try entries(of: two).map { $0["job_id"]?.value } == [.string("a.0002")])
        #expect(try await house.journal.parts(of: "a", complete: true).allSatisfy { $0.outcome?.result == nil })
        try await house.isAtRest()
    }

    @Test("a batch of which one outfit fails is complete; its result and that outfit's own say which")
    func partly() async throws {
        try await house.run(batch("nowhere", two, more: #""regenerate": true"#))
        #expect(try house.names(.failed) == ["a.0001.result.json"])
        #expect(try members(in: .done).map(\.isComplete) == [false, true])
        #expect(try house.result("a.0001", in: .failed).failure?.code == .outfitNotFound)
        try await house.isAtRest()
    }

    @Test("a batch of which every outfit fails is failed, and its retry runs only what failed")
    func allFailed() async throws {
        house.provider.fail(.providerUnavailable)
        house.provider.fail(.providerUnavailable)
        try await house.run(batch(one, two))
        let failure = try #require(try house.result(in: .failed).failure)
        #expect(failure.code == .providerUnavailable && failure.retryable && failure.batch?.failed == 2)
        #expect(try house.names(.failed).count == 4 && house.names(.done).isEmpty)
        house.provider.fail(.providerUnavailable)
        try house.move(from: .failed)
        try await house.live()
        #expect(try members(in: .done).map(\.isComplete) == [false, true])
        #expect(try house.names(.failed) == ["a.0001.result.json"])
        #expect(house.provider.orders == 4)
        try await house.isAtRest()
    }

    @Test("a re-run of a batch makes all of it anew, and nothing of the run before is left")
    func rerun() async throws {
        try await house.run(batch("nowhere", two, more: #""regenerate": true"#))
        try house.move(from: .done)
        try await house.live()
        #expect(house.provider.orders == 2)
        #expect(try await house.journal.family(of: "a").map(\.run) == [1, 2], "the first was never ordered")
        try await house.isAtRest()
        try house.spool[.done].unlink("a.json")
        try await house.run(Household.request())
        #expect(try house.names(.done) == ["a.json", "a.result.json"] && house.names(.failed).isEmpty)
        #expect(try await house.journal.family(of: "a").isEmpty)
        try await house.isAtRest()
    }

    @Test("choices that the provider does not have are refused before any part is begun")
    func refused() async throws {
        try await house.run(batch(one, two, more: #""ratio": "1:99999", "model": "other""#))
        #expect(try house.result(in: .failed).failure?.code == .invalidRequest)
        try await house.run(batch(one), as: FileName(String(repeating: "n", count: 196) + ".json"))
        #expect(try house.result(String(repeating: "n", count: 196), in: .failed).failure?.code == .invalidName)
        try await house.run(batch(one), as: FileName(String(repeating: "n", count: 195) + ".json"))
        #expect(try house.result(String(repeating: "n", count: 195), in: .done).failure == nil)
        #expect(house.provider.orders == 1)
        try await house.isAtRest()
    }

    @Test(
        "a duplicate that comes while the parts are under way is removed, other bytes fail, and nothing waits on them")
    func duplicates() async throws {
        try house.deliver(batch(one, two))
        let first = try house.claimed()
        guard case .parked(let family) = await house.life.live(first, queued: 0) else {
            throw Ill(sentence: "nothing was taken apart")
        }
        try house.deliver(batch(one, two))
        try await house.live()
        try house.deliver(batch(two))
        try await house.live()
        #expect(try house.names(.failed).count == 2 && house.names(.processing).contains("a.json"))
        try await house.conclude(family)
        #expect(try members(in: .done).count == 2)
        try await house.isAtRest()
    }

    // MARK: Views

    @Test("several views are stored each under its name, told of in one result and recorded together")
    func twoViews() async throws {
        try await house.run(Household.request(views))
        #expect(try house.names(.done) == ["a.json", "a.result.json"] && house.names(.failed).isEmpty)
        let result = try house.result(in: .done)
        guard case .complete(let picture, let made) = result.outcome else { throw Ill(sentence: "\(result)") }
        #expect(made.map(\.name) == ["studio", "street"] && made[0].picture == picture)
        #expect(made[1].picture.imageURL.hasSuffix("visualizations/views/\(two)/street.jpg"))
        #expect(result.failedViews.isEmpty && result.attempts == 2)
        for view in made {
            guard case .local(let path) = view.picture.storage else { throw Ill(sentence: "\(view)") }
            #expect(SHA256.of(try Host.readFile(path, limit: 1 << 24)).hex == view.picture.image.sha256)
        }
        #expect(try entries(of: two).map { $0["view"]?.value } == [.string("studio"), .string("street")])
        #expect(try entries(of: two).allSatisfy { $0["job_id"]?.value == .string("a") })
        try await house.isAtRest()
    }

    @Test("a view that fails beside others is told of; when all fail the job does, with the reason of each")
    func failedViews() async throws {
        house.provider.fail(.moderation)
        try await house.run(Household.request(views))
        let partly = try house.result(in: .done)
        #expect(partly.failedViews.map(\.name) == ["studio"] && partly.failedViews[0].failure.code == .moderation)
        house.provider.fail(.moderation)
        house.provider.fail(.moderation)
        try await house.run(Household.request(views), as: "b.json")
        let failure = try #require(try house.result("b", in: .failed).failure)
        #expect(failure.code == .moderation && failure.details.map(\.path) == ["views[0]", "views[1]"])
        #expect(failure.message.contains("None of the 2 views") && failure.message.contains("(studio)"))
        try await house.isAtRest()
    }

    @Test("a record that cannot be written fails the job; the pictures stay, and a retry only records them")
    func record() async throws {
        let path = "\(house.path)/wardrobe_photos/peichin/saved_outfits.json"
        let before = try Host.readFile(path, limit: 1 << 24)
        house.provider.close()
        try house.deliver(Household.request(views))
        let life = Task { [house] in try await house.live() }
        await house.provider.reached(1)
        try Data(#"{"saved": []}"#.utf8).write(to: URL(fileURLWithPath: path))
        house.provider.open()
        // The first order was prepared with the record that was there; the second finds none of the outfit.
        try await life.value
        #expect(try house.result(in: .failed).failure?.code == .outfitNotFound)
        try Data(before).write(to: URL(fileURLWithPath: path))
        try house.move(from: .failed)
        try await house.live()
        guard case .complete(_, let made) = try house.result(in: .done).outcome else { throw Ill(sentence: "failed") }
        #expect(made.count == 2 && house.provider.orders == 2, "the first picture was stored already")
        #expect(try entries(of: two).count == 2)
        try await house.isAtRest()
    }

    @Test("an outfit of a batch in several views is a job of its own with views; without a record it needs none")
    func nested() async throws {
        try await house.run(batch(one, two, more: views))
        #expect(try members(in: .done).map(\.isComplete) == [true, true] && house.provider.orders == 4)
        guard case .complete(_, let made) = try house.result("a.0001", in: .done).outcome else {
            throw Ill(sentence: "failed")
        }
        #expect(made.map(\.name) == ["studio", "street"])
        #expect(try entries(of: two).allSatisfy { $0["job_id"]?.value == .string("a.0002") })
        let items = #"{"items":[{"name":"Hat","image":"items/blue-fedora.heic"}]}"#
        let name = String(repeating: "v", count: 200)
        try await house.run(
            #"{"user_id": "peichin", "outfit": \#(items), \#(views)}"#, as: FileName("\(name).json"))
        guard case .complete(let picture, _) = try house.result(name, in: .done).outcome else {
            throw Ill(sentence: "failed")
        }
        #expect(picture.imageURL.hasSuffix("views/\(name)/studio.jpg"))
        try await house.isAtRest()
    }

    // MARK: A picture first

    @Test("a job that needs a picture first runs when that has landed, and tells what both cost")
    func still() async throws {
        let house = try Household(makesFilms: true)
        try await house.run(Household.request(#""kind": "video""#))
        #expect(try house.names(.done) == ["a.0001.result.json", "a.json", "a.result.json"])
        #expect(house.provider.orders == 2)
        #expect(try house.result(in: .done).attempts == 2 && house.result("a.0001", in: .done).attempts == 1)
        house.provider.fail(.moderation)
        try await house.run(Household.request(#""kind": "video""#), as: "b.json")
        #expect(try house.result("b", in: .failed).failure?.code == .moderation)
        #expect(house.provider.orders == 3, "nothing is made of a picture that is not there")
        try house.move("b.json", from: .failed)
        try await house.live("b.json")
        #expect(try house.result("b", in: .done).attempts == 2 + 1)
        try await house.isAtRest()
    }

    @Test("a kind that the provider does not make is refused before its picture is made")
    func noFilm() async throws {
        try await house.run(Household.request(#""kind": "video""#))
        let failure = try #require(try house.result(in: .failed).failure)
        #expect(failure.code == .invalidRequest && failure.details.map(\.path) == ["kind"])
        #expect(house.provider.orders == 0)
        try await house.isAtRest()
    }

    // MARK: Starts

    @Test("a life that begins again finds the parts as they stand, those that are begun first")
    func again() async throws {
        try house.deliver(batch(one, two, one + "x"))
        let claimed = try house.claimed()
        guard case .parked(let family) = await house.life.live(claimed, queued: 0) else {
            throw Ill(sentence: "nothing was taken apart")
        }
        #expect(family.open == [1, 2, 3])
        let now = Timestamp(nanoseconds: WallClock.now())
        guard case .ended = await house.life.live(.part(family.parent.part(1), since: 0)) else {
            throw Ill(sentence: "the part did not end")
        }
        _ = try await house.journal.goOn("a.0003", at: now)
        _ = try await house.journal.order(
            "a.0003", plan: [1],
            NewAttempt(provider: "gated", model: nil, userID: "u", estimate: .free, freeOfCharge: true), at: now)
        house.life.working.remove(family.parent)
        house.life.cancels.leave(family.parent.text)
        guard case .parked(let later) = await house.life.live(claimed, queued: 0) else {
            throw Ill(sentence: "nothing was left to do")
        }
        #expect(later.open == [3, 2])
        try await house.conclude(later)
        #expect(try members(in: .done).map(\.isComplete) == [true, true, false])
        try await house.isAtRest()
    }
}
