// A record file as its bytes, and where in them each value stands.
//
// Records belong to the app. They may hold what a request of ours may not: a key twice, half a surrogate pair, `NaN` as
// Python writes it, a byte order mark. All that is somebody else's text, to be copied and not to be judged, so this
// reader checks the grammar once and then only tells places. No tree is built; only where large values end is kept from
// that one pass (`RecordSpans`), so that to look for a member does not mean to read what stands before it again. What
// breaks the grammar, the encoding or the limits is a `RecordFault` with line and column.

/// Why some bytes cannot be read as a record, and where.
struct RecordFault: Error, Hashable {
    /// Byte offset, from 0.
    let offset: Int
    /// A sentence's second half: what is there, with line and column (characters, both from 1).
    let message: String

    init(_ what: String, at offset: Int, in bytes: [UInt8]) {
        self.offset = offset
        let before = bytes[..<min(offset, bytes.count)]
        let line = before.count { $0 == UInt8(ascii: "\n") } + 1
        let start = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        let column = before[start...].count { $0 & 0xC0 != 0x80 } + 1
        message = "\(what) at line \(line), column \(column)"
    }
}

/// A member of an object: where its key (with the quotes) and its value stand.
struct RecordMember: Hashable {
    let key: Range<Int>
    let value: Range<Int>
}

/// A record whose grammar has been checked.
struct RecordText {
    /// What a value is, told by its first byte.
    enum Kind { case object, array, string, null, other }

    /// The most levels of objects and arrays.
    static let deepest = 128

    let bytes: [UInt8]
    /// The one value of the file, without the white space around it.
    let root: Range<Int>
    private let spans: RecordSpans

    init(_ bytes: [UInt8]) throws(RecordFault) {
        var scanner = RecordScanner(bytes: bytes)
        root = try scanner.document()
        spans = scanner.spans
        self.bytes = bytes
    }

    func kind(of value: Range<Int>) -> Kind {
        switch bytes[value.lowerBound] {
        case UInt8(ascii: "{"): .object
        case UInt8(ascii: "["): .array
        case UInt8(ascii: "\""): .string
        case UInt8(ascii: "n"): .null
        default: .other
        }
    }

    /// The members of an object in the order of the file; none if the value is no object.
    func members(of object: Range<Int>) -> [RecordMember] {
        var found: [RecordMember] = []
        forEachMember(of: object) { found.append($0) }
        return found
    }

    private func forEachMember(of object: Range<Int>, _ body: (RecordMember) -> Void) {
        guard kind(of: object) == .object else { return }
        var at = afterSpace(object.lowerBound + 1)
        while bytes[at] != UInt8(ascii: "}") {
            let key = at..<end(of: at)
            let start = afterSpace(afterSpace(key.upperBound) + 1)
            let value = start..<end(of: start)
            body(RecordMember(key: key, value: value))
            at = next(after: value.upperBound)
        }
    }

    /// Where the first key of an object stands; nil if there is none.
    func firstKey(of object: Range<Int>) -> Int? {
        guard kind(of: object) == .object else { return nil }
        let at = afterSpace(object.lowerBound + 1)
        return bytes[at] == UInt8(ascii: "}") ? nil : at
    }

    /// The elements of an array in the order of the file; none if the value is no array.
    func elements(of array: Range<Int>) -> [Range<Int>] {
        guard kind(of: array) == .array else { return [] }
        var found: [Range<Int>] = []
        var at = afterSpace(array.lowerBound + 1)
        while bytes[at] != UInt8(ascii: "]") {
            found.append(at..<end(of: at))
            at = next(after: found[found.count - 1].upperBound)
        }
        return found
    }

    /// The member of that name; of several the last, which is the one that nearly every reader of JSON takes.
    func member(_ name: String, of object: Range<Int>) -> RecordMember? {
        var found: RecordMember?
        forEachMember(of: object) { if spells($0.key, name) { found = $0 } }
        return found
    }

    /// The value of that name.
    func value(_ name: String, of object: Range<Int>) -> Range<Int>? { member(name, of: object)?.value }

    /// The text of a string with its escapes resolved; nil if the value is no string. Half a surrogate pair is U+FFFD.
    func string(_ value: Range<Int>) -> String? {
        guard kind(of: value) == .string else { return nil }
        return String(decoding: unescaped(value), as: UTF8.self)
    }

    /// The text of the member of that name, if it is a string.
    func string(_ name: String, of object: Range<Int>) -> String? { value(name, of: object).flatMap { string($0) } }

    /// Whether a string spells exactly these characters once its escapes are resolved. Compared by bytes: neither
    /// another normal form nor half a surrogate pair is the same.
    func spells(_ value: Range<Int>, _ text: String) -> Bool {
        // An escape is longer than what it stands for.
        guard kind(of: value) == .string, value.count - 2 >= text.utf8.count else { return false }
        let inner = bytes[value.lowerBound + 1..<value.upperBound - 1]
        guard inner.contains(UInt8(ascii: "\\")) else { return inner.elementsEqual(text.utf8) }
        return unescaped(value).elementsEqual(text.utf8)
    }

