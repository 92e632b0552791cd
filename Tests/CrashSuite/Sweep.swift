// Many trials: every call of a scenario's run in turn, or a sample of them drawn from a seed; a few at once. The report
// is what was struck, and for every breach the command that plays that one point again.

internal import Linux
internal import TestSupport

/// What is to be played.
package struct SweepPlan: Sendable {
    package var scenarios: [CrashScenario]
    /// Kills before, kills after, or both.
    package var moments: [Strike.Moment] = Strike.Moment.allCases
    /// How calls fail, where that is what is asked for; empty for kills.
    package var faults: [DiskFault] = []
    /// Points for each scenario and kind of strike; nil for all of them.
    package var points: Int?
    /// What a sample is drawn from.
    package var seed: UInt64 = 1
    /// One point only.
    package var only: Int?
    /// The group of calls that fails, with `only`.
    package var group: String?
    /// Trials at once.
    package var workers = 2
    /// Told a line for each breach, and one for each scenario.
    package var tell: @Sendable (String) -> Void = { _ = Terminal.write($0 + "\n", to: 1) }

    package init(scenarios: [CrashScenario]) { self.scenarios = scenarios }
}

/// What came of it.
package struct SweepReport: Sendable {
    /// Points at which vizd was struck.
    package fileprivate(set) var struck = 0
    /// Points that the run did not come to: it had fewer calls than the counted one.
    package fileprivate(set) var missed = 0
    package fileprivate(set) var jobs = 0
    /// How many of them ended with nobody knowing whether they were ordered.
    package fileprivate(set) var unknown = 0
    /// One text a breach, with the command to play it again.
    package fileprivate(set) var breaches: [String] = []
    /// Counted calls by what they were, over all scenarios.
    package fileprivate(set) var calls: [String: Int] = [:]

    /// One line.
    package var summary: String {
        "\(struck) points struck, \(missed) not reached, \(jobs) jobs run, \(unknown) of them ended as "
            + "submission_unknown, \(breaches.count) breaches"
    }
}

/// Plays a plan. Blocks until all of it is played.
package struct Sweep {
    private let plan: SweepPlan
    private let template: Template

    /// Makes the template for the plan's scenarios.
    package init(_ plan: SweepPlan) throws {
        self.plan = plan
        template = try Template(outfits: Set(plan.scenarios.flatMap { $0.jobs.flatMap(\.outfits) }).sorted())
    }

    /// Plays it.
    package func run() throws -> SweepReport {
        var report = SweepReport()
        for scenario in plan.scenarios {
            let counted = try Trial(scenario, .count(reads: !plan.faults.isEmpty), template).run()
            guard counted.breaches.isEmpty else {
                for breach in counted.breaches.map({ "\(scenario.name), without a strike: \($0)" }) {
                    report.breaches.append(breach)
                    plan.tell(breach)
                }
                continue
            }
            for call in counted.calls { report.calls[Self.kind(of: call), default: 0] += 1 }
            let strikes = strikes(counted.calls, scenario)
            let before = report
            try play(strikes, scenario, &report)
            plan.tell(
                "\(scenario.name): \(counted.calls.count) calls, \(report.struck - before.struck) struck, "
                    + "\(report.breaches.count - before.breaches.count) breaches")
        }
        return report
    }

    /// `rename renameat2` of `17 rename renameat2 a.json`.
    private static func kind(of call: String) -> String {
        call.split(separator: " ").dropFirst().prefix(2).joined(separator: " ")
    }

    // MARK: Points

    /// Everything that is to be struck in a scenario whose run has these calls.
    private func strikes(_ calls: [String], _ scenario: CrashScenario) -> [Strike] {
        var chance = Lot(seed: plan.seed &+ UInt64(scenario.name.utf8.reduce(0) { $0 &* 31 &+ Int($1) }))
        if plan.faults.isEmpty {
            return plan.moments.flatMap { moment in
                points(of: calls.count, &chance).map { Strike.kill(at: $0, moment) }
            }
        }
        return plan.faults.flatMap { fault in
            fault.groups.filter { plan.group == nil || $0 == plan.group }.flatMap { group in
                points(of: DiskFault.count(of: group, in: calls), &chance).map {
                    Strike.fail(group: group, at: $0, fault)
                }
            }
        }
    }

    private func points(of count: Int, _ chance: inout Lot) -> [Int] {
        if let only = plan.only { return [only] }
        guard count > 0 else { return [] }
        guard let sample = plan.points, sample < count else { return Array(1...count) }
        // One of each stretch, so that a sample is spread over the whole run.
        return (0..<sample).map { index in
            let (first, next) = (count * index / sample, count * (index + 1) / sample)
            return first + 1 + chance.draw(below: next - first)
        }
    }

    // MARK: Playing

    fileprivate struct Shared {
        var waiting: [Strike]
        var working = 0
        var report: SweepReport
        var failure: (any Error)?
    }

    private func play(_ strikes: [Strike], _ scenario: CrashScenario, _ report: inout SweepReport) throws {
        let shared = Monitor(Shared(waiting: strikes.reversed(), working: plan.workers, report: report))
        for worker in 0..<plan.workers {
            OwnedThread.spawn(name: "crash-\(worker)") { [plan, template] in
                while let strike = shared.change({ $0.failure == nil ? $0.waiting.popLast() : nil }) {
                    let outcome = Result { try Trial(scenario, strike, template).run() }
                    shared.change { $0.take(outcome, scenario, strike, plan) }
                }
                shared.change { $0.working -= 1 }
            }
        }
        let end = shared.wait { $0.working == 0 ? ($0.report, $0.failure) : nil }
        guard let end else { preconditionFailure("a wait without a deadline gave up") }
        report = end.0
        if let failure = end.1 { throw failure }
    }
}

extension Sweep.Shared {
    fileprivate mutating func take(
        _ outcome: Result<TrialReport, any Error>, _ scenario: CrashScenario, _ strike: Strike, _ plan: SweepPlan
    ) {
        let replay = "scripts/crash --scenario \(scenario.name) \(strike.arguments) --seed \(plan.seed)"
        switch outcome {
        case .failure(let error):
            add("\(error)\n    again: \(replay)", plan)
        case .success(let trial):
            report.jobs += trial.jobs
            report.unknown += trial.unknown
            if trial.struck == nil { report.missed += 1 } else { report.struck += 1 }
            // Where the call came from is told when this one point is played.
            let struck = trial.struck.map { plan.only == nil ? String($0.prefix { $0 != "\n" }) : $0 }
            for breach in trial.breaches {
                add("\(breach)\n    struck: \(struck ?? "nothing")\n    again: \(replay)", plan)
            }
        }
    }

    private mutating func add(_ breach: String, _ plan: SweepPlan) {
        report.breaches.append(breach)
        plan.tell(breach)
    }
}

/// Numbers that look like chance and are the same for the same seed (SplitMix64).
struct Lot {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func draw(below limit: Int) -> Int {
        state = state &+ 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return Int((value ^ (value >> 31)) % UInt64(limit))
    }
}
