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
    }

    private struct State {
        var jobs: [JobName: Entry] = [:]
        var history = DurationHistory()
    }

    private let state = Mutex(State())
    private let files: StatusFiles
    /// The provider of a job that has not chosen one yet.
    private let provider: String
    private let names: @Sendable (String) -> String
    private let monotonicClock: @Sendable () -> Int64

    /// `names` turns a provider's word into its name for people.
    init(
        files: StatusFiles, provider: String, names: @escaping @Sendable (String) -> String,
        monotonicClock: @escaping @Sendable () -> Int64
    ) {
        (self.files, self.provider, self.names, self.monotonicClock) = (files, provider, names, monotonicClock)
    }

    /// What the journal knows of earlier jobs, oldest first.
    func remember(_ seconds: [Double], provider: String, kind: PictureKind = .image) {
        let history = Self.history(of: kind, provider)
        state.withLock { state in for one in seconds { state.history.add(one, provider: history) } }
    }

    /// A job begins; a request that cannot be read has no status file, it ends at once.
    func begin(_ name: JobName, _ ticket: JobTicket) {
        guard case .success(let request) = ticket.decoded else { return }
        let entry = Entry(
            userID: request.userID, outfitID: request.outfitID, attempt: max(ticket.last?.attempt ?? 0, 1),
            kind: request.kind, begun: monotonicClock())
        state.withLock { $0.jobs[name] = entry }
        files.begin(name.landing) { [weak self] wall in self?.render(name, wall) ?? [] }
    }

    /// A job has come to a step.
    func report(_ name: JobName, _ progress: StageReport) {
        state.withLock { $0.jobs[name]?.progress = progress }
        files.touch(name.landing)
    }

    /// A job has landed.
    func ended(_ name: JobName, _ result: ResultDocument) {
        state.withLock { state in
            guard let entry = state.jobs.removeValue(forKey: name), case .complete = result.outcome else { return }
            state.history.add(seconds(since: entry), provider: history(of: entry))
        }
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

    private func seconds(since entry: Entry) -> Double { Double(monotonicClock() - entry.begun) / 1e9 }

    private func render(_ name: JobName, _ wall: Int64) -> [UInt8] {
        let (found, left) = state.withLock { state -> (Entry?, Double) in
            guard let entry = state.jobs[name] else { return (nil, 0) }
            return (entry, state.history.remaining(provider: history(of: entry), elapsed: seconds(since: entry)))
        }
        let progress = found?.progress
        // The line has moved on since the job was told: asked now.
        let waiting = progress?.waiting?.told
        return StatusDocument(
            jobID: name.text, progress: progress?.percent ?? 0, stage: progress?.stage ?? .prepare,
            message: (progress?.message ?? "Beginning") + Self.line(waiting), estimatedTime: left,
            attempt: progress?.attempt ?? found?.attempt ?? 1,
            userID: found?.userID ?? "", outfitID: found?.outfitID, provider: progress?.provider.map(names),
            waiting: waiting, updatedAt: Timestamp(nanoseconds: wall)
        ).encode()
    }
}
