// The driver of record updates on a local disk: gathers, rewrites, tries again, looks after.
//
// Updates of one user stand in one line and are put into the record together; users do not wait for each other. What
// blocks runs on the pool, what waits sleeps without a thread. An update is answered when it is durable. For about a
// second afterwards the record is looked at twice (one stat if nobody wrote), and an update that a writer without
// our lock wrote over is put back. The price: whoever removes our entry by hand within that second sees it return.

internal import Contract
internal import Linux
internal import Synchronization

final class LocalRecords: Sendable {
    /// One that waits for its update, or (without one) for a look at the record.
    private struct Waiting: Sendable {
        let update: RecordUpdate?
        let answer: UnsafeContinuation<Result<Void, WardrobeFailure>, Never>
    }

    private struct State {
        var lines = UserLines<Waiting>()
        var recent: [UserID: RecentUpdates<FileMark>] = [:]
        var settling: [UnsafeContinuation<Void, Never>] = []

        var isQuiet: Bool { lines.isEmpty && recent.isEmpty }
    }

    /// Updates that are put into a record at once at most.
    private static let batch = 256
    private static let lookAfter: Duration = .milliseconds(500)

    private let store: LocalStore
    private let state = Mutex(State())

    init(_ store: LocalStore) { self.store = store }

    func record(_ update: RecordUpdate, of user: UserID) async throws(WardrobeFailure) {
        try await wait(update, user).get()
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

    private func tellIfQuiet() {
        let told = state.withLock { state in
            guard state.isQuiet else { return [UnsafeContinuation<Void, Never>]() }
            defer { state.settling = [] }
            return state.settling
        }
        for continuation in told { continuation.resume() }
    }

    private func wait(_ update: RecordUpdate?, _ user: UserID) async -> Result<Void, WardrobeFailure> {
        await withUnsafeContinuation { continuation in
            let waiting = Waiting(update: update, answer: continuation)
            let serves = state.withLock { $0.lines.add(waiting, for: user) }
            if serves { Task { await self.serve(user) } }
        }
    }

    private func serve(_ user: UserID) async {
        while true {
            let batch = state.withLock { $0.lines.take(upTo: Self.batch, for: user) }
            if batch.isEmpty { return tellIfQuiet() }
            let answers = await write(batch.compactMap(\.update), user)
            var number = 0
            for waiting in batch {
                waiting.answer.resume(returning: waiting.update == nil ? .success(()) : answers[number])
                number += waiting.update == nil ? 0 : 1
            }
        }
    }

    /// One rewrite for all of them, and for what is still looked after.
    private func write(_ updates: [RecordUpdate], _ user: UserID) async -> [Result<Void, WardrobeFailure>] {
        let recent = state.withLock { $0.recent[user] } ?? RecentUpdates()
        let old = recent.updates
        if updates.isEmpty, await isUnchanged(recent, user) { return [] }
        do throws(WardrobeFailure) {
            let written = try await rewrite(old + updates, user)
            let outcomes = written.outcomes.dropFirst(old.count)
            lookAfter(zip(updates, outcomes).filter { $0.1 == .recorded }.map(\.0), written, user)
            return outcomes.map { answer($0, user) }
        } catch {
            return updates.map { _ in .failure(error) }
        }
    }

    private func answer(_ outcome: RecordOutcome, _ user: UserID) -> Result<Void, WardrobeFailure> {
        switch outcome {
        case .recorded: .success(())
        case .outfitNotFound: .failure(store.outfitIsGone(user))
        case .inTheWay(let what): .failure(store.unusable(UserFolder.outfits, what, user))
        }
    }

    // MARK: Trying

    private struct Written {
        let outcomes: [RecordOutcome]
        let mark: FileMark
        let changed: Bool
    }

    private func rewrite(_ updates: [RecordUpdate], _ user: UserID) async throws(WardrobeFailure) -> Written {
        var patience = RewritePatience()
        while true {
            let trouble: RewritePatience.Trouble
            switch try await attempt(updates, user) {
            case .done(let outcomes, let mark, let changed):
                return Written(outcomes: outcomes, mark: mark, changed: changed)
            case .locked: trouble = .locked
            case .disturbed: trouble = .disturbed
            case .unreadable(let fault): trouble = .unreadable(fault.message)
            case .missing: trouble = .missing
            }
            switch patience.failed(trouble, chance: store.pace.chance()) {
            case .again(let wait): await store.pace.pause(wait)
            case .giveUp: throw store.givenUp(trouble, user)
            }
        }
    }

    private func attempt(_ updates: [RecordUpdate], _ user: UserID) async throws(WardrobeFailure)
        -> RecordRewrite.Outcome
    {
        let store = store
        return try await store.pool.run { () throws(WardrobeFailure) -> RecordRewrite.Outcome in
            guard let folder = try store.folder(of: user) else { return .missing }
            let rewrite = RecordRewrite(
                folder: folder, updates: updates, now: store.pace.now(), exchanges: store.exchanges,
                reached: store.reached)
            return try rewrite.attempt()
        }
    }

    // MARK: Looking after

    private func lookAfter(_ updates: [RecordUpdate], _ written: Written, _ user: UserID) {
        let begins = state.withLock { state in
            let isNew = state.recent[user] == nil
            if isNew && updates.isEmpty { return false }
            state.recent[user, default: RecentUpdates()]
                .wrote(updates, changed: written.changed, leaving: written.mark)
            return isNew
        }
        if begins { Task { await self.look(user) } }
    }

    private func look(_ user: UserID) async {
        var goesOn = true
        while goesOn {
            await store.pace.pause(Self.lookAfter)
            // A failure was told by whoever had something to record; the next look tries again.
            _ = await wait(nil, user)
            goesOn = state.withLock { state in
                state.recent[user]?.looked()
                if state.recent[user]?.isEmpty ?? true { state.recent[user] = nil }
                return state.recent[user] != nil
            }
        }
        tellIfQuiet()
    }

    private func isUnchanged(_ recent: RecentUpdates<FileMark>, _ user: UserID) async -> Bool {
        if recent.isEmpty { return true }
        let store = store
        let now = await store.pool.run { () -> FileMark? in
            do {
                return try store.folder(of: user)?.directory.infoIfPresent(of: UserFolder.outfits).map { FileMark($0) }
            } catch {
                // What cannot be looked at cannot be repaired.
                return recent.left
            }
        }
        return now == recent.left
    }
}
