// The things that a loop waits for: descriptors, a wake-up from another thread, signals, a deadline.

internal import CLinux
internal import Glibc

/// A wake-up for a thread that polls: any number of `signal`s before a `drain` are one.
package final class EventFD: Sendable {
    private let descriptor: Descriptor

    /// Makes one, unsignalled.
    package init() throws(SystemFailure) {
        descriptor = Descriptor(owning: try checked("eventfd") { vz_eventfd() })
    }

    /// The number to poll for reading.
    package var raw: CInt { descriptor.raw }

    /// Wakes the poller. EAGAIN (the counter is full) means that it is awake already.
    package func signal() {
        var one: UInt64 = 1
        let answer = Glibc.write(raw, &one, 8)
        precondition(answer == 8 || Glibc.errno == EAGAIN, "eventfd refused a write: errno \(Glibc.errno)")
    }

    /// Takes the wake-ups that came so far.
    package func drain() {
        var count: UInt64 = 0
        let answer = Glibc.read(raw, &count, 8)
        precondition(answer == 8 || Glibc.errno == EAGAIN, "eventfd refused a read: errno \(Glibc.errno)")
    }
}

/// The signals that a daemon listens to.
package enum Signal: Hashable, Sendable, CaseIterable {
    case terminate, interrupt, hangUp, user1

    var number: CInt {
        switch self {
        case .terminate: SIGTERM
        case .interrupt: SIGINT
        case .hangUp: SIGHUP
        case .user1: SIGUSR1
        }
    }
}

/// Signals as something to poll (signalfd). They are blocked in the calling thread first; so it must be made before any
/// other thread starts, and main must not be `async`: its executor unblocks them again.
package final class SignalFD: Sendable {
    private let descriptor: Descriptor

    /// Takes over these signals for the whole process.
    package init(_ signals: [Signal] = Signal.allCases) throws(SystemFailure) {
        let numbers = signals.map(\.number)
        descriptor = Descriptor(owning: try checked("signalfd") { vz_signalfd(numbers, CInt(numbers.count)) })
    }

    /// The number to poll for reading.
    package var raw: CInt { descriptor.raw }

    /// The signals that came, without waiting.
    package func drain() throws(SystemFailure) -> [Signal] {
        try SignalFD.taken(raw).compactMap { taken in Signal.allCases.first { $0.number == taken } }
    }

    /// The numbers of the signals that came to a signalfd.
    static func taken(_ number: CInt) throws(SystemFailure) -> [CInt] {
        var signals: [CInt] = []
        while true {
            do throws(SystemFailure) {
                signals.append(try checked("read signalfd") { vz_next_signal(number) })
            } catch let error where error.errno == .again {
                return signals
            }
        }
    }

    /// Writing to a closed pipe or socket becomes EPIPE instead of the end of the process. First thing in main.
    package static func ignoreBrokenPipes() {
        precondition(vz_signal_ignore(SIGPIPE) == 0, "SIGPIPE cannot be ignored")
    }

    /// What tells the daemon something (SIGHUP, SIGUSR1) is not to end one of its children: `systemctl kill` reaches
    /// every process of a service.
    package static func ignoreNews() {
        for number in [SIGHUP, SIGUSR1] {
            precondition(vz_signal_ignore(number) == 0, "signal \(number) cannot be ignored")
        }
    }
}

/// poll(2) with a deadline.
package enum Poll {
    /// Waits until one of the descriptors can be read or has failed, or the time is over. At most 16.
    /// - Parameter timeout: nanoseconds; nil waits for ever, 0 or less only looks.
    /// - Returns: for each descriptor whether there is something to see. All false: time over or a signal.
    package static func readable(_ descriptors: [CInt], timeout: Int64?) throws(SystemFailure) -> [Bool] {
        var numbers = descriptors
        var wanted = [CShort](repeating: CShort(POLLIN), count: descriptors.count)
        var happened = [CShort](repeating: 0, count: descriptors.count)
        let limit = timeout.map { max(0, $0) } ?? -1
        do throws(SystemFailure) {
            _ = try checked("ppoll", retrying: false) {
                vz_poll(&numbers, &wanted, &happened, CInt(numbers.count), limit)
            }
        } catch let error where error.errno == .interrupted {}
        return happened.map { $0 != 0 }
    }
}

/// Time for waiting: never jumps, says nothing about the date. Nanoseconds.
package enum MonotonicClock {
    /// Nanoseconds since some moment of its own.
    package static func now() -> Int64 { vz_clock_ns(0) }
}

/// Time for people: nanoseconds since 1970, UTC; may jump.
package enum WallClock {
    /// Nanoseconds since 1970.
    package static func now() -> Int64 { vz_clock_ns(1) }
}
