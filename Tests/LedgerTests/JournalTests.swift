// The journal on a real file: the life of a job, admission with its writes, what may and may not be ordered, retention,
// the binding to a spool, versions of the file, and the reader beside the writer.

import Contract
import Foundation
import GRDB
import Testing

@testable import Ledger

/// A journal in a folder of its own.
private struct Desk {
    let folder: Folder
    let journal: Journal

    init() throws {
        folder = try Folder()
        journal = try Journal(path: folder.journal)
    }

    /// The job as it stands.
    func row(_ name: String = "a") async throws -> JobRow { try #require(try await journal.row(name)) }

    func last(_ name: String = "a") async throws -> AttemptRow { try #require(try await journal.attempts(name).last) }

    /// Brings a new job to a task at a paid provider.
    func tasked(_ name: String = "a") async throws {
        _ = try await journal.admit(.sample(name))
        _ = try await journal.order(name, plan: [1], .paid, at: .at(1))
        try await journal.tasked(name, taskID: "task-1", at: .at(2))
    }

    /// Lands an open job in `failed/`.
    func fail(_ code: Contract.ResultCode, name: String = "a", settling: Settlement? = nil) async throws {
        if let settling { try await journal.settle(name, settling, at: .at(8)) }
        try await journal.landing(name, .failed, code: code, result: [9], at: .at(8))
        try await journal.landed([name], at: .at(9))
    }

    /// Puts the file of a failed job back.
    func retry(_ name: String = "a") async throws -> Admitted.Job {
        let admitted = try await journal.admit(.sample(name, at: .at(100)))
        guard case .retry = admitted.judgement else { throw JournalFailure(.wrongPhase, "\(admitted.judgement)") }
        return try #require(admitted.job)
    }

    /// The process ends and another begins; the file is still in `processing/`.
    func restarted(_ name: String = "a") async throws -> Admitted.Job {
        let admitted = try await journal.admit(.sample(name, at: .at(200)))
        guard case .resume = admitted.judgement else { throw JournalFailure(.wrongPhase, "\(admitted.judgement)") }
        return try #require(admitted.job)
    }
}

@Suite("Journal: the life of a job")
struct JournalLifeTests {
    @Test("a paid job is written down at every step, and only what is needed is kept at the end")
    func life() async throws {
        let desk = try Desk()
        let admitted = try await desk.journal.admit(.sample("a"))
        #expect(admitted.judgement == .fresh(replacing: nil))
        #expect(admitted.job?.resume == .prepare && admitted.job?.poison == .start)
        #expect(try await desk.row() == admitted.job?.row)
        #expect(try await desk.row().starts == 1)

        let attempt = try await desk.journal.order("a", plan: [1, 2], .paid, at: .at(1))
        #expect(attempt.attempt == 1 && attempt.month == "2026-11")
        #expect(try await desk.last() == attempt)
        var row = try await desk.row()
        #expect(row.phase == .ordered && row.plan == [1, 2] && row.provider == "runway" && row.starts == 0)
        #expect(row.firstSubmitAt == .at(1))

        let estimate = Money(credits: 7.5, usdMicros: 75_000)
        try await desk.journal.tasked("a", taskID: "task-1", estimate: estimate, at: .at(2))
        #expect(try await desk.last().state == .task)
        #expect(try await desk.last().taskID == "task-1")
        #expect(try await desk.last().estimate == estimate)

        let cost = Money(credits: 8, usdMicros: 80_000)
        try await desk.journal.fetched("a", .sample, settling: .final(cost, made: true), at: .at(30))
        #expect(try await desk.last().final == cost)
        #expect(try await desk.last().settledAt == .at(30))
        row = try await desk.row()
        #expect(row.phase == .fetched && row.picture == .sample && row.starts == 1)

        try await desk.journal.stored("a", [3])
        try await desk.journal.recorded("a")
        try await desk.journal.landing("a", .done, code: nil, result: [4], at: .at(31))
        row = try await desk.row()
        #expect(row.outcome == Outcome(box: .done, code: nil, result: [4]))
        #expect(row.phase == .landing && row.stored == [3] && row.request == Array("{}".utf8) && row.starts == 0)

        try await desk.journal.landed(["a"], at: .at(32))
        row = try await desk.row()
        #expect(row.phase == .landed && row.landedAt == .at(32))
        #expect(row.request == nil && row.plan == nil && row.stored == nil && row.outcome?.result == nil)
        #expect(row.userID == "peichin" && row.outfitID == "o-17" && row.ownerUID == 1000)
    }

    @Test("a failed job keeps what a retry needs, and loses its request and result")
    func failed() async throws {
        let desk = try Desk()
        try await desk.tasked()
        try await desk.fail(.generationTimeout)
        let row = try await desk.row()
        #expect(row.plan == [1] && row.request == nil)
        #expect(row.outcome == Outcome(box: .failed, code: .generationTimeout, result: nil))
    }

    @Test("landing can be repeated after a power cut")
    func landedTwice() async throws {
        let desk = try Desk()
        _ = try await desk.journal.admit(.sample("a"))
        try await desk.journal.landing("a", .failed, code: .invalidJSON, result: [1], at: .at(1))
        let again = try await desk.journal.admit(.sample("a"))
        guard case .relanding = again.judgement else { Issue.record("\(again.judgement)"); return }
        #expect(again.job?.resume == .land(Outcome(box: .failed, code: .invalidJSON, result: [1])))
        try await desk.journal.landed(["a"], at: .at(2))
        try await desk.journal.landed(["a"], at: .at(3))
        #expect(try await desk.row().landedAt == .at(2))
    }

    @Test("a step from the wrong place changes nothing and says so")
    func wrongPhase() async throws {
        let desk = try Desk()
        let journal = desk.journal
        _ = try await journal.admit(.sample("a"))
        let before = try await desk.row()
        #expect(await failureCode { try await journal.recorded("a") } == .wrongPhase)
        #expect(await failureCode { try await journal.fetched("a", .sample, at: .at(1)) } == .wrongPhase)
        #expect(await failureCode { try await journal.tasked("a", taskID: "t", at: .at(1)) } == .wrongPhase)
        #expect(await failureCode { try await journal.settle("a", .refused, at: .at(1)) } == .wrongPhase)
        #expect(await failureCode { try await journal.landed(["a"], at: .at(1)) } == .wrongPhase)
        #expect(try await desk.row() == before)
        #expect(await failureCode { try await journal.recorded("b") } == .unknownJob)
        #expect(await failureCode { _ = try await journal.countStart("b") } == .unknownJob)
    }

    @Test("seconds that a provider has lately taken come from the last fifty attempts that made a picture")
    func durations() async throws {
        let desk = try Desk()
        let journal = desk.journal
        for number in 0..<55 {
            let (name, start) = ("job-\(number)", Double(number * 100))
            var order = NewAttempt.paid
            order.model = number == 54 ? "gen4_image_turbo" : "gen4_image"
            _ = try await journal.admit(.sample(name))
            _ = try await journal.order(name, plan: [], order, at: .at(start))
            try await journal.tasked(name, taskID: name, at: .at(start + 1))
            try await journal.settle(name, .final(.free, made: number != 53), at: .at(start + Double(number) + 0.5))
            // A refund that is noticed later changes the figure, not the time that it took.
            try await journal.settle(name, .final(.free, made: number != 53), at: .at(9999))
        }
        let all = try await journal.recentDurations(provider: "runway")
        #expect(all.count == 50 && all.prefix(3) == [54.5, 52.5, 51.5])
        #expect(try await journal.recentDurations(provider: "runway", model: "gen4_image").first == 52.5)
        #expect(try await journal.recentDurations(provider: "runway", model: "gen4_image_turbo") == [54.5])
        #expect(try await journal.recentDurations(provider: "flatlay").isEmpty)
    }
}

@Suite("Journal: admission")
struct JournalAdmissionTests {
    @Test("a batch is admitted in one go; a name that comes twice in it is in use for the second")
    func batch() async throws {
        let desk = try Desk()
        let answers = try await desk.journal.admit([.sample("a"), .sample("b"), .sample("a"), .sample("b", "other")])
        #expect(
            answers.map(\.judgement) == [.fresh(replacing: nil), .fresh(replacing: nil), .duplicate, .nameTaken])
        #expect(answers.map { $0.job == nil } == [false, false, true, true])
        #expect(try await desk.journal.rows(open: true).map(\.name) == ["a", "b"])
    }

    @Test("names that only look the same are two jobs")
    func names() async throws {
        let desk = try Desk()
        let (composed, decomposed) = ("caf\u{E9}", "cafe\u{301}")
        let answers = try await desk.journal.admit([.sample(composed), .sample(decomposed, "other")])
        #expect(answers.map(\.judgement) == [.fresh(replacing: nil), .fresh(replacing: nil)])
        #expect(try await desk.journal.rows(open: true).count == 2)
        #expect(try await desk.row(decomposed).request == Array("other".utf8))
    }

    @Test("a job that works is not touched by other bytes, nor by its own")
    func whileItWorks() async throws {
        let desk = try Desk()
        try await desk.tasked()
        let before = try await desk.row()
        #expect(try await desk.journal.admit(.sample("a", running: true)).judgement == .duplicate)
        #expect(try await desk.journal.admit(.sample("a", "other", running: true)).judgement == .nameTaken)
        let digest = AdmissionRequest.sample("a", "other").digest
        #expect(
            try await desk.journal.judge(name: "a", digest: digest, oldRequest: .nowhere, running: true) == .nameTaken)
        #expect(try await desk.row() == before)
    }

