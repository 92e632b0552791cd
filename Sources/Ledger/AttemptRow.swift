// One paid attempt: a row of the ledger.
//
// It is written before the call (`intent`), so that no crash can hide that money may have been spent, and it is never
// deleted: retention forgets jobs, not what they cost. Money is counted in whole micro-dollars (one millionth of a US
// dollar), since a sum of doubles drifts; credits are the provider's own unit, may be fractional and are never summed
// into dollars.

package import Contract

/// An amount, in the provider's credits (where it has any) and in micro-dollars.
package struct Money: Hashable, Sendable {
    /// The provider's unit; nil where it has none.
    package var credits: Double?
    /// Millionths of a US dollar.
    package var usdMicros: Int64

    package init(credits: Double?, usdMicros: Int64) {
        self.credits = credits
        self.usdMicros = usdMicros
    }

    /// Nothing at all.
    package static let free = Money(credits: nil, usdMicros: 0)
}

/// What is known of an attempt. The raw values are the words in the ledger.
package enum AttemptState: String, CaseIterable, Sendable {
    /// The call may have been made; its answer is not known. The estimate is reserved.
    case intent
    /// The provider gave a task id. The estimate is reserved.
    case task
    /// The final figure is known.
    case settled
    /// It may have been charged and nobody can say; the estimate stands as a cost.
    case uncertain
    /// It is certain that nothing was created: it cost nothing.
    case refused

    /// Whether the books allow this change. A final figure may be corrected (a refund lands minutes later) and an
    /// uncertain one learned, or found uncertain once more after a crash; what was refused or settled is never open
    /// again.
    package func permits(_ next: AttemptState) -> Bool {
        switch (self, next) {
        case (.intent, .task), (.intent, .settled), (.intent, .uncertain), (.intent, .refused): true
        case (.task, .settled), (.task, .uncertain): true
        case (.uncertain, .settled), (.uncertain, .refused), (.uncertain, .uncertain), (.settled, .settled): true
        default: false
        }
    }
}

/// What an intent says before the call is made.
package struct NewAttempt: Hashable, Sendable {
    /// The configured name of the provider: `runway`.
    package var provider: String
    /// Its model, where it has several.
    package var model: String?
    /// Who pays.
    package var userID: String
    /// The upper bound that is reserved.
    package var estimate: Money
    /// True for a provider that never charges (the embedded renderer): an interrupted order of it is simply made again.
    package var freeOfCharge: Bool

    package init(provider: String, model: String?, userID: String, estimate: Money, freeOfCharge: Bool) {
        self.provider = provider
        self.model = model
        self.userID = userID
        self.estimate = estimate
        self.freeOfCharge = freeOfCharge
    }
}

/// How an attempt is closed.
package enum Settlement: Hashable, Sendable {
    /// The provider's final figure, and whether a picture came of it (a failed task may be charged too).
    case final(Money, made: Bool)
    /// Nobody can say; the estimate stands.
    case uncertain
    /// A picture came of it and the provider named no price; the estimate stands, uncertain.
    case unpriced
    /// Certain that nothing was created.
    case refused

    /// The state that the attempt is in afterwards.
    package var state: AttemptState {
        switch self {
        case .final: .settled
        case .uncertain, .unpriced: .uncertain
        case .refused: .refused
        }
    }
}

/// One attempt.
package struct AttemptRow: Hashable, Sendable {
    /// The job's name.
    package var name: String
    /// The job's run.
    package var run: Int
    /// 1, 2, ... within the run.
    package var attempt: Int
    /// The configured name of the provider.
    package var provider: String
    /// Its model, where it has several.
    package var model: String?
    /// Who pays.
    package var userID: String
    /// `2026-11`, in UTC: the month of the intent, in whose budget it counts.
    package var month: String
    /// What is known of it.
    package var state: AttemptState
    /// The provider's handle.
    package var taskID: String?
    /// What was reserved.
    package var estimate: Money
    /// The final figure, once settled (zero when refused).
    package var final: Money?
    /// Whether a picture came of it; false until it is closed.
    package var made: Bool
    /// When the intent was written.
    package var createdAt: Timestamp
    /// When the task id was written.
    package var taskAt: Timestamp?
    /// When it was closed.
    package var settledAt: Timestamp?
    /// The provider never charges.
    package var freeOfCharge: Bool
    /// Since when its figure waits to be read once more; nil where it is not.
    package var recheckSince: Timestamp?

    /// An intent.
    package init(name: String, run: Int, attempt: Int, order: NewAttempt, createdAt: Timestamp) {
        self.name = name
        self.run = run
        self.attempt = attempt
        self.provider = order.provider
        self.model = order.model
        self.userID = order.userID
        self.month = Self.month(of: createdAt)
        self.state = .intent
        self.estimate = order.estimate
        self.made = false
        self.createdAt = createdAt
        self.freeOfCharge = order.freeOfCharge
    }

    /// The month in whose budget a moment counts, in UTC: `2026-11`.
    package static func month(of moment: Timestamp) -> String { String(moment.rfc3339.prefix(7)) }

    /// Whether the provider may name another figure some minutes after the end of its task: a refund that had not
    /// landed yet, a price that was not told.
    package var mayBeCorrected: Bool {
        guard taskID != nil, !freeOfCharge else { return false }
        switch state {
        case .uncertain: return true
        case .settled: return !made && final.map { $0.usdMicros != 0 || ($0.credits ?? 0) != 0 } ?? false
        case .intent, .task, .refused: return false
        }
    }

    /// Whether one more order may be written after this one without paying twice for the same picture: nothing was
    /// created, or it cost nothing to create, or it ended without a picture, or somebody decided to risk it
    /// (`uncertain`: `runway.onLostResponse: resubmit`).
    package var mayBeFollowed: Bool {
        switch state {
        case .refused: true
        case .uncertain: !made
        case .settled: freeOfCharge || !made
        case .intent, .task: freeOfCharge
        }
    }

    /// Whether it was charged and there is nothing to go on with: its answer came, held no picture that could be kept,
    /// and named no task that could be read again.
    package var isSpent: Bool { state == .settled && !made && taskID == nil && !freeOfCharge }
}
