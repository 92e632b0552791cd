// Pictures that are built to hurt end in a picture or in a clear failure of that one order: no worker hangs beyond its
// deadline, none takes more memory than it may, and the next photo is served. What each of them cost is printed, which
// is where the figures of docs/SECURITY.md come from: scripts/test --filter HostilePictureTests

import Imaging
import Linux
import TestSupport
import Testing

@Suite("Hostile pictures", .serialized)
struct HostilePictureTests {
    /// A file and how it may end; nil is a picture.
    struct Case: CustomTestStringConvertible, Sendable {
        let testDescription: String
        /// Made when they are wanted: there are many of them.
        let bytes: @Sendable () -> [UInt8]
        let ends: [ImageFailure.Code?]

        init(
            _ name: String, _ bytes: @autoclosure @escaping @Sendable () -> [UInt8], _ ends: ImageFailure.Code?...
        ) {
            (testDescription, self.bytes, self.ends) = (name, bytes, ends)
        }
    }

    private static func committed(_ name: String) -> [UInt8] {
        do {
            return try Studio.picture(name).read(limit: 1 << 22)
        } catch {
            preconditionFailure("\(name): \(error)")
        }
    }

    private static let (jpeg, gif, heif) = (
        committed("orientation-1.jpg"), committed("animated.gif"), HEIFBytes(corners: committed("corners.heic"))
    )

    private static let hundredMegabytes = 100 << 20

    static let pixels: [Case] = [
        Case("PNG of 2,147,483,647 x 2,147,483,647", PNGBytes.grey(0x7FFF_FFFF, 0x7FFF_FFFF, pixels: []), .unreadable),
        Case("PNG of 60,000 x 60,000", committed("bomb.png"), .tooManyPixels),
        Case("JPEG of 65,500 x 65,500", JPEGBytes.scans(1, width: 65_500, height: 65_500), .tooManyPixels),
        Case(
            "GIF of 65,535 x 65,535 with one pixel in it",
            cat(GIFBytes.header(65_535, 65_535), GIFBytes.frame(1, 1), [0x3B]), nil
        ),
        Case(
            "TIFF of 2,147,483,647 x 2,147,483,647",
            TIFFBytes.one(TIFFBytes.grey(0x7FFF_FFFF, 0x7FFF_FFFF, at: 8, bytes: 100)), .unreadable, .tooManyPixels),
        Case(
            "WebP of 16,384 x 16,384",
            cat(
                ascii("RIFF"), littleEndian(30, 4), ascii("WEBPVP8L"), littleEndian(18, 4),
                [0x2F, 0xFF, 0xFF, 0xFF, 0x0F], many(13, [0])), .tooManyPixels, .unreadable),
        Case(
            "HEIC said to be of 40,000 x 40,000", heif.claiming(40_000, 40_000), .tooManyPixels, .unreadable,
            .workerDied),
        Case("PNG, 99 megapixels of nothing", PNGBytes.grey(11_000, 9_000), nil),
        Case("PNG, 70 megapixels of one bit", committed("slow.png"), nil),
        Case("WebP, 96 megapixels of nothing", committed("large.webp"), nil, .workerDied),
    ]

    static let packing: [Case] = [
        Case(
            "PNG whose 100 rows unpack to 100 MB", PNGBytes.grey(100, 100, pixels: packed(0, times: hundredMegabytes)),
            nil),
        Case(
            "PNG with a comment that unpacks to 100 MB",
            PNGBytes.grey(
                100, 100, PNGBytes.chunk("zTXt", cat(ascii("Comment\0\0"), packed(65, times: hundredMegabytes)))), nil),
        Case(
            "PNG with a profile that unpacks to 100 MB",
            PNGBytes.grey(100, 100, PNGBytes.chunk("iCCP", cat(ascii("icc\0\0"), packed(65, times: hundredMegabytes)))),
            nil),
        Case(
            "PNG with 200,000 comments",
            PNGBytes.grey(
                100, 100,
                many(200_000, PNGBytes.chunk("tEXt", ascii("a\0b")))),
            nil, .unreadable),
        Case(
            "TIFF whose one strip unpacks to 100 MB",
            TIFFBytes.one(
                TIFFBytes.grey(100, 100, packing: 8, at: 122, bytes: packed(0, times: hundredMegabytes).count),
                packed(0, times: hundredMegabytes)), nil, .unreadable, .truncated),
        Case(
            "progressive JPEG with 4,000 scans over 64 megapixels", JPEGBytes.scans(4000, width: 8000, height: 8000),
            .unreadable),
        Case(
            "GIF of 100,000 frames",
            cat(GIFBytes.header(1, 1), many(100_000, GIFBytes.frame(1, 1)), [0x3B]),
            nil),
        Case(
            "GIF with a frame far larger than itself",
            cat(GIFBytes.header(16, 16), GIFBytes.frame(65_535, 65_535), [0x3B]), nil, .unreadable, .truncated,
            .tooManyPixels),
        Case(
            "HEIC of 14,400 tiles", heif.grid(rows: 120, columns: 120, width: 11_520, height: 7680), nil, .unreadable,
            .timedOut),
        Case(
            "HEIC of 65,025 tiles", heif.grid(rows: 255, columns: 255, width: 8000, height: 8000), nil, .unreadable,
            .truncated, .timedOut),
        Case(
            "HEIC that is its own tile", heif.grid(rows: 1, columns: 1, width: 96, height: 64, ofItself: true),
            .unreadable, .truncated),
        Case("HEIC that says less than it holds", heif.claiming(8, 8), nil, .unreadable, .truncated),
        Case("HEIC that says more than it holds", heif.claiming(9000, 9000), nil, .unreadable, .truncated),
    ]

