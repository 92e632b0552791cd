// The soak as a program: `scripts/soak` builds and starts it. Ends with 0 when nothing was breached.

import ArgumentParser
import CrashSuite

@main
struct SoakProgram: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "vizd-soak",
        abstract:
            "Lets vizd work for a while under everything that can happen to it, and compares the books at the end.",
        discussion: """
            Random jobs and deliveries, faults of the provider, SIGKILL, SIGTERM, SIGSTOP and SIGHUP, other \
            programs that write the records, and, as root, moments with a full disk. What is drawn depends on the \
            seed alone; when it happens depends on the machine.
            """)

    @Option(help: "How long new things happen; what is left then is let come to its end.")
    var minutes = 1.0
    @Option(help: "What everything is drawn from.")
    var seed: UInt64 = 1

    func validate() throws {
        guard minutes > 0, minutes <= 10_000 else { throw ValidationError("--minutes takes 0.1 to 10000.") }
    }

    func run() throws {
        let report = try Soak(minutes: minutes, seed: seed).run()
        for breach in report.breaches { print(breach) }
        print(report.summary)
        if !report.breaches.isEmpty {
            print("again: scripts/soak --minutes \(minutes) --seed \(seed)")
            throw ExitCode(1)
        }
    }
}
