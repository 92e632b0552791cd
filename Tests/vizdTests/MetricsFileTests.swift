// The driver of the metrics on a real disk, with the real parts of a daemon but its loop; and the provider that counts.

import Contract
import Foundation
import Imaging
import Ledger
import Linux
import Logging
import Pipeline
import Providers
import Spool
import TestSupport
import Testing

@testable import vizd

/// A household with a metrics file.
private struct Office {
    let house: Household
    let file: MetricsFile
    let folder: String
    let pool = BlockingPool(threads: 2)
    var path: String { folder + "/vizd.prom" }

    init() throws {
        house = try Household()
        folder = house.path + "/metrics"
        try Host.makeDirectories(folder)
        let (house, folder) = (house, folder)
        var settings = Settings()
        settings.metrics.file = folder + "/vizd.prom"
        let room = Room(
            places: [FileSystemRoom(folder: house.spool.root, reserve: Reserve(in: house.spool.root, bytes: 0))],
            floor: DiskFloor(bytes: 0), interval: 1, pool: pool, log: house.lines.output(.text).logger(),
            clock: { MonotonicClock.now() }, pause: { _ in })
        let sources = MetricsSources(
            meter: house.life.meter, board: house.life.board, providers: ProviderRegistry([house.provider]),
            desk: ProviderDesk(monotonicClock: { 0 }, sleep: { _ in }), room: room, journal: house.journal,
            journalPath: house.path + "/vizd.sqlite", workers: { (0, 0, house.workers.deaths, 0) },
            wallClock: { WallClock.now() }, monotonicClock: { MonotonicClock.now() })
        file = MetricsFile(
            settings, spool: house.spool.root.path, sources: sources, pool: pool,
            log: house.lines.output(.text).logger())
    }

    func text() throws -> MetricsText {
        try MetricsText(String(decoding: try Host.readFile(path, limit: 1 << 20), as: UTF8.self))
    }

    /// Writes, and waits for it however busy the machine is.
    func finish(_ loop: LoopReadings = LoopReadings()) { file.finish(loop, patience: 120_000_000_000) }

    func settings(_ path: String?) -> Settings {
        var settings = Settings()
        settings.metrics.file = path
        return settings
    }

    func lines(_ event: String) -> [String] { house.lines.all.filter { $0.contains(" \(event) ") } }
}

@Suite("The metrics' file")
struct MetricsFileTests {
    @Test("it says what was done: results, stages and orders of the jobs that ran, and what is not there any more as 0")
    func jobs() async throws {
        let office = try Office()
        try office.house.deliver()
        try await office.house.live()
        try office.house.deliver("{", as: "b.json")
        try await office.house.live("b.json")
        office.finish(LoopReadings())
        let text = try office.text()
        #expect(text.value("vizd_results_complete_total") == 1)
        #expect(text.value("vizd_results_failed_total", ["code": "invalid_json"]) == 1)
        #expect(text.sum("vizd_results_failed_total") == 1)
        #expect(text.value("vizd_stage_seconds_count", ["stage": "generate"]) == 1)
        #expect(text.value("vizd_orders_total", ["provider": "gated"]) == 1)
        #expect(text.sum("vizd_in_flight_jobs") == 0 && text.value("vizd_up") == 0)
        #expect((text.value("vizd_journal_commits_total") ?? 0) > 3)
        #expect(text.value("vizd_provider_state", ["provider": "gated", "state": "open"]) == 1)
        #expect((text.value("vizd_disk_free_bytes") ?? 0) > 0)
    }

    @Test("a job under way is seen in its stage, and not any more when it has landed")
    func underWay() async throws {
        let office = try Office()
        office.house.provider.close()
        try office.house.deliver()
        let claimed = try office.house.claimed()
        let end = Task { await office.house.life.live(claimed, queued: 0.5) }
        await office.house.provider.reached(1)
        office.finish(LoopReadings(slotsTaken: 1))
        #expect(try office.text().value("vizd_in_flight_jobs", ["stage": "generate"]) == 1)
        office.house.provider.open()
        _ = await end.value
        office.finish(LoopReadings())
        #expect(try office.text().sum("vizd_in_flight_jobs") == 0)
    }

    @Test("everybody may read it, whatever the umask is, and nothing is left beside it")
    func mode() throws {
        let office = try Office()
        let folder = try Directory(path: office.folder)
        // What a kill in the middle of a write leaves.
        try folder.open(".vizd.prom.vizd", .create).write(all: [1, 2, 3])
        office.finish(LoopReadings())
        #expect(try folder.info(of: "vizd.prom").mode & 0o777 == 0o644)
        #expect(try folder.names() == ["vizd.prom"])
    }

    @Test("a file that cannot be written is told once, and once more when it can; jobs know nothing of it")
    func unwritable() async throws {
        let office = try Office()
        try FileManager.default.removeItem(atPath: office.folder)
        for _ in 0..<3 { office.finish(LoopReadings()) }
        #expect(office.lines("metrics.unwritten").count == 1)
        #expect(office.lines("metrics.unwritten")[0].contains("correct metrics.file"))
        try office.house.deliver()
        try await office.house.live()
        try Host.makeDirectories(office.folder)
        for _ in 0..<3 { office.finish(LoopReadings()) }
        #expect(office.lines("metrics.unwritten").count == 1 && office.lines("metrics.written").count == 1)
        #expect(try office.text().value("vizd_results_complete_total") == 1)
    }

    @Test("under a new name the old file goes; without a name nothing is written")
    func renamed() throws {
        let office = try Office()
        office.finish(LoopReadings())
        office.file.adopt(office.settings(office.folder + "/other.prom"))
        office.finish(LoopReadings())
        #expect(try Directory(path: office.folder).names() == ["other.prom"])
        office.file.adopt(office.settings(nil))
        #expect(!office.file.isWanted)
        office.finish(LoopReadings())
        #expect(try Directory(path: office.folder).names() == ["other.prom"])
    }

    @Test("a provider's calls are counted by what came of them, and its answers go on as they came")
    func calls() async throws {
        let house = try Household()
        let (provider, meter) = (house.provider, Meter())
        let counted = CountedProvider(provider: provider, meter: meter)
        let order = Order(
            kind: .image, model: provider.traits.models[0], size: PixelSize(width: 64, height: 64), seed: nil,
            prompt: nil, references: [])
        #expect("\(counted)" == "\(provider as any Provider)" && counted.traits == provider.traits)
        provider.fail(.providerAuth)
        for _ in 0..<3 { _ = await counted.submit(order) }
        _ = try await counted.poll("nothing")
        #expect(try await counted.stage(order) == order)
        #expect(try await counted.account() == nil)
        let text = try MetricsText(meter.metrics.text(MetricsTests.readings()))
        let calls = { (call: String, outcome: String) in
            text.value("vizd_provider_calls_total", ["provider": "gated", "call": call, "outcome": outcome])
        }
        #expect(calls("submit", "made") == 2 && calls("submit", "provider_auth") == 1)
        #expect(calls("poll", "gone") == 1)
        // Nothing had to come first, and nobody was asked about an account.
        #expect(text.sum("vizd_provider_calls_total") == 4)
    }

    @Test("a limit is told apart from a provider that is down")
    func outcomes() {
        let failure = { (status: Int?) in
            ProviderFailure(code: .providerUnavailable, message: "", retryable: true, httpStatus: status).outcome
        }
        #expect(failure(429) == "rate_limited" && failure(503) == "provider_unavailable")
        #expect(Submission.lost(LostAnswer("")).outcome == "lost")
        #expect(TaskState.gone(code: "", message: "").outcome == "gone")
    }
}
