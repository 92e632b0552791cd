// Group commit on a real file: how many commits, what a failing operation leaves behind, full and failing disks, kills.

import Contract
import Dispatch
import Foundation
import GRDB
import Synchronization
import TestSupport
import Testing

@testable import Ledger

/// Counts the commits of a connection.
private final class CommitCounter: TransactionObserver, Sendable {
    let commits = Atomic<Int>(0)
    func observes(eventsOfKind eventKind: DatabaseEventKind) -> Bool { true }
    func databaseDidChange(with event: DatabaseEvent) {}
    func databaseDidCommit(_ db: Database) { commits.add(1, ordering: .relaxed) }
    func databaseDidRollback(_ db: Database) {}
}

extension Journal {
    /// Holds the thread inside a commit of its own, has `operations` queue up behind it, lets go, and waits for them.
    fileprivate func behindAGate(_ count: Int, _ operations: @escaping @Sendable (Int) async -> Void) async {
        let (gate, entered) = (DispatchSemaphore(value: 0), AsyncStream<Void>.makeStream())
        await withDiscardingTaskGroup { group in
            group.addTask {
                let held = await failureCode {
                    try await self.write { _ in
                        entered.continuation.finish()
                        gate.wait()
                    }
                }
                #expect(held == nil)
            }
            for await _ in entered.stream {}
            for number in 0..<count { group.addTask { await operations(number) } }
            while self.waiting < count { await Task.yield() }
            gate.signal()
        }
    }
}

@Suite("Group commit")
struct CommitTests {
    private func count(writers: Int, groupLimit: Int) async throws -> Int {
        let folder = try Folder()
        let journal = try Journal(path: folder.journal, groupLimit: groupLimit)
        let counter = CommitCounter()
        journal.database.add(transactionObserver: counter)
        await journal.behindAGate(writers) { number in
            let code = await failureCode { _ = try await journal.admit(.sample("job-\(number)")) }
            #expect(code == nil)
        }
        #expect(try await journal.rows(open: true).count == writers)
        // The gate and the look at the rows are a commit each.
        let commits = counter.commits.load(ordering: .relaxed) - 2
        await journal.close()
        return commits
    }

    @Test("a thousand writers who wait for the same moment share one commit")
    func shared() async throws {
        #expect(try await count(writers: 1000, groupLimit: Journal.groupLimit) == 1)
    }

    @Test("a group holds no more operations than its limit")
    func limited() async throws {
        #expect(try await count(writers: 100, groupLimit: 7) == 15)
    }

    @Test("an operation that fails halfway leaves nothing behind and takes nobody with it")
    func isolated() async throws {
        let folder = try Folder()
        let journal = try Journal(path: folder.journal)
        let codes = Mutex<[Int: JournalFailure.Code?]>([:])
        await journal.behindAGate(3) { number in
            let code = await failureCode {
                try await journal.write { books in
                    try books.replace(.sample("job-\(number)"))
                    if number == 1 { try books.advance("job-1", to: .landed) }
                }
            }
            codes.withLock { $0[number] = code }
        }
        #expect(codes.withLock { $0 } == [0: nil, 1: .wrongPhase, 2: nil])
        #expect(try await Set(journal.rows(open: true).map(\.name)) == ["job-0", "job-2"])
    }

    @Test("what the schema forbids fails alone, too")
    func constraint() async throws {
        let folder = try Folder()
        let journal = try Journal(path: folder.journal)
        #expect(await failureCode { try await journal.write { try $0.replace(.sample("a", digest: [1])) } } == .sqlite)
        try await journal.write { try $0.replace(.sample("b")) }
        #expect(try await journal.rows(open: true).map(\.name) == ["b"])
    }

    @Test("when there is no room, nothing is written and nothing is lost; with room again, it goes on")
    func full() async throws {
        let folder = try Folder()
        let journal = try Journal(path: folder.journal)
        _ = try await journal.admit(.sample("before"))
        try await journal.setPages(more: 8)
        let large = String(repeating: "x", count: 200_000)
        #expect(await failureCode { _ = try await journal.admit(.sample("large", large)) } == .full)
        _ = try await journal.admit(.sample("small"))
        try await journal.setPages(more: 1000)
        _ = try await journal.admit(.sample("large", large))
        #expect(try await journal.rows(open: true).map(\.name) == ["before", "small", "large"])
        #expect(try await journal.row("large")?.request?.count == 200_000)
    }

    @Test("a file system without room says so at the commit", .enabled(if: Mount.allowed))
    func fullFileSystem() async throws {
        let folder = try Folder()
        try Mount.tmpfs(folder.path, bytes: 1 << 20)
        defer { Mount.unmount(folder.path) }
        let journal = try Journal(path: folder.journal)
        _ = try await journal.admit(.sample("before"))
        let large = String(repeating: "x", count: 900_000)
        #expect(await failureCode { _ = try await journal.admit(.sample("large", large)) } == .full)
        #expect(try await journal.rows(open: true).map(\.name) == ["before"])
        _ = try await journal.admit(.sample("after"))
        await journal.close()
        let again = try Journal(path: folder.journal)
        #expect(try await again.rows(open: true).map(\.name) == ["before", "after"])
        await again.close()
    }

    @Test("after a failed sync nothing is written any more, not even tried")
    func broken() async throws {
        let folder = try Folder()
        let journal = try Journal(path: folder.journal)
        let tried = Atomic<Bool>(false)
        let failed = await failureCode {
            try await journal.write { books in
                try books.replace(.sample("a"))
                throw DatabaseError(resultCode: .SQLITE_IOERR_FSYNC, message: "disk I/O error")
            }
        }
        #expect(failed == .io)
        let later = await failureCode { try await journal.write { _ in tried.store(true, ordering: .relaxed) } }
        #expect(later == .io)
        let wasTried = tried.load(ordering: .relaxed)
        #expect(!wasTried)
        await journal.close()
        #expect(try JournalReader.open(path: folder.journal)?.rows(open: true).isEmpty == true)
    }

