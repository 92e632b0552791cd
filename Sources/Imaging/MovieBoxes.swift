// The boxes of an ISO base media file (ISO/IEC 14496-12): a size, a name of four letters, a content, and often more
// boxes within it.
//
// Whatever the bytes are, reading them ends: every number is read within its box, every box lies within the one around
// it, and how many are read is bounded. What does not fit is an `ImageFailure` about the film.

internal import ImagingWire

/// One box.
struct MovieBox: Sendable {
    /// Four letters: `moov`.
    let name: String
    /// Where its content is in the file.
    let content: Range<Int>
}

/// Reads a film's bytes.
struct MovieReader {
    /// A film has a few dozen boxes; one in fragments, or with many tracks, some hundreds.
    private static let boxesMax = 10_000

    let bytes: [UInt8]
    private var boxesLeft = MovieReader.boxesMax

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    // MARK: Boxes

    /// The boxes of the whole file: they cover it to its last byte.
    mutating func file() throws(ImageFailure) -> [MovieBox] { try boxes(in: 0..<bytes.count, of: nil) }

    /// The boxes within a box, from an offset of its content on.
    mutating func boxes(in box: MovieBox, from offset: Int = 0) throws(ImageFailure) -> [MovieBox] {
        guard offset <= box.content.count else { throw .damagedMovie("\(box.name) is too short") }
        return try boxes(in: box.content.dropFirst(offset), of: box.name)
    }

    /// - Parameter owner: the box around them; nil for the file.
    private mutating func boxes(in range: Range<Int>, of owner: String?) throws(ImageFailure) -> [MovieBox] {
        var found: [MovieBox] = []
        var at = range.lowerBound
        while at < range.upperBound {
            boxesLeft -= 1
            guard boxesLeft >= 0 else {
                throw .damagedMovie("it has more than \(MovieReader.boxesMax) parts")
            }
            let box = try self.box(at: at, in: range, of: owner)
            found.append(box)
            at = box.content.upperBound
        }
        return found
    }

    private func box(at start: Int, in range: Range<Int>, of owner: String?) throws(ImageFailure) -> MovieBox {
        let left = range.upperBound - start
        guard left >= 8 else { throw .tooShort(owner, says: 8, has: left) }
        let name = self.name(at: start + 4)
        var (header, size) = (8, UInt64(number32(start)))
        if size == 1 {
            guard left >= 16 else { throw .tooShort(owner ?? name, says: 16, has: left) }
            (header, size) = (16, UInt64(number32(start + 8)) << 32 | UInt64(number32(start + 12)))
        } else if size == 0 {
            // To the end of the file, which only the file's own boxes may say.
            guard owner == nil else { throw .damagedMovie("\(name) within \(owner ?? "") has no size") }
            size = UInt64(left)
        }
        guard size >= UInt64(header) else { throw .damagedMovie("\(name) has \(size) bytes") }
        guard size <= UInt64(left) else {
            if owner == nil { throw .tooShort(name, says: size, has: left) }
            throw .damagedMovie("\(name) is larger than \(owner ?? "") around it")
        }
        return MovieBox(name: name, content: (start + header)..<(start + Int(size)))
    }

    // MARK: Numbers

    /// A number of `width` bytes (1 to 8) at an offset of a box's content, the highest byte first.
    func number(_ box: MovieBox, _ offset: Int, width: Int) throws(ImageFailure) -> UInt64 {
        guard offset >= 0, width <= box.content.count, offset <= box.content.count - width else {
            throw .damagedMovie("\(box.name) is too short")
        }
        let start = box.content.lowerBound + offset
        return bytes[start..<(start + width)].reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// A number of four bytes.
    func number(_ box: MovieBox, _ offset: Int) throws(ImageFailure) -> Int {
        Int(try number(box, offset, width: 4))
    }

    /// Four letters at an offset of a box's content.
    func name(_ box: MovieBox, _ offset: Int) throws(ImageFailure) -> String {
        _ = try number(box, offset, width: 4)
        return name(at: box.content.lowerBound + offset)
    }

    private func name(at start: Int) -> String {
        String(String.UnicodeScalarView(bytes[start..<(start + 4)].map { Unicode.Scalar($0) }))
    }

    private func number32(_ start: Int) -> UInt32 {
        bytes[start..<(start + 4)].reduce(0) { $0 << 8 | UInt32($1) }
    }
}

extension ImageFailure {
    /// `what` is a clause.
    static func damagedMovie(_ what: String) -> ImageFailure {
        ImageFailure(.unreadable, "it cannot be read as a film (\(printed(what))).")
    }

    /// The file ends before a box of it does.
    fileprivate static func tooShort(_ box: String?, says size: some BinaryInteger, has left: Int) -> ImageFailure {
        ImageFailure(
            .truncated,
            "it ends before its film does (\(printed(box ?? "its last part")) needs \(size) bytes, \(left) are there).")
    }

    /// Names of boxes are four bytes that somebody else wrote.
    private static func printed(_ text: String) -> String {
        String(text.unicodeScalars.map { (0x20...0x7E).contains($0.value) ? Character($0) : "?" })
    }
}
