// What the status files say: the latest step of every job under way, and how long it will still take.
//
// The files are written by `Spool.StatusFiles` on its own thread, which asks here for the text. The times come from
// what each provider has lately taken.

import Contract
import Ledger
import Linux
import Pipeline
import Spool
import Synchronization

/// The jobs under way, for their status files.
final class StatusBoard: Sendable {
    private struct Entry {
        let userID: String
        let outfitID: String?
        let attempt: Int
        /// Films take longer than pictures, so each kind has its own history.
        let kind: PictureKind
        /// Monotonic nanoseconds.
        let begun: Int64
        var progress: StageReport?
        /// False for one of several views, which its parent's file tells of.
        var hasFile = true
        /// How far its parts are, while it waits for them.
        var family: FamilyProgress?
        /// Whether it was taken apart: then its time is no measure of the provider's.
        var isCompound = false
    }

    /// Some of the jobs. A job stands with all that it is a part of and with all its parts.
    private struct Jobs {
        var jobs: [JobName: Entry] = [:]

        /// Counts a part that has ended. Answers the jobs above it.
        mutating func landed(_ name: JobName, isComplete: Bool) -> [JobName] {
            guard let parent = name.parent else { return [] }
            jobs[parent]?.family?.ended(name, isComplete: isComplete)
            return [parent] + climb(from: parent)
        }

        /// Tells the jobs above one how far it is. Answers them.
        mutating func climb(from name: JobName) -> [JobName] {
            var (part, above): (JobName, [JobName]) = (name, [])
            while let parent = part.parent, let entry = jobs[part] {
                jobs[parent]?.family?.report(part, percent: entry.family?.percent ?? entry.progress?.percent ?? 0)
                if jobs[parent]?.progress?.provider == nil { jobs[parent]?.progress = entry.progress }
                above.append(parent)
                part = parent
            }
            return above
        }
    }

    /// One lock and its jobs. Every job tells each of its steps: one lock for all would be met in use time and again.
    private final class Shard: Sendable {
        let jobs = Mutex(Jobs())
    }

    private let shards = (0..<16).map { _ in Shard() }
    private let history = Mutex(DurationHistory())
    private let files: StatusFiles
    /// The provider of a job that has not chosen one yet.
    private let provider: String
    private let names: @Sendable (String) -> String
    private let monotonicClock: @Sendable () -> Int64
    private let meter: Meter

    /// `names` turns a provider's word into its name for people.
    init(
        files: StatusFiles, provider: String, names: @escaping @Sendable (String) -> String,
        monotonicClock: @escaping @Sendable () -> Int64, meter: Meter = Meter()
    ) {
        (self.files, self.provider, self.names, self.monotonicClock) = (files, provider, names, monotonicClock)
        self.meter = meter
    }

    /// How many jobs are under way and how old they are; `wall` is now, nanoseconds since 1970.
    func readings(at wall: Int64) -> BoardReadings {
        var readings = BoardReadings()
        for entry in shards.flatMap({ $0.jobs.withLock { Array($0.jobs.values) } }) {
            if entry.family != nil {
                readings.parked += 1
                continue
            }
            readings.stages[entry.progress?.stage ?? .prepare, default: .init()].add(seconds(since: entry))
            guard let wait = entry.progress?.waiting else { continue }
            let age = max(0, Double(wall - wait.since.nanoseconds) / 1e9)
            readings.waits[wait.reason, default: .init()].add(age)
        }
        return readings
    }

    /// Where a job stands: by the name of the job that it is a part of in the end.
    private func jobs<Answer: Sendable>(_ name: JobName, _ body: (inout Jobs) -> Answer) -> Answer {
        var top = name
        while let parent = top.parent { top = parent }
        return shards[Int(UInt(bitPattern: top.hashValue) % UInt(shards.count))].jobs.withLock { body(&$0) }
    }

    /// What the journal knows of earlier jobs, oldest first.
    func remember(_ seconds: [Double], provider: String, kind: PictureKind = .image) {
        let history = Self.history(of: kind, provider)
        self.history.withLock { for one in seconds { $0.add(one, provider: history) } }
    }

