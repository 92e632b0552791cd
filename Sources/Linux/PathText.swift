// The path under which people know a file or folder that is open: put together only when somebody asks for it, which is
// when something has failed.

/// A path as people know it.
indirect enum PathText: Sendable {
    case text(String)
    /// A name in a folder.
    case within(PathText, FileName)

    var text: String {
        switch self {
        case .text(let text): text
        case .within(let folder, let name): "\(folder.text)/\(name)"
        }
    }
}
