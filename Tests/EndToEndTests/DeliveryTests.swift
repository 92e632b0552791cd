// Every legal way in which a producer may put a request into incoming/.

import Contract
import Foundation
import Glibc
import Linux
import TestSupport
import Testing

extension EndToEnd {
    @Suite("Deliveries")
    @Outside
    struct Deliveries {
        @Test("a rename from tmp/ or a dot-name, a plain write, a link, an unnamed file, an old one: all run")
        func everyWay() throws {
            let site = try Site()
            let request = Array(Fixture.missing().utf8)
            try site.deliver(request, as: "before.json")
            let daemon = try site.ready()
            let (incoming, tmp) = (try site.box("incoming"), try site.box("tmp"))
            try site.deliver(request, as: "from-tmp.json")
            try incoming.open(".dot.json", .create).write(all: request)
            try incoming.rename(".dot.json", as: "dot.json", .noReplace)
            try incoming.open("plain.json", .create).write(all: request)
            try tmp.open("linked", .create).write(all: request)
            try tmp.link("linked", to: incoming, as: "linked.json")
            try deliverUnnamed(request, as: "\(site.spool)/incoming/unnamed.json")
            for name in ["before", "from-tmp", "dot", "plain", "linked", "unnamed"] {
                #expect(try daemon.failed(name).code == .outfitNotFound, "\(name)")
                #expect(try site.file("failed", "\(name).json") == request, "\(name)")
            }
            // The producer's own name of a linked file is the producer's.
            #expect(try site.file("tmp", "linked") == request)
            #expect(try daemon.stop() == 0)
        }

        @Test("a slow writer is waited for, as long as the file is not quiet for the settle time")
        func slowWriter() throws {
            let site = try Site()
            let daemon = try site.ready(["VIZD_SPOOL_SETTLE": "30"])
            let incoming = try site.box("incoming")
            let request = Array(Fixture.missing().utf8)
            let file = try incoming.open("slow.json", .create)
            try file.write(all: Array(request.prefix(20)))
            // A scan looks at everything there is, so that the half file is certainly met.
            try site.deliver(request, as: "other.json")
            _ = try daemon.failed("other")
            #expect(try site.names("incoming") == ["slow.json"])
            try file.write(all: Array(request.dropFirst(20)))
            try withExtendedLifetime(incoming.open("slow.json", .append)) {}
            #expect(try daemon.failed("slow").code == .outfitNotFound)
            #expect(try daemon.stop() == 0)
        }

        @Test("half a request that stays quiet for the settle time is judged as it is")
        func abandoned() throws {
            let site = try Site()
            let daemon = try site.ready(["VIZD_SPOOL_SETTLE": "0.2"])
            try site.box("incoming").open("half.json", .create).write(all: Array(#"{"user_id":"pei"#.utf8))
            let failure = try daemon.failed("half")
            #expect(failure.code == .invalidJSON && failure.stage == nil && !failure.retryable)
            #expect(try daemon.stop() == 0)
        }

        @Test("a request that is removed before a slot is free is withdrawn without a trace")
        func withdrawn() throws {
            let site = try Site(gated: true)
            let daemon = try site.ready(["VIZD_LIMITS_IN_FLIGHT": "1"])
            try site.deliver(Fixture.request(1), as: "first.json")
            try daemon.awaitLine("job.admitted", ["job": "first"])
            try site.deliver(Fixture.missing(), as: "regretted.json")
            try site.deliver(Fixture.missing(), as: "kept.json")
            try site.box("incoming").unlink("regretted.json")
            try site.gate?.open()
            _ = try daemon.complete("first")
            #expect(try daemon.failed("kept").code == .outfitNotFound)
            #expect(try daemon.stop() == 0)
            #expect(try site.names("failed") == ["kept.json", "kept.result.json"])
            #expect(try site.names("done") == ["first.json", "first.result.json"])
        }

        /// O_TMPFILE, then linkat through /proc: the file has its content before it has a name.
        private func deliverUnnamed(_ bytes: [UInt8], as path: String) throws {
            let folder = String(path[..<(path.lastIndex(of: "/") ?? path.endIndex)])
            // __O_TMPFILE | O_DIRECTORY: a macro that Swift does not import.
            let number = open(folder, O_WRONLY | 0o20_200_000, 0o640)
            try #require(number >= 0, "O_TMPFILE: errno \(errno)")
            defer { close(number) }
            try #require(write(number, bytes, bytes.count) == bytes.count)
            try #require(linkat(AT_FDCWD, "/proc/self/fd/\(number)", AT_FDCWD, path, AT_SYMLINK_FOLLOW) == 0)
        }
    }
}
