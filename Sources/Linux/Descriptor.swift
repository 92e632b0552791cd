// File descriptors that are owned: closed once, by whoever holds them, also on the way out of a thrown error.
//
// `Descriptor` is the noncopyable owner. `OpenFile` shares one between tasks and adds reading and writing by position,
// so that no two users fight over an offset. A failed close is reported only by `close()`: after a write it matters,
// in `deinit` nobody could act on it.

internal import CLinux
internal import Glibc

/// An owned file descriptor.
package struct Descriptor: ~Copyable, Sendable {
    private let number: CInt

    /// Takes over an open descriptor.
    package init(owning number: CInt) {
        precondition(number >= 0, "a descriptor cannot be \(number)")
        self.number = number
    }

    deinit { _ = Glibc.close(number) }

    /// The number, for calls of this module and for poll sets; it is valid as long as this value lives.
    package var raw: CInt { number }

    /// Closes and tells the outcome (a delayed write error shows here). EINTR is no failure: Linux has released the
    /// number by then, and closing again could hit somebody else's.
    package consuming func close() throws(SystemFailure) {
        let answer = Glibc.close(number)
        let reason = Errno(rawValue: Glibc.errno)
        discard self
        if answer == -1 && reason != .interrupted { throw SystemFailure(call: "close", errno: reason, subject: "") }
    }

    /// Gives the number away; the caller closes it.
    package consuming func release() -> CInt {
        let number = number
        discard self
        return number
    }

    /// A second descriptor of the same open file (dup, close-on-exec).
    package borrowing func duplicate() throws(SystemFailure) -> Descriptor {
        let number = number
        return Descriptor(owning: try checked("fcntl") { fcntl(number, F_DUPFD_CLOEXEC, 3) })
    }
}

