// A start that takes long: resuming thousands of jobs, waiting for room on a full disk, or for the lock as a standby.
//
// The service manager ends a start that says nothing for too long (TimeoutStartSec). From its second second on a start
// says that it goes on and asks for another minute, so that a manager which allows less than that from the beginning is
// not too impatient either. A start that hangs says nothing, and is ended.

import Linux
import Logging

/// When the manager is told: a value.
struct PulsePace {
    /// Nanoseconds: between two words, and before the first one.
    static let interval: Int64 = 2_000_000_000
    /// For how long more is asked each time, microseconds.
    static let extensionMicroseconds = 60_000_000

    private var last: Int64

    /// `now`: monotonic nanoseconds, as in `isDue`.
    init(from now: Int64) { last = now }

    /// Whether it is time; then it counts as told.
    mutating func isDue(at now: Int64) -> Bool {
        guard now - last >= PulsePace.interval else { return false }
        last = now
        return true
    }
}

/// Tells the service manager how a start goes on. The main thread owns it.
final class StartPulse {
    private let notifier: ServiceNotifier
    private let log: Logger
    private var pace: PulsePace

    init(notifier: ServiceNotifier, log: Logger) {
        (self.notifier, self.log, pace) = (notifier, log, PulsePace(from: MonotonicClock.now()))
    }

    /// To be called at every step that got somewhere; says something now and then.
    func beat(_ doing: @autoclosure () -> String) {
        guard notifier.isListening, pace.isDue(at: MonotonicClock.now()) else { return }
        do throws(SystemFailure) {
            try notifier.notify(
                "EXTEND_TIMEOUT_USEC=\(PulsePace.extensionMicroseconds)\nSTATUS=starting: \(doing())")
        } catch {
            log.debug("notify.failed", metadata: ["reason": "\(error)"])
        }
    }
}