    /// A job begins; a request that cannot be read has no status file, it ends at once. `family` where it was taken
    /// apart.
    func begin(_ name: JobName, _ ticket: JobTicket, _ family: FamilyProgress? = nil) {
        guard case .success(let request) = ticket.decoded else { return }
        var entry = Entry(
            userID: request.userID, outfitID: request.outfitID, attempt: max(ticket.last?.attempt ?? 0, 1),
            kind: request.kind, begun: monotonicClock())
        (entry.family, entry.isCompound) = (family, family != nil)
        entry.hasFile = ticket.row.kinship?.kind.hasFiles ?? true
        let above = jobs(name) { jobs in
            jobs.jobs[name] = entry
            return jobs.climb(from: name)
        }
        if entry.hasFile { files.begin(name.landing) { [weak self] wall in self?.render(name, wall) ?? [] } }
        for parent in above { files.touch(parent.landing) }
    }

    /// A job has come to a step.
    func report(_ name: JobName, _ progress: StageReport) {
        // What was said before is handed out, so that it is let go of after the lock.
        let (above, before) = jobs(name) { jobs -> ([JobName], StageReport?) in
            guard let place = jobs.jobs.index(forKey: name) else { return ([], nil) }
            let before = jobs.jobs.values[place].progress
            jobs.jobs.values[place].progress = progress
            return (jobs.climb(from: name), before)
        }
        if let wait = progress.waiting, wait != before?.waiting { meter.count { $0.waited(wait.reason) } }
        files.touch(name.landing)
        for one in above { files.touch(one.landing) }
    }

    /// The parts of a job have ended, and it is worked on itself.
    func familyEnded(_ name: JobName) { jobs(name) { $0.jobs[name]?.family = nil } }

    /// A job has landed.
    func ended(_ name: JobName, _ result: ResultDocument) {
        let (above, entry) = jobs(name) { jobs in
            let entry = jobs.jobs.removeValue(forKey: name)
            return (jobs.landed(name, isComplete: result.failure == nil), entry)
        }
        if let entry, !entry.isCompound, case .complete = result.outcome {
            let (seconds, provider) = (seconds(since: entry), history(of: entry))
            history.withLock { $0.add(seconds, provider: provider) }
        }
        for parent in above { files.touch(parent.landing) }
    }

    /// A job has landed that had its result before this life of the program.
    func landed(_ name: JobName, isComplete: Bool) {
        let above = jobs(name) { $0.landed(name, isComplete: isComplete) }
        for parent in above { files.touch(parent.landing) }
    }

    /// How many are before a job, as a sentence of its own.
    private static func line(_ waiting: JobWait?) -> String {
        guard let ahead = waiting?.ahead else { return "" }
        return ahead == 0 ? " It is the next." : " \(ahead) of vizd's jobs are before it."
    }

    /// Under which name the durations of such jobs are kept.
    private func history(of entry: Entry) -> String {
        Self.history(of: entry.kind, entry.progress?.provider ?? provider)
    }

    private static func history(of kind: PictureKind, _ provider: String) -> String {
        kind == .video ? "\(provider), films" : provider
    }

    private func seconds(leftOf entry: Entry) -> Double {
        let elapsed = entry.family == nil ? seconds(since: entry) : 0
        let recent = history.withLock { $0 }
        let seconds = recent.remaining(provider: history(of: entry), elapsed: elapsed)
        return entry.family?.remaining(each: seconds) ?? seconds
    }

    private func seconds(since entry: Entry) -> Double { Double(monotonicClock() - entry.begun) / 1e9 }

    private func render(_ name: JobName, _ wall: Int64) -> [UInt8] {
        let found = jobs(name) { $0.jobs[name] }
        let left = found.map { seconds(leftOf: $0) } ?? 0
        let (progress, family) = (found?.progress, found?.family)
        // The line has moved on since the job was told: asked now.
        let waiting = family == nil ? progress?.waiting?.told : nil
        return StatusDocument(
            jobID: name.text, progress: family?.percent ?? progress?.percent ?? 0,
            stage: family == nil ? progress?.stage ?? .prepare : .generate,
            message: (family?.message ?? progress?.message ?? "Beginning") + Self.line(waiting), estimatedTime: left,
            attempt: progress?.attempt ?? found?.attempt ?? 1,
            userID: found?.userID ?? "", outfitID: found?.outfitID, provider: progress?.provider.map(names),
            waiting: waiting, updatedAt: Timestamp(nanoseconds: wall)
        ).encode()
    }
}
