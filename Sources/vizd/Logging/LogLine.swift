// One event as a line of text, in the three forms. A value; what it looks like is decided here and nowhere else.
//
//     text      2026-11-24T02:18:03.123Z info     job.claimed job=7d0c user=peichin
//     journald  <6>job.claimed job=7d0c user=peichin
//     json      {"event":"job.claimed","job":"7d0c","level":"info","time":"…","user":"peichin"}
//
// A field that no longer fits into the limit is left out and the line says `truncated`; it stays whole and readable.

internal import Contract
internal import Logging

struct LogField: Sendable, Equatable {
    let key: String
    let value: String
}

struct LogLine {
    /// Bytes of one value, escapes included; more of it says nothing more.
    private static let valueLimit = 1000

    let time: Timestamp
    let level: Logger.Level
    let event: String
    let fields: [LogField]

    /// The line with its end, at most `limit` bytes (which must leave room for the event and some words: 256 at least).
    func rendered(as format: LogFormat, limit: Int) -> String {
        switch format {
        case .text: words(after: "\(time.rfc3339) \(Self.padded(level)) ", limit: limit)
        case .journald: words(after: "<\(level.priority)>", limit: limit)
        case .json: object(limit: limit)
        }
    }

    private func words(after opening: String, limit: Int) -> String {
        let mark = " truncated=true\n"
        var line = opening + Self.word(Self.shortened(event, to: 100))
        var isWhole = true
        for field in jobFirst {
            let next = " " + Self.word(Self.shortened(field.key, to: 100)) + "=" + Self.word(field.value)
            let fits = line.utf8.count + next.utf8.count + mark.utf8.count <= limit
            if fits { line += next } else { isWhole = false }
        }
        return line + (isWhole ? "\n" : mark)
    }

    /// All of a line's members in the order of their keys; `event`, `level` and `time` are the line's own.
    private func object(limit: Int) -> String {
        let own = [
            "event": Self.shortened(printable(event, limit: .max), to: 200), "level": level.rawValue,
            "time": time.rfc3339,
        ]
        var members = own.map { LogField(key: $0.key, value: $0.value) }
        var size = Self.size(of: members) + Self.size(of: [LogField(key: "truncated", value: "true")]) + 3
        var isWhole = true
        for field in jobFirst {
            let key = Self.shortened(field.key, to: 100)
            let isOurs = own[key] != nil || key == "truncated"
            let value = Self.shortened(printable(field.value, limit: .max))
            let member = LogField(key: isOurs ? "field.\(key)" : key, value: value)
            let more = Self.size(of: [member])
            if size + more <= limit { members.append(member) } else { isWhole = false }
            size += size + more <= limit ? more : 0
        }
        if !isWhole { members.append(LogField(key: "truncated", value: "true")) }
        return Self.json(members) + "\n"
    }

    private var jobFirst: [LogField] { fields.filter { $0.key == "job" } + fields.filter { $0.key != "job" } }

    private static func shortened(_ value: String, to limit: Int = valueLimit) -> String {
        guard value.utf8.count > limit else { return value }
        let end = value.utf8.index(value.startIndex, offsetBy: limit)
        return String(value.unicodeScalars[..<end]) + "…"
    }

    private static func json(_ members: [LogField]) -> String {
        var writer = JSONWriter()
        writer.beginObject()
        for member in members.sorted(by: { $0.key < $1.key }) {
            writer.key(member.key)
            writer.string(member.value)
        }
        writer.endObject()
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    /// Bytes that the members take in an object, the comma after each included.
    private static func size(of members: [LogField]) -> Int { json(members).utf8.count - 1 }

    /// As it is where nothing in it could be misread, else in quotes with the usual escapes.
    private static func word(_ text: String) -> String {
        let plain = text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && !"\"\\=".utf8.contains($0) }
        if plain && !text.isEmpty { return text }
        let escaped = text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
        return "\"" + shortened(printable(escaped, limit: .max)) + "\""
    }

    private static func padded(_ level: Logger.Level) -> String {
        level.rawValue + String(repeating: " ", count: max(0, 8 - level.rawValue.utf8.count))
    }
}

extension Logger.Level {
    /// The number that systemd reads in `<N>` at the start of a line (syslog(3)).
    fileprivate var priority: Int {
        switch self {
        case .trace, .debug: 7
        case .info: 6
        case .notice: 5
        case .warning: 4
        case .error: 3
        case .critical: 2
        }
    }
}
