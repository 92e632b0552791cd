// The life of one claimed file: read it once, let the journal judge what it is, have the pipeline work on it, land it.
//
// Everything here runs in a task of the job's own; what blocks runs on threads that we own. It ends when the file has
// landed, was removed as a duplicate, or the machine failed under it (`.machine`: the program leaves, the journal knows
// where to go on). A full disk is waited out; it fails no job.

import Contract
import Digest
import Ledger
import Linux
import Logging
import Pipeline
import Spool
import Synchronization

/// How a claimed file's life ended, for the loop.
indirect enum LifeEnd: Sendable {
    /// It is off our hands.
    case ended
    /// Its parts are to be worked on; when all have ended, it is concluded. Meanwhile it holds nothing but its name.
    case parked(Family)
    /// The disk or the journal failed; one sentence.
    case machine(String)
}

/// What every job's life is made of.
struct JobLife: Sendable {
    let spool: Spool
    let journal: Journal
    var pipeline: Pipeline
    let landing: Landing
    let board: StatusBoard
    let work: WorkFolder
    let pool: BlockingPool
    let log: Logger
    /// Names that have been admitted and have not landed, in this process.
    let working: NamesAtWork
    /// Names under which files that are no jobs are being landed, or removed.
    let refusals = NamesAtWork()
    /// Wishes for the end of jobs meet the jobs here.
    let cancels: Cancellations
    /// Bytes of a request (`limits.requestBytes`).
    var requestBytes: Int
    /// Waits until there is room on the disk again.
    let awaitRoom: @Sendable (String) async -> Void
    /// Waits so many nanoseconds.
    let pause: @Sendable (Int64) async -> Void
    /// Nanoseconds since 1970.
    let wallClock: @Sendable () -> Int64
    /// Counts what the log is told.
    var meter = Meter()

    /// How long to wait before a name that another task is at is looked at again.
    private static let patience: Int64 = 20_000_000
    /// How long to wait for descriptors or memory.
    private static let shortPatience: Int64 = 500_000_000

    /// Lives the life of a file in `processing`. `queued` is how long it waited before it was claimed, in seconds.
    func live(_ claimed: Claimed, queued: Double) async -> LifeEnd {
        do throws(LifeTrouble) {
            switch claimed.role {
            case .job(let name): return try await job(name, claimed, queued: queued)
            case .again(let name):
                return try await OwnStack.run { () async throws(LifeTrouble) in
                    try await again(name, claimed, queued: queued)
                }
            case .invalid(let name):
                try await OwnStack.run { () async throws(LifeTrouble) in try await invalid(name, claimed) }
            }
            return .ended
        } catch {
            return .machine(error.sentence)
        }
    }

    func now() -> Timestamp { Timestamp(nanoseconds: wallClock()) }

    // MARK: - A job's request

    @inline(never)
    private func job(_ name: JobName, _ claimed: Claimed, queued: Double) async throws(LifeTrouble) -> LifeEnd {
        let live = try await OwnStack.run { () async throws(LifeTrouble) in
            try await enter(name, claimed, queued: queued)
        }
        guard let live else { return .ended }
        return try await toItsEnd(live)
    }

    /// Works on a job that is among those at work, and takes it from there unless its parts are to be worked on first.
    func toItsEnd(_ live: LiveJob) async throws(LifeTrouble) -> LifeEnd {
        var end = LifeEnd.ended
        defer { if !end.isParked { leave(live.name) } }
        end = try await begin(live)
        if !end.isParked { try await OwnStack.run { () async throws(LifeTrouble) in try await endWish(live.name) } }
        return end
    }

    func leave(_ name: JobName) {
        cancels.leave(name.text)
        working.remove(name)
    }

    /// A claimed file as a job among those at work; nil where it is none and off our hands.
    private func enter(_ name: JobName, _ claimed: Claimed, queued: Double) async throws(LifeTrouble) -> LiveJob? {
        guard let request = try await content(of: claimed, landing: name.landing) else { return nil }
        // One life a name: an earlier one has landed a little before it is over (its picture is let go last), and what
        // it still does must not meet a later one's files.
        while !working.insert(name) {
            if case .over = try await turn(of: name, claimed, request, running: true) { return nil }
            await pause(JobLife.patience)
        }
        var live: LiveJob?
        defer { if live == nil { leave(name) } }
        // Before anything is looked at on the disk: a wish is seen there, or heard here.
        let cancel = cancels.enter(name.text)
        switch try await admit(name, request) {
        case .duplicate: try await remove(claimed, as: "a duplicate of a request that is known")
        case .nameTaken: try await taken(name, claimed, request)
        case .job(let job):
            live = LiveJob(
                name: name, decoded: request.decoded, admitted: job, source: claimed.source, queued: queued,
                cancel: cancel)
        }
        return live
    }