    @Test("a deliberate run again is a new run with attempts of its own; the old ones stay in the ledger")
    func rerun() async throws {
        let desk = try Desk()
        try await desk.tasked()
        try await desk.journal.fetched("a", .sample, settling: .final(.free, made: true), at: .at(3))
        try await desk.journal.stored("a", [3])
        try await desk.journal.landing("a", .done, code: nil, result: [4], at: .at(4))
        try await desk.journal.landed(["a"], at: .at(5))
        #expect(try await desk.journal.admit(.sample("a", old: .done)).judgement == .duplicate)
        let again = try await desk.journal.admit(.sample("a"))
        guard case .rerun(let earlier) = again.judgement else { Issue.record("\(again.judgement)"); return }
        #expect(earlier.run == 1 && earlier.picture == .sample)
        #expect(again.job?.row.run == 2 && again.job?.row.picture == nil && again.job?.resume == .prepare)
        let second = try await desk.journal.order("a", plan: [], .paid, at: .at(6))
        #expect(second.run == 2 && second.attempt == 1)
        #expect(try await desk.journal.attempts("a").map(\.run) == [1, 2])
    }

    @Test("other bytes take the name of a landed job whose file is gone; after retention the runs go on counting")
    func nameFree() async throws {
        let desk = try Desk()
        try await desk.tasked()
        try await desk.fail(.cancelled, settling: .uncertain)
        #expect(try await desk.journal.admit(.sample("a", "other", old: .failed)).judgement == .nameTaken)
        let other = try await desk.journal.admit(.sample("a", "other"))
        guard case .fresh(let earlier?) = other.judgement else { Issue.record("\(other.judgement)"); return }
        #expect(earlier.outcome?.code == .cancelled)
        #expect(other.job?.row.run == 2)
        _ = try await desk.journal.order("a", plan: [], .free, at: .at(50))
        try await desk.fail(.internal)
        #expect(try await desk.journal.forget(["a"]) == [])
        #expect(try await desk.journal.admit(.sample("a")).job?.row.run == 3)
    }
}

