// The queue of one model: so many tasks run at once, the others wait in the order of their creation.
//
// Nothing ticks. The lane is asked what happened up to a moment and tells it in the order of time, so that the story
// is the same however seldom it is asked.

/// Who runs and who waits.
struct Lane: Sendable {
    /// What happened at some moment.
    enum Event: Equatable, Sendable {
        case started(String, at: Int64)
        case ended(String, at: Int64)
    }

    private struct Run: Sendable {
        let endsAt: Int64
        let id: String
    }

    private struct Wait: Sendable {
        let id: String
        let duration: Int64
    }

    private let limit: Int?
    /// The latest end first.
    private var running: [Run] = []
    private var waiting: [Wait] = []
    private var firstWaiting = 0
    /// When a place was last freed: whoever waits begins then.
    private var freed: Int64 = .min

    init(limit: Int?) { self.limit = limit }

    var runningCount: Int { running.count }
    var waitingCount: Int { waiting.count - firstWaiting }
    private var isFull: Bool { limit.map { running.count >= $0 } ?? false }

    /// Takes a task in; what happened up to now must have been taken out before.
    mutating func add(_ id: String, duration: Int64, at now: Int64) -> Event? {
        if isFull || waitingCount > 0 {
            waiting.append(Wait(id: id, duration: duration))
            return nil
        }
        start(Wait(id: id, duration: duration), at: now)
        return .started(id, at: now)
    }

    /// Takes a task out before its end. Its place is free from now on.
    mutating func remove(_ id: String, at now: Int64) {
        if let index = running.firstIndex(where: { $0.id == id }) {
            running.remove(at: index)
            freed = now
        }
        if let index = waiting[firstWaiting...].firstIndex(where: { $0.id == id }) { waiting.remove(at: index) }
    }

    /// The next thing that happened up to `now`; nil when there is nothing more.
    mutating func next(until now: Int64) -> Event? {
        if waitingCount > 0, !isFull { return startNext(at: freed) }
        guard let run = running.last, run.endsAt <= now else { return nil }
        running.removeLast()
        freed = run.endsAt
        return .ended(run.id, at: run.endsAt)
    }

    private mutating func startNext(at moment: Int64) -> Event {
        let wait = waiting[firstWaiting]
        firstWaiting += 1
        if firstWaiting > 1024, firstWaiting * 2 > waiting.count {
            waiting.removeFirst(firstWaiting)
            firstWaiting = 0
        }
        start(wait, at: moment)
        return .started(wait.id, at: moment)
    }

    /// Keeps `running` in its order; of two that end together the earlier begun ends first.
    private mutating func start(_ wait: Wait, at moment: Int64) {
        let endsAt = moment + wait.duration
        var (low, high) = (0, running.count)
        while low < high {
            let middle = (low + high) / 2
            if running[middle].endsAt > endsAt { low = middle + 1 } else { high = middle }
        }
        running.insert(Run(endsAt: endsAt, id: wait.id), at: low)
    }
}
