// Lets so many in at once, the others in the order of their coming: a bound on what is held in memory.

internal import DequeModule
internal import Synchronization

/// A bounded number of places for jobs.
final class Turnstile: Sendable {
    private struct State {
        var free: Int
        var waiting = Deque<CheckedContinuation<Void, Never>>()
    }

    private let state: Mutex<State>

    init(places: Int) {
        precondition(places > 0, "a turnstile without places would never let anybody in")
        state = Mutex(State(free: places))
    }

    /// Takes a place, when there is one.
    func enter() async {
        await withCheckedContinuation { continuation in
            let isIn = state.withLock { state in
                if state.free == 0 {
                    state.waiting.append(continuation)
                    return false
                }
                state.free -= 1
                return true
            }
            if isIn { continuation.resume() }
        }
    }

    /// Gives a place back: to the next in line, if there is one.
    func leave() {
        let next = state.withLock { state in
            let next = state.waiting.popFirst()
            if next == nil { state.free += 1 }
            return next
        }
        next?.resume()
    }

    /// How many wait.
    var waitingCount: Int { state.withLock { $0.waiting.count } }
}
