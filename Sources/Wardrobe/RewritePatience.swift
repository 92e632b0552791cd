// How long a rewrite is tried again, and when it is given up: a value that counts.
//
// Waits double from a few milliseconds and are spread by chance, so that two daemons do not meet again and again. The
// bounds are on the sum of the waits: 10 s for a lock that somebody holds and for a record that keeps changing, 1 s for
// one that does not parse (a program that fills a file in place needs microseconds; one that crashed meanwhile never
// ends).

struct RewritePatience {
    enum Trouble: Hashable {
        case locked
        case disturbed
        /// The sentence's half that a `RecordFault` carries.
        case unreadable(String)
        case missing
    }

    enum Action: Hashable {
        case again(after: Duration)
        case giveUp
    }

    private var rounds = 0
    private var contested: Duration = .zero
    private var unreadable: Duration = .zero

    /// - Parameter chance: from 0 up to 1; the wait is half fixed, half by chance.
    mutating func failed(_ trouble: Trouble, chance: Double) -> Action {
        let longest: Duration = .milliseconds(min(200, 2 << min(rounds, 7)))
        rounds += 1
        let wait = longest / 2 + longest / 2 * chance
        switch trouble {
        case .locked, .disturbed:
            contested += wait
            return contested > .seconds(10) ? .giveUp : .again(after: wait)
        case .unreadable, .missing:
            unreadable += wait
            return unreadable > .seconds(1) ? .giveUp : .again(after: wait)
        }
    }
}
