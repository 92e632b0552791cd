// A place for one test: a spool, a state folder and a wardrobe on the real disk, removed with everything in them when
// the test lets go of it. Files are dropped here as producers drop them.

internal import Foundation
package import Linux

/// A spool with all that belongs to it.
package final class Site: Sendable {
    /// The folder of the place; its content is the test's alone.
    package let path: String
    /// A gate before the image workers, where the test asked for one.
    package let gate: Gate?
    /// Workers with an intruder, where the test asked for them.
    private let intruder: Intruder?

    /// Where the logs of its daemons are: never on the disk that a test fills.
    package let logs: String

    /// What must not turn up in anything that the programs leave.
    let secrets = PlantedSecrets()

    package var spool: String { path + "/spool" }
    /// Where its daemons write their metrics.
    package var metrics: String { logs + "/vizd.prom" }
    package var state: String { path + "/state" }
    package var wardrobe: String { path + "/wardrobe_photos" }

    /// Makes the folders, and a copy of the example wardrobe for each of `users`.
    /// - Parameters:
    ///   - parent: where the place is made; a small disk of its own, for instance.
    ///   - gated: whether the image workers begin only while the gate is open.
    ///   - intruder: image workers with an intruder.
    package init(
        users: [String] = ["peichin"], in parent: String = "/tmp", gated: Bool = false, intruder: Intruder? = nil
    ) throws {
        path = "\(parent)/vizd-site-\(Random.hex(bytes: 8))"
        for box in ["incoming", "processing", "done", "failed", "tmp"] {
            try Host.makeDirectories("\(path)/spool/\(box)", mode: 0o750)
        }
        try Host.makeDirectories("\(path)/wardrobe_photos")
        logs = "/tmp/vizd-logs-\(Random.hex(bytes: 8))"
        try Host.makeDirectories(logs)
        gate = gated ? try Gate(in: path) : nil
        self.intruder = intruder
        for user in users { try addWardrobe(of: user) }
    }

    deinit {
        secrets.search(path)
        secrets.search(logs)
        do {
            try gate?.open()
            try FileManager.default.removeItem(atPath: path)
            try FileManager.default.removeItem(atPath: logs)
        } catch {
            print("\(path) stays behind: \(error)")
        }
    }

    /// The example wardrobe as this user's: the paths in its records name the user.
    private func addWardrobe(of user: String) throws {
        let folder = "\(wardrobe)/\(user)"
        try FileManager.default.copyItem(
            atPath: "\(Repository.root)/Examples/wardrobe_photos/peichin", toPath: folder)
        if user == "peichin" { return }
        for name in ["saved_outfits.json", "wardrobe_metadata.json"] {
            let text = String(decoding: try Host.readFile("\(folder)/\(name)", limit: 1 << 20), as: UTF8.self)
            let own = text.replacingOccurrences(of: "wardrobe_photos/peichin/", with: "wardrobe_photos/\(user)/")
            try Data(own.utf8).write(to: URL(fileURLWithPath: "\(folder)/\(name)"))
        }
    }

    // MARK: Folders

    /// A box, open.
    package func box(_ name: String) throws -> Directory { try Directory(path: "\(spool)/\(name)") }

    /// The names in a box; in processing/ without status files, whole or (after a kill) half written.
    package func names(_ box: String) throws -> [String] {
        let names = try self.box(box).names().map(\.description)
        return box == "processing" ? names.filter { !$0.contains(".status.json") } : names
    }

    /// The bytes of a file of the spool; nil where there is none.
    package func file(_ box: String, _ name: String) throws -> [UInt8]? {
        let folder = try self.box(box)
        guard try folder.infoIfPresent(of: FileName(name)) != nil else { return nil }
        return try folder.open(FileName(name), .read).read(limit: 1 << 26)
    }

    // MARK: Delivering

    /// Writes a request in tmp/ and renames it into incoming/.
    package func deliver(_ text: String, as name: String) throws { try deliver(Array(text.utf8), as: FileName(name)) }

    /// The same for any bytes under any name.
    package func deliver(_ bytes: [UInt8], as name: FileName) throws {
        let aside = FileName("delivery-\(Random.hex(bytes: 8))")
        let tmp = try box("tmp")
        try tmp.open(aside, .create).write(all: bytes)
        try tmp.rename(aside, to: try box("incoming"), as: name, .replace)
    }

    /// Moves a file from one box to another, as `mv` does.
    package func move(_ name: String, from one: String, to other: String) throws {
        try box(one).rename(FileName(name), to: try box(other), as: FileName(name), .noReplace)
    }

    // MARK: The wardrobe

    /// A user's saved outfits as they are now.
    package func record(of user: String = "peichin") throws -> [UInt8] {
        try Host.readFile("\(wardrobe)/\(user)/saved_outfits.json", limit: 1 << 26)
    }

    /// Writes a user's saved outfits anew, whole.
    package func setRecord(_ bytes: [UInt8], of user: String = "peichin") throws {
        try Directory(path: "\(wardrobe)/\(user)").publish(
            bytes, as: "saved_outfits.json", temporary: ".test-record", durable: false)
    }

    // MARK: Programs

    /// What the program is told by its environment; nothing else reaches it.
    package func environment(_ more: [String: String] = [:]) -> [String: String] {
        let own = [
            "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "VIZD_SPOOL_DIR": spool, "VIZD_STATE_DIR": state,
            "VIZD_WARDROBE_ROOT": wardrobe, "VIZD_LOG_FORMAT": "json", "VIZD_SPOOL_SETTLE": "0.3",
            "VIZD_SPOOL_MIN_FREE": "0", "VIZD_SPOOL_RESERVE": "0", "VIZD_PROVIDER": "flatlay",
            "VIZD_METRICS_FILE": metrics, "AWS_SECRET_ACCESS_KEY": secrets.ofThePlace,
        ]
        let all = own.merging(more) { $1 }
        secrets.plant(all)
        return all
    }

    /// The program: the built one, or its copy beside a worker that is gated or has an intruder.
    package func program() throws -> String {
        try gate?.program ?? intruder?.program ?? BuiltProducts.path(of: "vizd")
    }

    /// Starts `vizd run`.
    package func start(_ settings: [String: String] = [:], _ arguments: String...) throws -> DaemonRun {
        try DaemonRun(self, ["run"] + arguments, environment(settings))
    }

    /// Starts `vizd run` and waits until it is ready.
    package func ready(_ settings: [String: String] = [:], _ arguments: String...) throws -> DaemonRun {
        let daemon = try DaemonRun(self, ["run"] + arguments, environment(settings))
        try daemon.awaitLine("vizd.ready")
        return daemon
    }

    /// The same through another program that executes it in the end.
    package func ready(through wrapper: [String], _ settings: [String: String] = [:]) throws -> DaemonRun {
        let daemon = try DaemonRun(self, ["run"], environment(settings), through: wrapper)
        try daemon.awaitLine("vizd.ready")
        return daemon
    }

    /// Runs a command of the program to its end.
    package func command(_ arguments: String..., input: String = "") throws -> CommandRun {
        let run = try CommandRun(self, arguments, environment(), input)
        secrets.search(run, of: arguments)
        return run
    }

    /// Runs a command of the program to its end, with more settings.
    package func command(_ settings: [String: String], _ arguments: String...) throws -> CommandRun {
        let run = try CommandRun(self, arguments, environment(settings), "")
        secrets.search(run, of: arguments)
        return run
    }
}

