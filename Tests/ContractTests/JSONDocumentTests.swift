// The strict parser: what it takes, what it refuses, where it points, and that it stays linear.

import Testing

@testable import Contract

/// The fault that a text is refused with, or nil if it is taken.
func fault(in bytes: [UInt8], depth: Int = 64, lone: Bool = false) -> JSONFault? {
    do throws(JSONFault) {
        _ = try JSONDocument(parsing: bytes, maximumDepth: depth, allowingLoneSurrogates: lone)
        return nil
    } catch {
        return error
    }
}

func fault(in text: String) -> JSONFault? { fault(in: Array(text.utf8)) }

@Suite("JSON documents")
struct JSONDocumentTests {
    /// Texts that are refused, with the reason and the byte at which the fault stands.
    private static let refused: [(String, JSONFault.Reason, Int)] = [
        ("", .empty, 0), ("  \n", .empty, 3),
        ("{", .unexpectedEnd, 1), ("[", .unexpectedEnd, 1), ("[1", .unexpectedEnd, 2), ("{\"a\"", .unexpectedEnd, 4),
        ("{\"a\":", .unexpectedEnd, 5), ("{\"a\":1", .unexpectedEnd, 6), ("\"abc", .unexpectedEnd, 4),
        ("\"abc\\", .unexpectedEnd, 5), ("\"\\u12", .unexpectedEnd, 5), ("tru", .unexpectedEnd, 3),
        ("-", .unexpectedEnd, 1), ("1.", .unexpectedEnd, 2), ("1e+", .unexpectedEnd, 3), ("[1,", .unexpectedEnd, 3),
        ("}", .unexpectedCharacter, 0), ("[1 2]", .unexpectedCharacter, 3), ("{1:2}", .unexpectedCharacter, 1),
        ("{a:1}", .unexpectedCharacter, 1), ("{'a':1}", .unexpectedCharacter, 1), ("[1}", .unexpectedCharacter, 2),
        ("{\"a\":1]", .unexpectedCharacter, 6), ("{\"a\" 1}", .unexpectedCharacter, 5),
        ("[,1]", .unexpectedCharacter, 1),
        ("{,}", .unexpectedCharacter, 1), ("[1,,2]", .unexpectedCharacter, 3), ("nul", .unexpectedEnd, 3),
        ("nulL", .unexpectedCharacter, 0), ("True", .unexpectedCharacter, 0), ("truefalse", .unexpectedCharacter, 0),
        ("NaN", .unexpectedCharacter, 0), ("Infinity", .unexpectedCharacter, 0), ("undefined", .unexpectedCharacter, 0),
        ("// hi\n{}", .unexpectedCharacter, 0), ("{/*a*/}", .unexpectedCharacter, 1), ("{}//x", .trailingBytes, 2),
        ("\u{A0}{}", .unexpectedCharacter, 0), ("\u{0B}{}", .unexpectedCharacter, 0),
        ("[1,]", .trailingComma, 2), ("{\"a\":1,}", .trailingComma, 6), ("[1, \n ]", .trailingComma, 2),
        ("{} {}", .trailingBytes, 3), ("1 2", .trailingBytes, 2), ("{}\u{0}", .trailingBytes, 2),
        ("{}]", .trailingBytes, 2),
        ("null,", .trailingBytes, 4), ("\"a\"\"b\"", .trailingBytes, 3),
        ("01", .invalidNumber, 0), ("-01", .invalidNumber, 0), ("+1", .invalidNumber, 0), (".5", .invalidNumber, 0),
        ("1.e3", .invalidNumber, 0), ("0x1F", .invalidNumber, 0), ("1_000", .invalidNumber, 0),
        ("--1", .invalidNumber, 0),
        ("1.2.3", .invalidNumber, 0), ("[-]", .invalidNumber, 1), ("1e", .unexpectedEnd, 2), ("1ex", .invalidNumber, 0),
        ("-Infinity", .invalidNumber, 0), ("1\u{660}", .trailingBytes, 1),
        ("\"\\x41\"", .invalidEscape, 1), ("\"\\u12G4\"", .invalidEscape, 1), ("\"\\'\"", .invalidEscape, 1),
        ("\"\\U0041\"", .invalidEscape, 1), ("\"\\u 041\"", .invalidEscape, 1), ("\"\\\n\"", .invalidEscape, 1),
        ("\"\\ud800\"", .loneSurrogate, 1), ("\"\\udc00\"", .loneSurrogate, 1), ("\"\\ud800x\"", .loneSurrogate, 1),
        ("\"\\ud800\\ud800\"", .loneSurrogate, 1), ("\"\\ud800\\n\"", .loneSurrogate, 1),
        ("\"\\ude00\\ud83d\"", .loneSurrogate, 1), ("{\"\\ud800\":1}", .loneSurrogate, 2),
        ("\"a\tb\"", .controlCharacter, 2), ("\"a\nb\"", .controlCharacter, 2), ("\"\u{0}\"", .controlCharacter, 1),
        ("\"\u{1F}\"", .controlCharacter, 1),
        ("{\"a\":1,\"a\":1}", .duplicateKey("a"), 7), ("{\"a\":1,\"\\u0061\":2}", .duplicateKey("a"), 7),
        ("{\"\":1,\"\":2}", .duplicateKey(""), 6), ("[{\"x\":{\"b\":1, \"b\":1}}]", .duplicateKey("b"), 14),
        ("{\"\u{1F600}\":1,\"\\ud83d\\ude00\":2}", .duplicateKey("\u{1F600}"), 10),
    ]

