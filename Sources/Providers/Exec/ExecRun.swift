// One run of the program, from its start to the end of all that it started. It blocks, on a thread that is its own for
// as long as it lasts.

internal import Linux
internal import Synchronization

/// Tells a run to end.
final class ExecStop: Sendable {
    private let wake: EventFD
    private let stopped = Atomic(false)

    init() throws(SystemFailure) { wake = try EventFD() }

    var raw: CInt { wake.raw }
    var isStopped: Bool { stopped.load(ordering: .acquiring) }

    func stop() {
        stopped.store(true, ordering: .releasing)
        wake.signal()
    }
}

/// How a run ended.
enum ExecEnding: Equatable {
    /// By itself.
    case ended(ProcessEnding)
    /// It could not be executed.
    case unstarted(Errno)
    /// It was ended: it took too long, it said too much, or its job was given up.
    case late
    case talkative
    case stopped
    /// Its keeper was killed.
    case lost
}

/// Runs the program.
struct ExecRun {
    let settings: ExecSettings
    let folder: Directory
    let input: OpenFile
    let stop: ExecStop
    let progress: @Sendable (CallProgress) -> Void

    /// How long the end of a run that was told to end is waited for beyond its grace.
    private static let patience: Int64 = 10_000_000_000

    private var limits: ProgramLimits {
        var limits = ProgramLimits()
        (limits.memory, limits.fileBytes) = (settings.memory, settings.outputBytes)
        // Every processor may be busy for the whole time.
        limits.cpuSeconds = Int(settings.timeout / 1_000_000_000 + 1) * Host.processors
        return limits
    }

    private var environment: [String: String] {
        let given = settings.environment
        return [
            "PATH": given["PATH"] ?? "/usr/local/bin:/usr/bin:/bin", "HOME": given["HOME"] ?? folder.path,
            "LANG": given["LANG"] ?? "C.UTF-8", "TMPDIR": folder.path + "/tmp",
        ]
    }

    /// Runs it to its end, and tells how that was and what it said.
    func run() throws(SystemFailure) -> (ExecEnding, ExecTalk) {
        let program = try KeptProgram(
            keptBy: settings.keeper, command: settings.command, folder: folder.path, environment: environment,
            input: input, limits: limits)
        var talk = ExecTalk()
        let ending = try follow(program, &talk)
        talk.end()
        try program.finish()
        return (ending, talk)
    }

    private func follow(_ program: KeptProgram, _ talk: inout ExecTalk) throws(SystemFailure) -> ExecEnding {
        var deadline = MonotonicClock.now() + settings.timeout
        var reason: ExecEnding?
        var (hasOutput, hasErrors) = (true, true)
        var pace = ExecPace()
        while true {
            let left = deadline - MonotonicClock.now()
            // All of it should be gone by now; what the kernel cannot end is not waited for.
            if left <= 0, let reason { return reason }
            if reason == nil, let trouble = trouble(talk, left) {
                reason = trouble
                program.askToEnd()
                deadline = MonotonicClock.now() + limits.grace + ExecRun.patience
                continue
            }
            let watched = [
                hasOutput ? program.output.raw : -1, hasErrors ? program.errors.raw : -1, program.raw,
                reason == nil ? stop.raw : -1,
            ]
            let rest = reason == nil ? pace.rest(talk.progress, at: MonotonicClock.now()) : nil
            let ready = try Poll.readable(watched, timeout: min(left, rest ?? left))
            if ready[0] { hasOutput = try hear(program, &talk) }
            if ready[1] { hasErrors = try mind(program, &talk) }
            if ready[2] {
                let report = try program.report()
                try drain(program, &talk, hasOutput, hasErrors)
                return reason ?? ExecEnding(report)
            }
            if reason == nil, let news = pace.due(talk.progress, at: MonotonicClock.now()) { progress(news) }
        }
    }

    /// Why the run has to be ended now.
    private func trouble(_ talk: ExecTalk, _ left: Int64) -> ExecEnding? {
        if stop.isStopped { return .stopped }
        if talk.isOverLimit { return .talkative }
        return left <= 0 ? .late : nil
    }

    /// Answers whether there may be more.
    private func hear(_ program: KeptProgram, _ talk: inout ExecTalk) throws(SystemFailure) -> Bool {
        let bytes = try program.output.nextPart()
        talk.hear(bytes)
        return !bytes.isEmpty
    }

    private func mind(_ program: KeptProgram, _ talk: inout ExecTalk) throws(SystemFailure) -> Bool {
        let bytes = try program.errors.nextPart()
        talk.mind(bytes)
        return !bytes.isEmpty
    }

    /// Nothing of the program is left: what is in the pipes is all there is.
    private func drain(_ program: KeptProgram, _ talk: inout ExecTalk, _ hasOutput: Bool, _ hasErrors: Bool)
        throws(SystemFailure)
    {
        var (hasOutput, hasErrors) = (hasOutput, hasErrors)
        while hasOutput, !talk.isOverLimit, try Poll.readable([program.output.raw], timeout: 0)[0] {
            hasOutput = try hear(program, &talk)
        }
        while hasErrors, try Poll.readable([program.errors.raw], timeout: 0)[0] {
            hasErrors = try mind(program, &talk)
        }
    }
}

extension ExecEnding {
    init(_ report: KeeperReport) {
        switch report {
        case .ended(let ending): self = .ended(ending)
        case .unstarted(let errno): self = .unstarted(errno)
        case .unknown: self = .lost
        }
    }
}

/// Tells progress when there is some, and not more often than a person reads.
private struct ExecPace {
    private var told: CallProgress?
    private var next = Int64.min

    /// How long news has to wait that is not told yet, nanoseconds; nil where there is none.
    func rest(_ news: CallProgress?, at now: Int64) -> Int64? {
        news == nil || news == told ? nil : max(0, next - now)
    }

    mutating func due(_ news: CallProgress?, at now: Int64) -> CallProgress? {
        guard let news, news != told, now >= next else { return nil }
        (told, next) = (news, now + 200_000_000)
        return news
    }
}
