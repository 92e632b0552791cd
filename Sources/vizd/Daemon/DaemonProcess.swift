// From settings to an exit code: signals first, then preflight, lock, start and the loop. `vizd run` and the
// demonstration both come through here.

import Contract
import Ledger
import Linux
import Logging
import Spool
import Wardrobe

/// A daemon in this process.
struct DaemonProcess {
    let settings: Settings
    let log: Logger
    let standby: Bool
    /// Reads the configuration again on SIGHUP; nil where there is none to read.
    var reloader: Reloader?
    var adoptLog: (Settings) -> Void = { _ in }
    /// Called on the main thread once everything is assembled, before the loop runs.
    var assembled: (Assembly) -> Void = { _ in }

    /// How often a standby asks for the lock, nanoseconds.
    private static let standbyInterval: Int64 = 250_000_000

    /// Runs to the end. Answers the exit code; the reason of any but 0 is in the log.
    func run() -> Int32 {
        do {
            // Before any thread starts: each would inherit the mask of this moment.
            let signals = try signalsFirst()
            let notifier = ServiceNotifier(environment: Host.environment)
            let pulse = StartPulse(notifier: notifier, log: log)
            try preflight()
            let spool = try opened()
            guard let lock = try locked(spool, signals, pulse) else { return 0 }
            let assembly = try Assembly(settings, spool: spool, lock: lock, log: log)
            let daemon = try assembly.daemon(
                signals: signals, notifier: notifier, pulse: pulse, reloader: reloader, adoptLog: adoptLog)
            assembled(assembly)
            return assembly.end(after: daemon.run())
        } catch {
            log.critical("vizd.cannot_start", metadata: ["reason": "\(error.sentence)"])
            return error.exit
        }
    }

    private func signalsFirst() throws(StartFailure) -> SignalFD {
        do throws(SystemFailure) {
            return try SignalFD()
        } catch {
            throw StartFailure(exit: 75, sentence: "vizd cannot listen to signals: \(error).")
        }
    }

    private func preflight() throws(StartFailure) {
        let floor = DiskFloor(bytes: settings.spool.minFree)
        var fatal: StartFailure?
        for problem in Preflight.run(path: settings.spool.directory, modes: SpoolModes(), floor: floor) {
            switch problem.weight {
            case .warning: log.warning("preflight", metadata: ["reason": "\(problem.sentence)"])
            case .exit(let code):
                log.critical("preflight", metadata: ["reason": "\(problem.sentence)"])
                fatal = fatal ?? StartFailure(exit: code, sentence: problem.sentence)
            }
        }
        if let fatal { throw fatal }
    }

    private func opened() throws(StartFailure) -> Spool {
        do throws(SpoolRefusal) { return try Spool(path: settings.spool.directory) } catch { throw StartFailure(error) }
    }

    /// The spool's lock; nil when a standby was told to stop while it waited.
    private func locked(
        _ spool: Spool, _ signals: SignalFD, _ pulse: StartPulse
    ) throws(StartFailure) -> SpoolLock? {
        var isSaid = false
        while true {
            let started = Timestamp(nanoseconds: WallClock.now()).rfc3339
            do throws(SpoolRefusal) {
                return try SpoolLock.take(spool, started: started)
            } catch {
                guard standby && error.exit == 75 else { throw StartFailure(error) }
                if !isSaid {
                    log.notice("standby.waiting", metadata: ["holder": "\(SpoolLock.holder(spool) ?? "unknown")"])
                }
                isSaid = true
            }
            pulse.beat("waiting for the spool, which another vizd holds")
            if try stopped(signals) { return nil }
        }
    }

    private func stopped(_ signals: SignalFD) throws(StartFailure) -> Bool {
        do throws(SystemFailure) {
            _ = try Poll.readable([signals.raw], timeout: DaemonProcess.standbyInterval)
            return try signals.drain().contains { $0 == .terminate || $0 == .interrupt }
        } catch {
            throw StartFailure(exit: 75, sentence: "vizd cannot listen to signals: \(error).")
        }
    }
}

extension Assembly {
    /// How long a stop waits for records that are being written, nanoseconds; the jobs have had three seconds before.
    private static let recordPatience: Int64 = 1_500_000_000

    /// After the loop: whatever is still under way is journalled and goes on at the next start.
    func end(after code: Int32) -> Int32 {
        let (journal, working, wardrobe) = (journal, life.working, wardrobe)
        if code == 0 {
            if !Waiter.finishes(on: pool, within: Assembly.recordPatience, { await wardrobe.close() }) {
                log.warning("stop.unclean", metadata: ["reason": "records are still being written"])
            }
            do {
                try Waiter.wait { try await journal.cleanStop(working.all) }
            } catch {
                log.warning("stop.unclean", metadata: ["reason": "\(error)"])
            }
        }
        log.notice("vizd.stopped", metadata: ["in_flight": "\(working.all.count)", "code": "\(code)"])
        return code
    }
}
