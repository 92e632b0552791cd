// The program as a process of its own, seen from outside: started with an environment that is all its own, its log kept
// in a file that can be waited on, ended by signals.

internal import Foundation
internal import Linux

/// `vizd run`, running.
package final class DaemonRun: @unchecked Sendable {
    // Guard: `process` is set once, in init; Foundation's Process may be asked from any thread.
    private let process = Process()
    package let site: Site
    private let logFolder: String
    private let ended = Monitor(false)

    package var processID: Int32 { process.processIdentifier }
    package var isRunning: Bool { !ended.look { $0 } }

    /// `wrapper` is a command that ends by executing the words that follow it, such as `setpriv` with its options.
    init(
        _ site: Site, _ arguments: [String], _ environment: [String: String], through wrapper: [String] = []
    ) throws {
        self.site = site
        let command = wrapper + [try site.program()] + arguments
        logFolder = "\(site.logs)/\(Random.hex(bytes: 4))"
        try Host.makeDirectories(logFolder)
        try Directory(path: logFolder).open("log", .create).sync()
        process.executableURL = URL(fileURLWithPath: command[0])
        process.arguments = Array(command.dropFirst())
        process.environment = environment
        process.currentDirectoryURL = URL(fileURLWithPath: site.path)
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle(forWritingAtPath: logFolder + "/log")
        process.terminationHandler = { [ended] _ in ended.change { $0 = true } }
        try process.run()
    }

    deinit {
        guard isRunning else { return }
        do { try kill() } catch { print("vizd \(processID) could not be ended: \(error)") }
    }

    // MARK: Its log

    /// The whole lines that it has logged so far.
    package func lines() throws -> [String] {
        let text = String(decoding: try Host.readFile(logFolder + "/log", limit: 1 << 28), as: UTF8.self)
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        return lines.dropLast().map(String.init)
    }

    /// The lines of one event, in order.
    package func lines(of event: String) throws -> [LoggedEvent] {
        try lines().compactMap(LoggedEvent.init).filter { $0.event == event }
    }

    /// Waits for `count` lines of an event, with these fields.
    @discardableResult
    package func awaitLine(_ event: String, _ fields: [String: String] = [:], count: Int = 1) throws -> LoggedEvent {
        try awaited("\(count) × \(event) \(fields)", in: [logFolder], story: story) {
            let found = try lines(of: event).filter { line in fields.allSatisfy { line[$0.key] == $0.value } }
            if found.count >= count { return found[count - 1] }
            if !isRunning { throw Overdue(description: "vizd ended before \(event) \(fields). \(story())") }
            return nil
        }
    }

    /// The end of the log, for a failure's text.
    package func story() -> String {
        do { return "The log ends:\n" + (try lines().suffix(25)).joined(separator: "\n") } catch { return "\(error)" }
    }

    /// Waits for something in the spool, the log and these folders.
    @discardableResult
    package func await<Answer>(
        _ what: String, in folders: [String] = [], _ look: () throws -> Answer?
    ) throws -> Answer {
        let boxes = ["incoming", "processing", "done", "failed"].map { "\(site.spool)/\($0)" }
        return try awaited(what, in: boxes + [logFolder] + folders, story: story) {
            if let answer = try look() { return answer }
            if !isRunning { throw Overdue(description: "vizd ended before \(what). \(story())") }
            return nil
        }
    }

    // MARK: Its results

    /// Waits until `NAME.result.json` is in a box and the request beside it. Answers the result's bytes.
    package func result(_ name: String, in box: String) throws -> [UInt8] {
        let other = box == "done" ? "failed" : "done"
        return try self.await("the result of \(name) in \(box)/") {
            if let result = try whole(name, in: box) { return result }
            if let result = try whole(name, in: other) {
                throw Overdue(description: "\(name) landed in \(other)/: \(String(decoding: result, as: UTF8.self))")
            }
            return nil
        }
    }

    /// The result of a job in a box, once its request lies beside it.
    package func whole(_ name: String, in box: String) throws -> [UInt8]? {
        guard try site.box(box).infoIfPresent(of: FileName("\(name).json")) != nil else { return nil }
        return try site.file(box, "\(name).result.json")
    }

    /// Waits until nothing is waiting or in progress any more.
    package func settled() throws {
        try self.await("an empty spool") { () -> Bool? in
            // The small folder first: a look at the large one is only worth it when that is empty.
            guard try site.box("processing").names().isEmpty else { return nil }
            let left = try site.names("incoming").filter { $0.hasSuffix(".json") && !$0.hasPrefix(".") }
            return try left.isEmpty && site.box("processing").names().isEmpty ? true : nil
        }
    }

    // MARK: Signals

    /// Sends a signal by its number.
    package func signal(_ number: Int32) throws { try Host.kill(processID, signal: number) }

    /// SIGKILL, and waits until it is gone. One that has just ended by itself cannot be killed any more.
    package func kill() throws {
        do {
            if isRunning { try signal(9) }
        } catch let failure as SystemFailure where failure.errno.rawValue == 3 {}
        _ = try awaitExit()
    }

    /// SIGTERM, and waits until it is gone. Answers the exit code.
    @discardableResult
    package func stop() throws -> Int32 {
        try signal(15)
        return try awaitExit()
    }

    /// Waits until it has ended by itself. Answers the exit code; 128 and the signal, where one ended it.
    package func awaitExit() throws -> Int32 {
        let deadline = MonotonicClock.now() + Patience.limit
        guard ended.wait(until: deadline, { $0 ? true : nil }) != nil else {
            throw Overdue(description: "vizd \(processID) did not end. \(story())")
        }
        return process.terminationReason == .exit ? process.terminationStatus : 128 + process.terminationStatus
    }

    // MARK: Its image workers

    /// The process ids of its children.
    package func workers() throws -> [Int32] {
        var found: [Int32] = []
        try Directory(path: "/proc").forEachName { name in
            if let number = name.string.flatMap({ Int32($0) }), Self.parent(of: number) == processID {
                found.append(number)
            }
            return true
        }
        return found
    }

    private static func parent(of process: Int32) -> Int32? {
        do {
            let bytes = try Host.readFile("/proc/\(process)/stat", limit: 4096)
            let text = String(decoding: bytes, as: UTF8.self)
            return text.split(separator: ")").last.flatMap { Int32($0.split(separator: " ")[1]) }
        } catch {
            return nil  // It is gone.
        }
    }
}

