// A real, small film: an MP4 (ISO/IEC 14496-12) with one picture track whose samples are PNG pictures, as the MPEG-4
// registration authority numbers them (object type 0x6D). Players that build on libavcodec show it; a browser does not,
// since it wants a video codec. Each sample is a key picture and lasts a second.
//
// The table of contents stands before the content, as services deliver films for the web, so a film that is cut off
// anywhere lacks content that its tables promise.

/// The writer.
package enum Movie {
    /// Ticks a second.
    private static let scale = 1000

    /// A film of these pictures (PNG files of one size), a second each.
    package static func encode(width: Int, height: Int, pictures: [[UInt8]]) -> [UInt8] {
        encode(PictureSize(width: width, height: height), pictures: pictures)
    }

    static func encode(_ size: PictureSize, pictures: [[UInt8]]) -> [UInt8] {
        let type = box("ftyp", Array("isom".utf8) + big(0x200) + Array("isomiso2mp41".utf8))
        // The tables are as long whatever the offsets in them are, so a first draft tells where the content begins.
        let draft = tables(size, pictures, from: 0)
        let start = type.count + draft.count + 8
        return type + tables(size, pictures, from: start) + box("mdat", pictures.flatMap { $0 })
    }

    private static func tables(_ size: PictureSize, _ pictures: [[UInt8]], from start: Int) -> [UInt8] {
        let ticks = pictures.count * scale
        let header = full(
            "mvhd",
            joined(
                zeros(8), big(scale), big(ticks), big(0x0001_0000), short(0x0100), zeros(10), matrix, zeros(24), big(2))
        )
        return box("moov", header + track(size, pictures, ticks, from: start))
    }

    private static func track(_ size: PictureSize, _ pictures: [[UInt8]], _ ticks: Int, from start: Int) -> [UInt8] {
        let header = full(
            "tkhd", flags: 3,
            joined(
                zeros(8), big(1), zeros(4), big(ticks), zeros(16), matrix, big(size.width << 16), big(size.height << 16)
            ))
        // `und`: no language.
        let clock = full("mdhd", joined(zeros(8), big(scale), big(ticks), short(0x55C4), zeros(2)))
        let handler = full("hdlr", joined(zeros(4), Array("vide".utf8), zeros(12), Array("Simulated film\0".utf8)))
        let place = box("dinf", full("dref", big(1) + full("url ", flags: 1, [])))
        let picture = full("vmhd", flags: 1, zeros(8))
        let information = box("minf", picture + place + table(size, pictures, from: start))
        return box("trak", header + box("mdia", clock + handler + information))
    }

    /// A chunk for each pair of samples, so that there is something to go wrong.
    private static func table(_ size: PictureSize, _ pictures: [[UInt8]], from start: Int) -> [UInt8] {
        let perChunk = 2
        var offsets: [Int] = []
        var at = start
        for (index, picture) in pictures.enumerated() {
            if index % perChunk == 0 { offsets.append(at) }
            at += picture.count
        }
        var runs = [(first: 1, samples: perChunk)]
        let last = pictures.count % perChunk
        if last > 0 { runs = offsets.count > 1 ? runs + [(offsets.count, last)] : [(1, last)] }
        let kinds = full("stsd", joined(big(1), description(size)))
        let times = full("stts", joined(big(1), big(pictures.count), big(scale)))
        let chunks = full(
            "stsc", joined(big(runs.count), runs.flatMap { joined(big($0.first), big($0.samples), big(1)) }))
        let sizes = full("stsz", joined(zeros(4), big(pictures.count), pictures.flatMap { big($0.count) }))
        let places = full("stco", joined(big(offsets.count), offsets.flatMap { big($0) }))
        return box("stbl", joined(kinds, times, chunks, sizes, places))
    }

    /// `mp4v` with an elementary stream descriptor (ISO/IEC 14496-1) that names PNG.
    private static func description(_ size: PictureSize) -> [UInt8] {
        let decoder = joined([0x6D, 0x11], zeros(11))
        let stream = joined(short(1), [0], tagged(4, decoder), tagged(6, [2]))
        let start = joined(zeros(6), short(1), zeros(16), short(size.width), short(size.height))
        // 72 dots an inch, one picture a sample, no name, 24 bits deep, no colour table.
        let shape = joined(big(0x0048_0000), big(0x0048_0000), zeros(4), short(1), zeros(32), short(24), short(0xFFFF))
        return box("mp4v", joined(start, shape, full("esds", tagged(3, stream))))
    }

    private static let matrix: [UInt8] = [0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x4000_0000].flatMap { big($0) }

    private static func tagged(_ tag: UInt8, _ content: [UInt8]) -> [UInt8] { [tag, UInt8(content.count)] + content }

    private static func joined(_ parts: [UInt8]...) -> [UInt8] { parts.flatMap { $0 } }

    private static func zeros(_ count: Int) -> [UInt8] { [UInt8](repeating: 0, count: count) }

    /// A box with a version (0) and flags.
    private static func full(_ name: String, flags: Int = 0, _ content: [UInt8]) -> [UInt8] {
        box(name, big(flags) + content)
    }

    private static func box(_ name: String, _ content: [UInt8]) -> [UInt8] {
        big(content.count + 8) + Array(name.utf8) + content
    }

    private static func big(_ value: Int) -> [UInt8] {
        [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
    }

    private static func short(_ value: Int) -> [UInt8] { [8, 0].map { UInt8(truncatingIfNeeded: value >> $0) } }
}
