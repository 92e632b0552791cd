// Base64 with padding (RFC 4648, section 4), in one pass into a buffer of the right size.

/// Base64 with padding.
package enum Base64 {
    private static let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    /// The bytes as ASCII letters, four for every three.
    package static func encode(_ bytes: [UInt8]) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: (bytes.count + 2) / 3 * 4) { text, count in
            for start in stride(from: 0, to: bytes.count, by: 3) {
                let left = bytes.count - start
                let first = Int(bytes[start])
                let second = left > 1 ? Int(bytes[start + 1]) : 0
                let third = left > 2 ? Int(bytes[start + 2]) : 0
                text[count] = letters[first >> 2]
                text[count + 1] = letters[(first & 3) << 4 | second >> 4]
                text[count + 2] = left > 1 ? letters[(second & 15) << 2 | third >> 6] : UInt8(ascii: "=")
                text[count + 3] = left > 2 ? letters[third & 63] : UInt8(ascii: "=")
                count += 4
            }
        }
    }
}
