// A PNG of few colours, made without a library. A picture is told in bands (rows that are all alike) of runs (pixels
// that are all alike), and everything is worked out by the run: a million pixels cost some thousand steps.
//
// Every row but the first of a band is "the same as above" (filter Up, zeros), which fixed-Huffman deflate (RFC 1951)
// spells in matches. A chunk `caBX` stands where C2PA provenance stands in Runway's own pictures. What it carries is
// the right box structure around a sentence, not a signed manifest.

/// Pixels of one colour, side by side.
struct Run: Equatable, Sendable {
    let count: Int
    /// Index into the palette.
    let colour: UInt8
}

/// Rows that are all alike, from the top.
struct Band: Equatable, Sendable {
    let rows: Int
    let runs: [Run]
}

/// The encoder.
enum PNG {
    /// Encodes a picture. The runs of every band must add up to the width, the rows to the height.
    static func encode(width: Int, height: Int, palette: [(UInt8, UInt8, UInt8)], bands: [Band]) -> [UInt8] {
        precondition(bands.reduce(0) { $0 + $1.rows } == height, "the bands have not \(height) rows")
        var file: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
        chunk("IHDR", big(width) + big(height) + [8, 3, 0, 0, 0], &file)
        chunk("PLTE", palette.flatMap { [$0.0, $0.1, $0.2] }, &file)
        chunk("caBX", provenance, &file)
        chunk("IDAT", compressed(width, bands), &file)
        chunk("IEND", [], &file)
        return file
    }

    private static func compressed(_ width: Int, _ bands: [Band]) -> [UInt8] {
        var stream = DeflateStream()
        for band in bands {
            precondition(band.runs.reduce(0) { $0 + $1.count } == width, "the runs have not \(width) pixels")
            stream.put(0, count: 1)
            for run in band.runs { stream.put(run.colour, count: run.count) }
            guard band.rows > 1 else { continue }
            stream.put(2, count: 1)
            stream.put(0, count: width)
            stream.repeatLast(width + 1, times: band.rows - 2)
        }
        return stream.finish()
    }

