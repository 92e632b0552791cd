// What the journal has done since it was opened, counted for those who watch over it.
//
// Counted is what is durable: after a commit, never inside a transaction that may still be rolled back. The counts live
// as long as the process; the books of all time are the ledger's.

internal import Synchronization

/// Counts since the journal was opened.
package struct JournalFigures: Hashable, Sendable {
    /// Commits that are on the disk.
    package var commits = 0
    /// Operations that were answered by them.
    package var operations = 0
    /// Commits that failed: the disk was full, busy or broken.
    package var failures = 0
    /// Orders that were written down, by the configured name of the provider.
    package var orders: [String: Int] = [:]
    /// Those of them that were not the first of their job's run.
    package var reorders: [String: Int] = [:]
    /// What was booked as spent, in millionths of a US dollar, by provider: the figure of each attempt as it was closed
    /// (its estimate where nobody could say) and what later corrections added. A refund takes nothing away.
    package var spent: [String: Int64] = [:]
    /// Grows whenever the sums of the ledger may have changed.
    package var moneyRevision = 0

    package init() {}

    mutating func ordered(_ attempt: AttemptRow) {
        orders[attempt.provider, default: 0] += 1
        if attempt.attempt > 1 { reorders[attempt.provider, default: 0] += 1 }
        moneyRevision += 1
    }

    mutating func booked(_ closing: Closing) {
        spent[closing.provider, default: 0] += max(0, closing.after - closing.before)
        moneyRevision += 1
    }
}

/// How the close of an attempt, or the correction of its figure, changed what counts as spent; millionths of a dollar.
struct Closing: Hashable, Sendable {
    let provider: String
    let before: Int64
    let after: Int64

    init(provider: String, before: Int64, after: Int64) {
        (self.provider, self.before, self.after) = (provider, before, after)
    }

    /// An attempt before and after.
    init(_ before: AttemptRow, _ after: AttemptRow) {
        self.init(provider: after.provider, before: before.spent, after: after.spent)
    }
}

extension AttemptRow {
    /// What counts as spent: nothing while it is open or where nothing can be charged.
    fileprivate var spent: Int64 {
        switch state {
        case .intent, .task, .refused: 0
        case .settled: final?.usdMicros ?? 0
        case .uncertain: freeOfCharge ? 0 : estimate.usdMicros
        }
    }
}

/// The counts, shared by the commit thread and the operations.
final class JournalTally: Sendable {
    private let figures = Mutex(JournalFigures())

    var value: JournalFigures { figures.withLock { $0 } }

    func note(_ change: (inout JournalFigures) -> Void) { figures.withLock { change(&$0) } }
}

extension Journal {
    /// What was done since it was opened.
    package var figures: JournalFigures { tally.value }

    /// Operations that nobody has taken yet.
    package var waitingCount: Int { waiting }
}
