// What other simulators share with this one: its pictures, its look at an image's header, and base64.

/// A picture of no garment at all, as simulators hand it out, and the judging of pictures that come in.
package enum SimulatedPicture {
    /// A PNG of this size with these words on it.
    package static func png(width: Int, height: Int, model: String, words: String) -> [UInt8] {
        let tint = words.utf8.reduce(7) { ($0 &* 31 &+ Int($1)) & 0xFFFF } % Placard.tints
        return Placard.draw(
            PictureSize(width: width, height: height), model: model, prompt: String(words.prefix(96)), tint: tint)
    }

    /// The media type and the sides of a PNG, JPEG or WebP, by its header; nil for anything else.
    package static func look(at bytes: [UInt8]) -> (type: String, width: Int, height: Int)? {
        ImageHeader(bytes).map { ($0.type, $0.width, $0.height) }
    }

    /// Base64 with padding (RFC 4648, section 4).
    package static func base64(_ bytes: [UInt8]) -> [UInt8] {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count + 2) / 3 * 4)
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let count = min(3, bytes.count - start)
            var bits = UInt32(0)
            for index in 0..<3 { bits = bits << 8 | (index < count ? UInt32(bytes[start + index]) : 0) }
            for digit in 0..<4 {
                text.append(digit <= count ? alphabet[Int(bits >> (18 - 6 * UInt32(digit)) & 63)] : UInt8(ascii: "="))
            }
        }
        return text
    }
}
