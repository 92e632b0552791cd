// One life of the program in the model, a step at a time: from its start over the claim, the work and the landing to
// rest, as docs/ARCHITECTURE.md writes it down. Every state that a `ModelLife` takes is one in which it may die.
//
// The decisions are the program's own: `Recovery`, `Admission`, `Resume`, `Poison`, `JobMachine`, `Persistence`. What
// is here is what drivers do between them: a rename, a sync, a commit, a call. A step that can go several ways answers
// all of them.

import Contract
import Ledger
import Providers

@testable import Pipeline
@testable import vizd

/// The program, alive.
struct ModelLife {
    /// What it is about to do.
    enum Point {
        /// The start: names that are the same file, then the table of the start.
        case start, recover
        case putBackSync
        /// The loop: something may lie in incoming/.
        case loop
        case claimSync, claimSyncSource
        case read
        case removeDuplicate, removeDuplicateSync
        case withdraw(Admitted.Job), withdrawSync(Admitted.Job)
        case enter(Admitted.Job)
        /// A step of the pipeline: about to be made; made, and not yet written down.
        case work(JobMachine, JobStep)
        case made(JobMachine, JobStep, Answer)
        case conclude(ResultCode?)
        case publish(Outcome), publishSync(Outcome), move(Outcome), moveSync(Outcome), moveSyncSource(Outcome)
        case landed(Outcome)
        case tidy(Outcome)
        /// Nothing is left to do.
        case rest
    }

    /// What the world answered to a step.
    enum Answer {
        case accepted(id: String)
        case picture
        case refused(RetryAdvice)
        case lost
        case ended(ModelOrder.Fate)
        case fetched
        case kept, spoiled
        case stored, recorded
        /// The task is given up, or had come to nothing by then.
        case givenUp(Settlement)
    }

    let vendor: ModelVendor
    /// `runway.onLostResponse: resubmit`.
    let resubmits: Bool
    var world: ModelWorld
    var point: Point
    /// The request's file in processing/, as far as this life knows.
    var hasSource = true
    /// The task is known to have ended: it is only read for its picture's address.
    var hasEnded = false
    /// This life has ordered something.
    var hasOrdered = false

    static let plan = Plan(
        provider: "vendor", model: "model", size: PixelSize(width: 1, height: 1), seed: nil, prompt: nil,
        references: 0, usedDescriptor: false, usedProfileDescriptor: false)
    static let stored = StoredNote(url: "url", path: "path")

    init(_ vendor: ModelVendor, resubmits: Bool, _ world: ModelWorld) {
        (self.vendor, self.resubmits, self.world, point) = (vendor, resubmits, world, .start)
    }

    // MARK: Steps

    /// Every way in which the next step may go; none at rest.
    func next() throws(Breach) -> [ModelLife] {
        switch point {
        case .start, .recover, .putBackSync: [try starting()]
        case .loop, .claimSync, .claimSyncSource: [claiming()]
        case .read, .removeDuplicate, .removeDuplicateSync, .withdraw, .withdrawSync: [try admitting()]
        case .enter(let job): [try entering(job)]
        case .work(let machine, let step): try working(machine, step)
        case .made(let machine, let step, let answer): try written(machine, step, answer)
        case .conclude(let code): [try concluding(code)]
        case .publish, .publishSync, .move, .moveSync, .moveSyncSource, .landed, .tidy: [try landing()]
        case .rest: []
        }
    }

    func at(_ point: Point, _ change: (inout ModelWorld) throws(Breach) -> Void = { _ in }) throws(Breach) -> ModelLife
    {
        var life = self
        life.point = point
        try change(&life.world)
        return life
    }

    /// The same where nothing can be wrong.
    func onDisk(_ point: Point, _ change: (inout ModelDisk) -> Void) -> ModelLife {
        var life = self
        life.point = point
        change(&life.world.disk)
        return life
    }

    // MARK: The start

    private func starting() throws(Breach) -> ModelLife {
        switch point {
        case .start:
            return onDisk(.recover) { disk in
                guard disk.now.processing else { return }
                disk.sync(.processing)
                disk.now.incoming = false
                disk.sync(.incoming)
            }
        case .putBackSync: return onDisk(.read) { $0.sync(.processing) }
        default: break
        }
        let entries = world.disk.now
        let places = RequestPlaces(
            processing: entries.processing, incoming: entries.incoming, done: entries.done, failed: entries.failed)
        switch Recovery.step(phase: world.books.row?.phase, places) {
        case .leave: return try at(.loop)
        case .live: return try at(.read)
        case .putBack:
            guard world.books.row?.request != nil else { throw Breach(description: "the journal lost a request") }
            return onDisk(.putBackSync) { $0.now.processing = true }
        case .land:
            guard let outcome = world.books.row?.outcome, outcome.result != nil else {
                throw Breach(description: "a job is landing without a result")
            }
            return try at(.publish(outcome))
        }
    }

    // MARK: The claim

    private func claiming() -> ModelLife {
        switch point {
        case .claimSync: onDisk(.claimSyncSource) { $0.sync(.processing) }
        case .claimSyncSource: onDisk(.read) { $0.sync(.incoming) }
        default:
            world.disk.now.incoming
                ? onDisk(.claimSync) { ($0.now.incoming, $0.now.processing) = (false, true) }
                : atRest()
        }
    }

    /// Nothing is left to do; a wish for a job that has ended, or that nobody knows, is removed.
    private func atRest() -> ModelLife {
        var life = self
        life.point = .rest
        life.world.isWished = false
        return life
    }

    // MARK: Admission

