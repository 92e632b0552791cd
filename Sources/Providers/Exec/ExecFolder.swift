// The folder of one run: the photos that the program reads, a place for its temporary files, and the picture that it
// writes. It belongs to that run alone and is removed with all that lies in it.
//
// What comes out of it is opened beneath it and through no link, and is a regular file of a bounded size: a program
// that was taken over by a hostile photo can hand in no file of anybody else's. Failures are `SystemFailure`s.

internal import Contract
internal import Linux

/// A run's folder.
struct ExecFolder {
    let directory: Directory
    private let parent: Directory
    private let name: FileName

    /// Makes it, with the order's photos in it.
    init(in parent: Directory, name: String, _ order: Order) throws(SystemFailure) {
        (self.parent, self.name) = (parent, FileName(name))
        try parent.makeDirectory(self.name, mode: 0o700)
        directory = try parent.directory(self.name)
        try directory.makeDirectory("tmp", mode: 0o700)
        for (index, reference) in order.references.enumerated() {
            try directory.open(FileName(ExecFolder.photo(index)), .create, mode: 0o600).write(all: reference.image)
        }
    }

    private static func photo(_ index: Int) -> String { "reference-\(index + 1).jpg" }

    /// What the program reads on its standard input: a file in its folder too, for whoever wants to run it by hand.
    func input(_ order: Order) throws(SystemFailure) -> OpenFile {
        try directory.open("request.json", .create, mode: 0o600).write(all: request(order))
        return try directory.open("request.json", .read)
    }

    private func request(_ order: Order) -> [UInt8] {
        var json = JSONWriter()
        json.beginObject()
        json.member("version", 1)
        json.member("kind", order.kind.rawValue)
        json.member("prompt", order.prompt)
        json.member("width", order.size.width)
        json.member("height", order.size.height)
        json.member("ratio", order.size.description)
        json.member("seed", order.seed.map(Int.init))
        json.key("references")
        json.beginArray()
        for (index, reference) in order.references.enumerated() {
            json.beginObject()
            json.member("path", "\(directory.path)/\(ExecFolder.photo(index))")
            json.member("name", reference.name)
            json.member("category", reference.category)
            json.member("width", reference.width)
            json.member("height", reference.height)
            json.endObject()
        }
        json.endArray()
        json.member("folder", directory.path)
        json.endObject()
        json.endLine()
        return json.bytes
    }

    /// What became of the picture that a program named.
    enum Found {
        case picture([UInt8])
        /// A clause: why it cannot be taken.
        case none(String)
        case tooLarge
    }

    /// The picture of that path.
    /// - Parameter limit: bytes.
    func picture(_ path: String, limit: Int) -> Found {
        let prefix = directory.path + "/"
        let beneath = path.hasPrefix(prefix) ? String(path.dropFirst(prefix.count)) : path
        let shown = printable(redacted(path), limit: 200)
        if beneath.hasPrefix("/") { return .none("\(shown) is not in its folder") }
        do throws(SystemFailure) {
            let file = try directory.open(FileName(beneath), .read)
            let info = try file.info()
            guard info.kind == .regular else { return .none("\(shown) is \(info.kind.phrase)") }
            guard info.size > 0 else { return .none("\(shown) is empty") }
            guard info.size <= limit else { return .tooLarge }
            return .picture(try file.read(limit: limit))
        } catch {
            if error.errno == .tooLarge { return .tooLarge }
            return .none(
                "\(shown) cannot be taken (\(error.errno.text)); links and paths that lead out are not followed")
        }
    }

    /// Removes it and all that lies in it.
    func remove() throws(SystemFailure) { try ExecFolder.removeTree(name, in: parent) }

    /// How deep folders may lie in each other; what lies deeper stays, and is told.
    private static let deepest = 64

    /// Removes a folder of ours with all that lies in it; links are removed, not followed.
    static func removeTree(_ name: FileName, in parent: Directory, depth: Int = 0) throws(SystemFailure) {
        guard let info = try parent.infoIfPresent(of: name) else { return }
        guard info.kind == .directory, depth < deepest else { return try parent.unlink(name) }
        let folder = try parent.directory(name)
        if info.mode & 0o700 != 0o700 { try folder.setMode(0o700) }
        for inner in try folder.names() { try removeTree(inner, in: folder, depth: depth + 1) }
        try parent.removeDirectory(name)
    }
}
