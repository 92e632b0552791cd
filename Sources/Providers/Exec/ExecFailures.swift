// What it means when the program of `exec.command` makes no picture, and the sentences that go with it. Nothing was
// charged in any case, so all of it is a refusal. None is tried again by itself: a program that fails fails again.

internal import Contract
internal import Linux

/// The failures of a run.
enum ExecFailures {
    /// A run that did not end as it should.
    static func failure(_ ending: ExecEnding, _ talk: ExecTalk, _ settings: ExecSettings) -> ProviderFailure {
        let said = talk.complaint.map { " Its last words: \($0)." } ?? ""
        switch ending {
        case .ended(let ending):
            return ProviderFailure(
                code: .generationFailed,
                message: "The program of exec.command \(ending).\(said) \(ExecFailures.advice(ending, settings))",
                retryable: true)
        case .unstarted(let errno):
            return ProviderFailure(
                code: .providerUnavailable,
                message: "\(name(settings)) (exec.command) could not be started: \(errno.text). Check that it is "
                    + "there, and that vizd's user may execute it.",
                retryable: true)
        case .late:
            return ProviderFailure(
                code: .generationTimeout,
                message: "The program of exec.command took longer than \(settings.timeout / 1_000_000_000) s and was "
                    + "ended.\(said) Raise exec.timeout, or look why it hangs.",
                retryable: true)
        case .talkative:
            return ProviderFailure(
                code: .generationFailed,
                message: "The program of exec.command wrote more than \(ExecTalk.outputLimit) bytes on its standard "
                    + "output and was ended. It has to print progress and the picture's path there, and the rest on "
                    + "standard error.",
                retryable: false)
        case .stopped: return stopped
        case .lost:
            return ProviderFailure(
                code: .generationFailed,
                message: "The keeper of the program of exec.command was killed, and the program with it.\(said) Look "
                    + "into the system's log whether memory ran out, then send the request again.",
                retryable: true)
        }
    }

    private static func advice(_ ending: ProcessEnding, _ settings: ExecSettings) -> String {
        switch ending {
        case .exited:
            return "Run it by hand with a request on its standard input to see why, then send the request again."
        // SIGXCPU and SIGKILL are what limits look like from outside.
        case .signalled(9), .signalled(24):
            return "A limit may have ended it: look at exec.memory, exec.timeout and the system's log."
        case .signalled: return "Look into the system's log, then send the request again."
        }
    }

    private static func name(_ settings: ExecSettings) -> String { printable(settings.command[0], limit: 200) }

    /// The job was given up.
    static let stopped = ProviderFailure(
        code: .cancelled, message: "The program of exec.command was ended, since its job was given up.",
        retryable: false)

    /// It ended well and there is no picture.
    static func unusable(_ what: String, _ talk: ExecTalk) -> ProviderFailure {
        let said = talk.complaint.map { " Its last words: \($0)." } ?? ""
        return ProviderFailure(
            code: .generationFailed,
            message: "The program of exec.command \(what).\(said) The last line of its standard output has to be the "
                + "path of a file that it wrote into its folder.",
            retryable: false)
    }

    static func tooLarge(_ limit: Int) -> ProviderFailure {
        ProviderFailure(
            code: .downloadTooLarge,
            message: "The picture that the program of exec.command wrote has more than \(limit) bytes. Raise "
                + "exec.outputBytes, or have it write a smaller one.",
            retryable: false)
    }

    /// The machine did not let it be run; that may pass.
    static func machine(_ failure: SystemFailure) -> ProviderFailure {
        ProviderFailure(
            code: .providerUnavailable,
            message: "The program of exec.command could not be run: \(printable("\(failure)", limit: 200)). Check the "
                + "room and the permissions of state.dir.",
            retryable: true, retry: .later(seconds: nil))
    }
}
