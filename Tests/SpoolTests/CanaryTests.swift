// The proof of the watch as a value.

import Testing

@testable import Spool

@Suite("Canary")
struct CanaryTests {
    var canary = Canary(every: 60 * second, patience: 2 * second, now: 0)

    @Test("it is launched once a minute and rests when it was seen")
    mutating func seen() {
        #expect(canary.deadline == 60 * second)
        #expect(canary.tick(60 * second - 1) == .nothing)
        #expect(canary.tick(60 * second) == .launch(1))
        #expect(canary.deadline == 62 * second)
        canary.seen(1, at: 61 * second)
        #expect(canary.deadline == 121 * second)
        #expect(canary.tick(62 * second) == .nothing)
        #expect(canary.tick(121 * second) == .launch(2))
    }

    @Test("a watch that does not hear it in time is deaf")
    mutating func deaf() {
        _ = canary.tick(60 * second)
        #expect(canary.tick(62 * second - 1) == .nothing)
        #expect(canary.tick(62 * second) == .deaf)
        #expect(canary.deadline == 122 * second)
    }

    @Test("the event of an earlier flight proves nothing")
    mutating func late() {
        _ = canary.tick(60 * second)
        _ = canary.tick(62 * second)
        _ = canary.tick(122 * second)
        canary.seen(1, at: 122 * second)
        #expect(canary.tick(124 * second) == .deaf)
    }

    @Test("the cheaper way to sync is learned, and the other is tried again now and then")
    func choice() {
        var choice = SyncChoice()
        #expect(choice.wholeFileSystem(for: 7) == false)
        #expect(choice.wholeFileSystem(for: 100) == false)
        choice.took(100 * second, files: 100, wholeFileSystem: false)
        #expect(choice.wholeFileSystem(for: 100) == true)
        choice.took(2 * second, files: 100, wholeFileSystem: true)
        #expect(choice.wholeFileSystem(for: 100) == true)
        choice.took(9000 * second, files: 100, wholeFileSystem: true)
        var chosen = 0
        for _ in 0..<128 where choice.wholeFileSystem(for: 100) { chosen += 1 }
        #expect((1...2).contains(chosen))
    }
}
