// SIGHUP: the configuration read again. A bad file leaves the old one in force and says so; what can be changed while
// vizd runs is changed for what is claimed from now on, the rest is named as waiting for a restart.

import Linux
import Logging
import Spool

/// What reading the configuration again came to.
enum Reload {
    /// There are problems, a line each; nothing is changed.
    case refused([String])
    /// `live` is in force from now on, `later` after a restart: keys.
    case read(Settings, live: [String], later: [String])
}

/// Reads the configuration again, and again.
final class Reloader {
    private var last: LoadedSettings
    private let load: () -> LoadedSettings

    /// `first` is what the program started with.
    init(_ first: LoadedSettings, load: @escaping () -> LoadedSettings) { (last, self.load) = (first, load) }

    func read() -> Reload {
        let fresh = load()
        guard let settings = fresh.settings else {
            return .refused(fresh.problems.map { "\($0.key ?? "the file"): \($0.sentence) (from \($0.source))" })
        }
        let changes = fresh.changes(since: last)
        last = fresh
        return .read(
            settings, live: changes.filter { !$0.needsRestart }.map(\.key),
            later: changes.filter(\.needsRestart).map(\.key))
    }
}

extension Daemon {
    func reloadConfiguration() {
        guard let reloader else {
            log.notice("config.unchanged", metadata: ["reason": "this vizd was started without a configuration"])
            return
        }
        switch reloader.read() {
        case .refused(let problems):
            for problem in problems { log.error("config.refused", metadata: ["reason": "\(problem)"]) }
            meter.count { $0.reloaded(inForce: false, at: Double(WallClock.now()) / 1e9) }
            log.error("config.kept", metadata: ["reason": "the configuration has problems; the old one stays in force"])
        case .read(let settings, let live, let later):
            adopt(settings, isNewWayIn: live.contains { Daemon.wayIn.contains($0) })
            meter.count { $0.reloaded(inForce: true, at: Double(WallClock.now()) / 1e9) }
            log.notice(
                "config.reloaded",
                metadata: [
                    "changed": "\(live.isEmpty ? "nothing" : live.joined(separator: " "))",
                    "after_restart": "\(later.isEmpty ? "nothing" : later.joined(separator: " "))",
                ])
        }
    }

    /// The settings that `Incoming` is made of.
    private static let wayIn: Set<String> = [
        "spool.settle", "spool.rescan", "limits.queuedPerUser", "limits.requestBytes",
    ]

    /// One line with what an operator asks first (SIGUSR1).
    func dumpState() {
        let (stages, waits, providers) = metrics.standing()
        log.notice(
            "vizd.state",
            metadata: [
                "stages": "\(stages)", "waits": "\(waits)", "providers": "\(providers)",
                "in_flight": "\(slots.count)", "waiting": "\(incoming.queue.count)",
                "parts_waiting": "\(families.behind)", "users": "\(incoming.queue.userCount)",
                "leftovers": "\(leftovers.count)", "paused": "\(claiming.obstacle ?? "no")",
                "turned_away": "\(incoming.queue.turnedAwayCount)", "ignored_files": "\(incoming.ignoredCount)",
                "scans": "\(incoming.scans.values.reduce(0, +))", "resident_bytes": "\(Host.residentBytes)",
            ])
    }
}
