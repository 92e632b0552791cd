// The settle rule as a value: when a name is looked at, and when a file that does not parse is handed on.

import Spool
import Testing

@testable import Linux

@Suite("Arrivals")
struct ArrivalsTests {
    var arrivals = Arrivals(settle: 2 * second, capacity: 4)

    func stamp(_ size: Int, inode: UInt64 = 1) -> FileStamp {
        FileStamp(identity: FileIdentity(device: 1, inode: inode), size: size, modified: Int64(size))
    }

    @Test("a renamed, closed, re-attributed or scanned file is looked at at once, a created one after the settle time")
    mutating func when() {
        for sighting in Sighting.allCases {
            arrivals.note("a.json", sighting, at: 10)
            let expected: Int64 = sighting == .created ? 10 + 2 * second : 10
            #expect(arrivals.nextDeadline == expected, "\(sighting)")
            #expect(arrivals.due(at: expected - 1, limit: 9) == [])
            #expect(arrivals.due(at: expected, limit: 9) == ["a.json"])
            arrivals.forget("a.json")
        }
        #expect(arrivals.nextDeadline == nil)
    }

    @Test("closing pulls a created file's look forward; a scan does not disturb its rest")
    mutating func pulled() {
        arrivals.note("a.json", .created, at: 0)
        arrivals.note("a.json", .scan, at: 1)
        #expect(arrivals.due(at: 1, limit: 9) == [])
        arrivals.note("a.json", .closedAfterWrite, at: 5)
        #expect(arrivals.due(at: 5, limit: 9) == ["a.json"])
        #expect(arrivals.due(at: 9 * second, limit: 9) == [])
    }

    @Test("a complete file is handed on with the time of its first event; one that a scan met has none")
    mutating func complete() {
        arrivals.note("a.json", .movedTo, at: 7)
        #expect(arrivals.looked("a.json", .complete, at: 9) == .handOn(settled: false, seen: 7))
        arrivals.note("a.json", .scan, at: 8)
        #expect(arrivals.looked("a.json", .complete, at: 9) == .handOn(settled: false, seen: nil))
        #expect(arrivals.count == 0)
    }

    @Test("a file that does not parse is handed on only after it stood still for the settle time")
    mutating func settles() {
        arrivals.note("a.json", .movedTo, at: 0)
        #expect(arrivals.looked("a.json", .incomplete(stamp(1)), at: 0) == .wait)
        #expect(arrivals.nextDeadline == 2 * second)
        #expect(arrivals.looked("a.json", .incomplete(stamp(2)), at: 2 * second) == .wait)
        #expect(arrivals.nextDeadline == 4 * second)
        // Looked at in between, unchanged: the rest goes on.
        #expect(arrivals.looked("a.json", .incomplete(stamp(2)), at: 3 * second) == .wait)
        #expect(arrivals.nextDeadline == 4 * second)
        #expect(arrivals.looked("a.json", .incomplete(stamp(2)), at: 4 * second) == .handOn(settled: true, seen: 0))
    }

    @Test("another file under the same name begins its rest anew")
    mutating func swapped() {
        #expect(arrivals.looked("a.json", .incomplete(stamp(1, inode: 1)), at: 0) == .wait)
        #expect(arrivals.looked("a.json", .incomplete(stamp(1, inode: 2)), at: 2 * second) == .wait)
    }

    @Test("a file that vanished is forgotten")
    mutating func gone() {
        arrivals.note("a.json", .created, at: 0)
        #expect(arrivals.looked("a.json", .gone, at: 1) == .forget)
        #expect(arrivals.nextDeadline == nil)
    }

    @Test("names beyond the capacity are dropped, and a scan is asked for once")
    mutating func bounded() {
        for number in 0..<6 { arrivals.note(FileName("\(number).json"), .movedTo, at: 0) }
        #expect(arrivals.count == 4)
        #expect(arrivals.takeOverflow() == true)
        #expect(arrivals.takeOverflow() == false)
    }

    @Test("names come due in the order of their times, then of their sightings, in portions")
    mutating func order() {
        arrivals.note("c.json", .movedTo, at: 2)
        arrivals.note("b.json", .movedTo, at: 1)
        arrivals.note("a.json", .movedTo, at: 1)
        #expect(arrivals.due(at: 5, limit: 2) == ["b.json", "a.json"])
        #expect(arrivals.due(at: 5, limit: 2) == ["c.json"])
    }

    @Test("a name that is touched for ever does not fill memory")
    mutating func touched() {
        for round in 0..<100_000 {
            arrivals.note("a.json", .attributes, at: Int64(round))
            _ = arrivals.looked("a.json", .incomplete(stamp(round)), at: Int64(round))
        }
        #expect(arrivals.count == 1)
        #expect(arrivals.due(at: .max - 2 * second, limit: 10) == ["a.json"])
    }
}
