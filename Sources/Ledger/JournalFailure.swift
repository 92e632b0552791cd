// How the journal fails: a code, a sentence, a cause.
//
// Three answers follow from the code. `full` and `busy` are a pause: nothing was written, try again when there is room.
// `io`, `corrupt` and those of opening stop the daemon (the journal refuses every further write by itself, since a
// write after a failed fsync proves nothing). `unknownJob`, `wrongPhase` and `overBudget` concern one job: the books
// were not changed.

internal import GRDB
internal import GRDBSQLite

/// The one error that `Ledger` throws.
package struct JournalFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// What kind of trouble.
    package enum Code: String, CaseIterable, Sendable {
        /// No room on the disk. Nothing was written; pause.
        case full
        /// Another process holds the file for longer than the busy timeout. Nothing was written; try again.
        case busy
        /// Reading, writing or syncing failed. The daemon stops; start-up works it out.
        case io
        /// The file is damaged or is no journal. The daemon stops.
        case corrupt
        /// The file cannot be opened or made.
        case cannotOpen = "cannot_open"
        /// A newer vizd has written this file.
        case newerSchema = "newer_schema"
        /// An older vizd has written this file, and this process may only read.
        case olderSchema = "older_schema"
        /// The journal and the spool do not belong together.
        case otherSpool = "other_spool"
        /// No such job.
        case unknownJob = "unknown_job"
        /// The job, or its last attempt, is not where this step starts from.
        case wrongPhase = "wrong_phase"
        /// The order does not fit into a budget.
        case overBudget = "over_budget"
        /// The journal was closed.
        case closed
        /// Anything else that SQLite says.
        case sqlite
    }

    /// For programs.
    package let code: Code
    /// For people: what happened, to what, and what to do next.
    package let message: String
    /// What SQLite said, if it was asked.
    package let cause: String?

    package init(_ code: Code, _ message: String, cause: String? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    /// The sentence, with the cause in parentheses.
    package var description: String { cause.map { "\(message) (\($0))" } ?? message }

    /// Whether this concerns a single operation and the rest of its transaction is sound.
    var isOfOneJob: Bool { [.unknownJob, .wrongPhase, .overBudget, .otherSpool].contains(code) }

    /// Whether nothing may be written any more.
    var isFatal: Bool { code == .io || code == .corrupt }
}

// MARK: - From SQLite

extension JournalFailure {
    /// The failure that an error in the middle of an operation is. `systemErrno` is `sqlite3_system_errno` of the
    /// connection, asked right after.
    init(_ error: any Error, systemErrno: CInt, path: String) {
        switch error {
        case let failure as JournalFailure: self = failure
        case let failure as DatabaseError: self.init(failure, systemErrno: systemErrno, path: path)
        default: self.init(.sqlite, "The journal \(path) could not be used.", cause: "\(error)")
        }
    }

    private init(_ error: DatabaseError, systemErrno: CInt, path: String) {
        let code = Self.code(of: error.extendedResultCode.rawValue, systemErrno: systemErrno)
        self.init(code, Self.sentence(code, path), cause: error.description)
    }

    /// Sorts SQLite's result codes (https://www.sqlite.org/rescode.html). A full disk does not always say so: growing
    /// the shared memory file reports `IOERR_SHMSIZE`, and a quota reports a failed write; both leave the file sound.
    static func code(of extended: CInt, systemErrno: CInt) -> Code {
        switch extended & 0xff {
        case SQLITE_FULL: .full
        case SQLITE_IOERR: isNoRoom(extended, systemErrno) ? .full : .io
        case SQLITE_CORRUPT, SQLITE_NOTADB: .corrupt
        case SQLITE_BUSY, SQLITE_LOCKED: .busy
        case SQLITE_CANTOPEN, SQLITE_PERM, SQLITE_READONLY, SQLITE_AUTH: .cannotOpen
        default: .sqlite
        }
    }

    private static func isNoRoom(_ extended: CInt, _ systemErrno: CInt) -> Bool {
        let (noSpace, quota): (CInt, CInt) = (28, 122)  // ENOSPC, EDQUOT: asm-generic/errno*.h
        let shmSize = SQLITE_IOERR | 19 << 8  // SQLITE_IOERR_SHMSIZE, a macro that Swift does not see
        if extended == shmSize { return true }
        let sync = SQLITE_IOERR | 4 << 8  // SQLITE_IOERR_FSYNC: pages may be lost, whatever the errno
        return extended != sync && (systemErrno == noSpace || systemErrno == quota)
    }

    private static func sentence(_ code: Code, _ path: String) -> String {
        switch code {
        case .full: "There is no room on the disk for the journal \(path). Make room; work goes on by itself."
        case .busy: "Another process holds the journal \(path). Find out which (`fuser \(path)`) and end it."
        case .io:
            "The disk failed under the journal \(path). Nothing more is written; check the disk, then start vizd again."
        case .corrupt:
            "The journal \(path) is damaged, or is none. Restore it from a backup, or check what state.dir names."
        case .cannotOpen: "The journal \(path) cannot be opened. state.dir must exist and be writable for vizd's user."
        default: "The journal \(path) could not be used."
        }
    }
}
