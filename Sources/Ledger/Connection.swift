// How SQLite is set up under the journal.
//
// WAL with `synchronous=FULL`: a commit has been synced when it returns
// (https://www.sqlite.org/pragma.html#pragma_synchronous). Three of SQLite's own habits are switched off, because they
// hide trouble from us:
// - the automatic checkpoint swallows its errors, a failed fsync of the main file included; `checkpoint` is ours, and
//   says;
// - the WAL is removed by the last one to close; it is kept, so that a reader without write permission finds it;
// - temporary files go to memory, not to a folder that a sandbox may lack.

internal import GRDB
internal import GRDBSQLite
internal import Synchronization

/// The pages that wait in the WAL, as its hook reports them after a commit.
final class WALSize: Sendable {
    let pages = Atomic<Int>(0)
}

enum Connection {
    /// Waits so long for another process that writes, in seconds. Nobody else should.
    static let busyTimeoutSeconds = 5.0

    /// Opens for writing, creating the file, and brings the schema up to date.
    static func open(_ path: String, wal: WALSize) throws(JournalFailure) -> DatabaseQueue {
        do {
            var configuration = common("journal")
            configuration.prepareDatabase { db in try prepare(db, wal) }
            let database = try DatabaseQueue(path: path, configuration: configuration)
            try Schema.migrate(database)
            return database
        } catch {
            throw JournalFailure(error, systemErrno: 0, path: path)
        }
    }

    /// Opens for reading only.
    static func openReadOnly(_ path: String) throws(JournalFailure) -> DatabaseQueue {
        do {
            var configuration = common("journal, read only")
            configuration.readonly = true
            let database = try DatabaseQueue(path: path, configuration: configuration)
            try Schema.check(database)
            return database
        } catch {
            throw JournalFailure(error, systemErrno: 0, path: path)
        }
    }

    private static func common(_ label: String) -> Configuration {
        var configuration = Configuration()
        configuration.label = label
        configuration.busyMode = .timeout(busyTimeoutSeconds)
        configuration.foreignKeysEnabled = true
        return configuration
    }

    private static func prepare(_ db: Database, _ wal: WALSize) throws {
        let mode = try String.fetchOne(db, sql: "PRAGMA journal_mode = WAL")
        guard mode == "wal" else {
            throw JournalFailure(
                .cannotOpen, "The file system of the journal cannot share memory; put state.dir on another.",
                cause: "journal_mode is \(mode ?? "unknown"), not wal")
        }
        try db.execute(
            sql: """
                PRAGMA synchronous = FULL;
                PRAGMA temp_store = MEMORY;
                PRAGMA wal_autocheckpoint = 0;
                PRAGMA journal_size_limit = 67108864;
                """)
        keepWAL(db)
        watchWAL(db, wal)
    }

    /// Leaves the WAL and its index in place when the last connection closes.
    private static func keepWAL(_ db: Database) {
        var keep: CInt = 1
        sqlite3_file_control(db.sqliteConnection, nil, SQLITE_FCNTL_PERSIST_WAL, &keep)
    }

    /// Has SQLite tell the size of the WAL after each commit. `wal` outlives the connection: the thread that owns the
    /// connection holds it too.
    private static func watchWAL(_ db: Database, _ wal: WALSize) {
        let context = Unmanaged.passUnretained(wal).toOpaque()
        _ = sqlite3_wal_hook(
            db.sqliteConnection,
            { context, _, _, pages in
                if let context {
                    Unmanaged<WALSize>.fromOpaque(context).takeUnretainedValue().pages
                        .store(Int(pages), ordering: .relaxed)
                }
                return SQLITE_OK
            }, context)
    }
}
