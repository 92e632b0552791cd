// Claiming on a real disk: won once, lost quietly, and nothing that lies in the way is harmed.

import Glibc
import Linux
import Spool
import Testing

@Suite("Claim")
struct ClaimTests {
    let test: TestSpool
    var spool: Spool { test.spool }

    init() throws { test = try TestSpool() }

    func outcome(_ file: FileName) throws -> ClaimOutcome? {
        var claim = Claim(spool)
        return try claim.claim([file]).results.first?.outcome
    }

    @Test("a batch is claimed in order, under the names of the jobs")
    func batch() throws {
        for name: FileName in ["a.json", "b c.json", "日本.json"] { try test.write("{}", name) }
        var claim = Claim(spool)
        let report = try claim.claim(["b c.json", "a.json", "日本.json"])
        #expect(report.claimed.map(\.role) == [.job(try job("b c")), .job(try job("a")), .job(try job("日本"))])
        #expect(report.pause == nil && !claim.hasUnsynced)
        #expect(try test.names(.incoming) == [])
        #expect(try test.names(.processing) == ["a.json", "b c.json", "日本.json"])
    }

    @Test("a claim loses quietly when the request was withdrawn or another was faster")
    func withdrawn() throws {
        #expect(try outcome("a.json") == .withdrawn)
    }

    @Test("the same file in both folders, as btrfs leaves it after a power cut, is one request")
    func twin() throws {
        try test.write("{}", "a.json", in: .processing)
        try spool[.processing].link("a.json", to: spool[.incoming], as: "a.json")
        #expect(try outcome("a.json") == .twin(try #require(Claimed(found: "a.json"))))
        #expect(try test.names(.incoming) == [])
        #expect(try test.text("a.json", in: .processing) == "{}")
    }

    @Test("another file under a name in progress is moved aside, as often as it comes")
    func occupied() throws {
        try test.write("first", "a.json", in: .processing)
        for round in 1...3 {
            let info = try test.write("again \(round)", "a.json")
            let outcome = try outcome("a.json")
            guard case .claimed(let claimed) = outcome else {
                Issue.record("\(String(describing: outcome))")
                return
            }
            #expect(claimed.role == .again(try job("a")))
            #expect(claimed.source.description == ".again.\(String(info.inode, radix: 16)).a.json")
            #expect(try test.text(claimed.source, in: .processing) == "again \(round)")
        }
        #expect(try test.text("a.json", in: .processing) == "first")
    }

    @Test("hard links to one inode under several names are claimed one by one")
    func hardLinks() throws {
        try test.write("{}", "a.json")
        try spool[.incoming].link("a.json", as: "b.json")
        var claim = Claim(spool)
        #expect(try claim.claim(["a.json", "b.json"]).claimed.count == 2)
        #expect(try test.names(.processing) == ["a.json", "b.json"])
    }

    @Test("two claimers on 2,000 files win every file exactly once")
    func race() async throws {
        let files = (0..<2000).map { FileName("f\($0).json") }
        for file in files { try test.write("{}", file) }
        let pool = BlockingPool(threads: 2)
        async let front = pool.run { [spool] () throws(SpoolFatal) in try Self.claimAll(files, in: spool) }
        // One from the front, one from the back: they meet and cross.
        async let back = pool.run { [spool] () throws(SpoolFatal) in try Self.claimAll(files.reversed(), in: spool) }
        let all = try await front + back
        #expect(all.count == 2000)
        #expect(Set(all) == Set(files))
    }

    private static func claimAll(_ files: [FileName], in spool: Spool) throws(SpoolFatal) -> [FileName] {
        var claim = Claim(spool)
        var won: [FileName] = []
        for start in stride(from: 0, to: files.count, by: 16) {
            won += try claim.claim(Array(files[start..<min(start + 16, files.count)])).claimed.map(\.source)
        }
        return won
    }

    @Test(
        "a file that cannot be moved is told with the reason, and the rest of the batch is claimed",
        .enabled(if: isRoot))
    func immovable() throws {
        // A mount point cannot be renamed away (EBUSY); nor can a file with the immutable bit, which tmpfs does not
        // know.
        try test.write("{}", "b.json")
        try spool[.incoming].makeDirectory("a.json", mode: 0o700)
        let path = "\(test.path)/incoming/a.json"
        try #require(mount("none", path, "tmpfs", 0, nil) == 0, "a tmpfs can be mounted")
        defer { umount(path) }
        var claim = Claim(spool)
        let report = try claim.claim(["a.json", "b.json"])
        guard case .immovable(let info, let failure) = report.results[0].outcome else {
            Issue.record("\(report.results[0])")
            return
        }
        #expect(info?.kind == .directory)
        #expect(failure.errno.name == "EBUSY")
        #expect(report.claimed.map(\.source) == ["b.json"])
    }

    @Test("a read-only file system is the machine's fault, not the file's", .enabled(if: isRoot))
    func readOnly() throws {
        let mounted = "/tmp/vizd-ro-\(Random.hex(bytes: 8))"
        mkdir(mounted, 0o700)
        try #require(mount("none", mounted, "tmpfs", 0, nil) == 0, "a tmpfs can be mounted")
        defer {
            umount2(mounted, Int32(MNT_DETACH))
            rmdir(mounted)
        }
        let inside = try Spool(path: mounted + "/spool")
        _ = try inside[.incoming].open("a.json", .create)
        #expect(mount("none", mounted, "tmpfs", UInt(MS_REMOUNT | MS_RDONLY), nil) == 0)
        var claim = Claim(inside)
        #expect(throws: SpoolFatal.self) { try claim.claim(["a.json"]) }
    }
}
