// Power cuts: vizd works on a real file system in a file, the power goes at one of its calls or at some moment while it
// is at work, the file system replays its log, vizd starts again, and everything has to be in order. The simulated
// Runway stands outside, so its books remember what the disk forgot.
//
// A cut at a call: the shim kills vizd right before or after the call, and the power goes before anything else is
// written. So cuts at every fsync, and at any call that a seed names, can be played again exactly.

internal import Contract
internal import Digest
internal import Foundation
internal import Linux
internal import RunwaySimulator
internal import TestSupport

/// When the power goes.
package enum CutMoment: Hashable, Sendable {
    /// Before or after a counted call; at the end, where the run has fewer.
    case call(Int, Strike.Moment)
    /// So many nanoseconds after vizd was started, while it runs.
    case live(Int64)

    fileprivate var strike: Strike {
        switch self {
        case .call(let number, let moment): .kill(at: number, moment)
        // What is allowed after a kill is allowed here.
        case .live: .kill(at: 0, .before)
        }
    }

    /// As arguments of `scripts/powercut`.
    package var arguments: String {
        switch self {
        case .call(let number, let moment): "--at \(number) --when \(moment.rawValue)"
        case .live(let time): "--live \(time / 1_000_000)"
        }
    }
}

/// One cut.
package struct PowerCut: Sendable {
    let scenario: CrashScenario
    let kind: LoopDisk.Kind
    let cut: LoopDisk.Cut
    let moment: CutMoment
    /// Whether the producers synced what they delivered. Those that did not may lose it, but for what vizd has
    /// admitted.
    var isSynced = true

    /// What came of it.
    struct Report {
        /// Jobs that have no end.
        var lost = 0
        /// Jobs that were ordered more often than they may be.
        var doubled = 0
        /// Whether vizd itself ended when its disk had died.
        var endedItself = false
        var breaches: [String] = []
    }

    /// Plays it. Blocks.
    func run(_ template: Template) throws -> Report {
        let disk = try LoopDisk(kind)
        defer { withExtendedLifetime(disk) {} }
        return try play(disk, template)
    }

    /// The calls of the scenario on this file system, as the shim lists them, and how long it takes, nanoseconds.
    static func measure(
        _ scenario: CrashScenario, on kind: LoopDisk.Kind, _ template: Template
    ) throws -> (calls: [String], time: Int64) {
        let disk = try LoopDisk(kind)
        defer { withExtendedLifetime(disk) {} }
        return try PowerCut(scenario: scenario, kind: kind, cut: kind.cuts[0], moment: .live(0)).count(disk, template)
    }

    private func count(_ disk: LoopDisk, _ template: Template) throws -> (calls: [String], time: Int64) {
        let stage = try prepared(disk, template, .count(reads: false))
        let begun = MonotonicClock.now()
        let daemon = try stage.start(shim(Strike.count(reads: false), stage))
        let isSettled = try stage.drive(daemon, toTheEnd: true)
        let time = MonotonicClock.now() - begun
        guard isSettled, try daemon.stop() == 0 else {
            throw Overdue(description: "\(scenario.name) does not end without a cut. \(daemon.story())")
        }
        let text = try Host.readFile(outside(stage, "calls"), limit: 1 << 24)
        return (String(decoding: text, as: UTF8.self).split(separator: "\n").map(String.init), time)
    }

    // MARK: The three acts

    private func play(_ disk: LoopDisk, _ template: Template) throws -> Report {
        let stage = try prepared(disk, template, moment.strike)
        var report = Report()
        report.endedItself = try untilTheCut(stage, disk)
        try disk.restore()
        stage.forgetWishes()
        let daemon = try stage.start([:])
        // It may have nothing to do; told to stop before it listens, it would end by the signal.
        if try isReady(daemon), try isSettled(daemon, stage) {
            let code = try daemon.stop()
            if code != 0 { report.breaches.append("vizd ended with \(code) after the cut. \(daemon.story())") }
        } else {
            report.breaches.append("vizd ends by itself after the cut. \(daemon.story())")
        }
        if report.breaches.isEmpty {
            // The removal of a record's old text is not synced: it may come back, and goes when the record is written
            // the next time.
            report.breaches = try Invariants(stage, moment.strike, foreignRounds: 0).breaches().filter {
                !$0.hasPrefix("saved_outfits.aside-")
            }
            report.breaches += try requests(stage)
            let gone = isSynced ? [] : try goneBefore(stage)
            report.breaches.removeAll { breach in gone.contains { breach.hasPrefix("\($0) ") } }
            report.lost -= try gone.filter { try stage.place.result($0) == nil }.count
        }
        try count(&report, stage)
        return report
    }

    private func isReady(_ daemon: DaemonRun) throws -> Bool {
        do {
            try daemon.awaitLine("vizd.ready")
            return true
        } catch is Overdue where !daemon.isRunning {
            return false
        }
    }

    /// Where requests may be gone, nobody can wait for each of them.
    private func isSettled(_ daemon: DaemonRun, _ stage: Stage) throws -> Bool {
        if !isSynced {
            try daemon.settled()
            if try !goneBefore(stage).isEmpty { return true }
        }
        return try stage.drive(daemon, toTheEnd: false)
    }

    /// The scenario on the disk, all of it durable: the jobs are delivered, and vizd has not begun.
    private func prepared(_ disk: LoopDisk, _ template: Template, _ strike: Strike) throws -> Stage {
        let model = try template.stage(for: scenario)
        let site = try Site(users: [], in: disk.path)
        for part in ["spool", "state", "wardrobe_photos"] {
            let (from, to) = ("\(model.site.path)/\(part)", "\(site.path)/\(part)")
            guard FileManager.default.fileExists(atPath: from) else { continue }
            if FileManager.default.fileExists(atPath: to) { try FileManager.default.removeItem(atPath: to) }
            try FileManager.default.copyItem(atPath: from, toPath: to)
        }
        let place = try RunwaySite(at: site, Template.pace(of: scenario))
        try disk.sync()
        for job in scenario.jobs {
            if let trap = job.trap {
                let matching = trap.place == .create ? RunwaySite.mark(job.name) : nil
                place.runway.inject(Injection(at: trap.place, count: trap.count, matching: matching, fault: trap.fault))
            }
            try site.deliver(Template.request(job), as: "\(job.name).json")
            if job.wish == .atOnce { try site.deliver("", as: "\(job.name).cancel") }
        }
        if isSynced { try disk.sync() }
        return Stage(place: place, scenario: scenario, strike: strike)
    }

    /// Lets vizd work until the cut. Answers whether it ended by itself when the disk had died under it.
    private func untilTheCut(_ stage: Stage, _ disk: LoopDisk) throws -> Bool {
        switch moment {
        case .call:
            let daemon = try stage.start(shim(moment.strike, stage))
            _ = try stage.drive(daemon, toTheEnd: true)
            try daemon.kill()
            try disk.cut(cut)
            return false
        case .live(let time):
            let daemon = try stage.start([:])
            _ = Monitor(()).wait(until: MonotonicClock.now() + time) { _ in nil as Void? }
            // A copy must not be taken while somebody writes.
            if cut == .copy { try daemon.kill() }
            try disk.cut(cut)
            let isOver = cut == .shutdown ? Self.ends(daemon) : false
            try daemon.kill()
            return isOver
        }
    }

    /// Waits a little whether it ends.
    private static func ends(_ daemon: DaemonRun) -> Bool {
        let deadline = MonotonicClock.now() + 3_000_000_000
        while daemon.isRunning && MonotonicClock.now() < deadline {
            _ = Monitor(()).wait(until: MonotonicClock.now() + 10_000_000) { _ in nil as Void? }
        }
        return !daemon.isRunning
    }

    private func shim(_ strike: Strike, _ stage: Stage) throws -> [String: String] {
        strike.environment(
            shim: try BuiltProducts.path(of: "libCrashShim.so"),
            log: strike.isCounting ? outside(stage, "calls") : nil, mark: outside(stage, "mark"))
    }

    /// A file that no cut concerns.
    private func outside(_ stage: Stage, _ name: String) -> String { "\(stage.site.logs)/\(name)" }

    /// Jobs whose requests the cut took before vizd had admitted them: they are nowhere, or what is left of them is no
    /// request. Nothing was ordered for those.
    private func goneBefore(_ stage: Stage) throws -> [String] {
        try scenario.jobs.map(\.name).filter { name in
            guard stage.place.tasks(of: name).isEmpty else { return false }
            guard let result = try stage.place.result(name) else { return true }
            guard case .failed(let failure) = result.outcome else { return false }
            return failure.code == .invalidJSON
        }
    }

    /// Requests that lie beside their results with other bytes than these were made from.
    private func requests(_ stage: Stage) throws -> [String] {
        try scenario.jobs.map(\.name).filter { name in
            guard let result = try stage.place.result(name), let digest = result.requestSHA256 else { return false }
            let box = if case .failed = result.outcome { "failed" } else { "done" }
            let bytes = try stage.site.file(box, "\(name).json")
            return bytes.map { SHA256.of($0).hex } != digest
        }.map { "\($0) lies beside its result with other bytes" }
    }

    private func count(_ report: inout Report, _ stage: Stage) throws {
        for job in scenario.jobs {
            if try stage.place.result(job.name) == nil { report.lost += 1 }
            let most = (job.putBack == .never ? 1 : 2) * job.orders
            if stage.place.tasks(of: job.name).count > most { report.doubled += 1 }
        }
    }
}
