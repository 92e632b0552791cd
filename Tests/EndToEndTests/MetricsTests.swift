// The metrics of the program as it runs: the file says what the results and the books say, and says its last words.
// And the log in each of its forms, as it comes out of the program.

import Contract
import Foundation
import Ledger
import Linux
import RunwaySimulator
import TestSupport
import Testing

/// The metrics of a site as they are in the file now.
private struct Figures {
    private let lines: [String]

    /// Nil before there is a file: the first is written beside the first jobs.
    static func ifAny(of site: Site) throws -> Figures? {
        do {
            return try Figures(site)
        } catch let failure as SystemFailure where failure.errno == .notFound {
            return nil
        }
    }

    init(_ site: Site) throws {
        let text = String(decoding: try Host.readFile(site.metrics, limit: 1 << 20), as: UTF8.self)
        lines = text.split(separator: "\n").map(String.init).filter { !$0.hasPrefix("#") }
    }

    /// The sum of the samples of a name whose labels contain all of these.
    func sum(_ name: String, _ labels: String...) -> Double {
        lines.filter { line in
            line.hasPrefix(name + "{") && labels.allSatisfy(line.contains)
        }.reduce(0) { $0 + (Double($1.split(separator: " ").last ?? "") ?? .nan) }
    }
}

extension EndToEnd {
    @Suite("Metrics of the program")
    @Outside
    struct MetricsOfTheProgram {
        @Test("the file counts what lies in the boxes and what the provider's own books say, and ends with last words")
        func agree() throws {
            let place = try RunwaySite()
            let (site, settings) = (place.site, ["RUNWAY_RATIO": "1080:1440", "VIZD_BUDGET_MONTHLY": "100"])
            let daemon = try place.ready(settings)
            try daemon.await("the first file", in: [site.logs]) {
                try Figures.ifAny(of: site)?.sum("vizd_up") == 1 ? true : nil
            }
            let names = (1...6).map { "job-\($0)" }
            for name in names { try place.order(name) }
            try site.deliver(Fixture.missing(), as: "nobody.json")
            try site.deliver("{", as: "broken.json")
            try site.deliver(#"{"user_id":"peichin","outfit_ids":["nowhere-1","nowhere-2"]}"#, as: "batch.json")
            for name in names { _ = try daemon.complete(name) }
            for name in ["nobody", "broken", "batch"] { _ = try daemon.result(name, in: "failed") }
            #expect(try daemon.stop() == 0)
            let figures = try Figures(site)
            let results = { (box: String) in try site.names(box).filter { $0.hasSuffix(".result.json") }.count }
            #expect(figures.sum("vizd_results_complete_total") == Double(try results("done")))
            #expect(figures.sum("vizd_results_failed_total") == Double(try results("failed")))
            #expect(figures.sum("vizd_results_failed_total", #"code="invalid_json""#) == 1)
            #expect(figures.sum("vizd_requests_claimed_total") == 9)
            let books = place.runway.books
            let runway = #"provider="runway""#
            #expect(figures.sum("vizd_orders_total", runway) == Double(books.createsReceived))
            #expect(figures.sum("vizd_provider_calls_total", runway, #"outcome="accepted""#) == 6)
            #expect(figures.sum("vizd_provider_calls_total", #"call="poll""#, #"outcome="done""#) >= 6)
            let dollars = Double(books.creditsBilled) / 100
            #expect(abs(figures.sum("vizd_spent_usd_total", runway) - dollars) < 1e-9)
            #expect(abs(figures.sum("vizd_cost_usd", runway, #"state="settled""#) - dollars) < 1e-9)
            #expect(figures.sum("vizd_cost_usd", #"state="uncertain""#) == 0)
            #expect(abs(figures.sum("vizd_budget_left_usd") - (100 - dollars)) < 1e-9)
            #expect(figures.sum("vizd_stage_seconds_count", #"stage="generate""#) == 6)
            #expect(figures.sum("vizd_in_flight_jobs") == 0 && figures.sum("vizd_queue_jobs") == 0)
            #expect(figures.sum("vizd_up") == 0 && figures.sum("vizd_watch_listening") == 1)
        }

        @Test("a provider that refuses the key is seen as held, and its jobs as waiting for it")
        func held() throws {
            let place = try RunwaySite()
            let daemon = try place.started(["RUNWAY_API_KEY": RunwaySite.freshKey()])
            try place.order("first")
            #expect(try daemon.failed("first").code == .providerAuth)
            try place.order("second")
            // Written every ten seconds: the next one has it.
            try daemon.await("a provider that is held", in: [place.site.logs]) { () -> Bool? in
                guard let figures = try Figures.ifAny(of: place.site) else { return nil }
                let isHeld = figures.sum("vizd_provider_state", #"provider="runway""#, #"state="held""#) == 1
                return isHeld && figures.sum("vizd_waiting_jobs", #"reason="provider_held""#) == 1 ? true : nil
            }
            try daemon.stop()
        }

        @Test("jobs know nothing of a metrics file that cannot be written; the log tells it once")
        func unwritable() throws {
            let site = try Site()
            let daemon = try site.ready(["VIZD_METRICS_FILE": "\(site.path)/not/there.prom"])
            try daemon.awaitLine("metrics.unwritten")
            try site.deliver(Fixture.request(2), as: "a.json")
            _ = try daemon.complete("a")
            #expect(try daemon.stop() == 0)
            #expect(try daemon.lines(of: "metrics.unwritten").count == 1)
        }
    }

    @Suite("The log of the program")
    @Outside
    struct LogOfTheProgram {
        /// Runs a job that goes well, one that does not and a state dump, and answers the lines of the log.
        private func story(_ format: String, level: String = "debug") throws -> [String] {
            let site = try Site()
            // The lines of these forms are read here, not by the run.
            let daemon = try site.start(["VIZD_LOG_FORMAT": format, "VIZD_LOG_LEVEL": level])
            try site.deliver(Fixture.request(2), as: "good.json")
            try site.deliver(Fixture.missing(), as: "bad one.json")
            _ = try daemon.complete("good")
            _ = try daemon.failed("bad one")
            try daemon.signal(10)
            try daemon.await("its state") { try daemon.lines().contains { $0.contains("vizd.state") } ? true : nil }
            #expect(try daemon.stop() == 0)
            return try daemon.lines()
        }

        @Test("text: time, level, event, and the job first of the fields")
        func text() throws {
            let lines = try story("text")
            let form =
                /[-0-9]{10}T[0-9:]{8}\.[0-9]{3}Z [a-z]+ +[a-z]+(\.[a-z_]+)?( [a-z_]+=("(\\.|[^"\\])*"|[^ "]+))*/
            for line in lines { #expect(line.wholeMatch(of: form) != nil, "\(line)") }
            #expect(lines.contains { $0.contains("notice   job.complete job=good ") })
            #expect(lines.contains { $0.contains(#"warning  job.failed job="bad one" code=outfit_not_found"#) })
        }

        @Test("journald: the priority in place of time and level")
        func journald() throws {
            let lines = try story("journald")
            for line in lines { #expect(line.prefixMatch(of: /<[2-7]>[a-z]+(\.[a-z_]+)?( |$)/) != nil, "\(line)") }
            let expected = [
                "<5>vizd.ready ", "<5>job.complete job=good ", "<4>job.failed job=", "<6>job.admitted job=",
            ]
            for start in expected { #expect(lines.contains { $0.hasPrefix(start) }, "\(start)") }
        }

        @Test(
            "json: one object a line, with event, level and time; each event at the level and with the job of the list")
        func json() throws {
            let page = String(
                decoding: try Host.readFile("\(Repository.root)/docs/LOG.md", limit: 1 << 20), as: UTF8.self)
            let rows = page.matches(of: /(?m)^\| `([a-z_.]+)` \| ([a-z, ]+) \|( job)? \|/)
            let table = Dictionary(
                rows.map { (String($0.1), (levels: String($0.2), hasJob: $0.3 != nil)) }, uniquingKeysWith: { $1 })
            for line in try story("json") {
                let event = try #require(LoggedEvent(line), "\(line)")
                let row = try #require(table[event.event], "\(line)")
                #expect(row.levels.contains(try #require(event["level"])), "\(line)")
                #expect((event["job"] != nil) == row.hasJob, "\(line)")
                #expect(event["time"] != nil)
            }
        }

        @Test("at notice the night watch sees starts, ends and results, and not the way of each job")
        func quiet() throws {
            let events = try story("json", level: "notice").compactMap { LoggedEvent($0)?.event }
            #expect(Set(events).isSuperset(of: ["vizd.ready", "job.complete", "job.failed", "vizd.stopped"]))
            #expect(Set(events).isDisjoint(with: ["request.claimed", "job.admitted", "incoming.scan"]))
        }

        @Test("a key that turns up is found: in a file of the place, in a command's words, in the metrics' folder")
        func found() throws {
            let key = "planted-by-hand-" + Random.hex(bytes: 8)
            do {
                let site = try Site()
                _ = site.environment(["FASHN_API_KEY": key])
                try Data("so \(key) is it".utf8).write(to: URL(filePath: "\(site.state)-leak"))
                try Data("and \(key)".utf8).write(to: URL(filePath: "\(site.logs)/leak"))
                try Data("apiKey: \(key)".utf8).write(to: URL(filePath: "\(site.path)/vizd.conf"))
            }
            #expect(Leaks.take().count == 2)
        }
    }
}
