// `vizd wait JOB`: waits until a job has ended, and ends as it did.

internal import ArgumentParser

/// The job that a command is about.
struct JobArgument: ParsableArguments {
    @Argument(
        help: ArgumentHelp("The job: its name, or its file in the spool (NAME.json).", valueName: "job"),
        transform: JobArgument.read)
    var job: JobReference

    static func read(_ text: String) throws -> JobReference {
        guard let job = JobReference(text) else {
            throw ValidationError("“\(shown(text))” cannot be a job's name; `vizd list` shows those that there are.")
        }
        return job
    }
}

struct Wait: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Wait until a job has ended.",
        discussion: """
            Shows how the job goes on (a bar on a terminal, lines elsewhere), then prints the path of its picture. A \
            job \
            that has ended already is answered at once.

            Example:
              vizd wait 20261124-021803-123-1a2b3c --timeout 5m

            Exit status: 0 complete, 1 failed, 66 no such job, 75 the time given with --timeout is over.
            """)

    @OptionGroup var target: JobArgument

    @Option(help: ArgumentHelp("Give up waiting after this time (90, 5m, 1h).", valueName: "time"))
    var timeout: TimeArgument?

    @OptionGroup var config: ConfigOption

    func run() throws {
        try ending {
            let spool = try config.openSpool()
            let style = Surroundings.progressStyle()
            return try Waiting(spool: spool, job: target.job, style: style, timeout: timeout?.duration).run()
        }
    }
}
