// Sleeping without a thread or a timer each: one thread, one heap, any number of sleepers.
//
// Ten thousand jobs wait for their tasks at once, each for a moment of its own. The thread sleeps until the earliest of
// these moments and is woken only by an alarm that is earlier still, so an idle program has no wake-ups from here.

internal import HeapModule
internal import Linux

/// The clock on the wall that rings for everybody.
package final class Alarms: Sendable {
    private struct Alarm: Comparable {
        let at: Int64
        /// Alarms of one moment ring in the order in which they were set.
        let number: UInt64
        let ring: @Sendable () -> Void

        static func == (left: Alarm, right: Alarm) -> Bool { left.number == right.number }
        static func < (left: Alarm, right: Alarm) -> Bool { (left.at, left.number) < (right.at, right.number) }
    }

    private struct State {
        var alarms = Heap<Alarm>()
        var nextNumber: UInt64 = 0
        var isClosed = false
    }

    private let monitor = Monitor(State())

    /// Starts the thread.
    package init() {
        OwnedThread.spawn(name: "vizd-alarms") { [monitor] in Alarms.serve(monitor) }
    }

    deinit { monitor.change { $0.isClosed = true } }

    /// Returns at this moment (monotonic nanoseconds) or a little later; at once for one that is over.
    package func sleep(until moment: Int64) async {
        if moment <= MonotonicClock.now() { return }
        await withCheckedContinuation { continuation in ring(at: moment) { continuation.resume() } }
    }

    /// Calls `body` at this moment (monotonic nanoseconds) or a little later, on the alarms' own thread: it must not
    /// block. Nobody can take it back; whoever waits for something else too sees to it that a late ring does no harm.
    package func ring(at moment: Int64, _ body: @escaping @Sendable () -> Void) {
        let isEarliest = monitor.look { state -> Bool in
            let alarm = Alarm(at: moment, number: state.nextNumber, ring: body)
            state.nextNumber += 1
            state.alarms.insert(alarm)
            return state.alarms.min == alarm
        }
        // Later ones need not wake the thread: it looks at the heap again when the earliest has rung.
        if isEarliest { monitor.change { _ in } }
    }

    /// How many sleep.
    package var count: Int { monitor.look { $0.alarms.count } }

    private static func serve(_ monitor: Monitor<State>) {
        while true {
            let next = monitor.look { $0.isClosed ? nil : ($0.alarms.min?.at ?? .max) }
            guard let next else { return }
            let due = monitor.wait(until: next == .max ? nil : next) { state -> [Alarm]? in
                if state.isClosed { return [] }
                // An alarm that is earlier than the one this wait was begun for begins a new wait.
                if let first = state.alarms.min, first.at < next { return [] }
                return nil
            }
            for alarm in due ?? Alarms.takeDue(monitor) { alarm.ring() }
        }
    }

    private static func takeDue(_ monitor: Monitor<State>) -> [Alarm] {
        let now = MonotonicClock.now()
        return monitor.look { state in
            var due: [Alarm] = []
            while let first = state.alarms.min, first.at <= now { due.append(state.alarms.removeMin()) }
            return due
        }
    }
}
