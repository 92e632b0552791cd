// The way of a request into the queue: watch, scan, settle rule, look, index. The synchronous heart of the main loop.
//
// `step` does a bounded piece of work and returns; between two steps the loop claims. Nothing here waits:
// `nextDeadline` says when the next step is due, `raw` what to poll. The folder is the truth: a name that is dropped
// anywhere on the way is found again by a scan. Times come in as arguments.

package import Linux

/// The limits of the way in.
package struct IncomingSettings: Hashable, Sendable {
    /// Quiet time for files that do not parse, nanoseconds (`spool.settle`).
    package var settle: Int64 = 2_000_000_000
    /// Time between two regular scans, nanoseconds (`spool.rescan`).
    package var rescan: Int64 = 60_000_000_000
    /// Time between two proofs of the watch, nanoseconds.
    package var canary: Int64 = 60_000_000_000
    /// How long the proof may take, nanoseconds.
    package var patience: Int64 = 2_000_000_000
    /// The most requests in the index.
    package var queued: Int = 200_000
    /// The most requests of one user in it (`limits.queuedPerUser`).
    package var queuedPerUser: Int = 100_000
    /// The most bytes of a request (`limits.requestBytes`).
    package var requestBytes: Int = 1 << 20
    /// The priority of files that can only fail: that of ordinary requests.
    package var hopelessPriority = 1
    /// The most names that one step reads and looks at.
    package var slice: Int = 256
    /// About the most bytes that one step reads.
    package var sliceBytes: Int = 4 << 20

    /// The defaults.
    package init() {}
}

/// Something that the operator should know.
package enum IncomingNotice: Hashable, Sendable {
    /// A file can be neither moved nor read; it is left, and told once.
    case leftAlone(FileName, String)
    /// The first name of this kind that is not vizd's.
    case ignored(FileName, IgnoredName)
    /// `incoming` is read from the beginning.
    case rescan(RescanReason)
    /// Something about the watch.
    case watch(String)
    /// There is no room in the queue for more of this user's requests (`limits.queuedPerUser`), or of anybody's; they
    /// wait in `incoming` until there is. Told once a user.
    case queueFull(user: String?, ofEverybody: Bool)
}

