// What `vizd top` knows at one moment: values, as they were read from the spool's folders and the journal.

internal import Contract
internal import Spool

struct TopSnapshot: Equatable, Sendable {
    /// When it was read, nanoseconds since 1970.
    var at: Int64
    var spool: String
    /// The daemon that holds the spool's lock; nil where none does.
    var daemon: TopDaemon?
    /// When something last stirred in `incoming`: a running vizd sees to it once a minute (its proof that the watch
    /// works). Nil where this user may not look.
    var stirred: Int64?
    /// Why nothing is claimed, as a sentence.
    var obstacle: String?
    var waiting = TopList<TopWaiting>()
    var inFlight = TopList<TopFlight>()
    var failures = TopList<TopFailure>()
    var done = TopCount.jobs(0)
    /// How old the figures of a folder are in which something has changed since, nanoseconds: a large one is not read
    /// at every look.
    var behind: Int64 = 0
    /// `limits.inFlight`.
    var slots: Int
    var rate = TopRate()
    var money = TopMoney.unknown("it was not looked up yet")
    /// What could not be read, a sentence each.
    var troubles: [String] = []

    init(at: Int64, spool: String, slots: Int) { (self.at, self.spool, self.slots) = (at, spool, slots) }
}

/// How many jobs are in a box.
enum TopCount: Equatable, Sendable {
    case jobs(Int)
    /// There are so many and more: a folder beyond a size is not read through.
    case atLeast(Int)
    /// This user may not look.
    case hidden

    init(_ count: BoxCount) { self = count.isCut ? .atLeast(count.count) : .jobs(count.count) }

    var text: String {
        switch self {
        case .jobs(let count): "\(count)"
        case .atLeast(let count): "over \(count)"
        case .hidden: "?"
        }
    }
}

/// The first of many, with how many there are.
struct TopList<Row: Equatable & Sendable>: Equatable, Sendable {
    var count = TopCount.jobs(0)
    var rows: [Row] = []
}

/// What a daemon wrote about itself into the spool's lock.
struct TopDaemon: Equatable, Sendable {
    var words: [String]
    var since: Timestamp?

    /// From `pid 4711, host atelier, since 2026-11-24T02:18:03Z`; what else is there is kept as it is.
    init(_ text: String) {
        var words: [String] = []
        for word in text.components(by: ", ") {
            if word.hasPrefix("since "), let moment = Timestamp(rfc3339: String(word.dropFirst(6))) {
                since = moment
            } else {
                words.append(word)
            }
        }
        self.words = words
    }
}

/// A request that waits.
struct TopWaiting: Equatable, Sendable {
    var name: String
    var user: String?
    var outfit: String?
    var since: Int64
}

/// A job that is worked on.
struct TopFlight: Equatable, Sendable {
    var name: String
    var user: String?
    var outfit: String?
    var provider: String?
    /// Nil before its first status file is there.
    var stage: Stage?
    /// As the status file said.
    var percent: Int
    var secondsLeft: Double
    var message: String
    /// What it waits for, if it does.
    var waitsFor: WaitReason?
    /// When the status was written, nanoseconds since 1970.
    var updated: Int64?
    /// When it was claimed.
    var since: Int64

    /// How far it is by now: a status file tells of the moment it was written at, and of how long such jobs have
    /// lately taken. Between two of them progress is assumed to go on evenly; never to the end, and not while it waits.
    func percent(at now: Int64) -> Int {
        guard let updated, waitsFor == nil, secondsLeft > 0.5, percent < 99 else { return percent }
        let gone = Double(max(0, now - updated)) / 1e9
        let share = min(1, gone / secondsLeft)
        return min(99, percent + Int(Double(99 - percent) * share))
    }

    /// Seconds that are left by now, where anybody can say.
    func left(at now: Int64) -> Double? {
        guard let updated, waitsFor == nil, stage != nil, secondsLeft > 0 else { return nil }
        return max(0, secondsLeft - Double(max(0, now - updated)) / 1e9)
    }
}

/// A job that failed.
struct TopFailure: Equatable, Sendable {
    var name: String
    var user: String?
    /// Nil where the result cannot be read.
    var code: String?
    var message: String
    var at: Int64
}

/// How many jobs ended in each of the last sixty minutes.
struct TopRate: Equatable, Sendable {
    static let minutes = 60
    /// The first is the minute that ends now.
    private(set) var complete = [Int](repeating: 0, count: minutes)
    private(set) var failed = [Int](repeating: 0, count: minutes)
    /// Whether a folder was too large to be read through: then these are the least.
    var isCut = false
    /// Whether this user may look at neither folder.
    var isHidden = false

    init() {}

    /// Counts moments (nanoseconds since 1970). One that is yet to come (the clock was set back) counts as now.
    init(complete done: [Int64], failed: [Int64], now: Int64) {
        for time in done { TopRate.count(time, now, &complete) }
        for time in failed { TopRate.count(time, now, &self.failed) }
    }

    private static func count(_ time: Int64, _ now: Int64, _ bins: inout [Int]) {
        let minute = Int(max(0, now - time) / 60_000_000_000)
        if minute < minutes { bins[minute] += 1 }
    }

    /// Jobs of the last so many minutes.
    func complete(in minutes: Int) -> Int { complete.prefix(minutes).reduce(0, +) }
    func failed(in minutes: Int) -> Int { failed.prefix(minutes).reduce(0, +) }
}

/// What was spent, in millionths of a US dollar; reserved and uncertain amounts count as budgets count them.
enum TopMoney: Equatable, Sendable {
    case known(TopSpend)
    /// Why not, as a clause.
    case unknown(String)
}

struct TopSpend: Equatable, Sendable {
    var today: Int64 = 0
    var month: Int64 = 0
    /// Of the month: what orders under way may still cost, and what nobody can say.
    var reserved: Int64 = 0
    var uncertain: Int64 = 0
    /// `budget.monthly`.
    var budget: Int64?
}

extension String {
    /// Split at a separator of several characters.
    fileprivate func components(by separator: String) -> [String] {
        split(separator: separator).map(String.init)
    }
}
