// Landing on a real disk: what appears and in which state it can be broken off; every such state ends in the same
// place.

import Glibc
import Linux
import Spool
import Testing

@Suite("Landing")
struct LandingTests {
    let test: TestSpool
    let landing: Landing
    let status: StatusFiles
    var spool: Spool { test.spool }

    init() throws {
        test = try TestSpool()
        status = StatusFiles(test.spool) { Issue.record("a status file could not be written: \($0)") }
        landing = Landing(test.spool, status: status)
    }

    static let result = "{\"status\":\"complete\"}"

    func order(_ name: String, _ box: Box = .done, source: FileName? = "a.json", result: String = result) throws
        -> LandingOrder
    {
        let landing = try job(name).landing
        return LandingOrder(name: landing, box: box, result: Array(result.utf8), source: source, status: landing)
    }

    /// The one end of a landing of job `a` in `done`.
    func expectLanded(_ comment: Comment) throws {
        #expect(try test.names(.done) == ["a.json", "a.result.json"], comment)
        #expect(try test.names(.processing) == [], comment)
        #expect(try test.names(.failed) == [], comment)
        #expect(try test.text("a.json", in: .done) == "{request}", comment)
        #expect(try test.text("a.result.json", in: .done) == Self.result, comment)
    }

    @Test("a job lands with its result and its request, and its status file goes")
    func lands() async throws {
        try test.write("{request}", "a.json", in: .processing)
        try test.write("{}", "a.status.json", in: .processing)
        #expect(try await landing.land(order("a")) == .landed(request: "a.json"))
        try expectLanded("first time")
    }

    @Test("landing again from every state in which it can have been broken off ends in the same place")
    func interrupted() async throws {
        let states: [(Comment, (TestSpool) throws -> Void)] = [
            ("nothing done", { try $0.write("{request}", "a.json", in: .processing) }),
            ("hidden result begun", { try $0.write("{\"sta", ".a.result.json.vizd-00000000", in: .done) }),
            ("hidden result whole", { try $0.write(Self.result, ".a.result.json.vizd-00000000", in: .done) }),
            ("result there", { try $0.write(Self.result, "a.result.json", in: .done) }),
            ("a stale result there", { try $0.write("{old}", "a.result.json", in: .done) }),
            (
                "request in both, as btrfs leaves it",
                {
                    try $0.write(Self.result, "a.result.json", in: .done)
                    try $0.spool[.processing].link("a.json", to: $0.spool[.done], as: "a.json")
                }
            ),
            (
                "request moved, status left",
                {
                    try $0.write(Self.result, "a.result.json", in: .done)
                    try $0.spool[.processing].rename("a.json", to: $0.spool[.done], as: "a.json", .noReplace)
                    try $0.write("{}", "a.status.json", in: .processing)
                }
            ),
            (
                "all done",
                {
                    try $0.write(Self.result, "a.result.json", in: .done)
                    try $0.spool[.processing].rename("a.json", to: $0.spool[.done], as: "a.json", .noReplace)
                }
            ),
        ]
        for (index, (comment, build)) in states.enumerated() {
            let test = try TestSpool()
            if index > 0 { try test.write("{request}", "a.json", in: .processing) }
            try build(test)
            // What a restart does first.
            _ = try test.spool.sweep(.done)
            let landing = Landing(test.spool, status: StatusFiles(test.spool) { _ in })
            for _ in 0..<2 {
                #expect(try await landing.land(order("a")) == .landed(request: "a.json"), comment)
                let inner = try LandingTests(test)
                try inner.expectLanded(comment)
            }
        }
    }

    private init(_ test: TestSpool) throws {
        self.test = test
        status = StatusFiles(test.spool) { _ in }
        landing = Landing(test.spool, status: status)
    }

    @Test("what earlier runs left half-written is swept beside landings, and nothing of this one's")
    func sweep() throws {
        let (earlier, own) = (".a.result.json.vizd-0a1b2c3d", ".a.result.json.vizd-\(landing.tag)")
        for name in [earlier, own, "a.result.json"] { try test.write("", FileName(name), in: .done) }
        #expect(try landing.sweep(.done) == [FileName(earlier)])
        #expect(try test.names(.done) == [own, "a.result.json"])
    }

