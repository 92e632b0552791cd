// Why some bytes are no JSON document of the contract, and where.
//
// One value for every way a text can be wrong. It carries the place twice: as a byte offset for programs, as line and
// column for people. The message is a sentence that names what was found and what to do; text from the file appears
// in it shortened and with its control characters escaped, so that it can be printed anywhere.

/// The first thing wrong with a text that should have been JSON. Line and column count from 1; the column counts
/// characters (Unicode scalars), not bytes.
package struct JSONFault: Error, Equatable, Sendable {
    /// What is wrong.
    package enum Reason: Equatable, Sendable {
        /// Nothing there but white space.
        case empty
        /// The text opens with EF BB BF.
        case byteOrderMark
        /// The text is UTF-16 or UTF-32.
        case otherEncoding
        /// Bytes that are no UTF-8: overlong forms, encoded surrogates, cut sequences.
        case invalidUTF8
        /// The text stops before its value is complete.
        case unexpectedEnd
        /// A byte that cannot stand where it stands.
        case unexpectedCharacter
        /// A comma before a closing brace or bracket.
        case trailingComma
        /// Something after the end of the value.
        case trailingBytes
        /// The key (unescaped) occurs twice in one object.
        case duplicateKey(String)
        /// A number in a form that JSON does not have: `01`, `+1`, `.5`, `1.`, `0x1F`.
        case invalidNumber
        /// A backslash followed by something that JSON does not define.
        case invalidEscape
        /// `\uD800`...`\uDFFF` without its other half.
        case loneSurrogate
        /// A raw byte below 0x20 within a string.
        case controlCharacter
        /// More levels of nesting than are allowed.
        case tooDeep(limit: Int)
    }

    /// Bytes before the fault.
    package let offset: Int
    /// The line of the fault; the first is 1.
    package let line: Int
    /// Characters from the start of the line; the first is 1.
    package let column: Int
    /// What is wrong.
    package let reason: Reason
    /// What is wrong and what to do about it, as one sentence with its place: `line 3, column 5: ...`.
    package let message: String

    /// A fault at a byte offset of a text; the line, the column and the sentence are worked out here.
    init(_ reason: Reason, at offset: Int, in source: [UInt8]) {
        self.offset = offset
        self.reason = reason
        var line = 1
        var column = 1
        for byte in source[..<min(offset, source.count)] {
            if byte == UInt8(ascii: "\n") {
                line += 1
                column = 1
            } else if byte & 0xC0 != 0x80 {
                column += 1
            }
        }
        self.line = line
        self.column = column
        let found = offset < source.count ? source[offset] : nil
        message = "line \(line), column \(column): \(Self.sentence(for: reason, found: found))"
    }

    private static func sentence(for reason: Reason, found: UInt8?) -> String {
        switch reason {
        case .empty: "there is nothing here; write one JSON object"
        case .byteOrderMark: "the text opens with a byte order mark; save it as UTF-8 without one"
        case .otherEncoding: "this is UTF-16 or UTF-32; save it as UTF-8"
        case .invalidUTF8: "the bytes here are not UTF-8; save the text as UTF-8"
        case .unexpectedEnd: "the text ends before its value is complete; the file was probably cut off"
        case .unexpectedCharacter: "\(name(of: found)) cannot stand here"
        case .trailingComma: "there is a comma right before the closing bracket or brace; remove it"
        case .trailingBytes: "something follows after the end of the value; one file holds one value"
        case .duplicateKey(let key): "the key \"\(printable(key))\" occurs twice in this object; keep one of them"
        case .invalidNumber: "this is not a number as JSON writes them, such as 7, -0.5 or 1e3"
        case .invalidEscape: "the backslash starts an escape that JSON does not have; write \\\\ for a backslash"
        case .loneSurrogate: "the escape is one half of a surrogate pair and its other half is missing"
        case .controlCharacter: "a string holds \(name(of: found)); write it as an escape such as \\n"
        case .tooDeep(let limit): "the text nests deeper than \(limit) levels"
        }
    }

    /// A byte of the file as it may stand in a sentence.
    private static func name(of byte: UInt8?) -> String {
        guard let byte else { return "the end of the text" }
        guard byte > 0x20, byte < 0x7F else { return "the byte 0x" + hex(UInt32(byte), digits: 2) }
        return "\"\(Character(Unicode.Scalar(byte)))\""
    }
}

/// Somebody else's text as it may stand in a sentence for a person: at most 60 characters, control characters, line
/// separators and direction marks as `\u{...}`, so that it neither breaks a log line nor re-orders it on a terminal.
package func printable(_ text: String, limit: Int = 60) -> String {
    var shown = ""
    var count = 0
    for scalar in text.unicodeScalars {
        guard count < limit else { return shown + "..." }
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned:
            shown += "\\u{" + hex(scalar.value, digits: 4) + "}"
        default: shown.unicodeScalars.append(scalar)
        }
        count += 1
    }
    return shown
}

/// Upper-case hexadecimal with at least so many digits.
func hex(_ value: UInt32, digits: Int) -> String {
    let text = String(value, radix: 16, uppercase: true)
    return String(repeating: "0", count: max(0, digits - text.utf8.count)) + text
}
