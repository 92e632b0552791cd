// prepare -> generate -> download -> store -> update: the driver of a job. It performs what `JobMachine` says and feeds
// back what came of it; it decides nothing about the order of the stages itself.
//
// It answers for every input: a job ends complete or failed. Only when the machine fails under it (a disk error, a
// journal that cannot be written) does it answer `.stopped`, and the program leaves; the journal knows where to go on.
// A full disk is neither: the step waits for room and is made again.

package import Contract
internal import Digest
internal import Imaging
package import Ledger
internal import Linux
internal import Providers
internal import Transfer
internal import Wardrobe

/// A claimed job as the pipeline gets it. By reference, as all that a waiting job holds: each function that waits for
/// it would keep a copy of its own (`JobRun`).
package final class JobTicket: Sendable {
    /// The job's name.
    package let name: String
    /// The trusted copy of the request, read.
    package let decoded: Result<JobRequest, RequestFault>
    /// Where it enters: at the beginning, or where an earlier run of the program left it.
    package let resume: Resume
    /// The journal's row, as it was admitted.
    package let row: JobRow
    /// The last attempt of its run.
    package let last: AttemptRow?
    /// Seconds that the request waited before it was claimed.
    package let queued: Double

    package init(
        name: String, decoded: Result<JobRequest, RequestFault>, resume: Resume, row: JobRow, last: AttemptRow?,
        queued: Double
    ) {
        (self.name, self.decoded, self.resume) = (name, decoded, resume)
        (self.row, self.last, self.queued) = (row, last, queued)
    }
}

/// Where a job is, for its status file.
package struct StageReport: Equatable, Sendable {
    package let stage: Stage
    /// 0 to 100.
    package let percent: Int
    /// What is going on, for a person.
    package let message: String
    package let userID: String?
    package let outfitID: String?
    /// As in the configuration; nil until it is chosen.
    package let provider: String?
    /// 1 for the first attempt.
    package let attempt: Int
    /// What it waits for; nil while it is worked on.
    package var waiting: StageWait?
    /// That it was taken to another provider just now.
    package var fallback: Fallback?

    package init(
        stage: Stage, percent: Int, message: String, userID: String?, outfitID: String?, provider: String?,
        attempt: Int, waiting: StageWait? = nil
    ) {
        (self.stage, self.percent, self.message) = (stage, percent, message)
        (self.userID, self.outfitID, self.provider) = (userID, outfitID, provider)
        (self.attempt, self.waiting) = (attempt, waiting)
    }

    /// The same with other words, and further on where that is said.
    func saying(_ message: String, percent: Int? = nil, waiting: StageWait? = nil) -> StageReport {
        StageReport(
            stage: stage, percent: percent ?? self.percent, message: message, userID: userID, outfitID: outfitID,
            provider: provider, attempt: attempt, waiting: waiting)
    }
}

/// A job that goes to another provider than its own, for which nothing was ordered yet.
package struct Fallback: Equatable, Sendable {
    /// As in the configuration.
    package let from: String
    package let to: String
    /// Why nobody goes in at its own: a clause or sentence.
    package let reason: String
}

/// How a job left the pipeline.
package indirect enum JobEnd: Sendable {
    /// It has a result, complete or failed.
    case result(ResultDocument)
    /// The machine failed; nothing more may be promised. One sentence for the log.
    case stopped(String)
}

