// A body that is put together while it is sent: a text in which pictures stand as base64.
//
// Orders carry megabytes of pictures. Written out beforehand they would be held once more as text, in memory that is
// asked of the kernel and given back for every order. Here the pictures are those that everybody shares, and their text
// comes into being in the buffer that it is sent from. Any piece can be asked for, in any order and as often as wanted.

/// A text with pictures in it.
package struct WovenBody: Sendable {
    /// A picture, and where in the text its base64 stands.
    package struct Picture: Sendable {
        /// Bytes of the text that stand before it.
        package let place: Int
        /// As they are, before base64.
        package let bytes: [UInt8]

        package init(at place: Int, _ bytes: [UInt8]) { (self.place, self.bytes) = (place, bytes) }
    }

    private struct Part {
        /// Where it stands in the whole.
        let range: Range<Int>
        /// The picture; nil for a piece of the text.
        let picture: [UInt8]?
        /// Where a piece of the text begins in it.
        let place: Int
    }

    private let text: [UInt8]
    private let parts: [Part]
    /// Bytes of the whole.
    package let count: Int

    /// - Parameter pictures: in the order of their places.
    package init(_ text: [UInt8], _ pictures: [Picture] = []) {
        var parts: [Part] = []
        var (end, place) = (0, 0)
        func add(_ count: Int, _ picture: [UInt8]? = nil) {
            if count > 0 { parts.append(Part(range: end..<end + count, picture: picture, place: place)) }
            end += count
        }
        for picture in pictures {
            precondition(picture.place >= place && picture.place <= text.count, "a picture has no place in the text")
            add(picture.place - place)
            place = picture.place
            add(Base64Text.count(of: picture.bytes), picture.bytes)
        }
        add(text.count - place)
        (self.text, self.parts, count) = (text, parts, end)
    }

    /// The whole in one piece.
    package var bytes: [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            copy(0..<count, to: UnsafeMutableRawBufferPointer(buffer))
            filled = count
        }
    }

    /// Writes a piece of the whole to the beginning of a buffer that has the room.
    func copy(_ range: Range<Int>, to target: UnsafeMutableRawBufferPointer) {
        precondition(range.upperBound <= count && range.count <= target.count, "a piece that is not there, or no room")
        for part in parts where part.range.overlaps(range) {
            let common = range.clamped(to: part.range)
            let start = common.lowerBound - range.lowerBound
            let room = UnsafeMutableRawBufferPointer(rebasing: target[start..<start + common.count])
            let first = common.lowerBound - part.range.lowerBound
            if let picture = part.picture {
                Base64Text.copy(first..<first + common.count, of: picture, to: room)
            } else {
                let from = part.place + first
                text.withUnsafeBytes { room.copyMemory(from: .init(rebasing: $0[from..<from + common.count])) }
            }
        }
    }
}

/// Base64 with padding (RFC 4648, section 4), of which any piece can be had.
private enum Base64Text {
    private static let signs = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    /// The two characters of every twelve bits; the first is the lower byte.
    private static let pairs = (0..<4096).map { UInt16(signs[$0 >> 6]) | UInt16(signs[$0 & 63]) << 8 }

    static func count(of bytes: [UInt8]) -> Int { (bytes.count + 2) / 3 * 4 }

    /// Writes a piece of the text; `room` is as long as the piece.
    static func copy(_ piece: Range<Int>, of bytes: [UInt8], to room: UnsafeMutableRawBufferPointer) {
        pairs.withUnsafeBufferPointer { pairs in
            bytes.withUnsafeBytes { bytes in
                var at = piece.lowerBound
                while at < piece.upperBound {
                    let rest = UnsafeMutableRawBufferPointer(rebasing: room[(at - piece.lowerBound)...])
                    if at % 4 == 0, rest.count >= 4 {
                        at += write(from: at / 4, of: bytes, pairs, to: rest)
                    } else {
                        at += writePart(of: at / 4, from: at % 4, of: bytes, pairs, to: rest)
                    }
                }
            }
        }
    }

    /// Writes whole groups of four characters, as many as there is room for. Answers how many characters.
    private static func write(
        from group: Int, of bytes: UnsafeRawBufferPointer, _ pairs: UnsafeBufferPointer<UInt16>,
        to room: UnsafeMutableRawBufferPointer
    ) -> Int {
        let count = room.count & ~3
        var (at, done) = (3 * group, 0)
        // Two groups at a time, from eight bytes of which six are used.
        while done + 8 <= count, at + 8 <= bytes.count {
            let word = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self))
            let first = UInt64(pairs[Int(word >> 52)]) | UInt64(pairs[Int(word >> 40 & 0xFFF)]) << 16
            let second = UInt64(pairs[Int(word >> 28 & 0xFFF)]) | UInt64(pairs[Int(word >> 16 & 0xFFF)]) << 16
            room.storeBytes(of: (first | second << 32).littleEndian, toByteOffset: done, as: UInt64.self)
            (at, done) = (at + 6, done + 8)
        }
        while done < count {
            room.storeBytes(of: signs(at: at, of: bytes, pairs), toByteOffset: done, as: UInt32.self)
            (at, done) = (at + 3, done + 4)
        }
        return count
    }

    /// Writes some characters of one group, from the one of that number on. Answers how many.
    private static func writePart(
        of group: Int, from first: Int, of bytes: UnsafeRawBufferPointer, _ pairs: UnsafeBufferPointer<UInt16>,
        to room: UnsafeMutableRawBufferPointer
    ) -> Int {
        let count = min(4 - first, room.count)
        withUnsafeBytes(of: signs(at: 3 * group, of: bytes, pairs)) {
            room.copyMemory(from: .init(rebasing: $0[first..<first + count]))
        }
        return count
    }

    /// The four characters of up to three bytes, as they lie in memory.
    private static func signs(
        at place: Int, of bytes: UnsafeRawBufferPointer, _ pairs: UnsafeBufferPointer<UInt16>
    ) -> UInt32 {
        let left = bytes.count - place
        let group = Int(bytes[place]) << 16 | (left > 1 ? Int(bytes[place + 1]) << 8 : 0)
        let last = left > 2 ? Int(bytes[place + 2]) : 0
        let text = UInt32(pairs[group >> 12]) | UInt32(pairs[(group | last) & 0xFFF]) << 16
        let padding = UInt32(UInt8(ascii: "="))
        return switch left {
        case 1: (text & 0xFFFF | padding << 16 | padding << 24).littleEndian
        case 2: (text & 0xFF_FFFF | padding << 24).littleEndian
        default: text.littleEndian
        }
    }
}
