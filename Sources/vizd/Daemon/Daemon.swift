// The loop: it waits in one place (signals, the watch on incoming/, jobs that ended, a deadline) and then does what is
// due: look, claim, hand out. It runs on the main thread; the work runs elsewhere.
//
// It leaves when it is told to (0), and when the machine fails under it: one line in the log says why, the service
// manager starts it again, and the start works out where every job stands. WATCHDOG=1 comes from here, so a disk
// that hangs this loop is noticed.

import Contract
import Ledger
import Linux
import Logging
import Pipeline
import Spool
import Synchronization

/// What other threads put into the loop's mailbox.
final class Mailbox: Sendable {
    /// A job's life has ended.
    struct Ended: Sendable {
        let user: String?
        /// What it was of a compound job; nil for the life of a file.
        var errand: JobName?
        let end: LifeEnd
        /// Whether it was no job's life but a wish that was seen to: it had no slot.
        var isWish = false
    }

    private let ended = Mutex<[Ended]>([])
    private let leave = Mutex(false)
    private let bell: EventFD

    init() throws(SystemFailure) { bell = try EventFD() }

    /// The descriptor to poll.
    var raw: CInt { bell.raw }

    func post(_ one: Ended) {
        ended.withLock { $0.append(one) }
        bell.signal()
    }

    /// Asks the loop to leave, as SIGTERM does.
    func askToLeave() {
        leave.withLock { $0 = true }
        bell.signal()
    }

    /// Whether somebody asked for that; told once.
    func takeWish() -> Bool {
        leave.withLock { leave in
            defer { leave = false }
            return leave
        }
    }

    func take() -> [Ended] {
        bell.drain()
        return ended.withLock { ended in
            defer { ended.removeAll(keepingCapacity: true) }
            return ended
        }
    }
}

/// What the loop is told by the configuration.
struct DaemonLimits {
    var inFlight: Int
    var perUser: Int
    /// How long jobs under way may go on after SIGTERM, nanoseconds.
    var drain: Int64
    /// How often a full disk is looked at again, nanoseconds.
    var roomCheck: Int64
}

/// When the loop is to claim again by itself: a value.
struct ClaimPace {
    /// Monotonic nanoseconds.
    var pausedUntil: Int64 = 0
    /// Whether the last claim left both slots and requests.
    var hasMore = false
    /// Why nothing is claimed, where it is paused.
    var obstacle: String?

    /// Until when to sleep; `.max` where an event comes first: a request that arrives, a job that gives its slot back.
    func deadline(canClaim: Bool) -> Int64 { canClaim && (hasMore || obstacle != nil) ? pausedUntil : .max }
}

/// The daemon. One thread owns it.
final class Daemon {
    private let spool: Spool
    /// Replaced when a reload changes how requests are found.
    private(set) var incoming: Incoming
    private var life: JobLife
    private let mailbox: Mailbox
    private let signals: SignalFD
    private let notifier: ServiceNotifier
    private let room: Room
    private let limits: DaemonLimits
    let log: Logger
    let reloader: Reloader?
    private let adoptLog: (Settings) -> Void
    private let accounts: AccountWatch
    private let lateSettlement: LateSettlement
    private let retention: Retention
    let metrics: MetricsFile
    let meter: Meter
    var pace = MetricsPace()
    private var claim: Claim
    private(set) var slots: Slots
    private(set) var families = Families()
    /// Files that the last run left, to be lived before anything new is claimed.
    private(set) var leftovers: [Leftover]
    /// Requests whose end is wished for: claimed next, whatever their turn.
    private var unwanted: [QueueEntry] = []
    /// Wishes that are being seen to.
    private var heeding = 0
    private var leaving: Int64?
    private(set) var claiming = ClaimPace()
    private var rest = Rest()
    private var lastWatchdog: Int64 = 0
    private var lastStatus = ""
    private var lastStatusAt: Int64 = .min / 2
    /// Whether the last change has not been told yet, so soon after the one before.
    private var hasStatusToTell = false
    /// The service manager is told what is going on at most this often, nanoseconds.
    private static let statusInterval: Int64 = 1_000_000_000
    /// A file of the last run.
    struct Leftover {
        let claimed: Claimed
        let user: String?
    }

