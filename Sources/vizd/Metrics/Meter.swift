// The counters where every thread may count: `Metrics` under a lock. Counting never waits for the disk.

import Synchronization

/// Counts for the whole program.
final class Meter: Sendable {
    private struct State {
        var metrics = Metrics()
        var revision = 0
    }

    private let state = Mutex(State())

    /// Counts something.
    func count(_ event: (inout Metrics) -> Void) {
        state.withLock { state in
            event(&state.metrics)
            state.revision += 1
        }
    }

    /// All counts as they are now.
    var metrics: Metrics { state.withLock { $0.metrics } }

    /// Grows with every count.
    var revision: Int { state.withLock { $0.revision } }
}
