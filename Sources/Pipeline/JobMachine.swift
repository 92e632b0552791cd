// The life of one job as a value: which step comes next, and what its failure means. No I/O, no clock, no logger.
//
// The driver (`Pipeline`) performs one action, feeds back one event, and performs the next. Every path ends in
// `.finish` or `.fail`; an event that cannot come in a state is our bug and stops the process with both in its text.
// Whether something may be ordered once more is decided by `Persistence`, in here and nowhere else.

internal import Contract
internal import Ledger
internal import Providers

/// What the driver is to do next.
indirect enum JobStep: Equatable {
    /// Read the records, make the photos ready, decide what to order.
    case prepare
    /// Take a place at the provider, bring what has to be there first, and write down that this is about to be ordered:
    /// before the first byte of the order.
    case order(Plan)
    /// Make the paid call, once.
    case submit(Plan)
    /// Ask about the task until it has ended.
    case follow(Plan, taskID: String)
    /// Give the task up, unless it is finished.
    case cancel(Plan, taskID: String)
    /// Fetch the finished picture into the work folder.
    case fetch(Plan)
    /// Verify the picture and keep it durably in the work folder.
    case keep(Plan)
    /// Put the kept picture where pictures are kept for good.
    case store(Plan, PictureNote)
    /// Write the outfit's record.
    case update(Plan, PictureNote, StoredNote)
    /// Let time pass before the next try.
    case pause(Pause)
    /// Everything is done and durable.
    case finish(Plan, PictureNote, StoredNote)
    /// It ends here.
    case fail(JobFailure)
}

/// A wait between two tries.
struct Pause: Equatable {
    let seconds: Double
    /// What went before; what the job fails with when its deadline comes before the next try.
    let cause: JobFailure
}

/// What an action led to.
indirect enum JobEvent: Equatable {
    case prepared(Plan)
    /// The picture that is asked for is stored already, and was seen there; that is durable.
    case reused(Plan, PictureNote, StoredNote)
    /// A place at the provider was waited for and is taken; what was prepared before that is out of date.
    case placed
    /// The intent is durable; the plan as it was written down.
    case ordered(Plan)
    /// The picture came with the answer.
    case made
    /// A task was created, and its id is durable.
    case accepted(taskID: String)
    /// Nothing was created for certain. `dice` is 0 to 1, for the jitter of the wait.
    case refused(JobFailure, RetryAdvice, dice: Double)
    /// Nothing was created for certain, and the provider is left alone from now on, as others found too: the job waits
    /// with them, or goes elsewhere.
    case turnedAway
    /// Something may have been created. `resubmitAfter`: seconds after which a lost order is sent again; nil where a
    /// person decides (`runway.onLostResponse: fail`).
    case lost(JobFailure, resubmitAfter: Double?)
    /// The task has ended with a picture.
    case done
    /// The task has come to nothing; `isRepeatable` if it was free of charge and may go well when it is made again.
    case taskFailed(JobFailure, isRepeatable: Bool, dice: Double)
    case fetched
    /// What was fetched does not decode.
    case spoiled(JobFailure)
    case kept(PictureNote)
    case stored(StoredNote)
    case recorded
    /// The pause is over.
    case resumed
    /// Somebody wishes the job to end; what it ends with where no task is at work. After the step `cancel`: it is
    /// over.
    case cancelled(JobFailure)
    case failed(JobFailure)
}

/// How often vizd itself tries again, and how long it waits before that.
struct Persistence: Equatable {
    /// Tasks that failed at no charge are ordered again at most so often (13.3).
    static let reordersMax = 2
    /// A picture that decodes only in part is fetched once more (13.18).
    static let refetchesMax = 1
    /// A lost order is sent again at most so often (section 6).
    static let resubmitsMax = 1
    private static let shortest = 2.0
    private static let longest = 60.0

    private var refusals = 0
    private var reorders = 0
    private var refetches = 0
    private var resubmits: Int

    /// `resubmits`: lost orders of this run that were followed by another before the program was started.
    init(resubmits: Int = 0) { self.resubmits = resubmits }

    /// Seconds until the same order may be sent again; nil: never.
    mutating func afterRefusal(_ advice: RetryAdvice, dice: Double) -> Double? {
        guard case .later(let seconds) = advice else { return nil }
        refusals += 1
        return max(seconds ?? 0, Persistence.backoff(refusals, dice: dice))
    }

