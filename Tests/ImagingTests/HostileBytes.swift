// Pictures that are built to hurt, as bytes: containers that lie about what they hold, packed bodies that grow without
// end, metadata that loops. Made here, so that what is wrong with each can be read.

/// Numbers as bytes, in the order of the network and the other way round.
func bigEndian(_ value: Int, _ count: Int) -> [UInt8] {
    (0..<count).reversed().map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
}
func littleEndian(_ value: Int, _ count: Int) -> [UInt8] { bigEndian(value, count).reversed() }

/// One after another. The compiler takes its time over long sums of arrays.
func cat(_ parts: [UInt8]...) -> [UInt8] {
    var all: [UInt8] = []
    for part in parts { all.append(contentsOf: part) }
    return all
}

/// The same many times.
func many(_ count: Int, _ part: [UInt8]) -> [UInt8] {
    if part.count == 1 { return [UInt8](repeating: part[0], count: count) }
    var all: [UInt8] = []
    for _ in 0..<count { all.append(contentsOf: part) }
    return all
}

func ascii(_ text: String) -> [UInt8] { Array(text.utf8) }

/// A zlib stream (RFC 1950) of one byte many times: 258 of them in 13 bits.
func packed(_ byte: UInt8, times: Int) -> [UInt8] {
    var bits = BitPacker()
    // One block with the fixed codes (RFC 1951, 3.2.6); bytes above 143 have longer ones, which nobody needs here.
    precondition(byte < 144 && times > 0)
    bits.put(0b011, 3)
    bits.putCode(0x30 + Int(byte), 8)
    // "258 more of what came last", with the code's bits turned round.
    for _ in 0..<(times - 1) / 258 { bits.put(0b1010_0011, 13) }
    for _ in 0..<(times - 1) % 258 { bits.putCode(0x30 + Int(byte), 8) }
    bits.putCode(0, 7)
    // Adler-32 of equal bytes.
    let (n, modulus) = (times, 65_521)
    let low = (1 + n % modulus * Int(byte)) % modulus
    let triangle = (n % 2 == 0 ? (n / 2 % modulus) * ((n + 1) % modulus) : (n % modulus) * ((n + 1) / 2 % modulus))
    let high = (n % modulus + triangle % modulus * Int(byte)) % modulus
    return cat([0x78, 0x01], bits.done(), bigEndian(high << 16 | low, 4))
}

private struct BitPacker {
    private var bytes: [UInt8] = []
    private var current = 0
    private var filled = 0

    mutating func put(_ value: Int, _ count: Int) {
        current |= value << filled
        filled += count
        while filled >= 8 {
            bytes.append(UInt8(truncatingIfNeeded: current))
            current >>= 8
            filled -= 8
        }
    }

    /// Huffman codes go the other way round.
    mutating func putCode(_ code: Int, _ count: Int) {
        var turned = 0
        for place in 0..<count where code >> place & 1 == 1 { turned |= 1 << (count - 1 - place) }
        put(turned, count)
    }

    mutating func done() -> [UInt8] {
        if filled > 0 { put(0, 8 - filled) }
        return bytes
    }
}

typealias RGB = (UInt8, UInt8, UInt8)

enum PNGBytes {
    static let signature = cat([0x89], ascii("PNG\r\n\u{1A}\n"))

    private static let table: [UInt32] = (0..<256).map { number in
        (0..<8).reduce(UInt32(number)) { value, _ in value & 1 == 1 ? 0xEDB8_8320 ^ value >> 1 : value >> 1 }
    }

    static func chunk(_ kind: String, _ body: [UInt8]) -> [UInt8] {
        let covered = cat(ascii(kind), body)
        var sum = UInt32.max
        for byte in covered { sum = table[Int((sum ^ UInt32(byte)) & 255)] ^ sum >> 8 }
        return cat(bigEndian(body.count, 4), covered, bigEndian(Int(~sum), 4))
    }

    /// An 8-bit grey picture with chunks before its pixels.
    static func grey(_ width: Int, _ height: Int, _ chunks: [UInt8] = [], pixels: [UInt8]? = nil) -> [UInt8] {
        let header = chunk("IHDR", cat(bigEndian(width, 4), bigEndian(height, 4), [8, 0, 0, 0, 0]))
        let body = chunk("IDAT", pixels ?? packed(0, times: (width + 1) * height))
        return cat(signature, header, chunks, body, chunk("IEND", []))
    }

