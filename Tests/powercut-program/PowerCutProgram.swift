// Power cuts as a program: `scripts/powercut` builds and starts it. Ends with 0 when nothing was breached.

import ArgumentParser
import CrashSuite

@main
struct PowerCutProgram: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "vizd-powercut",
        abstract: "Cuts the power under vizd on real file systems, and looks whether anything was lost or paid twice.",
        discussion: """
            Needs root and loop devices. ext4 and xfs are shut down by their own ioctl; of ext4 and btrfs the image \
            is copied at the moment of the cut. Without options: a sample of every scenario. --all cuts before and \
            after every fsync, which takes long. Every breach is told with the options that play it again.
            """)

    @Option(help: "ext4, xfs or btrfs; may be given more than once. All of them without it.")
    var fs: [LoopDisk.Kind] = []
    @Option(help: "Only in this way: shutdown or copy.")
    var cut: LoopDisk.Cut?
    @Option(help: "A scenario by its name; may be given more than once. All of them without it.")
    var scenario: [String] = []
    @Flag(help: "Before and after every fsync.")
    var all = false
    @Option(help: "Cuts at fsyncs for each scenario and way.")
    var syncs = 4
    @Option(help: "Cuts at any other call for each scenario and way.")
    var calls = 2
    @Option(help: "Cuts while vizd runs for each scenario and way.")
    var liveCuts = 2
    @Flag(help: "Producers do not sync what they deliver: the cut may take bytes that vizd has read.")
    var unsynced = false
    @Option(help: "What moments are drawn from.")
    var seed: UInt64 = 1
    @Option(help: "Only at this call, counted from 1.")
    var at: Int?
    @Option(help: "With --at: before or after the call.")
    var when: String = "before"
    @Option(help: "Only so many milliseconds after the start.")
    var live: Int64?

    func run() throws {
        let report = try plan().run()
        print(report.summary)
        if !report.breaches.isEmpty { throw ExitCode(1) }
    }

    private func plan() throws -> PowerCutPlan {
        var plan = PowerCutPlan()
        if !fs.isEmpty { plan.kinds = fs }
        if !scenario.isEmpty {
            plan.scenarios = try scenario.map { name in
                guard let known = PowerCutPlan.scenarios.first(where: { $0.name == name }) else {
                    let names = PowerCutPlan.scenarios.map(\.name).joined(separator: ", ")
                    throw ValidationError("There is no scenario \(name), only \(names).")
                }
                return known
            }
        }
        (plan.cut, plan.seed, plan.isSynced) = (cut, seed, !unsynced)
        (plan.syncs, plan.calls, plan.live) = (all ? nil : syncs, calls, liveCuts)
        guard let moment = Strike.Moment(rawValue: when) else { throw ValidationError("--when is before or after.") }
        plan.only = at.map { .call($0, moment) } ?? live.map { .live($0 * 1_000_000) }
        return plan
    }
}

extension LoopDisk.Kind: ExpressibleByArgument {}
extension LoopDisk.Cut: ExpressibleByArgument {}
