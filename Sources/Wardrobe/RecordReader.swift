// What the app's three records say of a user, an outfit, a garment.
//
// Only what vizd uses is looked at. What is missing or of another kind is as if it were not there, unless the picture
// would come out wrong without it: then it is in the way, and the failure names the place in the file.

internal import Contract

/// A record that cannot be used, as a sentence's end: `saved[2].outfit_data.items is not an array`.
struct RecordTrouble: Error, Hashable {
    let message: String
}

extension RecordText {
    func profile() -> Profile {
        let mood = value("daily_emotion", of: root)
        let words = value("style_words", of: root).map { elements(of: $0).compactMap { string($0) } } ?? []
        return Profile(
            modelDescriptor: phrase("model_descriptor", of: root), styleWords: words.filter { !$0.isBlank },
            feelingNow: mood.flatMap { phrase("feeling_now", of: $0) },
            wantToFeel: mood.flatMap { phrase("want_to_feel", of: $0) })
    }

    /// A string that says something.
    func phrase(_ name: String, of object: Range<Int>) -> String? {
        string(name, of: object).flatMap { $0.isBlank ? nil : $0 }
    }
}

extension String {
    /// Nothing but white space.
    fileprivate var isBlank: Bool { unicodeScalars.allSatisfy { $0.properties.isWhitespace } }
}

/// What the wardrobe's own record (`wardrobe_metadata.json`) knows of garments.
struct WardrobeItems {
    struct Item: Hashable {
        let name: String?
        let category: String?
        let imagePath: String?
    }

    private var byID: [Spelling: Item] = [:]
    private var byName: [Spelling: Item] = [:]

    /// Nothing is known.
    init() {}

    /// Of several items with one id or name the first counts.
    init(_ record: RecordText) {
        for element in record.value("items", of: record.root).map({ record.elements(of: $0) }) ?? [] {
            let styling = record.value("styling_details", of: element)
            let system = record.value("system_metadata", of: element)
            let item = Item(
                name: styling.flatMap { record.phrase("name", of: $0) },
                category: styling.flatMap { record.phrase("category", of: $0) },
                imagePath: system.flatMap { record.phrase("image_path", of: $0) })
            if let id = record.string("id", of: element) { byID[Spelling(id)] = byID[Spelling(id)] ?? item }
            if let name = item.name { byName[Spelling(name)] = byName[Spelling(name)] ?? item }
        }
    }

    func item(id: String?) -> Item? { id.flatMap { byID[Spelling($0)] } }

    func item(name: String?) -> Item? { name.flatMap { byName[Spelling($0)] } }
}

/// A string that is compared by its bytes.
private struct Spelling: Hashable {
    let bytes: [UInt8]
    init(_ text: String) { bytes = Array(text.utf8) }
}

extension SavedOutfits {
    /// An outfit with its garments' photos looked up: by the item's id, by its name, then as the outfit has it.
    /// Nil if it is not in the list; without garments where the list of them is empty or missing.
    func outfit(_ id: OutfitID, with items: WardrobeItems) throws(RecordTrouble) -> Outfit? {
        if let fault { throw RecordTrouble(message: fault) }
        guard let (number, object) = find(id) else { return nil }
        let place = "saved[\(number)].outfit_data"
        guard let data = try part("outfit_data", of: object, .object, at: place) else { return Outfit(items: []) }
        let notes = record.phrase("styling_notes", of: data)
        guard let list = try part("items", of: data, .array, at: place + ".items") else {
            return Outfit(items: [], stylingNotes: notes)
        }
        var garments: [Garment] = []
        for (index, element) in record.elements(of: list).enumerated() {
            guard record.kind(of: element) == .object else {
                throw RecordTrouble(message: "\(place).items[\(index)] is not an object")
            }
            garments.append(garment(element, with: items))
        }
        return Outfit(items: garments, stylingNotes: notes)
    }

    /// A member that is missing, null, or of the kind that it has to be.
    private func part(_ name: String, of object: Range<Int>, _ kind: RecordText.Kind, at place: String)
        throws(RecordTrouble) -> Range<Int>?
    {
        guard let value = record.value(name, of: object), record.kind(of: value) != .null else { return nil }
        guard record.kind(of: value) == kind else {
            throw RecordTrouble(message: "\(place) is not an \(kind == .array ? "array" : "object")")
        }
        return value
    }

    private func garment(_ element: Range<Int>, with items: WardrobeItems) -> Garment {
        let id = record.string("id", of: element)
        let name = record.phrase("name", of: element)
        let known = items.item(id: id), namesake = items.item(name: name)
        let paths = [known?.imagePath, namesake?.imagePath, record.phrase("image_path", of: element)]
        var candidates: [String] = []
        for path in paths.compactMap(\.self) where !candidates.contains(where: { $0.utf8.elementsEqual(path.utf8) }) {
            candidates.append(path)
        }
        let category = record.phrase("category", of: element) ?? known?.category ?? namesake?.category
        return Garment(
            id: id, name: name ?? known?.name ?? category ?? "garment", category: category, candidates: candidates)
    }
}

extension SavedOutfits? {
    /// The outfit of a user, wherever the records are.
    /// - Parameters:
    ///   - record: where `saved_outfits.json` is, for messages.
    ///   - unusable: the failure of a record that cannot be used, from the end of its sentence.
    /// - Throws: `outfitNotFound`, `noGarmentImages`, `recordInvalid`.
    func outfit(
        _ outfit: OutfitID, with items: WardrobeItems, in record: String, unusable: (String) -> WardrobeFailure
    ) throws(WardrobeFailure) -> Outfit {
        guard let self else {
            throw WardrobeFailure(
                .outfitNotFound, "there is no \(record): check user_id, or save the outfit \(outfit) in the app first")
        }
        let found: Outfit?
        do throws(RecordTrouble) {
            found = try self.outfit(outfit, with: items)
        } catch {
            throw unusable(error.message)
        }
        guard let found else {
            throw WardrobeFailure(
                .outfitNotFound,
                "the record \(record) has no outfit with the id \(outfit): check outfit_id, or save the outfit first")
        }
        guard !found.items.isEmpty else {
            throw WardrobeFailure(
                .noGarmentImages, "the outfit \(outfit) in \(record) has no garments: add some to it in the app")
        }
        return found
    }
}