    /// What the journal says to a file.
    private indirect enum Answer {
        case duplicate
        case nameTaken
        case job(Admitted.Job)
    }

    private func admit(_ name: JobName, _ request: ClaimedRequest) async throws(LifeTrouble) -> Answer {
        let presence = try await presence(of: name)
        let question = AdmissionRequest(
            name: name.text, digest: request.digest.bytes, ownerUID: request.info.uid, request: request.bytes,
            userID: request.userID, outfitID: request.outfitID, oldRequest: presence.oldRequest, running: false,
            at: now())
        let answers = try await journalled { () async throws(JournalFailure) in try await journal.admit([question]) }
        guard let answer = answers.first else { preconditionFailure("the journal answered nothing to \(name)") }
        switch answer.judgement {
        case .later: preconditionFailure("\(name) was to wait for itself")
        case .duplicate: return .duplicate
        case .nameTaken: return .nameTaken
        case .fresh, .resume, .relanding, .rerun, .retry:
            guard let job = answer.job else { preconditionFailure("\(name) was let in without a job") }
            let word = answer.judgement.word
            log.info("job.admitted", metadata: name.metadata(["judgement": "\(word)", "run": "\(job.row.run)"]))
            try await hearWish(name, presence.cancel, answer, job)
            // A job at work has nothing in done/ and failed/; what lies there is of an earlier run, or of this one's
            // landing, which is then finished from the journal.
            if job.row.phase != .landing { try await withdraw(name, presence, answer.judgement) }
            return .job(job)
        }
    }

    /// Works on a job from where it stands: to its end, or until its parts are to be worked on.
    func begin(_ live: LiveJob) async throws(LifeTrouble) -> LifeEnd {
        let end = try await OwnStack.run { () async throws(LifeTrouble) in try await beforeItsWork(live) }
        if let end { return end }
        try await work(on: live)
        return .ended
    }

    /// What is to be done before a job is worked on; how its life has ended, where it is not.
    private func beforeItsWork(_ live: LiveJob) async throws(LifeTrouble) -> LifeEnd? {
        if case .land(let outcome) = live.ticket.resume {
            try await land(outcome, of: live.name, source: live.source, kind: live.row.kinship?.kind)
            board.landed(live.name, isComplete: outcome.box == .done)
            return .ended
        }
        // Only a name that ran before can have parts of an earlier run.
        if live.row.kinship == nil, live.row.run > 1 { try await forgetEarlierParts(of: live) }
        if case .success(let request) = live.ticket.decoded, let parts = request.parts,
            !(try await isWhole(live, request, parts))
        {
            return try await takeApart(live, request, parts)
        }
        return nil
    }

    private func work(on live: LiveJob) async throws(LifeTrouble) {
        board.begin(live.name, live.ticket)
        try await settle(live, await worked(on: live))
    }

    @inline(never)
    private func worked(on live: LiveJob) async -> JobEnd {
        if live.poison == .poisoned { return await OwnStack.run { await pipeline.poisoned(live.ticket) } }
        return await pipeline.run(live.ticket, cancel: live.cancel, report: reporter(live.name))
    }

    @inline(never)
    private func settle(_ live: LiveJob, _ end: JobEnd) async throws(LifeTrouble) {
        try await OwnStack.run { () async throws(LifeTrouble) in
            switch end {
            case .result(let result):
                meter.count { $0.worked(result.timing, isComplete: result.failure == nil) }
                try await conclude(live, result)
            case .stopped(let sentence): throw LifeTrouble(sentence: sentence)
            }
        }
    }