    static let metadata: [Case] = [
        Case(
            "16 MB of colour profile",
            JPEGBytes.adding(
                JPEGBytes.profile([UInt8](repeating: 7, count: 255 * 65_000)), to: jpeg), nil),
        Case(
            "a profile of 4 GB by its own word, with 4,294,967,295 tags",
            JPEGBytes.adding(
                JPEGBytes.profile(
                    cat(
                        bigEndian(0xFFFF_FFFF, 4), many(8, [0]), ascii("mntrRGB XYZ "), many(12, [0]), ascii("acsp"),
                        many(88, [0]), bigEndian(0xFFFF_FFFF, 4), many(400, [255]))), to: jpeg), nil),
        Case(
            "EXIF whose directory is the next of itself",
            JPEGBytes.adding(
                JPEGBytes.exif([(0x0112, 3, 1, 1)], next: 8), to: jpeg), nil),
        Case(
            "EXIF that lies in itself",
            JPEGBytes.adding(JPEGBytes.exif([(0x8769, 4, 1, 8), (0x8825, 4, 1, 8), (0xA005, 4, 1, 8)]), to: jpeg), nil),
        Case(
            "EXIF with 65,535 entries that are not there",
            JPEGBytes.adding(
                JPEGBytes.exif([(0x010F, 2, 0xFFFF_FFFF, 8)], count: 65_535), to: jpeg), nil),
        Case(
            "EXIF with text of 4 GB",
            JPEGBytes.adding(
                JPEGBytes.exif([(0x010F, 2, 0xFFFF_FFFF, 8), (0x9286, 7, 0x7FFF_FFFF, 0xFFFF_FFF0)]), to: jpeg), nil),
        Case("orientation 0", JPEGBytes.adding(JPEGBytes.exif([(0x0112, 3, 1, 0)]), to: jpeg), nil),
        Case("orientation 9", JPEGBytes.adding(JPEGBytes.exif([(0x0112, 3, 1, 9)]), to: jpeg), nil),
        Case("orientation 65,535", JPEGBytes.adding(JPEGBytes.exif([(0x0112, 3, 1, 65_535)]), to: jpeg), nil),
        Case(
            "an orientation that is text",
            JPEGBytes.adding(
                JPEGBytes.exif([(0x0112, 2, 4, 0x0041_4141)]), to: jpeg), nil),
        Case(
            "40 MB of comments",
            JPEGBytes.adding(
                many(640, JPEGBytes.segment(0xFE, [UInt8](repeating: 65, count: 65_533))), to: jpeg), nil),
        Case(
            "TIFF whose directory is the next of itself",
            TIFFBytes.one(
                TIFFBytes.grey(10, 10, at: 122, bytes: 100), next: 8, [UInt8](repeating: 9, count: 100)),
            nil, .unreadable),
        Case(
            "TIFF with its pixels behind its end",
            TIFFBytes.one(TIFFBytes.grey(1000, 1000, at: 0x7FFF_FFFF, bytes: 1_000_000)), .unreadable, .truncated),
        Case(
            "TIFF with an entry of 4,294,967,295 numbers",
            TIFFBytes.one(TIFFBytes.endless),
            .unreadable, .truncated),
    ]

    /// Every order a worker of its own, so that its memory is this order's.
    private func run(_ hostile: Case) async throws -> (ends: [ImageFailure.Code?], line: String) {
        let change: (inout ImageLimits) -> Void = { ($0.residentBytes, $0.orderDeadline) = (4 << 30, 20_000_000_000) }
        let bytes = hostile.bytes()
        let photo = try OpenFile.inMemory(bytes)
        var ends: [ImageFailure.Code?] = []
        var line = "\(hostile.testDescription) (\(bytes.count) bytes)"
        for task in ["prepare", "verify"] {
            try await Studio.with(1, change) { workers in
                _ = try await workers.inspect(Studio.picture("noise.jpg"))
                let worker = try #require(workers.report()[0].processID)
                let start = MonotonicClock.now()
                let failure = await Studio.failure { () throws(ImageFailure) in
                    if task == "prepare" {
                        _ = try await workers.prepare(photo)
                    } else {
                        _ = try await workers.verify(photo)
                    }
                }
                let time = (MonotonicClock.now() - start) / 1_000_000
                ends.append(failure?.code)
                let peak = workers.report()[0].processID == worker ? try peak(worker) : "worker gone"
                line += " | \(task): \(failure.map { "\($0.code)" } ?? "picture"), \(time) ms, \(peak)"
                _ = try await workers.prepare(Studio.picture("noise.jpg"))
            }
        }
        return (ends, line)
    }

