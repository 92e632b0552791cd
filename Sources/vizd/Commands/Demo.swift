// `vizd demo`: the whole way on this machine, without a configuration: a wardrobe, a daemon, four requests, four
// pictures.

internal import ArgumentParser
internal import Contract
internal import Linux
internal import Logging
internal import Spool
internal import Synchronization

struct Demo: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show the whole way in a folder of its own: four requests, four pictures.",
        discussion: """
            Makes FOLDER with a copy of the example wardrobe, a spool and a state folder, runs vizd on it, drops four \
            requests into incoming/, waits for their results and stops. Nothing outside FOLDER is touched, nothing is \
            sent anywhere, nothing costs anything. Run again, it makes the pictures anew.

            With --runway-simulator the pictures are ordered as from Runway, at the simulator that runs at this \
            address of this machine (scripts/simulator starts one).

            Examples:
              vizd demo ./demo
              vizd demo --runway-simulator http://127.0.0.1:8080 ./demo

            Exit status: 0 four pictures, 1 one of them failed, 73 the folder cannot be used.
            """)

    @Argument(help: "The folder to work in.")
    var folder = "demo"

    @Option(help: ArgumentHelp("The folder with the example wardrobe.", valueName: "folder"))
    var examples: String?

    @Option(
        help: ArgumentHelp("The address of a Runway simulator on this machine.", valueName: "http://127.0.0.1:port"))
    var runwaySimulator: String?

    func validate() throws {
        guard let address = runwaySimulator else { return }
        guard let host = WebAddress.plainHost(of: address), host.hasPrefix("127.0.0.1:") else {
            throw ValidationError("--runway-simulator takes http://127.0.0.1:PORT, and nothing beyond this machine.")
        }
    }

    func run() throws {
        try ending {
            let stage = try DemoStage(folder: folder, examples: examples, simulator: runwaySimulator)
            try stage.prepare()
            return try stage.play()
        }
    }
}

/// The demonstration: its folders, its four requests, and what is printed.
private struct DemoStage {
    /// An outfit of the example wardrobe.
    private struct Act {
        let outfit: String
        let caption: String
    }

    private static let user = "peichin"
    private static let acts = [
        Act(outfit: "8f14e45f-ceea-467f-a0e6-1d1c6d3a0001", caption: "three garments, one photo stored on its side"),
        Act(outfit: "8f14e45f-ceea-467f-a0e6-1d1c6d3a0002", caption: "a single T-shirt, PNG with transparency"),
        Act(outfit: "8f14e45f-ceea-467f-a0e6-1d1c6d3a0003", caption: "five garments, HEIC and WebP among them"),
        Act(outfit: "8f14e45f-ceea-467f-a0e6-1d1c6d3a0004", caption: "eight garments at once"),
    ]

    private let home: String
    private let examples: String
    private let simulator: String?

    init(folder: String, examples: String?, simulator: String?) throws {
        self.simulator = simulator
        home = folder.hasPrefix("/") ? folder : try Host.workingFolder() + "/" + folder
        self.examples = try examples ?? DemoStage.findExamples()
    }

    /// Beside the program where it is installed, or in the project that it was built in.
    private static func findExamples() throws -> String {
        let program = try Host.programFolder()
        var above = program
        var places = ["\(program)/../share/vizd/Examples"]
        while let slash = above.lastIndex(of: "/"), slash != above.startIndex {
            above = String(above[..<slash])
            places.append(above + "/Examples")
        }
        for place in places {
            do throws(SystemFailure) {
                _ = try Directory(path: place + "/wardrobe_photos")
                return place
            } catch {
                continue
            }
        }
        throw CommandFailure(
            .cannotCreate, "The example wardrobe was not found near \(shown(program)). Name its folder with --examples."
        )
    }

    // MARK: The folders

    func prepare() throws {
        try Host.makeDirectories(home, mode: 0o755)
        let there = try Directory(path: home)
        if try there.infoIfPresent(of: "wardrobe_photos") == nil {
            try DemoStage.copy(Directory(path: examples + "/wardrobe_photos"), into: there, as: "wardrobe_photos")
        }
    }

    /// Copies a folder of files and folders; what is neither is left out.
    private static func copy(_ source: Directory, into parent: Directory, as name: FileName) throws {
        let target = try parent.directory(name, createMode: 0o755)
        for entry in try source.names() {
            switch try source.info(of: entry).kind {
            case .directory: try copy(source.directory(entry), into: target, as: entry)
            case .regular:
                let bytes = try source.open(entry, .read).read(limit: 64 << 20)
                try target.publish(
                    bytes, as: entry, temporary: FileName(bytes: Array(".".utf8) + entry.bytes), mode: 0o644,
                    durable: false)
            default: continue
            }
        }
    }

    // MARK: The play

