// Jobs that go on where an earlier run of the program left them: the journal is in the phase that belongs to the entry.

import Contract
import GRDB
import Linux
import Providers
import TestSupport
import Testing

@testable import Ledger
@testable import Pipeline
@testable import Wardrobe

@Suite("Jobs that go on")
struct PipelineResumeTests {
    private let atelier: Atelier

    init() throws { atelier = try Atelier() }

    private func request(_ provider: String) -> String {
        atelier.request(#""provider": "\#(provider)""#, outfit: Atelier.one)
    }

    /// Runs a job until its wardrobe stops it, and admits it again as the next start does.
    private func interrupted(_ call: TroubledWardrobe.Call, provider: String = "scripted") async throws -> JobTicket {
        let scripted = provider == "paid" ? atelier.paid : atelier.scripted
        scripted.answer(try Repository.picture("noise.jpg"))
        let end = await atelier.end(try await atelier.admit(request(provider)), troubles: [call: [.stop]])
        guard case .stopped = end else { throw Unexpected(what: "the job was not stopped") }
        return try await atelier.admit(request(provider))
    }

    @Test("a kept picture is stored without being ordered again")
    func store() async throws {
        let ticket = try await interrupted(.store)
        guard case .store(let note) = ticket.resume else { throw Unexpected(what: "\(ticket.resume)") }
        let result = try await atelier.run(ticket)
        #expect(result.picture?.image.bytes == note.bytes && result.attempts == 1)
        #expect(result.picture?.making.model == "plain" && result.picture?.making.references == 1)
        #expect(atelier.scripted.orders.count == 1)
        #expect(try await atelier.journal.row("a")?.phase == .recorded)
        #expect(result.timing.stages[.prepare] == nil && result.timing.stages[.generate] == nil)
    }

    @Test("a free picture that is gone or was changed is made anew")
    func storeWithoutPicture() async throws {
        let ticket = try await interrupted(.store)
        try atelier.scratch.write([1, 2, 3], "work/a.picture")
        atelier.scripted.answer(try Repository.picture("noise.png"))
        let result = try await atelier.run(ticket)
        #expect(result.picture != nil && result.attempts == 2)
        #expect(atelier.scripted.orders.count == 2)
        #expect(try await atelier.journal.attempts("a").map(\.state) == [.settled, .settled])
    }

    @Test("a paid picture that is gone is not bought again: the job says where it was")
    func paidPictureGone() async throws {
        let ticket = try await interrupted(.store, provider: "paid")
        try await atelier.work.drop("a")
        let result = try await atelier.run(ticket)
        #expect(result.failure?.code == .internal)
        #expect(result.failure?.message.contains("work/a.picture") == true)
        #expect(atelier.paid.orders.count == 1)
        #expect(try await atelier.journal.attempts("a").count == 1)
    }

    @Test("a stored picture is only recorded")
    func update() async throws {
        let ticket = try await interrupted(.record)
        #expect(ticket.resume == .update)
        let result = try await atelier.run(ticket)
        #expect(result.picture != nil && atelier.scripted.orders.count == 1)
        #expect(result.timing.stages[.store] == nil && result.timing.stages[.update] != nil)
        #expect(try atelier.record().contains("\"job_id\": \"a\""))
    }

    @Test("a recorded job is only concluded, with the same facts as before")
    func conclude() async throws {
        let first = try await atelier.run(atelier.request())
        let ticket = try await atelier.admit(atelier.request())
        #expect(ticket.resume == .conclude)
        let record = try atelier.record()
        let second = try await atelier.run(ticket)
        #expect(second.picture?.image == first.picture?.image && second.picture?.making == first.picture?.making)
        #expect(second.picture?.storage == first.picture?.storage && second.attempts == first.attempts)
        #expect(second.cost == first.cost)
        #expect(try atelier.record() == record)
    }

    @Test("a free order whose answer was lost is made again, and the books close the first")
    func freeOrderLost() async throws {
        atelier.scripted.answer(try Repository.picture("noise.jpg"))
        let journal = atelier.journal
        // The daemon dies while the provider works: nothing after the intent is written.
        atelier.scripted.meanwhile { await journal.close() }
        guard case .stopped = await atelier.end(try await atelier.admit(request("scripted"))) else {
            throw Unexpected(what: "a job went on without its journal")
        }
        let after = try Journal(path: "\(atelier.scratch.path)/vizd.sqlite")
        #expect(try await after.attempts("a").map(\.state) == [.intent])
        #expect(try await after.row("a")?.phase == .ordered)
    }

    @Test("a paid order whose answer was lost ends as unknown, and nothing is ordered")
    func paidOrderLost() async throws {
        let ticket = try await atelier.admit(request("paid"))
        let attempt = NewAttempt(
            provider: "paid", model: "plain", userID: "peichin", estimate: Money(credits: 8, usdMicros: 80_000),
            freeOfCharge: false)
        _ = try await atelier.journal.order(ticket.name, plan: [], attempt, at: Atelier.now)
        let again = try await atelier.admit(request("paid"))
        let result = try await atelier.run(again)
        #expect(result.failure?.code == .submissionUnknown && result.failure?.retryable == false)
        #expect(result.failure?.message.contains("2026-11-24T12:00:00") == true)
        #expect(result.cost == .init(credits: 8, usd: 0.08, uncertain: true), "nobody knows, so the estimate stands")
        #expect(atelier.paid.orders.isEmpty)
    }

    @Test("a task of a provider that this version does not poll is told apart from a lost one")
    func foreignTask() async throws {
        let ticket = try await atelier.admit(request("paid"))
        let attempt = NewAttempt(
            provider: "runway", model: nil, userID: "peichin", estimate: .free, freeOfCharge: false)
        _ = try await atelier.journal.order(ticket.name, plan: [], attempt, at: Atelier.now)
        try await atelier.journal.tasked(ticket.name, taskID: "task-9", at: Atelier.now)
        let result = try await atelier.run(try await atelier.admit(request("paid")))
        #expect(result.failure?.code == .providerNotConfigured && result.failure?.message.contains("task-9") == true)
        #expect(atelier.paid.orders.isEmpty)
    }

    @Test("a note of another version ends the job instead of being guessed at")
    func strangeNote() async throws {
        _ = try await interrupted(.record)
        try await atelier.journal.recorded("a")
        let ticket = try await atelier.admit(request("scripted"))
        var row = ticket.row
        row.plan = Array(#"{"version":2}"#.utf8)
        let strange = JobTicket(
            name: "a", decoded: ticket.decoded, resume: ticket.resume, row: row, last: ticket.last, queued: 0)
        let result = try await atelier.run(strange)
        #expect(result.failure?.code == .internal && result.failure?.message.contains("another version") == true)
    }

    @Test("a failed job that is retried orders anew and counts on")
    func retry() async throws {
        atelier.scripted.fail(ProviderFailure(code: .generationFailed, message: "No.", retryable: true))
        try await atelier.land("a", try await atelier.run(request("scripted")))
        atelier.scripted.answer(try Repository.picture("noise.jpg"))
        let again = try await atelier.run(try await atelier.admit(request("scripted"), old: .failed))
        #expect(again.picture != nil && again.attempts == 2)
        #expect(try await atelier.journal.attempts("a").map(\.state) == [.refused, .settled])
    }

    @Test("a job that failed at its record goes on there when it is retried, without a new order")
    func retryOfUpdate() async throws {
        atelier.scripted.answer(try Repository.picture("noise.jpg"))
        let conflict = WardrobeFailure(.recordConflict, "others kept changing it")
        let failed = try await atelier.run(request("scripted"), troubles: [.record: [conflict]])
        #expect(failed.failure?.code == .recordConflict && failed.failure?.retryable == true)
        #expect(failed.failure?.stage == .update && failed.progress == 95 && failed.attempts == 1)
        try await atelier.land("a", failed)
        let again = try await atelier.run(try await atelier.admit(request("scripted"), old: .failed))
        #expect(again.picture != nil && atelier.scripted.orders.count == 1)
    }
}

@Suite("A full disk and a broken one")
struct PipelineTroubleTests {
    private let atelier: Atelier

    init() throws { atelier = try Atelier() }

    @Test("a wardrobe without room is waited for once each time, in whichever step, and the job ends well")
    func pauses() async throws {
        for (index, call) in [TroubledWardrobe.Call.outfit, .photo, .store, .record].enumerated() {
            let (name, before) = ("job-\(index)", atelier.waited.count)
            let result = try await atelier.run(
                atelier.request(#""regenerate": true"#, outfit: Atelier.one), as: name,
                troubles: [call: [.noRoom, .noRoom]])
            #expect(result.picture != nil, "\(call)")
            #expect(result.attempts == 1)
            let waited = atelier.waited[before...]
            #expect(waited.count == 2 && waited.allSatisfy { $0.hasPrefix("\(name): ") && $0.contains("no room") })
        }
    }

    @Test("a wardrobe whose disk failed stops the job with its reason, and nothing is said to be done")
    func stops() async throws {
        for call in [TroubledWardrobe.Call.outfit, .photo, .store, .record] {
            let end = await atelier.end(
                try await atelier.admit(atelier.request(outfit: Atelier.one), as: "\(call)"), troubles: [call: [.stop]])
            guard case .stopped(let sentence) = end else { throw Unexpected(what: "\(call) did not stop it") }
            #expect(sentence.contains("fsync"))
            #expect(try await atelier.journal.row("\(call)")?.phase.isOpen == true)
        }
        #expect(atelier.waited.isEmpty)
    }

    @Test("a journal without room after the provider's answer is waited for, and the provider is not asked again")
    func journalWithoutRoom() async throws {
        let atelier = atelier
        let request = atelier.request(#""provider": "scripted", "regenerate": true"#, outfit: Atelier.one)
        for refused in [false, true] {
            let name = refused ? "refused" : "made"
            if refused {
                atelier.scripted.fail(ProviderFailure(code: .generationFailed, message: "No.", retryable: true))
            } else {
                atelier.scripted.answer(try Repository.picture("noise.jpg"))
            }
            let (orders, waits) = (atelier.scripted.orders.count, atelier.waited.count)
            atelier.scripted.meanwhile { try await atelier.journal.haveNoRoomForSettling() }
            atelier.whenItWaits { try await atelier.journal.haveRoom() }
            let result = try await atelier.run(request, as: name)
            #expect((result.failure?.code == .generationFailed) == refused)
            #expect(atelier.waited.count == waits + 1)
            #expect(atelier.scripted.orders.count == orders + 1, "one call an attempt")
            #expect(try await atelier.journal.attempts(name).count == 1)
        }
    }

    @Test("a folder for pictures under way that cannot be written stops the job before the journal says fetched")
    func workFolder() async throws {
        try atelier.scratch.folder("work/a.picture").makeDirectory("in-the-way", mode: 0o755)
        guard case .stopped(let sentence) = await atelier.end(try await atelier.admit(atelier.request())) else {
            throw Unexpected(what: "the job went on")
        }
        #expect(sentence.contains("work folder"))
        #expect(try await atelier.journal.row("a")?.phase == .ordered)
    }

    @Test("a closed journal stops a job at its first step")
    func closedJournal() async throws {
        let ticket = try await atelier.admit(atelier.request())
        await atelier.journal.close()
        guard case .stopped = await atelier.end(ticket) else { throw Unexpected(what: "the job went on") }
    }
}

extension Journal {
    /// From here on a change of an attempt needs more room than there is.
    func haveNoRoomForSettling() async throws {
        try await write { books in
            try books.db.execute(
                sql: """
                    CREATE TABLE IF NOT EXISTS ballast (bytes);
                    CREATE TEMP TRIGGER IF NOT EXISTS grow AFTER UPDATE ON attempt
                        BEGIN INSERT INTO ballast VALUES (zeroblob(1000000)); END;
                    """)
            let pages = try Int.fetchOne(books.db, sql: "PRAGMA page_count") ?? 0
            try books.db.execute(sql: "PRAGMA max_page_count = \(pages + 10)")
        }
    }

    func haveRoom() async throws {
        try await write { try $0.db.execute(sql: "PRAGMA max_page_count = 1000000") }
    }
}

extension WardrobeFailure {
    /// The disk is full.
    static let noRoom = WardrobeFailure.writing(
        SystemFailure(call: "write", errno: .noSpace, subject: "o.jpg"), "the picture")
    /// An fsync failed.
    static let stop = WardrobeFailure.writing(
        SystemFailure(call: "fsync", errno: .inputOutput, subject: "o.jpg"), "the picture")
}
