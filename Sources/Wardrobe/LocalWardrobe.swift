// The wardrobe on a local disk: `ROOT/USER/...` as DESIGN.md lays it out.
//
// Every call does its work on the pool's threads and suspends the caller meanwhile. Records are read afresh each time;
// one that does not parse is read again for up to a second, since a program that knows no lock may be filling it.

internal import Contract
package import Linux

/// Wardrobes beneath one folder of this machine.
package final class LocalWardrobe: Wardrobe {
    let store: LocalStore
    private let records: RecordLines<LocalRecords>
    private let profiles: RecordLines<LocalRecords>
    private let photos: RemotePhotos?

    /// - Parameters:
    ///   - root: absolute path of the folder that holds one folder a user. It need not exist yet.
    ///   - pool: threads that may block on the disk.
    ///   - photos: fetches photos whose recorded path is an address; without it they do not serve.
    package convenience init(root: String, pool: BlockingPool, pace: Pace, photos: RemotePhotos? = nil) {
        self.init(root: root, pool: pool, pace: pace, photos: photos, exchanges: true, reached: { _ in })
    }

    init(
        root: String, pool: BlockingPool, pace: Pace, photos: RemotePhotos? = nil, exchanges: Bool,
        reached: @escaping @Sendable (RewriteStep) -> Void
    ) {
        self.photos = photos
        var path = Substring(root)
        while path.count > 1, path.hasSuffix("/") { path.removeLast() }
        precondition(path.hasPrefix("/"), "the wardrobe's root \(root) is not an absolute path")
        store = LocalStore(root: String(path), pool: pool, pace: pace, exchanges: exchanges, reached: reached)
        records = RecordLines(LocalRecords(store: store, kind: .outfits))
        profiles = RecordLines(LocalRecords(store: store, kind: .profile))
    }

    /// Returns when no update waits and none is looked after any more: seconds after the last one at most, unless
    /// somebody holds a record's lock.
    package func settled() async {
        await records.settled()
        await profiles.settled()
    }

    /// Takes as long as the rewrites that are under way.
    package func close() async {
        await records.close()
        await profiles.close()
    }

    /// Answered when the record says it durably. Updates of one user that wait together are put in by one rewrite.
    package func record(_ update: RecordUpdate, of user: UserID) async throws(WardrobeFailure) {
        precondition(!update.visualizations.isEmpty, "an update of \(user)'s record without a picture")
        try await records.change(.pictures(update), of: user)
    }

    /// Answered when the record says it durably, as `record`.
    package func clearRecord(of outfit: OutfitID, _ user: UserID) async throws(WardrobeFailure) -> Bool {
        try await records.remove(outfit, of: user)
    }

    /// Written to `user_profile.json`, under its own lock; the file and the user's folder are made where they are
    /// missing.
    package func setDescriptor(_ descriptor: String?, of user: UserID) async throws(WardrobeFailure) {
        try await profiles.change(.descriptor(descriptor, over: nil), of: user)
    }

    /// Read from `user_profile.json`.
    package func profile(of user: UserID) async throws(WardrobeFailure) -> Profile {
        try await read(UserFolder.profile, user) { $0.profile() } ?? Profile()
    }

    /// Read from `saved_outfits.json`; the garments are looked up in `wardrobe_metadata.json`.
    package func outfit(_ outfit: OutfitID, of user: UserID) async throws(WardrobeFailure) -> Outfit {
        let saved = try await read(UserFolder.outfits, user) { SavedOutfits($0) }
        let items = saved == nil ? nil : try await read(UserFolder.items, user) { WardrobeItems($0) }
        return try saved.outfit(
            outfit, with: items ?? WardrobeItems(), in: store.path(UserFolder.outfits, user),
            unusable: { store.unusable(UserFolder.outfits, $0, user) })
    }

    /// What `body` finds in a record that parses, on a thread of the pool; nil where there is none.
    private func read<Found: Sendable>(
        _ name: FileName, _ user: UserID, _ body: @escaping @Sendable (RecordText) -> Found
    ) async throws(WardrobeFailure) -> Found? {
        var patience = RewritePatience()
        while true {
            let fault: RecordFault
            switch try await look(name, user, body) {
            case .success(let found): return found
            case .failure(let unreadable): fault = unreadable
            }
            switch patience.failed(.unreadable(fault.message), chance: store.pace.chance()) {
            case .again(let wait): await store.pace.pause(wait)
            case .giveUp: throw store.unusable(name, fault.message, user)
            }
        }
    }

    private func look<Found: Sendable>(
        _ name: FileName, _ user: UserID, _ body: @escaping @Sendable (RecordText) -> Found
    ) async throws(WardrobeFailure) -> Result<Found?, RecordFault> {
        let store = store
        return try await store.pool.run { () throws(WardrobeFailure) -> Result<Found?, RecordFault> in
            switch try store.folder(of: user)?.look(name) ?? .missing {
            case .missing: return .success(nil)
            case .changing: return .failure(RecordFault("it changes all the time: a half-written text", at: 0, in: []))
            case .record(let snapshot):
                do throws(RecordFault) {
                    return .success(body(try RecordText(snapshot.bytes)))
                } catch {
                    return .failure(error)
                }
            }
        }
    }
}

