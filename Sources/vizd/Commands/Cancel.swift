// `vizd cancel`: puts the wish for a job's end into the spool, and tells what came of it where a vizd is at work.
//
// The wish is a file, `incoming/NAME.cancel`, whose name is all that counts. It is durable before the command waits, so
// a vizd that is stopped, or starts next week, finds it.

internal import ArgumentParser
internal import Contract
internal import Linux
internal import Spool

struct Cancel: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Cancel a job.",
        discussion: """
            A job that waits costs nothing; a task that is at work at a provider is given up there and booked as far \
            as it may have been charged. A picture that is there already is kept: then it is too late. Only the owner \
            of the request, root and vizd's own user may.

            To withdraw a request that nobody has taken yet without leaving a result, simply remove its file from \
            incoming/.

            Example:
              vizd cancel 20261124-021803-123-1a2b3c

            Exit status: 0 cancelled, or the wish is in the spool and vizd will see to it; 1 too late, the job has \
            ended otherwise; 66 no such job; 73 you may not, or the spool cannot be written.
            """)

    @OptionGroup var target: JobArgument

    @Option(help: ArgumentHelp("Wait this long for the end (90, 5m); 0 does not wait.", valueName: "time"))
    var timeout: TimeArgument?

    @OptionGroup var config: ConfigOption

    /// How long an end is waited for.
    private static let patience = Duration.seconds(10)

    func run() throws {
        try ending {
            let spool = try config.openSpool()
            let wish = CancelOrder(spool: spool, job: target.job)
            return try wish.run(patience: timeout?.duration ?? Cancel.patience)
        }
    }
}

/// A wish that is put into a spool, and its fate.
struct CancelOrder {
    /// What is to be told, and the exit status that goes with it.
    struct Ending: Equatable {
        let status: ExitStatus
        let sentence: String
    }

    let spool: SpoolReader
    let job: JobReference
    private var name: String { shown(job.name) }
    private var file: FileName { FileName(job.name + ".cancel") }

    func run(patience: Duration) throws -> ExitStatus {
        guard CancelWish(file) != nil else { throw unknown() }
        // Watched from before the wish is there, so that no end is missed.
        let watch = try JobWatch(spool, job)
        let place = try spool.place(of: job)
        if let ending = try ended(place) { return tell(ending) }
        if place == nil { throw unknown() }
        try requireRight()
        try RequestDelivery(to: spool, tag: Random.hex(bytes: 3)).put(wish: file, of: job)
        guard try spool.daemon() != nil else {
            return tell(
                Ending(
                    status: .success,
                    sentence: "No vizd is at work on this spool; \(name) is cancelled when one starts (`vizd run`)."))
        }
        let deadline = MonotonicClock.now() + patience.nanoseconds
        let ending = try watch.wait(until: deadline, now: MonotonicClock.now) { try fate($0) }
        return tell(
            ending
                ?? Ending(
                    status: .success,
                    sentence: "vizd is told to cancel \(name), and it has not ended yet; `vizd wait \(name)` waits on.")
        )
    }

    private func tell(_ ending: Ending) -> ExitStatus {
        if ending.status == .success {
            Surroundings.print(ending.sentence + "\n")
        } else {
            Terminal.write("vizd: \(ending.sentence)\n", to: 2)
        }
        return ending.status
    }

    /// What became of the wish; nil while nothing did.
    private func fate(_ place: JobPlace?) throws -> Ending? {
        if let ending = try ended(place) { return ending }
        if try spool.info(of: file, in: .incoming) != nil { return nil }
        // The wish goes after the job has landed, so a look that is later than its going sees the end.
        let now = try spool.place(of: job)
        if let ending = try ended(now) { return ending }
        guard case .hidden? = now else {
            throw CommandFailure(
                now == nil ? .noSuchJob : .cannotCreate,
                now == nil
                    ? "\(name) was withdrawn from incoming/ meanwhile."
                    : "vizd refused to cancel \(name): \(Self.right)")
        }
        return nil
    }

    /// How a job that has ended did so; nil for one that has not.
    private func ended(_ place: JobPlace?) throws -> Ending? {
        guard case .ended(let box, let bytes, _)? = place else { return nil }
        if box == .done { return Ending(status: .jobFailed, sentence: "It is too late: \(name) is complete.") }
        do throws(DocumentFault) {
            guard let failure = try ResultDocument.decode(bytes).failure else { return nil }
            if failure.code == .cancelled {
                return Ending(status: .success, sentence: "\(name) is cancelled. \(shown(failure.message))")
            }
            return Ending(
                status: .jobFailed,
                sentence: "It is too late: \(name) has failed already (\(failure.code.rawValue)).")
        } catch {
            return Ending(status: .jobFailed, sentence: "It is too late: \(name) has ended already, in failed/.")
        }
    }

    private static let right = "only the owner of its request, root and vizd's own user may."

    /// Says at once what vizd would say. The owner of `incoming` is vizd's own user; a request that is that user's may
    /// be the journal's copy of somebody else's.
    private func requireRight() throws {
        let user = Host.userID
        guard user != 0, let own = try spool.root.infoIfPresent(of: Box.incoming.folder)?.uid, user != own else {
            return
        }
        guard let owner = try owner(), owner != user, owner != own else { return }
        throw CommandFailure(.cannotCreate, "\(name) cannot be cancelled by you: \(Self.right)")
    }

    /// Whose file the request is, where that can be seen.
    private func owner() throws(SystemFailure) -> UInt32? {
        for box in [Box.incoming, .processing] {
            do throws(SystemFailure) {
                if let info = try spool.info(of: job.requestFile, in: box) { return info.uid }
            } catch  where error.errno == .accessDenied {}
        }
        return nil
    }

    private func unknown() -> CommandFailure {
        CommandFailure(
            .noSuchJob,
            "There is no job \(name) in the spool \(shown(spool.path)); `vizd list` shows those that there are.")
    }
}
