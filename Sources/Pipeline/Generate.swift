// Stage 2: the order. A place at the provider is taken, then the intent is committed, then the one paid call is made,
// then the task's id is committed, and only then is the task asked (`Follow`): nothing of this order is ever changed,
// since it is what keeps a crash from paying twice.

internal import Contract
internal import Imaging
internal import Ledger
internal import Linux
internal import Providers

extension Pipeline {
    // MARK: - The order

    /// Takes a place and commits the intent: from here on a crash means that something may have been ordered.
    func order(_ plan: Plan, _ job: inout JobRun) async throws(StepTrouble) -> JobEvent {
        guard let provider = providers.provider(plan.provider) else { throw .job(notThere(plan.provider)) }
        switch await placed(plan, &job) {
        case .atOnce: break
        case .afterAWait: return .placed
        case .cancelled: return wished(job)
        case .overdue(let failure): throw .job(failure)
        }
        guard let order = job.order else {
            preconditionFailure("an order that was not prepared came to be written down")
        }
        // Preparing may have taken its time, waiting for room too.
        if let late = job.request.flatMap(expired) { throw .job(late) }
        // A task that begins when the time is over would be paid for and given up.
        if let refusal = job.refusal, monotonicClock() > deadline(of: job) { throw .job(refusal) }
        if !provider.traits.isFree, !(await hasRoom(.order(plan), &job)) { return wished(job) }
        do throws(ProviderFailure) {
            job.order = try await provider.stage(order)
        } catch {
            job.deadline = deadline(of: job)
            return refusal(error, of: plan, &job)
        }
        if job.cancel.isMade { return wished(job) }
        var plan = plan
        plan.countedBefore = desk.counted(plan.place)
        try await commit(plan, order, provider, &job)
        return .ordered(plan)
    }

    private enum Placing {
        case atOnce
        /// There is a place, or another provider will do.
        case afterAWait
        case cancelled
        case overdue(JobFailure)
    }

    /// Waits for a place where there is none at once. What was prepared is dropped then, so that a crowd in the line
    /// costs no memory.
    private func placed(_ plan: Plan, _ job: inout JobRun) async -> Placing {
        let isAway = job.place.map { $0 != plan.place || desk.obstacle($0.provider, hasPlace: true) != nil } ?? false
        if isAway { leave(&job) }
        if job.place != nil { return .atOnce }
        if desk.tryEnter(plan.place) {
            job.place = plan.place
            return .atOnce
        }
        letGo(&job)
        let (begun, report, template) = (monotonicClock(), job.report, job.progress(.generate, .order(plan)))
        let (name, request) = (displayName(plan.provider), job.request)
        let given = max(0, deadline(of: job) - begun)
        let entrance = await desk.enter(
            plan.place, unless: job.cancel, patience: given, elsewhere: job.isUnordered ? job.elsewhere : []
        ) { [self] reason, place in
            let wait = wait(reason, place)
            report(template.saying(told(reason, as: wait, name, request), waiting: wait))
        }
        job.waited += seconds(since: begun)
        switch entrance {
        case .entered(let patience):
            // The line at a provider that takes orders uses up nothing of the job's time, however long it is.
            if patience < given || job.refusal != nil { job.deadline = monotonicClock() + patience }
            job.place = plan.place
            return .afterAWait
        case .elsewhere: return .afterAWait
        case .cancelled: return .cancelled
        case .overdue(let wait): return .overdue(job.refusal ?? .downForTooLong(name, wait.reason))
        }
    }

    /// How often a disk without room is looked at again, nanoseconds.
    private static let floorInterval: Int64 = 2_000_000_000

    /// Waits while the disk has too little room for anything to be bought. Answers false where the job is to end.
    private func hasRoom(_ step: JobStep, _ job: inout JobRun) async -> Bool {
        while let obstacle = await floor(job.ticket.name) {
            let begun = monotonicClock()
            let words = "Waiting for room on the disk: \(obstacle)" + Pipeline.limit(job.request)
            job.report(job.progress(.generate, step).saying(words, waiting: wait(.room, &job)))
            let goesOn = await sleep(begun + Pipeline.floorInterval, unless: job.cancel)
            job.waited += seconds(since: begun)
            if !goesOn { return false }
        }
        return true
    }

