// The waiting requests: a bounded index of what lies in `incoming`, never the requests themselves. Parts of compound
// jobs wait among them, one of each job at a time (`Families` of the loop hands in the next), so they need no bound.
//
// Order: by priority, then round-robin over users, then arrival. A user with ten thousand requests does not delay
// another's first. A value without disk or clock; every step costs O(log n). What does not fit is not lost: it stays in
// `incoming`, and `takeRescanWish` asks for a scan once there is room again.

internal import DequeModule
internal import HeapModule
package import Linux

/// When a request arrived, for the order within one user's requests.
package struct Arrival: Hashable, Comparable, Sendable {
    /// Nanoseconds since 1970: the moment of the event, or for a scan the time of its last change, a move into
    /// the folder included (ctime).
    package let time: Int64
    /// Keeps events of one moment apart; 0 for a scan, whose ties go by name.
    package let sequence: UInt64

    /// Makes an arrival.
    package init(time: Int64, sequence: UInt64 = 0) { (self.time, self.sequence) = (time, sequence) }

    /// By time, then by event.
    package static func < (one: Arrival, other: Arrival) -> Bool {
        (one.time, one.sequence) < (other.time, other.sequence)
    }
}

/// One waiting request, or a job without a file in `incoming` that waits among them: a part of a compound job, or the
/// whole of one whose parts have ended.
package struct QueueEntry: Hashable, Sendable {
    /// The file in `incoming`; for a job without one a name that no file can have.
    package let file: FileName
    /// Whose request it is; nil where that cannot be read (those share one turn).
    package let user: String?
    /// Lower goes first; kept between -8 and 7.
    package let priority: Int
    /// Its place among its user's requests.
    package let arrival: Arrival

    /// Makes an entry.
    package init(file: FileName, user: String?, priority: Int, arrival: Arrival) {
        (self.file, self.user, self.arrival) = (file, user, arrival)
        self.priority = min(max(priority, -8), 7)
    }

    /// Makes the entry of a job without a file.
    package init(fileless job: JobName, user: String?, priority: Int, arrival: Arrival) {
        let file = FileName(bytes: [QueueEntry.slash] + Array(job.text.utf8))
        self.init(file: file, user: user, priority: priority, arrival: arrival)
    }

    /// The job, where it has no file.
    package var fileless: JobName? {
        guard file.isOfNoFile else { return nil }
        return JobName(job: String(decoding: file.bytes.dropFirst(), as: UTF8.self))
    }

    /// What the name of a file never has.
    fileprivate static let slash = UInt8(ascii: "/")
}

extension FileName {
    /// Whether it stands for a job without a file.
    fileprivate var isOfNoFile: Bool { bytes.first == QueueEntry.slash }
}

/// What became of a request that was to be queued.
package enum QueueAdmission: Hashable, Sendable {
    case queued
    /// It was there before; nothing changed.
    case known
    /// This user has `limits.queuedPerUser` requests waiting; a later scan finds it again.
    case userFull
    /// The index is full; a later scan finds it again.
    case full
}

