// Where log lines go and how they look: one `LogOutput` for the process, shared by every logger.
//
// One event is one line and one write(2) to standard error, at most `lineLimit` bytes long, which is what a pipe takes
// without mixing it with another process's line. A line never holds a control character of somebody else's making, and
// never one of the secrets that the settings hold. The level and the secrets can be changed while the program runs.
// A line that cannot be written is lost: there is nobody left to tell.

internal import Contract
internal import Linux
internal import Logging
internal import Synchronization

final class LogOutput: Sendable {
    /// Bytes in a line, its end included (PIPE_BUF).
    static let lineLimit = 4096

    private struct State {
        var level: Logger.Level
        var secrets: [[UInt8]]
    }

    private let format: LogFormat
    private let state: Mutex<State>
    private let now: @Sendable () -> Int64
    private let write: @Sendable (String) -> Void

    /// `now` is nanoseconds since 1970; `write` gets a whole line with its end.
    init(
        format: LogFormat, level: Logger.Level, secrets: [Secret], now: @escaping @Sendable () -> Int64,
        write: @escaping @Sendable (String) -> Void
    ) {
        self.format = format
        self.state = Mutex(State(level: level, secrets: Self.words(secrets)))
        self.now = now
        self.write = write
    }

    /// To standard error, with the time of day.
    static func standardError(_ settings: Settings) -> LogOutput {
        LogOutput(
            format: settings.log.format, level: settings.log.level, secrets: settings.secrets,
            now: { WallClock.now() }, write: { Terminal.write($0, to: 2) })
    }

    var level: Logger.Level { state.withLock { $0.level } }

    /// Takes a reloaded configuration's level and secrets; the earlier secrets stay withheld.
    func adopt(_ settings: Settings) {
        let words = Self.words(settings.secrets)
        state.withLock { state in
            state.level = settings.log.level
            state.secrets += words.filter { !state.secrets.contains($0) }
        }
    }

    /// A logger that writes here.
    func logger(_ label: String = "vizd") -> Logger {
        Logger(label: label) { _ in LineLogHandler(output: self) }
    }

    func put(_ level: Logger.Level, _ event: String, _ fields: [LogField]) {
        let secrets = state.withLock { $0.secrets }
        let clean = fields.map { LogField(key: $0.key, value: Self.withholding(secrets, in: $0.value)) }
        let line = LogLine(
            time: Timestamp(nanoseconds: now()), level: level, event: Self.withholding(secrets, in: event),
            fields: clean)
        write(line.rendered(as: format, limit: Self.lineLimit))
    }

    /// Anything shorter would take ordinary words out of the log and is no key anyway.
    private static func words(_ secrets: [Secret]) -> [[UInt8]] {
        secrets.map { Array($0.reveal().utf8) }.filter { $0.count >= 4 }.sorted { $0.count > $1.count }
    }

    private static func withholding(_ secrets: [[UInt8]], in text: String) -> String {
        var bytes = Array(text.utf8)
        for secret in secrets {
            for range in bytes.ranges(of: secret).reversed() { bytes.replaceSubrange(range, with: "(secret)".utf8) }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// swift-log's side of `LogOutput`: collects the metadata of logger and event.
struct LineLogHandler: LogHandler {
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?
    private let output: LogOutput
    /// Set by a logger that wants another level than the program's.
    private var ownLevel: Logger.Level?

    init(output: LogOutput) {
        self.output = output
    }

    var logLevel: Logger.Level {
        get { ownLevel ?? output.level }
        set { ownLevel = newValue }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var all = metadata
        all.merge(metadataProvider?.get() ?? [:]) { _, new in new }
        all.merge(event.metadata ?? [:]) { _, new in new }
        if let error = event.error { all["error"] = "\(error)" }
        let fields = all.map { LogField(key: $0.key, value: Self.text(of: $0.value)) }
        output.put(event.level, event.message.description, fields.sorted { $0.key < $1.key })
    }

    private static func text(of value: Logger.Metadata.Value) -> String {
        switch value {
        case .string(let text): text
        case .stringConvertible(let value): value.description
        case .array(let values): "[" + values.map(text).joined(separator: ", ") + "]"
        case .dictionary(let values):
            "{" + values.sorted { $0.key < $1.key }.map { "\($0.key): \(text(of: $0.value))" }.joined(separator: ", ")
                + "}"
        }
    }
}
