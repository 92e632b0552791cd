// A start: binds journal and spool, tidies up what is nobody's, and brings every job that the last run left back to
// where it can go on (`Recovery`). Runs on the main thread before the loop; calls into tasks are waited for.

import Contract
import Digest
import Imaging
import Ledger
import Linux
import Logging
import Pipeline
import Providers
import Spool

extension Assembly {
    /// Makes the daemon, with everything that the last run left.
    func daemon(
        signals: SignalFD, notifier: ServiceNotifier, pulse: StartPulse, reloader: Reloader?,
        adoptLog: @escaping (Settings) -> Void
    ) throws(StartFailure) -> Daemon {
        do {
            let inventory = try Inventory(of: spool)
            try bind(hasWork: !inventory.found.isEmpty)
            for box in [Box.incoming, .processing] { tidied(box.rawValue, try spool.sweep(box)) }
            tidied("status files", inventory.staleStatuses)
            try spool.removeStatuses(inventory.staleStatuses)
            let leftovers = try recover(inventory, pulse)
            sweepWork()
            sweepLanded()
            try remember()
            return Daemon(
                spool: spool, incoming: Incoming.of(spool, settings), life: life, mailbox: mailbox, signals: signals,
                notifier: notifier, room: room,
                limits: DaemonLimits(
                    inFlight: settings.limits.inFlight, perUser: settings.limits.perUser, drain: 3_000_000_000,
                    roomCheck: 2_000_000_000),
                leftovers: leftovers, log: log, reloader: reloader, accounts: accounts,
                lateSettlement: LateSettlement(pipeline, log: log), retention: retention, metrics: metrics,
                adoptLog: adoptLog)
        } catch let failure as SpoolFatal {
            throw StartFailure(exit: 1, sentence: "\(failure)")
        } catch let failure as SpoolRefusal {
            throw StartFailure(failure)
        } catch let failure as JournalFailure {
            throw StartFailure(failure)
        } catch let failure as LifeTrouble {
            throw StartFailure(exit: 1, sentence: failure.sentence)
        } catch {
            throw StartFailure(exit: 1, sentence: "\(error)")
        }
    }

    private var accounts: AccountWatch {
        let (workers, transfer, runs, meter) = (workers, transfer, runs, life.meter)
        return AccountWatch(
            providers: providers, desk: desk, log: log, alarms: alarms, pool: pool,
            entries: { settings in
                Assembly.entries(settings, SheetPainter(workers: workers), transfer, runs, meter)
            })
    }

    private var retention: Retention {
        let (alarms, mailbox) = (alarms, mailbox)
        return Retention(
            life, RetentionLimits(settings), sleep: { await alarms.sleep(until: MonotonicClock.now() + $0) },
            // It had no slot, as a wish has none.
            fail: { mailbox.post(Mailbox.Ended(user: nil, end: .machine($0), isWish: true)) })
    }

    private var metrics: MetricsFile {
        let workers = workers
        return MetricsFile(
            settings, spool: spool.root.path,
            sources: MetricsSources(
                meter: life.meter, board: life.board, providers: providers, desk: desk, room: room, journal: journal,
                journalPath: "\(settings.state.directory)/vizd.sqlite",
                workers: {
                    let alive = workers.report().filter { $0.processID != nil }
                    return (alive.count, alive.count(where: \.isHanded), workers.deaths, workers.waitingCount)
                },
                wallClock: { WallClock.now() }, monotonicClock: { MonotonicClock.now() }),
            pool: pool, log: log)
    }

    private func bind(hasWork: Bool) throws {
        let id = try spool.id()
        let journal = journal
        _ = try Waiter.wait(on: pool) {
            try await journal.bind(spoolID: id, spoolHasWork: hasWork, newID: id)
        }
    }

    private func tidied(_ what: String, _ files: [FileName]) { Self.tidied(what, files, log) }

    private static func tidied(_ what: String, _ files: [FileName], _ log: Logger) {
        if files.isEmpty { return }
        log.notice("start.tidied", metadata: ["what": "\(what)", "files": "\(files.count)", "first": "\(files[0])"])
    }

    /// Beside the first jobs: `done` and `failed` may hold the jobs of months, and hidden files there hurt nobody.
    private func sweepLanded() {
        let (landing, log, pool) = (landing, log, pool)
        Task(executorPreference: pool) {
            for box in [Box.done, .failed] {
                do throws(SpoolFatal) {
                    let gone = try await pool.run { () throws(SpoolFatal) in try landing.sweep(box) }
                    Self.tidied(box.rawValue, gone, log)
                } catch {
                    log.warning("start.untidied", metadata: ["what": "\(box.rawValue)", "reason": "\(error)"])
                }
            }
        }
    }

    // MARK: - Jobs of the last run