    @Test("a job without a request lands its result only; a request that somebody removed is no obstacle")
    func resultOnly() async throws {
        #expect(try await landing.land(order("a", source: nil)) == .landed(request: nil))
        #expect(try await landing.land(order("b", .failed, source: "b.json")) == .landed(request: nil))
        #expect(try test.names(.done) == ["a.result.json"])
        #expect(try test.names(.failed) == ["b.result.json"])
    }

    @Test("the same bytes replace an earlier request; other bytes stay, and the new ones get a name of their own")
    func earlier() async throws {
        try test.write("{same}", "a.json", in: .failed)
        try test.write("{same}", "a.json", in: .processing)
        #expect(try await landing.land(order("a", .failed)) == .landed(request: "a.json"))
        #expect(try test.names(.failed) == ["a.json", "a.result.json"])
        let info = try test.write("{other}", "a.json", in: .processing)
        let outcome = try await landing.land(order("a", .failed))
        guard case .landed(let request?) = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(request != "a.json")
        #expect(try test.text("a.json", in: .failed) == "{same}")
        #expect(try spool[.failed].info(of: request).identity == info.identity)
        #expect(try test.names(.processing) == [])
    }

    @Test("a taken name lands beside what is there, under the digest's name")
    func nameTaken() async throws {
        try test.write("{first}", "a.json", in: .failed)
        try test.write("{first result}", "a.result.json", in: .failed)
        try test.write("{second}", ".again.1f.a.json", in: .processing)
        let name = try job("a").landing(digest: [0xAB, 0xCD, 0xEF, 0x01])
        let order = LandingOrder(name: name, box: .failed, result: [0x7B], source: ".again.1f.a.json", status: nil)
        #expect(try await landing.land(order) == .landed(request: "a~abcdef01.json"))
        #expect(try test.names(.failed) == ["a.json", "a.result.json", "a~abcdef01.json", "a~abcdef01.result.json"])
        #expect(try test.text("a.result.json", in: .failed) == "{first result}")
    }

    @Test("a folder in the way of a result blocks this job and no other")
    func blocked() async throws {
        try spool[.done].makeDirectory("a.result.json", mode: 0o700)
        _ = try spool[.done].directory("a.result.json").open("x", .create)
        for name in ["a", "b"] { try test.write("{request}", FileName("\(name).json"), in: .processing) }
        async let first = landing.land(order("a"))
        async let other = landing.land(order("b", source: "b.json"))
        guard case .blocked = try await first else {
            Issue.record("it landed on a folder")
            return
        }
        #expect(try await other == .landed(request: "b.json"))
        #expect(try test.names(.processing) == ["a.json"])
    }

    @Test("five hundred jobs at once land in batches, each whole")
    func many() async throws {
        for number in 0..<500 { try test.write("{request}", FileName("j\(number).json"), in: .processing) }
        let outcomes = try await withThrowingTaskGroup(of: LandingOutcome.self) { group in
            for number in 0..<500 {
                let name = "j\(number)"
                let order = try order(
                    name, number.isMultiple(of: 3) ? .failed : .done, source: FileName(name + ".json"))
                group.addTask { [landing] in try await landing.land(order) }
            }
            return try await group.reduce(into: Set<LandingOutcome>()) { $0.insert($1) }
        }
        #expect(outcomes == Set((0..<500).map { .landed(request: FileName("j\($0).json")) }))
        #expect(try test.names(.processing) == [])
        #expect(try test.names(.done).count + test.names(.failed).count == 1000)
    }

    @Test("a stale result is withdrawn before its job runs again, and once only")
    func withdraw() async throws {
        for name: FileName in ["a.json", "a.result.json"] { try test.write("{}", name, in: .failed) }
        let name = try job("a").landing
        #expect(try await landing.withdraw(name, from: .failed) == .landed(request: "a.result.json"))
        #expect(try test.names(.failed) == ["a.json"])
        #expect(try await landing.withdraw(name, from: .failed, withRequest: true) == .landed(request: nil))
        #expect(try test.names(.failed) == [])
    }

