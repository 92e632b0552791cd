// What a person sees while a job is worked on: one line, as a bar on a terminal or as words elsewhere. Values only.

internal import Contract

/// How far a job is, as a client knows it.
enum JobProgress: Equatable, Sendable {
    case waiting
    /// Claimed, without a status file yet.
    case claimed
    case working(percent: Int, stage: String, secondsLeft: Double, message: String)

    init(status bytes: [UInt8]?) {
        guard let bytes else {
            self = .claimed
            return
        }
        do throws(DocumentFault) {
            let status = try StatusDocument.decode(bytes)
            self = .working(
                percent: status.progress, stage: status.stage.rawValue, secondsLeft: status.estimatedTime,
                message: status.message)
        } catch {
            // A status file of another version of vizd; the job goes on all the same.
            self = .claimed
        }
    }
}

enum ProgressLine {
    /// The line for a terminal, exactly fitting into `columns - 1`, so that no terminal wraps it.
    static func bar(_ progress: JobProgress, columns: Int, ascii: Bool) -> String {
        let (percent, stage, rest) = parts(progress, ascii: ascii)
        let head = stage + String(repeating: " ", count: max(0, 9 - stage.count))
        let number = String(repeating: " ", count: 3 - String(percent).count) + "\(percent) %"
        let width = max(10, min(40, columns - 1 - head.count - number.count - 4 - 20))
        let line = "\(head) \(strokes(percent, width: width, ascii: ascii)) \(number)  \(rest)"
        return String(line.prefix(max(1, columns - 1)))
    }

    /// The line for a pipe or a file.
    static func words(_ progress: JobProgress) -> String {
        let (percent, stage, rest) = parts(progress, ascii: false)
        return rest.isEmpty ? "\(stage) \(percent) %" : "\(stage) \(percent) %  \(rest)"
    }

    private static func parts(_ progress: JobProgress, ascii: Bool) -> (percent: Int, stage: String, rest: String) {
        switch progress {
        case .waiting: (0, "queued", "waits for its turn")
        case .claimed: (0, "claimed", "")
        case .working(let percent, let stage, let secondsLeft, let message):
            (
                percent, stage,
                [estimate(secondsLeft), said(message, ascii: ascii)].filter { !$0.isEmpty }
                    .joined(separator: "  ")
            )
        }
    }

    private static func said(_ message: String, ascii: Bool) -> String {
        let shown = printable(message, limit: 200)
        return ascii ? String(shown.map { $0.isASCII ? $0 : "?" }) : shown
    }

    /// "about 12 s left", in the largest unit that still says something.
    static func estimate(_ seconds: Double) -> String {
        guard seconds.isFinite, seconds >= 0.5, seconds < 1e6 else { return "" }
        return "about \(Age.text(Int64(seconds.rounded()) * 1_000_000_000)) left"
    }

    private static func strokes(_ percent: Int, width: Int, ascii: Bool) -> String {
        let full = min(width, max(0, percent * width / 100))
        guard ascii else {
            return String(repeating: "━", count: full) + String(repeating: "─", count: width - full)
        }
        return "[" + String(repeating: "#", count: full) + String(repeating: "-", count: max(0, width - 2 - full)) + "]"
    }
}

/// Spans of time for people: the two largest units at most.
enum Age {
    /// "0 s", "59 s", "3 min", "2 h 5 min", "4 d 1 h" from nanoseconds; below zero is 0.
    static func text(_ nanoseconds: Int64) -> String {
        let seconds = max(0, nanoseconds) / 1_000_000_000
        switch seconds {
        case ..<60: return "\(seconds) s"
        case ..<3600: return "\(seconds / 60) min"
        case ..<86_400: return two(seconds / 3600, "h", seconds % 3600 / 60, "min")
        default: return two(seconds / 86_400, "d", seconds % 86_400 / 3600, "h")
        }
    }

    private static func two(_ large: Int64, _ unit: String, _ small: Int64, _ smallUnit: String) -> String {
        small == 0 ? "\(large) \(unit)" : "\(large) \(unit) \(small) \(smallUnit)"
    }
}
