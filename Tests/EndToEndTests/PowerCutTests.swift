// The short form of the power cuts (`scripts/powercut` is the long one): a few moments on ext4, with producers that
// sync what they deliver and with some that do not.

import CrashSuite
import Foundation
import Linux
import TestSupport
import Testing

extension EndToEnd {
    @Suite("Power cuts, in short", .enabled(if: LoopDevices.areAllowed))
    @Outside
    struct PowerCuts {
        @Test("after a power cut at any fsync nothing is lost and nothing ordered twice", arguments: [true, false])
        func cuts(isSynced: Bool) throws {
            var plan = PowerCutPlan()
            plan.kinds = [.ext4]
            plan.scenarios = PowerCutPlan.scenarios.filter { ["success", "retry"].contains($0.name) }
            (plan.syncs, plan.calls, plan.live, plan.seed) = (2, 0, 1, 20_261_126)
            (plan.isSynced, plan.tell) = (isSynced, { _ in })
            try expectClean(plan, cuts: 12)
        }

        @Test("the bytes of a request that landed outlive a power cut, whether its producer synced them or not")
        func landedBytes() throws {
            var plan = PowerCutPlan()
            plan.kinds = [.ext4]
            plan.scenarios = PowerCutPlan.scenarios.filter { $0.name == "retry" }
            // Past its last call: everything has landed, and the request was moved back by a person meanwhile.
            (plan.only, plan.isSynced, plan.tell) = (.call(1_000_000, .after), false, { _ in })
            try expectClean(plan, cuts: 2)
        }

        private func expectClean(_ plan: PowerCutPlan, cuts: Int) throws {
            let report = try plan.run()
            #expect(report.breaches.isEmpty, "\(report.breaches.joined(separator: "\n"))")
            #expect(report.cuts == cuts && report.lost == 0 && report.doubled == 0, "\(report.summary)")
        }
    }
}

private enum LoopDevices {
    /// Root, and loop devices.
    static let areAllowed: Bool = {
        guard Host.userID == 0, FileManager.default.fileExists(atPath: "/dev/loop-control") else { return false }
        do {
            _ = try LoopDisk(.ext4)
            return true
        } catch {
            return false
        }
    }()
}
