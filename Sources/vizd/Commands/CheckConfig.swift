// `vizd check-config`: would vizd run with this configuration, on this spool?

internal import ArgumentParser
internal import Linux

struct CheckConfig: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check-config",
        abstract: "Say what is wrong with the configuration, or what is in force.",
        discussion: """
            Reads the environment, the systemd credentials, the key files and vizd.conf as `vizd run` does, and names \
            every problem at once: the setting, its value, what is allowed, and where it came from. If there is none, \
            every setting is shown with its source (keys and passwords are not), and the spool and the bucket, if \
            there is one, are tried out.

            Examples:
              vizd check-config --config ./vizd.conf
              vizd check-config --defaults >vizd.conf

            Exit status: 0 vizd can run, 78 the configuration must be mended, 73 the spool cannot be used, 75 the \
            bucket cannot be reached.
            """)

    @Flag(help: "Print a configuration file that has every setting with its default, commented out.")
    var defaults = false

    @OptionGroup var config: ConfigOption

    func run() throws {
        if defaults { return Surroundings.print(ConfigurationTemplate.text) }
        try ending {
            let loaded = SettingsLoader.load(
                path: config.config, world: Surroundings.settingsWorld(), capabilities: .thisVersion)
            for notice in loaded.notices { Terminal.write("vizd: \(shown(notice))\n", to: 2) }
            guard let settings = loaded.settings else {
                Terminal.write(CheckReport.problems(loaded.problems), to: 2)
                return .configuration
            }
            Surroundings.print(CheckReport.effective(loaded))
            let statuses = [try SpoolCheck.run(settings), try StorageCheck.run(settings)]
            return statuses.contains(.configuration) ? .configuration : statuses.first { $0 != .success } ?? .success
        }
    }
}
