// The crash suite as a program: `scripts/crash` builds and starts it. Ends with 0 when nothing was breached.

import ArgumentParser
import CrashSuite

@main
struct CrashProgram: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "vizd-crash",
        abstract: "Kills vizd at its calls, or lets them fail, and looks whether anything was lost or paid twice.",
        discussion: """
            Without options: every scenario, killed before and after every call. --points takes a sample instead, \
            --fail lets calls fail instead of killing. Every breach is told with the options that play it again.
            """)

    @Option(help: "A scenario by its name; may be given more than once. All of them without it.")
    var scenario: [String] = []
    @Option(help: "Kill only before, or only after, the call: before or after.")
    var when: String?
    @Option(help: "Only this call, counted from 1.")
    var at: Int?
    @Option(help: "So many points for each scenario and kind of strike, drawn from the seed; all without it.")
    var points: Int?
    @Option(help: "What samples are drawn from.")
    var seed: UInt64 = 1
    @Flag(help: "Calls fail, in every way that a disk can say no, instead of a kill.")
    var faults = false
    @Option(help: "Only calls of this group fail: fsync, write, open, rename, unlink or size.")
    var fail: String?
    @Option(help: "Only with this: EIO, ENOSPC, EDQUOT, EROFS, EMFILE or SHORT (a write by half).")
    var with: String?
    @Option(help: "Trials at once.")
    var workers = 2
    @Flag(help: "Name the scenarios.")
    var list = false

    func run() throws {
        if list {
            for scenario in CrashScenario.all { print("\(scenario.name)\t\(scenario.about)") }
            return
        }
        let report = try Sweep(try plan()).run()
        for (call, count) in report.calls.sorted(by: { $0.key < $1.key }) { print("    \(count)\t\(call)") }
        print(report.summary)
        if !report.breaches.isEmpty { throw ExitCode(1) }
    }

    private func plan() throws -> SweepPlan {
        var plan = SweepPlan(scenarios: scenario.isEmpty ? CrashScenario.all : try scenario.map(known))
        if let when {
            guard let moment = Strike.Moment(rawValue: when) else {
                throw ValidationError("--when is before or after.")
            }
            plan.moments = [moment]
        }
        if faults || fail != nil || with != nil { plan.faults = try chosenFaults() }
        (plan.points, plan.seed, plan.only, plan.group, plan.workers) = (points, seed, at, fail, workers)
        return plan
    }

    private func known(_ name: String) throws -> CrashScenario {
        guard let scenario = CrashScenario.named(name) else {
            throw ValidationError("There is no scenario \(name). --list names them.")
        }
        return scenario
    }

    private func chosenFaults() throws -> [DiskFault] {
        guard let with else { return DiskFault.allCases }
        guard let fault = DiskFault(rawValue: with) else {
            throw ValidationError("--with takes \(DiskFault.allCases.map(\.rawValue).joined(separator: ", ")).")
        }
        return [fault]
    }
}
