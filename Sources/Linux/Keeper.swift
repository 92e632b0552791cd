// Programs of the operator's, run so that nothing of them outlives its run and nothing of ours reaches them.
//
// Between vizd and the program stands a keeper: vizd's own executable under another word, with one descriptor to vizd.
// It is the subreaper of whatever the program starts, so that it finds and kills all of it, also what left the
// program's process group or session; and it does so when the program ends, when it is told to, and when vizd is gone,
// however vizd went: the descriptor's end tells it. The program itself is killed by the kernel if its keeper goes
// first. Calls block and belong to one thread. Failures are those of the calls, and `KeeperReport.unstarted`.

internal import CLinux
internal import Glibc

/// What a kept program may use; 0 is no limit.
package struct ProgramLimits: Hashable, Sendable {
    /// Bytes of address space of each process.
    package var memory = 0
    /// Bytes of each file that it writes; a write beyond fails with EFBIG.
    package var fileBytes = 0
    /// Seconds of a processor's time of each process.
    package var cpuSeconds = 0
    /// Nanoseconds from SIGTERM to SIGKILL.
    package var grace: Int64 = 2_000_000_000

    package init() {}
}

/// How a kept program ended; nothing of it is left by then.
package enum KeeperReport: Hashable, Sendable {
    case ended(ProcessEnding)
    /// It could not be executed.
    case unstarted(Errno)
    /// The keeper is gone without a word: somebody killed it.
    case unknown
}

/// The keeper's side.
package enum Keeper {
    /// The word that makes vizd's executable a keeper.
    package static let word = "exec-keeper"

    /// Descriptor on which the keeper and vizd speak.
    fileprivate static let control: CInt = 3

    /// The arguments that `run` reads: limits, folder, then the command.
    fileprivate static func arguments(_ command: [String], folder: String, limits: ProgramLimits) -> [String] {
        [
            word, "\(limits.memory)", "\(limits.fileBytes)", "\(limits.cpuSeconds)", "\(limits.grace / 1_000_000)",
            folder,
        ] + command
    }

    /// Is the keeper that these arguments (without the executable's own name) describe, from beginning to end.
    /// - Returns: the exit code.
    package static func run(_ arguments: [String]) -> Int32 {
        let numbers = arguments.dropFirst().prefix(4).compactMap { UInt64($0) }
        guard arguments.first == word, numbers.count == 4, arguments.count > 6 else { return 64 }
        var words: [UnsafePointer<CChar>?] = arguments.dropFirst(6).map { UnsafePointer(strdup($0)) }
        words.append(nil)
        let folder = strdup(arguments[5])
        return words.withUnsafeBufferPointer { command in
            var program = vz_program(
                folder: folder, command: command.baseAddress, memory_bytes: numbers[0], file_bytes: numbers[1],
                cpu_seconds: numbers[2], grace_ms: Int64(numbers[3]))
            return vz_keep(control, &program) == 0 ? 0 : 71
        }
    }
}

/// A program that runs, as vizd sees it. It is killed with all that it started when this object goes.
package final class KeptProgram {
    /// The program's standard output and standard error, to be read.
    package let output: OpenFile
    package let errors: OpenFile
    private let control: MessageSocket
    private var keeper: ChildProcess?
    /// The keeper's process id.
    package let keeperID: Int32

    /// Starts it.
    /// - Parameters:
    ///   - executable: that of the keeper, such as `/proc/self/exe`.
    ///   - command: an absolute path and arguments.
    ///   - folder: the program's working directory.
    ///   - environment: all that it has of one.
    ///   - input: its standard input.
    package init(
        keptBy executable: String, command: [String], folder: String, environment: [String: String], input: OpenFile,
        limits: ProgramLimits
    ) throws(SystemFailure) {
        precondition(!command.isEmpty, "a program without a path")
        let (ours, theirs) = try MessageSocket.pair()
        let (output, outputEnd) = try KeptProgram.pipe("the program's output")
        let (errors, errorsEnd) = try KeptProgram.pipe("the program's errors")
        let child = try ChildProcess(
            executable: executable, arguments: Keeper.arguments(command, folder: folder, limits: limits),
            environment: environment, files: [input.raw, outputEnd.raw, errorsEnd.raw, theirs.raw])
        withExtendedLifetime((input, outputEnd, errorsEnd, theirs)) {}
        (control, self.output, self.errors, keeperID) = (ours, output, errors, child.processID)
        keeper = consume child
    }

    private static func pipe(_ label: String) throws(SystemFailure) -> (read: OpenFile, write: OpenFile) {
        var numbers: [CInt] = [-1, -1]
        _ = try checked("pipe2") { vz_pipe(&numbers) }
        return (
            OpenFile(Descriptor(owning: numbers[0]), label: label),
            OpenFile(Descriptor(owning: numbers[1]), label: label)
        )
    }

    /// Readable when there is a report.
    package var raw: CInt { control.raw }

    /// Asks for its end: SIGTERM, then after the grace SIGKILL; the report comes when all of it is gone.
    package func askToEnd() {
        // A keeper that is gone has nothing left to end.
        do throws(SystemFailure) { try control.send(Array("end".utf8)) } catch {}
    }

    /// The report, once `raw` is readable.
    package func report() throws(SystemFailure) -> KeeperReport {
        let message: ReceivedMessage?
        do throws(SystemFailure) { message = try control.receive() } catch {
            // It was killed before it had read what it was told.
            guard error.errno.rawValue == ECONNRESET else { throw error }
            return .unknown
        }
        guard let message else { return .unknown }
        let words = String(decoding: message.bytes, as: UTF8.self).split(separator: " ")
        guard words.count == 2, let number = Int32(words[1]) else { return .unknown }
        switch words[0] {
        case "x": return .ended(.exited(code: number))
        case "s": return .ended(.signalled(number))
        case "e": return .unstarted(Errno(rawValue: number))
        default: return .unknown
        }
    }

    /// Reaps the keeper after its report; one that has none to give is killed, and its program with it.
    package func finish() throws(SystemFailure) {
        guard let process = keeper.take() else { return }
        _ = try process.end()
    }
}
