// The sweep with real jobs: what goes when its time is over, what stays and why, and what a name is afterwards.

import Contract
import Ledger
import Linux
import Logging
import Pipeline
import Spool
import Testing

@testable import vizd

private let one = "8f14e45f-ceea-467f-a0e6-1d1c6d3a0001"
private let two = "8f14e45f-ceea-467f-a0e6-1d1c6d3a0002"
private let day: Int64 = 86_400_000_000_000

@Suite("Retention")
struct RetentionTests {
    private let house: Household

    init() throws { house = try Household() }

    /// A sweep as it would be so many days from now.
    private func sweep(
        days: Int64 = 40, _ limits: RetentionLimits = RetentionLimits(done: 30 * day, failed: 30 * day)
    ) async {
        await retention(days: days, limits).sweep()
    }

    private func retention(days: Int64, _ limits: RetentionLimits) -> Retention {
        let life = house.life
        let later = JobLife(
            spool: life.spool, journal: life.journal, pipeline: life.pipeline, landing: life.landing,
            board: life.board, work: life.work, pool: life.pool, log: life.log, working: life.working,
            cancels: life.cancels, requestBytes: life.requestBytes, awaitRoom: life.awaitRoom, pause: life.pause,
            wallClock: { WallClock.now() + days * day })
        return Retention(later, limits, sleep: { _ in }, fail: { sentence in Issue.record("\(sentence)") })
    }

    private func lines(_ event: String) -> [String] { house.lines.all.filter { $0.contains(" \(event) ") } }

