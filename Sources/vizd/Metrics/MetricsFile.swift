// The driver of the metrics: collects what is true now and replaces `metrics.file` with it, whole or not at all.
//
// It never hurts a job. Everything happens on one of the threads for what blocks, one write at a time: a disk that
// hangs holds up that thread and the next metrics, nothing else. A write that fails is told once in the log, and once
// more when it goes well again. Readers on another user's account may read the file (0644); what it says is no secret.

import Contract
import Ledger
import Linux
import Logging
import Pipeline
import Providers
import Spool
import Synchronization

/// Where the gauges are read.
struct MetricsSources: Sendable {
    let meter: Meter
    let board: StatusBoard
    let providers: ProviderRegistry
    let desk: ProviderDesk
    let room: Room
    let journal: Journal
    /// The journal's file, for sums that are read beside the daemon's own writing.
    let journalPath: String
    /// Processes that are alive, at work, dead so far, and orders that wait for one.
    let workers: @Sendable () -> (alive: Int, busy: Int, deaths: Int, orders: Int)
    /// Nanoseconds since 1970.
    let wallClock: @Sendable () -> Int64
    /// Monotonic nanoseconds.
    let monotonicClock: @Sendable () -> Int64
}

/// Writes the metrics of one daemon.
final class MetricsFile: Sendable {
    private struct State {
        var settings: Settings
        var isWriting = false
        /// What the log was told of and is not mended yet.
        var told: Set<Trouble> = []
        var money = MoneyCache()
        /// Files of earlier settings, which nobody keeps up to date any more.
        var left: [String] = []
    }

    private let sources: MetricsSources
    private let pool: BlockingPool
    private let log: Logger
    private let spool: String
    private let startedAt: Double
    private let state: Mutex<State>
    /// One write at a time, the last one included.
    private let turn = Mutex(())
    /// How long the last write may hold up the end of the program, nanoseconds.
    static let farewell: Int64 = 1_000_000_000

    /// `spool` is the value of the label by which the files of several vizds are told apart.
    init(_ settings: Settings, spool: String, sources: MetricsSources, pool: BlockingPool, log: Logger) {
        (self.spool, self.sources, self.pool, self.log) = (spool, sources, pool, log)
        startedAt = Double(sources.wallClock()) / 1e9
        state = Mutex(State(settings: settings))
    }

    /// Whether there is a file to write.
    var isWanted: Bool { state.withLock { $0.settings.metrics.file != nil } }

    /// Takes a reloaded configuration. A file under the old name goes: two of them would be read as two vizds.
    func adopt(_ settings: Settings) {
        state.withLock { state in
            if let old = state.settings.metrics.file, old != settings.metrics.file {
                state.left.append(old)
                state.told = []
            }
            state.settings = settings
        }
    }

    /// Begins a write, unless one is under way.
    func write(_ loop: LoopReadings) {
        let isFree = state.withLock { state in
            defer { state.isWriting = true }
            return !state.isWriting
        }
        if !isFree { return }
        pool.submit { [self] in
            writeNow(loop, isUp: true)
            state.withLock { $0.isWriting = false }
        }
    }

    /// The last words: waits until they are written, a second at most (`patience`, nanoseconds).
    func finish(_ loop: LoopReadings, patience: Int64 = MetricsFile.farewell) {
        guard isWanted else { return }
        let isWritten = Monitor(false)
        pool.submit { [self] in
            writeNow(loop, isUp: false)
            isWritten.change { $0 = true }
        }
        let deadline = sources.monotonicClock() + patience
        _ = isWritten.wait(until: deadline) { $0 ? true : nil }
    }

    // MARK: - On a thread of the pool

    private func writeNow(_ loop: LoopReadings, isUp: Bool) {
        turn.withLock { _ in
            let (settings, left) = state.withLock { state in
                defer { state.left = [] }
                return (state.settings, state.left)
            }
            for path in left where path != settings.metrics.file { remove(path) }
            guard let path = settings.metrics.file else { return }
            let money = money(path)
            let text = sources.meter.metrics.text(readings(settings, loop, money, isUp: isUp))
            do throws(SystemFailure) {
                try Self.publish(Array(text.utf8), at: path)
                tell(.file, nil, path)
            } catch {
                tell(.file, "\(error)", path)
            }
        }
    }

    /// Whole under a name that no collector reads, then in one move.
    static func publish(_ bytes: [UInt8], at path: String) throws(SystemFailure) {
        let (folder, name) = try place(path)
        let aside = FileName(".\(name).vizd")
        try folder.unlinkIfPresent(aside)
        do throws(SystemFailure) {
            let file = try folder.open(aside, .create, mode: 0o644)
            // Whatever the umask is: the collector is another user.
            try file.setMode(0o644)
            try file.write(all: bytes)
            try folder.rename(aside, as: name, .replace)
        } catch {
            // The first failure is the one to tell.
            do throws(SystemFailure) { try folder.unlinkIfPresent(aside) } catch {}
            throw error
        }
    }

    private static func place(_ path: String) throws(SystemFailure) -> (Directory, FileName) {
        let slash = path.lastIndex(of: "/")
        let folder = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        let name = slash.map { String(path[path.index(after: $0)...]) } ?? path
        return (try Directory(path: folder), FileName(name))
    }