    func play() throws -> ExitStatus {
        let settings = try self.settings()
        let output = LogOutput(
            format: .text, level: .warning, secrets: [], now: { WallClock.now() }, write: { Terminal.write($0, to: 2) })
        let outcome = Mutex<Result<ExitStatus, any Error>?>(nil)
        var daemon = DaemonProcess(settings: settings, log: output.logger(), standby: false)
        daemon.assembled = { assembly in
            let mailbox = assembly.mailbox
            OwnedThread.spawn(name: "vizd-demo") {
                let result = Result { try self.submitAndWait() }
                outcome.withLock { $0 = result }
                mailbox.askToLeave()
            }
        }
        say(
            "vizd works in \(home): wardrobe_photos/ is the wardrobe, spool/ where requests come and go, state/ its "
                + "journal."
        )
        if let simulator { say("The pictures are ordered from the simulator of Runway at \(simulator).") }
        let code = daemon.run()
        guard let result = outcome.withLock({ $0 }) else {
            throw CommandFailure(
                .cannotCreate, "The demonstration's vizd ended with \(code) before it was through; see above.")
        }
        return try result.get()
    }

    private func settings() throws -> Settings {
        var environment = [
            "VIZD_SPOOL_DIR": home + "/spool", "VIZD_STATE_DIR": home + "/state",
            "VIZD_WARDROBE_ROOT": home + "/wardrobe_photos",
        ]
        if let simulator, let host = WebAddress.plainHost(of: simulator) {
            environment["RUNWAY_API_KEY"] = "key_simulator"
            environment["RUNWAY_BASE_URL"] = simulator
            environment["VIZD_HTTP_ALLOW_INSECURE"] = host
            environment["VIZD_POLL_INTERVAL"] = "1"
        }
        let world = SettingsWorld(environment: environment, credentialsDirectory: nil) { _ in .absent }
        let loaded = SettingsLoader.load(path: nil, world: world, capabilities: .thisVersion)
        guard let settings = loaded.settings else {
            preconditionFailure("the demonstration's settings are wrong: \(loaded.problems)")
        }
        return settings
    }

    private func submitAndWait() throws -> ExitStatus {
        let spool = try SpoolReader(path: home + "/spool")
        let round = Random.hex(bytes: 3)
        var jobs: [(act: Act, job: JobReference)] = []
        say("")
        for (index, act) in DemoStage.acts.enumerated() {
            let name = "demo-\(round)-\(index + 1)"
            try deliver(act, as: name, to: spool)
            guard let job = JobReference(name + ".json") else { preconditionFailure("\(name) is no job's name") }
            jobs.append((act, job))
        }
        say("")
        var status = ExitStatus.success
        for (act, job) in jobs {
            let summary = try ended(job, in: spool)
            if summary.status != .success { status = .jobFailed }
            for picture in summary.pictures { say("  \(picture)\n      \(act.caption)") }
            for remark in summary.remarks where summary.status != .success || simulator != nil {
                say("      " + remark)
            }
        }
        closing(status)
        return status
    }

    private func deliver(_ act: Act, as name: String, to spool: SpoolReader) throws {
        var request = JobRequest(userID: DemoStage.user)
        request.outfitID = act.outfit
        guard let job = JobName(name) else { preconditionFailure("\(name) is no job's name") }
        let bytes = request.encode(pretty: false)
        try RequestDelivery(to: spool, tag: Random.hex(bytes: 3)).put(bytes, as: job)
        say("  dropped incoming/\(name).json  \(String(decoding: bytes, as: UTF8.self).filter { !$0.isNewline })")
    }

    /// Waits for a job's result; a picture takes a second, so a minute says that something is wrong.
    private func ended(_ job: JobReference, in spool: SpoolReader) throws -> ResultSummary {
        let deadline = MonotonicClock.now() + 60_000_000_000
        let watch = try JobWatch(spool, job)
        let found = try watch.wait(until: deadline, now: { MonotonicClock.now() }) { place -> ResultSummary? in
            guard case .ended(let box, let result, _) = place else { return nil }
            return ResultSummary(result, in: box, job: job, file: job.name)
        }
        guard let found else {
            throw CommandFailure(
                .tryAgain, "The job \(job.name) has not ended within a minute; see the messages above.")
        }
        return found
    }

    private func closing(_ status: ExitStatus) {
        say("")
        say("The results stand beside their requests in \(home)/spool/done/.")
        if status == .success { say("Look at one: \(home)/wardrobe_photos/peichin/items/visualizations/") }
        say("Drop one yourself: start `vizd run` with VIZD_SPOOL_DIR=\(home)/spool VIZD_STATE_DIR=\(home)/state")
        say("VIZD_WARDROBE_ROOT=\(home)/wardrobe_photos, then `mv` a request file into \(home)/spool/incoming/.")
    }

    private func say(_ line: String) { Surroundings.print(line + "\n") }
}
