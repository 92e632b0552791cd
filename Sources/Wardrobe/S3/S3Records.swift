// The records of a bucket: read as objects, written only under the condition that nobody wrote meanwhile.
//
// A record is read with its ETag, changed as a value (`RecordKind.edit`, the same that edits files), and put back with
// `If-Match`; one that was not there with `If-None-Match: *`. Where somebody else was faster the store says 412 and all
// of it is done again, with waits that grow and are spread by chance, for 10 s at most (`RewritePatience`). There is no
// other way to write a record in here, so a change of another program is never written over. What its owner put on the
// object (type, `x-amz-meta-…`) is put back with it.
//
// Fifty changes that arrive in the time of one rewrite are one more rewrite, and a program that writes without a
// condition is looked out for, as on a local disk (`RecordLines`). Before the first write of this process the store has
// to prove that it obeys conditions (`S3Probe`); one that ignores them gets no record to lose.

internal import Contract
internal import Synchronization
internal import Transfer

/// Whether a store is known to obey conditions.
final class S3Proof: Sendable {
    private let isGiven = Atomic(false)

    /// The store has been tried out.
    func give() { isGiven.store(true, ordering: .releasing) }

    /// Tries the store out, unless that has been done.
    func demand(of store: S3Store) async throws(WardrobeFailure) {
        if isGiven.load(ordering: .acquiring) { return }
        do throws(S3Failure) { try await S3Probe(store).run(forRecords: true) } catch { throw error.wardrobe }
        give()
    }
}

struct S3Records: RecordKeeper {
    let store: S3Store
    let kind: RecordKind
    let proof: S3Proof
    var looksAfter = true

    var pace: Pace { store.pace.pace }

    // MARK: Reading

    /// `USER/NAME`: ids have at most 200 bytes, so it is a key.
    static func key(_ name: String, _ user: UserID) -> S3Key {
        guard let key = S3Key("\(user)/\(name)") else { preconditionFailure("\(user)/\(name) is no key") }
        return key
    }

    private func key(_ user: UserID) -> S3Key { Self.key(kind.name, user) }

    private func place(_ user: UserID) -> String { store.place(kind.name, user) }

    func isStill(_ mark: String?, of user: UserID) async -> Bool {
        do throws(S3Failure) {
            return try await store.patient(for: 0).head(key(user)).tag == mark
        } catch {
            // What cannot be looked at cannot be repaired.
            return true
        }
    }

    func unusable(_ what: String, _ user: UserID) -> WardrobeFailure { store.unusable(kind.name, what, user) }

    func outfitIsGone(_ user: UserID) -> WardrobeFailure { .outfitIsGone(from: place(user)) }

    // MARK: Writing

    func rewrite(_ changes: [RecordChange], of user: UserID) async throws(WardrobeFailure) -> WrittenRecord<String> {
        try await proof.demand(of: store)
        var patience = RewritePatience()
        while true {
            if let written = try await attempt(changes, user) { return written }
            switch patience.failed(.disturbed, chance: pace.chance()) {
            case .again(let wait): await pace.pause(wait)
            case .giveUp: throw .keptChanging("the record \(place(user))")
            }
        }
    }

    /// Reads, changes and writes once; nil where somebody else wrote meanwhile.
    private func attempt(_ changes: [RecordChange], _ user: UserID) async throws(WardrobeFailure)
        -> WrittenRecord<String>?
    {
        let old = try await store.record(kind.name, user)
        let edited: EditedRecord?
        do throws(RecordFault) {
            edited = try kind.edit(changes, old?.bytes, now: pace.now())
        } catch {
            throw unusable(error.message, user)
        }
        guard let edited else { throw outfitIsGone(user) }
        guard let bytes = edited.bytes else {
            return WrittenRecord(edited: edited, mark: old?.tag, isChanged: false)
        }
        guard bytes.count <= UserFolder.recordLimit else { throw .outgrown("the record \(place(user))", kind) }
        return try await put(bytes, over: old, user).map { WrittenRecord(edited: edited, mark: $0, isChanged: true) }
    }

    /// Writes a record over the one that was read. Answers its ETag, empty where the store does not say it; nil where
    /// another is there by now.
    private func put(_ bytes: [UInt8], over old: S3Object?, _ user: UserID) async throws(WardrobeFailure) -> String? {
        let condition: S3Condition
        if let old {
            guard let tag = old.tag else { throw unmarked(user) }
            condition = .matches(tag)
        } else {
            condition = .absent
        }
        let headers = old?.descriptions ?? [TransferHeader("Content-Type", "application/json")]
        do throws(S3Failure) {
            return try await store.put(.bytes(bytes), at: key(user), headers: headers, if: condition) ?? ""
        } catch {
            // Changed, made, or removed, since it was read.
            if error.reason == .conditionFailed || error.reason == .noObject { return nil }
            throw error.wardrobe
        }
    }

    private func unmarked(_ user: UserID) -> WardrobeFailure {
        WardrobeFailure(
            .storageFailed,
            "the object store gives the record \(place(user)) no ETag, so it cannot be changed safely")
    }
}

extension S3Store {
    /// A record's address, for messages.
    func place(_ name: String, _ user: UserID) -> String { bucket.uri(S3Records.key(name, user)) }

    /// A record as it is now; nil where there is none.
    fileprivate func record(_ name: String, _ user: UserID) async throws(WardrobeFailure) -> S3Object? {
        do throws(S3Failure) {
            return try await get(S3Records.key(name, user), limit: UserFolder.recordLimit)
        } catch {
            if error.reason == .noObject { return nil }
            guard error.reason == .tooLarge else { throw error.wardrobe }
            throw WardrobeFailure(
                .recordInvalid,
                "the record \(place(name, user)) holds more than the \(UserFolder.recordLimit >> 20) MiB that are read:"
                    + " make it smaller")
        }
    }

    /// What `body` finds in a record; nil where there is none.
    func read<Found: Sendable>(
        _ name: String, _ user: UserID, _ body: (RecordText) -> Found
    ) async throws(WardrobeFailure) -> Found? {
        guard let object = try await record(name, user) else { return nil }
        do throws(RecordFault) {
            return body(try RecordText(object.bytes))
        } catch {
            throw unusable(name, error.message, user)
        }
    }

    func unusable(_ name: String, _ what: String, _ user: UserID) -> WardrobeFailure {
        WardrobeFailure(.recordInvalid, "the record \(place(name, user)) cannot be used: \(what); correct the object")
    }
}
