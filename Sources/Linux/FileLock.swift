// Locks between processes: flock(2) on an open file. The kernel frees it with the last descriptor, however the process
// ended, so that no lock of ours can be stale; descriptors are close-on-exec, so that no child can keep one.

internal import CLinux

/// A lock that is held as long as this object lives.
package final class FileLock: Sendable {
    /// The locked file; its content may tell people who holds it.
    package let file: OpenFile

    private init(_ file: OpenFile) { self.file = file }

    /// Tries once: nil when somebody else holds it.
    package static func attempt(_ file: OpenFile) throws(SystemFailure) -> FileLock? {
        do throws(SystemFailure) {
            let number = file.raw
            _ = try checked("flock", file.label) { vz_flock(number, 1, 0) }
            return FileLock(file)
        } catch let error where error.errno == .again {
            return nil
        }
    }

    /// Waits until it is free. Blocks the calling thread: only on a thread that we own.
    package static func wait(_ file: OpenFile) throws(SystemFailure) -> FileLock {
        let number = file.raw
        _ = try checked("flock", file.label) { vz_flock(number, 1, 1) }
        return FileLock(file)
    }

    /// Frees it before the object goes.
    package func release() throws(SystemFailure) {
        let number = file.raw
        _ = try checked("flock", file.label) { vz_unlock(number) }
    }
}
