// One point of a sweep: a fresh stage, vizd with the shim, the strike; then vizd without it, until everything has
// settled; then the invariants. Nobody but the strike ends anything, and nobody mends anything by hand.

internal import Contract
internal import Foundation
internal import Linux
internal import RunwaySimulator
internal import TestSupport

/// What one trial came to.
package struct TrialReport: Sendable {
    /// The struck call, as the shim wrote it down; nil: the run was over before its turn.
    package let struck: String?
    /// Counted calls, where they were counted.
    package let calls: [String]
    /// Jobs that were played.
    package let jobs: Int
    /// How many of them ended as `submission_unknown`.
    package let unknown: Int
    /// Every breach of an invariant, as a sentence; none is expected.
    package let breaches: [String]
}

/// Plays a scenario once.
package struct Trial {
    let scenario: CrashScenario
    let strike: Strike
    let template: Template

    /// A trial of a scenario at a copy of a template.
    package init(_ scenario: CrashScenario, _ strike: Strike, _ template: Template) {
        (self.scenario, self.strike, self.template) = (scenario, strike, template)
    }

    /// Plays it. Blocks; an error is the harness's own, a breach is in the report.
    package func run() throws -> TrialReport {
        let place = try template.stage(for: scenario)
        let stage = Stage(place: place, scenario: scenario, strike: strike)
        for job in scenario.jobs {
            if let trap = job.trap {
                let matching = trap.place == .create ? RunwaySite.mark(job.name) : nil
                place.runway.inject(Injection(at: trap.place, count: trap.count, matching: matching, fault: trap.fault))
            }
            try place.site.deliver(Template.request(job), as: "\(job.name).json")
            if job.wish == .atOnce { try place.site.deliver("", as: "\(job.name).cancel") }
        }
        let foreign = stage.foreignProgram()
        var breaches = try struckRun(stage)
        if !stage.isOver { breaches += try healingRun(stage) }
        let (rounds, failure) = foreign?.end() ?? (0, nil)
        if let failure { breaches.append("the foreign program could not go on: \(failure)") }
        if breaches.isEmpty { breaches += try Invariants(stage, strike, foreignRounds: rounds).breaches() }
        return TrialReport(
            struck: try stage.text("mark"), calls: try stage.text("calls").map(Self.lines) ?? [],
            jobs: scenario.jobs.count, unknown: try stage.unknown(), breaches: breaches)
    }

    private static func lines(_ text: String) -> [String] { text.split(separator: "\n").map(String.init) }

    // MARK: Lives

    /// The life that is struck. It ends by the strike, by itself, or in order when all is done.
    private func struckRun(_ stage: Stage) throws -> [String] {
        let shim = try BuiltProducts.path(of: "libCrashShim.so")
        let daemon = try stage.start(
            strike.environment(
                shim: shim, log: strike.isCounting ? stage.file("calls") : nil, mark: stage.file("mark")))
        let settled = try stage.drive(daemon, toTheEnd: true)
        if settled { try tellToStop(daemon) }
        let code = try daemon.awaitExit()
        stage.isOver = settled && code == 0
        return try complaints(about: code, daemon, stage)
    }

    /// The life after it, that has to put everything right.
    private func healingRun(_ stage: Stage) throws -> [String] {
        let daemon = try stage.start([:])
        guard try stage.drive(daemon, toTheEnd: false) else {
            return ["vizd ends by itself after the strike. \(daemon.story())"]
        }
        try awaitSweep(stage)
        try tellToStop(daemon)
        let code = try daemon.awaitExit()
        stage.isOver = true
        return code == 0 ? [] : ["vizd ended with \(code) when it was told to stop. \(daemon.story())"]
    }

    /// A start sweeps work/ beside its first jobs, and is given the time for that. What is left then is a breach, which
    /// the invariants tell of.
    private func awaitSweep(_ stage: Stage) throws {
        let invariants = Invariants(stage, strike, foreignRounds: 0)
        do {
            _ = try awaited("the sweep of work/", in: ["\(stage.site.state)/work"]) {
                try invariants.kept().isEmpty ? true : nil
            }
        } catch is Overdue {}
    }

    /// SIGTERM, where it has not ended meanwhile: a strike may come after everything is done.
    private func tellToStop(_ daemon: DaemonRun) throws {
        do { try daemon.signal(15) } catch let failure as SystemFailure where failure.errno == Self.noSuchProcess {}
    }

    private static let noSuchProcess = Errno(rawValue: 3)

    /// How the struck life may end: killed where it was to be, in order, or by its own decision with a code that the
    /// service manager knows.
    private func complaints(about code: Int32, _ daemon: DaemonRun, _ stage: Stage) throws -> [String] {
        switch strike {
        case .count: return code == 0 ? [] : ["vizd ended with \(code). \(daemon.story())"]
        case .kill:
            // 0: its end was faster than the strike, or was there before its turn.
            return code == 0 || code == 137 ? [] : ["vizd ended with \(code). \(daemon.story())"]
        case .fail:
            // 132 and 133: Dispatch ends a process in which it cannot open /proc/PID/stat. It is not ours to mend.
            let isProc = try stage.text("mark")?.contains(" /proc/") ?? false
            let isDispatch = [132, 133].contains(code) && isProc
            let codes: Set<Int32> = [0, 1, 73, 75, 78]
            return isDispatch || codes.contains(code)
                ? [] : ["vizd ended with \(code), which is no decision. \(daemon.story())"]
        }
    }
}

