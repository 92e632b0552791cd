// How a recorded path of a photo is read: as a place beneath the user's own folder, or not at all.
//
// Apps of this family record `wardrobe_photos/USER/items/x.jpg`, `USER/items/x.jpg` or `items/x.jpg`. What stands
// before the user's folder is taken off; the rest is opened beneath that folder by the kernel (RESOLVE_BENEATH), which
// has the last word on `..` and links. So no path that anybody writes into a record reaches another user's files.

internal import Linux

/// A recorded path, read.
enum PhotoPath: Hashable {
    /// Names beneath the user's folder to be tried in this order.
    case beneath([String])
    /// On the web.
    case web
    /// Not to be opened, and why.
    case refused(String)

    /// - Parameter rootName: the last component of the wardrobe root's path.
    init(_ recorded: String, user: UserID, rootName: String) {
        let path = recorded.hasPrefix("./") ? String(recorded.dropFirst(2)) : recorded
        let scheme = path.lowercased()
        if scheme.hasPrefix("https://") || scheme.hasPrefix("http://") {
            self = .web
        } else if path.utf8.contains(0) {
            self = .refused("it holds a NUL character")
        } else if path.isEmpty {
            self = .refused("it is empty")
        } else if path.hasPrefix("/") {
            self = .refused("it is absolute; record it relative to the user's folder")
        } else {
            self = Self.beneath(path, user: user, rootName: rootName)
        }
    }

    private static func beneath(_ path: String, user: UserID, rootName: String) -> PhotoPath {
        for root in ["wardrobe_photos", rootName] where !root.isEmpty {
            guard let inRoot = path.after(folder: root) else { continue }
            if let own = inRoot.after(folder: user.text) { return own.isEmpty ? emptyName : .beneath([own]) }
            // A folder of the root's name may stand in the user's folder; whatever it is, it is opened beneath there.
            return .beneath([path])
        }
        if let own = path.after(folder: user.text), !own.isEmpty { return .beneath([own, path]) }
        return .beneath([path])
    }

    private static var emptyName: PhotoPath { .refused("it names a folder") }
}

extension String {
    /// What follows `folder/` (or `folder//`) at the beginning, compared by bytes; nil if the path does not begin with
    /// it.
    fileprivate func after(folder: String) -> String? {
        let prefix = Array(folder.utf8) + [UInt8(ascii: "/")]
        guard utf8.starts(with: prefix) else { return nil }
        return String(decoding: utf8.dropFirst(prefix.count).drop { $0 == UInt8(ascii: "/") }, as: UTF8.self)
    }
}
