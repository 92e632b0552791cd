// The life of one job as a value: which step comes next, and what its failure means. No I/O, no clock, no logger.
//
// The driver (`Pipeline`) performs one action, feeds back one event, and performs the next. Every path ends in
// `.finish` or `.fail`; an event that cannot come in a state is our bug and stops the process with both in its text.

internal import Contract
internal import Ledger

/// What the driver is to do next.
enum JobStep: Equatable {
    /// Read the records, make the photos ready, decide what to order.
    case prepare
    /// Write down that this is about to be ordered: before the first byte to the provider.
    case order(Plan)
    /// Call the provider, once.
    case generate(Plan)
    /// Verify the picture and keep it durably in the work folder.
    case keep(Plan)
    /// Put the kept picture where pictures are kept for good.
    case store(Plan, PictureNote)
    /// Write the outfit's record.
    case update(Plan, PictureNote, StoredNote)
    /// Everything is done and durable.
    case finish(Plan, PictureNote, StoredNote)
    /// It ends here.
    case fail(JobFailure)
}

/// What an action led to.
enum JobEvent: Equatable {
    case prepared(Plan)
    case ordered
    case generated
    case kept(PictureNote)
    case stored(StoredNote)
    case recorded
    case failed(JobFailure)
}

/// One job's way through the stages.
struct JobMachine {
    private enum State: Equatable {
        /// The state while records and photos are read; nothing has been ordered.
        case preparing
        /// The state while the intent is being committed; the provider knows nothing yet.
        case ordering(Plan)
        /// The state while the provider works; only here money can be spent.
        case generating(Plan)
        /// The state while the answer is verified and kept; losing it now would mean to order again.
        case keeping(Plan)
        /// The state while the kept picture is stored for good.
        case storing(Plan, PictureNote)
        /// The state while the record is written; the picture is stored.
        case updating(Plan, PictureNote, StoredNote)
        /// The state after the last step.
        case ended
    }

    private var state: State

    /// The step of a job that begins, or goes on after a stop, and what to do for it.
    static func begin(at entry: JobEntry) -> (JobMachine, JobStep) {
        switch entry {
        case .prepare: (JobMachine(state: .preparing), .prepare)
        case .store(let plan, let picture): (JobMachine(state: .storing(plan, picture)), .store(plan, picture))
        case .update(let plan, let picture, let stored):
            (JobMachine(state: .updating(plan, picture, stored)), .update(plan, picture, stored))
        case .conclude(let plan, let picture, let stored):
            (JobMachine(state: .ended), .finish(plan, picture, stored))
        case .fail(let failure): (JobMachine(state: .ended), .fail(failure))
        }
    }

    /// The stage that the status file and a failure name.
    var stage: Stage? {
        switch state {
        case .preparing: .prepare
        case .ordering, .generating: .generate
        case .keeping: .download
        case .storing: .store
        case .updating: .update
        case .ended: nil
        }
    }

    /// Takes an event, answers the next action.
    mutating func take(_ event: JobEvent) -> JobStep {
        if case .failed(let failure) = event, state != .ended {
            state = .ended
            return .fail(failure)
        }
        switch (state, event) {
        case (.preparing, .prepared(let plan)):
            state = .ordering(plan)
            return .order(plan)
        case (.ordering(let plan), .ordered):
            state = .generating(plan)
            return .generate(plan)
        case (.generating(let plan), .generated):
            state = .keeping(plan)
            return .keep(plan)
        case (.keeping(let plan), .kept(let picture)):
            state = .storing(plan, picture)
            return .store(plan, picture)
        case (.storing(let plan, let picture), .stored(let note)):
            state = .updating(plan, picture, note)
            return .update(plan, picture, note)
        case (.updating(let plan, let picture, let note), .recorded):
            state = .ended
            return .finish(plan, picture, note)
        default:
            preconditionFailure("a job cannot take \(event) in \(state)")
        }
    }
}

/// Where a job enters: at its beginning, or where an earlier run of the program left it.
enum JobEntry: Equatable, Sendable {
    case prepare
    /// A verified picture is kept in the work folder.
    case store(Plan, PictureNote)
    /// The picture is stored; the record is not written yet, or nobody knows.
    case update(Plan, PictureNote, StoredNote)
    /// Only the result is missing.
    case conclude(Plan, PictureNote, StoredNote)
    /// It cannot go on.
    case fail(JobFailure)
}