    init(
        spool: Spool, incoming: Incoming, life: JobLife, mailbox: Mailbox, signals: SignalFD, notifier: ServiceNotifier,
        room: Room, limits: DaemonLimits, leftovers: [Leftover], log: Logger, reloader: Reloader?,
        accounts: AccountWatch, lateSettlement: LateSettlement, retention: Retention, metrics: MetricsFile,
        adoptLog: @escaping (Settings) -> Void
    ) {
        (self.spool, self.incoming, self.life, self.mailbox) = (spool, incoming, life, mailbox)
        (self.signals, self.notifier, self.room, self.limits) = (signals, notifier, room, limits)
        self.leftovers = leftovers
        (self.log, self.reloader, self.accounts, self.adoptLog) = (log, reloader, accounts, adoptLog)
        (self.lateSettlement, self.retention) = (lateSettlement, retention)
        (self.metrics, meter) = (metrics, life.meter)
        claim = Claim(spool)
        slots = Slots(inFlight: limits.inFlight, perUser: limits.perUser)
    }

    /// Runs until it is told to leave. Answers the exit code.
    func run() -> Int32 {
        defer { metrics.finish(readings) }
        do {
            try firstScan()
            tell("READY=1", isOnce: true)
            log.notice("vizd.ready", metadata: ["waiting": "\(incoming.queue.count)", "resumed": "\(leftovers.count)"])
            accounts.begin()
            lateSettlement.begin(on: life.pool)
            retention.begin()
            while try !turn() {}
            return 0
        } catch let failure as SpoolRefusal {
            log.critical("vizd.leaves", metadata: ["reason": "\(failure)"])
            return failure.exit
        } catch {
            log.critical("vizd.leaves", metadata: ["reason": "\(error)"])
            return 1
        }
    }

    /// One look at everything before READY; a large folder is scanned on while work begins.
    private func firstScan() throws {
        let deadline = MonotonicClock.now() + 500_000_000
        while incoming.nextDeadline == 0 && MonotonicClock.now() < deadline {
            report(try incoming.step(at: MonotonicClock.now(), wall: WallClock.now()))
        }
    }

    /// One turn of the loop. Answers whether it is over.
    private func turn() throws -> Bool {
        let now = MonotonicClock.now()
        heed(try signals.drain() + (mailbox.takeWish() ? [.terminate] : []), now)
        report(try incoming.step(at: now, wall: WallClock.now()))
        try settle(mailbox.take())
        if let leaving {
            if slots.count == 0 || now >= leaving { return true }
        } else {
            resumeLeftovers()
            try heedWishes()
            try claimSome(now)
        }
        beat(now)
        measure(now)
        if rest.look(isIdle: isIdle, at: now) { Host.letGoOfMemory() }
        try wait(now)
        return false
    }

    // MARK: - Signals

    private func heed(_ arrived: [Signal], _ now: Int64) {
        for signal in arrived {
            switch signal {
            case .terminate, .interrupt:
                // The second one does not wait for anybody; every job is journalled at every moment.
                leaving = leaving == nil ? now + limits.drain : now
                tell("STOPPING=1", isOnce: true)
                log.notice("vizd.draining", metadata: ["in_flight": "\(slots.count)"])
            case .hangUp: reloadConfiguration()
            case .user1: dumpState()
            }
        }
    }

    /// Puts a reloaded configuration in force, as far as that goes without a restart. What the work on jobs asks of it
    /// counts for those under way, too: a job that waits for a place orders by the budget of the moment that it gets
    /// one.
    /// `isNewWayIn`: whether a setting changed that says how requests are found.
    func adopt(_ settings: Settings, isNewWayIn: Bool) {
        adoptLog(settings)
        life.requestBytes = settings.limits.requestBytes
        life.pipeline.settings = PipelineSettings(settings)
        accounts.adopt(settings)
        retention.adopt(RetentionLimits(settings))
        metrics.adopt(settings)
        slots.resize(inFlight: settings.limits.inFlight, perUser: settings.limits.perUser)
        // Begins to watch and scan anew: what waits is found again, what is claimed is not there any more.
        if isNewWayIn {
            incoming = Incoming.of(spool, settings)
            // Jobs without a file are not found by a scan.
            for entry in families.waiting { line(entry) }
        }
        for (user, isFull) in slots.users {
            if isFull { incoming.queue.hold(user) } else { incoming.queue.release(user) }
        }
        claiming.hasMore = true
    }

    // MARK: - Jobs

    /// Jobs that have ended give their slots back, and those that were taken apart hand in their parts.
    private func settle(_ ended: [Mailbox.Ended]) throws {
        for one in ended {
            if one.isWish {
                heeding -= 1
            } else if slots.give(one.user) {
                incoming.queue.release(one.user)
            }
            switch one.end {
            case .machine(let sentence): throw MachineFailure(sentence: sentence)
            case .parked(let family): line(families.begin(family))
            case .ended: line(one.errand.flatMap { families.ended($0) })
            }
        }
    }

