// Whether a file is a whole film: an MP4 (ISO/IEC 14496-12) with a picture track, every sample of which lies within
// the file. Nothing is decoded; a film that is cut off, emptied or something else is found by its own tables.
//
// What is looked at: the boxes cover the file to its last byte; `ftyp` names a brand of films; every track of `moov`
// has a sample table whose parts agree with each other, and each of its chunks lies wholly in the content of an `mdat`;
// at least one track has pictures, with a size and a length. Films in fragments (`moof`) are refused by name: none of
// vizd's providers sends them, and a table that is spread over the file cannot be told from one that was cut off.
//
// No bytes trap here, whatever they say: numbers are read within their box and added with a look at the overflow.

package import ImagingWire

/// What a film's own tables say.
package struct MovieFacts: Hashable, Sendable {
    /// Pixels, as coded.
    package let width: Int
    package let height: Int
    /// The length of the longest picture track, in seconds; above 0.
    package let seconds: Double
    /// The media type: always `video/mp4`.
    package let contentType: String
}

/// Looks into films.
package enum MovieInspection {
    /// The most bytes of the tables.
    private static let tablesMax = 8 << 20
    /// The most tracks.
    private static let tracksMax = 32
    /// The longest film, in seconds.
    private static let secondsMax = 86_400.0
    /// The longest side.
    private static let sideMax = 16_384
    private static let brands: Set<String> = [
        "isom", "iso2", "iso3", "iso4", "iso5", "iso6", "iso7", "iso8", "iso9", "mp41", "mp42", "avc1", "hvc1", "av01",
        "M4V ", "MSNV", "dash", "qt  ",
    ]

    /// Reads the tables of a film.
    /// - Throws: `truncated` for one that ends too early, `unreadable` for one whose tables contradict each other,
    ///   `unsupportedFormat` for anything else than an MP4 film.
    package static func inspect(_ bytes: [UInt8]) throws(ImageFailure) -> MovieFacts {
        guard !bytes.isEmpty else { throw ImageFailure(.truncated, "it is empty.") }
        var reader = MovieReader(bytes)
        // Before the boxes: anything else than a film would be told to have strange ones.
        guard bytes.count >= 8, bytes[4..<8].elementsEqual("ftyp".utf8) else { throw noFilm("it begins otherwise") }
        let boxes = try reader.file()
        try checkBrand(boxes[0], reader)
        if boxes.contains(where: { $0.name == "moof" }) { throw inFragments }
        let movies = boxes.filter { $0.name == "moov" }
        guard movies.count == 1 else { throw ImageFailure.damagedMovie("it has \(movies.count) tables of contents") }
        guard movies[0].content.count <= tablesMax else { throw ImageFailure.damagedMovie("its tables are too large") }
        let media = boxes.filter { $0.name == "mdat" }.map(\.content)
        guard !media.isEmpty else { throw ImageFailure.damagedMovie("it has no content") }
        return try facts(of: movies[0], media, &reader)
    }

    private static func checkBrand(_ box: MovieBox, _ reader: MovieReader) throws(ImageFailure) {
        var names = [try reader.name(box, 0)]
        // After the version of the first come the others that it is compatible with.
        for offset in stride(from: 8, to: min(box.content.count - 3, 8 + 4 * 64), by: 4) {
            names.append(try reader.name(box, offset))
        }
        guard names.contains(where: brands.contains) else { throw noFilm("it calls itself otherwise") }
    }

    private static func facts(of movie: MovieBox, _ media: [Range<Int>], _ reader: inout MovieReader)
        throws(ImageFailure) -> MovieFacts
    {
        let parts = try reader.boxes(in: movie)
        if parts.contains(where: { $0.name == "mvex" }) { throw inFragments }
        let tracks = parts.filter { $0.name == "trak" }
        guard tracks.count <= tracksMax else { throw ImageFailure.damagedMovie("it has \(tracks.count) tracks") }
        var pictures: [MovieTrack] = []
        for box in tracks {
            let track = try MovieTrack(box, media, &reader)
            if track.showsPictures { pictures.append(track) }
        }
        guard let first = pictures.first, let longest = pictures.map(\.seconds).max() else {
            throw ImageFailure.damagedMovie("it has no pictures")
        }
        guard longest > 0, longest <= secondsMax else { throw ImageFailure.damagedMovie("it lasts \(longest) s") }
        guard (1...sideMax).contains(first.width), (1...sideMax).contains(first.height) else {
            throw ImageFailure.damagedMovie("its pictures have \(first.width) by \(first.height) pixels")
        }
        return MovieFacts(width: first.width, height: first.height, seconds: longest, contentType: "video/mp4")
    }

    private static func noFilm(_ what: String) -> ImageFailure {
        ImageFailure(.unsupportedFormat, "it is no MP4 film (\(what)).")
    }

    private static let inFragments = ImageFailure(
        .unsupportedFormat, "it is a film in fragments, which this version of vizd cannot check.")
}

