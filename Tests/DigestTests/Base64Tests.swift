// Base64 by the vectors of RFC 4648, section 10.

import Digest
import Foundation
import Testing

@Suite("Base64")
struct Base64Tests {
    @Test("the vectors of RFC 4648 come out, and any bytes as Foundation has them")
    func vectors() {
        for (text, letters) in [
            ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            #expect(String(decoding: Base64.encode(Array(text.utf8)), as: UTF8.self) == letters)
        }
        for count in [255, 256, 257, 1000] {
            let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 73 &+ count) }
            #expect(String(decoding: Base64.encode(bytes), as: UTF8.self) == Data(bytes).base64EncodedString())
        }
    }
}
