// Tables of faults: one row a job, its trap and its end. All rows of a table run at once in one daemon, since no trap
// strikes another's job; so a table takes as long as its slowest row.

import Contract
import Linux
import RunwaySimulator
import TestSupport
import Testing

/// How a job ended, as tables tell it.
enum Ending: Equatable, CustomStringConvertible {
    /// `attempts` at ordering it.
    case complete(attempts: Int)
    /// `providerCode` nil: not looked at.
    case failed(ResultCode, attempts: Int, providerCode: String?)

    static let complete = Ending.complete(attempts: 1)
    static func failed(_ code: ResultCode) -> Ending { .failed(code, attempts: 1, providerCode: nil) }

    /// How a result tells it; the provider's code only where `expected` names one.
    init(_ result: ResultDocument, as expected: Ending) {
        switch result.outcome {
        case .complete, .batch, .removed, .profile: self = .complete(attempts: result.attempts)
        case .failed(let failure):
            var providerCode = failure.providerCode
            if case .failed(_, _, nil) = expected { providerCode = nil }
            self = .failed(failure.code, attempts: result.attempts, providerCode: providerCode)
        }
    }

    var description: String {
        switch self {
        case .complete(let attempts): "complete after \(attempts)"
        case .failed(let code, let attempts, let own):
            "\(code.rawValue) after \(attempts) (\(own ?? "any"))"
        }
    }
}

/// One row: a trap for a job, and how the job ends.
struct Trial: Sendable {
    let name: String
    let place: FaultPlace
    let fault: Fault
    /// How often it strikes.
    var count = 1
    let ending: Ending

    init(_ name: String, _ place: FaultPlace, _ fault: Fault, count: Int = 1, _ ending: Ending) {
        (self.name, self.place, self.fault, self.count, self.ending) = (
            name, place, fault, count, ending
        )
    }

    /// The same end for many statuses.
    static func statuses(_ statuses: [Int], _ place: FaultPlace, count: Int = 1, _ ending: Ending)
        -> [Trial]
    {
        statuses.map { Trial("\(place)-\($0)-\(count)", place, .status($0), count: count, ending) }
    }
}

extension RunwaySite {
    /// Delivers the jobs of a table, sets their traps, lets time pass, and holds what came of them against the table.
    /// The place must stand still (`held`): a trap for a task is set when its id is known, before it can end.
    /// `more` are members of each request's JSON.
    func run(_ trials: [Trial], _ settings: [String: String] = [:], more: String = "") throws {
        for trial in trials where trial.place == .create {
            spoilCreate(trial.name, trial.fault, count: trial.count)
        }
        let daemon = try ready(settings)
        for trial in trials { try order(trial.name, outfit: Fixture.outfit(2), more: more) }
        for trial in trials where trial.place != .create {
            let task = try awaitTask(trial.name, daemon)
            runway.inject(
                Injection(at: trial.place, count: trial.count, matching: task.id, fault: trial.fault))
            // A task can only be cancelled before its end.
            guard case .cancelledElsewhere = trial.fault else { continue }
            try daemon.await("the end of \(task.id)") {
                tasks(of: trial.name)[0].status == "CANCELLED" ? true : nil
            }
        }
        letTimePass()
        try watch(trials.count, daemon)
        var attempts = 0
        for trial in trials {
            let result = try daemon.landed(trial.name)
            attempts += result.attempts
            #expect(Ending(result, as: trial.ending) == trial.ending, "\(trial.name): \(reason(result))")
        }
        // Each attempt is one call, whatever the network made of it.
        #expect(runway.books.createsReceived == attempts)
        try finish(daemon, trials.map(\.name))
    }

    private func reason(_ result: ResultDocument) -> String {
        if case .failed(let failure) = result.outcome { failure.message } else { "it is complete" }
    }

    /// Waits for so many results, reading along in the status files: no secret may show up there for a moment.
    private func watch(_ count: Int, _ daemon: DaemonRun) throws {
        var leaks: Set<String> = []
        try daemon.await("\(count) results") { () -> Bool? in
            leaks.formUnion(try leaksInStatuses())
            return try site.names("done").count + site.names("failed").count == 2 * count ? true : nil
        }
        #expect(leaks.isEmpty, "\(leaks.sorted().joined(separator: "\n"))")
    }

    /// Stops vizd and looks whether everything fits together.
    func finish(_ daemon: DaemonRun, _ names: [String]) throws {
        try daemon.settled()
        #expect(try daemon.stop() == 0)
        let complaints = try complaints(names)
        #expect(complaints.isEmpty, "\(complaints.joined(separator: "\n"))")
    }

    /// A request of the example's one-garment outfit.
    func order(_ name: String, more: String = "") throws {
        try order(name, outfit: Fixture.outfit(2), more: more)
    }

    /// Waits until the status file of a job says something.
    func awaitStatus(_ name: String, containing words: String, _ daemon: DaemonRun) throws {
        try daemon.await("the status of \(name) to say \(words)") { () -> Bool? in
            try status(of: name)?.message.contains(words) ?? false ? true : nil
        }
    }
}
