// prepare -> generate -> download -> store -> update: the driver of a job. It performs what `JobMachine` says and feeds
// back what came of it; it decides nothing about the order of the stages itself.
//
// It answers for every input: a job ends complete or failed. Only when the machine fails under it (a disk error, a
// journal that cannot be written) does it answer `.stopped`, and the program leaves; the journal knows where to go on.
// A full disk is neither: the step waits for room and is made again.

package import Contract
internal import Digest
package import Imaging
package import Ledger
internal import Linux
package import Providers
package import Transfer
package import Wardrobe

/// A claimed job as the pipeline gets it.
package struct JobTicket: Sendable {
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

    /// The same with other words, and further on where that is said.
    func saying(_ message: String, percent: Int? = nil) -> StageReport {
        StageReport(
            stage: stage, percent: percent ?? self.percent, message: message, userID: userID, outfitID: outfitID,
            provider: provider, attempt: attempt)
    }
}

/// How a job left the pipeline.
package enum JobEnd: Sendable {
    /// It has a result, complete or failed.
    case result(ResultDocument)
    /// The machine failed; nothing more may be promised. One sentence for the log.
    case stopped(String)
}

/// What the pipeline asks of the configuration. Times in nanoseconds.
package struct PipelineSettings: Sendable {
    /// The provider of a request that names none.
    package var provider: String
    /// The version that results name.
    package let version: String
    /// Who wears the outfit when neither the request nor the user's profile says.
    package var modelDescriptor: String?
    /// Seconds after which a lost order is sent again, by provider; none where a person decides.
    package var resubmitAfter: [String: Double] = [:]
    package var poll = PollRule()
    /// From a job's first submission.
    package var jobDeadline: Int64 = 900_000_000_000
    /// Bytes of a fetched picture.
    package var downloadBytes = 64 << 20
    /// A fetch without a byte for this long is broken off.
    package var stall: Int64 = 20_000_000_000

    package init(provider: String, version: String) { (self.provider, self.version) = (provider, version) }
}

/// The clocks and the chance that jobs live by.
package struct PipelineTime: Sendable {
    /// Nanoseconds since 1970.
    package let wallClock: @Sendable () -> Int64
    /// Nanoseconds, for measuring and waiting.
    package let monotonicClock: @Sendable () -> Int64
    /// Returns at a moment of the monotonic clock.
    package let sleep: @Sendable (Int64) async -> Void
    /// 0 to 1, evenly.
    package let dice: @Sendable () -> Double

    package init(
        wallClock: @escaping @Sendable () -> Int64, monotonicClock: @escaping @Sendable () -> Int64,
        sleep: @escaping @Sendable (Int64) async -> Void, dice: @escaping @Sendable () -> Double
    ) {
        (self.wallClock, self.monotonicClock, self.sleep, self.dice) = (wallClock, monotonicClock, sleep, dice)
    }
}

/// The parts that jobs are worked on with.
package struct PipelineParts: Sendable {
    package let providers: ProviderRegistry
    package let transfer: any Transferring
    package let wardrobe: any Wardrobe
    package let journal: Journal
    package let photos: PreparedPhotos
    package let workers: ImageWorkers
    /// Draws the sheets on which garments share a picture.
    package let painter: any SheetPainting
    package let work: WorkFolder
    package let desk: ProviderDesk

    package init(
        providers: ProviderRegistry, transfer: any Transferring, wardrobe: any Wardrobe, journal: Journal,
        photos: PreparedPhotos, workers: ImageWorkers, painter: any SheetPainting, work: WorkFolder, desk: ProviderDesk
    ) {
        (self.providers, self.transfer, self.wardrobe, self.journal) = (providers, transfer, wardrobe, journal)
        (self.photos, self.workers, self.painter, self.work) = (photos, workers, painter, work)
        self.desk = desk
    }
}

