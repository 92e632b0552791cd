// The records of a bucket: read as objects, written only under the condition that nobody wrote meanwhile.
//
// A record is read with its ETag, changed as a value (`RecordEditor`, the same that edits files), and put back with
// `If-Match`. Where somebody else was faster the store says 412 and all of it is done again, with waits that grow and
// are spread by chance, for 10 s at most (`RewritePatience`). There is no other way to write a record in here, so a
// change of another program is never written over. What its owner put on the object (type, `x-amz-meta-…`) is put back
// with it.
//
// Updates of one user stand in one line and go into the record together: fifty jobs that end in the time of one rewrite
// are one more rewrite. Before the first write of this process the store has to prove that it obeys conditions
// (`S3Probe`); one that ignores them gets no record to lose.
//
// A program that writes without a condition may have read the record before an update and write over it after. So for
// about a second the record is looked at twice (one HEAD if nobody wrote), and an update that was written over is put
// back, as on a local disk (`LocalRecords`). Later than that nobody can tell it from a removal on purpose.

internal import Contract
internal import Synchronization

final class S3Records: Sendable {
    /// One that waits for its update, or (without one) for a look at the record.
    private struct Waiting: Sendable {
        let update: RecordUpdate?
        let answer: UnsafeContinuation<Result<Void, WardrobeFailure>, Never>
    }

    private struct State {
        var lines = UserLines<Waiting>()
        /// By ETag.
        var recent: [UserID: RecentUpdates<String>] = [:]
        var settling: [UnsafeContinuation<Void, Never>] = []
        var isQuiet: Bool { lines.isEmpty && recent.isEmpty }
        /// Whether the store is known to obey conditions.
        var isProven = false
    }

    /// Updates that are put into a record at once at most.
    private static let batch = 256
    private static let lookAfter: Duration = .milliseconds(500)
    private static let name = "saved_outfits.json"

    let store: S3Store
    /// False in tests that count requests.
    private let looksAfter: Bool
    private let state = Mutex(State())

    init(_ store: S3Store, looksAfter: Bool = true) { (self.store, self.looksAfter) = (store, looksAfter) }

    /// The store has been tried out already.
    func prove() { state.withLock { $0.isProven = true } }

    // MARK: Reading

    /// `USER/NAME`: ids have at most 200 bytes, so it is a key.
    static func key(_ name: String, _ user: UserID) -> S3Key {
        guard let key = S3Key("\(user)/\(name)") else { preconditionFailure("\(user)/\(name) is no key") }
        return key
    }

    func place(_ name: String, _ user: UserID) -> String { store.bucket.uri(Self.key(name, user)) }

    /// What `body` finds in a record; nil where there is none.
    func read<Found: Sendable>(
        _ name: String, _ user: UserID, _ body: (RecordText) -> Found
    ) async throws(WardrobeFailure) -> Found? {
        guard let object = try await object(name, user) else { return nil }
        do throws(RecordFault) {
            return body(try RecordText(object.bytes))
        } catch {
            throw unusable(name, error.message, user)
        }
    }

    private func object(_ name: String, _ user: UserID) async throws(WardrobeFailure) -> S3Object? {
        do throws(S3Failure) {
            return try await store.get(Self.key(name, user), limit: UserFolder.recordLimit)
        } catch {
            if error.reason == .noObject { return nil }
            guard error.reason == .tooLarge else { throw error.wardrobe }
            throw WardrobeFailure(
                .recordInvalid,
                "the record \(place(name, user)) holds more than the \(UserFolder.recordLimit >> 20) MiB that are read: make it"
                    + " smaller")
        }
    }

    func unusable(_ name: String, _ what: String, _ user: UserID) -> WardrobeFailure {
        WardrobeFailure(.recordInvalid, "the record \(place(name, user)) cannot be used: \(what); correct the object")
    }

