// A picture within a JSON body: a data URI (RFC 2397), megabytes of it, written in one pass.

/// Writes data URIs.
enum DataURI {
    private static let opening = Array("\"data:image/jpeg;base64,".utf8)

    /// Bytes of what `quoted` makes of an image.
    static func size(of image: [UInt8]) -> Int { opening.count + (image.count + 2) / 3 * 4 + 1 }

    /// A JPEG as a JSON string that holds a data URI: nothing in it needs an escape. One pass into a buffer of the
    /// right size.
    static func quoted(_ image: [UInt8]) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: size(of: image)) { buffer, count in
            for byte in opening {
                buffer[count] = byte
                count += 1
            }
            image.withUnsafeBufferPointer { encode($0, to: buffer, at: &count) }
            buffer[count] = UInt8(ascii: "\"")
            count += 1
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
