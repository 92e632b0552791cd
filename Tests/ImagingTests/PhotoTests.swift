// What the workers make of real files: the example wardrobe and the committed pictures, good and bad.

import Imaging
import Linux
import Testing

@Suite("Photos")
struct PhotoTests {
    private let fields = [
        (PixelRect(left: 8, top: 8, width: 24, height: 16), [220, 30, 30]),
        (PixelRect(left: 60, top: 8, width: 24, height: 16), [30, 200, 30]),
        (PixelRect(left: 8, top: 40, width: 24, height: 16), [30, 30, 220]),
        (PixelRect(left: 60, top: 40, width: 24, height: 16), [240, 240, 240]),
    ]

    @Test(
        "every photo of the example wardrobe is recognised and made ready",
        arguments: [
            ("black-t-shirt.png", ImageFormat.png, 1000, 1000), ("blue-fedora.heic", .heic, 900, 616),
            ("blue-sneakers.jpg", .jpeg, 1123, 536), ("gold-chain.jpg", .jpeg, 700, 671),
            ("hiking-boots.webp", .webp, 900, 795), ("red-winter-hat.png", .png, 800, 686),
            ("teal-silk-shirt.jpg", .jpeg, 900, 1200),
        ])
    func wardrobe(_ name: String, _ format: ImageFormat, _ width: Int, _ height: Int) async throws {
        try await Studio.with { workers in
            let info = try await workers.inspect(Studio.garment(name))
            #expect((info.format, info.width, info.height) == (format, width, height))
            let ready = try await workers.prepare(Studio.garment(name), PrepareOptions(maximumEdge: 400))
            #expect(max(ready.width, ready.height) == 400)
            #expect(abs(ready.width * height - ready.height * width) <= max(width, height))
            #expect(ready.source == info)
            #expect(ready.bytes.starts(with: [0xFF, 0xD8, 0xFF]))
            #expect(ready.backdrop != nil, "its backdrop is even")
        }
    }

