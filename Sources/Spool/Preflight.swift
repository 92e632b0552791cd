// The spool tried out before it is used: every requirement that would otherwise fail in the middle of somebody's job.
//
// All problems come at once, each one sentence with what to do and the code to leave with. It leaves nothing behind,
// but for boxes that were missing. It asks the kernel by doing: rename, RENAME_NOREPLACE, fsync of a folder, inotify.

internal import Linux

/// One thing that is wrong with a spool.
package struct PreflightProblem: Hashable, Sendable {
    /// What it means for the daemon.
    package enum Weight: Hashable, Sendable {
        /// It cannot start; leave with this code of sysexits (73 cannot create, 78 configuration).
        case exit(Int32)
        /// It can start; the operator should know.
        case warning
    }

    /// Whether vizd can start with it.
    package let weight: Weight
    /// What is wrong, with what, and what to do.
    package let sentence: String
}

/// Tries a spool out.
package struct Preflight {
    private let spool: Spool
    private let modes: SpoolModes
    private let floor: DiskFloor
    private var problems: [PreflightProblem] = []
    private let tag = Random.hex(bytes: 4)

    /// Opens the spool at a path (making missing boxes) and tries everything. Empty: all is well.
    package static func run(path: String, modes: SpoolModes, floor: DiskFloor) -> [PreflightProblem] {
        do throws(SpoolRefusal) {
            var preflight = Preflight(spool: try Spool(path: path, modes: modes), modes: modes, floor: floor)
            return preflight.tryAll()
        } catch {
            return [PreflightProblem(weight: .exit(error.exit), sentence: error.sentence)]
        }
    }

    private init(spool: Spool, modes: SpoolModes, floor: DiskFloor) {
        (self.spool, self.modes, self.floor) = (spool, modes, floor)
    }

    private mutating func tryAll() -> [PreflightProblem] {
        for box in Box.allCases {
            let folder = spool[box]
            attempt(73, "\(folder.path) cannot be checked") { check throws(SystemFailure) in
                check.permissions(box, try folder.info())
            }
        }
        attempt(73, "a request cannot be moved from \(spool[.incoming].path) to \(spool[.processing].path)") {
            check throws(SystemFailure) in try check.tryMoves()
        }
        attempt(73, "\(spool.root.path) cannot be locked") { check throws(SystemFailure) in try check.tryLock() }
        attempt(nil, "\(spool[.incoming].path) cannot be watched; requests are found by the regular scan only") {
            check throws(SystemFailure) in try check.tryWatch()
        }
        attempt(73, "the room of \(spool.root.path) cannot be asked for") { check throws(SystemFailure) in
            if let sentence = check.floor.obstacle(try check.spool.root.space(), check.spool.root.path) {
                check.warn(sentence)
            }
        }
        return problems
    }

    /// Runs one test; its failure is one problem. A full disk is a warning: it passes, and vizd waits for that.
    private mutating func attempt(
        _ code: Int32?, _ what: String, _ test: (inout Preflight) throws(SystemFailure) -> Void
    ) {
        do throws(SystemFailure) {
            try test(&self)
        } catch {
            let isPassing = error.errno.isFull || code == nil
            let advice =
                error.errno.isFull
                ? "Make room; vizd waits for it." : "Check owner, permissions and mount of the spool."
            problems.append(
                PreflightProblem(
                    weight: isPassing ? .warning : .exit(code ?? 73), sentence: "\(what): \(error). \(advice)"))
        }
    }

    private mutating func fail(_ code: Int32, _ sentence: String) {
        problems.append(PreflightProblem(weight: .exit(code), sentence: sentence))
    }

    private mutating func warn(_ sentence: String) {
        problems.append(PreflightProblem(weight: .warning, sentence: sentence))
    }

    // MARK: Tests

    /// Group and others may write no more than configured, and a box that everybody writes must be sticky: otherwise
    /// anybody could remove or replace anybody's requests. More readers than configured are a warning.
    private mutating func permissions(_ box: Box, _ info: FileInfo) {
        let path = spool[box].path
        let extra = info.mode & 0o077 & ~modes.mode(of: box)
        let (now, may) = (String(info.mode, radix: 8), String(modes.mode(of: box), radix: 8))
        if info.mode & 0o002 != 0 && info.mode & 0o1000 == 0 {
            fail(78, "\(path) may be written by everybody and is not sticky. Run: chmod \(may) \(path)")
        } else if extra & 0o022 != 0 {
            fail(
                78, "\(path) has mode \(now): more may write than the configured \(may) says. Run: chmod \(may) \(path)"
            )
        } else if extra != 0 {
            warn("\(path) has mode \(now): more may read than the configured \(may) says. Run: chmod \(may) \(path)")
        }
        if info.uid != Host.userID && Host.userID != 0 && box != .incoming && box != .tmp {
            warn(
                "\(path) belongs to uid \(info.uid), vizd runs as uid \(Host.userID); its owner can change what "
                    + "vizd keeps there.")
        }
    }

    private mutating func tryMoves() throws(SystemFailure) {
        let one = FileName("\(JobFiles.probe)\(tag)-a"), two = FileName("\(JobFiles.probe)\(tag)-b")
        let (incoming, processing) = (spool[.incoming], spool[.processing])
        var cleanUp: SystemFailure?
        do throws(SystemFailure) {
            try moves(one, two, incoming, processing)
        } catch {
            cleanUp = error
        }
        for folder in [incoming, processing, spool[.done], spool[.failed]] {
            for name in [one, two] { try folder.unlinkIfPresent(name) }
        }
        if let cleanUp { throw cleanUp }
    }

    private mutating func moves(_ one: FileName, _ two: FileName, _ incoming: Directory, _ processing: Directory)
        throws(SystemFailure)
    {
        try incoming.open(one, .create, mode: 0o600).sync()
        try incoming.rename(one, to: processing, as: one, .noReplace)
        _ = try processing.open(two, .create, mode: 0o600)
        do throws(SystemFailure) {
            try processing.rename(one, as: two, .noReplace)
            fail(
                78,
                "\(processing.path) is on a file system that overwrites despite RENAME_NOREPLACE; requests could be "
                    + "lost. Use a local file system (ext4, xfs, btrfs).")
            return
        } catch let error where error.errno == .exists {
        } catch let error where error.errno == .invalid || error.errno == .notImplemented {
            fail(
                78,
                "\(processing.path) is on a file system without RENAME_NOREPLACE (\(error)). Use a local file "
                    + "system (ext4, xfs, btrfs).")
            return
        }
        try processing.rename(one, to: spool[.done], as: one, .noReplace)
        try spool[.done].rename(one, to: spool[.failed], as: one, .noReplace)
        for box in [Box.incoming, .processing, .done, .failed] { try spool[box].sync() }
    }

    private mutating func tryLock() throws(SystemFailure) {
        let name = FileName("\(JobFiles.probe)\(tag)-lock")
        let file = try spool.root.open(name, .create, mode: 0o600)
        let second = try spool.root.open(name, .readWrite, mode: 0o600)
        try spool.root.unlinkIfPresent(name)
        let held = try FileLock.attempt(file)
        let twice = try FileLock.attempt(second)
        if held == nil || twice != nil {
            fail(
                78,
                "Locks do not work on the file system of \(spool.root.path): two daemons could serve it at once. "
                    + "Use a local file system.")
        }
        withExtendedLifetime(held) {}
    }

    private mutating func tryWatch() throws(SystemFailure) {
        let name = FileName("\(JobFiles.probe)\(tag)-watch")
        let inotify = try Inotify()
        _ = try inotify.watch(spool[.incoming], [.created])
        _ = try spool[.incoming].open(name, .create, mode: 0o600)
        try spool[.incoming].unlinkIfPresent(name)
        if try !inotify.drain().contains(where: { $0.name == name }) {
            warn(
                "\(spool[.incoming].path) is on a file system that does not report changes (inotify); requests are "
                    + "found by the regular scan only.")
        }
    }
}