@Suite("Journal: nothing is paid twice")
struct JournalMoneyTests {
    @Test("after a crash a task is polled, a lost answer is said, and a free order is made again")
    func crash() async throws {
        let desk = try Desk()
        try await desk.tasked("task")
        let task = try await desk.restarted("task")
        #expect(task.resume == .poll(taskID: "task-1", attempt: try #require(task.last)))
        #expect(task.row.plan == [1] && task.row.request == Array("{}".utf8) && task.row.starts == 0)

        _ = try await desk.journal.admit(.sample("intent"))
        _ = try await desk.journal.order("intent", plan: [1], .paid, at: .at(1))
        let intent = try await desk.restarted("intent")
        #expect(intent.resume == .submissionUnknown(try #require(intent.last)))

        _ = try await desk.journal.admit(.sample("free"))
        _ = try await desk.journal.order("free", plan: [1], .free, at: .at(1))
        let free = try await desk.restarted("free")
        #expect(free.resume == .prepare && free.row.phase == .claimed && free.row.plan == nil)
        #expect(free.last?.state == .refused)
        #expect(try await desk.journal.order("free", plan: [2], .free, at: .at(2)).attempt == 2)
    }

    @Test("an order is refused while an earlier one may bring a picture, or has brought one")
    func guarded() async throws {
        let desk = try Desk()
        let journal = desk.journal
        func orderAgain(_ name: String) async -> JournalFailure.Code? {
            await failureCode { _ = try await journal.order(name, plan: [], .paid, at: .at(5)) }
        }
        _ = try await journal.admit(.sample("a"))
        _ = try await journal.order("a", plan: [], .paid, at: .at(1))
        #expect(await orderAgain("a") == .wrongPhase)
        try await journal.tasked("a", taskID: "t", at: .at(2))
        #expect(await orderAgain("a") == .wrongPhase)
        try await journal.settle("a", .final(.free, made: true), at: .at(3))
        #expect(await orderAgain("a") == .wrongPhase)
        #expect(try await journal.attempts("a").count == 1)
        try await journal.fetched("a", .sample, at: .at(4))
        #expect(await orderAgain("a") == .wrongPhase)
        try await journal.stored("a", [])
        #expect(await orderAgain("a") == .wrongPhase)
    }

