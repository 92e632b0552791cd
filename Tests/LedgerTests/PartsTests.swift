// Compound jobs in the journal: parts are made once, go on from where they stand, and are there as long as the whole
// may need them.

import Contract
import Testing

@testable import Ledger

@Suite("Parts in the journal")
struct PartsTests {
    private let folder: Folder
    private let journal: Journal

    init() throws {
        folder = try Folder()
        journal = try Journal(path: folder.journal)
    }

    private func part(_ parent: String, _ number: Int, _ kind: PartKind = .member) -> NewPart {
        NewPart(
            name: "\(parent).000\(number)", number: number, kind: kind,
            digest: [UInt8](repeating: UInt8(number), count: 32), request: [UInt8(number)], outfitID: "o-\(number)")
    }

    /// A root with two members that nobody has begun.
    private func batch(_ name: String = "a", _ text: String = "{}") async throws {
        _ = try await journal.admit(.sample(name, text))
        _ = try await journal.expand(name, into: [part(name, 1), part(name, 2)], at: .at(1))
    }

    private func land(_ name: String, _ box: OutcomeBox, code: ResultCode? = nil) async throws {
        try await journal.landing(name, box, code: code, result: Array(name.utf8), at: .at(5))
        try await journal.landed([name], at: .at(6))
    }

    /// A paid attempt that went well, up to the stored picture.
    private func make(_ name: String) async throws {
        _ = try await journal.goOn(name, at: .at(2))
        _ = try await journal.order(name, plan: [1], .paid, at: .at(2))
        try await journal.tasked(name, taskID: "task-\(name)", at: .at(3))
        try await journal.fetched(
            name, .sample, settling: .final(Money(credits: 8, usdMicros: 80_000), made: true), at: .at(4))
        try await journal.stored(name, [2])
        try await journal.recorded(name)
    }

    @Test("taking a job apart twice makes its parts once, and forgets the parent's unclean starts")
    func expanded() async throws {
        try await batch()
        let again = try await journal.expand("a", into: [part("a", 1), part("a", 2)], at: .at(2))
        #expect(again.map(\.name) == ["a.0001", "a.0002"])
        #expect(again.allSatisfy { $0.phase == .claimed && $0.starts == 0 && $0.run == 1 && $0.claimedAt == .at(1) })
        #expect(again[0].kinship == Kinship(parent: "a", number: 1, root: "a", rootRun: 1, kind: .member))
        #expect(again[0].userID == "peichin" && again[0].outfitID == "o-1")
        #expect(try await journal.row("a")?.starts == 0)
    }

    @Test("parts of parts know the job at the top, and no list of jobs with files has any of them")
    func nested() async throws {
        try await batch()
        let views = try await journal.expand("a.0001", into: [part("a.0001", 1, .view)], at: .at(2))
        #expect(views[0].kinship == Kinship(parent: "a.0001", number: 1, root: "a", rootRun: 1, kind: .view))
        #expect(try await journal.rows(open: true).map(\.name) == ["a"])
        #expect(try await journal.family(of: "a").map(\.name) == ["a.0001", "a.0001.0001", "a.0002"])
        try await land("a.0002", .done)
        #expect(try await journal.rows(open: false).isEmpty)
        #expect(try await journal.landed(.done, before: .at(100), after: .first, limit: 10).isEmpty)
    }

    @Test("a part whose turn has come counts its start, goes on from its row, and is nothing once it has landed")
    func goneOn() async throws {
        try await batch()
        let first = try #require(try await journal.goOn("a.0001", at: .at(2)))
        #expect(first.resume == .prepare && first.row.starts == 1 && first.row.request == [1])
        _ = try await journal.order("a.0001", plan: [1], .paid, at: .at(2))
        try await journal.tasked("a.0001", taskID: "t", at: .at(3))
        guard case .poll(taskID: "t", _)? = try await journal.goOn("a.0001", at: .at(4))?.resume else {
            Issue.record("a part with a task is not asked about it")
            return
        }
        try await land("a.0001", .failed, code: .generationFailed)
        #expect(try await journal.goOn("a.0001", at: .at(7)) == nil)
        for _ in 0..<Poison.uncleanStartsMax { _ = try await journal.goOn("a.0002", at: .at(8)) }
        #expect(try await journal.goOn("a.0002", at: .at(8))?.poison == .poisoned)
    }

