// Where a job goes on: after a crash from its row alone, after a failure from its row and the code of that failure.
//
// A pure value. A crash says nothing new, so the phase decides; a retry of a failed job first turns what is known into
// a phase again (`reopened`), in the same transaction that admits it, so that a crash during the retry needs no memory
// of the failure. Nothing here ever leads from a paid attempt whose end is unknown to another order: only a person
// does, by retrying a job that ended with `submission_unknown`.
//
// After a crash (phase × last attempt of the run):
//
//     claimed                                                    prepare
//     ordered   attempt with a task id, whatever its state       poll
//               no attempt, refused, or free of charge           prepare
//               intent, uncertain or settled without a task id   submissionUnknown
//     fetched                                                    store (without its picture note: as `ordered`)
//     stored                                                     update
//     recorded                                                   conclude
//     landing                                                    land
//     landed                                                     nothing
//
// After a failure, the first line that holds:
//
//     submission_unknown, generation_failed, moderation,
//       cancelled (its task was given up)                        prepare
//     not_an_image, download_too_large: the bytes in work/ are   poll with a task id, prepare where nothing was paid
//       no good, fetch them again                                or the answer brought nothing that was kept; else the
//                                                                lines below
//     it was answered from a picture that was there              prepare
//     it was stored                                              update
//     it was fetched                                             store
//     its last attempt is spent: charged, no task, no picture    prepare (there is nothing to read again)
//     it was prepared anew since its last attempt                prepare
//     else                                                       as `ordered`

package import Contract

/// The step with which a job goes on.
package indirect enum Resume: Hashable, Sendable {
    /// From the beginning; an order will be written.
    case prepare
    /// A paid request was sent, or may have been, and its answer is lost: end with `submission_unknown`, or order once
    /// more where the configuration says so (`resubmit`).
    case submissionUnknown(AttemptRow)
    /// Ask the provider about this task (again: a terminal task is read anew for a fresh address).
    case poll(taskID: String, attempt: AttemptRow)
    /// Verify and store this picture from `work/`.
    case store(PictureNote)
    /// Update the outfit's record.
    case update
    /// Everything is done; make the result.
    case conclude
    /// Put the kept result into its box.
    case land(Outcome)

    /// Whether the step handles the job's own bytes, and is counted before it starts (`Poison`).
    package var handlesBytes: Bool {
        switch self {
        case .prepare, .store: true
        case .submissionUnknown, .poll, .update, .conclude, .land: false
        }
    }

    /// Where an open job goes on after a crash; nil for one that has landed. `last` is the last attempt of its run.
    package static func point(of row: JobRow, last: AttemptRow?) -> Resume? {
        switch row.phase {
        case .claimed: .prepare
        case .ordered: fromAttempt(last)
        case .fetched: row.picture.map(Resume.store) ?? fromAttempt(last)
        case .stored: .update
        case .recorded: .conclude
        case .landing: row.outcome.map(Resume.land)
        case .landed: nil
        }
    }

    /// Where a failed job goes on when it is retried (13.1).
    package static func afterFailure(_ code: ResultCode?, of row: JobRow, last: AttemptRow?) -> Resume {
        switch code {
        case .submissionUnknown, .generationFailed, .moderation, .cancelled: return .prepare
        case .notAnImage, .downloadTooLarge:
            if last.map({ $0.taskID != nil || $0.freeOfCharge }) ?? true { return fromOrder(row, last) }
            // Its answer came and held nothing that could be kept, at a price that nobody told.
            if row.picture == nil, last?.state == .uncertain { return .prepare }
        default: break
        }
        // A picture that was there before may be another by now: it is looked at once more, which costs nothing.
        if let picture = row.picture, picture.isReused { return .prepare }
        if row.stored != nil { return .update }
        if let picture = row.picture { return .store(picture) }
        return last?.isSpent == true ? .prepare : fromOrder(row, last)
    }

    /// What the last attempt says, if it is still the one to go on from. A job that was prepared anew since has no
    /// plan: that attempt had ended in a way that is ordered after, and what failed then was the preparing.
    private static func fromOrder(_ row: JobRow, _ last: AttemptRow?) -> Resume {
        row.plan == nil ? .prepare : fromAttempt(last)
    }

    /// Where a job goes on whose picture is not there (not yet, or no longer in `work/`): what its last attempt says.
    package static func fromAttempt(_ last: AttemptRow?) -> Resume {
        guard let last else { return .prepare }
        if last.state == .refused { return .prepare }
        if let taskID = last.taskID { return .poll(taskID: taskID, attempt: last) }
        return last.freeOfCharge ? .prepare : .submissionUnknown(last)
    }

    /// The row of a failed job as it is open again, so that `point(of:last:)` leads to this very step. The starts are
    /// forgotten, a person has looked; the deadline runs anew, from now where a task is polled.
    package func reopened(_ row: JobRow, at now: Timestamp) -> JobRow {
        var row = row
        (row.outcome, row.landedAt, row.starts, row.claimedAt, row.firstSubmitAt) = (nil, nil, 0, now, nil)
        switch self {
        case .prepare: (row.phase, row.plan, row.picture, row.stored) = (.claimed, nil, nil, nil)
        case .submissionUnknown: (row.phase, row.picture, row.stored) = (.ordered, nil, nil)
        case .poll: (row.phase, row.picture, row.stored, row.firstSubmitAt) = (.ordered, nil, nil, now)
        case .store: (row.phase, row.stored) = (.fetched, nil)
        case .update: row.phase = .stored
        case .conclude, .land: preconditionFailure("a failed job is not retried at \(self)")
        }
        return row
    }
}
