// The desk before the providers: jobs come for a place, wait their turn, and give it back.
//
// `DeskBook` decides; this keeps the books under a lock and wakes whom they name. A place is held from before the order
// until its task has ended. What waits is told why, whenever the reason changes. A provider that is down is waited for
// as long as a job's patience lasts, which nothing but such times uses up; and who may go elsewhere does so when there
// is somewhere open.

package import Contract
internal import DequeModule
internal import Linux
package import Providers
internal import Synchronization

/// What became of a job that came for a place.
enum Entrance: Equatable {
    /// It has one. `patience`: nanoseconds that it would go on waiting for a provider that is down.
    case entered(patience: Int64)
    /// It is to end, which came first.
    case cancelled
    /// Nobody goes in here now, and somewhere else that will do somebody does.
    case elsewhere
    /// The provider was down for as long as its patience lasted; what it waited for last.
    case overdue(DeskWait)
}

/// A change of a provider's health, for the log.
package enum DeskNews: Equatable, Sendable {
    /// It is left alone, for a refusal that a person has to mend: seconds until one order tries it.
    case held(provider: String, reason: String, pause: Double)
    /// It is left alone, since it is down: seconds until one order tries it.
    case down(provider: String, reason: String, pause: Double)
    /// It takes orders again, after so many seconds.
    case open(provider: String, after: Double)
}

