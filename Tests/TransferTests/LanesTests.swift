// Who may go, as a value: bounds, order, turns, leaving. And the moments at which somebody is looked at.

import Testing

@testable import Transfer

@Suite("Lanes")
struct LanesTests {
    /// Starts whoever may, each connected at once.
    private func run(_ lanes: inout Lanes) -> [TransferID] {
        var started: [TransferID] = []
        while let id = lanes.next() {
            lanes.connected(id)
            started.append(id)
        }
        return started
    }

    @Test("transfers of one origin go in their order, as many as it may have")
    func order() {
        var lanes = Lanes(total: 10, perOrigin: 2, connecting: 10)
        for id in TransferID(1)...5 { lanes.enter(id, origin: "a") }
        #expect(run(&lanes) == [1, 2])
        #expect(lanes.waiting == 3 && lanes.underWay == 2)
        #expect(lanes.leave(2) == true)
        #expect(run(&lanes) == [3])
        #expect(lanes.leave(1) && lanes.leave(3))
        #expect(run(&lanes) == [4, 5])
        #expect(lanes.leave(4) && lanes.leave(5))
        #expect(lanes.isEmpty && lanes.underWay == 0 && lanes.waiting == 0)
    }

    @Test("origins take turns, so that a burst to one does not keep another waiting")
    func turns() {
        var lanes = Lanes(total: 4, perOrigin: 4, connecting: 10)
        for id in TransferID(1)...10 { lanes.enter(id, origin: "busy") }
        lanes.enter(11, origin: "other")
        lanes.enter(12, origin: "third")
        #expect(run(&lanes) == [1, 11, 12, 2])
    }

    @Test("the first of an origin goes ahead until it has a connection")
    func connecting() {
        var lanes = Lanes(total: 10, perOrigin: 5, connecting: 10)
        for id in TransferID(1)...3 { lanes.enter(id, origin: "a") }
        #expect(lanes.next() == 1)
        #expect(lanes.next() == nil)
        lanes.connected(1)
        lanes.connected(1)
        #expect(lanes.next() == 2)
        // One that fails on the way lets the next one try.
        #expect(lanes.leave(2) == true)
        #expect(lanes.next() == 3)
        #expect(lanes.connecting == 1)
    }

    @Test("connections are made to so many origins at once and no more")
    func connectingBound() {
        var lanes = Lanes(total: 10, perOrigin: 5, connecting: 2)
        for (id, origin) in zip(TransferID(1)..., ["a", "b", "c"]) { lanes.enter(id, origin: origin) }
        #expect(lanes.next() == 1)
        #expect(lanes.next() == 2)
        #expect(lanes.next() == nil)
        lanes.leave(1)
        #expect(lanes.next() == 3)
    }

    @Test("who leaves while waiting is passed over")
    func withdrawn() {
        var lanes = Lanes(total: 1, perOrigin: 1, connecting: 1)
        for id in TransferID(1)...4 { lanes.enter(id, origin: "a") }
        #expect(run(&lanes) == [1])
        #expect(lanes.leave(2) == false)
        #expect(lanes.leave(2) == false)
        #expect(lanes.leave(99) == false)
        lanes.leave(1)
        #expect(run(&lanes) == [3])
        #expect(lanes.leave(4) == false)
        lanes.leave(3)
        #expect(lanes.isEmpty)
    }

    @Test("an origin from which everybody waiting left has no turn any more")
    func allWithdrawn() {
        var lanes = Lanes(total: 1, perOrigin: 1, connecting: 1)
        lanes.enter(1, origin: "a")
        #expect(run(&lanes) == [1])
        lanes.enter(2, origin: "b")
        lanes.leave(2)
        lanes.leave(1)
        #expect(lanes.next() == nil)
        #expect(lanes.isEmpty)
    }

    @Test("whatever happens, the bounds hold, everybody is served once, and nothing is left")
    func random() {
        var generator = SeededGenerator(7)
        for _ in 0..<50 {
            let (total, perOrigin, connecting) = (
                Int.random(in: 1...6, using: &generator), Int.random(in: 1...4, using: &generator),
                Int.random(in: 1...3, using: &generator)
            )
            var lanes = Lanes(total: total, perOrigin: perOrigin, connecting: connecting)
            var inside: [TransferID: String] = [:]
            var underWay: [TransferID: String] = [:]
            var last: [String: TransferID] = [:]
            for id in TransferID(1)...400 {
                let origin = ["a", "b", "c", "d"].randomElement(using: &generator)!
                lanes.enter(id, origin: origin)
                inside[id] = origin
                while Bool.random(using: &generator), let next = lanes.next() {
                    let from = inside[next]!
                    #expect(underWay.updateValue(from, forKey: next) == nil)
                    #expect(last[from, default: 0] < next)
                    last[from] = next
                    #expect(underWay.count <= total && underWay.values.count { $0 == from } <= perOrigin)
                    if Bool.random(using: &generator) { lanes.connected(next) }
                }
                #expect(lanes.connecting <= connecting && lanes.underWay == underWay.count)
                if Int.random(in: 0..<3, using: &generator) > 0,
                    let leaver = inside.keys.sorted().randomElement(using: &generator)
                {
                    #expect(lanes.leave(leaver) == (underWay.removeValue(forKey: leaver) != nil))
                    inside[leaver] = nil
                }
            }
            for id in inside.keys { lanes.leave(id) }
            #expect(lanes.isEmpty)
        }
    }

    @Test("deadlines come in the order of time, the latest one of each counts, and nothing piles up")
    func deadlines() {
        var deadlines = Deadlines()
        deadlines.set(1, 30)
        deadlines.set(2, 20)
        deadlines.set(3, 10)
        deadlines.set(3, 40)
        deadlines.remove(2)
        #expect(deadlines.next() == 30)
        #expect(deadlines.take(until: 29) == [])
        #expect(deadlines.take(until: 40) == [1, 3])
        #expect(deadlines.next() == nil)
        for number in Int64(0)..<10_000 { deadlines.set(TransferID(number % 3), number) }
        #expect(deadlines.footprint < 100)
        #expect(deadlines.take(until: 10_000) == [1, 2, 0])
    }
}

/// Numbers that are the same in every run.
private struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
