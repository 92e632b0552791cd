// How records are changed, wherever they are: gathers changes, has them made, answers, looks after them.
//
// Changes of one user stand in one line and go into the record together; users do not wait for each other. A change is
// answered when it is durable. For about a second afterwards the record is looked at twice (one stat or one HEAD if
// nobody wrote), and a change that a writer without our lock or condition wrote over is made again. The price: whoever
// takes it back by hand within that second sees it return. Later than that nobody can tell it from a change on purpose.

internal import Contract
internal import Linux
internal import Synchronization

/// A record as a rewrite left it.
struct WrittenRecord<Mark: Hashable & Sendable>: Sendable {
    let edited: EditedRecord
    /// Nil where there is no file.
    let mark: Mark?
    let isChanged: Bool
}

/// Keeps one kind of record.
protocol RecordKeeper: Sendable {
    /// Tells a record's text without reading it.
    associatedtype Mark: Hashable & Sendable

    var pace: Pace { get }
    /// False in tests that count what is asked.
    var looksAfter: Bool { get }

    /// Makes changes durably, trying again while others are at it.
    func rewrite(_ changes: [RecordChange], of user: UserID) async throws(WardrobeFailure) -> WrittenRecord<Mark>

    /// Whether the record is still the one that a rewrite left; true as well where nobody can say.
    func isStill(_ mark: Mark?, of user: UserID) async -> Bool

    func unusable(_ what: String, _ user: UserID) -> WardrobeFailure
    func outfitIsGone(_ user: UserID) -> WardrobeFailure
}

final class RecordLines<Keeper: RecordKeeper>: Sendable {
    /// One that waits for its change, or (without one) for a look at the record.
    private struct Waiting: Sendable {
        let change: RecordChange?
        let answer: UnsafeContinuation<Result<Void, WardrobeFailure>, Never>
    }

    private struct State {
        var lines = UserLines<Waiting>()
        var recent: [UserID: RecentChanges<Keeper.Mark>] = [:]
        var settling: [UnsafeContinuation<Void, Never>] = []
        /// Nothing is written any more but what stands in the lines.
        var isClosed = false
        var closing: [UnsafeContinuation<Void, Never>] = []
        /// Changes that came after the end: nobody may tell them that they were made, and the process is about to end.
        var tooLate: [Waiting] = []

        var isQuiet: Bool { lines.isEmpty && recent.isEmpty }
    }

    /// Changes that are made in a record at once at most.
    private static var batch: Int { 256 }
    private static var lookAfter: Duration { .milliseconds(500) }

    let keeper: Keeper
    private let state = Mutex(State())

    init(_ keeper: Keeper) { self.keeper = keeper }

    /// Returns when the record says it durably.
    func change(_ change: RecordChange, of user: UserID) async throws(WardrobeFailure) {
        try await wait(change, user).get()
    }

    /// The same for what an outfit's record says of its pictures. Answers whether the outfit is in a record at all.
    func remove(_ outfit: OutfitID, of user: UserID) async throws(WardrobeFailure) -> Bool {
        do throws(WardrobeFailure) {
            try await change(.removal(outfit, over: nil), of: user)
            return true
        } catch let error where error.code == .outfitNotFound {
            return false
        }
    }

    /// Returns when nothing is waiting and nothing is looked after any more.
    func settled() async {
        await withUnsafeContinuation { continuation in
            let isQuiet = state.withLock { state in
                if !state.isQuiet { state.settling.append(continuation) }
                return state.isQuiet
            }
            if isQuiet { continuation.resume() }
        }
    }

    /// Looks once more at what was changed lately, lets what is being written come to its end, and writes nothing
    /// after that: a program that ends in order leaves nothing half-written. Who asks for a change then waits for ever.
    func close() async {
        let recent = state.withLock { $0.isClosed ? [] : Array($0.recent.keys) }
        for user in recent { _ = await wait(nil, user) }
        await withUnsafeContinuation { continuation in
            let isAtRest = state.withLock { state in
                state.isClosed = true
                if !state.lines.isEmpty { state.closing.append(continuation) }
                return state.lines.isEmpty
            }
            if isAtRest { continuation.resume() }
        }
    }

