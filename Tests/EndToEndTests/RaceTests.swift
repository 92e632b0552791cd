// Somebody with write access who swaps what vizd is about to use, as fast as the machine lets them: a request, a
// photo, a user's folder and the folder of pictures, each for a link that leads out. Whatever vizd makes of it, nothing
// outside of spool and wardrobe may be opened, read, written, made or removed. The witness is the kernel: every folder
// outside is watched for the whole time.

import Contract
import Foundation
import Linux
import TestSupport
import Testing

/// The other program: swaps until it is told to stop, then says what the watches saw.
private let swapper = """
    import ctypes, os, select, struct, sys
    site = sys.argv[1]
    libc = ctypes.CDLL(None, use_errno=True)
    root, outside, incoming = site + "/wardrobe_photos", site + "/outside", site + "/spool/incoming"
    EXCHANGE, WATCHED = 2, 0x1 | 0x2 | 0x4 | 0x8 | 0x20 | 0x40 | 0x80 | 0x100 | 0x200
    watch = libc.inotify_init1(os.O_NONBLOCK)
    for folder in [folder for folder, _, _ in os.walk(outside)]:
        assert libc.inotify_add_watch(watch, folder.encode(), WATCHED) >= 0
    def swap(one, other):
        return libc.renameat2(-100, one.encode(), -100, other.encode(), EXCHANGE) == 0
    def requests(number):
        # A request, a link to one, a pipe and a folder, under hidden names and one that is taken.
        name, link, pipe, folder = (incoming + "/" + form % number for form in ("race-%d.json", ".l%d", ".p%d", ".f%d"))
        os.symlink(outside + "/request", link)
        os.mkfifo(pipe)
        os.mkdir(folder)
        with open(site + "/spool/tmp/r", "w") as file: file.write('{"user_id":"peichin","outfit_id":"none"}')
        os.rename(site + "/spool/tmp/r", name)
        return name, (link, pipe, folder)
    pairs = [
        (root + "/peichin/items/mittens.jpg", root + "/peichin/items/.swap"),
        (root + "/peichin/items/visualizations", root + "/peichin/items/.pictures"),
        (root + "/eve", root + "/.eve"), (root + "/mallory/saved_outfits.json", root + "/mallory/.record"),
    ]
    number, swaps = 0, 0
    name, others = requests(number)
    os.write(1, b"swapping\\n")
    while not select.select([sys.stdin], [], [], 0)[0]:
        for one, other in pairs: swaps += swap(one, other)
        taken = False
        for other in others:
            taken = taken or not swap(name, other)
            swaps += 1
        if taken:
            number += 1
            name, others = requests(number)
    # One look of its own, so that watches which see nothing are noticed.
    open(outside + "/request").close()
    seen = os.read(watch, 1 << 16)
    words, at = [], 0
    while at < len(seen):
        _, mask, _, size = struct.unpack_from("iIII", seen, at)
        words.append("%x %s" % (mask, seen[at + 16:at + 16 + size].rstrip(b"\\0").decode()))
        at += 16 + size
    print(swaps, number, "seen:", words)
    """

