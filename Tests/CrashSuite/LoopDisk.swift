// A real file system in a file, mounted under a temporary folder, whose power can be cut. Needs root and loop devices.
//
// Nothing but vizd's own fsyncs may make anything durable, so that what a cut leaves is what was promised: the file
// systems are mounted with a commit interval that no trial lasts.

internal import CPowerCut
internal import Foundation
internal import Linux
internal import TestSupport

/// A file system that loses what was not synced.
package final class LoopDisk {
    /// Which one.
    package enum Kind: String, CaseIterable, Sendable {
        case ext4, xfs, btrfs

        /// The least that its tools make.
        var megabytes: Int { self == .xfs ? 300 : 128 }

        var make: (program: String, arguments: [String]) {
            switch self {
            case .ext4: ("/sbin/mkfs.ext4", ["-q", "-F"])
            case .xfs: ("/sbin/mkfs.xfs", ["-q", "-f"])
            case .btrfs: ("/sbin/mkfs.btrfs", ["-q", "-f"])
            }
        }

        var options: String { self == .xfs ? "loop" : "loop,commit=300" }

        /// The ways in which its power can be cut.
        package var cuts: [Cut] {
            switch self {
            case .ext4: [.shutdown, .copy]
            case .xfs: [.shutdown]
            case .btrfs: [.copy]
            }
        }
    }

    /// How the power is cut.
    package enum Cut: String, CaseIterable, Sendable {
        /// The file system is told to forget what it has not written; it may be in use.
        case shutdown
        /// The image is copied as it is, and the copy is mounted. Nobody may write meanwhile: vizd is dead by then.
        case copy
    }

    let kind: Kind
    /// Where it is mounted.
    let path: String
    private let folder: String
    private var image: String
    private var isMounted = false
    private var filler: OpenFile?

    /// Makes one and mounts it.
    package init(_ kind: Kind, megabytes: Int? = nil) throws {
        self.kind = kind
        folder = "\(Host.environment["TMPDIR"] ?? "/tmp")/vizd-loop-\(Random.hex(bytes: 8))"
        (path, image) = (folder + "/disk", folder + "/image")
        try Host.makeDirectories(path)
        try Directory(path: folder).open("image", .create).setSize((megabytes ?? kind.megabytes) << 20)
        try Self.run(kind.make.program, kind.make.arguments + [image])
        try mount()
    }

    deinit {
        do {
            if isMounted { try Self.run("/bin/umount", ["-l", path]) }
            try FileManager.default.removeItem(atPath: folder)
        } catch {
            print("\(folder) stays behind: \(error)")
        }
    }

    private func mount() throws {
        try Self.run("/bin/mount", ["-o", kind.options, image, path])
        isMounted = true
    }

    /// Makes everything on it durable: the state before a trial.
    func sync() throws { try Directory(path: path).syncFileSystem() }

    /// Cuts the power; until `restore` nothing can be done there.
    func cut(_ cut: Cut) throws {
        switch cut {
        case .shutdown:
            let root = try Directory(path: path)
            let reason = withExtendedLifetime(root) { power_cut(root.raw) }
            if reason != 0 { throw SystemFailure(call: "shutdown", errno: Errno(rawValue: reason), subject: path) }
        case .copy:
            let copy = folder + "/image-\(Random.hex(bytes: 4))"
            try Self.run("/bin/cp", ["--sparse=always", image, copy])
            try unmount()
            try FileManager.default.removeItem(atPath: image)
            image = copy
        }
    }

    /// Mounts it again, as after a restart of the machine: the file system replays its log.
    func restore() throws {
        if isMounted { try unmount() }
        try mount()
    }

    /// An image worker of a vizd that was killed has its photo open for a moment longer. Somebody else's namespace of
    /// mounts may keep the file system alive; mounted again meanwhile, it would be the dead one.
    private func unmount() throws {
        try wait("\(path) stays in use") { ProgramRun.finish("/bin/umount", [path]) }
        isMounted = false
        try wait("\(image) stays in use") { try !Self.backed().contains(image) }
    }

    private func wait(_ complaint: String, _ isSo: () throws -> Bool) throws {
        let deadline = MonotonicClock.now() + 20_000_000_000
        while try !isSo() {
            if MonotonicClock.now() > deadline { throw Overdue(description: complaint) }
            _ = Monitor(()).wait(until: MonotonicClock.now() + 20_000_000) { _ in nil as Void? }
        }
    }

    /// The files behind the kernel's loop devices.
    private static func backed() throws -> [String] {
        try Directory(path: "/sys/block").names().compactMap { name in
            do throws(SystemFailure) {
                let text = try Host.readFile("/sys/block/\(name)/loop/backing_file", limit: 4096)
                return String(decoding: text.dropLast(), as: UTF8.self)
            } catch {
                return nil  // It is none, or is free.
            }
        }
    }

    // MARK: Room

    private static let block = 65_536

    /// Takes all room but so many bytes.
    func fill(leaving bytes: Int) throws {
        let folder = try Directory(path: path)
        let file = try folder.open("filler", .readWrite)
        var (size, step) = (0, 1_073_741_824)
        // Others write meanwhile, and the file system's own books take room as well: smaller steps where one fails.
        while step >= Self.block {
            let left: Int = try folder.space().bytesFree - bytes
            if left <= 0 { break }
            let more: Int = max(Self.block, min(step, left))
            if try Self.reserves(file, size + more) { size += more } else { step /= 2 }
        }
        filler = file
    }

    /// Whether there is room for so many bytes in all.
    private static func reserves(_ file: OpenFile, _ size: Int) throws(SystemFailure) -> Bool {
        do throws(SystemFailure) {
            try file.reserve(size)
            return true
        } catch {
            if error.errno == .noSpace { return false }
            throw error
        }
    }

    /// Gives the room back.
    func clear() throws {
        filler = nil
        try Directory(path: path).unlinkIfPresent("filler")
    }

    private static func run(_ program: String, _ arguments: [String]) throws {
        guard ProgramRun.finish(program, arguments) else {
            throw Overdue(description: "\(program) \(arguments.joined(separator: " ")) failed; is this root?")
        }
    }
}
