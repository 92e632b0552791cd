// The desk before the providers: jobs come for a place, wait their turn, and give it back.
//
// `DeskBook` decides; this keeps the books under a lock and wakes whom they name. A place is held from before the order
// until its task has ended. What waits is told why, whenever the reason changes.

package import Contract
internal import DequeModule
internal import Linux
package import Providers
internal import Synchronization

/// The places of all providers.
package final class ProviderDesk: Sendable {
    /// Tells why is waited, and how to ask how many are before.
    typealias Tell = @Sendable (DeskWait, @escaping @Sendable () -> Int?) -> Void

    private struct Waiter {
        let goOn: CheckedContinuation<Bool, Never>
        let tell: Tell
        var told: DeskWait
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

    /// Waits for a place. `tell` is called with the reason, and again when there is another; it must not block.
    /// - Returns: false where the job is to end, which then came first: it has no place.
    func enter(
        _ place: DeskBook.Place, unless cancel: JobCancel = JobCancel(), tell: @escaping Tell
    ) async -> Bool {
        let now = monotonicClock()
        defer { cancel.forget() }
        return await withCheckedContinuation { continuation in
            let (ticket, obstacle) = state.withLock { state -> (UInt64, DeskWait?) in
                let ticket = state.nextTicket
                state.nextTicket += 1
                let obstacle = state.book.enter(place, ticket: ticket, at: now)
                if let obstacle {
                    state.waiters[ticket] = Waiter(goOn: continuation, tell: tell, told: obstacle)
                }
                return (ticket, obstacle)
            }
            guard let obstacle else { return continuation.resume(returning: true) }
            tell(obstacle) { [weak self] in self?.ahead(place, ticket) }
            cancel.onMade { [self] in withdraw(place, ticket) }
        }
    }

    private func withdraw(_ place: DeskBook.Place, _ ticket: UInt64) {
        let waiter = state.withLock { state in
            let waiter = state.waiters.removeValue(forKey: ticket)
            if waiter != nil { state.book.withdraw(place, ticket: ticket) }
            return waiter
        }
        waiter?.goOn.resume(returning: false)
    }

    /// Counts a place that a job has from before this start.
    func occupy(_ place: DeskBook.Place) { state.withLock { $0.book.occupy(place) } }

    /// Gives a place back.
    func leave(_ place: DeskBook.Place) {
        let now = monotonicClock()
        change(at: now) { $0.leave(place, at: now) }
    }

    /// The provider took an order of this place.
    func accepted(_ place: DeskBook.Place) {
        let now = monotonicClock()
        change(at: now) { $0.accepted(place, at: now) }
    }

    /// Leaves a provider alone for ten minutes, or until `release`.
    func hold(_ provider: String, reason: String) {
        let begun = monotonicClock()
        let until = begun + ProviderDesk.hold
        change(at: begun) { book in
            _ = book.hold(provider, until: until, reason: reason, at: begun)
            return []
        }
        Task { [self] in
            await sleep(until)
            let now = monotonicClock()
            change(at: now) { $0.admit(provider, at: now) }
        }
    }

    /// Ends every hold: the configuration was read again.
    package func release() {
        let now = monotonicClock()
        change(at: now) { $0.release(at: now) }
    }

    /// What a provider's account may do, as it was just read.
    package func read(_ account: Account, of provider: String) {
        let now = monotonicClock()
        change(at: now) { $0.read(account, of: provider, at: now) }
    }

    /// How many pictures of the day the account should have counted by now, where it was read.
    func counted(_ place: DeskBook.Place) -> Int? { state.withLock { $0.book.counted(place) } }

    /// Places taken and jobs that wait for one, at a provider.
    package func figures(_ provider: String) -> (taken: Int, waiting: Int) {
        state.withLock { ($0.book.taken(provider), $0.book.waiting(provider)) }
    }

    /// Why a provider is left alone now; nil where it takes orders.
    package func closing(_ provider: String) -> WaitReason? {
        state.withLock { $0.book.closings[provider]?.kind.reason }
    }

    private func ahead(_ place: DeskBook.Place, _ ticket: UInt64) -> Int? {
        state.withLock { $0.book.ahead(place, ticket: ticket) }
    }

    /// Changes the books, wakes whoever goes in, and tells those who wait on for something else than they were told.
    private func change(at now: Int64, _ body: (inout DeskBook) -> [UInt64]) {
        let (admitted, news) = state.withLock { state in
            let admitted = body(&state.book).compactMap { state.waiters.removeValue(forKey: $0)?.goOn }
            return (admitted, ProviderDesk.news(&state, at: now))
        }
        for continuation in admitted { continuation.resume(returning: true) }
        for (tell, wait, place, ticket) in news { tell(wait) { [weak self] in self?.ahead(place, ticket) } }
    }

    /// A line is told as one: whoever stands first was told what all were.
    private static func news(_ state: inout State, at now: Int64) -> [(Tell, DeskWait, DeskBook.Place, UInt64)] {
        var news: [(Tell, DeskWait, DeskBook.Place, UInt64)] = []
        for (place, wait, tickets) in state.book.waits(at: now) {
            guard let first = tickets.first, let told = state.waiters[first]?.told, !wait.isAsGoodAs(told) else {
                continue
            }
            for ticket in tickets {
                guard let waiter = state.waiters[ticket] else { continue }
                state.waiters[ticket]?.told = wait
                news.append((waiter.tell, wait, place, ticket))
            }
        }
        return news
    }
}
