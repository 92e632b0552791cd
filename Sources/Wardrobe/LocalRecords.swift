// Records on a local disk: one rewrite (`RecordRewrite`) tried again while others hold the lock or write the file. What
// blocks runs on the pool, what waits sleeps without a thread.

internal import Contract
internal import Linux

struct LocalRecords: RecordKeeper {
    let store: LocalStore
    let kind: RecordKind

    var pace: Pace { store.pace }
    var looksAfter: Bool { true }

    func rewrite(_ changes: [RecordChange], of user: UserID) async throws(WardrobeFailure) -> WrittenRecord<FileMark> {
        var patience = RewritePatience()
        while true {
            let trouble: RewritePatience.Trouble
            switch try await attempt(changes, user) {
            case .done(let written): return written
            case .locked: trouble = .locked
            case .disturbed: trouble = .disturbed
            case .unreadable(let fault): trouble = .unreadable(fault.message)
            case .missing: trouble = .missing
            }
            switch patience.failed(trouble, chance: store.pace.chance()) {
            case .again(let wait): await store.pace.pause(wait)
            case .giveUp: throw givenUp(trouble, user)
            }
        }
    }

    private func attempt(_ changes: [RecordChange], _ user: UserID) async throws(WardrobeFailure)
        -> RecordRewrite.Outcome
    {
        let (store, kind) = (store, kind)
        return try await store.pool.run { () throws(WardrobeFailure) -> RecordRewrite.Outcome in
            let now = store.pace.now()
            guard let folder = try Self.folder(of: user, for: changes, store, kind) else {
                guard let edited = Self.edited(kind, changes, now) else { return .missing }
                return .done(WrittenRecord(edited: edited, mark: nil, isChanged: false))
            }
            return try RecordRewrite(
                folder: folder, kind: kind, changes: changes, now: now, exchanges: store.exchanges,
                reached: store.reached
            ).attempt()
        }
    }

    /// The user's folder, made where something has to be written into it; nil where there is none.
    private static func folder(
        of user: UserID, for changes: [RecordChange], _ store: LocalStore, _ kind: RecordKind
    ) throws(WardrobeFailure) -> UserFolder? {
        if let folder = try store.folder(of: user) { return folder }
        guard edited(kind, changes, store.pace.now())?.bytes != nil else { return nil }
        do throws(SystemFailure) {
            return UserFolder(try store.rootFolder().folder([user.folder], make: true))
        } catch {
            throw .writing(error, store.path(kind.file, user))
        }
    }

    /// What becomes of a record that is not there.
    private static func edited(_ kind: RecordKind, _ changes: [RecordChange], _ now: Timestamp) -> EditedRecord? {
        do throws(RecordFault) {
            return try kind.edit(changes, nil, now: now)
        } catch {
            preconditionFailure("a record that is not there cannot be read: \(error.message)")
        }
    }

    func isStill(_ mark: FileMark?, of user: UserID) async -> Bool {
        let (store, kind) = (store, kind)
        return await store.pool.run { () -> Bool in
            do {
                return try store.folder(of: user)?.directory.infoIfPresent(of: kind.file).map { FileMark($0) } == mark
            } catch {
                // What cannot be looked at cannot be repaired.
                return true
            }
        }
    }

    // MARK: Sentences

    func unusable(_ what: String, _ user: UserID) -> WardrobeFailure { store.unusable(kind.file, what, user) }

    func outfitIsGone(_ user: UserID) -> WardrobeFailure { .outfitIsGone(from: store.path(kind.file, user)) }

    private func givenUp(_ trouble: RewritePatience.Trouble, _ user: UserID) -> WardrobeFailure {
        let record = store.path(kind.file, user)
        return switch trouble {
        case .locked:
            WardrobeFailure(
                .recordConflict,
                "\(record) is locked by another program for more than 10 s: see who holds \(kind.lock)")
        case .disturbed: .keptChanging(record)
        case .unreadable(let what): unusable(what, user)
        case .missing: outfitIsGone(user)
        }
    }
}
