// "Did you mean ...?": the known word that is nearest to a mistyped one.
//
// Levenshtein distance over lower-case letters, on words cut to 64 characters, so that no input makes it slow.

/// The word nearest to a mistyped one, or nil if none is near: at most a third of the letters (and never more than
/// four) may be wrong. Of several equally near the first.
package func nearestWord(to mistyped: String, among words: [String]) -> String? {
    let letters = Array(mistyped.lowercased().unicodeScalars.prefix(64))
    let allowed = letters.count < 4 ? 1 : min(4, max(2, letters.count / 3))
    var best: (word: String, distance: Int)?
    for word in words {
        let distance = distance(from: letters, to: Array(word.lowercased().unicodeScalars.prefix(64)))
        if distance <= allowed, distance < best?.distance ?? .max { best = (word, distance) }
    }
    return best?.word
}

/// Letters to insert, remove or replace to make one word of the other.
private func distance(from left: [Unicode.Scalar], to right: [Unicode.Scalar]) -> Int {
    var row = Array(0...right.count)
    for (line, letter) in left.enumerated() {
        var diagonal = row[0]
        row[0] = line + 1
        for (column, other) in right.enumerated() {
            let replaced = diagonal + (letter == other ? 0 : 1)
            diagonal = row[column + 1]
            row[column + 1] = min(replaced, row[column] + 1, diagonal + 1)
        }
    }
    return row[right.count]
}
