// A folder that is held open: everything in it is named relative to it, so that nobody can swap a parent under us.
//
// Opening goes through openat2 with RESOLVE_BENEATH: no ".." and no absolute path leaves the folder. `publish` is the
// one way in which a file of ours appears: whole or not at all. Failures are `SystemFailure`s that name the path as
// people know it (`label`/name).

internal import CLinux
internal import Glibc

/// How a file is to be opened.
package enum Access: Sendable {
    /// For reading; never waits for the other end of a pipe (O_NONBLOCK).
    case read
    /// For reading and writing, made when missing.
    case readWrite
    /// For writing, made fresh: EEXIST when it is there (O_EXCL).
    case create
    /// For writing at the end, made when missing.
    case append
    /// Only as a handle: nothing is read, no device is touched (O_PATH).
    case handle

    var flags: CInt {
        switch self {
        case .read: O_RDONLY | O_NONBLOCK | O_NOCTTY
        case .readWrite: O_RDWR | O_CREAT | O_NOCTTY
        case .create: O_RDWR | O_CREAT | O_EXCL | O_NOCTTY
        case .append: O_WRONLY | O_APPEND | O_CREAT | O_NOCTTY
        case .handle: vz_path_flags()
        }
    }
}

/// Which links a path may go through; it never leaves the folder that it starts from.
package enum Resolve: Sendable {
    /// No symbolic link anywhere in the path.
    case noLinks
    /// Links are followed as long as they stay beneath the folder.
    case linksBeneath

    var bits: UInt64 {
        let magic = UInt64(VZ_RESOLVE_NO_MAGICLINKS), beneath = UInt64(VZ_RESOLVE_BENEATH)
        return magic | beneath | (self == .noLinks ? UInt64(VZ_RESOLVE_NO_SYMLINKS) : 0)
    }
}

/// What a rename does with a name that is taken.
package enum RenameRule: UInt32, Sendable {
    /// The old file goes (rename(2)).
    case replace = 0
    /// EEXIST (RENAME_NOREPLACE).
    case noReplace = 1
    /// The two change places (RENAME_EXCHANGE).
    case exchange = 2
}

