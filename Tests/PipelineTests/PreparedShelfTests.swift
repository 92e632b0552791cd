// The shelf of prepared photos and the names of its files.

import Digest
import Imaging
import Linux
import Testing

@testable import Pipeline

private func digest(_ number: Int) -> SHA256Digest { SHA256.of(Array("photo \(number)".utf8)) }

private func shape(_ number: Int, width: Int = 100, check: String = "0123456789abcdef") -> PreparedShape {
    PreparedShape(
        digest: digest(number), options: .init(PrepareOptions()), width: width, height: 50,
        content: PixelRect(left: 1, top: 2, width: 30, height: 40), backdrop: nil, check: check)
}

@Suite("The shelf of prepared photos")
struct PreparedShelfTests {
    @Test("what was put comes back, what was forgotten or never put does not")
    func takes() {
        var shelf = PreparedShelf(bytesMax: 1000)
        #expect(shelf.put(shape(1), bytes: 10).isEmpty)
        #expect(shelf.take(digest(1)) == shape(1))
        #expect(shelf.take(digest(2)) == nil)
        #expect(shelf.forget(digest(1)) == shape(1))
        #expect(shelf.forget(digest(1)) == nil)
        #expect(shelf.take(digest(1)) == nil)
    }

    @Test("the least recently used go first, down to nine tenths, and never the one that came")
    func leastRecentlyUsed() {
        var shelf = PreparedShelf(bytesMax: 100)
        for number in 1...10 { #expect(shelf.put(shape(number), bytes: 10).isEmpty) }
        _ = shelf.take(digest(1))
        #expect(shelf.put(shape(11), bytes: 10) == [shape(2), shape(3)])
        #expect(shelf.take(digest(1)) == shape(1))
        #expect(shelf.put(shape(12), bytes: 500).count == 9)
        #expect(shelf.take(digest(12)) == shape(12), "one that is larger than the shelf is kept until the next comes")
    }

    @Test("what a picture was when it was read is known as long as the picture is kept")
    func sights() throws {
        var shelf = PreparedShelf(bytesMax: 100)
        let file = FileState(try OpenFile.inMemory([1]).info())
        let sight = PreparedShelf.Sight(file: file, content: SHA256.of([1]))
        shelf.saw(sight, of: digest(1))
        #expect(shelf.sight(of: digest(1)) == nil, "nothing is kept")
        _ = shelf.put(shape(1), bytes: 10)
        #expect(shelf.sight(of: digest(1)) == nil)
        shelf.saw(sight, of: digest(1))
        #expect(shelf.sight(of: digest(1))?.content == SHA256.of([1]))
        #expect(shelf.sight(of: digest(1))?.file == file)
        _ = shelf.put(shape(1, width: 101), bytes: 10)
        #expect(shelf.sight(of: digest(1)) == nil, "another picture of the same photo is looked at anew")
    }

    @Test("pictures in hand are shared up to their limit, and one that was made anew takes the place of the former")
    func inHand() {
        let photo = { (number: Int, count: Int, width: Int) in
            let bytes = [UInt8](repeating: UInt8(number), count: count)
            return PreparedPhoto(bytes: bytes, shape: shape(number, width: width), content: SHA256.of(bytes))
        }
        var photos = PhotosInHand(bytesMax: 100)
        photos.put(photo(1, 60, 100))
        photos.put(photo(1, 60, 100))
        photos.put(photo(2, 40, 100))
        #expect(photos[digest(1)] == photo(1, 60, 100) && photos[digest(2)] == photo(2, 40, 100))
        photos.put(photo(1, 50, 101))
        #expect(photos[digest(1)] == photo(1, 50, 101) && photos[digest(2)] != nil, "the former is not counted")
        photos.put(photo(3, 20, 100))
        #expect(photos[digest(1)] == nil && photos[digest(2)] == nil && photos[digest(3)] != nil)
        photos.put(photo(4, 101, 100))
        #expect(photos[digest(4)] == nil && photos[digest(3)] != nil, "one that is larger is not shared")
        photos.letGo()
        #expect(photos[digest(3)] == nil)
    }

    @Test("a photo prepared anew takes the place of its former picture, whose file goes")
    func replaces() {
        var shelf = PreparedShelf(bytesMax: 100)
        _ = shelf.put(shape(1), bytes: 60)
        #expect(shelf.put(shape(1, width: 101), bytes: 60) == [shape(1)], "counted once")
        #expect(shelf.put(shape(1, width: 101), bytes: 60).isEmpty, "the same file stays")
        #expect(shelf.take(digest(1)) == shape(1, width: 101))
    }

    @Test("whatever is put, taken and forgotten, the shelf holds no more than its limit and tells of all that goes")
    func property() {
        var random = Steady(seed: 42)
        for _ in 0..<200 {
            let limit = Int.random(in: 50...500, using: &random)
            var (shelf, held): (PreparedShelf, [Int: Int]) = (PreparedShelf(bytesMax: limit), [:])
            for _ in 0..<100 {
                let number = Int.random(in: 0..<12, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: #expect((shelf.take(digest(number)) != nil) == (held[number] != nil))
                case 1: #expect((shelf.forget(digest(number)) != nil) == (held.removeValue(forKey: number) != nil))
                default:
                    let size = Int.random(in: 1...limit, using: &random)
                    for gone in shelf.put(shape(number), bytes: size) {
                        let other = (0..<12).first { digest($0) == gone.digest }
                        #expect(other != number && held.removeValue(forKey: other ?? -1) != nil)
                    }
                    held[number] = size
                    let others = held.filter { $0.key != number }.values.reduce(0, +)
                    #expect(others + size <= limit || others == 0)
                }
            }
        }
    }
}

@Suite("The names of prepared photos")
struct PreparedShapeTests {
    @Test("a shape comes back from its file's name, whatever is in it")
    func roundTrip() {
        var random = Steady(seed: 7)
        for number in 0..<500 {
            let (width, height) = (Int.random(in: 1...8192, using: &random), Int.random(in: 1...8192, using: &random))
            let (left, top) = (Int.random(in: 0..<width, using: &random), Int.random(in: 0..<height, using: &random))
            let content = PixelRect(
                left: left, top: top, width: Int.random(in: 1...width - left, using: &random),
                height: Int.random(in: 1...height - top, using: &random))
            let shape = PreparedShape(
                digest: digest(number),
                options: .init(PrepareOptions(maximumEdge: 16 + number, quality: 1 + number % 100)), width: width,
                height: height, content: content,
                backdrop: number % 3 == 0 ? nil : UInt32.random(in: 0...0xFFFFFF, using: &random),
                check: PreparedShape.check(of: SHA256.of([UInt8](repeating: 1, count: number))))
            #expect(PreparedShape(fileName: shape.fileName) == shape)
            #expect(shape.fileName.bytes.count <= 255)
        }
    }

