// The spool as somebody who only looks at it sees it: where a job is, what its files say, how full the boxes are.
//
// Nothing is made and nothing is locked here. A box that may not be read by this user is told as such and does not hide
// the others. A job moves forward (incoming, processing, done or failed), so looking in that order cannot miss it.

internal import Contract
internal import Linux
internal import Spool

/// Where a job is and what its files say.
enum JobPlace: Equatable, Sendable {
    /// In `incoming`, since `arrived` (nanoseconds since 1970).
    case waiting(arrived: Int64)
    /// Claimed; `status` is the bytes of its status file, nil before the first one is there.
    case processing(since: Int64, status: [UInt8]?)
    /// Finished, in `done` or `failed`; `result` is the bytes of its result.
    case ended(Box, result: [UInt8], at: Int64)
    /// In none of the boxes that this user may look into; perhaps in one of the others.
    case hidden(SystemFailure)
}

final class SpoolReader {
    /// No result or status comes near it: prompts and metadata are limited.
    private static let documentLimit = 16 << 20

    let root: Directory
    var path: String { root.path }

    init(path: String) throws(CommandFailure) {
        do throws(SystemFailure) {
            root = try Directory(path: path)
        } catch {
            let what = "The spool \(shown(path)) cannot be opened: \(error.errno.text)."
            let next = error.errno == .notFound ? "Start `vizd run` once, which makes it, or set spool.dir." : ""
            throw CommandFailure(.cannotCreate, next.isEmpty ? what : "\(what) \(next)")
        }
    }

    /// A box, open for reading.
    func box(_ box: Box) throws(SystemFailure) -> Directory {
        try root.directory(box.folder)
    }

    /// Where the job is now; nil when no box has it.
    func place(of job: JobReference) throws(SystemFailure) -> JobPlace? {
        var denied: SystemFailure?
        for box in [Box.incoming, .processing, .done, .failed] {
            do throws(SystemFailure) {
                if let place = try place(of: job, in: box) { return place }
            } catch  where error.errno == .accessDenied {
                denied = error
            }
        }
        if let root = job.root, let place = try place(of: job, beneath: root) { return place }
        return denied.map { .hidden($0) }
    }

    /// A part has no request of its own: while that of the whole is in progress, so is the part, until its result is
    /// there. That of a view never is; the whole's tells of it.
    private func place(of part: JobReference, beneath root: JobReference) throws(SystemFailure) -> JobPlace? {
        do throws(SystemFailure) {
            guard let info = try info(of: root.requestFile, in: .processing) else { return nil }
            return .processing(since: info.changed, status: try read(part.statusFile, in: .processing))
        } catch  where error.errno == .accessDenied {
            return nil
        }
    }

    private func place(of job: JobReference, in box: Box) throws(SystemFailure) -> JobPlace? {
        if box == .done || box == .failed {
            guard let result = try read(job.resultFile, in: box) else { return nil }
            return .ended(box, result: result, at: try info(of: job.resultFile, in: box)?.modified ?? 0)
        }
        guard let info = try info(of: job.requestFile, in: box) else { return nil }
        if box == .incoming { return .waiting(arrived: info.changed) }
        return .processing(since: info.changed, status: try read(job.statusFile, in: .processing))
    }

    func info(of name: FileName, in box: Box) throws(SystemFailure) -> FileInfo? {
        try root.infoIfPresent(of: Self.path(of: name, in: box))
    }

    /// A file's bytes; nil when it is not there (any more).
    func read(_ name: FileName, in box: Box, limit: Int = documentLimit) throws(SystemFailure) -> [UInt8]? {
        do throws(SystemFailure) {
            return try root.open(Self.path(of: name, in: box), .read).read(limit: limit)
        } catch  where error.errno == .notFound {
            return nil
        }
    }

    /// A file's bytes where it is one that this user may read: a link, a pipe or another user's file is told by its
    /// name alone, so it is nil like one that is gone.
    func readIfReadable(_ name: FileName, in box: Box) throws(SystemFailure) -> [UInt8]? {
        guard case .bytes(let bytes, _) = Reading.of(name, in: try self.box(box), limit: Self.documentLimit) else {
            return nil
        }
        return bytes
    }

    static func path(of name: FileName, in box: Box) -> FileName {
        FileName(bytes: Array(box.rawValue.utf8) + [UInt8(ascii: "/")] + name.bytes)
    }

    /// The text that the daemon wrote about itself, when one holds the spool's lock now; nil when none does.
    ///
    /// The kernel's own list of locks is asked (/proc/locks): trying to take the lock would turn a daemon away that
    /// starts at this very moment.
    func daemon() throws(SystemFailure) -> String? {
        let name: FileName = ".lock"
        guard let info = try root.infoIfPresent(of: name) else { return nil }
        let locks = String(decoding: try Host.readFile("/proc/locks", limit: 64 << 20), as: UTF8.self)
        guard LockTable.holds(locks, inode: info.inode) else { return nil }
        let words: String
        do throws(SystemFailure) {
            words = String(decoding: try root.open(name, .read).read(limit: 1024), as: UTF8.self)
        } catch  where error.errno == .accessDenied {
            // Who may only drop requests is told that there is one, and not which.
            return "vizd"
        }
        let line = words.split(whereSeparator: \.isNewline).joined(separator: ", ")
        return line.isEmpty ? "vizd" : printable(line, limit: 200)
    }
}

/// What /proc/locks says, a line a lock: `1: FLOCK  ADVISORY  WRITE 4711 08:01:131072 0 EOF`.
enum LockTable {
    /// Whether somebody holds an exclusive flock(2) on the file. Only the inode is compared: some file systems (btrfs)
    /// name another device here than stat(2) does. Lines with "->" are those that wait.
    static func holds(_ table: String, inode: UInt64) -> Bool {
        table.split(separator: "\n").contains { line in
            let words = line.split(separator: " ")
            guard words.count >= 6, words[1] == "FLOCK", words[3] == "WRITE" else { return false }
            return words[5].split(separator: ":").last.flatMap { UInt64($0) } == inode
        }
    }
}