/// One track, with its sample table held against the file.
private struct MovieTrack {
    let showsPictures: Bool
    /// Pixels; 0 where it shows none.
    let width: Int
    let height: Int
    let seconds: Double

    init(_ box: MovieBox, _ media: [Range<Int>], _ reader: inout MovieReader) throws(ImageFailure) {
        let parts = try MovieParts(try reader.boxes(in: box), of: "trak").boxes(in: "mdia", &reader)
        showsPictures = try reader.name(try parts.part("hdlr"), 8) == "vide"
        let information = try parts.boxes(in: "minf", &reader)
        try Self.checkPlace(information, &reader)
        let table = try information.boxes(in: "stbl", &reader)
        let samples = try MovieSamples(table, reader)
        try samples.check(against: media)
        let scale = try Self.scale(try parts.part("mdhd"), reader)
        seconds = Double(samples.ticks) / Double(scale)
        (width, height) = showsPictures ? try Self.size(try table.part("stsd"), &reader) : (0, 0)
        if showsPictures, samples.count == 0 { throw .damagedMovie("its picture track is empty") }
    }

    /// The samples are in this file and not in another that the track names.
    private static func checkPlace(_ information: MovieParts, _ reader: inout MovieReader) throws(ImageFailure) {
        let data = try information.boxes(in: "dinf", &reader)
        for entry in try reader.boxes(in: try data.part("dref"), from: 8) {
            guard try reader.number(entry, 0) & 1 == 1 else {
                throw .damagedMovie("its pictures are in another file")
            }
        }
    }

    /// Ticks a second.
    private static func scale(_ header: MovieBox, _ reader: MovieReader) throws(ImageFailure) -> Int {
        let isLong = try reader.number(header, 0, width: 1) == 1
        let scale = try reader.number(header, isLong ? 20 : 12)
        guard scale > 0 else { throw .damagedMovie("its clock stands still") }
        return scale
    }

    private static func size(_ descriptions: MovieBox, _ reader: inout MovieReader) throws(ImageFailure) -> (Int, Int) {
        guard let entry = try reader.boxes(in: descriptions, from: 8).first else {
            throw .damagedMovie("its pictures are not described")
        }
        return (Int(try reader.number(entry, 24, width: 2)), Int(try reader.number(entry, 26, width: 2)))
    }
}

/// The boxes within a box, by name.
private struct MovieParts {
    private let boxes: [MovieBox]
    private let owner: String

    init(_ boxes: [MovieBox], of owner: String) { (self.boxes, self.owner) = (boxes, owner) }

    /// The one of that name, nil where there is none.
    func optional(_ name: String) -> MovieBox? { boxes.first { $0.name == name } }

    /// The one of that name.
    func part(_ name: String) throws(ImageFailure) -> MovieBox {
        guard let box = optional(name) else { throw .damagedMovie("\(owner) lacks \(name)") }
        return box
    }

    /// What is within the one of that name.
    func boxes(in name: String, _ reader: inout MovieReader) throws(ImageFailure) -> MovieParts {
        MovieParts(try reader.boxes(in: try part(name)), of: name)
    }
}

/// The samples of one track: how many, how long, how large, and where.
private struct MovieSamples {
    /// Samples.
    let count: Int
    /// Their length altogether, in ticks of the track's clock.
    let ticks: UInt64
    /// Where each chunk begins in the file.
    private let chunks: [UInt64]
    /// Samples of a chunk, by runs: from this chunk (counted from 0) on, so many each.
    private let runs: [(first: Int, samples: Int)]
    /// The size of every sample; 0: each has its own.
    private let commonSize: Int
    private let sizes: [UInt32]

    init(_ table: MovieParts, _ reader: MovieReader) throws(ImageFailure) {
        let sizeBox = try table.part("stsz")
        (commonSize, count) = (try reader.number(sizeBox, 4), try reader.number(sizeBox, 8))
        let hasOwnSizes = commonSize == 0
        sizes =
            hasOwnSizes
            ? try Self.column(sizeBox, at: 12, count: count, width: 4, reader).map { UInt32($0) } : []
        ticks = try Self.ticks(try table.part("stts"), of: count, reader)
        if let short = table.optional("stco") {
            chunks = try Self.column(short, at: 8, count: try reader.number(short, 4), width: 4, reader)
        } else {
            let long = try table.part("co64")
            chunks = try Self.column(long, at: 8, count: try reader.number(long, 4), width: 8, reader)
        }
        runs = try Self.runs(try table.part("stsc"), chunks: chunks.count, reader)
    }