    /// Tells of a job's steps. It keeps what it needs and not all of this, since each job that waits has one.
    @inline(never)
    private func reporter(_ name: JobName) -> @Sendable (StageReport) -> Void {
        { [board, log] progress in
            board.report(name, progress)
            guard let fallback = progress.fallback else { return }
            log.notice(
                "provider.fallback",
                metadata: name.metadata([
                    "from": "\(fallback.from)", "to": "\(fallback.to)", "reason": "\(fallback.reason)",
                ]))
        }
    }

    /// The result into the journal, then into its box.
    func conclude(_ live: LiveJob, _ result: ResultDocument) async throws(LifeTrouble) {
        let (name, box, code) = (live.name, result.failure == nil ? OutcomeBox.done : .failed, result.failure?.code)
        let bytes = result.encode()
        try await journalled { () async throws(JournalFailure) in
            try await journal.landing(name.text, box, code: code, result: bytes, at: now())
        }
        let outcome = Outcome(box: box, code: code, result: bytes)
        try await land(outcome, of: name, source: live.source, kind: live.row.kinship?.kind)
        board.ended(name, result)
        tell(name, result)
    }

    /// Puts a kept result into its box and its request beside it; harmless to do again. That of a view has no box: it
    /// stays in the journal for the whole. `kind` is nil for a job that is no part.
    func land(
        _ outcome: Outcome, of name: JobName, source: FileName?, kind: PartKind? = nil
    ) async throws(LifeTrouble) {
        guard let result = outcome.result else { preconditionFailure("the result of \(name) is gone from the journal") }
        if kind?.hasFiles ?? true {
            let order = LandingOrder(
                name: name.landing, box: outcome.box.box, result: result, source: source, status: name.landing)
            try await land(order, id: name.text)
            meter.count { $0.landed(outcome.code) }
        }
        try await journalled { () async throws(JournalFailure) in try await journal.landed([name.text], at: now()) }
        // A failed job keeps its picture: a retry stores it without making it again.
        if outcome.box == .done { await dropPicture(of: name) }
    }

    /// Lets go of a picture in the work folder that nobody needs any more.
    func dropPicture(of name: JobName) async {
        do throws(SystemFailure) {
            try await work.drop(name.text)
        } catch {
            log.warning("work.leftover", metadata: name.metadata(["reason": "\(error)"]))
        }
    }

    // MARK: - Files that are no job

    /// A second request of a name that is in progress: the first one's duplicate, or the next one in the line.
    private func again(_ name: JobName, _ claimed: Claimed, queued: Double) async throws(LifeTrouble) -> LifeEnd {
        guard let request = try await content(of: claimed, landing: nil) else { return .ended }
        while true {
            switch try await turn(of: name, claimed, request, running: working.contains(name)) {
            case .over: return .ended
            case .later: break
            case .now:
                // The first one has landed meanwhile: this file takes its place and is judged as any other.
                if let promoted = try await promote(claimed) { return try await job(name, promoted, queued: queued) }
                if case .gone = try await read(claimed) { return .ended }
            }
            await pause(JobLife.patience)
        }
    }

    /// Whether a second request of a name may take its place.
    private enum Turn {
        /// It was a duplicate or had other content, and is off our hands.
        case over
        /// The first one is not at the point where this one can be judged.
        case later
        case now
    }

    private func turn(
        of name: JobName, _ claimed: Claimed, _ request: ClaimedRequest, running: Bool
    ) async throws(LifeTrouble) -> Turn {
        let presence = try await presence(of: name)
        let judgement = try await journalled { () async throws(JournalFailure) in
            try await journal.judge(
                name: name.text, digest: request.digest.bytes, oldRequest: presence.oldRequest, running: running)
        }
        switch judgement {
        case .duplicate: try await remove(claimed, as: "a duplicate of the request that is in progress")
        case .nameTaken: try await taken(name, claimed, request)
        case .later: return .later
        case .fresh, .resume, .relanding, .rerun, .retry: return .now
        }
        return .over
    }

    private func taken(_ name: JobName, _ claimed: Claimed, _ request: ClaimedRequest) async throws(LifeTrouble) {
        let landing = name.landing(digest: request.digest.bytes)
        try await refuse(
            claimed, landing,
            RefusedFile(
                code: .nameTaken,
                message: "A request named \(name) with other content is known already, so this one was not run and was "
                    + "kept as \(landing). Give it a name of its own and deliver it again.",
                userID: request.userID, outfitID: request.outfitID, digest: request.digest,
                ownerUID: request.info.uid))
    }

