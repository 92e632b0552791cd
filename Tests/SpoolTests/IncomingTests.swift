// The whole way in: from a dropped file to its turn in the queue, with bursts, overflow and withdrawals.

import Glibc
import Linux
import Spool
import Synchronization
import Testing

@Suite("Incoming")
final class IncomingTests {
    let test: TestSpool
    let incoming: Incoming
    var now: Int64 = 0

    init() throws {
        test = try TestSpool()
        var settings = IncomingSettings()
        settings.slice = 512
        incoming = Incoming(test.spool, settings, at: 0, ask: ask)
        try settle()
    }

    /// Steps at the present time until nothing is due.
    @discardableResult
    func settle() throws -> [IncomingNotice] {
        var notices: [IncomingNotice] = []
        repeat { notices += try incoming.step(at: now, wall: now) } while incoming.nextDeadline <= now
        return notices
    }

    func drain() -> [String] {
        var files: [String] = []
        while let entry = incoming.queue.take() { files.append(entry.file.description) }
        return files
    }

    @Test("a delivered request is queued at the very next step, with its user and priority")
    func delivered() throws {
        try test.deliver("{user:ann priority:0}", "a.json")
        _ = try incoming.step(at: 0, wall: 5)
        let entry = incoming.queue.take()
        #expect(entry?.file == "a.json" && entry?.user == "ann" && entry?.priority == 0)
    }

    @Test("events queue in the order in which they came, behind what a scan found earlier")
    func order() throws {
        now = 1
        for name: FileName in ["z.json", "a.json", "m.json"] { try test.deliver("{}", name) }
        try settle()
        #expect(drain() == ["z.json", "a.json", "m.json"])
    }

    @Test("a file written in two halves is taken when it is whole; one that stays broken after its quiet time")
    func halves() throws {
        let file = try test.spool[.incoming].open("a.json", .create)
        try file.write(all: Array("{us".utf8))
        try test.write("{broken", "b.json")
        try settle()
        #expect(incoming.queue.isEmpty)
        now = 1 * second
        try file.write(all: Array("er:x}".utf8))
        try settle()
        now = 2 * second
        try settle()
        let entries = (0..<3).compactMap { _ in incoming.queue.take() }
        #expect(Set(entries.map(\.file)) == ["a.json", "b.json"])
        #expect(entries.first { $0.file == "a.json" }?.user == "x")
        #expect(entries.first { $0.file == "b.json" }?.user == nil)
    }

    @Test("a hard-linked delivery is taken after the settle time")
    func linked() throws {
        try test.write("{}", "a", in: .tmp)
        try test.spool[.tmp].link("a", to: test.spool[.incoming], as: "a.json")
        try settle()
        #expect(incoming.queue.isEmpty)
        #expect(incoming.nextDeadline == 2 * second)
        now = 2 * second
        try settle()
        #expect(drain() == ["a.json"])
    }

    @Test("a request that was withdrawn leaves the queue; one that was replaced is looked at again")
    func withdrawn() throws {
        for name: FileName in ["a.json", "b.json"] { try test.deliver("{user:old}", name) }
        try settle()
        try test.spool[.incoming].unlink("a.json")
        try test.deliver("{user:new}", "b.json")
        try settle()
        #expect(incoming.queue.count == 1)
        #expect(incoming.queue.take()?.user == "new")
    }

    @Test("names that are not vizd's are left alone, counted, and told once a kind")
    func ignored() throws {
        for name: FileName in [".x.json", ".y.json", "a.tmp", "b.txt", "c.txt"] { try test.write("{}", name) }
        let notices = try settle().filter { if case .ignored = $0 { true } else { false } }
        #expect(notices.count == 3)
        now = 60 * second
        #expect(try settle() == [.rescan(.regular)])
        #expect(incoming.ignoredCount == 5)
        #expect(incoming.queue.isEmpty)
    }

    @Test("20,000 files in one burst, beyond what the kernel keeps: none is lost")
    func burst() throws {
        for number in 0..<20_000 {
            _ = try test.write("{user:u\(number % 7)}", FileName("f\(number).json"))
        }
        let notices = try settle()
        #expect(notices.contains(.rescan(.overflow)))
        #expect(incoming.queue.count == 20_000)
        var claim = Claim(test.spool)
        var claimed = 0
        while !incoming.queue.isEmpty {
            let batch = (0..<256).compactMap { _ in incoming.queue.take() }
            let report = try claim.claim(batch.map(\.file))
            claimed += report.claimed.count
            #expect(incoming.claimed(report, of: batch) == [])
        }
        #expect(claimed == 20_000)
        #expect(try test.names(.incoming) == [])
    }

    @Test("a forced overflow ends in a rescan that finds what the events did not tell")
    func overflow() throws {
        // 16,384 events are the kernel's own limit; each file costs two.
        let limit = 8_300
        for number in 0..<limit { _ = try test.spool[.incoming].open(FileName("f\(number).txt"), .create) }
        try test.deliver("{}", "late.json")
        let notices = try settle()
        #expect(notices.contains(.rescan(.overflow)))
        #expect(drain() == ["late.json"])
    }

    @Test("a backlog is read in slices: the first request is ready long before the last name is read")
    func slices() throws {
        let other = try TestSpool()
        for number in 0..<2_000 { try other.write("{}", FileName("f\(number).json")) }
        var settings = IncomingSettings()
        settings.slice = 100
        let incoming = Incoming(other.spool, settings, at: 0, ask: ask)
        _ = try incoming.step(at: 0, wall: 0)
        #expect((1...100).contains(incoming.queue.count))
        #expect(!incoming.isComplete)
        while !incoming.isComplete { _ = try incoming.step(at: 0, wall: 0) }
        #expect(incoming.queue.count == 2_000)
    }

