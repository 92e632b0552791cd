// Reads what `vizd top` shows: the folders of the spool, a handful of files in them, the sums of the ledger. Nothing is
// written and no daemon is asked, as with `list`, `status` and `costs`, whose readers these are.
//
// Every reading is bounded: so many names of a folder, so many files, so many bytes of each; `TopPace` says how often.
// What this user may not see is told as such; nothing here ends the view.

internal import Contract
internal import Ledger
internal import Linux
internal import Spool

/// How much of a spool is looked at.
struct TopLimits: Sendable {
    /// Names in a folder.
    var names = 200_000
    /// Jobs of each kind whose files are read.
    var waiting = 100
    var inFlight = 200
    var failures = 50
}

struct TopReader {
    private let spool: SpoolReader
    private let rules: WaitingRules
    private let state: String
    private let budget: Int64?
    private let limits: TopLimits

    private var paces: [Box: TopPace] = [:]
    private var moneyPace = TopPace()
    private var money = TopMoney.unknown("it was not looked up yet")
    /// When each folder was read, and how old the oldest of those readings is that a change has overtaken.
    private var readAt: [Box: Int64] = [:]
    private var behind: Int64 = 0
    private var counts: [Box: Result<BoxCount, SystemFailure>] = [:]
    /// When the results of the last hour were written.
    private var ended: [Box: [Int64]] = [:]
    /// What is known of files that do not change, by name and time.
    private var waiting: [BoxKey: TopWaiting] = [:]
    private var failures: [BoxKey: TopFailure] = [:]
    private var claimed: [BoxKey: JobReport] = [:]

    private struct BoxKey: Hashable {
        let file: FileName
        let time: Int64

        init(_ entry: BoxEntry) { (file, time) = (entry.file, entry.time) }
    }

    init(
        spool: SpoolReader, rules: WaitingRules, state: String, budget: Int64?, limits: TopLimits = TopLimits()
    ) {
        (self.spool, self.rules, self.state) = (spool, rules, state)
        (self.budget, self.limits) = (budget, limits)
    }

    init(_ settings: Settings) throws(CommandFailure) {
        self.init(
            spool: try SpoolReader(path: settings.spool.directory), rules: WaitingRules(settings),
            state: settings.state.directory, budget: settings.budget.monthly.map(Int64.init))
    }

    /// The settings that it reads.
    static let keys = [
        "spool.dir", "limits.requestBytes", "limits.inFlight", "limits.perUser", "spool.minFree", "state.dir",
        "budget.monthly",
    ]

    /// Looks at everything that is due.
    /// - Parameters:
    ///   - wall: nanoseconds since 1970.
    ///   - clock: monotonic nanoseconds, asked before and after each reading.
    mutating func read(wall: Int64, clock: () -> Int64) -> TopSnapshot {
        behind = 0
        for box in [Box.incoming, .processing, .done, .failed] { readBox(box, wall, clock) }
        readMoney(wall, clock)
        var snapshot = TopSnapshot(at: wall, spool: spool.path, slots: rules.inFlight)
        snapshot.behind = behind
        snapshot.money = money
        do throws(SystemFailure) {
            snapshot.daemon = try spool.daemon().map(TopDaemon.init)
            snapshot.obstacle = DiskFloor(bytes: rules.minFree).obstacle(try spool.root.space(), spool.path)
        } catch {
            snapshot.troubles.append("\(error)")
        }
        snapshot.stirred = modified(.incoming)
        fill(&snapshot)
        snapshot.rate = rate(wall)
        return snapshot
    }

    // MARK: Folders

    private func modified(_ box: Box) -> Int64? {
        do throws(SystemFailure) {
            return try spool.root.infoIfPresent(of: box.folder)?.modified
        } catch {
            return nil
        }
    }

    private mutating func readBox(_ box: Box, _ wall: Int64, _ clock: () -> Int64) {
        let start = clock()
        var changed = modified(box)
        let pace = paces[box, default: TopPace()]
        guard pace.isDue(at: start, changed: changed) else {
            if !pace.isUnchanged(changed), let read = readAt[box] { behind = max(behind, wall - read) }
            return
        }
        readAt[box] = wall
        var times: [Int64] = []
        let hourAgo = wall - Int64(TopRate.minutes) * 60_000_000_000
        do throws(SystemFailure) {
            switch box {
            case .done, .failed:
                let keep = box == .failed ? limits.failures : 1
                counts[box] = .success(
                    try spool.results(in: box, keeping: keep, most: limits.names) { time in
                        if time > hourAgo { times.append(time) }
                    })
            default:
                let keep = box == .incoming ? limits.waiting : limits.inFlight
                counts[box] = .success(try spool.requests(in: box, keeping: keep, most: limits.names))
            }
            ended[box] = times
        } catch {
            counts[box] = .failure(error)
            ended[box] = nil
            // Who may look is no matter of the folder's time.
            changed = nil
        }
        paces[box, default: TopPace()].wasRead(from: start, to: clock(), changed: changed, wall: wall)
    }

    private func rate(_ now: Int64) -> TopRate {
        var rate = TopRate(complete: ended[.done] ?? [], failed: ended[.failed] ?? [], now: now)
        rate.isHidden = ended[.done] == nil && ended[.failed] == nil
        for box in [Box.done, .failed] {
            if case .success(let count) = counts[box], count.isCut { rate.isCut = true }
        }
        return rate
    }

    // MARK: Files

