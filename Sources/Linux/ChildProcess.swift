// A child of ours that talks over one socket.
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
