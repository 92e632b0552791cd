// Retention: jobs that landed longer ago than `retention.done` and `retention.failed` say lose their files and their
// rows in the journal; from then on their names are new. What they cost and the pictures they made stay.
//
// It gives way to everybody: a few jobs a step, a pause after each, on threads that may block. A step holds the names
// of its jobs, so that none of them is begun meanwhile; files go first, durably, and the journal forgets last, so that
// a kill between leaves what the next sweep finds again. What cannot be removed is told once and left. Only a disk or
// a journal that fails ends the daemon, as everywhere.

import Contract
import Digest
import Ledger
import Linux
import Logging
import Pipeline
import Spool
import Synchronization

/// How long the boxes keep what is in them, nanoseconds; nil keeps for ever.
struct RetentionLimits: Equatable, Sendable {
    var done: Int64?
    var failed: Int64?

    subscript(box: OutcomeBox) -> Int64? {
        switch box {
        case .done: done
        case .failed: failed
        }
    }
}

/// What a sweep of one box came to.
struct SweepCount: Equatable {
    var jobs = 0
    var files = 0
    /// Old jobs that stay, by what is not settled.
    var unsettled: [Unsettled: Int] = [:]
    /// One of them.
    var unsettledFirst: String?
    /// Old jobs that are being run again.
    var inUse = 0
    /// Things that vizd did not put there, or does not know any more: the first, and how many.
    var foreign: (first: String?, count: Int) = (nil, 0)
    /// Why the sweep was broken off.
    var obstacle: String?

    static func == (one: SweepCount, other: SweepCount) -> Bool {
        (one.jobs, one.files, one.inUse, one.obstacle) == (other.jobs, other.files, other.inUse, other.obstacle)
            && (one.unsettled, one.unsettledFirst) == (other.unsettled, other.unsettledFirst)
            && one.foreign == other.foreign
    }

    mutating func leave(_ name: String, _ why: Unsettled) {
        unsettled[why, default: 0] += 1
        unsettledFirst = unsettledFirst ?? name
    }

    mutating func leave(foreign name: String, count: Int = 1) {
        foreign = (foreign.first ?? name, foreign.count + count)
    }

    mutating func count(_ removal: Removal) {
        switch removal {
        case .removed(let number): (jobs, files) = (jobs + 1, files + number)
        case .inUse: inUse += 1
        case .foreign(let name): leave(foreign: name)
        case .blocked(let failure): obstacle = "\(failure)"
        }
    }
}

/// Sweeps the boxes.
final class Retention: Sendable {
    private struct State {
        var limits: RetentionLimits
        var isSweeping = false
        /// Whether somebody asked for a sweep while one was under way.
        var isWanted = false
        /// When a box was last walked through, monotonic nanoseconds.
        var walked: [OutcomeBox: Int64] = [:]
        /// What was said last, by what it was said of.
        var said: [String: String] = [:]
    }

    private let life: JobLife
    private let sleep: @Sendable (Int64) async -> Void
    private let fail: @Sendable (String) -> Void
    private let state: Mutex<State>

    /// How often the journal is asked, nanoseconds.
    private static let interval: Int64 = 3_600_000_000_000
    /// How often a box is walked through for what the journal does not know, nanoseconds.
    private static let walkInterval: Int64 = 24 * interval
    /// The pause after each step, nanoseconds.
    private static let pace: Int64 = 100_000_000
    /// Jobs of a step.
    private static let step = 32
    /// Names of a step of a walk.
    private static let walkStep = 512

    /// `sleep` takes nanoseconds from now; `fail` is told why vizd has to leave.
    init(
        _ life: JobLife, _ limits: RetentionLimits, sleep: @escaping @Sendable (Int64) async -> Void,
        fail: @escaping @Sendable (String) -> Void
    ) {
        (self.life, self.sleep, self.fail) = (life, sleep, fail)
        state = Mutex(State(limits: limits))
    }

    /// Sweeps now and then every hour, as long as the program runs.
    func begin() {
        Task(executorPreference: life.pool) { [self] in
            while true {
                await sweep()
                await sleep(Retention.interval)
            }
        }
    }

