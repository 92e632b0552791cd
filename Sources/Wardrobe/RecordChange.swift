// A change of one of a user's records, as a value that can be made again.
//
// A program that knows no lock may have read a record before a change and write it back after. So each change is looked
// after for a while, and made again if it is gone. Pictures name themselves by their job and can be put in again
// whatever the record says. What takes something away, or writes over something, may only do so again where the record
// says once more what it said before: anything else was written by somebody who knew better.

internal import Contract
internal import Linux

/// The source text of some members of an object, in a fixed order; nil for those that are not there.
struct MemberTexts: Hashable, Sendable {
    let texts: [[UInt8]?]

    init(_ names: [String], of object: Range<Int>, in record: RecordText) {
        texts = names.map { name in record.value(name, of: object).map { Array(record.bytes[$0]) } }
    }

    /// Of an object that is not there.
    init(missing names: [String]) { texts = names.map { _ in nil } }

    var isEmpty: Bool { texts.allSatisfy { $0 == nil } }
}

/// One change. `over` is nil for one that is asked for; for one that is made again it holds what the record may say for
/// the change to be made.
enum RecordChange: Hashable, Sendable {
    /// Puts the pictures of a job into an outfit.
    case pictures(RecordUpdate)
    /// Takes everything that vizd says of pictures out of an outfit.
    case removal(OutfitID, over: [MemberTexts]?)
    /// Sets the description of the person, or removes it.
    case descriptor(String?, over: [MemberTexts]?)

    /// How much of what it was made over is remembered.
    private static let remembered = 16

    /// The outfit that it is about; nil for the profile.
    var outfit: OutfitID? {
        switch self {
        case .pictures(let update): update.outfit
        case .removal(let outfit, _): outfit
        case .descriptor: nil
        }
    }

    /// Entries that it adds.
    var pictureCount: Int {
        guard case .pictures(let update) = self else { return 0 }
        return update.visualizations.count
    }

    /// Whether there is nothing in which it would be made again.
    var isIdle: Bool {
        switch self {
        case .pictures: false
        case .removal(_, let over), .descriptor(_, let over): over?.isEmpty ?? false
        }
    }

    /// The change that does for both, if this one makes an older one void; else nil.
    func replacing(_ older: RecordChange) -> RecordChange? {
        switch (self, older) {
        case (.removal(let outfit, let over), .pictures(let update)) where update.outfit == outfit:
            .removal(outfit, over: over)
        case (.removal(let outfit, let over), .removal(outfit, let before)):
            .removal(outfit, over: Self.joined(before, over))
        case (.descriptor(let text, let over), .descriptor(_, let before)):
            .descriptor(text, over: Self.joined(before, over))
        default: nil
        }
    }

    private static func joined(_ before: [MemberTexts]?, _ over: [MemberTexts]?) -> [MemberTexts]? {
        guard let over else { return nil }
        return ((before ?? []).filter { !over.contains($0) } + over).suffix(remembered)
    }
}

/// The records that vizd changes.
enum RecordKind: Sendable {
    case outfits, profile

    /// The name of the file, or of the object.
    var name: String {
        switch self {
        case .outfits: "saved_outfits.json"
        case .profile: "user_profile.json"
        }
    }

    /// What the names of files begin with that stand aside for it.
    var stem: String {
        switch self {
        case .outfits: "saved_outfits"
        case .profile: "user_profile"
        }
    }

    var file: FileName { FileName(name) }

    /// What those who write the record lock. Each has its own, so that nobody waits for a file that is not written.
    var lock: FileName { FileName(".\(stem).lock") }

    /// What makes it smaller.
    var shorter: String {
        switch self {
        case .outfits: "remove old outfits"
        case .profile: "make it smaller"
        }
    }

    /// The record with changes made in it; nil where it has to be there and is not.
    /// - Parameter bytes: nil where there is none.
    func edit(_ changes: [RecordChange], _ bytes: [UInt8]?, now: Timestamp) throws(RecordFault) -> EditedRecord? {
        switch self {
        case .outfits:
            guard let bytes else { return nil }
            return try RecordEditor.apply(changes, to: bytes, now: now)
        case .profile: return try ProfileEditor.apply(changes, to: bytes)
        }
    }
}
