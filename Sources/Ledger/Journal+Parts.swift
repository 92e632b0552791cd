// Compound jobs in the journal: a parent's row and the rows of its parts.
//
// Parts have no file: they are made here, in one transaction that is the same however often it is run, and they are
// gone on with from here. From then on a part is a job as any other and takes the same steps (`Journal+Steps`), so what
// keeps a job from being paid for twice keeps a part from it. A part holds its request and its result until the job at
// the top of the family has landed; of one that failed it holds them on, since its retry keeps the parts that are done.

package import Contract
internal import GRDB

/// A part as its parent's request spells it.
package struct NewPart: Sendable {
    /// `NAME.0001`.
    package var name: String
    /// 1, 2, ... in the order of the request.
    package var number: Int
    /// What it is to its parent.
    package var kind: PartKind
    /// SHA-256 of its request's bytes, 32 of them.
    package var digest: [UInt8]
    /// Its request: the parent's, with what makes it this part.
    package var request: [UInt8]
    /// Its outfit, where it has one.
    package var outfitID: String?

    package init(
        name: String, number: Int, kind: PartKind, digest: [UInt8], request: [UInt8], outfitID: String?
    ) {
        (self.name, self.number, self.kind) = (name, number, kind)
        (self.digest, self.request, self.outfitID) = (digest, request, outfitID)
    }
}

extension Journal {
    /// Makes the parts of an open job that are not there yet, as jobs that nobody has begun. All or none; harmless to
    /// do again. While parts are open, the parent waits and its unclean starts are forgotten: its bytes are done with.
    /// Returns all parts as they stand, by their numbers, without documents.
    package func expand(_ parent: String, into parts: [NewPart], at now: Timestamp)
        async throws(JournalFailure) -> [JobRow]
    {
        try await write { books in
            let row = try books.knownJob(parent)
            guard row.phase.isOpen, row.phase != .landing else {
                throw Books.wrong("The job \(parent) is \(row.phase.rawValue) and is not taken apart any more.")
            }
            for part in parts where try books.job(part.name) == nil { try books.begin(part, of: row, at: now) }
            let all = try books.parts(of: parent)
            if all.contains(where: { $0.phase.isOpen }) {
                try books.run("UPDATE job SET starts = 0 WHERE name = ?", [parent])
            }
            return all
        }
    }

    /// Goes on with an open part, or with a parent whose parts have ended; a start on its own bytes is counted. Nil for
    /// one that has landed, or is not known.
    package func goOn(_ name: String, at now: Timestamp) async throws(JournalFailure) -> Admitted.Job? {
        try await write { books in
            guard let row = try books.job(name), row.phase != .landed else { return nil }
            return try books.goOn(row, at: now)
        }
    }

    /// The parts of a job by their numbers, without their own parts: with all their documents, or without.
    package func parts(of parent: String, complete: Bool) async throws(JournalFailure) -> [JobRow] {
        try await write { books in
            let rows = try books.parts(of: parent)
            return complete ? try rows.map(books.complete) : rows
        }
    }

    /// All that is beneath a job, its parts' parts too, without documents, in the order of their names.
    package func family(of root: String) async throws(JournalFailure) -> [JobRow] {
        try await write { books in try books.family(of: root) }
    }

    /// Forgets parts that an earlier run of this job left. The ledger keeps their attempts.
    package func forgetEarlierParts(of root: String) async throws(JournalFailure) {
        try await write { books in
            let row = try books.knownJob(root)
            try books.run("DELETE FROM job WHERE root = ? AND root_run <> ?", [root, row.run])
        }
    }

    /// All views of this job have ended, and some of them are stored: the record is next.
    package func viewsStored(_ name: String) async throws(JournalFailure) {
        try await write { books in try books.advance(name, to: .stored) }
    }
}

extension Books {
    func parts(of parent: String) throws -> [JobRow] {
        try all("SELECT * FROM job WHERE parent = ? ORDER BY part", [parent]).map(Self.job)
    }

    func family(of root: String) throws -> [JobRow] {
        try all("SELECT * FROM job WHERE root = ? ORDER BY name", [root]).map(Self.job)
    }

    /// A part as it begins: no start is counted before its turn comes.
    func begin(_ part: NewPart, of parent: JobRow, at now: Timestamp) throws {
        var row = JobRow(
            name: part.name, run: try lastRun(part.name) + 1, digest: part.digest, ownerUID: parent.ownerUID,
            request: part.request, claimedAt: now)
        (row.userID, row.outfitID) = (parent.userID, part.outfitID)
        row.kinship = Kinship(
            parent: parent.name, number: part.number, root: parent.kinship?.root ?? parent.name,
            rootRun: parent.kinship?.rootRun ?? parent.run, kind: part.kind)
        try replace(row)
    }

    /// A failed job is retried: so are its parts that failed, and theirs, each from where it can go on. Those that are
    /// done stay as they are.
    func reopenParts(of parent: String, at now: Timestamp) throws {
        for part in try parts(of: parent) where part.phase == .landed && part.outcome?.box == .failed {
            let landed = try complete(part)
            let last = try last(landed.name, run: landed.run)
            let resume = Resume.afterFailure(landed.outcome?.code, of: landed, last: last)
            if resume == .prepare, let last { try closeIntent(last, at: now) }
            try replace(resume.reopened(landed, at: now))
            try reopenParts(of: part.name, at: now)
        }
    }

    /// Drops everything large of the parts of a job that is done.
    func dropDocuments(ofFamily root: String) throws {
        try run("DELETE FROM document WHERE job IN (SELECT id FROM job WHERE root = ?)", [root])
    }
}