/// The places of all providers.
package final class ProviderDesk: Sendable {
    /// Tells why is waited, and how to ask how many are before.
    typealias Tell = @Sendable (DeskWait, @escaping @Sendable () -> Int?) -> Void

    private struct Waiter {
        let goOn: CheckedContinuation<Entrance, Never>
        let tell: Tell
        var told: DeskWait
        let place: DeskBook.Place
        /// Other providers that will do.
        let elsewhere: [String]
        /// Nanoseconds of waiting for a provider that is down that are left, while it waits for something else.
        var patience: Int64
        /// When its patience is over, while the provider is down; monotonic.
        var overdueAt: Int64?

        /// What is left of its patience.
        func patience(at now: Int64) -> Int64 { overdueAt.map { max(0, $0 - now) } ?? patience }

        /// It waits for this from now on. Answers when its patience is over, where that is new.
        mutating func waits(_ wait: DeskWait, at now: Int64) -> Int64? {
            let wasDown = overdueAt != nil
            told = wait
            if wait.kind == .down {
                if wasDown || patience == .max { return nil }
                overdueAt = now + patience
                return overdueAt
            }
            (patience, overdueAt) = (patience(at: now), nil)
            return nil
        }

        /// Whether it need not wait here while nobody goes in at these providers.
        func mayMove(_ shut: Set<String>) -> Bool {
            shut.contains(place.provider) && elsewhere.contains { !shut.contains($0) }
        }
    }

    /// Whom a change of the books concerns.
    private struct Consequences {
        var entered: [(Waiter, Int64)] = []
        var moved: [Waiter] = []
        var told: [(Tell, DeskWait, DeskBook.Place, UInt64)] = []
        var news: [DeskNews] = []
        /// Whose patience ends when.
        var rings: [(UInt64, Int64)] = []
    }

    private struct State {
        var book = DeskBook()
        var waiters: [UInt64: Waiter] = [:]
        var nextTicket: UInt64 = 0

        enum Entry {
            case goesIn
            case goesElsewhere
            case waits(DeskWait, overdueAt: Int64?)
        }

        /// Somebody comes, and is in the line where he has to wait.
        mutating func enter(_ place: DeskBook.Place, at now: Int64, _ waiter: (DeskWait) -> Waiter) -> Entry {
            let ticket = nextTicket
            nextTicket += 1
            guard let obstacle = book.enter(place, ticket: ticket, at: now) else { return .goesIn }
            var waiter = waiter(obstacle)
            if waiter.mayMove(book.shut) {
                book.withdraw(place, ticket: ticket)
                return .goesElsewhere
            }
            let overdueAt = waiter.waits(obstacle, at: now)
            waiters[ticket] = waiter
            return .waits(obstacle, overdueAt: overdueAt)
        }
    }

    private let state = Mutex(State())
    private let monotonicClock: @Sendable () -> Int64
    private let ring: @Sendable (Int64, @escaping @Sendable () -> Void) -> Void
    private let report: @Sendable (DeskNews) -> Void

    /// How long a provider that refused the key or has no credit is left alone, nanoseconds (13.10).
    static let hold: Int64 = 600_000_000_000

    /// `sleep` returns at a moment of `monotonicClock`; `ring` calls at one, without it a task sleeps for each.
    /// `report` is told of the providers' health; it must not block.
    package init(
        monotonicClock: @escaping @Sendable () -> Int64, sleep: @escaping @Sendable (Int64) async -> Void,
        ring: (@Sendable (Int64, @escaping @Sendable () -> Void) -> Void)? = nil,
        report: @escaping @Sendable (DeskNews) -> Void = { _ in }
    ) {
        (self.monotonicClock, self.report) = (monotonicClock, report)
        self.ring =
            ring ?? { moment, body in
                Task {
                    await sleep(moment)
                    body()
                }
            }
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
    /// - Parameters:
    ///   - patience: nanoseconds that it waits for a provider that is down.
    ///   - elsewhere: other providers that will do; it does not wait here for one that is left alone while any of them
    ///     is not.
    func enter(
        _ place: DeskBook.Place, unless cancel: JobCancel = JobCancel(), patience: Int64 = .max,
        elsewhere: [String] = [], tell: @escaping Tell
    ) async -> Entrance {
        let now = monotonicClock()
        defer { cancel.forget() }
        return await withCheckedContinuation { continuation in
            let waiter = { (obstacle: DeskWait) in
                Waiter(
                    goOn: continuation, tell: tell, told: obstacle, place: place, elsewhere: elsewhere,
                    patience: patience)
            }
            let (ticket, entry) = state.withLock { ($0.nextTicket, $0.enter(place, at: now, waiter)) }
            switch entry {
            case .goesIn: continuation.resume(returning: .entered(patience: patience))
            case .goesElsewhere: continuation.resume(returning: .elsewhere)
            case .waits(let obstacle, let overdueAt):
                tell(obstacle) { [weak self] in self?.ahead(place, ticket) }
                if let overdueAt { ring(overdueAt) { [weak self] in self?.rang(ticket) } }
                cancel.onMade { [self] in take(ticket)?.goOn.resume(returning: .cancelled) }
            }
        }
    }

    /// Takes somebody out of the line.
    private func take(_ ticket: UInt64, if isSo: (Waiter) -> Bool = { _ in true }) -> Waiter? {
        state.withLock { state in
            guard let waiter = state.waiters[ticket], isSo(waiter) else { return nil }
            state.waiters[ticket] = nil
            state.book.withdraw(waiter.place, ticket: ticket)
            return waiter
        }
    }

    /// Somebody's patience may be over: not where the provider was open meanwhile.
    private func rang(_ ticket: UInt64) {
        let now = monotonicClock()
        let waiter = take(ticket) { $0.overdueAt.map { $0 <= now } ?? false }
        if let waiter { waiter.goOn.resume(returning: .overdue(waiter.told)) }
    }

    /// Counts a place that a job has from before this start.
    func occupy(_ place: DeskBook.Place) { state.withLock { $0.book.occupy(place) } }

    /// Gives a place back; `wasAccepted` where the provider took its order.
    func leave(_ place: DeskBook.Place, wasAccepted: Bool = false) {
        let now = monotonicClock()
        change(at: now) { $0.book.leave(place, wasAccepted: wasAccepted, at: now) }
    }

    /// The provider took an order of this place.
    func accepted(_ place: DeskBook.Place) {
        let now = monotonicClock()
        change(at: now) { $0.book.accepted(place, at: now) }
    }

    /// The provider answered an order, if only with a refusal.
    func answered(_ provider: String) {
        let now = monotonicClock()
        change(at: now) { $0.book.answered(provider, at: now) }
    }

    /// A call for an order came to nothing, for certain, in a way that says that the provider is down.
    /// - Parameter dice: 0 to 1.
    /// - Returns: whether it is left alone now.
    func failed(_ provider: String, _ failure: ProviderFailure, dice: Double) -> Bool {
        var pause: Double?
        if case .later(let seconds) = failure.retry { pause = seconds }
        return close(provider) { $0.failed(provider, reason: failure.message, pause: pause, at: $1, dice: dice) }
    }

    /// The answer to an order was lost.
    /// - Parameter dice: 0 to 1.
    func lost(_ provider: String, reason: String, dice: Double) {
        _ = close(provider) { $0.lost(provider, reason: reason, at: $1, dice: dice) }
    }

    private func close(_ provider: String, _ body: (inout DeskBook, Int64) -> DeskWait?) -> Bool {
        let now = monotonicClock()
        var wait: DeskWait?
        change(at: now) { state in
            wait = body(&state.book, now)
            return []
        }
        if let until = wait?.until { admit(provider, at: until) }
        return wait != nil
    }

    /// Leaves a provider alone for ten minutes, or until `release`.
    /// - Parameter byQuestion: whether it was a question about a task that the provider refused, not an order.
    func hold(_ provider: String, reason: String, byQuestion: Bool = false) {
        let begun = monotonicClock()
        let until = begun + ProviderDesk.hold
        change(at: begun) { state in
            _ = state.book.hold(provider, until: until, reason: reason, byQuestion: byQuestion, at: begun)
            return []
        }
        admit(provider, at: until)
    }

    /// The provider answered a question about a task, which ends a hold that a refused question began.
    func answeredQuestion(_ provider: String) {
        guard state.withLock({ $0.book.isHeldByQuestion(provider) }) else { return }
        let now = monotonicClock()
        change(at: now) { $0.book.answeredQuestion(provider, at: now) }
    }

    /// Lets in whoever may try a provider, at that moment.
    private func admit(_ provider: String, at moment: Int64) {
        ring(moment) { [self] in
            let now = monotonicClock()
            change(at: now) { $0.book.admit(provider, at: now) }
        }
    }

    /// Ends every hold, and takes no provider for down: the configuration was read again.
    package func release() {
        let now = monotonicClock()
        change(at: now) { $0.book.release(at: now) }
    }

    /// Why nobody goes in at a provider, if so; `hasPlace` where somebody asks who is in.
    func obstacle(_ provider: String, hasPlace: Bool = false) -> DeskWait? {
        let now = monotonicClock()
        return state.withLock { $0.book.obstacle(provider, hasPlace: hasPlace, at: now) }
    }

    /// What a provider's account may do, as it was just read.
    package func read(_ account: Account, of provider: String) {
        let now = monotonicClock()
        change(at: now) { $0.book.read(account, of: provider, at: now) }
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

    /// Changes the books, wakes whoever goes in or elsewhere, and tells those who wait on for something else than they
    /// were told. `body` answers who goes in.
    private func change(at now: Int64, _ body: (inout State) -> [UInt64]) {
        let consequences = state.withLock { state in
            let (before, shut) = (state.book.closings, state.book.shut)
            var consequences = Consequences()
            for ticket in body(&state) {
                guard let waiter = state.waiters.removeValue(forKey: ticket) else { continue }
                consequences.entered.append((waiter, waiter.patience(at: now)))
            }
            if state.book.shut != shut { ProviderDesk.move(&state, &consequences) }
            ProviderDesk.tellAnew(&state, at: now, &consequences)
            consequences.news = ProviderDesk.news(before, state.book.closings, at: now)
            return consequences
        }
        for (waiter, patience) in consequences.entered { waiter.goOn.resume(returning: .entered(patience: patience)) }
        for waiter in consequences.moved { waiter.goOn.resume(returning: .elsewhere) }
        for (tell, wait, place, ticket) in consequences.told {
            tell(wait) { [weak self] in self?.ahead(place, ticket) }
        }
        for (ticket, moment) in consequences.rings { ring(moment) { [weak self] in self?.rang(ticket) } }
        for one in consequences.news { report(one) }
    }

    /// Those who need not wait here go elsewhere.
    private static func move(_ state: inout State, _ consequences: inout Consequences) {
        let shut = state.book.shut
        let movers = state.waiters.filter { $1.mayMove(shut) }
        for ticket in movers.keys.sorted() {
            guard let waiter = state.waiters.removeValue(forKey: ticket) else { continue }
            state.book.withdraw(waiter.place, ticket: ticket)
            consequences.moved.append(waiter)
        }
    }

    /// What the log is to know of a change of the providers' health.
    private static func news(_ before: [String: DeskWait], _ after: [String: DeskWait], at now: Int64) -> [DeskNews] {
        let seconds = { (span: Int64) in Double(max(0, span)) / 1e9 }
        let closed = after.compactMap { provider, wait -> DeskNews? in
            guard let until = wait.until, before[provider]?.until != until else { return nil }
            let pause = seconds(until - now)
            return wait.kind == .down
                ? .down(provider: provider, reason: wait.reason, pause: pause)
                : .held(provider: provider, reason: wait.reason, pause: pause)
        }
        let open = before.filter { after[$0.key] == nil }.map {
            DeskNews.open(provider: $0.key, after: seconds(now - $0.value.since))
        }
        return closed + open
    }

    /// A line is told as one: whoever stands first was told what all were.
    private static func tellAnew(_ state: inout State, at now: Int64, _ consequences: inout Consequences) {
        for (place, wait, tickets) in state.book.waits(at: now) {
            guard let first = tickets.first, let told = state.waiters[first]?.told, !wait.isAsGoodAs(told) else {
                continue
            }
            for ticket in tickets {
                guard var waiter = state.waiters[ticket] else { continue }
                if let moment = waiter.waits(wait, at: now) { consequences.rings.append((ticket, moment)) }
                state.waiters[ticket] = waiter
                consequences.told.append((waiter.tell, wait, place, ticket))
            }
        }
    }
}
