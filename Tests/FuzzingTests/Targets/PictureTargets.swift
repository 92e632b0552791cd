// What vizd reads of pictures and films itself, and the words between it and its image workers.

import Contract

@testable import Imaging
@testable import ImagingWire

extension FuzzTarget {
    /// A film: facts that can be, or a sentence.
    static let movies = FuzzTarget(
        "movies", executions: 20_000, bytes: [SmallFilm.bytes],
        words: [
            "ftyp", "moov", "mdat", "trak", "mdia", "minf", "stbl", "stsd", "stts", "stsc", "stsz", "stco", "co64",
            "mvhd",
            "tkhd", "mdhd", "hdlr", "vide", "isom", "moof", "free", "uuid", "\0\0\0\u{1}",
        ]
    ) { bytes in
        do throws(ImageFailure) {
            let facts = try MovieInspection.inspect(bytes)
            guard (1...16_384).contains(facts.width), (1...16_384).contains(facts.height), facts.seconds > 0,
                facts.seconds <= 86_400
            else { throw ImageFailure(.unreadable, "") }
        } catch {
            try hold(!error.message.isEmpty, "facts that cannot be")
            try isFitToPrint(error.message)
        }
    }

    /// Orders and answers between vizd and a worker: what is read writes itself again, byte for byte.
    static let wire = FuzzTarget(
        "wire", executions: 40_000,
        bytes: [
            ImageOrder(number: 1, mostBytes: 1 << 20, mostPixels: 1 << 20, task: .inspect).encode(),
            ImageOrder(number: 2, mostBytes: 9, mostPixels: 9, task: .prepare(PrepareOptions())).encode(),
            ImageOrder(number: 3, mostBytes: 9, mostPixels: 9, task: .verify(quality: 92)).encode(),
            ImageOrder(
                number: 4, mostBytes: 9, mostPixels: 9,
                task: .compose(
                    SheetOrder(
                        width: 16, height: 16, ground: 0,
                        cells: [SheetCell(image: 0, crop: square, target: square, backdrop: 7)]), lengths: [9])
            ).encode(),
        ]
    ) { bytes in
        if let order = read({ () throws(WireFault) in try ImageOrder(decoding: bytes) }) {
            try hold(order.encode() == bytes, "an order writes itself otherwise")
        }
        if let message = read({ () throws(WireFault) in try WorkerMessage(decoding: bytes) }) {
            let again = read { () throws(WireFault) in try WorkerMessage(decoding: message.encode()) }
            try hold(again == message, "a message reads back as another")
        }
    }

    private static let square = PixelRect(left: 0, top: 0, width: 16, height: 16)

    private static func read<Value>(_ body: () throws(WireFault) -> Value) -> Value? {
        do throws(WireFault) { return try body() } catch { return nil }
    }
}

/// A film of one sample, as small as one can be.
enum SmallFilm {
    static let bytes: [UInt8] = {
        let head = box("ftyp", Array("isom".utf8) + word(0) + Array("isom".utf8))
        // Where the one sample stands: after the first box and the head of the second.
        let sample = UInt32(head.count + 8)
        let table =
            box("stsd", word(0) + word(1) + box("avc1", [UInt8](repeating: 0, count: 24) + [0, 16, 0, 16] + rest(50)))
            + box("stts", word(0) + word(1) + word(1) + word(1))
            + box("stsc", word(0) + word(1) + word(1) + word(1) + word(1))
            + box("stsz", word(0) + word(4) + word(1)) + box("stco", word(0) + word(1) + word(sample))
        let media =
            box("mdhd", word(0) + word(0) + word(0) + word(1) + word(1) + word(0))
            + box("hdlr", word(0) + word(0) + Array("vide".utf8) + rest(13)) + box("minf", box("stbl", table))
        let track = box("tkhd", word(0) + rest(72) + word(16 << 16) + word(16 << 16)) + box("mdia", media)
        let movie = box("mvhd", word(0) + word(0) + word(0) + word(1) + word(1) + rest(80)) + box("trak", track)
        return head + box("mdat", [1, 2, 3, 4]) + box("moov", movie)
    }()

    private static func box(_ name: String, _ content: [UInt8]) -> [UInt8] {
        word(UInt32(content.count + 8)) + Array(name.utf8) + content
    }

    private static func word(_ value: UInt32) -> [UInt8] {
        [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
    }

    private static func rest(_ count: Int) -> [UInt8] { [UInt8](repeating: 0, count: count) }
}