    /// The configuration was read again.
    func adopt(_ limits: RetentionLimits) {
        let isNews = state.withLock { state in
            defer { state.limits = limits }
            if state.limits != limits { state.walked = [:] }
            return state.limits != limits
        }
        if isNews { Task(executorPreference: life.pool) { [self] in await sweep() } }
    }

    /// Removes what is too old by now; one sweep at a time. A second wish meanwhile begins another one after it.
    func sweep() async {
        let isFree = state.withLock { state in
            defer { (state.isWanted, state.isSweeping) = (state.isSweeping, true) }
            return !state.isSweeping
        }
        guard isFree else { return }
        repeat {
            for box in OutcomeBox.allCases { await sweep(box) }
        } while state.withLock { state in
            defer { (state.isSweeping, state.isWanted) = (state.isWanted, false) }
            return state.isWanted
        }
    }

    private func sweep(_ box: OutcomeBox) async {
        guard let age = state.withLock({ $0.limits[box] }) else { return }
        let before = Timestamp(nanoseconds: life.wallClock() - age)
        var count = SweepCount()
        do throws(SweepEnd) {
            try await removeJobs(box, before, &count)
            if takeWalk(of: box) { try await removeStrays(box, before, &count) }
        } catch {
            switch error {
            case .paused(let reason): count.obstacle = reason
            case .machine(let sentence): return fail(sentence)
            }
        }
        tell(box, count)
    }

    private func takeWalk(of box: OutcomeBox) -> Bool {
        let now = MonotonicClock.now()
        return state.withLock { state in
            if let last = state.walked[box], now - last < Retention.walkInterval { return false }
            state.walked[box] = now
            return true
        }
    }

    // MARK: - Jobs that the journal knows

    private func removeJobs(
        _ box: OutcomeBox, _ before: Timestamp, _ count: inout SweepCount
    ) async throws(SweepEnd) {
        let journal = life.journal
        var place = LandedPlace.first
        while count.obstacle == nil {
            let from = place
            let families = try await asked { () async throws(JournalFailure) in
                try await journal.landed(box, before: before, after: from, limit: Retention.step)
            }
            guard let last = families.last else { return }
            place = last.place
            try await remove(families, box, &count)
            await sleep(Retention.pace)
        }
    }

    private func remove(
        _ families: [LandedFamily], _ box: OutcomeBox, _ count: inout SweepCount
    ) async throws(SweepEnd) {
        var old: [OldFamily] = []
        for family in families {
            if let why = family.unsettled(at: life.now()) {
                count.leave(family.row.name, why)
            } else if let name = JobName(family.row.name), life.working.hold(name) {
                old.append(OldFamily(name: name, landedAt: family.row.landedAt, files: OldJob(family, name, box)))
            } else {
                count.inUse += 1
            }
        }
        defer { for one in old { life.working.release(one.name) } }
        if old.isEmpty { return }
        // From here on nobody begins one of them; but one may have been run again since it was read.
        let names = old.map(\.name.text)
        let landings = try await asked { () async throws(JournalFailure) in
            try await life.journal.landings(of: names)
        }
        let unchanged = zip(old, landings).filter { $0.landedAt == $1 }.map(\.0)
        count.inUse += old.count - unchanged.count
        let removals = try await removed(unchanged.map(\.files))
        for removal in removals { count.count(removal) }
        try await forget(zip(unchanged, removals).filter { $1.isRemoved }.map { $0.0.name.text })
    }

    private struct OldFamily {
        let name: JobName
        let landedAt: Timestamp?
        let files: OldJob
    }

    private func forget(_ names: [String]) async throws(SweepEnd) {
        let pictures = try await asked { () async throws(JournalFailure) in try await life.journal.forget(names) }
        do throws(SystemFailure) {
            try await life.work.remove(pictures)
        } catch {
            // The next start finds that nobody knows them.
            life.log.warning("work.leftover", metadata: ["reason": "\(error)"])
        }
        for name in names { life.log.debug("job.forgotten", metadata: ["job": "\(name)"]) }
    }

