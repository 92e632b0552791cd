// The stored pictures by what they show, and the figures that are read again: what the books keep of them, from where
// to where they let a job or an attempt go, and what a restart finds.

import Contract
import GRDB
import Testing

@testable import Ledger

private let slot = PictureSlot(userID: "peichin", outfitID: "o-17", kind: .image)

private func kept(_ fingerprint: UInt8, slot: PictureSlot = slot, job: String = "a") -> KeptPicture {
    KeptPicture(
        slot: slot, fingerprint: [UInt8](repeating: fingerprint, count: 32), place: [1, 2], picture: .sample, job: job,
        madeAt: .at(4))
}

extension PictureNote {
    fileprivate static let reused: PictureNote = {
        var note = PictureNote.sample
        note.file = ""
        return note
    }()
}

@Suite("Journal: pictures that may be reused")
struct KeptTests {
    private let folder: Folder
    private let journal: Journal

    init() throws {
        folder = try Folder()
        journal = try Journal(path: folder.journal)
    }

    /// Brings a new job to the moment before its picture is stored.
    private func fetched(_ name: String) async throws {
        _ = try await journal.admit(.sample(name))
        _ = try await journal.order(name, plan: [1], .free, at: .at(1))
        try await journal.fetched(name, .sample, settling: .final(.free, made: true), at: .at(2))
    }

    @Test("what was stored is known by its place with the commit that says stored, also after a restart")
    func stored() async throws {
        try await fetched("a")
        #expect(try await journal.kept(slot) == nil)
        try await journal.stored("a", [3], keeping: kept(1))
        #expect(try await journal.kept(slot) == kept(1))
        await journal.close()
        let again = try Journal(path: folder.journal)
        #expect(try await again.kept(slot) == kept(1))
        #expect(try await again.kept(slot)?.picture.isReused == true, "it lies in no work folder")
    }

    @Test("each view and kind has a place of its own, and the last one stored in a place is the one")
    func places() async throws {
        let places = [
            slot, PictureSlot(userID: "peichin", outfitID: "o-17", view: "street", kind: .image),
            PictureSlot(userID: "peichin", outfitID: "o-17", kind: .video),
            PictureSlot(userID: "other", outfitID: "o-17", kind: .image),
        ]
        for (number, place) in places.enumerated() {
            try await fetched("j\(number)")
            try await journal.stored("j\(number)", [3], keeping: kept(UInt8(number), slot: place))
        }
        for (number, place) in places.enumerated() {
            #expect(try await journal.kept(place)?.fingerprint.first == UInt8(number))
        }
        try await fetched("late")
        try await journal.stored("late", [3], keeping: kept(9, job: "late"))
        #expect(try await journal.kept(slot)?.job == "late")
    }

    @Test("a step that the books refuse keeps nothing")
    func refused() async throws {
        _ = try await journal.admit(.sample("a"))
        _ = try await journal.order("a", plan: [1], .free, at: .at(1))
        #expect(await failureCode { try await journal.stored("a", [3], keeping: kept(1)) } == .wrongPhase)
        #expect(try await journal.kept(slot) == nil)
    }

    @Test("a job goes from claimed to stored without an order, and on from there after a crash")
    func reused() async throws {
        _ = try await journal.admit(.sample("a"))
        try await journal.reused("a", plan: [5], provider: "runway", picture: .reused, stored: [6])
        let row = try #require(try await journal.row("a"))
        #expect(row.phase == .stored && row.picture == .reused && row.plan == [5] && row.stored == [6])
        #expect(row.provider == "runway" && row.starts == 0 && row.firstSubmitAt == nil)
        #expect(try await journal.attempts("a").isEmpty)
        #expect(try await journal.admit(.sample("a")).job?.resume == .update)
        try await journal.recorded("a")
        try await journal.landing("a", .done, code: nil, result: [7], at: .at(8))
        try await journal.landed(["a"], at: .at(9))
        #expect(try await journal.forget(["a"]) == [], "it left no file in work/")
    }

    @Test("a job for which something was ordered is not answered from a stored picture")
    func onlyBeforeAnOrder() async throws {
        _ = try await journal.admit(.sample("a"))
        _ = try await journal.order("a", plan: [1], .paid, at: .at(1))
        let code = await failureCode {
            try await journal.reused("a", plan: [5], provider: "runway", picture: .reused, stored: [6])
        }
        #expect(code == .wrongPhase)
        #expect(try await journal.row("a")?.phase == .ordered)
    }

    @Test("a retry of a job that was answered so looks at the picture once more")
    func retried() async throws {
        _ = try await journal.admit(.sample("a"))
        try await journal.reused("a", plan: [5], provider: "runway", picture: .reused, stored: [6])
        try await journal.landing("a", .failed, code: .recordConflict, result: [7], at: .at(8))
        try await journal.landed(["a"], at: .at(9))
        let job = try #require(try await journal.admit(.sample("a", old: .failed)).job)
        #expect(job.resume == .prepare && job.row.phase == .claimed && job.row.picture == nil && job.row.stored == nil)
    }
}

