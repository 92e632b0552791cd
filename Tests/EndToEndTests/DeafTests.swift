// The watch goes deaf: there is no inotify at all, the folder is moved away and brought back, everything comes at once.
// What is promised: every request that lies in incoming/ is found, at the latest by the regular scan.

import Contract
import Foundation
import Linux
import TestSupport
import Testing

extension EndToEnd {
    @Suite("A watch that hears nothing")
    @Outside
    struct Deaf {
        @Test(
            "without any inotify requests are found by the regular scan, however they were delivered",
            .enabled(if: OwnLimits.areAllowed))
        func withoutInotify() throws {
            let site = try Site()
            let settings = ["VIZD_SPOOL_RESCAN": "1", "VIZD_SPOOL_SETTLE": "1"]
            let daemon = try site.ready(through: OwnLimits.wrapper(inotifyInstances: 0), settings)
            let notice = try daemon.awaitLine("incoming.watch")
            #expect(notice["reason"]?.contains("regular scan") ?? false)
            let request = Array(Fixture.missing().utf8)
            let incoming = try site.box("incoming")
            try site.deliver(request, as: "moved.json")
            try incoming.open("written.json", .create).write(all: request)
            try site.box("tmp").open("linked", .create).write(all: request)
            try site.box("tmp").link("linked", to: incoming, as: "linked.json")
            let slow = try incoming.open("slow.json", .create)
            try slow.write(all: Array(request.prefix(9)))
            for name in ["moved", "written", "linked"] {
                #expect(try daemon.failed(name).code == .outfitNotFound, "\(name)")
            }
            try slow.write(all: Array(request.dropFirst(9)))
            let code = try daemon.failed("slow").code
            // Where this machine was so slow that the half file was quiet for a second, it is judged as it was.
            #expect(code == .outfitNotFound || code == .invalidJSON)
            #expect(try daemon.stop() == 0)
        }

        @Test("a folder that is moved away and back again is read each time, and nothing in it is lost")
        func movedAndBack() throws {
            let site = try Site()
            let daemon = try site.ready()
            let root = try Directory(path: site.spool)
            for round in 0..<3 {
                let original = try root.info(of: "incoming").identity
                try root.rename("incoming", as: "away", .noReplace)
                let away = try root.directory("away")
                try away.open(FileName("kept-\(round).json"), .create).write(
                    all: Array(Fixture.missing(number: round).utf8))
                _ = try awaited("another incoming/", in: [site.spool], story: daemon.story) {
                    try root.infoIfPresent(of: "incoming")
                }
                try site.deliver(Fixture.missing(number: round), as: "other-\(round).json")
                #expect(try daemon.failed("other-\(round)").code == .outfitNotFound)
                try root.rename("away", as: "incoming", .exchange)
                try root.removeDirectory("away")
                #expect(try daemon.failed("kept-\(round)").code == .outfitNotFound)
                #expect(try root.info(of: "incoming").identity == original)
            }
            #expect(try daemon.stop() == 0)
        }

        @Test("a folder that was put in place of the other, full already, is read at once")
        func replacedByFull() throws {
            let site = try Site()
            let daemon = try site.ready()
            let root = try Directory(path: site.spool)
            try root.makeDirectory("fresh", mode: 0o770)
            let fresh = try root.directory("fresh")
            for number in 0..<50 {
                try fresh.open(FileName("f-\(number).json"), .create).write(
                    all: Array(Fixture.missing(number: number).utf8))
            }
            try root.rename("fresh", as: "incoming", .exchange)
            for number in 0..<50 { #expect(try daemon.failed("f-\(number)").code == .outfitNotFound) }
            #expect(try daemon.stop() == 0)
        }

        /// `VIZD_FLOOD=100000` is the long form.
        @Test("a flood of files while vizd is down and while it starts lands whole, each once")
        func flood() throws {
            let count = Int(Host.environment["VIZD_FLOOD"] ?? "") ?? 3000
            let site = try Site()
            let incoming = try site.box("incoming")
            for number in 0..<count {
                try incoming.open(FileName("f-\(number).json"), .create).write(
                    all: Array(Fixture.missing(user: "u-\(number % 50)", number: number).utf8))
            }
            let daemon = try site.start(["VIZD_LOG_LEVEL": "error"])
            var before = -1
            while true {
                let landed = try site.names("failed").count
                if landed == 2 * count { break }
                // It may take as long as it takes, as long as it goes on.
                #expect(landed > before, "nothing landed for a long time")
                if landed <= before { break }
                before = landed
                do { try daemon.settled() } catch is Overdue where daemon.isRunning {}
            }
            try daemon.settled()
            #expect(try daemon.stop() == 0)
            let expected = Set((0..<count).flatMap { ["f-\($0).json", "f-\($0).result.json"] })
            #expect(try Set(site.names("failed")) == expected)
            #expect(try site.names("done").isEmpty)
        }
    }
}

/// Kernel limits of a user namespace of its own, so that nobody else on this machine feels them.
private enum OwnLimits {
    /// A command that sets the limit and executes what follows it. Its limit counts whatever the process's user is.
    static func wrapper(inotifyInstances limit: Int) -> [String] {
        let line = "echo \(limit) >/proc/sys/user/max_inotify_instances && exec \"$@\""
        return ["/usr/bin/unshare", "--user", "--map-root-user", "/bin/sh", "-c", line, "sh"]
    }

    /// Whether this machine lets us make one.
    static let areAllowed = TestSupport.ProgramRun.finish(
        wrapper(inotifyInstances: 0)[0], Array(wrapper(inotifyInstances: 0).dropFirst()) + ["/bin/true"])
}
