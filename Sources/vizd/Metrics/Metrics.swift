// What vizd counts while it runs: a value, fed where the log is told the same events. Every label comes from a list
// that is fixed at build time (codes, stages, reasons, providers); no job and no user is named, so the file stays
// small.

import Contract
import Spool

/// A call to a provider.
enum ProviderCall: String, CaseIterable, Sendable {
    case upload, submit, poll, cancel, account
}

/// The counters since the start.
struct Metrics: Sendable, Equatable {
    private struct CallOutcome: Hashable {
        let provider: String
        let call: ProviderCall
        let outcome: String
    }

    private var claimed = 0
    private var removed = 0
    private var complete = 0
    private var failed: [ResultCode: Int] = [:]
    private var waits: [WaitReason: Int] = [:]
    private var stages: [Stage: Histogram] = [:]
    private var jobs: [Bool: Histogram] = [:]
    private var queued = Histogram()
    private var calls: [CallOutcome: Int] = [:]
    private var scans: [RescanReason: Int] = [:]
    private var lastScan: Double?
    private var watchTroubles = 0
    private var reloads: [Bool: Int] = [:]
    private var isLastReloadInForce = true
    private var lastReload: Double?

    // MARK: - Events

    /// A request was claimed.
    mutating func requestClaimed() { claimed += 1 }

    /// A duplicate was removed.
    mutating func requestRemoved() { removed += 1 }

    /// A result lies in its box: in failed/ with a code, in done/ without one.
    mutating func landed(_ code: ResultCode?) {
        if let code { failed[code, default: 0] += 1 } else { complete += 1 }
    }

    /// A job was worked on to its end; compound jobs are counted by their parts.
    mutating func worked(_ timing: ResultDocument.Timing, isComplete: Bool) {
        for (stage, seconds) in timing.stages { stages[stage, default: Histogram()].observe(seconds) }
        if let total = timing.total { jobs[isComplete, default: Histogram()].observe(total) }
        if let seconds = timing.queued { queued.observe(seconds) }
    }

    /// A job under way began to wait.
    mutating func waited(_ reason: WaitReason) { waits[reason, default: 0] += 1 }

    /// A call to a provider ended.
    mutating func called(_ provider: String, _ call: ProviderCall, _ outcome: String) {
        calls[CallOutcome(provider: provider, call: call, outcome: outcome), default: 0] += 1
    }

    /// incoming/ is scanned from the beginning; seconds since 1970.
    mutating func scanned(_ reason: RescanReason, at now: Double) {
        scans[reason, default: 0] += 1
        lastScan = now
    }

    /// Something about the watch was told in the log.
    mutating func watchTroubled() { watchTroubles += 1 }

    /// The configuration was read again; seconds since 1970.
    mutating func reloaded(inForce: Bool, at now: Double) {
        reloads[inForce, default: 0] += 1
        isLastReloadInForce = inForce
        if inForce { lastReload = now }
    }

    // MARK: - The text

    /// The whole file: the counters with what was read at this moment.
    func text(_ readings: Readings) -> String {
        var text = Exposition(common: [MetricLabel("spool", readings.spool)])
        readings.writeProgram(to: &text)
        readings.writeQueue(to: &text)
        text.write(.claimed, claimed)
        text.write(.removed, removed)
        readings.writeJobs(to: &text)
        writeJobs(to: &text)
        readings.writeProviders(to: &text)
        writeCalls(to: &text)
        readings.writeMoney(to: &text)
        writeWatch(to: &text)
        readings.writeMachine(to: &text)
        writeReloads(readings, to: &text)
        readings.writeJournal(to: &text)
        return text.text
    }

    private func writeJobs(to text: inout Exposition) {
        text.write(
            .waits, WaitReason.ofJobs.map { Sample(waits[$0] ?? 0, MetricLabel("reason", $0.rawValue)) })
        text.write(.complete, complete)
        text.write(.failed, ResultCode.allCases.map { Sample(failed[$0] ?? 0, MetricLabel("code", $0.rawValue)) })
        text.write(
            .stageSeconds,
            Stage.allCases.map { ([MetricLabel("stage", $0.rawValue)], stages[$0] ?? Histogram()) })
        text.write(
            .jobSeconds,
            [true, false].map { ([MetricLabel("status", $0 ? "complete" : "failed")], jobs[$0] ?? Histogram()) })
        text.write(.queuedSeconds, [([], queued)])
    }

    private func writeCalls(to text: inout Exposition) {
        let rows = calls.sorted {
            ($0.key.provider, $0.key.call.rawValue, $0.key.outcome)
                < ($1.key.provider, $1.key.call.rawValue, $1.key.outcome)
        }
        text.write(
            .providerCalls,
            rows.map { key, count in
                Sample(
                    count, MetricLabel("provider", key.provider), MetricLabel("call", key.call.rawValue),
                    MetricLabel("outcome", key.outcome))
            })
    }

    private func writeWatch(to text: inout Exposition) {
        text.write(.scans, RescanReason.allCases.map { Sample(scans[$0] ?? 0, MetricLabel("reason", $0.rawValue)) })
        text.write(.lastScan, lastScan)
        text.write(.watchTroubles, watchTroubles)
    }

    private func writeReloads(_ readings: Readings, to text: inout Exposition) {
        text.write(
            .reloads,
            [true, false].map { Sample(reloads[$0] ?? 0, MetricLabel("result", $0 ? "in_force" : "refused")) })
        text.write(.lastReload, [Sample(isLastReloadInForce)])
        text.write(.lastReloadTime, lastReload ?? readings.startedAt)
    }
}

extension WaitReason {
    /// What jobs under way wait for; the others are of requests in incoming/.
    static let ofJobs: [WaitReason] = allCases.filter {
        ![.queue, .noDaemon, .inFlightLimit, .userLimit].contains($0)
    }
}