    /// One number of each row of a table whose rows begin at `start` and have `row` bytes; all rows are in the box.
    private static func column(
        _ box: MovieBox, at start: Int, count: Int, width: Int, row: Int? = nil, within offset: Int = 0,
        _ reader: MovieReader
    ) throws(ImageFailure) -> [UInt64] {
        let row = row ?? width
        guard start <= box.content.count, count <= (box.content.count - start) / row else {
            throw .damagedMovie("\(box.name) is too short")
        }
        var numbers: [UInt64] = []
        numbers.reserveCapacity(count)
        for index in 0..<count {
            numbers.append(try reader.number(box, start + index * row + offset, width: width))
        }
        return numbers
    }

    private static func ticks(_ box: MovieBox, of count: Int, _ reader: MovieReader) throws(ImageFailure) -> UInt64 {
        let entries = try reader.number(box, 4)
        let samples = try column(box, at: 8, count: entries, width: 4, row: 8, reader)
        let lengths = try column(box, at: 8, count: entries, width: 4, row: 8, within: 4, reader)
        var (covered, ticks): (UInt64, UInt64) = (0, 0)
        for (samples, length) in zip(samples, lengths) {
            let (sum, overflow) = ticks.addingReportingOverflow(samples * length)
            guard !overflow else { throw .damagedMovie("its length cannot be counted") }
            (covered, ticks) = (covered + samples, sum)
        }
        guard covered == UInt64(count) else {
            throw .damagedMovie("it has \(count) samples and times for \(covered)")
        }
        return ticks
    }

    private static func runs(_ box: MovieBox, chunks: Int, _ reader: MovieReader)
        throws(ImageFailure) -> [(first: Int, samples: Int)]
    {
        let entries = try reader.number(box, 4)
        let firsts = try column(box, at: 8, count: entries, width: 4, row: 12, reader)
        let samples = try column(box, at: 8, count: entries, width: 4, row: 12, within: 4, reader)
        var runs: [(first: Int, samples: Int)] = []
        for (first, samples) in zip(firsts, samples) {
            let isNext = runs.isEmpty ? first == 1 : Int(first) - 1 > runs[runs.count - 1].first
            guard isNext, first <= UInt64(chunks) else { throw .damagedMovie("its chunks are out of order") }
            runs.append((Int(first) - 1, Int(samples)))
        }
        guard chunks == 0 || !runs.isEmpty else { throw .damagedMovie("its chunks have no samples") }
        return runs
    }

    /// Every chunk lies wholly in one of the file's stretches of content, and together they have all samples.
    func check(against media: [Range<Int>]) throws(ImageFailure) {
        var sample = 0
        var run = 0
        for (chunk, start) in chunks.enumerated() {
            if run + 1 < runs.count, runs[run + 1].first == chunk { run += 1 }
            let samples = runs[run].samples
            guard samples <= count - sample else { throw .damagedMovie("its chunks have more samples than it") }
            let size = size(of: sample..<(sample + samples))
            guard Self.lies(start, size, in: media) else {
                throw ImageFailure(
                    .truncated, "its content is not all there (chunk \(chunk + 1) of \(chunks.count) lies outside).")
            }
            sample += samples
        }
        guard sample == count else {
            throw .damagedMovie("it has \(count) samples, its chunks have \(sample)")
        }
    }

    /// Bytes; no sum of 32-bit sizes of samples that stand in a table of megabytes overflows, nor does a product of
    /// two 32-bit numbers.
    private func size(of samples: Range<Int>) -> UInt64 {
        if commonSize > 0 { return UInt64(samples.count) * UInt64(commonSize) }
        return sizes[samples].reduce(0) { $0 + UInt64($1) }
    }

    /// The stretches are in the order of the file, so the last one that begins early enough is the only one that can
    /// hold it.
    private static func lies(_ start: UInt64, _ size: UInt64, in media: [Range<Int>]) -> Bool {
        var (low, high) = (0, media.count)
        while low < high {
            let middle = (low + high) / 2
            if UInt64(media[middle].lowerBound) <= start { low = middle + 1 } else { high = middle }
        }
        guard low > 0 else { return false }
        let end = UInt64(media[low - 1].upperBound)
        return start <= end && size <= end - start
    }
}
