// Planted keys, looked for where they must not be: in the command lines, environments and memory of everything that
// vizd starts, in a core, and in what another program of the same user can read of vizd itself. Each look is also made
// where the key is known to be, so that one which sees nothing is noticed. Needs root, to look and to become others.

import Contract
import Foundation
import Glibc
import Linux
import TestSupport
import Testing

/// A process as root sees it.
private struct Looked {
    let process: Int32

    /// Its parent; nil when it is gone.
    private static func parent(of process: Int32) -> Int32? {
        guard let text = text("/proc/\(process)/stat") else { return nil }
        return text.split(separator: ")").last.flatMap { Int32($0.split(separator: " ")[1]) }
    }

    private static func text(_ path: String) -> String? {
        do { return String(decoding: try Host.readFile(path, limit: 1 << 22), as: UTF8.self) } catch { return nil }
    }

    /// All that descends from a process.
    static func descendants(of root: Int32) throws -> [Looked] {
        var all: [Int32: Int32] = [:]
        try Directory(path: "/proc").forEachName { name in
            if let number = name.string.flatMap({ Int32($0) }) { all[number] = parent(of: number) }
            return true
        }
        var found: [Int32] = [root]
        var next = 0
        while next < found.count {
            found += all.filter { $0.value == found[next] }.map(\.key)
            next += 1
        }
        return found.dropFirst().map(Looked.init)
    }

    /// Its command line, with spaces.
    var command: String { (Self.text("/proc/\(process)/cmdline") ?? "").replacing("\0", with: " ") }
    /// The largest core that it may leave, soft and hard.
    var coreLimit: [String] {
        let lines = (Self.text("/proc/\(process)/limits") ?? "").split(separator: "\n")
        let line = lines.first { $0.hasPrefix("Max core file size") } ?? ""
        return line.split(separator: " ").dropFirst(4).prefix(2).map(String.init)
    }
    var environment: String { Self.text("/proc/\(process)/environ") ?? "" }

    /// Whether these bytes stand in those; memory is large, and most of it zeros.
    private static func holds(_ memory: UnsafeRawBufferPointer, _ word: [UInt8]) -> Bool {
        guard var place = memory.baseAddress else { return false }
        let end = place + memory.count
        while let found = memchr(place, Int32(word[0]), end - place) {
            let start = UnsafeRawPointer(found)
            if end - start < word.count { return false }
            if memcmp(start, word, word.count) == 0 { return true }
            place = start + 1
        }
        return false
    }

    /// How often these words stand in the memory that it may write; and how many bytes were looked at.
    func count(_ words: [String]) throws -> (found: Int, looked: Int) {
        let maps = Self.text("/proc/\(process)/maps") ?? ""
        let memory = try FileHandle(forReadingFrom: URL(filePath: "/proc/\(process)/mem"))
        var (found, looked) = (0, 0)
        for line in maps.split(separator: "\n") {
            let fields = line.split(separator: " ")
            let ends = fields[0].split(separator: "-").compactMap { UInt64($0, radix: 16) }
            guard ends.count == 2, fields[1].hasPrefix("rw"), !line.hasSuffix("[vvar]"), !line.hasSuffix("[vsyscall]"),
                ends[1] - ends[0] < 1 << 28
            else { continue }
            do {
                // What is mapped from a file for reading alone has none of its words.
                try memory.seek(toOffset: ends[0])
                let bytes = try memory.read(upToCount: Int(ends[1] - ends[0])) ?? Data()
                looked += bytes.count
                found += words.count { word in
                    bytes.withUnsafeBytes { Self.holds($0, Array(word.utf8)) }
                }
            } catch {
                continue  // A mapping of which nothing is there.
            }
        }
        return (found, looked)
    }
}

private func shell(_ script: String) throws -> (status: Int32, output: String) {
    let process = Process()
    process.executableURL = URL(filePath: "/bin/sh")
    process.arguments = ["-c", script]
    let pipe = Pipe()
    (process.standardOutput, process.standardError) = (pipe, pipe)
    try process.run()
    let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    return (process.terminationStatus, output)
}

/// Runs a command to its end.
private func run(_ words: [String]) throws -> Int32 {
    let process = Process()
    process.executableURL = URL(filePath: words[0])
    process.arguments = Array(words.dropFirst())
    try process.run()
    process.waitUntilExit()
    return process.terminationStatus
}

extension EndToEnd {
    @Suite("Planted keys", .enabled(if: Host.userID == 0))
    @Outside
    struct Secrets {
        /// A key for every setting that takes one, each with a mark of this test.
        private let mark: String
        private let keys: [String: String]

        init() {
            let mark = Random.hex(bytes: 12)
            self.mark = mark
            let names = [
                "RUNWAY_API_KEY", "FASHN_API_KEY", "OPENAI_API_KEY", "BFL_API_KEY", "AWS_ACCESS_KEY_ID",
                "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
            ]
            keys = Dictionary(uniqueKeysWithValues: names.map { ($0, "key_\(mark)\($0.count)") })
        }

        /// A program that makes a picture when the test lets it.
        private func program(_ site: Site) throws -> String {
            let path = "\(site.path)/paint.sh"
            let text = """
                #!/bin/sh
                touch '\(site.path)/begun'
                read line < '\(site.path)/go'
                cp reference-1.jpg out.jpg; echo out.jpg

                """
            try Directory(path: site.path).makeFIFO("go")
            try Directory(path: site.path).open("paint.sh", .create, mode: 0o755).write(all: Array(text.utf8))
            return path
        }