@Suite("Journal: figures that are read again")
struct RecheckTests {
    private let folder: Folder
    private let journal: Journal
    private static let price = Money(credits: 8, usdMicros: 80_000)
    private static let refunded = Money(credits: 0, usdMicros: 0)

    init() throws {
        folder = try Folder()
        journal = try Journal(path: folder.journal)
    }

    private func closed(_ name: String, _ settlement: Settlement, task: String? = "t", at: Timestamp = .at(5))
        async throws
    {
        _ = try await journal.admit(.sample(name))
        _ = try await journal.order(name, plan: [1], .paid, at: .at(1))
        if let task { try await journal.tasked(name, taskID: task, at: .at(2)) }
        try await journal.settle(name, settlement, at: at)
    }

    private func next() async throws -> AttemptRow? { try await journal.nextRecheck(of: ["runway", "paid"]) }

    @Test("a charged failure, an uncertain end and a picture without a price wait; what is final does not")
    func marked() async throws {
        let cases: [(Settlement, String?, Bool)] = [
            (.final(Self.price, made: false), "t", true), (.uncertain, "t", true), (.unpriced, "t", true),
            (.final(Self.price, made: true), "t", false), (.final(Self.refunded, made: false), "t", false),
            (.uncertain, nil, false), (.refused, nil, false),
        ]
        for (number, (settlement, task, waits)) in cases.enumerated() {
            try await closed("j\(number)", settlement, task: task)
            let row = try #require(try await journal.attempts("j\(number)").last)
            #expect((row.recheckSince != nil) == waits, "\(settlement), \(task ?? "no task")")
        }
        let made = try #require(try await journal.attempts("j2").last)
        #expect(made.state == .uncertain && made.made && !made.mayBeFollowed && made.final == nil)
    }

    @Test("the one that waits longest comes first, of providers that are there, also after a restart")
    func order() async throws {
        try await closed("late", .uncertain, at: .at(9))
        try await closed("early", .uncertain, at: .at(6))
        await journal.close()
        let again = try Journal(path: folder.journal)
        #expect(try await again.nextRecheck(of: ["runway"])?.name == "early")
        #expect(try await again.nextRecheck(of: ["other"]) == nil)
        #expect(try await again.nextRecheck(of: []) == nil)
        let early = try #require(try await again.nextRecheck(of: ["runway"]))
        try await again.postponeRecheck(early, at: .at(20))
        #expect(try await again.nextRecheck(of: ["runway"])?.name == "late")
    }

    @Test("a refund that has landed corrects the figure and the month's sum, once")
    func corrected() async throws {
        try await closed("a", .final(Self.price, made: false))
        let waiting = try #require(try await next())
        let correction = try await journal.rechecked(waiting, price: Self.refunded)
        #expect(correction == CostCorrection(before: Self.price, wasUncertain: false, after: Self.refunded))
        let row = try #require(try await journal.attempts("a").last)
        #expect(row.state == .settled && row.final == Self.refunded && row.settledAt == .at(5) && !row.made)
        #expect(try await next() == nil)
        #expect(try await journal.rechecked(waiting, price: Self.price) == nil, "it waits no longer")
        #expect(try await journal.attempts("a").last?.final == Self.refunded)
        let sum = try await journal.write { books in
            try books.one("SELECT usd_micros FROM spend WHERE user_id = ''", [])?["usd_micros"] as Int64?
        }
        #expect(sum == 0)
    }

    @Test("an uncertain cost becomes certain, one that is still not told stays, and neither is asked again")
    func uncertain() async throws {
        try await closed("a", .unpriced)
        let told = try await journal.rechecked(try #require(try await next()), price: Self.price)
        #expect(told == CostCorrection(before: Self.price, wasUncertain: true, after: Self.price))
        let row = try #require(try await journal.attempts("a").last)
        #expect(row.state == .settled && row.made && row.final == Self.price)
        try await closed("b", .uncertain)
        #expect(try await journal.rechecked(try #require(try await next()), price: nil) == nil)
        #expect(try await journal.attempts("b").last?.state == .uncertain)
        #expect(try await next() == nil)
    }

    @Test("what was closed anew while it was read keeps the younger figure")
    func overtaken() async throws {
        try await closed("a", .final(Self.price, made: false))
        let waiting = try #require(try await next())
        try await journal.settle("a", .final(Self.price, made: true), at: .at(7))
        #expect(try await journal.rechecked(waiting, price: Self.refunded) == nil)
        let row = try #require(try await journal.attempts("a").last)
        #expect(row.made && row.final == Self.price && row.recheckSince == nil)
    }
}