    @Test("names that are not exactly ours are refused, however near")
    func foreign() throws {
        let name = try #require(shape(1).fileName.string)
        #expect(PreparedShape(fileName: FileName(name)) != nil)
        let near = [
            name.uppercased(), "." + name, name + ".jpg", String(name.dropLast()), name.replacing(".jpg", with: ".png"),
            name.replacing("100x50", with: "0100x50"), name.replacing("100x50", with: "+100x50"),
            name.replacing("100x50", with: "10x50"), name.replacing("1.2.30.40", with: "1.2.30.49"),
            name.replacing("1.2.30.40", with: "-1.2.30.40"), name.replacing("1.2.30.40", with: "1.2.0.40"),
            name.replacing("1.2.30.40", with: "9223372036854775807.2.30.40"),
            name.replacing("1.2.30.40", with: "1.2.9223372036854775807.40"),
            name.replacing("100x50", with: "9223372036854775808x50"), name.replacing("none", with: "-1"),
            name.replacing("none", with: "0ff"), name.replacing("none", with: "100000000"),
            name.replacing("none", with: ""), name.replacing("0123456789abcdef", with: "0123456789ABCDEF"),
            name.replacing("0123456789abcdef", with: "0123"), name.replacing("_none", with: "_none_none"), "", ".jpg",
            "_____.jpg",
        ]
        for foreign in near { #expect(PreparedShape(fileName: FileName(foreign)) == nil, "\(foreign)") }
        #expect(PreparedShape(fileName: FileName(bytes: [0xFF] + shape(1).fileName.bytes)) == nil)
    }

    @Test("a name with any one byte changed is refused or stands for another shape, and never for the same")
    func oneByte() {
        let bytes = shape(1).fileName.bytes
        for index in bytes.indices {
            for byte in UInt8.min...UInt8.max where byte != bytes[index] && byte != 0 {
                var changed = bytes
                changed[index] = byte
                guard let read = PreparedShape(fileName: FileName(bytes: changed)) else { continue }
                #expect(read != shape(1) && read.fileName.bytes == changed)
            }
        }
    }
}

/// Numbers that are the same in every run (SplitMix64).
struct Steady: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}
