// Puts the program together: the one place where the real clock, the real disk and the real workers come in.
//
// The order of a start: signals (before any thread), spool, lock, journal, its binding to the spool, then what the last
// run left. A start that cannot be is a `StartFailure` with one sentence and its exit code.

import Contract
import Imaging
import Ledger
import Linux
import Logging
import Pipeline
import Providers
import Spool
import Synchronization
import Transfer
import Wardrobe

/// Why the daemon cannot start.
struct StartFailure: Error {
    let exit: Int32
    let sentence: String
}

/// The parts of a running vizd.
struct Assembly {
    let settings: Settings
    let log: Logger
    let pool: BlockingPool
    let spool: Spool
    let lock: SpoolLock
    let journal: Journal
    let workers: ImageWorkers
    let wardrobe: any Wardrobe
    let landing: Landing
    let statuses: StatusFiles
    let room: Room
    let work: WorkFolder
    let transfer: CurlTransfer
    /// Where the program of `exec.command` works.
    let runs: Directory
    let providers: ProviderRegistry
    let desk: ProviderDesk
    let alarms: Alarms
    let pipeline: Pipeline
    let life: JobLife
    let mailbox: Mailbox

    /// Threads for what blocks (fsync, flock, reading photos), and those that jobs' tasks have beyond them.
    private static let (poolThreads, spareThreads) = (8, 2)
    /// Bytes of prepared photos that are kept in `state.dir/work/prepared`.
    private static let preparedBytes = 512 << 20

    /// Opens everything. The lock is held already.
    init(_ settings: Settings, spool: Spool, lock: SpoolLock, log: Logger) throws(StartFailure) {
        (self.settings, self.spool, self.lock, self.log) = (settings, spool, lock, log)
        let pool = BlockingPool(threads: Assembly.poolThreads, spare: Assembly.spareThreads)
        self.pool = pool
        let state = try Assembly.folder(settings.state.directory, "state.dir")
        let work = try Assembly.folder(settings.state.directory + "/work", "state.dir")
        let prepared = try Assembly.folder(settings.state.directory + "/work/prepared", "state.dir")
        self.work = WorkFolder(work, pool: pool)
        journal = try Assembly.journal(in: state)
        workers = try Assembly.workers(settings)
        let floor = DiskFloor(bytes: settings.spool.minFree)
        let alarms = Alarms()
        let pause: @Sendable (Int64) async -> Void = { await alarms.sleep(until: MonotonicClock.now() + $0) }
        let room = try Assembly.room(settings, spool, state, floor, pool, pause, log)
        self.room = room
        let painter = SheetPainter(workers: workers)
        let transfer = try Assembly.transfer(settings)
        let wardrobe = try StorageAssembly.wardrobe(
            settings, root: try Assembly.absolute(settings.wardrobe.root), pool: pool, pause: pause, work: self.work,
            transfer: transfer, log: log)
        self.wardrobe = wardrobe
        let runs = try Assembly.runs(settings, log)
        let meter = Meter()
        let providers = ProviderRegistry(entries: Assembly.entries(settings, painter, transfer, runs, meter))
        self.runs = runs
        let desk = ProviderDesk(
            monotonicClock: { MonotonicClock.now() }, sleep: { await alarms.sleep(until: $0) },
            ring: { alarms.ring(at: $0, $1) }, report: { log.tell($0) })
        (self.alarms, self.transfer, self.providers, self.desk) = (alarms, transfer, providers, desk)
        pipeline = Pipeline(
            PipelineParts(
                providers: providers, transfer: transfer, wardrobe: wardrobe, journal: journal,
                photos: try Assembly.photos(prepared, workers, pool, settings), workers: workers, painter: painter,
                work: self.work, desk: desk),
            time: PipelineTime(
                wallClock: { WallClock.now() }, monotonicClock: { MonotonicClock.now() },
                sleep: { await alarms.sleep(until: $0) }, ring: { alarms.ring(at: $0, $1) },
                dice: { Double.random(in: 0...1) }),
            settings: PipelineSettings(settings), awaitRoom: { await room.wait($0) },
            floor: { await room.floor($0) })
        statuses = StatusFiles(spool) { log.warning("status.unwritten", metadata: ["reason": "\($0)"]) }
        landing = Landing(
            spool, status: statuses, reserve: room.spoolReserve, floor: floor)
        let board = StatusBoard(
            files: statuses, provider: settings.provider,
            names: { providers.provider($0)?.traits.displayName ?? $0 }, monotonicClock: { MonotonicClock.now() },
            meter: meter)
        do throws(SystemFailure) {
            mailbox = try Mailbox()
        } catch {
            throw StartFailure(exit: 75, sentence: "vizd cannot start: \(error).")
        }
        life = JobLife(
            spool: spool, journal: journal, pipeline: pipeline, landing: landing, board: board, work: self.work,
            pool: pool, log: log, working: NamesAtWork(),
            cancels: Cancellations(ownUser: Host.userID), requestBytes: settings.limits.requestBytes,
            awaitRoom: { await room.wait($0) }, pause: pause, wallClock: { WallClock.now() }, meter: meter)
    }