    @Test("a text that breaks a rule is refused with the reason and the place")
    func refuses() {
        for (text, reason, offset) in Self.refused {
            let found = fault(in: text)
            #expect(found?.reason == reason, "\(text.debugDescription)")
            #expect(found?.offset == offset, "\(text.debugDescription)")
        }
    }

    /// Bytes that no Swift string can hold.
    private static let refusedBytes: [([UInt8], JSONFault.Reason, Int)] = [
        ([0xEF, 0xBB, 0xBF, 0x7B, 0x7D], .byteOrderMark, 0),
        ([0xFE, 0xFF, 0x00, 0x7B, 0x00, 0x7D], .otherEncoding, 0),
        ([0xFF, 0xFE, 0x7B, 0x00, 0x7D, 0x00], .otherEncoding, 0),
        ([0x00, 0x7B, 0x00, 0x7D], .otherEncoding, 0), ([0x7B, 0x00, 0x7D, 0x00], .otherEncoding, 0),
        ([0x00, 0x00, 0xFE, 0xFF, 0, 0, 0, 0x7B], .otherEncoding, 0),
        ([0x00, 0x00, 0x00, 0x7B, 0x00, 0x00, 0x00, 0x7D], .otherEncoding, 0),
        ([0x7B, 0x00, 0x00, 0x00, 0x7D, 0x00, 0x00, 0x00], .otherEncoding, 0),
        ([0x00], .unexpectedCharacter, 0),
        ([0x22, 0xC0, 0xAF, 0x22], .invalidUTF8, 1), ([0x22, 0xC1, 0xBF, 0x22], .invalidUTF8, 1),
        ([0x22, 0xE0, 0x80, 0xAF, 0x22], .invalidUTF8, 1), ([0x22, 0xF0, 0x80, 0x80, 0xAF, 0x22], .invalidUTF8, 1),
        ([0x22, 0xED, 0xA0, 0x80, 0x22], .invalidUTF8, 1), ([0x22, 0xED, 0xBF, 0xBF, 0x22], .invalidUTF8, 1),
        ([0x22, 0xF4, 0x90, 0x80, 0x80, 0x22], .invalidUTF8, 1),
        ([0x22, 0xF5, 0x80, 0x80, 0x80, 0x22], .invalidUTF8, 1),
        ([0x22, 0x80, 0x22], .invalidUTF8, 1), ([0x22, 0xE4, 0xB8, 0x22], .invalidUTF8, 1),
        ([0x22, 0x61, 0xFF, 0x22], .invalidUTF8, 2), ([0x22, 0xC3], .invalidUTF8, 1),
        ([0x22, 0xF0, 0x9F, 0x98], .invalidUTF8, 1),
        ([0xFF, 0x7B, 0x7D], .invalidUTF8, 0), ([0x7B, 0xC3, 0x28, 0x7D], .invalidUTF8, 1),
        ([0x7B, 0x7D, 0xFF], .trailingBytes, 2), ([0x22, 0x5C, 0xC3, 0xA9, 0x22], .invalidEscape, 1),
        ([0x1F, 0x8B, 0x08, 0x00], .unexpectedCharacter, 0), ([0x89, 0x50, 0x4E, 0x47], .invalidUTF8, 0),
    ]

