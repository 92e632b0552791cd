// The order of the waiting: priority, round-robin over users, arrival; and its bounds.

import Linux
import Testing

@testable import Spool

@Suite("Queue")
struct QueueTests {
    var queue = Queue(capacity: 1000, perUser: 1000)

    func entry(_ file: String, _ user: String? = "u", _ priority: Int = 1, at time: Int64 = 0, _ sequence: UInt64 = 0)
        -> QueueEntry
    {
        QueueEntry(
            file: FileName(file), user: user, priority: priority, arrival: Arrival(time: time, sequence: sequence))
    }

    func drain(_ queue: inout Queue) -> [String] {
        var files: [String] = []
        while let entry = queue.take() { files.append(entry.file.description) }
        return files
    }

    @Test("requests of one user come in the order of arrival: time, event number, name")
    mutating func arrival() {
        for one in [
            entry("d", at: 2), entry("c", at: 1, 9), entry("b", at: 1, 3), entry("z", at: 0), entry("a", at: 0),
        ] {
            #expect(queue.insert(one) == .queued)
        }
        #expect(drain(&queue) == ["a", "z", "b", "c", "d"])
    }

    @Test("the oldest arrival is that of a request that waits: not of one that was withdrawn or taken, and of no part")
    mutating func oldest() throws {
        #expect(queue.oldestArrival == nil)
        for one in [entry("a", "x", at: 5), entry("b", "x", at: 7), entry("c", "y", 2, at: 6), entry("d", "y", at: 9)] {
            _ = queue.insert(one)
        }
        let part = try #require(JobName(job: "batch.0001"))
        _ = queue.insert(QueueEntry(fileless: part, user: "x", priority: 1, arrival: Arrival(time: 1)))
        #expect(queue.oldestArrival == 5)
        queue.withdraw("a")
        #expect(queue.oldestArrival == 6)
        queue.withdraw("c")
        #expect(queue.oldestArrival == 7)
        queue.hold("x")
        #expect(queue.oldestArrival == 7, "one that waits for its user's slots waits")
        queue.withdraw("b")
        #expect(queue.take()?.file == "d" && queue.oldestArrival == nil && queue.count == 1)
    }

    @Test("users take turns, so that ten thousand requests of one do not delay another's first")
    mutating func fairness() {
        queue = Queue(capacity: 20_000, perUser: 20_000)
        for number in 0..<10_000 { _ = queue.insert(entry("big\(number)", "big", at: Int64(number))) }
        _ = queue.insert(entry("s1", "small", at: 99_999))
        _ = queue.insert(entry("s2", "small", at: 99_999))
        #expect((0..<5).compactMap { _ in queue.take()?.file.description } == ["big0", "s1", "big1", "s2", "big2"])
    }

    private func part(_ name: String, _ user: String = "big", at time: Int64 = 0, _ sequence: UInt64 = 0) throws
        -> QueueEntry
    {
        QueueEntry(
            fileless: try #require(JobName(job: name)), user: user, priority: 1,
            arrival: Arrival(time: time, sequence: sequence))
    }

    @Test("parts of a compound job take turns with other users' requests, and have their user's lane by arrival")
    mutating func parts() throws {
        _ = queue.insert(entry("big-later", "big", at: 9))
        let parts = [try part("b.0001", at: 5, 1), try part("b.0002", at: 5, 2)]
        #expect(queue.insert(parts[0]) == .queued)
        _ = queue.insert(entry("s1", "small", at: 99))
        let first = queue.take()
        #expect(first?.fileless == JobName(job: "b.0001") && first?.user == "big")
        #expect(queue.insert(parts[1]) == .queued)
        #expect(drain(&queue) == ["s1", "/b.0002", "big-later"])
    }

