// The clock of a simulator that nobody drives by hand: the date at its first look, carried on by a clock that does not
// jump.

internal import Glibc

/// Time that is a date and never goes back.
package enum SteadyClock {
    private static let offset = read(CLOCK_REALTIME) - read(CLOCK_MONOTONIC)

    /// Nanoseconds since 1970.
    package static func now() -> Int64 { offset + read(CLOCK_MONOTONIC) }

    private static func read(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}