/// A folder, held open. Calls may come from any thread.
package final class Directory: Sendable {
    private let descriptor: Descriptor
    fileprivate let place: PathText
    /// The path as people know it, for messages and for what must be handed out as a path.
    package var path: String { place.text }

    /// Opens a folder by its path, following links as the shell does.
    package init(path: String) throws(SystemFailure) {
        let number = try checked("open", path) { Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
        descriptor = Descriptor(owning: number)
        place = .text(path)
    }

    /// Opens a folder right beneath another, in one step: links are followed on the way to the other one, as the shell
    /// does, and the folder itself must be none. `name` has no slash in it. Of a failure nobody can tell whether it
    /// concerns the one or the other; who has to know opens them one after the other.
    package init(path: String, holding name: FileName) throws(SystemFailure) {
        precondition(
            !name.bytes.isEmpty && !name.bytes.contains(0x2F) && name.bytes != [0x2E] && name.bytes != [0x2E, 0x2E],
            "\(name) is no name of a folder")
        let whole = FileName(bytes: Array(path.utf8) + [0x2F] + name.bytes)
        let number = try checked("open", "\(path)/\(name)") {
            whole.withCString { Glibc.open($0, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) }
        }
        descriptor = Descriptor(owning: number)
        place = .within(.text(path), name)
    }

    private init(_ descriptor: consuming Descriptor, _ place: PathText) {
        self.descriptor = descriptor
        self.place = place
    }

    /// The number, valid as long as this object lives.
    package var raw: CInt { descriptor.raw }

    private func shown(_ name: FileName) -> String { "\(path)/\(name)" }

    /// A folder beneath this one; made first with `createMode` if that is given and it is missing.
    package func directory(_ name: FileName, createMode: UInt32? = nil, resolve: Resolve = .noLinks)
        throws(SystemFailure) -> Directory
    {
        if let createMode {
            do throws(SystemFailure) {
                try makeDirectory(name, mode: createMode)
            } catch let error where error.errno == .exists {}
        }
        let flags = O_RDONLY | O_DIRECTORY
        return Directory(try open(name, flags: flags, mode: 0, resolve: resolve), .within(place, name))
    }

    /// Opens a file beneath this folder.
    package func open(_ name: FileName, _ access: Access, mode: UInt32 = 0o640, resolve: Resolve = .noLinks)
        throws(SystemFailure) -> OpenFile
    {
        OpenFile(try open(name, flags: access.flags, mode: mode, resolve: resolve), shown: .within(place, name))
    }

    /// Opens a file for writing that is made fresh. One of that name, as a crash may have left it, goes first.
    package func openFresh(_ name: FileName, mode: UInt32 = 0o640) throws(SystemFailure) -> OpenFile {
        do throws(SystemFailure) {
            return try open(name, .create, mode: mode)
        } catch let error where error.errno == .exists {
            try unlinkIfPresent(name)
            return try open(name, .create, mode: mode)
        }
    }

    private func open(_ name: FileName, flags: CInt, mode: UInt32, resolve: Resolve) throws(SystemFailure)
        -> Descriptor
    {
        let folder = raw
        // EAGAIN: a rename or mount raced with the resolution (openat2(2)); it is asked again a few times.
        for _ in 0..<32 {
            do throws(SystemFailure) {
                return Descriptor(
                    owning: try checked("openat2", shown(name)) {
                        name.withCString { vz_openat2(folder, $0, flags, mode, resolve.bits) }
                    })
            } catch let error where error.errno == .again {}
        }
        throw SystemFailure(call: "openat2", errno: .again, subject: shown(name))
    }

    /// As `open`, step by step: what `open` does where there is no openat2(2). For tests, which hold the two side by
    /// side.
    func openWalking(_ name: FileName, _ access: Access, resolve: Resolve) throws(SystemFailure) -> OpenFile {
        let folder = raw
        let number = try checked("openat2", shown(name)) {
            name.withCString { vz_open_walking(folder, $0, access.flags, 0o640, resolve.bits) }
        }
        return OpenFile(Descriptor(owning: number), label: shown(name))
    }

    /// A nameless file on this folder's file system (O_TMPFILE): it vanishes with its last descriptor.
    package func openNameless(mode: UInt32 = 0o600) throws(SystemFailure) -> OpenFile {
        let folder = raw
        let number = try checked("open O_TMPFILE", path) { vz_open_nameless(folder, mode) }
        return OpenFile(Descriptor(owning: number), label: "\(path)/(nameless)")
    }

    /// What a name stands for; a symbolic link is told as one, not followed.
    package func info(of name: FileName) throws(SystemFailure) -> FileInfo {
        var raw = vz_stat()
        let folder = self.raw
        _ = try checked("fstatat", shown(name)) { name.withCString { vz_fstatat(folder, $0, &raw) } }
        return FileInfo(raw)
    }

    /// `info(of:)`, or nil where there is nothing of that name.
    package func infoIfPresent(of name: FileName) throws(SystemFailure) -> FileInfo? {
        do throws(SystemFailure) {
            return try info(of: name)
        } catch let error where error.errno == .notFound {
            return nil
        }
    }

    /// The folder's own entry.
    package func info() throws(SystemFailure) -> FileInfo {
        var raw = vz_stat()
        let folder = self.raw
        _ = try checked("fstat", path) { vz_fstat(folder, &raw) }
        return FileInfo(raw)
    }

    /// Moves a name into `target` (this folder if nil).
    package func rename(_ name: FileName, to target: Directory? = nil, as fresh: FileName, _ rule: RenameRule)
        throws(SystemFailure)
    {
        let (from, to) = (raw, (target ?? self).raw)
        _ = try checked("renameat2", "\(shown(name)) -> \((target ?? self).shown(fresh))") {
            name.withCString { old in fresh.withCString { vz_renameat2(from, old, to, $0, rule.rawValue) } }
        }
    }

    /// Gives a file a second name.
    package func link(_ name: FileName, to target: Directory? = nil, as fresh: FileName) throws(SystemFailure) {
        let (from, to) = (raw, (target ?? self).raw)
        _ = try checked("linkat", "\(shown(name)) -> \((target ?? self).shown(fresh))") {
            name.withCString { old in fresh.withCString { vz_linkat(from, old, to, $0) } }
        }
    }

    /// Removes a name that is no folder.
    package func unlink(_ name: FileName) throws(SystemFailure) { try unlink(name, flags: 0) }

    /// `unlink`, content with a name that is not there. Answers whether it was.
    @discardableResult
    package func unlinkIfPresent(_ name: FileName) throws(SystemFailure) -> Bool {
        do throws(SystemFailure) {
            try unlink(name)
            return true
        } catch let error where error.errno == .notFound {
            return false
        }
    }

    /// Removes an empty folder.
    package func removeDirectory(_ name: FileName) throws(SystemFailure) { try unlink(name, flags: AT_REMOVEDIR) }

    private func unlink(_ name: FileName, flags: CInt) throws(SystemFailure) {
        let folder = raw
        _ = try checked("unlinkat", shown(name)) { name.withCString { unlinkat(folder, $0, flags) } }
    }

    /// Makes a folder.
    package func makeDirectory(_ name: FileName, mode: UInt32) throws(SystemFailure) {
        let folder = raw
        _ = try checked("mkdirat", shown(name)) { name.withCString { mkdirat(folder, $0, mode) } }
    }

    /// Makes a symbolic link (tests and demonstrations).
    package func symlink(_ name: FileName, to target: FileName) throws(SystemFailure) {
        let folder = raw
        _ = try checked("symlinkat", shown(name)) {
            target.withCString { goal in name.withCString { symlinkat(goal, folder, $0) } }
        }
    }

    /// Makes a named pipe (tests of hostile files).
    package func makeFIFO(_ name: FileName, mode: UInt32 = 0o600) throws(SystemFailure) {
        let folder = raw
        _ = try checked("mkfifoat", shown(name)) { name.withCString { mkfifoat(folder, $0, mode) } }
    }

    /// Sets the folder's own permission bits.
    package func setMode(_ mode: UInt32) throws(SystemFailure) {
        let folder = raw
        _ = try checked("fchmod", path) { vz_chmod(folder, mode) }
    }

    /// Makes the folder's entries durable (fsync). See `OpenFile.sync` for what a failure means.
    package func sync() throws(SystemFailure) {
        let folder = raw
        _ = try checked("fsync", path) { fsync(folder) }
    }

    /// Makes everything on this folder's file system durable (syncfs).
    package func syncFileSystem() throws(SystemFailure) {
        let folder = raw
        _ = try checked("syncfs", path) { vz_syncfs(folder) }
    }

    /// The room on this folder's file system.
    package func space() throws(SystemFailure) -> FileSystemSpace {
        var raw = vz_space()
        let folder = self.raw
        _ = try checked("fstatvfs", path) { vz_space_of(folder, &raw) }
        return FileSystemSpace(
            bytesFree: Int(clamping: raw.blocks_available &* raw.block_bytes),
            inodesFree: raw.inodes == 0 ? nil : Int(clamping: raw.inodes_available),
            isReadOnly: raw.read_only != 0, magic: raw.kind)
    }

    /// Walks the names in the order of the folder, without "." and "..", holding 32 KiB at a time however many there
    /// are. `body` answers whether to go on.
    package func forEachName(_ body: (FileName) -> Bool) throws(SystemFailure) {
        let listing = try Listing(self)
        while let name = try listing.next() {
            if !body(name) { return }
        }
    }

    /// All names, sorted; for folders that are known to be small.
    package func names() throws(SystemFailure) -> [FileName] {
        var all: [FileName] = []
        try forEachName {
            all.append($0)
            return true
        }
        return all.sorted { $0.bytes.lexicographicallyPrecedes($1.bytes) }
    }

    /// Writes a file that appears whole or not at all: under `temporary` first, then renamed to `name`.
    ///
    /// With `durable`, content and entry have reached the disk when it returns (fsync of the file before the rename,
    /// of the folder after it). On failure the temporary file is removed again.
    package func publish(
        _ bytes: [UInt8], as name: FileName, temporary: FileName, mode: UInt32 = 0o640, durable: Bool = true,
        rule: RenameRule = .replace
    ) throws(SystemFailure) {
        do throws(SystemFailure) {
            let file = try openFresh(temporary, mode: mode)
            try file.write(all: bytes)
            if durable { try file.sync() }
            try rename(temporary, as: name, rule)
        } catch {
            // The first failure is the one to tell; a name that cannot be removed now is swept at the next start.
            do throws(SystemFailure) { try unlinkIfPresent(temporary) } catch {}
            throw error
        }
        if durable { try sync() }
    }
}

/// A walk through a folder's names that can be stopped and gone on with.
package final class Listing {
    private let folder: Descriptor
    private let place: PathText
    private var buffer = [UInt8](repeating: 0, count: 32_768)
    private var filled = 0
    private var offset = 0

    /// Begins a walk; it has a descriptor of its own, so that two walks do not disturb each other.
    package init(_ directory: Directory) throws(SystemFailure) {
        let number = directory.raw
        folder = Descriptor(
            owning: try checked("openat", directory.path) { openat(number, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) })
        place = directory.place
    }

    /// The next name but "." and "..", or nil at the end.
    package func next() throws(SystemFailure) -> FileName? {
        while true {
            if offset >= filled {
                let number = folder.raw
                filled = try checked("getdents64", place.text) {
                    buffer.withUnsafeMutableBytes { vz_getdents(number, $0.baseAddress, $0.count) }
                }
                offset = 0
                if filled == 0 { return nil }
            }
            let name = entry()
            if name.bytes != [0x2E] && name.bytes != [0x2E, 0x2E] { return name }
        }
    }

    private func entry() -> FileName {
        var next = 0, start = 0, kind: CInt = 0
        let from = offset
        return buffer.withUnsafeBytes { raw in
            vz_dirent(raw.baseAddress, from, &next, &start, &kind)
            offset = next
            let name = raw[start..<next].prefix { $0 != 0 }
            return FileName(bytes: Array(name))
        }
    }
}
