// The metrics as a text, their rhythm, and how their file is written.

import Contract
import Foundation
import Ledger
import Linux
import Logging
import Pipeline
import Providers
import Spool
import Synchronization
import TestSupport
import Testing

@testable import vizd

@Suite("Metrics")
struct MetricsTests {
    /// Everything that can be read, with something in each of it.
    static func readings(spool: String = "/spool", money: MonthMoney? = Self.money) -> Readings {
        var board = BoardReadings()
        board.stages[.generate] = BoardReadings.Group(count: 3, oldest: 12.5)
        board.waits[.place] = BoardReadings.Group(count: 2, oldest: 4)
        board.parked = 1
        let loop = LoopReadings(
            incoming: 7, parts: 5, resumed: 2, oldestArrival: 1_000_000_000_000, users: 3, turnedAway: 1, slotsTaken: 4,
            slotsLimit: 64, isPaused: true, isWatching: false, ignoredFiles: 9)
        return Readings(
            spool: spool, version: "1.2.3", isUp: true, startedAt: 900, now: 1060, residentBytes: 1 << 24, loop: loop,
            board: board,
            providers: [
                ProviderReading(name: "flatlay", state: .open, places: 0, line: 0),
                ProviderReading(name: "runway", state: .down, places: 2, line: 40),
            ],
            money: money, budget: (5_000_000, nil),
            disks: [DiskReading(folder: "/spool", bytesFree: 1 << 40, inodesFree: 12, isReadOnly: false)],
            diskFloor: 64 << 20, workersAlive: 2, workersBusy: 1, workerDeaths: 3, workerOrders: 4,
            journal: JournalFigures(), journalWaiting: 6)
    }

    static let money: MonthMoney = {
        var sums = MonthMoney.Sums()
        (sums.reserved, sums.settled, sums.uncertain) = (80_000, 1_250_000, 10_000)
        return MonthMoney(month: "2026-11", providers: ["runway": sums], all: 1_340_000, largestUser: 900_000)
    }()

    /// Counters with something in each.
    static func counted() -> Metrics {
        var metrics = Metrics()
        metrics.requestClaimed()
        metrics.requestRemoved()
        metrics.landed(nil)
        metrics.landed(.moderation)
        metrics.landed(.moderation)
        metrics.worked(
            ResultDocument.Timing(queued: 0.02, stages: [.prepare: 0.4, .generate: 31.2], total: 32.6),
            isComplete: true)
        metrics.waited(.retry)
        metrics.called("runway", .submit, "rate_limited")
        metrics.scanned(.deaf, at: 1000)
        metrics.watchTroubled()
        metrics.reloaded(inForce: true, at: 950)
        metrics.reloaded(inForce: false, at: 960)
        return metrics
    }