    private func recover(_ inventory: Inventory, _ pulse: StartPulse) throws -> [Daemon.Leftover] {
        let journal = journal
        let open = try Waiter.wait(on: pool) { try await journal.rows(open: true) }
        let users = Dictionary(open.map { (Array($0.name.utf8), $0.userID) }, uniquingKeysWith: { first, _ in first })
        var leftovers = inventory.found.map { found in
            Daemon.Leftover(claimed: found.claimed, user: users[Array(found.claimed.role.id.utf8)] ?? nil)
        }
        for (number, row) in open.enumerated() {
            pulse.beat("looking at job \(number + 1) of the \(open.count) that the last run left")
            guard let name = JobName(row.name) else {
                preconditionFailure("the journal holds the bad name \(row.name)")
            }
            var places = try spool.presence(of: name).places
            // A file of that name with other bytes is another request: it does not bring this job back, and it is not
            // the one to land.
            if places.incoming { places.incoming = isSame(name, in: .incoming, as: row) }
            if places.processing && !isSame(name, in: .processing, as: row) {
                places.processing = try mended(name, &leftovers, pulse)
            }
            switch Recovery.step(phase: row.phase, places) {
            case .leave, .live: continue
            case .putBack: leftovers.append(try putBack(name, pulse))
            case .land: try finishLanding(name, source: places.processing ? name.requestFile : nil, pulse)
            }
        }
        if !leftovers.isEmpty { log.notice("start.resuming", metadata: ["jobs": "\(leftovers.count)"]) }
        return Daemon.Leftover.jobsFirst(leftovers)
    }

    private func isSame(_ name: JobName, in box: Box, as row: JobRow) -> Bool {
        let reading = Reading.of(name.requestFile, in: spool[box], limit: settings.limits.requestBytes)
        return reading.bytes.map { SHA256.of($0).bytes } == row.digest
    }

    /// Sees to a file in processing/ that is not the request of the open job whose name it has: what a power cut tore
    /// is made whole, another request is put aside. Answers whether the job's own request lies there now.
    private func mended(
        _ name: JobName, _ leftovers: inout [Daemon.Leftover], _ pulse: StartPulse
    ) throws -> Bool {
        guard let request = try fullRow(name).request else {
            preconditionFailure("the journal lost the request of \(name)")
        }
        let reading = Reading.of(name.requestFile, in: spool[.processing], limit: settings.limits.requestBytes)
        // Nothing is known of it: the next start looks again.
        if case .short(_, let failure) = reading { throw SpoolFatal("read the request of \(name)", failure) }
        if let bytes = reading.bytes, Remains.judge(bytes, of: request) != .foreign {
            try putBack(request, as: name, replacing: true, pulse)
            log.warning("request.mended", metadata: name.metadata(["bytes_left": "\(bytes.count)"]))
            return true
        }
        let aside = try spool.putAside(name)
        log.warning("request.put_aside", metadata: name.metadata(["file": "\(aside.source)"]))
        leftovers = leftovers.map { one in
            one.claimed.source == name.requestFile ? Daemon.Leftover(claimed: aside, user: nil) : one
        }
        return false
    }

    /// An open job without a file: its copy from the journal goes back to processing/.
    private func putBack(_ name: JobName, _ pulse: StartPulse) throws -> Daemon.Leftover {
        let row = try fullRow(name)
        guard let request = row.request else { preconditionFailure("the journal lost the request of \(name)") }
        try putBack(request, as: name, pulse)
        log.warning("request.put_back", metadata: name.metadata(["phase": "\(row.phase.rawValue)"]))
        let claimed = Claimed(source: name.requestFile, role: .job(name))
        return Daemon.Leftover(claimed: claimed, user: row.userID)
    }

    private func putBack(
        _ request: [UInt8], as name: JobName, replacing: Bool = false, _ pulse: StartPulse
    ) throws {
        while true {
            do throws(SpoolFatal) {
                return try spool.putBack(request, as: name, replacing: replacing)
            } catch {
                guard error.failure.errno.isFull else { throw error }
                let (room, reason) = (room, "putting \(name) back from the journal: \(error.failure)")
                try Waiter.wait(on: pool) { await room.wait(reason) }
                pulse.beat("waiting for room on the disk")
            }
        }
    }

    private func finishLanding(_ name: JobName, source: FileName?, _ pulse: StartPulse) throws {
        let row = try fullRow(name)
        guard let outcome = row.outcome else { preconditionFailure("\(name) is landing without an outcome") }
        let life = life
        // A disk without room is waited for; one that does not answer is the service manager's to end.
        try Waiter.wait(
            on: pool,
            meanwhile: {
                if try room.obstacle() != nil { pulse.beat("waiting for room on the disk") }
            }
        ) { try await life.land(outcome, of: name, source: source) }
        log.notice("landing.finished", metadata: name.metadata(["box": "\(outcome.box.rawValue)"]))
    }

