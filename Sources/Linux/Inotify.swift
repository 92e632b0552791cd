// inotify(7): the kernel's hints that a folder changed. Hints only: they can overflow, and they may name files that are
// gone again. Whoever listens looks at the folder.

internal import CLinux
internal import Glibc

/// What happened, as bits of the kernel.
package struct InotifyMask: OptionSet, Hashable, Sendable {
    package let rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }

    package static let modified = InotifyMask(rawValue: UInt32(IN_MODIFY))
    package static let attributes = InotifyMask(rawValue: UInt32(IN_ATTRIB))
    package static let closedAfterWrite = InotifyMask(rawValue: UInt32(IN_CLOSE_WRITE))
    package static let movedFrom = InotifyMask(rawValue: UInt32(IN_MOVED_FROM))
    package static let movedTo = InotifyMask(rawValue: UInt32(IN_MOVED_TO))
    package static let created = InotifyMask(rawValue: UInt32(IN_CREATE))
    package static let deleted = InotifyMask(rawValue: UInt32(IN_DELETE))
    package static let selfDeleted = InotifyMask(rawValue: UInt32(IN_DELETE_SELF))
    package static let selfMoved = InotifyMask(rawValue: UInt32(IN_MOVE_SELF))
    /// The watch is gone (deleted folder, unmounted file system).
    package static let ignored = InotifyMask(rawValue: UInt32(IN_IGNORED))
    package static let unmounted = InotifyMask(rawValue: UInt32(IN_UNMOUNT))
    /// Events were dropped; the event has no name and no watch.
    package static let overflow = InotifyMask(rawValue: UInt32(IN_Q_OVERFLOW))
    package static let isDirectory = InotifyMask(rawValue: UInt32(IN_ISDIR))
    /// Watch only if it is a folder.
    package static let onlyDirectory = InotifyMask(rawValue: UInt32(IN_ONLYDIR))
}

/// One hint.
package struct InotifyEvent: Hashable, Sendable {
    /// The watch it belongs to; -1 for an overflow.
    package let watch: CInt
    package let mask: InotifyMask
    /// The entry in the watched folder; nil for what concerns the folder itself.
    package let name: FileName?

    /// Makes an event; tests use it to stage one.
    package init(watch: CInt, mask: InotifyMask, name: FileName?) {
        (self.watch, self.mask, self.name) = (watch, mask, name)
    }
}

/// An inotify instance. One thread reads it.
package final class Inotify: Sendable {
    private let descriptor: Descriptor

    /// Opens an instance, non-blocking and close-on-exec.
    package init() throws(SystemFailure) {
        descriptor = Descriptor(
            owning: try checked("inotify_init1") { inotify_init1(CInt(IN_NONBLOCK) | CInt(IN_CLOEXEC)) })
    }

    /// The number to poll for reading.
    package var raw: CInt { descriptor.raw }

    /// Watches an open folder; it goes through /proc/self/fd, so that it is this folder and not a newer one of that
    /// name.
    package func watch(_ directory: Directory, _ mask: InotifyMask) throws(SystemFailure) -> CInt {
        let number = raw
        let path = "/proc/self/fd/\(directory.raw)"
        return try checked("inotify_add_watch", directory.path) { inotify_add_watch(number, path, mask.rawValue) }
    }

    /// Everything that is waiting, without waiting itself.
    package func drain() throws(SystemFailure) -> [InotifyEvent] {
        var events: [InotifyEvent] = []
        let number = raw
        try withBuffer { (buffer: UnsafeMutableRawBufferPointer) throws(SystemFailure) in
            while true {
                do throws(SystemFailure) {
                    let got = try checked("read inotify") { Glibc.read(number, buffer.baseAddress, buffer.count) }
                    if got == 0 { return }
                    Inotify.decode(UnsafeRawBufferPointer(rebasing: buffer[..<got]), into: &events)
                } catch let error where error.errno == .again {
                    return
                }
            }
        }
        return events
    }

    private func withBuffer(_ body: (UnsafeMutableRawBufferPointer) throws(SystemFailure) -> Void)
        throws(SystemFailure)
    {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 65_536, alignment: 8)
        defer { buffer.deallocate() }
        try body(buffer)
    }

    /// struct inotify_event: watch, mask, cookie, length of the name; then the name, padded with NULs. The kernel hands
    /// over whole events only; one that says that it goes on beyond the bytes is left out.
    static func decode(_ bytes: UnsafeRawBufferPointer, into events: inout [InotifyEvent]) {
        var at = 0
        while at + 16 <= bytes.count {
            let watch = bytes.loadUnaligned(fromByteOffset: at, as: Int32.self)
            let mask = bytes.loadUnaligned(fromByteOffset: at + 4, as: UInt32.self)
            let length = Int(bytes.loadUnaligned(fromByteOffset: at + 12, as: UInt32.self))
            guard length <= bytes.count - at - 16 else { return }
            let name = bytes[(at + 16)..<(at + 16 + length)].prefix { $0 != 0 }
            events.append(
                InotifyEvent(
                    watch: watch, mask: InotifyMask(rawValue: mask),
                    name: name.isEmpty ? nil : FileName(bytes: Array(name))))
            at += 16 + length
        }
    }
}
