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
import Transfer

@testable import Pipeline
@testable import Wardrobe

/// Answers as it is told to and remembers what it was asked for.
final class ScriptedProvider: Provider {
    let traits: ProviderTraits
    private let cost: Price
    private let script = Mutex<[Submission]>([])
    private let news = Mutex<[Result<TaskState, ProviderFailure>]>([])
    private let stages = Mutex<[ProviderFailure]>([])
    private let accounts = Mutex<[Account]>([])
    private let asked = Mutex<[Order]>([])
    private let polled = Mutex<[String]>([])
    private let deafness = Mutex<[ProviderFailure]>([])
    private let given = Mutex<[String]>([])
    /// Whether its tasks can be given up at all.
    let cancels = Mutex(true)
    private let steps = Mutex<[CallProgress]>([])
    private let during = Mutex<(@Sendable () async throws -> Void)?>(nil)

    /// A paid one makes tasks, takes prompts of up to 1,000 characters and up to two pictures, shared ones and a
    /// person's too; and it makes films of four seconds.
    init(_ id: String = "scripted", isFree: Bool = true, hasLongCalls: Bool = false) {
        let model = { (name: String) in
            ModelTraits(
                name: name,
                sizes: .listed([PixelSize(width: 512, height: 512), PixelSize(width: 512, height: 768)]),
                defaultSize: PixelSize(width: 512, height: 512),
                references: ReferenceRule(count: 1...2, aspect: nil, sharesSheets: !isFree),
                prompt: isFree ? nil : PromptRule(limit: 1000, mention: .tag), takesSeed: true,
                takesPersonImage: !isFree, kinds: [.image])
        }
        let reel = ModelTraits(
            name: "reel",
            sizes: .listed([
                PixelSize(width: 832, height: 1104), PixelSize(width: 1280, height: 720),
                PixelSize(width: 960, height: 960),
            ]),
            defaultSize: PixelSize(width: 832, height: 1104),
            references: ReferenceRule(count: 1...1, aspect: 0.5...2, sharesSheets: false),
            prompt: PromptRule(limit: 1000, mention: .number(word: "picture")), takesSeed: true,
            takesPersonImage: false, kinds: [.video], seconds: 4)
        traits = ProviderTraits(
            id: id, displayName: "Scripted", models: [model("plain"), model("grand")] + (isFree ? [] : [reel]),
            isFree: isFree, hasLongCalls: hasLongCalls)
        cost = isFree ? .free : Price(credits: 8, microdollars: 80_000)
    }

    /// What the next order is answered with, at its price.
    func answer(_ bytes: [UInt8]) {
        let price = traits.isFree ? Price.free : Price(credits: 8, microdollars: 80_000)
        say(.made(GeneratedPicture(bytes: bytes), price: price))
    }
    func fail(_ failure: ProviderFailure) { say(.refused(failure)) }
    func say(_ answer: Submission) { script.withLock { $0.append(answer) } }

    /// What every order tells of itself as long as it lasts.
    func tellDuring(_ progress: CallProgress...) { steps.withLock { $0 = progress } }

    /// What the next look at a task brings.
    func tell(_ states: TaskState...) { news.withLock { $0 += states.map { .success($0) } } }
    func keepSilent(_ failure: ProviderFailure, times: Int = 1) {
        news.withLock { $0 += [Result<TaskState, ProviderFailure>](repeating: .failure(failure), count: times) }
    }

    /// What was to be told is not told any more.
    func forgetNews() { news.withLock { $0 = [] } }

    /// How the next free call before an order fails.
    func failStage(_ failure: ProviderFailure) { stages.withLock { $0.append(failure) } }

    /// What the account says from now on; the last one stays.
    func count(_ account: Account...) { accounts.withLock { $0 = account } }

    /// What happens while the next order is under way.
    func meanwhile(_ body: @escaping @Sendable () async throws -> Void) { during.withLock { $0 = body } }

    var orders: [Order] { asked.withLock { $0 } }
    /// The tasks that were looked at, in order.
    var polls: [String] { polled.withLock { $0 } }

    func price(_ order: Order) -> Price { cost }

    func stage(_ order: Order) async throws(ProviderFailure) -> Order {
        let failure = stages.withLock { $0.isEmpty ? nil : $0.removeFirst() }
        if let failure { throw failure }
        return order
    }

    func submit(_ order: Order) async -> Submission {
        asked.withLock { $0.append(order) }
        let body = during.withLock { body in
            defer { body = nil }
            return body
        }
        do { try await body?() } catch { Issue.record(error) }
        let answer = script.withLock { $0.isEmpty ? nil : $0.removeFirst() }
        let none = ProviderFailure(code: .internal, message: "The test had no answer.", retryable: false)
        return answer ?? .refused(none)
    }

