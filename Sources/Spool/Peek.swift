// A look at a file in `incoming`, before it is claimed: is it complete, whose is it, how urgent. What a file says is
// asked of an injected closure; here only its kind, its size and its bytes are known.

package import Linux

/// What the content of a file says.
package enum PeekAnswer: Hashable, Sendable {
    /// Not a whole request (yet).
    case notYet
    /// A whole JSON object; the user where it names one, and the priority (lower goes first).
    case ready(user: String?, priority: Int)
}

/// What a look at a name showed.
package enum Sight: Hashable, Sendable {
    /// Nothing of that name.
    case gone
    /// A regular file that is not a whole request.
    case incomplete(FileInfo)
    /// A whole request.
    case ready(user: String?, priority: Int, FileInfo)
    /// Something whose verdict does not depend on waiting: no regular file, or larger than the limit.
    case hopeless(FileInfo)
    /// A file that vizd may not read; the sentence says what to do.
    case unreadable(FileInfo?, String)
}

/// Looks at files in `incoming`.
package struct Peek: Sendable {
    private let limit: Int
    private let ask: @Sendable ([UInt8]) -> PeekAnswer

    /// - Parameters:
    ///   - limit: the most bytes of a request (`limits.requestBytes`).
    ///   - ask: what the bytes of a file say.
    package init(limit: Int, ask: @escaping @Sendable ([UInt8]) -> PeekAnswer) {
        (self.limit, self.ask) = (limit, ask)
    }

    /// Looks at a name in a folder.
    package func look(at name: FileName, in folder: Directory) -> Sight {
        switch Reading.of(name, in: folder, limit: limit) {
        case .gone: return .gone
        case .odd(let info), .tooLarge(let info): return .hopeless(info)
        case .unreadable(let info, let sentence): return .unreadable(info, sentence)
        // As one that is not whole yet: it is looked at again, and read once more when it is claimed.
        case .short(let info, _): return info.map(Sight.incomplete) ?? .gone
        case .bytes(let bytes, let info):
            // An empty file is one that somebody has just created.
            guard !bytes.isEmpty, case .ready(let user, let priority) = ask(bytes) else { return .incomplete(info) }
            return .ready(user: user, priority: priority, info)
        }
    }
}

/// Files in `incoming` that can be neither moved nor read: reported once and remembered, until they change.
package struct LeftAlone: Sendable {
    private struct Mark: Hashable {
        let identity: FileIdentity
        let changed: Int64
    }

    private var marks: [FileName: Mark] = [:]
    private let capacity: Int

    /// - Parameter capacity: the most files that are remembered; further ones are tried again at each scan, silently.
    package init(capacity: Int = 10_000) { self.capacity = capacity }

    /// How many files are remembered.
    package var count: Int { marks.count }

    /// Remembers a file as it is now. Answers whether that is news, to be reported.
    package mutating func note(_ file: FileName, _ info: FileInfo) -> Bool {
        let mark = Mark(identity: info.identity, changed: info.changed)
        if marks[file] == mark || (marks[file] == nil && marks.count >= capacity) { return false }
        marks[file] = mark
        return true
    }

    /// Whether this very file was left alone and has not changed since.
    package func holds(_ file: FileName, _ info: FileInfo) -> Bool {
        marks[file] == Mark(identity: info.identity, changed: info.changed)
    }

    /// Whether anything of that name is remembered.
    package func knows(_ file: FileName) -> Bool { marks[file] != nil }

    /// The name is gone or was taken.
    package mutating func forget(_ file: FileName) { marks[file] = nil }
}
