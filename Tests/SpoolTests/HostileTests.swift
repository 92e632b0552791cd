// Whatever lies in `incoming`: nothing is followed, nothing is waited for, nothing is read beyond the limit, and all
// that can be moved is claimed in order to fail.

import Glibc
import Linux
import Spool
import Testing

@Suite("Hostile files")
struct HostileTests {
    let test: TestSpool
    var spool: Spool { test.spool }
    var incoming: Directory { test.spool[.incoming] }

    init() throws { test = try TestSpool() }

    func look(_ file: FileName, limit: Int = 1 << 20) -> Sight {
        Peek(limit: limit, ask: ask).look(at: file, in: incoming)
    }

    /// Claims a file and reads it as the daemon would.
    func claimAndRead(_ file: FileName, limit: Int = 1 << 20) throws -> (Claimed, Reading) {
        var claim = Claim(spool)
        let claimed = try #require(try claim.claim([file]).claimed.first, "\(file) was not claimed")
        return (claimed, Reading.of(claimed.source, in: spool[.processing], limit: limit))
    }

    func makeOddFiles() throws -> [FileName: FileKind] {
        var kinds: [FileName: FileKind] = ["fifo.json": .fifo, "link.json": .symlink, "folder.json": .directory]
        try incoming.makeFIFO("fifo.json")
        try incoming.symlink("link.json", to: "/etc/passwd")
        try incoming.makeDirectory("folder.json", mode: 0o700)
        _ = try incoming.directory("folder.json").open("inside", .create)
        if mknod("\(test.path)/incoming/socket.json", S_IFSOCK | 0o600, 0) == 0 { kinds["socket.json"] = .socket }
        // Major 5, minor 0: the controlling terminal; opening it would have effects.
        if mknod("\(test.path)/incoming/device.json", S_IFCHR | 0o600, 0x500) == 0 {
            kinds["device.json"] = .characterDevice
        }
        return kinds
    }

    @Test("pipes, links, folders, sockets and devices are never opened, and are claimed to fail")
    func oddKinds() throws {
        for (file, kind) in try makeOddFiles() {
            guard case .hopeless(let info) = look(file) else {
                Issue.record("\(file): \(look(file))")
                continue
            }
            #expect(info.kind == kind)
            let (claimed, reading) = try claimAndRead(file)
            #expect(claimed.source == file)
            guard case .odd(let read) = reading else {
                Issue.record("\(file): \(reading)")
                continue
            }
            #expect(read.identity == info.identity)
        }
        #expect(try test.names(.incoming) == [])
    }

    @Test("a folder lands in failed with all that is in it")
    func folderLands() async throws {
        _ = try makeOddFiles()
        let (claimed, _) = try claimAndRead("folder.json")
        let landing = Landing(spool, status: nil)
        let name = try job("folder").landing
        let order = LandingOrder(name: name, box: .failed, result: [1], source: claimed.source, status: nil)
        #expect(try await landing.land(order) == .landed(request: "folder.json"))
        #expect(try spool[.failed].directory("folder.json").names() == ["inside"])
    }

    @Test("a sparse file of a tebibyte is refused by its size, unread")
    func sparse() throws {
        let file = try incoming.open("big.json", .create)
        try file.setSize(1 << 40)
        guard case .hopeless = look("big.json") else {
            Issue.record("\(look("big.json"))")
            return
        }
        guard case .tooLarge(let info) = try claimAndRead("big.json").1 else {
            Issue.record("it was read")
            return
        }
        #expect(info.size == 1 << 40)
    }

    @Test("the limit of bytes is exact")
    func limit() throws {
        try test.write("{1234}", "a.json")
        #expect(
            Reading.of("a.json", in: incoming, limit: 6)
                == .bytes(Array("{1234}".utf8), try incoming.info(of: "a.json")))
        #expect(Reading.of("a.json", in: incoming, limit: 5) == .tooLarge(try incoming.info(of: "a.json")))
    }

    @Test("broken names are claimed under hidden names of their own, and keep their fault over a restart")
    func names() throws {
        let raw: [[UInt8]] = [
            Array("new\nline".utf8), Array("\u{1B}[2Jesc".utf8), [0xFF, 0xFE], Array(repeating: 0x61, count: 250),
            Array("x.0001".utf8), Array("x.result".utf8), [0xC2, 0x85],
        ]
        for bytes in raw {
            let file = FileName(bytes: bytes + Array(".json".utf8))
            try test.write("{}", file)
            let (claimed, reading) = try claimAndRead(file)
            guard case .invalid(let name) = claimed.role, case .bytes = reading else {
                Issue.record("\(file): \(claimed), \(reading)")
                continue
            }
            #expect(Claimed(found: claimed.source) == claimed)
            #expect(name.escaped.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F })
        }
        #expect(try Inventory(of: spool).found.count == raw.count)
    }

    @Test("two names with the same escaped form are two files")
    func sameEscape() throws {
        for ending in ["1", "2"] {
            let file = FileName(String(repeating: "a", count: 240) + ending + ".json")
            try test.write(ending, file)
            _ = try claimAndRead(file)
        }
        #expect(try Inventory(of: spool).found.count == 2)
    }

    @Test("a name with a leading dash or spaces is an ordinary name")
    func plain() throws {
        for file: FileName in ["-rf.json", " .json", "a b.json", "*.json", "$(x).json"] {
            try test.write("{}", file)
            guard case .job = try claimAndRead(file).0.role else {
                Issue.record("\(file) is no job")
                return
            }
        }
    }

    @Test("a file that was swapped for a link between two looks is not followed")
    func swapped() throws {
        try test.write("{}", "a.json")
        let (claimed, _) = try claimAndRead("a.json")
        try spool[.processing].unlink(claimed.source)
        try spool[.processing].symlink(claimed.source, to: "/etc/passwd")
        guard case .odd(let info) = Reading.of(claimed.source, in: spool[.processing], limit: 1 << 20) else {
            Issue.record("it was followed")
            return
        }
        #expect(info.kind == .symlink)
        guard case .gone = Reading.of("nothing.json", in: incoming, limit: 1) else {
            Issue.record("it is not gone")
            return
        }
    }

    @Test(
        "a file that may not be read is left, told once with the chmod that helps, and taken after it",
        .enabled(if: isRoot))
    func unreadable() async {
        // A process of its own: it becomes another user for good.
        await #expect(processExitsWith: .success) {
            let test = try TestSpool()
            chown(test.path + "/incoming", 65534, 65534)
            chmod(test.path, 0o755)
            try test.write("{}", "a.json", mode: 0o600)
            try #require(seteuid(65534) == 0)
            let incoming = Incoming(test.spool, IncomingSettings(), at: 0, ask: ask)
            var told: [String] = []
            for time in [0, 1, 3, 70, 140] as [Int64] {
                for notice in try incoming.step(at: time * second, wall: 0) {
                    if case .leftAlone(let file, let sentence) = notice { told.append("\(file): \(sentence)") }
                }
            }
            #expect(told.count == 1)
            #expect(told.first?.contains("chmod") == true)
            #expect(incoming.queue.isEmpty)
            try #require(seteuid(0) == 0)
            chmod(test.path + "/incoming/a.json", 0o644)
            try #require(seteuid(65534) == 0)
            _ = try incoming.step(at: 141 * second, wall: 0)
            #expect(incoming.queue.count == 1)
            try #require(seteuid(0) == 0)
        }
    }
}
