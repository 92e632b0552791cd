// Whose it is: what the work reads of a user and where it leaves its pictures.
//
// A protocol, since wardrobes live on a local disk or in a bucket. Reading costs nothing and pays nothing; storing and
// recording return when what they did is durable, and doing either again is harmless. Every failure is a
// `WardrobeFailure`.

package import Digest
package import Linux

/// The wardrobes of all users.
package protocol Wardrobe: Sendable {
    /// What is known of a user; an empty profile where there is none.
    func profile(of user: UserID) async throws(WardrobeFailure) -> Profile

    /// A saved outfit with what is known of its garments.
    /// - Throws: `outfitNotFound`, `noGarmentImages` for one without garments, `recordInvalid`.
    func outfit(_ outfit: OutfitID, of user: UserID) async throws(WardrobeFailure) -> Outfit

    /// Opens the first photo of a garment that can be opened.
    /// - Throws: `garmentUnreadable`, with every path that was tried and why it did not serve.
    func openPhoto(_ garment: Garment, of user: UserID) async throws(WardrobeFailure) -> OpenedPhoto

    /// Stores a picture for good, over an older one of that name. It appears whole or not at all.
    /// - Parameter deadline: monotonic nanoseconds; storage that cannot be reached is not waited for any longer.
    func storePicture(
        _ bytes: [UInt8], for name: StoredName, until deadline: Int64?
    ) async throws(WardrobeFailure) -> StoredPicture

    /// Reads a stored picture; nil where none is stored under that name.
    /// - Throws: `recordInvalid` for what is no picture of vizd's: more than `StoredPicture.limit` bytes, a link, a
    ///   folder.
    func readPicture(_ name: StoredName) async throws(WardrobeFailure) -> [UInt8]?

    /// Where a picture of that name is, or would be stored: as `storePicture` says it; nothing is looked at. Nil where
    /// only storing it tells.
    func address(of name: StoredName) -> PictureAddress?

    /// Puts the pictures of one job into the outfit's record, all or none. Recording the same job's again changes
    /// nothing.
    /// - Throws: `outfitNotFound`, `recordInvalid`, `recordConflict` when others kept changing or holding the record.
    func record(_ update: RecordUpdate, of user: UserID) async throws(WardrobeFailure)

    /// Takes everything that vizd says of an outfit's pictures out of its record, and nothing else; one that says
    /// nothing of them stays as it is. Answers whether the outfit is in a record at all.
    /// - Throws: `recordInvalid`, `recordConflict` when others kept changing or holding the record.
    func clearRecord(of outfit: OutfitID, _ user: UserID) async throws(WardrobeFailure) -> Bool

    /// Sets the description of the person in the user's profile, or removes it; everything else there stays. A profile
    /// that is not there is made.
    /// - Throws: `recordInvalid`, `recordConflict` when others kept changing or holding the profile.
    func setDescriptor(_ descriptor: String?, of user: UserID) async throws(WardrobeFailure)

    /// The addresses of an outfit's stored pictures and films, as results name them: its own first, then those of its
    /// views by name.
    func pictures(of outfit: OutfitID, _ user: UserID) async throws(WardrobeFailure) -> [String]

    /// Removes them for good, and what vizd made to hold them. Answers the addresses of what was removed; of what is
    /// not there any more it says nothing.
    func removePictures(of outfit: OutfitID, _ user: UserID) async throws(WardrobeFailure) -> [String]

    /// For the end of the program: looks once more after what was recorded lately, lets what is being written come to
    /// its end, and writes in no record after that. Who asks for it then waits for ever.
    func close() async
}

extension Wardrobe {
    /// Only storing tells.
    package func address(of name: StoredName) -> PictureAddress? { nil }

    /// Stores a picture; storage that cannot be reached is waited for as long as it usually is.
    package func storePicture(_ bytes: [UInt8], for name: StoredName) async throws(WardrobeFailure) -> StoredPicture {
        try await storePicture(bytes, for: name, until: nil)
    }
}

/// What a user says of themselves (`user_profile.json`).
package struct Profile: Hashable, Sendable {
    /// The person to be shown: `Model: ~163 cm, dark wavy hair`. Nil where there is none or only white space.
    package var modelDescriptor: String?
    /// `classic`, `playful`.
    package var styleWords: [String]
    /// `daily_emotion.feeling_now`.
    package var feelingNow: String?
    /// `daily_emotion.want_to_feel`.
    package var wantToFeel: String?

    package init(
        modelDescriptor: String? = nil, styleWords: [String] = [], feelingNow: String? = nil, wantToFeel: String? = nil
    ) {
        (self.modelDescriptor, self.styleWords) = (modelDescriptor, styleWords)
        (self.feelingNow, self.wantToFeel) = (feelingNow, wantToFeel)
    }
}

/// An outfit: garments from the list, in its order.
package struct Outfit: Hashable, Sendable {
    package var items: [Garment]
    package var stylingNotes: String?

    package init(items: [Garment], stylingNotes: String? = nil) {
        (self.items, self.stylingNotes) = (items, stylingNotes)
    }
}

/// A garment of an outfit.
package struct Garment: Hashable, Sendable {
    package var id: String?
    /// As the outfit calls it; what the wardrobe calls it, or its category, where the outfit does not.
    package var name: String
    package var category: String?
    /// Where its photo may be, in the order in which the places are tried; as recorded, not yet judged.
    package var candidates: [String]

    package init(id: String? = nil, name: String, category: String? = nil, candidates: [String]) {
        (self.id, self.name, self.category, self.candidates) = (id, name, category, candidates)
    }
}

/// A photo that has been opened. The file stays the one that was opened, whatever happens to its name.
package struct OpenedPhoto: Sendable {
    package let file: OpenFile
    /// The path as recorded.
    package let path: String
    /// Kind regular, size above zero.
    package let info: FileInfo

    package init(file: OpenFile, path: String, info: FileInfo) {
        (self.file, self.path, self.info) = (file, path, info)
    }
}

/// Where a picture is: for people and programs.
package struct PictureAddress: Hashable, Sendable {
    /// As `StoredPicture.url`.
    package let url: String
    /// As `StoredPicture.place`.
    package let place: StoredPicture.Place

    package init(url: String, place: StoredPicture.Place) { (self.url, self.place) = (url, place) }
}

/// A picture that is stored.
package struct StoredPicture: Hashable, Sendable {
    /// Where a picture is for programs that are let at it.
    package enum Place: Hashable, Sendable {
        /// An absolute path.
        case file(String)
        /// `s3://BUCKET/KEY`.
        case object(String)
    }

    /// Bytes that are read of a picture at most: more than any provider's picture or film has.
    package static let limit = 256 << 20

    /// The `image_url` of a result: an address, or relative to the parent of the wardrobe's root, such as
    /// `wardrobe_photos/peichin/items/visualizations/o-17.jpg`.
    package let url: String
    package let place: Place
    package let sha256: SHA256Digest
    /// Size of the picture.
    package let bytes: Int

    /// A file.
    package init(url: String, path: String, sha256: SHA256Digest, bytes: Int) {
        (self.url, place, self.sha256, self.bytes) = (url, .file(path), sha256, bytes)
    }

    /// An object.
    package init(url: String, uri: String, sha256: SHA256Digest, bytes: Int) {
        (self.url, place, self.sha256, self.bytes) = (url, .object(uri), sha256, bytes)
    }
}
