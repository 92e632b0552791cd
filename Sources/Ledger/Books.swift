// The tables as the operations see them: rows in, rows out, inside the transaction of the commit thread.
//
// A step is one narrow UPDATE whose WHERE holds the phases that it may start from, so that a step from anywhere else
// changes nothing and fails (`wrongPhase`). Statements are compiled once and kept by the connection. What cannot be
// read back (a word that this version does not know, in a file that it accepts) means that the file was changed by
// hand: `corrupt`.

internal import Contract
internal import FoundationEssentials
internal import GRDB

/// The kinds of large bytes that a job has.
enum DocumentKind: String {
    case request, plan, stored, result
}

struct Books {
    let db: Database

    func run(_ sql: String, _ arguments: StatementArguments) throws {
        try db.cachedStatement(sql: sql).execute(arguments: arguments)
    }

    func one(_ sql: String, _ arguments: StatementArguments) throws -> Row? {
        try Row.fetchOne(db.cachedStatement(sql: sql), arguments: arguments)
    }

    func all(_ sql: String, _ arguments: StatementArguments) throws -> [Row] {
        try Row.fetchAll(db.cachedStatement(sql: sql), arguments: arguments)
    }
}

extension [UInt8] {
    /// As GRDB binds it.
    var blob: Data { Data(self) }
}

// MARK: - Jobs

extension Books {
    /// The row of a name, without its documents.
    func job(_ name: String) throws -> JobRow? {
        try one("SELECT * FROM job WHERE name = ?", [name]).map(Self.job)
    }

    /// The row of a name, or `unknownJob`.
    func knownJob(_ name: String) throws -> JobRow {
        guard let row = try job(name) else { throw Self.unknown(name) }
        return row
    }

    /// A row with all its documents.
    func complete(_ row: JobRow) throws -> JobRow {
        var row = row
        let documents = try all(
            "SELECT kind, bytes FROM document WHERE job = (SELECT id FROM job WHERE name = ?)", [row.name])
        for document in documents {
            let bytes = try Self.bytes(document.value("bytes"))
            switch DocumentKind(rawValue: try document.value("kind")) {
            case .request: row.request = bytes
            case .plan: row.plan = bytes
            case .stored: row.stored = bytes
            case .result: row.outcome?.result = bytes
            case nil: throw try Self.strange(document.value("kind") as String)
            }
        }
        return row
    }