    /// An 8-bit RGB picture as it should be, in blocks that are not packed (RFC 1951, 3.2.4).
    static func colour(_ width: Int, _ height: Int, _ pixel: (Int, Int) -> RGB) -> [UInt8] {
        var rows: [UInt8] = []
        rows.reserveCapacity((3 * width + 1) * height)
        for y in 0..<height {
            rows.append(0)
            for x in 0..<width {
                let (red, green, blue) = pixel(x, y)
                rows.append(red)
                rows.append(green)
                rows.append(blue)
            }
        }
        var stream: [UInt8] = [0x78, 0x01]
        var (low, high) = (1, 0)
        for start in stride(from: 0, to: rows.count, by: 0xFFFF) {
            let block = rows[start..<min(start + 0xFFFF, rows.count)]
            stream.append(start + block.count == rows.count ? 1 : 0)
            stream += cat(littleEndian(block.count, 2), littleEndian(~block.count & 0xFFFF, 2))
            stream += block
            for byte in block {
                low = (low + Int(byte)) % 65_521
                high = (high + low) % 65_521
            }
        }
        stream += bigEndian(high << 16 | low, 4)
        let header = chunk("IHDR", cat(bigEndian(width, 4), bigEndian(height, 4), [8, 2, 0, 0, 0]))
        return cat(signature, header, chunk("IDAT", stream), chunk("IEND", []))
    }
}

/// Tag, kind, number of values and value of an entry in a directory of TIFF or EXIF.
typealias Entry = (Int, Int, Int, Int)

/// A directory that begins at byte 8 of its file.
func directory(_ entries: [Entry], next: Int, count: Int? = nil) -> [UInt8] {
    let lines = entries.map {
        cat(littleEndian($0.0, 2), littleEndian($0.1, 2), littleEndian($0.2, 4), littleEndian($0.3, 4))
    }
    return cat(
        ascii("II*\0"), littleEndian(8, 4), littleEndian(count ?? entries.count, 2), Array(lines.joined()),
        littleEndian(next, 4))
}

enum JPEGBytes {
    static func segment(_ marker: UInt8, _ body: [UInt8]) -> [UInt8] {
        cat([0xFF, marker], bigEndian(body.count + 2, 2), body)
    }

    /// Segments behind the first two bytes of a picture.
    static func adding(_ segments: [UInt8], to jpeg: [UInt8]) -> [UInt8] {
        cat(Array(jpeg[..<2]), segments, Array(jpeg[2...]))
    }

    /// A colour profile in as many segments as it takes.
    static func profile(_ bytes: [UInt8]) -> [UInt8] {
        let parts = stride(from: 0, to: bytes.count, by: 65_000).map { bytes[$0..<min($0 + 65_000, bytes.count)] }
        let segments = parts.enumerated().map { number, part in
            segment(0xE2, cat(ascii("ICC_PROFILE\0"), [UInt8(number + 1), UInt8(parts.count)], Array(part)))
        }
        return Array(segments.joined())
    }

    /// EXIF with these entries in its first directory, and where the next one is said to be.
    static func exif(_ entries: [Entry], next: Int = 0, count: Int? = nil) -> [UInt8] {
        segment(0xE1, cat(ascii("Exif\0\0"), directory(entries, next: next, count: count)))
    }

    /// A grey picture of which every scan says again that there is nothing: a few bytes that cost a pass over all.
    static func scans(_ count: Int, width: Int, height: Int) -> [UInt8] {
        let blocks = ((width + 7) / 8) * ((height + 7) / 8)
        let tables = cat(
            segment(0xDB, cat([0], many(64, [1]))),
            segment(0xC2, cat([8], bigEndian(height, 2), bigEndian(width, 2), [1, 1, 0x11, 0])),
            segment(0xC4, cat([0x00, 1], many(15, [0]), [0])), segment(0xC4, cat([0x10, 1], many(15, [0]), [0xE0])))
        let first = cat(segment(0xDA, [1, 1, 0x00, 0, 0, 0]), many(blocks / 8 + 1, [0]))
        // "The next 32,767 blocks are empty": one bit of the code, 14 of the number.
        var run: [Bool] = []
        for _ in 0..<blocks / 32_767 + 1 {
            run.append(false)
            for _ in 0..<14 { run.append(true) }
        }
        while run.count % 8 != 0 { run.append(true) }
        var bits: [UInt8] = []
        for place in stride(from: 0, to: run.count, by: 8) {
            let byte = run[place..<place + 8].reduce(UInt8(0)) { $0 << 1 | ($1 ? 1 : 0) }
            bits.append(byte)
            if byte == 0xFF { bits.append(0) }
        }
        let again = cat(segment(0xDA, [1, 1, 0x00, 1, 63, 0]), bits)
        return cat([0xFF, 0xD8], tables, first, many(count, again), [0xFF, 0xD9])
    }
}

enum GIFBytes {
    static func header(_ width: Int, _ height: Int) -> [UInt8] {
        cat(
            ascii("GIF89a"), littleEndian(width, 2), littleEndian(height, 2), [0x80, 0, 0, 0, 0, 0, 255, 255, 255])
    }

    /// A frame that says to have this size, with the pixels of one point.
    static func frame(_ width: Int, _ height: Int) -> [UInt8] {
        cat(
            [0x2C, 0, 0, 0, 0], littleEndian(width, 2), littleEndian(height, 2), [0, 2, 2, 0x44, 0x01, 0])
    }
}

