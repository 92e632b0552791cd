// Threads of ours for blocking work, and for the tasks that ask for it.
//
// A task that hands each piece of such work to another thread and waits pays for two changes of threads every time, and
// a job has some twenty pieces. So tasks that are made for a pool (`Task(executorPreference: pool)`) run on the pool's
// own threads, and their blocking work runs right where they are. Work from elsewhere queues, in the order of arrival.
//
// Promise: at most `threads` pieces of blocking work are under way at any time. A pool for tasks has `spare` threads
// beyond those, so that a task which only goes on (the journal has answered, a poll is due) never waits for a disk.
// No more threads are woken for tasks than the machine has processors, and one: when the journal answers twenty tasks
// at once, twenty threads would only get in each other's way. Whoever is awake takes the next task when its own is
// done, and a thread that begins blocking work leaves its place among those to another.

internal import CLinux

/// A fixed number of threads that run blocking work and the tasks that were made for them.
package final class BlockingPool: TaskExecutor {
    private let monitor: Monitor<PoolState>

    /// Starts the threads.
    /// - Parameters:
    ///   - threads: pieces of blocking work at once.
    ///   - spare: threads beyond them, for tasks; at least one where tasks are made for this pool.
    package init(threads: Int, spare: Int = 0, name: String = "vizd-io") {
        precondition(threads > 0 && spare >= 0, "a pool of no threads would never run anything")
        monitor = Monitor(PoolState(limit: threads, threads: threads + spare))
        for _ in 0..<threads + spare {
            OwnedThread.spawn(name: name) { [monitor] in Seat(monitor).serve() }
        }
    }

    deinit { monitor.change { $0.isClosed = true } }

    /// The pool on one of whose threads the caller runs; nil anywhere else. Tasks that belong to the caller's are made
    /// for it.
    package static var here: BlockingPool? { Seat.taken?.pool }

    /// Runs `body` on one of the threads. A task of this pool's runs it where it is; any other is suspended meanwhile,
    /// and no cooperative thread is held.
    package func run<Answer: Sendable, Failure: Error>(
        _ body: @escaping @Sendable () throws(Failure) -> Answer
    ) async throws(Failure) -> Answer {
        if let seat = Seat.taken, seat.isAt(monitor), seat.beginWork() {
            defer { seat.endWork() }
            return try body()
        }
        let outcome: Result<Answer, Failure> = await withUnsafeContinuation { continuation in
            submit {
                let result: Result<Answer, Failure>
                do throws(Failure) { result = .success(try body()) } catch { result = .failure(error) }
                continuation.resume(returning: result)
            }
        }
        return try outcome.get()
    }

    /// Queues `body`; nobody waits for it.
    package func submit(_ body: @escaping @Sendable () -> Void) {
        monitor.changeAndCall { state in
            state.work.append(body)
            return state.callForWork()
        }
    }

    /// Takes a task of this pool's that can go on: what the runtime calls.
    package func enqueue(_ job: consuming ExecutorJob) {
        let turn = PoolState.Turn(job: UnownedJob(job), pool: self)
        if let seat = Seat.taken, seat.isAt(monitor) { return seat.goOn(with: turn) }
        monitor.changeAndCall { state in
            state.turns.append(turn)
            return state.callForTurns()
        }
    }
}

/// What waits for the threads of a pool.
private struct PoolState {
    /// A task that can go on, and the pool that it was made for.
    struct Turn {
        let job: UnownedJob
        let pool: BlockingPool
    }

    enum Step {
        case work(@Sendable () -> Void)
        case turn(Turn)
        case end
    }

    /// Pieces of blocking work at once.
    let limit: Int
    var atWork = 0
    var work = Line<@Sendable () -> Void>()
    var turns = Line<Turn>()
    var isClosed = false
    private let threads: Int
    /// Threads that sleep, or have been called and do not run yet.
    private var asleep = 0
    /// How many of these have been called.
    private var called = 0
    private static let awakeMax = Host.processors + 1

    init(limit: Int, threads: Int) { (self.limit, self.threads) = (limit, threads) }

    /// Work was added, or a place for it is free. Answers whether a thread is to be called.
    mutating func callForWork() -> Bool { !work.isEmpty && atWork < limit && call() }

    /// A task was added, or one thread fewer is there for them. Answers whether a thread is to be called.
    mutating func callForTurns() -> Bool {
        let awake = threads - asleep + called - atWork
        return !turns.isEmpty && awake < PoolState.awakeMax && call()
    }

