// The whole pipeline with real parts in a folder of a test's own: a copy of the example wardrobe, a journal, image
// workers, and beside the real flat lay a provider that does what the test tells it to.

import Contract
import Digest
import Imaging
import Ledger
import Linux
import Providers
import Synchronization
import TestSupport
import Testing

@testable import Pipeline
@testable import Wardrobe

/// Answers as it is told to and remembers what it was asked for.
final class ScriptedProvider: Provider {
    let traits: ProviderTraits
    private let cost: Price
    private let script = Mutex<[Result<GeneratedPicture, ProviderFailure>]>([])
    private let asked = Mutex<[Order]>([])
    private let during = Mutex<(@Sendable () async throws -> Void)?>(nil)

    init(_ id: String = "scripted", isFree: Bool = true) {
        let model = { (name: String) in
            ModelTraits(
                name: name, sizes: .listed([PixelSize(width: 512, height: 512)]),
                defaultSize: PixelSize(width: 512, height: 512), maximumReferences: 2, takesPrompt: false,
                takesSeed: true, takesPersonImage: false, kinds: [.image])
        }
        traits = ProviderTraits(
            id: id, displayName: "Scripted", models: [model("plain"), model("grand")], isFree: isFree)
        cost = isFree ? .free : Price(credits: 8, microdollars: 80_000)
    }

    /// What the next order is answered with.
    func answer(_ bytes: [UInt8]) { script.withLock { $0.append(.success(GeneratedPicture(bytes: bytes))) } }
    func fail(_ failure: ProviderFailure) { script.withLock { $0.append(.failure(failure)) } }

    /// What happens while the next order is under way.
    func meanwhile(_ body: @escaping @Sendable () async throws -> Void) { during.withLock { $0 = body } }

    var orders: [Order] { asked.withLock { $0 } }

    func price(_ order: Order) -> Price { cost }

    func submit(_ order: Order) async throws(ProviderFailure) -> GeneratedPicture {
        asked.withLock { $0.append(order) }
        let body = during.withLock { body in
            defer { body = nil }
            return body
        }
        do { try await body?() } catch { Issue.record(error) }
        let answer = script.withLock { $0.isEmpty ? nil : $0.removeFirst() }
        guard let answer else {
            throw ProviderFailure(code: .internal, message: "The test had no answer.", retryable: false)
        }
        return try answer.get()
    }
}

/// The wardrobe that it is given, but for calls that fail as the test says.
final class TroubledWardrobe: Wardrobe {
    enum Call { case outfit, photo, store, record }
    private let real: LocalWardrobe
    private let troubles: Mutex<[Call: [WardrobeFailure]]>

    init(_ real: LocalWardrobe, _ troubles: [Call: [WardrobeFailure]]) {
        self.real = real
        self.troubles = Mutex(troubles)
    }

    private func trouble(_ call: Call) throws(WardrobeFailure) {
        let next = troubles.withLock { troubles -> WardrobeFailure? in
            guard let first = troubles[call]?.first else { return nil }
            troubles[call]?.removeFirst()
            return first
        }
        if let next { throw next }
    }

    func profile(of user: UserID) async throws(WardrobeFailure) -> Profile { try await real.profile(of: user) }

    func outfit(_ outfit: OutfitID, of user: UserID) async throws(WardrobeFailure) -> Outfit {
        try trouble(.outfit)
        return try await real.outfit(outfit, of: user)
    }

    func openPhoto(_ garment: Garment, of user: UserID) async throws(WardrobeFailure) -> OpenedPhoto {
        try trouble(.photo)
        return try await real.openPhoto(garment, of: user)
    }

    func storePicture(_ bytes: [UInt8], for name: StoredName) async throws(WardrobeFailure) -> StoredPicture {
        try trouble(.store)
        return try await real.storePicture(bytes, for: name)
    }

    func record(_ update: RecordUpdate, of user: UserID) async throws(WardrobeFailure) {
        try trouble(.record)
        try await real.record(update, of: user)
    }
}

/// Draws sheets with the image workers.
private struct Painter: SheetPainting {
    let workers: ImageWorkers

    func paint(_ sheet: FlatLaySheet, _ references: [Reference]) async throws(ProviderFailure) -> [UInt8] {
        let rect = { (box: PixelBox) in PixelRect(left: box.left, top: box.top, width: box.width, height: box.height) }
        let cells = references.indices.map { index in
            SheetCell(
                image: index, crop: rect(references[index].content), target: rect(sheet.places[index]),
                backdrop: references[index].backdrop)
        }
        let order = SheetOrder(width: sheet.size.width, height: sheet.size.height, ground: sheet.ground, cells: cells)
        do throws(ImageFailure) {
            return try await workers.compose(order, images: references.map(\.image))
        } catch {
            throw ProviderFailure(code: .generationFailed, message: error.message, retryable: false)
        }
    }
}

/// All the parts, and what they told.
final class Atelier: Sendable {
    let scratch: Scratch
    let journal: Journal
    let workers: ImageWorkers
    let work: WorkFolder
    let wardrobe: LocalWardrobe
    let scripted = ScriptedProvider()
    let paid = ScriptedProvider("paid", isFree: false)
    private let photos: PreparedPhotos
    private let flatlay: FlatLay
    private let waits = Mutex<[String]>([])
    private let reported = Mutex<[StageReport]>([])
    private let onWait = Mutex<(@Sendable () async throws -> Void)?>(nil)

