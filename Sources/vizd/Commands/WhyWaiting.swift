// Why a request still waits in `incoming`: nobody is there, no room, all slots taken, its user's slots taken, or simply
// its turn. Worked out from the folders alone, by the rules that the daemon takes requests by; nobody is asked.
//
// The place in the line is as things stand now: the daemon has its users' turns in memory, so where several users wait
// it may be a few places off. A folder with very many requests is not read through.

internal import Contract
internal import Linux
internal import Spool

/// What the configuration says of waiting.
struct WaitingRules: Sendable {
    var inFlight: Int
    var perUser: Int
    /// Bytes (`spool.minFree`).
    var minFree: Int
    /// Bytes (`limits.requestBytes`).
    var requestBytes: Int
}

/// Why a request waits: a value.
struct WhyWaiting: Equatable {
    /// What is known of the spool at one moment.
    struct Facts {
        /// Whether a vizd holds the spool's lock.
        var isServed: Bool
        /// What is in the way of claiming: the sentence of the disk's floor.
        var floor: String?
        /// Jobs under way.
        var inFlight: Int
        /// Of the request's own user.
        var inFlightOfUser: Int
        /// Requests before it; nil where there are too many to count.
        var ahead: Int?
        /// Requests in the folder.
        var waiting: Int
        /// When it arrived, nanoseconds since 1970.
        var arrived: Int64
    }

    let waiting: JobWait
    /// What for, and what to do.
    let sentence: String

    init(_ facts: Facts, _ rules: WaitingRules) {
        let since = Timestamp(nanoseconds: facts.arrived)
        let line = WhyWaiting.line(facts)
        let (reason, sentence): (WaitReason, String) =
            if !facts.isServed {
                (.noDaemon, "no vizd is at work on this spool; start one with `vizd run`; \(line)")
            } else if let floor = facts.floor {
                (.room, "nothing is claimed: \(floor)")
            } else if facts.inFlightOfUser >= rules.perUser {
                (
                    .userLimit,
                    "its user has \(facts.inFlightOfUser) jobs under way, and \(rules.perUser) is the most "
                        + "(limits.perUser); \(line)"
                )
            } else if facts.inFlight >= rules.inFlight {
                (
                    .inFlightLimit,
                    "\(facts.inFlight) jobs are under way, and \(rules.inFlight) is the most (limits.inFlight); \(line)"
                )
            } else {
                (.queue, line)
            }
        waiting = JobWait(reason, since: since, ahead: facts.ahead)
        self.sentence = sentence
    }

    private static func line(_ facts: Facts) -> String {
        guard let ahead = facts.ahead else { return "\(facts.waiting) requests wait, too many to tell its place" }
        switch ahead {
        case 0: return "it is the next"
        case 1: return "one request is before it"
        default: return "\(ahead) requests are before it"
        }
    }
}

extension SpoolReader {
    /// The most requests that are read to find the place of one.
    private static let readMax = 20_000

    /// Why a request waits that arrived at this time.
    func why(_ job: JobReference, arrived: Int64, _ rules: WaitingRules) throws(SystemFailure) -> WhyWaiting {
        let peek = Peek(limit: rules.requestBytes) { bytes in
            switch RequestPeek.peek(bytes) {
            case .notYet: .notYet
            case .object(let user, let priority): .ready(user: user, priority: priority.rank)
            }
        }
        let user = try user(of: job.requestFile, in: .incoming, peek)
        let (inFlight, ofUser) = try underWay(of: user, peek)
        let (waiting, ahead) = try place(of: job.requestFile, peek)
        let facts = WhyWaiting.Facts(
            isServed: try daemon() != nil, floor: try floor(rules.minFree), inFlight: inFlight, inFlightOfUser: ofUser,
            ahead: ahead, waiting: waiting, arrived: arrived)
        return WhyWaiting(facts, rules)
    }

    private func floor(_ minFree: Int) throws(SystemFailure) -> String? {
        DiskFloor(bytes: minFree).obstacle(try root.space(), root.path)
    }

    private func user(of file: FileName, in box: Box, _ peek: Peek) throws(SystemFailure) -> String? {
        guard case .ready(let user, _, _) = peek.look(at: file, in: try self.box(box)) else { return nil }
        return user
    }

    /// Jobs under way, in all and of a user; a folder that may not be read has none.
    private func underWay(of user: String?, _ peek: Peek) throws(SystemFailure) -> (all: Int, ofUser: Int) {
        do throws(SystemFailure) {
            let folder = try box(.processing)
            let found = try requests(in: .processing, keeping: 1000)
            let ofUser = found.kept.count { entry in
                guard case .ready(let other, _, _) = peek.look(at: entry.file, in: folder) else { return user == nil }
                return other == user
            }
            return (found.count, ofUser)
        } catch  where error.errno == .accessDenied {
            return (0, 0)
        }
    }

    /// How many requests wait, and how many of them are taken before this one.
    private func place(of file: FileName, _ peek: Peek) throws(SystemFailure) -> (waiting: Int, ahead: Int?) {
        let found = try requests(in: .incoming, keeping: Self.readMax + 1)
        guard found.count <= Self.readMax else { return (found.count, nil) }
        let folder = try box(.incoming)
        var queue = Queue(capacity: Self.readMax, perUser: Self.readMax)
        for entry in found.kept {
            var (user, priority): (String?, Int) = (nil, Priority.normal.rank)
            if case .ready(let named, let rank, _) = peek.look(at: entry.file, in: folder) {
                (user, priority) = (named, rank)
            }
            _ = queue.insert(
                QueueEntry(file: entry.file, user: user, priority: priority, arrival: Arrival(time: entry.time)))
        }
        return (found.count, queue.position(of: file))
    }
}