    /// Puts a job without a file into the queue.
    private func line(_ entry: QueueEntry?) {
        guard let entry else { return }
        let admission = incoming.queue.insert(entry)
        precondition(admission == .queued, "\(entry.file) stands in the queue twice")
    }

    private func resumeLeftovers() {
        while slots.free > 0, let next = leftovers.popLast() {
            begin(next.claimed, user: next.user, queued: 0)
        }
    }

    private func claimSome(_ now: Int64) throws {
        claiming.hasMore = false
        guard now >= claiming.pausedUntil else { return }
        let wanted = min(slots.free, Daemon.batch)
        // What was renamed but found no room to be made durable comes first; it holds its slots already.
        guard canClaim, try roomToClaim(now) else { return }
        var entries: [FileName: QueueEntry] = [:]
        var order: [QueueEntry] = []
        var turns = 0
        while true {
            let isUnwanted = !unwanted.isEmpty
            guard let entry = unwanted.popLast() ?? (turns < wanted ? incoming.queue.take() : nil) else { break }
            // The slot is taken with the turn, so that one batch does not give one user more than their share.
            if slots.take(entry.user) { incoming.queue.hold(entry.user) }
            if !isUnwanted { turns += 1 }
            if let job = entry.fileless {
                start(job, user: entry.user)
            } else {
                entries[entry.file] = entry
                order.append(entry)
            }
        }
        // Fewer than wanted: the others wait for slots of their users, and an ended job rings.
        claiming.hasMore = turns == wanted && wanted > 0 && slots.free > 0
        guard claim.hasUnsynced || !order.isEmpty else { return }
        let outcome = try claim.claim(order.map(\.file))
        unsynced.merge(entries) { _, new in new }
        for result in outcome.results { handOut(result) }
        report(incoming.claimed(outcome, of: order))
        if let pause = outcome.pause { pauseClaiming("\(pause)", now) }
    }

    /// Whether there is anything to claim and a slot for it.
    private var canClaim: Bool {
        claim.hasUnsynced || !unwanted.isEmpty || (slots.free > 0 && !incoming.queue.isEmpty)
    }

    // MARK: - Wishes

    /// The most wishes that are seen to at once, and the most requests that are claimed out of turn for them.
    private static let wishesMax = 64

    /// Sees to wishes for the end of jobs: a request that still waits is claimed next, so that it lands as cancelled.
    private func heedWishes() throws {
        for wish in incoming.takeWishes(Daemon.wishesMax - max(heeding, unwanted.count)) {
            let found = try spool.waiting(wish)
            if let info = found.wish, let request = found.request, let job = wish.job, info.kind == .regular,
                life.cancels.permits(info.uid, owner: request.uid)
            {
                callIn(job.requestFile, request)
            } else {
                heeding += 1
                Task(executorPreference: life.pool) { [life, mailbox] in
                    mailbox.post(Mailbox.Ended(user: nil, end: await life.heed(wish), isWish: true))
                }
            }
        }
    }

    private func callIn(_ file: FileName, _ info: FileInfo) {
        incoming.queue.withdraw(file)
        if unwanted.contains(where: { $0.file == file }) { return }
        unwanted.append(QueueEntry(file: file, user: nil, priority: 0, arrival: Arrival(time: info.changed)))
    }

    /// Entries whose claim has not been answered yet.
    private var unsynced: [FileName: QueueEntry] = [:]

    private func handOut(_ result: ClaimResult) {
        guard let entry = unsynced.removeValue(forKey: result.file) else { return }
        guard case .claimed(let claimed) = result.outcome else {
            if slots.give(entry.user) { incoming.queue.release(entry.user) }
            return
        }
        start(claimed, user: entry.user, queued: Double(WallClock.now() - entry.arrival.time) / 1e9)
    }

    /// Requests claimed in one batch: two fsyncs serve them all.
    private static let batch = 64

    private func begin(_ claimed: Claimed, user: String?, queued: Double) {
        if slots.take(user) { incoming.queue.hold(user) }
        start(claimed, user: user, queued: queued)
    }

    private func start(_ claimed: Claimed, user: String?, queued: Double) {
        log.info("request.claimed", metadata: ["job": "\(claimed.role.id)", "user": "\(user ?? "unknown")"])
        meter.count { $0.requestClaimed() }
        Task(executorPreference: life.pool) { [life, mailbox] in
            mailbox.post(Mailbox.Ended(user: user, end: await life.live(claimed, queued: max(0, queued))))
        }
    }