    /// 24 November 2026, noon.
    static let now = Timestamp(nanoseconds: 1_795_521_600_000_000_000)
    /// The example's outfit of three garments, and the one of one.
    static let three = "8f14e45f-ceea-467f-a0e6-1d1c6d3a0001"
    static let one = "8f14e45f-ceea-467f-a0e6-1d1c6d3a0002"

    init() throws {
        scratch = try Scratch()
        try scratch.copy("\(Repository.root)/Examples/wardrobe_photos", to: "wardrobe_photos")
        journal = try Journal(path: "\(scratch.path)/vizd.sqlite")
        workers = try ImageWorkers(executable: BuiltProducts.path(of: "vizd-image"), workers: 2)
        let pool = BlockingPool(threads: 4)
        work = WorkFolder(try scratch.folder("work"), pool: pool)
        wardrobe = LocalWardrobe(root: "\(scratch.path)/wardrobe_photos", pool: pool, pace: .real)
        photos = try PreparedPhotos(
            folder: scratch.folder("prepared"), workers: workers, pool: pool, options: PrepareOptions(),
            bytesMax: 1 << 26, photoBytesMax: 50 << 20)
        flatlay = FlatLay(painter: Painter(workers: workers))
    }

    /// The reasons for which a step waited for room.
    var waited: [String] { waits.withLock { $0 } }
    /// What the status file was told.
    var reports: [StageReport] { reported.withLock { $0 } }

    /// What happens when a step waits for room the next time.
    func whenItWaits(_ body: @escaping @Sendable () async throws -> Void) { onWait.withLock { $0 = body } }

    func pipeline(troubles: [TroubledWardrobe.Call: [WardrobeFailure]] = [:]) -> Pipeline {
        let ticks = Mutex<Int64>(0)
        return Pipeline(
            providers: ProviderRegistry([flatlay, scripted, paid]), wardrobe: TroubledWardrobe(wardrobe, troubles),
            journal: journal, photos: photos, workers: workers, work: work,
            settings: PipelineSettings(provider: "flatlay", version: "1.2.3"),
            awaitRoom: { await self.room($0) }, wallClock: { Atelier.now.nanoseconds },
            monotonicClock: {
                ticks.withLock {
                    $0 += 1_000_000; return $0
                }
            })
    }

    private func room(_ reason: String) async {
        waits.withLock { $0.append(reason) }
        let body = onWait.withLock { body in
            defer { body = nil }
            return body
        }
        do { try await body?() } catch { Issue.record(error) }
    }

    /// Lets a request in, as the daemon does.
    func admit(_ request: String, as name: String = "a", old: Admission.OldRequest = .nowhere) async throws
        -> JobTicket
    {
        let bytes = Array(request.utf8)
        let decoded: Result<JobRequest, RequestFault>
        do throws(RequestFault) { decoded = .success(try JobRequest.decode(bytes)) } catch { decoded = .failure(error) }
        let question = AdmissionRequest(
            name: name, digest: SHA256.of(bytes).bytes, ownerUID: 1000, request: bytes, userID: "peichin",
            outfitID: nil, oldRequest: old, running: false, at: Atelier.now)
        let job = try #require(try await journal.admit([question]).first?.job)
        return JobTicket(name: name, decoded: decoded, resume: job.resume, row: job.row, last: job.last, queued: 0.25)
    }

    /// Runs a request to its end.
    func run(_ request: String, as name: String = "a", troubles: [TroubledWardrobe.Call: [WardrobeFailure]] = [:])
        async throws -> ResultDocument
    {
        try await run(try await admit(request, as: name), troubles: troubles)
    }

    func run(_ ticket: JobTicket, troubles: [TroubledWardrobe.Call: [WardrobeFailure]] = [:]) async throws
        -> ResultDocument
    {
        guard case .result(let document) = await end(ticket, troubles: troubles) else {
            throw Unexpected(what: "the pipeline stopped")
        }
        return document
    }

    func end(_ ticket: JobTicket, troubles: [TroubledWardrobe.Call: [WardrobeFailure]] = [:]) async -> JobEnd {
        await pipeline(troubles: troubles).run(ticket) { [self] report in reported.withLock { $0.append(report) } }
    }

    /// Ends a job in the journal as the daemon does.
    func land(_ name: String, _ result: ResultDocument) async throws {
        let box: OutcomeBox
        var code: ResultCode?
        switch result.outcome {
        case .complete: box = .done
        case .failed(let failure): (box, code) = (.failed, failure.code)
        }
        try await journal.landing(name, box, code: code, result: result.encode(), at: Atelier.now)
        try await journal.landed([name], at: Atelier.now)
    }

    func request(_ more: String = "", outfit: String = Atelier.three) -> String {
        #"{"user_id": "peichin", "outfit_id": "\#(outfit)"\#(more.isEmpty ? "" : ", \(more)")}"#
    }

    /// The user's record as text.
    func record() throws -> String {
        String(decoding: try scratch.read("wardrobe_photos/peichin/saved_outfits.json"), as: UTF8.self)
    }
}

struct Unexpected: Error { let what: String }

extension ResultDocument {
    /// Why it failed.
    var failure: Failure? {
        guard case .failed(let failure) = outcome else { return nil }
        return failure
    }

    /// The picture that it made.
    var picture: Picture? {
        guard case .complete(let picture, _) = outcome else { return nil }
        return picture
    }
}
