// The stored pictures, by what they show: what lets a request be answered at no cost.
//
// A row says what was stored, not what is there now: the file may have been removed or replaced since, by anybody. So
// whoever answers from a row looks at the file first, and a row that does not match it is worth nothing and does no
// harm. One row a place, written in the commit that calls the picture stored.

package import Contract
internal import GRDB

/// Where a picture has its place: one at a time of each outfit, view and kind.
package struct PictureSlot: Hashable, Sendable {
    /// Whose.
    package var userID: String
    /// The outfit's id, or the job's name for an outfit that came without one.
    package var outfitID: String
    /// The named view; nil for the outfit's own picture.
    package var view: String?
    /// An image or a video.
    package var kind: PictureKind

    package init(userID: String, outfitID: String, view: String? = nil, kind: PictureKind) {
        (self.userID, self.outfitID, self.view, self.kind) = (userID, outfitID, view, kind)
    }
}

/// A stored picture and what it shows.
package struct KeptPicture: Hashable, Sendable {
    /// Its place.
    package var slot: PictureSlot
    /// SHA-256 of everything that decides how it looks, 32 bytes.
    package var fingerprint: [UInt8]
    /// Where it is, in the pipeline's own form.
    package var place: [UInt8]
    /// The stored file; it is called reused (`PictureNote.isReused`).
    package var picture: PictureNote
    /// The job that made it.
    package var job: String
    /// When it was stored.
    package var madeAt: Timestamp

    /// `picture` as it was fetched; only what it is counts, not where it lay.
    package init(
        slot: PictureSlot, fingerprint: [UInt8], place: [UInt8], picture: PictureNote, job: String, madeAt: Timestamp
    ) {
        (self.slot, self.fingerprint, self.place, self.picture) = (slot, fingerprint, place, picture)
        (self.job, self.madeAt) = (job, madeAt)
        self.picture.file = ""
    }
}

extension Journal {
    /// What was last stored in a place; nil where nobody knows.
    package func kept(_ slot: PictureSlot) async throws(JournalFailure) -> KeptPicture? {
        try await write { books in try books.kept(slot) }
    }

    /// The job is answered from a picture that is there already: nothing is ordered. `picture` is what was found there,
    /// `stored` says where, `plan` what was asked for, both in the pipeline's own form. Throws `wrongPhase` for a job
    /// for which something is outstanding.
    package func reused(
        _ name: String, plan: [UInt8], provider: String, picture: PictureNote, stored: [UInt8]
    ) async throws(JournalFailure) {
        precondition(picture.isReused, "the picture \(picture.file) of \(name) came as one that was there before")
        try await write { books in
            guard try books.knownJob(name).phase == .claimed else {
                throw Books.wrong("The job \(name) cannot be answered from a stored picture once it was ordered.")
            }
            try books.advance(
                name, to: .stored,
                """
                , provider = ?, picture_file = ?, picture_sha256 = ?, picture_bytes = ?, picture_width = ?, \
                picture_height = ?, picture_type = ?
                """,
                [
                    provider, picture.file, picture.sha256.blob, picture.bytes, picture.width, picture.height,
                    picture.contentType,
                ])
            try books.keep(.plan, plan, of: name)
            try books.keep(.stored, stored, of: name)
        }
    }
}

extension Books {
    func kept(_ slot: PictureSlot) throws -> KeptPicture? {
        try one(
            "SELECT * FROM kept WHERE user_id = ? AND outfit_id = ? AND view = ? AND kind = ?",
            [slot.userID, slot.outfitID, slot.view ?? "", slot.kind.rawValue]
        ).map { row in
            let picture = try PictureNote(
                file: "", sha256: Self.bytes(row.value("sha256")), bytes: row.value("bytes"), width: row.value("width"),
                height: row.value("height"), contentType: row.value("type"))
            return try KeptPicture(
                slot: slot, fingerprint: Self.bytes(row.value("fingerprint")), place: Self.bytes(row.value("place")),
                picture: picture, job: row.value("job"), madeAt: Timestamp(nanoseconds: row.value("made_at")))
        }
    }

    func keep(_ kept: KeptPicture) throws {
        try run(
            """
            INSERT OR REPLACE INTO kept (user_id, outfit_id, view, kind, fingerprint, place, sha256, bytes, width,
                height, type, job, made_at)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            [
                kept.slot.userID, kept.slot.outfitID, kept.slot.view ?? "", kept.slot.kind.rawValue,
                kept.fingerprint.blob, kept.place.blob, kept.picture.sha256.blob, kept.picture.bytes,
                kept.picture.width, kept.picture.height, kept.picture.contentType, kept.job, kept.madeAt.nanoseconds,
            ])
    }
}