    /// JUMBF: a superbox with a description that bears the type of C2PA manifest stores, and a text.
    private static let provenance: [UInt8] = {
        let type: [UInt8] = [0x63, 0x32, 0x70, 0x61, 0, 0x11, 0, 0x10, 0x80, 0, 0, 0xAA, 0, 0x38, 0x9B, 0x71]
        let description = box("jumd", type + [3] + Array("c2pa".utf8) + [0])
        let text = box("json", Array(#"{"claim_generator":"runway-simulator","note":"a simulated picture"}"#.utf8))
        return box("jumb", description + text)
    }()

    private static func box(_ name: String, _ content: [UInt8]) -> [UInt8] {
        big(content.count + 8) + Array(name.utf8) + content
    }

    private static func big(_ value: Int) -> [UInt8] {
        [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
    }

    private static func chunk(_ name: String, _ content: [UInt8], _ file: inout [UInt8]) {
        let body = Array(name.utf8) + content
        file += big(content.count) + body + big(Int(CRC32.of(body)))
    }
}

/// The checksum of a PNG chunk (ISO 3309).
enum CRC32 {
    private static let table: [UInt32] = (0..<256).map { index in
        (0..<8).reduce(UInt32(index)) { value, _ in value & 1 == 1 ? 0xEDB8_8320 ^ value >> 1 : value >> 1 }
    }

    static func of(_ bytes: [UInt8]) -> UInt32 {
        table.withUnsafeBufferPointer { table in
            ~bytes.reduce(~UInt32(0)) { table[Int(UInt8(truncatingIfNeeded: $0) ^ $1)] ^ $0 >> 8 }
        }
    }
}

/// A zlib stream (RFC 1950) of one deflate block with the fixed codes, told in runs and repetitions.
struct DeflateStream {
    private var bytes: [UInt8] = [0x78, 0x01]
    private var bits: UInt64 = 0
    private var held: UInt64 = 0
    private var checksum = Adler32()
    private var lastRuns: [(value: UInt8, count: Int)] = []

    init() {
        write(1, 1)  // The last block,
        write(1, 2)  // with fixed codes.
    }

    /// Appends a value so many times.
    mutating func put(_ value: UInt8, count: Int) {
        guard count > 0 else { return }
        checksum.add(value, count)
        lastRuns.append((value, count))
        literal(value)
        var left = count - 1
        while left >= 3 {
            let length = min(258, left)
            match(length, distance: 1)
            left -= length
        }
        for _ in 0..<left { literal(value) }
    }

    /// Appends the last `count` bytes again, so many times. They must have been put as one value and a run.
    mutating func repeatLast(_ count: Int, times: Int) {
        let tail = lastRuns.suffix(2)
        precondition(tail.reduce(0) { $0 + $1.count } == count, "the last \(count) bytes are not two runs")
        for _ in 0..<max(0, times) {
            for run in tail { checksum.add(run.value, run.count) }
        }
        lastRuns.removeAll(keepingCapacity: true)
        var left = count * max(0, times)
        while left > 0 {
            // A match has at least three bytes: the last but one leaves enough for it.
            let length = left > 258 && left < 261 ? left - 3 : min(258, left)
            match(length, distance: count)
            left -= length
        }
    }

    /// Ends the stream.
    mutating func finish() -> [UInt8] {
        write(0, 7)
        if held > 0 { write(0, 8 - held) }
        let sum = checksum.value
        for shift in [24, 16, 8, 0] { bytes.append(UInt8(truncatingIfNeeded: sum >> UInt32(shift))) }
        return bytes
    }

    private mutating func literal(_ value: UInt8) {
        if value < 144 { code(0x30 + UInt64(value), 8) } else { code(0x190 + UInt64(value) - 144, 9) }
    }

    private mutating func match(_ length: Int, distance: Int) {
        let (symbol, lengthBits, lengthExtra) = Self.lengthCode(length)
        if symbol < 280 { code(UInt64(symbol - 256), 7) } else { code(0xC0 + UInt64(symbol - 280), 8) }
        write(UInt64(lengthExtra), UInt64(lengthBits))
        let (slot, distanceBits, distanceExtra) = Self.distanceCode(distance)
        code(UInt64(slot), 5)
        write(UInt64(distanceExtra), UInt64(distanceBits))
    }

    /// RFC 1951, 3.2.5: four symbols for each power of two from 8 on.
    private static func lengthCode(_ length: Int) -> (symbol: Int, bits: Int, extra: Int) {
        if length == 258 { return (285, 0, 0) }
        if length < 11 { return (254 + length, 0, 0) }
        let value = length - 3
        let bits = Int.bitWidth - 1 - value.leadingZeroBitCount - 2
        return (257 + 4 * bits + value >> bits, bits, value & (1 << bits - 1))
    }

    /// Two symbols for each power of two from 4 on.
    private static func distanceCode(_ distance: Int) -> (symbol: Int, bits: Int, extra: Int) {
        let value = distance - 1
        if value < 4 { return (value, 0, 0) }
        let bits = Int.bitWidth - 1 - value.leadingZeroBitCount - 1
        return (2 * bits + value >> bits, bits, value & (1 << bits - 1))
    }

    /// Huffman codes come with their highest bit first.
    private mutating func code(_ value: UInt64, _ count: UInt64) {
        var reversed: UInt64 = 0
        for bit in 0..<count { reversed |= (value >> bit & 1) << (count - 1 - bit) }
        write(reversed, count)
    }

    private mutating func write(_ value: UInt64, _ count: UInt64) {
        bits |= value << held
        held += count
        while held >= 8 {
            bytes.append(UInt8(truncatingIfNeeded: bits))
            bits >>= 8
            held -= 8
        }
    }
}

/// The checksum of a zlib stream, by the run: n times v adds nv to the first sum and n times that sum and
/// v(1 + ... + n) to the second.
private struct Adler32 {
    private var first = 1
    private var second = 0

    mutating func add(_ value: UInt8, _ count: Int) {
        second = (second + count * first + Int(value) * (count * (count + 1) / 2)) % 65_521
        first = (first + count * Int(value)) % 65_521
    }

    var value: UInt32 { UInt32(second << 16 | first) }
}