    /// A spool on a file system of its own with 1 MiB.
    func onSmallDisk(_ body: (TestSpool) async throws -> Void) async throws {
        let mounted = "/tmp/vizd-small-\(Random.hex(bytes: 8))"
        mkdir(mounted, 0o700)
        try #require(mount("none", mounted, "tmpfs", 0, "size=1m") == 0, "a small tmpfs can be mounted")
        defer {
            umount2(mounted, Int32(MNT_DETACH))
            rmdir(mounted)
        }
        try await body(TestSpool(under: mounted))
    }

    func fill(_ test: TestSpool) throws {
        let file = try test.spool[.tmp].open("filler", .create)
        do throws(SystemFailure) {
            while true { try file.write(all: [UInt8](repeating: 0, count: 4096)) }
        } catch let error where error.errno == .noSpace {}
    }

    @Test("on a full disk a landing pauses and leaves nothing half; with room again it lands", .enabled(if: isRoot))
    func full() async throws {
        try await onSmallDisk { test in
            try test.write("{request}", "a.json", in: .processing)
            try fill(test)
            let landing = Landing(test.spool, status: nil)
            let outcome = try await landing.land(order("a"))
            guard case .paused(let failure) = outcome else {
                Issue.record("\(outcome)")
                return
            }
            #expect(failure.errno == .noSpace)
            #expect(try test.names(.done) == [])
            #expect(try test.names(.processing) == ["a.json"])
            try test.spool[.tmp].unlink("filler")
            #expect(try await landing.land(order("a")) == .landed(request: "a.json"))
        }
    }

    @Test("what is in flight lands on a full disk, on the room that was held back for it", .enabled(if: isRoot))
    func reserve() async throws {
        try await onSmallDisk { test in
            let reserve = Reserve(in: test.spool.root, bytes: 256 << 10)
            #expect(try reserve.restore(above: DiskFloor(bytes: 0)))
            try test.write("{request}", "a.json", in: .processing)
            try fill(test)
            let landing = Landing(test.spool, status: nil, reserve: reserve, floor: DiskFloor(bytes: 64 << 10))
            #expect(try await landing.land(order("a")) == .landed(request: "a.json"))
            #expect(try test.spool.root.infoIfPresent(of: ".reserve") == nil)
            // With room again it is held back again, at the next landing.
            try test.spool[.tmp].unlink("filler")
            try test.write("{request}", "b.json", in: .processing)
            #expect(try await landing.land(order("b", source: "b.json")) == .landed(request: "b.json"))
            #expect(try test.spool.root.info(of: ".reserve").size == 256 << 10)
        }
    }

    @Test("a disk that turned read-only is fatal, for this landing and for all later ones", .enabled(if: isRoot))
    func readOnly() async throws {
        let mounted = "/tmp/vizd-ro-\(Random.hex(bytes: 8))"
        mkdir(mounted, 0o700)
        try #require(mount("none", mounted, "tmpfs", 0, nil) == 0, "a tmpfs can be mounted")
        defer {
            umount2(mounted, Int32(MNT_DETACH))
            rmdir(mounted)
        }
        let inside = try Spool(path: mounted + "/spool")
        #expect(mount("none", mounted, "tmpfs", UInt(MS_REMOUNT | MS_RDONLY), nil) == 0)
        let landing = Landing(inside, status: nil)
        for name in ["a", "b"] {
            let order = try order(name)
            await #expect(throws: SpoolFatal.self) { try await landing.land(order) }
        }
    }
}

@Suite("Status files")
struct StatusFileTests {
    let test: TestSpool
    init() throws { test = try TestSpool() }

    /// A status whose renderings can be awaited: it counts them, and names the time it was given.
    final class Probe: Sendable {
        let renders = Monitor(0)

        func render(_ wall: Int64) -> [UInt8] {
            let count = renders.change { count in
                count += 1
                return count
            }
            return Array("{\"count\":\(count),\"at\":\(wall)}".utf8)
        }

        func wait(for count: Int) { _ = renders.wait { $0 >= count ? true : nil } }
    }

