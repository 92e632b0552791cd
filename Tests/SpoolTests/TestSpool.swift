// A spool of its own for a test, on a real disk, removed with everything in it when the test lets go of it.

import Glibc
import Linux
import Spool
import Testing

final class TestSpool: Sendable {
    let spool: Spool
    let path: String

    init(under parent: String = "/tmp", modes: SpoolModes = SpoolModes()) throws {
        path = "\(parent)/vizd-spool-\(Random.hex(bytes: 8))"
        spool = try Spool(path: path, modes: modes)
    }

    deinit {
        do {
            try TestSpool.empty(Directory(path: path))
            rmdir(path)
        } catch {
            Issue.record("the test spool could not be removed: \(error)")
        }
    }

    private static func empty(_ folder: Directory) throws {
        for name in try folder.names() {
            if try folder.info(of: name).kind == .directory {
                try empty(folder.directory(name))
                try folder.removeDirectory(name)
            } else {
                try folder.unlink(name)
            }
        }
    }

    /// Writes a file the plain way: create, write, close.
    @discardableResult
    func write(_ text: String, _ name: FileName, in box: Box = .incoming, mode: UInt32 = 0o640) throws -> FileInfo {
        let file = try spool[box].open(name, .create, mode: mode)
        try file.write(all: Array(text.utf8))
        return try file.info()
    }

    /// Delivers a request the recommended way: written in `tmp`, renamed into `incoming`.
    func deliver(_ text: String, _ name: FileName) throws {
        try write(text, "delivery", in: .tmp)
        try spool[.tmp].rename("delivery", to: spool[.incoming], as: name, .replace)
    }

    func text(_ name: FileName, in box: Box) throws -> String? {
        guard case .bytes(let bytes, _) = Reading.of(name, in: spool[box], limit: 1 << 20) else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }

    func names(_ box: Box) throws -> [String] { try spool[box].names().map(\.description) }
}

/// A second in nanoseconds.
let second: Int64 = 1_000_000_000

func job(_ text: String) throws -> JobName { try #require(JobName(text)) }

let isRoot = Host.userID == 0

/// What a stand-in for the contract says: an object ends in "}"; `user:` and `priority:` are words in it.
@Sendable func ask(_ bytes: [UInt8]) -> PeekAnswer {
    let text = String(decoding: bytes, as: UTF8.self)
    guard text.hasPrefix("{"), text.hasSuffix("}") else { return .notYet }
    let words = text.dropFirst().dropLast().split(separator: " ")
    let user = words.first { $0.hasPrefix("user:") }.map { String($0.dropFirst(5)) }
    let priority = words.first { $0.hasPrefix("priority:") }.flatMap { Int($0.dropFirst(9)) }
    return .ready(user: user, priority: priority ?? 1)
}
