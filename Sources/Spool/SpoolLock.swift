// One daemon a spool: an exclusive lock on `.lock`. The kernel frees it when its holder ends, however it ends; what is
// written in the file is for people only.

package import Linux

/// The lock of a spool, held as long as this object lives.
package final class SpoolLock: Sendable {
    private let lock: FileLock

    private init(_ lock: FileLock) { self.lock = lock }

    /// Takes the lock, or says who holds it.
    /// - Parameter started: the time of start for people, such as `2026-11-24T02:05:47Z`.
    /// - Throws: 75 when another process holds it, 73 when the file cannot be made.
    package static func take(_ spool: Spool, started: String) throws(SpoolRefusal) -> SpoolLock {
        let file = try open(spool)
        do throws(SystemFailure) {
            if let lock = try FileLock.attempt(file) { return try SpoolLock(lock).signed(started) }
        } catch {
            throw SpoolRefusal(exit: 73, "The spool \(spool.root.path) cannot be locked: \(error).")
        }
        throw SpoolRefusal(
            exit: 75,
            "The spool \(spool.root.path) is in use by another vizd (\(holder(spool) ?? "holder unknown")). Stop "
                + "it, or start this one with --standby to take over when it ends." + heirs(spool))
    }

    /// Waits until the lock is free and takes it (`--standby`). Blocks the calling thread: only on one that we own.
    package static func wait(_ spool: Spool, started: String) throws(SpoolRefusal) -> SpoolLock {
        let file = try open(spool)
        do throws(SystemFailure) {
            return try SpoolLock(FileLock.wait(file)).signed(started)
        } catch {
            throw SpoolRefusal(exit: 73, "The spool \(spool.root.path) cannot be locked: \(error).")
        }
    }

    /// What the holder wrote about itself, on one line; nil where nothing is written.
    package static func holder(_ spool: Spool) -> String? {
        guard case .bytes(let bytes, _) = Reading.of(JobFiles.lockFile, in: spool.root, limit: 1024),
            let text = String(validating: bytes, as: UTF8.self)
        else { return nil }
        let words = text.split(whereSeparator: \.isNewline).joined(separator: ", ")
        return words.isEmpty ? nil : FileName(words).description
    }

    /// A word about a lock whose holder is gone: somebody else has the open file, as a child that inherited it does.
    private static func heirs(_ spool: Spool) -> String {
        guard let words = holder(spool)?.split(separator: ", "), words.contains("host \(Host.name)"),
            let process = words.first.flatMap({ Int32($0.dropFirst("pid ".count)) }), isGone(process)
        else { return "" }
        return " Process \(process) is gone, so the lock must have been inherited by a process that it started: "
            + "`fuser \(spool.root.path)/.lock` names that one."
    }

    private static func isGone(_ process: Int32) -> Bool {
        do throws(SystemFailure) {
            try Host.kill(process, signal: 0)
            return false
        } catch {
            return error.errno == .noProcess
        }
    }

    /// Frees the lock.
    package func release() throws(SystemFailure) { try lock.release() }

    private static func open(_ spool: Spool) throws(SpoolRefusal) -> OpenFile {
        do throws(SystemFailure) {
            return try spool.root.open(JobFiles.lockFile, .readWrite, mode: 0o644)
        } catch {
            throw SpoolRefusal(exit: 73, "The lock file \(spool.root.path)/.lock cannot be opened: \(error).")
        }
    }

    /// Writes down who holds it. A full disk is no reason not to hold it.
    private func signed(_ started: String) throws(SystemFailure) -> SpoolLock {
        do throws(SystemFailure) {
            try lock.file.setSize(0)
            try lock.file.write(all: Array("pid \(Host.processID)\nhost \(Host.name)\nsince \(started)\n".utf8))
        } catch let error where error.errno.isFull {}
        return self
    }
}
