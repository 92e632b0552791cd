// The short form of the crash suite (`scripts/crash` is the long one): a few points of every scenario, drawn from a
// seed that changes with nothing, so that a failure here can be played again anywhere.

import CrashSuite
import TestSupport
import Testing

extension EndToEnd {
    @Suite("The crash suite, in short")
    @Outside
    struct CrashSweep {
        @Test("killed before or after any call that changes something, vizd loses nothing and orders nothing twice")
        func kills() throws {
            var plan = SweepPlan(scenarios: CrashScenario.all)
            (plan.points, plan.seed) = (2, 20_261_126)
            let report = try expectClean(plan, struckAtLeast: CrashScenario.all.count * 3)
            #expect(report.unknown * 2 < report.jobs, "giving up is no way to keep a promise: \(report.summary)")
        }

        @Test("whatever call the disk refuses, vizd pauses, stops or goes on, and loses and orders twice nothing")
        func refusals() throws {
            var plan = SweepPlan(scenarios: CrashScenario.all.filter { $0.name == "success" })
            (plan.points, plan.seed, plan.faults) = (1, 20_261_126, DiskFault.allCases)
            _ = try expectClean(plan, struckAtLeast: 20)
        }

        private func expectClean(_ plan: SweepPlan, struckAtLeast least: Int) throws -> SweepReport {
            var plan = plan
            plan.tell = { _ in }
            let report = try Sweep(plan).run()
            #expect(report.breaches.isEmpty, "\(report.breaches.joined(separator: "\n"))")
            #expect(report.struck >= least, "\(report.summary)")
            return report
        }
    }
}