    @Test("bytes that are no UTF-8, or another encoding, are found where they stand")
    func refusesBytes() {
        for (bytes, reason, offset) in Self.refusedBytes {
            let found = fault(in: bytes)
            #expect(found?.reason == reason, "\(bytes)")
            #expect(found?.offset == offset, "\(bytes)")
        }
    }

    @Test("nesting is refused beyond the limit, at 200,000 levels as at one too many")
    func refusesDepth() {
        for opening in ["[", "{\"a\":", "[{\"a\":"] {
            let bytes = Array(String(repeating: opening, count: 200_000).utf8)
            #expect(fault(in: bytes)?.reason == .tooDeep(limit: 64))
        }
        func nested(_ levels: Int) -> [UInt8] {
            Array(repeating: UInt8(ascii: "["), count: levels) + Array(repeating: UInt8(ascii: "]"), count: levels)
        }
        #expect(fault(in: nested(64)) == nil)
        #expect(fault(in: nested(65))?.reason == .tooDeep(limit: 64))
        #expect(fault(in: nested(65))?.offset == 64)
        #expect(fault(in: nested(JSONDocument.deepest), depth: JSONDocument.deepest) == nil)
        #expect(fault(in: nested(2), depth: 1)?.reason == .tooDeep(limit: 1))
    }

