// A hosted service by the words in which messages speak of it, and its own words in ours: shortened, on one line,
// without secrets.

internal import Contract

/// Whose words they are.
struct Service: Sendable, Equatable {
    /// As the configuration spells it: the first part of its settings' names.
    let id: String
    /// As results spell it.
    let displayName: String
    /// Where people manage their keys and credits.
    let portal: String

    /// One of its settings: `fashn.apiKey`.
    func setting(_ name: String) -> String { "\(id).\(name)" }
}

/// Makes texts of an answer fit for a message.
enum ServiceQuote {
    /// At most `limit` characters of it, and three dots where there was more. The general rules (`redacted`) know keys
    /// by their form; this service's own may have none.
    static func shown(_ text: String, key: String, limit: Int = 200) -> String {
        let withoutKey = key.isEmpty ? text : text.replacing(key, with: "[removed]")
        return printable(redacted(withoutKey), limit: limit)
    }
}