    @Test("when its days are over a job goes with all its files and its row; its picture stays, and its name is new")
    func goes() async throws {
        try await house.run()
        let before = try house.names(.done)
        await sweep(days: 29)
        #expect(try house.names(.done) == before && before.count == 2)
        await sweep(days: 31)
        #expect(try house.names(.done).isEmpty)
        #expect(try await house.journal.row("a") == nil)
        #expect(lines("retention.removed").count == 1 && lines("retention.removed")[0].contains("jobs=1"))
        let picture = "peichin/items/visualizations/\(two).jpg"
        #expect(try Directory(path: "\(house.path)/wardrobe_photos").infoIfPresent(of: FileName(picture)) != nil)
        // The same bytes are a fresh job, and an unchanged outfit is answered from its picture at no cost.
        try await house.run(Household.request().replacing(#", "regenerate": true"#, with: ""))
        #expect(house.provider.orders == 1)
        #expect(try await house.journal.row("a")?.run == 2)
        try await house.isAtRest()
    }

    @Test("each box has its own days, and an empty setting keeps for ever")
    func limits() async throws {
        try await house.run()
        house.provider.fail(.moderation)
        try await house.run(as: "b.json")
        await sweep(days: 4000, RetentionLimits())
        #expect(try house.names(.done).count == 2 && house.names(.failed).count == 2)
        await sweep(days: 4000, RetentionLimits(done: nil, failed: 3999 * day))
        #expect(try house.names(.done).count == 2 && house.names(.failed).isEmpty)
        #expect(try await house.journal.row("a") != nil)
        await sweep(RetentionLimits(done: day, failed: nil))
        #expect(try house.names(.done).isEmpty)
    }

    @Test("a batch goes as one, with the results of its parts in both boxes and their rows")
    func batch() async throws {
        house.provider.fail(.moderation)
        let request = #"{"user_id": "peichin", "outfit_ids": ["\#(one)", "\#(two)"]}"#
        try await house.run(request)
        #expect(try house.names(.done) == ["a.0002.result.json", "a.json", "a.result.json"])
        #expect(try house.names(.failed) == ["a.0001.result.json"])
        // Its failed part is not taken for a job of its own in the other box.
        await sweep(RetentionLimits(done: nil, failed: day))
        #expect(try house.names(.failed) == ["a.0001.result.json"])
        await sweep(RetentionLimits(done: day, failed: nil))
        #expect(try house.names(.done).isEmpty && house.names(.failed).isEmpty)
        #expect(try await house.journal.family(of: "a").isEmpty)
        #expect(try await house.journal.row("a.0002") == nil)
    }

    @Test("refused files and jobs of a lost journal go by what their results say; strange files stay, told once")
    func strays() async throws {
        try await house.run("{")
        try house.deliver(Household.request(), as: "b.json")
        try await house.live("b.json")
        try house.deliver("{}", as: "x.result.json")
        try await house.live("x.result.json")
        let refused = try #require(try house.names(.failed).first { $0.hasPrefix("x.result~") })
        #expect(try await house.journal.forget(["b"]) == ["b.picture"])
        let result = try house.bytes("b.result.json", in: .done)
        try house.spool[.done].open("other.result.json", .create).write(all: result)
        try house.spool[.done].open("words.result.json", .create).write(all: [1, 2, 3])
        try house.spool[.done].open("notes.txt", .create).write(all: [1])
        try house.spool[.done].symlink("link.result.json", to: "b.result.json")
        let sweeper = retention(days: 40, RetentionLimits(done: 30 * day, failed: 30 * day))
        await sweeper.sweep()
        #expect(try house.names(.failed).isEmpty, "\(refused) and a.json were to go")
        let left = ["link.result.json", "notes.txt", "other.result.json", "words.result.json"]
        #expect(try house.names(.done) == left)
        #expect(lines("retention.left_alone").count == 1 && lines("retention.left_alone")[0].contains("files=4"))
        sweeper.adopt(RetentionLimits(done: 29 * day, failed: 29 * day))
        await sweeper.sweep()
        #expect(lines("retention.left_alone").count == 1)
    }

    @Test("a failed job whose retry waits or is under way stays, and the retry goes on from what the journal knows")
    func retried() async throws {
        house.provider.fail(.generationTimeout)
        try await house.run()
        try house.move(from: .failed)
        await sweep()
        #expect(try house.names(.failed) == ["a.result.json"] && house.names(.incoming) == ["a.json"])
        let claimed = try house.claimed()
        await sweep()
        #expect(try house.names(.failed) == ["a.result.json"])
        try await house.live(claimed)
        #expect(try house.names(.done) == ["a.json", "a.result.json"])
        #expect(try await house.journal.row("a")?.run == 1, "it was a retry, not a new job")
    }

    @Test("a job at work is never touched, nor is one that landed again after it was found to be old")
    func atWork() async throws {
        try await house.run()
        try house.move(from: .done)
        house.provider.close()
        let claimed = try house.claimed()
        let life = house.life
        let working = Task { await life.live(claimed, queued: 0) }
        await house.provider.reached(2)
        await sweep()
        #expect(try await house.journal.row("a")?.phase.isOpen == true)
        house.provider.open()
        _ = await working.value
        #expect(try house.names(.done) == ["a.json", "a.result.json"])
    }

    @Test("a name that is being removed is not begun; a request of it that comes meanwhile runs when it is free")
    func held() async throws {
        try await house.run()
        let name = try #require(JobName("a"))
        #expect(house.life.working.hold(name) && !house.life.working.hold(name))
        #expect(!house.life.working.insert(name) && house.life.working.contains(name))
        #expect(house.life.working.all.isEmpty)
        try house.move(from: .done)
        let claimed = try house.claimed()
        let life = house.life
        let waiting = Task { await life.live(claimed, queued: 0) }
        await sweep()
        #expect(try await house.journal.row("a")?.phase == .landed, "whoever holds the name has it")
        house.life.working.release(name)
        _ = await waiting.value
        #expect(house.provider.orders == 2)
        try await house.isAtRest()
    }

    @Test("a picture that was paid for and could not be stored stays, with its job, and is told")
    func unstored() async throws {
        try await unstorable()
        let kept = try await house.work.jobs()
        #expect(try house.result(in: .failed).failure?.code == .storageFailed && kept == ["a"])
        await sweep()
        #expect(try house.names(.failed) == ["a.json", "a.result.json"])
        #expect(try await house.work.jobs() == ["a"])
        #expect(lines("retention.kept").count == 1 && lines("retention.kept")[0].contains("picture 1"))
    }

    /// A job whose picture's place is taken by a folder.
    private func unstorable() async throws {
        let pictures = "\(house.path)/wardrobe_photos/peichin/items/visualizations/\(two).jpg"
        try Host.makeDirectories(pictures)
        try await house.run()
    }

    @Test("what lies in work/ of a job that is forgotten goes with it")
    func workFile() async throws {
        let journal = house.journal
        for name in ["a", "b"] {
            let asked = AdmissionRequest(
                name: name, digest: [UInt8](repeating: 1, count: 32), ownerUID: 0, request: [1], userID: "peichin",
                outfitID: nil, oldRequest: .nowhere, running: false, at: house.life.now())
            _ = try await journal.admit([asked])
            let order = NewAttempt(
                provider: "gated", model: nil, userID: "peichin", estimate: .free, freeOfCharge: true)
            _ = try await journal.order(name, plan: [1], order, at: house.life.now())
            let note = try await house.work.keep([1], of: name, width: 1, height: 1, contentType: "image/jpeg")
            try await journal.fetched(name, note, settling: .final(.free, made: true), at: house.life.now())
            // A retry of what was cancelled makes its picture anew; one that could not be stored is stored.
            let code = name == "a" ? ResultCode.cancelled : .storageFailed
            try await journal.landing(name, .failed, code: code, result: [1], at: house.life.now())
            try await journal.landed([name], at: house.life.now())
        }
        await sweep()
        #expect(try await house.work.jobs() == ["b"])
        #expect(try await journal.row("a") == nil)
        #expect(try await journal.row("b") != nil)
    }

    @Test("a sweep that is asked for while one runs comes after it, so that a new setting is never missed")
    func asked() async throws {
        try await house.run()
        let sweeper = retention(days: 40, RetentionLimits(done: 41 * day, failed: nil))
        await sweeper.sweep()
        #expect(try house.names(.done).count == 2)
        sweeper.adopt(RetentionLimits(done: 39 * day, failed: nil))
        await sweeper.sweep()
        // The one that `adopt` began may still be at work; a wish meanwhile is never lost.
        while try !house.names(.done).isEmpty { await Task.yield() }
    }
}
