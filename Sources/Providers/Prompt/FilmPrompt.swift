// Writes the prompt of a film: the picture that it begins with, moving gently, and nothing else.
//
// Whether somebody wears the outfit or it lies flat is seen in the picture and not known here, so the words hold for
// both. The garments are named for the model's benefit only, and first to go where room is short: the picture shows
// them. What a user wrote is data, cleaned as in every prompt.

/// What a film's prompt is written from.
package struct FilmBrief: Hashable, Sendable {
    /// The garments' names, as the outfit calls them.
    package var garments: [String]
    /// The request's own `prompt`.
    package var directions: String?

    package init(garments: [String], directions: String? = nil) {
        (self.garments, self.directions) = (garments, directions)
    }
}

extension PromptWriter {
    /// The prompt of a film. The same brief gives the same prompt.
    /// - Parameter rule: the model's; its limit is at least `leastLimit`.
    package static func write(_ film: FilmBrief, by rule: PromptRule) -> String {
        precondition(rule.limit >= leastLimit, "a prompt of \(rule.limit) has no room for its sentences")
        let directions = PromptText.trimmed(PromptText.clean(film.directions, limit: rule.limit)[...])
        let names = film.garments.prefix(40).map { PromptText.clean($0, limit: rule.limit) }.filter { !$0.isEmpty }
        let movement = directions.isEmpty ? FilmWords.gentle : FilmWords.directed
        let fixed = rule.length("\(movement) \(FilmWords.guardLine)")
        let asked = FilmWords.sentence("Directions", directions, room: rule.limit - fixed, rule)
        let taken = asked.isEmpty ? fixed : fixed + 1 + rule.length(asked)
        let outfit = FilmWords.sentence(
            "The outfit", names.joined(separator: ", "), room: rule.limit - taken, rule)
        let text = [movement, asked, outfit, FilmWords.guardLine].filter { !$0.isEmpty }.joined(separator: " ")
        precondition(rule.length(text) <= rule.limit, "the film's prompt has \(rule.length(text)) of \(rule.limit)")
        return text
    }
}

private enum FilmWords {
    static let gentle =
        "The outfit in the picture comes gently to life: whoever wears it breathes, shifts their weight and turns a "
        + "little, and the fabric follows. The camera stays calm and keeps the whole outfit in view."
    static let directed =
        "The outfit in the picture comes to life with calm, natural movement, and the fabric follows. The camera keeps "
        + "the whole outfit in view."
    static let guardLine =
        "Everything else stays as in the picture: the same person if there is one, the same garments in colour, pattern "
        + "and cut, the same place. Nothing is added, nothing disappears, no cut, no text."

    /// `Label: text.` with the space before it, in so much room; empty where too little of the text would be left.
    static func sentence(_ label: String, _ text: String, room: Int, _ rule: PromptRule) -> String {
        // Label, colon, two spaces, full stop.
        let own = rule.length(label) + 4
        guard !text.isEmpty, room >= own + 12 else { return "" }
        let cut = PromptText.cut(text, to: room - own, by: rule)
        return cut.isEmpty ? "" : "\(label): \(cut)\(cut.last.map { "!?….。！？".contains($0) } ?? false ? "" : ".")"
    }
}