    private func commit(_ plan: Plan, _ order: Order, _ provider: any Provider, _ job: inout JobRun)
        async throws(StepTrouble)
    {
        let estimate = Money(provider.price(order))
        let attempt = NewAttempt(
            provider: plan.provider, model: plan.model, userID: job.request?.userID ?? "", estimate: estimate,
            freeOfCharge: provider.traits.isFree)
        let isFirst = job.ticket.row.firstSubmitAt == nil && job.orderedAt == nil
        do throws(JournalFailure) {
            let row = try await journal.order(
                job.ticket.name, plan: plan.encoded(), attempt, budget: settings.budget, at: now())
            (job.attempts, job.orderedAt) = (row.attempt, monotonicClock())
        } catch {
            throw StepTrouble(error)
        }
        // The time runs from the first order; what went before it had a time of its own.
        job.deadline = isFirst ? monotonicClock() + settings.jobDeadline : deadline(of: job)
        job.begin(estimate)
    }

    /// Makes the one call of this attempt, and books what is known of it then.
    func submit(_ plan: Plan, _ job: inout JobRun) async throws(StepTrouble) -> JobEvent {
        // This step is made again when the journal had no room for what came of it; the call never is.
        let answer: Submission
        if let known = job.submission {
            answer = known
        } else if job.cancel.isMade {
            try await settle(.refused, job)
            job.charge(.nothing(like: job.estimate), uncertain: false)
            return .cancelled(.cancelled(attempts: job.attempts - 1))
        } else {
            answer = await call(plan, &job)
        }
        // The photos went out with it, and thousands of jobs may wait from here on.
        job.submission = answer
        letGo(&job)
        if case .refused = answer {} else { job.bind(to: plan.provider) }
        switch answer {
        case .made(_, let price):
            // A picture that came back was charged for, whatever becomes of it; at which price, only the answer tells.
            let isFree = providers.provider(plan.provider)?.traits.isFree ?? false
            job.charge(price.map(Money.init) ?? job.estimate, uncertain: price == nil && !isFree)
            desk.accepted(plan.place)
            leave(&job)
            return .made
        case .spoiled(let failure, let price):
            try await close(price, &job)
            desk.accepted(plan.place)
            throw .job(JobFailure(failure))
        case .accepted(let taskID, let estimate): return try await accepted(taskID, estimate, plan, &job)
        case .refused(let failure):
            try await settle(.refused, job)
            job.charge(.nothing(like: job.estimate), uncertain: false)
            // A free call that was given up: what else stood in its way does not matter any more.
            if failure.code == .cancelled, job.cancel.isMade {
                return .cancelled(.cancelledCall(displayName(plan.provider)))
            }
            return refusal(failure, of: plan, &job)
        case .lost(let answer):
            try await settle(.uncertain, job)
            job.charge(job.estimate, uncertain: true)
            desk.lost(plan.provider, reason: "An order was sent, and \(answer.message).", dice: dice())
            return .lost(await lost(answer, plan, job), resubmitAfter: settings.resubmitAfter[plan.provider])
        }
    }

    /// The call itself. Without the provider nothing is sent, which is as certain as a refusal.
    private func call(_ plan: Plan, _ job: inout JobRun) async -> Submission {
        guard let order = job.order else { preconditionFailure("an order that was not prepared came to be sent") }
        guard let provider = providers.provider(plan.provider) else { return .refused(gone(plan.provider)) }
        guard provider.traits.hasLongCalls else { return await provider.submit(order) }
        // Minutes may pass, and jobs of other providers need a place for their photos meanwhile.
        letGo(&job)
        let (report, template) = (job.report, job.progress(.generate, .follow(plan, taskID: "")))
        let name = displayName(plan.provider)
        report(template.saying("\(name) is making the picture", percent: 20))
        let tell = { @Sendable (progress: CallProgress) in
            let part = min(max(progress.fraction ?? 0, 0), 1)
            let told = progress.fraction.map { _ in " (\(Int(part * 100)) %)" } ?? ""
            let words = progress.words.map { ": \($0)" } ?? ""
            report(template.saying("\(name) is making the picture\(told)\(words)", percent: 20 + Int(part * 60)))
        }
        // The answer to a paid call is awaited whatever anybody wishes: only it says what became of the money.
        guard provider.traits.isFree else { return await provider.submit(order, progress: tell) }
        return await untilWished(job.cancel) { await provider.submit(order, progress: tell) }
    }

    /// Runs a free call, whose task is cancelled as soon as the job is to end: such a call costs nothing and leaves
    /// nothing behind. Its answer is awaited all the same, so that nothing of it is left when the job ends.
    private func untilWished(_ wish: JobCancel, _ call: @escaping @Sendable () async -> Submission) async -> Submission
    {
        let task = Task(executorPreference: BlockingPool.here) { await call() }
        wish.onMade { task.cancel() }
        defer { wish.forget() }
        return await withTaskCancellationHandler {
            await task.value
        } onCancel: {
            task.cancel()
        }
    }