    func submit(_ order: Order, progress: @escaping @Sendable (CallProgress) -> Void) async -> Submission {
        for step in steps.withLock({ $0 }) { progress(step) }
        return await submit(order)
    }

    func poll(_ taskID: String) async throws(ProviderFailure) -> TaskReport {
        polled.withLock { $0.append(taskID) }
        let next = news.withLock { $0.isEmpty ? nil : $0.removeFirst() }
        return TaskReport(try next?.get() ?? .gone(code: "TEST", message: "The test had no news."))
    }

    /// How the next wish to give a task up fails.
    func failCancel(_ failure: ProviderFailure) { deafness.withLock { $0.append(failure) } }

    /// The tasks that were given up, in order, also in vain.
    var givenUp: [String] { given.withLock { $0 } }

    var canCancel: Bool { cancels.withLock { $0 } }

    func cancel(_ taskID: String) async throws(ProviderFailure) {
        given.withLock { $0.append(taskID) }
        let failure = deafness.withLock { $0.isEmpty ? nil : $0.removeFirst() }
        if let failure { throw failure }
    }

    func account() async throws(ProviderFailure) -> Account? {
        accounts.withLock { $0.count > 1 ? $0.removeFirst() : $0.first }
    }
}

/// A clock that stands still until somebody sleeps, and then is where they wanted to be.
final class ManualTime: Sendable {
    private struct State {
        var monotonic: Int64 = 1_000_000_000
        var wall = Atelier.now.nanoseconds
        var sleeps: [Double] = []
    }

    private let state = Mutex(State())

    var monotonic: Int64 { state.withLock { $0.monotonic } }
    var wall: Int64 { state.withLock { $0.wall } }
    /// How long each sleep was, in seconds.
    var sleeps: [Double] { state.withLock { $0.sleeps } }

    func sleep(until moment: Int64) {
        state.withLock { state in
            let span = max(0, moment - state.monotonic)
            state.sleeps.append(Double(span) / 1e9)
            state.monotonic += span
            state.wall += span
        }
    }

    /// Lets time pass.
    func pass(seconds: Double) {
        state.withLock { state in
            state.monotonic += Int64(seconds * 1e9)
            state.wall += Int64(seconds * 1e9)
        }
    }

    /// Sets the clock on the wall by so many seconds, as a person or NTP does.
    func jump(seconds: Double) { state.withLock { $0.wall += Int64(seconds * 1e9) } }

    /// Each look costs a millisecond, so that durations are seen.
    func look() -> Int64 {
        state.withLock { state in
            state.monotonic += 1_000_000
            return state.monotonic
        }
    }
}

/// Alarms that ring when the test says so, one by one.
final class Bells: Sendable {
    private let alarms = Mutex<[(at: Int64, ring: @Sendable () -> Void)]>([])

    func set(_ moment: Int64, _ ring: @escaping @Sendable () -> Void) {
        alarms.withLock { $0.append((moment, ring)) }
    }

    /// Puts the clock on to the earliest, and rings it. Answers by how many seconds.
    func strike(_ time: ManualTime) throws -> Double {
        let next = alarms.withLock { alarms in
            alarms.indices.min { alarms[$0].at < alarms[$1].at }.map { alarms.remove(at: $0) }
        }
        guard let next else { throw Unexpected(what: "nothing is to ring") }
        let seconds = Double(max(0, next.at - time.monotonic)) / 1e9
        time.pass(seconds: seconds)
        next.ring()
        return seconds
    }
}

/// Answers fetches as it is told to.
final class ScriptedTransfer: Transferring {
    typealias Outcome = Result<(status: Int, body: [UInt8]), TransferFailure>
    private let script = Mutex<[Outcome]>([])
    private let asked = Mutex<[TransferRequest]>([])

    func answer(_ status: Int = 200, _ body: [UInt8] = []) { script.withLock { $0.append(.success((status, body))) } }
    func fail(_ failure: TransferFailure) { script.withLock { $0.append(.failure(failure)) } }
    var requests: [TransferRequest] { asked.withLock { $0 } }

    func transfer(_ request: TransferRequest) async throws(TransferFailure) -> TransferAnswer {
        asked.withLock { $0.append(request) }
        let next = script.withLock { $0.isEmpty ? nil : $0.removeFirst() }
        guard let next else { throw TransferFailure(.unconnected, sent: .nothing, "the test had no answer") }
        let (status, body) = try next.get()
        guard case .growing(let file) = request.sink, (200..<300).contains(status) else {
            return TransferAnswer(status: status, headers: [], body: body)
        }
        body.withUnsafeBytes { bytes in
            do throws(SystemFailure) { try file.pwrite(all: bytes, at: 0) } catch { Issue.record(error) }
        }
        return TransferAnswer(status: status, headers: [], body: [], bytes: body.count)
    }
}

