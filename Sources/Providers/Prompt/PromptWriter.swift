// Writes the prompt: one person, these garments, each once.
//
// The order is the person, the garments with their tags, the request's directions, styling notes, style words, mood,
// and the guard against garments that are doubled or made up. What is too long is shortened in the order mood, style,
// notes, directions, descriptor, names; tags and guard stay. A text of a user's is data: it cannot name a reference,
// break a line or hide anything. The same brief gives the same prompt.
//
// Lengths are those of the text that is sent, counted as the model's rule says. Nothing is normalised on the way, so
// there is nothing else to count.

/// Writes prompts.
package struct PromptWriter {
    /// The least that a rule's limit may be: what tags and guard take for sixteen pictures.
    package static let leastLimit = 800

    /// The prompt for a brief, and the tags that its references must carry.
    ///
    /// - Parameters:
    ///   - brief: up to 16 pictures, each with a garment at least; any texts.
    ///   - rule: the model's; its limit is at least `leastLimit`.
    package static func write(_ brief: PromptBrief, by rule: PromptRule) -> WrittenPrompt {
        precondition(rule.limit >= leastLimit, "a prompt of \(rule.limit) has no room for its references")
        precondition(brief.pictures.count <= 16, "\(brief.pictures.count) pictures came to one prompt")
        var writer = PromptWriter(brief, rule)
        return WrittenPrompt(text: writer.fitted(), tags: writer.tags)
    }

    /// The parts that may be shortened, the first one first.
    private enum Part: CaseIterable { case mood, style, notes, directions, descriptor }

    /// The plain basics are for outfits of a hat and shoes: nobody wants a picture that moderation throws out, and
    /// charges for.
    private static let guardLine =
        "One person, one photo, no collage. Each garment exactly once, true to its reference in colour, pattern and "
        + "cut; add no others, only plain basics where a piece is missing."

    private let rule: PromptRule
    /// One a picture, the person's at the end; nil where the model has none.
    private let tags: [String?]
    /// How each picture is pointed to, in the same order.
    private let mentions: [String]
    /// The garments' names, clean, by picture.
    private var names: [[String]]
    private let showsPerson: Bool
    private var texts: [Part: String] = [:]

    private init(_ brief: PromptBrief, _ rule: PromptRule) {
        (self.rule, showsPerson) = (rule, brief.showsPerson)
        let person = brief.showsPerson ? [PromptTags.person] : []
        let words = PromptTags.tags(brief.pictures) + person
        switch rule.mention {
        case .tag: (tags, mentions) = (words, words.map { "@\($0)" })
        case .number(let word): (tags, mentions) = (words.map { _ in nil }, words.indices.map { "\(word) \($0 + 1)" })
        case .part(let garments, let shown):
            precondition(brief.pictures.count <= 1, "\(brief.pictures.count) pictures came to a prompt for one")
            tags = words.map { _ in nil }
            mentions = brief.pictures.map { _ in garments } + person.map { _ in shown }
        }
        let limit = rule.limit
        names = brief.pictures.map { $0.map { PromptText.clean($0.name, limit: limit) } }
        texts[.descriptor] = PromptWriter.descriptor(PromptText.clean(brief.descriptor, limit: limit))
        texts[.directions] = PromptText.clean(brief.directions, limit: limit)
        texts[.notes] = PromptText.clean(brief.stylingNotes, limit: limit)
        texts[.style] = brief.styleWords.prefix(limit).map { PromptText.clean($0, limit: limit) }
            .filter { !$0.isEmpty }.joined(separator: ", ")
        texts[.mood] = PromptWriter.mood(
            now: PromptText.clean(brief.feelingNow, limit: limit),
            wanted: PromptText.clean(brief.wantToFeel, limit: limit))
        for part in Part.allCases { texts[part] = PromptText.trimmed((texts[part] ?? "")[...]) }
    }

    /// Profiles begin with "Model:", and so does our sentence.
    private static func descriptor(_ text: String) -> String {
        text.lowercased().hasPrefix("model:") ? PromptText.clean(String(text.dropFirst(6)), limit: .max) : text
    }

    private static func mood(now: String, wanted: String) -> String {
        switch (now.isEmpty, wanted.isEmpty) {
        case (true, true): ""
        case (false, true): "feels \(now)"
        case (true, false): "wants to feel \(wanted)"
        case (false, false): "feels \(now), wants to feel \(wanted)"
        }
    }

    // MARK: - Fitting

    /// The text, shortened until it fits.
    private mutating func fitted() -> String {
        for part in Part.allCases {
            let excess = rule.length(text) - rule.limit
            guard excess > 0 else { return text }
            shorten(part, by: excess)
        }
        shortenNames()
        let text = text
        precondition(rule.length(text) <= rule.limit, "the shortest prompt has \(rule.length(text)) of \(rule.limit)")
        return text
    }

    /// Takes so much off a part, or all of it where too little would be left to mean anything.
    private mutating func shorten(_ part: Part, by excess: Int) {
        guard let text = texts[part], !text.isEmpty else { return }
        // One more for the full stop that the whole text may have done without.
        let room = rule.length(text) - excess - 1
        texts[part] = room >= 12 ? PromptText.cut(text, to: room, by: rule) : ""
    }

    /// Gives every name the same room, the most with which all fit; in the end none.
    private mutating func shortenNames() {
        let whole = names
        var (fits, tooMuch) = (0, whole.joined().map(rule.length).max() ?? 0)
        guard rule.length(text) > rule.limit else { return }
        while tooMuch - fits > 1 {
            let middle = (fits + tooMuch) / 2
            names = cut(whole, to: middle)
            if rule.length(text) <= rule.limit { fits = middle } else { tooMuch = middle }
        }
        names = cut(whole, to: fits)
    }

    private func cut(_ names: [[String]], to room: Int) -> [[String]] {
        names.map { $0.map { room >= 3 ? PromptText.cut($0, to: room, by: rule) : "" } }
    }

    // MARK: - Words

    /// The text as the parts are now.
    private var text: String {
        let directions = texts[.directions] ?? ""
        var sentences = [
            directions.isEmpty
                ? "Full-body studio fashion photo, head to toe." : "Full-body fashion photo, head to toe."
        ]
        sentences.append(person)
        if !names.isEmpty { sentences.append(outfit) }
        sentences += [
            labelled("Directions", .directions), labelled("Styling", .notes), labelled("Style", .style),
            labelled("Mood", .mood), PromptWriter.guardLine,
        ]
        return sentences.filter { !$0.isEmpty }.joined(separator: " ")
    }

    private var person: String {
        let descriptor = texts[.descriptor] ?? ""
        let shown = showsPerson ? "the person in \(mentions[mentions.count - 1])" : ""
        let parts = [shown, descriptor].filter { !$0.isEmpty }
        return parts.isEmpty ? "" : "Model: \(parts.joined(separator: ", "))."
    }

    /// `Outfit, exactly these 2 garments: @teal_shirt (Teal Silk Shirt), @boots (Boots).`
    private var outfit: String {
        let count = names.reduce(0) { $0 + $1.count }
        let lead = count == 1 ? "The model wears" : "The model wears exactly these \(count) garments:"
        let isShared = names.contains { $0.count > 1 }
        let pictures = zip(mentions, names).map { mention, names in
            if case .part = rule.mention, names.count == 1 {
                return PromptWriter.picture("the garment in \(mention)", names)
            }
            return PromptWriter.picture(mention, names)
        }
        return "\(lead) \(pictures.joined(separator: isShared ? "; " : ", "))."
    }

    private static func picture(_ mention: String, _ names: [String]) -> String {
        let known = names.filter { !$0.isEmpty }
        guard names.count > 1 else { return known.isEmpty ? mention : "\(mention) (\(known[0]))" }
        return known.isEmpty
            ? "the \(names.count) in \(mention)" : "the \(names.count) in \(mention) (\(known.joined(separator: ", ")))"
    }

    private func labelled(_ label: String, _ part: Part) -> String {
        guard let text = texts[part], !text.isEmpty else { return "" }
        let isEnded = text.last.map { "!?…。！？".contains($0) } ?? false
        return "\(label): \(text)\(isEnded ? "" : ".")"
    }
}
