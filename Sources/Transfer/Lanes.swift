// Who may go: transfers wait here for a place, one lane an origin, first come first served within a lane, the lanes in
// turns. libcurl's own queue stays empty, so that nobody's time limit runs while they wait.
//
// Three bounds: on all transfers under way, on those of one origin, and on those that have no connection yet. The last
// is one an origin as well: the first of a burst to a host resolves its name, the rest find the answer known.
// A value without clock or network; every step costs O(1) on average.

internal import DequeModule

/// A transfer's number.
typealias TransferID = UInt64

/// Places for transfers.
struct Lanes {
    /// One origin's transfers.
    private struct Lane {
        /// Those that wait, in order; withdrawn ones stay until they come up or are too many.
        var queue = Deque<TransferID>()
        var waiting = 0
        var underWay = 0
        var connecting: TransferID?
        /// Whether the lane stands in `turns`.
        var hasTurn = false
    }

    /// Where a transfer is. Nobody is in two of these.
    private enum State {
        case waiting(String)
        case connecting(String)
        case connected(String)
    }

    private let bounds: (total: Int, perOrigin: Int, connecting: Int)
    private var lanes: [String: Lane] = [:]
    private var turns = Deque<String>()
    private var states: [TransferID: State] = [:]
    private(set) var waiting = 0
    private(set) var underWay = 0
    private(set) var connecting = 0

    init(total: Int, perOrigin: Int, connecting: Int) {
        precondition(total > 0 && perOrigin > 0 && connecting > 0, "no transfer could ever start")
        bounds = (total, perOrigin, connecting)
    }

    /// Whether nothing waits and nothing is under way; then nothing is kept either.
    var isEmpty: Bool { states.isEmpty && lanes.isEmpty && turns.isEmpty }

    /// Lines up a transfer.
    mutating func enter(_ id: TransferID, origin: String) {
        precondition(states[id] == nil, "transfer \(id) has entered before")
        states[id] = .waiting(origin)
        lanes[origin, default: Lane()].queue.append(id)
        lanes[origin]!.waiting += 1
        waiting += 1
        offerTurn(origin)
    }

    /// The next transfer that may start now; it has no connection yet. Nil when every place is taken or nobody waits.
    mutating func next() -> TransferID? {
        guard underWay < bounds.total, connecting < bounds.connecting, let origin = turns.popFirst() else { return nil }
        lanes[origin]!.hasTurn = false
        let id = takeFirst(origin)
        states[id] = .connecting(origin)
        lanes[origin]!.connecting = id
        lanes[origin]!.underWay += 1
        (underWay, connecting) = (underWay + 1, connecting + 1)
        return id
    }

    /// A transfer that started has its host's address or a connection: the next one of its origin may follow.
    mutating func connected(_ id: TransferID) {
        guard case .connecting(let origin) = states[id] else { return }
        states[id] = .connected(origin)
        lanes[origin]!.connecting = nil
        connecting -= 1
        offerTurn(origin)
    }

    /// A transfer has ended, or waits no more. Answers whether it was under way.
    @discardableResult
    mutating func leave(_ id: TransferID) -> Bool {
        switch states.removeValue(forKey: id) {
        case nil: return false
        case .waiting(let origin):
            waiting -= 1
            lanes[origin]!.waiting -= 1
            sweep(origin)
            return false
        case .connecting(let origin):
            connecting -= 1
            lanes[origin]!.connecting = nil
            release(origin)
        case .connected(let origin): release(origin)
        }
        return true
    }

    private mutating func release(_ origin: String) {
        underWay -= 1
        lanes[origin]!.underWay -= 1
        offerTurn(origin)
        sweep(origin)
    }

    /// Puts a lane at the end of the turns if one of its transfers could start.
    private mutating func offerTurn(_ origin: String) {
        let lane = lanes[origin]!
        guard !lane.hasTurn, lane.waiting > 0, lane.connecting == nil, lane.underWay < bounds.perOrigin else { return }
        lanes[origin]!.hasTurn = true
        turns.append(origin)
    }

    /// The first transfer of a lane that still waits. A lane has a turn only while there is one.
    private mutating func takeFirst(_ origin: String) -> TransferID {
        while let id = lanes[origin]!.queue.popFirst() {
            guard case .waiting = states[id] else { continue }
            waiting -= 1
            lanes[origin]!.waiting -= 1
            return id
        }
        preconditionFailure("the lane of \(origin) has a turn and nobody in it")
    }

    /// Takes away what is left of withdrawn transfers, and the lane itself when nothing is left in it.
    private mutating func sweep(_ origin: String) {
        let lane = lanes[origin]!
        if lane.waiting == 0 && lane.hasTurn {
            lanes[origin]!.hasTurn = false
            turns.removeAll { $0 == origin }
        }
        if lane.waiting == 0 && lane.underWay == 0 {
            lanes[origin] = nil
        } else if lane.queue.count > 2 * lane.waiting + 64 {
            lanes[origin]!.queue.removeAll { id in if case .waiting = states[id] { false } else { true } }
        }
    }
}
