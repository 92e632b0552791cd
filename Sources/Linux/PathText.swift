// The path under which people know a file or folder that is open: put together only when somebody asks for it, which is
// when something has failed.

/// A path as people know it. A class and no enum, which would keep marks in the pointer to the folder's: to the leak
/// checker that is none.
final class PathText: Sendable {
    private let folder: PathText?
    /// Beneath the folder.
    private let name: FileName
    /// Of what is in no folder.
    private let whole: String

    private init(_ folder: PathText?, _ name: FileName, _ whole: String) {
        (self.folder, self.name, self.whole) = (folder, name, whole)
    }

    /// A path that is known whole.
    static func text(_ text: String) -> PathText { PathText(nil, "", text) }

    /// A name in a folder.
    static func within(_ folder: PathText, _ name: FileName) -> PathText { PathText(folder, name, "") }

    var text: String { folder.map { "\($0.text)/\(name)" } ?? whole }
}
