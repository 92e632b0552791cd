// What was decided in `prepare`: everything about an order but the pictures that go with it. It is committed with the
// intent, so that a job which goes on after a crash tells the truth about what was ordered, whatever the outfit or the
// configuration say by then.
//
// Kept in the journal as JSON of our own (version 1); a plan of another version is refused, never guessed at.

package import Contract
package import Digest
package import Providers
package import Wardrobe

/// An order as the journal keeps it.
package struct Plan: Equatable, Sendable {
    /// Name of the provider, as in the configuration.
    package let provider: String
    /// Name of the model, as in the result.
    package let model: String
    package let size: PixelSize
    package let seed: UInt32?
    /// The prompt as sent; nil where the model takes none.
    package let prompt: String?
    /// How many reference pictures were sent.
    package let references: Int
    /// Whether a description of the person was part of the prompt, and whether it was the one of the user's profile.
    package let usedDescriptor: Bool
    package let usedProfileDescriptor: Bool
    /// How many pictures of the day the provider should have counted just before this order; nil where it does not
    /// tell.
    package var countedBefore: Int?
    /// A picture or a film.
    package let kind: PictureKind
    /// How long the film is to be, in seconds; nil for a picture.
    package let seconds: Int?
    /// Of the picture that is asked for, for later requests; nil in plans of versions that did not know it.
    package var fingerprint: SHA256Digest?

    private static let version = 1

    /// The bytes for the journal.
    package func encoded() -> [UInt8] {
        var json = JSONWriter()
        json.beginObject()
        json.member("version", Plan.version)
        json.member("provider", provider)
        json.member("model", model)
        json.member("width", size.width)
        json.member("height", size.height)
        json.member("seed", seed.map(Int.init))
        json.member("prompt", prompt)
        json.member("references", references)
        json.member("used_descriptor", usedDescriptor)
        json.member("used_profile_descriptor", usedProfileDescriptor)
        json.member("counted_before", countedBefore)
        json.member("kind", kind.rawValue)
        json.member("seconds", seconds)
        json.member("fingerprint", fingerprint?.hex)
        json.endObject()
        return json.bytes
    }

    /// Reads what `encoded` wrote; nil for anything else.
    package init?(encoded bytes: [UInt8]) {
        guard let root = Note.parse(bytes, version: Plan.version), let provider = root.text("provider"),
            let model = root.text("model"), let width = root.integer("width"), let height = root.integer("height"),
            let references = root.integer("references"), let descriptor = root.flag("used_descriptor"),
            let profile = root.flag("used_profile_descriptor"),
            // Plans from before there were films say nothing of it.
            let kind = PictureKind(rawValue: root.text("kind") ?? PictureKind.image.rawValue)
        else { return nil }
        self.init(
            provider: provider, model: model, size: PixelSize(width: width, height: height),
            seed: root.integer("seed").flatMap(UInt32.init(exactly:)), prompt: root.text("prompt"),
            references: references, usedDescriptor: descriptor, usedProfileDescriptor: profile,
            countedBefore: root.integer("counted_before"), kind: kind, seconds: root.integer("seconds"),
            fingerprint: root.text("fingerprint").flatMap { SHA256Digest(hex: $0) })
    }

    package init(
        provider: String, model: String, size: PixelSize, seed: UInt32?, prompt: String?, references: Int,
        usedDescriptor: Bool, usedProfileDescriptor: Bool, countedBefore: Int? = nil, kind: PictureKind = .image,
        seconds: Int? = nil, fingerprint: SHA256Digest? = nil
    ) {
        (self.provider, self.model, self.size, self.seed) = (provider, model, size, seed)
        (self.prompt, self.references) = (prompt, references)
        (self.usedDescriptor, self.usedProfileDescriptor) = (usedDescriptor, usedProfileDescriptor)
        (self.countedBefore, self.kind, self.seconds) = (countedBefore, kind, seconds)
        self.fingerprint = fingerprint
    }
}

/// Where a picture was stored, as the journal keeps it.
package struct StoredNote: Equatable, Sendable {
    /// As results and records spell it.
    package let url: String
    /// The file, absolute, or the object.
    package let place: StoredPicture.Place
    /// How long a film lasts, in seconds; nil for a picture.
    package let seconds: Double?
    /// The job that made it; nil where that is the one that has this note.
    package var maker: String?
    /// When it was stored, for the record; nil in notes of versions that did not say.
    package var storedAt: Timestamp?

    private static let version = 1

    /// The bytes for the journal.
    package func encoded() -> [UInt8] {
        var json = JSONWriter()
        json.beginObject()
        json.member("version", StoredNote.version)
        json.member("url", url)
        switch place {
        case .file(let path): json.member("path", path)
        case .object(let uri): json.member("uri", uri)
        }
        if let seconds { json.member("seconds", seconds) }
        if let maker { json.member("maker", maker) }
        if let storedAt { json.member("stored_at", "\(storedAt.nanoseconds)") }
        json.endObject()
        return json.bytes
    }

    /// Reads what `encoded` wrote; nil for anything else.
    package init?(encoded bytes: [UInt8]) {
        guard let root = Note.parse(bytes, version: StoredNote.version), let url = root.text("url") else { return nil }
        switch (root.text("path"), root.text("uri")) {
        case (let path?, nil): self.init(url: url, place: .file(path), seconds: root.amount("seconds"))
        case (nil, let uri?): self.init(url: url, place: .object(uri), seconds: root.amount("seconds"))
        default: return nil
        }
        maker = root.text("maker")
        storedAt = root.text("stored_at").flatMap { Int64($0) }.map(Timestamp.init(nanoseconds:))
    }

    package init(url: String, place: StoredPicture.Place, seconds: Double? = nil) {
        (self.url, self.place, self.seconds) = (url, place, seconds)
    }

    /// A file.
    package init(url: String, path: String) { self.init(url: url, place: .file(path)) }
}

/// Reading our own small JSON objects.
private enum Note {
    static func parse(_ bytes: [UInt8], version: Int) -> JSONNode? {
        do throws(JSONFault) {
            let root = try JSONDocument(parsing: bytes).root
            return root.integer("version") == version ? root : nil
        } catch {
            return nil
        }
    }
}

extension JSONNode {
    fileprivate func text(_ key: String) -> String? {
        guard case .string(let text)? = self[key]?.value else { return nil }
        return text
    }

    fileprivate func integer(_ key: String) -> Int? {
        guard case .number(let text)? = self[key]?.value else { return nil }
        return Int(text)
    }

    fileprivate func amount(_ key: String) -> Double? {
        guard case .number(let text)? = self[key]?.value else { return nil }
        return Double(text)
    }

    fileprivate func flag(_ key: String) -> Bool? {
        guard case .bool(let value)? = self[key]?.value else { return nil }
        return value
    }
}