    // MARK: Writing

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
            var answers = await write(batch.compactMap(\.update), user)[...]
            for waiting in batch {
                let answer = waiting.update == nil ? .success(()) : answers.removeFirst()
                waiting.answer.resume(returning: answer)
            }
        }
    }

    /// One rewrite for all of them, and for what is still looked after.
    private func write(_ updates: [RecordUpdate], _ user: UserID) async -> [Result<Void, WardrobeFailure>] {
        let recent = state.withLock { $0.recent[user] } ?? RecentUpdates()
        let old = recent.updates
        if updates.isEmpty, await isUnchanged(recent, user) { return [] }
        do throws(WardrobeFailure) {
            try await proven()
            let written = try await rewrite(old + updates, user)
            let outcomes = written.outcomes.dropFirst(old.count)
            lookAfter(zip(updates, outcomes).filter { $0.1 == .recorded }.map(\.0), written, user)
            return outcomes.map { answer($0, user) }
        } catch {
            return updates.map { _ in .failure(error) }
        }
    }

    private func proven() async throws(WardrobeFailure) {
        if state.withLock({ $0.isProven }) { return }
        do throws(S3Failure) { try await S3Probe(store).run(forRecords: true) } catch { throw error.wardrobe }
        prove()
    }

    private func answer(_ outcome: RecordOutcome, _ user: UserID) -> Result<Void, WardrobeFailure> {
        switch outcome {
        case .recorded: .success(())
        case .outfitNotFound: .failure(outfitIsGone(user))
        case .inTheWay(let what): .failure(unusable(Self.name, what, user))
        }
    }

    private func outfitIsGone(_ user: UserID) -> WardrobeFailure {
        WardrobeFailure(
            .outfitNotFound,
            "the outfit is not in \(place(Self.name, user)) any more: its picture is stored, but no record"
                + " names it")
    }

    // MARK: Trying

    private struct Written {
        let outcomes: [RecordOutcome]
        /// The record's ETag; empty where the store does not say it.
        let tag: String
        let changed: Bool
    }

    private func rewrite(_ updates: [RecordUpdate], _ user: UserID) async throws(WardrobeFailure) -> Written {
        var patience = RewritePatience()
        while true {
            if let written = try await attempt(updates, user) { return written }
            switch patience.failed(.disturbed, chance: store.pace.pace.chance()) {
            case .again(let wait): await store.pace.pace.pause(wait)
            case .giveUp:
                throw WardrobeFailure(
                    .recordConflict,
                    "the record \(place(Self.name, user)) kept changing for more than 10 s: see which program writes it"
                        + " all the time")
            }
        }
    }

    /// Reads, changes and writes once; nil where somebody else wrote meanwhile.
    private func attempt(_ updates: [RecordUpdate], _ user: UserID) async throws(WardrobeFailure) -> Written? {
        guard let old = try await object(Self.name, user) else { throw outfitIsGone(user) }
        let edited: EditedRecord
        do throws(RecordFault) {
            edited = try RecordEditor.apply(updates, to: old.bytes, now: store.pace.pace.now())
        } catch {
            throw unusable(Self.name, error.message, user)
        }
        guard let bytes = edited.bytes else {
            return Written(outcomes: edited.outcomes, tag: old.tag ?? "", changed: false)
        }
        guard bytes.count <= UserFolder.recordLimit else { throw tooLarge(user) }
        guard let tag = old.tag else {
            throw WardrobeFailure(
                .storageFailed,
                "the object store gives the record \(place(Self.name, user)) no ETag, so it cannot be changed safely")
        }
        do throws(S3Failure) {
            let fresh = try await store.put(
                .bytes(bytes), at: Self.key(Self.name, user), headers: old.descriptions, if: .matches(tag))
            return Written(outcomes: edited.outcomes, tag: fresh ?? "", changed: true)
        } catch {
            // Changed, or removed, since it was read.
            if error.reason == .conditionFailed || error.reason == .noObject { return nil }
            throw error.wardrobe
        }
    }

    private func tooLarge(_ user: UserID) -> WardrobeFailure {
        WardrobeFailure(
            .recordInvalid,
            "the record \(place(Self.name, user)) would grow beyond \(UserFolder.recordLimit >> 20) MiB: remove old"
                + " outfits")
    }

    // MARK: Looking after

    private func lookAfter(_ updates: [RecordUpdate], _ written: Written, _ user: UserID) {
        guard looksAfter else { return }
        let begins = state.withLock { state in
            let isNew = state.recent[user] == nil
            if isNew && updates.isEmpty { return false }
            state.recent[user, default: RecentUpdates()]
                .wrote(updates, changed: written.changed, leaving: written.tag)
            return isNew
        }
        if begins { Task { await self.look(user) } }
    }

    private func look(_ user: UserID) async {
        var goesOn = true
        while goesOn {
            await store.pace.pace.pause(Self.lookAfter)
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

    private func isUnchanged(_ recent: RecentUpdates<String>, _ user: UserID) async -> Bool {
        if recent.isEmpty { return true }
        do throws(S3Failure) {
            return try await store.patient(for: 0).head(Self.key(Self.name, user)).tag == recent.left
        } catch {
            // What cannot be looked at cannot be repaired.
            return true
        }
    }
}
