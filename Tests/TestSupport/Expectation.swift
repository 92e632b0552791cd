// Waiting in tests: for something to become true about files, without sleeping. Watch first, then look, then wait for
// the next event; a deadline that is only the limit of patience with a test that fails.

internal import Linux

/// What did not come true in time.
package struct Overdue: Error, CustomStringConvertible {
    package let description: String

    package init(description: String) { self.description = description }
}

/// How long a test waits before it fails.
package enum Patience {
    /// Nanoseconds.
    package static let limit: Int64 = 60_000_000_000
    /// How long nothing may happen in the watched folders before one looks anyway; for what makes no event.
    fileprivate static let glance: Int64 = 200_000_000
}

/// Waits until `look` answers something, looking again whenever something changes in one of the folders.
/// - Throws: `Overdue` with `what` and what `story` has to tell, after a minute.
package func awaited<Answer>(
    _ what: String, in folders: [String], limit: Int64 = Patience.limit, story: () -> String = { "" },
    _ look: () throws -> Answer?
) throws -> Answer {
    let inotify = try Inotify()
    for folder in folders {
        _ = try inotify.watch(
            try Directory(path: folder), [.movedTo, .movedFrom, .created, .deleted, .closedAfterWrite, .modified])
    }
    let deadline = MonotonicClock.now() + limit
    while true {
        if let answer = try look() { return answer }
        let left = deadline - MonotonicClock.now()
        if left <= 0 { throw Overdue(description: "\(what) did not happen in time. \(story())") }
        _ = try Poll.readable([inotify.raw], timeout: min(left, Patience.glance))
        _ = try inotify.drain()
    }
}
