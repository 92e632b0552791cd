// "Did you mean …?": the known word that is fewest keystrokes away from an unknown one.

enum NearestWord {
    /// The word of `words` nearest to `typed`, or nil when none is near enough to be meant: at most a third of its
    /// letters (and never more than four) may be wrong, missing, extra or swapped. Capitals do not count, and
    /// `log_level` is as good as `log.level`.
    static func find(_ typed: String, among words: [String]) -> String? {
        let plain = folded(typed)
        guard plain.count <= 100 else { return nil }
        let limit = min(4, max(1, plain.count / 3))
        let ranked = words.map { (word: $0, distance: distance(plain, folded($0))) }
        guard let best = ranked.min(by: { $0.distance < $1.distance }), best.distance <= limit else { return nil }
        return best.word
    }

    private static func folded(_ word: String) -> [Character] {
        word.lowercased().filter { $0 != "_" && $0 != "-" && $0 != "." }.map { $0 }
    }

    /// Edits (insert, remove, replace, swap two neighbours) between two words.
    private static func distance(_ a: [Character], _ b: [Character]) -> Int {
        var beforeLast: [Int] = []
        var last = Array(0...b.count)
        for i in a.indices {
            var row = [i + 1]
            for j in b.indices {
                var edits = min(last[j + 1] + 1, row[j] + 1, last[j] + (a[i] == b[j] ? 0 : 1))
                if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { edits = min(edits, beforeLast[j - 1] + 1) }
                row.append(edits)
            }
            beforeLast = last
            last = row
        }
        return last[b.count]
    }
}
