// How long jobs of a provider have lately taken, and from that how long one that runs will still take.
//
// The honest answer is a conditional one: of the jobs that took longer than this one has taken so far, how much longer
// did the middle one take? A job that has outlasted all others is told to need as much again as it is over the longest.

/// Recent durations by provider, in seconds.
package struct DurationHistory: Sendable {
    /// What a job is said to take before a provider has a history (the contract's figure).
    package static let unknown = 40.0
    /// How many durations are kept for each provider.
    package static let kept = 50

    private var durations: [String: [Double]] = [:]

    package init() {}

    /// Adds how long a job took, the oldest gives way.
    package mutating func add(_ seconds: Double, provider: String) {
        var recent = durations[provider] ?? []
        recent.append(seconds)
        if recent.count > DurationHistory.kept { recent.removeFirst() }
        durations[provider] = recent
    }

    /// Seconds that a job of this provider will still take after `elapsed` seconds. Never negative.
    package func remaining(provider: String, elapsed: Double) -> Double {
        guard let recent = durations[provider], let longest = recent.max() else {
            return max(DurationHistory.unknown - elapsed, 1)
        }
        let longer = recent.filter { $0 > elapsed }.sorted()
        guard !longer.isEmpty else { return max(elapsed - longest, 1) }
        return longer[longer.count / 2] - elapsed
    }
}
