// What a request file is, in the light of what the journal knows of its name.
//
// A pure value: no clock, no disk. The caller says where the earlier request file of this name lies now and whether a
// task of this process works on the name; the rest is in the row. `Journal.admit` looks up, judges and writes in one
// transaction.

/// The table of admissions.
///
///     row of that name │ same digest                          │ other digest
///     ─────────────────┼──────────────────────────────────────┼─────────────────────────────────────────────
///     none             │ fresh; running: later                │ (there is no other)
///     open             │ resume; running: duplicate           │ nameTaken
///     landing          │ relanding; running: later            │ nameTaken; running: later
///     landed, done     │ earlier file in done/: duplicate     │ earlier file in done/ or failed/: nameTaken
///                      │ else (mv done -> incoming): rerun    │ nowhere: fresh(replacing)
///     landed, failed   │ retry, wherever the earlier file is  │ earlier file in done/ or failed/: nameTaken
///                      │                                      │ nowhere: fresh(replacing)
///
/// While a result is being landed in this process, its files may be seen before the journal says `landed`, and whoever
/// sees them may put the request back at once: what that means is known a moment later.
///
/// "Open" is claimed, ordered, fetched, stored, recorded; a job that works or lands holds its name wherever its file
/// is, so the place of an earlier file matters only once the job has landed, and `running` only until then.
package enum Admission {
    /// Where the earlier request file of this name lies now.
    package enum OldRequest: String, CaseIterable, Sendable {
        case done, failed, nowhere
    }

    /// What to do with the file.
    package enum Judgement: Hashable, Sendable {
        /// A new job. `replacing` is a landed job of the same name whose file was taken away: its result is withdrawn
        /// first.
        case fresh(replacing: JobRow?)
        /// The file of this open job: a power cut put it back, or this is start-up. It goes on, and is never ordered
        /// anew.
        case resume(JobRow)
        /// The file of a job whose result is in the journal: finish its landing (which may be done already).
        case relanding(JobRow)
        /// A done job put back on purpose: a new run; the stale result is withdrawn first.
        case rerun(JobRow)
        /// A failed job put back, or its bytes dropped again: it goes on from the journal; the stale result is
        /// withdrawn first.
        case retry(JobRow)
        /// The same bytes as a job that works or is done: remove the file.
        case duplicate
        /// Other bytes under a name that is in use: `failed/` with `name_taken`.
        case nameTaken
        /// The file that runs under this name has not reached the journal yet, so nobody can compare: look again later.
        case later
    }

    /// Judges a file by its digest. Total: every combination has an answer.
    package static func judge(
        digest: [UInt8], row: JobRow?, oldRequest: OldRequest, running: Bool
    ) -> Judgement {
        guard let row else { return running ? .later : .fresh(replacing: nil) }
        switch (row.phase, same: row.digest == digest) {
        case (.landed, true): return again(row, oldRequest)
        case (.landing, _) where running: return .later
        case (.landed, false): return oldRequest == .nowhere ? .fresh(replacing: row) : .nameTaken
        case (_, false): return .nameTaken
        case (_, true) where running: return .duplicate
        case (.landing, true): return .relanding(row)
        case (_, true): return .resume(row)
        }
    }

    /// The same bytes as a job that has landed.
    private static func again(_ row: JobRow, _ oldRequest: OldRequest) -> Judgement {
        guard row.outcome?.box == .done else { return .retry(row) }
        return oldRequest == .done ? .duplicate : .rerun(row)
    }
}
