// The life of a claimed file, with real parts: what it is judged to be, where it lands, and what the next one finds.

import Contract
import Digest
import Ledger
import Linux
import Pipeline
import Spool
import Testing

@testable import vizd

private let bothFiles = ["a.json", "a.result.json"]

@Suite("The life of a request")
struct DaemonJobLifeTests {
    private let house: Household

    init() throws { house = try Household() }

    @Test("a fresh request ends in done with its result beside it, and nothing is left of the work")
    func fresh() async throws {
        try await house.run(Household.request(#""provider": "flatlay", "metadata": {"cart": 17}"#))
        #expect(try house.names(.done) == bothFiles && house.names(.failed).isEmpty)
        let result = try house.result(in: .done)
        #expect(result.outcome.status == "complete" && result.jobID == "a" && result.attempts == 1)
        #expect(result.requestSHA256 == SHA256.of(try house.bytes("a.json", in: .done)).hex)
        #expect(result.timing.queued == 0.5 && result.metadata == Array(#"{"cart": 17}"#.utf8))
        guard case .complete(let picture, _) = result.outcome, case .local(let path) = picture.storage else {
            throw Ill(sentence: "\(result)")
        }
        #expect(SHA256.of(try Host.readFile(path, limit: 1 << 24)).hex == picture.image.sha256)
        let row = try #require(try await house.journal.row("a"))
        #expect(row.phase == .landed && row.outcome?.box == .done && row.request == nil)
        #expect(try await house.work.jobs().isEmpty)
        try await house.isAtRest()
    }

    @Test("a request that fails ends in failed with its result beside it")
    func failed() async throws {
        house.provider.fail(.moderation)
        try await house.run()
        #expect(try house.names(.failed) == bothFiles && house.names(.done).isEmpty)
        let result = try house.result(in: .failed)
        #expect(result.failure?.code == .moderation && result.attempts == 1)
        #expect(try await house.journal.row("a")?.outcome?.code == .moderation)
        try await house.isAtRest()
    }

    @Test("a request that cannot be read fails with the contract's words, under its own name")
    func unreadable() async throws {
        let texts = ["", "{", "[]", #"{"user_id": 3}"#, "\u{FEFF}{}", #"{"user_id": "u", "x": 1}"#]
        for (index, text) in texts.enumerated() {
            try await house.run(text, as: FileName("bad-\(index).json"))
            let result = try house.result("bad-\(index)", in: .failed)
            let isJSON = index == 2 || index == 3 || index == 5
            #expect(result.failure?.code == (isJSON ? .invalidRequest : .invalidJSON), "\(text)")
            #expect(result.requestSHA256 == SHA256.of(Array(text.utf8)).hex && result.attempts == 0)
        }
        #expect(house.provider.orders == 0)
        try await house.isAtRest()
    }

    @Test("the same bytes as a job that is done are a duplicate: removed, and the result stays as it is")
    func duplicateOfDone() async throws {
        try await house.run()
        let result = try house.bytes("a.result.json", in: .done)
        try await house.run()
        #expect(try house.bytes("a.result.json", in: .done) == result && house.names(.done) == bothFiles)
        #expect(house.provider.orders == 1)
        try await house.isAtRest()
    }

    @Test("other bytes under the name of a job that is done or failed land beside it as name_taken")
    func nameTaken() async throws {
        for (name, box) in [("done", Box.done), ("failed", Box.failed)] {
            if box == .failed { house.provider.fail(.moderation) }
            try await house.run(Household.request(), as: FileName("\(name).json"))
            let before = try house.bytes(FileName("\(name).result.json"), in: box)
            let other = Household.request(#""seed": 7"#)
            try await house.run(other, as: FileName("\(name).json"))
            let own = "\(name)~\(SHA256.of(Array(other.utf8)).hex.prefix(8))"
            let result = try house.result(own, in: .failed)
            #expect(result.failure?.code == .nameTaken && result.jobID == own && result.userID == "peichin")
            #expect(try house.bytes(FileName("\(own).json"), in: .failed) == Array(other.utf8))
            #expect(try house.bytes(FileName("\(name).result.json"), in: box) == before)
        }
        #expect(house.provider.orders == 2)
        try await house.isAtRest()
    }

    @Test("a done request moved back runs anew, and its stale result is withdrawn before")
    func rerun() async throws {
        try await house.run()
        try house.move(from: .done)
        house.provider.close()
        let running = Task { try await house.live() }
        await house.provider.reached(2)
        #expect(try house.names(.done).isEmpty, "who sees a result sees a finished job")
        house.provider.open()
        try await running.value
        #expect(try house.names(.done) == bothFiles)
        #expect(try await house.journal.row("a")?.run == 2)
        try await house.isAtRest()
    }

    @Test("a failed request moved back, or dropped once more, is tried again and leaves failed empty")
    func retry() async throws {
        for (name, isMoved) in [("moved", true), ("dropped", false)] {
            let file = FileName("\(name).json")
            house.provider.fail(.generationFailed)
            try await house.run(Household.request(), as: file)
            #expect(try house.names(.failed).count == 2)
            if isMoved { try house.move(file, from: .failed) } else { try house.deliver(as: file) }
            try await house.live(file)
            #expect(try house.names(.failed).isEmpty)
            let result = try house.result(name, in: .done)
            #expect(result.outcome.status == "complete" && result.attempts == 2)
            #expect(try await house.journal.row(name)?.run == 1)
        }
        try await house.isAtRest()
    }

    @Test("a readable request in a box of which the journal knows nothing is never overwritten")
    func unknownInBox() async throws {
        let earlier = Array("somebody's only copy".utf8)
        try house.spool[.done].publish(earlier, as: "a.json", temporary: ".t", durable: false)
        try await house.run()
        #expect(try house.bytes("a.json", in: .done) == earlier)
        #expect(try house.result(in: .done).outcome.status == "complete")
        let beside = try house.names(.done).filter { $0.hasPrefix("a~") }
        #expect(beside.count == 1)
        #expect(try house.bytes(FileName(try #require(beside.first)), in: .done) == Array(Household.request().utf8))
        try await house.isAtRest()
    }

    @Test("what goes on after a stop is ordered again where it is free, and lands once")
    func resumes() async throws {
        try house.deliver()
        let claimed = try house.claimed()
        let bytes = Array(Household.request().utf8)
        let question = AdmissionRequest(
            name: "a", digest: SHA256.of(bytes).bytes, ownerUID: 0, request: bytes, userID: "peichin", outfitID: nil,
            oldRequest: .nowhere, running: false, at: Sample.now)
        _ = try await house.journal.admit([question])
        let attempt = NewAttempt(
            provider: "gated", model: "gated", userID: "peichin", estimate: .free, freeOfCharge: true)
        _ = try await house.journal.order("a", plan: [], attempt, at: Sample.now)
        try await house.live(claimed)
        #expect(try house.result(in: .done).attempts == 2)
        #expect(try await house.journal.attempts("a").map(\.state) == [.refused, .settled])
        try await house.isAtRest()
    }

    @Test("a job that ended vizd three times is not started again")
    func poison() async throws {
        try house.deliver()
        let claimed = try house.claimed()
        let bytes = Array(Household.request().utf8)
        let question = AdmissionRequest(
            name: "a", digest: SHA256.of(bytes).bytes, ownerUID: 0, request: bytes, userID: "peichin", outfitID: nil,
            oldRequest: .nowhere, running: false, at: Sample.now)
        for _ in 0..<3 { _ = try await house.journal.admit([question]) }
        try await house.live(claimed)
        #expect(try house.result(in: .failed).failure?.code == .poison)
        #expect(house.provider.orders == 0)
        try await house.isAtRest()
        try house.move(from: .failed)
        try await house.live()
        #expect(try house.result(in: .done).outcome.status == "complete", "a person has looked: it starts afresh")
    }

    @Test("a result that only had to land lands as it was written, whatever is in its box already")
    func relanding() async throws {
        for (number, isThere) in [false, true].enumerated() {
            let (name, file) = ("job-\(number)", FileName("job-\(number).json"))
            try house.deliver(as: file)
            let claimed = try house.claimed(file)
            let bytes = Array(Household.request().utf8)
            let question = AdmissionRequest(
                name: name, digest: SHA256.of(bytes).bytes, ownerUID: 0, request: bytes, userID: "peichin",
                outfitID: nil, oldRequest: .nowhere, running: false, at: Sample.now)
            _ = try await house.journal.admit([question])
            let result = Sample.complete(name).encode()
            try await house.journal.landing(name, .done, code: nil, result: result, at: Sample.now)
            let resultFile = FileName("\(name).result.json")
            if isThere { try house.spool[.done].publish(result, as: resultFile, temporary: ".t") }
            try await house.live(claimed)
            #expect(try house.bytes(resultFile, in: .done) == result)
            #expect(try house.bytes(file, in: .done) == bytes)
        }
        #expect(house.provider.orders == 0)
        try await house.isAtRest()
    }

    @Test("a request whose file disappears while it is worked on still gets its result")
    func disappears() async throws {
        try house.deliver()
        let claimed = try house.claimed()
        house.provider.close()
        let running = Task { try await house.live(claimed) }
        await house.provider.reached(1)
        try house.spool[.processing].unlink("a.json")
        house.provider.open()
        try await running.value
        #expect(try house.names(.done) == ["a.result.json"])
        try await house.isAtRest()
    }

    @Test("a file that is gone before it is read ends quietly, and the journal never hears of it")
    func gone() async throws {
        try house.deliver()
        let claimed = try house.claimed()
        try house.spool[.processing].unlink("a.json")
        try await house.live(claimed)
        #expect(try await house.journal.row("a") == nil)
        #expect(try house.names(.done).isEmpty && house.names(.failed).isEmpty)
        try await house.isAtRest()
    }

    @Test("a journal that cannot be written ends the life as the machine's failure, and the file stays ours")
    func machine() async throws {
        try house.deliver()
        let claimed = try house.claimed()
        await house.journal.close()
        guard case .machine(let sentence) = await house.life.live(claimed, queued: 0) else {
            throw Ill(sentence: "it went on")
        }
        #expect(sentence.contains("closed"))
        #expect(try house.names(.processing) == ["a.json"] && house.life.working.all.isEmpty)
    }
}
