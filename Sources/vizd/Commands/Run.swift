// `vizd run`: the daemon, in the foreground.

internal import ArgumentParser
internal import Contract
internal import Linux
internal import Logging
internal import Spool

struct Run: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run the daemon in the foreground.",
        discussion: """
            Watches the spool's incoming/ folder and works on what is dropped there until it is told to stop \
            (SIGTERM or Ctrl-C): then it claims nothing more, gives jobs under way a few seconds, and leaves the \
            rest to go on at the next start. Logs to standard error.

            Examples:
              vizd run --config /etc/vizd/vizd.conf
              VIZD_SPOOL_DIR=/srv/spool VIZD_STATE_DIR=/srv/state vizd run
              vizd run --standby

            Exit status: 0 told to stop, 1 the machine failed under it, 73 something cannot be made or opened, 75 \
            another vizd holds the spool, 78 the configuration must be mended, or the journal is not the spool's.
            """)

    @Flag(help: "If another vizd holds the spool, wait until it ends and take over.")
    var standby = false

    @OptionGroup var config: ConfigOption

    func run() throws {
        let loaded = SettingsLoader.load(
            path: config.config, world: Surroundings.settingsWorld(), capabilities: .thisVersion)
        for notice in loaded.notices { Terminal.write("vizd: \(shown(notice))\n", to: 2) }
        guard let settings = loaded.settings else {
            Terminal.write(CheckReport.problems(loaded.problems), to: 2)
            throw ExitCode(ExitStatus.configuration.rawValue)
        }
        let output = LogOutput.standardError(settings)
        let (path, world) = (config.config, Surroundings.settingsWorld())
        var daemon = DaemonProcess(settings: settings, log: output.logger(), standby: standby)
        daemon.reloader = Reloader(loaded) {
            SettingsLoader.load(path: path, world: world, capabilities: .thisVersion)
        }
        daemon.adoptLog = { output.adopt($0) }
        Host.exit(daemon.run())
    }
}
