// When the metrics are written: a value that the loop asks.
//
// While something moves, every ten seconds. Where nothing does, with the wake-ups that there are anyway (the canary and
// the regular scan come once a minute), so that an idle vizd sleeps as long as without metrics; a minute is the most.
// Times are monotonic nanoseconds.

/// The rhythm of the writes.
struct MetricsPace {
    /// What makes a write worth its while.
    struct Figures: Equatable {
        var counts = 0
        var inFlight = 0
        var waiting = 0
        var isPaused = false

        /// Whether ages grow as time goes by.
        var isMoving: Bool { inFlight > 0 || waiting > 0 }
    }

    static let interval: Int64 = 10_000_000_000
    /// From here on a wake-up that comes for another reason is used.
    static let idleFrom: Int64 = 45_000_000_000
    static let idle: Int64 = 60_000_000_000

    private var last: (at: Int64, figures: Figures)?

    /// When the loop has to wake up for a write at the latest.
    func deadline(_ figures: Figures) -> Int64 {
        guard let last else { return 0 }
        return last.at + (isNews(figures) ? MetricsPace.interval : MetricsPace.idle)
    }

    /// Whether to write now; then it counts as written.
    mutating func take(_ figures: Figures, at now: Int64) -> Bool {
        if let last, now - last.at < (isNews(figures) ? MetricsPace.interval : MetricsPace.idleFrom) { return false }
        last = (now, figures)
        return true
    }

    private func isNews(_ figures: Figures) -> Bool { figures.isMoving || figures != last?.figures }
}
