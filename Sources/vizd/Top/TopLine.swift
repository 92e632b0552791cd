// A line of a screen as a value: pieces of text, each with its ink. Where there is no colour it is only text.
//
// Whatever becomes a piece has been made harmless before (`shown`): this type takes no control character, so none can
// reach a terminal through it.

internal import Contract

/// What a piece of text is written with; which colour that is, the terminal's palette decides.
enum Ink: Hashable, Sendable, CaseIterable {
    case plain
    /// What is less important.
    case faint
    /// What is looked for first.
    case strong
    /// A title of a section, and of the one that the keys move.
    case title, chosenTitle
    case good, warning, bad
    /// What is under way.
    case work
    /// The rest of a bar.
    case rail
}

struct TopLine: Hashable, Sendable {
    struct Piece: Hashable, Sendable {
        let text: String
        let ink: Ink
    }

    private(set) var pieces: [Piece] = []

    init() {}

    init(_ text: String, _ ink: Ink = .plain) { add(text, ink) }

    /// Columns.
    var width: Int { pieces.reduce(0) { $0 + DisplayWidth.of($1.text) } }

    /// Without its ink.
    var text: String { pieces.map(\.text).joined() }

    mutating func add(_ text: String, _ ink: Ink = .plain) {
        if text.isEmpty { return }
        pieces.append(Piece(text: shown(text), ink: ink))
    }

    mutating func add(_ line: TopLine) { pieces += line.pieces }

    /// With spaces up to a column.
    mutating func fill(to column: Int) { add(String(repeating: " ", count: max(0, column - width))) }

    /// Cut to a width, with an ellipsis where something is lost.
    func cut(to columns: Int, ellipsis: String) -> TopLine {
        if width <= columns { return self }
        var line = TopLine()
        var left = columns
        for piece in pieces {
            let wide = DisplayWidth.of(piece.text)
            // The last piece that fits whole leaves the ellipsis no room: then it is cut, too.
            if wide < left || (wide == left && piece == pieces.last) {
                line.add(piece.text, piece.ink)
                left -= wide
            } else {
                line.add(DisplayWidth.cut(piece.text + " ", to: left, ellipsis: ellipsis), piece.ink)
                break
            }
        }
        return line
    }
}

/// How lines look on a terminal.
struct TopStyle: Hashable, Sendable {
    /// Colours; without them bold, faint and reversed text remain.
    var colours: Bool
    /// Only ASCII: the terminal's encoding is not UTF-8.
    var ascii: Bool

    /// `NO_COLOR` (https://no-color.org) of any length but none takes the colours away.
    init(environment: [String: String]) {
        colours = (environment["NO_COLOR"] ?? "").isEmpty
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].compactMap { environment[$0] }.first { !$0.isEmpty } ?? ""
        ascii = !locale.uppercased().filter { $0 != "-" }.hasSuffix("UTF8")
    }

    init(colours: Bool, ascii: Bool) { (self.colours, self.ascii) = (colours, ascii) }

    var ellipsis: String { ascii ? ".." : "…" }
    var separator: String { ascii ? " | " : " · " }

    /// A line as bytes for a terminal, ending in plain ink.
    func escaped(_ line: TopLine) -> String {
        line.pieces.map { piece in
            let text = legible(piece.text)
            let code = self.code(piece.ink)
            return code.isEmpty ? text : "\u{1B}[\(code)m\(text)\u{1B}[0m"
        }.joined()
    }

    /// A text as the terminal can show it; the width stays.
    func legible(_ text: String) -> String {
        guard ascii else { return text }
        return text.unicodeScalars.map { scalar in
            scalar.isASCII ? String(scalar) : String(repeating: "?", count: DisplayWidth.of(scalar))
        }.joined()
    }

    private func code(_ ink: Ink) -> String {
        switch ink {
        case .plain: ""
        case .faint: "2"
        case .strong: "1"
        case .title: "1"
        case .chosenTitle: "1;7"
        case .good: colours ? "32" : ""
        case .warning: colours ? "33" : "1"
        case .bad: colours ? "31" : "1"
        case .work: colours ? "36" : ""
        case .rail: "2"
        }
    }
}
