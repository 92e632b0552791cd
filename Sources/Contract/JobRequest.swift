// What somebody asks vizd for: one JSON object in one file.
//
// The values here are as the file said them, checked against the contract's own limits and no further: whether the
// user, the outfit, the provider or the model exists is for others to find out. Decoding reports all problems of a
// request at once, each with its path; encoding writes the shortest file that means the same.

/// A request that keeps to the contract.
package struct JobRequest: Equatable, Sendable {
    /// What to do.
    package var action: JobAction = .visualize
    /// Whose wardrobe. 1 to 128 characters and at most 200 bytes, no `/`, no control characters, no leading dot.
    package var userID: String
    /// The saved outfit; the same rules. With `outfit`, the name under which its picture is stored.
    package var outfitID: String?
    /// A batch: 1 to 500 different outfits. Empty where the request is about one. Never together with `outfitID`.
    package var outfitIDs: [String] = []
    /// An outfit that has no record, spelled out. Never together with `outfitIDs`.
    package var outfit: InlineOutfit?
    /// The provider's word (`runway`, `flatlay`) in place of the configured one.
    package var provider: String?
    /// The provider's model in place of the configured one.
    package var model: String?
    /// The picture's proportions in place of the configured ones; whether the provider has them is not known here.
    package var ratio: Ratio?
    /// The provider's random seed.
    package var seed: UInt32?
    /// The person who wears it, 1 to 1,000 characters. For `set_profile` 0 to 1,000, always there; empty removes it.
    package var modelDescriptor: String?
    /// Extra directions, 1 to 500 characters.
    package var prompt: String?
    /// Several pictures of one outfit, at most 8 with different names. Empty: the one picture without a name.
    package var views: [View] = []
    /// A picture or a film.
    package var kind: PictureKind = .image
    /// Always generate, even if the stored picture is of this very outfit.
    package var regenerate = false
    /// How soon, compared with others.
    package var priority: Priority = .normal
    /// Not to be submitted to a provider after this moment.
    package var notAfter: Timestamp?
    /// The user's own photo: a path in the user's folder or an `https://` address.
    package var personImage: String?
    /// The object to echo in the result: its source text, at most 16 KiB.
    package var metadata: [UInt8]?

    /// A request for a user with nothing else said.
    package init(userID: String) { self.userID = userID }

    /// An outfit that is spelled out in the request.
    package struct InlineOutfit: Equatable, Sendable {
        /// 1 to 40 garments.
        package var items: [Item]
        /// How to wear them, 1 to 2,000 characters.
        package var stylingNotes: String?

        /// An outfit of these garments.
        package init(items: [Item], stylingNotes: String? = nil) {
            self.items = items
            self.stylingNotes = stylingNotes
        }
    }

    /// A garment of an outfit that is spelled out.
    package struct Item: Equatable, Sendable {
        /// What it is, 1 to 200 characters on one line.
        package var name: String
        /// Its photo: a path in the user's folder or an `https://` address, 1 to 2,048 characters.
        package var image: String
        /// `tops`, `shoes` and the like, 1 to 64 characters; free words.
        package var category: String?

        /// A garment with its photo.
        package init(name: String, image: String, category: String? = nil) {
            self.name = name
            self.image = image
            self.category = category
        }
    }

    /// One of several pictures of an outfit; what it does not say is as the request says.
    package struct View: Equatable, Sendable {
        /// `[a-z0-9-]{1,32}`, no two alike in a request.
        package var name: String
        /// Extra directions for this picture, 1 to 500 characters.
        package var prompt: String?
        /// This picture's proportions.
        package var ratio: Ratio?
        /// This picture's seed.
        package var seed: UInt32?

        /// A view with what it says for itself.
        package init(name: String, prompt: String? = nil, ratio: Ratio? = nil, seed: UInt32? = nil) {
            self.name = name
            self.prompt = prompt
            self.ratio = ratio
            self.seed = seed
        }
    }
}

