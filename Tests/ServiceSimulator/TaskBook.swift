// The simulated account and its tasks as a value. Time is passed in, in nanoseconds since 1970; what happened in
// between is worked out whenever it is asked.
//
// It keeps the promise that "nothing is paid twice" is tested against: each credit that leaves the balance belongs to
// one task, is set aside at its create and settled once, at its end.

internal import RunwaySimulator

/// How a task is to end.
enum ServiceFate: Sendable {
    case success
    case failure(Flaw, charged: Bool)
    case cancellation
}

/// One task. Times are nanoseconds.
struct ServiceTask: Sendable {
    let id: String
    let order: ServiceOrder
    let createdAt: Int64
    let duration: Int64
    var fate: ServiceFate
    var end: ServicePhase?
    var endedAt: Int64?
    var billed: Double?
    var isForgotten = false
    var polls = 0
    var downloads = 0

    func phase(at now: Int64) -> ServicePhase {
        if let end { return end }
        let share = Double(now - createdAt) / Double(max(1, duration))
        return share < 0.2 ? .waiting : .running(min(0.99, share))
    }
}

/// The account.
struct TaskBook: Sendable {
    private(set) var tasks: [String: ServiceTask] = [:]
    /// In the order of their creation.
    private(set) var order: [String] = []
    private(set) var credits: Double
    var counters = Counters()

    /// What was asked, whatever came of it.
    struct Counters: Sendable {
        var creates = 0
        var createsRefused = 0
        var createsDisturbed = 0
        var polls = 0
        var downloads = 0
    }

    init(credits: Double) { self.credits = credits }

    /// Lets everything end that was to end up to now.
    mutating func advance(to now: Int64) {
        for (id, task) in tasks where task.end == nil && task.createdAt + task.duration <= now {
            let moment = task.createdAt + task.duration
            switch task.fate {
            case .success: settle(id, .succeeded, charged: true, at: moment)
            case .failure(let flaw, let charged): settle(id, .failed(flaw), charged: charged, at: moment)
            case .cancellation: settle(id, .cancelled, charged: false, at: moment)
            }
        }
    }

    private mutating func settle(_ id: String, _ phase: ServicePhase, charged: Bool, at moment: Int64) {
        guard var task = tasks[id] else { return }
        precondition(task.billed == nil, "task \(id) would be settled twice")
        (task.end, task.endedAt) = (phase, moment)
        task.billed = charged ? task.order.credits : 0
        tasks[id] = task
        if !charged { credits += task.order.credits }
    }

    /// Creates a task, or says why the account may not have it.
    mutating func create(
        _ order: ServiceOrder, id: String, fate: ServiceFate, duration: Int64, concurrent: Int, at now: Int64
    ) -> OrderObstacle? {
        guard order.credits <= credits else { return .noCredit }
        guard tasks.values.count(where: { $0.end == nil }) < concurrent else { return .tooManyAtOnce }
        precondition(tasks[id] == nil, "the identifier \(id) was drawn twice")
        credits -= order.credits
        tasks[id] = ServiceTask(id: id, order: order, createdAt: now, duration: duration, fate: fate)
        self.order.append(id)
        return nil
    }

    /// Notes that a task was asked for; nil when there is none to read.
    mutating func poll(_ id: String) -> ServiceTask? {
        counters.polls += 1
        guard let task = tasks[id], !task.isForgotten else { return nil }
        tasks[id]?.polls += 1
        return task
    }

    /// Makes a task unreadable. Its course and its price stay.
    mutating func forget(_ id: String) { tasks[id]?.isForgotten = true }

    /// Ends a task that is under way as if somebody else had cancelled it.
    mutating func cancelFromElsewhere(_ id: String, at now: Int64) {
        if tasks[id]?.end == nil { settle(id, .cancelled, charged: false, at: now) }
    }

    /// The order of a finished task for a download; nil when there is none.
    mutating func download(_ id: String) -> ServiceOrder? {
        guard let task = tasks[id], task.end == .succeeded else { return nil }
        tasks[id]?.downloads += 1
        return task.order
    }
}