    /// Seconds until a task that failed at no charge may be ordered again; nil: it is not.
    mutating func afterFailure(dice: Double) -> Double? {
        guard reorders < Persistence.reordersMax else { return nil }
        reorders += 1
        return Persistence.backoff(reorders, dice: dice)
    }

    /// Seconds until a lost order may be sent again; nil: it is not.
    mutating func afterLoss(_ resubmitAfter: Double?) -> Double? {
        guard let resubmitAfter, resubmits < Persistence.resubmitsMax else { return nil }
        resubmits += 1
        return resubmitAfter
    }

    /// Whether a picture that does not decode may be fetched once more.
    mutating func mayFetchAgain() -> Bool {
        refetches += 1
        return refetches <= Persistence.refetchesMax
    }

    /// 2, 4, 8 … 60 seconds, and up to half of it more so that a crowd does not come back together.
    static func backoff(_ count: Int, dice: Double) -> Double {
        let seconds = min(longest, shortest * Double(1 << min(max(count - 1, 0), 10)))
        return seconds * (1 + 0.5 * dice)
    }
}

/// One job's way through the stages.
struct JobMachine {
    private indirect enum State: Equatable {
        /// The state while records and photos are read; nothing has been ordered.
        case preparing
        /// The state while a place is taken and the intent is committed; the provider has no order yet.
        case ordering(Plan)
        /// The state while the paid call is made.
        case submitting(Plan)
        /// The state between two tries; nothing is outstanding.
        case pausing
        /// The state while the provider works.
        case following(Plan, String)
        /// The state while the provider is told to give the task up.
        case cancelling(Plan, String)
        /// The state while the finished picture is fetched.
        case fetching(Plan, String)
        /// The state while the picture is verified and kept; the task is nil where the picture came with the answer.
        case keeping(Plan, String?)
        /// The state while the kept picture is stored for good.
        case storing(Plan, PictureNote)
        /// The state while the record is written; the picture is stored.
        case updating(Plan, PictureNote, StoredNote)
        /// The state after the last step.
        case ended
    }

    private var state: State
    private var persistence: Persistence

    /// The step of a job that begins, or goes on after a stop, and what to do for it.
    static func begin(at entry: JobEntry, _ persistence: Persistence) -> (JobMachine, JobStep) {
        var machine = JobMachine(state: .ended, persistence: persistence)
        let step = machine.enter(entry)
        return (machine, step)
    }

    private mutating func enter(_ entry: JobEntry) -> JobStep {
        switch entry {
        case .prepare: return go(.preparing, .prepare)
        case .follow(let plan, let task): return go(.following(plan, task), .follow(plan, taskID: task))
        case .lost(let failure, let after): return pause(persistence.afterLoss(after), failure)
        case .store(let plan, let picture): return go(.storing(plan, picture), .store(plan, picture))
        case .update(let plan, let picture, let stored):
            return go(.updating(plan, picture, stored), .update(plan, picture, stored))
        case .conclude(let plan, let picture, let stored): return .finish(plan, picture, stored)
        case .fail(let failure): return .fail(failure)
        }
    }

    /// The stage that the status file and a failure name.
    var stage: Stage? {
        switch state {
        case .preparing: .prepare
        case .ordering, .submitting, .following, .cancelling, .pausing: .generate
        case .fetching, .keeping: .download
        case .storing: .store
        case .updating: .update
        case .ended: nil
        }
    }

    /// Whether the job may still end because somebody wishes it: not while the paid call is out, whose answer is
    /// awaited whatever it costs, and not once there is a picture.
    var isCancellable: Bool {
        switch state {
        case .preparing, .ordering, .pausing, .following: true
        case .submitting, .cancelling, .fetching, .keeping, .storing, .updating, .ended: false
        }
    }

    /// Takes an event, answers the next action. Never part of its caller, whose variables are kept while it waits.
    @inline(never)
    mutating func take(_ event: JobEvent) -> JobStep {
        if case .failed(let failure) = event, state != .ended { return go(.ended, .fail(failure)) }
        switch state {
        case .preparing, .ordering, .submitting, .pausing: return beforeTheTask(event)
        case .following, .cancelling, .fetching, .keeping: return withTheTask(event)
        case .storing, .updating, .ended: return afterThePicture(event)
        }
    }