    private func invalid(_ name: InvalidName, _ claimed: Claimed) async throws(LifeTrouble) {
        let reading = try await read(claimed)
        if case .gone = reading { return }
        // What cannot be read is told apart by its name: it is never opened.
        let digest = reading.bytes.map(SHA256.of) ?? SHA256.of(claimed.source.bytes)
        try await refuse(
            claimed, name.landing(digest: digest.bytes),
            RefusedFile(
                code: .invalidName, message: name.fault.sentence,
                userID: nil, outfitID: nil, digest: digest, wasRead: reading.bytes != nil,
                ownerUID: reading.ownerUID))
    }

    /// Lands a file that never became a job.
    private func refuse(_ claimed: Claimed, _ landing: LandingName, _ refusal: RefusedFile) async throws(LifeTrouble) {
        let name = JobName(landing.text)
        while let name, !refusals.hold(name) { await pause(JobLife.patience) }
        defer { if let name { refusals.release(name) } }
        let bytes = pipeline.refused(refusal, as: landing.text).encode()
        let order = LandingOrder(name: landing, box: .failed, result: bytes, source: claimed.source, status: nil)
        try await land(order, id: landing.text)
        meter.count { $0.landed(refusal.code) }
        log.warning(
            "request.refused",
            metadata: ["job": "\(landing)", "code": "\(refusal.code.rawValue)", "reason": "\(refusal.message)"])
    }

    // MARK: - Reading

    /// The content of a claimed request; nil when the file is off our hands already.
    private func content(of claimed: Claimed, landing: LandingName?) async throws(LifeTrouble) -> ClaimedRequest? {
        let refusal: RefusedFile
        switch try await read(claimed) {
        case .bytes(let bytes, let info): return ClaimedRequest(bytes: bytes, info: info)
        case .gone:
            log.warning("request.gone", metadata: ["job": "\(claimed.role.id)", "file": "\(claimed.source)"])
            return nil
        case .odd(let info): refusal = .notRegular(info, named: claimed.source)
        case .tooLarge(let info): refusal = .tooLarge(info, limit: requestBytes, named: claimed.source)
        case .unreadable(let info, let sentence): refusal = .unreadable(sentence, info, named: claimed.source)
        case .short(_, let failure): throw LifeTrouble(sentence: "\(failure)")
        }
        // Such a file is no job: it is in no journal, and takes its own name only where that is free.
        let free = try await isFree(landing)
        let name = free ?? LandingName.of(claimed.role, digest: refusal.digest.bytes)
        try await refuse(claimed, name, refusal)
        return nil
    }

    /// The name, if no job has it and nothing has landed under it yet.
    private func isFree(_ name: LandingName?) async throws(LifeTrouble) -> LandingName? {
        guard let name, let job = JobName(name.text) else { return nil }
        if working.contains(job) { return nil }
        let known = try await journalled { () async throws(JournalFailure) in try await journal.row(job.text) }
        if known != nil { return nil }
        let presence = try await presence(of: job)
        let files = [presence.done, presence.failed, presence.doneResult, presence.failedResult]
        return files.allSatisfy { $0 == nil } ? name : nil
    }

    /// Reads a claimed file. Without a descriptor to read it with nothing is known of it: others give theirs back.
    private func read(_ claimed: Claimed) async throws(LifeTrouble) -> Reading {
        let (folder, limit) = (spool[.processing], requestBytes)
        while true {
            let reading = await pool.run { Reading.of(claimed.source, in: folder, limit: limit) }
            guard case .short(_, let failure) = reading else { return reading }
            log.warning("request.unread", metadata: ["job": "\(claimed.role.id)", "reason": "\(failure)"])
            await pause(JobLife.shortPatience)
        }
    }

    // MARK: - The result

    private func tell(_ name: JobName, _ result: ResultDocument) {
        guard let error = result.failure else {
            log.notice("job.complete", metadata: name.metadata(["seconds": "\(result.timing.total ?? 0)"]))
            return
        }
        log.warning(
            "job.failed", metadata: name.metadata(["code": "\(error.code.rawValue)", "reason": "\(error.message)"]))
    }
}
