// A job's life with all its real parts in a folder of a test's own: spool, journal, wardrobe, image workers, landing.
// Only the provider may be one that waits until the test lets it go on.

import Contract
import Digest
import Foundation
import Imaging
import Ledger
import Linux
import Logging
import Pipeline
import Providers
import Spool
import Synchronization
import TestSupport
import Testing
import Transfer
import Wardrobe

@testable import vizd

/// Makes one and the same picture, when the test lets it; or fails as it is told.
final class GatedProvider: Provider {
    private struct Gate {
        var isClosed = false
        var orders = 0
        var failures: [ProviderFailure] = []
        var held: [CheckedContinuation<Void, Never>] = []
        var watchers: [(orders: Int, continuation: CheckedContinuation<Void, Never>)] = []
    }

    private let gate = Mutex(Gate())
    private let picture: [UInt8]
    private let film = SampleFilm.mp4(edge: 64, seconds: 4)

    init(picture: [UInt8], makesFilms: Bool = false) {
        self.picture = picture
        let model = { (name: String, prompt: PromptRule?, kind: PictureKind) in
            ModelTraits(
                name: name, sizes: .free(sides: 1...99_999, slenderness: 99_999),
                defaultSize: PixelSize(width: 64, height: 64),
                references: ReferenceRule(count: 1...40, sharesSheets: false), prompt: prompt,
                takesSeed: true, takesPersonImage: false, kinds: [kind], seconds: kind == .video ? 4 : nil)
        }
        let reel = model("reel", PromptRule(limit: 1000, mention: .tag), .video)
        traits = ProviderTraits(
            id: "gated", displayName: "Gated", models: [model("gated", nil, .image)] + (makesFilms ? [reel] : []),
            isFree: true)
    }

    let traits: ProviderTraits

    var orders: Int { gate.withLock { $0.orders } }
    func close() { gate.withLock { $0.isClosed = true } }

    func open() {
        let held = gate.withLock { gate in
            defer { (gate.isClosed, gate.held) = (false, []) }
            return gate.held
        }
        for one in held { one.resume() }
    }

    /// Returns when so many orders have come.
    func reached(_ orders: Int) async {
        await withCheckedContinuation { continuation in
            let isReached = gate.withLock { gate in
                if gate.orders < orders { gate.watchers.append((orders, continuation)) }
                return gate.orders >= orders
            }
            if isReached { continuation.resume() }
        }
    }

    func fail(_ code: ResultCode) {
        let failure = ProviderFailure(code: code, message: "It said no.", retryable: true)
        gate.withLock { $0.failures.append(failure) }
    }

    func price(_ order: Order) -> Price { .free }

    func submit(_ order: Order) async -> Submission {
        let watchers = gate.withLock { gate in
            gate.orders += 1
            let orders = gate.orders
            defer { gate.watchers.removeAll { $0.orders <= orders } }
            return gate.watchers.filter { $0.orders <= orders }
        }
        for watcher in watchers { watcher.continuation.resume() }
        await withCheckedContinuation { continuation in
            let isHeld = gate.withLock { gate in
                if gate.isClosed { gate.held.append(continuation) }
                return gate.isClosed
            }
            if !isHeld { continuation.resume() }
        }
        let failure = gate.withLock { $0.failures.isEmpty ? nil : $0.failures.removeFirst() }
        if let failure { return .refused(failure) }
        return .made(GeneratedPicture(bytes: order.kind == .video ? film : picture), price: nil)
    }
}

final class Household: Sendable {
    let path: String
    let spool: Spool
    let journal: Journal
    let workers: ImageWorkers
    let work: WorkFolder
    let statuses: StatusFiles
    let life: JobLife
    let provider: GatedProvider
    let lines = Lines()
    private let claim: Mutex<Claim>

    init(makesFilms: Bool = false) throws {
        path = "\(NSTemporaryDirectory())vizd-household-\(Random.hex(bytes: 8))"
        try Host.makeDirectories("\(path)/work/prepared", mode: 0o700)
        try FileManager.default.copyItem(
            atPath: "\(Repository.root)/Examples/wardrobe_photos", toPath: "\(path)/wardrobe_photos")
        spool = try Spool(path: "\(path)/spool")
        claim = Mutex(Claim(spool))
        journal = try Journal(path: "\(path)/vizd.sqlite")
        workers = try ImageWorkers(executable: BuiltProducts.path(of: "vizd-image"), workers: 1)
        let pool = BlockingPool(threads: 4, spare: 1)
        work = WorkFolder(try Directory(path: "\(path)/work"), pool: pool)
        let picture = "\(Repository.root)/Tests/ImagingTests/Images/noise.jpg"
        provider = GatedProvider(picture: try Host.readFile(picture, limit: 1 << 20), makesFilms: makesFilms)
        let clock: @Sendable () -> Int64 = { WallClock.now() }
        let (painter, alarms) = (SheetPainter(workers: workers), Alarms())
        let sleep: @Sendable (Int64) async -> Void = { await alarms.sleep(until: $0) }
        let pipeline = Pipeline(
            PipelineParts(
                providers: ProviderRegistry([FlatLay(painter: painter), provider]),
                transfer: try CurlTransfer(TransferSettings()),
                wardrobe: LocalWardrobe(root: "\(path)/wardrobe_photos", pool: pool, pace: .real), journal: journal,
                photos: try PreparedPhotos(
                    folder: try Directory(path: "\(path)/work/prepared"), workers: workers, pool: pool,
                    options: PrepareOptions(), bytesMax: 1 << 26, photoBytesMax: 50 << 20),
                workers: workers, painter: painter, work: work,
                desk: ProviderDesk(monotonicClock: { MonotonicClock.now() }, sleep: sleep)),
            time: PipelineTime(
                wallClock: clock, monotonicClock: { MonotonicClock.now() }, sleep: sleep, dice: { 0 }),
            settings: PipelineSettings(provider: "gated", version: "1"), awaitRoom: { _ in }, floor: { _ in nil })
        statuses = StatusFiles(spool) { Issue.record("a status could not be written: \($0)") }
        let board = StatusBoard(
            files: statuses, provider: "gated", names: { $0 }, monotonicClock: { MonotonicClock.now() })
        life = JobLife(
            spool: spool, journal: journal, pipeline: pipeline, landing: Landing(spool, status: statuses),
            board: board, work: work, pool: pool, log: lines.output(.text).logger(), working: NamesAtWork(),
            cancels: Cancellations(ownUser: Host.userID), requestBytes: 4096, awaitRoom: { _ in },
            pause: { await sleep(MonotonicClock.now() + $0 / 10) }, wallClock: clock)
    }

