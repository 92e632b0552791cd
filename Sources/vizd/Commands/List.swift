// `vizd list`: the queue, what is in progress and what ended lately.

internal import ArgumentParser
internal import Contract
internal import Linux
internal import Spool

struct List: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show the queue, the jobs in progress and those that ended lately.",
        discussion: """
            The longest waiting first, the latest results first. With --json every job is one line.

            Examples:
              vizd list --limit 5
              vizd list --failed
              vizd list --failed --limit 10000 --json | jq -r 'select(.code == "moderation") | .job_id'
            """)

    @Flag(help: "One JSON object a line.")
    var json = false

    @Flag(help: "Only what has failed, the latest first.")
    var failed = false

    @Option(help: ArgumentHelp("At most so many of each kind.", valueName: "number"))
    var limit = 20

    @OptionGroup var config: ConfigOption

    func validate() throws {
        guard (1...10_000).contains(limit) else { throw ValidationError("--limit takes a number from 1 to 10000.") }
    }

    func run() throws {
        try ending {
            let now = WallClock.now()
            let listing = try JobListing(
                of: config.openSpool(), limit: limit, boxes: failed ? [.failed] : JobListing.all)
            Terminal.write(listing.unreadable.map { "vizd: \($0)\n" }.joined(), to: 2)
            Surroundings.print(json ? listing.jobs.map { $0.json(now: now) }.joined() : listing.text(now: now))
            return .success
        }
    }
}

/// The jobs to show, with how many there are of each kind.
struct JobListing {
    let waiting: [JobReport]
    let processing: [JobReport]
    let ended: [JobReport]
    /// All that there are, shown or not.
    let totals: (waiting: Int, processing: Int, ended: Int)
    /// A sentence for each box that this user may not read.
    let unreadable: [String]
    /// Whether nothing was looked for but what has failed.
    let isFailures: Bool

    /// The boxes of a job's life.
    static let all: [Box] = [.incoming, .processing, .done, .failed]

    var jobs: [JobReport] { waiting + processing + ended }

    init(
        waiting: [JobReport], processing: [JobReport], ended: [JobReport],
        totals: (waiting: Int, processing: Int, ended: Int), unreadable: [String] = [], isFailures: Bool = false
    ) {
        self.isFailures = isFailures
        self.waiting = waiting
        self.processing = processing
        self.ended = ended
        self.totals = totals
        self.unreadable = unreadable
    }

    /// Only the files of those that are shown are read; what moved on meanwhile is left out.
    init(of spool: SpoolReader, limit: Int, boxes: [Box] = all) throws(SystemFailure) {
        var found: [Box: BoxCount] = [:]
        var unreadable: [String] = []
        for box in boxes {
            do throws(SystemFailure) {
                let isResult = box == .done || box == .failed
                found[box] =
                    try isResult ? spool.results(in: box, keeping: limit) : spool.requests(in: box, keeping: limit)
            } catch  where [.accessDenied, .notFound].contains(error.errno) {
                unreadable.append("\(box.rawValue)/ cannot be read: \(error.errno.text)")
            }
        }
        let none = BoxCount(keeping: 1, oldestFirst: true)
        let (incoming, claimed) = (found[.incoming] ?? none, found[.processing] ?? none)
        let (done, failed) = (found[.done] ?? none, found[.failed] ?? none)
        var waiting: [JobReport] = []
        for entry in incoming.kept { waiting += try Self.waiting(entry, spool) }
        var processing: [JobReport] = []
        for entry in claimed.kept { processing += try Self.processing(entry, spool) }
        var ended: [JobReport] = []
        for (box, count) in [(Box.done, done), (Box.failed, failed)] {
            for entry in count.kept { ended += try Self.ended(entry, box, spool) }
        }
        ended.sort { $0.since > $1.since }
        self.init(
            waiting: waiting, processing: processing, ended: Array(ended.prefix(limit)),
            totals: (incoming.count, claimed.count, done.count + failed.count), unreadable: unreadable,
            isFailures: boxes == [.failed])
    }

    private static func waiting(_ entry: BoxEntry, _ spool: SpoolReader) throws(SystemFailure) -> [JobReport] {
        guard try spool.info(of: entry.file, in: .incoming) != nil else { return [] }
        let bytes = try spool.readIfReadable(entry.file, in: .incoming)
        return [JobReport(waiting: entry.file.job(without: ".json"), request: bytes, since: entry.time)]
    }

    private static func processing(_ entry: BoxEntry, _ spool: SpoolReader) throws(SystemFailure) -> [JobReport] {
        let statusFile = FileName(bytes: entry.file.bytes.dropLast(5) + Array(".status.json".utf8))
        guard try spool.info(of: entry.file, in: .processing) != nil else { return [] }
        let status = try spool.readIfReadable(statusFile, in: .processing)
        let request = status == nil ? try spool.readIfReadable(entry.file, in: .processing) : nil
        let name = entry.file.job(without: ".json")
        return [JobReport(processing: name, status: status, request: request, since: entry.time)]
    }

    private static func ended(_ entry: BoxEntry, _ box: Box, _ spool: SpoolReader) throws(SystemFailure) -> [JobReport]
    {
        guard let bytes = try spool.readIfReadable(entry.file, in: box) else { return [] }
        return [JobReport(ended: entry.file.job(without: ".result.json"), in: box, result: bytes, since: entry.time)]
    }

    func text(now: Int64) -> String {
        let parts = [
            section("waiting", waiting, totals.waiting, now),
            section("in progress", processing, totals.processing, now),
            section(isFailures ? "failed" : "ended lately", ended, totals.ended, now),
        ].compactMap { $0 }
        if parts.isEmpty, !unreadable.isEmpty { return "" }
        if parts.isEmpty, isFailures { return "No job has failed, or those that have are gone from failed/.\n" }
        return parts.isEmpty
            ? "The spool is empty. `vizd submit --help` shows how to fill it.\n" : parts.joined(separator: "\n")
    }

    private func section(_ title: String, _ jobs: [JobReport], _ total: Int, _ now: Int64) -> String? {
        if total == 0 { return nil }
        var table = TextTable("JOB", "STATUS", "USER", "OUTFIT", "AGE", "NOTE")
        for job in jobs {
            table.add(job.name, job.status, job.userID ?? "", job.outfitID ?? "", job.age(now: now), job.note)
        }
        let count = jobs.count < total ? "\(total), \(jobs.count) shown" : "\(total)"
        return "\(title): \(count)\n" + table.text
    }
}
