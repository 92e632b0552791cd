// Other people's text in a prompt: made into plain words on one line, and cut where it may be cut.

/// Cleans and cuts text.
enum PromptText {
    /// The text on one line: control characters and line ends become spaces, runs of spaces one. What is invisible and
    /// could only turn the text around or hide in it goes. So does every `@`: no text of a user names a reference.
    /// What comes after more than `limit` scalars is dropped: by any count it is too long to be sent, and will be cut.
    static func clean(_ text: String?, limit: Int) -> String {
        var clean = String.UnicodeScalarView()
        var length = 0
        var gap = false
        for scalar in (text ?? "").unicodeScalars {
            guard length <= limit else { break }
            switch role(of: scalar) {
            case .space: gap = !clean.isEmpty
            case .nothing: continue
            // A mark at the beginning would sit on whatever we write before it.
            case .mark where clean.isEmpty || gap: continue
            case .mark, .sign:
                if gap { clean.append(" ") }
                gap = false
                clean.append(scalar)
                length += 1
            }
        }
        return String(clean)
    }

    private enum Role { case sign, mark, space, nothing }

    private static func role(of scalar: Unicode.Scalar) -> Role {
        // At signs, their wide and small forms included.
        if scalar == "@" || scalar == "\u{FF20}" || scalar == "\u{FE6B}" { return .space }
        switch scalar.properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator, .spaceSeparator: return .space
        case .nonspacingMark, .spacingMark, .enclosingMark: return .mark
        // Joiners are part of emoji and of several scripts.
        case .format: return scalar.value == 0x200C || scalar.value == 0x200D ? .mark : .nothing
        case .surrogate, .unassigned, .privateUse: return .nothing
        default: return scalar.properties.isEmojiModifier ? .mark : .sign
        }
    }

    /// The longest beginning of a text that has at most `room` by the rule: whole characters, and whole words where
    /// that leaves half of it. Without the comma or dash that it would end with.
    static func cut(_ text: String, to room: Int, by rule: PromptRule) -> String {
        guard rule.length(text) > room else { return text }
        var end = text.startIndex
        var word: String.Index?
        var left = room
        for index in text.indices {
            let length = rule.length(String(text[index]))
            if text[index] == " " { word = index }
            guard length <= left else { break }
            left -= length
            end = text.index(after: index)
        }
        if let word, word < end,
            text.distance(from: text.startIndex, to: word) * 2 >= text.distance(from: text.startIndex, to: end)
        {
            end = word
        }
        return trimmed(text[..<end])
    }

    /// Without spaces and marks that join sentences at its end.
    static func trimmed(_ text: Substring) -> String {
        var text = text
        while let last = text.last, " ,;:-–—(/&+.".contains(last) { text.removeLast() }
        return String(text)
    }
}
