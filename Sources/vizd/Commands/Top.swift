// `vizd top`: the spool as it lives. On a terminal a view that is drawn again and again, elsewhere a block of plain
// text at every interval.

internal import ArgumentParser
internal import Linux

struct Top: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Watch the spool: what waits, runs, ends and fails, and what it costs.",
        discussion: """
            On a terminal the view stays and moves; ? shows its keys. Where standard output or input is no terminal, \
            or TERM is dumb, a block of plain text is printed at every interval. It reads the spool and the journal as \
            `list`, `status` and `costs` do and needs no running vizd; what this user may not see it shows as such. \
            NO_COLOR takes the colours away.

            Examples:
              vizd top
              vizd top --once
              vizd top --interval 10 --count 6 > last-minute.txt

            Exit status: 0, 64 usage, 73 the spool cannot be read, 78 configuration.
            """)

    @Option(help: ArgumentHelp("The time between two looks, such as 2 or 500ms.", valueName: "time"))
    var interval = TimeArgument.seconds(2)

    @Flag(help: "Print one plain block and end; the same as --count 1.")
    var once = false

    @Option(help: ArgumentHelp("Print so many plain blocks and end.", valueName: "number"))
    var count: Int?

    @OptionGroup var config: ConfigOption

    func validate() throws {
        guard (Duration.milliseconds(100) ... .seconds(86_400)).contains(interval.duration) else {
            throw ValidationError("--interval takes from 100ms to 24h.")
        }
        if once && count != nil { throw ValidationError("--once is --count 1; give one of them.") }
        if let count, count < 1 { throw ValidationError("--count takes a number from 1.") }
    }

    func run() throws {
        try ending {
            let reader = try TopReader(config.settings(only: TopReader.keys))
            let environment = Host.environment
            let style = TopStyle(environment: environment)
            let isPlain = once || count != nil || !Top.isScreen(environment)
            if !isPlain {
                var screen = try TopScreen(reader, interval: interval.duration.nanoseconds, style: style)
                try screen.run()
            } else {
                try plain(reader, style, columns: Top.columns(environment))
            }
            return .success
        }
    }

    /// Whether there is a terminal that can be drawn on and that keys come from.
    private static func isScreen(_ environment: [String: String]) -> Bool {
        let kind = environment["TERM"] ?? ""
        return TerminalSize.of(0) != nil && TerminalSize.of(1) != nil && !kind.isEmpty && kind != "dumb"
    }

    /// The width of a block: the terminal's, else that of $COLUMNS, else 120.
    private static func columns(_ environment: [String: String]) -> Int {
        let named = environment["COLUMNS"].flatMap { Int($0) }.flatMap { (1...1000).contains($0) ? $0 : nil }
        return TerminalSize.of(1)?.columns ?? named ?? 120
    }

    /// Blocks with a blank line between them, until there were enough or nobody reads them any more.
    private func plain(_ reader: TopReader, _ style: TopStyle, columns: Int) throws {
        var reader = reader
        let limit = once ? 1 : count ?? .max
        for number in 1...limit {
            let snapshot = reader.read(wall: WallClock.now(), clock: MonotonicClock.now)
            let view = TopView(snapshot: snapshot, state: TopState(), style: style, columns: columns, rows: nil)
            let block = (number > 1 ? "\n" : "") + view.plain
            guard Terminal.write(block, to: 1), number < limit else { return }
            _ = try Poll.readable([], timeout: interval.duration.nanoseconds)
        }
    }
}

extension TimeArgument {
    /// A default of so many seconds.
    static func seconds(_ count: Int) -> TimeArgument { TimeArgument(duration: .seconds(count)) }

    init(duration: Duration) { self.duration = duration }

    /// As it is shown in the help.
    var defaultValueDescription: String { TimeSpan.text(duration) }
}

extension TopView {
    /// The lines as plain text, without the spaces that nobody sees.
    var plain: String {
        lines.map { line in
            String(style.legible(line.text).reversed().drop { $0 == " " }.reversed()) + "\n"
        }.joined()
    }
}
