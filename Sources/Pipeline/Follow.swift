// Stage 2, the longer part: asking about a task until it has ended, and what an answer that got lost may have meant.

internal import Contract
internal import Ledger
internal import Linux
internal import Providers

extension Pipeline {
    /// Asks about the task, at the moments that `TaskWatch` names, until it has ended.
    @inline(never)
    func follow(_ plan: Plan, _ taskID: String, _ job: inout JobRun) async throws(StepTrouble) -> JobEvent {
        var look = try await aside(nil, plan, job)
        while true {
            switch look {
            case .event(let event): return event
            case .next(let moment): if !(await waits(until: moment, job)) { return wished(job) }
            }
            look = try await aside(taskID, plan, job)
        }
    }

    /// Waits, once the task has ended for nobody's sake. Answers false where the job is to end.
    @inline(never)
    private func waits(until moment: Int64, _ job: JobRun) async -> Bool {
        if !job.hasEnded { return await sleep(moment, unless: job.cancel) }
        await sleep(moment)
        return true
    }

    /// Looks at the task (nil: for the first time) on a stack of its own.
    @inline(never)
    private func aside(_ taskID: String?, _ plan: Plan, _ job: JobRun) async throws(StepTrouble) -> Look {
        try await OwnStack.run { [self] () async throws(StepTrouble) in
            guard let taskID else { return try await firstLook(at: plan, job) }
            return try await look(at: taskID, plan, job)
        }
    }

    /// What to do about a task.
    private indirect enum Look {
        /// Look at it at this moment, monotonic nanoseconds.
        case next(at: Int64)
        /// It has ended.
        case event(JobEvent)
    }

    private func firstLook(at plan: Plan, _ job: JobRun) async throws(StepTrouble) -> Look {
        let watch = TaskWatch(settings.poll, deadline: deadline(of: job))
        job.watch = watch
        // A task that has ended once is asked anew for a fresh address: at once.
        if job.hasEnded { return .next(at: monotonicClock()) }
        let first = watch.first(
            usual: try await usual(plan), age: job.taskAge, now: monotonicClock(), dice: dice())
        return try look(after: first, plan, job)
    }

    private func look(after step: TaskWatch.Step, _ plan: Plan, _ job: JobRun) throws(StepTrouble) -> Look {
        switch step {
        case .ask(let moment): return .next(at: moment)
        case .overdue(let failure):
            throw .job(.overdue(displayName(plan.provider), job.taskID ?? "", failure))
        }
    }

    private func look(at taskID: String, _ plan: Plan, _ run: JobRun) async throws(StepTrouble) -> Look {
        var job = run
        let news: TaskNews
        switch await ask(taskID, plan) {
        case .failure(let failure):
            if failure.holdsProvider { desk.hold(plan.provider, reason: failure.message, byQuestion: true) }
            news = .unheard(failure)
        case .success(let report):
            desk.answeredQuestion(plan.provider)
            if let event = try await heard(report.state, plan, taskID, &job) { return .event(event) }
            news = .underWay
        }
        let heardAt = monotonicClock()
        guard let step = job.watch?.next(after: news, now: heardAt, dice: dice()) else {
            preconditionFailure("the task of \(job.ticket.name) is looked at and not watched")
        }
        if case .unheard(let failure) = news, case .ask(let moment) = step {
            tell(.unheard(failure, next: wall(moment, at: heardAt)), plan, &job)
        }
        return try look(after: step, plan, job)
    }

    func ask(_ taskID: String, _ plan: Plan) async -> Result<TaskReport, ProviderFailure> {
        // Looked up each time: a reload of the configuration may have brought a new key meanwhile.
        guard let provider = providers.provider(plan.provider) else {
            let failure = notThere(plan.provider)
            return .failure(ProviderFailure(code: failure.code, message: failure.message, retryable: false))
        }
        do throws(ProviderFailure) {
            return .success(try await provider.poll(taskID))
        } catch {
            return .failure(error)
        }
    }

    /// What a report of a task means; nil while it is under way.
    func heard(_ state: TaskState, _ plan: Plan, _ taskID: String, _ job: inout JobRun)
        async throws(StepTrouble) -> JobEvent?
    {
        switch state {
        case .waiting, .running:
            tell(.heard(state), plan, &job)
            return nil
        case .done(let outputs, let price) where outputs.isEmpty:
            try await close(price, &job)
            throw .job(.noPicture(displayName(plan.provider), taskID))
        case .done(let outputs, let price):
            if !job.hasEnded, let ordered = job.orderedAt { times.add(seconds(since: ordered), plan.place) }
            // A figure that was told once stands where a later look names none.
            if let price { job.charge(Money(price), uncertain: false) }
            if price == nil && !job.hasEnded { job.charge(job.estimate, uncertain: true) }
            (job.outputs, job.hasEnded) = (outputs, true)
            leave(&job)
            return .done
        case .failed(let failure, let price):
            try await close(price, &job)
            let isFree = price.map { $0.microdollars == 0 && ($0.credits ?? 0) == 0 } ?? false
            return .taskFailed(JobFailure(failure), isRepeatable: failure.retryable && isFree, dice: dice())
        // Gone because it was given up before a crash: whoever gives it up says so.
        case .gone where job.cancel.isMade: return wished(job)
        case .gone(let code, let message, let price):
            try await close(price, &job)
            var failure = JobFailure(.generationFailed, message, retryable: false)
            failure.providerCode = code
            throw .job(failure)
        }
    }

