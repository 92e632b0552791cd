// Most of a record is text in strings and the white space that programs indent with; both are passed over eight bytes
// at a time.

enum RecordWords {
    private static let ones: UInt64 = 0x0101_0101_0101_0101

    /// The first place from `start` on from which less than eight bytes are left, or where one of the next eight ends a
    /// string, opens an escape or is a control character.
    static func afterPlain(_ start: Int, in bytes: UnsafeRawBufferPointer) -> Int {
        let (quotes, backslashes) = (ones &* UInt64(UInt8(ascii: "\"")), ones &* UInt64(UInt8(ascii: "\\")))
        var at = start
        while let word = word(at, in: bytes), !hasZero(word ^ quotes), !hasZero(word ^ backslashes), !hasControl(word) {
            at += 8
        }
        return at
    }

    /// The first place after a space at `start` that is no space.
    static func afterSpaces(_ start: Int, in bytes: UnsafeRawBufferPointer) -> Int {
        var at = start + 1
        while word(at, in: bytes) == ones &* UInt64(UInt8(ascii: " ")) { at += 8 }
        while at < bytes.count, bytes[at] == UInt8(ascii: " ") { at += 1 }
        return at
    }

    /// Eight bytes; nil where there are fewer.
    private static func word(_ at: Int, in bytes: UnsafeRawBufferPointer) -> UInt64? {
        at + 8 <= bytes.count ? bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self) : nil
    }

    private static func hasZero(_ word: UInt64) -> Bool { (word &- ones) & ~word & (ones << 7) != 0 }

    /// Whether any byte is below 0x20.
    private static func hasControl(_ word: UInt64) -> Bool { (word &- (ones &* 0x20)) & ~word & (ones << 7) != 0 }
}
