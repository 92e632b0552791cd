// A task that somebody wishes to end: looked at once more (what is finished is kept), then given up at the provider,
// and booked by the state in which it was last seen.

internal import Contract
internal import Ledger
internal import Providers

/// What is known of a task that is given up: a value.
struct GivingUp: Equatable {
    /// The state in which it was last seen at work; nil where it was not.
    private(set) var isRunning: Bool?
    /// Whether the provider was told and took it.
    private(set) var isTold = false

    /// What to do after a look at the task.
    enum Step: Equatable {
        /// It is finished: too late, the picture is kept.
        case keep
        /// Tell the provider.
        case tell
        /// It ended by itself, without a picture; the price where that is told.
        case ended(Price?)
        /// The provider does not know it any more.
        case gone
    }

    mutating func heard(_ state: TaskState) -> Step {
        switch state {
        case .waiting:
            isRunning = false
            return .tell
        case .running:
            isRunning = true
            return .tell
        case .done(let outputs, let price): return outputs.isEmpty ? .ended(price) : .keep
        case .failed(_, let price): return .ended(price)
        case .gone: return .gone
        }
    }

    mutating func told() { isTold = true }

    /// How a task that cannot be read any more is booked. What was at work is charged in full; what was not may be
    /// refunded, and nobody can say.
    func settlement(_ estimate: Money) -> Settlement {
        isRunning == true && isTold ? .final(estimate, made: false) : .uncertain
    }
}

extension Pipeline {
    /// Gives the job's task up. Ends with the picture where the task is found finished.
    func giveUp(_ plan: Plan, _ taskID: String, _ job: inout JobRun) async throws(StepTrouble) -> JobEvent {
        let name = displayName(plan.provider)
        var watch = TaskWatch(settings.poll, deadline: deadline(of: job))
        while !job.givingUp.isTold {
            let failure: ProviderFailure
            switch await lookAndTell(taskID, plan, &job) {
            case .success(.keep(let state)):
                guard let event = try await heard(state, plan, taskID, &job) else {
                    preconditionFailure("a finished task of \(job.ticket.name) is under way")
                }
                return event
            case .success(.ended(let price)):
                try await close(price, &job)
                return .cancelled(.cancelledEnded(name, taskID))
            case .success(.gone):
                return .cancelled(try await booked(.cancelledGone(name, taskID), &job))
            case .success(.deaf):
                return .cancelled(try await booked(.cancelledDeaf(name, taskID), &job))
            case .success(.told): continue
            case .failure(let one): failure = one
            }
            let heardAt = monotonicClock()
            switch watch.next(after: .unheard(failure), now: heardAt, dice: dice()) {
            case .overdue: return .cancelled(try await booked(.cancelledUnheard(name, taskID, failure), &job))
            case .ask(let moment):
                let next = wall(moment, at: heardAt)
                let wait = wait(WaitReason(failure.httpStatus, failure.code), until: next, &job)
                let words = "\(failure.message) The task is to end; \(name) is told again at \(next.clock)."
                job.report(
                    job.progress(.generate, .cancel(plan, taskID: taskID)).saying(words, waiting: wait))
                await sleep(moment)
            }
        }
        let failure = JobFailure.cancelledTask(name, taskID, isRunning: job.givingUp.isRunning == true)
        return .cancelled(try await booked(failure, &job))
    }

    private enum Telling {
        case keep(TaskState)
        case ended(Price?)
        case gone
        case told
        /// The provider has no way to give a task up.
        case deaf
    }

    /// One look at the task, and the provider told where that is of use.
    private func lookAndTell(_ taskID: String, _ plan: Plan, _ job: inout JobRun) async
        -> Result<Telling, ProviderFailure>
    {
        let state: TaskState
        switch await ask(taskID, plan) {
        case .failure(let failure): return .failure(failure)
        case .success(let report): state = report.state
        }
        switch job.givingUp.heard(state) {
        case .keep: return .success(.keep(state))
        case .ended(let price): return .success(.ended(price))
        case .gone: return .success(.gone)
        case .tell: break
        }
        guard let provider = providers.provider(plan.provider), provider.canCancel else { return .success(.deaf) }
        do throws(ProviderFailure) {
            try await provider.cancel(taskID)
        } catch {
            return .failure(error)
        }
        job.givingUp.told()
        return .success(.told)
    }

    /// Books the task, and answers the failure that the job ends with. A figure that was final already stands.
    private func booked(_ failure: JobFailure, _ job: inout JobRun) async throws(StepTrouble) -> JobFailure {
        if !job.hasEnded {
            let settlement = job.givingUp.settlement(job.estimate)
            try await settle(settlement, job)
            job.charge(job.estimate, uncertain: settlement == .uncertain)
        }
        leave(&job)
        return failure
    }
}