    @Test("a shirt's even border is found, and a photo without a border keeps all of itself")
    func contentFound() async throws {
        try await Studio.with { workers in
            let tee = try await workers.prepare(Studio.garment("black-t-shirt.png"))
            #expect(tee.backdrop == 0xFFFFFF)
            #expect(
                near(
                    [tee.content.left, tee.content.top, tee.content.width, tee.content.height], [27, 21, 900, 891],
                    by: 3))
            let noise = try await workers.prepare(Studio.picture("noise.png"))
            #expect(noise.backdrop == nil)
            #expect(noise.content == PixelRect(left: 0, top: 0, width: 80, height: 60))
        }
    }

    @Test("all eight EXIF orientations come out upright")
    func orientations() async throws {
        try await Studio.with { workers in
            for orientation in 1...8 {
                let ready = try await workers.prepare(Studio.picture("orientation-\(orientation).jpg"))
                #expect((ready.source.width, ready.source.height, ready.source.orientation) == (96, 64, orientation))
                #expect((ready.width, ready.height) == (96, 64))
                for (rect, colour) in fields {
                    let seen = try await Studio.colour(of: ready.bytes, rect, by: workers)
                    #expect(near(seen, colour), "orientation \(orientation): \(seen) at \(rect), not \(colour)")
                }
            }
        }
    }

    @Test("every format shows the same colours; of an animation the first frame")
    func formats() async throws {
        try await Studio.with { workers in
            let names = ["corners.avif", "corners.heic", "corners.tiff", "corners.webp", "animated.gif"]
            for (name, format) in zip(names, [ImageFormat.avif, .heic, .tiff, .webp, .gif]) {
                let ready = try await workers.prepare(Studio.picture(name))
                #expect((ready.source.format, ready.width, ready.height) == (format, 96, 64), "\(name)")
                for (rect, colour) in fields {
                    let seen = try await Studio.colour(of: ready.bytes, rect, by: workers)
                    #expect(near(seen, colour), "\(name): \(seen) at \(rect), not \(colour)")
                }
            }
            #expect(try await workers.inspect(Studio.picture("animated.gif")).pages == 2)
        }
    }

    @Test("CMYK, grey and 16-bit pictures come out as ordinary sRGB")
    func colourSpaces() async throws {
        try await Studio.with { workers in
            let whole = PixelRect(left: 8, top: 8, width: 16, height: 16)
            let deep = try await workers.prepare(Studio.picture("deep.png"))
            #expect(near(try await Studio.colour(of: deep.bytes, whole, by: workers), [200, 100, 50], by: 6))
            let grey = try await workers.prepare(Studio.picture("grey-deep.png"))
            #expect(near(try await Studio.colour(of: grey.bytes, whole, by: workers), [128, 128, 128], by: 6))
            let cmyk = try await workers.prepare(Studio.picture("cmyk.jpg"))
            let red = try await Studio.colour(of: cmyk.bytes, fields[0].0, by: workers)
            #expect(red[0] > 150 && red[0] > 2 * red[1] && red[0] > 2 * red[2], "ink has no pure red: \(red)")
        }
    }

    @Test("a colour profile is applied, a broken one does no harm, and white stays white")
    func profiles() async throws {
        try await Studio.with { workers in
            for name in ["profile.jpg", "profile-broken.jpg"] {
                let ready = try await workers.prepare(Studio.picture(name))
                let middle = PixelRect(left: 20, top: 16, width: 20, height: 14)
                let corner = PixelRect(left: 0, top: 0, width: 10, height: 8)
                #expect(near(try await Studio.colour(of: ready.bytes, middle, by: workers), [200, 100, 50], by: 6))
                #expect(near(try await Studio.colour(of: ready.bytes, corner, by: workers), [255, 255, 255], by: 1))
            }
        }
    }

    @Test("alpha is laid on white: the colour that it hides does not show")
    func alpha() async throws {
        try await Studio.with { workers in
            let ready = try await workers.prepare(Studio.picture("alpha.png"))
            #expect(ready.source.hasAlpha)
            #expect(ready.backdrop == 0xFFFFFF)
            #expect(near([ready.content.left, ready.content.top], [16, 12], by: 1))
        }
    }

    @Test("nothing but the pixels goes on: no place, no camera, no comment, no profile")
    func metadata() async throws {
        try await Studio.with { workers in
            let before = try Studio.picture("gps.jpg").read(limit: 1 << 20)
            #expect(before.contains(text: "Exif") && before.contains(text: "SECRET-SOFTWARE"))
            for name in ["gps.jpg", "profile.jpg"] {
                let bytes = try await workers.prepare(Studio.picture(name)).bytes
                for word in ["Exif", "SECRET", "Phone", "ICC_PROFILE", "http://ns.adobe.com"] {
                    #expect(!bytes.contains(text: word), "\(word) in what was made of \(name)")
                }
            }
        }
    }

    @Test("verify hands a JPEG back byte for byte and makes one of anything else")
    func verify() async throws {
        try await Studio.with { workers in
            let jpeg = try Studio.garment("blue-sneakers.jpg")
            let same = try await workers.verify(jpeg)
            #expect(try same.bytes == jpeg.read(limit: 1 << 20))
            for name in ["corners.webp", "alpha.png", "corners.avif", "deep.png", "animated.gif", "corners.tiff"] {
                let made = try await workers.verify(Studio.picture(name))
                #expect(made.contentType == "image/jpeg" && made.bytes.starts(with: [0xFF, 0xD8, 0xFF]), "\(name)")
                let info = try await workers.inspect(OpenFile.inMemory(made.bytes))
                #expect((info.width, info.height) == (made.width, made.height))
            }
        }
    }

    @Test(
        "a file that ends early is no picture, for prepare as for verify",
        arguments: [
            "noise.jpg", "noise.png", "noise.webp", "noise.gif", "noise.tiff", "noise.avif",
        ])
    func cutShort(_ name: String) async throws {
        try await Studio.with { workers in
            for share in [0.9, 0.6] {
                let part = try Studio.cut(name, to: share)
                let prepared = await Studio.failure { () throws(ImageFailure) in try await workers.prepare(part) }
                let verified = await Studio.failure { () throws(ImageFailure) in try await workers.verify(part) }
                for failure in [prepared, verified] {
                    #expect(
                        failure.map { [.truncated, .unreadable].contains($0.code) } == true,
                        "\(share): \(failure as Any)")
                }
                if name == "noise.jpg" || name == "noise.png" { #expect(verified?.code == .truncated) }
            }
            _ = try await workers.verify(Studio.picture(name))
        }
    }

    @Test(
        "what is no picture is refused with the formats that would do",
        arguments: [
            "drawing.svg", "page.jpg", "paper.pdf", "README.md",
        ])
    func noPicture(_ name: String) async throws {
        try await Studio.with { workers in
            let photo = try Studio.picture(name)
            let failure = await Studio.failure { () throws(ImageFailure) in try await workers.prepare(photo) }
            #expect(failure?.code == .unsupportedFormat)
            #expect(failure?.message.contains("JPEG, PNG, WebP") == true)
            #expect(workers.report()[0].processID != nil, "the worker lives on")
        }
    }

    @Test("an empty file, a folder and a FIFO are unreadable and hurt nobody")
    func noFile() async throws {
        try await Studio.with { workers in
            let empty = try OpenFile.inMemory()
            let folder = try Host.openFile("/tmp")
            for photo in [empty, folder] {
                let failure = await Studio.failure { () throws(ImageFailure) in try await workers.verify(photo) }
                #expect(failure?.code == .unreadable)
            }
            _ = try await workers.prepare(Studio.picture("noise.png"))
        }
    }

    @Test("limits are checked on the header, before anything is decoded")
    func limits() async throws {
        try await Studio.with(1) { limits in
            limits.bytes = 30_000
            limits.pixels = 90_000_000
        } _: { workers in
            for (photo, code) in [
                (try Studio.picture("bomb.png"), ImageFailure.Code.tooManyPixels),
                (try Studio.garment("teal-silk-shirt.jpg"), .tooLarge),
            ] {
                let prepared = await Studio.failure { () throws(ImageFailure) in try await workers.prepare(photo) }
                let verified = await Studio.failure { () throws(ImageFailure) in try await workers.verify(photo) }
                #expect(prepared?.code == code && verified?.code == code, "\(prepared as Any)")
            }
            #expect(try await workers.inspect(Studio.picture("bomb.png")).width == 60_000)
        }
    }

    @Test("a sheet shows its ground, melts a white backdrop into it and lays other photos on as they are")
    func sheet() async throws {
        try await Studio.with { workers in
            let tee = try await workers.prepare(Studio.garment("black-t-shirt.png"))
            let noise = try await workers.prepare(Studio.picture("corners.webp"))
            let cells = [
                SheetCell(
                    image: 0, crop: PixelRect(left: 0, top: 0, width: tee.width, height: tee.height),
                    target: PixelRect(left: 20, top: 20, width: 200, height: 200), backdrop: tee.backdrop),
                SheetCell(
                    image: 1, crop: noise.content, target: PixelRect(left: 20, top: 230, width: 96, height: 64),
                    backdrop: nil),
            ]
            for shadow in [0, 30] {
                let order = SheetOrder(width: 240, height: 320, ground: 0xF5F1EA, shadow: shadow, cells: cells)
                let sheet = try await workers.compose(order, images: [tee.bytes, noise.bytes])
                let info = try await workers.inspect(OpenFile.inMemory(sheet))
                #expect((info.width, info.height) == (240, 320))
                func seen(_ left: Int, _ top: Int) async throws -> [Int] {
                    let rect = PixelRect(left: left, top: top, width: 4, height: 4)
                    return try await Studio.colour(of: sheet, rect, by: workers)
                }
                #expect(near(try await seen(2, 2), [245, 241, 234], by: 3), "the ground")
                #expect(near(try await seen(24, 24), [245, 241, 234], by: 4), "the photo's white corner")
                #expect(near(try await seen(120, 120), [0, 0, 0], by: 4), "the shirt")
                #expect(near(try await seen(90, 280), [240, 240, 240], by: 4), "a photo as it is")
            }
        }
    }
}

extension [UInt8] {
    func contains(text: String) -> Bool {
        let word = Array(text.utf8)
        return indices.contains { self[$0...].starts(with: word) }
    }
}
