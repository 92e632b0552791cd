// Threads for blocking work and the tasks that ask for it: where what runs, how much at once, and that all of it does.

import Synchronization
import Testing

@testable import Linux

/// How much is under way, and was at most.
private final class Tally: Sendable {
    private let state = Mutex((now: 0, most: 0))

    func begins() {
        state.withLock { state in
            state.now += 1
            state.most = max(state.most, state.now)
        }
    }

    func ends() { state.withLock { $0.now -= 1 } }

    var most: Int { state.withLock { $0.most } }
    var now: Int { state.withLock { $0.now } }
}

@Suite("Blocking pool")
struct BlockingPoolTests {
    @Test("a task of a pool's runs on its threads, its blocking work right where it is; anybody else's work queues")
    func places() async {
        let (pool, other) = (BlockingPool(threads: 2, spare: 1), BlockingPool(threads: 1))
        let own = await Task(executorPreference: pool) {
            let here = BlockingPool.here
            let inWork = await pool.run { BlockingPool.here }
            // Another pool's threads run no task of this one's.
            let elsewhere = await other.run { BlockingPool.here }
            return [here, inWork, elsewhere, BlockingPool.here].map { $0 === pool }
        }.value
        #expect(own == [true, true, false, true])
        #expect(BlockingPool.here == nil)
        #expect(await pool.run { BlockingPool.here } == nil)
    }

    @Test("work on a stack of its own stays on the pool of its caller")
    func ownStack() async throws {
        let pool = BlockingPool(threads: 1, spare: 1)
        let isHere = await Task(executorPreference: pool) { await OwnStack.run { BlockingPool.here === pool } }.value
        #expect(isHere)
    }

    @Test("tasks go on while every place for blocking work is taken")
    func goesOn() async {
        let pool = BlockingPool(threads: 2, spare: 1)
        let isOver = Monitor(false)
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<2 {
                group.addTask(executorPreference: pool) { await pool.run { _ = isOver.wait { $0 ? true : nil } } }
            }
            // Both may be within their work by now or not: this one ends them either way.
            group.addTask(executorPreference: pool) {
                await Task.yield()
                isOver.change { $0 = true }
            }
        }
        #expect(isOver.look { $0 })
    }

    @Test("work that waits for tasks never keeps all threads from them, however much of it there is")
    func leavesPlaces() async {
        let pool = BlockingPool(threads: 12, spare: 1)
        for _ in 0..<50 {
            let gone = Monitor(0)
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<12 {
                    group.addTask(executorPreference: pool) {
                        await pool.run { _ = gone.wait { $0 == 40 ? true : nil } }
                    }
                }
                for _ in 0..<40 {
                    group.addTask(executorPreference: pool) {
                        await Task.yield()
                        gone.change { $0 += 1 }
                    }
                }
            }
            #expect(gone.look { $0 } == 40)
        }
    }

    @Test("what a task has set going is not held up by what the task does next, however long that blocks")
    func handsOver() async {
        let pool = BlockingPool(threads: 1, spare: 1)
        let isOver = Monitor(false)
        await Task(executorPreference: pool) {
            let other = Task(executorPreference: pool) { isOver.change { $0 = true } }
            await pool.run { _ = isOver.wait { $0 ? true : nil } }
            await other.value
        }.value
        #expect(isOver.look { $0 })
    }

    @Test("tasks that keep each other going on one thread do not keep the others waiting")
    func fair() async {
        let pool = BlockingPool(threads: 1)
        let isOver = Monitor(false)
        let busy = Task(executorPreference: pool) {
            while !isOver.look({ $0 }) { await Task.yield() }
        }
        await Task(executorPreference: pool) { isOver.change { $0 = true } }.value
        await busy.value
        #expect(isOver.look { $0 })
    }

    @Test("no more work is under way than there are places, whoever asks for it, and all of it is done")
    func bounded() async {
        let (pool, tally) = (BlockingPool(threads: 3, spare: 2), Tally())
        let sum = await withTaskGroup(of: Int.self) { group in
            for number in 0..<400 {
                let work = { @Sendable () -> Int in
                    tally.begins()
                    defer { tally.ends() }
                    return number
                }
                let preference: BlockingPool? = number.isMultiple(of: 2) ? pool : nil
                group.addTask(executorPreference: preference) {
                    let first = await pool.run(work)
                    await Task.yield()
                    return await OwnStack.run { await pool.run(work) + first }
                }
            }
            return await group.reduce(0, +)
        }
        #expect(sum == 2 * 79_800)
        #expect(tally.now == 0 && (1...3).contains(tally.most), "\(tally.most)")
    }

    @Test("work of a pool's task that throws gives its failure to that task, and the place back")
    func failures() async {
        let pool = BlockingPool(threads: 1, spare: 1)
        let failure = SystemFailure(call: "x", errno: .noSpace, subject: "")
        let after = await Task(executorPreference: pool) {
            for _ in 0..<3 {
                await #expect(throws: failure) {
                    try await pool.run { () throws(SystemFailure) -> Int in throw failure }
                }
            }
            return await pool.run { 7 }
        }.value
        #expect(after == 7)
    }

    @Test("a pool that nobody has any more finishes what was queued")
    func closes() async {
        let done = Monitor(0)
        do {
            let pool = BlockingPool(threads: 1, spare: 1)
            for _ in 0..<100 { pool.submit { done.change { $0 += 1 } } }
        }
        #expect(done.wait { $0 == 100 ? $0 : nil } == 100)
    }
}
