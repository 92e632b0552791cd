// Runway's own words in our messages: shortened, on one line, without secrets.
//
// Its refusals echo addresses, handles of uploads and whole data URIs. The general rules (`redacted`) know keys and
// signatures by their form; the key of this provider and `runway://` handles are known only here.

internal import Contract

/// Makes texts of an answer fit for a message.
enum RunwayQuote {
    private static let removed = "[removed]"
    private static let scheme = "runway://"

    /// At most `limit` characters of it, and three dots where there was more.
    static func shown(_ text: String, key: String, limit: Int = 200) -> String {
        let withoutKey = key.isEmpty ? text : text.replacing(key, with: removed)
        return printable(redacted(withoutHandles(withoutKey)), limit: limit)
    }

    /// A handle is as good as the photo behind it for a day.
    private static func withoutHandles(_ text: String) -> String {
        var shown = ""
        var rest = text[...]
        while let start = rest.firstRange(of: scheme) {
            shown += rest[..<start.upperBound] + removed
            rest = rest[start.upperBound...].drop { $0.isASCII && ($0.isLetter || $0.isNumber || isJoint($0)) }
        }
        return shown + rest
    }

    private static func isJoint(_ sign: Character) -> Bool { "-._~:/?#@!$&*+;=%".contains(sign) }
}
