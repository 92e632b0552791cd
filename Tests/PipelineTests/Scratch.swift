// A folder of a test's own, on a real disk, removed with everything in it when the test lets go of it.

import Foundation
import Linux
import TestSupport
import Testing

final class Scratch: Sendable {
    let path: String

    init() throws {
        path = "\(NSTemporaryDirectory())vizd-pipeline-\(Random.hex(bytes: 8))"
        try Host.makeDirectories(path, mode: 0o755)
    }

    /// A record that was written is looked at once more by itself, within a second, and its folder cannot go meanwhile.
    deinit {
        let deadline = MonotonicClock.now() + Patience.limit
        while true {
            do { return try FileManager.default.removeItem(atPath: path) } catch {
                if MonotonicClock.now() > deadline {
                    Issue.record("\(path) stays behind: \(error)")
                    return
                }
            }
            poll(nil, 0, 10)
        }
    }

    /// A folder beneath this one, made where it is missing.
    func folder(_ name: String) throws -> Directory {
        try Host.makeDirectories("\(path)/\(name)", mode: 0o755)
        return try Directory(path: "\(path)/\(name)")
    }

    /// Writes a file in place: the same inode where there is one.
    func write(_ bytes: [UInt8], _ name: String) throws {
        let file = try Directory(path: path).open(FileName(name), .readWrite, mode: 0o644)
        try file.setSize(0)
        try file.write(all: bytes)
    }

    func read(_ name: String) throws -> [UInt8] { try Host.readFile("\(path)/\(name)", limit: 1 << 26) }

    /// Copies a file or a folder from elsewhere to here.
    func copy(_ source: String, to name: String) throws {
        try FileManager.default.copyItem(atPath: source, toPath: "\(path)/\(name)")
    }
}
