// What the journal forgets, what it does not, and what is there afterwards all the same.

import Contract
import GRDB
import Testing

@testable import Ledger

@Suite("What is not settled stays")
struct UnsettledTests {
    private static let now = Timestamp.at(100_000)

    private func job(_ box: OutcomeBox, _ code: Contract.ResultCode? = nil, named name: String = "a") -> JobRow {
        var row = JobRow.sample(name)
        (row.phase, row.landedAt, row.plan) = (.landed, .at(9), [1])
        row.outcome = Outcome(box: box, code: code, result: nil)
        return row
    }

    private func attempt(
        _ state: AttemptState, of name: String = "a", run: Int = 1, free: Bool = false, recheck: Timestamp? = nil
    ) -> AttemptRow {
        var attempt = AttemptRow(name: name, run: run, attempt: 1, order: free ? .free : .paid, createdAt: .at(1))
        (attempt.state, attempt.taskID, attempt.settledAt) = (state, "t", recheck)
        attempt.recheckSince = recheck
        return attempt
    }

    private func judge(_ row: JobRow, _ parts: [JobRow] = [], _ attempts: AttemptRow...) -> Unsettled? {
        LandedFamily(row: row, parts: parts, attempts: attempts, place: .first).unsettled(at: Self.now)
    }

    @Test("an ended job may go, whatever it cost and however it ended")
    func settled() {
        #expect(judge(job(.done)) == nil)
        #expect(judge(job(.done), [], attempt(.settled)) == nil)
        #expect(judge(job(.failed, .moderation), [], attempt(.settled)) == nil)
        #expect(judge(job(.failed, .submissionUnknown), [], attempt(.uncertain)) == nil)
        #expect(judge(job(.failed, .generationTimeout), [], attempt(.task, free: true)) == nil)
    }

    @Test("a paid order that was never seen to end keeps its job, also as a part, but not one of an earlier run")
    func order() {
        for state in [AttemptState.intent, .task] {
            #expect(judge(job(.failed, .generationTimeout), [], attempt(state)) == .order)
            let part = job(.failed, .generationTimeout, named: "a.0001")
            #expect(judge(job(.failed), [part], attempt(state, of: "a.0001")) == .order)
            // Of a whole that is done no part is retried.
            #expect(judge(job(.done), [part], attempt(state, of: "a.0001")) == nil)
        }
        var again = job(.failed, .moderation)
        again.run = 2
        #expect(judge(again, [], attempt(.task, run: 1), attempt(.settled, run: 2)) == nil)
    }

    @Test("a figure that is to be read again keeps its job until the books give it up")
    func figure() {
        let day = 86_400.0
        #expect(judge(job(.done), [], attempt(.uncertain, recheck: .at(100_000 - 7 * day))) == .figure)
        #expect(judge(job(.done), [], attempt(.uncertain, recheck: .at(100_000 - 9 * day))) == nil)
        let part = job(.failed, .moderation, named: "a.0001")
        #expect(judge(job(.done), [part], attempt(.settled, of: "a.0001", recheck: .at(99_999))) == .figure)
    }

    @Test("a picture that was paid for and is stored nowhere keeps its job, unless a retry would not use it")
    func picture() {
        var row = job(.failed, .storageFailed)
        row.picture = .sample
        #expect(judge(row, [], attempt(.settled)) == .picture)
        row.outcome?.code = .moderation
        #expect(judge(row, [], attempt(.settled)) == nil)
        row.outcome?.code = .recordConflict
        row.stored = [1]
        #expect(judge(row, [], attempt(.settled)) == nil)
        var part = job(.failed, .storageFailed, named: "a.0001")
        part.picture = .sample
        #expect(judge(job(.failed), [part]) == .picture)
        #expect(judge(job(.done), [part]) == nil)
    }

    @Test("a family with a part under way stays as a whole")
    func parts() {
        #expect(judge(job(.done), [.sample("a.0001")]) == .parts)
    }

    @Test("names are told apart byte for byte, so that the money of one is never taken for another's")
    func names() {
        let (composed, decomposed) = ("caf\u{E9}", "cafe\u{301}")
        #expect(judge(job(.failed, .generationTimeout, named: composed), [], attempt(.task, of: decomposed)) == nil)
        #expect(judge(job(.failed, .generationTimeout, named: composed), [], attempt(.task, of: composed)) == .order)
    }
}

@Suite("What the journal forgets")
struct ForgettingTests {
    private let folder: Folder
    private let journal: Journal

    init() throws {
        folder = try Folder()
        journal = try Journal(path: folder.journal)
    }

    /// A paid job with a picture that could not be stored, or was.
    private func run(_ name: String, landing box: OutcomeBox = .done, at second: Double = 9) async throws {
        _ = try await journal.admit(.sample(name))
        _ = try await journal.order(name, plan: [1], .paid, at: .at(1))
        try await journal.tasked(name, taskID: "task-\(name)", at: .at(2))
        try await journal.fetched(
            name, .sample, settling: .final(Money(credits: 8, usdMicros: 80_000), made: true), at: .at(3))
        if box == .done { try await journal.stored(name, [3], keeping: kept(by: name)) }
        try await journal.landing(name, box, code: box == .done ? nil : .storageFailed, result: [4], at: .at(4))
        try await journal.landed([name], at: .at(second))
    }

