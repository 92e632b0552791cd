// Compound jobs in the loop: whose parts wait, which comes next, and when the whole can be concluded. A value.
//
// Of each family one part at a time stands in the queue, in its parent's user's lane; when it is taken the next one
// takes its place. So a batch of five hundred takes turns like any request, and what a family costs in memory does not
// depend on how many parts it has. When the last part has ended the parent stands in the queue itself, to be concluded.

import Spool

/// A job that was taken apart, and what of it is still to be done.
struct Family: Sendable, Equatable {
    /// Its name; it may be a part of another job itself.
    let parent: JobName
    let user: String
    /// As the queue has it: lower goes first.
    let priority: Int
    /// When it was claimed, nanoseconds since 1970: its parts have its place among its user's requests.
    let arrival: Int64
    /// The numbers of the parts that have not ended, in the order in which they are to begin.
    let open: [Int]
    /// Seconds that its request waited before it was claimed.
    let queued: Double
}

/// Work of a compound job that needs a slot.
enum Errand: Sendable, Equatable {
    /// A part's turn has come. `since` is when its parent was claimed, nanoseconds since 1970.
    case part(JobName, since: Int64)
    /// All parts of this job have ended. `queued` is as the family has it.
    case whole(JobName, queued: Double)

    /// Its job.
    var name: JobName {
        switch self {
        case .part(let name, _), .whole(let name, _): name
        }
    }
}

/// The compound jobs that are neither begun nor ended.
struct Families {
    private struct State {
        let family: Family
        /// How many of `family.open` have been put into the queue.
        var lined: Int
        /// How many have not ended.
        var left: Int
        /// What of it stands in the queue.
        var waiting: QueueEntry?
    }

    private var states: [JobName: State] = [:]

    /// Jobs that wait for their parts.
    var count: Int { states.count }

    /// Parts that wait behind the one of their family that stands in the queue.
    var behind: Int { states.values.reduce(0) { $0 + $1.family.open.count - $1.lined } }

    /// What stands in the queue now, for a queue that was made anew.
    var waiting: [QueueEntry] { states.values.compactMap(\.waiting) }

    /// A job was taken apart. Answers what is to be put into the queue.
    mutating func begin(_ family: Family) -> QueueEntry {
        precondition(!family.open.isEmpty, "\(family.parent) waits for no part")
        precondition(states[family.parent] == nil, "\(family.parent) was taken apart twice")
        states[family.parent] = State(family: family, lined: 0, left: family.open.count, waiting: nil)
        guard let entry = line(family.parent) else { preconditionFailure("\(family.parent) has no first part") }
        return entry
    }

    /// An entry was taken from the queue. Answers what is to be done, and what takes its place.
    mutating func taken(_ job: JobName) -> (errand: Errand, next: QueueEntry?) {
        if let state = states[job], state.left == 0 {
            states[job]?.waiting = nil
            return (.whole(job, queued: state.family.queued), nil)
        }
        guard let parent = job.parent, let family = states[parent]?.family else {
            preconditionFailure("\(job) stood in the queue and belongs to nobody")
        }
        return (.part(job, since: family.arrival), line(parent))
    }

    /// A part, or a whole, has ended. Answers what is to be put into the queue: the parent, if this was the last part.
    mutating func ended(_ job: JobName) -> QueueEntry? {
        states[job] = nil
        guard let parent = job.parent, let state = states[parent] else { return nil }
        states[parent]?.left -= 1
        guard state.left == 1 else { return nil }
        let entry = entry(of: parent, for: state.family, sequence: 0)
        states[parent]?.waiting = entry
        return entry
    }

    /// The next part into the queue; nil when all have been there.
    private mutating func line(_ parent: JobName) -> QueueEntry? {
        guard let state = states[parent] else { return nil }
        states[parent]?.waiting = nil
        guard state.lined < state.family.open.count else { return nil }
        let number = state.family.open[state.lined]
        let entry = entry(of: parent.part(number), for: state.family, sequence: UInt64(state.lined + 1))
        states[parent]?.lined += 1
        states[parent]?.waiting = entry
        return entry
    }

    private func entry(of job: JobName, for family: Family, sequence: UInt64) -> QueueEntry {
        QueueEntry(
            fileless: job, user: family.user, priority: family.priority,
            arrival: Arrival(time: family.arrival, sequence: sequence))
    }
}
