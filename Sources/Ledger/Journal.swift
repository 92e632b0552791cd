// The journal of jobs and the money ledger: `state.dir/vizd.sqlite`.
//
// What a function here has returned is on the disk (`synchronous=FULL`). All writes go through one thread that commits
// in groups (`CommitThread`); callers only await. An operation once handed over is run to its end, also when the task
// that waits for it is cancelled: half an order is worse than one too many. Reads take the same way, so they see every
// write that was answered. Failures: `JournalFailure`, whose code says whether to pause, to stop, or to fail one job.

internal import GRDB
internal import Linux

/// The journal, open for writing: one a process, one process at a time.
package final class Journal: Sendable {
    /// So many operations share a commit at most: it bounds the memory of a transaction, not the speed.
    package static let groupLimit = 1024

    private let inbox: Inbox
    let tally: JournalTally
    /// For tests, which look at the file from the side.
    let database: DatabaseQueue

    /// Opens or makes the file, brings its schema up to date and starts the thread. Blocks; called once, at start-up.
    /// Throws `cannotOpen`, `newerSchema`, `corrupt`, `full`, `io` or `busy`, all of which end the start.
    package init(path: String, groupLimit: Int = Journal.groupLimit) throws(JournalFailure) {
        precondition(groupLimit > 0, "a group holds at least one operation, not \(groupLimit)")
        let wal = WALSize()
        let database = try Connection.open(path, wal: wal)
        let (inbox, tally) = (Inbox(), JournalTally())
        (self.inbox, self.tally, self.database) = (inbox, tally, database)
        OwnedThread.spawn(name: "vizd-journal") {
            var thread = CommitThread(
                database: database, inbox: inbox, wal: wal, groupLimit: groupLimit, tally: tally)
            thread.run()
        }
    }

    deinit { inbox.close() }

    /// Operations that nobody has taken yet.
    var waiting: Int { inbox.count }

    /// Takes no more operations, runs those that were handed over, and returns when the file is closed. A later
    /// operation throws `closed`.
    package func close() async {
        await withCheckedContinuation { continuation in inbox.close { continuation.resume() } }
    }

    /// Hands an operation to the thread and waits for the commit of its group.
    func write<Value: Sendable>(
        _ body: @escaping @Sendable (Books) throws -> Value
    ) async throws(JournalFailure) -> Value {
        let answer: Result<Value, JournalFailure> = await withCheckedContinuation { continuation in
            let operation = Operation(
                perform: { books in
                    let value = try body(books)
                    return { continuation.resume(returning: .success(value)) }
                },
                refuse: { failure in continuation.resume(returning: .failure(failure)) })
            if !inbox.post(operation) { operation.refuse(Self.closed) }
        }
        return try answer.get()
    }

    private static let closed = JournalFailure(
        .closed, "The journal is closed: vizd is shutting down. The job goes on at the next start.")
}