    @Test("a retry keeps what is complete and reopens what failed, each from where it can go on")
    func retried() async throws {
        try await batch()
        try await make("a.0001")
        try await land("a.0001", .done)
        _ = try await journal.goOn("a.0002", at: .at(2))
        _ = try await journal.order("a.0002", plan: [1], .paid, at: .at(2))
        try await journal.tasked("a.0002", taskID: "t-2", at: .at(3))
        try await land("a.0002", .failed, code: .generationTimeout)
        try await land("a", .failed, code: .generationTimeout)
        let again = try await journal.admit(.sample("a", old: .failed, at: .at(9)))
        #expect(again.job?.resume == .prepare)
        let rows = try await journal.expand("a", into: [], at: .at(10))
        #expect(rows.map(\.phase) == [.landed, .ordered] && rows.map(\.run) == [1, 1])
        guard case .poll(taskID: "t-2", _)? = try await journal.goOn("a.0002", at: .at(11))?.resume else {
            Issue.record("the failed part is not asked about its task")
            return
        }
        #expect(try await journal.parts(of: "a", complete: true)[0].outcome?.result == Array("a.0001".utf8))
    }

    @Test("a re-run finds the parts of the run before, forgets them, and makes its own under the next run")
    func rerun() async throws {
        try await batch()
        for name in ["a.0001", "a.0002"] {
            try await make(name)
            try await land(name, .done)
        }
        try await land("a", .done)
        let again = try await journal.admit(.sample("a", old: .nowhere, at: .at(9)))
        #expect(again.job?.row.run == 2)
        try await journal.forgetEarlierParts(of: "a")
        #expect(try await journal.family(of: "a").isEmpty)
        let rows = try await journal.expand("a", into: [part("a", 1)], at: .at(10))
        #expect(rows.map(\.run) == [2] && rows[0].kinship?.rootRun == 2)
        #expect(try await journal.goOn("a.0001", at: .at(11))?.resume == .prepare)
        #expect(try await journal.attempts("a.0001").map(\.run) == [1])
    }

    @Test("a part's request and result stay until the whole has landed in done, and go with it")
    func documents() async throws {
        try await batch()
        try await make("a.0001")
        try await land("a.0001", .done)
        _ = try await journal.goOn("a.0002", at: .at(2))
        try await land("a.0002", .failed, code: .outfitNotFound)
        let kept = try await journal.parts(of: "a", complete: true)
        #expect(kept.map(\.outcome?.result) == [Array("a.0001".utf8), Array("a.0002".utf8)])
        #expect(kept.map(\.request) == [[1], [2]])
        try await land("a", .done)
        let after = try await journal.parts(of: "a", complete: true)
        #expect(after.allSatisfy { $0.request == nil && $0.outcome?.result == nil && $0.plan == nil })
        #expect(after.map(\.outcome?.box) == [.done, .failed])
    }

    @Test("what is forgotten is the whole family, with the pictures that it kept; the ledger keeps its attempts")
    func forgotten() async throws {
        try await batch()
        try await make("a.0001")
        try await land("a.0001", .failed, code: .storageFailed)
        _ = try await journal.goOn("a.0002", at: .at(2))
        try await land("a.0002", .failed, code: .outfitNotFound)
        try await land("a", .failed, code: .storageFailed)
        #expect(try await journal.forget(["a.0001"]).isEmpty, "a part is not forgotten alone")
        #expect(try await journal.forget(["a"]) == [PictureNote.sample.file])
        #expect(try await journal.row("a") == nil)
        #expect(try await journal.family(of: "a").isEmpty)
        #expect(try await journal.attempts("a.0001").count == 1)
    }

    @Test("budget.perRequest counts the whole family: two of three parts fit")
    func budget() async throws {
        _ = try await journal.admit(.sample("a"))
        _ = try await journal.expand("a", into: (1...3).map { part("a", $0) }, at: .at(1))
        let limits = BudgetLimits(perRequest: 160_000)
        for number in 1...2 {
            _ = try await journal.goOn("a.000\(number)", at: .at(2))
            _ = try await journal.order("a.000\(number)", plan: [1], .paid, budget: limits, at: .at(2))
        }
        _ = try await journal.goOn("a.0003", at: .at(2))
        let code = await failureCode {
            _ = try await journal.order("a.0003", plan: [1], .paid, budget: limits, at: .at(3))
        }
        #expect(code == .overBudget)
        #expect(try await journal.attempts("a.0003").isEmpty)
    }

    @Test("views that are stored lead to the record, and a job that has its result is not taken apart any more")
    func views() async throws {
        _ = try await journal.admit(.sample("a"))
        _ = try await journal.expand("a", into: [part("a", 1, .view)], at: .at(1))
        try await journal.viewsStored("a")
        #expect(try await journal.goOn("a", at: .at(2))?.resume == .update)
        try await journal.recorded("a")
        #expect(try await journal.goOn("a", at: .at(2))?.resume == .conclude)
        try await journal.landing("a", .done, code: nil, result: [1], at: .at(3))
        let journal = journal
        #expect(await failureCode { _ = try await journal.expand("a", into: [], at: .at(4)) } == .wrongPhase)
    }
}
