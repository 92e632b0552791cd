// The words of JSON: white space, strings, numbers and names, read from bytes.
//
// A cursor over the source that the tree builder (`JSONParser`) and the quick look (`RequestPeek`) share. It holds to
// RFC 8259 to the letter and checks the UTF-8 itself (Unicode 16, table 3-7), so that what is not UTF-8 is found where
// it stands instead of being repaired in silence. It never reads past the end and never goes back; every call
// either moves on or throws.

struct JSONScanner {
    let source: [UInt8]
    let allowsLoneSurrogates: Bool
    /// The next byte to read.
    private(set) var at = 0

    init(_ source: [UInt8], allowingLoneSurrogates: Bool) {
        self.source = source
        self.allowsLoneSurrogates = allowingLoneSurrogates
    }

    /// The next byte, or nil at the end.
    var next: UInt8? { at < source.count ? source[at] : nil }

    func fault(_ reason: JSONFault.Reason, at offset: Int) -> JSONFault {
        JSONFault(reason, at: offset, in: source)
    }

    /// What is wrong when the next byte is not the one that has to come.
    func unexpected() -> JSONFault {
        guard let next else { return fault(.unexpectedEnd, at: at) }
        return fault(next < 0x80 ? .unexpectedCharacter : .invalidUTF8.orCharacter(in: self), at: at)
    }

    mutating func advance() { at += 1 }

    mutating func skipSpace() {
        while at < source.count {
            switch source[at] {
            case 0x20, 0x0A, 0x0D, 0x09: at += 1
            default: return
            }
        }
    }

    /// Moves past one byte that has to be there.
    mutating func expect(_ byte: UInt8) throws(JSONFault) {
        guard next == byte else { throw unexpected() }
        at += 1
    }

    /// Refuses a byte order mark and the encodings that RFC 8259 no longer allows. A text of those without a mark opens
    /// with two characters of ASCII, which shows in where the zero bytes of its first four are.
    func checkEncoding() throws(JSONFault) {
        if source.starts(with: [0xEF, 0xBB, 0xBF]) { throw fault(.byteOrderMark, at: 0) }
        let marked = source.starts(with: [0xFE, 0xFF]) || source.starts(with: [0xFF, 0xFE])
        switch source.prefix(4).map({ $0 == 0 }) {
        case [false, true, false, true], [true, false, true, false], [false, true, true, true],
            [true, true, true, false],
            [true, true, false, false]:
            throw fault(.otherEncoding, at: 0)
        default: if marked { throw fault(.otherEncoding, at: 0) }
        }
    }
}

extension JSONFault.Reason {
    /// A byte above 0x7F outside a string: a character in the wrong place if it is well-formed, else no UTF-8.
    fileprivate func orCharacter(in scanner: JSONScanner) -> Self {
        scanner.sequenceLength(at: scanner.at) == nil ? self : .unexpectedCharacter
    }
}

// MARK: Strings

extension JSONScanner {
    /// Reads a string, from its quote to its quote, with its escapes resolved.
    mutating func string() throws(JSONFault) -> String {
        try expect(UInt8(ascii: "\""))
        let start = at
        try skipPlain()
        if source[at] == UInt8(ascii: "\"") {
            at += 1
            return String(decoding: source[start..<at - 1], as: UTF8.self)
        }
        var text = Array(source[start..<at])
        while source[at] != UInt8(ascii: "\"") {
            try escape(into: &text)
            let from = at
            try skipPlain()
            text += source[from..<at]
        }
        at += 1
        return String(decoding: text, as: UTF8.self)
    }

    /// Moves past a string without resolving it. Escapes are stepped over, not judged: for a quick look only.
    mutating func skipString() throws(JSONFault) {
        try expect(UInt8(ascii: "\""))
        while true {
            try skipPlain()
            let byte = source[at]
            at += 1
            if byte == UInt8(ascii: "\"") { return }
            at += 1
        }
    }

    /// Moves to the next quote or backslash of a string, and so leaves `at` inside the source.
    private mutating func skipPlain() throws(JSONFault) {
        while at < source.count {
            let byte = source[at]
            switch byte {
            case 0x22, 0x5C: return
            case 0..<0x20: throw fault(.controlCharacter, at: at)
            case 0..<0x80: at += 1
            default:
                guard let length = sequenceLength(at: at) else { throw fault(.invalidUTF8, at: at) }
                at += length
            }
        }
        throw fault(.unexpectedEnd, at: source.count)
    }

