// incoming/ itself: replaced, deleted, flooded, and the kernel's queue of events overflowing.

import Contract
import Foundation
import Linux
import TestSupport
import Testing

extension EndToEnd {
    @Suite("Watching incoming/")
    @Outside
    struct Watching {
        @Test("a folder that was moved away and made anew is found at once, and the old one is let go")
        func replaced() throws {
            let site = try Site()
            let daemon = try site.ready()
            let root = try Directory(path: site.spool)
            try root.rename("incoming", as: "old", .noReplace)
            try replaceIfMissing(root)
            try site.deliver(Fixture.missing(), as: "new.json")
            #expect(try daemon.failed("new").code == .outfitNotFound)
            try site.deliver(Fixture.missing(number: 2), as: "newer.json")
            #expect(try daemon.failed("newer").code == .outfitNotFound)
            try root.directory("old").open("stray.json", .create).write(all: Array(Fixture.missing().utf8))
            #expect(try daemon.stop() == 0)
            #expect(try root.directory("old").names() == ["stray.json"])
        }

        @Test("a folder that was deleted is made again by vizd itself, and requests are found in it")
        func deleted() throws {
            let site = try Site()
            let daemon = try site.ready()
            let root = try Directory(path: site.spool)
            for round in 0..<3 {
                try root.removeDirectory("incoming")
                _ = try awaited("a new incoming/", in: [site.spool], story: daemon.story) {
                    try root.infoIfPresent(of: "incoming")
                }
                try site.deliver(Fixture.missing(number: round), as: "job-\(round).json")
                #expect(try daemon.failed("job-\(round)").code == .outfitNotFound)
            }
            #expect(try daemon.stop() == 0)
        }

        @Test("two thousand files at once all land, and a picture that was asked for among them is made")
        func flood() throws {
            let site = try Site()
            let daemon = try site.ready()
            for number in 0..<2000 {
                try site.deliver(Fixture.missing(user: "user-\(number % 40)", number: number), as: "f-\(number).json")
                if number == 1000 { try site.deliver(Fixture.request(2), as: "picture.json") }
            }
            _ = try daemon.complete("picture")
            try daemon.settled()
            #expect(try daemon.stop() == 0)
            let expected = (0..<2000).flatMap { ["f-\($0).json", "f-\($0).result.json"] }
            #expect(try site.names("failed").sorted() == expected.sorted())
            #expect(try site.names("done") == ["picture.json", "picture.result.json"])
        }

        @Test("files that came while it was stopped by a signal are found when it goes on")
        func suspended() throws {
            let site = try Site()
            let daemon = try site.ready()
            try daemon.signal(19)
            for number in 0..<20 { try site.deliver(Fixture.missing(number: number), as: "s-\(number).json") }
            try daemon.signal(18)
            for number in 0..<20 { _ = try daemon.failed("s-\(number)") }
            #expect(try daemon.stop() == 0)
        }

        @Test("events that the kernel dropped are made good by a scan", .enabled(if: EventLimit.isOurs))
        func overflow() throws {
            let site = try Site()
            let daemon = try EventLimit.with(16) { try site.ready(["VIZD_LOG_LEVEL": "debug"]) }
            try daemon.signal(19)
            for number in 0..<200 { try site.deliver(Fixture.missing(number: number), as: "o-\(number).json") }
            try daemon.signal(18)
            try daemon.awaitLine("incoming.scan", ["reason": "overflow"])
            for number in 0..<200 { _ = try daemon.failed("o-\(number)") }
            #expect(try daemon.stop() == 0)
        }

        /// The daemon and we may both be the first to make it again.
        private func replaceIfMissing(_ root: Directory) throws {
            do throws(SystemFailure) {
                try root.makeDirectory("incoming", mode: 0o750)
            } catch  where error.errno == .exists {}
        }
    }
}

/// How many events the kernel keeps for an inotify instance: asked when the instance is made.
private enum EventLimit {
    private static let path = "/proc/sys/fs/inotify/max_queued_events"

    /// Whether we may set it.
    static let isOurs = Host.userID == 0 && FileManager.default.isWritableFile(atPath: path)

    static func with<Answer>(_ limit: Int, _ body: () throws -> Answer) throws -> Answer {
        let before = String(decoding: try Host.readFile(path, limit: 64), as: UTF8.self)
        try Data("\(limit)\n".utf8).write(to: URL(fileURLWithPath: path))
        defer {
            do {
                try Data(before.utf8).write(to: URL(fileURLWithPath: path))
            } catch {
                Issue.record("\(path) stays at \(limit): \(error)")
            }
        }
        return try body()
    }
}
