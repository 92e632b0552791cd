// The program. What it can do is in `Commands/`; this is only the door.

internal import ArgumentParser
internal import Linux

@main
struct Vizd: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "vizd",
        abstract: "Turns saved outfits into pictures.",
        discussion: """
            A request is a JSON file that somebody drops into the spool's incoming/ folder. vizd claims it, has a \
            provider make the picture, stores it, updates the outfit's record, and leaves the request with a result in \
            done/ or failed/.

            Begin here:
              vizd demo                see it work in a folder of its own
              vizd check-config        would it run? what is in force?
              vizd submit --help       how to ask for a picture
              vizd list                what waits, runs and has ended

            The configuration is read from --config FILE (after the command), else $VIZD_CONFIG, else \
            /etc/vizd/vizd.conf; every setting can be given in the environment too (VIZD_SPOOL_DIR=/srv/spool).
            """,
        version: "vizd \(Version.text)",
        subcommands: [
            Run.self, Submit.self, Wait.self, Status.self, List.self, Top.self, Gallery.self, Retry.self, Cancel.self,
            Costs.self,
            CheckConfig.self,
            Recover.self, Demo.self,
        ])

    static func main() {
        // Not a command: a process that vizd starts beside a program of the operator's.
        let arguments = Array(CommandLine.arguments.dropFirst())
        if arguments.first == Keeper.word { Host.exit(Keeper.run(arguments)) }
        keepKeysPrivate()
        // A reader that goes away (`vizd list | head -1`) must not end us in the middle of a write.
        SignalFD.ignoreBrokenPipes()
        Host.keepMemoryThrifty()
        main(nil)
    }

    /// Keys come by environment, file or credential and stay in memory: before the first of them is read.
    private static func keepKeysPrivate() {
        do throws(SystemFailure) {
            try ProcessLimits.keepMemoryPrivate()
        } catch {
            Terminal.write("vizd: other programs of this user can read its memory: \(error)\n", to: 2)
        }
    }
}
