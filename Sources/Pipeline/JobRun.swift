// One job on its way through the stages: its order, its task, its money and its times. The steps of the pipeline hand
// it to each other; nothing in it outlives the run, the journal has what must.
//
// It is an object, and plans and steps are kept by reference too, for the sake of memory: an asynchronous function that
// waits keeps all its variables, and as values these made up a hundred kilobytes a waiting job, of which there are
// thousands. `swift_task_alloc` is where that shows in a heap profile; `Benchmarks/frames.py` prints the frames.

internal import Contract
internal import Ledger
internal import Linux
internal import Providers

/// One job on its way: what the steps hand to each other.
final class JobRun {
    let ticket: JobTicket
    /// Monotonic nanoseconds.
    let startedAt: Int64
    /// Tells the status file.
    let report: @Sendable (StageReport) -> Void
    /// Whether it is to end.
    let cancel: JobCancel
    /// As its one view says, where it has one; nil where it could not be read.
    var request: JobRequest? {
        guard case .success(let request) = ticket.decoded else { return nil }
        return request.asItsViewSays
    }
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
    /// Whether it is its turn at the outfit.
    var hasTurn = false
    /// What the provider said to the one call of this attempt, until its step is done.
    var submission: Submission?
    /// Why it was not ordered the last time, where it was tried.
    var refusal: JobFailure?
    /// The provider that was chosen in place of its own; nil while it is its own.
    var standIn: String?
    /// Providers that will do as well as the chosen one, while nobody goes in there.
    var elsewhere: [String] = []
    /// Whether nothing was created for it, for certain: every order of its run was refused.
    private(set) var isUnordered = true
    /// The provider that something was, or may have been, ordered from since this run of the program began with it:
    /// what is ordered once more is ordered there.
    private(set) var boundTo: String?
    /// Attempts of this run so far.
    var attempts: Int
    /// When the attempt under way was ordered, and when the job's time is over; monotonic nanoseconds.
    var orderedAt: Int64?
    var deadline: Int64?

    /// How many orders of earlier runs of the program were lost and followed by another; nil until they are looked up.
    var lostBefore: Int?

    // The task.
    var taskID: String?
    /// When it is asked.
    var watch: TaskWatch?
    /// What the status file was last told of it.
    var told: StageReport?
    /// Seconds that a task of an earlier run of the program was old when this one began.
    var taskAge: Double?
    /// Whether the task was seen at its end already, so that it is only read again.
    var hasEnded = false
    /// What is known of it while it is given up.
    var givingUp = GivingUp()
    /// What it waits for now, and since when.
    private var waits: (reason: WaitReason, since: Timestamp)?
    /// Addresses of the finished picture.
    var outputs: [String] = []
    /// The picture as it was fetched.
    var download: GrowingFile?
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

    init(
        ticket: JobTicket, startedAt: Int64, cancel: JobCancel = JobCancel(),
        report: @escaping @Sendable (StageReport) -> Void
    ) {
        (self.ticket, self.startedAt, self.cancel, self.report) = (ticket, startedAt, cancel, report)
        provider = ticket.row.provider
        attempts = ticket.last?.attempt ?? 0
        queued = ticket.queued
    }

    /// A new attempt begins.
    func begin(_ estimate: Money) {
        earlier.add(charged, uncertain: isUncertain)
        (self.estimate, charged, isUncertain) = (estimate, .nothing(like: estimate), false)
        (taskID, taskAge, hasEnded, outputs, submission, givingUp) = (nil, nil, false, [], nil, GivingUp())
    }

    /// Something was, or may have been, created for it there.
    func bind(to provider: String) { (isUnordered, boundTo) = (false, provider) }

    /// What the provider itself expects the attempt under way to cost: the books reserve that from now on.
    func expect(_ money: Money) { (estimate, charged, isUncertain) = (money, money, true) }

    /// What the attempt under way costs, as far as it is known now.
    func charge(_ money: Money, uncertain: Bool) { (charged, isUncertain) = (money, uncertain) }

    /// Since when it waits for this: from `now` on, if it did not before.
    func since(_ reason: WaitReason, _ now: Timestamp) -> Timestamp {
        if let waits, waits.reason == reason { return waits.since }
        waits = (reason, now)
        return now
    }

    /// What it waited for is there.
    func goOn() { waits = nil }

    /// An attempt from before this run of the program; the last one is the one under way.
    func add(_ attempt: AttemptRow) {
        begin(attempt.estimate)
        taskID = attempt.taskID
        if attempt.state != .refused { isUnordered = false }
        if let final = attempt.final {
            let credits = attempt.estimate.credits == nil ? nil : final.credits ?? 0
            charge(Money(credits: credits, usdMicros: final.usdMicros), uncertain: false)
        } else {
            charge(attempt.estimate, uncertain: !attempt.freeOfCharge)
        }
    }

    /// How the books close the attempt under way: at its figure, or at the estimate where the provider named none.
    func settlement(made: Bool) -> Settlement {
        if !isUncertain { return .final(charged, made: made) }
        return made ? .unpriced : .uncertain
    }

    /// What all attempts cost, as the result tells it.
    var cost: ResultDocument.Cost {
        if attempts == 0 { return ResultDocument.Cost() }
        var sum = earlier
        sum.add(charged, uncertain: isUncertain)
        return ResultDocument.Cost(Money(credits: sum.credits, usdMicros: sum.usdMicros), uncertain: sum.isUncertain)
    }

    /// What the status file says while `step` is under way. Never part of its caller, for the sake of what that keeps.
    @inline(never)
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
        case .follow(let plan, _): (20, "Waiting for the \(plan.kind.noun)")
        case .pause: (15, "Waiting before the next try")
        case .cancel: (20, "Cancelling the order")
        case .fetch(let plan): (80, "Fetching the \(plan.kind.noun)")
        case .keep(let plan): (80, "Checking the \(plan.kind.noun)")
        case .store(let plan, _): (90, "Storing the \(plan.kind.noun)")
        case .update: (95, "Writing the outfit's record")
        case .finish, .fail: (100, "Ending")
        }
    }
}

extension PictureKind {
    /// What a person calls it.
    var noun: String { self == .video ? "film" : "picture" }
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
