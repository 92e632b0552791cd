// The process and its surroundings.

import Foundation
import Glibc
import Linux
import Testing

@Suite("The process")
struct HostTests {
    @Test("the environment is the one that the process was given, whole")
    func environment() throws {
        #expect(Host.environment == ProcessInfo.processInfo.environment)
        #expect(!Host.environment.isEmpty)
    }

    @Test("the environment is known without a descriptor to read it with: it is never taken for an empty one")
    func withoutDescriptors() async {
        // In a process of its own, which may be left without descriptors.
        await #expect(processExitsWith: .success) {
            var limit = rlimit()
            getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
            let plenty = limit.rlim_cur
            limit.rlim_cur = 0
            setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
            let known = Host.environment["PATH"] != nil
            // Who looks for leaks at the end needs some.
            limit.rlim_cur = plenty
            setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
            exit(known ? 0 : 1)
        }
    }

    @Test("code that is let go of is not resident, comes back when it runs, and stays where somebody wrote into it")
    func lettingGo() async {
        // In a process of its own: others' code comes back all the time.
        await #expect(processExitsWith: .success) {
            let clean = try Code(), written = try Code()
            try written.write(7, at: 0)
            #expect(try clean.residentPages == Code.pages && written.residentPages == Code.pages)
            let bytes = try #require(Host.letGoOfMemory())
            #expect(bytes >= Code.pages * 4096)
            #expect(try clean.residentPages == 0 && written.residentPages == Code.pages)
            #expect(clean.byte(at: 0) == 1 && written.byte(at: 0) == 7)
        }
    }
}

/// A file of ones that is mapped as a program's code is.
private final class Code {
    static let pages = 16
    private static let size = pages * 4096
    private let start: UnsafeMutableRawPointer

    init() throws {
        let file = try OpenFile.inMemory()
        try file.write(all: [UInt8](repeating: 1, count: Code.size))
        start = try #require(mmap(nil, Code.size, PROT_READ | PROT_EXEC, MAP_PRIVATE, file.raw, 0))
        try #require(start != MAP_FAILED)
        for page in 0..<Code.pages { _ = byte(at: page * 4096) }
    }

    deinit { munmap(start, Code.size) }

    func byte(at place: Int) -> UInt8 { start.load(fromByteOffset: place, as: UInt8.self) }

    /// Writes as a debugger does that sets a breakpoint.
    func write(_ byte: UInt8, at place: Int) throws {
        try #require(mprotect(start, Code.size, PROT_READ | PROT_WRITE) == 0)
        start.storeBytes(of: byte, toByteOffset: place, as: UInt8.self)
        try #require(mprotect(start, Code.size, PROT_READ | PROT_EXEC) == 0)
    }

    /// Pages of it that this process has.
    var residentPages: Int {
        get throws {
            let text = String(decoding: try Host.readFile("/proc/self/smaps", limit: 1 << 24), as: UTF8.self)
            let head = String(UInt(bitPattern: start), radix: 16) + "-"
            let mapping = try #require(text.range(of: "\n\(head)"))
            let rest = text[mapping.upperBound...]
            let line = try #require(rest.split(separator: "\n").first { $0.hasPrefix("Rss:") })
            return try #require(Int(line.split(separator: " ")[1])) / 4
        }
    }
}
