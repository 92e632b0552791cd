// The desk before the providers: jobs come for a place, wait their turn, and give it back.
//
// `DeskBook` decides; this keeps the books under a lock and wakes whom they name. A place is held from before the order
// until its task has ended. What waits is told why, whenever the reason changes.

internal import Linux
package import Providers
internal import Synchronization

/// The places of all providers.
package final class ProviderDesk: Sendable {
    private struct Waiter {
        let goOn: CheckedContinuation<Void, Never>
        let tell: @Sendable (String) -> Void
    }

    private struct State {
        var book = DeskBook()
        var waiters: [UInt64: Waiter] = [:]
        var nextTicket: UInt64 = 0
    }

    private let state = Mutex(State())
    private let monotonicClock: @Sendable () -> Int64
    private let sleep: @Sendable (Int64) async -> Void

    /// How long a provider that refused the key or has no credit is left alone, nanoseconds (13.10).
    static let hold: Int64 = 600_000_000_000

    /// `sleep` returns at a moment of `monotonicClock`.
    package init(monotonicClock: @escaping @Sendable () -> Int64, sleep: @escaping @Sendable (Int64) async -> Void) {
        (self.monotonicClock, self.sleep) = (monotonicClock, sleep)
    }

    /// Takes a place where there is one at once.
    func tryEnter(_ place: DeskBook.Place) -> Bool {
        let now = monotonicClock()
        return state.withLock { state in
            var trial = state.book
            guard trial.enter(place, ticket: 0, at: now) == nil else { return false }
            state.book = trial
            return true
        }
    }

    /// Waits for a place. `tell` is called with the reason, and again when there is another.
    func enter(_ place: DeskBook.Place, tell: @escaping @Sendable (String) -> Void) async {
        let now = monotonicClock()
        await withCheckedContinuation { continuation in
            let obstacle = state.withLock { state -> String? in
                let ticket = state.nextTicket
                state.nextTicket += 1
                let obstacle = state.book.enter(place, ticket: ticket, at: now)
                if obstacle != nil { state.waiters[ticket] = Waiter(goOn: continuation, tell: tell) }
                return obstacle
            }
            guard let obstacle else { return continuation.resume() }
            tell(obstacle)
        }
    }

    /// Counts a place that a job has from before this start.
    func occupy(_ place: DeskBook.Place) { state.withLock { $0.book.occupy(place) } }

    /// Gives a place back.
    func leave(_ place: DeskBook.Place) {
        let now = monotonicClock()
        wake { $0.leave(place, at: now) }
    }

    /// The provider took an order of this place.
    func accepted(_ place: DeskBook.Place) {
        let now = monotonicClock()
        wake { $0.accepted(place, at: now) }
    }

    /// Leaves a provider alone for ten minutes, or until `release`.
    func hold(_ provider: String, reason: String) {
        let until = monotonicClock() + ProviderDesk.hold
        let told = state.withLock { state in
            state.book.hold(provider, until: until, reason: reason).compactMap { state.waiters[$0]?.tell }
        }
        for tell in told { tell(reason) }
        Task { [self] in
            await sleep(until)
            let now = monotonicClock()
            wake { $0.admit(provider, at: now) }
        }
    }

    /// Ends every hold: the configuration was read again.
    package func release() {
        let now = monotonicClock()
        wake { $0.release(at: now) }
    }

    /// What a provider's account may do, as it was just read.
    package func read(_ account: Account, of provider: String) {
        let now = monotonicClock()
        wake { $0.read(account, of: provider, at: now) }
    }

    /// How many pictures of the day the account should have counted by now, where it was read.
    func counted(_ place: DeskBook.Place) -> Int? { state.withLock { $0.book.counted(place) } }

    /// Places taken and jobs that wait for one, at a provider.
    package func figures(_ provider: String) -> (taken: Int, waiting: Int) {
        state.withLock { ($0.book.taken(provider), $0.book.waiting(provider)) }
    }

    private func wake(_ change: (inout DeskBook) -> [UInt64]) {
        let admitted = state.withLock { state in
            change(&state.book).compactMap { state.waiters.removeValue(forKey: $0)?.goOn }
        }
        for continuation in admitted { continuation.resume() }
    }
}