    private mutating func fill(_ snapshot: inout TopSnapshot) {
        snapshot.waiting = list(.incoming, &snapshot) { reader, entries in
            reader.waiting = reader.known(entries, reader.waiting) { reader.waitingRow($0) }
            return entries.compactMap { reader.waiting[BoxKey($0)] }
        }
        snapshot.failures = list(.failed, &snapshot) { reader, entries in
            reader.failures = reader.known(entries, reader.failures) { reader.failureRow($0) }
            return entries.compactMap { reader.failures[BoxKey($0)] }
        }
        snapshot.inFlight = list(.processing, &snapshot) { reader, entries in
            reader.claimed = reader.known(entries, reader.claimed) { reader.claimedRow($0) }
            return entries.compactMap { reader.flightRow($0) }
        }
        snapshot.done = list(.done, &snapshot) { _, _ in [Bool]() }.count
    }

    private mutating func list<Row>(
        _ box: Box, _ snapshot: inout TopSnapshot, _ rows: (inout TopReader, [BoxEntry]) -> [Row]
    ) -> TopList<Row> {
        switch counts[box] {
        case .success(let count): return TopList(count: TopCount(count), rows: rows(&self, count.kept))
        case .failure(let error):
            if ![.accessDenied, .notFound].contains(error.errno) { snapshot.troubles.append("\(error)") }
            return TopList(count: .hidden)
        case nil: return TopList(count: .hidden)
        }
    }

    /// What is known already of these files, and what is to be read of the others.
    private func known<Row>(_ entries: [BoxEntry], _ old: [BoxKey: Row], _ read: (BoxEntry) -> Row) -> [BoxKey: Row] {
        Dictionary(
            entries.map { (BoxKey($0), old[BoxKey($0)] ?? read($0)) }, uniquingKeysWith: { first, _ in first })
    }

    private func bytes(_ file: FileName, in box: Box, limit: Int) -> [UInt8]? {
        do throws(SystemFailure) {
            guard case .bytes(let bytes, _) = Reading.of(file, in: try spool.box(box), limit: limit) else {
                return nil
            }
            return bytes
        } catch {
            return nil
        }
    }

    private func waitingRow(_ entry: BoxEntry) -> TopWaiting {
        let request = bytes(entry.file, in: .incoming, limit: rules.requestBytes)
        let report = JobReport(waiting: entry.file.job(without: ".json"), request: request, since: entry.time)
        return TopWaiting(name: report.name, user: report.userID, outfit: report.outfitID, since: entry.time)
    }

    private func claimedRow(_ entry: BoxEntry) -> JobReport {
        let request = bytes(entry.file, in: .processing, limit: rules.requestBytes)
        return JobReport(
            processing: entry.file.job(without: ".json"), status: nil, request: request, since: entry.time)
    }

    /// Its status is read every time; a job that is gone meanwhile has none and is left out.
    private func flightRow(_ entry: BoxEntry) -> TopFlight? {
        guard let report = claimed[BoxKey(entry)] else { return nil }
        let file = FileName(bytes: entry.file.bytes.dropLast(5) + Array(".status.json".utf8))
        var flight = TopFlight(
            name: report.name, user: report.userID, outfit: report.outfitID, percent: 0, secondsLeft: 0,
            message: "", since: entry.time)
        do throws(DocumentFault) {
            guard let bytes = bytes(file, in: .processing, limit: TopReader.documentLimit) else { return flight }
            let status = try StatusDocument.decode(bytes)
            (flight.user, flight.outfit, flight.provider) = (status.userID, status.outfitID, status.provider)
            (flight.stage, flight.percent, flight.secondsLeft) = (status.stage, status.progress, status.estimatedTime)
            (flight.message, flight.waitsFor) = (status.message, status.waiting?.reason)
            flight.updated = status.updatedAt.nanoseconds
        } catch {
            // Another version's status file; the job goes on all the same.
        }
        return flight
    }

    private func failureRow(_ entry: BoxEntry) -> TopFailure {
        var failure = TopFailure(
            name: entry.file.job(without: ".result.json"), message: "its result cannot be read", at: entry.time)
        do throws(DocumentFault) {
            guard let bytes = bytes(entry.file, in: .failed, limit: TopReader.documentLimit) else { return failure }
            let result = try ResultDocument.decode(bytes)
            failure.user = result.userID
            if case .failed(let found) = result.outcome {
                (failure.code, failure.message) = (found.code.rawValue, found.message)
            }
        } catch {
            failure.message = "its result is of another version"
        }
        return failure
    }

    /// Of a status file or a result; nothing that vizd writes comes near it.
    private static let documentLimit = 4 << 20

    // MARK: Money

    private mutating func readMoney(_ wall: Int64, _ clock: () -> Int64) {
        let start = clock()
        guard moneyPace.isDue(at: start) else { return }
        let now = Timestamp(nanoseconds: wall)
        do throws(JournalFailure) {
            let month = AttemptRow.month(of: now)
            let rows = try JournalReader.open(path: "\(state)/vizd.sqlite")?.costs(month, by: .day) ?? []
            money = .known(TopSpend(rows, today: String(now.rfc3339.prefix(10)), budget: budget))
        } catch {
            money = .unknown(error.description)
        }
        moneyPace.wasRead(from: start, to: clock())
    }
}

extension TopSpend {
    /// From a month's rows by day.
    init(_ rows: [CostRow], today: String, budget: Int64?) {
        for row in rows {
            let sum = row.reserved + row.settled + row.uncertain
            month += sum
            reserved += row.reserved
            uncertain += row.uncertain
            if row.key == today { self.today += sum }
        }
        self.budget = budget
    }
}
