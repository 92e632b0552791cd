// Base64 as RFC 4648 has it, strictly: its alphabet, whole groups of four, padding at the end only, no bits left over.

/// Decoding and encoding.
package enum Base64 {
    private static let values: [UInt8] = {
        var table = [UInt8](repeating: 0xFF, count: 256)
        for (value, byte) in alphabet.enumerated() { table[Int(byte)] = UInt8(value) }
        return table
    }()

    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    /// The bytes of a text; nil where it breaks a rule.
    package static func decode(_ text: Substring.UTF8View) -> [UInt8]? {
        let bytes = Array(text)
        guard bytes.count % 4 == 0 else { return nil }
        let padding = bytes.suffix(2).count { $0 == UInt8(ascii: "=") }
        guard padding < 2 || bytes.suffix(2).elementsEqual("==".utf8) else { return nil }
        let digits = bytes.count - padding
        let count = bytes.count / 4 * 3 - padding
        var isValid = true
        let decoded = [UInt8](unsafeUninitializedCapacity: count) { out, initialized in
            isValid = values.withUnsafeBufferPointer { values in
                bytes.withUnsafeBufferPointer { decode($0, digits, values, out) }
            }
            initialized = isValid ? count : 0
        }
        return isValid ? decoded : nil
    }

    /// Unsafe buffers, since megabytes pass here in builds without optimization.
    private static func decode(
        _ bytes: UnsafeBufferPointer<UInt8>, _ digits: Int, _ values: UnsafeBufferPointer<UInt8>,
        _ out: UnsafeMutableBufferPointer<UInt8>
    ) -> Bool {
        var bits: UInt32 = 0
        var held: UInt32 = 0
        var written = 0
        var at = 0
        while at < digits {
            let value = values[Int(bytes[at])]
            if value == 0xFF { return false }
            bits = bits << 6 | UInt32(value)
            held += 6
            if held >= 8 {
                held -= 8
                out[written] = UInt8(truncatingIfNeeded: bits >> held)
                written += 1
            }
            at += 1
        }
        return bits & (1 << held - 1) == 0 && written == out.count
    }

    /// The URL form without padding, as a JWT is spelled.
    package static func urlEncoded(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            let bits = group.reduce(UInt32(0)) { $0 << 8 | UInt32($1) } << (8 * UInt32(3 - group.count))
            for digit in 0...group.count { text.append(alphabet[Int(bits >> (18 - 6 * UInt32(digit)) & 63)]) }
        }
        for index in text.indices {
            if text[index] == UInt8(ascii: "+") { text[index] = UInt8(ascii: "-") }
            if text[index] == UInt8(ascii: "/") { text[index] = UInt8(ascii: "_") }
        }
        return String(decoding: text, as: UTF8.self)
    }
}
