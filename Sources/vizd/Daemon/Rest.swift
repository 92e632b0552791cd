// When there has been nothing to do for a while, the memory that only work needs is let go of: once a rest, so that a
// daemon that sleeps stays asleep.

/// When to let go: a value.
struct Rest {
    /// Nothing has to have been done for so long, nanoseconds.
    static let after: Int64 = 30_000_000_000

    /// Since when there has been nothing to do, monotonic nanoseconds; nil while there is.
    private var since: Int64?
    private var hasLetGo = false

    /// When the loop has to wake up for it.
    var deadline: Int64 {
        guard let since, !hasLetGo else { return .max }
        return since + Rest.after
    }

    /// Takes note of what the loop sees. Answers whether to let go now; then that counts as done for this rest.
    mutating func look(isIdle: Bool, at now: Int64) -> Bool {
        guard isIdle else {
            (since, hasLetGo) = (nil, false)
            return false
        }
        guard let since else {
            self.since = now
            return false
        }
        guard !hasLetGo && now - since >= Rest.after else { return false }
        hasLetGo = true
        return true
    }
}