    private mutating func beforeTheTask(_ event: JobEvent) -> JobStep {
        switch (state, event) {
        case (.preparing, .prepared(let plan)): return go(.ordering(plan), .order(plan))
        case (.preparing, .reused(let plan, let picture, let note)):
            return go(.updating(plan, picture, note), .update(plan, picture, note))
        case (.ordering, .placed): return go(.preparing, .prepare)
        case (.ordering, .ordered(let plan)): return go(.submitting(plan), .submit(plan))
        case (.ordering, .refused(let failure, let advice, let dice)),
            (.submitting, .refused(let failure, let advice, let dice)):
            return pause(persistence.afterRefusal(advice, dice: dice), failure)
        case (.ordering, .turnedAway), (.submitting, .turnedAway): return go(.preparing, .prepare)
        case (.submitting(let plan), .made): return go(.keeping(plan, nil), .keep(plan))
        case (.submitting(let plan), .accepted(let task)):
            return go(.following(plan, task), .follow(plan, taskID: task))
        case (.submitting, .lost(let failure, let after)): return pause(persistence.afterLoss(after), failure)
        case (_, .cancelled(let failure)): return go(.ended, .fail(failure))
        // Everything is looked at anew: the outfit may have changed meanwhile, and its photos are made ready already.
        case (.pausing, .resumed): return go(.preparing, .prepare)
        default: preconditionFailure("a job cannot take \(event) in \(state)")
        }
    }

    private mutating func withTheTask(_ event: JobEvent) -> JobStep {
        switch (state, event) {
        case (.following(let plan, let task), .done), (.cancelling(let plan, let task), .done):
            return go(.fetching(plan, task), .fetch(plan))
        case (.following(let plan, let task), .cancelled):
            return go(.cancelling(plan, task), .cancel(plan, taskID: task))
        case (.cancelling, .cancelled(let failure)): return go(.ended, .fail(failure))
        case (.following, .taskFailed(let failure, let isRepeatable, let dice)):
            return pause(isRepeatable ? persistence.afterFailure(dice: dice) : nil, failure)
        case (.fetching(let plan, let task), .fetched): return go(.keeping(plan, task), .keep(plan))
        // The task is asked again before the second fetch: its address may have expired meanwhile.
        case (.keeping(let plan, let task?), .spoiled(let failure)):
            guard persistence.mayFetchAgain() else { return go(.ended, .fail(failure)) }
            return go(.following(plan, task), .follow(plan, taskID: task))
        case (.keeping, .spoiled(let failure)): return go(.ended, .fail(failure))
        case (.keeping(let plan, _), .kept(let picture)): return go(.storing(plan, picture), .store(plan, picture))
        default: preconditionFailure("a job cannot take \(event) in \(state)")
        }
    }

    private mutating func afterThePicture(_ event: JobEvent) -> JobStep {
        switch (state, event) {
        case (.storing(let plan, let picture), .stored(let note)):
            return go(.updating(plan, picture, note), .update(plan, picture, note))
        case (.updating(let plan, let picture, let note), .recorded):
            return go(.ended, .finish(plan, picture, note))
        default: preconditionFailure("a job cannot take \(event) in \(state)")
        }
    }

    private mutating func go(_ next: State, _ step: JobStep) -> JobStep {
        state = next
        return step
    }

    /// Waits and tries again, or ends.
    private mutating func pause(_ seconds: Double?, _ cause: JobFailure) -> JobStep {
        guard let seconds else { return go(.ended, .fail(cause)) }
        return go(.pausing, .pause(Pause(seconds: seconds, cause: cause)))
    }
}

/// Where a job enters: at its beginning, or where an earlier run of the program left it.
indirect enum JobEntry: Equatable, Sendable {
    case prepare
    /// A task is at work for it, or has ended.
    case follow(Plan, taskID: String)
    /// Its order was sent, or may have been, and the answer is lost; as the event of that name.
    case lost(JobFailure, resubmitAfter: Double?)
    /// A verified picture is kept in the work folder.
    case store(Plan, PictureNote)
    /// The picture is stored; the record is not written yet, or nobody knows.
    case update(Plan, PictureNote, StoredNote)
    /// Only the result is missing.
    case conclude(Plan, PictureNote, StoredNote)
    /// It cannot go on.
    case fail(JobFailure)
}
