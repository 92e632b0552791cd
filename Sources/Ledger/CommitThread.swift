// Group commit: one thread that owns the connection for writing.
//
// An fsync costs milliseconds, and every step of every job wants one. So callers put their operation into an inbox; the
// thread takes whatever lies there, runs each operation in a savepoint of one transaction, commits once, and answers
// all. Nothing waits for company: while one commit syncs, the next group gathers by itself.
//
// An operation that fails is rolled back to its savepoint and fails alone. A failed commit fails all of its group, and
// they all hear it: nobody is told of a success that is not on the disk. After a failed read, write or sync (`io`) or a
// damaged file (`corrupt`) nothing is tried again, since a second fsync may succeed without the data (the kernel has
// dropped the pages by then); the connection is then not even closed, because closing would checkpoint.

internal import GRDB
internal import GRDBSQLite
internal import Linux
internal import Synchronization

/// An operation that waits for its group. Exactly one of the two closures answers the caller, and outside of any lock.
struct Operation: Sendable {
    /// Runs inside the transaction; what it returns is called after the commit.
    let perform: @Sendable (Books) throws -> @Sendable () -> Void
    /// Called instead, when nothing of it is in the file.
    let refuse: @Sendable (JournalFailure) -> Void
}

/// Where operations wait. Bounded by its callers: each job in flight waits for one operation at a time.
final class Inbox: Sendable {
    private struct State {
        var waiting: [Operation] = []
        var closed = false
        var ended = false
        var onEnd: [@Sendable () -> Void] = []
    }

    private let state = Monitor(State())

    /// How many wait.
    var count: Int { state.look { $0.waiting.count } }

    /// Puts an operation in. False once closed: it will not be run.
    func post(_ operation: Operation) -> Bool {
        state.change { state in
            if !state.closed { state.waiting.append(operation) }
            return !state.closed
        }
    }

    /// Takes no more; what waits is still run. `then` is called when the thread has let go of the file.
    func close(then: @escaping @Sendable () -> Void = {}) {
        let over = state.change { state in
            state.closed = true
            if !state.ended { state.onEnd.append(then) }
            return state.ended
        }
        if over { then() }
    }

    /// Said by the thread, last of all.
    func end() {
        let onEnd = state.change { state in
            defer { (state.ended, state.onEnd) = (true, []) }
            return state.onEnd
        }
        for call in onEnd { call() }
    }

    /// The next group, at most `limit` operations; waits for one. Empty when closed and empty.
    func take(limit: Int) -> [Operation] {
        let group = state.wait { state -> [Operation]? in
            guard !state.waiting.isEmpty else { return state.closed ? [] : nil }
            defer { state.waiting.removeFirst(min(limit, state.waiting.count)) }
            return Array(state.waiting.prefix(limit))
        }
        return group ?? []
    }
}

/// When to copy the WAL into the main file: each time that it has grown by so many pages. A reader that stays can keep
/// it from starting over; then it grows on, and is copied in steps all the same.
struct CheckpointRule {
    /// 4 MiB of pages of 4 KiB, as SQLite does by itself.
    static let pages = 1000
    private var copied = 0

    /// Whether to copy now, the WAL being so long.
    mutating func isDue(pages: Int) -> Bool {
        if pages < copied { copied = 0 }
        guard pages - copied >= Self.pages else { return false }
        copied = pages
        return true
    }
}

/// The thread's own world. Made on it, never leaves it.
struct CommitThread {
    let database: DatabaseQueue
    let inbox: Inbox
    let wal: WALSize
    let groupLimit: Int
    let tally: JournalTally
    private var checkpoints = CheckpointRule()
    private var broken: JournalFailure?

    init(database: DatabaseQueue, inbox: Inbox, wal: WALSize, groupLimit: Int, tally: JournalTally) {
        self.database = database
        self.inbox = inbox
        self.wal = wal
        self.groupLimit = groupLimit
        self.tally = tally
    }

