// `--config`, which every command takes, and what the client commands need of the configuration: the spool's folder and
// the largest request. They read no more than that, so that who may drop a request need not be able to read the
// daemon's keys.

internal import ArgumentParser
internal import Linux

struct ConfigOption: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The configuration file.",
            discussion: "Without it $VIZD_CONFIG, else \(SettingsLoader.standardFile), else the defaults.",
            valueName: "file"))
    var config: String?

    /// The few settings that a client needs.
    func clientSettings() throws(CommandFailure) -> Settings {
        try settings(only: ["spool.dir", "limits.requestBytes"])
    }

    /// The settings of these keys; the others are as they are by default.
    func settings(only keys: [String]) throws(CommandFailure) -> Settings {
        let loaded = SettingsLoader.load(only: keys, path: config, world: Surroundings.settingsWorld())
        guard let settings = loaded.settings else {
            let said = loaded.problems.map { CheckReport.line(for: $0) }.joined(separator: "\n")
            throw CommandFailure(.configuration, "The configuration cannot be used:\n\(said)")
        }
        return settings
    }

    /// The spool's folder, open, and what the configuration says of waiting in it.
    func openSpoolAndRules() throws(CommandFailure) -> (SpoolReader, WaitingRules) {
        let settings = try settings(only: [
            "spool.dir", "limits.requestBytes", "limits.inFlight", "limits.perUser", "spool.minFree",
        ])
        return (try SpoolReader(path: settings.spool.directory), WaitingRules(settings))
    }

    /// Where the journal is.
    func stateDirectory() throws(CommandFailure) -> String { try settings(only: ["state.dir"]).state.directory }

    /// The spool's folder, open.
    func openSpool() throws(CommandFailure) -> SpoolReader {
        try SpoolReader(path: clientSettings().spool.directory)
    }
}

extension WaitingRules {
    /// Those of the configuration.
    init(_ settings: Settings) {
        self.init(
            inFlight: settings.limits.inFlight, perUser: settings.limits.perUser, minFree: settings.spool.minFree,
            requestBytes: settings.limits.requestBytes)
    }
}
