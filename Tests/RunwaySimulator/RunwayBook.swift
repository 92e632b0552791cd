// The simulated service as a value: account, tasks, uploads, routers. Time is passed in, in nanoseconds since 1970;
// what happened in between is worked out whenever it is asked, so a test may jump over days.
//
// It keeps the promise that "nothing is paid twice" is tested against: each credit that leaves the balance belongs to
// one task, is set aside at its create and settled once, at its end.

/// What came of a create.
enum Creation: Equatable, Sendable {
    case created(id: String)
    case noCredits
    case dailyLimit
}

/// The state of the service and the rules by which it changes.
struct RunwayBook: Sendable {
    private let configuration: RunwayConfiguration
    private var lanes: [String: Lane] = [:]
    private(set) var tasks: [String: TaskRecord] = [:]
    /// In the order of their creation.
    private(set) var order: [String] = []
    private(set) var credits: Int
    private(set) var usage = UsageLedger()
    private var recent: [String: Window] = [:]
    var uploads = UploadShelf()
    var routers = RouterDesk()
    var counters = Counters()

    /// What was asked of the service, whatever came of it.
    struct Counters: Sendable {
        var creates = 0
        var createsRefused = 0
        var createsDisturbed = 0
        var polls = 0
        var mostPollsInSecond = 0
        var shortestPollGap: Int64?
        var downloads = 0
        var cancels = 0
    }

    init(_ configuration: RunwayConfiguration) {
        self.configuration = configuration
        credits = configuration.credits
    }

    /// Lets everything happen that was to happen up to now, in its order.
    mutating func advance(to now: Int64) {
        for model in lanes.keys {
            while let event = lanes[model]?.next(until: now) { take(event) }
        }
    }

    private mutating func take(_ event: Lane.Event) {
        switch event {
        case .started(let id, let moment): tasks[id]?.startedAt = moment
        case .ended(let id, let moment): end(id, at: moment)
        }
    }

    /// A task that ran to its end comes to what it was to come to.
    private mutating func end(_ id: String, at moment: Int64) {
        guard let task = tasks[id] else { return }
        let phase: TaskPhase =
            switch task.fate {
            case .success: .succeeded
            case .failure(let code, let message, _): .failed(code: code, message: message)
            case .cancellation: .cancelled
            }
        settle(id, as: phase, charged: task.fate.isCharged, at: moment)
    }

    /// The money of a task, once.
    private mutating func settle(_ id: String, as phase: TaskPhase, charged: Bool, at moment: Int64) {
        guard var task = tasks[id] else { return }
        precondition(task.billed == nil, "task \(id) would be settled twice")
        task.end = phase
        task.endedAt = moment
        task.billed = charged ? task.reserved : 0
        tasks[id] = task
        guard !charged else { return }
        credits += task.reserved
        usage.add(-task.reserved, of: task.order.model, at: moment)
    }

    // MARK: Creating

    /// Creates a task, or says why the account may not have it. Inputs were inspected before.
    mutating func create(
        _ order: Order, digests: [String], fate: Fate, id: String, duration: Int64, at now: Int64
    ) -> Creation {
        let task = TaskRecord(
            id: id, order: order, digests: digests, createdAt: now, duration: duration,
            pendingTime: Int64(Double(duration) * configuration.pendingShare), fate: fate)
        let model = order.model
        let limits = configuration.limits(of: model)
        guard task.reserved <= credits else { return .noCredits }
        if let daily = limits.daily, dailyGenerations(of: model, at: now) >= daily { return .dailyLimit }
        precondition(tasks[id] == nil, "the identifier \(id) was drawn twice")
        credits -= task.reserved
        usage.add(task.reserved, of: model, at: now)
        recent[model, default: Window()].add(now)
        tasks[id] = task
        self.order.append(id)
        if let event = lanes[model, default: Lane(limit: limits.concurrent)].add(id, duration: duration, at: now) {
            take(event)
        }
        return .created(id: id)
    }

    /// Creates of a model within the last 24 hours.
    mutating func dailyGenerations(of model: String, at now: Int64) -> Int {
        recent[model]?.count(after: now - 86_400 * 1_000_000_000) ?? 0
    }

    /// Tasks of a model that run now and that wait.
    func load(of model: String) -> (running: Int, waiting: Int) {
        lanes[model].map { ($0.runningCount, $0.waitingCount) } ?? (0, 0)
    }

    // MARK: Reading and removing

    /// Notes that a task was asked for; nil when there is none to read.
    mutating func poll(_ id: String, at now: Int64) -> TaskRecord? {
        counters.polls += 1
        guard var task = tasks[id], !task.isDeleted else { return nil }
        if let last = task.lastPoll {
            counters.shortestPollGap = min(counters.shortestPollGap ?? .max, now - last)
        }
        let second = now / 1_000_000_000
        task.pollsInSecond = task.pollSecond == second ? task.pollsInSecond + 1 : 1
        (task.pollSecond, task.lastPoll, task.polls) = (second, now, task.polls + 1)
        counters.mostPollsInSecond = max(counters.mostPollsInSecond, task.pollsInSecond)
        tasks[id] = task
        return task
    }

    /// Cancels a task that is under way, or removes a finished one. False when there is none.
    ///
    /// What had begun is charged in full, what had not is refunded (if so configured), a finished task keeps its price.
    mutating func remove(_ id: String, at now: Int64) -> Bool {
        counters.cancels += 1
        guard let task = tasks[id], !task.isDeleted else { return false }
        if task.end == nil { stop(task, at: now) }
        tasks[id]?.isDeleted = true
        return true
    }

    /// Cancels a task that is under way as if somebody else had done it: it stays readable.
    mutating func cancelFromElsewhere(_ id: String, at now: Int64) {
        if let task = tasks[id], task.end == nil { stop(task, at: now) }
    }

    private mutating func stop(_ task: TaskRecord, at now: Int64) {
        let phase = task.phase(at: now)
        let hadBegun = if case .running = phase { true } else { false }
        lanes[task.order.model]?.remove(task.id, at: now)
        settle(task.id, as: .cancelled, charged: hadBegun || !configuration.refundsCancelled, at: now)
        advance(to: now)
    }

    /// Makes a task unreadable, as the service forgets old ones. Its course and its price stay.
    mutating func forget(_ id: String) { tasks[id]?.isDeleted = true }

    /// The output of a task for a download; nil when it has none (any more).
    mutating func download(_ id: String) -> Order? {
        counters.downloads += 1
        guard let task = tasks[id], !task.isDeleted, task.end == .succeeded else { return nil }
        tasks[id]?.downloads += 1
        return task.order
    }
}

/// Creates of one model within a rolling day.
private struct Window: Sendable {
    private var moments: [Int64] = []
    private var first = 0

    mutating func add(_ moment: Int64) { moments.append(moment) }

    /// How many are younger than a moment; the others are dropped.
    mutating func count(after moment: Int64) -> Int {
        while first < moments.count, moments[first] <= moment { first += 1 }
        if first > 1024, first * 2 > moments.count {
            moments.removeFirst(first)
            first = 0
        }
        return moments.count - first
    }
}

/// Net credits by day (UTC) and model, as `POST /v1/organization/usage` tells them.
struct UsageLedger: Sendable {
    private(set) var days: [Int64: [String: Int]] = [:]

    /// Days since 1970.
    static func day(of moment: Int64) -> Int64 { moment / (86_400 * 1_000_000_000) }

    mutating func add(_ credits: Int, of model: String, at moment: Int64) {
        days[Self.day(of: moment), default: [:]][model, default: 0] += credits
    }
}