    private func tellIfQuiet() {
        let told = state.withLock { state in
            var told: [UnsafeContinuation<Void, Never>] = []
            if state.lines.isEmpty { swap(&told, &state.closing) }
            if state.isQuiet {
                told += state.settling
                state.settling = []
            }
            return told
        }
        for continuation in told { continuation.resume() }
    }

    private func wait(_ change: RecordChange?, _ user: UserID) async -> Result<Void, WardrobeFailure> {
        await withUnsafeContinuation { continuation in
            let waiting = Waiting(change: change, answer: continuation)
            let (serves, isOver) = state.withLock { state in
                guard state.isClosed else { return (state.lines.add(waiting, for: user), false) }
                if change != nil { state.tooLate.append(waiting) }
                return (false, change == nil)
            }
            if serves { Task(executorPreference: BlockingPool.here) { await self.serve(user) } }
            // A look that comes too late is none.
            if isOver { continuation.resume(returning: .success(())) }
        }
    }

    private func serve(_ user: UserID) async {
        while true {
            let batch = state.withLock { $0.lines.take(upTo: Self.batch, for: user) }
            if batch.isEmpty { return tellIfQuiet() }
            var answers = await write(batch.compactMap(\.change), user)[...]
            for waiting in batch {
                let answer = waiting.change == nil ? .success(()) : answers.removeFirst()
                waiting.answer.resume(returning: answer)
            }
        }
    }

    /// One rewrite for all of them, and for what is still looked after.
    private func write(_ changes: [RecordChange], _ user: UserID) async -> [Result<Void, WardrobeFailure>] {
        let recent = state.withLock { $0.recent[user] } ?? RecentChanges()
        let old = recent.changes
        if changes.isEmpty, await isAsLeft(recent, user) { return [] }
        do throws(WardrobeFailure) {
            let written = try await keeper.rewrite(old + changes, of: user)
            lookAfter(written.edited.again.dropFirst(old.count).compactMap(\.self), written, user)
            return written.edited.outcomes.dropFirst(old.count).map { answer($0, user) }
        } catch {
            return changes.map { _ in .failure(error) }
        }
    }

    private func isAsLeft(_ recent: RecentChanges<Keeper.Mark>, _ user: UserID) async -> Bool {
        if recent.isEmpty { return true }
        return await keeper.isStill(recent.left, of: user)
    }

    private func answer(_ outcome: RecordOutcome, _ user: UserID) -> Result<Void, WardrobeFailure> {
        switch outcome {
        case .recorded: .success(())
        case .outfitNotFound: .failure(keeper.outfitIsGone(user))
        case .inTheWay(let what): .failure(keeper.unusable(what, user))
        }
    }

    // MARK: Looking after

    private func lookAfter(_ changes: [RecordChange], _ written: WrittenRecord<Keeper.Mark>, _ user: UserID) {
        guard keeper.looksAfter else { return }
        let begins = state.withLock { state in
            let isNew = state.recent[user] == nil
            if isNew && changes.allSatisfy(\.isIdle) { return false }
            state.recent[user, default: RecentChanges()]
                .wrote(changes, changed: written.isChanged, leaving: written.mark)
            return isNew
        }
        if begins { Task(executorPreference: BlockingPool.here) { await self.look(user) } }
    }

    private func look(_ user: UserID) async {
        var goesOn = true
        while goesOn {
            await keeper.pace.pause(Self.lookAfter)
            // A failure was told by whoever had something to record; the next look tries again.
            _ = await wait(nil, user)
            goesOn = state.withLock { state in
                state.recent[user]?.looked()
                if state.isClosed || state.recent[user]?.isEmpty ?? true { state.recent[user] = nil }
                return state.recent[user] != nil
            }
        }
        tellIfQuiet()
    }
}
