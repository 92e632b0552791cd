// Retention: which landed jobs may be forgotten, and the forgetting itself.
//
// A family goes as one, by the landing of the job at its top. What is not settled stays, however old: money whose
// figure is still to be read, an order that may still bring a picture, a picture that was paid for and is stored
// nowhere. What a job cost stays in the ledger for good, and so does what the journal knows of stored pictures
// (`kept`): the pictures outlive their jobs, and an unchanged outfit is answered from them at no cost.

package import Contract
internal import GRDB

/// Why a landed job is not forgotten yet. The raw values are the words in the log.
package enum Unsettled: String, CaseIterable, Sendable {
    /// A part of it is under way.
    case parts
    /// A paid order of it was never seen to end: its money is reserved, and a retry may still fetch its picture.
    case order
    /// A figure of it is read once more (`budget.recheckAfter`).
    case figure
    /// A picture of it was fetched and lies in `work/`; a retry stores it without paying again.
    case picture
}

/// A landed job with a request file of its own, and all that is beneath it.
package struct LandedFamily: Sendable {
    /// The job at the top, with its documents.
    package let row: JobRow
    /// Its parts and theirs, with their documents.
    package let parts: [JobRow]
    /// What all of them ordered, in all runs.
    package let attempts: [AttemptRow]
    /// Where it stands in the order of forgetting.
    package let place: LandedPlace

    package init(row: JobRow, parts: [JobRow], attempts: [AttemptRow], place: LandedPlace) {
        (self.row, self.parts, self.attempts, self.place) = (row, parts, attempts, place)
    }

    /// How long a figure that cannot be read stands in the way, nanoseconds: the books give it up after a week.
    static let figurePatience: Int64 = 8 * 86_400_000_000_000

    /// What stands in the way of forgetting it; nil where nothing does.
    package func unsettled(at now: Timestamp) -> Unsettled? {
        if parts.contains(where: \.phase.isOpen) { return .parts }
        // Parts of a job that is done are not retried, whatever became of them.
        let isRetried = row.outcome?.box == .failed
        for job in [row] + parts {
            let own = attempts.filter { sameName($0.name, job.name) }
            if own.contains(where: { waits($0, at: now) }) { return .figure }
            guard isRetried, job.outcome?.box == .failed else { continue }
            let last = own.filter { $0.run == job.run }.max { $0.attempt < $1.attempt }
            if let last, [.intent, .task].contains(last.state), !last.freeOfCharge { return .order }
            if case .store = Resume.afterFailure(job.outcome?.code, of: job, last: last) { return .picture }
        }
        return nil
    }

    private func waits(_ attempt: AttemptRow, at now: Timestamp) -> Bool {
        guard let since = attempt.recheckSince else { return false }
        return now.nanoseconds - (attempt.settledAt ?? since).nanoseconds < LandedFamily.figurePatience
    }

    /// Byte for byte, as SQLite compares names.
    private func sameName(_ one: String, _ other: String) -> Bool { one.utf8.elementsEqual(other.utf8) }
}

/// A place in the order in which jobs landed in a box.
package struct LandedPlace: Hashable, Sendable {
    let landedAt: Int64
    let id: Int64

    /// Before all of them.
    package static let first = LandedPlace(landedAt: .min, id: .min)
}

extension Journal {
    /// Jobs that landed in a box before a moment, oldest first, from behind a place; at most `limit`, and fewer where
    /// they have many parts, so that nobody waits long for the books. Parts come with the job at their top. Empty at
    /// the end.
    package func landed(
        _ box: OutcomeBox, before: Timestamp, after place: LandedPlace, limit: Int
    ) async throws(JournalFailure) -> [LandedFamily] {
        try await write { books in
            let rows = try books.all(
                """
                SELECT * FROM job WHERE phase = 'landed' AND box = ? AND landed_at < ? AND parent IS NULL
                    AND (landed_at, id) > (?, ?)
                ORDER BY landed_at, id LIMIT ?
                """,
                [box.rawValue, before.nanoseconds, place.landedAt, place.id, limit])
            var (families, jobs) = ([LandedFamily](), 0)
            for row in rows where jobs < Journal.familiesLimit {
                families.append(try books.family(row))
                jobs += 1 + (families.last?.parts.count ?? 0)
            }
            return families
        }
    }

    /// After so many jobs no further family is read in one go.
    private static let familiesLimit = 256

    /// When these jobs landed; nil for one that is open, or not known.
    package func landings(of names: [String]) async throws(JournalFailure) -> [Timestamp?] {
        try await write { books in try names.map { try books.job($0)?.landedAt } }
    }

    /// Those of these names of which nothing is known here, neither of them nor of the job whose part they would be
    /// (`whole`): files that never became jobs, or whose journal was lost.
    package func unknown(_ names: [(name: String, whole: String)]) async throws(JournalFailure) -> [String] {
        try await write { books in
            try names.filter { try books.job($0.name) == nil && books.job($0.whole) == nil }.map(\.name)
        }
    }

    /// Forgets landed jobs with all their parts; the ledger keeps their attempts. Returns the names of the files in
    /// `work/` that nobody needs any more. Jobs that have not landed, parts, and unknown ones are passed over.
    package func forget(_ names: [String]) async throws(JournalFailure) -> [String] {
        try await write { books in
            try names.flatMap { name -> [String] in
                guard let row = try books.job(name), row.phase == .landed, row.kinship == nil else { return [] }
                let files = try [row] + books.family(of: name)
                try books.run("DELETE FROM job WHERE name = ? OR root = ?", [name, name])
                return files.compactMap { file in file.picture.flatMap { $0.isReused ? nil : $0.file } }
            }
        }
    }
}

extension Books {
    fileprivate func family(_ row: Row) throws -> LandedFamily {
        let place = try LandedPlace(landedAt: row.value("landed_at"), id: row.value("id"))
        let top = try complete(Self.job(row))
        let parts = try family(of: top.name).map(complete)
        return LandedFamily(
            row: top, parts: parts, attempts: try ([top] + parts).flatMap { try attempts($0.name) }, place: place)
    }
}
