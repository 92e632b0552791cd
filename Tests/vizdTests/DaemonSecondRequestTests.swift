// Second requests of a name, files that are no requests, and lives that meet.

import Contract
import Digest
import Ledger
import Linux
import Spool
import Testing

@testable import vizd

@Suite("Second requests of a name")
struct DaemonSecondRequestTests {
    private let house: Household

    init() throws { house = try Household() }

    /// Starts a job and holds it at its provider.
    private func held() async throws -> Task<Void, any Error> {
        try house.deliver()
        let claimed = try house.claimed()
        house.provider.close()
        let running = Task { [house] in try await house.live(claimed) }
        await house.provider.reached(1)
        return running
    }

    @Test("while the first is under way the same bytes are a duplicate and others are name_taken")
    func whileRunning() async throws {
        let running = try await held()
        try await house.run()
        let other = Household.request(#""seed": 7"#)
        try await house.run(other)
        let own = "a~\(SHA256.of(Array(other.utf8)).hex.prefix(8))"
        #expect(try house.result(own, in: .failed).failure?.code == .nameTaken)
        #expect(try house.names(.processing).filter { $0.hasSuffix("a.json") } == ["a.json"])
        house.provider.open()
        try await running.value
        #expect(try house.result(in: .done).attempts == 1 && house.provider.orders == 1)
        try await house.isAtRest()
    }

    /// Puts a second request into processing as a claim does while the first is there.
    private func aside(_ inode: String, _ text: String = Household.request()) throws -> Claimed {
        let file = FileName(".again.\(inode).a.json")
        try house.spool[.processing].publish(Array(text.utf8), as: file, temporary: ".t", durable: false)
        return try #require(Claimed(found: file))
    }

    @Test("second requests that wait for a failed first take its place one after the other, and none is run beside it")
    func promoted() async throws {
        house.provider.fail(.generationFailed)
        try await house.run()
        let asides = try (1...4).map { try aside("\($0)") }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for claimed in asides { group.addTask { [house] in try await house.live(claimed) } }
            try await group.waitForAll()
        }
        #expect(house.provider.orders == 2, "the first of them is the retry, the others its duplicates")
        #expect(try house.result(in: .done).attempts == 2 && house.names(.failed).isEmpty)
        try await house.isAtRest()
    }

    @Test("a second request whose first was never admitted waits for it, and is judged then")
    func waitsForFirst() async throws {
        try house.deliver()
        let first = try house.claimed()
        let second = try aside("1f")
        let waiting = Task { [house] in try await house.live(second) }
        house.provider.close()
        let running = Task { [house] in try await house.live(first) }
        await house.provider.reached(1)
        try await waiting.value
        #expect(try house.names(.processing).filter { $0.hasPrefix(".again") }.isEmpty)
        house.provider.open()
        try await running.value
        #expect(house.provider.orders == 1)
        try await house.isAtRest()
    }

    @Test("a second request that is removed while it waits ends quietly")
    func removedAside() async throws {
        try house.deliver()
        _ = try house.claimed()
        let second = try aside("1f")
        let waiting = Task { [house] in try await house.live(second) }
        try house.spool[.processing].unlink(second.source)
        try await waiting.value
        #expect(try house.names(.processing) == ["a.json"])
    }

    @Test("a request does not begin before the earlier life of its name is over, also when that has landed")
    func oneLife() async throws {
        house.provider.fail(.generationFailed)
        try await house.run()
        let name = try #require(JobName("a"))
        // What the earlier life still does after its landing: the name is at work.
        #expect(house.life.working.insert(name))
        try house.move(from: .failed)
        let claimed = try house.claimed()
        let (done, end) = AsyncStream<Void>.makeStream()
        let running = Task { [house] in
            try await house.live(claimed)
            end.finish()
        }
        // It is read, judged and put off, again and again.
        for _ in 0..<200 { _ = try await house.journal.row("a") }
        #expect(house.provider.orders == 1 && house.life.working.contains(name))
        #expect(try await house.journal.row("a")?.phase == .landed)
        house.life.working.remove(name)
        for await _ in done {}
        try await running.value
        #expect(try house.result(in: .done).attempts == 2)
        try await house.isAtRest()
    }