    private mutating func call() -> Bool {
        guard called < asleep else { return false }
        called += 1
        return true
    }

    /// A thread goes to sleep.
    mutating func sleeps() { asleep += 1 }

    /// A thread has woken up: the one that was called, or another in its place.
    mutating func woke() {
        asleep -= 1
        called = max(0, called - 1)
    }

    /// Work first, since it has waited for a place; nil while there is nothing that may be done.
    mutating func next() -> Step? {
        if atWork < limit, let body = work.popFirst() {
            atWork += 1
            return .work(body)
        }
        if let turn = turns.popFirst() { return .turn(turn) }
        return isClosed && work.isEmpty ? .end : nil
    }
}

/// A queue in an array: what is taken from the front is let go of, the rest is not moved each time.
private struct Line<Item> {
    private var items: [Item?] = []
    private var taken = 0

    var isEmpty: Bool { taken == items.count }

    mutating func append(_ item: Item) { items.append(item) }

    mutating func popFirst() -> Item? {
        guard taken < items.count else { return nil }
        defer { tidy() }
        taken += 1
        return items[taken - 1].take()
    }

    private mutating func tidy() {
        if isEmpty {
            items.removeAll(keepingCapacity: true)
        } else if taken > 1024 && taken * 2 > items.count {
            items.removeFirst(taken)
        } else {
            return
        }
        taken = 0
    }
}

/// One thread of a pool. Made on it, touched by no other.
private final class Seat {
    private let monitor: Monitor<PoolState>
    /// The pool whose task runs here now.
    private(set) var pool: BlockingPool?
    /// The task that goes on here after the one that runs, which is about to wait for it or has ended: to wake another
    /// thread for it would cost more than it takes.
    private var next: PoolState.Turn?
    private var isAtWork = false
    /// How many tasks went on here one after the other without a look at the queue, and may at most.
    private var inARow = 0
    private static let inARowMax = 64

    init(_ monitor: Monitor<PoolState>) { self.monitor = monitor }

    /// The calling thread's; nil for one of no pool.
    static var taken: Seat? {
        vz_thread_seat().map { Unmanaged<Seat>.fromOpaque($0).takeUnretainedValue() }
    }

    func isAt(_ other: Monitor<PoolState>) -> Bool { monitor === other }

    /// Does what there is to do until the pool is closed.
    func serve() {
        vz_thread_set_seat(Unmanaged.passUnretained(self).toOpaque())
        defer { vz_thread_set_seat(nil) }
        while true {
            if let turn = next.take() {
                inARow += 1
                if inARow <= Seat.inARowMax {
                    run(turn)
                    continue
                }
                // Others have waited meanwhile: it stands behind them.
                handOver(turn)
            }
            inARow = 0
            switch nextStep() {
            case .turn(let turn)?: run(turn)
            case .work(let body)?:
                isAtWork = true
                monitor.changeAndCall { $0.callForTurns() }
                body()
                endWork()
            case .end?, nil: return
            }
        }
    }

    private func nextStep() -> PoolState.Step? {
        var isAsleep = false
        return monitor.wait { state in
            if isAsleep { state.woke() }
            let step = state.next()
            isAsleep = step == nil
            if isAsleep { state.sleeps() }
            return step
        }
    }

    private func run(_ turn: PoolState.Turn) {
        pool = turn.pool
        turn.job.runSynchronously(on: turn.pool.asUnownedTaskExecutor())
        pool = nil
    }

    /// A task that can go on since what runs here made it so. The latest goes first; an earlier one is for whoever has
    /// time, and so is any while this thread may block.
    func goOn(with turn: PoolState.Turn) {
        if isAtWork { return handOver(turn) }
        if let earlier = next.take() { handOver(earlier) }
        next = turn
    }

    /// Whether the task that runs here may block now; then `endWork` follows. Nobody overtakes work that waits.
    func beginWork() -> Bool {
        monitor.changeAndCall { state in
            isAtWork = state.atWork < state.limit && state.work.isEmpty
            guard isAtWork else { return false }
            state.atWork += 1
            if let turn = next.take() { state.turns.append(turn) }
            return state.callForTurns()
        }
        return isAtWork
    }

    func endWork() {
        isAtWork = false
        monitor.changeAndCall { state in
            state.atWork -= 1
            return state.callForWork()
        }
    }

    private func handOver(_ turn: PoolState.Turn) {
        monitor.changeAndCall { state in
            state.turns.append(turn)
            return state.callForTurns()
        }
    }
}
