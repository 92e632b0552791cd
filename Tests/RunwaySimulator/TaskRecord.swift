// One task of the simulated service, from its create to its end.

/// How a task is to end.
package enum Fate: Sendable, Equatable {
    case success
    /// `charged` nil: as Runway charges such a failure.
    case failure(code: String?, message: String, charged: Bool?)
    /// Cancelled from elsewhere: the portal, the service itself.
    case cancellation

    /// Whether the customer pays: moderation of an input is charged, every other failure is refunded.
    var isCharged: Bool {
        switch self {
        case .success: true
        case .cancellation: false
        case .failure(let code, _, let charged): charged ?? (code ?? "").hasPrefix("SAFETY.INPUT")
        }
    }
}

/// What a task says of itself when it is read.
package enum TaskPhase: Equatable, Sendable {
    case pending
    case throttled
    /// From 0 to 1.
    case running(Double)
    case succeeded
    case failed(code: String?, message: String)
    case cancelled

    /// The word in the JSON.
    package var status: String {
        switch self {
        case .pending: "PENDING"
        case .throttled: "THROTTLED"
        case .running: "RUNNING"
        case .succeeded: "SUCCEEDED"
        case .failed: "FAILED"
        case .cancelled: "CANCELLED"
        }
    }
}

/// A task. Times are nanoseconds of the simulator's clock.
struct TaskRecord: Sendable {
    let id: String
    let order: Order
    /// SHA-256 of each reference.
    let digests: [String]
    let createdAt: Int64
    let duration: Int64
    let pendingTime: Int64
    var fate: Fate
    var startedAt: Int64?
    /// What it came to; nil while it is under way.
    var end: TaskPhase?
    var endedAt: Int64?
    /// What was taken for it in the end; nil while it is under way.
    var billed: Int?
    /// Removed by its owner: it cannot be read any more.
    var isDeleted = false
    var polls = 0
    var lastPoll: Int64?
    var pollSecond: Int64 = 0
    var pollsInSecond = 0
    var downloads = 0

    /// What is set aside at its create: credits are whole, an estimate need not be.
    var reserved: Int { Int(order.estimate.rounded(.up)) }

    /// How far it is.
    func phase(at now: Int64) -> TaskPhase {
        if let end { return end }
        guard let startedAt else { return .throttled }
        let elapsed = now - startedAt
        if elapsed < pendingTime { return .pending }
        let share = Double(elapsed - pendingTime) / Double(max(1, duration - pendingTime))
        return .running((min(0.99, max(0, share)) * 100).rounded(.down) / 100)
    }
}
