// What a program says: progress and the picture's path on its standard output, complaints on its standard error.
//
// A value without clock or descriptors. The last line of the output that is no progress names the picture, so that a
// program may print what it likes before; of the complaints the end is kept. Both have a limit.

internal import Contract

/// Listens to a program.
struct ExecTalk {
    /// The most bytes on standard output; a program that says more is ended.
    static let outputLimit = 1 << 20
    /// The longest line of it; what is longer is cut, and names nothing.
    static let lineLimit = 8192
    /// What is kept of standard error.
    private static let complaintLimit = 4096

    private var heard = 0
    private var line: [UInt8] = []
    private var complaints: [UInt8] = []
    /// The last line that was no progress; nil where there was none.
    private(set) var path: String?
    /// The last progress.
    private(set) var progress: CallProgress?

    /// Whether it has said too much.
    var isOverLimit: Bool { heard > ExecTalk.outputLimit }

    /// Bytes of its standard output.
    mutating func hear(_ bytes: [UInt8]) {
        heard += bytes.count
        for byte in bytes {
            if byte == UInt8(ascii: "\n") {
                endLine()
            } else if line.count <= ExecTalk.lineLimit {
                line.append(byte)
            }
        }
    }

    /// Its standard output has ended, perhaps within a line.
    mutating func end() { endLine() }

    /// Bytes of its standard error.
    mutating func mind(_ bytes: [UInt8]) {
        complaints += bytes
        if complaints.count > ExecTalk.complaintLimit {
            complaints.removeFirst(complaints.count - ExecTalk.complaintLimit)
        }
    }

    private mutating func endLine() {
        defer { line = [] }
        guard line.count <= ExecTalk.lineLimit, let text = String(validating: line, as: UTF8.self) else { return }
        let words = text.split(whereSeparator: \.isWhitespace)
        guard let first = words.first else { return }
        if first == "progress", words.count > 1, let part = ExecTalk.fraction(words[1]) {
            let rest = words.dropFirst(2).joined(separator: " ")
            progress = CallProgress(fraction: part, words: rest.isEmpty ? nil : printable(redacted(rest), limit: 100))
        } else {
            path = text.last == "\r" ? String(text.dropLast()) : text
        }
    }

    /// `0.4`, or `40%`.
    private static func fraction(_ text: Substring) -> Double? {
        let isPercent = text.hasSuffix("%")
        guard let number = Double(isPercent ? text.dropLast() : text), number.isFinite, number >= 0 else { return nil }
        return min(isPercent ? number / 100 : number, 1)
    }

    /// The last lines of what it said on standard error, fit for a message; nil where it said nothing.
    var complaint: String? {
        let lines = complaints.split(separator: UInt8(ascii: "\n")).suffix(3)
        let text = lines.map { String(decoding: $0, as: UTF8.self) }.joined(separator: " / ")
        let words = text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        return words.isEmpty ? nil : printable(redacted(words), limit: 300)
    }
}