    private func fullRow(_ name: JobName) throws -> JobRow {
        let journal = journal
        guard let row = try Waiter.wait(on: pool, { try await journal.row(name.text) }) else {
            preconditionFailure("the journal listed \(name) and does not have it")
        }
        return row
    }

    /// What the configured provider's default models have lately taken, for the status files of the first jobs.
    private func remember() throws {
        let (journal, provider) = (journal, settings.provider)
        guard let traits = providers.provider(provider)?.traits else { return }
        for kind in PictureKind.allCases {
            guard let model = traits.model(nil, for: kind)?.name else { continue }
            let latestFirst = try Waiter.wait(on: pool) {
                try await journal.recentDurations(provider: provider, model: model)
            }
            life.board.remember(latestFirst.reversed(), provider: provider, kind: kind)
        }
    }

    /// Pictures in the work folder whose jobs have ended: those of failed jobs stay for a retry.
    private func sweepWork() {
        let (work, journal, log) = (work, journal, log)
        let kept: [String]
        do {
            // Listed before any job runs: what is half-written now is nobody's.
            kept = try Waiter.wait(on: pool) { try await work.jobs() }
        } catch {
            return log.warning("work.untidied", metadata: ["reason": "\(error)"])
        }
        Task(executorPreference: pool) {
            do {
                for job in kept {
                    let row = try await journal.row(job)
                    if let row, try await isKept(row, journal) { continue }
                    try await work.drop(job)
                    log.notice("work.tidied", metadata: ["job": "\(job)"])
                }
            } catch {
                log.warning("work.untidied", metadata: ["reason": "\(error)"])
            }
        }
    }
}

/// Whether a job's picture in the work folder may still be needed: until it has landed, and of a failed one for its
/// retry, which a part has as long as the whole is not done.
private func isKept(_ row: JobRow, _ journal: Journal) async throws(JournalFailure) -> Bool {
    if row.phase != .landed { return true }
    guard row.outcome?.box == .failed else { return false }
    guard let root = row.kinship?.root else { return true }
    return try await journal.row(root)?.outcome?.box != .done
}

extension Incoming {
    /// The way in as it is configured.
    static func of(_ spool: Spool, _ settings: Settings) -> Incoming {
        var limits = IncomingSettings()
        limits.settle = settings.spool.settle.nanoseconds
        limits.rescan = settings.spool.rescan.nanoseconds
        limits.queuedPerUser = settings.limits.queuedPerUser ?? limits.queued
        limits.requestBytes = settings.limits.requestBytes
        return Incoming(spool, limits, at: MonotonicClock.now()) { bytes in
            switch RequestPeek.peek(bytes) {
            case .notYet: .notYet
            case .object(let user, let priority): .ready(user: user, priority: priority.rank)
            }
        }
    }
}

extension Daemon.Leftover {
    /// In the order in which the loop takes them, from the end: a second request of a name waits for the first one to
    /// land, and must not hold the slot that the first one needs.
    static func jobsFirst(_ all: [Daemon.Leftover]) -> [Daemon.Leftover] {
        all.filter(\.waitsForAnother) + all.filter { !$0.waitsForAnother }
    }

    private var waitsForAnother: Bool {
        if case .again = claimed.role { return true }
        return false
    }
}

extension Presence {
    /// What the table of the start asks.
    var places: RequestPlaces {
        RequestPlaces(
            processing: processing != nil, incoming: incoming != nil, done: done != nil, failed: failed != nil)
    }
}

/// Waits on the main thread for something that runs in a task; never on a thread of the cooperative pool.
enum Waiter {
    /// How often `meanwhile` is called, nanoseconds.
    private static let glance: Int64 = 1_000_000_000

    /// `pool`: whose threads the task runs on; nil for the runtime's own.
    static func wait<Value: Sendable>(
        on pool: BlockingPool? = nil, meanwhile: (() throws -> Void)? = nil,
        _ body: @escaping @Sendable () async throws -> Value
    ) throws -> Value {
        let answer = Monitor<Result<Value, any Error>?>(nil)
        Task(executorPreference: pool) {
            do {
                let value = try await body()
                answer.change { $0 = .success(value) }
            } catch {
                answer.change { $0 = .failure(error) }
            }
        }
        while true {
            let deadline = meanwhile.map { _ in MonotonicClock.now() + glance }
            if let result = answer.wait(until: deadline, { $0 }) { return try result.get() }
            try meanwhile?()
        }
    }

    /// Waits so many nanoseconds at most. Answers whether the work has ended by then; it goes on if not.
    static func finishes(
        on pool: BlockingPool, within limit: Int64, _ body: @escaping @Sendable () async -> Void
    ) -> Bool {
        let answer = Monitor(false)
        Task(executorPreference: pool) {
            await body()
            answer.change { $0 = true }
        }
        return answer.wait(until: MonotonicClock.now() + limit) { $0 ? true : nil } ?? false
    }
}