    /// Writes a whole row with its documents, in place of any earlier one of the name.
    func replace(_ row: JobRow) throws {
        try run("DELETE FROM job WHERE name = ?", [row.name])
        try run(
            """
            INSERT INTO job (name, run, digest, owner_uid, phase, user_id, outfit_id, provider, picture_file,
                picture_sha256, picture_bytes, picture_width, picture_height, picture_type, starts, claimed_at,
                first_submit_at, box, code, landed_at, parent, part, root, root_run, kin)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            [
                row.name, row.run, row.digest.blob, Int64(row.ownerUID), row.phase.rawValue, row.userID, row.outfitID,
                row.provider, row.picture?.file, row.picture?.sha256.blob, row.picture?.bytes,
                row.picture?.width, row.picture?.height, row.picture?.contentType, row.starts,
                row.claimedAt.nanoseconds, row.firstSubmitAt?.nanoseconds, row.outcome?.box.rawValue,
                row.outcome?.code?.rawValue, row.landedAt?.nanoseconds, row.kinship?.parent, row.kinship?.number,
                row.kinship?.root, row.kinship?.rootRun, row.kinship?.kind.rawValue,
            ])
        let documents: [(DocumentKind, [UInt8]?)] = [
            (.request, row.request), (.plan, row.plan), (.stored, row.stored), (.result, row.outcome?.result),
        ]
        for (kind, bytes) in documents {
            if let bytes { try keep(kind, bytes, of: row.name) }
        }
    }

    /// Moves a job on, together with `columns` (SQL: `, provider = ?`). A stage has ended in good order: the count of
    /// unclean starts begins anew, at the one start that follows in the same breath, or at none.
    func advance(
        _ name: String, to next: Phase, starts: Int = 0, _ columns: String = "", _ arguments: StatementArguments = []
    ) throws {
        let from = Phase.allCases.filter { $0.permits(next) }.map { "'\($0.rawValue)'" }.joined(separator: ",")
        let sql = "UPDATE job SET phase = ?, starts = ?\(columns) WHERE name = ? AND phase IN (\(from))"
        try run(sql, [next.rawValue, starts] + arguments + [name])
        guard db.changesCount == 0 else { return }
        let phase = try knownJob(name).phase
        throw Self.wrong("The job \(name) is \(phase.rawValue) and cannot become \(next.rawValue).")
    }

    func keep(_ kind: DocumentKind, _ bytes: [UInt8], of name: String) throws {
        try run(
            "INSERT OR REPLACE INTO document (job, kind, bytes) SELECT id, ?, ? FROM job WHERE name = ?",
            [kind.rawValue, bytes.blob, name])
    }

    func drop(_ kinds: [DocumentKind], of name: String) throws {
        for kind in kinds {
            try run(
                "DELETE FROM document WHERE job = (SELECT id FROM job WHERE name = ?) AND kind = ?",
                [name, kind.rawValue])
        }
    }

    static func job(_ row: Row) throws -> JobRow {
        var job = try JobRow(
            name: row.value("name"), run: row.value("run"), digest: bytes(row.value("digest")),
            ownerUID: row.value("owner_uid"), request: nil,
            claimedAt: Timestamp(nanoseconds: row.value("claimed_at")))
        job.phase = try word(row.value("phase"))
        (job.userID, job.outfitID) = try (row.find("user_id"), row.find("outfit_id"))
        job.provider = try row.find("provider")
        job.picture = try picture(row)
        job.starts = try row.value("starts")
        job.firstSubmitAt = try moment(row.find("first_submit_at"))
        job.landedAt = try moment(row.find("landed_at"))
        if let kind = try row.find("kin") as String? {
            job.kinship = try Kinship(
                parent: row.value("parent"), number: row.value("part"), root: row.value("root"),
                rootRun: row.value("root_run"),
                kind: word(kind))
        }
        if let box = try row.find("box") as String? {
            job.outcome = try Outcome(box: word(box), code: (row.find("code") as String?).map(word), result: nil)
        }
        return job
    }

    private static func picture(_ row: Row) throws -> PictureNote? {
        guard let file = try row.find("picture_file") as String? else { return nil }
        return try PictureNote(
            file: file, sha256: bytes(row.value("picture_sha256")), bytes: row.value("picture_bytes"),
            width: row.value("picture_width"),
            height: row.value("picture_height"), contentType: row.value("picture_type"))
    }
}

// MARK: - Attempts

extension Books {
    /// All attempts of a name, earlier runs first.
    func attempts(_ name: String) throws -> [AttemptRow] {
        try all("SELECT * FROM attempt WHERE name = ? ORDER BY run, attempt", [name]).map(Self.attempt)
    }

    /// The last attempt of a run.
    func last(_ name: String, run: Int) throws -> AttemptRow? {
        try one("SELECT * FROM attempt WHERE name = ? AND run = ? ORDER BY attempt DESC LIMIT 1", [name, run])
            .map(Self.attempt)
    }

    /// The highest run that the ledger knows of a name; it outlives the job, so that a name used again goes on
    /// counting.
    func lastRun(_ name: String) throws -> Int {
        try one("SELECT max(run) AS run FROM attempt WHERE name = ?", [name])?.find("run") ?? 0
    }

    func insert(_ attempt: AttemptRow) throws {
        try run(
            """
            INSERT INTO attempt (name, run, attempt, provider, model, user_id, month, state, estimate_credits,
                estimate_usd_micros, made, created_at, free_of_charge)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?)
            """,
            [
                attempt.name, attempt.run, attempt.attempt, attempt.provider, attempt.model, attempt.userID,
                attempt.month, attempt.state.rawValue, attempt.estimate.credits, attempt.estimate.usdMicros,
                attempt.createdAt.nanoseconds, attempt.freeOfCharge,
            ])
    }

    /// Writes what may change of an attempt.
    func update(_ attempt: AttemptRow) throws {
        try run(
            """
            UPDATE attempt SET state = ?, task_id = ?, estimate_credits = ?, estimate_usd_micros = ?, final_credits = ?,
                final_usd_micros = ?, made = ?, task_at = ?, settled_at = ?, recheck_since = ?
            WHERE name = ? AND run = ? AND attempt = ?
            """,
            [
                attempt.state.rawValue, attempt.taskID, attempt.estimate.credits, attempt.estimate.usdMicros,
                attempt.final?.credits, attempt.final?.usdMicros, attempt.made, attempt.taskAt?.nanoseconds,
                attempt.settledAt?.nanoseconds, attempt.recheckSince?.nanoseconds, attempt.name, attempt.run,
                attempt.attempt,
            ])
    }

    static func attempt(_ row: Row) throws -> AttemptRow {
        let order = try NewAttempt(
            provider: row.value("provider"), model: row.find("model"), userID: row.value("user_id"),
            estimate: Money(credits: row.find("estimate_credits"), usdMicros: row.value("estimate_usd_micros")),
            freeOfCharge: row.value("free_of_charge"))
        var attempt = try AttemptRow(
            name: row.value("name"), run: row.value("run"), attempt: row.value("attempt"), order: order,
            createdAt: Timestamp(nanoseconds: row.value("created_at")))
        (attempt.month, attempt.taskID, attempt.made) = try (row.value("month"), row.find("task_id"), row.value("made"))
        attempt.state = try word(row.value("state"))
        attempt.final = try (row.find("final_usd_micros") as Int64?).map {
            try Money(credits: row.find("final_credits"), usdMicros: $0)
        }
        (attempt.taskAt, attempt.settledAt) = try (moment(row.find("task_at")), moment(row.find("settled_at")))
        attempt.recheckSince = try moment(row.find("recheck_since"))
        return attempt
    }
}

// MARK: - Values

extension Books {
    static func bytes(_ data: Data) -> [UInt8] { [UInt8](data) }

    private static func moment(_ nanoseconds: Int64?) -> Timestamp? { nanoseconds.map(Timestamp.init(nanoseconds:)) }

    private static func word<Word: RawRepresentable<String>>(_ text: String) throws -> Word {
        guard let word = Word(rawValue: text) else { throw strange(text) }
        return word
    }

    private static func strange(_ text: String) -> JournalFailure {
        JournalFailure(
            .corrupt, "The journal holds the word \(text), which no version of vizd writes. Restore it from a backup.")
    }

    static func unknown(_ name: String) -> JournalFailure {
        JournalFailure(.unknownJob, "The journal knows no job \(name). `vizd list` shows those that it knows.")
    }

    static func wrong(_ sentence: String) -> JournalFailure {
        JournalFailure(
            .wrongPhase, "\(sentence) The books were not changed; this is a fault of vizd: please report it.")
    }
}
