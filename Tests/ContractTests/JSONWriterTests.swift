// The writer: order, commas, escapes and numbers.

import Contract
import Testing

@Suite("writing JSON")
struct JSONWriterTests {
    private func sample(pretty: Bool) -> String {
        var writer = JSONWriter(pretty: pretty)
        writer.beginObject()
        writer.member("b", "x\"\\\u{1}\n\u{1F600}/")
        writer.key("a")
        writer.beginArray()
        writer.number(1)
        writer.number(0.5)
        writer.null()
        writer.beginObject()
        writer.endObject()
        writer.endArray()
        writer.key("raw")
        writer.raw(Array("{ \"as\" : 1e3}".utf8))
        writer.member("none", nil as String?)
        writer.member("yes", true)
        writer.endObject()
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    @Test("members come in the order in which they were written")
    func compact() {
        #expect(
            sample(pretty: false)
                == #"{"b":"x\"\\\u0001\n😀/","a":[1,0.5,null,{}],"raw":{ "as" : 1e3},"none":null,"yes":true}"#)
    }

    @Test("pretty text has a line for each member, two spaces a level")
    func pretty() {
        let expected = """
            {
              "b": "x\\"\\\\\\u0001\\n😀/",
              "a": [
                1,
                0.5,
                null,
                {}
              ],
              "raw": { "as" : 1e3},
              "none": null,
              "yes": true
            }
            """
        #expect(sample(pretty: true) == expected)
    }

    @Test("numbers are written short, and what JSON cannot write is null")
    func numbers() {
        let cases: [(Double, String)] = [
            (8, "8"), (0.08, "0.08"), (-0.5, "-0.5"), (1e15, "1000000000000000"), (1e18, "1000000000000000000"),
            (1e300, "1e+300"), (0, "0"), (.nan, "null"),
            (.infinity, "null"), (32.6, "32.6"), (1e-7, "1e-07"),
        ]
        for (value, text) in cases {
            var writer = JSONWriter()
            writer.number(value)
            #expect(String(decoding: writer.bytes, as: UTF8.self) == text)
            #expect(fault(in: writer.bytes) == nil)
        }
    }

    @Test("every string reads back as it was, whatever characters it has")
    func roundTrip() throws {
        for first in stride(from: 0 as UInt32, through: 0x1_1000, by: 0x100) {
            var text = ""
            for value in first..<first + 0x100 {
                if let scalar = Unicode.Scalar(value) { text.unicodeScalars.append(scalar) }
            }
            var writer = JSONWriter()
            writer.string(text)
            #expect(try JSONDocument(parsing: writer.bytes).root.value == .string(text))
        }
    }
}