    // MARK: - Results that the journal does not know

    /// Files that never became jobs, and jobs of a journal that was lost.
    private func removeStrays(
        _ box: OutcomeBox, _ before: Timestamp, _ count: inout SweepCount
    ) async throws(SweepEnd) {
        let (spool, moment) = (life.spool, before.nanoseconds)
        let walk = try await blocking { () throws(SystemFailure) in try OldResults(spool, box.box, before: moment) }
        while count.obstacle == nil {
            let names = try await blocking { () throws(SystemFailure) in try walk.next(Retention.walkStep) }
            guard let names else { break }
            for group in names.chunks(of: Retention.step) {
                try await removeStrays(group, walk, box, before, &count)
                await sleep(Retention.pace)
            }
            if names.isEmpty { await sleep(Retention.pace) }
        }
        if let first = walk.foreign.first {
            count.leave(foreign: "\(box.rawValue)/\(first)", count: walk.foreign.count)
        }
    }

    private func removeStrays(
        _ files: [FileName], _ walk: OldResults, _ box: OutcomeBox, _ before: Timestamp, _ count: inout SweepCount
    ) async throws(SweepEnd) {
        var strays: [Stray] = []
        for file in files {
            if let stray = Stray(file) {
                strays.append(stray)
            } else {
                count.leave(foreign: "\(box.rawValue)/\(file)")
            }
        }
        let names = strays.map { (name: $0.landing.text, whole: $0.whole.text) }
        let unknown = Set(
            try await asked { () async throws(JournalFailure) in try await life.journal.unknown(names) }
                .map { Array($0.utf8) })
        strays = strays.filter { unknown.contains(Array($0.landing.text.utf8)) && hold($0) }
        defer { for stray in strays { release(stray) } }
        var jobs: [OldJob] = []
        for stray in strays {
            let bytes = try await blocking { () throws(SystemFailure) in walk.content(of: stray.file) }
            switch bytes.map({ stray.judge($0, box, before) }) ?? .foreign {
            case .old(let job): jobs.append(job)
            case .young: break
            case .foreign: count.leave(foreign: "\(box.rawValue)/\(stray.file)")
            }
        }
        for removal in try await removed(jobs) { count.count(removal) }
    }

    private func hold(_ stray: Stray) -> Bool {
        guard life.refusals.hold(stray.name) else { return false }
        if life.working.hold(stray.whole) { return true }
        life.refusals.release(stray.name)
        return false
    }

    private func release(_ stray: Stray) {
        life.working.release(stray.whole)
        life.refusals.release(stray.name)
    }

    // MARK: - Calls

    private func removed(_ jobs: [OldJob]) async throws(SweepEnd) -> [Removal] {
        if jobs.isEmpty { return [] }
        let spool = life.spool
        do throws(SpoolFatal) {
            return try await life.pool.run { () throws(SpoolFatal) in
                try OldFiles(spool, digest: { SHA256.of($0).bytes }).remove(jobs)
            }
        } catch {
            throw .machine("\(error)")
        }
    }

    private func blocking<Value: Sendable>(
        _ body: @escaping @Sendable () throws(SystemFailure) -> Value
    ) async throws(SweepEnd) -> Value {
        do throws(SystemFailure) { return try await life.pool.run(body) } catch { throw .paused("\(error)") }
    }

    /// A journal without room is asked again at the next sweep.
    private func asked<Value>(_ body: () async throws(JournalFailure) -> Value) async throws(SweepEnd) -> Value {
        do throws(JournalFailure) {
            return try await body()
        } catch {
            switch error.code {
            case .full, .busy, .closed: throw .paused("\(error)")
            default: throw .machine("\(error)")
            }
        }
    }

    private enum SweepEnd: Error {
        /// It goes on at the next sweep.
        case paused(String)
        case machine(String)
    }

    // MARK: - The log

