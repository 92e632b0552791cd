// A picture within a JSON body: a data URI (RFC 2397), megabytes of it, written in one pass.

internal import Contract

/// Writes data URIs.
enum DataURI {
    private static let opening = Array("\"data:image/jpeg;base64,".utf8)
    private static let closing = Array("\"".utf8)

    /// Bytes of what `write` makes of an image.
    static func size(of image: [UInt8]) -> Int { opening.count + (image.count + 2) / 3 * 4 + 1 }

    /// Bytes of an image that are turned into text at a time: they and their text stay in the nearest cache.
    private static let piece = 3 * 1024

    /// Writes a JPEG as a JSON string that holds a data URI: nothing in it needs an escape.
    static func write(_ image: [UInt8], to json: inout JSONWriter) {
        json.raw { append in
            opening.withUnsafeBufferPointer(append)
            withUnsafeTemporaryAllocation(of: UInt8.self, capacity: piece / 3 * 4) { text in
                image.withUnsafeBufferPointer { bytes in
                    for start in stride(from: 0, to: bytes.count, by: piece) {
                        var count = 0
                        let part = bytes[start..<min(start + piece, bytes.count)]
                        encode(UnsafeBufferPointer(rebasing: part), to: text, at: &count)
                        append(UnsafeBufferPointer(rebasing: text[..<count]))
                    }
                }
            }
            closing.withUnsafeBufferPointer(append)
        }
    }

    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    /// Base64 with padding (RFC 4648, section 4).
    private static func encode(
        _ bytes: UnsafeBufferPointer<UInt8>, to buffer: UnsafeMutableBufferPointer<UInt8>, at count: inout Int
    ) {
        alphabet.withUnsafeBufferPointer { sign in
            var at = 0
            while at + 3 <= bytes.count {
                let group = Int(bytes[at]) << 16 | Int(bytes[at + 1]) << 8 | Int(bytes[at + 2])
                buffer[count] = sign[group >> 18]
                buffer[count + 1] = sign[group >> 12 & 63]
                buffer[count + 2] = sign[group >> 6 & 63]
                buffer[count + 3] = sign[group & 63]
                at += 3
                count += 4
            }
            guard at < bytes.count else { return }
            let isPair = at + 2 == bytes.count
            let group = Int(bytes[at]) << 16 | (isPair ? Int(bytes[at + 1]) << 8 : 0)
            buffer[count] = sign[group >> 18]
            buffer[count + 1] = sign[group >> 12 & 63]
            buffer[count + 2] = isPair ? sign[group >> 6 & 63] : UInt8(ascii: "=")
            buffer[count + 3] = UInt8(ascii: "=")
            count += 4
        }
    }
}