/// A gate before the image workers: they begin only while it is open, so that a job can be held in its first stage for
/// a while (a worker has 10 seconds to begin).
package final class Gate: Sendable {
    private let folder: Directory
    private let holder = Monitor<OpenFile?>(nil)
    /// A copy of vizd whose image worker is the gated one.
    package let program: String

    /// A fifo, and a script under the worker's name that waits for its other end.
    init(in path: String) throws {
        try Host.makeDirectories("\(path)/bin")
        folder = try Directory(path: "\(path)/bin")
        program = "\(path)/bin/vizd"
        try folder.makeFIFO("gate")
        let real = try BuiltProducts.path(of: "vizd-image")
        let script = "#!/bin/sh\n: < '\(path)/bin/gate'\nexec '\(real)' \"$@\"\n"
        try folder.open("vizd-image", .create, mode: 0o755).write(all: Array(script.utf8))
        let built = try BuiltProducts.path(of: "vizd")
        do {
            try FileManager.default.linkItem(atPath: built, toPath: program)
        } catch {
            try FileManager.default.copyItem(atPath: built, toPath: program)
        }
    }

    /// Workers that wait begin, and later ones do not wait.
    package func open() throws {
        let end = try folder.open("gate", .readWrite)
        holder.change { $0 = end }
    }

    /// Workers that start from now on wait.
    package func close() { holder.change { $0 = nil } }
}