    deinit {
        statuses.close()
        do { try FileManager.default.removeItem(atPath: path) } catch { Issue.record("\(path) stays behind: \(error)") }
    }

    /// A request for a new picture of the example's outfit of one garment.
    static func request(_ more: String = "") -> String {
        let outfit = #""outfit_id": "8f14e45f-ceea-467f-a0e6-1d1c6d3a0002", "regenerate": true"#
        return #"{"user_id": "peichin", \#(outfit)\#(more.isEmpty ? "" : ", \(more)")}"#
    }

    /// Delivers a file as producers do.
    func deliver(_ text: String = Household.request(), as name: FileName = "a.json") throws {
        try spool[.tmp].publish(Array(text.utf8), as: "delivery", temporary: ".delivery", durable: false)
        try spool[.tmp].rename("delivery", to: spool[.incoming], as: name, .replace)
    }

    /// Claims what is in incoming under that name.
    func claimed(_ name: FileName = "a.json") throws -> Claimed {
        let report = try claim.withLock { claim throws(SpoolFatal) in try claim.claim([name]) }
        return try #require(report.claimed.first, "\(name) could not be claimed")
    }

    /// Claims a file and lives its life to the end.
    func live(_ name: FileName = "a.json") async throws { try await live(try claimed(name)) }

    func live(_ claimed: Claimed) async throws {
        switch await life.live(claimed, queued: 0.5) {
        case .ended: return
        case .machine(let sentence): throw Ill(sentence: sentence)
        case .parked(let family): try await conclude(family)
        }
    }

    /// What the loop does with a job that was taken apart, one part after the other, to its end.
    func conclude(_ family: Family) async throws {
        var (families, queue) = (Families(), Queue(capacity: 10, perUser: 10))
        _ = queue.insert(families.begin(family))
        while let job = queue.take()?.fileless {
            let (errand, next) = families.taken(job)
            if let next { _ = queue.insert(next) }
            switch await life.live(errand) {
            case .ended: if let whole = families.ended(job) { _ = queue.insert(whole) }
            case .machine(let sentence): throw Ill(sentence: sentence)
            case .parked(let parts): _ = queue.insert(families.begin(parts))
            }
        }
        guard families.count == 0 else { throw Ill(sentence: "\(families.count) compound jobs did not end") }
    }

    /// Delivers, claims and lives.
    func run(_ text: String = Household.request(), as name: FileName = "a.json") async throws {
        try deliver(text, as: name)
        try await live(name)
    }

    func names(_ box: Box) throws -> [String] { try spool[box].names().map(\.description) }

    func bytes(_ name: FileName, in box: Box) throws -> [UInt8] {
        let reading = Reading.of(name, in: spool[box], limit: 1 << 20)
        guard case .bytes(let bytes, _) = reading else { throw Ill(sentence: "\(box)/\(name): \(reading)") }
        return bytes
    }

    func result(_ name: String = "a", in box: Box) throws -> ResultDocument {
        try ResultDocument.decode(try bytes(FileName("\(name).result.json"), in: box))
    }

    /// What a user does with `mv`.
    func move(_ name: FileName = "a.json", from box: Box, to target: Box = .incoming) throws {
        try spool[box].rename(name, to: spool[target], as: name, .noReplace)
    }

    /// What must hold whenever nothing is under way.
    func isAtRest(_ location: SourceLocation = #_sourceLocation) async throws {
        #expect(try names(.processing).isEmpty, sourceLocation: location)
        #expect(life.working.all.isEmpty, sourceLocation: location)
        #expect(statuses.count == 0, sourceLocation: location)
        #expect(try await journal.rows(open: true).isEmpty, sourceLocation: location)
        for box in Box.allCases {
            let hidden = try names(box).filter { $0.hasPrefix(".") }
            #expect(hidden.isEmpty, "left in \(box)", sourceLocation: location)
        }
    }
}

struct Ill: Error { let sentence: String }