extension EndToEnd {
    @Suite("Swapped between check and use")
    @Outside
    struct Races {
        /// A second wardrobe outside, to which every swap leads.
        private func place() throws -> Site {
            let site = try Site(users: ["peichin", "eve", "mallory"])
            let outside = "\(site.path)/outside"
            try FileManager.default.copyItem(atPath: "\(site.wardrobe)/eve", toPath: outside)
            try Host.makeDirectories("\(outside)/visualizations")
            try Host.makeDirectories("\(site.wardrobe)/peichin/items/visualizations")
            try Data(Fixture.request(2, more: #""metadata":{"leak":"yes"}"#).utf8).write(
                to: URL(filePath: "\(outside)/request"))
            let items = try Directory(path: "\(site.wardrobe)/peichin/items")
            try items.symlink(".swap", to: FileName("\(outside)/items/mittens.jpg"))
            try items.symlink(".pictures", to: FileName("\(outside)/visualizations"))
            try Directory(path: site.wardrobe).symlink(".eve", to: FileName(outside))
            try Directory(path: "\(site.wardrobe)/mallory").symlink(
                ".record", to: FileName("\(outside)/saved_outfits.json"))
            return site
        }

        @Test(
            "links swapped in at full speed lead vizd nowhere: nothing outside is touched, every job ends, vizd serves")
        func swapped() throws {
            let site = try place()
            let daemon = try site.ready()
            let process = Process()
            process.executableURL = URL(filePath: "/usr/bin/python3")
            process.arguments = ["-c", swapper, site.path]
            let (input, output) = (Pipe(), Pipe())
            (process.standardInput, process.standardOutput) = (input, output)
            try process.run()
            #expect(output.fileHandleForReading.availableData == Data("swapping\n".utf8))
            let codes: Set<ResultCode> = [
                .recordInvalid, .garmentUnreadable, .outfitNotFound, .noGarmentImages, .storageFailed, .recordConflict,
            ]
            var ended: [String: Int] = [:]
            for round in 0..<12 {
                let names = ["peichin", "eve", "mallory"].map { ($0, "\($0)-\(round)") }
                for (user, name) in names {
                    let more = #""regenerate":true"#
                    try site.deliver(Fixture.request(2, user: user, more: more), as: "\(name).json")
                }
                for (_, name) in names {
                    switch try daemon.landed(name).outcome {
                    case .failed(let failure):
                        #expect(codes.contains(failure.code), "\(name): \(failure)")
                        ended[failure.code.rawValue, default: 0] += 1
                    default: ended["complete", default: 0] += 1
                    }
                }
            }
            input.fileHandleForWriting.write(Data("\n".utf8))
            let told = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            process.waitUntilExit()
            #expect(process.terminationStatus == 0)
            #expect(told.hasSuffix("seen: ['20 request']\n"), "outside was touched: \(told); \(ended)")
            let swaps = try #require(told.split(separator: " ").first.flatMap { Int($0) })
            #expect(swaps > 1000, "\(told)")
            #expect(ended["complete", default: 0] > 0, "\(ended)")
            let results = try ["done", "failed"].flatMap { box in
                try site.names(box).filter { $0.hasPrefix("race-") && $0.hasSuffix(".result.json") }.map {
                    String(decoding: try site.file(box, $0) ?? [], as: UTF8.self)
                }
            }
            #expect(!results.isEmpty && !results.contains { $0.contains("leak") })
            try site.deliver(Fixture.request(2, user: "mallory"), as: "after.json")
            _ = try daemon.landed("after")
            #expect(try daemon.stop() == 0)
        }

        @Test("a flood of one user's waits in incoming beyond its limit, is told once, and holds up nobody else's")
        func flood() throws {
            let site = try Site(users: ["peichin", "bob"])
            for number in 0..<1000 {
                try site.deliver(Fixture.missing(user: "flood", number: number), as: "flood-\(number).json")
            }
            let daemon = try site.ready(["VIZD_LIMITS_QUEUED_PER_USER": "50", "VIZD_LIMITS_IN_FLIGHT": "2"])
            try site.deliver(Fixture.request(2, user: "bob"), as: "bob.json")
            _ = try daemon.complete("bob")
            let before = try daemon.lines(of: "job.failed").count
            #expect(before < 1000, "bob's request waited for all of the flood")
            try daemon.settled()
            #expect(try site.names("failed").count == 2000)
            let told = try daemon.lines(of: "queue.full")
            #expect(told.count == 1 && told[0]["user"] == "flood")
            try daemon.signal(10)
            #expect(try daemon.awaitLine("vizd.state")["turned_away"] != "0")
            #expect(try daemon.stop() == 0)
        }

        @Test("rights, links and names that mean something elsewhere mean nothing here")
        func oddFiles() throws {
            let site = try Site()
            let daemon = try site.ready()
            let incoming = try site.box("incoming")
            // Another name of somebody else's file: it is read as a request, and its other name stays as it is.
            let foreign = "\(site.path)/theirs"
            try Data("secret words".utf8).write(to: URL(filePath: foreign))
            try Directory(path: site.path).link("theirs", to: incoming, as: "hard.json")
            #expect(try daemon.failed("hard").code == .invalidJSON)
            let text = String(decoding: try daemon.result("hard", in: "failed"), as: UTF8.self)
            #expect(!text.contains("secret words"))
            #expect(try Host.readFile(foreign, limit: 100) == Array("secret words".utf8))
            // Names that shells and programs take for something else; and one as long as the rule allows.
            let longest = String(repeating: "n", count: 200)
            let names = ["-rf", "--help", "a b", "*", "$(reboot)", "..x", "CON", "%2e%2e%2f", longest]
            for name in names where !name.hasPrefix(".") { try site.deliver(Fixture.missing(), as: "\(name).json") }
            for name in names where !name.hasPrefix(".") {
                #expect(try daemon.failed(name).code == .outfitNotFound, "\(name)")
            }
            // A file that could run as somebody lands as it is, and is never run.
            let tmp = try site.box("tmp")
            try tmp.open("setuid", .create, mode: 0o6755).write(all: Array("#!/bin/sh\ntouch ran\n".utf8))
            try tmp.rename("setuid", to: incoming, as: "setuid.json", .noReplace)
            #expect(try daemon.failed("setuid").code == .invalidJSON)
            #expect(try Directory(path: site.path).infoIfPresent(of: "ran") == nil)
            #expect(try daemon.stop() == 0)
        }
    }
}
