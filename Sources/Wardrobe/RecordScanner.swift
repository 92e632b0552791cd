// The grammar of a record, checked in one pass without recursion.
//
// RFC 8259 with what other programs' writers do besides: a byte order mark in front, `NaN` and `Infinity`, halves of
// surrogate pairs and repeated keys. Any bytes are safe to give; the first fault is thrown with its place. The open
// brackets are kept as one bit each in an array, at most `RecordText.deepest` of them.

struct RecordScanner {
    let bytes: [UInt8]
    private var at = 0
    /// The open containers from the outside in: true for an object.
    private var open: [Bool] = []
    /// Where large values end, as far as the text has been read.
    private(set) var spans = RecordSpans()

    init(bytes: [UInt8]) { self.bytes = bytes }

    /// Checks the whole text and answers where its value stands.
    mutating func document() throws(RecordFault) -> Range<Int> {
        try checkEncoding()
        skipSpace()
        guard at < bytes.count else { throw fault("there is nothing in it: a JSON object was expected") }
        let start = at
        repeat {
            try value()
            try close()
        } while !open.isEmpty
        let end = at
        skipSpace()
        guard at == bytes.count else { throw fault("something follows after the end of the JSON value") }
        return start..<end
    }

    private mutating func checkEncoding() throws(RecordFault) {
        do {
            _ = try UTF8Span(validating: bytes.span)
        } catch {
            throw RecordFault("bytes that are not UTF-8", at: error.byteOffsets.lowerBound, in: bytes)
        }
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { at = 3 }
    }

    /// Reads values up to the first that is complete; opens containers on the way.
    private mutating func value() throws(RecordFault) {
        while true {
            switch peek {
            case UInt8(ascii: "\""): return try string()
            case .some(let byte) where byte == UInt8(ascii: "-") || Self.isDigit(byte): return try number()
            case UInt8(ascii: "{"), UInt8(ascii: "["): if try begin() { return }
            default: return try word()
            }
        }
    }

    /// Opens a container, and reads the first key of an object. Answers whether it was empty and so is complete.
    private mutating func begin() throws(RecordFault) -> Bool {
        guard open.count < RecordText.deepest else { throw fault("more than \(RecordText.deepest) levels of nesting") }
        let (isObject, start) = (bytes[at] == UInt8(ascii: "{"), at)
        at += 1
        skipSpace()
        if peek == (isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) {
            at += 1
            return true
        }
        open.append(isObject)
        spans.open(at: start, level: open.count)
        if isObject { try key() }
        return false
    }

    /// After a complete value: closes what ends here, and stands before the next value if there is one.
    private mutating func close() throws(RecordFault) {
        while let isObject = open.last {
            skipSpace()
            switch peek {
            case UInt8(ascii: ","):
                at += 1
                skipSpace()
                if isObject { try key() }
                return
            case isObject ? UInt8(ascii: "}") : UInt8(ascii: "]"):
                at += 1
                spans.close(at: at, level: open.count)
                open.removeLast()
            default: throw unexpected(isObject ? "a comma or }" : "a comma or ]")
            }
        }
    }

    private mutating func key() throws(RecordFault) {
        guard peek == UInt8(ascii: "\"") else { throw unexpected("a key in quotes") }
        try string()
        skipSpace()
        guard peek == UInt8(ascii: ":") else { throw unexpected("a colon") }
        at += 1
        skipSpace()
    }

    private mutating func string() throws(RecordFault) {
        at += 1
        at = bytes.withUnsafeBytes { RecordWords.afterPlain(at, in: $0) }
        while let byte = peek {
            switch byte {
            case UInt8(ascii: "\""):
                at += 1
                return
            case UInt8(ascii: "\\"): try escape()
            case 0..<0x20: throw fault("a control character within a string")
            default: at = bytes.withUnsafeBytes { RecordWords.afterPlain(at + 1, in: $0) }
            }
        }
        throw unexpected("the end of a string")
    }

    private mutating func escape() throws(RecordFault) {
        let start = at
        at += 1
        switch peek {
        case UInt8(ascii: "u"):
            for _ in 0..<4 {
                at += 1
                guard let digit = peek, Self.hexDigit(digit) != nil else { throw unexpected("a hexadecimal digit") }
            }
        case .some(let letter) where "\"\\/bfnrt".utf8.contains(letter): break
        default: throw RecordFault("an escape that JSON does not have", at: start, in: bytes)
        }
        at += 1
    }

    private mutating func number() throws(RecordFault) {
        let start = at
        if peek == UInt8(ascii: "-") { at += 1 }
        if peek == UInt8(ascii: "I") { return try word() }
        if peek == UInt8(ascii: "0") { at += 1 } else { try digits() }
        if peek == UInt8(ascii: ".") {
            at += 1
            try digits()
        }
        if peek == UInt8(ascii: "e") || peek == UInt8(ascii: "E") {
            at += 1
            if peek == UInt8(ascii: "+") || peek == UInt8(ascii: "-") { at += 1 }
            try digits()
        }
        if let byte = peek, Self.isWord(byte) {
            throw RecordFault("a number that JSON does not have", at: start, in: bytes)
        }
    }

    private mutating func digits() throws(RecordFault) {
        let start = at
        while let byte = peek, Self.isDigit(byte) { at += 1 }
        if at == start { throw unexpected("a digit") }
    }

    /// `true`, `false`, `null`, and the numbers that are none.
    private mutating func word() throws(RecordFault) {
        let start = at
        while let byte = peek, Self.isWord(byte) { at += 1 }
        let known = ["true", "false", "null", "NaN", "Infinity"]
        guard known.contains(where: { $0.utf8.elementsEqual(bytes[start..<at]) }) else {
            at = start
            throw unexpected("a value")
        }
    }

    private var peek: UInt8? { at < bytes.count ? bytes[at] : nil }

    private mutating func skipSpace() {
        while let byte = peek, Self.isSpace(byte) {
            at = byte == 0x20 ? bytes.withUnsafeBytes { RecordWords.afterSpaces(at, in: $0) } : at + 1
        }
    }

    private func fault(_ what: String) -> RecordFault { RecordFault(what, at: at, in: bytes) }

    private func unexpected(_ expected: String) -> RecordFault {
        guard at < bytes.count else { return fault("the file ends where \(expected) was expected") }
        return fault("something else stands where \(expected) was expected")
    }

    static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 }

    static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

    /// What numbers and names are made of.
    static func isWord(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2B, 0x2D, 0x2E, 0x5F: true
        default: false
        }
    }

    static func hexDigit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x41 + 10
        case 0x61...0x66: byte - 0x61 + 10
        default: nil
        }
    }
}