    @Test("a document cut off at any byte is refused")
    func refusesTruncations() {
        let whole = Array(#"{"k\u00e9y": [1.5e-3, true, null, "a\n\ud83d\ude00 é"], "o": {"x": false}}"#.utf8)
        #expect(fault(in: whole) == nil)
        for count in 0..<whole.count {
            #expect(fault(in: Array(whole.prefix(count))) != nil, "cut after \(count) bytes")
        }
    }

    @Test("what RFC 8259 allows is taken, with the text of numbers kept")
    func accepts() throws {
        let document = try JSONDocument(
            parsing: Array(" [0,-0,1e999999,1E-2,0.10,123456789012345678901234567890]\r\n\t".utf8))
        guard case .array(let elements) = document.root.value else { throw Unexpected() }
        #expect(
            elements.map(\.value)
                == ["0", "-0", "1e999999", "1E-2", "0.10", "123456789012345678901234567890"]
                .map { JSONValue.number($0) })
        #expect(
            elements.map { String(decoding: document.text(of: $0), as: UTF8.self) }.joined(separator: "|")
                == "0|-0|1e999999|1E-2|0.10|123456789012345678901234567890")
        for scalar in ["\"\"", "0", "true", "false", "null", "{}", "[]", "[[]]", "{\"\":{}}", "\"\u{7F}\u{2028}\""] {
            #expect(fault(in: scalar) == nil, "\(scalar)")
        }
        let huge = String(repeating: "9", count: 100_000)
        #expect(try JSONDocument(parsing: Array(huge.utf8)).root.value == .number(huge))
    }

    @Test("escapes are resolved in values and in keys")
    func resolvesEscapes() throws {
        let text = #"{"k\u0065y\/":"\"\\\/\b\f\n\r\t\u0000\u00e9\uD83D\uDE00\u20aCend"}"#
        let root = try JSONDocument(parsing: Array(text.utf8)).root
        #expect(root["key/"]?.value == .string("\"\\/\u{8}\u{C}\n\r\t\u{0}é\u{1F600}\u{20AC}end"))
        #expect(root["missing"] == nil)
    }

    @Test("ranges name the source text of keys and values without the space around them")
    func keepsRanges() throws {
        let text = #"{ "a" : [ 1 , {"b":"c\n"} ] , "d":-1.50 }"#
        let document = try JSONDocument(parsing: Array(text.utf8))
        func shown(_ range: Range<Int>) -> String { String(decoding: document.source[range], as: UTF8.self) }
        guard case .object(let members) = document.root.value else { throw Unexpected() }
        #expect(members.map { shown($0.keyRange) } == ["\"a\"", "\"d\""])
        #expect(members.map { shown($0.node.range) } == [#"[ 1 , {"b":"c\n"} ]"#, "-1.50"])
        #expect(document.root.range == 0..<text.utf8.count)
        guard case .array(let elements) = members[0].node.value else { throw Unexpected() }
        #expect(shown(try #require(elements[1]["b"]).range) == #""c\n""#)
    }

    @Test("a half of a surrogate pair is U+FFFD where it is allowed, and stays in the source")
    func allowsLoneSurrogates() throws {
        let cases = [
            (#""a\ud800b""#, "a\u{FFFD}b"), (#""\udc00""#, "\u{FFFD}"), (#""\ud800\ud83d\ude00""#, "\u{FFFD}\u{1F600}"),
            (#""\ud800\u0041""#, "\u{FFFD}A"), (#""\ud800""#, "\u{FFFD}"), (#""\ud800\n""#, "\u{FFFD}\n"),
        ]
        for (text, value) in cases {
            let document = try JSONDocument(parsing: Array(text.utf8), allowingLoneSurrogates: true)
            #expect(document.root.value == .string(value), "\(text)")
            #expect(document.text(of: document.root) == Array(text.utf8))
        }
        #expect(fault(in: Array(#""\ud8""#.utf8), lone: true)?.reason == .invalidEscape)
        #expect(fault(in: Array(#"{"\ud800":1,"\ud801":2}"#.utf8), lone: true) == nil)
        #expect(fault(in: Array(#"{"a":1,"a":2}"#.utf8), lone: true)?.reason == .duplicateKey("a"))
    }

    @Test("keys that differ in their scalars are two keys, however alike they look")
    func comparesKeysByScalars() throws {
        let root = try JSONDocument(parsing: Array("{\"\u{E9}\":1,\"e\u{301}\":2,\"A\":3,\"a\":4}".utf8)).root
        #expect(root["\u{E9}"]?.value == .number("1"))
        #expect(root["e\u{301}"]?.value == .number("2"))
        #expect(root["a"]?.value == .number("4"))
    }

    @Test("a key that occurs twice among many is found, whichever two they are")
    func findsDuplicatesAmongMany() {
        for (first, second) in [(0, 1), (0, 200), (7, 8), (8, 9), (3, 12), (150, 199)] {
            var keys = (0...200).map { "k\($0)" }
            keys[second] = keys[first]
            let text = "{" + keys.map { "\"\($0)\":0" }.joined(separator: ",") + "}"
            #expect(fault(in: text)?.reason == .duplicateKey("k\(first)"), "\(first) and \(second)")
        }
    }

    @Test("an object of a hundred thousand members is read whole")
    func readsManyMembers() throws {
        let text = "{" + (0..<100_000).map { "\"k\($0)\":\($0)" }.joined(separator: ",") + "}"
        let root = try JSONDocument(parsing: Array(text.utf8)).root
        guard case .object(let members) = root.value else { throw Unexpected() }
        #expect(members.count == 100_000)
        #expect(members.last?.node.value == .number("99999"))
    }

    @Test("line and column count characters from one")
    func countsLines() {
        let found = fault(in: "{\n  \"é\u{1F600}\": x}")
        #expect(found?.line == 2)
        #expect(found?.column == 9)
        #expect(found?.message == "line 2, column 9: \"x\" cannot stand here")
        #expect(
            fault(in: "{\"a\":1}\n\n]")?.message
                == "line 3, column 1: something follows after the end of the value; one file holds one value")
    }

    @Test("text from the file appears in a message escaped and shortened")
    func escapesMessages() {
        let key = "\\u001b[31m" + String(repeating: "x", count: 500)
        let found = fault(in: "{\"\(key)\":1,\"\(key)\":2}")
        #expect(found?.message.contains("\\u{001B}[31mxxx") == true)
        #expect(found.map { $0.message.utf8.count < 200 } == true)
        #expect(printable("a\u{202E}b\u{2028}") == "a\\u{202E}b\\u{2028}")
        #expect(fault(in: [0x22, 0x1B, 0x22])?.message.contains("the byte 0x1B") == true)
    }
}

/// A test met a shape that it did not expect.
struct Unexpected: Error {}
