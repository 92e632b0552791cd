// The tags by which a prompt points to its pictures: short words made of the garments' own names.
//
// Runway takes 3 to 16 characters, a lower-case letter first, then lower-case letters, digits and `_`. Upper case is
// disputed among its own pages, and what it does with two equal tags is not written down: so all are lower case, and
// no two are equal.

/// Makes tags.
struct PromptTags {
    /// The person's photo.
    static let person = "person"
    /// Words that would say something else than "this garment".
    private static let reserved: Set = [
        person, "people", "model", "man", "men", "woman", "women", "girl", "boy", "face", "body", "photo", "image",
        "picture", "figure", "style", "reference",
    ]
    private static let longest = 16
    private static let fillers: Set = [
        "a", "an", "the", "of", "with", "and", "in", "on", "for", "from", "by", "to", "my", "new", "pair", "size",
    ]

    private var taken: Set<String> = []

    /// A tag for each picture, in their order.
    static func tags(_ pictures: [[PromptBrief.Piece]]) -> [String] {
        var tags = PromptTags()
        return pictures.enumerated().map { tags.tag(for: $1, number: $0 + 1) }
    }

    /// One garment's tag is its name; a sheet of several has no name that would not stand for one of them only.
    private mutating func tag(for pieces: [PromptBrief.Piece], number: Int) -> String {
        guard pieces.count == 1, let piece = pieces.first else { return unique("sheet_\(number)") }
        let word = PromptTags.word(piece.name) ?? piece.category.flatMap(PromptTags.word)
        return unique(word ?? "garment_\(number)")
    }

    private mutating func unique(_ base: String) -> String {
        var tag = base
        var number = 2
        while !taken.insert(tag).inserted {
            let suffix = "_\(number)"
            tag = PromptTags.shortened(base, to: PromptTags.longest - suffix.utf8.count) + suffix
            number += 1
        }
        return tag
    }

    /// A name as a tag: whole where it fits, else its first and its last word, else its last, which is the thing itself
    /// in most names. Nil for a name in which there is no word of Latin letters.
    static func word(_ name: String) -> String? {
        let words = words(name)
        guard let first = words.first, let last = words.last else { return nil }
        // On its own the last word has to begin with a letter, and to be one: not a size, not a year.
        let thing = last.drop { ("0"..."9").contains($0) }
        let alone = thing.utf8.count < 3 ? first : String(thing)
        let fitting = [words.joined(separator: "_"), "\(first)_\(last)", alone].first { $0.utf8.count <= longest }
        let tag = shortened(fitting ?? alone, to: longest)
        return tag.utf8.count >= 3 && !reserved.contains(tag) ? tag : nil
    }

    private static func shortened(_ tag: String, to count: Int) -> String {
        var short = tag.prefix(count)
        while short.last == "_" { short.removeLast() }
        return String(short)
    }

    /// The words of a name in `a`–`z` and `0`–`9`, without fillers, from the first that begins with a letter; a single
    /// letter goes with the word after it (`T-shirt` is one word).
    private static func words(_ name: String) -> [String] {
        var words: [String] = []
        var letter = ""
        for word in folded(name).split(separator: " ") {
            let joined = letter + word
            letter = ""
            let isLetter = word.utf8.count == 1 && !("0"..."9").contains(word)
            if isLetter && !fillers.contains(String(word)) {
                letter = joined
            } else if !fillers.contains(joined) {
                words.append(joined)
            }
        }
        if !letter.isEmpty { words.append(letter) }
        return Array(words.drop { ("0"..."9").contains($0.prefix(1)) })
    }

    /// Latin letters without their accents, digits, and a space for anything else. Swift compares characters by what
    /// they are, not by how they are composed: `é` in one scalar and in two is the same key.
    private static func folded(_ name: String) -> String {
        name.prefix(200).reduce(into: "") { folded, character in
            if "'’".contains(character) { return }
            let lower = character.lowercased()
            if lower.utf8.count == 1, character.isLetter || character.isNumber {
                folded += lower
            } else {
                folded += Character(sole: lower).flatMap { letters[$0] ?? $0.base } ?? " "
            }
        }
    }

    /// Latin letters with accents, and what they are without.
    private static let letters: [Character: String] = {
        let rows: [(String, String)] = [
            ("a", "àáâãäåāăąǎạảấầẩẫậắằẳẵặ"), ("c", "çćĉċč"), ("d", "ďđð"), ("e", "èéêëēĕėęěẹẻẽếềểễệ"), ("g", "ĝğġģ"),
            ("h", "ĥħ"), ("i", "ìíîïĩīĭįıỉị"), ("j", "ĵ"), ("k", "ķ"), ("l", "ĺļľŀł"), ("n", "ñńņňŉŋ"),
            ("o", "òóôõöøōŏőơọỏốồổỗộớờởỡợ"), ("r", "ŕŗř"), ("s", "śŝşšș"), ("t", "ţťŧț"), ("u", "ùúûüũūŭůűųưụủứừửữự"),
            ("w", "ŵẁẃẅ"), ("y", "ýÿŷỳỵỷỹ"), ("z", "źżž"), ("ss", "ß"), ("ae", "æ"), ("oe", "œ"), ("th", "þ"),
        ]
        var letters: [Character: String] = [:]
        for (plain, accented) in rows {
            for character in accented { letters[character] = plain }
        }
        return letters
    }()
}

extension Character {
    /// The one character of a text; nil where it has more or none.
    fileprivate init?(sole text: String) {
        guard let first = text.first, text.dropFirst().isEmpty else { return nil }
        self = first
    }

    /// The plain letter under the marks of a character that is composed of several scalars.
    fileprivate var base: String? {
        guard let first = unicodeScalars.first, ("a"..."z").contains(first) else { return nil }
        return String(first)
    }
}