/// The wardrobe that it is given, but for calls that fail as the test says.
final class TroubledWardrobe: Wardrobe {
    enum Call { case outfit, photo, store, read, record, clear, describe, remove }
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

    func close() async { await real.close() }

    func outfit(_ outfit: OutfitID, of user: UserID) async throws(WardrobeFailure) -> Outfit {
        try trouble(.outfit)
        return try await real.outfit(outfit, of: user)
    }

    func openPhoto(_ garment: Garment, of user: UserID) async throws(WardrobeFailure) -> OpenedPhoto {
        try trouble(.photo)
        return try await real.openPhoto(garment, of: user)
    }

    func storePicture(
        _ bytes: [UInt8], for name: StoredName, until deadline: Int64?
    ) async throws(WardrobeFailure) -> StoredPicture {
        try trouble(.store)
        return try await real.storePicture(bytes, for: name, until: deadline)
    }

    func readPicture(_ name: StoredName) async throws(WardrobeFailure) -> [UInt8]? {
        try trouble(.read)
        return try await real.readPicture(name)
    }

    func record(_ update: RecordUpdate, of user: UserID) async throws(WardrobeFailure) {
        try trouble(.record)
        try await real.record(update, of: user)
    }

    func clearRecord(of outfit: OutfitID, _ user: UserID) async throws(WardrobeFailure) -> Bool {
        try trouble(.clear)
        return try await real.clearRecord(of: outfit, user)
    }

    func setDescriptor(_ descriptor: String?, of user: UserID) async throws(WardrobeFailure) {
        try trouble(.describe)
        try await real.setDescriptor(descriptor, of: user)
    }

    func pictures(of outfit: OutfitID, _ user: UserID) async throws(WardrobeFailure) -> [String] {
        try await real.pictures(of: outfit, user)
    }

    func removePictures(of outfit: OutfitID, _ user: UserID) async throws(WardrobeFailure) -> [String] {
        try trouble(.remove)
        return try await real.removePictures(of: outfit, user)
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
    /// One whose answer brings the picture along.
    let long = ScriptedProvider("long", isFree: false, hasLongCalls: true)
    /// The same for nothing: a program.
    let program = ScriptedProvider("program", hasLongCalls: true)
    let transfer = ScriptedTransfer()
    let time = ManualTime()
    let bells = Bells()
    /// What the desk told of the providers' health.
    let news = Noted<[DeskNews]>([])
    let desk: ProviderDesk
    /// Of the jobs that are run from now on.
    let settings = Mutex(PipelineSettings(provider: "flatlay", version: "1.2.3"))
    private let photos: PreparedPhotos
    private let flatlay: FlatLay
    private let waits = Mutex<[String]>([])
    private let reported = Mutex<[StageReport]>([])
    /// What is in the way of the next orders, for one look each.
    let floors = Mutex<[String]>([])
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
        // Holds end when a test releases them or strikes the bells: none waits out ten minutes.
        desk = ProviderDesk(
            monotonicClock: { [time] in time.monotonic }, sleep: { _ in }, ring: { [bells] in bells.set($0, $1) },
            report: { [news] one in news.change { $0.append(one) } })
    }

    /// The reasons for which a step waited for room.
    var waited: [String] { waits.withLock { $0 } }
    /// What the status file was told.
    var reports: [StageReport] { reported.withLock { $0 } }

    /// What happens when a step waits for room the next time.
    func whenItWaits(_ body: @escaping @Sendable () async throws -> Void) { onWait.withLock { $0 = body } }

    func pipeline(troubles: [TroubledWardrobe.Call: [WardrobeFailure]] = [:]) -> Pipeline {
        Pipeline(
            PipelineParts(
                providers: ProviderRegistry([flatlay, scripted, paid, long, program]), transfer: transfer,
                wardrobe: TroubledWardrobe(wardrobe, troubles), journal: journal, photos: photos, workers: workers,
                painter: Painter(workers: workers), work: work, desk: desk),
            time: PipelineTime(
                wallClock: { [time] in time.wall }, monotonicClock: { [time] in time.look() },
                sleep: { [time] in time.sleep(until: $0) }, dice: { 0 }),
            settings: settings.withLock { $0 }, awaitRoom: { await self.room($0) },
            floor: { [self] _ in floors.withLock { $0.isEmpty ? nil : $0.removeFirst() } })
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

    /// The work on jobs with no trouble, to be held over several of them.
    func run(_ ticket: JobTicket, in pipeline: Pipeline) async throws -> ResultDocument {
        guard case .result(let document) = await pipeline.run(ticket, report: { _ in }) else {
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
        case .complete, .batch, .removed, .profile: box = .done
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