/// A line of the log.
package struct LoggedEvent: Sendable {
    package let event: String
    private let fields: [String: String]

    /// Reads a line of the form json; nil for anything else.
    package init?(_ line: String) {
        do {
            let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: String]
            guard let object, let event = object["event"] else { return nil }
            (self.event, fields) = (event, object)
        } catch {
            return nil
        }
    }

    package subscript(key: String) -> String? { fields[key] }
}

/// A command of the program, run to its end.
package struct CommandRun: Sendable {
    package let status: Int32
    package let output: String
    package let errors: String

    init(_ site: Site, _ arguments: [String], _ environment: [String: String], _ input: String) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: try site.program())
        process.arguments = arguments
        process.environment = environment
        process.currentDirectoryURL = URL(fileURLWithPath: site.path)
        let (stdin, stdout, stderr) = (Pipe(), Pipe(), Pipe())
        (process.standardInput, process.standardOutput, process.standardError) = (stdin, stdout, stderr)
        try process.run()
        stdin.fileHandleForWriting.write(Data(input.utf8))
        try stdin.fileHandleForWriting.close()
        // What the commands say fits into the pipes, so that one after the other may be read.
        output = String(decoding: stdout.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        errors = String(decoding: stderr.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        status = process.terminationStatus
    }
}
