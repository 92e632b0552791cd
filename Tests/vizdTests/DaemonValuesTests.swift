// The daemon's small values: slots, names at work, room, and what the status files say.

import Contract
import Digest
import Ledger
import Linux
import Logging
import Spool
import Synchronization
import Testing

@testable import Pipeline
@testable import vizd

@Suite("Slots")
struct DaemonSlotsTests {
    @Test("slots are counted in all and for each user, who is passed over with all of theirs and not a moment longer")
    func counts() {
        var slots = Slots(inFlight: 3, perUser: 2)
        #expect(slots.free == 3 && slots.count == 0)
        // Requests without a user share their slots.
        let taken = ["a", "a", nil].map { slots.take($0) }
        #expect(taken == [false, true, false], "the second is the user's last")
        #expect(slots.free == 0 && slots.count == 3)
        let given = ["a", "a", nil].map { slots.give($0) }
        #expect(given == [true, false, false], "only where a user was passed over")
        #expect(slots.free == 3 && slots.count == 0)
    }

    @Test("more of one user than allowed, as a start may find them, are passed over until they are below the limit")
    func beyond() {
        var slots = Slots(inFlight: 10, perUser: 2)
        let taken = (0..<4).map { _ in slots.take("a") }
        #expect(taken == [false, true, true, true])
        let given = (0..<4).map { _ in slots.give("a") }
        #expect(given == [false, false, true, false])
        #expect(slots.free == 10)
    }

    @Test("new limits hold from the next job on, and say who is passed over under them")
    func resized() {
        var slots = Slots(inFlight: 4, perUser: 3)
        for user in ["a", "a", "b"] { _ = slots.take(user) }
        #expect(full(slots) == [] && slots.free == 1)
        slots.resize(inFlight: 2, perUser: 2)
        #expect(full(slots) == ["a"] && slots.free == 0 && slots.count == 3)
        slots.resize(inFlight: 9, perUser: 3)
        #expect(full(slots) == [] && slots.free == 6)
    }

    private func full(_ slots: Slots) -> [String?] { slots.users.filter(\.isFull).map(\.user) }

    @Test("with more jobs left over than slots nothing is free, and never less than nothing")
    func overfull() {
        var slots = Slots(inFlight: 1, perUser: 1)
        for _ in 0..<3 { _ = slots.take("a") }
        #expect(slots.free == 0 && slots.count == 3)
    }

    @Test("a user is held while all their slots are taken, and at no other time, whatever the order")
    func property() {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<200 {
            let limit = Int.random(in: 1...3, using: &random)
            var (slots, running, held): (Slots, [String], Set<String>) = (Slots(inFlight: 8, perUser: limit), [], [])
            for _ in 0..<100 {
                if Bool.random(using: &random), slots.free > 0 {
                    guard let user = ["a", "b", "c"].filter({ !held.contains($0) }).randomElement(using: &random) else {
                        continue
                    }
                    running.append(user)
                    if slots.take(user) { held.insert(user) }
                } else if let user = running.randomElement(using: &random) {
                    running.remove(at: running.firstIndex(of: user)!)
                    if slots.give(user) { held.remove(user) }
                }
                for user in ["a", "b", "c"] {
                    let count = running.count { $0 == user }
                    #expect(held.contains(user) == (count == limit) && count <= limit)
                }
                #expect(slots.count == running.count)
            }
        }
    }

    @Test("slots that could never be given, or come back without having been taken, stop the process")
    func impossible() async {
        await #expect(processExitsWith: .failure) { _ = Slots(inFlight: 0, perUser: 1) }
        await #expect(processExitsWith: .failure) { _ = Slots(inFlight: 1, perUser: 0) }
        await #expect(processExitsWith: .failure) {
            var slots = Slots(inFlight: 1, perUser: 1)
            _ = slots.give("a")
        }
    }
}

