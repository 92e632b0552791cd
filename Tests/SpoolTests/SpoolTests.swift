// The spool on disk: opening, identity, the lock, room, preflight, and what is found at start.

import Glibc
import Spool
import Testing

@testable import Linux

@Suite("Spool")
struct SpoolDirectoryTests {
    let test: TestSpool
    var spool: Spool { test.spool }

    init() throws { test = try TestSpool() }

    func refusal(_ body: () throws -> Void) -> SpoolRefusal? {
        do {
            try body()
            return nil
        } catch {
            return error as? SpoolRefusal
        }
    }

    @Test("missing boxes are made with exactly the configured bits, existing ones are left as they are")
    func boxes() throws {
        var modes = SpoolModes()
        modes.producers = 0o3730
        let drop = try TestSpool(modes: modes)
        #expect(try drop.spool[.incoming].info().mode == 0o3730)
        #expect(try drop.spool[.processing].info().mode == 0o750)
        _ = try Spool(path: drop.path)
        #expect(try drop.spool[.incoming].info().mode == 0o3730)
        #expect(try drop.spool.root.names() == Box.allCases.map(\.folder).sorted { $0.description < $1.description })
    }

    @Test("a box that is a link or a file is refused with 73")
    func oddBoxes() throws {
        try spool.root.removeDirectory("done")
        try spool.root.symlink("done", to: "/tmp")
        #expect(refusal { _ = try Spool(path: test.path) }?.exit == 73)
        try spool.root.unlink("done")
        _ = try spool.root.open("done", .create)
        #expect(refusal { _ = try Spool(path: test.path) }?.exit == 73)
    }

    @Test("the id is made once, is the same ever after, and a damaged one is refused with 78")
    func identity() throws {
        let id = try spool.id()
        #expect(id.utf8.count == 32)
        #expect(try spool.id() == id)
        #expect(try Spool(path: test.path).id() == id)
        try spool.root.publish(Array("nonsense".utf8), as: ".id", temporary: ".x")
        #expect(refusal { _ = try spool.id() }?.exit == 78)
    }

    @Test("incoming that was moved away is noticed and opened anew")
    func reopen() throws {
        #expect(try spool.incomingIsCurrent())
        try spool.root.rename("incoming", as: "old", .noReplace)
        #expect(try !spool.incomingIsCurrent())
        try spool.reopenIncoming()
        #expect(try spool.incomingIsCurrent())
        #expect(try spool[.incoming].info().mode == 0o770)
    }

    @Test("a spool whose own folder was replaced is refused")
    func replacedRoot() throws {
        rename(test.path, test.path + "-old")
        #expect(refusal { try spool.reopenIncoming() }?.exit == 73)
        mkdir(test.path, 0o755)
        #expect(refusal { try spool.reopenIncoming() }?.exit == 73)
        rmdir(test.path)
        rename(test.path + "-old", test.path)
    }

    @Test("a second holder of the lock is told who the first is; a released lock is free")
    func lock() throws {
        let first = try SpoolLock.take(spool, started: "2026-11-24T02:05:47Z")
        let told = refusal { _ = try SpoolLock.take(spool, started: "later") }
        #expect(told?.exit == 75)
        #expect(told?.sentence.contains("pid \(Host.processID)") == true)
        #expect(told?.sentence.contains("2026-11-24T02:05:47Z") == true)
        try first.release()
        _ = try SpoolLock.take(spool, started: "now")
    }

    @Test("a standby takes the lock over when its holder lets go")
    func standby() async throws {
        let first = try SpoolLock.take(spool, started: "first")
        let pool = BlockingPool(threads: 1)
        let begun = Monitor(false)
        async let second = pool.run { [spool] () throws(SpoolRefusal) -> SpoolLock in
            begun.change { $0 = true }
            return try SpoolLock.wait(spool, started: "second")
        }
        // Asleep, not blocked: the other task needs one of the few threads that tests share.
        while !begun.look({ $0 }) { try await Task.sleep(nanoseconds: 1_000_000) }
        try first.release()
        _ = try await second
        #expect(SpoolLock.holder(spool)?.contains("since second") == true)
    }

    @Test("below the floor of bytes or inodes, or read-only, nothing may be claimed, and the sentence says why")
    func floor() {
        let floor = DiskFloor(bytes: 64 << 20)
        func obstacle(_ bytes: Int, _ inodes: Int?, _ readOnly: Bool = false) -> String? {
            floor.obstacle(
                FileSystemSpace(bytesFree: bytes, inodesFree: inodes, isReadOnly: readOnly, magic: 0), "/spool")
        }
        #expect(obstacle(64 << 20, 1000) == nil)
        #expect(obstacle(64 << 20, nil) == nil)
        #expect(obstacle((64 << 20) - 1, 1000)?.contains("spool.minFree") == true)
        #expect(obstacle(64 << 20, 999)?.contains("inodes") == true)
        #expect(obstacle(64 << 20, 1000, true)?.contains("read-only") == true)
    }

