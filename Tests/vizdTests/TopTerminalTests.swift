// `vizd top` on a real terminal: a pty whose screen is read (terminal.py), and where there is none.

import Contract
import Foundation
import Linux
import Spool
import TestSupport
import Testing

@testable import vizd

/// A program on a pty. Every order is answered when what it awaits has happened; one that never happens, and anything
/// that a program of ours may not send to a terminal, is an error.
private final class PseudoTerminal {
    struct Answer: Decodable {
        struct Modes: Decodable {
            let echo, lines, asFound, alternate, cursor, wrap: Bool
            let colours: [Int]
        }

        let lines: [String]?
        let modes: Modes?
        let status: Int32?
        let signal: Int32?
    }

    private let process = SpawnedProcess()
    private let (orders, answers) = (Pipe(), Pipe())

    init(rows: Int, columns: Int, _ arguments: [String], environment: [String: String]) throws {
        process.executableURL = URL(filePath: "/usr/bin/python3")
        process.arguments =
            ["\(Repository.root)/Tests/vizdTests/terminal.py", "\(rows)", "\(columns)"]
            + [try BuiltProducts.path(of: "vizd")] + arguments
        process.environment = ["PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "TERM": "xterm-256color"]
            .merging(environment) { $1 }
        (process.standardInput, process.standardOutput) = (orders, answers)
        try process.run()
    }

    deinit {
        do { try orders.fileHandleForWriting.close() } catch { Issue.record("\(error)") }
        process.waitUntilExit()
    }

    @discardableResult
    func order(_ what: String, _ details: [String: Any] = [:]) throws -> Answer {
        let order = try JSONSerialization.data(withJSONObject: details.merging(["do": what]) { $1 })
        orders.fileHandleForWriting.write(order + Data("\n".utf8))
        var line = Data()
        while true {
            let byte = answers.fileHandleForReading.readData(ofLength: 1)
            try #require(!byte.isEmpty, "the terminal has ended over \(what) \(details); what it said is above")
            if byte == Data("\n".utf8) { break }
            line += byte
        }
        return try JSONDecoder().decode(Answer.self, from: line)
    }

    func await(_ text: String, absent: Bool = false) throws { try order("await", ["text": text, "absent": absent]) }
    func send(_ keys: String) throws { try order("send", ["keys": keys]) }
    func screen() throws -> String { try order("screen").lines?.joined(separator: "\n") ?? "" }

    /// The terminal as a shell wants it.
    func expectGivenBack(_ comment: String) throws {
        let modes = try #require(try order("screen").modes)
        #expect(modes.asFound && modes.echo && modes.lines, "\(comment): the modes")
        #expect(!modes.alternate && modes.cursor && modes.wrap, "\(comment): the screen")
    }
}

@Suite("top, on a terminal")
@Outside
struct TopTerminalTests {
    private let spool: ScratchSpool

