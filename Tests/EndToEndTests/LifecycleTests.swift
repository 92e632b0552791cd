// Starts and ends: one daemon a spool, standby, drain, poison, and what the service manager is told.

import Contract
import Foundation
import Linux
import TestSupport
import Testing

extension EndToEnd {
    @Suite("Starts and ends")
    @Outside
    struct Lifecycle {
        @Test("a second vizd on a spool ends with 75 and says who holds it; the first goes on")
        func oneDaemon() throws {
            let site = try Site()
            let first = try site.ready()
            let second = try site.start()
            #expect(try second.awaitExit() == 75)
            let reason = try #require(try second.lines(of: "vizd.cannot_start").first?["reason"])
            #expect(reason.contains("\(first.processID)") && reason.contains("--standby"))
            try site.deliver(Fixture.missing(), as: "a.json")
            #expect(try first.failed("a").code == .outfitNotFound)
            #expect(try first.stop() == 0)
        }

        @Test("a standby takes over when the first is told to stop, and when it is killed")
        func standby() throws {
            let site = try Site()
            var first = try site.ready()
            for (number, signal) in [Int32(15), 9].enumerated() {
                let second = try site.start([:], "--standby")
                let waiting = try second.awaitLine("standby.waiting")
                #expect(waiting["holder"]?.contains("\(first.processID)") ?? false)
                try first.signal(signal)
                #expect(try first.awaitExit() == (signal == 15 ? 0 : 137))
                try second.awaitLine("vizd.ready")
                try site.deliver(Fixture.missing(number: number), as: "job-\(number).json")
                #expect(try second.failed("job-\(number)").code == .outfitNotFound)
                first = second
            }
            #expect(try first.stop() == 0)
        }

        @Test("a standby tells the service manager that it waits and asks for more time until it is ready")
        func standbyAsksForTime() throws {
            let site = try Site()
            let manager = try NotifySocket("\(site.path)/notify")
            let first = try site.ready()
            let second = try site.start(["NOTIFY_SOCKET": manager.path], "--standby")
            try second.awaitLine("standby.waiting")
            let heard = try manager.await("EXTEND_TIMEOUT_USEC=60000000", count: 2)
            #expect(heard.contains("STATUS=starting: waiting for the spool, which another vizd holds"))
            #expect(!heard.contains("READY=1"))
            #expect(try first.stop() == 0)
            _ = try manager.await("READY=1")
            #expect(try second.stop() == 0)
        }

        @Test("a standby that is told to stop while it waits ends with 0")
        func standbyStops() throws {
            let site = try Site()
            let first = try site.ready()
            let second = try site.start([:], "--standby")
            try second.awaitLine("standby.waiting")
            #expect(try second.stop() == 0)
            #expect(try first.stop() == 0)
        }

        @Test("a stop with a job in progress ends with 0 within 5 s and claims nothing; it ends after the next start")
        func drain() throws {
            let site = try Site(gated: true)
            let daemon = try site.ready()
            try site.deliver(Fixture.request(2), as: "held.json")
            try daemon.awaitLine("job.admitted", ["job": "held"])
            try daemon.signal(15)
            try daemon.awaitLine("vizd.draining")
            try site.deliver(Fixture.missing(), as: "late.json")
            let began = MonotonicClock.now()
            #expect(try daemon.awaitExit() == 0)
            #expect(MonotonicClock.now() - began < 5_000_000_000)
            #expect(try site.names("processing") == ["held.json"] && site.names("incoming") == ["late.json"])
            try site.gate?.open()
            let next = try site.ready()
            #expect(try ResultDocument.decode(next.result("held", in: "done")).attempts == 1)
            #expect(try next.failed("late").code == .outfitNotFound)
            #expect(try next.stop() == 0)
        }

        @Test("orderly stops are no unclean ends: a job that was held through four of them is not poisoned")
        func drainsAreClean() throws {
            let site = try Site(gated: true)
            try site.deliver(Fixture.request(2), as: "held.json")
            for _ in 0..<4 {
                let daemon = try site.ready()
                try daemon.awaitLine("job.admitted", ["job": "held"])
                try daemon.signal(15)
                // The second one does not wait for the job.
                try daemon.awaitLine("vizd.draining")
                try daemon.signal(2)
                #expect(try daemon.awaitExit() == 0)
            }
            try site.gate?.open()
            let daemon = try site.ready()
            _ = try daemon.complete("held")
            #expect(try daemon.stop() == 0)
        }

        @Test("a job over whose preparation vizd was killed three times lands with poison at the fourth start")
        func poison() throws {
            let site = try Site(gated: true)
            try site.deliver(Fixture.request(2), as: "killer.json")
            for _ in 0..<3 {
                let daemon = try site.ready()
                try daemon.awaitLine("job.admitted", ["job": "killer"])
                #expect(try site.names("failed").isEmpty)
                try daemon.kill()
            }
            try site.gate?.open()
            let daemon = try site.ready()
            let failure = try daemon.failed("killer")
            #expect(failure.code == .poison && !failure.retryable && failure.message.contains("incoming/"))
            try site.deliver(Fixture.request(1), as: "other.json")
            _ = try daemon.complete("other")
            // A person who looked into it may try again.
            try site.move("killer.json", from: "failed", to: "incoming")
            _ = try daemon.complete("killer")
            #expect(try daemon.stop() == 0)
            #expect(try site.names("failed").isEmpty)
        }