    @Test("room is held back, given up once, and held again")
    func reserve() throws {
        let reserve = Reserve(in: spool.root, bytes: 1 << 20)
        #expect(try reserve.restore(above: DiskFloor(bytes: 0)))
        #expect(try spool.root.info(of: ".reserve").size == 1 << 20)
        #expect(try reserve.release())
        #expect(try !reserve.release())
        #expect(try spool.root.infoIfPresent(of: ".reserve") == nil)
        #expect(try !reserve.restore(above: DiskFloor(bytes: 1 << 60)))
        #expect(try reserve.restore(above: DiskFloor(bytes: 0)))
        // A reserve of an earlier run is taken over as it is.
        #expect(try Reserve(in: spool.root, bytes: 1 << 20).restore(above: DiskFloor(bytes: 1 << 60)))
    }

    @Test("a good spool passes the preflight, which leaves nothing behind")
    func preflight() throws {
        #expect(Preflight.run(path: test.path, modes: SpoolModes(), floor: DiskFloor(bytes: 0)) == [])
        for box in Box.allCases { #expect(try test.names(box) == []) }
        #expect(try spool.root.names().count == 5)
    }

    @Test("the preflight tells every problem at once: wider permissions, no sticky bit, no room")
    func preflightProblems() throws {
        try spool[.incoming].setMode(0o777)
        try spool[.processing].setMode(0o770)
        try spool[.done].setMode(0o755)
        let problems = Preflight.run(path: test.path, modes: SpoolModes(), floor: DiskFloor(bytes: 1 << 60))
        #expect(problems.map(\.weight) == [.exit(78), .exit(78), .warning, .warning])
        #expect(problems.first?.sentence.contains("sticky") == true)
        #expect(problems.dropFirst().first?.sentence.contains("chmod 750") == true)
        #expect(problems.last?.sentence.contains("spool.minFree") == true)
    }

    @Test("a spool that cannot be made is one problem with 73")
    func preflightRefusal() throws {
        let problems = Preflight.run(path: "/proc/no/spool", modes: SpoolModes(), floor: DiskFloor(bytes: 0))
        #expect(problems.map(\.weight) == [.exit(73)])
    }

    @Test("at start the content of processing is sorted, and the same file in incoming is removed")
    func inventory() throws {
        try test.write("{}", "a.json", in: .processing)
        try spool[.processing].link("a.json", to: spool[.incoming], as: "a.json")
        try test.write("{}", "b.json", in: .processing)
        try test.write("{other}", "b.json")
        try test.write("{}", ".again.1f.c.json", in: .processing)
        try test.write("", ".a.status.json.vizd-00000000", in: .processing)
        for name: FileName in ["a.status.json", "gone.status.json", "b.0001.status.json", "note.txt"] {
            try test.write("", name, in: .processing)
        }
        let inventory = try Inventory(of: spool)
        #expect(inventory.found.map(\.claimed.role) == [.again(try job("c")), .job(try job("a")), .job(try job("b"))])
        #expect(inventory.twinsRemoved == ["a.json"])
        #expect(try test.names(.incoming) == ["b.json"])
        #expect(inventory.staleStatuses == ["gone.status.json"])
        #expect(inventory.strangers == ["note.txt"])
        try spool.removeStatuses(inventory.staleStatuses)
        #expect(try spool.sweep(.processing) == [".a.status.json.vizd-00000000"])
        #expect(try test.names(.processing).count == 6)
    }

    @Test("leftovers of vizd's own writing are swept, other hidden files stay")
    func sweep() throws {
        for name: FileName in [
            ".vizd-canary-1f-1", ".vizd-probe-x", ".x.result.json.vizd-0a1b2c3d", ".hidden.json", "x",
        ] {
            try test.write("", name, in: .incoming)
        }
        #expect(try spool.sweep(.incoming).count == 3)
        #expect(try test.names(.incoming) == [".hidden.json", "x"])
    }

    @Test("the presence of a job's files is told box by box")
    func presence() throws {
        let name = try job("a")
        try test.write("", "a.json", in: .failed)
        try test.write("", "a.result.json", in: .failed)
        try test.write("", "a.json")
        let presence = try spool.presence(of: name)
        #expect(presence.incoming != nil && presence.failed != nil && presence.failedResult != nil)
        #expect(presence.processing == nil && presence.done == nil && presence.doneResult == nil)
    }

    @Test("a second request takes up the name once it is free")
    func promote() throws {
        try test.write("1", "a.json", in: .processing)
        try test.write("2", ".again.1f.a.json", in: .processing)
        let again = try #require(Claimed(found: ".again.1f.a.json"))
        #expect(try spool.promote(again) == nil)
        try spool.remove(try #require(Claimed(found: "a.json")))
        #expect(try spool.promote(again)?.source == "a.json")
        #expect(try test.text("a.json", in: .processing) == "2")
        #expect(try spool.promote(again) == nil)
    }
}
