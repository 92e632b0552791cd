// The dashboard and the alerts in etc/: they ask for nothing that vizd does not tell, every alert is explained to the
// person whom it wakes, and Prometheus' own tool, where it is there, reads them all.

import Foundation
import Linux
import TestSupport
import Testing

@testable import vizd

/// Prometheus' tool for checks (`scripts/install tests` brings it where it can be had).
private enum Promtool {
    static let path = Repository.root + "/.venv/bin/promtool"

    static var isThere: Bool {
        do throws(SystemFailure) {
            try Host.checkExecutable(path)
            return true
        } catch {
            return false
        }
    }

    /// Runs it; answers what it said and whether it was content.
    static func run(_ arguments: [String], input: String = "") throws -> (isContent: Bool, said: String) {
        let process = SpawnedProcess()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        let (stdin, output) = (Pipe(), Pipe())
        (process.standardInput, process.standardOutput, process.standardError) = (stdin, output, output)
        try process.run()
        stdin.fileHandleForWriting.write(Data(input.utf8))
        try stdin.fileHandleForWriting.close()
        let said = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return (process.terminationStatus == 0, said)
    }
}

@Suite("Dashboard and alerts")
struct AlertsTests {
    private static func file(_ path: String) throws -> String {
        String(decoding: try Host.readFile("\(Repository.root)/\(path)", limit: 1 << 22), as: UTF8.self)
    }

    /// The metrics that a text names, by family.
    private static func families(in text: String) -> Set<String> {
        Set(
            text.matches(of: /vizd_[a-z_]+/).map { match in
                let name = String(match.0)
                let family = name.replacing(/_(bucket|sum|count)$/, with: "")
                return MetricFamily(rawValue: family)?.kind == .histogram ? family : name
            })
    }

    private static let known = Set(MetricFamily.allCases.map(\.rawValue))

    /// A node of the dashboard that is not what it should be.
    struct Strange: Error {
        let what: String
    }

    private static func dashboard() throws -> (whole: [String: Any], panels: [[String: Any]]) {
        let object = try JSONSerialization.jsonObject(with: Data(try file("etc/grafana/vizd.json").utf8))
        guard let whole = object as? [String: Any], let panels = whole["panels"] as? [[String: Any]] else {
            throw Strange(what: "no dashboard")
        }
        return (whole, panels)
    }

    /// Every question of the dashboard.
    private static func questions() throws -> [String] {
        try dashboard().panels.flatMap { panel in
            try (panel["targets"] as? [[String: Any]] ?? []).map { target in
                guard let question = target["expr"] as? String else { throw Strange(what: "a target of \(panel)") }
                return question
            }
        }
    }

    @Test("the dashboard asks for nothing that vizd does not tell, and shows everything that it does")
    func dashboardNames() throws {
        let asked = Self.families(in: try Self.questions().joined(separator: "\n"))
        #expect(asked == Self.known, "\(asked.symmetricDifference(Self.known))")
        let whole = Self.families(in: try Self.file("etc/grafana/vizd.json"))
        #expect(whole.subtracting(Self.known).isEmpty)
    }

