// Keys and queries as they stand in an address: RFC 3986, and nothing of the kind that forms use.
//
// The same escaping makes the address that is sent and the text that is signed; two that differ in one byte are a
// request that the store refuses. A space is `%20`, a plus is `%2B`, and what is escaped already is escaped again:
// a key is a string of bytes, not a piece of an address.

/// Percent-escaping of bytes.
enum S3Escaping {
    /// A key: everything but letters, digits, `-._~` and the slash is escaped.
    static func path(_ text: String) -> String { escaped(text, keepsSlash: true) }

    /// A name or a value of a query: the slash is escaped, too.
    static func part(_ text: String) -> String { escaped(text, keepsSlash: false) }

    /// What an escaped path says; nil where an escape is broken or the bytes are no UTF-8.
    static func unescaped(_ text: some StringProtocol) -> String? {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = rest.popFirst().flatMap(RecordScanner.hexDigit),
                let low = rest.popFirst().flatMap(RecordScanner.hexDigit)
            else { return nil }
            bytes.append(high << 4 | low)
        }
        return String(validating: bytes, as: UTF8.self)
    }

    private static func escaped(_ text: String, keepsSlash: Bool) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var bytes: [UInt8] = []
        for byte in text.utf8 {
            if isPlain(byte) || (keepsSlash && byte == UInt8(ascii: "/")) {
                bytes.append(byte)
            } else {
                bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        let isLetter = (0x61...0x7A).contains(byte | 0x20)
        return isLetter || (0x30...0x39).contains(byte) || "-._~".utf8.contains(byte)
    }
}
