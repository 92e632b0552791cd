// `vizd recover --journal-lost`: a spool with work in progress whose journal is gone.

internal import ArgumentParser
internal import Contract
internal import Ledger
internal import Linux
internal import Spool

struct Recover: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "See to the jobs in progress of a spool whose journal is lost.",
        discussion: """
            Not needed after a crash: `vizd run` goes on by itself from the journal in state.dir. Where that is gone, \
            nobody knows what was ordered for the files in processing/, and `vizd run` refuses the spool (78). This \
            command moves every request that may have been paid for to failed/ with a result that says \
            submission_unknown, and the others back to incoming/; one whose result is there is put beside it. It asks \
            for nothing, orders nothing, and says what it did with each file. What waits in incoming/ is left alone, \
            but for a copy of a request that may have been paid for: that would be bought again, and is removed.

            Run it as vizd's user, with vizd's configuration, while no vizd runs. `vizd run` then begins a new journal.

            A status file that says “prepare” is no proof that nothing was ordered, since status files are written \
            behind the work. With --trust-status it is taken at its word: good where many jobs were waiting for their \
            turn at the provider and vizd was stopped in order; after a power cut or a kill it may buy again what was \
            ordered in the last moments.

            Examples:
              vizd recover --journal-lost --dry-run
              sudo -u vizd vizd recover --journal-lost --config /etc/vizd/vizd.conf

            Exit status: 0 done, or nothing to do; 73 something cannot be moved; 75 a vizd runs on this spool, or the \
            disk is full; 78 the journal is not lost, or the configuration must be mended.
            """)

    @Flag(help: "The journal that belongs to this spool is lost for good.")
    var journalLost = false

    @Flag(help: "Only show what would be done.")
    var dryRun = false

    @Flag(help: "Believe a status file that says that nothing was ordered yet.")
    var trustStatus = false

    @OptionGroup var config: ConfigOption

    func validate() throws {
        guard journalLost else {
            throw ValidationError("Nothing but --journal-lost can be recovered; anything else `vizd run` does itself.")
        }
    }

    func run() throws {
        try ending {
            // As the daemon reads them: its choice of a provider matters here.
            let loaded = SettingsLoader.load(
                path: config.config, world: Surroundings.settingsWorld(), capabilities: .thisVersion)
            guard let settings = loaded.settings else {
                Terminal.write(CheckReport.problems(loaded.problems), to: 2)
                return .configuration
            }
            // Looked for first: opening a spool makes what is missing of it.
            _ = try SpoolReader(path: settings.spool.directory)
            let spool = try Recover.refusable { () throws(SpoolRefusal) in try Spool(path: settings.spool.directory) }
            try Recover.requireOwner(of: spool)
            let lock = try Recover.lock(spool)
            try Recover.requireLost("\(settings.state.directory)/vizd.sqlite", spool)
            let status = try recover(spool, settings)
            try lock.release()
            return status
        }
    }

    private func recover(_ spool: Spool, _ settings: Settings) throws -> ExitStatus {
        let lost = LostJournal(
            spool: spool, provider: settings.provider, requestBytes: settings.limits.requestBytes,
            wallClock: { WallClock.now() })
        do {
            let moves = try lost.plan(trustsStatus: trustStatus)
            if !dryRun { try lost.carryOut(moves) }
            Surroundings.print(Recover.report(moves, dryRun: dryRun))
            return moves.contains(where: \.stays) ? .cannotCreate : .success
        } catch let failure as SpoolFatal {
            throw CommandFailure(.cannotCreate, "\(shown("\(failure.failure)")). Mend that and run this again.")
        }
    }

    // MARK: - Whether it may be done

    /// Files that root makes could not be read by the daemon, which runs as a user of its own.
    private static func requireOwner(of spool: Spool) throws {
        let owner = try spool[.processing].info().uid
        guard Host.userID == 0, owner != 0 else { return }
        throw CommandFailure(
            .cannotCreate,
            "\(shown(spool.root.path)) belongs to the user \(owner), and vizd could not read what root makes there. Run "
                + "this as that user: sudo -u '#\(owner)' vizd recover --journal-lost")
    }

    private static func lock(_ spool: Spool) throws(CommandFailure) -> SpoolLock {
        do throws(SpoolRefusal) {
            return try SpoolLock.take(spool, started: Timestamp(nanoseconds: WallClock.now()).rfc3339)
        } catch {
            guard error.exit == 75 else { throw CommandFailure(error) }
            throw CommandFailure(
                .tryAgain,
                "A vizd is at work on \(shown(spool.root.path)) (\(SpoolLock.holder(spool) ?? "holder unknown")), so "
                    + "its journal is not lost. Stop it first.")
        }
    }

    /// Refuses where the journal is there: knowing what was ordered is better than guessing.
    private static func requireLost(_ path: String, _ spool: Spool) throws(CommandFailure) {
        let known: String?
        do throws(JournalFailure) {
            known = try JournalReader.open(path: path)?.spoolID()
        } catch {
            throw CommandFailure(
                .configuration,
                "\(error) Where it cannot be mended, move it out of state.dir; then this command may go on without it.")
        }
        guard let known else { return }
        if try spoolID(spool) == known {
            throw CommandFailure(
                .configuration,
                "The journal of this spool is there (\(shown(path))): `vizd run` goes on from it. Nothing was moved.")
        }
        throw CommandFailure(
            .configuration,
            "The journal \(shown(path)) belongs to another spool. Correct state.dir; or, where this spool's own journal "
                + "is lost for good, point state.dir at an empty folder. Nothing was moved.")
    }

    private static func spoolID(_ spool: Spool) throws(CommandFailure) -> String {
        try refusable { () throws(SpoolRefusal) in try spool.id() }
    }

    private static func refusable<Value>(_ body: () throws(SpoolRefusal) -> Value) throws(CommandFailure) -> Value {
        do throws(SpoolRefusal) { return try body() } catch { throw CommandFailure(error) }
    }

    // MARK: - What is said

    /// A line for each file, and what comes next.
    static func report(_ moves: [LostMove], dryRun: Bool) -> String {
        if moves.isEmpty { return "Nothing is in progress. `vizd run` begins a new journal by itself.\n" }
        var table = TextTable("FILE", dryRun ? "WOULD GO TO" : "WENT TO", "WHY", widest: 120)
        for move in moves {
            table.add("\(move.file.claimed.source)", move.destination, move.verdict.reason)
            if move.verdict.removesWaiting, let name = move.file.claimed.role.name {
                table.add("incoming/\(name.requestFile)", "removed", "a copy of it, which would be bought again")
            }
        }
        return table.text + "\n" + next(moves, dryRun)
    }

    private static func next(_ moves: [LostMove], _ dryRun: Bool) -> String {
        let kept = moves.compactMap { if case .stays(let sentence) = $0.verdict.fate { sentence } else { nil } }
        if !kept.isEmpty { return kept.map { "\(shown($0))\n" }.joined() + "Then run this again.\n" }
        if dryRun { return "Nothing was moved. Run it without --dry-run to do that.\n" }
        return "`vizd run` now begins a new journal. Before anything in failed/ that says submission_unknown is moved "
            + "back to incoming/, look at the provider's usage page.\n"
    }
}

extension CommandFailure {
    init(_ refusal: SpoolRefusal) {
        self.init(ExitStatus(rawValue: refusal.exit) ?? .cannotCreate, shown(refusal.sentence))
    }
}