    @Test("its panels have numbers and titles of their own, a source that can be chosen, and do not lie on each other")
    func dashboardShape() throws {
        let (whole, panels) = try Self.dashboard()
        #expect(whole["uid"] as? String == "vizd" && (whole["schemaVersion"] as? Int ?? 0) >= 39)
        #expect(Set(panels.compactMap { $0["id"] as? Int }).count == panels.count)
        var taken: Set<[Int]> = []
        for panel in panels {
            let place = try #require(panel["gridPos"] as? [String: Int])
            let (x, y) = (try #require(place["x"]), try #require(place["y"]))
            let (width, height) = (try #require(place["w"]), try #require(place["h"]))
            #expect(x + width <= 24)
            for column in x..<(x + width) {
                for line in y..<(y + height) {
                    #expect(taken.insert([column, line]).inserted, "\(panel["title"] ?? "")")
                }
            }
            guard panel["type"] as? String != "row" else { continue }
            #expect((panel["datasource"] as? [String: String])?["uid"] == "${datasource}")
            #expect(!(panel["title"] as? String ?? "").isEmpty)
            #expect(!(panel["targets"] as? [Any] ?? []).isEmpty)
        }
        for question in try Self.questions() {
            // Whoever chooses a machine and a spool sees those alone.
            let selectors = question.matches(of: /vizd_[a-z_]+\{[^}]*\}/).map { String($0.0) }
            #expect(!selectors.isEmpty)
            #expect(selectors.count == question.matches(of: /vizd_/).count, "\(question)")
            for one in selectors {
                #expect(one.contains(#"instance=~"$instance",spool=~"$spool""#), "\(question)")
            }
        }
    }

    private static func alerts() throws -> [String] {
        try file("etc/prometheus/vizd.rules.yml").matches(of: /- alert: (\w+)/).map { String($0.1) }
    }

    @Test("the alerts ask for nothing that vizd does not tell")
    func alertNames() throws {
        let asked = Self.families(in: try Self.file("etc/prometheus/vizd.rules.yml"))
        #expect(!asked.isEmpty && asked.subtracting(Self.known).isEmpty, "\(asked.subtracting(Self.known))")
        let tried = Self.families(in: try Self.file("etc/prometheus/vizd.rules.test.yml"))
        #expect(!tried.isEmpty && tried.subtracting(Self.known).isEmpty, "\(tried.subtracting(Self.known))")
    }

    @Test(
        "every alert is in OPERATIONS with what it means and what to do, and every one there is an alert; each is tried"
    )
    func explained() throws {
        let alerts = try Self.alerts()
        #expect(alerts.count == Set(alerts).count && alerts.count > 15)
        let explained = try Self.file("docs/OPERATIONS.md").matches(
            of: /(?m)^\| `(Vizd\w+)` \| ([^|]{20,}) \| ([^|]{20,}) \|$/)
        #expect(explained.map { String($0.1) }.sorted() == alerts.sorted())
        let tests = try Self.file("etc/prometheus/vizd.rules.test.yml")
        for alert in alerts { #expect(tests.contains(#"alertname="\#(alert)""#), "\(alert) is not tried") }
    }

    @Test("promtool finds nothing to say about the metrics", .enabled(if: Promtool.isThere))
    func metricsLint() throws {
        let text = MetricsTests.counted().text(MetricsTests.readings())
        let (isContent, said) = try Promtool.run(["check", "metrics"], input: text)
        #expect(isContent && said.isEmpty, "\(said)")
    }

    @Test("promtool reads the alerts, and they fire when they should and else do not", .enabled(if: Promtool.isThere))
    func rules() throws {
        let folder = "\(Repository.root)/etc/prometheus"
        for arguments in [
            ["check", "rules", "\(folder)/vizd.rules.yml"], ["test", "rules", "\(folder)/vizd.rules.test.yml"],
        ] {
            let (isContent, said) = try Promtool.run(arguments)
            #expect(isContent, "\(said)")
        }
    }

    @Test("promtool reads every question of the dashboard", .enabled(if: Promtool.isThere))
    func questions() throws {
        let rules = try Self.questions().enumerated().map { number, question in
            let plain = question.replacing("$__rate_interval", with: "5m").replacing("$instance", with: ".*")
                .replacing("$spool", with: ".*").replacing("'", with: "''")
            return "      - record: question:\(number)\n        expr: '\(plain)'\n"
        }
        let path = "\(NSTemporaryDirectory())vizd-questions-\(Random.hex(bytes: 8)).yml"
        defer {
            do { try FileManager.default.removeItem(atPath: path) } catch { Issue.record("\(path) stays: \(error)") }
        }
        let text = "groups:\n  - name: questions\n    rules:\n\(rules.joined())"
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        let (isContent, said) = try Promtool.run(["check", "rules", path])
        #expect(isContent, "\(said)")
    }
}
