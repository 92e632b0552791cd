// How a command ends: its exit code, and the sentence that goes with it.
//
// The codes are part of the contract (0, 1 and a few of sysexits.h); wrong arguments are 64, which the argument parser
// answers itself.

internal import ArgumentParser
internal import Linux

enum ExitStatus: Int32, Sendable, CaseIterable {
    case success = 0
    /// The job failed.
    case jobFailed = 1
    case usage = 64
    case noSuchJob = 66
    /// Something that must exist or be written cannot be: the spool, a folder, a file.
    case cannotCreate = 73
    /// Not now; the same again may work later.
    case tryAgain = 75
    case configuration = 78
}

/// Why a command could not do what was asked: a whole sentence for a person, and the code that goes with it.
struct CommandFailure: Error, Equatable {
    let status: ExitStatus
    let sentence: String

    init(_ status: ExitStatus, _ sentence: String) {
        self.status = status
        self.sentence = sentence
    }
}

extension ParsableCommand {
    /// Runs a command's work; a failure is said on standard error and becomes the exit code.
    func ending(_ work: () throws -> ExitStatus) throws {
        let status: ExitStatus
        do {
            status = try work()
        } catch let failure as CommandFailure {
            Terminal.write("vizd: \(failure.sentence)\n", to: 2)
            status = failure.status
        } catch let failure as SystemFailure {
            let next = failure.errno == .accessDenied ? ". Only members of that folder's group may look there." : ""
            Terminal.write("vizd: \(failure)\(next)\n", to: 2)
            status = .cannotCreate
        }
        if status != .success { throw ExitCode(status.rawValue) }
    }
}
