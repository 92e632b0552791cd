// Figures that may still change: read once more some minutes after the task has ended, and corrected.
//
// What waits stands in the ledger itself (`recheck_since`), so a restart forgets nothing. A correction changes the
// money and nothing else: an attempt that was closed anew meanwhile is left as it is, since that figure is younger.

package import Contract
internal import GRDB

/// What the books said of an attempt before and after it was read again.
package struct CostCorrection: Hashable, Sendable {
    /// What stood there: the figure, or the estimate where nobody could say.
    package let before: Money
    /// Whether `before` was uncertain.
    package let wasUncertain: Bool
    /// What stands there now.
    package let after: Money

    package init(before: Money, wasUncertain: Bool, after: Money) {
        (self.before, self.wasUncertain, self.after) = (before, wasUncertain, after)
    }
}

extension Journal {
    /// The attempt of these providers that has waited longest to be read again; nil where none waits.
    package func nextRecheck(of providers: [String]) async throws(JournalFailure) -> AttemptRow? {
        try await write { books in try books.nextRecheck(of: providers) }
    }

    /// An attempt was read again: books `price`, or leaves the figure that stands where the provider names none. It
    /// waits no longer. Answers what changed; nil where nothing did, or where it was closed anew meanwhile.
    package func rechecked(_ attempt: AttemptRow, price: Money?) async throws(JournalFailure) -> CostCorrection? {
        let correction = try await write { books in try books.rechecked(attempt, price: price) }
        if let correction {
            let (before, after) = (correction.before.usdMicros, correction.after.usdMicros)
            tally.note { $0.booked(Closing(provider: attempt.provider, before: before, after: after)) }
        }
        return correction
    }

    /// It could not be read: it waits anew from `now` on.
    package func postponeRecheck(_ attempt: AttemptRow, at now: Timestamp) async throws(JournalFailure) {
        try await write { books in
            guard var row = try books.waiting(attempt) else { return }
            row.recheckSince = now
            try books.update(row)
        }
    }
}

extension Books {
    func nextRecheck(of providers: [String]) throws -> AttemptRow? {
        let marks = providers.map { _ in "?" }.joined(separator: ",")
        return try one(
            """
            SELECT * FROM attempt WHERE recheck_since IS NOT NULL AND provider IN (\(marks))
            ORDER BY recheck_since LIMIT 1
            """, StatementArguments(providers)
        ).map(Self.attempt)
    }

    /// The attempt as it is now, if it still waits since the same moment.
    func waiting(_ attempt: AttemptRow) throws -> AttemptRow? {
        let row = try one(
            "SELECT * FROM attempt WHERE name = ? AND run = ? AND attempt = ?",
            [attempt.name, attempt.run, attempt.attempt]
        ).map(Self.attempt)
        guard let row, row.recheckSince != nil, row.recheckSince == attempt.recheckSince else { return nil }
        return row
    }

    func rechecked(_ attempt: AttemptRow, price: Money?) throws -> CostCorrection? {
        guard var row = try waiting(attempt) else { return nil }
        row.recheckSince = nil
        guard let price else {
            try update(row)
            return nil
        }
        let correction = CostCorrection(
            before: row.final ?? row.estimate, wasUncertain: row.state == .uncertain, after: price)
        guard row.state.permits(.settled) else { throw Self.wrong(row, .settled) }
        (row.state, row.final) = (.settled, price)
        try update(row)
        return correction.wasUncertain || correction.before != price ? correction : nil
    }
}