    @Test("many different requests at once all land, each once")
    func many() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<24 {
                let file = FileName("job-\(number).json")
                try house.deliver(Household.request(#""seed": \#(number)"#), as: file)
                let claimed = try house.claimed(file)
                group.addTask { [house] in try await house.live(claimed) }
            }
            try await group.waitForAll()
        }
        #expect(try house.names(.done).count == 48 && house.provider.orders == 24)
        try await house.isAtRest()
    }
}

@Suite("Files that are no requests")
struct DaemonOddFileTests {
    private let house: Household

    init() throws { house = try Household() }

    private func oddity(_ kind: FileKind, _ name: FileName) throws {
        let incoming = house.spool[.incoming]
        switch kind {
        case .symlink: try incoming.symlink(name, to: FileName("\(house.path)/vizd.sqlite"))
        case .fifo: try incoming.makeFIFO(name)
        case .directory: try incoming.makeDirectory(name, mode: 0o755)
        default: throw Ill(sentence: "the test makes no \(kind)")
        }
    }

    @Test("a link, a pipe and a folder land unopened in failed, and no digest is claimed for them")
    func odd() async throws {
        for kind in [FileKind.symlink, .fifo, .directory] {
            let file = FileName("\(kind).json")
            try oddity(kind, file)
            try await house.live(file)
            let result = try house.result("\(kind)", in: .failed)
            #expect(result.failure?.code == .notARegularFile && result.requestSHA256 == nil)
            #expect(result.failure?.message.contains(kind.phrase) == true)
            #expect(try house.spool[.failed].info(of: file).kind == kind, "moved, not replaced")
            #expect(try await house.journal.row("\(kind)") == nil)
        }
        try await house.isAtRest()
    }

    @Test("an odd file under the name of a job that has landed gets a name of its own")
    func oddNameTaken() async throws {
        try await house.run()
        let before = try house.bytes("a.result.json", in: .done)
        try oddity(.fifo, "a.json")
        try await house.live()
        #expect(try house.bytes("a.result.json", in: .done) == before)
        #expect(try house.names(.failed).count == 2 && house.names(.failed).allSatisfy { $0.hasPrefix("a~") })
        try await house.isAtRest()
    }

    @Test("a request that is too large is refused with both figures, and lands whole")
    func tooLarge() async throws {
        let text = String(repeating: " ", count: 4097)
        try await house.run(text)
        let result = try house.result(in: .failed)
        #expect(result.failure?.code == .requestTooLarge && result.requestSHA256 == nil)
        #expect(result.failure?.message.contains("4097") == true && result.failure?.message.contains("4096") == true)
        #expect(try house.spool[.failed].info(of: "a.json").size == 4097)
        try await house.run(String(repeating: " ", count: 4096), as: "b.json")
        #expect(try house.result("b", in: .failed).failure?.code == .invalidJSON, "the limit itself is read")
        try await house.isAtRest()
    }

    @Test("a name that breaks the rule lands under its escaped form, with its bytes and what to do")
    func invalidNames() async throws {
        let names: [(FileName, String)] = [
            ("a.result.json", "a.result"), (FileName(bytes: Array("b\n.json".utf8)), "b%0A"),
            (FileName(bytes: [0x63, 0xFF] + Array(".json".utf8)), "c%FF"), ("d.0001.json", "d.0001"),
            (FileName(String(repeating: "n", count: 201) + ".json"), String(repeating: "n", count: 100)),
        ]
        for (file, escaped) in names {
            try await house.run(Household.request(), as: file)
            let own = "\(escaped)~\(SHA256.of(Array(Household.request().utf8)).hex.prefix(8))"
            let result = try house.result(own, in: .failed)
            #expect(result.failure?.code == .invalidName && result.jobID == own)
            #expect(result.requestSHA256 == SHA256.of(Array(Household.request().utf8)).hex)
            #expect(try house.bytes(FileName("\(own).json"), in: .failed) == Array(Household.request().utf8))
        }
        #expect(house.provider.orders == 0)
        try await house.isAtRest()
    }

    @Test("a folder under a bad name lands too, with no digest")
    func invalidFolder() async throws {
        try oddity(.directory, "x.status.json")
        try await house.live("x.status.json")
        let landed = try #require(try house.names(.failed).first { $0.hasSuffix(".result.json") })
        let result = try ResultDocument.decode(try house.bytes(FileName(landed), in: .failed))
        #expect(result.failure?.code == .invalidName && result.requestSHA256 == nil)
        try await house.isAtRest()
    }
}