    @Test("what does not fit is found again when there is room")
    func room() throws {
        let other = try TestSpool()
        for number in 0..<30 { try other.write("{user:u}", FileName("f\(number).json")) }
        var settings = IncomingSettings()
        settings.queuedPerUser = 10
        let incoming = Incoming(other.spool, settings, at: 0, ask: ask)
        var claim = Claim(other.spool)
        var claimed = 0
        var told: [IncomingNotice] = []
        for round in 0..<20 {
            repeat {
                told += try incoming.step(at: Int64(round), wall: 0).filter {
                    if case .queueFull = $0 { true } else { false }
                }
            } while incoming.nextDeadline == 0
            #expect(incoming.queue.count <= 10)
            let batch = (0..<5).compactMap { _ in incoming.queue.take() }
            claimed += try claim.claim(batch.map(\.file)).claimed.count
        }
        #expect(claimed == 30)
        #expect(told == [.queueFull(user: "u", ofEverybody: false)], "once, however often it is full")
        #expect(incoming.scans[.room] ?? 0 >= 2)
    }

    @Test("a scan that finds the queue full reads none of what stays outside; all come in as there is room")
    func outside() throws {
        let other = try TestSpool()
        for number in 0..<40 { try other.write("{user:u\(number)}", FileName("f\(number).json")) }
        var settings = IncomingSettings()
        (settings.queued, settings.slice) = (8, 2)
        let read = Mutex(0)
        let incoming = Incoming(other.spool, settings, at: 0) { bytes in
            read.withLock { $0 += 1 }
            return ask(bytes)
        }
        func settle(_ now: Int64) throws -> [IncomingNotice] {
            var notices: [IncomingNotice] = []
            repeat { notices += try incoming.step(at: now, wall: now) } while incoming.nextDeadline <= now
            return notices
        }
        #expect(try settle(0) == [.rescan(.start), .queueFull(user: nil, ofEverybody: true)])
        #expect(incoming.queue.count == 8 && incoming.queue.turnedAwayCount == 32 && incoming.isComplete)
        #expect(read.withLock { $0 } <= 8 + settings.slice)
        #expect(try settle(settings.rescan) == [.rescan(.regular)])
        #expect(read.withLock { $0 } <= 8 + settings.slice)
        var taken: Set<FileName> = []
        for round in 0..<40 {
            guard let entry = incoming.queue.take() else { break }
            try other.spool[.incoming].unlink(entry.file)
            taken.insert(entry.file)
            _ = try settle(settings.rescan + Int64(round))
        }
        #expect(taken.count == 40 && read.withLock { $0 } <= 40 + 20 * settings.slice)
    }

    @Test("incoming swapped for another folder: what lies in the new one is found by a scan")
    func swapped() throws {
        try test.spool.root.rename("incoming", as: "old", .noReplace)
        try test.spool.root.makeDirectory("incoming", mode: 0o770)
        _ = try test.spool.root.directory("incoming").open("a.json", .create).write(all: Array("{}".utf8))
        #expect(try settle().contains(.rescan(.reopened)))
        #expect(drain() == ["a.json"])
    }

    @Test("a file that cannot be moved is told once, and tried again only after it changed", .enabled(if: isRoot))
    func immovable() throws {
        try test.spool[.incoming].makeDirectory("a.json", mode: 0o700)
        let path = "\(test.path)/incoming/a.json"
        #expect(mount("none", path, "tmpfs", 0, nil) == 0)
        defer { umount2(path, Int32(MNT_DETACH)) }
        var claim = Claim(test.spool)
        var (told, tried) = (0, 0)
        for round in 1...4 {
            now = Int64(round) * 70 * second
            try settle()
            let batch = (0..<5).compactMap { _ in incoming.queue.take() }
            tried += batch.count
            told += incoming.claimed(try claim.claim(batch.map(\.file)), of: batch).count
        }
        #expect(told == 1 && tried == 1)
    }

    @Test("broken files share one turn, so that a hundred of them do not delay a request")
    func brokenFiles() throws {
        for number in 0..<100 { try test.deliver("{broken", FileName("b\(number).json")) }
        try settle()
        now = 2 * second
        try settle()
        try test.deliver("{user:ann}", "a.json")
        try settle()
        #expect(incoming.queue.count == 101)
        #expect(drain().firstIndex(of: "a.json") == 1)
    }

    @Test("large files are looked at a few at a time")
    func largeFiles() throws {
        let content = "{" + String(repeating: " ", count: 1 << 19) + "}"
        for number in 0..<20 { try test.deliver(content, FileName("f\(number).json")) }
        _ = try incoming.step(at: 0, wall: 0)
        #expect((1...9).contains(incoming.queue.count))
        #expect(incoming.nextDeadline <= 0)
        try settle()
        #expect(incoming.queue.count == 20)
    }

    @Test("hopeless files come to their turn at once, to be claimed and failed")
    func hopeless() throws {
        try test.spool[.incoming].makeFIFO("p.json")
        let big = try test.spool[.tmp].open("big", .create)
        try big.setSize(1 << 40)
        try test.spool[.tmp].rename("big", to: test.spool[.incoming], as: "big.json", .noReplace)
        try test.write("{}", "a.result.json")
        try settle()
        now = 2 * second
        try settle()
        #expect(Set(drain()) == ["p.json", "big.json", "a.result.json"])
    }
}
