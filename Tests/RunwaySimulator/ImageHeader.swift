// What kind of image some bytes are, and how large, read from their first bytes: PNG, JPEG, WebP (all three of its
// forms). The bytes are anybody's; what is no such image answers nil.

/// The kind and the size of an image.
package struct ImageHeader: Equatable, Sendable {
    package let type: String
    package let width: Int
    package let height: Int

    /// Reads the header of whatever of the three kinds it is.
    package init?(_ bytes: [UInt8]) {
        guard let header = Self.png(bytes) ?? Self.webp(bytes) ?? Self.jpeg(bytes) else { return nil }
        self = header
    }

    private init?(_ type: String, _ width: Int, _ height: Int) {
        guard width > 0, height > 0 else { return nil }
        (self.type, self.width, self.height) = (type, width, height)
    }

    private static func big(_ bytes: [UInt8], _ at: Int, _ count: Int) -> Int {
        bytes[at..<(at + count)].reduce(0) { $0 << 8 | Int($1) }
    }

    private static func little(_ bytes: [UInt8], _ at: Int, _ count: Int) -> Int {
        bytes[at..<(at + count)].reversed().reduce(0) { $0 << 8 | Int($1) }
    }

    private static func png(_ bytes: [UInt8]) -> ImageHeader? {
        let start: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 0, 0, 0, 13, 0x49, 0x48, 0x44, 0x52]
        guard bytes.count >= 33, bytes.starts(with: start) else { return nil }
        return ImageHeader("image/png", big(bytes, 16, 4), big(bytes, 20, 4))
    }

    /// RIFF with a first chunk `VP8X` (extended), `VP8L` (lossless) or `VP8 ` (lossy).
    private static func webp(_ bytes: [UInt8]) -> ImageHeader? {
        guard bytes.count >= 30, bytes.starts(with: "RIFF".utf8), bytes[8..<12].elementsEqual("WEBP".utf8) else {
            return nil
        }
        switch String(decoding: bytes[12..<16], as: UTF8.self) {
        case "VP8X": return ImageHeader("image/webp", little(bytes, 24, 3) + 1, little(bytes, 27, 3) + 1)
        case "VP8L":
            guard bytes[20] == 0x2F else { return nil }
            let bits = little(bytes, 21, 4)
            return ImageHeader("image/webp", bits & 0x3FFF + 1, bits >> 14 & 0x3FFF + 1)
        case "VP8 ":
            guard bytes[23..<26].elementsEqual([0x9D, 0x01, 0x2A]) else { return nil }
            return ImageHeader("image/webp", little(bytes, 26, 2) & 0x3FFF, little(bytes, 28, 2) & 0x3FFF)
        default: return nil
        }
    }

    /// Walks the segments up to the first frame header (SOF0...SOF15 but for DHT, JPG and DAC).
    private static func jpeg(_ bytes: [UInt8]) -> ImageHeader? {
        guard bytes.starts(with: [0xFF, 0xD8]) else { return nil }
        var at = 2
        while at + 9 <= bytes.count {
            guard bytes[at] == 0xFF else { return nil }
            let marker = bytes[at + 1]
            switch marker {
            case 0xFF: at += 1  // A fill byte.
            case 0x01, 0xD0...0xD7: at += 2
            case 0xC4, 0xC8, 0xCC: at += 2 + big(bytes, at + 2, 2)
            case 0xC0...0xCF: return ImageHeader("image/jpeg", big(bytes, at + 7, 2), big(bytes, at + 5, 2))
            // The picture's data or its end, and no frame header before.
            case 0xDA, 0xD9: return nil
            default: at += 2 + max(2, big(bytes, at + 2, 2))
            }
        }
        return nil
    }
}
