// Admission: look up, judge and write, for a whole batch of claimed files in one commit.
//
// The first start of a job is counted in the same commit, so that a fresh request costs one sync before it is worked
// on.

package import Contract
internal import GRDB

/// A claimed file that asks to be let in.
package struct AdmissionRequest: Sendable {
    /// NAME of NAME.json.
    package var name: String
    /// SHA-256 of the bytes, 32 of them.
    package var digest: [UInt8]
    /// The file's owner.
    package var ownerUID: UInt32
    /// The bytes themselves: the trusted copy.
    package var request: [UInt8]
    /// Nil where the request cannot be read.
    package var userID: String?
    /// Nil where the request cannot be read, or has none.
    package var outfitID: String?
    /// Where the earlier request file of this name lies now.
    package var oldRequest: Admission.OldRequest
    /// Whether another task of this process works on this name.
    package var running: Bool
    /// Now.
    package var at: Timestamp

    package init(
        name: String, digest: [UInt8], ownerUID: UInt32, request: [UInt8], userID: String?, outfitID: String?,
        oldRequest: Admission.OldRequest, running: Bool, at: Timestamp
    ) {
        self.name = name
        self.digest = digest
        self.ownerUID = ownerUID
        self.request = request
        self.userID = userID
        self.outfitID = outfitID
        self.oldRequest = oldRequest
        self.running = running
        self.at = at
    }
}

/// The answer to an admission request; everything in it is on the disk.
package struct Admitted: Hashable, Sendable {
    /// What the file is. A row in it is the one from before, so that its picture in `work/` can be removed where the
    /// new row no longer has it.
    package var judgement: Admission.Judgement
    /// The job as it now stands, with its documents, and where it goes on. Nil where the file is not let in.
    package var job: Job?

    /// A job that was let in.
    package struct Job: Hashable, Sendable {
        /// The row, with its documents; a start on the job's own bytes is counted in it where `resume` makes one.
        package var row: JobRow
        /// The last attempt of the run.
        package var last: AttemptRow?
        /// Where it goes on.
        package var resume: Resume
        /// Whether that start may be made.
        package var poison: Poison
    }
}

extension Journal {
    /// Admits files, in order; the answers are in the same order. A name that comes twice in a batch is in use for the
    /// second. All or none are in the journal.
    package func admit(_ requests: [AdmissionRequest]) async throws(JournalFailure) -> [Admitted] {
        try await write { books in
            var taken: Set<[UInt8]> = []
            return try requests.map { request in
                var request = request
                request.running = request.running || taken.contains(Array(request.name.utf8))
                let answer = try books.admit(request)
                if answer.job != nil { taken.insert(Array(request.name.utf8)) }
                return answer
            }
        }
    }

    /// Judges a file that could not be claimed since its name is in use in `processing/`; changes nothing.
    package func judge(
        name: String, digest: [UInt8], oldRequest: Admission.OldRequest, running: Bool
    ) async throws(JournalFailure) -> Admission.Judgement {
        try await write { books in
            Admission.judge(digest: digest, row: try books.job(name), oldRequest: oldRequest, running: running)
        }
    }
}

extension Books {
    func admit(_ request: AdmissionRequest) throws -> Admitted {
        let row = try job(request.name)
        let judgement = Admission.judge(
            digest: request.digest, row: row, oldRequest: request.oldRequest, running: request.running)
        switch judgement {
        case .duplicate, .nameTaken, .later: return Admitted(judgement: judgement, job: nil)
        case .fresh(let earlier): return Admitted(judgement: judgement, job: try begin(request, after: earlier))
        case .rerun(let earlier): return Admitted(judgement: judgement, job: try begin(request, after: earlier))
        case .retry(let earlier): return Admitted(judgement: judgement, job: try reopen(earlier, request))
        case .resume(let row), .relanding(let row):
            return Admitted(judgement: judgement, job: try goOn(row, at: request.at))
        }
    }

    /// A new run, in place of a landed one if there is one.
    private func begin(_ request: AdmissionRequest, after earlier: JobRow?) throws -> Admitted.Job {
        let run = try max(earlier?.run ?? 0, lastRun(request.name)) + 1
        var row = JobRow(
            name: request.name, run: run, digest: request.digest, ownerUID: request.ownerUID, request: request.request,
            claimedAt: request.at)
        (row.userID, row.outfitID, row.starts) = (request.userID, request.outfitID, 1)
        try replace(row)
        return Admitted.Job(row: row, last: nil, resume: .prepare, poison: .start)
    }

    /// A failed job, open again. What its last attempt left unsaid is closed first where it is ordered anew.
    private func reopen(_ landed: JobRow, _ request: AdmissionRequest) throws -> Admitted.Job {
        let landed = try complete(landed)
        let last = try last(landed.name, run: landed.run)
        let resume = Resume.afterFailure(landed.outcome?.code, of: landed, last: last)
        var row = resume.reopened(landed, at: request.at)
        (row.request, row.ownerUID) = (request.request, request.ownerUID)
        if resume == .prepare, let last { try closeIntent(last, at: request.at) }
        try replace(row)
        try reopenParts(of: row.name, at: request.at)
        return try goOn(row, at: request.at)
    }

    /// An intent that nobody will hear of any more.
    func closeIntent(_ last: AttemptRow, at now: Timestamp) throws {
        guard last.state == .intent else { return }
        try close(last, last.freeOfCharge ? .refused : .uncertain, at: now)
    }

    /// An open job, and where it goes on; a start on its own bytes is counted. What is prepared anew is `claimed`
    /// again, so that from there on nothing outstanding is remembered of it.
    func goOn(_ row: JobRow, at now: Timestamp) throws -> Admitted.Job {
        var row = try complete(row)
        var last = try last(row.name, run: row.run)
        guard let resume = Resume.point(of: row, last: last) else {
            preconditionFailure("a landed job is not gone on with")
        }
        guard resume.handlesBytes else { return Admitted.Job(row: row, last: last, resume: resume, poison: .start) }
        if resume == .prepare, let before = last, row.phase != .claimed {
            try closeIntent(before, at: now)
            last = try self.last(row.name, run: row.run)
            (row.phase, row.plan) = (.claimed, nil)
            try drop([.plan], of: row.name)
        }
        row.starts += 1
        try run("UPDATE job SET phase = ?, starts = ? WHERE name = ?", [row.phase.rawValue, row.starts, row.name])
        let poison = Poison.judge(start: row.starts, row: row, last: last)
        return Admitted.Job(row: row, last: last, resume: resume, poison: poison)
    }
}