    /// Commits group after group until the inbox is closed and empty.
    mutating func run() {
        while true {
            let group = inbox.take(limit: groupLimit)
            if group.isEmpty { break }
            let answers = commit(group)
            for answer in answers { answer() }
            checkpointIfDue()
        }
        letGo()
        inbox.end()
    }

    /// Runs a group; what it returns tells each caller how it ended.
    private mutating func commit(_ group: [Operation]) -> [() -> Void] {
        if let broken { return group.map { operation in { operation.refuse(broken) } } }
        let path = database.path
        let outcome: Result<[() -> Void], JournalFailure> = database.writeWithoutTransaction { db in
            do {
                return .success(try Self.transaction(group, db, path))
            } catch {
                let failure = JournalFailure(error, systemErrno: sqlite3_system_errno(db.sqliteConnection), path: path)
                return .failure(Self.abandon(db, after: failure, path))
            }
        }
        switch outcome {
        case .success(let answers):
            tally.note { ($0.commits, $0.operations) = ($0.commits + 1, $0.operations + group.count) }
            return answers
        case .failure(let failure):
            tally.note { $0.failures += 1 }
            if failure.isFatal { broken = failure }
            return group.map { operation in { operation.refuse(failure) } }
        }
    }

    private static func transaction(_ group: [Operation], _ db: Database, _ path: String) throws -> [() -> Void] {
        try db.beginTransaction(.immediate)
        let answers = try group.map { operation in try apply(operation, db, path) }
        try db.commit()
        return answers
    }

    /// Runs one operation in its savepoint. Throws only what ends the whole transaction.
    private static func apply(_ operation: Operation, _ db: Database, _ path: String) throws -> () -> Void {
        try db.cachedStatement(sql: "SAVEPOINT operation").execute()
        do {
            let answer = try operation.perform(Books(db: db))
            try db.cachedStatement(sql: "RELEASE operation").execute()
            return answer
        } catch {
            let failure = JournalFailure(error, systemErrno: sqlite3_system_errno(db.sqliteConnection), path: path)
            // SQLite ends the transaction by itself after some errors (https://www.sqlite.org/lang_transaction.html,
            // 5).
            if failure.isFatal || !db.isInsideTransaction { throw failure }
            try db.cachedStatement(sql: "ROLLBACK TO operation").execute()
            try db.cachedStatement(sql: "RELEASE operation").execute()
            return { operation.refuse(failure) }
        }
    }

    /// Leaves the transaction. The failure that is told is the first, unless leaving it fails too and worse.
    private static func abandon(_ db: Database, after failure: JournalFailure, _ path: String) -> JournalFailure {
        do {
            if db.isInsideTransaction { try db.rollback() }
            return failure
        } catch {
            let second = JournalFailure(error, systemErrno: sqlite3_system_errno(db.sqliteConnection), path: path)
            return failure.isFatal ? failure : JournalFailure(.io, second.message, cause: "\(failure); then \(second)")
        }
    }

    /// Copies the WAL into the main file, after everybody was answered. No room is no harm here (the WAL holds it all,
    /// and the next commit will say it); a failed sync is.
    private mutating func checkpointIfDue() {
        guard broken == nil, checkpoints.isDue(pages: wal.pages.load(ordering: .relaxed)) else { return }
        let path = database.path
        let failure: JournalFailure? = database.writeWithoutTransaction { db in
            do {
                _ = try db.checkpoint(.passive)
                return nil
            } catch {
                return JournalFailure(error, systemErrno: sqlite3_system_errno(db.sqliteConnection), path: path)
            }
        }
        if let failure, failure.isFatal { broken = failure }
    }

    /// Closes the connection, except a broken one (see above): that one ends with the process. A close that fails is
    /// left to the process's end too; the WAL has everything, and the next start reads it.
    private func letGo() {
        do {
            if broken == nil { return try database.close() }
        } catch {
            // Falls through: the connection is kept, since trying again is what must not be done.
        }
        _ = Unmanaged.passRetained(database)
    }
}
