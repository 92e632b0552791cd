// The keys of a request, and the limits of what stands behind them.
//
// Flat tables. A key that is not here is an error in a request; the schema files are held against these lists.

/// A key of a request.
package enum RequestKey: String, CaseIterable, Sendable {
    case action
    case userID = "user_id"
    case outfitID = "outfit_id"
    case outfitIDs = "outfit_ids"
    case outfit
    case provider
    case model
    case ratio
    case seed
    case modelDescriptor = "model_descriptor"
    case prompt
    case views
    case kind
    case regenerate
    case priority
    case notAfter = "not_after"
    case personImage = "person_image"
    case metadata

    /// Whether the key says anything to an action. One that does not is an error, so that nobody waits for its effect.
    package func applies(to action: JobAction) -> Bool {
        switch self {
        case .action, .userID, .priority, .metadata: true
        case .outfitID: action != .setProfile
        case .modelDescriptor: action != .delete
        default: action == .visualize
        }
    }
}

/// A key of `outfit`.
enum OutfitKey: String, CaseIterable {
    case items
    case stylingNotes = "styling_notes"
}

/// A key of an element of `outfit.items`.
enum ItemKey: String, CaseIterable {
    case name
    case image
    case category
}

/// A key of an element of `views`.
enum ViewKey: String, CaseIterable {
    case name
    case prompt
    case ratio
    case seed
}

/// The limits of a request, in the units that their names say.
package enum RequestLimit {
    /// Levels of nesting of the whole file.
    package static let levels = 64
    /// Unicode scalars of `user_id` and `outfit_id`.
    package static let idCharacters = 128
    /// Bytes of them in UTF-8: they become names of files, with endings.
    package static let idBytes = 200
    /// Elements of `outfit_ids`.
    package static let outfitIDs = 500
    /// Elements of `outfit.items`: more than anybody wears, few enough to lay out.
    package static let items = 40
    /// Elements of `views`.
    package static let views = 8
    /// Characters of a view's name.
    package static let viewNameCharacters = 32
    /// Unicode scalars of `prompt`, the request's and each view's.
    package static let promptCharacters = 500
    /// Unicode scalars of `model_descriptor`.
    package static let descriptorCharacters = 1_000
    /// Unicode scalars of `outfit.styling_notes`.
    package static let stylingNotesCharacters = 2_000
    /// Unicode scalars of a garment's name.
    package static let nameCharacters = 200
    /// Unicode scalars of a garment's category.
    package static let categoryCharacters = 64
    /// Unicode scalars of a photo's path or address.
    package static let imageCharacters = 2_048
    /// Unicode scalars of `provider`.
    package static let providerCharacters = 64
    /// Unicode scalars of `model`.
    package static let modelCharacters = 128
    /// Bytes of the source text of `metadata`.
    package static let metadataBytes = 16 * 1024
    /// Problems that are listed before the rest are only counted.
    package static let problems = 50
}

/// What a text in a request may hold. Characters are Unicode scalars, as JSON Schema counts them; control characters
/// are U+0000 to U+001F and U+007F to U+009F.
struct TextRule {
    private enum Kind { case id, line, text }

    private let kind: Kind
    private let characters: ClosedRange<Int>

    /// The name of a user or an outfit: it becomes part of paths and addresses.
    static let id = TextRule(kind: .id, characters: 1...RequestLimit.idCharacters)
    /// No control characters.
    static func line(_ characters: ClosedRange<Int>) -> TextRule { TextRule(kind: .line, characters: characters) }
    /// No control characters but tabs and line ends.
    static func text(_ characters: ClosedRange<Int>) -> TextRule { TextRule(kind: .text, characters: characters) }

    /// What is wrong with a text, as the rest of a sentence that begins with its path; nil if nothing is.
    func objection(to text: String) -> String? {
        let count = text.unicodeScalars.count
        guard characters.contains(count) else {
            let allowed = "\(characters.lowerBound) to \(characters.upperBound) characters are allowed"
            return count == 0 ? "is empty; \(allowed)" : "has \(count) characters; \(allowed)"
        }
        if let control = text.unicodeScalars.first(where: refuses) {
            return "holds the control character U+\(hex(control.value, digits: 4)); remove it"
        }
        guard kind == .id else { return nil }
        if text.utf8.contains(UInt8(ascii: "/")) { return "holds a slash, which a name must not have" }
        if text.utf8.first == UInt8(ascii: ".") { return "begins with a dot, which a name must not" }
        let bytes = text.utf8.count
        return bytes <= RequestLimit.idBytes ? nil : "has \(bytes) bytes in UTF-8; at most \(RequestLimit.idBytes) fit"
    }

    private func refuses(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x09, 0x0A, 0x0D: kind != .text
        case 0..<0x20, 0x7F...0x9F: true
        default: false
        }
    }
}