/// Runs jobs. One object serves all of them.
package final class Pipeline: Sendable {
    let parts: PipelineParts
    let time: PipelineTime
    let times = TaskTimes()
    /// Jobs that have photos for an order in memory, up to a few megabytes each.
    let hands = Turnstile(places: 32)
    let sheets = SheetShelf(kept: 32)
    let turns = OutfitTurns()
    private let settingsBox: SettingsBox
    /// Waits until there is room on the disk again; told once which step waits.
    let awaitRoom: @Sendable (String) async -> Void
    /// What is in the way while the disk has less room than must be there before anything is bought; told which job
    /// asks.
    let floor: @Sendable (String) async -> String?

    package init(
        _ parts: PipelineParts, time: PipelineTime, settings: PipelineSettings,
        awaitRoom: @escaping @Sendable (String) async -> Void, floor: @escaping @Sendable (String) async -> String?
    ) {
        (self.parts, self.time, settingsBox) = (parts, time, SettingsBox(settings))
        (self.awaitRoom, self.floor) = (awaitRoom, floor)
    }

    /// What a reload of the configuration changes: also for the jobs under way, in whatever they do from then on.
    package var settings: PipelineSettings {
        get { settingsBox.value }
        set { settingsBox.value = newValue }
    }

    var providers: ProviderRegistry { parts.providers }
    var transfer: any Transferring { parts.transfer }
    var wardrobe: any Wardrobe { parts.wardrobe }
    var journal: Journal { parts.journal }
    var photos: PreparedPhotos { parts.photos }
    var workers: ImageWorkers { parts.workers }
    var painter: any SheetPainting { parts.painter }
    var work: WorkFolder { parts.work }
    var desk: ProviderDesk { parts.desk }
    func wallClock() -> Int64 { time.wallClock() }
    func monotonicClock() -> Int64 { time.monotonicClock() }
    func sleep(_ moment: Int64) async { await time.sleep(moment) }
    func dice() -> Double { time.dice() }

    /// Runs one job to its end, or until `cancel` is made and that is still possible. `report` is called at every step.
    package func run(
        _ ticket: JobTicket, cancel: JobCancel = JobCancel(), report: @escaping @Sendable (StageReport) -> Void
    ) async -> JobEnd {
        var job = JobRun(ticket: ticket, startedAt: monotonicClock(), cancel: cancel, report: report)
        defer {
            letGo(&job)
            leave(&job)
            giveTurn(&job)
        }
        var (machine, step): (JobMachine, JobStep)
        switch await OwnStack.run({ [self, job] in await begin(job) }) {
        case .end(let end): return end
        case .machine(let first, let todo): (machine, step) = (first, todo)
        }
        while true {
            // A task that has ended has a picture, or is read once more for one.
            if cancel.isMade, machine.isCancellable, !job.hasEnded { step = machine.take(wished(job)) }
            if let end = end(step, at: machine.stage, job) { return end }
            switch await perform(step, &job) {
            case .event(let event): step = machine.take(event)
            case .stopped(let sentence): return .stopped(sentence)
            }
        }
    }

    /// Tells the step. Answers how the job ends, if it is the last one. On its own, so that no result is among the
    /// variables that a waiting job keeps.
    @inline(never)
    private func end(_ step: JobStep, at stage: Stage?, _ job: JobRun) -> JobEnd? {
        if let stage { job.report(job.progress(stage, step)) }
        switch step {
        case .finish(let plan, let picture, let stored): return .result(complete(job, plan, picture, stored))
        case .fail(let failure): return .result(failed(job, failure, at: job.stage))
        default:
            job.stage = stage ?? job.stage
            return nil
        }
    }

    // MARK: - Entry

    /// How a job begins.
    private indirect enum Beginning {
        case machine(JobMachine, JobStep)
        /// It is over already.
        case end(JobEnd)
    }

    /// Where the machine begins; looked at anew, from the ticket, when the disk was full meanwhile.
    private func begin(_ run: JobRun) async -> Beginning {
        var job = run
        if case .failure(let fault) = job.ticket.decoded {
            return .end(.result(failed(job, JobFailure(fault: fault), at: nil)))
        }
        if let errand = job.request.flatMap(Errand.init) { return .end(await self.run(errand, &job)) }
        while true {
            do throws(StepTrouble) {
                let (entry, persistence) = try await entry(&job)
                let (machine, step) = JobMachine.begin(at: entry, persistence)
                return .machine(machine, step)
            } catch {
                switch error {
                case .full(let what): await awaitRoom("\(job.ticket.name): \(what)")
                case .machine(let sentence): return .end(.stopped(sentence))
                case .job(let failure):
                    let (machine, step) = JobMachine.begin(at: .fail(failure), Persistence())
                    return .machine(machine, step)
                }
            }
        }
    }

    /// Where the machine begins, from where the journal says that the job stands, and how often it was tried before.
    private func entry(_ job: inout JobRun) async throws(StepTrouble) -> (JobEntry, Persistence) {
        let ticket = job.ticket
        let plan = ticket.row.plan.flatMap(Plan.init(encoded:))
        let stored = ticket.row.stored.flatMap(StoredNote.init(encoded:))
        let resubmits = try await remember(&job)
        let entry: JobEntry
        switch (try await resume(ticket), plan, ticket.row.picture, stored) {
        case (.prepare, _, _, _): entry = .prepare
        case (.store(let picture), let plan?, _, _): entry = .store(plan, picture)
        case (.update, let plan?, let picture?, let stored?): entry = .update(plan, picture, stored)
        case (.conclude, let plan?, let picture?, let stored?): entry = .conclude(plan, picture, stored)
        case (.submissionUnknown(let attempt), _, _, _):
            if let closed = closedEntry(attempt, job) {
                entry = closed
            } else {
                entry = try await lostEntry(attempt, plan, &job)
            }
        case (.poll(let task, let attempt), _, _, _): entry = followEntry(task, attempt, plan, &job)
        case (.land, _, _, _): preconditionFailure("a result that only has to land came to the pipeline")
        default: entry = .fail(.strangeNote)
        }
        return (entry, Persistence(resubmits: resubmits))
    }

    /// A kept picture that is no longer whole in the work folder is made good from its task.
    private func resume(_ ticket: JobTicket) async throws(StepTrouble) -> Resume {
        guard case .store(let note) = ticket.resume else { return ticket.resume }
        do throws(SystemFailure) {
            return try await work.picture(note) == nil ? Resume.fromAttempt(ticket.last) : ticket.resume
        } catch {
            throw StepTrouble(error, of: "reading the picture from the work folder")
        }
    }

    /// A job that goes on tells what its earlier attempts cost too. Answers how many of them were lost and followed.
    func remember(_ job: inout JobRun) async throws(StepTrouble) -> Int {
        guard let last = job.ticket.last else { return 0 }
        if let known = job.lostBefore { return known }
        do throws(JournalFailure) {
            let run = try await journal.attempts(job.ticket.name).filter { $0.run == last.run }
            for attempt in run { job.add(attempt) }
            let lost = run.filter { $0.state == .uncertain && $0.attempt < last.attempt }.count
            job.lostBefore = lost
            return lost
        } catch {
            throw StepTrouble(error)
        }
    }

    /// An order of an earlier run of the program whose answer came, so that it is closed at a figure, and whose picture
    /// is not there; nil for one that is not closed so.
    private func closedEntry(_ attempt: AttemptRow, _ job: JobRun) -> JobEntry? {
        if attempt.isSpent { return .fail(.spent(attempt, displayName(attempt.provider))) }
        guard attempt.state == .settled || attempt.made else { return nil }
        return .fail(.pictureGone(job.ticket.name, job.ticket.row.picture))
    }

    /// An order of an earlier run of the program whose answer is lost: closed as a cost, then as the settings say.
    private func lostEntry(_ attempt: AttemptRow, _ plan: Plan?, _ job: inout JobRun) async throws(StepTrouble)
        -> JobEntry
    {
        if attempt.state == .intent { try await settle(.uncertain, job) }
        job.bind(to: attempt.provider)
        return .lost(await lost(attempt, plan), resubmitAfter: settings.resubmitAfter[attempt.provider])
    }

    private func followEntry(_ task: String, _ attempt: AttemptRow, _ plan: Plan?, _ job: inout JobRun) -> JobEntry {
        guard providers.provider(attempt.provider) != nil else {
            return .fail(.taskOutOfReach(task, attempt, notThere(attempt.provider)))
        }
        guard let plan else { return .fail(.strangeNote) }
        desk.occupy(plan.place)
        job.bind(to: plan.provider)
        (job.place, job.taskID) = (plan.place, task)
        job.taskAge = max(0, Double(wallClock() - (attempt.taskAt ?? attempt.createdAt).nanoseconds) / 1e9)
        job.hasEnded = attempt.state == .settled
        return .follow(plan, taskID: task)
    }

    // MARK: - Steps

    /// What performing a step led to.
    enum Performed {
        case event(JobEvent)
        case stopped(String)
    }

    private func perform(_ step: JobStep, _ job: inout JobRun) async -> Performed {
        while true {
            let begun = monotonicClock()
            let done: Performed
            do throws(StepTrouble) {
                done = .event(try await onItsStack(step, &job))
            } catch {
                switch error {
                case .full(let what):
                    tellRoom(what, step, &job)
                    await awaitRoom("\(job.ticket.name): \(what)")
                    guard step.isBeforeTheOrder, job.cancel.isMade else { continue }
                    done = .event(wished(job))
                case .machine(let sentence): done = .stopped(sentence)
                case .job(let failure): done = .event(.failed(failure))
                }
            }
            job.timing.add(max(0, seconds(since: begun) - job.waited), to: job.stage)
            job.queued += job.waited
            job.waited = 0
            return done
        }
    }

    /// What only waits does so here, at the end of a short way; everything else has a stack of its own.
    @inline(never)
    private func onItsStack(_ step: JobStep, _ job: inout JobRun) async throws(StepTrouble) -> JobEvent {
        switch step {
        case .follow(let plan, let taskID): return try await follow(plan, taskID, &job)
        case .pause(let pause): return try await self.pause(pause, &job)
        // A crowd that has just been claimed waits here for its photos to have room.
        case .prepare: if !(await takeHands(&job)) { return wished(job) }
        default: break
        }
        return try await aside(step, &job)
    }

    @inline(never)
    private func aside(_ step: JobStep, _ job: inout JobRun) async throws(StepTrouble) -> JobEvent {
        try await OwnStack.run { [self, job] () async throws(StepTrouble) in
            var job = job
            return try await attempt(step, &job)
        }
    }

    private func attempt(_ step: JobStep, _ job: inout JobRun) async throws(StepTrouble) -> JobEvent {
        switch step {
        case .prepare: return try await prepare(&job)
        case .order(let plan): return try await order(plan, &job)
        case .submit(let plan): return try await submit(plan, &job)
        case .follow(let plan, let taskID): return try await follow(plan, taskID, &job)
        case .cancel(let plan, let taskID): return try await giveUp(plan, taskID, &job)
        case .pause(let pause): return try await self.pause(pause, &job)
        case .fetch(let plan): return try await fetch(plan, &job)
        case .keep(let plan): return try await keep(plan, &job)
        case .store(let plan, let picture):
            await takeTurn(&job)
            return try await store(plan, picture, &job)
        case .update(let plan, let picture, let stored):
            await takeTurn(&job)
            return try await update(plan, picture, stored, job)
        case .finish, .fail: preconditionFailure("\(step) is no step to perform")
        }
    }

    /// Nobody removes the picture between its storing and its entry in the record.
    func takeTurn(_ job: inout JobRun) async {
        if job.hasTurn { return }
        await turns.enter(job.turn)
        job.hasTurn = true
    }

    @inline(never)
    func giveTurn(_ job: inout JobRun) {
        if job.hasTurn { turns.leave(job.turn) }
        job.hasTurn = false
    }

    /// Somebody wishes the job to end. On its own, as `end` is.
    @inline(never)
    func wished(_ job: JobRun) -> JobEvent { .cancelled(.cancelled(attempts: job.attempts)) }

    func seconds(since begun: Int64) -> Double { Double(monotonicClock() - begun) / 1e9 }
}

extension JobStep {
    /// Whether nothing is bought by it yet: it may be left undone.
    fileprivate var isBeforeTheOrder: Bool {
        switch self {
        case .prepare, .order: true
        default: false
        }
    }
}

/// Why a step did not do what it should.
indirect enum StepTrouble: Error {
    /// No room; made again when there is.
    case full(String)
    /// The machine; the program leaves.
    case machine(String)
    /// This job.
    case job(JobFailure)

    /// What a failure of the journal means.
    init(_ failure: JournalFailure) {
        switch failure.code {
        case .full, .busy: self = .full(failure.description)
        // The books refuse this step for this job alone, and were not changed.
        case .unknownJob, .wrongPhase: self = .job(.booksRefuse(failure))
        case .overBudget: self = .job(JobFailure(.budgetExceeded, failure.message))
        default: self = .machine(failure.description)
        }
    }

    /// What a failed call on our own folders means.
    init(_ failure: SystemFailure, of work: String) {
        self = failure.errno.isFull ? .full(work) : .machine("\(work): \(failure)")
    }
}