    @Test("an order may follow a refused one, a failed one and, by decision, a lost one")
    func followed() async throws {
        let desk = try Desk()
        let journal = desk.journal
        _ = try await journal.admit(.sample("a"))
        for settlement in [Settlement.refused, .final(.free, made: false), .uncertain] {
            _ = try await journal.order("a", plan: [], .paid, at: .at(1))
            try await journal.settle("a", settlement, at: .at(2))
        }
        #expect(try await journal.order("a", plan: [], .paid, at: .at(3)).attempt == 4)
        #expect(try await desk.row().firstSubmitAt == .at(1), "the deadline runs from the first")
        #expect(try await journal.attempts("a").map(\.state) == [.refused, .settled, .uncertain, .intent])
        #expect(try await journal.attempts("a").map(\.final) == [.free, .free, nil, nil])
    }

    @Test("a free picture that was lost from the work folder may be ordered again")
    func lostFreePicture() async throws {
        let desk = try Desk()
        _ = try await desk.journal.admit(.sample("a"))
        _ = try await desk.journal.order("a", plan: [], .free, at: .at(1))
        try await desk.journal.fetched("a", .sample, settling: .final(.free, made: true), at: .at(2))
        #expect(try await desk.journal.order("a", plan: [], .free, at: .at(3)).attempt == 2)
    }

