// Promises that several readers make.

/// Pieces of JSON.
let jsonWords = [
    "{", "}", "[", "]", ":", ",", "\"", "\\", "null", "true", "false", "NaN", "Infinity", "-0", "1e3", "1E+400",
    "\\ud83d\\ude00", "\\ud800", "\\u0000", "\u{FEFF}", "\u{1F600}", "e\u{301}", " ", "\n", "\r\n", "[[[[[[[[",
    "{\"a\":",
]

/// A text for a log or a terminal: no control characters, nothing that turns the direction around, and a length.
func isFitToPrint(_ text: String, limit: Int = 4096) throws {
    try hold(text.utf8.count <= limit, "a sentence of \(text.utf8.count) bytes")
    for scalar in text.unicodeScalars {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator:
            throw Breach("a sentence with U+\(String(scalar.value, radix: 16)): \(text.debugDescription)")
        default: continue
        }
    }
}
