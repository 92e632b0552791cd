// Figures that are not final when a job ends: a task is read once more, minutes later, and the books are corrected.
//
// A failed task may keep telling its price until the refund has landed, and a finished one may name none at first. The
// ledger marks such attempts when it closes them, so that a restart forgets none. Each is read once; what stands in the
// way of reading is waited out, up to a week. Reading is free, never happens more than once a second, and changes the
// books alone: results that have landed tell what was known when they did.

internal import Contract
package import Ledger
package import Linux
internal import Providers

/// What became of a figure that was read again.
package enum LateNews: Sendable {
    /// The books say something else from now on.
    case corrected(AttemptRow, CostCorrection)
    /// The figure stands.
    case confirmed(AttemptRow)
    /// The task could not be read, or the books could not be written; a sentence. It is tried again.
    case unread(AttemptRow?, String)
    /// It could not be read for a week: the figure stands.
    case givenUp(AttemptRow)
}

/// What to do about a figure that waits, as a value. Times in nanoseconds since 1970.
struct LateFigure {
    enum Step: Equatable {
        /// Not before this moment.
        case wait(until: Int64)
        case read
        case giveUp
    }

    /// How long reading is tried.
    static let patience: Int64 = 7 * 86_400_000_000_000

    let closedAt: Int64
    let waitsSince: Int64
    /// From its close, or from the last try, until it is read.
    let delay: Int64

    func step(at now: Int64) -> Step {
        if now - closedAt > LateFigure.patience { return .giveUp }
        // A clock that was set back does not make anybody wait for longer than the delay.
        let due = min(waitsSince, now) + delay
        return now < due ? .wait(until: due) : .read
    }

    /// What a task says of its price; nil while it is under way, which a task that has ended once cannot be.
    static func price(_ state: TaskState) -> Price?? {
        switch state {
        case .waiting, .running: nil
        case .done(_, let price), .failed(_, let price), .gone(_, _, let price): .some(price)
        }
    }
}

/// Reads what waits. One for the program.
package struct LateSettlement: Sendable {
    private let pipeline: Pipeline
    private let tell: @Sendable (LateNews) -> Void
    /// No two questions are closer than this, nanoseconds.
    static let pace: Int64 = 1_000_000_000
    /// The books are looked at at least so often, nanoseconds.
    private static let interval: Int64 = 60_000_000_000

    /// Works with the pipeline's providers, books, clocks and settings.
    package init(_ pipeline: Pipeline, tell: @escaping @Sendable (LateNews) -> Void) {
        (self.pipeline, self.tell) = (pipeline, tell)
    }

    /// Reads what waits as long as the program runs, in a task of this pool's.
    package func begin(on pool: BlockingPool) {
        Task(executorPreference: pool) {
            while true {
                let pause = await turn()
                await pipeline.sleep(pipeline.monotonicClock() + pause)
            }
        }
    }

    /// Reads the figure that is due, if one is. Answers how long to pause then, nanoseconds.
    func turn() async -> Int64 {
        let ready = pipeline.providers.names.filter { pipeline.providers.provider($0) != nil }
        do throws(JournalFailure) {
            guard let attempt = try await pipeline.journal.nextRecheck(of: ready), let since = attempt.recheckSince
            else {
                return interval
            }
            let figure = LateFigure(
                closedAt: (attempt.settledAt ?? since).nanoseconds, waitsSince: since.nanoseconds,
                delay: pipeline.settings.recheckAfter)
            switch figure.step(at: pipeline.wallClock()) {
            case .wait(let moment): return max(LateSettlement.pace, min(interval, moment - pipeline.wallClock()))
            case .giveUp:
                _ = try await pipeline.journal.rechecked(attempt, price: nil)
                tell(.givenUp(attempt))
            case .read: try await read(attempt)
            }
            return LateSettlement.pace
        } catch {
            tell(.unread(nil, error.description))
            return LateSettlement.interval
        }
    }

    /// The longest pause: what is closed meanwhile is not seen before its end.
    private var interval: Int64 {
        max(LateSettlement.pace, min(LateSettlement.interval, pipeline.settings.recheckAfter))
    }

    private func read(_ attempt: AttemptRow) async throws(JournalFailure) {
        guard let task = attempt.taskID, let provider = pipeline.providers.provider(attempt.provider) else { return }
        let price: Price??
        do throws(ProviderFailure) {
            price = LateFigure.price(try await provider.poll(task).state)
        } catch {
            return try await postpone(attempt, error.message)
        }
        guard let price else {
            return try await postpone(attempt, "The task \(task) has not ended any more; it is read again later.")
        }
        if let correction = try await pipeline.journal.rechecked(attempt, price: price.map(Money.init)) {
            tell(.corrected(attempt, correction))
        } else {
            tell(.confirmed(attempt))
        }
    }

    private func postpone(_ attempt: AttemptRow, _ reason: String) async throws(JournalFailure) {
        try await pipeline.journal.postponeRecheck(attempt, at: pipeline.now())
        tell(.unread(attempt, reason))
    }
}
