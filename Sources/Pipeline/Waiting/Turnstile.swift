// Lets so many in at once, the others in the order of their coming: a bound on what is held in memory.

internal import DequeModule
internal import Synchronization

/// A bounded number of places for jobs.
final class Turnstile: Sendable {
    private struct State {
        var free: Int
        /// In the order of their coming; those who went away leave an empty place.
        var waiting = Deque<UInt64>()
        var waiters: [UInt64: CheckedContinuation<Bool, Never>] = [:]
        var nextTicket: UInt64 = 0
    }

    private let places: Int
    private let state: Mutex<State>

    init(places: Int) {
        precondition(places > 0, "a turnstile without places would never let anybody in")
        self.places = places
        state = Mutex(State(free: places))
    }

    /// Takes a place if there is one now.
    func tryEnter() -> Bool {
        state.withLock { state in
            if state.free == 0 { return false }
            state.free -= 1
            return true
        }
    }

    /// Takes a place, when there is one; `tell` is called where it has to be waited for.
    /// - Returns: false where the job is to end, which then came first.
    func enter(unless cancel: JobCancel, tell: @Sendable () -> Void = {}) async -> Bool {
        defer { cancel.forget() }
        return await withCheckedContinuation { continuation in
            let ticket = state.withLock { state -> UInt64? in
                if state.free > 0 {
                    state.free -= 1
                    return nil
                }
                defer { state.nextTicket += 1 }
                state.waiting.append(state.nextTicket)
                state.waiters[state.nextTicket] = continuation
                return state.nextTicket
            }
            guard let ticket else { return continuation.resume(returning: true) }
            tell()
            cancel.onMade { [self] in
                state.withLock { $0.waiters.removeValue(forKey: ticket) }?.resume(returning: false)
            }
        }
    }

    /// Gives a place back: to the next in line, if there is one. Answers whether nobody has one any more.
    @discardableResult
    func leave() -> Bool {
        let (next, isEmpty) = state.withLock { state -> (CheckedContinuation<Bool, Never>?, Bool) in
            while let ticket = state.waiting.popFirst() {
                if let next = state.waiters.removeValue(forKey: ticket) { return (next, false) }
            }
            state.free += 1
            return (nil, state.free == places)
        }
        next?.resume(returning: true)
        return isEmpty
    }

    /// How many wait.
    var waitingCount: Int { state.withLock { $0.waiters.count } }
}