    private func tell(_ box: OutcomeBox, _ count: SweepCount) {
        let log = life.log
        if count.jobs > 0 {
            log.notice(
                "retention.removed",
                metadata: ["box": "\(box.rawValue)", "jobs": "\(count.jobs)", "files": "\(count.files)"])
        }
        let unsettled = count.unsettled.map { "\($0.key.rawValue) \($0.value)" }.sorted().joined(separator: ", ")
        say(
            "retention.kept", box, ["unsettled": unsettled, "first": count.unsettledFirst ?? ""],
            unless: unsettled == "")
        say(
            "retention.left_alone", box,
            ["files": "\(count.foreign.count)", "first": count.foreign.first ?? ""], unless: count.foreign.count == 0)
        if let obstacle = count.obstacle {
            let next = "the sweep goes on in an hour; let vizd's user remove files in \(box.rawValue)/"
            say("retention.stopped", box, ["reason": obstacle, "next": next], unless: false, level: .warning)
        } else {
            state.withLock { _ = $0.said.removeValue(forKey: "retention.stopped \(box.rawValue)") }
        }
    }

    /// Says something that was not said last time.
    private func say(
        _ event: String, _ box: OutcomeBox, _ facts: [String: String], unless isNothing: Bool,
        level: Logger.Level = .notice
    ) {
        if isNothing { return }
        let text = facts.sorted { $0.key < $1.key }.map { "\($0)=\($1)" }.joined(separator: " ")
        let isNews = state.withLock { $0.said.updateValue(text, forKey: "\(event) \(box.rawValue)") != text }
        guard isNews else { return }
        var metadata: Logger.Metadata = ["box": "\(box.rawValue)"]
        for (key, value) in facts { metadata[key] = "\(value)" }
        life.log.log(level: level, "\(event)", metadata: metadata)
    }
}

/// A result that no job of the journal belongs to.
private struct Stray {
    enum Judgement {
        case old(OldJob)
        /// It was written later than its file says.
        case young
        case foreign
    }

    let file: FileName
    let landing: LandingName
    /// As a job's name: what is held while it goes.
    let name: JobName
    /// The job whose part it would be; itself for one that can have a request.
    let whole: JobName

    /// Nil for a name that no job of vizd's can have.
    init?(_ file: FileName) {
        guard let landing = LandingName(result: file), let name = JobName(job: landing.text) else { return nil }
        (self.file, self.landing, self.name) = (file, landing, name)
        var whole = name
        while let parent = whole.parent { whole = parent }
        self.whole = whole
    }

    /// Whether it is what vizd writes, for this name and this box, and when it was written.
    func judge(_ bytes: [UInt8], _ box: OutcomeBox, _ before: Timestamp) -> Judgement {
        do throws(DocumentFault) {
            let result = try ResultDocument.decode(bytes)
            guard result.jobID.utf8.elementsEqual(landing.text.utf8), (result.failure != nil) == (box == .failed) else {
                return .foreign
            }
            if result.finishedAt.nanoseconds >= before.nanoseconds { return .young }
            let digest = result.requestSHA256.flatMap(SHA256Digest.init(hex:))
            return .old(
                OldJob(name: landing, box: box.box, request: digest.map { .digest($0.bytes) } ?? .unread))
        } catch {
            return .foreign
        }
    }
}

extension OldJob {
    /// The files of a family.
    fileprivate init(_ family: LandedFamily, _ name: JobName, _ box: OutcomeBox) {
        let parts = family.parts.compactMap { part -> OldJob.Part? in
            guard part.kinship?.kind.hasFiles == true, let outcome = part.outcome else { return nil }
            return JobName(job: part.name).map { OldJob.Part(name: $0.landing, box: outcome.box.box) }
        }
        self.init(name: name.landing, box: box.box, request: .digest(family.row.digest), parts: parts)
    }
}

extension Removal {
    fileprivate var isRemoved: Bool {
        if case .removed = self { true } else { false }
    }
}

extension Array {
    fileprivate func chunks(of size: Int) -> [[Element]] {
        stride(from: 0, to: count, by: size).map { Array(self[$0..<Swift.min($0 + size, count)]) }
    }
}
