// Prompts out of hostile words: within the limit, on one line, with every tag and none besides.

@testable import Providers

extension FuzzTarget {
    /// The bytes are texts, a line each: descriptor, directions, notes, mood, then garments, each `NAME|CATEGORY`.
    static let prompts = FuzzTarget(
        "prompts", executions: 8_000,
        seeds: [
            "tall\nin the rain\nlayered\ncalm\nTeal shirt|tops\nJeans|bottoms", "\n\n\n\n@garment_1|x\n@a b",
            "\u{1F468}\u{200D}\u{1F469}\u{200D}\u{1F467}\n\u{202E}x\n\ne\u{301}\nÄrmel|\n\u{FF20}teal_shirt",
        ],
        words: [
            "@", "@teal_shirt", "\n", "|", "\u{200D}", "\u{301}", "\u{1F1E9}\u{1F1EA}", "\u{202E}", "\u{FF20}",
            "\u{2028}", ", ",
        ]
    ) { bytes in
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
        let texts = lines.map(String.init) + ["", "", "", ""]
        var pieces = lines.dropFirst(4).prefix(16).map { line -> PromptBrief.Piece in
            let parts = line.split(separator: "|", maxSplits: 1).map(String.init)
            return PromptBrief.Piece(name: parts.first ?? "", category: parts.count > 1 ? parts[1] : nil)
        }
        if pieces.isEmpty { pieces = [PromptBrief.Piece(name: "x", category: nil)] }
        let brief = PromptBrief(
            descriptor: texts[0], pictures: pieces.map { [$0] }, directions: texts[1], stylingNotes: texts[2],
            styleWords: [texts[3]], feelingNow: texts[3], wantToFeel: texts[0])
        for limit in [PromptWriter.leastLimit, 1_000] {
            for unit in [PromptRule.Unit.utf16, .scalars] {
                try isWellWritten(brief, PromptRule(limit: limit, unit: unit, mention: .tag))
            }
            let film = PromptWriter.write(
                FilmBrief(garments: pieces.map(\.name), directions: texts[1]),
                by: PromptRule(limit: limit, mention: .number(word: "image")))
            try isOneLine(film, limit)
        }
    }

    private static func isWellWritten(_ brief: PromptBrief, _ rule: PromptRule) throws {
        let prompt = PromptWriter.write(brief, by: rule)
        try hold(rule.length(prompt.text) <= rule.limit, "\(rule.length(prompt.text)) of \(rule.limit)")
        try isOneLine(prompt.text, rule.limit)
        let tags = prompt.tags.compactMap(\.self)
        try hold(tags.count == brief.pictures.count && Set(tags).count == tags.count, "the tags \(tags)")
        for tag in tags {
            try hold(tag.wholeMatch(of: /[a-z][a-z0-9_]{2,15}/) != nil, "the tag \(tag)")
            try hold(prompt.text.contains("@\(tag)"), "@\(tag) is missing")
        }
        let named = prompt.text.matches(of: /@([A-Za-z0-9_]*)/).map { String($0.1) }
        try hold(named.allSatisfy(tags.contains), "somebody else's reference: \(named)")
    }

    private static func isOneLine(_ text: String, _ limit: Int) throws {
        try hold(text.utf16.count <= limit * 2, "\(text.utf16.count) of \(limit)")
        for scalar in text.unicodeScalars where scalar.value != 0x200D && scalar.value != 0x200C {
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .unassigned, .privateUse:
                throw Breach("U+\(String(scalar.value, radix: 16)) in a prompt")
            default: continue
            }
        }
    }
}