    /// Books an order that came to nothing. A figure that was final already stands where the provider names none any
    /// more.
    func close(_ price: Price?, _ job: inout JobRun) async throws(StepTrouble) {
        if price == nil, job.hasEnded { return }
        try await settle(price.map { .final(Money($0), made: false) } ?? .uncertain, job)
        job.charge(price.map(Money.init) ?? job.estimate, uncertain: price == nil)
    }

    // MARK: - For the status file

    private enum Hearing {
        case heard(TaskState)
        /// `next`: when it is asked again.
        case unheard(ProviderFailure, next: Timestamp)
    }

    private func tell(_ hearing: Hearing, _ plan: Plan, _ job: inout JobRun) {
        let name = displayName(plan.provider)
        var report = job.progress(.generate, .follow(plan, taskID: job.taskID ?? ""))
        switch hearing {
        case .heard(.waiting(let wait)):
            report = report.saying(words(wait, name), waiting: self.wait(.providerQueue, &job))
        case .heard(.running(let progress)):
            job.goOn()
            let part = min(max(progress ?? 0, 0), 1)
            let words = progress.map { _ in " (\(Int(part * 100)) %)" } ?? ""
            report = report.saying("\(name) is making the \(plan.kind.noun)\(words)", percent: 20 + Int(part * 60))
        case .heard: break
        case .unheard(let failure, let next):
            let wait = wait(WaitReason(failure.httpStatus, failure.code), until: next, &job)
            report = report.saying(
                "\(failure.message) The order stands; \(name) has not answered since \(wait.since.clock) and is asked "
                    + "again at \(next.clock).", waiting: wait)
        }
        // A status file that says the same is not written again before its time.
        if report == job.told { return }
        job.told = report
        job.report(report)
    }

    private func words(_ wait: TaskWait, _ name: String) -> String {
        switch wait {
        case .queued: "\(name) has the order in its queue"
        case .throttled: "\(name) holds the order back until another of this account has ended"
        case .unknown(let word): "\(name) calls the task \(printable(word))"
        }
    }

    /// How long the quickest quarter of this model's tasks took lately, in seconds; nil without a history.
    private func usual(_ plan: Plan) async throws(StepTrouble) -> Double? {
        if !times.knows(plan.place) {
            do throws(JournalFailure) {
                let recent = try await journal.recentDurations(provider: plan.provider, model: plan.model)
                // The books count by the wall clock; what took longer than a job may last is a clock that was set.
                let limit = Double(settings.jobDeadline) / 1e9
                times.remember(recent.reversed().filter { $0 < limit }, plan.place)
            } catch {
                throw StepTrouble(error)
            }
        }
        return times.usual(plan.place)
    }

    // MARK: - A lost answer

    /// How long the provider's counters are given to notice an order, nanoseconds.
    private static let notice: Int64 = 2_000_000_000

    /// The failure of an order whose answer was lost, with what the provider's own counters suggest.
    func lost(_ answer: LostAnswer, _ plan: Plan, _ job: JobRun) async -> JobFailure {
        let expected = desk.counted(plan.place)
        let counted = expected == nil ? nil : await counted(plan)
        var failure = JobFailure.answerLost(
            displayName(plan.provider), attempt: job.attempts, answer.message,
            Suspicion.of(counted: counted, expected: expected, displayName(plan.provider)))
        failure.httpStatus = answer.httpStatus
        return failure
    }

    /// The same for an order of an earlier run of the program, of which no more is known than what its plan says.
    func lost(_ attempt: AttemptRow, _ plan: Plan?) async -> JobFailure {
        var suspicion: String?
        if let plan, let before = plan.countedBefore, let counted = await counted(plan) {
            suspicion = Suspicion.of(counted: counted, before: before, displayName(plan.provider))
        }
        return .submissionUnknown(attempt, displayName(attempt.provider), suspicion)
    }

    /// How many pictures of the day the provider has counted by now; nil where it does not tell or cannot be asked.
    private func counted(_ plan: Plan) async -> Int? {
        guard let provider = providers.provider(plan.provider) else { return nil }
        await sleep(monotonicClock() + Pipeline.notice)
        do throws(ProviderFailure) {
            guard let account = try await provider.account() else { return nil }
            defer { desk.read(account, of: plan.provider) }
            return account.models[plan.model]?.usedToday
        } catch {
            // The counters are a hint beside the failure that is told anyway.
            return nil
        }
    }
}

/// What a provider's counters suggest about a lost order: never more than a suspicion.
enum Suspicion {
    /// `expected`: what should have been counted without the lost order.
    static func of(counted: Int?, expected: Int?, _ provider: String) -> String? {
        guard let counted, let expected else { return nil }
        switch counted - expected {
        case 1...:
            let orders = counted - expected == 1 ? "one order" : "\(counted - expected) orders"
            return "\(provider) has counted \(orders) more today than vizd knows of, so it probably took this one."
        case 0:
            return "\(provider) has counted no order today that vizd does not know of, so it probably did not take it."
        // A day that rolls on forgets old orders.
        default: return nil
        }
    }

    /// `before`: what was counted just before the order, others of that time may be among what came since.
    static func of(counted: Int, before: Int, _ provider: String) -> String {
        counted > before
            ? "\(provider) had counted about \(before) orders of the day before it and counts \(counted) now."
            : "\(provider) had counted about \(before) orders of the day before it and counts no more now, so it "
                + "probably did not take it."
    }
}