    @Test("the text is what Prometheus reads: every family once, with its words, its type and its samples together")
    func format() throws {
        let text = try MetricsText(Self.counted().text(Self.readings()))
        #expect(Set(text.kinds.keys) == Set(MetricFamily.allCases.map(\.rawValue)))
        for family in MetricFamily.allCases { #expect(text.kinds[family.rawValue] == family.kind.rawValue) }
        // A new one begins with zeros for everything that is known beforehand, so that a first failure is an increase.
        let fresh = try MetricsText(Metrics().text(Self.readings(money: nil)))
        #expect(fresh.samples.filter { $0.name == "vizd_results_failed_total" }.count == ResultCode.allCases.count)
        #expect(fresh.sum("vizd_results_failed_total") == 0 && fresh.value("vizd_results_complete_total") == 0)
    }

    @Test("each number stands where its name says")
    func numbers() throws {
        let text = try MetricsText(Self.counted().text(Self.readings()))
        let expected: [(String, [String: String], Double)] = [
            ("vizd_build_info", ["version": "1.2.3"], 1), ("vizd_up", [:], 1), ("vizd_start_time_seconds", [:], 900),
            ("vizd_metrics_write_time_seconds", [:], 1060), ("vizd_queue_jobs", ["state": "incoming"], 7),
            ("vizd_queue_jobs", ["state": "parts"], 5), ("vizd_queue_jobs", ["state": "resumed"], 2),
            ("vizd_queue_oldest_seconds", [:], 60), ("vizd_claiming_paused", [:], 1), ("vizd_slots_taken", [:], 4),
            ("vizd_in_flight_jobs", ["stage": "generate"], 3), ("vizd_in_flight_jobs", ["stage": "store"], 0),
            ("vizd_in_flight_oldest_seconds", ["stage": "generate"], 12.5),
            ("vizd_waiting_jobs", ["reason": "place"], 2), ("vizd_waiting_oldest_seconds", ["reason": "place"], 4),
            ("vizd_parked_jobs", [:], 1), ("vizd_job_waits_total", ["reason": "retry"], 1),
            ("vizd_results_complete_total", [:], 1), ("vizd_results_failed_total", ["code": "moderation"], 2),
            ("vizd_stage_seconds_sum", ["stage": "generate"], 31.2),
            ("vizd_stage_seconds_bucket", ["stage": "generate", "le": "30"], 0),
            ("vizd_stage_seconds_bucket", ["stage": "generate", "le": "45"], 1),
            ("vizd_job_seconds_count", ["status": "complete"], 1), ("vizd_job_queued_seconds_count", [:], 1),
            ("vizd_provider_state", ["provider": "runway", "state": "down"], 1),
            ("vizd_provider_state", ["provider": "runway", "state": "open"], 0),
            ("vizd_provider_line_jobs", ["provider": "runway"], 40),
            ("vizd_provider_calls_total", ["provider": "runway", "call": "submit", "outcome": "rate_limited"], 1),
            ("vizd_cost_usd", ["provider": "runway", "state": "settled"], 1.25),
            ("vizd_cost_usd", ["provider": "runway", "state": "uncertain"], 0.01),
            ("vizd_budget_limit_usd", ["budget": "monthly"], 5), ("vizd_budget_left_usd", ["budget": "monthly"], 3.66),
            ("vizd_watch_listening", [:], 0), ("vizd_watch_scans_total", ["reason": "deaf"], 1),
            ("vizd_watch_last_scan_time_seconds", [:], 1000),
            ("vizd_disk_free_bytes", ["folder": "/spool"], Double(1 << 40)),
            ("vizd_disk_floor_bytes", [:], Double(64 << 20)), ("vizd_image_workers", ["state": "busy"], 1),
            ("vizd_image_worker_deaths_total", [:], 3), ("vizd_config_reloads_total", ["result": "refused"], 1),
            ("vizd_config_last_reload_successful", [:], 0), ("vizd_journal_operations_waiting", [:], 6),
            ("vizd_config_last_reload_success_time_seconds", [:], 950),
        ]
        for (name, labels, value) in expected { #expect(text.value(name, labels) == value, "\(name) \(labels)") }
        // A budget that is not set has neither limit nor rest.
        #expect(text.samples.filter { $0.name == "vizd_budget_left_usd" }.count == 1)
    }

    @Test("a folder may be called anything: its name stays within its quotes and comes back whole")
    func escaping() throws {
        let name = "/a \"b\" \\n c\nd,e=\"f\"} 1\n# TYPE x counter ü"
        let text = try MetricsText(Metrics().text(Self.readings(spool: name)))
        #expect(text.samples.allSatisfy { $0.labels["spool"] == name })
        #expect(Exposition.escaped("a\\b\nc \"d\"") == "a\\\\b\\nc \"d\"")
    }

    @Test("numbers are written so that they are read back as they are")
    func numberForms() {
        let forms: [(Double, String)] = [
            (0, "0"), (-0.0, "0"), (3, "3"), (0.1, "0.1"), (1e-7, "1e-07"), (1e20, "1e+20"), (.infinity, "+Inf"),
            (-.infinity, "-Inf"), (.nan, "NaN"), (1_795_752_201.5, "1795752201.5"),
        ]
        for (value, form) in forms { #expect(Exposition.number(value) == form) }
    }

    @Test("an observation counts in the first bucket that holds it and in all above; what is no number, in none")
    func histogram() {
        var histogram = Histogram(bounds: [1, 2, 5])
        for value in [0.5, 1, 1.5, 5, 7, -3, .nan, .infinity] { histogram.observe(value) }
        #expect(histogram.cumulative.map(\.count) == [3, 4, 5, 6])
        #expect(histogram.cumulative.map(\.bound) == [1, 2, 5, .infinity])
        #expect(histogram.count == 6 && histogram.sum == 15)
    }

    @Test("no name of a job or user can become a label: what there is, is bounded whatever runs")
    func bounded() throws {
        var metrics = Self.counted()
        for _ in 0..<1000 {
            metrics.landed(ResultCode.allCases.randomElement())
            metrics.worked(ResultDocument.Timing(queued: 1, stages: [.store: 2], total: 4), isComplete: Bool.random())
            metrics.waited(WaitReason.ofJobs.randomElement() ?? .place)
        }
        let before = try MetricsText(Self.counted().text(Self.readings())).samples.count
        #expect(try MetricsText(metrics.text(Self.readings())).samples.count == before)
        #expect(before < 800)
    }

    // MARK: - The rhythm

    private static let second: Int64 = 1_000_000_000

    @Test("at once, every ten seconds while something moves, and else with a wake-up that comes once a minute")
    func pace() {
        var pace = MetricsPace()
        let still = MetricsPace.Figures()
        #expect(pace.deadline(still) == 0 && pace.take(still, at: 100 * Self.second))
        #expect(pace.deadline(still) == 160 * Self.second)
        #expect(!pace.take(still, at: 144 * Self.second) && pace.take(still, at: 145 * Self.second))
        let moving = MetricsPace.Figures(inFlight: 1)
        #expect(pace.deadline(moving) == 155 * Self.second)
        #expect(!pace.take(moving, at: 154 * Self.second) && pace.take(moving, at: 155 * Self.second))
        // It goes on as long as something is under way, since ages grow.
        #expect(pace.deadline(moving) == 165 * Self.second)
        // And once more when nothing is left, which is news too.
        #expect(pace.deadline(still) == 165 * Self.second && pace.take(still, at: 166 * Self.second))
        #expect(pace.deadline(still) == 226 * Self.second)
        #expect(pace.deadline(MetricsPace.Figures(counts: 1)) == 176 * Self.second)
    }

    @Test("an idle hour, in which the loop wakes up once a minute anyway, has no wake-up for the metrics alone")
    func idle() {
        var (pace, extra, writes) = (MetricsPace(), 0, 0)
        _ = pace.take(MetricsPace.Figures(), at: 0)
        for minute in 1...60 {
            let wake = Int64(minute) * 60 * Self.second
            let figures = MetricsPace.Figures(counts: minute)
            // The count of the regular scan comes with the wake-up itself.
            if pace.deadline(MetricsPace.Figures(counts: minute - 1)) < wake { extra += 1 }
            if pace.take(figures, at: wake) { writes += 1 }
        }
        #expect(extra == 0 && writes == 60)
    }

    @Test(
        "the ledger's sums are read again when money moved, in a new month, and never for more than a fiftieth of the time"
    )
    func moneyCache() {
        var cache = MoneyCache()
        #expect(cache.isOutdated("2026-11", 0, at: 0))
        cache.read(Self.money, 4, at: 0, took: 100)
        #expect(!cache.isOutdated("2026-11", 4, at: 1_000_000))
        #expect(!cache.isOutdated("2026-11", 5, at: 4_999) && cache.isOutdated("2026-11", 5, at: 5_000))
        #expect(cache.isOutdated("2026-12", 4, at: 0))
    }
}
