// What a loop waits for: hints from folders, wake-ups, threads, messages between processes.

import Linux
import Synchronization
import Testing

@Suite("Waiting")
struct WaitingTests {
    @Test("a folder's changes come as events with their names")
    func watches() throws {
        let scratch = try Scratch()
        let inotify = try Inotify()
        let watch = try inotify.watch(scratch.directory, [.movedTo, .closedAfterWrite, .created])
        try scratch.directory.publish([1], as: "a.json", temporary: ".a")
        _ = try scratch.directory.link("a.json", as: "b.json")
        #expect(try Poll.readable([inotify.raw], timeout: 5_000_000_000) == [true])
        let events = try inotify.drain()
        #expect(events.contains(InotifyEvent(watch: watch, mask: .movedTo, name: "a.json")))
        #expect(events.filter { $0.name == "b.json" } == [InotifyEvent(watch: watch, mask: .created, name: "b.json")])
    }

    @Test("an event descriptor wakes once for many signals")
    func wakes() throws {
        let event = try EventFD()
        #expect(try Poll.readable([event.raw], timeout: 0) == [false])
        event.signal()
        event.signal()
        #expect(try Poll.readable([event.raw], timeout: nil) == [true])
        event.drain()
        #expect(try Poll.readable([event.raw], timeout: 0) == [false])
    }

    @Test("blocking work runs beside the cooperative pool, each answer to its caller")
    func pools() async {
        let pool = BlockingPool(threads: 8)
        let sum = await withTaskGroup(of: Int.self) { group in
            for number in 0..<500 { group.addTask { await pool.run { number * 2 } } }
            return await group.reduce(0, +)
        }
        #expect(sum == 249_500)
    }

    @Test("work that throws gives its failure to its caller only")
    func poolThrows() async {
        let pool = BlockingPool(threads: 1)
        let failure = SystemFailure(call: "x", errno: .noSpace, subject: "")
        await #expect(throws: failure) { try await pool.run { () throws(SystemFailure) -> Int in throw failure } }
        #expect(await pool.run { 7 } == 7)
    }

    @Test("a monitor hands a value from one thread to another, and gives up at its deadline")
    func monitors() {
        let monitor = Monitor<Int?>(nil)
        OwnedThread.spawn(name: "giver") { monitor.change { $0 = 5 } }
        #expect(monitor.wait { $0 } == 5)
        #expect(monitor.wait(until: MonotonicClock.now() + 1_000_000) { value -> Int? in value == 6 ? 6 : nil } == nil)
    }

    @Test("messages keep their borders and carry open files")
    func passesFiles() throws {
        let (here, there) = try MessageSocket.pair()
        try here.send([1, 2, 3], files: [OpenFile.inMemory(Array("picture".utf8))])
        try here.send([4])
        let first = try there.receive()
        #expect(first?.bytes == [1, 2, 3])
        #expect(try first?.files.first?.read(limit: 99) == Array("picture".utf8))
        #expect(try there.receive()?.bytes == [4])
    }

    @Test("a message that does not come ends at the deadline, a closed socket ends with nothing")
    func deadlines() throws {
        let (here, there) = try MessageSocket.pair()
        do {
            _ = try there.receive(deadline: MonotonicClock.now() + 1_000_000)
            Issue.record("a message came from nowhere")
        } catch {
            #expect(error.errno == .again)
        }
        try closeEnd(here)
    }

    /// Closing needs the last reference to go; it goes at the end of this call.
    private func closeEnd(_ socket: consuming MessageSocket) throws { _ = consume socket }

    @Test("the service manager hears what is said, on a path and on an abstract socket name")
    func notifies() throws {
        let silent = ServiceNotifier(environment: [:])
        try silent.notify("READY=1")
        #expect(silent.watchdogInterval == nil)
        let watched = ServiceNotifier(environment: ["WATCHDOG_USEC": "20000000"])
        #expect(watched.watchdogInterval == 10_000_000_000)
        let deaf = ServiceNotifier(environment: ["NOTIFY_SOCKET": "@vizd-nobody-listens"])
        #expect(throws: SystemFailure.self) { try deaf.notify("READY=1") }
    }

    @Test("the clocks run: one for waiting, one for people")
    func clocks() {
        let first = MonotonicClock.now()
        #expect(MonotonicClock.now() >= first)
        // After 2024-01-01, before 2100: nanoseconds, not another unit.
        #expect((1_704_067_200_000_000_000..<4_102_444_800_000_000_000).contains(WallClock.now()))
    }

    @Test("random bytes differ")
    func random() {
        #expect(Random.bytes(16) != Random.bytes(16))
        #expect(Random.hex(bytes: 4).count == 8)
    }
}