    /// Starts a part whose turn has come, or the second half of a compound job.
    private func start(_ job: JobName, user: String?) {
        let (errand, next) = families.taken(job)
        line(next)
        if case .part = errand {
            log.info("part.begun", metadata: ["job": "\(job)", "user": "\(user ?? "unknown")"])
        }
        Task(executorPreference: life.pool) { [life, mailbox] in
            mailbox.post(Mailbox.Ended(user: user, errand: errand.name, end: await life.live(errand)))
        }
    }

    // MARK: - Room

    private func roomToClaim(_ now: Int64) throws -> Bool {
        if let sentence = try room.obstacle() {
            pauseClaiming(sentence, now)
            return false
        }
        if claiming.obstacle != nil {
            claiming.obstacle = nil
            log.notice("claiming.resumed")
        }
        return true
    }

    private func pauseClaiming(_ sentence: String, _ now: Int64) {
        claiming.pausedUntil = now + limits.roomCheck
        if claiming.obstacle == nil { log.warning("claiming.paused", metadata: ["reason": "\(sentence)"]) }
        claiming.obstacle = sentence
    }

    // MARK: - Waiting

    /// Whether no job is at work or in line, and none is being taken up.
    private var isIdle: Bool {
        slots.count == 0 && incoming.queue.count + families.behind == 0 && heeding == 0 && leaving == nil
    }

    private func wait(_ now: Int64) throws {
        var deadline = incoming.nextDeadline
        if let leaving { deadline = min(deadline, leaving) }
        if let interval = notifier.watchdogInterval { deadline = min(deadline, lastWatchdog + interval) }
        if leaving == nil {
            deadline = min(deadline, claiming.deadline(canClaim: canClaim))
        }
        if hasStatusToTell { deadline = min(deadline, lastStatusAt + Daemon.statusInterval) }
        deadline = min(deadline, metricsDeadline, rest.deadline)
        let raws = [signals.raw, mailbox.raw] + (incoming.raw.map { [$0] } ?? [])
        _ = try Poll.readable(raws, timeout: deadline == .max ? nil : deadline - MonotonicClock.now())
    }

    /// Tells the service manager that this loop turns, and what it does.
    private func beat(_ now: Int64) {
        if let interval = notifier.watchdogInterval, now - lastWatchdog >= interval {
            lastWatchdog = now
            tell("WATCHDOG=1")
        }
        let pause = claiming.obstacle.map { "; paused: \($0)" } ?? ""
        let status = "\(slots.count) in flight, \(incoming.queue.count + families.behind) waiting\(pause)"
        hasStatusToTell = notifier.isListening && status != lastStatus
        if hasStatusToTell && now - lastStatusAt >= Daemon.statusInterval {
            (lastStatus, lastStatusAt, hasStatusToTell) = (status, now, false)
            tell("STATUS=\(status)")
        }
    }

    private func tell(_ line: String, isOnce: Bool = false) {
        do throws(SystemFailure) {
            try notifier.notify(line, isOnce: isOnce)
        } catch {
            log.debug("notify.failed", metadata: ["reason": "\(error)"])
        }
    }

    private func report(_ notices: [IncomingNotice]) {
        for notice in notices {
            switch notice {
            case .leftAlone(let file, let sentence):
                log.warning("request.left_alone", metadata: ["file": "\(file)", "reason": "\(sentence)"])
            case .ignored(let file, let kind):
                log.notice("file.ignored", metadata: ["file": "\(file)", "kind": "\(kind.rawValue)"])
            case .rescan(let reason):
                log.debug("incoming.scan", metadata: ["reason": "\(reason.rawValue)"])
                meter.count { $0.scanned(reason, at: Double(WallClock.now()) / 1e9) }
            case .watch(let sentence):
                log.warning("incoming.watch", metadata: ["reason": "\(sentence)"])
                meter.count { $0.watchTroubled() }
            case .queueFull(let user, let ofEverybody):
                let limit = ofEverybody ? "the queue is full" : "limits.queuedPerUser requests of this user wait"
                log.notice(
                    "queue.full",
                    metadata: [
                        "user": "\(ofEverybody ? "all" : user ?? "unknown")",
                        "reason": "\(limit); more stay in incoming/ and are taken up as room comes",
                    ])
            }
        }
    }
}

/// The machine failed: the loop leaves.
struct MachineFailure: Error, CustomStringConvertible {
    let sentence: String
    var description: String { sentence }
}
