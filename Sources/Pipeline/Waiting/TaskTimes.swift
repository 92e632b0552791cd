// How long tasks have lately taken, by provider and model: what decides when a task is asked first.

internal import Synchronization

/// Recent times of tasks, in seconds. Shared by all jobs.
package final class TaskTimes: Sendable {
    private static let kept = 50

    private let times = Mutex<[DeskBook.Place: [Double]]>([:])

    package init() {}

    /// Whether anything was remembered of a model, if only that there is nothing.
    func knows(_ place: DeskBook.Place) -> Bool { times.withLock { $0[place] != nil } }

    /// What an earlier run of the program knew, oldest first.
    func remember(_ seconds: [Double], _ place: DeskBook.Place) {
        times.withLock { $0[place] = Array((seconds + ($0[place] ?? [])).suffix(TaskTimes.kept)) }
    }

    /// Adds one, the oldest gives way.
    func add(_ seconds: Double, _ place: DeskBook.Place) {
        times.withLock { $0[place] = Array((($0[place] ?? []) + [seconds]).suffix(TaskTimes.kept)) }
    }

    /// How long the quickest quarter took at most; nil without a history.
    func usual(_ place: DeskBook.Place) -> Double? {
        times.withLock { times in
            guard let recent = times[place], !recent.isEmpty else { return nil }
            return recent.sorted()[(recent.count - 1) / 4]
        }
    }
}
