// What the loop adds to the metrics, and when it has them written.

import Spool

extension Daemon {
    /// Has the metrics written when it is time; costs nothing where nobody wants them.
    func measure(_ now: Int64) {
        guard metrics.isWanted, pace.take(figures, at: now) else { return }
        metrics.write(readings)
    }

    /// When the loop has to wake up for the metrics, monotonic nanoseconds.
    var metricsDeadline: Int64 { metrics.isWanted ? pace.deadline(figures) : .max }

    private var figures: MetricsPace.Figures {
        MetricsPace.Figures(
            counts: meter.revision, inFlight: slots.count, waiting: incoming.queue.count + leftovers.count,
            isPaused: claiming.obstacle != nil)
    }

    /// What only the loop knows.
    var readings: LoopReadings {
        let queue = incoming.queue
        return LoopReadings(
            incoming: queue.count - queue.filelessCount, parts: queue.filelessCount + families.behind,
            resumed: leftovers.count, oldestArrival: queue.oldestArrival, users: queue.userCount,
            turnedAway: queue.turnedAwayCount, slotsTaken: slots.count, slotsLimit: slots.limit,
            isPaused: claiming.obstacle != nil, isWatching: incoming.isWatching, ignoredFiles: incoming.ignoredCount)
    }
}
