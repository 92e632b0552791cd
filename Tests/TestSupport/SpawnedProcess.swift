// A program that a test starts, in place of Foundation's `Process`: that one, started on several threads at once beside
// thousands of descriptors, reads past the end of a buffer now and then and takes the whole test program with it.

internal import CLinux
package import Foundation
import Glibc
internal import Linux

/// One run of a program. What is called as in Foundation's `Process` is meant as there.
package final class SpawnedProcess: @unchecked Sendable {
    // Guard: the wishes are set before `run`, by whoever made it; what comes after is in `state`.
    /// The program's file.
    package var executableURL: URL?
    /// What follows its name.
    package var arguments: [String]?
    /// Nil for the test program's own.
    package var environment: [String: String]?
    /// A `Pipe` or a `FileHandle`; nil for the test program's own.
    package var standardInput: Any?
    package var standardOutput: Any?
    package var standardError: Any?
    /// Called once, on a thread of its own.
    package var terminationHandler: (@Sendable (SpawnedProcess) -> Void)?

    private struct State: Sendable {
        var process: pid_t = 0
        /// As waitpid(2) tells it.
        var ending: CInt?
    }
    private let state = Monitor(State())

    /// One that does not run yet.
    package init() {}

    /// 0 before `run`.
    package var processIdentifier: Int32 { state.look { $0.process } }
    /// Whether it left by itself, and not by a signal.
    package var hasExited: Bool { (state.look { $0.ending } ?? 0) & 0x7F == 0 }
    /// The exit code, or the signal's number.
    package var terminationStatus: Int32 {
        let ending = state.look { $0.ending } ?? 0
        return ending & 0x7F == 0 ? ending >> 8 & 0xFF : ending & 0x7F
    }

    /// Starts it, and closes the ends of pipes that are its own now.
    package func run() throws {
        let process = try spawn()
        state.change { $0.process = process }
        for case let pipe as Pipe in [standardOutput, standardError] { pipe.fileHandleForWriting.closeFile() }
        if let pipe = standardInput as? Pipe { pipe.fileHandleForReading.closeFile() }
        OwnedThread.spawn(name: "test-reaper") { [self] in
            var ending: CInt = 0
            while waitpid(process, &ending, 0) == -1 && errno == EINTR {}
            state.change { $0.ending = ending }
            terminationHandler?(self)
        }
    }

    /// Waits until it has ended and was reaped.
    package func waitUntilExit() { _ = state.wait { $0.ending } }

    /// SIGTERM.
    package func terminate() { _ = Glibc.kill(processIdentifier, SIGTERM) }

    /// In a session of its own, with its three descriptors and no others.
    private func spawn() throws -> pid_t {
        guard let path = executableURL?.path else { throw CocoaError(.fileNoSuchFile) }
        let streams: [(Any?, KeyPath<Pipe, FileHandle>)] = [
            (standardInput, \.fileHandleForReading), (standardOutput, \.fileHandleForWriting),
            (standardError, \.fileHandleForWriting),
        ]
        let files = streams.enumerated().map { number, stream in
            ((stream.0 as? Pipe)?[keyPath: stream.1] ?? stream.0 as? FileHandle)?.fileDescriptor ?? CInt(number)
        }
        var words = ([path] + (arguments ?? [])).map { UnsafePointer(strdup($0)) } + [nil]
        let given = environment ?? Host.environment
        var variables = given.map { UnsafePointer(strdup("\($0.key)=\($0.value)")) } + [nil]
        defer { for case let word? in words + variables { free(UnsafeMutableRawPointer(mutating: word)) } }
        var process: pid_t = 0
        let failed = vz_spawn_with(path, &words, &variables, files, CInt(files.count), &process)
        if failed != 0 { throw SystemFailure(call: "posix_spawn", errno: Errno(rawValue: failed), subject: path) }
        return process
    }
}
