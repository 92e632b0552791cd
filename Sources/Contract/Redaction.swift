// Takes secrets out of a sentence before anybody reads it.
//
// Provider answers and transport errors quote what was sent: addresses with signatures, keys, whole pictures as data
// URIs. Every message goes through here on its way into a file. Recognised by form alone: keys that look like anything
// else (a bare UUID) are for the one who knows them to leave out. What is removed is replaced by `[removed]`; it
// removes rather too much than too little, and running it twice changes nothing more. One pass, linear in the text.

/// A text without data URIs, queries and passwords of addresses, values of signature parameters, authorization headers
/// and API keys.
package func redacted(_ text: String) -> String {
    var redactor = Redactor(source: Array(text.utf8))
    return String(decoding: redactor.run(), as: UTF8.self)
}

/// A text as it may stand in a `message` of the contract: redacted and cut to `limit` characters.
func presentable(_ text: String, limit: Int = 2_000) -> String {
    let clean = redacted(text).unicodeScalars
    guard clean.count > limit else { return String(clean) }
    return String(clean.prefix(limit)) + "..."
}

private struct Redactor {
    private static let removed = Array("[removed]".utf8)
    /// Parameters (of a query, a form or a JSON text) whose value is a secret or proves one.
    private static let parameters = [
        "_jwt", "jwt", "x-amz-signature", "x-amz-credential", "x-amz-security-token", "signature", "sig", "token",
        "access_token", "api_key", "apikey", "api-key", "key-pair-id", "policy", "secret", "password", "x-key",
        "x-api-key", "aws_secret_access_key", "aws_session_token",
    ].map { Array($0.utf8) }
    /// Words that follow "bearer" in prose.
    private static let prose: Set = ["auth", "authentication", "authorization", "header", "scheme", "token", "tokens"]
    /// How API keys begin, and how many letters have to follow for it to be one.
    private static let keys: [(prefix: [UInt8], letters: Int)] = [
        (Array("key_".utf8), 8), (Array("sk-".utf8), 8), (Array("fa-".utf8), 12), (Array("akia".utf8), 12),
        (Array("asia".utf8), 12), (Array("eyj".utf8), 16),
    ]

    let source: [UInt8]
    private var at = 0
    private var output: [UInt8] = []

    init(source: [UInt8]) { self.source = source }

    mutating func run() -> [UInt8] {
        while at < source.count {
            if at == 0 || !Self.isWord(source[at - 1]), takeSecret() { continue }
            output.append(source[at])
            at += 1
        }
        return output
    }

    /// Replaces the secret that begins here, if one does.
    private mutating func takeSecret() -> Bool {
        takeDataURI() || takeAddress() || takeAuthorization() || takeParameter() || takeKey()
    }

    /// A media type is short: a comma that comes late, or never, is none of a data URI.
    private mutating func takeDataURI() -> Bool {
        guard begins("data:") else { return false }
        let type = source[(at + 5)...].prefix(100).prefix { !Self.endsRun($0) }
        guard type.contains(UInt8(ascii: ",")) else { return false }
        replace(upTo: runEnd(from: at + 5), keeping: 5)
        return true
    }

    /// An address stays readable without its password, query and fragment.
    private mutating func takeAddress() -> Bool {
        guard let scheme = ["https://", "http://", "ftp://"].first(where: begins) else { return false }
        let end = runEnd(from: at)
        output += source[at..<at + scheme.utf8.count]
        at += scheme.utf8.count
        let host = source[at..<end].firstIndex { "/?#".utf8.contains($0) } ?? end
        if let sign = source[at..<host].lastIndex(of: UInt8(ascii: "@")) { replace(upTo: sign, keeping: 0) }
        let query = source[at..<end].firstIndex { "?#".utf8.contains($0) } ?? end
        output += source[at..<query]
        at = query
        if query < end { replace(upTo: end, keeping: 1) }
        return true
    }

    /// What follows the name of a scheme, unless it is a word that follows it in prose ("bearer authentication
    /// failed").
    private mutating func takeAuthorization() -> Bool {
        guard let scheme = ["bearer ", "basic ", "key "].first(where: begins) else { return false }
        let start = at + scheme.utf8.count
        let end = runEnd(from: start)
        let word = String(decoding: source[start..<end].prefix { Self.isWord($0) }, as: UTF8.self).lowercased()
        guard scheme == "bearer " ? end > start && !Self.prose.contains(word) : word.utf8.count >= 16 else {
            return false
        }
        replace(upTo: end, keeping: scheme.utf8.count)
        return true
    }

    /// `name=value`, `"name":"value"`, and `name: value` for the names of headers: in prose a colon follows other
    /// words.
    private mutating func takeParameter() -> Bool {
        guard let name = Self.parameters.first(where: { begins($0) && !continues(at + $0.count) }) else { return false }
        let separator = source[(at + name.count)...].prefix { "\"'\\=: ".utf8.contains($0) }
        let start = separator.endIndex
        let signs = separator.filter { "=:".utf8.contains($0) }
        guard signs.count == 1, start < source.count, !"[,.".utf8.contains(source[start]) else { return false }
        let isHeader = "xa".utf8.contains(name[0])
        guard signs[0] == UInt8(ascii: "=") || isHeader || "\"'\\".utf8.contains(separator.first ?? 0) else {
            return false
        }
        let end = source[start..<runEnd(from: start)].firstIndex { "&;,".utf8.contains($0) } ?? runEnd(from: start)
        guard end > start else { return false }
        replace(upTo: end, keeping: start - at)
        return true
    }

    private mutating func takeKey() -> Bool {
        for key in Self.keys where begins(key.prefix) {
            let start = at + key.prefix.count
            let end = source[start...].firstIndex { !Self.isWord($0) && $0 != UInt8(ascii: ".") } ?? source.count
            guard end - start >= key.letters else { continue }
            replace(upTo: end, keeping: 0)
            return true
        }
        return false
    }

    /// Moves to `end`; the first bytes stay and the rest is replaced.
    private mutating func replace(upTo end: Int, keeping count: Int) {
        output += source[at..<at + count]
        output += Self.removed
        at = end
    }

    private func begins(_ word: String) -> Bool { begins(Array(word.utf8)) }

    /// Whether a lower-case word stands here, in any case.
    private func begins(_ word: [UInt8]) -> Bool {
        guard at + word.count <= source.count else { return false }
        for (offset, letter) in word.enumerated() {
            let byte = source[at + offset]
            guard ((0x41...0x5A).contains(byte) ? byte | 0x20 : byte) == letter else { return false }
        }
        return true
    }

    private func continues(_ index: Int) -> Bool { index < source.count && Self.isWord(source[index]) }

    /// The end of what belongs together in a sentence.
    private func runEnd(from start: Int) -> Int { source[start...].firstIndex(where: Self.endsRun) ?? source.count }

    /// White space, quotes, angle brackets and closing ones.
    private static func endsRun(_ byte: UInt8) -> Bool { byte <= 0x20 || "\"'<>`\\){}|".utf8.contains(byte) }

    private static func isWord(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "_"), UInt8(ascii: "-"): true
        default: byte >= 0x80
        }
    }
}
