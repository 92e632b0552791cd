// How long things take, in buckets: a value. Its size does not depend on how much it has seen.

/// Counts of observations up to each of some bounds.
struct Histogram: Hashable, Sendable {
    /// Seconds, growing; a last bucket without a bound is always there.
    let bounds: [Double]
    private var counts: [Int]
    private(set) var sum = 0.0

    /// From a hundredth of a second, a stage on prepared photos, to a quarter of an hour, the usual deadline of a job.
    static let seconds: [Double] = [
        0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 45, 60, 90, 120, 180, 300, 600, 900,
    ]

    init(bounds: [Double] = Histogram.seconds) {
        precondition(zip(bounds, bounds.dropFirst()).allSatisfy(<), "bounds that do not grow: \(bounds)")
        (self.bounds, counts) = (bounds, Array(repeating: 0, count: bounds.count + 1))
    }

    /// Counts one. What is no number says nothing of time and is passed over; a clock never runs backwards.
    mutating func observe(_ value: Double) {
        guard value.isFinite else { return }
        let value = max(0, value)
        counts[bounds.firstIndex { value <= $0 } ?? bounds.count] += 1
        sum += value
    }

    /// How many were observed.
    var count: Int { counts.reduce(0, +) }

    /// The bounds, the infinite one last, each with how many were not above it.
    var cumulative: [(bound: Double, count: Int)] {
        var total = 0
        return zip(bounds + [.infinity], counts).map { bound, count in
            total += count
            return (bound, total)
        }
    }
}
