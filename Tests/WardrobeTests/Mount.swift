// A small disk of its own for a test, where the test may mount one (root, and not in every container).

import Glibc
import Linux

enum Mount {
    /// Runs a program and answers whether it ended well.
    static func run(_ arguments: String...) -> Bool {
        var words = arguments.map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        var process: pid_t = 0
        guard posix_spawn(&process, arguments[0], nil, nil, &words, nil) == 0 else { return false }
        var status: Int32 = 0
        guard waitpid(process, &status, 0) == process else { return false }
        return status == 0
    }

    /// Whether a disk can be mounted here: tried once.
    static let isAllowed: Bool = {
        guard Host.userID == 0 else { return false }
        do {
            return try withDisk("64k") { _ in true }
        } catch {
            return false
        }
    }()

    /// Calls `body` with the path of a mounted empty disk of that size, and unmounts it after.
    static func withDisk<Answer>(_ size: String, _ body: (String) throws -> Answer) throws -> Answer {
        let path = try mount(size)
        defer { unmount(path) }
        return try body(path)
    }

    /// The same for a body that waits.
    static func withDisk(_ size: String, _ body: (String) async throws -> Void) async throws {
        let path = try mount(size)
        defer { unmount(path) }
        try await body(path)
    }

    private static func mount(_ size: String) throws -> String {
        let path = "\(Host.environment["TMPDIR"] ?? "/tmp")/wardrobe-disk-\(Random.hex(bytes: 8))"
        try Host.makeDirectories(path)
        guard run("/bin/mount", "-t", "tmpfs", "-o", "size=\(size)", "tmpfs", path) else {
            rmdir(path)
            throw SystemFailure(call: "mount", errno: .notPermitted, subject: path)
        }
        return path
    }

    private static func unmount(_ path: String) {
        if run("/bin/umount", "-l", path) { rmdir(path) }
    }
}