/// The bounded index of waiting requests.
package struct Queue: Sendable {
    /// A place in a lane. The serial tells whether it is still the one that counts.
    private struct Place: Comparable {
        let arrival: Arrival
        let file: FileName
        let serial: UInt32

        static func < (one: Place, other: Place) -> Bool {
            if one.arrival != other.arrival { return one.arrival < other.arrival }
            return one.file.bytes.lexicographicallyPrecedes(other.file.bytes)
        }
    }

    /// One user's requests of one priority. Withdrawn ones stay in the heap until they come up or are too many.
    private struct Lane {
        var heap = Heap<Place>()
        var live = 0
    }

    /// One priority: the lanes, and the users in the order of their turns. A user with a lane stands in exactly one of
    /// `turns` and `parked`.
    private struct Level {
        var lanes: [Int32: Lane] = [:]
        var turns = Deque<Int32>()
        var parked: Set<Int32> = []
        var live = 0
        /// Lanes from which everything was withdrawn; they go when their turn comes, or all at once when they are many.
        var empty = 0
    }

    private struct Slot {
        let user: Int32
        let priority: Int8
        let serial: UInt32
    }

    private struct User {
        var name: String?
        var live = 0
        /// Those of them without a file.
        var fileless = 0
        var lanes = 0
        var held = false
        var turnedAway = false
    }

    private let capacity: Int
    private let perUser: Int
    private var slots: [FileName: Slot] = [:]
    private var levels: [Int8: Level] = [:]
    private var order: [Int8] = []
    private var users: [User] = []
    private var numbers: [String?: Int32] = [:]
    private var freeNumbers: [Int32] = []
    private var serial: UInt32 = 0
    private var turnedAway = false
    private var rescanWish = false

    /// How many requests were turned away for want of room so far.
    package private(set) var turnedAwayCount = 0

    /// - Parameters:
    ///   - capacity: the most requests in the index.
    ///   - perUser: the most requests of one user in it (`limits.queuedPerUser`).
    package init(capacity: Int, perUser: Int) {
        precondition(capacity > 0 && perUser > 0, "a queue for nothing: \(capacity), \(perUser)")
        (self.capacity, self.perUser) = (capacity, perUser)
    }

    /// How many jobs without a file wait among the requests.
    package private(set) var filelessCount = 0

    /// How many requests wait, and jobs without a file among them.
    package var count: Int { slots.count }
    /// Whether none waits.
    package var isEmpty: Bool { slots.isEmpty }
    /// How many users have requests waiting.
    package var userCount: Int { users.count { $0.live > 0 } }

    /// Places and users that are kept, the withdrawn ones included; tests hold it against what waits.
    var footprint: Int {
        users.count + levels.values.reduce(0) { $0 + $1.lanes.values.reduce($1.turns.count) { $0 + $1.heap.count } }
    }

    /// Whether a file is in the index.
    package func contains(_ file: FileName) -> Bool { slots[file] != nil }

    /// Whether a scan is wanted because there is room again for what was turned away. Tells it once.
    package mutating func takeRescanWish() -> Bool {
        defer { rescanWish = false }
        return rescanWish
    }

    /// Whether no request would be taken in now, whoever it is of.
    package var isFull: Bool { slots.count - filelessCount >= capacity }

    /// Notes that a request was left where it is for want of room: a scan is wished for when there is room again.
    package mutating func turnAway() {
        turnedAway = true
        turnedAwayCount += 1
    }

    /// Puts a request in its place.
    package mutating func insert(_ entry: QueueEntry) -> QueueAdmission {
        if slots[entry.file] != nil { return .known }
        // A job without a file is not found again by a scan: it is never turned away, and takes no request's room.
        let isFileless = entry.fileless != nil
        if !isFileless && isFull {
            turnAway()
            return .full
        }
        let user = number(of: entry.user)
        if !isFileless && users[Int(user)].live - users[Int(user)].fileless >= perUser {
            users[Int(user)].turnedAway = true
            turnedAwayCount += 1
            return .userFull
        }
        if isFileless {
            filelessCount += 1
            users[Int(user)].fileless += 1
        }
        serial &+= 1
        let priority = Int8(entry.priority)
        slots[entry.file] = Slot(user: user, priority: priority, serial: serial)
        users[Int(user)].live += 1
        place(Place(arrival: entry.arrival, file: entry.file, serial: serial), user: user, priority: priority)
        return .queued
    }

    /// Takes a request out, because it was withdrawn or claimed otherwise. Answers whether it was there.
    @discardableResult
    package mutating func withdraw(_ file: FileName) -> Bool {
        guard let slot = slots.removeValue(forKey: file) else { return false }
        levels[slot.priority]!.lanes[slot.user]!.live -= 1
        levels[slot.priority]!.live -= 1
        leave(slot.user)
        if levels[slot.priority]!.lanes[slot.user]!.live == 0 {
            levels[slot.priority]!.empty += 1
            dropEmptyLanes(slot.priority)
        } else {
            compact(slot)
        }
        return true
    }

    /// Takes the request whose turn it is; nil when none waits but those of users on hold.
    package mutating func take() -> QueueEntry? {
        for priority in order where levels[priority]!.live > 0 {
            while let user = levels[priority]!.turns.popFirst() {
                if users[Int(user)].held {
                    levels[priority]!.parked.insert(user)
                } else if let place = pop(user, priority) {
                    let entry = QueueEntry(
                        file: place.file, user: users[Int(user)].name, priority: Int(priority), arrival: place.arrival)
                    if entry.fileless != nil {
                        filelessCount -= 1
                        users[Int(user)].fileless -= 1
                    }
                    turnOver(user, priority)
                    leave(user)
                    return entry
                } else {
                    levels[priority]!.empty -= 1
                    turnOver(user, priority)
                }
            }
        }
        return nil
    }

    /// Passes a user over until `release`: all slots that they may have are taken.
    package mutating func hold(_ user: String?) { users[Int(number(of: user))].held = true }

    /// Lets a user take turns again.
    package mutating func release(_ user: String?) {
        guard let number = numbers[user] else { return }
        users[Int(number)].held = false
        for priority in order where levels[priority]!.parked.remove(number) != nil {
            levels[priority]!.turns.append(number)
        }
        recycle(number)
    }

    /// How many requests go before this one as things stand (users on hold counted as if they were not); nil when it is
    /// not in the index. Costs a walk over its user's lane and over the users of its priority.
    package func position(of file: FileName) -> Int? {
        guard let slot = slots[file], let level = levels[slot.priority], let lane = level.lanes[slot.user],
            let own = lane.heap.unordered.first(where: { $0.file == file && $0.serial == slot.serial })
        else { return nil }
        let rank = lane.heap.unordered.count { $0 < own && slots[$0.file]?.serial == $0.serial }
        var ahead = rank
        for priority in order where priority < slot.priority { ahead += levels[priority]!.live }
        var passed = false
        for user in level.turns {
            if user == slot.user {
                passed = true
            } else {
                ahead += min(level.lanes[user]!.live, passed ? rank : rank + 1)
            }
        }
        return level.parked.reduce(ahead) { $1 == slot.user ? $0 : $0 + min(level.lanes[$1]!.live, rank) }
    }

    /// When the request that has waited longest arrived, nanoseconds since 1970; nil where none waits. Jobs without a
    /// file do not count. Costs a look at each lane, and a walk through those whose first place is no waiting request.
    package var oldestArrival: Int64? {
        levels.values.lazy.flatMap(\.lanes.values).filter { $0.live > 0 }.compactMap(oldest).min()
    }

    private func oldest(in lane: Lane) -> Int64? {
        if let first = lane.heap.min, isWaitingRequest(first) { return first.arrival.time }
        return lane.heap.unordered.lazy.filter(isWaitingRequest).map(\.arrival.time).min()
    }

    private func isWaitingRequest(_ place: Place) -> Bool {
        slots[place.file]?.serial == place.serial && !place.file.isOfNoFile
    }

    // MARK: Lanes and turns

    private mutating func place(_ place: Place, user: Int32, priority: Int8) {
        if levels[priority] == nil {
            levels[priority] = Level()
            order = (order + [priority]).sorted()
        }
        if levels[priority]!.lanes[user] == nil {
            levels[priority]!.lanes[user] = Lane()
            users[Int(user)].lanes += 1
            levels[priority]!.turns.append(user)
        } else if levels[priority]!.lanes[user]!.live == 0 {
            levels[priority]!.empty -= 1
        }
        levels[priority]!.lanes[user]!.heap.insert(place)
        levels[priority]!.lanes[user]!.live += 1
        levels[priority]!.live += 1
    }

    /// The first live place of a lane; the withdrawn ones before it go.
    private mutating func pop(_ user: Int32, _ priority: Int8) -> Place? {
        while let place = levels[priority]!.lanes[user]!.heap.popMin() {
            guard slots[place.file]?.serial == place.serial else { continue }
            slots[place.file] = nil
            levels[priority]!.lanes[user]!.live -= 1
            levels[priority]!.live -= 1
            return place
        }
        return nil
    }

    /// Ends a user's turn: to the back, or out of the level when nothing is left.
    private mutating func turnOver(_ user: Int32, _ priority: Int8) {
        if levels[priority]!.lanes[user]!.live > 0 {
            levels[priority]!.turns.append(user)
        } else {
            levels[priority]!.lanes[user] = nil
            users[Int(user)].lanes -= 1
            recycle(user)
        }
    }

    /// A request of this user left the index: there may be room for what was turned away.
    private mutating func leave(_ user: Int32) {
        if turnedAway && slots.count - filelessCount <= capacity / 4 * 3 {
            turnedAway = false
            rescanWish = true
        }
        guard numbers[users[Int(user)].name] == user else { return }
        users[Int(user)].live -= 1
        if users[Int(user)].turnedAway && users[Int(user)].live - users[Int(user)].fileless <= perUser / 2 {
            users[Int(user)].turnedAway = false
            rescanWish = true
        }
        recycle(user)
    }

    /// Rebuilds a lane in which more places are withdrawn than live, so that coming and going does not fill memory.
    private mutating func compact(_ slot: Slot) {
        let lane = levels[slot.priority]!.lanes[slot.user]!
        guard lane.heap.count > 2 * lane.live + 64 else { return }
        let live = lane.heap.unordered.filter { slots[$0.file]?.serial == $0.serial }
        levels[slot.priority]!.lanes[slot.user]!.heap = Heap(live)
    }

    private mutating func dropEmptyLanes(_ priority: Int8) {
        guard levels[priority]!.empty > levels[priority]!.lanes.count / 2 + 64 else { return }
        for (user, lane) in levels[priority]!.lanes where lane.live == 0 {
            levels[priority]!.lanes[user] = nil
            users[Int(user)].lanes -= 1
            recycle(user)
        }
        let lanes = levels[priority]!.lanes
        levels[priority]!.turns.removeAll { lanes[$0] == nil }
        levels[priority]!.parked = levels[priority]!.parked.filter { lanes[$0] != nil }
        levels[priority]!.empty = 0
    }

    // MARK: Users

    private mutating func number(of name: String?) -> Int32 {
        if let known = numbers[name] { return known }
        let number = freeNumbers.popLast() ?? Int32(users.count)
        if Int(number) == users.count { users.append(User()) }
        users[Int(number)] = User(name: name)
        numbers[name] = number
        return number
    }

    /// Forgets a user of whom nothing is left to know.
    private mutating func recycle(_ number: Int32) {
        let user = users[Int(number)]
        guard user.live == 0, user.lanes == 0, !user.held, numbers[user.name] == number else { return }
        numbers[user.name] = nil
        users[Int(number)] = User()
        freeNumbers.append(number)
    }
}
