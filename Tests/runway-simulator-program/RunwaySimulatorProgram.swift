// `runway-simulator`: a Runway to try vizd against, on this machine and for nothing.
//
// The first line on stdout is `listening on http://127.0.0.1:PORT`; then one line a request. It ends with 0 on SIGTERM
// and SIGINT, with 1 when the port is taken.

import ArgumentParser
import Glibc
import RunwaySimulator

@main
struct RunwaySimulatorProgram: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "runway-simulator",
        abstract: "Answers as the image provider Runway does, without making pictures or charging anybody.",
        discussion: """
            To point vizd at it, with the port that the first line tells:

                RUNWAY_API_KEY=key_simulator RUNWAY_BASE_URL=http://127.0.0.1:PORT \\
                VIZD_HTTP_ALLOW_INSECURE=127.0.0.1:PORT vizd run

            What was asked of it and what that would have cost: GET /simulator/books. What is to go wrong next: \
            POST /simulator/inject, for example

                {"at": "create", "count": 1, "fault": {"kind": "createThenDrop"}}

            (docs in Tests/RunwaySimulator/Control.swift and Fault.swift). To begin anew: POST /simulator/reset.
            """)

    @Option(help: "The port; 0 takes any free one.")
    var port: UInt16 = 0

    @Option(help: "The API key that is let in; may be given several times.")
    var key: [String] = ["key_simulator"]

    @Option(help: "Seconds that a task takes, such as 3, or 2-6 for a time drawn anew for each.")
    var duration = SecondsRange(seconds: 3...3)

    @Option(help: "Tasks of one model that run at once; more wait as THROTTLED. No limit where it is absent.")
    var concurrency: Int?

    @Option(help: "Credits of the account at the start.")
    var credits = 1_000_000

    @Option(help: "Creates of one model within 24 hours. No limit where it is absent.")
    var daily: Int?

    @Option(help: "Seconds that the address of a finished picture serves.")
    var urlLifetime = 86_400.0

    @Option(help: "A number that identifiers, durations and failures are drawn from, to repeat a run.")
    var seed: UInt64?

    @Option(help: "A share of tasks that fail, as CODE@PERCENT: SAFETY.INPUT.TEXT@5. May be given several times.")
    var fail: [FailureOption] = []

    @Flag(help: "Do not print a line for each request.")
    var quiet = false

    func validate() throws {
        guard credits >= 0, urlLifetime > 0, concurrency ?? 1 > 0, daily ?? 1 > 0 else {
            throw ValidationError("Counts and times must be positive.")
        }
        guard fail.reduce(0, { $0 + $1.share.percent }) <= 100 else {
            throw ValidationError("The shares of failures come to more than 100 percent.")
        }
    }

    func run() throws {
        // Blocked before any thread starts, so that all of them leave the signals to this one.
        var ending = sigset_t()
        sigemptyset(&ending)
        sigaddset(&ending, SIGTERM)
        sigaddset(&ending, SIGINT)
        pthread_sigmask(SIG_BLOCK, &ending, nil)
        signal(SIGPIPE, SIG_IGN)
        let simulator: RunwaySimulator
        do {
            simulator = try RunwaySimulator(settings)
        } catch {
            say("The simulator cannot listen on port \(port): \(error)", to: STDERR_FILENO)
            throw ExitCode.failure
        }
        say("listening on \(simulator.baseURL)")
        var taken: CInt = 0
        sigwait(&ending, &taken)
        simulator.stop()
    }

    private var settings: RunwayConfiguration {
        var settings = RunwayConfiguration()
        settings.port = port
        settings.keys = Set(key)
        settings.duration = duration.seconds
        settings.credits = credits
        settings.limits = ModelLimits(concurrent: concurrency, daily: daily)
        settings.urlLifetime = urlLifetime
        settings.seed = seed
        settings.failures = fail.map(\.share)
        if !quiet { settings.log = { say($0) } }
        return settings
    }
}

/// Writes a line at once: what is printed to a pipe would wait in a buffer.
private func say(_ line: String, to descriptor: CInt = STDOUT_FILENO) {
    let bytes = Array((line + "\n").utf8)
    _ = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
}

/// `3` or `2-6`, in seconds.
struct SecondsRange: ExpressibleByArgument {
    let seconds: ClosedRange<Double>

    init(seconds: ClosedRange<Double>) { self.seconds = seconds }

    init?(argument: String) {
        let bounds = argument.split(separator: "-", omittingEmptySubsequences: false).map { Double($0) }
        guard (1...2).contains(bounds.count), let first = bounds[0], let last = bounds[bounds.count - 1],
            first >= 0, first <= last, last < 1e6
        else { return nil }
        seconds = first...last
    }

    var defaultValueDescription: String { "3" }
}

/// `CODE@PERCENT`.
struct FailureOption: ExpressibleByArgument {
    let share: FailureShare

    init?(argument: String) {
        let parts = argument.split(separator: "@", omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty, let percent = Double(parts[1]), (0...100).contains(percent) else {
            return nil
        }
        share = FailureShare(code: String(parts[0]), percent: percent)
    }
}
