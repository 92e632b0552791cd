// Jobs that end with a picture: the whole result, the files, the record and the books.

import Contract
import Digest
import Imaging
import Ledger
import Linux
import Providers
import TestSupport
import Testing

@testable import Pipeline

@Suite("Jobs that end well")
struct PipelineCompleteTests {
    private let atelier: Atelier

    init() throws { atelier = try Atelier() }

    @Test("a flat lay of a saved outfit: the result says everything, the picture and the record are there")
    func flatlay() async throws {
        let request = atelier.request(#""metadata": {"cart":  17}"#)
        let result = try await atelier.run(request)
        let picture = try #require(result.picture)
        let file = "wardrobe_photos/peichin/items/visualizations/\(Atelier.three).jpg"
        let bytes = try atelier.scratch.read(file)
        #expect(picture.imageURL == file)
        #expect(picture.storage == .local(path: "\(atelier.scratch.path)/\(file)"))
        #expect(picture.provider == "Flat lay")
        #expect(picture.making.model == "flatlay" && picture.making.ratio == "1080:1440")
        #expect(picture.making.references == 3 && !picture.making.reused)
        #expect(picture.making.seed == nil && picture.making.prompt == nil && picture.making.taskID == nil)
        #expect(!picture.making.modelDescriptorUsed && !picture.making.userLevelDescriptor)
        #expect(picture.image.width == 1080 && picture.image.height == 1440)
        #expect(picture.image.bytes == bytes.count && picture.image.sha256 == SHA256.of(bytes).hex)
        #expect(picture.image.contentType == "image/jpeg")
        #expect(result.jobID == "a" && result.progress == 100 && result.version == "1.2.3")
        #expect(result.cost == .init(credits: nil, usd: 0), "a provider without credits charges none")
        #expect(result.userID == "peichin" && result.outfitID == Atelier.three && result.attempts == 1)
        #expect(result.requestSHA256 == SHA256.of(Array(request.utf8)).hex)
        #expect(result.metadata == Array(#"{"cart":  17}"#.utf8), "echoed as it was written")
        #expect(result.finishedAt == Atelier.now)
        for stage in Stage.allCases { #expect((result.timing.stages[stage] ?? 0) > 0, "\(stage)") }
        #expect(result.timing.queued == 0.25 && (result.timing.total ?? 0) > 0.25)
        #expect(picture.generationTime == result.timing.stages[.generate])
        let seen = try await atelier.workers.inspect(try OpenFile.inMemory(bytes))
        #expect(seen.width == 1080 && seen.height == 1440)
    }

    @Test("what a provider charges stands in the result and in the books, also for a picture that is none")
    func charged() async throws {
        let price = ResultDocument.Cost(credits: 8, usd: 0.08)
        atelier.paid.answer(Array("<html>".utf8))
        let spoiled = try await atelier.run(atelier.request(#""provider": "paid""#, outfit: Atelier.one))
        #expect(spoiled.failure?.code == .notAnImage && spoiled.cost == price)
        let attempt = try #require(try await atelier.journal.attempts("a").last)
        #expect(attempt.state == .settled && !attempt.made)
        #expect(attempt.final == Money(credits: 8, usdMicros: 80_000))
    }

    @Test("the record names the picture and keeps what else it has, and the books know one free attempt")
    func recordAndBooks() async throws {
        _ = try await atelier.run(atelier.request())
        let record = try atelier.record()
        for part in ["visualization_url", "\"job_id\": \"a\"", "Flat lay", "x_unknown_field"] {
            #expect(record.contains(part), "\(part)")
        }
        let row = try #require(try await atelier.journal.row("a"))
        #expect(row.phase == .recorded && row.provider == "flatlay" && row.starts == 0)
        let attempts = try await atelier.journal.attempts("a")
        #expect(attempts.count == 1)
        let attempt = try #require(attempts.first)
        #expect(attempt.state == .settled && attempt.made && attempt.freeOfCharge)
        #expect(attempt.final == .free && attempt.estimate == .free && attempt.userID == "peichin")
        #expect(attempt.month == "2026-11")
    }

    @Test("the same outfit gives the same picture, byte for byte")
    func steady() async throws {
        let first = try #require(try await atelier.run(atelier.request(), as: "a").picture)
        let second = try #require(try await atelier.run(atelier.request(), as: "b").picture)
        #expect(first.image == second.image)
    }

    @Test("an outfit within the request is stored under its id or the job's, and no record is touched")
    func inline() async throws {
        let before = try atelier.record()
        let items = #""outfit": {"items": [{"name": "Hat", "image": "items/red-winter-hat.png"}]}"#
        let named = try await atelier.run(#"{"user_id": "peichin", "outfit_id": "my hat", \#(items)}"#, as: "a")
        #expect(named.picture?.imageURL == "wardrobe_photos/peichin/items/visualizations/my hat.jpg")
        let nameless = try await atelier.run(#"{"user_id": "peichin", \#(items)}"#, as: "job-7")
        #expect(nameless.picture?.imageURL == "wardrobe_photos/peichin/items/visualizations/job-7.jpg")
        #expect(nameless.outfitID == nil)
        #expect(try atelier.record() == before)
    }

    @Test("what a request chooses is what is ordered, and what the result says")
    func choices() async throws {
        atelier.scripted.answer(try Repository.picture("noise.jpg"))
        let choice = #""provider": "scripted", "model": "grand", "ratio": "512:512", "seed": 7"#
        let result = try await atelier.run(atelier.request(choice, outfit: Atelier.one))
        let order = try #require(atelier.scripted.orders.first)
        #expect(atelier.scripted.orders.count == 1)
        #expect(order.model.name == "grand" && order.seed == 7 && order.kind == .image && order.prompt == nil)
        #expect(order.size.description == "512:512")
        let reference = try #require(order.references.first)
        #expect(reference.name == "Black crew-neck T-shirt" && reference.category == "tops")
        let photo = try await atelier.workers.inspect(try OpenFile.inMemory(reference.image))
        #expect(photo.width == reference.width && photo.height == reference.height)
        let making = try #require(result.picture?.making)
        #expect(making.model == "grand" && making.seed == 7 && making.ratio == "512:512" && making.references == 1)
        #expect(result.picture?.provider == "Scripted")
    }

    @Test("a JPEG is stored as it came, a PNG as a JPEG of the same size")
    func formats() async throws {
        for (name, isKept) in [("noise.jpg", true), ("noise.png", false)] {
            let bytes = try Repository.picture(name)
            let source = try await atelier.workers.inspect(try OpenFile.inMemory(bytes))
            atelier.scripted.answer(bytes)
            let result = try await atelier.run(
                atelier.request(#""provider": "scripted""#, outfit: Atelier.one), as: name)
            let image = try #require(result.picture?.image)
            let stored = try atelier.scratch.read("wardrobe_photos/peichin/items/visualizations/\(Atelier.one).jpg")
            #expect((stored == bytes) == isKept, "\(name)")
            #expect(stored.starts(with: [0xFF, 0xD8]) && image.sha256 == SHA256.of(stored).hex)
            #expect((image.width, image.height) == (source.width, source.height))
        }
    }

    @Test("the status file hears of every step in order, with a provider once there is one")
    func reports() async throws {
        _ = try await atelier.run(atelier.request(outfit: Atelier.one))
        let reports = atelier.reports
        #expect(reports.map(\.stage) == [.prepare, .generate, .generate, .download, .store, .update])
        #expect(reports.map(\.percent) == [5, 15, 18, 80, 90, 95])
        #expect(reports.allSatisfy { $0.userID == "peichin" && $0.outfitID == Atelier.one && !$0.message.isEmpty })
        #expect(reports.first?.provider == nil && reports.dropFirst().allSatisfy { $0.provider == "flatlay" })
    }
}
