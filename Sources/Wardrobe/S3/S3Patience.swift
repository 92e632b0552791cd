// How long a request to the store is tried again, and when it is given up: a value that counts.
//
// Only what passes is tried again: 500, 502, 503, 504, SlowDown, 429, and a connection that failed. Waits double from
// 200 ms to 10 s and are spread by chance; a `Retry-After` is obeyed up to 30 s. The bound is a moment: what would
// begin after it is not begun, so an object store that is away for a while is waited for, and one that is gone is told
// of in time. The first try is always made.

struct S3Patience {
    enum Action: Hashable {
        case again(after: Duration)
        case giveUp
    }

    /// Monotonic nanoseconds.
    private let deadline: Int64
    private var failures = 0

    /// - Parameter deadline: monotonic nanoseconds; no try begins after it.
    init(deadline: Int64) { self.deadline = deadline }

    /// Nanoseconds that a try which begins now may last: what is left, but long enough to be a try at all.
    func limit(at now: Int64, atMost longest: Int64) -> Int64 { min(longest, max(2_000_000_000, deadline - now)) }

    /// - Parameters:
    ///   - now: monotonic nanoseconds.
    ///   - chance: from 0 up to 1; the wait is half fixed, half by chance.
    mutating func failed(_ failure: S3Failure, at now: Int64, chance: Double) -> Action {
        guard failure.reason.passes else { return .giveUp }
        let longest: Duration = .milliseconds(min(10_000, 200 << min(failures, 6)))
        failures += 1
        var wait = longest / 2 + longest / 2 * chance
        if let asked = failure.retryAfter { wait = max(wait, min(asked, .seconds(30))) }
        let (seconds, attoseconds) = wait.components
        let nanoseconds = seconds * 1_000_000_000 + attoseconds / 1_000_000_000
        return now + nanoseconds > deadline ? .giveUp : .again(after: wait)
    }
}