/// Width to height, `1080:1440`: pixels or plain proportions, as the provider takes them.
package struct Ratio: Hashable, Sendable {
    /// 1 to 99,999.
    package let width: Int
    /// 1 to 99,999.
    package let height: Int

    /// Reads `W:H`, two whole numbers without leading zeros; nil if it is something else.
    package init?(_ text: String) {
        let parts = text.utf8.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        guard parts.count == 2, let width = Self.side(parts[0]), let height = Self.side(parts[1]) else { return nil }
        (self.width, self.height) = (width, height)
    }

    /// The ratio as it is written.
    package var text: String { "\(width):\(height)" }

    private static func side(_ digits: Substring.UTF8View) -> Int? {
        guard (1...5).contains(digits.count), digits.first != UInt8(ascii: "0"),
            digits.allSatisfy({ (0x30...0x39).contains($0) })
        else { return nil }
        return digits.reduce(0) { $0 * 10 + Int($1 - 0x30) }
    }
}

// MARK: Writing

extension JobRequest {
    /// The request as a file: its keys in the contract's order, those with their default value left out.
    package func encode(pretty: Bool = true) -> [UInt8] {
        var writer = JSONWriter(pretty: pretty)
        writer.beginObject()
        if action != .visualize { writer.member(RequestKey.action, action.rawValue) }
        writer.member(RequestKey.userID, userID)
        if let outfitID { writer.member(RequestKey.outfitID, outfitID) }
        if !outfitIDs.isEmpty {
            writer.key(RequestKey.outfitIDs)
            writer.beginArray()
            for id in outfitIDs { writer.string(id) }
            writer.endArray()
        }
        if let outfit { outfit.write(to: &writer) }
        writeChoices(to: &writer)
        if !views.isEmpty {
            writer.key(RequestKey.views)
            writer.beginArray()
            for view in views { view.write(to: &writer) }
            writer.endArray()
        }
        writeCircumstances(to: &writer)
        writer.endObject()
        writer.endLine()
        return writer.bytes
    }

    private func writeChoices(to writer: inout JSONWriter) {
        if let provider { writer.member(RequestKey.provider, provider) }
        if let model { writer.member(RequestKey.model, model) }
        if let ratio { writer.member(RequestKey.ratio, ratio.text) }
        if let seed { writer.member(RequestKey.seed, Int(seed)) }
        if let modelDescriptor { writer.member(RequestKey.modelDescriptor, modelDescriptor) }
        if let prompt { writer.member(RequestKey.prompt, prompt) }
    }

    private func writeCircumstances(to writer: inout JSONWriter) {
        if kind != .image { writer.member(RequestKey.kind, kind.rawValue) }
        if regenerate { writer.member(RequestKey.regenerate, true) }
        if priority != .normal { writer.member(RequestKey.priority, priority.rawValue) }
        if let notAfter { writer.member(RequestKey.notAfter, notAfter.rfc3339) }
        if let personImage { writer.member(RequestKey.personImage, personImage) }
        if let metadata {
            writer.key(RequestKey.metadata)
            writer.raw(metadata)
        }
    }
}

extension JobRequest.InlineOutfit {
    fileprivate func write(to writer: inout JSONWriter) {
        writer.key(RequestKey.outfit)
        writer.beginObject()
        writer.key(OutfitKey.items)
        writer.beginArray()
        for item in items {
            writer.beginObject()
            writer.member(ItemKey.name, item.name)
            writer.member(ItemKey.image, item.image)
            if let category = item.category { writer.member(ItemKey.category, category) }
            writer.endObject()
        }
        writer.endArray()
        if let stylingNotes { writer.member(OutfitKey.stylingNotes, stylingNotes) }
        writer.endObject()
    }
}

extension JobRequest.View {
    fileprivate func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member(ViewKey.name, name)
        if let prompt { writer.member(ViewKey.prompt, prompt) }
        if let ratio { writer.member(ViewKey.ratio, ratio.text) }
        if let seed { writer.member(ViewKey.seed, Int(seed)) }
        writer.endObject()
    }
}