/// A place with a scenario on it.
final class Stage {
    let place: RunwaySite
    let scenario: CrashScenario
    private let strike: Strike
    /// Whether a vizd has ended here in order with nothing left to do.
    var isOver = false
    /// How often each job was moved back.
    private var moves: [String: Int] = [:]
    private static let movesMax = 4
    /// Jobs whose end was wished for when their task was at work.
    private var wished: Set<String> = []

    init(place: RunwaySite, scenario: CrashScenario, strike: Strike) {
        (self.place, self.scenario, self.strike) = (place, scenario, strike)
    }

    /// Whether the strike may end vizd while a program without the lock can still write over what it wrote.
    var endsItsWatch: Bool { scenario.writing == .careless && !strike.isCounting }

    var site: Site { place.site }

    /// A file of the trial's own, beside the spool.
    func file(_ name: String) -> String { "\(site.path)/\(name)" }

    /// What is in it; nil where it is not there, or empty.
    func text(_ name: String) throws -> String? {
        guard FileManager.default.fileExists(atPath: file(name)) else { return nil }
        let text = String(decoding: try Host.readFile(file(name), limit: 1 << 24), as: UTF8.self)
        return text.isEmpty ? nil : text
    }

    func start(_ more: [String: String]) throws -> DaemonRun {
        let settings = ["VIZD_POLL_INITIAL": "0.03", "RUNWAY_RATIO": "720:720"].merging(scenario.settings) { $1 }
        return try site.start(place.settings(settings.merging(more) { $1 }))
    }

    func foreignProgram() -> ForeignProgram? {
        let folder = "\(site.wardrobe)/\(Template.user)"
        switch scenario.writing {
        case .none: return nil
        case .locking: return ForeignProgram(folder: folder, locks: true)
        case .careless: return ForeignProgram(folder: folder, locks: false)
        }
    }

    /// How many jobs ended with nobody knowing whether they were ordered.
    func unknown() throws -> Int {
        try scenario.jobs.count { job in
            guard case .failed(let failure)? = try place.result(job.name)?.outcome else { return false }
            return failure.code == .submissionUnknown
        }
    }

    /// A wish that was dropped and not synced goes with the power. Who sees that nothing came of it drops it again.
    func forgetWishes() { wished = [] }

    // MARK: Driving

    /// Does what people do, until everything has ended (true) or vizd has (false).
    /// - Parameter toTheEnd: whether it may end on the way.
    func drive(_ daemon: DaemonRun, toTheEnd mayEnd: Bool) throws -> Bool {
        let boxes = ["incoming", "processing", "done", "failed"].map { "\(site.spool)/\($0)" }
        let record = "\(site.wardrobe)/\(Template.user)"
        return try awaited("the end of \(scenario.name)", in: boxes + [site.path, record], story: daemon.story) {
            let isRunning = daemon.isRunning
            if try isSettled(daemon) { return true }
            return isRunning ? nil : false
        }
    }

    private func isSettled(_ daemon: DaemonRun) throws -> Bool {
        for job in scenario.jobs where job.wish == .atWork && !wished.contains(job.name) {
            if place.tasks(of: job.name).isEmpty { continue }
            wished.insert(job.name)
            try site.deliver("", as: "\(job.name).cancel")
        }
        for job in scenario.jobs {
            guard let box = try boxOfLanded(job.name, daemon) else { return false }
            guard isToBeMoved(job, from: box) else { continue }
            moves[job.name, default: 0] += 1
            try site.move("\(job.name).json", from: box, to: "incoming")
            return false
        }
        guard try site.box("processing").names().isEmpty, try site.names("incoming").allSatisfy({ $0.hasPrefix(".") })
        else { return false }
        return try scenario.writing == .none || endsItsWatch || Invariants.isRecorded(self)
    }

    private func isToBeMoved(_ job: CrashJob, from box: String) -> Bool {
        switch job.putBack {
        case .never: false
        case .once: box == "done" && moves[job.name] == nil
        case .untilComplete: box == "failed" && moves[job.name, default: 0] < Self.movesMax
        }
    }

    private func boxOfLanded(_ name: String, _ daemon: DaemonRun) throws -> String? {
        for box in ["done", "failed"] where try daemon.whole(name, in: box) != nil { return box }
        return nil
    }
}
