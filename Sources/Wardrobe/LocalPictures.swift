// Pictures on a local disk: `ROOT/USER/items/visualizations/...`, stored, read and removed.
//
// A picture is written to the user's `.vizd` folder, synced, renamed over, and the folder is synced: when the call
// returns, the picture is there after a power cut, too. Nothing outside the user's folder is reached, whatever links
// stand in it. Reading is bounded, since what lies there may be anybody's file by now.

internal import Contract
internal import Digest
internal import Linux

extension LocalWardrobe {
    /// Stored as `ROOT/USER/items/visualizations/OUTFIT.jpg`, a view as `.../views/OUTFIT/VIEW.jpg`. Missing folders
    /// are made.
    package func storePicture(
        _ bytes: [UInt8], for name: StoredName, until deadline: Int64?
    ) async throws(WardrobeFailure) -> StoredPicture {
        let store = store
        return try await store.pool.run { () throws(WardrobeFailure) -> StoredPicture in
            do throws(SystemFailure) {
                try store.put(bytes, for: name)
            } catch {
                throw .writing(error, "\(store.root)/\(name.path)")
            }
            return StoredPicture(
                url: "\(store.rootName)/\(name.path)", path: "\(store.root)/\(name.path)", sha256: SHA256.of(bytes),
                bytes: bytes.count)
        }
    }
}

extension LocalWardrobe {
    /// The path beneath the root.
    package func address(of name: StoredName) -> PictureAddress? {
        PictureAddress(url: "\(store.rootName)/\(name.path)", place: .file("\(store.root)/\(name.path)"))
    }

    /// Read beneath the user's folder, through no link.
    package func readPicture(_ name: StoredName) async throws(WardrobeFailure) -> [UInt8]? {
        let store = store
        return try await store.pool.run { () throws(WardrobeFailure) -> [UInt8]? in
            guard let folder = try store.folder(of: name.user) else { return nil }
            return try store.picture(name, in: folder)
        }
    }
}

// MARK: Of an outfit

extension LocalWardrobe {
    /// Read off the folders.
    package func pictures(of outfit: OutfitID, _ user: UserID) async throws(WardrobeFailure) -> [String] {
        try await visit(outfit, user) { shelf throws(SystemFailure) in try shelf.names() }
    }

    /// Removed for good: the folders are synced, those that hold nothing any more for views go, too.
    package func removePictures(of outfit: OutfitID, _ user: UserID) async throws(WardrobeFailure) -> [String] {
        try await visit(outfit, user) { shelf throws(SystemFailure) in try shelf.clear() }
    }

    private func visit(
        _ outfit: OutfitID, _ user: UserID,
        _ work: @escaping @Sendable (OutfitShelf) throws(SystemFailure) -> [String]
    ) async throws(WardrobeFailure) -> [String] {
        let store = store
        return try await store.pool.run { () throws(WardrobeFailure) -> [String] in
            guard let folder = try store.folder(of: user) else { return [] }
            do throws(SystemFailure) {
                guard let shelf = try OutfitShelf(outfit, in: folder) else { return [] }
                return try work(shelf).map { "\(store.rootName)/\(user)/\($0)" }
            } catch {
                throw .removing(error, "what is stored of the outfit \(outfit) in \(store.root)/\(user)")
            }
        }
    }
}

/// The places where an outfit's pictures are.
private struct OutfitShelf {
    private let outfit: OutfitID
    private let pictures: Directory
    /// All outfits' views; nil where there are none.
    private let views: Directory?
    /// This outfit's.
    private let own: Directory?

    /// Nil where there is no folder for pictures.
    init?(_ outfit: OutfitID, in folder: UserFolder) throws(SystemFailure) {
        self.outfit = outfit
        var place: Directory? = folder.directory
        for name in StoredName.pictureFolders { place = try place?.folderIfPresent(FileName(name)) }
        guard let place else { return nil }
        pictures = place
        views = try pictures.folderIfPresent(FileName(StoredName.viewFolders.last ?? ""))
        own = try views?.folderIfPresent(FileName(outfit.text))
    }

    private var files: [FileName] { StoredName.extensions.map { FileName("\(outfit).\($0)") } }

    private func viewFiles() throws(SystemFailure) -> [FileName] {
        try own?.names().filter { $0.string.map(StoredName.isView) ?? false } ?? []
    }

