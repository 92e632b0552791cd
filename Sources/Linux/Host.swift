// The process and its surroundings: who we are, chance, the service manager, the terminal, the environment.

internal import CLinux
internal import Glibc

/// This process.
package enum Host {
    /// The process id.
    package static var processID: Int32 { getpid() }
    /// The effective user.
    package static var userID: UInt32 { geteuid() }

    /// The machine's name, as people know it.
    package static var name: String {
        var buffer = [CChar](repeating: 0, count: 256)
        guard gethostname(&buffer, buffer.count - 1) == 0 else { return "localhost" }
        return String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// The environment. Nothing of ours changes it, so it is as it was at the start; and nothing can fail on the way to
    /// it, since a program that takes no environment for an empty one works at places that nobody named.
    package static var environment: [String: String] {
        var all: [String: String] = [:]
        var index = 0
        while let entry = vz_environment(index) {
            index += 1
            let bytes = UnsafeBufferPointer(start: entry, count: strlen(entry)).map(UInt8.init(bitPattern:))
            guard let sign = bytes.firstIndex(of: 0x3D) else { continue }
            let name = String(decoding: bytes[..<sign], as: UTF8.self)
            all[name] = all[name] ?? String(decoding: bytes[(sign + 1)...], as: UTF8.self)
        }
        return all
    }

    /// Reads a whole file by its path (configuration, keys): links are followed, at most `limit` bytes.
    package static func readFile(_ path: String, limit: Int) throws(SystemFailure) -> [UInt8] {
        let number = try checked("open", path) { open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) }
        return try OpenFile(Descriptor(owning: number), label: path).read(limit: limit)
    }

    /// Opens a regular file of our own choosing by its path.
    package static func openFile(_ path: String) throws(SystemFailure) -> OpenFile {
        let number = try checked("open", path) { open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) }
        return OpenFile(Descriptor(owning: number), label: path)
    }

    /// Looks whether a path names a file that this process may execute.
    /// - Throws: ENOENT, EACCES, EISDIR …
    package static func checkExecutable(_ path: String) throws(SystemFailure) {
        _ = try checked("access", path) { access(path, X_OK) }
        let number = try checked("open", path) { open(path, vz_path_flags()) }
        guard try OpenFile(Descriptor(owning: number), label: path).info().kind == .regular else {
            throw SystemFailure(call: "execve", errno: .accessDenied, subject: path)
        }
    }

    /// Makes a folder and those above it; content with what is there already.
    package static func makeDirectories(_ path: String, mode: UInt32 = 0o750) throws(SystemFailure) {
        var upTo = path.hasPrefix("/") ? "/" : ""
        for part in path.split(separator: "/") {
            upTo += (upTo.isEmpty || upTo.hasSuffix("/") ? "" : "/") + part
            do throws(SystemFailure) {
                _ = try checked("mkdir", upTo) { mkdir(upTo, mode) }
            } catch let error where error.errno == .exists {}
        }
    }

    /// The folder of the running program, for its sister executables.
    package static func programFolder() throws(SystemFailure) -> String {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let got = try checked("readlink", "/proc/self/exe") {
            buffer.withUnsafeMutableBytes {
                readlink("/proc/self/exe", $0.baseAddress!.assumingMemoryBound(to: CChar.self), $0.count)
            }
        }
        let path = String(decoding: buffer.prefix(got), as: UTF8.self)
        return String(path[..<(path.lastIndex(of: "/") ?? path.endIndex)])
    }

    /// The path of the folder that a process works in.
    package static func workingFolder() throws(SystemFailure) -> String {
        var buffer = [CChar](repeating: 0, count: 4096)
        guard getcwd(&buffer, buffer.count) != nil else {
            throw SystemFailure(call: "getcwd", errno: Errno(rawValue: errno), subject: "")
        }
        return String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// Sends a signal by its number.
    package static func kill(_ process: Int32, signal: Int32) throws(SystemFailure) {
        _ = try checked("kill", "\(process)") { vz_kill(process, signal) }
    }

    /// Leaves at once with a code, running nothing more: threads that still work are cut off where they are, which is
    /// what everything on disk is made for.
    package static func exit(_ code: Int32) -> Never { _exit(code) }

    /// Has the allocator give back what is large and keep one heap for all threads. First thing in main.
    package static func keepMemoryThrifty() { vz_thrifty_memory() }

    /// Gives the kernel back what the allocator holds free, and lets go of all code: what is used again comes back from
    /// the page cache, without a disk being read; what only a start or a burst of work used does not. Takes some
    /// milliseconds.
    /// - Returns: bytes of code that were resident; nil where /proc cannot be read.
    @discardableResult
    package static func letGoOfMemory() -> Int? {
        let bytes = vz_let_go_of_memory()
        return bytes < 0 ? nil : Int(bytes)
    }

    /// How many descriptors this process has open.
    package static var openDescriptors: Int { Int(vz_open_descriptors()) }
    /// Processors that are online.
    package static var processors: Int { max(1, sysconf(CInt(_SC_NPROCESSORS_ONLN))) }
    /// Bytes of memory that are resident.
    package static var residentBytes: Int { vz_resident_bytes() }
}