        @Test("no key is in the command line, the environment or the memory of anything that vizd starts")
        func children() throws {
            let site = try Site()
            let settings = ["VIZD_PROVIDER": "exec", "VIZD_EXEC_COMMAND": try program(site)]
            let daemon = try site.ready(keys.merging(settings) { $1 })
            try site.deliver(Fixture.request(1), as: "a.json")
            try daemon.await("the program", in: [site.path]) {
                try Directory(path: site.path).infoIfPresent(of: "begun") != nil ? true : nil
            }
            // The look is one that finds.
            let own = Looked(process: daemon.processID)
            #expect(try own.count([mark]).found > 0 && own.environment.contains(mark))
            #expect(!own.command.contains(mark))
            let children = try Looked.descendants(of: daemon.processID)
            for part in ["vizd-image", "keep", "paint.sh"] {
                #expect(children.contains { $0.command.contains(part) }, "\(part) in \(children.map(\.command))")
            }
            for child in children {
                let name = child.command
                #expect(!name.contains(mark) && !child.environment.contains(mark), "\(name)")
                let memory = try child.count([mark])
                #expect(memory.found == 0 && memory.looked > 1 << 16, "\(name): \(memory)")
                // The keeper is vizd's own program and holds nothing; what handles strangers' bytes leaves no core.
                if !name.contains("keep") { #expect(child.coreLimit == ["0", "0"], "\(name)") }
            }
            let go = try Directory(path: site.path).open("go", .readWrite)
            try go.write(all: Array("on\n".utf8))
            _ = try daemon.complete("a")
            #expect(try daemon.stop() == 0)
            #expect(try shell("grep -r -l '\(mark)' '\(site.path)' '\(site.logs)'").output == "")
        }

        @Test(
            "another program of vizd's own user reads neither its environment nor its memory, and cannot attach to it")
        func sameUser() throws {
            let site = try Site()
            let user = "/usr/bin/setpriv --reuid 64101 --regid 64101 --clear-groups --no-new-privs"
            try FileManager.default.createDirectory(atPath: site.state, withIntermediateDirectories: true)
            try FileManager.default.createDirectory(atPath: "\(site.path)/bin", withIntermediateDirectories: true)
            for name in ["vizd", "vizd-image"] {
                let copy = "\(site.path)/bin/\(name)"
                try FileManager.default.copyItem(atPath: try BuiltProducts.path(of: name), toPath: copy)
            }
            #expect(try shell("chmod 755 '\(site.path)'; chown -R 64101:64101 '\(site.path)'/*").status == 0)
            let words = user.split(separator: " ").map(String.init)
            let script = "shift; exec '\(site.path)/bin/vizd' \"$@\""
            let daemon = try site.ready(through: words + ["/bin/sh", "-c", script, "sh"], keys)
            let looks = { (process: Int32) in
                [
                    "cat /proc/\(process)/environ", "head -c 1 /proc/\(process)/mem", "cat /proc/\(process)/maps",
                    "ls /proc/\(process)/fd",
                    "python3 -c 'import ctypes; c = ctypes.CDLL(None); exit(c.ptrace(16, \(process), 0, 0) != 0)'",
                ]
            }
            for look in looks(daemon.processID) {
                let said = try shell("\(user) /bin/sh -c \"\(look)\"")
                #expect(said.status != 0 && !said.output.contains(mark), "\(look): \(said)")
            }
            // The same looks at a program that does not ask for this.
            let plain = Process()
            plain.executableURL = URL(filePath: words[0])
            plain.arguments = Array(words.dropFirst()) + ["/bin/sleep", "600"]
            plain.environment = keys
            try plain.run()
            defer {
                do { try Host.kill(plain.processIdentifier, signal: 9) } catch { Issue.record(error) }
            }
            _ = try awaited("sleep", in: []) {
                Looked(process: plain.processIdentifier).command.hasPrefix("/bin/sleep") ? true : nil
            }
            let seen = try shell("\(user) /bin/sh -c \"\(looks(plain.processIdentifier)[0])\"")
            #expect(seen.status == 0 && seen.output.contains(mark))
            // It works as before.
            let drop = "cd '\(site.spool)'; printf '%s' '\(Fixture.request(2))' >tmp/a && mv tmp/a incoming/a.json"
            #expect(try run(words + ["/bin/sh", "-c", drop]) == 0)
            _ = try daemon.complete("a")
            #expect(try site.command("list").output.contains("a"))
            #expect(try daemon.stop() == 0)
        }

        @Test("a vizd that is ended by SIGABRT leaves no core, whatever the limit for cores is")
        func noCore() throws {
            let site = try Site()
            // A test's thread has its signals blocked, and what it starts inherits that.
            let open = "import os, signal, sys; signal.pthread_sigmask(signal.SIG_SETMASK, []); "
            let exec = "os.execv('/usr/bin/prlimit', ['prlimit', '--core=unlimited:unlimited'] + sys.argv[1:])"
            let wrapper = ["/usr/bin/python3", "-c", open + exec]
            // The language's own tracer would catch it.
            let daemon = try site.ready(through: wrapper, keys.merging(["SWIFT_BACKTRACE": "enable=no"]) { $1 })
            #expect(Looked(process: daemon.processID).coreLimit == ["unlimited", "unlimited"])
            try daemon.signal(6)
            #expect(try daemon.awaitExit() == 128 + 6)
            let left = try FileManager.default.contentsOfDirectory(atPath: site.path)
            #expect(!left.contains { $0.hasPrefix("core") }, "\(left)")
            let abort = open + "os.abort()"
            let limit = "prlimit --core=unlimited:unlimited"
            let plain = try shell("cd '\(site.path)' && \(limit) python3 -c '\(abort)'; ls")
            let pattern = String(
                decoding: try Host.readFile("/proc/sys/kernel/core_pattern", limit: 4096), as: UTF8.self)
            if pattern.hasPrefix("core") { #expect(plain.output.contains("core"), "one that does not ask leaves one") }
        }
    }
}
