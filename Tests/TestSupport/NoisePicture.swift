// Pictures of noise: what no encoder can make small. A PNG whose pixels stand in stored (uncompressed) blocks, so that
// a few lines write it.

/// PNG files that stay large when they are made into JPEG.
package enum NoisePicture {
    /// A square picture of `edge` pixels a side in true colour; another `seed`, another picture.
    package static func png(edge: Int, seed: UInt64) -> [UInt8] {
        var state = seed &* 2 &+ 1
        var rows: [UInt8] = []
        rows.reserveCapacity(edge * (edge * 3 + 1))
        for _ in 0..<edge {
            rows.append(0)
            for _ in 0..<(edge * 3) {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                rows.append(UInt8(truncatingIfNeeded: state >> 56))
            }
        }
        let header = bigEndian(edge) + bigEndian(edge) + [8, 2, 0, 0, 0]
        let start: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
        return start + chunk("IHDR", header) + chunk("IDAT", stored(rows)) + chunk("IEND", [])
    }

    /// A zlib stream (RFC 1950) of stored blocks (RFC 1951, 3.2.4).
    private static func stored(_ bytes: [UInt8]) -> [UInt8] {
        var stream: [UInt8] = [0x78, 0x01]
        for start in stride(from: 0, to: bytes.count, by: 65_535) {
            let block = bytes[start..<min(start + 65_535, bytes.count)]
            let (low, high) = (UInt8(block.count & 0xFF), UInt8(block.count >> 8))
            stream += [start + block.count == bytes.count ? 1 : 0, low, high, ~low, ~high] + block
        }
        var (a, b): (UInt32, UInt32) = (1, 0)
        for byte in bytes {
            a = (a &+ UInt32(byte)) % 65_521
            b = (b &+ a) % 65_521
        }
        return stream + bigEndian(Int(b << 16 | a))
    }

    private static func chunk(_ kind: String, _ content: [UInt8]) -> [UInt8] {
        let body = Array(kind.utf8) + content
        var checksum: UInt32 = 0xFFFF_FFFF
        for byte in body { checksum = table[Int((checksum ^ UInt32(byte)) & 0xFF)] ^ (checksum >> 8) }
        return bigEndian(content.count) + body + bigEndian(Int(~checksum))
    }

    /// The table of CRC-32 (ISO 3309), as PNG has it.
    private static let table: [UInt32] = (0..<256).map { index in
        (0..<8).reduce(UInt32(index)) { value, _ in
            value & 1 == 1 ? 0xEDB8_8320 ^ (value >> 1) : value >> 1
        }
    }

    private static func bigEndian(_ number: Int) -> [UInt8] {
        [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: number >> $0) }
    }
}
