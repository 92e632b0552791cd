// Requests that are answered from the stored picture, and those that are not: what changes makes a new one, what the
// answer says, what the record and the books know of it, and a stop or a stranger at every point of the way.

import Contract
import Digest
import Linux
import Providers
import Synchronization
import TestSupport
import Testing

@testable import Ledger
@testable import Pipeline
@testable import Wardrobe

@Suite("Answers from the stored picture")
struct PipelineReuseTests {
    private let atelier: Atelier
    private static let photo = "wardrobe_photos/peichin/items/black-t-shirt.png"
    private static let stored = "wardrobe_photos/peichin/items/visualizations/\(Atelier.one).jpg"

    init() throws { atelier = try Atelier() }

    private func request(_ more: String = "") -> String {
        atelier.request(#""provider": "paid"\#(more.isEmpty ? "" : ", \(more)")"#, outfit: Atelier.one)
    }

    /// The first picture, made and paid for.
    @discardableResult
    private func made(_ more: String = "", as name: String = "first") async throws -> ResultDocument.Picture {
        atelier.paid.answer(try Repository.picture("noise.jpg"))
        let result = try await atelier.run(request(more), as: name)
        #expect(result.picture?.making.reused == false && result.attempts == 1)
        return try #require(result.picture)
    }

    /// Whether a second request makes a picture of its own.
    private func makesAnew(_ request: String, as name: String = "second") async throws -> Bool {
        let before = atelier.paid.orders.count + atelier.scripted.orders.count
        atelier.paid.answer(try Repository.picture("noise.jpg"))
        atelier.scripted.answer(try Repository.picture("noise.jpg"))
        let result = try await atelier.run(request, as: name)
        let picture = try #require(result.picture, "\(result.failure?.message ?? "")")
        let ordered = atelier.paid.orders.count + atelier.scripted.orders.count > before
        #expect(picture.making.reused != ordered && (result.attempts == 0) == picture.making.reused)
        return ordered
    }

    @Test("an unchanged outfit is answered at no cost: no order, no attempt, the same picture, the record as it was")
    func unchanged() async throws {
        let first = try await made()
        let record = try atelier.record()
        let result = try await atelier.run(request(#""metadata": {"n": 1}"#), as: "second")
        let picture = try #require(result.picture)
        #expect(picture.making.reused && picture.making.taskID == nil && picture.generationTime == 0)
        #expect(picture.image == first.image && picture.imageURL == first.imageURL && picture.storage == first.storage)
        #expect(picture.making.prompt == first.making.prompt && picture.making.model == "plain")
        #expect(picture.making.references == 1 && picture.provider == "Scripted")
        #expect(result.cost == .init() && result.attempts == 0 && result.timing.stages[.generate] == nil)
        #expect(atelier.paid.orders.count == 1)
        #expect(try await atelier.journal.attempts("second").isEmpty)
        #expect(try await atelier.journal.row("second")?.phase == .recorded)
        #expect(try atelier.record() == record, "no second entry, nothing rewritten")
        #expect(atelier.desk.figures("paid") == (taken: 0, waiting: 0))
    }

    @Test(
        "what decides how the picture looks makes a new one: directions, descriptor, model, size, seed",
        arguments: [
            #""prompt": "by the sea""#, #""model_descriptor": "a tall rower""#, #""model": "grand""#,
            #""ratio": "512:768""#, #""seed": 7"#, #""regenerate": true"#,
        ])
    func changedRequest(_ more: String) async throws {
        try await made()
        #expect(try await makesAnew(request(more)), "\(more)")
        // What was made last is what is there now.
        if !more.contains("regenerate") { #expect(try await !makesAnew(request(more), as: "third"), "\(more)") }
        #expect(try await makesAnew(request(), as: "fourth") == !more.contains("regenerate"), "\(more)")
    }

    @Test("another provider makes a new one")
    func changedProvider() async throws {
        try await made()
        #expect(try await makesAnew(atelier.request(#""provider": "scripted""#, outfit: Atelier.one)))
    }

    @Test("a changed photo, profile, configuration or outfit makes a new one")
    func changedWardrobe() async throws {
        try await made()
        try atelier.scratch.write(
            try atelier.scratch.read("wardrobe_photos/peichin/items/red-winter-hat.png"), Self.photo)
        #expect(try await makesAnew(request(), as: "photo"))
        #expect(try await !makesAnew(request(), as: "again"))
        let profile = #"{"model_descriptor": "Model: short grey hair"}"#
        try atelier.scratch.write(Array(profile.utf8), "wardrobe_photos/peichin/user_profile.json")
        #expect(try await makesAnew(request(), as: "profile"))
        try atelier.scratch.write(Array("{}".utf8), "wardrobe_photos/peichin/user_profile.json")
        #expect(try await makesAnew(request(), as: "nobody"))
        atelier.settings.withLock { $0.modelDescriptor = "a child" }
        #expect(try await makesAnew(request(), as: "configuration"))
        #expect(try await !makesAnew(request(), as: "the same"))
    }

    @Test("a picture that was removed, or replaced by somebody, is no answer")
    func altered() async throws {
        try await made()
        try atelier.scratch.write(try Repository.picture("noise.png"), Self.stored)
        #expect(try await makesAnew(request(), as: "replaced"))
        try atelier.scratch.folder("wardrobe_photos/peichin/items/visualizations").unlink(
            FileName("\(Atelier.one).jpg"))
        #expect(try await makesAnew(request(), as: "removed"))
        #expect(try await !makesAnew(request(), as: "there"))
    }

    @Test("storage that cannot be read fails the job before anything is paid")
    func unreadable() async throws {
        try await made()
        let trouble = WardrobeFailure(.storageFailed, "the storage is away: try later")
        let result = try await atelier.run(request(), as: "second", troubles: [.read: [trouble]])
        #expect(result.failure?.code == .storageFailed && result.attempts == 0 && atelier.paid.orders.count == 1)
    }

    @Test("outfits within requests are answered so under their id; other garments make a new one")
    func inline() async throws {
        let inline = { (photo: String) in
            #"{"user_id": "peichin", "outfit_id": "mine", "provider": "paid", "outfit": {"items": [{"name": "Hat", "#
                + #""image": "items/\#(photo)"}]}}"#
        }
        atelier.paid.answer(try Repository.picture("noise.jpg"))
        #expect(try await atelier.run(inline("red-winter-hat.png"), as: "first").picture?.making.reused == false)
        let before = try atelier.record()
        #expect(try await !makesAnew(inline("red-winter-hat.png"), as: "second"))
        #expect(try await makesAnew(inline("mittens.jpg"), as: "third"))
        #expect(try atelier.record() == before)
    }

    @Test("a record that does not name the picture any more names it again, as the job that made it")
    func forgotten() async throws {
        let bare = try atelier.record()
        try await made()
        let named = try atelier.record()
        try atelier.scratch.write(Array(bare.utf8), "wardrobe_photos/peichin/saved_outfits.json")
        #expect(try await !makesAnew(request()))
        #expect(try atelier.record().contains(#""job_id": "first""#) && !atelier.record().contains(#""second""#))
        #expect(named.contains(#""job_id": "first""#))
        let entries = try atelier.record().ranges(of: #""job_id""#).count
        #expect(entries == 1)
    }

    @Test("the history names every picture that was made, newest first, and none twice")
    func history() async throws {
        try await made()
        #expect(try await makesAnew(request(#""regenerate": true"#), as: "second"))
        #expect(try await !makesAnew(request(), as: "third"))
        let record = try atelier.record()
        let places = ["second", "first"].map { record.firstRange(of: "\"job_id\": \"\($0)\"") }
        #expect(record.ranges(of: #""job_id""#).count == 2)
        #expect(try #require(places[0]).lowerBound < (try #require(places[1])).lowerBound)
    }

    @Test("stopped after the answer was found and before the record, it goes on and says reused")
    func stoppedBetween() async throws {
        try await made()
        let ticket = try await atelier.admit(request(), as: "second")
        guard case .stopped = await atelier.end(ticket, troubles: [.record: [.stop]]) else {
            throw Unexpected(what: "the job was not stopped")
        }
        #expect(try await atelier.journal.row("second")?.phase == .stored)
        let again = try await atelier.admit(request(), as: "second")
        #expect(again.resume == .update)
        let result = try await atelier.run(again)
        #expect(result.picture?.making.reused == true && result.attempts == 0 && result.cost == .init())
        #expect(atelier.paid.orders.count == 1)
    }

    @Test("stopped between the file and the books, what the books say does not match and nothing is answered from it")
    func stoppedBeforeTheBooks() async throws {
        try await made()
        // Another order's picture reaches the disk, and the machine fails before the journal hears of it.
        let other = request(#""prompt": "in the rain""#)
        atelier.paid.answer(try Repository.picture("noise.png"))
        guard
            case .stopped = await atelier.end(
                try await atelier.admit(other, as: "other"), troubles: [.store: [.stop]])
        else { throw Unexpected(what: "the job was not stopped") }
        try atelier.scratch.write(try Repository.picture("noise.png"), Self.stored)
        #expect(try await makesAnew(request(), as: "second"))
        // The interrupted one goes on with its own picture, and from then on answers its own requests.
        #expect(try await atelier.run(try await atelier.admit(other, as: "other")).picture?.making.reused == false)
        #expect(try await !makesAnew(other, as: "third"))
        #expect(try await makesAnew(request(), as: "fourth"))
    }

    @Test("a failed answer that is retried looks again: a picture that is gone by then is made")
    func retried() async throws {
        try await made()
        let conflict = WardrobeFailure(.recordConflict, "the record kept changing: see who writes it")
        let failed = try await atelier.run(request(), as: "second", troubles: [.record: [conflict]])
        #expect(failed.failure?.code == .recordConflict && failed.attempts == 0)
        try await atelier.land("second", failed)
        try atelier.scratch.folder("wardrobe_photos/peichin/items/visualizations").unlink(
            FileName("\(Atelier.one).jpg"))
        atelier.paid.answer(try Repository.picture("noise.jpg"))
        let result = try await atelier.run(try await atelier.admit(request(), as: "second", old: .failed))
        #expect(result.picture?.making.reused == false && result.attempts == 1)
    }

    @Test("a job that waited for a place is answered by what was made meanwhile")
    func afterTheLine() async throws {
        let allowance = Allowance(concurrent: 1, daily: nil, usedToday: 0)
        atelier.desk.read(Account(balance: nil, models: ["plain": allowance]), of: "paid")
        let place = DeskBook.Place(provider: "paid", model: "plain")
        while atelier.desk.tryEnter(place) {}
        let taken = atelier.desk.figures("paid").taken
        let (told, tell) = AsyncStream.makeStream(of: String.self)
        let ticket = try await atelier.admit(request(), as: "second")
        let second = Task { await atelier.pipeline().run(ticket) { tell.yield($0.message) } }
        for await message in told where message.contains("Waiting for Scripted") { break }
        // Those before it end; the first of them has made this very picture.
        try await keepAsMade()
        for _ in 0..<taken { atelier.desk.leave(place) }
        guard case .result(let result) = await second.value else { throw Unexpected(what: "stopped") }
        #expect(result.picture?.making.reused == true && atelier.paid.orders.isEmpty)
        #expect(atelier.desk.figures("paid") == (taken: 0, waiting: 0))
    }

    /// A picture that another household of the same wardrobe has made is put here, with what its journal knows of it.
    private func keepAsMade() async throws {
        let other = try Atelier()
        let bytes = try Repository.picture("noise.jpg")
        other.paid.answer(bytes)
        _ = try await other.run(request(), as: "first")
        let slot = PictureSlot(userID: "peichin", outfitID: Atelier.one, kind: .image)
        let kept = try #require(try await other.journal.kept(slot))
        _ = try atelier.scratch.folder("wardrobe_photos/peichin/items/visualizations")
        try atelier.scratch.write(try other.scratch.read(Self.stored), Self.stored)
        try await atelier.journal.write { books in try books.keep(kept) }
    }
}

@Suite("What decides how a picture looks, as a value")
struct FingerprintTests {
    private func look(_ change: (inout PictureLook) -> Void = { _ in }) -> PictureLook {
        var look = PictureLook(
            kind: .image, provider: "runway", model: "gen4_image", size: PixelSize(width: 1080, height: 1440), seed: 7,
            prompt: "p",
            garments: [
                .init(photo: SHA256.of([1]), name: "Shirt", category: "tops"),
                .init(photo: SHA256.of([2]), name: "Boots", category: nil),
            ], person: nil, isLaidOut: false)
        change(&look)
        return look
    }

    @Test("it is the same for the same, on every machine and in every version of vizd that says 1")
    func pinned() {
        let digest = "d6fc06d8ce4bfefb3802274970e770c1515365d3f551d36319e94503a9006fb2"
        #expect(look().fingerprint.hex == digest, "another encoding needs another version")
    }

    @Test("each field counts, the order of the garments too; names and categories where vizd lays them out")
    func fields() {
        let changes: [(String, (inout PictureLook) -> Void)] = [
            ("kind", { $0.kind = .video }), ("provider", { $0.provider = "bfl" }), ("model", { $0.model = "m" }),
            ("size", { $0.size = PixelSize(width: 1440, height: 1080) }), ("seed", { $0.seed = 8 }),
            ("no seed", { $0.seed = nil }), ("prompt", { $0.prompt = "p " }), ("no prompt", { $0.prompt = nil }),
            ("empty prompt", { $0.prompt = "" }), ("order", { $0.garments.reverse() }),
            ("one less", { $0.garments.removeLast() }), ("person", { $0.person = SHA256.of([2]) }),
            ("laid out", { $0.isLaidOut = true }),
            (
                "named and laid out",
                {
                    $0.isLaidOut = true
                    $0.garments[0].name = "Blouse"
                }
            ),
        ]
        var seen: Set = [look().fingerprint]
        for (name, change) in changes { #expect(seen.insert(look(change).fingerprint).inserted, "\(name)") }
        #expect(look { $0.garments[0].name = "Blouse" }.fingerprint == look().fingerprint)
    }
}