/// An open file that several owners share. Reading and writing go by position and move no offset, but for `write`.
package final class OpenFile: Sendable {
    /// The descriptor; borrowed by calls of this module.
    package let descriptor: Descriptor
    private let shown: PathText
    /// What it was opened as, for messages.
    package var label: String { shown.text }

    /// Shares a descriptor under a name for messages.
    package convenience init(_ descriptor: consuming Descriptor, label: String = "") {
        self.init(descriptor, shown: .text(label))
    }

    init(_ descriptor: consuming Descriptor, shown: PathText) {
        self.descriptor = descriptor
        self.shown = shown
    }

    /// The number, valid as long as this object lives.
    package var raw: CInt { descriptor.raw }

    /// A file in memory (memfd_create), empty, close-on-exec.
    package static func inMemory(_ label: String = "vizd") throws(SystemFailure) -> OpenFile {
        OpenFile(Descriptor(owning: try checked("memfd_create", label) { vz_memfd(label) }), label: label)
    }

    /// A file in memory that holds `bytes`.
    package static func inMemory(_ bytes: [UInt8], label: String = "vizd") throws(SystemFailure) -> OpenFile {
        let file = try inMemory(label)
        try file.write(all: bytes)
        return file
    }

    /// Kind, size, owner, times (fstat).
    package func info() throws(SystemFailure) -> FileInfo {
        var raw = vz_stat()
        let number = self.raw
        _ = try checked("fstat", label) { vz_fstat(number, &raw) }
        return FileInfo(raw)
    }

    /// The whole file from its beginning.
    /// - Throws: EFBIG when it holds more than `limit` bytes, without having read more than `limit + 1`.
    package func read(limit: Int) throws(SystemFailure) -> [UInt8] {
        // In one piece and one call, as large as the file is: a buffer that is too large costs more than the reading.
        let info = try info()
        let size = info.kind == .regular ? info.size : 0
        var bytes: [UInt8] = []
        while true {
            // Files of the kernel have no size, and some of them answer only once.
            let wanted = size > 0 && bytes.count < size + 1 ? size + 1 - bytes.count : 1 << 16
            let part = try pread(count: min(wanted, max(limit + 1 - bytes.count, 1)), at: bytes.count)
            if bytes.isEmpty { bytes = part } else { bytes += part }
            if bytes.count > limit { throw SystemFailure(call: "read", errno: .tooLarge, subject: label) }
            // All that there was, and a byte less than what was asked for: that is the end.
            if part.isEmpty || (size > 0 && bytes.count == size && part.count < wanted) { return bytes }
        }
    }

    /// Up to `count` bytes at a position; fewer at the end, none behind it.
    package func pread(count: Int, at offset: Int) throws(SystemFailure) -> [UInt8] {
        let number = raw
        var failure: SystemFailure?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            do throws(SystemFailure) {
                filled = try checked("pread", label) { Glibc.pread(number, buffer.baseAddress, count, offset) }
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return bytes
    }

    /// Fills a buffer from a position as far as one call goes.
    /// - Returns: how many bytes were read; 0 at the end of the file.
    package func pread(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(SystemFailure) -> Int {
        let number = raw
        return try checked("pread", label) { Glibc.pread(number, buffer.baseAddress, buffer.count, offset) }
    }

    /// Writes all bytes at a position, however many calls that takes.
    package func pwrite(all bytes: UnsafeRawBufferPointer, at offset: Int) throws(SystemFailure) {
        let number = raw
        var done = 0
        while done < bytes.count {
            done += try checked("pwrite", label) {
                Glibc.pwrite(number, bytes.baseAddress! + done, bytes.count - done, offset + done)
            }
        }
    }

    /// Writes all bytes at the descriptor's offset, however many calls that takes.
    package func write(all bytes: [UInt8]) throws(SystemFailure) {
        let number = raw
        var done = 0
        while done < bytes.count {
            done += try checked("write", label) {
                bytes.withUnsafeBytes { Glibc.write(number, $0.baseAddress! + done, bytes.count - done) }
            }
        }
    }

    /// Makes the content durable (fsync). After a failure it must never be called again on this file: the kernel
    /// forgets the pages that it could not write, and the second call would lie.
    package func sync() throws(SystemFailure) {
        let number = raw
        _ = try checked("fsync", label) { fsync(number) }
    }

    /// Makes everything on this file's file system durable (syncfs): one call for a batch of new files.
    package func syncFileSystem() throws(SystemFailure) {
        let number = raw
        _ = try checked("syncfs", label) { vz_syncfs(number) }
    }

    /// Cuts or extends the file to a size in bytes.
    package func setSize(_ size: Int) throws(SystemFailure) {
        let number = raw
        _ = try checked("ftruncate", label) { vz_set_size(number, Int64(size)) }
    }

    /// Reserves room on the disk for the first `size` bytes (posix_fallocate).
    package func reserve(_ size: Int) throws(SystemFailure) {
        let reason = vz_reserve(raw, Int64(size))
        if reason != 0 {
            throw SystemFailure(call: "posix_fallocate", errno: Errno(rawValue: reason), subject: label)
        }
    }

    /// Sets permission bits.
    package func setMode(_ mode: UInt32) throws(SystemFailure) {
        let number = raw
        _ = try checked("fchmod", label) { vz_chmod(number, mode) }
    }

    /// Gives the file to an owner and group.
    package func setOwner(uid: UInt32, gid: UInt32) throws(SystemFailure) {
        let number = raw
        _ = try checked("fchown", label) { vz_chown(number, uid, gid) }
    }

    /// Sets the time of last change, in nanoseconds since 1970.
    package func setModified(_ nanoseconds: Int64) throws(SystemFailure) {
        let number = raw
        _ = try checked("futimens", label) { vz_utimes_ns(number, nanoseconds) }
    }

    /// The standard streams of this process, which are never closed by us.
    package static func standard(_ number: CInt) throws(SystemFailure) -> OpenFile {
        OpenFile(Descriptor(owning: try checked("fcntl") { fcntl(number, F_DUPFD_CLOEXEC, 3) }))
    }
}
