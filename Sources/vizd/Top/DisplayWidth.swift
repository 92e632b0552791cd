// How many columns of a terminal a text takes: what wcwidth(3) of a current C library answers, without a locale.
//
// East Asian wide and full-width characters and pictures (emoji) take two, combining marks none, all others one. What
// is not assigned yet is taken for one. Control characters have no width: they never come here (`shown`).

enum DisplayWidth {
    /// Columns that a text takes.
    static func of(_ text: String) -> Int {
        text.unicodeScalars.reduce(0) { $0 + of($1) }
    }

    /// Columns that one scalar takes: 0, 1 or 2.
    static func of(_ scalar: Unicode.Scalar) -> Int {
        // Nearly everything that is shown.
        if scalar.value < 0x300 { return 1 }
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .enclosingMark, .format: return 0
        default: break
        }
        // The vowels and final consonants of Korean syllables that are written in pieces stand below the first one.
        if (0x1160...0x11FF).contains(scalar.value) { return 0 }
        return isWide(scalar) ? 2 : 1
    }

    private static func isWide(_ scalar: Unicode.Scalar) -> Bool {
        // The halves of a flag are called pictures, but each takes one.
        if (0x1F1E6...0x1F1FF).contains(scalar.value) { return false }
        return scalar.properties.isEmojiPresentation || wide.contains { $0.contains(scalar.value) }
    }

    /// Blocks of East Asian wide (W) and full-width (F) characters, by Unicode's EastAsianWidth.txt.
    private static let wide: [ClosedRange<UInt32>] = [
        0x1100...0x115F, 0x2329...0x232A, 0x2E80...0x303E, 0x3041...0x4DBF, 0x4E00...0xA4CF, 0xA960...0xA97F,
        0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE10...0xFE19, 0xFE30...0xFE6F, 0xFF01...0xFF60, 0xFFE0...0xFFE6,
        0x16FE0...0x18DFF, 0x1AFF0...0x1B2FF, 0x1F200...0x1F2FF, 0x20000...0x3FFFD,
    ]

    /// As much of a text from its left as fits into so many columns, with an ellipsis where something is cut. Never
    /// wider than asked, and never a combining mark without its letter.
    static func cut(_ text: String, to columns: Int, ellipsis: String = "…") -> String {
        if columns <= 0 { return "" }
        if of(text) <= columns { return text }
        let room = columns - of(ellipsis)
        if room < 0 { return "" }
        var (taken, width) = ("", 0)
        for character in text {
            let more = of(String(character))
            if width + more > room { break }
            taken.append(character)
            width += more
        }
        return taken + ellipsis
    }

    /// A text in a field of so many columns: cut where it is wider, filled up with spaces where it is not.
    static func fit(_ text: String, to columns: Int, right: Bool = false, ellipsis: String = "…") -> String {
        let text = cut(text, to: columns, ellipsis: ellipsis)
        let fill = String(repeating: " ", count: max(0, columns - of(text)))
        return right ? fill + text : text + fill
    }
}