    @Test("a retry polls the old task, stores the old picture, and updates the record for a stored one")
    func retryGoesOn() async throws {
        let desk = try Desk()
        try await desk.tasked()
        try await desk.fail(.generationTimeout)
        let polled = try await desk.retry()
        #expect(polled.resume == .poll(taskID: "task-1", attempt: try #require(polled.last)))
        #expect(polled.row.phase == .ordered && polled.row.firstSubmitAt == .at(100) && polled.row.run == 1)
        #expect(polled.row.request == Array("{}".utf8))
        #expect(try await desk.restarted().resume == polled.resume)

        try await desk.journal.fetched("a", .sample, settling: .final(.free, made: true), at: .at(3))
        try await desk.fail(.storageFailed)
        #expect(try await desk.retry().resume == .store(.sample))
        #expect(try await desk.restarted().resume == .store(.sample))

        try await desk.journal.stored("a", [3])
        try await desk.fail(.recordConflict)
        let updated = try await desk.retry()
        #expect(updated.resume == .update && updated.row.stored == [3] && updated.row.picture == .sample)
        #expect(try await desk.journal.attempts("a").count == 1)
    }

    @Test("a retry after a lost answer orders anew, and the ledger keeps the lost attempt as uncertain")
    func retryAnew() async throws {
        let desk = try Desk()
        _ = try await desk.journal.admit(.sample("a"))
        _ = try await desk.journal.order("a", plan: [1], .paid, at: .at(1))
        try await desk.fail(.submissionUnknown)
        let retried = try await desk.retry()
        #expect(retried.resume == .prepare && retried.row.phase == .claimed && retried.row.plan == nil)
        #expect(try await desk.last().state == .uncertain)
        #expect(try await desk.journal.order("a", plan: [2], .paid, at: .at(101)).attempt == 2)
        #expect(try await desk.row().firstSubmitAt == .at(101), "an old deadline would end the retry at once")
    }

    @Test("the fourth start after three unclean ends is not made; progress and clean ends forget the count")
    func starts() async throws {
        let desk = try Desk()
        _ = try await desk.journal.admit(.sample("a"))
        #expect(try await [desk.restarted(), desk.restarted()].map(\.poison) == [.start, .start])
        #expect(try await desk.restarted().poison == .poisoned)
        try await desk.journal.cleanStop(["a", "unknown"])
        #expect(try await desk.row().starts == 0)
        #expect(try await desk.restarted().poison == .start)

        _ = try await desk.journal.order("a", plan: [], .free, at: .at(1))
        try await desk.journal.fetched("a", .sample, settling: .final(.free, made: true), at: .at(2))
        let verdicts = [
            try await desk.journal.countStart("a"), try await desk.restarted().poison,
            try await desk.journal.countStart("a"),
        ]
        #expect(verdicts == [.start, .start, .poisoned])
        try await desk.fail(.poison)
        #expect(try await desk.retry().row.starts == 1, "a person has looked: the count begins anew")
    }

    @Test("resuming a poll is no start")
    func pollIsNoStart() async throws {
        let desk = try Desk()
        try await desk.tasked()
        for _ in 0..<6 { #expect(try await desk.restarted().poison == .start) }
        #expect(try await desk.row().starts == 0)
    }
}

@Suite("Journal: the file")
struct JournalFileTests {
    @Test("commits are synced, in WAL, with foreign keys and strict tables, and temporary data stays in memory")
    func pragmas() async throws {
        let desk = try Desk()
        let words = try await desk.journal.write { books in
            try ["journal_mode", "synchronous", "foreign_keys", "wal_autocheckpoint", "temp_store"].map {
                try String.fetchOne(books.db, sql: "PRAGMA \($0)")
            }
        }
        #expect(words == ["wal", "2", "1", "0", "2"])
        let loose = try await desk.journal.write { books in
            try String.fetchAll(
                books.db,
                sql: "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND NOT strict")
        }
        #expect(Set(loose).isSubset(of: ["sqlite_schema", "grdb_migrations"]))
    }

