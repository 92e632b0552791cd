// The grammar of records, and what is found in them.

import Testing

@testable import Wardrobe

@Suite("the text of a record")
struct RecordTextTests {
    private static let sound = [
        "{}", "[]", " \n\t\r{} ", #"{"a":1,"a":2}"#, #"[NaN,Infinity,-Infinity]"#, #"["\ud800","\udc00\ud800x"]"#,
        "\u{FEFF}{}", #"[0,-0,1e3,1E+3,-1.5e-7,12345678901234567890123]"#, #""just text""#, "null", "true",
        #"{"":{"":[[],{}]}}"#, #"["\"\\\/\b\f\n\r\t\u00e9"]"#, "[\"\u{7F}é日😀\"]",
    ]

    @Test("what RFC 8259 allows and what other programs write besides is read")
    func sound() throws {
        for text in Self.sound {
            #expect(throws: Never.self, "\(text)") { try RecordText(Array(text.utf8)) }
        }
    }

    @Test("strings and white space end where they do, whatever stands at which place of them")
    func ends() throws {
        for length in 0..<40 {
            for place in 0...length {
                for odd in [#"\""#, #"\\"#, #"{"#, #"]"#, "é", " "] {
                    let plain =
                        String(repeating: "x", count: place) + odd + String(repeating: "y", count: length - place)
                    let blank = String(repeating: " ", count: length)
                    let text = try RecordText(
                        Array("{\(blank)\"a\":[\(blank)\"\(plain)\"\(blank)],\"b\":1\(blank)}".utf8))
                    let list = try #require(text.value("a", of: text.root))
                    let only = try #require(text.elements(of: list).first)
                    #expect(text.bytes[only].elementsEqual("\"\(plain)\"".utf8))
                    #expect(text.value("b", of: text.root).map { Array(text.bytes[$0]) } == [UInt8(ascii: "1")])
                }
            }
        }
    }

    private static let broken: [(text: String, place: String)] = [
        ("", "line 1, column 1"), ("  ", "line 1, column 3"), ("{", "line 1, column 2"), ("{]", "line 1, column 2"),
        ("{\n  \"a\" 1}", "line 2, column 7"), ("[1,]", "line 1, column 4"), ("{\"a\":1,}", "line 1, column 8"),
        ("[1] 2", "line 1, column 5"), ("[01]", "line 1, column 2"), ("[+1]", "line 1, column 2"),
        ("[1.]", "line 1, column 4"), ("[.5]", "line 1, column 2"), ("[-]", "line 1, column 3"),
        ("[1e]", "line 1, column 4"), ("[nul]", "line 1, column 2"), ("['a']", "line 1, column 2"),
        ("[\"é\\x\"]", "line 1, column 4"), ("[\"\\u12g4\"]", "line 1, column 7"), ("[\"a\n\"]", "line 1, column 4"),
        ("[\"abc", "line 1, column 6"), ("[\"abc\\", "line 1, column 6"), ("[1 2]", "line 1, column 4"),
        ("{\"a\":1 \"b\":2}", "line 1, column 8"), ("{a:1}", "line 1, column 2"), ("[1}", "line 1, column 3"),
    ]

    @Test("what is no JSON is refused at its place")
    func broken() throws {
        for (text, place) in Self.broken {
            let fault = #expect(throws: RecordFault.self, "\(text)") { try RecordText(Array(text.utf8)) }
            #expect(fault?.message.hasSuffix("at " + place) == true, "\(text): \(fault?.message ?? "")")
        }
    }

    @Test("bytes that are not UTF-8 are refused at their place, wherever they are cut")
    func encoding() throws {
        let fault = #expect(throws: RecordFault.self) {
            try RecordText(Array("[\n\"a".utf8) + [0xED, 0xA0, 0x80] + Array("\"]".utf8))
        }
        #expect(fault?.message == "bytes that are not UTF-8 at line 2, column 3")
    }

    @Test("nesting is followed to its limit and refused beyond it")
    func depth() throws {
        let text = { (levels: Int) in
            [UInt8](repeating: UInt8(ascii: "["), count: levels) + [UInt8](repeating: UInt8(ascii: "]"), count: levels)
        }
        #expect(throws: Never.self) { try RecordText(text(RecordText.deepest)) }
        #expect(throws: RecordFault.self) { try RecordText(text(RecordText.deepest + 1)) }
        #expect(throws: RecordFault.self) { try RecordText([UInt8](repeating: UInt8(ascii: "["), count: 1 << 20)) }
    }

    @Test("every cut of a record is refused, since a half-written file must not pass for a whole one")
    func cuts() throws {
        let whole = Array(#"{"saved":[{"id":"a\u00e9","n":-1.5e3,"x":[true,null]}],"last_updated":"é"}"#.utf8)
        for length in 0..<whole.count {
            #expect(throws: RecordFault.self, "\(length) bytes") { try RecordText(Array(whole[..<length])) }
        }
    }

    @Test("strings are compared by what they spell, byte by byte")
    func spelling() throws {
        let record = try RecordText(
            Array(#"["caf\u00e9","cafe\u0301","\ud83d\ude00","\ud83d","a\"b\\","\ufffd"]"#.utf8))
        let values = record.elements(of: record.root)
        #expect(record.spells(values[0], "caf\u{E9}"))
        #expect(!record.spells(values[0], "cafe\u{301}"))
        #expect(record.spells(values[1], "cafe\u{301}"))
        #expect(record.spells(values[2], "😀"))
        #expect(!record.spells(values[3], "\u{FFFD}"))
        #expect(record.spells(values[4], "a\"b\\"))
        #expect(record.spells(values[5], "\u{FFFD}"))
        #expect(record.string(values[3]) != nil)
    }

    @Test("of a key that stands there twice the last one counts")
    func repeated() throws {
        let record = try RecordText(Array(#"{"id":"a","\u0069d":"b"}"#.utf8))
        #expect(record.string("id", of: record.root) == "b")
    }
}
