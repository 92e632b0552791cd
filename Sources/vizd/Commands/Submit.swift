// `vizd submit`: writes a request the right way, and waits for its picture if asked to.

internal import ArgumentParser
internal import Contract
internal import Linux
internal import Spool

struct Submit: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Put a request into the spool.",
        discussion: """
            A request is one JSON file. Either spell it out with options, or give a file (- is standard input). It is \
            checked first; then it appears in incoming/ whole, and survives a power cut. The job's name is printed. \
            With --wait it is the picture's path that is printed, once the picture is there.

            Examples:
              vizd submit --user peichin --outfit o-17 --wait
              vizd submit --user peichin --outfit o-17 --prompt "in the rain"
              vizd submit --user peichin --outfit o-17 --delete
              vizd submit --user peichin --set-profile --model-descriptor "tall, dark wavy hair"
              vizd submit request.json --name autumn-look
              jq '.seed = 7' request.json | vizd submit - --wait --timeout 5m

            Exit status: 0 submitted (with --wait: complete), 1 failed, 64 the request is not valid, 73 the spool \
            cannot be written, 75 the time given with --timeout is over, 78 the configuration is wrong.
            """)

    @Argument(help: "A request file; - for standard input. Without it the options below say what is wanted.")
    var file: String?

    @OptionGroup(title: "The request") var request: RequestOptions

    @Option(help: ArgumentHelp("The job's name; else one that sorts by time is made.", valueName: "name"))
    var name: String?

    @Flag(help: "Show how the job goes on, and end with its result.")
    var wait = false

    @Option(help: ArgumentHelp("With --wait: give up waiting after this time (90, 5m, 1h).", valueName: "time"))
    var timeout: TimeArgument?

    @OptionGroup var config: ConfigOption

    func validate() throws {
        if file != nil, !request.isEmpty {
            throw ValidationError(
                "A request is either a file or options, not both; put the options' keys into the file.")
        }
        if timeout != nil, !wait { throw ValidationError("--timeout goes with --wait.") }
        if let name, JobName(name) == nil {
            throw ValidationError(
                "--name takes up to \(JobName.limit) bytes without / and control characters, not beginning with a "
                    + "dot and not ending in .result, .status, .cancel or a dot and four digits.")
        }
    }

    func run() throws {
        // Wrong options are for the argument parser to report, with the usage.
        let spelled = file == nil ? try request.encoded() : []
        try ending {
            let settings = try config.clientSettings()
            let bytes = try file.map { try RequestSource.read($0, limit: settings.limits.requestBytes) } ?? spelled
            try RequestSource.check(bytes, name: name)
            let spool = try SpoolReader(path: settings.spool.directory)
            let job = try deliver(bytes, to: spool)
            return try end(with: job, in: spool)
        }
    }

    private func deliver(_ bytes: [UInt8], to spool: SpoolReader) throws -> JobName {
        let tag = Random.hex(bytes: 3)
        let text = name ?? RequestDelivery.name(at: Timestamp(nanoseconds: WallClock.now()), tag: tag)
        guard let job = JobName(text) else { preconditionFailure("the name \(text) was not checked") }
        try RequestDelivery(to: spool, tag: tag).put(bytes, as: job)
        return job
    }

    private func end(with job: JobName, in spool: SpoolReader) throws -> ExitStatus {
        guard wait, let reference = JobReference(job.text + ".json") else {
            Surroundings.print(job.text + "\n")
            return .success
        }
        Terminal.write("submitted \(shown(job.text))\n", to: 2)
        let style = Surroundings.progressStyle()
        return try Waiting(spool: spool, job: reference, style: style, timeout: timeout?.duration).run()
    }
}
