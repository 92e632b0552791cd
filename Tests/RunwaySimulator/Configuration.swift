// How a simulated account is set up.

/// Limits of one model.
package struct ModelLimits: Sendable {
    /// Tasks that run at once; nil is no limit. More wait as THROTTLED.
    package var concurrent: Int?
    /// Creates within 24 hours; nil is no limit. More are refused with 429.
    package var daily: Int?

    package init(concurrent: Int? = nil, daily: Int? = nil) { (self.concurrent, self.daily) = (concurrent, daily) }
}

/// A share of tasks that fail by themselves.
package struct FailureShare: Sendable {
    /// `SAFETY.INPUT.TEXT`.
    package let code: String
    package let percent: Double

    package init(code: String, percent: Double) { (self.code, self.percent) = (code, percent) }
}

/// Everything that a simulator can be told at its start. Times in seconds.
package struct RunwayConfiguration: Sendable {
    /// The keys that are let in.
    package var keys: Set<String> = ["key_simulator"]
    /// The balance at the start.
    package var credits = 1_000_000
    package var limits = ModelLimits()
    /// Limits of single models.
    package var modelLimits: [String: ModelLimits] = [:]
    package var maximumMonthlySpend = 1_000_000
    /// How long a task takes once it was begun; drawn evenly where the bounds differ.
    package var duration: ClosedRange<Double> = 3...3
    /// The part of that time in which it still says PENDING, 0 to 1.
    package var pendingShare = 0.2
    /// How long a signed address serves.
    package var urlLifetime: Double = 24 * 3600
    /// How long an upload can be used.
    package var uploadLifetime: Double = 24 * 3600
    /// Upload slots within 60 seconds; more are refused with 429. Nil is no limit: the real number is not published.
    package var uploadsPerMinute: Int?
    /// Whether a task that had not begun is refunded when it is cancelled.
    package var refundsCancelled = true
    /// Bytes of a request body; more are refused with 413.
    package var maximumBody = 16 << 20
    package var failures: [FailureShare] = []
    /// What stands at web addresses; a good JPEG at every other one.
    package var assets: [String: FakeAsset] = [:]
    /// Handles that are good although nothing was uploaded.
    package var knownUploads: Set<String> = []
    /// What durations, failures and identifiers are drawn from; nil draws from the system.
    package var seed: UInt64?
    /// 0 is any free port.
    package var port: UInt16 = 0
    /// Called with one line for each request, from many threads.
    package var log: (@Sendable (String) -> Void)?

    package init() {}

    /// The limits of a model.
    func limits(of model: String) -> ModelLimits { modelLimits[model] ?? limits }
}