    // MARK: - Parts

    private static func folder(_ path: String, _ key: String) throws(StartFailure) -> Directory {
        do throws(SystemFailure) {
            try Host.makeDirectories(path, mode: 0o700)
            return try Directory(path: path)
        } catch {
            throw StartFailure(
                exit: 73,
                sentence: "\(path) (\(key)) cannot be used: \(error). Correct \(key), or give vizd's user access.")
        }
    }

    private static func journal(in state: Directory) throws(StartFailure) -> Journal {
        do throws(JournalFailure) {
            return try Journal(path: "\(state.path)/vizd.sqlite")
        } catch {
            throw StartFailure(error)
        }
    }

    private static func workers(_ settings: Settings) throws(StartFailure) -> ImageWorkers {
        var limits = ImageLimits()
        limits.bytes = settings.limits.imageBytes
        limits.pixels = settings.limits.imagePixels
        do throws(SystemFailure) {
            let program = try Host.programFolder() + "/vizd-image"
            return try ImageWorkers(executable: program, workers: max(2, Host.processors), limits: limits)
        } catch {
            throw StartFailure(
                exit: 73, sentence: "The image worker cannot be used: \(error). Install vizd-image beside vizd.")
        }
    }

    private static func transfer(_ settings: Settings) throws(StartFailure) -> CurlTransfer {
        do throws(SystemFailure) {
            return try CurlTransfer(TransferSettings(settings))
        } catch {
            throw StartFailure(exit: 75, sentence: "vizd cannot start: \(error).")
        }
    }

    /// What providers are made of, by these settings.
    static func environment(
        _ settings: Settings, _ painter: any SheetPainting, _ transfer: any Transferring, _ runs: Directory
    ) -> ProviderEnvironment {
        var environment = ProviderEnvironment(
            painter: painter, transfer: transfer, monotonicClock: { MonotonicClock.now() })
        environment.runway.apiKey = settings.runway.apiKey?.reveal()
        environment.runway.baseURL = settings.runway.baseURL
        environment.runway.stall = settings.http.stall.nanoseconds
        environment.runway.videoModel = settings.runway.videoModel
        environment.runway.videoSeconds = settings.runway.videoDuration
        (environment.runway.model, environment.runway.ratio) = (settings.runway.model, PixelSize(settings.runway.ratio))
        environment.fashn = ServiceSettings(settings.fashn, settings)
        environment.bfl = ServiceSettings(settings.bfl, settings)
        environment.openai = OpenAISettings(settings)
        environment.exec = ExecSettings(settings, in: runs)
        return environment
    }

    /// The providers of these settings, whose calls are counted.
    static func entries(
        _ settings: Settings, _ painter: any SheetPainting, _ transfer: any Transferring, _ runs: Directory,
        _ meter: Meter
    ) -> [ProviderEntry] {
        ProviderRegistry.entries(environment(settings, painter, transfer, runs)).map { $0.counted(by: meter) }
    }

    /// The folder for the runs of a program, without what an earlier start left in it.
    private static func runs(_ settings: Settings, _ log: Logger) throws(StartFailure) -> Directory {
        let folder = try folder(settings.state.directory + "/work/exec", "state.dir")
        for trouble in Exec.sweep(folder) { log.warning("exec.leftover", metadata: ["reason": "\(trouble)"]) }
        return folder
    }

    private static func photos(
        _ folder: Directory, _ workers: ImageWorkers, _ pool: BlockingPool, _ settings: Settings
    ) throws(StartFailure) -> PreparedPhotos {
        do throws(SystemFailure) {
            return try PreparedPhotos(
                folder: folder, workers: workers, pool: pool, options: PrepareOptions(), bytesMax: preparedBytes,
                photoBytesMax: settings.limits.imageBytes)
        } catch {
            throw StartFailure(exit: 73, sentence: "\(folder.path) cannot be used: \(error). It may simply be removed.")
        }
    }

    private static func absolute(_ path: String) throws(StartFailure) -> String {
        if path.hasPrefix("/") { return path }
        do throws(SystemFailure) {
            return try Host.workingFolder() + "/" + path
        } catch {
            throw StartFailure(
                exit: 78, sentence: "wardrobe.root \(path) is relative, and the folder that vizd runs in is gone.")
        }
    }

