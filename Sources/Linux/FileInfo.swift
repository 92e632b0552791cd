// What the kernel says of a file, and how a file is named: bytes, not text, since any byte but NUL and "/" is legal.

internal import CLinux
internal import Glibc

/// What kind of thing a directory entry is.
package enum FileKind: Hashable, Sendable {
    case regular, directory, symlink, fifo, socket, characterDevice, blockDevice, unknown

    init(mode: UInt32) {
        switch mode & UInt32(S_IFMT) {
        case UInt32(S_IFREG): self = .regular
        case UInt32(S_IFDIR): self = .directory
        case UInt32(S_IFLNK): self = .symlink
        case UInt32(S_IFIFO): self = .fifo
        case UInt32(S_IFSOCK): self = .socket
        case UInt32(S_IFCHR): self = .characterDevice
        case UInt32(S_IFBLK): self = .blockDevice
        default: self = .unknown
        }
    }

    /// The word for a person: `a folder`, `a named pipe`.
    package var phrase: String {
        switch self {
        case .regular: "a regular file"
        case .directory: "a folder"
        case .symlink: "a symbolic link"
        case .fifo: "a named pipe"
        case .socket: "a socket"
        case .characterDevice, .blockDevice: "a device"
        case .unknown: "neither a file nor a folder"
        }
    }
}

/// Which file this is, on this machine, until it is removed.
package struct FileIdentity: Hashable, Sendable {
    package let device: UInt64
    package let inode: UInt64
}

/// stat(2), as far as vizd asks.
package struct FileInfo: Hashable, Sendable {
    /// Device and inode: the file itself, whatever its names.
    package let identity: FileIdentity
    package let kind: FileKind
    /// Bytes.
    package let size: Int
    /// Permission bits, without the kind.
    package let mode: UInt32
    package let uid: UInt32
    package let gid: UInt32
    /// Number of names (hard links).
    package let links: Int
    /// Last change of the content, nanoseconds since 1970.
    package let modified: Int64
    /// Last change of content or attributes, nanoseconds since 1970.
    package let changed: Int64

    package var device: UInt64 { identity.device }
    package var inode: UInt64 { identity.inode }

    init(_ raw: vz_stat) {
        identity = FileIdentity(device: raw.device, inode: raw.inode)
        kind = FileKind(mode: UInt32(raw.mode))
        size = Int(raw.size)
        mode = UInt32(raw.mode & 0o7777)
        (uid, gid, links) = (UInt32(raw.uid), UInt32(raw.gid), Int(raw.links))
        (modified, changed) = (raw.modified_ns, raw.changed_ns)
    }
}

/// The room on a file system.
package struct FileSystemSpace: Hashable, Sendable {
    /// Bytes that an ordinary process may still use.
    package let bytesFree: Int
    /// Inodes that may still be made; nil where the file system does not count them (btrfs).
    package let inodesFree: Int?
    package let isReadOnly: Bool
    /// The file system's magic number (statfs(2)).
    package let magic: UInt64
}

/// A name or a relative path as the kernel takes it: bytes without NUL.
package struct FileName: Hashable, Sendable, ExpressibleByStringLiteral, CustomStringConvertible {
    package let bytes: [UInt8]

    package init(bytes: [UInt8]) { self.bytes = bytes }
    package init(_ text: String) { bytes = Array(text.utf8) }
    package init(stringLiteral text: String) { bytes = Array(text.utf8) }

    /// The name as text; nil when it is not UTF-8.
    package var string: String? { String(validating: bytes, as: UTF8.self) }

    /// For messages and terminals: control characters and what is no UTF-8 as `\xNN`.
    package var description: String {
        // Nearly all names are plain, and are shown as they are.
        if bytes.allSatisfy({ (0x20...0x7E).contains($0) }) { return String(decoding: bytes, as: UTF8.self) }
        return escaped
    }

    private var escaped: String {
        var shown = ""
        var rest = bytes[...]
        while !rest.isEmpty {
            // One scalar at a time, so that a broken byte spoils only itself.
            let length = min(FileName.scalarLength(rest.first!), rest.count)
            let part = rest.prefix(length)
            if let text = String(validating: part, as: UTF8.self), let scalar = text.unicodeScalars.first,
                text.unicodeScalars.count == 1, !(scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value))
            {
                shown += text
                rest = rest.dropFirst(length)
            } else {
                let hex = String(rest.removeFirst(), radix: 16, uppercase: true)
                shown += hex.count == 1 ? "\\x0\(hex)" : "\\x\(hex)"
            }
        }
        return shown
    }

    private static func scalarLength(_ lead: UInt8) -> Int {
        switch lead {
        case 0xC2...0xDF: 2
        case 0xE0...0xEF: 3
        case 0xF0...0xF4: 4
        default: 1
        }
    }

    /// Calls `body` with the name as a C string.
    func withCString<Answer>(_ body: (UnsafePointer<CChar>) -> Answer) -> Answer {
        precondition(!bytes.contains(0), "a file name cannot hold NUL")
        return withUnsafeTemporaryAllocation(of: CChar.self, capacity: bytes.count + 1) { buffer in
            bytes.withUnsafeBytes { UnsafeMutableRawBufferPointer(buffer).copyMemory(from: $0) }
            buffer[bytes.count] = 0
            return body(buffer.baseAddress!)
        }
    }
}