    private mutating func escape(into text: inout [UInt8]) throws(JSONFault) {
        let start = at
        at += 1
        guard let letter = next else { throw fault(.unexpectedEnd, at: at) }
        at += 1
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(letter)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"): text += String(try scalar(from: start)).utf8
        default: throw fault(.invalidEscape, at: start)
        }
    }

    /// The character of a `\u` escape whose backslash is at `start`, together with a second one where the first is
    /// the upper half of a pair. A half without the other is U+FFFD where lone surrogates are allowed.
    private mutating func scalar(from start: Int) throws(JSONFault) -> Unicode.Scalar {
        let unit = try hexadecimal(from: start)
        if let scalar = Unicode.Scalar(unit) { return scalar }
        if unit < 0xDC00, at + 1 < source.count, source[at] == 0x5C, source[at + 1] == UInt8(ascii: "u") {
            let second = at
            at += 2
            let low = try hexadecimal(from: second)
            if (0xDC00...0xDFFF).contains(low),
                let scalar = Unicode.Scalar(0x10000 + (unit - 0xD800) << 10 + (low - 0xDC00))
            {
                return scalar
            }
            at = second
        }
        guard allowsLoneSurrogates else {
            throw fault(at < source.count ? .loneSurrogate : .unexpectedEnd, at: start)
        }
        return "\u{FFFD}"
    }

    private mutating func hexadecimal(from start: Int) throws(JSONFault) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = next else { throw fault(.unexpectedEnd, at: at) }
            guard let digit = Self.hexDigit(byte) else { throw fault(.invalidEscape, at: start) }
            value = value << 4 | digit
            at += 1
        }
        return value
    }

    private static func hexDigit(_ byte: UInt8) -> UInt32? {
        switch byte {
        case 0x30...0x39: UInt32(byte - 0x30)
        case 0x41...0x46: UInt32(byte - 0x41 + 10)
        case 0x61...0x66: UInt32(byte - 0x61 + 10)
        default: nil
        }
    }

    /// Bytes of the multi-byte UTF-8 sequence that starts here, or nil where none does (Unicode 16, table 3-7).
    func sequenceLength(at start: Int) -> Int? {
        let second: ClosedRange<UInt8>
        let length: Int
        switch source[start] {
        case 0xC2...0xDF: (second, length) = (0x80...0xBF, 2)
        case 0xE0: (second, length) = (0xA0...0xBF, 3)
        case 0xED: (second, length) = (0x80...0x9F, 3)
        case 0xE1...0xEF: (second, length) = (0x80...0xBF, 3)
        case 0xF0: (second, length) = (0x90...0xBF, 4)
        case 0xF1...0xF3: (second, length) = (0x80...0xBF, 4)
        case 0xF4: (second, length) = (0x80...0x8F, 4)
        default: return nil
        }
        guard start + length <= source.count, second.contains(source[start + 1]) else { return nil }
        for byte in source[start + 2..<start + length] where byte & 0xC0 != 0x80 { return nil }
        return length
    }
}

// MARK: Numbers and names

extension JSONScanner {
    /// Reads a number and keeps its text: no precision is lost and no size is refused.
    mutating func number() throws(JSONFault) -> String {
        let start = at
        if next == UInt8(ascii: "-") { at += 1 }
        if next == UInt8(ascii: "0") { at += 1 } else { try digits(from: start) }
        if next == UInt8(ascii: ".") {
            at += 1
            try digits(from: start)
        }
        if next == UInt8(ascii: "e") || next == UInt8(ascii: "E") {
            at += 1
            if next == UInt8(ascii: "+") || next == UInt8(ascii: "-") { at += 1 }
            try digits(from: start)
        }
        if let next, continuesWord(next) { throw fault(.invalidNumber, at: start) }
        return String(decoding: source[start..<at], as: UTF8.self)
    }

    /// Reads `true`, `false` or `null`.
    mutating func name() throws(JSONFault) -> JSONValue {
        let start = at
        while let next, continuesWord(next) { at += 1 }
        let word = source[start..<at]
        if word.elementsEqual("true".utf8) { return .bool(true) }
        if word.elementsEqual("false".utf8) { return .bool(false) }
        if word.elementsEqual("null".utf8) { return .null }
        let cut = at == source.count && ["true", "false", "null"].contains { $0.utf8.starts(with: word) }
        throw fault(cut ? .unexpectedEnd : .unexpectedCharacter, at: cut ? at : start)
    }

    private mutating func digits(from start: Int) throws(JSONFault) {
        guard let first = next else { throw fault(.unexpectedEnd, at: at) }
        guard (0x30...0x39).contains(first) else { throw fault(.invalidNumber, at: start) }
        while let next, (0x30...0x39).contains(next) { at += 1 }
    }

    /// Letters, digits and the signs of a number: what can only belong to the word before it.
    private func continuesWord(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2B, 0x2D, 0x2E, 0x5F: true
        default: false
        }
    }
}
