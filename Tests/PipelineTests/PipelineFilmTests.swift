// Films through the whole pipeline: what of the stored still is ordered, what is kept of what comes back, and where it
// goes.

import Contract
import Digest
import Imaging
import Linux
import Providers
import TestSupport
import Testing

@testable import Ledger
@testable import Pipeline
@testable import Wardrobe

private let price = Price(credits: 8, microdollars: 80_000)

@Suite("Films")
struct PipelineFilmTests {
    private let atelier: Atelier
    private let film = SampleFilm.mp4(edge: 64, seconds: 4)
    private let visualizations = "wardrobe_photos/peichin/items/visualizations"

    init() throws { atelier = try Atelier() }

    private func request(_ more: String = "") -> String {
        atelier.request(#""provider": "paid", "kind": "video"\#(more)"#, outfit: Atelier.one)
    }

    /// A still of this size where the outfit's picture is stored.
    private func still(_ width: Int = 600, _ height: Int = 800) async throws {
        let noise = try await atelier.workers.prepare(try OpenFile.inMemory(NoisePicture.png(edge: 64, seed: 5)))
        let whole = PixelRect(left: 0, top: 0, width: noise.width, height: noise.height)
        let target = PixelRect(left: 0, top: 0, width: width, height: height)
        let picture = try await atelier.workers.compose(
            SheetOrder(
                width: width, height: height, ground: 0x336699,
                cells: [SheetCell(image: 0, crop: whole, target: target, backdrop: nil)]),
            images: [noise.bytes])
        let user = try #require(UserID("peichin"))
        let outfit = try #require(OutfitID(Atelier.one))
        let name = try #require(StoredName(user: user, outfit: outfit))
        _ = try await atelier.wardrobe.storePicture(picture, for: name)
    }

    private func ordered(_ bodies: [UInt8]...) {
        atelier.paid.say(.accepted(taskID: "t-1", estimate: price))
        for (number, body) in bodies.enumerated() {
            atelier.paid.tell(.done(outputs: ["https://a.test/\(number).mp4"], price: price))
            atelier.transfer.answer(200, body)
        }
    }

    @Test("the stored still is animated, and the film is stored beside it, told in result, record and books")
    func whole() async throws {
        try await still()
        let before = try atelier.scratch.read("\(visualizations)/\(Atelier.one).jpg")
        ordered(film)
        let result = try await atelier.run(request(#", "prompt": "She turns once", "seed": 7"#))
        let made = try #require(result.picture)
        let path = "\(visualizations)/\(Atelier.one).mp4"
        #expect(made.imageURL == path && made.storage == .local(path: "\(atelier.scratch.path)/\(path)"))
        #expect(try atelier.scratch.read(path) == film)
        #expect(try atelier.scratch.read("\(visualizations)/\(Atelier.one).jpg") == before)
        #expect(
            made.image
                == .init(
                    width: 64, height: 64, bytes: film.count, sha256: SHA256.of(film).hex, contentType: "video/mp4",
                    duration: 4))
        #expect(made.making.model == "reel" && made.making.ratio == "832:1104" && made.making.seed == 7)
        #expect(made.making.references == 1 && !made.making.modelDescriptorUsed)
        let order = try #require(atelier.paid.orders.first)
        #expect(order.kind == .video && order.seconds == 4 && order.prompt == made.making.prompt)
        #expect(order.prompt?.contains("Directions: She turns once.") == true && order.references.count == 1)
        #expect(order.references[0].width == 600 && order.references[0].height == 800)
        #expect(result.cost == .init(credits: 8, usd: 0.08))
        let record = try atelier.record()
        #expect(record.contains(path) && !record.contains("visualization_url"), "the app shows a still there")
        #expect(atelier.reports.contains { $0.message == "Waiting for the film" })
    }

    @Test("without a ratio the film takes the shape nearest to the still's, and a still of another shape is framed")
    func shapes() async throws {
        let cases: [(still: (Int, Int), wish: String, film: String, sent: (Int, Int))] = [
            ((800, 800), "", "960:960", (800, 800)),
            ((900, 500), "", "1280:720", (900, 500)), ((900, 450), "", "1280:720", (900, 506)),
            ((400, 1000), "", "832:1104", (754, 1000)),
            ((600, 800), #", "ratio": "1280:720""#, "1280:720", (1422, 800)),
        ]
        for (number, one) in cases.enumerated() {
            try await still(one.still.0, one.still.1)
            ordered(film)
            let result = try await atelier.run(request(one.wish), as: "job-\(number)")
            #expect(result.picture?.making.ratio == one.film, "\(one)")
            let sent = try #require(atelier.paid.orders.last?.references.first)
            #expect(abs(sent.width - one.sent.0) <= 1 && abs(sent.height - one.sent.1) <= 1, "\(one): \(sent.width)")
            let seen = try await atelier.workers.inspect(try OpenFile.inMemory(sent.image))
            #expect(seen.width == sent.width && seen.height == sent.height)
        }
    }

    @Test("what a film's model does not make is refused with what it makes, and a model of pictures is none of films")
    func refused() async throws {
        try await still()
        let cases = [
            (#", "model": "plain""#, "model", "reel"), (#", "ratio": "1080:1440""#, "ratio", "832:1104"),
        ]
        for (number, one) in cases.enumerated() {
            let failure = try #require(try await atelier.run(request(one.0), as: "job-\(number)").failure)
            #expect(failure.code == .invalidRequest && failure.details.map(\.path) == [one.1], "\(failure)")
            #expect(failure.message.contains(one.2))
        }
        let picture = #""provider": "paid", "model": "reel""#
        let failure = try await atelier.run(atelier.request(picture), as: "still").failure
        #expect(failure?.code == .invalidRequest && failure?.message.contains("plain, grand") == true)
        #expect(atelier.paid.orders.isEmpty)
    }

    @Test("without a stored still, or with one that is none, or an outfit in no record, nothing is ordered")
    func nothingToAnimate() async throws {
        let missing = try #require(try await atelier.run(request(), as: "a").failure)
        #expect(missing.code == .garmentUnreadable && missing.message.contains(Atelier.one))
        #expect(missing.stage == .prepare && !missing.retryable)
        _ = try atelier.scratch.folder(visualizations)
        try atelier.scratch.write(Array("<html>".utf8), "\(visualizations)/\(Atelier.one).jpg")
        let broken = try #require(try await atelier.run(request(), as: "b").failure)
        #expect(broken.code == .garmentUnreadable && broken.message.contains("made anew"))
        let nowhere = #"{"user_id": "peichin", "outfit_id": "nowhere", "provider": "paid", "kind": "video"}"#
        #expect(try await atelier.run(nowhere, as: "c").failure?.code == .outfitNotFound)
        #expect(atelier.paid.orders.isEmpty)
        for name in ["a", "b", "c"] { #expect(try await atelier.journal.attempts(name).isEmpty) }
    }

    @Test(
        "a film that is cut short is fetched once more; what is none twice is not_an_image, and a retry fetches again")
    func spoiled() async throws {
        try await still()
        ordered(Array(film.prefix(film.count / 2)), film)
        #expect(try await atelier.run(request(), as: "cut").picture?.image.duration == 4)
        #expect(atelier.paid.orders.count == 1 && atelier.transfer.requests.count == 2)
        let png = NoisePicture.png(edge: 16, seed: 9)
        ordered(png, png, film)
        let spoiled = try await atelier.run(request(#", "seed": 1"#), as: "still")
        let failure = try #require(spoiled.failure)
        #expect(failure.code == .notAnImage && failure.stage == .download && failure.message.contains("no whole film"))
        #expect(spoiled.cost == .init(credits: 8, usd: 0.08))
        try await atelier.land("still", spoiled)
        let again = try await atelier.run(try await atelier.admit(request(#", "seed": 1"#), as: "still", old: .failed))
        #expect(again.picture?.image.contentType == "video/mp4" && atelier.paid.orders.count == 2)
    }

    @Test("stopped anywhere after the order, a film goes on, and its result says the same")
    func resumed() async throws {
        try await still()
        ordered(film)
        let ticket = try await atelier.admit(request())
        guard case .stopped = await atelier.end(ticket, troubles: [.store: [.stop]]) else {
            Issue.record("it did not stop")
            return
        }
        let kept = try await atelier.admit(request())
        guard case .stopped = await atelier.end(kept, troubles: [.record: [.stop]]) else {
            Issue.record("it did not stop in its record")
            return
        }
        let result = try await atelier.run(try await atelier.admit(request()))
        #expect(result.picture?.image.duration == 4 && result.picture?.making.model == "reel")
        #expect(atelier.paid.orders.count == 1 && atelier.transfer.requests.count == 1)
    }

    @Test("an outfit that came within its request is animated under its name, and no record is needed")
    func inline() async throws {
        try await still()
        ordered(film)
        let outfit = #""outfit": {"items": [{"name": "Coat", "image": "items/coat.jpg"}]}"#
        let result = try await atelier.run(
            #"{"user_id": "peichin", "outfit_id": "\#(Atelier.one)", "provider": "paid", "kind": "video", \#(outfit)}"#)
        #expect(result.picture?.imageURL == "\(visualizations)/\(Atelier.one).mp4")
        #expect(atelier.paid.orders.first?.prompt?.contains("The outfit: Coat.") == true)
        #expect(!(try atelier.record()).contains(".mp4"))
    }
}

@Suite("The ground of a still")
struct FilmFrameTests {
    private func canvas(_ width: Int, _ height: Int, _ film: (Int, Int), _ aspect: ClosedRange<Double>?) -> PixelSize? {
        FilmFrame.canvas(
            width: width, height: height, film: PixelSize(width: film.0, height: film.1),
            rule: ReferenceRule(count: 1...1, aspect: aspect, sharesSheets: false))
    }

    @Test("a still of the film's shape, or nearly, goes as it is")
    func same() {
        #expect(canvas(1080, 1440, (832, 1104), 0.5...2) == nil)
        #expect(canvas(720, 1280, (720, 1280), nil) == nil)
        #expect(canvas(0, 10, (1, 1), nil) == nil)
    }

    @Test("any other is surrounded: never smaller than the still, always of a shape that the model takes")
    func framed() {
        for (width, height) in [(1, 1000), (1000, 1), (37, 91), (1536, 600), (999, 1000), (1152, 1536)] {
            for film in [(832, 1104), (720, 1280), (1584, 672), (960, 960)] {
                for aspect in [0.5...2.0, 0.5...2.358] {
                    guard let ground = canvas(width, height, film, aspect) else {
                        #expect(aspect.contains(Double(width) / Double(height)))
                        continue
                    }
                    #expect(ground.width >= width && ground.height >= height)
                    #expect(ground.width == width || ground.height == height)
                    let own = Double(ground.width) / Double(ground.height)
                    #expect(aspect.contains(own), "\(width):\(height) for \(film) is \(ground)")
                }
            }
        }
    }
}