    private func admitting() throws(Breach) -> ModelLife {
        switch point {
        case .removeDuplicate: return onDisk(.removeDuplicateSync) { $0.now.processing = false }
        case .removeDuplicateSync: return onDisk(.loop) { $0.sync(.processing) }
        case .withdraw(let job): return onDisk(.withdrawSync(job)) { $0.now.withdraw() }
        case .withdrawSync(let job): return onDisk(.enter(job)) { $0.sync(.done, and: .failed) }
        default: break
        }
        let entries = world.disk.now
        var life = self
        let answer = try life.world.books.admit(entries.done ? .done : entries.failed ? .failed : .nowhere)
        life.world.tell("admitted: \(answer.judgement.word)")
        guard let job = answer.job else { return try life.at(.removeDuplicate) }
        if case .fresh = answer.judgement { life.world.forget() }
        if case .rerun = answer.judgement { life.world.forget() }
        return try life.at(job.row.phase == .landing ? .enter(job) : .withdraw(job))
    }

    private func entering(_ job: Admitted.Job) throws(Breach) -> ModelLife {
        if case .land(let outcome) = job.resume { return try at(.publish(outcome)) }
        if job.poison == .poisoned { return try at(.conclude(.poison)) }
        var life = self
        life.hasEnded = job.last?.state == .settled
        life.hasOrdered = false
        let (entry, persistence) = try life.entry(job)
        let (machine, step) = JobMachine.begin(at: entry, persistence)
        return try life.at(.work(machine, step))
    }

    /// What `Pipeline.run` makes of a ticket before the machine begins.
    private mutating func entry(_ job: Admitted.Job) throws(Breach) -> (JobEntry, Persistence) {
        let run = world.books.attempts.filter { $0.run == job.last?.run }
        let lost = run.filter { $0.state == .uncertain && $0.attempt < job.last?.attempt ?? 0 }.count
        var resume = job.resume
        if case .store = resume, !world.isKept { resume = Resume.fromAttempt(job.last) }
        let plan = job.row.plan.flatMap(Plan.init(encoded:))
        let stored = job.row.stored.flatMap(StoredNote.init(encoded:))
        let entry: JobEntry
        switch (resume, plan, job.row.picture, stored) {
        case (.prepare, _, _, _): entry = .prepare
        case (.store(let picture), let plan?, _, _): entry = .store(plan, picture)
        case (.update, let plan?, let picture?, let stored?): entry = .update(plan, picture, stored)
        case (.conclude, let plan?, let picture?, let stored?): entry = .conclude(plan, picture, stored)
        case (.poll(let task, _), let plan?, _, _): entry = .follow(plan, taskID: task)
        case (.submissionUnknown(let attempt), _, _, _) where attempt.isSpent:
            entry = .fail(.spent(attempt, "Vendor"))
        case (.submissionUnknown(let attempt), _, _, _) where attempt.state == .settled:
            entry = .fail(.pictureGone(ModelBooks.name, job.row.picture))
        case (.submissionUnknown(let attempt), _, _, _):
            if attempt.state == .intent { try world.books.settle(.uncertain) }
            entry = .lost(JobFailure(.submissionUnknown, "lost"), resubmitAfter: resubmits ? 1 : nil)
        default: throw Breach(description: "\(resume) without what it needs")
        }
        return (entry, Persistence(resubmits: lost))
    }

    // MARK: The end

    private func concluding(_ code: ResultCode?) throws(Breach) -> ModelLife {
        let run = world.books.row?.run ?? 0
        let box = code == nil ? OutcomeBox.done : .failed
        let text = "\(run) \(world.books.attempts.count) \(code?.rawValue ?? "complete")"
        let outcome = Outcome(box: box, code: code, result: Array(text.utf8))
        return try at(.publish(outcome)) { world throws(Breach) in
            world.tell("ends: \(text)")
            try world.books.landing(outcome)
        }
    }

    private func landing() throws(Breach) -> ModelLife {
        switch point {
        case .publish(let outcome):
            return onDisk(.publishSync(outcome)) { disk in
                switch outcome.box {
                case .done: disk.now.doneResult = outcome.result
                case .failed: disk.now.failedResult = outcome.result
                }
            }
        case .publishSync(let outcome): return onDisk(.move(outcome)) { $0.sync(outcome.box.folder) }
        case .move(let outcome): return onDisk(.moveSync(outcome)) { $0.now.move(to: outcome.box) }
        case .moveSync(let outcome): return onDisk(.moveSyncSource(outcome)) { $0.sync(outcome.box.folder) }
        case .moveSyncSource(let outcome): return onDisk(.landed(outcome)) { $0.sync(.processing) }
        case .landed(let outcome): return try at(.tidy(outcome)) { world throws(Breach) in try world.books.landed() }
        case .tidy(let outcome):
            return try at(.loop) { world in
                world.isWished = false
                if outcome.box == .done { world.isKept = false }
            }
        default: return self
        }
    }
}

extension OutcomeBox {
    /// The folder of the model.
    var folder: ModelDisk.Folder { self == .done ? .done : .failed }
}

extension ModelEntries {
    /// The request beside its result, if it still is in processing/.
    mutating func move(to box: OutcomeBox) {
        guard processing else { return }
        processing = false
        switch box {
        case .done: done = true
        case .failed: failed = true
        }
    }

    /// What an earlier run left in the boxes.
    mutating func withdraw() { (done, failed, doneResult, failedResult) = (false, false, nil, nil) }
}

extension ModelWorld {
    /// A new run makes its own picture: what lies there is of an earlier one.
    mutating func forget() { (isKept, isStored, isRecorded) = (false, false, false) }
}