/// Chance, from the kernel.
package enum Random {
    /// So many random bytes.
    package static func bytes(_ count: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            precondition(vz_random(buffer.baseAddress, count) == 0, "getrandom failed: errno \(errno)")
            filled = count
        }
    }

    /// Lower-case hexadecimal of so many random bytes.
    package static func hex(bytes count: Int) -> String {
        let digits = Array("0123456789abcdef".utf8)
        let text = bytes(count).flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
        return String(decoding: text, as: UTF8.self)
    }
}

/// The service manager's ear (sd_notify(3)); without `NOTIFY_SOCKET` it says nothing to nobody.
package struct ServiceNotifier: Sendable {
    private let socket: String?
    /// How often WATCHDOG=1 is wanted, in nanoseconds: half of what the manager allows; nil when it does not watch.
    package let watchdogInterval: Int64?

    /// Reads `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID`.
    package init(environment: [String: String]) {
        socket = environment["NOTIFY_SOCKET"].flatMap { $0.isEmpty ? nil : $0 }
        let forUs = environment["WATCHDOG_PID"].map { $0 == "\(Host.processID)" } ?? true
        watchdogInterval = forUs ? environment["WATCHDOG_USEC"].flatMap(Int64.init).map { $0 * 500 } : nil
    }

    /// Whether there is a manager to tell.
    package var isListening: Bool { socket != nil }

    /// Sends lines such as `READY=1`. A manager that does not read is not waited for (EAGAIN): what it is told often
    /// must never hold up the loop that tells it. `isOnce`: it is told this once, so it is given a second.
    package func notify(_ lines: String..., isOnce: Bool = false) throws(SystemFailure) {
        guard let socket else { return }
        let text = Array(lines.joined(separator: "\n").utf8)
        _ = try checked("sendto", socket) { vz_notify(socket, text, text.count, isOnce ? 1000 : 0) }
    }
}

/// The terminal, if there is one.
package enum Terminal {
    /// Columns of the terminal behind a descriptor (1 is standard output); nil when it is none.
    package static func columns(_ descriptor: Int32) -> Int? {
        let columns = vz_terminal_columns(descriptor)
        return columns == 0 ? nil : Int(columns)
    }

    /// Writes a whole text to a descriptor, in one call where the kernel takes it. Nobody is left to tell when standard
    /// error is gone, so the outcome is only answered.
    @discardableResult
    package static func write(_ text: String, to descriptor: Int32) -> Bool {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let done = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if done < 0 && errno == EINTR { continue }
            if done <= 0 { return false }
            bytes = bytes.dropFirst(done)
        }
        return true
    }
}
