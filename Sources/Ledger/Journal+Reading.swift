// What is read from the journal: by the daemon through its thread, by other processes through a reader of their own.

internal import Contract
internal import GRDB
internal import Linux

extension Journal {
    /// One job with all its documents; nil if there is none.
    package func row(_ name: String) async throws(JournalFailure) -> JobRow? {
        try await write { books in try books.job(name).map(books.complete) }
    }

    /// Jobs with a request file, without their documents: the open ones, oldest first, or the landed ones, latest
    /// first; at most `limit`. Parts of compound jobs are not among them (`parts`, `family`).
    package func rows(open: Bool, limit: Int = .max) async throws(JournalFailure) -> [JobRow] {
        try await write { books in try books.rows(open: open, limit: limit) }
    }

    /// All attempts of a name, earlier runs first.
    package func attempts(_ name: String) async throws(JournalFailure) -> [AttemptRow] {
        try await write { books in try books.attempts(name) }
    }

    /// Seconds from intent to final figure of the last 50 attempts that brought a picture, latest first: what the
    /// provider (or one model of it) has lately taken. An attempt across which the clock was set back has none.
    package func recentDurations(provider: String, model: String? = nil) async throws(JournalFailure) -> [Double] {
        try await write { books in try books.recentDurations(provider: provider, model: model) }
    }

    /// Binds this journal to its spool; returns the id that both carry from now on, which the caller writes into a
    /// spool that has none. Throws `otherSpool` with the reason. `newID` is used when neither has an id (random, the
    /// caller's).
    package func bind(
        spoolID: String?, spoolHasWork: Bool, newID: String
    ) async throws(JournalFailure) -> String {
        try await write { books in
            let kept = try books.spoolID()
            let verdict = SpoolBinding.judge(
                journal: kept, spool: spoolID, spoolHasWork: spoolHasWork,
                journalHasWork: try !books.rows(open: true, limit: 1).isEmpty, newID: newID)
            switch verdict {
            case .bound: return spoolID ?? newID
            case .give(let id): return id
            case .refused(let sentence): throw JournalFailure(.otherSpool, sentence)
            case .adopt(let id):
                try books.run("INSERT INTO journal (only_row, spool_id) VALUES (1, ?)", [id])
                return id
            }
        }
    }
}

extension Books {
    func spoolID() throws -> String? { try one("SELECT spool_id FROM journal", [])?.find("spool_id") }

    func rows(open: Bool, limit: Int) throws -> [JobRow] {
        let sql =
            open
            ? "SELECT * FROM job WHERE phase <> 'landed' AND parent IS NULL ORDER BY id LIMIT ?"
            : """
            SELECT * FROM job WHERE phase = 'landed' AND parent IS NULL ORDER BY landed_at DESC, id DESC LIMIT ?
            """
        return try all(sql, [limit]).map(Self.job)
    }

    func recentDurations(provider: String, model: String?) throws -> [Double] {
        try all(
            """
            SELECT settled_at - created_at AS taken FROM attempt
            WHERE made = 1 AND settled_at > created_at AND provider = ? AND (? IS NULL OR model = ?)
            ORDER BY settled_at DESC LIMIT 50
            """,
            [provider, model, model]
        ).map { try Double($0.value("taken") as Int64) / 1e9 }
    }
}

/// A look at the journal from another process (`vizd status`, `vizd list`), beside the daemon or without it. Never
/// writes, never waits for the writer (WAL). Blocks the thread that asks: for commands, not for the daemon.
package struct JournalReader: Sendable {
    private let database: DatabaseQueue

    /// Opens for reading; nil if there is no journal yet. Throws `cannotOpen`, `corrupt`, `newerSchema`, `olderSchema`.
    package static func open(path: String) throws(JournalFailure) -> JournalReader? {
        guard try exists(path) else { return nil }
        return JournalReader(database: try Connection.openReadOnly(path))
    }

    private static func exists(_ path: String) throws(JournalFailure) -> Bool {
        let slash = path.lastIndex(of: "/")
        let folder = slash.map { String(path[...$0]) } ?? "."
        let file = slash.map { String(path[path.index(after: $0)...]) } ?? path
        do {
            return try Directory(path: folder).infoIfPresent(of: FileName(file)) != nil
        } catch {
            if error.errno == .notFound { return false }
            throw JournalFailure(
                .cannotOpen, "The journal \(path) cannot be looked at. Ask as root or as vizd's user.",
                cause: "\(error)")
        }
    }

    /// The id of the spool that this journal is bound to; nil before its first binding.
    package func spoolID() throws(JournalFailure) -> String? {
        try read { books in try books.spoolID() }
    }

    /// One job with all its documents; nil if there is none.
    package func row(_ name: String) throws(JournalFailure) -> JobRow? {
        try read { books in try books.job(name).map(books.complete) }
    }

    /// Jobs with a request file, without their documents: the open ones, oldest first, or the landed ones, latest
    /// first; at most `limit`. Parts of compound jobs are not among them (`parts`, `family`).
    package func rows(open: Bool, limit: Int = .max) throws(JournalFailure) -> [JobRow] {
        try read { books in try books.rows(open: open, limit: limit) }
    }

    /// All attempts of a name, earlier runs first.
    package func attempts(_ name: String) throws(JournalFailure) -> [AttemptRow] {
        try read { books in try books.attempts(name) }
    }

    /// The parts of a job and their parts, without their documents, in the order of their names.
    package func family(of root: String) throws(JournalFailure) -> [JobRow] {
        try read { books in try books.family(of: root) }
    }

    /// What was spent in a month (`2026-11`; nil: in all of them), by all or by one user.
    package func costs(
        _ month: String?, user: String? = nil, by grouping: CostGrouping
    ) throws(JournalFailure) -> [CostRow] {
        try read { books in try books.costs(month, user: user, by: grouping) }
    }

    /// Seconds that a provider has lately taken, as `Journal.recentDurations`.
    package func recentDurations(provider: String, model: String? = nil) throws(JournalFailure) -> [Double] {
        try read { books in try books.recentDurations(provider: provider, model: model) }
    }

    /// What counts against the budgets of a month: of all users, and of the one with the most.
    func spend(of month: String) throws(JournalFailure) -> (all: Int64, largest: Int64) {
        try read { books in try books.spend(of: month) }
    }

    private func read<Value>(_ body: (Books) throws -> Value) throws(JournalFailure) -> Value {
        do {
            return try database.read { db in try body(Books(db: db)) }
        } catch {
            throw JournalFailure(error, systemErrno: 0, path: database.path)
        }
    }
}