/// Runs jobs. One value serves all of them.
package struct Pipeline: Sendable {
    let parts: PipelineParts
    let time: PipelineTime
    let times = TaskTimes()
    /// Jobs that have photos for an order in memory, up to a few megabytes each.
    let hands = Turnstile(places: 32)
    let sheets = SheetShelf(kept: 32)
    /// What a reload of the configuration may change for jobs that begin from then on.
    package var settings: PipelineSettings
    /// Waits until there is room on the disk again; told once which step waits.
    let awaitRoom: @Sendable (String) async -> Void
    /// Waits while the disk has less room than must be there before anything is bought; told which job waits.
    let awaitFloor: @Sendable (String) async -> Void

    package init(
        _ parts: PipelineParts, time: PipelineTime, settings: PipelineSettings,
        awaitRoom: @escaping @Sendable (String) async -> Void, awaitFloor: @escaping @Sendable (String) async -> Void
    ) {
        (self.parts, self.time, self.settings) = (parts, time, settings)
        (self.awaitRoom, self.awaitFloor) = (awaitRoom, awaitFloor)
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

    /// Runs one job to its end. `report` is called at every step.
    package func run(_ ticket: JobTicket, report: @escaping @Sendable (StageReport) -> Void) async -> JobEnd {
        var job = JobRun(ticket: ticket, startedAt: monotonicClock(), report: report)
        if case .failure(let fault) = ticket.decoded { return .result(failed(job, JobFailure(fault: fault), at: nil)) }
        let begin: (JobEntry, Persistence)
        do throws(StepTrouble) {
            begin = try await entry(&job)
        } catch {
            return .stopped(error.explanation)
        }
        var (machine, step) = JobMachine.begin(at: begin.0, begin.1)
        defer {
            letGo(&job)
            leave(&job)
        }
        while true {
            let stage = machine.stage
            if let stage { report(job.progress(stage, step)) }
            switch step {
            case .finish(let plan, let picture, let stored):
                return .result(complete(job, plan, picture, stored))
            case .fail(let failure):
                return .result(failed(job, failure, at: job.stage))
            default:
                job.stage = stage ?? job.stage
                switch await perform(step, &job) {
                case .event(let event): step = machine.take(event)
                case .stopped(let sentence): return .stopped(sentence)
                }
            }
        }
    }

    // MARK: - Entry

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
            entry =
                attempt.state == .settled
                ? .fail(.pictureGone(ticket.name, ticket.row.picture)) : try await lostEntry(attempt, plan, job)
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
    private func remember(_ job: inout JobRun) async throws(StepTrouble) -> Int {
        guard let last = job.ticket.last else { return 0 }
        do throws(JournalFailure) {
            let run = try await journal.attempts(job.ticket.name).filter { $0.run == last.run }
            for attempt in run { job.add(attempt) }
            return run.filter { $0.state == .uncertain && $0.attempt < last.attempt }.count
        } catch {
            throw StepTrouble(error)
        }
    }

    /// An order of an earlier run of the program whose answer is lost: closed as a cost, then as the settings say.
    private func lostEntry(_ attempt: AttemptRow, _ plan: Plan?, _ job: JobRun) async throws(StepTrouble) -> JobEntry {
        if attempt.state == .intent { try await settle(.uncertain, job) }
        return .lost(await lost(attempt, plan), resubmitAfter: settings.resubmitAfter[attempt.provider])
    }

    private func followEntry(_ task: String, _ attempt: AttemptRow, _ plan: Plan?, _ job: inout JobRun) -> JobEntry {
        guard providers.provider(attempt.provider) != nil else {
            return .fail(.taskOutOfReach(task, attempt, notThere(attempt.provider)))
        }
        guard let plan else { return .fail(.strangeNote) }
        desk.occupy(plan.place)
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
                done = .event(try await attempt(step, &job))
            } catch {
                switch error {
                case .full(let what):
                    await awaitRoom("\(job.ticket.name): \(what)")
                    continue
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

    private func attempt(_ step: JobStep, _ job: inout JobRun) async throws(StepTrouble) -> JobEvent {
        switch step {
        case .prepare: try await prepare(&job)
        case .order(let plan): try await order(plan, &job)
        case .submit(let plan): try await submit(plan, &job)
        case .follow(let plan, let taskID): try await follow(plan, taskID, &job)
        case .pause(let pause): try await self.pause(pause, &job)
        case .fetch(let plan): try await fetch(plan, &job)
        case .keep: try await keep(&job)
        case .store(let plan, let picture): try await store(plan, picture, &job)
        case .update(let plan, let picture, let stored): try await update(plan, picture, stored, job)
        case .finish, .fail: preconditionFailure("\(step) is no step to perform")
        }
    }

    func seconds(since begun: Int64) -> Double { Double(monotonicClock() - begun) / 1e9 }
}

/// Why a step did not do what it should.
enum StepTrouble: Error {
    /// No room; made again when there is.
    case full(String)
    /// The machine; the program leaves.
    case machine(String)
    /// This job.
    case job(JobFailure)

    /// What there is to say when nothing but the machine can be at fault.
    var explanation: String {
        switch self {
        case .full(let what): "\(what): the disk is full"
        case .machine(let sentence): sentence
        case .job(let failure): failure.message
        }
    }

    /// What a failure of the journal means.
    init(_ failure: JournalFailure) {
        switch failure.code {
        case .full, .busy: self = .full(failure.description)
        // The books refuse this step for this job alone, and were not changed.
        case .unknownJob, .wrongPhase: self = .job(.booksRefuse(failure))
        default: self = .machine(failure.description)
        }
    }

    /// What a failed call on our own folders means.
    init(_ failure: SystemFailure, of work: String) {
        self = failure.errno.isFull ? .full(work) : .machine("\(work): \(failure)")
    }
}

/// One job on its way: what the steps hand to each other.
struct JobRun {
    let ticket: JobTicket
    /// Monotonic nanoseconds.
    let startedAt: Int64
    /// Tells the status file.
    let report: @Sendable (StageReport) -> Void
    /// Nil where it could not be read.
    let request: JobRequest?
    /// The stage that is under way, or was when it failed.
    var stage: Stage = .prepare
    var timing = StageTimes()
    /// Seconds that it waited before it was claimed, and for places since.
    var queued: Double
    /// Seconds of the step under way that were spent in line for a place.
    var waited = 0.0
    /// The name of the provider, once chosen.
    var provider: String?

    // The order.
    /// Its place at the provider, from before the order until the task has ended.
    var place: DeskBook.Place?
    /// What is to be ordered, with its photos; nil once it was sent.
    var order: Order?
    /// Whether it is one of those that may have photos in memory.
    var isInHand = false
    /// What the provider said to the one call of this attempt, until its step is done.
    var submission: Submission?
    /// Attempts of this run so far.
    var attempts: Int
    /// When the attempt under way was ordered, and when the job's time is over; monotonic nanoseconds.
    var orderedAt: Int64?
    var deadline: Int64?

    // The task.
    var taskID: String?
    /// What the status file was last told of it.
    var told: StageReport?
    /// Seconds that a task of an earlier run of the program was old when this one began.
    var taskAge: Double?
    /// Whether the task was seen at its end already, so that it is only read again.
    var hasEnded = false
    /// Addresses of the finished picture.
    var outputs: [String] = []
    /// The picture as it was fetched.
    var download: OpenFile?
    /// The verified picture's bytes, as long as this run has them in memory.
    var picture: [UInt8]?

    // The money.
    /// What the attempt under way costs by the provider's list.
    private(set) var estimate = Money.free
    /// What it cost so far, as far as it is known.
    private(set) var charged = Money.free
    private var isUncertain = false
    /// What the attempts before it cost.
    private var earlier = CostSum()

    init(ticket: JobTicket, startedAt: Int64, report: @escaping @Sendable (StageReport) -> Void) {
        (self.ticket, self.startedAt, self.report) = (ticket, startedAt, report)
        if case .success(let request) = ticket.decoded { self.request = request } else { request = nil }
        provider = ticket.row.provider
        attempts = ticket.last?.attempt ?? 0
        queued = ticket.queued
    }

    /// A new attempt begins.
    mutating func begin(_ estimate: Money) {
        earlier.add(charged, uncertain: isUncertain)
        (self.estimate, charged, isUncertain) = (estimate, .nothing(like: estimate), false)
        (taskID, taskAge, hasEnded, outputs, submission) = (nil, nil, false, [], nil)
    }

    /// What the provider itself expects the attempt under way to cost: the books reserve that from now on.
    mutating func expect(_ money: Money) { (estimate, charged, isUncertain) = (money, money, true) }

    /// What the attempt under way costs, as far as it is known now.
    mutating func charge(_ money: Money, uncertain: Bool) { (charged, isUncertain) = (money, uncertain) }

    /// An attempt from before this run of the program; the last one is the one under way.
    mutating func add(_ attempt: AttemptRow) {
        begin(attempt.estimate)
        taskID = attempt.taskID
        if let final = attempt.final {
            let credits = attempt.estimate.credits == nil ? nil : final.credits ?? 0
            charge(Money(credits: credits, usdMicros: final.usdMicros), uncertain: false)
        } else {
            charge(attempt.estimate, uncertain: !attempt.freeOfCharge)
        }
    }

    /// What all attempts cost, as the result tells it.
    var cost: ResultDocument.Cost {
        if attempts == 0 { return ResultDocument.Cost() }
        var sum = earlier
        sum.add(charged, uncertain: isUncertain)
        return ResultDocument.Cost(Money(credits: sum.credits, usdMicros: sum.usdMicros), uncertain: sum.isUncertain)
    }

    /// What the status file says while `step` is under way.
    func progress(_ stage: Stage, _ step: JobStep) -> StageReport {
        let (percent, message) = JobRun.words(for: step)
        return StageReport(
            stage: stage, percent: percent, message: message, userID: request?.userID, outfitID: request?.outfitID,
            provider: provider, attempt: max(attempts, 1))
    }

    /// Where a job that failed in a stage had got to.
    static func percent(at stage: Stage) -> Int {
        switch stage {
        case .prepare: 5
        case .generate: 20
        case .download: 80
        case .store: 90
        case .update: 95
        }
    }

    /// The bars are where jobs are in time, roughly: generating is most of it.
    private static func words(for step: JobStep) -> (Int, String) {
        switch step {
        case .prepare: (5, "Reading the outfit and making its photos ready")
        case .order: (15, "Writing down the order")
        case .submit: (18, "Sending the order")
        case .follow: (20, "Waiting for the picture")
        case .pause: (15, "Waiting before the next try")
        case .fetch: (80, "Fetching the picture")
        case .keep: (80, "Checking the picture")
        case .store: (90, "Storing the picture")
        case .update: (95, "Writing the outfit's record")
        case .finish, .fail: (100, "Ending")
        }
    }
}

/// Amounts of several attempts.
struct CostSum {
    /// Nil as long as no attempt was counted in credits.
    private(set) var credits: Double?
    private(set) var usdMicros: Int64 = 0
    private(set) var isUncertain = false

    mutating func add(_ money: Money, uncertain: Bool) {
        if let more = money.credits { credits = (credits ?? 0) + more }
        usdMicros += money.usdMicros
        isUncertain = isUncertain || uncertain
    }
}

/// How long each stage took, in seconds; nil where it did not run.
struct StageTimes {
    private var times: [Stage: Double] = [:]

    mutating func add(_ seconds: Double, to stage: Stage) { times[stage, default: 0] += seconds }

    subscript(stage: Stage) -> Double? { times[stage] }
}