/// Finds, judges and queues requests. One thread owns it.
package final class Incoming {
    private let spool: Spool
    private let settings: IncomingSettings
    private let peek: Peek
    private let watch: IncomingWatch
    private var arrivals: Arrivals
    private var leftAlone = LeftAlone()
    private var scan: Scan?
    private var wantedScan: RescanReason?
    private var nextScan: Int64
    private var sequence: UInt64 = 0
    private var warned: Set<IgnoredName> = []
    /// Queues that were told to be full, up to so many.
    private var fullTold: Set<IncomingNotice> = []
    private static let fullToldMax = 1000
    private var notices: [IncomingNotice] = []
    private var ignoredInScan = 0
    private var wishes = CancelWishes()

    /// The waiting requests, in order. The loop takes from it, and holds users who have all their slots.
    package var queue: Queue
    /// How many names that are not vizd's the last whole scan met.
    package private(set) var ignoredCount = 0
    /// How many scans were begun, by reason.
    package private(set) var scans: [RescanReason: Int] = [:]
    /// Whether one scan since the start was finished: the order is fully known.
    package private(set) var isComplete = false

    /// Begins to watch, then wants the first scan.
    /// - Parameters:
    ///   - now: monotonic nanoseconds.
    ///   - ask: what a file's bytes say.
    package init(
        _ spool: Spool, _ settings: IncomingSettings, at now: Int64, ask: @escaping @Sendable ([UInt8]) -> PeekAnswer
    ) {
        (self.spool, self.settings) = (spool, settings)
        peek = Peek(limit: settings.requestBytes, ask: ask)
        var hints: [WatchHint] = []
        watch = IncomingWatch(
            spool, canaryEvery: settings.canary, patience: settings.patience, at: now, hints: &hints)
        arrivals = Arrivals(settle: settings.settle)
        queue = Queue(capacity: settings.queued, perUser: settings.queuedPerUser)
        wantedScan = .start
        nextScan = now + settings.rescan
        for case .notice(let sentence) in hints { notices.append(.watch(sentence)) }
    }

    /// The descriptor to poll for reading; nil where there is no inotify.
    package var raw: CInt? { watch.raw }

    /// Whether the folder is watched; where it is not, new requests are found by the regular scan only.
    package var isWatching: Bool { watch.isListening }

    /// When `step` is due without an event, monotonic nanoseconds; 0 while a scan is under way.
    package var nextDeadline: Int64 {
        if scan != nil || wantedScan != nil { return 0 }
        return min(nextScan, watch.nextDeadline, arrivals.nextDeadline ?? .max)
    }

    /// Does a bounded piece of work: events, a slice of a scan, looks that are due.
    /// - Parameters:
    ///   - now: monotonic nanoseconds.
    ///   - wall: nanoseconds since 1970, for the order of arrival.
    /// - Returns: what the operator should know.
    package func step(at now: Int64, wall: Int64) throws -> [IncomingNotice] {
        for hint in try watch.drain(at: now) { take(hint, now) }
        try scheduleScans(now)
        try scanSlice(now)
        lookAtDue(now, wall)
        defer { notices = [] }
        return notices
    }

    /// The wishes for cancellations that were seen and not handed out yet, at most `limit`. One that is still there at
    /// the next scan is handed out again.
    package func takeWishes(_ limit: Int) -> [CancelWish] { wishes.take(limit) }

    /// Asks for a scan from the beginning, at the next step.
    package func rescan(_ reason: RescanReason) { wantedScan = wantedScan ?? reason }

    /// Tells what a claim did with the files that were taken from the queue.
    /// - Returns: what the operator should know.
    package func claimed(_ report: ClaimReport, of taken: [QueueEntry]) -> [IncomingNotice] {
        let outcomes = Dictionary(report.results.map { ($0.file, $0.outcome) }, uniquingKeysWith: { _, last in last })
        for entry in taken {
            switch outcomes[entry.file] {
            // Without an outcome it was renamed, but the disk was full when that was to be made durable.
            case .claimed, .twin, .withdrawn, nil: leftAlone.forget(entry.file)
            case .paused: _ = queue.insert(entry)
            case .immovable(let info, let failure):
                guard let info else { continue }
                leave(entry.file, info, "\(spool[.incoming].path)/\(entry.file) cannot be moved: \(failure).")
            }
        }
        defer { notices = [] }
        return notices
    }

    // MARK: Events

    private func take(_ hint: WatchHint, _ now: Int64) {
        switch hint {
        case .gone(let file):
            queue.withdraw(file)
            arrivals.forget(file)
            leftAlone.forget(file)
        case .look(let file, let sighting):
            if let wish = CancelWish(file) { return wishes.note(wish) }
            guard isOurs(file) else { return }
            // Another file under the name, or other content: what was known of it no longer holds.
            if sighting == .movedTo || sighting == .closedAfterWrite { queue.withdraw(file) }
            if !queue.contains(file) { arrivals.note(file, sighting, at: now) }
        case .rescan(let reason):
            wantedScan = reason
        case .notice(let sentence):
            notices.append(.watch(sentence))
        }
    }

    private func isOurs(_ file: FileName) -> Bool {
        guard case .ignored(let kind) = NameClass(file) else { return true }
        if !JobFiles.isOurTemporary(file) && warned.insert(kind).inserted { notices.append(.ignored(file, kind)) }
        return false
    }

    // MARK: Scans

    private func scheduleScans(_ now: Int64) throws {
        if queue.takeRescanWish() { rescan(.room) }
        if wishes.takeRescanWish() { rescan(.room) }
        // Names that found no room among those that settle: not before some of them have settled.
        if arrivals.takeOverflow() { nextScan = min(nextScan, now + settings.settle) }
        if now >= nextScan {
            rescan(.regular)
            nextScan = now + settings.rescan
            // A folder that was swapped without an event of its own (a mount over it).
            if try !spool.incomingIsCurrent() {
                for hint in try watch.rebuild(.reopened, at: now) { take(hint, now) }
            }
        }
        guard let reason = wantedScan else { return }
        wantedScan = nil
        scan = try Scan(spool[.incoming])
        ignoredInScan = 0
        nextScan = now + settings.rescan
        scans[reason, default: 0] += 1
        notices.append(.rescan(reason))
    }

    private func scanSlice(_ now: Int64) throws {
        guard let scan else { return }
        guard let names = try scan.step(maxNames: settings.slice) else {
            self.scan = nil
            ignoredCount = ignoredInScan
            isComplete = true
            return
        }
        for file in names {
            if let wish = CancelWish(file) {
                wishes.note(wish)
            } else if !isOurs(file) {
                ignoredInScan += 1
            } else if queue.contains(file) {
                continue
            } else if queue.isFull {
                // Not read, whoever it is of: with a million requests waiting each scan would read most of them again.
                queue.turnAway()
                tellFull(nil, ofEverybody: true)
            } else {
                arrivals.note(file, .scan, at: now)
            }
        }
    }

    // MARK: Looks

    /// Looks at what is due, up to a number of names and of bytes, so that large files do not keep the loop from
    /// claiming.
    private func lookAtDue(_ now: Int64, _ wall: Int64) {
        var (names, bytes) = (0, 0)
        while names < settings.slice, bytes < settings.sliceBytes, let file = arrivals.due(at: now, limit: 1).first {
            names += 1
            bytes += look(at: file, now, wall)
        }
    }

    /// Looks at a name; answers how many bytes that cost.
    private func look(at file: FileName, _ now: Int64, _ wall: Int64) -> Int {
        if leftAlone.knows(file), isUnchanged(file) {
            arrivals.forget(file)
            return 0
        }
        let sight = peek.look(at: file, in: spool[.incoming])
        let verdict = arrivals.looked(file, sight.forArrival, at: now)
        if case .handOn(_, let seen) = verdict { handOn(file, sight, seen, now, wall) }
        return sight.bytesRead
    }

    private func handOn(_ file: FileName, _ sight: Sight, _ seen: Int64?, _ now: Int64, _ wall: Int64) {
        switch sight {
        case .gone:
            return
        case .unreadable(let info, let sentence):
            if let info { leave(file, info, sentence) }
        case .ready(let user, let priority, let info):
            admit(file, user, priority, arrival(info, seen, now, wall))
        case .incomplete(let info), .hopeless(let info):
            // It is here to fail; many of them share one turn, so that they delay nobody's requests.
            admit(file, nil, settings.hopelessPriority, arrival(info, seen, now, wall))
        }
    }

    private func isUnchanged(_ file: FileName) -> Bool {
        do throws(SystemFailure) {
            return leftAlone.holds(file, try spool[.incoming].info(of: file))
        } catch {
            // Gone or out of reach: the look that follows says what it is.
            return false
        }
    }

    private func arrival(_ info: FileInfo, _ seen: Int64?, _ now: Int64, _ wall: Int64) -> Arrival {
        // The last move or link of the name, not what its writer says of the content.
        guard let seen else { return Arrival(time: info.changed) }
        sequence += 1
        return Arrival(time: wall - (now - seen), sequence: sequence)
    }

    private func admit(_ file: FileName, _ user: String?, _ priority: Int, _ arrival: Arrival) {
        // What does not fit is counted by the queue and found again by the scan that it wishes for.
        switch queue.insert(QueueEntry(file: file, user: user, priority: priority, arrival: arrival)) {
        case .queued, .known: break
        case .userFull: tellFull(user, ofEverybody: false)
        case .full: tellFull(nil, ofEverybody: true)
        }
    }

    private func tellFull(_ user: String?, ofEverybody: Bool) {
        let notice = IncomingNotice.queueFull(user: user, ofEverybody: ofEverybody)
        guard fullTold.count < Incoming.fullToldMax, fullTold.insert(notice).inserted else { return }
        notices.append(notice)
    }

    private func leave(_ file: FileName, _ info: FileInfo, _ sentence: String) {
        if leftAlone.note(file, info) { notices.append(.leftAlone(file, sentence)) }
    }
}

extension Sight {
    var bytesRead: Int {
        switch self {
        case .ready(_, _, let info), .incomplete(let info): info.size
        case .gone, .hopeless, .unreadable: 0
        }
    }

    /// As far as the settle rule asks. A file that may not be read is perhaps about to be published by chmod.
    var forArrival: ArrivalLook {
        switch self {
        case .gone: .gone
        case .incomplete(let info): .incomplete(FileStamp(info))
        case .unreadable(let info, _): info.map { .incomplete(FileStamp($0)) } ?? .gone
        case .ready, .hopeless: .complete
        }
    }
}