    /// One entry for each file system that is written to: spool, state, and the wardrobe where it is there already.
    private static func room(
        _ settings: Settings, _ spool: Spool, _ state: Directory, _ floor: DiskFloor, _ pool: BlockingPool,
        _ pause: @escaping @Sendable (Int64) async -> Void, _ log: Logger
    ) throws(StartFailure) -> Room {
        var folders = [spool.root, state]
        let isWritten = settings.storage.type == .local || settings.wardrobeType == .local
        do throws(SystemFailure) {
            if isWritten { folders.append(try Directory(path: try absoluteOrGiven(settings.wardrobe.root))) }
        } catch {
            log.notice("wardrobe.missing", metadata: ["path": "\(settings.wardrobe.root)", "reason": "\(error)"])
        }
        var seen: Set<UInt64> = []
        var places: [FileSystemRoom] = []
        for folder in folders {
            do throws(SystemFailure) {
                guard seen.insert(try folder.info().device).inserted else { continue }
            } catch {
                throw StartFailure(exit: 73, sentence: "\(folder.path) cannot be looked at: \(error).")
            }
            places.append(
                FileSystemRoom(folder: folder, reserve: Reserve(in: folder, bytes: settings.spool.reserve)))
        }
        return Room(
            places: places, floor: floor, interval: 2_000_000_000, pool: pool, log: log,
            clock: { MonotonicClock.now() }, pause: pause)
    }

    private static func absoluteOrGiven(_ path: String) throws(SystemFailure) -> String {
        path.hasPrefix("/") ? path : try Host.workingFolder() + "/" + path
    }
}

extension StartFailure {
    init(_ failure: JournalFailure) {
        switch failure.code {
        case .otherSpool, .newerSchema, .olderSchema: self.init(exit: 78, sentence: failure.description)
        case .busy, .full: self.init(exit: 75, sentence: failure.description)
        default: self.init(exit: 73, sentence: failure.description)
        }
    }

    init(_ refusal: SpoolRefusal) { self.init(exit: refusal.exit, sentence: refusal.sentence) }
}

extension RetentionLimits {
    /// What the configuration says of finished jobs.
    init(_ settings: Settings) {
        self.init(done: settings.retention.done?.nanoseconds, failed: settings.retention.failed?.nanoseconds)
    }
}

extension ServiceSettings {
    /// What the configuration says of one hosted service.
    init(_ service: Settings.Service, _ settings: Settings) {
        self.init(baseURL: service.baseURL, model: service.model, concurrent: service.concurrent)
        (apiKey, stall) = (service.apiKey?.reveal(), settings.http.stall.nanoseconds)
    }
}

extension TransferSettings {
    /// What the configuration says of everything that goes out.
    init(_ settings: Settings) {
        self.init()
        allowInsecure = Set(settings.http.allowInsecure.map { $0.lowercased() })
        (proxy, caFile) = (settings.http.proxy, settings.http.caFile)
        userAgent = "vizd/\(Version.text)"
    }
}

extension OpenAISettings {
    /// What the configuration says of OpenAI.
    init(_ settings: Settings) {
        self.init()
        let openai = settings.openai
        (apiKey, baseURL, model) = (openai.apiKey?.reveal(), openai.baseURL, openai.model)
        (quality, organization, project) = (openai.quality, openai.organization, openai.project)
        (concurrent, pictureBytes) = (openai.concurrent, settings.limits.downloadBytes)
    }
}

extension ExecSettings {
    /// What the configuration says of the program that makes pictures, which gets nothing else of our environment.
    init(_ settings: Settings, in folder: Directory) {
        self.init()
        let exec = settings.exec
        (command, timeout) = (exec.command, exec.timeout.nanoseconds)
        (memory, outputBytes, concurrent) = (exec.memory, exec.outputBytes, exec.concurrent)
        self.folder = folder
        environment = Host.environment.filter { ["PATH", "HOME", "LANG"].contains($0.key) }
    }
}

extension PipelineSettings {
    /// What the configuration says of the work on jobs.
    init(_ settings: Settings) {
        self.init(provider: settings.provider, version: Version.text)
        fallback = settings.fallback
        modelDescriptor = settings.runway.modelDescriptor
        if settings.runway.onLostResponse == .resubmit {
            resubmitAfter["runway"] = settings.runway.resubmitAfter.seconds
        }
        poll = PollRule(initial: settings.poll.initial?.seconds, interval: settings.poll.interval.seconds)
        budget = BudgetLimits(
            perRequest: settings.budget.perRequest.map(Int64.init),
            perUserMonthly: settings.budget.perUserMonthly.map(Int64.init),
            monthly: settings.budget.monthly.map(Int64.init))
        recheckAfter = settings.budget.recheckAfter.nanoseconds
        jobDeadline = settings.limits.jobDeadline.nanoseconds
        downloadBytes = settings.limits.downloadBytes
        stall = settings.http.stall.nanoseconds
    }
}