    private func path(_ name: FileName, of view: Bool) -> String {
        let folders = view ? StoredName.viewFolders + [outfit.text] : StoredName.pictureFolders
        return (folders + [name.string ?? ""]).joined(separator: "/")
    }

    /// The paths of what is there, from the user's folder on.
    func names() throws(SystemFailure) -> [String] {
        var found: [String] = []
        for file in files where try pictures.infoIfPresent(of: file) != nil { found.append(path(file, of: false)) }
        return try found + viewFiles().map { path($0, of: true) }
    }

    /// Removes it. The folders are synced even if nothing was there: it may have been removed by a run that ended
    /// before it could do that.
    func clear() throws(SystemFailure) -> [String] {
        var gone: [String] = []
        for file in files where try pictures.unlinkIfPresent(file) { gone.append(path(file, of: false)) }
        for file in try viewFiles() where try own?.unlinkIfPresent(file) ?? false { gone.append(path(file, of: true)) }
        try own?.sync()
        try removeOwn()
        try views?.sync()
        try pictures.sync()
        return gone
    }

    /// The folder of the views stays if somebody keeps something else in it.
    private func removeOwn() throws(SystemFailure) {
        guard own != nil else { return }
        do throws(SystemFailure) {
            try views?.removeDirectory(FileName(outfit.text))
        } catch let error where [.notEmpty, .exists, .notFound].contains(error.errno) {}
    }
}

extension Directory {
    /// A folder beneath this one; nil where nothing has that name.
    fileprivate func folderIfPresent(_ name: FileName) throws(SystemFailure) -> Directory? {
        do throws(SystemFailure) {
            return try directory(name)
        } catch let error where error.errno == .notFound {
            return nil
        }
    }
}

extension LocalStore {
    fileprivate func picture(_ name: StoredName, in folder: UserFolder) throws(WardrobeFailure) -> [UInt8]? {
        let label = "\(root)/\(name.path)"
        do throws(SystemFailure) {
            let path = FileName((name.folders + [name.file]).joined(separator: "/"))
            let file = try folder.directory.open(path, .read)
            guard try file.info().kind == .regular else {
                throw SystemFailure(call: "open", errno: .noDevice, subject: label)
            }
            return try file.read(limit: StoredPicture.limit)
        } catch let error where error.errno == .notFound {
            return nil
        } catch let error where error.errno == .tooLarge {
            throw .largePicture(label)
        } catch let error where error.errno == .noDevice {
            throw .strangePicture(label)
        } catch {
            throw .reading(error, label)
        }
    }
}

extension LocalStore {
    /// A picture that was begun longer ago than this belongs to nobody any more. Nanoseconds.
    private static let forgotten: Int64 = 3_600_000_000_000

    fileprivate func put(_ bytes: [UInt8], for name: StoredName) throws(SystemFailure) {
        let user = try folder(making: name.user)
        let scratch = try UserFolder(user).scratch()
        try sweep(scratch)
        let target = try user.folder(name.folders.map { FileName($0) }, make: true)
        let partial = FileName("picture-\(Random.hex(bytes: 8))")
        do throws(SystemFailure) {
            let file = try scratch.open(partial, .create, mode: UserFolder.fileMode)
            try file.write(all: bytes)
            try file.sync()
            try scratch.rename(partial, to: target, as: FileName(name.file), .replace)
        } catch {
            // The first failure is the one to tell; what cannot be removed now is swept later.
            do throws(SystemFailure) { try scratch.unlinkIfPresent(partial) } catch {}
            throw error
        }
        try target.sync()
    }

    private func folder(making user: UserID) throws(SystemFailure) -> Directory {
        // In one step where it is there; what stands in the way is told by the two.
        do throws(SystemFailure) { return try Directory(path: root, holding: user.folder) } catch {}
        return try rootFolder().folder([user.folder], make: true)
    }

    /// Removes pictures that a crash left half written.
    private func sweep(_ scratch: Directory) throws(SystemFailure) {
        for name in try scratch.names() where name.bytes.starts(with: "picture-".utf8) {
            guard let info = try scratch.infoIfPresent(of: name) else { continue }
            if info.modified < pace.now().nanoseconds - Self.forgotten { try scratch.unlinkIfPresent(name) }
        }
    }
}
