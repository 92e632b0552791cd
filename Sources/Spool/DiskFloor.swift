// A full disk is a pause. `DiskFloor` says when nothing more may be claimed or bought; `Reserve` is room that is held
// back, so that what is in flight can still land.

package import Linux
internal import Synchronization

/// The least room below which nothing new is begun.
package struct DiskFloor: Hashable, Sendable {
    /// Bytes (`spool.minFree`).
    package let bytes: Int
    /// Inodes, where the file system counts them.
    package let inodes: Int

    /// Sets the floor.
    package init(bytes: Int, inodes: Int = 1000) { (self.bytes, self.inodes) = (bytes, inodes) }

    /// What keeps vizd from claiming, as a sentence; nil when there is room.
    package func obstacle(in folder: Directory) throws(SpoolFatal) -> String? {
        do throws(SystemFailure) {
            return obstacle(try folder.space(), folder.path)
        } catch {
            throw SpoolFatal("ask how much room is left", error)
        }
    }

    /// The same, for figures that are known.
    package func obstacle(_ space: FileSystemSpace, _ path: String) -> String? {
        if space.isReadOnly { return "\(path) is mounted read-only; nothing is claimed until it can be written again." }
        if space.bytesFree < bytes {
            return "\(path) has \(space.bytesFree >> 20) MiB free, less than the \(bytes >> 20) MiB of spool.minFree; "
                + "nothing is claimed until there is more."
        }
        if let free = space.inodesFree, free < inodes {
            return "\(path) has \(free) inodes free, fewer than \(inodes); nothing is claimed until there are more."
        }
        return nil
    }
}

/// Held-back room: a file of `spool.reserve` bytes that is given up when a job cannot land otherwise, and made again
/// when there is room. It blocks: only on threads that we own.
package final class Reserve: Sendable {
    private let folder: Directory
    private let bytes: Int
    private let held = Mutex(false)

    /// - Parameters:
    ///   - folder: any folder of the file system for which the room is held.
    ///   - bytes: how much; 0 holds nothing.
    package init(in folder: Directory, bytes: Int) { (self.folder, self.bytes) = (folder, bytes) }

    /// Makes the file if there is room for it beyond the floor. Answers whether the room is held now.
    package func restore(above floor: DiskFloor) throws(SpoolFatal) -> Bool {
        guard bytes > 0 else { return false }
        return try held.withLock { held throws(SpoolFatal) in
            do throws(SystemFailure) {
                if held { return true }
                if try folder.infoIfPresent(of: JobFiles.reserveFile)?.size == bytes {
                    held = true
                } else if try folder.space().bytesFree > floor.bytes + bytes {
                    held = try make()
                }
                return held
            } catch {
                throw SpoolFatal("hold room back", error)
            }
        }
    }

    private func make() throws(SystemFailure) -> Bool {
        try folder.unlinkIfPresent(JobFiles.reserveFile)
        do throws(SystemFailure) {
            try folder.open(JobFiles.reserveFile, .create, mode: 0o600).reserve(bytes)
            return true
        } catch let error where error.errno.isFull || error.errno == .notSupported {
            try folder.unlinkIfPresent(JobFiles.reserveFile)
            return false
        }
    }

    /// Gives the room up. Answers whether there was any to give.
    package func release() throws(SpoolFatal) -> Bool {
        try held.withLock { held throws(SpoolFatal) in
            held = false
            do throws(SystemFailure) {
                return try folder.unlinkIfPresent(JobFiles.reserveFile)
            } catch {
                throw SpoolFatal("give up held-back room", error)
            }
        }
    }
}
