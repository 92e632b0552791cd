// Films held against their own tables: whole ones pass, cut ones never do, and no bytes bring the inspector down.

import Imaging
import TestSupport
import Testing

/// Numbers that look like chance and are the same every time.
private struct Lot {
    var state: UInt64

    mutating func draw(below limit: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int((state >> 33) % UInt64(limit))
    }
}

private func facts(_ bytes: [UInt8]) throws(ImageFailure) -> MovieFacts { try MovieInspection.inspect(bytes) }

private func failure(_ bytes: [UInt8]) -> ImageFailure? {
    do throws(ImageFailure) {
        _ = try facts(bytes)
        return nil
    } catch {
        return error
    }
}

private func big(_ value: Int, _ width: Int = 4) -> [UInt8] {
    (0..<width).reversed().map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
}

private func box(_ name: String, _ content: [UInt8]) -> [UInt8] {
    big(content.count + 8) + Array(name.utf8) + content
}

/// Where the first box of a name begins (its four letters are looked for).
private func place(of name: String, in bytes: [UInt8]) throws -> Int {
    let letters = Array(name.utf8)
    let found = (0...(bytes.count - 4)).first { Array(bytes[$0..<($0 + 4)]) == letters }
    return try #require(found) - 4
}

@Suite("Films")
struct MovieTests {
    private let film = SampleFilm.mp4(edge: 16, seconds: 3)

    @Test("a whole film tells its size and its length", arguments: [1, 2, 3, 4, 5])
    func whole(seconds: Int) throws {
        let facts = try facts(SampleFilm.mp4(edge: 24, seconds: seconds))
        #expect(facts.width == 24 && facts.height == 24 && facts.contentType == "video/mp4")
        #expect(facts.seconds == Double(seconds))
    }

    @Test("a film that is cut off is found to be, wherever it was cut")
    func truncated() {
        for length in 0..<film.count {
            let found = failure(Array(film.prefix(length)))
            #expect(found != nil, "\(length) of \(film.count) bytes")
        }
        #expect(failure(Array(film.prefix(film.count - 1)))?.code == .truncated)
        #expect(failure([])?.code == .truncated)
    }

    @Test("the same with the tables behind the content, and with a content that goes on to the end of the file")
    func otherOrders() throws {
        // Between the boxes there is a stretch that nobody needs: the offsets in the tables stay what they are.
        let mdat = try place(of: "mdat", in: film)
        let ftyp = Array(film[..<(try place(of: "moov", in: film))])
        let tables = Array(film[ftyp.count..<mdat])
        let late = ftyp + box("free", [UInt8](repeating: 0, count: tables.count - 8)) + film[mdat...] + tables
        #expect(try facts(late).seconds == 3)
        for length in stride(from: 0, to: late.count, by: 7) { #expect(failure(Array(late.prefix(length))) != nil) }
        var open = film
        open.replaceSubrange(mdat..<(mdat + 4), with: big(0))
        #expect(try facts(open).seconds == 3)
        for length in mdat..<film.count { #expect(failure(Array(open.prefix(length))) != nil, "\(length)") }
    }

    @Test("a size of 64 bits is read, and one that goes beyond everything is refused")
    func longSizes() throws {
        let more = film + big(1) + Array("free".utf8) + big(24, 8) + [UInt8](repeating: 7, count: 8)
        #expect(try facts(more).seconds == 3)
        for size in [0, 15, 25, Int.max, -1] {
            let odd = film + big(1) + Array("free".utf8) + big(size, 8) + [UInt8](repeating: 7, count: 8)
            #expect(failure(odd) != nil, "\(size)")
        }
    }

    @Test("a picture, a page and a film in fragments are no films, and are told apart from a broken one")
    func otherThings() throws {
        let others = [
            NoisePicture.png(edge: 8, seed: 1), Array("<!doctype html><title>Wait</title>".utf8),
            box("ftyp", Array("heic".utf8) + big(0) + Array("mif1heic".utf8)) + box("mdat", [1, 2, 3]),
            film + box("moof", []),
        ]
        for other in others { #expect(failure(other)?.code == .unsupportedFormat) }
        #expect(failure(film + [0, 0, 0])?.code == .truncated, "bytes that belong to no box")
    }

    @Test("tables that contradict each other or the file are refused, with what is wrong")
    func contradictions() throws {
        let cases: [(name: String, offset: Int, value: [UInt8])] = [
            ("stco", 16, big(film.count - 2)), ("stco", 16, big(0)), ("stco", 20, big(0xFFFF_FFFF)),
            ("stsz", 16, big(4)), ("stsz", 20, big(film.count)), ("stts", 16, big(2)), ("stts", 12, big(0x1FFF_FFFF)),
            ("stsc", 16, big(2)), ("stsc", 20, big(9)), ("stsc", 28, big(1)), ("stco", 12, big(0x7FFF_FFFF)),
            ("mdhd", 20, big(0)), ("hdlr", 16, Array("soun".utf8)), ("mp4v", 32, big(0)), ("url ", 8, big(0)),
            ("ftyp", 4, Array("ftyq".utf8)), ("stbl", 4, Array("stbm".utf8)), ("moov", 4, Array("free".utf8)),
            ("trak", 0, big(0)), ("mdia", 0, big(7)), ("stts", 20, big(0)),
        ]
        for (name, offset, value) in cases {
            var bytes = film
            let start = try place(of: name, in: film) + offset
            bytes.replaceSubrange(start..<(start + value.count), with: value)
            let found = failure(bytes)
            #expect(found != nil && found?.message.hasSuffix(".") == true, "\(name) + \(offset): \(value)")
        }
    }

    @Test("whatever bytes are changed, the inspector comes to an end, and what passes lies within the file")
    func mutations() {
        var lot = Lot(state: 20_261_127)
        let odd: [UInt8] = [0, 1, 0x7F, 0x80, 0xFF]
        var passed = 0
        for _ in 0..<4_000 {
            var bytes = film
            for _ in 0...lot.draw(below: 4) {
                // The tables are what matters; they come first.
                let at = lot.draw(below: lot.draw(below: 4) == 0 ? bytes.count : 800)
                bytes[at] = lot.draw(below: 2) == 0 ? odd[lot.draw(below: odd.count)] : UInt8(lot.draw(below: 256))
            }
            if lot.draw(below: 3) == 0 { bytes.removeLast(lot.draw(below: bytes.count)) }
            guard let facts = try? facts(bytes) else { continue }
            passed += 1
            #expect(bytes.count == film.count, "a cut film passed")
            #expect((1...16_384).contains(facts.width) && (1...16_384).contains(facts.height))
            #expect(facts.seconds > 0 && facts.seconds <= 86_400)
        }
        #expect(passed > 100, "most changes of pixels and of times harm no table")
    }

    @Test("a flood of boxes and of tables is refused before it is worked through")
    func floods() {
        let start = box("ftyp", Array("isom".utf8) + big(0))
        let many = start + (0..<20_000).flatMap { _ in box("free", []) }
        #expect(failure(many)?.message.contains("more than") == true)
        let large = start + box("moov", [UInt8](repeating: 0, count: 9 << 20)) + box("mdat", [])
        #expect(failure(large)?.code == .unreadable)
    }
}