    init() throws {
        spool = try ScratchSpool()
        let request = Array(#"{"user_id":"peichin","outfit_id":"o-17"}"#.utf8)
        for number in 10..<40 { try spool.write(request, "job-\(number).json", in: .incoming) }
        try spool.write(request, "a.json", in: .processing)
        try spool.write(Sample.status(), "a.status.json", in: .processing)
    }

    private func terminal(
        _ arguments: String..., rows: Int = 30, columns: Int = 100, environment: [String: String] = [:]
    ) throws -> PseudoTerminal {
        try PseudoTerminal(
            rows: rows, columns: columns, ["top"] + arguments,
            environment: ["VIZD_SPOOL_DIR": spool.path, "VIZD_STATE_DIR": spool.path + "/state"]
                .merging(environment) { $1 })
    }

    @Test("keys scroll, choose, sort, explain and leave; the terminal is as it was found")
    func keys() throws {
        let terminal = try terminal()
        try terminal.await("q quit")
        let modes = try #require(try terminal.order("screen").modes)
        #expect(modes.alternate && !modes.cursor && !modes.echo && !modes.lines && !modes.colours.isEmpty)
        #expect(try terminal.screen().contains("job-10") && terminal.screen().contains("IN FLIGHT  1  by age"))
        try terminal.send("\t\u{1B}[B\u{1B}[B")
        try terminal.await("WAITING  3-")
        #expect(try !terminal.screen().contains("job-10") && terminal.screen().contains("job-12"))
        try terminal.send("\u{1B}[F")
        try terminal.await("job-39")
        try terminal.send("s")
        try terminal.await("by progress")
        try terminal.send("?")
        try terminal.await("time stands still")
        try terminal.send("x")
        try terminal.await("time stands still", absent: true)
        try terminal.send("q")
        #expect(try terminal.order("ended").status == 0)
        try terminal.expectGivenBack("after q")
    }

    @Test("what changes in the spool is seen without a key, and not while time stands still")
    func changes() throws {
        let terminal = try terminal("--interval", "100ms")
        try terminal.await("done 0")
        try spool.write(Sample.complete("c").encode(), "c.result.json", in: .done)
        try terminal.await("done 1")
        try terminal.send("p")
        try terminal.await("paused")
        try spool.write(Sample.complete("d").encode(), "d.result.json", in: .done)
        // Each of these is drawn before the next is typed: looks would have come in between.
        for sort in TopSort.allCases.dropFirst() + [.age] {
            try terminal.send("s")
            try terminal.await("by \(sort.rawValue)")
        }
        #expect(try terminal.screen().contains("done 1"))
        try terminal.send("p")
        try terminal.await("done 2")
        try terminal.send("q")
        #expect(try terminal.order("ended").status == 0)
    }

    @Test("a new size of the window is drawn to, down to the smallest")
    func resizing() throws {
        let terminal = try terminal()
        try terminal.await("q quit")
        for (rows, columns) in [(50, 200), (24, 80), (10, 40), (3, 20), (1, 1), (24, 80)] {
            try terminal.order("resize", ["rows": rows, "columns": columns])
            try terminal.await(columns >= 8 ? "vizd top" : "…")
        }
        try terminal.await("q quit")
        try terminal.send("q")
        #expect(try terminal.order("ended").status == 0)
    }

    @Test(
        "a signal ends it as it would end any program, after the terminal was given back",
        arguments: [("INT", SIGINT), ("TERM", SIGTERM), ("HUP", SIGHUP), ("QUIT", SIGQUIT)])
    func signals(name: String, number: Int32) throws {
        let terminal = try terminal()
        try terminal.await("q quit")
        try terminal.order("signal", ["name": name])
        #expect(try terminal.order("ended").signal == number)
        try terminal.expectGivenBack("after SIG\(name)")
    }

    @Test("Ctrl-C ends it, Ctrl-Z stops it with the terminal given back, and it comes back when it goes on")
    func jobControl() throws {
        let terminal = try terminal()
        try terminal.await("q quit")
        for order in ["TSTP", "\u{1A}"] {
            if order == "TSTP" {
                try terminal.order("signal", ["name": order])
            } else {
                try terminal.send(order)
            }
            try terminal.order("stopped")
            try terminal.expectGivenBack("while it is stopped")
            try terminal.order("signal", ["name": "CONT"])
            try terminal.await("q quit")
            let modes = try #require(try terminal.order("screen").modes)
            #expect(modes.alternate && !modes.echo && !modes.cursor)
        }
        try terminal.send("\u{3}")
        #expect(try terminal.order("ended").signal == SIGINT)
        try terminal.expectGivenBack("after Ctrl-C")
    }

    @Test("names of strangers, and what they have asked for, never act on the terminal")
    func hostile() throws {
        let name = "\u{1B}]0;owned\u{7}\u{1B}[2J"
        try spool.write(Array(#"{"user_id":"u","outfit_id":"o"}"#.utf8), "\(name).json", in: .incoming)
        try spool.write(
            Sample.status(message: "\u{1B}[31;5mred \u{202E}漂亮👗"), "a.status.json", in: .processing)
        let failure = ResultDocument.Failure(
            code: .generationFailed, message: "\u{1B}[?1049l\r\n\u{9B}2J", stage: .generate)
        try spool.write(Sample.failed("f", failure).encode(), "f.result.json", in: .failed)
        let raw = try Directory(path: spool.path + "/failed")
        try raw.publish(
            [0x7B], as: FileName(bytes: [0x1B, 0x5B, 0x48, 0xFF] + Array(".result.json".utf8)), temporary: ".t")
        let terminal = try terminal(rows: 50, columns: 160)
        try terminal.await("q quit")
        let screen = try terminal.screen()
        #expect(screen.contains("漂亮") && screen.contains(#"\u{001B}[31;5mred"#))
        #expect(screen.contains(#"\x1B[H\xFF"#) && screen.contains("generation_failed"))
        try terminal.send("\t\u{1B}[F")
        try terminal.await("owned")
        try terminal.send("q")
        #expect(try terminal.order("ended").status == 0)
    }

    @Test("NO_COLOR takes the colours away")
    func noColour() throws {
        let terminal = try terminal(environment: ["NO_COLOR": "1"])
        try terminal.await("q quit")
        #expect(try terminal.order("screen").modes?.colours.isEmpty == true)
        try terminal.send("q")
        #expect(try terminal.order("ended").status == 0)
    }

    @Test("on a dumb terminal, and where there is none, plain blocks are printed: no escape codes, as many as asked")
    func plain() throws {
        let dumb = try terminal("--count", "2", "--interval", "100ms", rows: 60, environment: ["TERM": "dumb"])
        #expect(try dumb.order("ended").status == 0)
        let modes = try #require(try dumb.order("screen").modes)
        #expect(modes.asFound && !modes.alternate && modes.colours.isEmpty)
        #expect(try dumb.screen().components(separatedBy: "vizd top").count == 3)

        let run = try ProgramRun("top", "--count", "3", "--interval", "100ms", spool: spool)
        #expect(run.status == 0 && run.errors.isEmpty && !run.output.contains("\u{1B}"))
        #expect(run.output.components(separatedBy: "vizd top  ").count == 4)
        #expect(run.output.contains("WAITING  1-10 of 30") && run.output.contains("not running"))
        #expect(try ProgramRun("top", "--once", spool: spool).output.components(separatedBy: "vizd top  ").count == 2)
        #expect(try ProgramRun("top", "--once", "--count", "2", spool: spool).status == 64)
        #expect(try ProgramRun("top", "--count", "0", spool: spool).status == 64)
        #expect(try ProgramRun("top", "--interval", "1ms", spool: spool).status == 64)
        #expect(try ProgramRun(["top", "--once"], environment: ["VIZD_SPOOL_DIR": "/nowhere"]).status == 73)
        #expect(try ProgramRun(["top", "--once", "--config", "/nowhere.conf"]).status == 78)
    }
}