@Suite("The pace of claiming")
struct DaemonPaceTests {
    @Test("the loop wakes to claim only where something can be claimed and no event comes before")
    func deadlines() {
        let (idle, more) = (ClaimPace(), ClaimPace(pausedUntil: 5, hasMore: true))
        let paused = ClaimPace(pausedUntil: 9, hasMore: false, obstacle: "no room")
        for pace in [idle, more, paused] { #expect(pace.deadline(canClaim: false) == .max, "it would never sleep") }
        #expect(idle.deadline(canClaim: true) == .max, "what waits, waits for slots of its users")
        #expect(more.deadline(canClaim: true) == 5)
        #expect(paused.deadline(canClaim: true) == 9)
    }
}

@Suite("Names at work")
struct DaemonNamesTests {
    @Test("a name is free once, and again when it is given back; spellings that only look alike are two")
    func names() throws {
        let names = NamesAtWork()
        let (one, other) = (try #require(JobName("é")), try #require(JobName("e\u{301}")))
        #expect(names.insert(one) && !names.insert(one) && names.insert(other))
        #expect(names.contains(one) && names.all.count == 2)
        names.remove(one)
        #expect(!names.contains(one) && names.contains(other) && names.insert(one))
    }

    @Test("of many who want a name at once one gets it")
    func race() async throws {
        let (names, name) = (NamesAtWork(), try #require(JobName("a")))
        let won = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<100 { group.addTask { names.insert(name) } }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(won == 1)
    }
}

@Suite("Room on the disk")
struct DaemonRoomTests {
    private let scratch: ScratchSpool
    private let folder: Directory
    private let lines = Lines()
    private let pauses = Pauses()

    init() throws {
        scratch = try ScratchSpool()
        folder = try Directory(path: scratch.path)
    }

    private func room(floor: Int = 0, reserve: Int = 4096) -> Room {
        Room(
            places: [FileSystemRoom(folder: folder, reserve: Reserve(in: folder, bytes: reserve))],
            floor: DiskFloor(bytes: floor, inodes: 0), interval: 7, pool: BlockingPool(threads: 1),
            log: lines.output(.text).logger(), clock: { 0 },
            pause: { [pauses] in pauses.add($0) })
    }

    @Test("with room there is no obstacle and the reserve is held; below the floor there is one and nothing is taken")
    func obstacle() throws {
        #expect(try room(floor: .max / 4).obstacle()?.contains("spool.minFree") == true)
        #expect(try folder.infoIfPresent(of: ".reserve") == nil)
        #expect(try room().obstacle() == nil)
        #expect(try folder.info(of: ".reserve").size == 4096)
    }

    @Test("who waits first gives up the reserve and tries at once; the next waits for the interval")
    func waits() async throws {
        let room = room()
        #expect(try room.obstacle() == nil)
        await room.wait("a: no room")
        #expect(try folder.infoIfPresent(of: ".reserve") == nil)
        #expect(pauses.all.isEmpty)
        await room.wait("a: no room")
        await room.wait("b: no room")
        #expect(pauses.all == [7, 7])
        #expect(lines.all.count == 1 && lines.last.contains("disk.full") && lines.last.contains("a: no room"))
        #expect(try room.obstacle() == nil)
        #expect(try folder.info(of: ".reserve").size == 4096, "held again once there is room")
    }
}

/// The lengths of the pauses that were asked for.
final class Pauses: Sendable {
    private let pauses = Mutex<[Int64]>([])
    var all: [Int64] { pauses.withLock { $0 } }
    func add(_ length: Int64) { pauses.withLock { $0.append(length) } }
}

@Suite("Status files")
struct DaemonStatusTests {
    private let scratch: ScratchSpool
    private let spool: Spool
    private let files: StatusFiles
    private let board: StatusBoard

    init() throws {
        scratch = try ScratchSpool()
        spool = try Spool(path: scratch.path)
        files = StatusFiles(spool) { Issue.record("a status could not be written: \($0)") }
        let time = Clock()
        self.time = time
        board = StatusBoard(
            files: files, provider: "flatlay", names: { $0 == "flatlay" ? "Flat lay" : $0 },
            monotonicClock: { time.now })
    }

    private let time: Clock

    private final class Clock: Sendable {
        private let value = Mutex<Int64>(5_000_000_000)
        var now: Int64 { value.withLock { $0 } }
        func advance(_ seconds: Int64) { value.withLock { $0 += seconds * 1_000_000_000 } }
    }

    private func ticket(_ request: String = #"{"user_id": "peichin", "outfit_id": "o"}"#) -> JobTicket {
        let decoded: Result<JobRequest, RequestFault>
        do throws(RequestFault) {
            decoded = .success(try JobRequest.decode(Array(request.utf8)))
        } catch {
            decoded = .failure(error)
        }
        let row = JobRow(name: "a", run: 1, digest: [], ownerUID: 0, request: nil, claimedAt: Sample.now)
        return JobTicket(name: "a", decoded: decoded, resume: .prepare, row: row, last: nil, queued: 0)
    }

    /// The status file once it says what is waited for.
    private func status(_ wanted: (StatusDocument) -> Bool) async throws -> StatusDocument {
        let deadline = MonotonicClock.now() + 10_000_000_000
        while true {
            if case .bytes(let bytes, _) = Reading.of("a.status.json", in: spool[.processing], limit: 1 << 16) {
                let status = try StatusDocument.decode(bytes)
                if wanted(status) { return status }
            }
            try #require(MonotonicClock.now() < deadline, "the status file never said it")
            await Task.yield()
        }
    }

    @Test("a job's file says what it is about from the beginning, and follows each step")
    func steps() async throws {
        let name = try #require(JobName("a"))
        board.begin(name, ticket())
        let first = try await status { _ in true }
        #expect(first.jobID == "a" && first.progress == 0 && first.stage == .prepare && first.attempt == 1)
        #expect(first.userID == "peichin" && first.outfitID == "o" && first.provider == nil)
        #expect(first.estimatedTime == 40, "nothing is known of any provider yet")
        time.advance(10)
        board.report(
            name,
            StageReport(
                stage: .generate, percent: 20, message: "Making the picture", userID: "peichin", outfitID: "o",
                provider: "flatlay", attempt: 2))
        let second = try await status { $0.progress == 20 }
        #expect(second.attempt == 2)
        #expect(second.stage == .generate && second.message == "Making the picture" && second.provider == "Flat lay")
        #expect(second.estimatedTime == 30)
        try files.retire(name.landing)
        #expect(try scratch.names(in: .processing).isEmpty)
    }

    @Test("what jobs took before is what the next is said to take")
    func history() async throws {
        let name = try #require(JobName("a"))
        board.remember([8, 8, 8], provider: "flatlay")
        board.begin(name, ticket())
        #expect(try await status { _ in true }.estimatedTime == 8)
        time.advance(3)
        board.ended(name, Sample.complete())
        try files.retire(name.landing)
        for _ in 0..<4 {
            board.begin(name, ticket())
            time.advance(3)
            board.ended(name, Sample.complete())
            try files.retire(name.landing)
        }
        board.begin(name, ticket())
        #expect(try await status { _ in true }.estimatedTime == 3, "five of three seconds, three of eight")
        try files.retire(name.landing)
    }

    @Test("a request that could not be read has no status file, and ends without trouble")
    func unreadable() throws {
        let name = try #require(JobName("a"))
        board.begin(name, ticket("{"))
        #expect(files.count == 0)
        board.ended(name, Sample.complete())
    }
}

@Suite("Rest")
struct RestTests {
    private let start: Int64 = 1_000

    /// Whether memory is let go of at each of these looks.
    private func looks(_ looks: [(isIdle: Bool, at: Int64)]) -> [Bool] {
        var rest = Rest()
        return looks.map { rest.look(isIdle: $0.isIdle, at: $0.at) }
    }

    @Test("what only work needs is let go of once, when nothing was to do for long enough")
    func once() {
        let end = start + Rest.after
        let moments = [start, end - 1, end, end + 1, start + 10 * Rest.after]
        #expect(looks(moments.map { (true, $0) }) == [false, false, true, false, false])
    }

    @Test("work ends a rest, and the next one counts from its own beginning")
    func again() {
        let round = { (at: Int64) in [(false, at - 1), (true, at), (true, at + Rest.after)] }
        let rounds = (0..<3).flatMap { round(start + $0 * 10 * Rest.after) }
        #expect(looks(rounds) == [false, false, true, false, false, true, false, false, true])
    }

    @Test("the loop wakes up for it once a rest, and not while there is work")
    func deadlines() {
        var rest = Rest()
        var deadlines = [rest.deadline]
        for (isIdle, at) in [(true, start), (true, start + 1), (false, start + 2), (true, start + 3)] {
            _ = rest.look(isIdle: isIdle, at: at)
            deadlines.append(rest.deadline)
        }
        _ = rest.look(isIdle: true, at: start + 3 + Rest.after)
        let (first, second) = (start + Rest.after, start + 3 + Rest.after)
        #expect(deadlines + [rest.deadline] == [.max, first, first, .max, second, .max])
    }
}