    private func accepted(_ taskID: String, _ estimate: Price?, _ plan: Plan, _ job: inout JobRun)
        async throws(StepTrouble) -> JobEvent
    {
        let reserved = estimate.map(Money.init)
        do throws(JournalFailure) {
            try await journal.tasked(job.ticket.name, taskID: taskID, estimate: reserved, at: now())
        } catch {
            switch StepTrouble(error) {
            // The one sentence that still knows the task: whoever reads the log can look it up at the provider.
            case .machine(let sentence):
                let id = TaskHandle(taskID).id
                throw .machine("task \(id) of \(plan.provider) was created for \(job.ticket.name), but \(sentence)")
            case let other: throw other
            }
        }
        job.goOn()
        job.taskID = taskID
        job.expect(reserved ?? job.estimate)
        desk.accepted(plan.place)
        return .accepted(taskID: taskID)
    }

    /// What a refusal means for this job, and for all that wait for the provider.
    private func refusal(_ failure: ProviderFailure, of plan: Plan, _ job: inout JobRun) -> JobEvent {
        job.refusal = JobFailure(failure)
        var isTurnedAway = false
        if failure.holdsProvider {
            desk.hold(plan.provider, reason: failure.message)
            isTurnedAway = job.isUnordered && job.elsewhere.contains { desk.obstacle($0) == nil }
        } else if failure.meansDown {
            isTurnedAway = desk.failed(plan.provider, failure, dice: dice())
        } else if failure.httpStatus != nil {
            desk.answered(plan.provider)
        }
        guard isTurnedAway else { return .refused(JobFailure(failure), failure.retry, dice: dice()) }
        letGo(&job)
        leave(&job)
        return .turnedAway
    }

    private func gone(_ provider: String) -> ProviderFailure {
        let failure = notThere(provider)
        return ProviderFailure(code: failure.code, message: failure.message, retryable: false)
    }

    /// A provider that was there when the job began, or should be, and is not.
    func notThere(_ provider: String) -> JobFailure {
        guard case .missing(_, let name, let setting)? = providers.entry(provider) else {
            return .unknownProvider(provider, providers.names)
        }
        return .notConfigured(name, setting)
    }

    // MARK: - Time

    /// Lets time pass before the next try; a try that would come after the deadline is not waited for.
    func pause(_ pause: Pause, _ job: inout JobRun) async throws(StepTrouble) -> JobEvent {
        job.refusal = pause.cause
        let next = monotonicClock() + Int64(pause.seconds * 1e9)
        if next > deadline(of: job) { throw .job(pause.cause) }
        letGo(&job)
        tell(pause, &job)
        return await sleep(next, unless: job.cancel) ? .resumed : wished(job)
    }

    @inline(never)
    private func tell(_ pause: Pause, _ job: inout JobRun) {
        let template = job.progress(.generate, .pause(pause))
        let until = Timestamp(nanoseconds: wallClock() + Int64(pause.seconds * 1e9))
        let wait = wait(WaitReason(pause.cause.httpStatus, pause.cause.code), until: until, &job)
        job.report(template.saying(told(pause, until: until, job.request), waiting: wait))
    }

    /// The moment at which the job's time is over, monotonic: it runs from the first submission, also across stops of
    /// the program. Within one run of it the wall clock may jump as it likes.
    func deadline(of job: JobRun) -> Int64 {
        if let deadline = job.deadline { return deadline }
        let limit = settings.jobDeadline
        let passed = job.ticket.row.firstSubmitAt.map { wallClock() - $0.nanoseconds } ?? 0
        return monotonicClock() + min(max(limit - passed, 0), limit)
    }

    // MARK: - Books

    func settle(_ settlement: Settlement, _ job: JobRun) async throws(StepTrouble) {
        do throws(JournalFailure) {
            try await journal.settle(job.ticket.name, settlement, at: now())
        } catch {
            throw StepTrouble(error)
        }
    }

    /// Lets go of the job's photos, so that another may have its in memory.
    @inline(never)
    func letGo(_ job: inout JobRun) {
        job.order = nil
        if job.isInHand, hands.leave() { photos.letGo() }
        job.isInHand = false
    }

    /// Gives the job's place back, if it has one.
    @inline(never)
    func leave(_ job: inout JobRun) {
        if let place = job.place { desk.leave(place, wasAccepted: job.taskID != nil) }
        job.place = nil
    }

    func now() -> Timestamp { Timestamp(nanoseconds: wallClock()) }
}

extension Plan {
    /// The place that its order takes.
    var place: DeskBook.Place { DeskBook.Place(provider: provider, model: model) }
}

extension Money {
    init(_ price: Price) { self.init(credits: price.credits, usdMicros: price.microdollars) }

    /// Zero, in the units of another amount.
    static func nothing(like other: Money) -> Money { Money(credits: other.credits.map { _ in 0 }, usdMicros: 0) }
}
