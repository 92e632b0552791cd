// Wishes and the lives of jobs, on a real disk: when a wish is heard, when it is too late, whose counts, and that its
// file goes when the job has landed and not before.

import Contract
import Linux
import Spool
import Testing

@testable import vizd

@Suite("Wishes for the end of jobs, on the disk")
struct DaemonCancelTests {
    private let house: Household

    init() throws { house = try Household() }

    private func wish(_ name: String = "a") throws -> CancelWish {
        let file = FileName("\(name).cancel")
        try house.deliver("", as: file)
        return try #require(CancelWish(file))
    }

    private func heed(_ wish: CancelWish) async throws {
        if case .machine(let sentence) = await house.life.heed(wish) { throw Ill(sentence: sentence) }
    }

    @Test("a request whose wish lies beside it lands as cancelled, nothing is made, and the wish is gone")
    func beside() async throws {
        _ = try wish()
        try await house.run()
        let result = try house.result(in: .failed)
        #expect(result.failure?.code == .cancelled && result.cost == .init() && result.attempts == 0)
        #expect(try house.names(.incoming).isEmpty && house.names(.failed) == ["a.json", "a.result.json"])
        #expect(house.provider.orders == 0 && house.lines.all.contains { $0.contains("cancel.done") })
        try await house.isAtRest()
    }

    @Test("a wish that comes when the picture is made already is too late: the job completes, and the wish goes after")
    func tooLate() async throws {
        house.provider.close()
        try house.deliver()
        let life = try house.claimed()
        async let lived: Void = house.live(life)
        await house.provider.reached(1)
        let wish = try wish()
        try await heed(wish)
        #expect(try house.names(.incoming) == ["a.cancel"], "it stays until the job has landed")
        house.provider.open()
        try await lived
        #expect(try house.names(.done) == ["a.json", "a.result.json"] && house.names(.incoming).isEmpty)
        #expect(house.lines.all.contains { $0.contains("cancel.too_late") })
        try await house.isAtRest()
    }

    @Test("a wish about a job that has landed before, or never was, is removed and changes nothing")
    func nothingToCancel() async throws {
        try await house.run()
        try await heed(try wish())
        try await heed(try wish("nobody"))
        try await heed(try wish("batch.0001"))
        #expect(try house.names(.incoming).isEmpty && house.names(.done) == ["a.json", "a.result.json"])
        #expect(house.lines.all.count { $0.contains("cancel.unknown") } == 2)
        #expect(house.lines.all.count { $0.contains("cancel.too_late") } == 1)
        try await house.isAtRest()
    }

    @Test("a wish about a job that is claimed and has not begun stays for it")
    func notBegun() async throws {
        try house.deliver()
        let claimed = try house.claimed()
        try await heed(try wish())
        #expect(try house.names(.incoming) == ["a.cancel"])
        try await house.live(claimed)
        #expect(try house.result(in: .failed).failure?.code == .cancelled)
        #expect(try house.names(.incoming).isEmpty)
    }

    @Test("what is no regular file is no wish: a link is removed, a folder left")
    func noFile() async throws {
        try house.spool[.incoming].makeFIFO("a.cancel")
        _ = try house.spool[.incoming].directory("b.cancel", createMode: 0o700)
        try await heed(try #require(CancelWish("a.cancel")))
        try await heed(try #require(CancelWish("b.cancel")))
        #expect(try house.names(.incoming) == ["b.cancel"])
        #expect(house.lines.all.count { $0.contains("cancel.refused") } == 2)
        try house.spool[.incoming].removeDirectory("b.cancel")
    }

    @Test("a cancelled job that is put back runs anew")
    func retried() async throws {
        _ = try wish()
        try await house.run()
        try house.move(from: .failed)
        try await house.live()
        #expect(try house.names(.done) == ["a.json", "a.result.json"] && house.names(.failed).isEmpty)
        try await house.isAtRest()
    }

    @Test("a wish from before the job last landed does not end its next run")
    func stale() async throws {
        house.provider.fail(.moderation)
        house.provider.close()
        try house.deliver()
        let life = try house.claimed()
        async let lived: Void = house.live(life)
        await house.provider.reached(1)
        // Nobody tells the job of it; a crash would leave it so.
        _ = try wish()
        house.provider.open()
        try await lived
        #expect(try house.names(.failed) == ["a.json", "a.result.json"] && house.names(.incoming) == ["a.cancel"])
        try house.move(from: .failed)
        try await house.live()
        #expect(try house.names(.done) == ["a.json", "a.result.json"] && house.names(.incoming).isEmpty)
        #expect(house.lines.all.contains { $0.contains("cancel.too_late") })
        try await house.isAtRest()
    }
}