    private func kept(by name: String) -> KeptPicture {
        KeptPicture(
            slot: slot(name), fingerprint: [UInt8](repeating: 5, count: 32), place: [6], picture: .sample, job: name,
            madeAt: .at(4))
    }

    private func slot(_ name: String) -> PictureSlot {
        PictureSlot(userID: "peichin", outfitID: "o-\(name)", kind: .image)
    }

    private func old(
        _ box: OutcomeBox = .done, before second: Double = 100, after place: LandedPlace = .first, limit: Int = 10
    ) async throws -> [LandedFamily] {
        try await journal.landed(box, before: .at(second), after: place, limit: limit)
    }

    @Test("old jobs come oldest first, a few at a time, each box by itself, and none twice")
    func order() async throws {
        for (name, second) in [("b", 20.0), ("a", 30), ("c", 20), ("young", 100)] { try await run(name, at: second) }
        try await run("f", landing: .failed, at: 10)
        #expect(try await old().map(\.row.name) == ["b", "c", "a"])
        #expect(try await old(.failed).map(\.row.name) == ["f"])
        #expect(try await old(before: 20).isEmpty)
        let first = try await old(limit: 2)
        #expect(first.map(\.row.name) == ["b", "c"])
        let place = try #require(first.last?.place)
        #expect(try await old(after: place, limit: 2).map(\.row.name) == ["a"])
        #expect(first[0].attempts.map(\.name) == ["b"] && first[0].row.picture == .sample)
    }

    @Test("a family comes and goes as one, and a large one comes alone")
    func families() async throws {
        for name in ["a", "b"] {
            _ = try await journal.admit(.sample(name))
            let parts = (1...300).map { number in
                NewPart(
                    name: JobName.part(name, number), number: number, kind: .member,
                    digest: [UInt8](repeating: 1, count: 32), request: [1], outfitID: "o")
            }
            _ = try await journal.expand(name, into: parts, at: .at(1))
            let jobs = parts.map(\.name) + [name]
            try await journal.write { books in
                for job in jobs { try books.advance(job, to: .landing, ", box = 'done'") }
            }
            try await journal.landed(jobs, at: .at(3))
        }
        let first = try await old()
        #expect(first.map(\.row.name) == ["a"] && first[0].parts.count == 300)
        #expect(try await old(after: try #require(first.last?.place)).map(\.row.name) == ["b"])
        #expect(try await journal.forget(["a"]).isEmpty)
        #expect(try await journal.family(of: "a").isEmpty)
        #expect(try await journal.family(of: "b").count == 300)
    }

    @Test("what it cost and the pictures it made outlive a job; its name is new, and its runs go on counting")
    func outlived() async throws {
        try await run("a")
        let costs = try await journal.write { try $0.costs(nil, user: nil, by: .user) }
        #expect(try await journal.forget(["a"]) == [PictureNote.sample.file])
        #expect(try await journal.row("a") == nil)
        #expect(try await journal.write { try $0.costs(nil, user: nil, by: .user) } == costs)
        #expect(try await journal.attempts("a").map(\.final?.usdMicros) == [80_000])
        #expect(try await journal.kept(slot("a"))?.job == "a")
        let again = try await journal.admit(.sample("a", "other"))
        #expect(again.judgement == .fresh(replacing: nil) && again.job?.row.run == 2)
        let left = try await journal.write { try Int.fetchOne($0.db, sql: "SELECT count(*) FROM document") }
        #expect(left == 1, "the request of the new run")
    }

    @Test("open jobs, parts and unknown names are passed over")
    func passedOver() async throws {
        try await run("failed", landing: .failed)
        _ = try await journal.admit(.sample("open"))
        _ = try await journal.admit(.sample("whole"))
        let part = NewPart(
            name: "whole.0001", number: 1, kind: .member, digest: [UInt8](repeating: 1, count: 32), request: [1],
            outfitID: nil)
        _ = try await journal.expand("whole", into: [part], at: .at(1))
        try await journal.landing("whole.0001", .done, code: nil, result: [1], at: .at(2))
        try await journal.landed(["whole.0001"], at: .at(3))
        #expect(try await old().isEmpty, "a part never comes by itself")
        #expect(try await journal.forget(["open", "whole", "whole.0001", "nobody"]).isEmpty)
        #expect(try await journal.rows(open: true).map(\.name) == ["open", "whole"])
        #expect(try await journal.row("whole.0001") != nil)
        #expect(try await journal.landings(of: ["failed", "open", "nobody"]) == [.at(9), nil, nil])
        let asked = [("failed", "failed"), ("whole.0002", "whole"), ("nobody", "nobody"), ("x.0001", "x")]
        #expect(try await journal.unknown(asked.map { (name: $0.0, whole: $0.1) }) == ["nobody", "x.0001"])
    }
}

/// The name of a part, as the spool spells it.
private enum JobName {
    static func part(_ name: String, _ number: Int) -> String {
        "\(name)." + String(repeating: "0", count: 4 - String(number).count) + String(number)
    }
}
