// Whose wardrobe, which outfit: ids that become names of folders and files.
//
// An id is checked once, here, and can then be put into a path without a second thought. Ids are compared by their
// bytes: two spellings that Unicode calls equivalent are two users with two folders, as they are for the file system.

internal import Linux

/// The owner of a wardrobe: the name of a folder right beneath the wardrobe's root.
package struct UserID: Hashable, Sendable, CustomStringConvertible {
    /// The id as the request spells it.
    package let text: String

    /// An id of 1 to 128 characters and at most 200 bytes, without `/` and control characters, not opening with a
    /// dot; nil for anything else.
    package init?(_ text: String) {
        guard isFileStem(text, characters: 128) else { return nil }
        self.text = text
    }

    package var description: String { text }

    package static func == (left: UserID, right: UserID) -> Bool { left.text.utf8.elementsEqual(right.text.utf8) }

    package func hash(into hasher: inout Hasher) { hashBytes(of: text, into: &hasher) }

    var folder: FileName { FileName(text) }
}

/// An outfit of a user: an id in the user's record, and the stem of its pictures' names.
package struct OutfitID: Hashable, Sendable, CustomStringConvertible {
    /// The id as the request spells it.
    package let text: String

    /// The same rule as for users.
    package init?(_ text: String) {
        guard isFileStem(text, characters: 128) else { return nil }
        self.text = text
    }

    /// The id of an outfit that came within its request and brought none: the job's. Up to 200 bytes, however many
    /// characters.
    package init?(job: String) {
        guard isFileStem(job, characters: 200) else { return nil }
        text = job
    }

    package var description: String { text }

    package static func == (left: OutfitID, right: OutfitID) -> Bool {
        left.text.utf8.elementsEqual(right.text.utf8)
    }

    package func hash(into hasher: inout Hasher) { hashBytes(of: text, into: &hasher) }
}

/// Where a picture is stored beneath the wardrobe's root.
package struct StoredName: Hashable, Sendable {
    package let user: UserID
    package let outfit: OutfitID
    /// The named view, nil for the outfit's own picture.
    package let view: String?
    /// Without the dot: `jpg`, `mp4`.
    package let fileExtension: String

    /// Nil for a view that is not `[a-z0-9-]{1,32}` or an extension that is not `[a-z0-9]{1,8}`.
    package init?(user: UserID, outfit: OutfitID, view: String? = nil, fileExtension: String = "jpg") {
        guard (1...8).contains(fileExtension.utf8.count), fileExtension.utf8.allSatisfy(Self.isPlain) else {
            return nil
        }
        if let view, !Self.isViewName(view) { return nil }
        (self.user, self.outfit, self.view, self.fileExtension) = (user, outfit, view, fileExtension)
    }

    /// What pictures and films end with.
    static let extensions = ["jpg", "mp4"]

    /// Where an outfit's own picture and its film are.
    static func own(of outfit: OutfitID, _ user: UserID) -> [StoredName] {
        extensions.compactMap { StoredName(user: user, outfit: outfit, fileExtension: $0) }
    }

    /// The folder of an outfit's views, relative to the wardrobe's root.
    static func viewFolder(of outfit: OutfitID, _ user: UserID) -> String {
        ([user.text] + viewFolders + [outfit.text]).joined(separator: "/")
    }

    /// Whether a file in that folder has the name of a view's picture or film.
    static func isView(_ file: String) -> Bool {
        extensions.contains { ending in
            file.utf8.reversed().starts(with: ".\(ending)".utf8.reversed())
                && isViewName(String(decoding: file.utf8.dropLast(ending.utf8.count + 1), as: UTF8.self))
        }
    }

    static let pictureFolders = ["items", "visualizations"]
    static let viewFolders = pictureFolders + ["views"]

    private static func isPlain(_ byte: UInt8) -> Bool {
        (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte)
    }

    private static func isViewName(_ name: String) -> Bool {
        (1...32).contains(name.utf8.count) && name.utf8.allSatisfy { isPlain($0) || $0 == UInt8(ascii: "-") }
    }

    /// The folders from the user's folder down to the file.
    var folders: [String] { view == nil ? Self.pictureFolders : Self.viewFolders + [outfit.text] }

    var file: String { "\(view ?? outfit.text).\(fileExtension)" }

    /// The path relative to the wardrobe's root.
    var path: String { ([user.text] + folders + [file]).joined(separator: "/") }
}

private func isFileStem(_ text: String, characters: Int) -> Bool {
    guard (1...characters).contains(text.unicodeScalars.count), text.utf8.count <= 200,
        text.utf8.first != UInt8(ascii: ".")
    else { return false }
    return text.unicodeScalars.allSatisfy { scalar in
        scalar != "/" && scalar.value >= 0x20 && !(0x7F...0x9F).contains(scalar.value)
    }
}

private func hashBytes(of text: String, into hasher: inout Hasher) {
    for byte in text.utf8 { hasher.combine(byte) }
}