    @Test("an empty file becomes a journal, and opening it again changes nothing")
    func migration() async throws {
        let folder = try Folder()
        #expect(FileManager.default.createFile(atPath: folder.journal, contents: nil))
        for run in 1...2 {
            let journal = try Journal(path: folder.journal)
            let applied = try await journal.write { try Schema.migrations.appliedIdentifiers($0.db) }
            #expect(applied == Set(Schema.migrations.migrations))
            #expect(try await journal.rows(open: true).count == run - 1)
            _ = try await journal.admit(.sample("job-\(run)"))
            await journal.close()
        }
    }

    @Test("a file of a newer vizd is refused with a sentence, by writer and reader, and is left as it is")
    func newer() async throws {
        let folder = try Folder()
        let journal = try Journal(path: folder.journal)
        try await journal.write { books in
            try books.db.execute(sql: "INSERT INTO grdb_migrations (identifier) VALUES ('999: from the future')")
        }
        await journal.close()
        let writer = await failureCode { _ = try Journal(path: folder.journal) }
        let reader = await failureCode { _ = try JournalReader.open(path: folder.journal) }
        #expect(writer == .newerSchema && reader == .newerSchema)
    }

    @Test("a file of an older vizd is not read before it was brought up to date")
    func older() async throws {
        let folder = try Folder()
        try await DatabaseQueue(path: folder.journal).write { try $0.execute(sql: "CREATE TABLE t (a)") }
        #expect(await failureCode { _ = try JournalReader.open(path: folder.journal) } == .olderSchema)
    }

    @Test("a file that is no database, and one that cannot be made, are told apart")
    func strange() async throws {
        let folder = try Folder()
        let text = Data(String(repeating: "not a database. ", count: 100).utf8)
        try text.write(to: URL(fileURLWithPath: folder.journal))
        #expect(await failureCode { _ = try Journal(path: folder.journal) } == .corrupt)
        #expect(try Data(contentsOf: URL(fileURLWithPath: folder.journal)) == text)
        #expect(await failureCode { _ = try Journal(path: folder.path + "/none/vizd.sqlite") } == .cannotOpen)
    }

    @Test("a word that no vizd writes is damage, not a crash")
    func strangeWord() async throws {
        let desk = try Desk()
        _ = try await desk.journal.admit(.sample("a"))
        try await desk.journal.landing("a", .failed, code: .internal, result: [], at: .at(1))
        try await desk.journal.write { try $0.db.execute(sql: "UPDATE job SET code = 'nonsense'") }
        #expect(await failureCode { _ = try await desk.journal.row("a") } == .corrupt)
    }

    @Test("a reader sees what was committed beside the writer, and after it")
    func reader() async throws {
        let folder = try Folder()
        #expect(try JournalReader.open(path: folder.journal) == nil)
        #expect(try JournalReader.open(path: folder.path + "/none/vizd.sqlite") == nil)
        let journal = try Journal(path: folder.journal)
        let reader = try #require(try JournalReader.open(path: folder.journal))
        #expect(try reader.rows(open: true).isEmpty)
        _ = try await journal.admit([.sample("a"), .sample("b")])
        _ = try await journal.order("a", plan: [1], .paid, at: .at(1))
        #expect(try reader.rows(open: true).map(\.name) == ["a", "b"])
        #expect(try reader.rows(open: true, limit: 1).map(\.name) == ["a"])
        #expect(try reader.row("a") == (try await journal.row("a")))
        #expect(try reader.attempts("a") == (try await journal.attempts("a")))
        #expect(try reader.row("unknown") == nil)
        await journal.close()
        #expect(try reader.rows(open: true).count == 2)
        let late = try #require(try JournalReader.open(path: folder.journal))
        #expect(try late.rows(open: true).count == 2)
    }

    @Test("the WAL and its index stay when the journal is closed, for readers who may not make files")
    func keptWAL() async throws {
        let folder = try Folder()
        let journal = try Journal(path: folder.journal)
        _ = try await journal.admit(.sample("a"))
        await journal.close()
        for suffix in ["-wal", "-shm"] {
            #expect(FileManager.default.fileExists(atPath: folder.journal + suffix), "\(suffix)")
        }
        #expect(try JournalReader.open(path: folder.journal)?.rows(open: true).count == 1)
    }