    @Test("a part is never turned away and takes no request's room; a hold is a hold for it too")
    mutating func partsAreNotRefused() throws {
        queue = Queue(capacity: 2, perUser: 1)
        #expect(queue.insert(entry("r1", "big")) == .queued)
        for number in 1...5 {
            let part = try part("b.000\(number)", at: 7, UInt64(number))
            #expect(queue.insert(part) == .queued)
        }
        #expect(queue.insert(entry("r2", "big")) == .userFull)
        #expect(queue.insert(entry("o1", "other")) == .queued)
        #expect(queue.insert(entry("o2", "third")) == .full)
        #expect(queue.count == 7)
        queue.hold("big")
        #expect(drain(&queue) == ["o1"])
        queue.release("big")
        #expect(drain(&queue) == ["r1", "/b.0001", "/b.0002", "/b.0003", "/b.0004", "/b.0005"])
        let wish = queue.takeRescanWish()
        #expect(wish, "there is room again for what was turned away")
    }

    @Test("a file of incoming is never taken for a part, whatever its name is")
    func noFileIsAPart() {
        for file in ["b.0001.json", ".b.0001", "b.0001"] { #expect(entry(file).fileless == nil) }
    }

    @Test("a higher priority goes first, whoever's it is")
    mutating func priority() {
        _ = queue.insert(entry("low", "a", 2))
        _ = queue.insert(entry("normal", "a", 1))
        _ = queue.insert(entry("high", "b", 0, at: 9))
        #expect(drain(&queue) == ["high", "normal", "low"])
    }

    @Test("requests whose user cannot be read share one turn")
    mutating func nobody() {
        for file in ["x1", "x2"] { _ = queue.insert(entry(file, nil)) }
        _ = queue.insert(entry("a1", "a"))
        #expect(drain(&queue) == ["x1", "a1", "x2"])
    }

    @Test("a withdrawn request does not come up; its name can come again")
    mutating func withdrawn() {
        for file in ["a", "b", "c"] { _ = queue.insert(entry(file)) }
        #expect(queue.insert(entry("b")) == .known)
        #expect(queue.withdraw("b") == true)
        #expect(queue.withdraw("b") == false)
        #expect(!queue.contains("b"))
        #expect(queue.insert(entry("b", at: 5)) == .queued)
        #expect(drain(&queue) == ["a", "c", "b"])
        #expect(queue.isEmpty)
    }

    @Test("one user's requests beyond the limit are turned away, and a scan is wished for at half of it")
    mutating func perUser() {
        queue = Queue(capacity: 100, perUser: 4)
        for number in 0..<6 { _ = queue.insert(entry("a\(number)", "a")) }
        #expect(queue.count == 4)
        #expect(queue.insert(entry("a9", "a")) == .userFull)
        #expect(queue.insert(entry("b", "b")) == .queued)
        #expect(queue.turnedAwayCount == 3)
        _ = queue.take()
        #expect(queue.takeRescanWish() == false)
        _ = queue.take()
        _ = queue.take()
        #expect(queue.takeRescanWish() == true)
        #expect(queue.takeRescanWish() == false)
    }

    @Test("a full index turns away, and wishes for a scan when a quarter is free")
    mutating func full() {
        queue = Queue(capacity: 8, perUser: 8)
        for number in 0..<9 { _ = queue.insert(entry("\(number)", "u\(number)")) }
        #expect(queue.count == 8)
        _ = queue.take()
        #expect(queue.takeRescanWish() == false)
        queue.withdraw("5")
        #expect(queue.takeRescanWish() == true)
    }

    @Test("a user on hold is passed over and takes turns again afterwards")
    mutating func hold() {
        for file in ["a1", "a2"] { _ = queue.insert(entry(file, "a")) }
        _ = queue.insert(entry("b1", "b"))
        queue.hold("a")
        #expect(drain(&queue) == ["b1"])
        #expect(queue.count == 2)
        _ = queue.insert(entry("a0", "a", 0))
        #expect(queue.take() == nil)
        queue.release("a")
        #expect(drain(&queue) == ["a0", "a1", "a2"])
        queue.hold("nobody's")
        queue.release("nobody's")
        #expect(queue.userCount == 0)
    }

    @Test("the position says how many go before, and the order proves it")
    mutating func position() {
        for user in 0..<5 {
            for number in 0...(user * 2) {
                _ = queue.insert(entry("u\(user)-\(number)", "u\(user)", number % 3, at: Int64(number)))
            }
        }
        queue.withdraw("u3-2")
        _ = queue.take()
        var told: [FileName: Int] = [:]
        for user in 0..<5 {
            for number in 0...(user * 2) {
                let file = FileName("u\(user)-\(number)")
                told[file] = queue.position(of: file)
            }
        }
        #expect(told.count == queue.count)
        var taken = 0
        while let entry = queue.take() {
            #expect(told[entry.file] == taken, "\(entry.file)")
            taken += 1
        }
    }

    /// SplitMix64: a failure is repeated by its seed.
    struct Seeded: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
            return mixed ^ (mixed >> 31)
        }
    }

    /// The queue as one would write it without caring for time: lists, searched from the front.
    struct Model {
        var entries: [QueueEntry] = []
        var turns: [Int: [String?]] = [:]

        mutating func insert(_ entry: QueueEntry) {
            entries.append(entry)
            if turns[entry.priority]?.contains(entry.user) != true {
                turns[entry.priority, default: []].append(entry.user)
            }
        }

        mutating func take() -> QueueEntry? {
            for priority in turns.keys.sorted() where entries.contains(where: { $0.priority == priority }) {
                while let user = turns[priority]?.first {
                    turns[priority]?.removeFirst()
                    let mine = entries.filter { $0.priority == priority && $0.user == user }
                    guard let first = mine.min(by: { $0.arrival < $1.arrival }) else { continue }
                    entries.removeAll { $0 == first }
                    if mine.count > 1 { turns[priority]?.append(user) }
                    return first
                }
            }
            return nil
        }
    }

    @Test("a long random life agrees with a slow and simple queue")
    mutating func model() {
        let seed = UInt64.random(in: 0 ... .max)
        var chance = Seeded(state: seed)
        var model = Model()
        for step in 0..<20_000 {
            switch Int.random(in: 0..<10, using: &chance) {
            case 0..<5:
                let user = "u\(Int.random(in: 0..<7, using: &chance))"
                let one = entry(
                    "f\(step)", user, Int.random(in: 0..<3, using: &chance), at: Int64(step % 50), UInt64(step))
                if queue.insert(one) == .queued { model.insert(one) }
            case 5:
                guard let victim = model.entries.randomElement(using: &chance) else { continue }
                #expect(queue.withdraw(victim.file) == true)
                model.entries.removeAll { $0 == victim }
            default:
                #expect(queue.take() == model.take(), "seed \(seed)")
            }
            #expect(queue.count == model.entries.count)
        }
    }

    @Test("users who come and withdraw without ever being served leave nothing behind")
    mutating func passersBy() {
        for number in 0..<20_000 {
            _ = queue.insert(entry("f", "user number \(number) with a long name"))
            queue.withdraw("f")
        }
        #expect(queue.userCount == 0)
        #expect(queue.footprint < 500)
        for _ in 0..<20_000 {
            _ = queue.insert(entry("stays"))
            _ = queue.insert(entry("f"))
            queue.withdraw("f")
        }
        #expect(queue.footprint < 1000)
    }

    @Test("100,000 waiting requests take less than 100 MB")
    func memory() async {
        // In a process of its own: what other tests hold in this one is not the queue's.
        await #expect(processExitsWith: .success) {
            var queue = Queue(capacity: 200_000, perUser: 200_000)
            let before = Host.residentBytes
            for number in 0..<100_000 {
                let one = QueueEntry(
                    file: FileName("request-with-a-usual-name-\(number).json"), user: "user-\(number % 1000)",
                    priority: number % 3, arrival: Arrival(time: Int64(number)))
                precondition(queue.insert(one) == .queued)
            }
            let used = Host.residentBytes - before
            precondition(used < 100 << 20, "\(used >> 20) MiB")
            var taken = 0
            while queue.take() != nil { taken += 1 }
            precondition(taken == 100_000)
        }
    }
}
