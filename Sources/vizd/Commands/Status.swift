// `vizd status`: one job, or the spool as a whole. Reads the files of the spool; no daemon is asked.

internal import ArgumentParser
internal import Contract
internal import Linux
internal import Spool

struct Status: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show one job, or how full the spool is.",
        discussion: """
            With a job: how far it is, or how it ended. Without one: how many jobs are in each box, how long the \
            oldest waits, and whether a vizd is at work.

            Examples:
              vizd status
              vizd status 20261124-021803-123-1a2b3c --json

            Exit status: 0, or 66 when there is no such job. A job that failed is 0 here: `vizd wait` ends as the \
            job did.
            """)

    @Argument(
        help: ArgumentHelp("The job: its name, or its file in the spool (NAME.json).", valueName: "job"),
        transform: JobArgument.read)
    var job: JobReference?

    @Flag(help: "JSON: the job's status or result as it stands in the spool.")
    var json = false

    @OptionGroup var config: ConfigOption

    func run() throws {
        try ending {
            let (spool, rules) = try config.openSpoolAndRules()
            guard let job else {
                let overview = try SpoolOverview(of: spool, now: WallClock.now())
                Surroundings.print(json ? overview.json : overview.text)
                return .success
            }
            Surroundings.print(try JobStatus.text(of: job, in: spool, rules, json: json, now: WallClock.now()))
            return .success
        }
    }
}

/// What `status JOB` prints.
enum JobStatus {
    static func text(
        of job: JobReference, in spool: SpoolReader, _ rules: WaitingRules, json: Bool, now: Int64
    ) throws -> String {
        switch try spool.place(of: job) {
        case .waiting(let arrived): return try waiting(job, arrived, spool, rules, json, now)
        case .processing(let since, let status):
            if json, let status { return String(decoding: status, as: UTF8.self) }
            let request = try spool.readIfReadable(job.requestFile, in: .processing)
            let report = JobReport(processing: job.name, status: status, request: request, since: since)
            return json ? report.json(now: now) : line(report, now) + report.note.asLine
        case .ended(let box, let result, let at):
            if json { return String(decoding: result, as: UTF8.self) }
            let file = "\(spool.path)/\(SpoolReader.path(of: job.resultFile, in: box))"
            let summary = ResultSummary(result, in: box, job: job, file: file)
            let report = JobReport(ended: job.name, in: box, result: result, since: at)
            return line(report, now) + (summary.pictures + summary.remarks).map(\.asLine).joined()
        case .hidden(let failure): throw failure
        case nil where job.root != nil:
            let root = shown(job.root?.name ?? "")
            throw CommandFailure(
                .noSuchJob,
                "There is no result of \(shown(job.name)) in the spool \(shown(spool.path)). It would be a part of "
                    + "\(root): `vizd status \(root)` tells of all of them.")
        case nil:
            throw CommandFailure(
                .noSuchJob,
                "There is no job \(shown(job.name)) in the spool \(shown(spool.path)). `vizd list` shows those that "
                    + "there are."
            )
        }
    }

    private static func waiting(
        _ job: JobReference, _ arrived: Int64, _ spool: SpoolReader, _ rules: WaitingRules, _ json: Bool, _ now: Int64
    ) throws -> String {
        let request = try spool.readIfReadable(job.requestFile, in: .incoming)
        let report = JobReport(waiting: job.name, request: request, since: arrived)
        let why = try spool.why(job, arrived: arrived, rules)
        if json { return report.json(now: now, waiting: why.waiting) }
        return line(report, now) + why.sentence.asLine + limit(request).asLine
    }

    /// Until when a request may be ordered, where it says so.
    private static func limit(_ request: [UInt8]?) -> String {
        do throws(RequestFault) {
            let request = try request.map { bytes throws(RequestFault) in try JobRequest.decode(bytes) }
            return request?.notAfter.map { "it expires at \($0.rfc3339) (not_after)" } ?? ""
        } catch {
            return ""
        }
    }

    private static func line(_ report: JobReport, _ now: Int64) -> String {
        let about = [report.userID.map { "user \($0)" }, report.outfitID.map { "outfit \($0)" }].compactMap { $0 }
        let age = report.age(now: now)
        let isOver = if case .ended = report.state { true } else { false }
        let words = [report.name, report.status, isOver ? "\(age) ago" : "for \(age)"] + about
        return shown(words.joined(separator: "  ")) + "\n"
    }
}

extension String {
    /// Indented below what it belongs to; nothing at all for an empty text.
    fileprivate var asLine: String { isEmpty ? "" : "  \(self)\n" }
}
