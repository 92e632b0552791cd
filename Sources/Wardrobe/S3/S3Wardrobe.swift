// The wardrobe in a bucket: `USER/…` under the same relative keys as beneath the local root.
//
// A leading `wardrobe_photos/` of a recorded path is no part of a key. Photos are read beneath the user's own prefix
// and nowhere else, whatever a record says, and arrive in files without a name. Pictures appear whole or not at all, as
// objects do; they may be kept by whoever fetched them only as long as they ask whether they are still the same, since
// the next picture of an outfit takes the key of the last one.

internal import Contract
internal import Digest
internal import Transfer

/// Wardrobes beneath one bucket.
package final class S3Wardrobe: Wardrobe {
    private let store: S3Store
    private let records: RecordLines<S3Records>
    private let profiles: RecordLines<S3Records>
    private let proof = S3Proof()
    private let photos: RemotePhotos

    /// - Parameter photos: fetches photos from the bucket and from the web.
    package init(_ store: S3Store, photos: RemotePhotos) {
        (self.store, self.photos) = (store, photos)
        records = RecordLines(S3Records(store: store, kind: .outfits, proof: proof))
        profiles = RecordLines(S3Records(store: store, kind: .profile, proof: proof))
    }

    /// Says that the store has been tried out (`S3Probe`) and obeys conditions, so that the first record need not ask.
    package func prove() { proof.give() }

    /// Returns when no update waits and none is looked after any more: seconds after the last one at most.
    package func settled() async {
        await records.settled()
        await profiles.settled()
    }

    /// Takes as long as the store takes for the rewrites that are under way.
    package func close() async {
        await records.close()
        await profiles.close()
    }

    /// Read from `USER/user_profile.json`.
    package func profile(of user: UserID) async throws(WardrobeFailure) -> Profile {
        try await store.read("user_profile.json", user) { $0.profile() } ?? Profile()
    }

    /// Read from `USER/saved_outfits.json`; the garments are looked up in `USER/wardrobe_metadata.json`.
    package func outfit(_ outfit: OutfitID, of user: UserID) async throws(WardrobeFailure) -> Outfit {
        let name = "saved_outfits.json"
        let saved = try await store.read(name, user) { SavedOutfits($0) }
        let items = saved == nil ? nil : try await store.read("wardrobe_metadata.json", user) { WardrobeItems($0) }
        return try saved.outfit(
            outfit, with: items ?? WardrobeItems(), in: store.place(name, user),
            unusable: { store.unusable(name, $0, user) })
    }

    /// Read beneath the user's prefix; addresses of the bucket and of allowed hosts serve, too.
    package func openPhoto(_ garment: Garment, of user: UserID) async throws(WardrobeFailure) -> OpenedPhoto {
        let photos = photos
        return try await firstPhoto(of: garment) { path throws(WardrobeFailure) in
            if let outcome = try await photos.open(path, of: user) { return outcome }
            switch PhotoPath(path, user: user, rootName: "wardrobe_photos") {
            case .web: return .refused("it is no address")
            case .refused(let reason): return .refused(reason)
            case .beneath(let names): return try await photos.open(names, as: path, of: user)
            }
        }
    }

    /// Stored as `USER/items/visualizations/OUTFIT.jpg`, a view as `…/views/OUTFIT/VIEW.jpg`.
    package func storePicture(
        _ bytes: [UInt8], for name: StoredName, until deadline: Int64?
    ) async throws(WardrobeFailure) -> StoredPicture {
        let key = Self.key(name)
        let headers = [
            TransferHeader("Content-Type", Self.contentType(name.fileExtension)),
            TransferHeader("Cache-Control", "no-cache"),
        ]
        do throws(S3Failure) {
            try await store.put(.bytes(bytes), at: key, headers: headers, until: deadline)
        } catch {
            throw error.wardrobe
        }
        return StoredPicture(
            url: store.bucket.publicURL(key), uri: store.bucket.uri(key), sha256: SHA256.of(bytes), bytes: bytes.count)
    }

    /// The object's address.
    package func address(of name: StoredName) -> PictureAddress? {
        let key = Self.key(name)
        return PictureAddress(url: store.bucket.publicURL(key), place: .object(store.bucket.uri(key)))
    }

    /// Read from where it is stored.
    package func readPicture(_ name: StoredName) async throws(WardrobeFailure) -> [UInt8]? {
        let key = Self.key(name)
        do throws(S3Failure) {
            return try await store.get(key, limit: StoredPicture.limit).bytes
        } catch {
            switch error.reason {
            case .noObject: return nil
            case .tooLarge: throw .largePicture(store.bucket.uri(key))
            default: throw error.wardrobe
            }
        }
    }

    /// Answered when the bucket has it. Updates of one user that wait together are put in by one rewrite.
    package func record(_ update: RecordUpdate, of user: UserID) async throws(WardrobeFailure) {
        precondition(!update.visualizations.isEmpty, "an update of \(user)'s record without a picture")
        try await records.change(.pictures(update), of: user)
    }

    /// Answered when the bucket has it, as `record`.
    package func clearRecord(of outfit: OutfitID, _ user: UserID) async throws(WardrobeFailure) -> Bool {
        try await records.remove(outfit, of: user)
    }

    /// Written to `USER/user_profile.json`; where there is none, only if nobody else writes it meanwhile.
    package func setDescriptor(_ descriptor: String?, of user: UserID) async throws(WardrobeFailure) {
        try await profiles.change(.descriptor(descriptor, over: nil), of: user)
    }

    /// Asked for one by one; those of views are listed by the outfit's own prefix.
    package func pictures(of outfit: OutfitID, _ user: UserID) async throws(WardrobeFailure) -> [String] {
        do throws(S3Failure) {
            return try await keys(of: outfit, user).map { store.bucket.publicURL($0) }
        } catch {
            throw error.wardrobe
        }
    }

    /// Removed one after the other.
    package func removePictures(of outfit: OutfitID, _ user: UserID) async throws(WardrobeFailure) -> [String] {
        do throws(S3Failure) {
            let keys = try await keys(of: outfit, user)
            for key in keys { try await store.delete(key) }
            return keys.map { store.bucket.publicURL($0) }
        } catch {
            throw error.wardrobe
        }
    }

    private func keys(of outfit: OutfitID, _ user: UserID) async throws(S3Failure) -> [S3Key] {
        var keys: [S3Key] = []
        for name in StoredName.own(of: outfit, user) where try await isThere(Self.key(name)) {
            keys.append(Self.key(name))
        }
        let folder = StoredName.viewFolder(of: outfit, user)
        let views = try await store.keys(beneath: folder + "/").filter { key in
            StoredName.isView(String(decoding: key.text.utf8.dropFirst(folder.utf8.count + 1), as: UTF8.self))
        }
        return keys + views.sorted { $0.text.utf8.lexicographicallyPrecedes($1.text.utf8) }
    }

    private func isThere(_ key: S3Key) async throws(S3Failure) -> Bool {
        do throws(S3Failure) {
            _ = try await store.head(key)
            return true
        } catch let error where error.reason == .noObject {
            return false
        }
    }

    /// Ids and views are short enough for any of their paths to be a key.
    private static func key(_ name: StoredName) -> S3Key {
        guard let key = S3Key(name.path) else { preconditionFailure("\(name.path) is no key") }
        return key
    }

    private static func contentType(_ fileExtension: String) -> String {
        switch fileExtension {
        case "jpg", "jpeg": "image/jpeg"
        case "png": "image/png"
        case "webp": "image/webp"
        case "mp4": "video/mp4"
        default: "application/octet-stream"
        }
    }
}

