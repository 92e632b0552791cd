// Many power cuts: at every fsync of a scenario, at calls that a seed names, and while vizd runs. One after the other,
// as each has a file system of its own to mount.

internal import Linux
internal import TestSupport

/// What is to be cut.
package struct PowerCutPlan: Sendable {
    /// File systems, each in all the ways that it has.
    package var kinds = LoopDisk.Kind.allCases
    package var scenarios = PowerCutPlan.scenarios
    /// Only in this way.
    package var cut: LoopDisk.Cut?
    /// Cuts at fsyncs for each scenario and way; nil: before and after every one of them.
    package var syncs: Int? = 4
    /// Cuts at other calls for each scenario and way.
    package var calls = 2
    /// Cuts while vizd runs for each scenario and way.
    package var live = 2
    /// What they are drawn from.
    package var seed: UInt64 = 1
    /// Whether producers sync what they deliver. Where they do not, a wish may be gone, and then nothing ends a job of
    /// which the scenario says that it is cancelled: such scenarios are left out.
    package var isSynced = true
    /// One cut alone, in each scenario and way.
    package var only: CutMoment?
    /// Told a line for each breach, and one for each scenario.
    package var tell: @Sendable (String) -> Void = { _ = Terminal.write($0 + "\n", to: 1) }

    /// The default: a sample of everything.
    package init() {}

    /// Those without another program that writes the record: what that one does not sync is not vizd's to keep.
    package static let scenarios = CrashScenario.all.filter { $0.writing == .none }

    /// Plays it. Blocks.
    package func run() throws -> PowerCutReport {
        let template = try Template(outfits: Set(scenarios.flatMap { $0.jobs.flatMap(\.outfits) }).sorted())
        var report = PowerCutReport()
        for kind in kinds {
            for cut in kind.cuts where self.cut == nil || self.cut == cut {
                for scenario in scenarios where isSynced || !scenario.hasWishes {
                    try play(scenario, kind, cut, template, &report)
                }
            }
        }
        return report
    }

    private func play(
        _ scenario: CrashScenario, _ kind: LoopDisk.Kind, _ cut: LoopDisk.Cut, _ template: Template,
        _ report: inout PowerCutReport
    ) throws {
        let before = report
        let moments = if let only { [only] } else { try moments(scenario, kind, cut, template) }
        for moment in moments {
            var powerCut = PowerCut(scenario: scenario, kind: kind, cut: cut, moment: moment)
            powerCut.isSynced = isSynced
            let one = try powerCut.run(template)
            report.cuts += 1
            report.jobs += scenario.jobs.count
            report.lost += one.lost
            report.doubled += one.doubled
            report.endedItself += one.endedItself ? 1 : 0
            let again =
                "scripts/powercut --fs \(kind.rawValue) --cut \(cut.rawValue) --scenario \(scenario.name) "
                + moment.arguments + (isSynced ? "" : " --unsynced")
            for breach in one.breaches {
                report.breaches.append("\(breach)\n    again: \(again)")
                tell("\(breach)\n    again: \(again)")
            }
        }
        tell(
            "\(kind.rawValue), \(cut.rawValue), \(scenario.name): \(report.cuts - before.cuts) cuts, "
                + "\(report.breaches.count - before.breaches.count) breaches")
    }

    // MARK: Moments

    private func moments(
        _ scenario: CrashScenario, _ kind: LoopDisk.Kind, _ cut: LoopDisk.Cut, _ template: Template
    ) throws -> [CutMoment] {
        let (calls, time) = try PowerCut.measure(scenario, on: kind, template)
        let place = "\(kind.rawValue) \(cut.rawValue) \(scenario.name)"
        var lot = Lot(seed: seed &+ UInt64(place.utf8.reduce(0) { ($0 &* 31 &+ Int($1)) & 0xFFFF_FFFF }))
        let fsyncs = calls.indices.filter { calls[$0].split(separator: " ")[1] == "fsync" }.map { $0 + 1 }
        var moments = Self.sample(of: fsyncs, syncs.map { ($0 + 1) / 2 }, &lot).flatMap { number in
            Strike.Moment.allCases.map { CutMoment.call(number, $0) }
        }
        if let syncs { moments = Array(moments.prefix(syncs)) }
        for _ in 0..<self.calls {
            moments.append(.call(1 + lot.draw(below: calls.count), lot.draw(below: 2) == 0 ? .before : .after))
        }
        for _ in 0..<live { moments.append(.live(Int64(lot.draw(below: Int(time / 1_000_000))) * 1_000_000)) }
        return moments
    }

    /// One of each stretch, so that a sample is spread over the whole run.
    private static func sample(of numbers: [Int], _ count: Int?, _ lot: inout Lot) -> [Int] {
        guard let count, count < numbers.count else { return numbers }
        return (0..<count).map { index in
            let (first, next) = (numbers.count * index / count, numbers.count * (index + 1) / count)
            return numbers[first + lot.draw(below: next - first)]
        }
    }
}

/// What came of all cuts.
package struct PowerCutReport: Sendable {
    package fileprivate(set) var cuts = 0
    package fileprivate(set) var jobs = 0
    package fileprivate(set) var lost = 0
    package fileprivate(set) var doubled = 0
    /// Cuts under a running vizd after which it ended by itself.
    package fileprivate(set) var endedItself = 0
    package fileprivate(set) var breaches: [String] = []

    /// One line.
    package var summary: String {
        "\(cuts) power cuts, \(jobs) jobs run, \(lost) lost, \(doubled) doubled, \(breaches.count) breaches; vizd ended "
            + "by itself after \(endedItself) of the cuts that it lived to see"
    }
}
