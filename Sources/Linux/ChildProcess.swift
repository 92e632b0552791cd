// A child of ours that talks over one socket, and what a process forbids itself.
//
// A child is ended for good by `end`, or when its owner lets go of it: killed, then reaped, so that no zombie stays and
// its number is never used after the kernel may have given it to somebody else.

internal import CLinux
internal import Glibc

/// How a process ended.
package enum ProcessEnding: Hashable, Sendable, CustomStringConvertible {
    case exited(code: Int32)
    case signalled(Int32)

    /// Such as `ended with code 64` or `ended by signal 9`.
    package var description: String {
        switch self {
        case .exited(let code): "ended with code \(code)"
        case .signalled(let number): "ended by signal \(number)"
        }
    }
}

/// A running child process with a socket as its standard input: no environment, no other descriptors, its own process
/// group, default signals.
package struct ChildProcess: ~Copyable, Sendable {
    /// The process id, valid as long as this value lives.
    package let processID: Int32

    /// Starts a program (posix_spawn(3)).
    /// - Parameter input: becomes descriptor 0 of the child; the caller's own stays open.
    /// - Throws: ENOENT, EACCES ... when it cannot be executed.
    package init(executable path: String, arguments: [String] = [], input: borrowing Descriptor) throws(SystemFailure) {
        var words: [UnsafePointer<CChar>?] = ([path] + arguments).map { UnsafePointer(strdup($0)) }
        words.append(nil)
        defer { for case let word? in words { free(UnsafeMutableRawPointer(mutating: word)) } }
        var number: Int32 = 0
        let reason = vz_spawn(path, words, input.raw, &number)
        guard reason == 0 else {
            throw SystemFailure(call: "posix_spawn", errno: Errno(rawValue: reason), subject: path)
        }
        processID = number
    }

    /// Starts a program in a session of its own, with this environment and nothing open but `files`.
    /// - Parameter files: become descriptors 0, 1, 2 …; the caller's own stay open.
    /// - Throws: ENOENT, EACCES ... when it cannot be executed.
    package init(
        executable path: String, arguments: [String], environment: [String: String], files: [CInt]
    ) throws(SystemFailure) {
        var words: [UnsafePointer<CChar>?] = ([path] + arguments).map { UnsafePointer(strdup($0)) } + [nil]
        var names: [UnsafePointer<CChar>?] = environment.map { UnsafePointer(strdup("\($0.key)=\($0.value)")) } + [nil]
        defer { for case let word? in words + names { free(UnsafeMutableRawPointer(mutating: word)) } }
        // Copies out of the way, so that none is overwritten before it is in its place.
        var copies: [OpenFile] = []
        for file in files {
            copies.append(
                OpenFile(
                    Descriptor(
                        owning: try checked("fcntl F_DUPFD") { vz_duplicate_above(file, CInt(files.count) + 8) })))
        }
        var number: Int32 = 0
        let reason = vz_spawn_with(path, &words, &names, copies.map(\.raw), CInt(copies.count), &number)
        guard reason == 0 else {
            throw SystemFailure(call: "posix_spawn", errno: Errno(rawValue: reason), subject: path)
        }
        processID = number
    }

    /// Kills it, whatever it does, and waits until it is gone. A process that had ended by itself tells how.
    package consuming func end() throws(SystemFailure) -> ProcessEnding {
        let number = processID
        discard self
        return try ChildProcess.killAndReap(number)
    }

    deinit {
        // Nobody is left to hear of a failure; the number was ours, so there can hardly be one.
        do throws(SystemFailure) { _ = try ChildProcess.killAndReap(processID) } catch {}
    }

    private static func killAndReap(_ number: Int32) throws(SystemFailure) -> ProcessEnding {
        _ = try checked("kill", "\(number)") { vz_kill(number, SIGKILL) }
        var code: Int32 = -1
        var signal: Int32 = -1
        _ = try checked("waitpid", "\(number)") { vz_reap(number, &code, &signal) }
        return signal >= 0 ? .signalled(signal) : .exited(code: code)
    }
}

/// What a process forbids itself before it touches a stranger's file.
package enum ProcessLimits {
    /// Bounds address space (bytes), open files and the size of written files (bytes, EFBIG beyond), forbids core dumps
    /// and new privileges, and ends this process when the thread that started it ends.
    package static func confine(addressSpace: Int, openFiles: Int, fileBytes: Int) throws(SystemFailure) {
        _ = try checked("prctl PR_SET_PDEATHSIG") { vz_die_with_parent() }
        _ = try checked("prctl PR_SET_NO_NEW_PRIVS") { vz_no_new_privileges() }
        _ = try checked("setrlimit RLIMIT_CORE") { vz_no_core_dump() }
        _ = try checked("setrlimit RLIMIT_FSIZE") { vz_limit_file_size(UInt64(fileBytes)) }
        _ = try checked("setrlimit RLIMIT_NOFILE") { vz_limit_open_files(UInt64(openFiles)) }
        _ = try checked("setrlimit RLIMIT_AS") { vz_limit_address_space(UInt64(addressSpace)) }
    }

    /// Keeps this process's memory and environment from every other process but root's, and out of core dumps
    /// (PR_SET_DUMPABLE in prctl(2)): no other program of the same user may attach to it or read `/proc/PID/environ`
    /// and `mem`. Programs that it starts are as usual. Threads of this process see `/proc/self` as before.
    package static func keepMemoryPrivate() throws(SystemFailure) {
        _ = try checked("prctl PR_SET_DUMPABLE") { vz_private_memory() }
    }

    /// The most memory that this process has had resident so far, in bytes (`VmHWM` in proc(5)).
    package static var residentPeak: Int { vz_resident_peak() }
}