    @Test("a job's file appears when it begins, and again and again without news")
    func regular() throws {
        let files = StatusFiles(test.spool, interval: 1_000_000, rest: 0) { Issue.record("\($0)") }
        let (name, probe) = (try job("a").landing, Probe())
        files.begin(name, render: probe.render)
        // The third rendering begins after the second file was renamed into its place.
        probe.wait(for: 3)
        #expect(try test.text("a.status.json", in: .processing)?.hasPrefix("{\"count\":") == true)
        try files.retire(name)
        #expect(try test.names(.processing) == [])
        files.close()
    }

    @Test("a job that is over before its file has rested has none, and leaves nothing to write")
    func brief() throws {
        let files = StatusFiles(test.spool, interval: 1_000_000, rest: 3_600_000_000_000) { Issue.record("\($0)") }
        let (name, other, probe) = (try job("a").landing, try job("b").landing, Probe())
        files.begin(name, render: probe.render)
        files.touch(name)
        try files.retire(name)
        #expect(files.count == 0)
        // What does not rest is written meanwhile.
        let eager = StatusFiles(test.spool, rest: 0) { Issue.record("\($0)") }
        eager.begin(other, render: probe.render)
        probe.wait(for: 1)
        try eager.retire(other)
        #expect(try probe.renders.look { $0 } == 1 && test.names(.processing) == [])
        files.close()
        eager.close()
    }

    @Test("news that is due earlier wakes the thread from its sleep for later ones")
    func earlier() throws {
        let files = StatusFiles(test.spool, rest: 1_000_000) { Issue.record("\($0)") }
        let (name, probe) = (try job("a").landing, Probe())
        files.begin(name, render: probe.render)
        // From the first writing on it sleeps for the regular one, five seconds later.
        for count in 1...20 {
            probe.wait(for: count)
            files.touch(name)
        }
        try files.retire(name)
        files.close()
    }

    @Test("news that comes faster than a file's rest is written together")
    func coalesced() throws {
        let files = StatusFiles(test.spool, rest: 1_000_000) { Issue.record("\($0)") }
        let (name, probe) = (try job("a").landing, Probe())
        files.begin(name, render: probe.render)
        probe.wait(for: 1)
        for _ in 0..<10_000 { files.touch(name) }
        probe.wait(for: 2)
        try files.retire(name)
        #expect(probe.renders.look { $0 } < 10_000)
        files.touch(name)
        #expect(files.count == 0)
        files.close()
    }

    @Test("after a job is retired its file never appears again, however busy it was")
    func retired() async throws {
        let files = StatusFiles(test.spool, interval: 1000, rest: 0) { Issue.record("\($0)") }
        let names = try (0..<50).map { try job("j\($0)").landing }
        for round in 0..<5 {
            let probe = Probe()
            for name in names { files.begin(name, render: probe.render) }
            probe.wait(for: 100 + round)
            for (index, name) in names.enumerated() where index.isMultiple(of: 2) {
                files.touch(name)
                try files.retire(name)
                #expect(try test.spool[.processing].infoIfPresent(of: name.statusFile) == nil)
            }
            probe.wait(for: 300)
            for (index, name) in names.enumerated() where index.isMultiple(of: 2) {
                #expect(try test.spool[.processing].infoIfPresent(of: name.statusFile) == nil)
            }
            for name in names { try files.retire(name) }
        }
        #expect(try test.names(.processing) == [])
        files.close()
    }

    @Test("a status that cannot be written is told once, and the job goes on")
    func trouble() throws {
        let told = Monitor(0)
        let files = StatusFiles(test.spool, interval: 1_000_000, rest: 0) { _ in told.change { $0 += 1 } }
        // A folder in its place, which no rename replaces.
        try test.spool[.processing].makeDirectory("a.status.json", mode: 0o700)
        _ = try test.spool[.processing].directory("a.status.json").open("x", .create)
        let (name, probe) = (try job("a").landing, Probe())
        files.begin(name, render: probe.render)
        probe.wait(for: 5)
        #expect(told.look { $0 } == 1)
        // Waits for the write that is under way, and finds the folder in the file's place too.
        #expect(throws: SystemFailure.self) { try files.retire(name) }
        files.close()
    }
}