    private func peak(_ worker: Int32) throws -> String {
        let text = String(decoding: try Host.readFile("/proc/\(worker)/status", limit: 1 << 16), as: UTF8.self)
        let line = text.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
        return "\((line?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) / 1024) MB"
    }

    @Test(
        "a pixel bomb, a packed bomb or metadata that lies costs its own order at most",
        arguments: [pixels, packing, metadata].flatMap { $0 })
    func bombs(hostile: Case) async throws {
        let (ends, line) = try await run(hostile)
        print("hostile: \(line)")
        for end in ends { #expect(hostile.ends.contains(end), "\(line)") }
    }

    @Test(
        "what is no picture is refused by its first bytes, whatever it is called",
        arguments: [
            "<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>",
            "<?xml version='1.0'?><!DOCTYPE svg [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><svg>&x;</svg>",
            "\u{FEFF}<svg width='9' height='9'></svg>", "  \n<svg width='9' height='9'></svg>", "%PDF-1.7\n1 0 obj\n",
            "%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "push graphic-context\nviewbox 0 0 9 9\nimage over",
            "P6\n9 9\n255\n.........................", "/* XPM */\nstatic char *x[] = {\"1 1 1 1\"", "BM______________",
            "8BPS~\u{1}____________", "#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n", "SIMPLE  =                    T",
            "~~\u{1}~\u{1}~____________", "~~~\u{C}jP  \r\n________", "<html><body></html>",
            "#!/bin/sh\nexec sh________", "PK\u{3}\u{4}______________", "\u{7F}ELF____________",
        ])
    func noPicture(text: String) async throws {
        try await Studio.with { workers in
            // A test's argument is printed, and a terminal is no place for NUL.
            let photo = try OpenFile.inMemory(Array(text.utf8).map { $0 == UInt8(ascii: "~") ? 0 : $0 })
            for failure in await both(photo, workers) { #expect(failure?.code == .unsupportedFormat, "\(text)") }
            #expect(workers.report()[0].processID != nil, "the worker lives on")
        }
    }

    private func both(_ photo: OpenFile, _ workers: ImageWorkers) async -> [ImageFailure?] {
        [
            await Studio.failure { () throws(ImageFailure) in try await workers.prepare(photo) },
            await Studio.failure { () throws(ImageFailure) in try await workers.verify(photo) },
        ]
    }

    @Test("a drawing behind the first bytes of a picture reaches no parser of drawings")
    func disguised() async throws {
        let drawing = ascii("<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>")
        let fronts: [[UInt8]] = [
            [0xFF, 0xD8, 0xFF], ascii("II*\0"), ascii("MM\0*"), ascii("GIF89a"),
            PNGBytes.signature, ascii("RIFF____WEBP"),
            cat([0, 0, 0, 20], ascii("ftypheic____heic")),
        ]
        try await Studio.with { workers in
            for front in fronts {
                let photo = try OpenFile.inMemory(cat(front, drawing))
                for failure in await both(photo, workers) {
                    #expect(
                        [.unreadable, .truncated].contains(failure?.code), "\(front): \(failure.map { "\($0)" } ?? "")")
                    // ImageMagick, to which libvips turns when it looks for a loader, would have had more to say.
                    #expect(failure?.message.lowercased().contains("magick") == false)
                }
            }
        }
    }

    @Test("of a file that is a picture and something else, only the picture goes on")
    func polyglots() async throws {
        let (jpeg, gif) = (HostilePictureTests.jpeg, HostilePictureTests.gif)
        let script = ascii("*/=1;<script>alert('PAYLOAD')</script>")
        let archive = ascii("PK\u{3}\u{4}PAYLOAD.txt")
        let comment = JPEGBytes.segment(0xFE, ascii("%PDF-1.7 PAYLOAD"))
        try await Studio.with { workers in
            for bytes in [cat(jpeg, archive), cat(gif, script), JPEGBytes.adding(comment, to: jpeg), cat(jpeg, script)]
            {
                #expect(bytes.contains(text: "PAYLOAD"))
                let ready = try await workers.prepare(OpenFile.inMemory(bytes))
                #expect((ready.width, ready.height) == (96, 64))
                #expect(!ready.bytes.contains(text: "PAYLOAD"))
            }
        }
    }
}