// MARK: Photos

extension LocalWardrobe {
    /// Opened beneath the user's folder; links that stay there are followed. An address is fetched where it may be.
    package func openPhoto(_ garment: Garment, of user: UserID) async throws(WardrobeFailure) -> OpenedPhoto {
        let (store, photos) = (store, photos)
        return try await firstPhoto(of: garment) { path throws(WardrobeFailure) in
            if let outcome = try await photos?.open(path, of: user) { return outcome }
            return try await store.pool.run { () throws(WardrobeFailure) -> PhotoOutcome in
                let folder = try store.folder(of: user)
                switch PhotoAttempt(path, user: user, store: store, folder: folder).outcome {
                case .success(let photo): return .opened(photo)
                case .failure(let refusal):
                    if let shortage = refusal.shortage {
                        throw .shortage(shortage, "the photo of \(printable(garment.name))")
                    }
                    return .refused(refusal.reason)
                }
            }
        }
    }
}

/// Why a path does not serve.
private struct PhotoRefusal: Error {
    let reason: String
    /// There was nothing to open it with, so that nothing is known of this path; another must not serve in its place.
    var shortage: SystemFailure?
}

/// One recorded path, tried.
private struct PhotoAttempt {
    let outcome: Result<OpenedPhoto, PhotoRefusal>

    init(_ path: String, user: UserID, store: LocalStore, folder: UserFolder?) {
        switch PhotoPath(path, user: user, rootName: store.rootName) {
        case .web:
            outcome = .failure(PhotoRefusal(reason: "photos on the web are not fetched; save a copy in the wardrobe"))
        case .refused(let reason): outcome = .failure(PhotoRefusal(reason: reason))
        case .beneath(let names):
            guard let folder else {
                outcome = .failure(PhotoRefusal(reason: "there is no folder \(store.root)/\(user)"))
                return
            }
            outcome = Self.open(names, as: path, in: folder)
        }
    }

    /// The first name that opens; otherwise why the first did not.
    private static func open(_ names: [String], as path: String, in folder: UserFolder)
        -> Result<OpenedPhoto, PhotoRefusal>
    {
        var first: PhotoRefusal?
        for name in names {
            switch open(name, as: path, in: folder) {
            case .success(let photo): return .success(photo)
            case .failure(let refusal):
                if refusal.shortage != nil { return .failure(refusal) }
                first = first ?? refusal
            }
        }
        return .failure(first ?? PhotoRefusal(reason: "it names nothing"))
    }

    private static func open(_ name: String, as path: String, in folder: UserFolder)
        -> Result<OpenedPhoto, PhotoRefusal>
    {
        do throws(SystemFailure) {
            let file = try folder.directory.open(FileName(name), .read, resolve: .linksBeneath)
            let info = try file.info()
            guard info.kind == .regular else { return .failure(PhotoRefusal(reason: "it is \(info.kind.phrase)")) }
            guard info.size > 0 else { return .failure(PhotoRefusal(reason: "the file is empty")) }
            return .success(OpenedPhoto(file: file, path: path, info: info))
        } catch {
            let shortage = error.errno.isShortage ? error : nil
            return .failure(PhotoRefusal(reason: reason(error.errno), shortage: shortage))
        }
    }

    private static func reason(_ errno: Errno) -> String {
        switch errno {
        case .notFound: "no such file"
        case .crossDevice: "it leads out of the user's folder"
        case .tooManyLinks: "its symbolic links lead nowhere"
        case .accessDenied: "vizd's user may not read it"
        case .noDevice: "it is not a regular file"
        case .nameTooLong: "its name is too long"
        case .notDirectory: "a part of the path is not a folder"
        default: "\(errno.text) (\(errno.name))"
        }
    }
}
