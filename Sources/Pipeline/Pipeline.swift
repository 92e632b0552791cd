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
}

/// How a job left the pipeline.
package enum JobEnd: Sendable {
    /// It has a result, complete or failed.
    case result(ResultDocument)
    /// The machine failed; nothing more may be promised. One sentence for the log.
    case stopped(String)
}

/// What the pipeline asks of the configuration.
package struct PipelineSettings: Sendable {
    /// The provider of a request that names none.
    package var provider: String
    /// The version that results name.
    package let version: String

    package init(provider: String, version: String) { (self.provider, self.version) = (provider, version) }
}

/// Runs jobs. One value serves all of them.
package struct Pipeline: Sendable {
    let providers: ProviderRegistry
    let wardrobe: any Wardrobe
    let journal: Journal
    let photos: PreparedPhotos
    let workers: ImageWorkers
    let work: WorkFolder
    /// What a reload of the configuration may change for jobs that begin from then on.
    package var settings: PipelineSettings
    /// Waits until there is room on the disk again; told once which step waits.
    let awaitRoom: @Sendable (String) async -> Void
    /// Nanoseconds since 1970, and for measuring.
    let wallClock: @Sendable () -> Int64
    let monotonicClock: @Sendable () -> Int64

    package init(
        providers: ProviderRegistry, wardrobe: any Wardrobe, journal: Journal, photos: PreparedPhotos,
        workers: ImageWorkers, work: WorkFolder, settings: PipelineSettings,
        awaitRoom: @escaping @Sendable (String) async -> Void, wallClock: @escaping @Sendable () -> Int64,
        monotonicClock: @escaping @Sendable () -> Int64
    ) {
        (self.providers, self.wardrobe, self.journal) = (providers, wardrobe, journal)
        (self.photos, self.workers, self.work, self.settings) = (photos, workers, work, settings)
        (self.awaitRoom, self.wallClock, self.monotonicClock) = (awaitRoom, wallClock, monotonicClock)
    }

    /// Runs one job to its end. `report` is called at every step.
    package func run(_ ticket: JobTicket, report: @escaping @Sendable (StageReport) -> Void) async -> JobEnd {
        var job = JobRun(ticket: ticket, startedAt: monotonicClock())
        if case .failure(let fault) = ticket.decoded { return .result(failed(job, JobFailure(fault: fault), at: nil)) }
        let entry: JobEntry
        switch await self.entry(of: ticket) {
        case .success(let found): entry = found
        case .failure(let failure): return .stopped("\(failure)")
        }
        var (machine, step) = JobMachine.begin(at: entry)
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

    /// Where the machine begins, from where the journal says that the job stands.
    private func entry(of ticket: JobTicket) async -> Result<JobEntry, SystemFailure> {
        var resume = ticket.resume
        do throws(SystemFailure) {
            if case .store(let note) = resume, try await work.picture(note) == nil {
                resume = Resume.fromAttempt(ticket.last)
                if case .submissionUnknown = resume { return .success(.fail(.pictureGone(note))) }
            }
        } catch {
            return .failure(error)
        }
        let plan = ticket.row.plan.flatMap(Plan.init(encoded:))
        let stored = ticket.row.stored.flatMap(StoredNote.init(encoded:))
        switch (resume, plan, ticket.row.picture, stored) {
        case (.prepare, _, _, _): return .success(.prepare)
        case (.store(let picture), let plan?, _, _): return .success(.store(plan, picture))
        case (.update, let plan?, let picture?, let stored?): return .success(.update(plan, picture, stored))
        case (.conclude, let plan?, let picture?, let stored?): return .success(.conclude(plan, picture, stored))
        case (.submissionUnknown(let attempt), _, _, _): return .success(.fail(.submissionUnknown(attempt)))
        case (.poll(let task, let attempt), _, _, _): return .success(.fail(.taskOfAnotherProvider(task, attempt)))
        case (.land, _, _, _): preconditionFailure("a result that only has to land came to the pipeline")
        default: return .success(.fail(.strangeNote))
        }
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
            job.timing.add(seconds(since: begun), to: job.stage)
            return done
        }
    }

    private func attempt(_ step: JobStep, _ job: inout JobRun) async throws(StepTrouble) -> JobEvent {
        switch step {
        case .prepare: try await prepare(&job)
        case .order(let plan): try await order(plan, &job)
        case .generate(let plan): try await generate(plan, &job)
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
    /// Nil where it could not be read.
    let request: JobRequest?
    /// The stage that is under way, or was when it failed.
    var stage: Stage
    var order: Order?
    /// What the provider said to the one call of this attempt.
    var answer: Result<GeneratedPicture, ProviderFailure>?
    /// The verified picture's bytes, as long as this run has them in memory.
    var picture: [UInt8]?
    var timing = StageTimes()
    /// The name of the provider, once chosen.
    var provider: String?

    /// Attempts of this run so far.
    var attempts: Int
    /// What the attempt under way costs by the provider's list.
    var estimate = Money.free
    /// What was charged so far, as the result tells it.
    var cost: ResultDocument.Cost

    init(ticket: JobTicket, startedAt: Int64) {
        (self.ticket, self.startedAt) = (ticket, startedAt)
        if case .success(let request) = ticket.decoded { self.request = request } else { request = nil }
        provider = ticket.row.provider
        attempts = ticket.last?.attempt ?? 0
        cost = ticket.last.map(ResultDocument.Cost.init) ?? ResultDocument.Cost()
        stage = .prepare
    }

    /// What the status file says while `step` is under way.
    func progress(_ stage: Stage, _ step: JobStep) -> StageReport {
        let (percent, message) = JobRun.words(for: step)
        return StageReport(
            stage: stage, percent: percent, message: message, userID: request?.userID, outfitID: request?.outfitID,
            provider: provider)
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
        case .generate: (20, "Making the picture")
        case .keep: (80, "Checking the picture")
        case .store: (90, "Storing the picture")
        case .update: (95, "Writing the outfit's record")
        case .finish, .fail: (100, "Ending")
        }
    }
}

/// How long each stage took, in seconds; nil where it did not run.
struct StageTimes {
    private var times: [Stage: Double] = [:]

    mutating func add(_ seconds: Double, to stage: Stage) { times[stage, default: 0] += seconds }

    subscript(stage: Stage) -> Double? { times[stage] }
}
