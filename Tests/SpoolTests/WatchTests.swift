// What each way of delivering a file looks like to the watch, on real folders, and how the watch survives its own end.

import Glibc
import Linux
import Spool
import Testing

@Suite("Watch")
final class WatchTests {
    let test: TestSpool
    let watch: IncomingWatch
    var incoming: Directory { test.spool[.incoming] }

    init() throws {
        test = try TestSpool()
        var hints: [WatchHint] = []
        watch = IncomingWatch(test.spool, at: 0, hints: &hints)
        #expect(hints == [])
    }

    func drain(at now: Int64 = 1) throws -> [WatchHint] { try watch.drain(at: now) }

    @Test("create, write, close: created, then closed after writing")
    func plain() throws {
        try test.write("{}", "a.json")
        #expect(try drain() == [.look("a.json", .created), .look("a.json", .closedAfterWrite)])
    }

    @Test("rename into the folder, also over an existing name: moved to")
    func renamed() throws {
        for content in ["1", "2"] {
            try test.deliver(content, "a.json")
            #expect(try drain() == [.look("a.json", .movedTo)])
        }
    }

    @Test("a hard link sends only created")
    func linked() throws {
        try test.write("{}", "a", in: .tmp)
        try test.spool[.tmp].link("a", to: incoming, as: "a.json")
        #expect(try drain() == [.look("a.json", .created)])
    }

    @Test("a nameless file that is linked in sends only created")
    func nameless() throws {
        let file = try test.spool[.tmp].openNameless()
        try file.write(all: Array("{}".utf8))
        let path = "\(test.path)/incoming/a.json"
        #expect(linkat(AT_FDCWD, "/proc/self/fd/\(file.raw)", AT_FDCWD, path, AT_SYMLINK_FOLLOW) == 0)
        #expect(try drain() == [.look("a.json", .created)])
    }

    @Test("renamed in while the writer still writes: moved to, then closed after writing")
    func lateWriter() throws {
        var file: OpenFile? = try test.spool[.tmp].open("a", .create)
        try test.spool[.tmp].rename("a", to: incoming, as: "a.json", .noReplace)
        try file?.write(all: [1])
        file = nil
        #expect(try drain() == [.look("a.json", .movedTo), .look("a.json", .closedAfterWrite)])
    }

    @Test("exchanged names: each gone and there again")
    func exchanged() throws {
        try test.deliver("1", "a.json")
        try test.deliver("2", "b.json")
        _ = try drain()
        try incoming.rename("a.json", as: "b.json", .exchange)
        let hints = try drain()
        #expect(hints.count == 4)
        #expect(hints.contains(.look("a.json", .movedTo)) && hints.contains(.look("b.json", .movedTo)))
    }

    @Test("a claim and a removal: gone")
    func gone() throws {
        for name: FileName in ["a.json", "b.json"] { try test.deliver("{}", name) }
        _ = try drain()
        var claim = Claim(test.spool)
        _ = try claim.claim(["a.json"])
        try incoming.unlink("b.json")
        #expect(try drain() == [.gone("a.json"), .gone("b.json")])
    }

    @Test("publishing by chmod: attributes")
    func attributes() throws {
        try test.deliver("{}", "a.json")
        _ = try drain()
        chmod("\(test.path)/incoming/a.json", 0o644)
        #expect(try drain() == [.look("a.json", .attributes)])
    }

    @Test("links, pipes and folders: created")
    func odd() throws {
        try incoming.symlink("l.json", to: "x")
        try incoming.makeFIFO("p.json")
        try incoming.makeDirectory("d.json", mode: 0o700)
        #expect(
            try drain() == [
                .look("l.json", .created), .look("p.json", .created), .look("d.json", .created),
            ])
    }

    @Test("the folder moved away: opened anew, and the new one is heard")
    func moved() throws {
        try test.spool.root.rename("incoming", as: "old", .noReplace)
        #expect(try drain() == [.rescan(.reopened)])
        try test.deliver("{}", "a.json")
        #expect(try drain() == [.look("a.json", .movedTo)])
        // The old one is of no interest any more.
        _ = try test.spool.root.directory("old").open("b.json", .create)
        #expect(try drain() == [])
    }

    @Test("the folder deleted, also with another in its place: opened anew")
    func deleted() throws {
        try test.spool.root.removeDirectory("incoming")
        try test.spool.root.makeDirectory("incoming", mode: 0o770)
        #expect(try drain() == [.rescan(.reopened)])
        try test.spool.root.removeDirectory("incoming")
        #expect(try drain() == [.rescan(.reopened)])
        try test.deliver("{}", "a.json")
        #expect(try drain() == [.look("a.json", .movedTo)])
    }

    @Test("an overflow asks for a rescan; events of another watch are of no interest")
    func overflow() throws {
        #expect(
            try watch.inject(InotifyEvent(watch: -1, mask: .overflow, name: nil), at: 1) == [.rescan(.overflow)])
        #expect(try watch.inject(InotifyEvent(watch: 99, mask: .selfDeleted, name: nil), at: 1) == [])
        #expect(watch.isListening)
    }

    @Test("an unmounted folder is opened anew", .enabled(if: isRoot))
    func unmounted() throws {
        let path = "\(test.path)/incoming"
        #expect(mount("none", path, "tmpfs", 0, nil) == 0)
        // Another file system there: refused, whatever brought it there.
        #expect(throws: SpoolRefusal.self) { try self.watch.rebuild(.reopened, at: 1) }
        #expect(umount2(path, Int32(MNT_DETACH)) == 0)
        #expect(try watch.rebuild(.reopened, at: 1) == [.rescan(.reopened)])
        try test.deliver("{}", "a.json")
        #expect(try drain() == [.look("a.json", .movedTo)])
    }

    @Test("a canary that is seen proves the watch, and leaves nothing behind")
    func canary() throws {
        #expect(watch.nextDeadline == 60 * second)
        #expect(try drain(at: 60 * second) == [])
        #expect(watch.nextDeadline == 62 * second)
        #expect(try drain(at: 61 * second) == [])
        #expect(watch.nextDeadline == 121 * second)
        #expect(try test.names(.incoming) == [])
    }

    @Test("a deaf watch is found out by its canary and built anew")
    func deaf() throws {
        _ = try drain(at: 60 * second)
        // The canary's events are read away here, as if the kernel had never sent them.
        var lost = [UInt8](repeating: 0, count: 4096)
        let raw = try #require(watch.raw)
        #expect(read(raw, &lost, lost.count) > 0)
        let hints = try drain(at: 63 * second)
        #expect(hints.last == .rescan(.deaf))
        #expect(hints.count == 2)
        try test.deliver("{}", "a.json")
        #expect(try drain(at: 64 * second) == [.look("a.json", .movedTo)])
    }

    @Test("a scan in slices meets every name, and a deleted folder ends it")
    func scan() throws {
        for number in 0..<1000 { _ = try incoming.open(FileName("\(number).json"), .create) }
        let scan = try Scan(incoming)
        var met: [FileName] = []
        var slices = 0
        while let names = try scan.step(maxNames: 64) {
            #expect(names.count <= 64)
            met += names
            slices += 1
        }
        #expect(Set(met).count == 1000 && met.count == 1000)
        #expect(slices >= 16)
        #expect(try scan.step(maxNames: 64) == nil)
    }
}
