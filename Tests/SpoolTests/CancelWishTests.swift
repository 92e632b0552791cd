// Wishes for the end of jobs: which names are one, that none is ever taken for a request, that the line is bounded and
// forgets nothing, and how their files go.

import Linux
import Testing

@testable import Spool

@Suite("Wishes for the end of jobs")
struct CancelWishTests {
    @Test("NAME.cancel is a wish about the job NAME, NAME.0003.cancel about a part of a batch")
    func names() throws {
        let whole = try #require(CancelWish("a b.c.cancel"))
        #expect(whole.job == JobName("a b.c") && whole.target.text == "a b.c")
        #expect(whole.target.cancelFile == "a b.c.cancel")
        let part = try #require(CancelWish("batch.0003.cancel"))
        #expect(part.job == nil && part.target == JobName("batch")?.part(3).landing)
        for name: FileName in [
            ".cancel", ".a.cancel", "a.cancel.json", "a.cancel~", "a.Cancel", "a.result.cancel", "a.0000.cancel",
            ".0001.cancel", "a\u{7}.cancel", "cancel", FileName(bytes: [0xFF] + Array(".cancel".utf8)),
            FileName(String(repeating: "x", count: 201) + ".cancel"),
        ] {
            #expect(CancelWish(name) == nil, "\(name)")
        }
    }

    @Test("a name for a wish is never one of a request")
    func neverARequest() {
        for name: FileName in ["a.cancel", "a.json.cancel", "batch.0001.cancel"] {
            #expect(NameClass(name) == .ignored(.foreign))
        }
    }

    @Test("the line is bounded, keeps one place for a name, and asks for a scan when there is room again")
    func bounded() throws {
        var wishes = CancelWishes(capacity: 4)
        for round in 0..<2 {
            for number in 0..<10 { wishes.note(try #require(CancelWish(FileName("j\(number).cancel")))) }
            #expect(wishes.count == 4, "round \(round)")
        }
        #expect(wishes.takeRescanWish() == false)
        let taken = wishes.take(3)
        #expect(taken.map(\.target.text) == ["j0", "j1", "j2"])
        let wanted = [wishes.takeRescanWish(), wishes.takeRescanWish()]
        #expect(wanted == [true, false])
        let rest = [wishes.take(100), wishes.take(1)]
        #expect(rest.map { $0.map(\.target.text) } == [["j3"], []])
        wishes.note(try #require(CancelWish("j0.cancel")))
        #expect(wishes.count == 1, "one that was taken may be seen again")
    }

    @Test("events and scans find wishes, and what is not looked at is found again")
    func found() throws {
        let test = try TestSpool()
        try test.write("", "a.cancel")
        let incoming = Incoming(test.spool, IncomingSettings(), at: 0) { _ in .notYet }
        _ = try incoming.step(at: 1, wall: 1)
        _ = try incoming.step(at: 2, wall: 2)
        #expect(incoming.takeWishes(9).map(\.target.text) == ["a"])
        #expect(incoming.queue.isEmpty && incoming.ignoredCount == 0)
        try test.write("any content", "b.cancel")
        _ = try incoming.step(at: 3, wall: 3)
        #expect(incoming.takeWishes(9).map(\.target.text) == ["b"])
        incoming.rescan(.overflow)
        while incoming.nextDeadline == 0 { _ = try incoming.step(at: 4, wall: 4) }
        #expect(Set(incoming.takeWishes(9).map(\.target.text)) == ["a", "b"])
    }

    @Test("a wish and the request beside it are seen, and a wish is removed once and for good")
    func removed() throws {
        let test = try TestSpool()
        let wish = try #require(CancelWish("a.cancel"))
        #expect(try test.spool.waiting(wish) == (nil, nil))
        try test.write("{}", "a.json")
        try test.write("", "a.cancel")
        let found = try test.spool.waiting(wish)
        #expect(found.wish?.kind == .regular && found.request?.size == 2)
        #expect(try test.spool.remove(wish) && test.spool.remove(wish))
        #expect(try test.spool[.incoming].names() == ["a.json"])
    }

    @Test("a folder under the name of a wish is left")
    func folder() throws {
        let test = try TestSpool()
        _ = try test.spool[.incoming].directory("a.cancel", createMode: 0o700)
        #expect(try !test.spool.remove(try #require(CancelWish("a.cancel"))))
    }
}
