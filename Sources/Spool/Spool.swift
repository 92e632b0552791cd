// The spool on disk: its boxes held open, its id, and `incoming` opened anew when somebody moved it away.
//
// Everything is named relative to folders that are held open, so that nobody can swap a parent under us. Missing boxes
// are made. A spool that cannot be used is a `SpoolRefusal` with one sentence and an exit code.

package import Linux
internal import Synchronization

/// Permission bits for boxes that vizd makes. What is there already keeps its own.
package struct SpoolModes: Hashable, Sendable {
    /// `incoming` and `tmp`, where producers write; 0o3730 makes a drop-box for a group.
    package var producers: UInt32 = 0o770
    /// `processing`, `done` and `failed`.
    package var own: UInt32 = 0o750

    /// The defaults: producers in vizd's group may write, nobody else may look.
    package init() {}

    /// The bits for one box.
    package func mode(of box: Box) -> UInt32 { box == .incoming || box == .tmp ? producers : own }
}

/// A spool, opened. Calls may come from any thread.
package final class Spool: Sendable {
    /// The spool's own folder.
    package let root: Directory
    private let modes: SpoolModes
    private let fixed: [Box: Directory]
    private let incoming: Mutex<Directory>

    /// Opens a spool and makes what is missing.
    /// - Throws: 73 where something cannot be made or opened, 78 where the boxes are not on one file system.
    package init(path: String, modes: SpoolModes = SpoolModes()) throws(SpoolRefusal) {
        self.modes = modes
        do throws(SystemFailure) {
            try Host.makeDirectories(path, mode: 0o755)
            root = try Directory(path: path)
        } catch {
            throw SpoolRefusal(
                exit: 73, "The spool \(path) cannot be opened: \(error). Check spool.dir and who owns it.")
        }
        var opened: [Box: Directory] = [:]
        for box in Box.allCases { opened[box] = try Spool.open(box, in: root, modes) }
        incoming = Mutex(opened.removeValue(forKey: .incoming)!)
        fixed = opened
        for box in Box.allCases { try requireSameFileSystem(box) }
    }

    /// A box, open.
    package subscript(_ box: Box) -> Directory { fixed[box] ?? incoming.withLock { $0 } }

    private static func open(_ box: Box, in root: Directory, _ modes: SpoolModes) throws(SpoolRefusal) -> Directory {
        do throws(SystemFailure) {
            let missing = try root.infoIfPresent(of: box.folder) == nil
            let folder = try root.directory(box.folder, createMode: modes.mode(of: box))
            // mkdir cuts the bits by the umask; a drop-box needs exactly the ones that are configured.
            if missing {
                try folder.setMode(modes.mode(of: box))
                try root.sync()
            }
            return folder
        } catch {
            throw SpoolRefusal(
                exit: 73,
                "The box \(root.path)/\(box.rawValue) cannot be opened: \(error). It must be a folder (no link) "
                    + "that vizd's user may write.")
        }
    }

    private func requireSameFileSystem(_ box: Box) throws(SpoolRefusal) {
        do throws(SystemFailure) {
            if try self[box].info().device == self[.processing].info().device { return }
        } catch {
            throw SpoolRefusal(exit: 73, "The box \(self[box].path) cannot be read: \(error).")
        }
        throw SpoolRefusal(
            exit: 78,
            "\(self[box].path) is on another file system than \(self[.processing].path): requests could not be moved "
                + "atomically. Put all of \(root.path) on one file system.")
    }

    // MARK: Incoming, opened anew

    /// Whether the path `incoming` still leads to the folder that is open.
    package func incomingIsCurrent() throws(SpoolFatal) -> Bool {
        do throws(SystemFailure) {
            return try root.infoIfPresent(of: Box.incoming.folder)?.identity == self[.incoming].info().identity
        } catch {
            throw SpoolFatal("look whether incoming is still in its place", error)
        }
    }

    /// Opens `incoming` again by its name, and makes it when it is gone.
    /// - Throws: as `init`, and 73 when the spool's own folder was moved away or replaced.
    package func reopenIncoming() throws(SpoolRefusal) {
        try requireRootInPlace()
        let fresh = try Spool.open(.incoming, in: root, modes)
        incoming.withLock { $0 = fresh }
        try requireSameFileSystem(.incoming)
    }

    private func requireRootInPlace() throws(SpoolRefusal) {
        do throws(SystemFailure) {
            if try Directory(path: root.path).info().identity == root.info().identity { return }
        } catch {
            throw SpoolRefusal(exit: 73, "The spool \(root.path) is gone: \(error). Put it back or correct spool.dir.")
        }
        throw SpoolRefusal(
            exit: 73,
            "The spool \(root.path) was replaced by another folder while vizd ran; vizd leaves to start anew in it.")
    }

    // MARK: Identity

    /// The spool's random id, 32 hexadecimal digits; the journal carries the same. Made durably the first time.
    /// - Throws: 73 when it cannot be read or written, 78 when the file holds something else.
    package func id() throws(SpoolRefusal) -> String {
        do throws(SystemFailure) {
            if try root.infoIfPresent(of: JobFiles.idFile) == nil { try makeID() }
            let bytes = try root.open(JobFiles.idFile, .read).read(limit: 64)
            let text = String(decoding: bytes.prefix { $0 != 0x0A }, as: UTF8.self)
            if text.utf8.count == 32 && text.utf8.allSatisfy({ Hex.lower.contains($0) }) { return text }
        } catch {
            throw SpoolRefusal(exit: 73, "The spool's id \(root.path)/.id cannot be read or written: \(error).")
        }
        throw SpoolRefusal(
            exit: 78,
            "The file \(root.path)/.id does not hold a spool's id (32 hexadecimal digits). Put it back from a copy; "
                + "or, with processing empty, remove it and vizd's journal together.")
    }

    private func makeID() throws(SystemFailure) {
        do throws(SystemFailure) {
            try root.publish(
                Array((Random.hex(bytes: 16) + "\n").utf8), as: JobFiles.idFile,
                temporary: JobFiles.temporary(for: JobFiles.idFile, tag: Random.hex(bytes: 4)), mode: 0o644,
                rule: .noReplace)
        } catch let error where error.errno == .exists {}
    }
}
