// Numbers as little-endian bytes. A worker that decodes strangers' files may send anything after it was taken over, so
// the reader checks every bound and a message must be used up to its last byte.

/// A message that does not say what it should. The other side is not what we think it is.
package struct WireFault: Error, Hashable, Sendable {
    /// What was being read.
    package let field: String
    /// Names the field.
    package init(_ field: String) { self.field = field }
}

struct WireWriter {
    private(set) var bytes: [UInt8] = []

    mutating func put(_ value: UInt8) { bytes.append(value) }

    mutating func put32(_ value: UInt32) {
        for shift in stride(from: UInt32(0), to: 32, by: 8) { bytes.append(UInt8(truncatingIfNeeded: value >> shift)) }
    }

    mutating func put64(_ value: UInt64) {
        put32(UInt32(truncatingIfNeeded: value))
        put32(UInt32(truncatingIfNeeded: value >> 32))
    }

    /// A count, size or coordinate. Ours, so one outside 32 bits is our bug.
    mutating func put(_ value: Int) {
        precondition(value >= 0 && value <= Int(UInt32.max), "\(value) does not fit into a message")
        put32(UInt32(value))
    }

    mutating func put(_ rect: PixelRect) {
        for value in [rect.left, rect.top, rect.width, rect.height] { put(value) }
    }

    /// A colour or none.
    mutating func put(colour: UInt32?) { put32(colour ?? UInt32.max) }

    /// At most 1,000 bytes of a text.
    mutating func put(_ text: String) {
        let part = Array(text.utf8.prefix(1000))
        put(part.count)
        bytes += part
    }
}

struct WireReader {
    private let bytes: [UInt8]
    private var at = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    mutating func byte(_ field: String) throws(WireFault) -> UInt8 {
        guard at < bytes.count else { throw WireFault(field) }
        defer { at += 1 }
        return bytes[at]
    }

    mutating func number32(_ field: String) throws(WireFault) -> UInt32 {
        guard bytes.count - at >= 4 else { throw WireFault(field) }
        defer { at += 4 }
        return (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[at + $1]) << UInt32(8 * $1) }
    }

    mutating func number64(_ field: String) throws(WireFault) -> UInt64 {
        let low = try number32(field)
        return UInt64(low) | UInt64(try number32(field)) << 32
    }

    mutating func number(_ field: String, in range: ClosedRange<Int>) throws(WireFault) -> Int {
        let value = Int(try number32(field))
        guard range.contains(value) else { throw WireFault(field) }
        return value
    }

    mutating func rect(_ field: String) throws(WireFault) -> PixelRect {
        let most = 0...1_000_000
        return PixelRect(
            left: try number(field, in: most), top: try number(field, in: most),
            width: try number(field, in: most), height: try number(field, in: most))
    }

    mutating func colour(_ field: String) throws(WireFault) -> UInt32? {
        let value = try number32(field)
        if value == UInt32.max { return nil }
        guard value <= 0xFF_FFFF else { throw WireFault(field) }
        return value
    }

    /// A text; bytes that are no UTF-8 and control characters come out as `?`.
    mutating func text(_ field: String) throws(WireFault) -> String {
        let count = try number(field, in: 0...1000)
        guard bytes.count - at >= count else { throw WireFault(field) }
        defer { at += count }
        let printable = bytes[at..<(at + count)].map { $0 < 32 || $0 == 127 ? UInt8(ascii: "?") : $0 }
        return String(decoding: printable, as: UTF8.self)
    }

    func end() throws(WireFault) {
        guard at == bytes.count else { throw WireFault("bytes behind the end") }
    }
}
