// The proof that the watch still works: once a minute a hidden name is made and renamed in `incoming`, and its event
// must come within two seconds. A value: it is told the time and what was seen, and says what to do.

/// What is to be done for the proof now.
enum CanaryAction: Hashable {
    case nothing
    /// Make and rename the hidden name with this number.
    case launch(UInt64)
    /// The event did not come: the watch is deaf, build it anew.
    case deaf
}

/// The state of the proof. Times are monotonic nanoseconds.
struct Canary {
    private enum State {
        /// The state while nothing is under way until the next proof.
        case resting(until: Int64)
        /// The state while an event is awaited.
        case flying(UInt64, until: Int64)
    }

    private let every: Int64
    private let patience: Int64
    private var state: State
    private var number: UInt64 = 0

    init(every: Int64, patience: Int64, now: Int64) {
        (self.every, self.patience) = (every, patience)
        state = .resting(until: now + every)
    }

    /// When `tick` has something to say.
    var deadline: Int64 {
        switch state {
        case .resting(let until), .flying(_, let until): until
        }
    }

    mutating func tick(_ now: Int64) -> CanaryAction {
        switch state {
        case .resting(let until) where until <= now:
            number += 1
            state = .flying(number, until: now + patience)
            return .launch(number)
        case .flying(_, let until) where until <= now:
            state = .resting(until: now + every)
            return .deaf
        case .resting, .flying:
            return .nothing
        }
    }

    /// The event of a number came. One of an earlier flight proves nothing about this one.
    mutating func seen(_ seen: UInt64, at now: Int64) {
        if case .flying(let number, _) = state, number == seen { state = .resting(until: now + every) }
    }

    /// It could not be launched (full disk), or the watch was built anew: no proof is awaited.
    mutating func rest(_ now: Int64) { state = .resting(until: now + every) }
}