        @Test("the service manager hears READY after lock and scan, STATUS, WATCHDOG from the loop, STOPPING")
        func notify() throws {
            let site = try Site(gated: true)
            let manager = try NotifySocket("\(site.path)/notify")
            try site.deliver(Fixture.request(2), as: "held.json")
            let daemon = try site.start(["NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "200000"])
            let first = try manager.await("READY=1")
            #expect(first.first == "READY=1")
            #expect(try Directory(path: site.spool).infoIfPresent(of: ".lock") != nil)
            _ = try manager.await("STATUS=1 in flight, 0 waiting")
            _ = try manager.await("WATCHDOG=1", count: 3)
            try site.gate?.open()
            _ = try daemon.complete("held")
            _ = try manager.await("STATUS=0 in flight, 0 waiting")
            #expect(try daemon.stop() == 0)
            let all = try manager.await("STOPPING=1")
            #expect(all.filter { $0 == "READY=1" }.count == 1)
        }

        @Test("a hang-up puts a changed configuration in force; a bad one is refused and the old one stays")
        func hangUp() throws {
            let site = try Site(gated: true)
            let file = "\(site.path)/vizd.conf"
            try write("limits:\n  inFlight: 1\n", to: file)
            let daemon = try site.ready([:], "--config", file)
            for name in ["a", "b", "c"] {
                try site.deliver(Fixture.request(2, more: #""metadata":{"n":"\#(name)"}"#), as: "\(name).json")
                if name == "a" { try daemon.awaitLine("job.admitted", ["job": "a"]) }
            }
            try write("limits:\n  inFlihgt: 9\n", to: file)
            try daemon.signal(1)
            #expect(try daemon.awaitLine("config.refused")["reason"]?.contains("inFlight") ?? false)
            try daemon.awaitLine("config.kept")
            #expect(try site.names("processing") == ["a.json"])
            try write("limits:\n  inFlight: 2\n", to: file)
            try daemon.signal(1)
            #expect(try daemon.awaitLine("config.reloaded")["changed"] == "limits.inFlight")
            try daemon.awaitLine("job.admitted", count: 2)
            #expect(try site.names("processing").count == 2 && site.names("incoming").count == 1)
            try site.gate?.open()
            for name in ["a", "b", "c"] { _ = try daemon.complete(name) }
            #expect(try daemon.stop() == 0)
        }

        @Test("hang-ups and questions for the state, one after the other while two hundred requests arrive, lose none")
        func manyHangUps() throws {
            let site = try Site()
            let daemon = try site.ready(["VIZD_LIMITS_IN_FLIGHT": "3"])
            for number in 0..<200 {
                try site.deliver(Fixture.missing(user: "u-\(number % 7)", number: number), as: "h-\(number).json")
                if number % 10 == 0 { for signal in [Int32(1), 10] { try daemon.signal(signal) } }
            }
            for number in 0..<200 { #expect(try daemon.failed("h-\(number)").code == .outfitNotFound) }
            try daemon.settled()
            try daemon.awaitLine("vizd.state")
            #expect(try daemon.stop() == 0)
            #expect(try daemon.lines(of: "job.failed").count == 200)
        }

        @Test("a hang-up names what waits for a restart, and lets the log say more from then on")
        func laterAndLog() throws {
            let site = try Site()
            let file = "\(site.path)/vizd.conf"
            try write("limits.imageBytes: 40MiB\n", to: file)
            let daemon = try site.ready([:], "--config", file)
            #expect(try daemon.lines(of: "incoming.scan").isEmpty)
            try write("limits.imageBytes: 30MiB\nlimits.requestBytes: 2MiB\nlog.level: debug\n", to: file)
            try daemon.signal(1)
            let reloaded = try daemon.awaitLine("config.reloaded")
            #expect(reloaded["changed"] == "limits.requestBytes log.level")
            #expect(reloaded["after_restart"] == "limits.imageBytes")
            try daemon.awaitLine("incoming.scan")
            #expect(try daemon.stop() == 0)
        }

        @Test("asked for its state, it logs how much is in flight and waiting, and goes on")
        func state() throws {
            let site = try Site(gated: true)
            let daemon = try site.ready(["VIZD_LIMITS_IN_FLIGHT": "1"])
            try site.deliver(Fixture.request(2), as: "held.json")
            try daemon.await("its status") {
                try site.box("processing").infoIfPresent(of: "held.status.json")
            }
            try daemon.signal(10)
            let state = try daemon.awaitLine("vizd.state")
            #expect(state["in_flight"] == "1" && state["waiting"] == "0" && state["paused"] == "no")
            #expect(state["stages"] == "prepare:1" && state["waits"] == "none" && state["providers"] == "flatlay:open")
            #expect(state["resident_bytes"].flatMap { Int($0) } ?? 0 > 0)
            try site.gate?.open()
            _ = try daemon.complete("held")
            #expect(try daemon.stop() == 0)
        }

        private func write(_ text: String, to path: String) throws {
            try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        }

        @Test("a watchdog that is meant for another process is not fed")
        func foreignWatchdog() throws {
            let site = try Site()
            let manager = try NotifySocket("\(site.path)/notify")
            let daemon = try site.start([
                "NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "20000", "WATCHDOG_PID": "1",
            ])
            _ = try manager.await("READY=1")
            try site.deliver(Fixture.missing(), as: "a.json")
            _ = try daemon.failed("a")
            #expect(try daemon.stop() == 0)
            #expect(try !manager.await("STOPPING=1").contains("WATCHDOG=1"))
        }
    }
}
