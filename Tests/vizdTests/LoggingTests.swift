// What a log line looks like in each of its forms, and what never gets into one.

import Contract
import Logging
import Synchronization
import Testing

@testable import vizd

/// Collects what would go to standard error.
final class Lines: Sendable {
    private let lines = Mutex<[String]>([])
    var all: [String] { lines.withLock { $0 } }
    var last: String { all.last ?? "" }

    func output(_ format: LogFormat, level: Logger.Level = .info, secrets: [String] = []) -> LogOutput {
        LogOutput(
            format: format, level: level, secrets: secrets.map { Secret($0) }, now: { 1_795_485_483_123_000_000 },
            write: { line in self.lines.withLock { $0.append(line) } })
    }
}

@Suite("Log lines")
struct LoggingTests {
    private let lines = Lines()

    @Test("text has the time, the level, the event, the job and then the other fields by name")
    func text() {
        lines.output(.text).logger().info("job.claimed", metadata: ["user": "peichin", "job": "7d0c", "bytes": "12"])
        #expect(lines.last == "2026-11-24T01:58:03.123Z info     job.claimed job=7d0c bytes=12 user=peichin\n")
    }

    @Test("journald has the priority in place of time and level")
    func journald() {
        let output = lines.output(.journald, level: .trace)
        let expected: [(Logger.Level, Int)] = [
            (.trace, 7), (.debug, 7), (.info, 6), (.notice, 5), (.warning, 4), (.error, 3), (.critical, 2),
        ]
        for (level, priority) in expected {
            output.logger().log(level: level, "spool.paused", metadata: ["free": "0"])
            #expect(lines.last == "<\(priority)>spool.paused free=0\n")
        }
    }

    @Test("json is one object with its keys in order, and a field cannot pass for the line's own")
    func json() {
        let metadata: Logger.Metadata = ["job": "7d0c", "level": "fake", "at": ["b", "c"], "of": ["x": "1"]]
        lines.output(.json).logger().notice("job.done", metadata: metadata)
        let expected =
            #"{"at":"[b, c]","event":"job.done","field.level":"fake","job":"7d0c","level":"notice","of":"{x: 1}","#
            + #""time":"2026-11-24T01:58:03.123Z"}"# + "\n"
        #expect(lines.last == expected)
    }

    @Test("a name full of line ends, escapes and quotes stays within its line and its quotes")
    func escaping() throws {
        let name = "a\n<0>b \u{1B}[31m\"c\" \\ \u{9B}1m \u{202E}x"
        for format in LogFormat.allCases {
            lines.output(format).logger().info("job.failed", metadata: ["file": "\(name)"])
            let body = lines.last.dropLast()
            #expect(lines.last.hasSuffix("\n"))
            let harmless = body.unicodeScalars.allSatisfy {
                $0.properties.generalCategory != .control && $0.properties.generalCategory != .format
            }
            #expect(harmless, "\(format)")
        }
        #expect(lines.all[0].hasSuffix(#"file="a\u{000A}<0>b \u{001B}[31m\"c\" \\ \u{009B}1m \u{202E}x""# + "\n"))
        _ = try JSONDocument(parsing: Array(lines.all[1].utf8.dropLast()))
    }

    @Test("values that could be misread stand in quotes")
    func quoting() {
        lines.output(.text).logger().info(
            "e", metadata: ["a": "", "b": "x=y", "c": "two words", "d": "ünï", "e": "/p:1"])
        #expect(lines.last.hasSuffix(#"e a="" b="x=y" c="two words" d="ünï" e=/p:1"# + "\n"))
    }

    @Test("a secret is withheld wherever it turns up, one from a reload too")
    func secrets() throws {
        let output = lines.output(.text, secrets: ["s3cr", "key_s3cr3t"])
        output.logger().info("provider.refused key_s3cr3t", metadata: ["header": "Bearer key_s3cr3t, key_s3cr3t"])
        #expect(!lines.last.contains("s3cr3t") && lines.last.contains("(secret)"))
        output.logger().info("e", error: Complaint(text: "key_s3cr3t"), metadata: [:])
        #expect(!lines.last.contains("s3cr3t"))
        var settings = try World(nil, ["RUNWAY_API_KEY": "n3w-key"]).settings()
        settings.log.level = .debug
        output.adopt(settings)
        output.logger().debug("e", metadata: ["old": "key_s3cr3t", "new": "n3w-key"])
        #expect(lines.last.hasSuffix("new=(secret) old=(secret)\n") || lines.last.hasSuffix("old=\"(secret)\"\n"))
    }

    @Test("no line is longer than a pipe takes at once, whatever is logged, and json stays json")
    func bounded() throws {
        var metadata: Logger.Metadata = ["job": "7d0c"]
        for number in 0..<40 { metadata["field\(number)"] = "\(String(repeating: "\u{7}é", count: 400))" }
        for format in LogFormat.allCases {
            let event = Logger.Message(stringLiteral: String(repeating: "\u{1}", count: 10_000))
            lines.output(format).logger().info(event, metadata: metadata)
            #expect(lines.last.utf8.count <= LogOutput.lineLimit && lines.last.utf8.count > 1000)
            #expect(lines.last.contains("truncated") && lines.last.contains("7d0c"))
        }
        _ = try JSONDocument(parsing: Array(lines.all[1].utf8.dropLast()))
    }

    @Test("the level of the output holds for loggers made before it changed, unless they have their own")
    func levels() throws {
        let output = lines.output(.text, level: .warning)
        let logger = output.logger()
        var own = output.logger()
        own.logLevel = .trace
        logger.info("unseen")
        own.trace("seen")
        #expect(lines.all.count == 1)
        output.adopt(try World("log.level: info\n").settings())
        logger.info("seen.now")
        #expect(lines.all.count == 2)
    }
}

private struct Complaint: Error, CustomStringConvertible {
    let text: String
    var description: String { text }
}
