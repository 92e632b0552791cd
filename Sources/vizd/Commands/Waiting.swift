// `wait` and `submit --wait`: shows how a job goes on until it has ended, then its result.

internal import Contract
internal import Linux
internal import Spool

struct Waiting {
    /// How long nothing may happen before somebody asks whether a daemon runs at all.
    private static let patience: Int64 = 5_000_000_000

    let spool: SpoolReader
    let job: JobReference
    let style: ProgressStyle
    let timeout: Duration?

    /// Waits and shows; the exit status is the job's. A job that no box has (any more) is refused.
    func run() throws -> ExitStatus {
        let started = MonotonicClock.now()
        let deadline = timeout.map { started + $0.nanoseconds }
        var screen = ProgressScreen(style: style) { Terminal.write($0, to: 2) }
        defer { screen.clear() }
        var hasAsked = false
        let watch = try JobWatch(spool, job)
        let summary = try watch.wait(until: deadline, now: MonotonicClock.now) { place -> ResultSummary? in
            switch place {
            case .waiting:
                screen.show(.waiting)
                if !hasAsked, MonotonicClock.now() - started >= Self.patience {
                    hasAsked = true
                    if try spool.daemon() == nil { screen.remark(Self.nobodyThere(spool.path)) }
                }
            case .processing(_, let status): screen.show(JobProgress(status: status))
            case .ended(let box, let result, _): return summarize(result, box)
            case .hidden: screen.show(.claimed)
            case nil: throw gone()
            }
            return nil
        }
        screen.clear()
        return try finish(summary)
    }

    private func summarize(_ result: [UInt8], _ box: Box) -> ResultSummary {
        let file = "\(spool.path)/\(SpoolReader.path(of: job.resultFile, in: box))"
        return ResultSummary(result, in: box, job: job, file: file)
    }

    private func finish(_ summary: ResultSummary?) throws -> ExitStatus {
        guard let summary else {
            let why =
                try spool.daemon() == nil
                ? Self.nobodyThere(spool.path) : "A vizd is at work; `vizd wait \(shown(job.name))` waits on."
            throw CommandFailure(.tryAgain, "The job \(shown(job.name)) has not ended in time. \(why)")
        }
        Surroundings.print(summary.pictures.map { $0 + "\n" }.joined())
        Terminal.write(summary.remarks.map { $0 + "\n" }.joined(), to: 2)
        return summary.status
    }

    private func gone() -> CommandFailure {
        if let root = job.root {
            return CommandFailure(
                .noSuchJob,
                "There is no result of \(shown(job.name)) in the spool \(shown(spool.path)). It would be a part of "
                    + "\(shown(root.name)): `vizd status \(shown(root.name))` tells of all of them.")
        }
        return CommandFailure(
            .noSuchJob,
            "There is no job \(shown(job.name)) in the spool \(shown(spool.path)). `vizd list` shows "
                + "those that there are; a request that was removed from incoming/ before it was taken leaves no trace."
        )
    }

    private static func nobodyThere(_ path: String) -> String {
        "No vizd seems to be running on the spool \(shown(path)); the request waits there. "
            + "Start one with `vizd run`."
    }
}

/// Draws progress where it is to be drawn, and draws nothing twice.
struct ProgressScreen {
    private let style: ProgressStyle
    private let write: (String) -> Void
    private var last: String?

    init(style: ProgressStyle, write: @escaping (String) -> Void) {
        self.style = style
        self.write = write
    }

    mutating func show(_ progress: JobProgress) {
        switch style {
        case .bar(let columns, let ascii):
            let line = ProgressLine.bar(progress, columns: columns, ascii: ascii)
            if line != last { write("\r\u{1B}[K" + line) }
            last = line
        case .lines:
            let line = ProgressLine.words(progress)
            if line != last { write(line + "\n") }
            last = line
        }
    }

    /// A whole sentence in a line of its own.
    mutating func remark(_ sentence: String) {
        clear()
        write(sentence + "\n")
    }

    /// Takes a bar away again.
    mutating func clear() {
        if case .bar = style, last != nil { write("\r\u{1B}[K") }
        last = nil
    }
}