enum TIFFBytes {
    /// One directory of entries, then what follows it: from byte 122 on behind those of `grey`.
    static func one(_ entries: [Entry], next: Int = 0, _ rest: [UInt8] = []) -> [UInt8] {
        cat(directory(entries, next: next), rest)
    }

    /// A grey picture of 8 bits whose pixels are said to lie there.
    static func grey(_ width: Int, _ height: Int, packing: Int = 1, at offset: Int, bytes: Int) -> [Entry] {
        [
            (256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, packing), (262, 3, 1, 1),
            (273, 4, 1, offset), (277, 3, 1, 1), (278, 4, 1, height), (279, 4, 1, bytes),
        ]
    }

    /// A picture whose strips are said to begin at 4,294,967,295 places.
    static var endless: [Entry] {
        grey(10, 10, at: 122, bytes: 100).map { $0.0 == 273 ? (273, 4, 0xFFFF_FFFF, 8) : $0 }
    }
}

/// HEIF around one small coded picture, taken out of `corners.heic`.
struct HEIFBytes {
    /// The box with the decoder's configuration, and the coded picture of 96 × 64 pixels.
    private let (configuration, coded): ([UInt8], [UInt8])

    init(corners: [UInt8]) {
        (configuration, coded) = (Array(corners[172..<292]), Array(corners[0x17A..<0x17A + 0xDF]))
    }

    private func box(_ kind: String, _ body: [UInt8]) -> [UInt8] {
        cat(bigEndian(body.count + 8, 4), ascii(kind), body)
    }

    private func shape(_ width: Int, _ height: Int) -> [UInt8] {
        box("ispe", cat([0, 0, 0, 0], bigEndian(width, 4), bigEndian(height, 4)))
    }

    /// A grid of tiles, all of them the one picture, or the grid itself.
    func grid(rows: Int, columns: Int, width: Int, height: Int, ofItself: Bool = false) -> [UInt8] {
        let layout = cat(
            [0, 1, UInt8(rows - 1), UInt8(columns - 1)], bigEndian(width, 4), bigEndian(height, 4))
        let tiles = many(rows * columns, bigEndian(ofItself ? 1 : 2, 2))
        let links = box("dimg", cat(bigEndian(1, 2), bigEndian(rows * columns, 2), tiles))
        return file(main: "grid", layout, references: links, shape: shape(width, height))
    }

    /// The one picture, said to be of another size.
    func claiming(_ width: Int, _ height: Int) -> [UInt8] {
        file(main: "hvc1", coded, references: [], shape: shape(width, height))
    }

    /// Item 1 is what is shown, item 2 the coded picture.
    private func file(main kind: String, _ body: [UInt8], references: [UInt8], shape: [UInt8]) -> [UInt8] {
        let head = box("ftyp", cat(ascii("heic"), [0, 0, 0, 0], ascii("mif1heic")))
        let start = head.count + meta(kind, body, references, shape, start: 0).count + 8
        return cat(head, meta(kind, body, references, shape, start: start), box("mdat", cat(body, coded)))
    }

    private func meta(_ kind: String, _ body: [UInt8], _ references: [UInt8], _ shape: [UInt8], start: Int) -> [UInt8] {
        let none: [UInt8] = [0, 0, 0, 0]
        let properties = box("ipco", cat(configuration, self.shape(96, 64), shape))
        let first: [UInt8] = kind == "grid" ? [1, 3] : [2, 0x81, 3]
        let links = box("ipma", cat(none, bigEndian(2, 4), bigEndian(1, 2), first, bigEndian(2, 2), [2, 0x81, 2]))
        func item(_ number: Int, _ kind: String) -> [UInt8] {
            let hidden: [UInt8] = [2, 0, 0, number == 2 ? 1 : 0]
            return box("infe", cat(hidden, bigEndian(number, 2), bigEndian(0, 2), ascii(kind), [0]))
        }
        func place(_ number: Int, _ at: Int, _ count: Int) -> [UInt8] {
            cat(bigEndian(number, 2), bigEndian(0, 2), bigEndian(1, 2), bigEndian(at, 4), bigEndian(count, 4))
        }
        let places = cat(place(1, start, body.count), place(2, start + body.count, coded.count))
        return box(
            "meta",
            cat(
                none, box("hdlr", cat(bigEndian(0, 8), ascii("pict"), bigEndian(0, 13))),
                box("pitm", cat(none, bigEndian(1, 2))), box("iloc", cat(none, [0x44, 0], bigEndian(2, 2), places)),
                box("iinf", cat(none, bigEndian(2, 2), item(1, kind), item(2, "hvc1"))),
                references.isEmpty ? [] : box("iref", cat(none, references)), box("iprp", cat(properties, links))))
    }
}