    @Test("a failure that ends the transaction is heard by its whole group")
    func wholeGroup() async throws {
        let folder = try Folder()
        let journal = try Journal(path: folder.journal)
        let codes = Mutex<[JournalFailure.Code?]>([])
        await journal.behindAGate(3) { number in
            let code = await failureCode {
                try await journal.write { books in
                    try books.replace(.sample("job-\(number)"))
                    if number == 1 { throw DatabaseError(resultCode: .SQLITE_CORRUPT) }
                }
            }
            codes.withLock { $0.append(code) }
        }
        #expect(codes.withLock { $0 } == [.corrupt, .corrupt, .corrupt])
    }

    @Test("what was answered is there after a kill, what was not is there whole or not at all")
    func killed() async throws {
        let (folder, image) = (try Folder(), try Folder())
        let journal = try Journal(path: folder.journal)
        for number in 0..<20 { _ = try await journal.admit(.sample("job-\(number)")) }
        // What a kill leaves: the main file and the WAL as they are, with the connection open.
        for suffix in ["", "-wal"] {
            try FileManager.default.copyItem(atPath: folder.journal + suffix, toPath: image.journal + suffix)
        }
        let again = try Journal(path: image.journal)
        #expect(try await again.rows(open: true).count == 20)
        #expect(try await again.row("job-19")?.request == Array("{}".utf8))
    }

    @Test("a WAL that was torn off in the middle of a commit leaves the commits before it")
    func torn() async throws {
        let (folder, image) = (try Folder(), try Folder())
        let journal = try Journal(path: folder.journal)
        for name in ["a", "b"] { _ = try await journal.admit(.sample(name)) }
        try FileManager.default.copyItem(atPath: folder.journal, toPath: image.journal)
        let wal = try Data(contentsOf: URL(fileURLWithPath: folder.journal + "-wal"))
        try wal.dropLast(100).write(to: URL(fileURLWithPath: image.journal + "-wal"))
        let again = try Journal(path: image.journal)
        #expect(try await again.rows(open: true).map(\.name) == ["a"])
        _ = try await again.admit(.sample("c"))
        #expect(try await again.rows(open: true).map(\.name) == ["a", "c"])
    }

    @Test("a journal that is dropped without closing can be opened again")
    func dropped() async throws {
        let folder = try Folder()
        do {
            let journal = try Journal(path: folder.journal)
            _ = try await journal.admit(.sample("a"))
        }
        let again = try Journal(path: folder.journal)
        #expect(try await again.rows(open: true).map(\.name) == ["a"])
    }

    @Test("closing runs what was handed over before and refuses what comes later")
    func closing() async throws {
        let folder = try Folder()
        let journal = try Journal(path: folder.journal)
        await journal.behindAGate(10) { number in
            let code = await failureCode { _ = try await journal.admit(.sample("job-\(number)")) }
            #expect(code == nil)
            if number == 0 { await journal.close() }
        }
        await journal.close()
        await journal.close()
        #expect(await failureCode { _ = try await journal.admit(.sample("late")) } == .closed)
        #expect(try JournalReader.open(path: folder.journal)?.rows(open: true).count == 10)
    }

    @Test("the WAL is copied into the main file while the journal is open")
    func checkpoint() async throws {
        let folder = try Folder()
        let journal = try Journal(path: folder.journal)
        let large = String(repeating: "x", count: 1_000_000)
        for number in 0..<6 { _ = try await journal.admit(.sample("job-\(number)", large)) }
        // The copy follows the answer, so wait for the next one.
        _ = try await journal.rows(open: true)
        let size = try FileManager.default.attributesOfItem(atPath: folder.journal)[.size] as? Int
        #expect(try #require(size) > 4_000_000)
    }

    @Test("the WAL is copied each time that it has grown by a thousand pages, also when it cannot start over")
    func checkpointRule() {
        var rule = CheckpointRule()
        let due = [999, 1000, 1500, 1999, 2000, 10, 900, 1009, 1010].filter { rule.isDue(pages: $0) }
        #expect(due == [1000, 2000, 1009])
    }
}

extension Journal {
    /// Lets the file grow by so many pages and no more.
    fileprivate func setPages(more: Int) async throws {
        try await write { books in
            let pages = try Int.fetchOne(books.db, sql: "PRAGMA page_count") ?? 0
            try books.db.execute(sql: "PRAGMA max_page_count = \(pages + more)")
        }
    }
}

/// A small file system of a test's own, where the test may mount one.
private enum Mount {
    static let allowed: Bool = {
        do {
            let folder = try Folder()
            try tmpfs(folder.path, bytes: 1 << 16)
            unmount(folder.path)
            return true
        } catch {
            return false
        }
    }()

    static func tmpfs(_ path: String, bytes: Int) throws {
        let status = try run("/bin/mount", ["-t", "tmpfs", "-o", "size=\(bytes)", "tmpfs", path])
        guard status == 0 else { throw CocoaError(.fileWriteNoPermission) }
    }

    static func unmount(_ path: String) {
        do { _ = try run("/bin/umount", ["-l", path]) } catch { Issue.record(error) }
    }

    private static func run(_ program: String, _ arguments: [String]) throws -> Int32 {
        let process = SpawnedProcess()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        return process.terminationStatus
    }
}
