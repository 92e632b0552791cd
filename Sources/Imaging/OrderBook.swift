// The order book: who waits, which bench works on what, and what happens when a worker answers, dies or is late.
//
// A bench is a thread that owns at most one worker process. This is a value: every event is a mutating function whose
// answer says what the driver must do; it starts no process, reads no clock and resumes nobody. First come, first
// served, but for urgent orders: a finished picture that was paid for does not wait behind photos of jobs that have not
// ordered anything yet. A worker is reused until it has served its share or grown too large. An order whose worker died
// before it had read it is given to a fresh worker once; any other death ends that order only.

/// Which order; counted up, never reused.
typealias OrderNumber = UInt32

struct OrderBook: Sendable {
    /// How an order came to an end at its bench.
    enum Ending: Hashable, Sendable {
        /// The worker answered, well or badly, and has had so many bytes resident.
        case answered(residentPeak: Int)
        /// The worker was gone, or never started, before it had read the order.
        case unread
        /// The worker died or was killed after it had read the order.
        case lost
    }

    /// What becomes of the order and of the worker.
    struct Verdict: Hashable, Sendable {
        /// False: the order is in the book again and its outcome is dropped.
        let delivers: Bool
        /// True: the bench keeps its worker for the next order.
        let keepsWorker: Bool
    }

    /// What a bench does next.
    enum Step: Hashable, Sendable {
        case serve(OrderNumber)
        case rest
        case leave
    }

    private enum Bench: Hashable {
        /// The state while a bench has no worker and nothing to do.
        case vacant
        /// The state while a worker waits for orders, having served so many.
        case idle(served: Int)
        /// The state while an order is on the bench, whose worker has served so many before (0: a fresh one).
        case busy(OrderNumber, served: Int)
    }

    private var benches: [Bench]
    private var waiting: [OrderNumber] = []
    /// How many at the front of `waiting` are urgent.
    private var urgent = 0
    private var retried: Set<OrderNumber> = []
    private var closed = false
    private let ordersPerWorker: Int
    private let residentBytes: Int

    init(benches count: Int, ordersPerWorker: Int, residentBytes: Int) {
        precondition(count > 0 && ordersPerWorker > 0, "a book without benches would keep its orders for ever")
        benches = Array(repeating: .vacant, count: count)
        (self.ordersPerWorker, self.residentBytes) = (ordersPerWorker, residentBytes)
    }

    /// Orders that no bench has taken yet.
    var waitingCount: Int { waiting.count }

    /// An order has come.
    /// - Returns: the bench to be woken (one with a worker first), nil when all are at work; refused: vizd is stopping.
    mutating func place(_ order: OrderNumber, isUrgent: Bool = false) -> (accepted: Bool, wake: Int?) {
        guard !closed else { return (false, nil) }
        for wantsWorker in [true, false] {
            for (index, bench) in benches.enumerated() {
                switch bench {
                case .idle(let served) where wantsWorker: benches[index] = .busy(order, served: served)
                case .vacant where !wantsWorker: benches[index] = .busy(order, served: 0)
                default: continue
                }
                return (true, index)
            }
        }
        waiting.insert(order, at: isUrgent ? urgent : waiting.count)
        if isUrgent { urgent += 1 }
        return (true, nil)
    }

    /// Nobody waits for an order any more.
    /// - Returns: true when it is out of the book; false when a bench has it, which will finish it for nobody.
    mutating func withdraw(_ order: OrderNumber) -> Bool {
        guard let place = waiting.firstIndex(of: order) else { return false }
        waiting.remove(at: place)
        if place < urgent { urgent -= 1 }
        retried.remove(order)
        return true
    }

    /// A bench asks what to do.
    func step(_ index: Int) -> Step {
        if closed { return .leave }
        if case .busy(let order, _) = benches[index] { return .serve(order) }
        return .rest
    }

    /// A bench has finished with its order.
    mutating func finish(_ index: Int, _ ending: Ending) -> Verdict {
        guard case .busy(let order, let served) = benches[index] else {
            preconditionFailure("bench \(index) finished an order that it did not have: \(benches[index])")
        }
        let keeps: Bool
        switch ending {
        case .answered(let peak): keeps = !closed && served + 1 < ordersPerWorker && peak <= residentBytes
        case .unread, .lost: keeps = false
        }
        benches[index] = keeps ? .idle(served: served + 1) : .vacant
        if ending == .unread && !closed && retried.insert(order).inserted {
            waiting.insert(order, at: 0)
            urgent += 1
            takeNext(index)
            return Verdict(delivers: false, keepsWorker: false)
        }
        retried.remove(order)
        takeNext(index)
        return Verdict(delivers: true, keepsWorker: keeps)
    }

    private mutating func takeNext(_ index: Int) {
        guard !closed, !waiting.isEmpty else { return }
        let order = waiting.removeFirst()
        urgent = max(0, urgent - 1)
        if case .idle(let served) = benches[index] {
            benches[index] = .busy(order, served: served)
        } else {
            benches[index] = .busy(order, served: 0)
        }
    }

    /// An idle bench has lost or let go its worker. One that got an order meanwhile will start a fresh one for it.
    mutating func workerLeft(_ index: Int) {
        switch benches[index] {
        case .idle: benches[index] = .vacant
        case .busy(let order, _): benches[index] = .busy(order, served: 0)
        case .vacant: break
        }
    }

    /// vizd is stopping.
    /// - Returns: the orders that nobody will serve.
    mutating func close() -> [OrderNumber] {
        closed = true
        defer { waiting = [] }
        return waiting
    }
}