/// Records here, pictures there: what `wardrobe.type` and `storage.type` say where they differ.
package struct MixedWardrobe: Wardrobe {
    private let records: any Wardrobe
    private let pictures: any Wardrobe

    /// - Parameters:
    ///   - records: profiles, outfits, photos of garments.
    ///   - pictures: what vizd makes.
    package init(records: any Wardrobe, pictures: any Wardrobe) { (self.records, self.pictures) = (records, pictures) }

    /// Of the records.
    package func profile(of user: UserID) async throws(WardrobeFailure) -> Profile {
        try await records.profile(of: user)
    }

    /// Of the records.
    package func outfit(_ outfit: OutfitID, of user: UserID) async throws(WardrobeFailure) -> Outfit {
        try await records.outfit(outfit, of: user)
    }

    /// Where the records are.
    package func openPhoto(_ garment: Garment, of user: UserID) async throws(WardrobeFailure) -> OpenedPhoto {
        try await records.openPhoto(garment, of: user)
    }

    /// With the pictures.
    package func storePicture(
        _ bytes: [UInt8], for name: StoredName, until deadline: Int64?
    ) async throws(WardrobeFailure) -> StoredPicture {
        try await pictures.storePicture(bytes, for: name, until: deadline)
    }

    /// Of the pictures.
    package func address(of name: StoredName) -> PictureAddress? { pictures.address(of: name) }

    /// Of the pictures.
    package func readPicture(_ name: StoredName) async throws(WardrobeFailure) -> [UInt8]? {
        try await pictures.readPicture(name)
    }

    /// In the records.
    package func record(_ update: RecordUpdate, of user: UserID) async throws(WardrobeFailure) {
        try await records.record(update, of: user)
    }

    /// In the records.
    package func clearRecord(of outfit: OutfitID, _ user: UserID) async throws(WardrobeFailure) -> Bool {
        try await records.clearRecord(of: outfit, user)
    }

    /// With the records.
    package func setDescriptor(_ descriptor: String?, of user: UserID) async throws(WardrobeFailure) {
        try await records.setDescriptor(descriptor, of: user)
    }

    /// Of the pictures.
    package func pictures(of outfit: OutfitID, _ user: UserID) async throws(WardrobeFailure) -> [String] {
        try await pictures.pictures(of: outfit, user)
    }

    /// Of the pictures.
    package func removePictures(of outfit: OutfitID, _ user: UserID) async throws(WardrobeFailure) -> [String] {
        try await pictures.removePictures(of: outfit, user)
    }

    /// Both.
    package func close() async {
        await records.close()
        await pictures.close()
    }
}