    /// The first place at or after `offset` that is no white space.
    func afterSpace(_ offset: Int) -> Int {
        var at = offset
        while at < bytes.count, RecordScanner.isSpace(bytes[at]) { at += 1 }
        return at
    }

    /// The white space that ends right before `offset`.
    func space(before offset: Int) -> [UInt8] {
        var start = offset
        while start > 0, RecordScanner.isSpace(bytes[start - 1]) { start -= 1 }
        return Array(bytes[start..<offset])
    }

    /// From the end of a value to the next one, or to the closing bracket.
    private func next(after offset: Int) -> Int {
        let at = afterSpace(offset)
        return bytes[at] == UInt8(ascii: ",") ? afterSpace(at + 1) : at
    }

    /// Where the value that starts here ends. The grammar was checked: it does end.
    private func end(of start: Int) -> Int {
        let isContainer = bytes[start] == UInt8(ascii: "{") || bytes[start] == UInt8(ascii: "[")
        if isContainer, let known = spans.end(of: start) { return known }
        return bytes.withUnsafeBytes { RecordText.end(of: start, in: $0) }
    }

    private static func end(of start: Int, in bytes: UnsafeRawBufferPointer) -> Int {
        var at = start
        var depth = 0
        repeat {
            switch bytes[at] {
            case UInt8(ascii: "\""): at = endOfString(at, in: bytes)
            case UInt8(ascii: "{"), UInt8(ascii: "["): (at, depth) = (at + 1, depth + 1)
            case UInt8(ascii: "}"), UInt8(ascii: "]"): (at, depth) = (at + 1, depth - 1)
            case UInt8(ascii: " ") where depth > 0: at = RecordWords.afterSpaces(at, in: bytes)
            case _ where depth > 0: at += 1
            default: while at < bytes.count, RecordScanner.isWord(bytes[at]) { at += 1 }
            }
        } while depth > 0
        return at
    }

    private static func endOfString(_ start: Int, in bytes: UnsafeRawBufferPointer) -> Int {
        var at = start + 1
        while true {
            at = RecordWords.afterPlain(at, in: bytes)
            switch bytes[at] {
            case UInt8(ascii: "\""): return at + 1
            case UInt8(ascii: "\\"): at += 2
            default: at += 1
            }
        }
    }

}

// MARK: Escapes

extension RecordText {
    /// The characters of a string as UTF-8; half a surrogate pair as the three bytes that UTF-8 forbids for it.
    private func unescaped(_ value: Range<Int>) -> [UInt8] {
        var text: [UInt8] = []
        var at = value.lowerBound + 1
        while at < value.upperBound - 1 {
            guard bytes[at] == UInt8(ascii: "\\") else {
                text.append(bytes[at])
                at += 1
                continue
            }
            guard bytes[at + 1] == UInt8(ascii: "u") else {
                text.append(Self.control(bytes[at + 1]))
                at += 2
                continue
            }
            let (code, length) = codePoint(at)
            text += Self.encoded(code)
            at += length
        }
        return text
    }

    private static func control(_ letter: UInt8) -> UInt8 {
        switch letter {
        case UInt8(ascii: "b"): 0x08
        case UInt8(ascii: "f"): 0x0C
        case UInt8(ascii: "n"): 0x0A
        case UInt8(ascii: "r"): 0x0D
        case UInt8(ascii: "t"): 0x09
        default: letter
        }
    }

    /// The code point of the `\u` escape at `at`, two halves taken together, and how many bytes spell it.
    private func codePoint(_ at: Int) -> (code: UInt32, length: Int) {
        let high = unit(at)
        guard (0xD800..<0xDC00).contains(high), bytes[at + 6] == UInt8(ascii: "\\"),
            bytes[at + 7] == UInt8(ascii: "u")
        else { return (high, 6) }
        let low = unit(at + 6)
        guard (0xDC00..<0xE000).contains(low) else { return (high, 6) }
        return (0x10000 + (high - 0xD800) << 10 + (low - 0xDC00), 12)
    }

    private func unit(_ at: Int) -> UInt32 {
        bytes[at + 2..<at + 6].reduce(0) { $0 << 4 | UInt32(RecordScanner.hexDigit($1) ?? 0) }
    }

    private static func encoded(_ code: UInt32) -> [UInt8] {
        if let scalar = Unicode.Scalar(code) { return Array(String(scalar).utf8) }
        return [0xED, UInt8(0x80 | (code >> 6 & 0x3F)), UInt8(0x80 | (code & 0x3F))]
    }
}
