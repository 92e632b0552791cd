// The events of the log are a contract: docs/LOG.md lists them, and the source is read for what it really says.

import Contract
import Foundation
import Linux
import Logging
import TestSupport
import Testing

@testable import vizd

/// An event as a table or a call has it.
private struct Event: Hashable {
    var levels: Set<String> = []
    var hasJob = false
}

@Suite("Events of the log")
struct LogEventsTests {
    /// The table's rows, by event.
    private static func table() throws -> [String: Event] {
        let page = String(decoding: try Host.readFile("\(Repository.root)/docs/LOG.md", limit: 1 << 20), as: UTF8.self)
        let rows = page.matches(of: /(?m)^\| `([a-z]+(?:\.[a-z_]+)?)` \| ([a-z, ]+) \|( job)? \| .{6,} \|$/)
        return Dictionary(
            rows.map { row in
                let levels = Set(row.2.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) })
                return (String(row.1), Event(levels: levels, hasJob: row.3 != nil))
            }, uniquingKeysWith: { one, _ in one })
    }

    /// The program's sources.
    private static func sources() throws -> [String] {
        let folder = URL(filePath: "\(Repository.root)/Sources/vizd")
        let all =
            FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)?.allObjects as? [URL] ?? []
        return try all.filter { $0.pathExtension == "swift" }.map { try String(contentsOf: $0, encoding: .utf8) }
    }

    /// A call of the logger: the level where it stands in the name, and the words up to the closing bracket.
    private static func calls(in source: String) -> [(level: String?, words: String)] {
        source.matches(of: /\b(?:log\.)?(trace|debug|info|notice|warning|error|critical|log|tell|say)\(/).map { call in
            var depth = 1
            let rest = source[call.range.upperBound...].prefix { character in
                depth += character == "(" ? 1 : character == ")" ? -1 : 0
                return depth > 0
            }
            let word = String(call.1)
            return (["log", "tell", "say"].contains(word) ? nil : word, String(rest))
        }
    }

    /// What the source says, by event. Names that are put together at run time are cases of an enum.
    private static func said() throws -> [String: Event] {
        var events: [String: Event] = [:]
        for source in try sources() {
            for (level, words) in calls(in: source) {
                guard
                    let match = words.prefixMatch(of: /\s*"([a-z]+(?:\.[a-z_]+)?)"/)
                        ?? words.prefixMatch(of: /\s*level: [^"]*?"([a-z]+\.[a-z_]+)"/)
                else { continue }
                var event = events[String(match.1)] ?? Event()
                if let level { event.levels.insert(level) }
                event.hasJob =
                    event.hasJob || words.contains(#""job":"#) || words.contains(".metadata(")
                    || words.contains("acts")
                events[String(match.1)] = event
            }
            for match in source.matches(of: /case \w+ = "(cancel\.[a-z_]+)"/) where events[String(match.1)] == nil {
                events[String(match.1)] = Event(hasJob: true)
            }
        }
        return events
    }

    @Test("docs/LOG.md lists every event that the source tells, and no other; in the order of their names")
    func listed() throws {
        let (table, said) = (try Self.table(), try Self.said())
        #expect(said.count > 50)
        #expect(Set(table.keys) == Set(said.keys), "\(Set(table.keys).symmetricDifference(said.keys).sorted())")
        let page = String(decoding: try Host.readFile("\(Repository.root)/docs/LOG.md", limit: 1 << 20), as: UTF8.self)
        let names = page.matches(of: /(?m)^\| `([a-z]+\.[a-z_]+)` \|/).map { String($0.1) }
        #expect(names == names.sorted())
    }

    @Test("each is told at the level that the table says")
    func levels() throws {
        let table = try Self.table()
        for (name, event) in try Self.said() where !event.levels.isEmpty {
            #expect(table[name]?.levels == event.levels, "\(name) is told as \(event.levels.sorted())")
        }
    }

    @Test("a line about a job names it, as the table says")
    func jobs() throws {
        let table = try Self.table()
        for (name, event) in try Self.said() { #expect(table[name]?.hasJob == event.hasJob, "\(name)") }
        // Whatever is told of a job, its part or its result is told with its name.
        for name in table.keys where ["job.", "part.", "result.", "landing.", "order."].contains(where: name.hasPrefix)
        {
            #expect(table[name]?.hasJob == true, "\(name)")
        }
    }

    @Test("docs/LOG.md shows the line as it is, in each form")
    func forms() throws {
        let page = String(decoding: try Host.readFile("\(Repository.root)/docs/LOG.md", limit: 1 << 20), as: UTF8.self)
        let line = LogLine(
            time: Timestamp(nanoseconds: 1_795_486_683_123_000_000), level: .notice, event: "job.complete",
            fields: [LogField(key: "job", value: "7d0c"), LogField(key: "seconds", value: "32.6")])
        for format in LogFormat.allCases {
            let text = line.rendered(as: format, limit: LogOutput.lineLimit)
            #expect(page.contains(text), "\(text)")
        }
    }
}