    private func remove(_ path: String) {
        do throws(SystemFailure) {
            let (folder, name) = try Self.place(path)
            try folder.unlinkIfPresent(name)
        } catch {
            log.warning("metrics.left", metadata: ["file": "\(path)", "reason": "\(error)"])
        }
    }

    /// What may go wrong with a write.
    private enum Trouble: Hashable {
        case file
        /// The file is written without the sums of the ledger.
        case money
    }

    /// Tells the log what went wrong (nil: nothing did), once, and that it is mended.
    private func tell(_ trouble: Trouble, _ reason: String?, _ path: String) {
        let isNews = state.withLock { state in
            reason == nil ? state.told.remove(trouble) != nil : state.told.insert(trouble).inserted
        }
        guard isNews else { return }
        guard let reason else { return log.notice("metrics.written", metadata: ["file": "\(path)"]) }
        let next =
            switch trouble {
            case .file: "jobs go on; give vizd's user the folder, or correct metrics.file"
            case .money: "jobs go on; the file is written without the sums of the ledger"
            }
        log.warning("metrics.unwritten", metadata: ["file": "\(path)", "reason": "\(reason)", "next": "\(next)"])
    }

    // MARK: - What is true now

    private func readings(_ settings: Settings, _ loop: LoopReadings, _ money: MonthMoney?, isUp: Bool) -> Readings {
        let wall = sources.wallClock()
        let workers = sources.workers()
        return Readings(
            spool: spool, version: Version.text, isUp: isUp, startedAt: startedAt, now: Double(wall) / 1e9,
            residentBytes: Host.residentBytes, loop: loop, board: sources.board.readings(at: wall),
            providers: sources.providers.names.map(provider), money: money,
            budget: (settings.budget.monthly.map(Int64.init), settings.budget.perUserMonthly.map(Int64.init)),
            disks: sources.room.readings(), diskFloor: settings.spool.minFree, workersAlive: workers.alive,
            workersBusy: workers.busy, workerDeaths: workers.deaths, workerOrders: workers.orders,
            journal: sources.journal.figures, journalWaiting: sources.journal.waitingCount)
    }

    /// How jobs under way and providers stand, in the words of the metrics, for the log: `generate:3 store:1`.
    func standing() -> (stages: String, waits: String, providers: String) {
        let board = sources.board.readings(at: sources.wallClock())
        let stages = Stage.allCases.compactMap { stage in board.stages[stage].map { "\(stage.rawValue):\($0.count)" } }
        let waits = WaitReason.ofJobs.compactMap { why in board.waits[why].map { "\(why.rawValue):\($0.count)" } }
        let providers = sources.providers.names.map(provider).filter { $0.state != .unconfigured }
            .map { "\($0.name):\($0.state.rawValue)" }
        let words = { (parts: [String]) in parts.isEmpty ? "none" : parts.joined(separator: " ") }
        return (words(stages), words(waits), words(providers))
    }

    private func provider(_ name: String) -> ProviderReading {
        let (places, line) = sources.desk.figures(name)
        let state: ProviderReading.State =
            switch (sources.providers.provider(name), sources.desk.closing(name)) {
            case (nil, _): .unconfigured
            case (_, .providerDown): .down
            case (_, .some): .held
            case (_, nil): .open
            }
        return ProviderReading(name: name, state: state, places: places, line: line)
    }

    /// The month's sums, read again where they may have changed.
    private func money(_ path: String) -> MonthMoney? {
        let month = String(Timestamp(nanoseconds: sources.wallClock()).rfc3339.prefix(7))
        let (revision, begun) = (sources.journal.figures.moneyRevision, sources.monotonicClock())
        let cache = state.withLock { $0.money }
        guard cache.isOutdated(month, revision, at: begun) else { return cache.money }
        do throws(JournalFailure) {
            guard let reader = try JournalReader.open(path: sources.journalPath) else { return nil }
            let money = try reader.money(of: month)
            let took = sources.monotonicClock() - begun
            state.withLock { $0.money.read(money, revision, at: begun, took: took) }
            tell(.money, nil, path)
            return money
        } catch {
            tell(.money, "\(error)", path)
            return nil
        }
    }
}

/// The sums of the ledger as they were last read, and when to read them again: a value. A month with very many attempts
/// takes long to sum up; a fiftieth of the time is the most that goes into it.
struct MoneyCache {
    private(set) var money: MonthMoney?
    private var revision = 0
    private var notBefore: Int64 = .min
    private static let share: Int64 = 50

    /// Whether the sums are of another month, or may have changed; monotonic nanoseconds.
    func isOutdated(_ month: String, _ revision: Int, at now: Int64) -> Bool {
        guard let money, money.month == month else { return true }
        return revision != self.revision && now >= notBefore
    }

    /// They were read, beginning `now` and for `took` nanoseconds.
    mutating func read(_ money: MonthMoney, _ revision: Int, at now: Int64, took: Int64) {
        (self.money, self.revision, notBefore) = (money, revision, now + max(0, took) * MoneyCache.share)
    }
}