    @Test("a journal leaves no descriptor behind once it is closed")
    func noDescriptors() async throws {
        let folder = try Folder()
        func open() throws -> [String] {
            try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").compactMap { number in
                do {
                    return try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(number)")
                } catch {
                    return nil  // one of another test, gone by now
                }
            }.filter { $0.hasPrefix(folder.path) }
        }
        let journal = try Journal(path: folder.journal)
        _ = try await journal.admit(.sample("a"))
        #expect(try !open().isEmpty)
        await journal.close()
        #expect(try open() == [])
    }

    @Test("a journal and its spool know each other from the first start on")
    func binding() async throws {
        let desk = try Desk()
        let journal = desk.journal
        func bind(_ spool: String?, work: Bool = false) async -> JournalFailure.Code? {
            await failureCode { _ = try await journal.bind(spoolID: spool, spoolHasWork: work, newID: "n") }
        }
        #expect(await bind("s", work: true) == .otherSpool)
        #expect(await bind(nil, work: true) == .otherSpool)
        #expect(try await journal.bind(spoolID: nil, spoolHasWork: false, newID: "n") == "n")
        // The spool did not get its id before a crash: it is given the journal's, not another new one.
        #expect(try await journal.bind(spoolID: nil, spoolHasWork: false, newID: "m") == "n")
        #expect(try await journal.bind(spoolID: "n", spoolHasWork: true, newID: "m") == "n")
        #expect(await bind("s") == .otherSpool)
        _ = try await journal.admit(.sample("a"))
        #expect(await bind(nil) == .otherSpool)
        let other = try Desk()
        #expect(try await other.journal.bind(spoolID: "s", spoolHasWork: false, newID: "n") == "s")
        #expect(try await other.journal.bind(spoolID: "s", spoolHasWork: true, newID: "n") == "s")
    }

    @Test("SQLite's codes are sorted by what has to be done about them")
    func codes() {
        let noSpace: CInt = 28
        let table: [(CInt, CInt, JournalFailure.Code)] = [
            (Codes.full, 0, .full), (Codes.ioError, 5, .io), (Codes.ioWrite, 5, .io),
            (Codes.ioWrite, noSpace, .full), (Codes.ioWrite, 122, .full),
            (Codes.ioFsync, noSpace, .io), (Codes.ioFsync, 5, .io), (Codes.ioShmSize, 0, .full),
            (Codes.corrupt, 0, .corrupt), (Codes.notADatabase, 0, .corrupt), (Codes.busy, 0, .busy),
            (Codes.cannotOpen, 2, .cannotOpen), (Codes.constraint, noSpace, .sqlite),
        ]
        for (extended, errno, code) in table {
            #expect(JournalFailure.code(of: extended, systemErrno: errno) == code, "\(extended), errno \(errno)")
        }
    }

    private enum Codes {
        static let full = GRDB.ResultCode.SQLITE_FULL.rawValue
        static let ioError = GRDB.ResultCode.SQLITE_IOERR.rawValue
        static let ioWrite = GRDB.ResultCode.SQLITE_IOERR_WRITE.rawValue
        static let ioFsync = GRDB.ResultCode.SQLITE_IOERR_FSYNC.rawValue
        static let ioShmSize = GRDB.ResultCode.SQLITE_IOERR_SHMSIZE.rawValue
        static let corrupt = GRDB.ResultCode.SQLITE_CORRUPT.rawValue
        static let notADatabase = GRDB.ResultCode.SQLITE_NOTADB.rawValue
        static let busy = GRDB.ResultCode.SQLITE_BUSY.rawValue
        static let cannotOpen = GRDB.ResultCode.SQLITE_CANTOPEN.rawValue
        static let constraint = GRDB.ResultCode.SQLITE_CONSTRAINT_CHECK.rawValue
    }
}
