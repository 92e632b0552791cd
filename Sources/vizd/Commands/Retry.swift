// `vizd retry`: failed jobs back into `incoming/`, as `mv` would move them, but never over a request that is there.
//
// The daemon does the rest: it withdraws the stale result and goes on from where the job had got to (13.1). What a
// retry would buy again (`submission_unknown` above all) is moved only when it is named, by its job or by its code.

internal import ArgumentParser
internal import Contract
internal import Linux
internal import Spool

extension ResultCode: ExpressibleByArgument {}

struct Retry: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run failed jobs again.",
        discussion: """
            Moves a job's request from failed/ back to incoming/. It goes on where it had got to: a picture that was \
            paid for is fetched or stored, not bought again. Only submission_unknown, generation_failed, moderation \
            and what failed before an order are ordered anew.

            --all-failed takes the jobs whose result says that the same may work later (retryable). With --code it \
            takes those of that code instead, whatever their result says.

            Examples:
              vizd retry 20261124-021803-123-1a2b3c
              vizd retry --all-failed
              vizd retry --all-failed --code submission_unknown

            Exit status: 0 moved, or nothing to move; 66 no such job, or it has not failed; 73 one of them cannot be \
            moved.
            """)

    @Argument(help: ArgumentHelp("The jobs.", valueName: "job"), transform: JobArgument.read)
    var jobs: [JobReference] = []

    @Flag(help: "All failed jobs that may work later.")
    var allFailed = false

    @Option(help: ArgumentHelp("With --all-failed: those that failed with this code.", valueName: "code"))
    var code: ResultCode?

    @OptionGroup var config: ConfigOption

    func validate() throws {
        if allFailed != jobs.isEmpty { throw ValidationError("Name jobs, or say --all-failed.") }
        if code != nil && !allFailed { throw ValidationError("--code goes with --all-failed.") }
    }

    func run() throws {
        try ending {
            let spool = try config.openSpool()
            let retry = RetryMove(spool)
            return report(try allFailed ? retry.all(code) : jobs.map { try retry.move($0) })
        }
    }

    private func report(_ moved: [RetryMove.Outcome]) -> ExitStatus {
        if moved.isEmpty { Surroundings.print("There is no failed job that fits; nothing was moved.\n") }
        for one in moved {
            switch one {
            case .moved(let job): Surroundings.print("\(shown(job.name)) waits in incoming/ again.\n")
            case .refused(let sentence): Terminal.write("vizd: \(sentence)\n", to: 2)
            }
        }
        return moved.contains { if case .refused = $0 { true } else { false } } ? .cannotCreate : .success
    }
}

/// Moves requests from `failed` back to `incoming`.
struct RetryMove {
    enum Outcome: Equatable {
        case moved(JobReference)
        /// A sentence that says why not.
        case refused(String)
    }

    private let spool: SpoolReader

    init(_ spool: SpoolReader) { self.spool = spool }

    /// One job, whatever its result says.
    func move(_ job: JobReference) throws -> Outcome {
        guard try spool.info(of: job.requestFile, in: .failed) != nil else { throw try notFailed(job) }
        return try moveFile(job)
    }

    /// All failed jobs of a code; without one, those whose result says that the same may work later.
    func all(_ code: ResultCode?) throws -> [Outcome] {
        var outcomes: [Outcome] = []
        for name in try spool.box(.failed).names() {
            guard let text = name.string, text.hasSuffix(".result.json"), let job = JobReference(text),
                let failure = try failure(of: job), code.map({ $0 == failure.code }) ?? failure.retryable,
                try spool.info(of: job.requestFile, in: .failed) != nil
            else { continue }
            outcomes.append(try moveFile(job))
        }
        return outcomes
    }

    private func failure(of job: JobReference) throws(SystemFailure) -> ResultDocument.Failure? {
        guard let bytes = try spool.readIfReadable(job.resultFile, in: .failed) else { return nil }
        do throws(DocumentFault) {
            return try ResultDocument.decode(bytes).failure
        } catch {
            // Of another version, or somebody else's: not ours to judge in a crowd. By its name it can be moved.
            return nil
        }
    }

    private func moveFile(_ job: JobReference) throws(SystemFailure) -> Outcome {
        do throws(SystemFailure) {
            let (failed, incoming) = (try spool.box(.failed), try spool.box(.incoming))
            try failed.rename(job.requestFile, to: incoming, as: job.requestFile, .noReplace)
            // There before it is gone here, as in every move of vizd's.
            try incoming.sync()
            try failed.sync()
            return .moved(job)
        } catch {
            let name = shown(job.name)
            switch error.errno {
            case .exists: return .refused("A request named \(name) waits in incoming/ already; \(name) was left.")
            case .notFound: return .refused("\(name) was taken out of failed/ meanwhile; it was not moved.")
            default: return .refused("\(name) cannot be moved from failed/ to incoming/: \(error). It was left there.")
            }
        }
    }

    /// A part is run again with the whole: it has no request of its own.
    private func part(_ name: String, of root: JobReference) throws(SystemFailure) -> CommandFailure {
        let whole = shown(root.name)
        let what =
            switch try spool.place(of: root) {
            case .ended(.failed, _, _): "`vizd retry \(whole)` runs again what failed of it."
            case .ended(_, let result, _): whatFailed(of: whole, result)
            case .waiting, .processing: "\(whole) has not ended; wait for it first (`vizd wait \(whole)`)."
            case .hidden(let failure): "Whether that has failed cannot be seen: \(failure)."
            case nil: "There is no job \(whole); `vizd list` shows those that there are."
            }
        return CommandFailure(.noSuchJob, "\(name) is a part of \(whole) and has no request of its own. \(what)")
    }

    /// What there is to run again of a job of several parts that is complete.
    private func whatFailed(of whole: String, _ bytes: [UInt8]) -> String {
        let failed: Int?
        do throws(DocumentFault) {
            let result = try ResultDocument.decode(bytes)
            failed = if case .batch(let batch) = result.outcome { batch.failed } else { result.failedViews.count }
        } catch {
            failed = nil
        }
        if failed == 0 {
            return "\(whole) is complete in all its parts: nothing is left to run again. To run all of it again on "
                + "purpose, move \(whole).json from done/ to incoming/."
        }
        let parts = failed.map { $0 == 1 ? "but for 1 part" : "but for \($0) parts" } ?? "if not in all its parts"
        return "\(whole) is complete, \(parts). Submit what failed as a request of its own, or move \(whole).json from "
            + "done/ to incoming/ to run all of it again."
    }

    private func notFailed(_ job: JobReference) throws(SystemFailure) -> CommandFailure {
        let name = shown(job.name)
        if let root = job.root { return try part(name, of: root) }
        let why: String
        switch try spool.place(of: job) {
        case .waiting: why = "\(name) has not failed: it waits in incoming/."
        case .processing: why = "\(name) has not failed: it is in progress."
        case .ended(.done, _, _):
            why =
                "\(name) has not failed: it is complete. To run it again on purpose, move its request from done/ to "
                + "incoming/."
        case .ended: why = "The request of \(name) is not in failed/ any more, only its result. Submit it again."
        case .hidden(let failure): why = "Whether \(name) has failed cannot be seen: \(failure)."
        case nil: why = "There is no job \(name); `vizd list` shows those that there are."
        }
        return CommandFailure(.noSuchJob, why)
    }
}
