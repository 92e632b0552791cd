// How often a folder or a table is read anew: a value.
//
// Reading a folder of 100,000 files takes a fifth of a second. So what was read stands until twenty times as long as
// the reading took has passed, and a folder in which nothing has changed is not read at all: `top` takes at most one
// twentieth of a processor, however much there is.

struct TopPace: Equatable, Sendable {
    /// Of the time that a reading took, so many times it is left alone afterwards.
    static let rest: Int64 = 20
    /// The clock of a file system ticks every few milliseconds: a change within this long after a look at the folder's
    /// time may not be seen in it.
    static let tick: Int64 = 1_000_000_000

    private var next: Int64 = .min
    /// The folder's time of change at the last reading, if it was old enough to be believed.
    private var unchangedSince: Int64?

    /// Whether it is to be read now.
    /// - Parameters:
    ///   - now: monotonic nanoseconds.
    ///   - changed: the folder's time of change, nanoseconds since 1970; nil where that says nothing.
    func isDue(at now: Int64, changed: Int64? = nil) -> Bool {
        !isUnchanged(changed) && now >= next
    }

    /// Whether a folder with this time of change is as it was when it was read.
    func isUnchanged(_ changed: Int64?) -> Bool { unchangedSince != nil && changed == unchangedSince }

    /// It was read.
    /// - Parameters:
    ///   - start: monotonic nanoseconds, as `end`.
    ///   - changed: the folder's time of change before the reading, `wall` what the clock said then.
    mutating func wasRead(from start: Int64, to end: Int64, changed: Int64? = nil, wall: Int64 = 0) {
        next = end + (end - start) * TopPace.rest
        unchangedSince = changed.flatMap { wall - $0 > TopPace.tick ? $0 : nil }
    }
}
