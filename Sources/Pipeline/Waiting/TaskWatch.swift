// When a task is asked next, and when it is given up: a value.
//
// A task is first asked when tasks of its model usually end, then at every interval, a little later each time so that a
// thousand of them do not ask in step; never earlier than the interval, as the providers wish. What stands in the way
// of asking (the network, an overloaded provider) makes the pauses longer, and a provider that names a pause gets it.
// The deadline ends the watch, but never before the task was asked once: after a long stop it may have ended well.

internal import Contract
internal import Providers

/// How often tasks are asked (`poll.*`). Seconds.
package struct PollRule: Hashable, Sendable {
    /// Before the first question; nil is learned.
    package var initial: Double?
    /// Between two questions.
    package var interval: Double

    package init(initial: Double? = nil, interval: Double = 5) { (self.initial, self.interval) = (initial, interval) }
}

/// What came of asking once.
indirect enum TaskNews: Equatable {
    /// It is not there yet.
    case underWay
    /// It could not be asked.
    case unheard(ProviderFailure)
}

/// The watch over one task.
struct TaskWatch {
    /// What to do next.
    indirect enum Step: Equatable {
        /// Ask at this moment, monotonic nanoseconds.
        case ask(at: Int64)
        /// The time is over; what was in the way, if the last questions were not answered.
        case overdue(ProviderFailure?)
    }

    private let rule: PollRule
    /// Monotonic nanoseconds.
    private let deadline: Int64
    private var unheard = 0

    init(_ rule: PollRule, deadline: Int64) { (self.rule, self.deadline) = (rule, deadline) }

    /// When to ask first.
    /// - Parameters:
    ///   - usual: how long the quickest quarter of this model's tasks took lately, in seconds; nil without a history.
    ///   - age: seconds since the task was created; nil for one that was created just now.
    ///   - dice: 0 to 1.
    func first(usual: Double?, age: Double?, now: Int64, dice: Double) -> Step {
        guard let age else {
            if let initial = rule.initial { return .ask(at: now + nanoseconds(initial)) }
            // A little before the usual time, never after it: a watch that only ever looked later would learn later
            // and later times.
            return .ask(at: now + nanoseconds(max(rule.interval, (usual ?? 0) * (1 - 0.1 * dice))))
        }
        // After a stop: those whose time is over are spread over a second, the others keep their moment.
        return .ask(at: now + nanoseconds(max((rule.initial ?? usual ?? rule.interval) - age, dice)))
    }

    /// When to ask next.
    mutating func next(after news: TaskNews, now: Int64, dice: Double) -> Step {
        var failure: ProviderFailure?
        switch news {
        case .underWay: unheard = 0
        case .unheard(let one):
            unheard += 1
            failure = one
        }
        if now >= deadline { return .overdue(failure) }
        let moment = now + nanoseconds(pause(after: failure, dice: dice))
        // The last question comes at the deadline itself, unless the provider asked for a longer silence.
        if moment <= deadline { return .ask(at: moment) }
        if case .later(let seconds?)? = failure?.retry, now + nanoseconds(seconds) > deadline {
            return .overdue(failure)
        }
        return .ask(at: deadline)
    }

    private func pause(after failure: ProviderFailure?, dice: Double) -> Double {
        guard let failure else { return rule.interval * (1 + 0.2 * dice) }
        let pause = min(60, rule.interval * Double(1 << min(unheard - 1, 8))) * (1 + 0.5 * dice)
        guard case .later(let seconds?) = failure.retry else { return max(pause, rule.interval) }
        return max(pause, seconds)
    }

    private func nanoseconds(_ seconds: Double) -> Int64 { Int64(seconds * 1e9) }
}
