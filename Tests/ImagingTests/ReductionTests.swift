// What becomes of pixels when a photo is made smaller: where they are, what they add up to, and that nothing appears
// which was not there.

import Imaging
import Linux
import Testing

@Suite("Reduction")
struct ReductionTests {
    private static let white: RGB = (255, 255, 255)
    private static let black: RGB = (0, 0, 0)

    /// A PNG, or what the worker makes of it as a JPEG.
    private func photo(
        _ width: Int, _ height: Int, jpeg: Bool = false, by workers: ImageWorkers, _ pixel: (Int, Int) -> RGB
    ) async throws -> OpenFile {
        let png = try OpenFile.inMemory(PNGBytes.colour(width, height, pixel))
        return jpeg ? try OpenFile.inMemory(try await workers.verify(png).bytes) : png
    }

    @Test(
        "what a photo shows is at its place after it was made smaller, by little and by much",
        arguments: [599, 500, 405, 225, 150, 148, 74, 50, 38, 30], [false, true])
    func place(_ edge: Int, _ isJPEG: Bool) async throws {
        try await Studio.with { workers in
            let box = PixelRect(left: 150, top: 90, width: 240, height: 210)
            let photo = try await photo(600, 451, jpeg: isJPEG, by: workers) { x, y in
                box.contains(x, y) ? (200, 20, 20) : Self.white
            }
            let ready = try await workers.prepare(photo, PrepareOptions(maximumEdge: edge, quality: 100))
            let scale = Double(edge) / 600
            #expect((ready.width, ready.height) == (edge, Int(451 * scale + 0.5)))
            let expected = [box.left, box.top, box.width, box.height].map { Int(Double($0) * scale + 0.5) }
            let seen = ready.content
            #expect(near([seen.left, seen.top, seen.width, seen.height], expected, by: 3), "\(seen), not \(expected)")
            let backdrop = try #require(ready.backdrop)
            #expect(backdrop == 0xFFFFFF)
            let middle = PixelRect(
                left: expected[0] + expected[2] / 4, top: expected[1] + expected[3] / 4, width: expected[2] / 2,
                height: expected[3] / 2)
            let colour = try await Studio.colour(of: ready.bytes, middle, by: workers)
            #expect(near(colour, [200, 20, 20], by: 3), "\(colour)")
        }
    }

    @Test(
        "cloth too fine to be shown becomes one colour, not a pattern of its own",
        arguments: [200, 199, 167, 126, 61, 31], [false, true])
    func fineCloth(_ edge: Int, _ isLined: Bool) async throws {
        try await Studio.with { workers in
            let patch = PixelRect(left: 200, top: 150, width: 100, height: 80)
            let photo = try await photo(501, 389, by: workers) { x, y in
                patch.contains(x, y) ? (200, 20, 20) : (isLined ? y : x + y) % 2 == 0 ? Self.white : Self.black
            }
            let ready = try await workers.prepare(photo, PrepareOptions(maximumEdge: edge, quality: 100))
            // Without the outermost pixels, where a line's neighbour is missing.
            let size = (ready.width - 4, ready.height - 4)
            let inside = PixelRect(left: 2, top: 2, width: size.0, height: size.1)
            let whole = PixelRect(left: 0, top: 0, width: size.0, height: size.1)
            let cell = SheetCell(image: 0, crop: inside, target: whole, backdrop: nil)
            let order = SheetOrder(width: size.0, height: size.1, ground: 0, quality: 100, cells: [cell])
            let sheet = try OpenFile.inMemory(try await workers.compose(order, images: [ready.bytes]))
            let seen = try await workers.prepare(sheet, PrepareOptions(quality: 100))
            let colour = try #require(seen.backdrop, "it is not of one colour")
            #expect(near([Int(colour >> 16), Int(colour >> 8 & 255), Int(colour & 255)], [128, 128, 128], by: 2))
            let scale = Double(edge) / 501
            let expected = [patch.left, patch.top, patch.width, patch.height].map { Int(Double($0) * scale + 0.5) }
            let box = [seen.content.left + 2, seen.content.top + 2, seen.content.width, seen.content.height]
            #expect(near(box, expected, by: 4), "something stands out of the cloth beside the patch: \(box)")
        }
    }

    @Test("next to a hard edge nothing turns over: what is brighter than white is white")
    func overshoot() async throws {
        try await Studio.with { workers in
            let photo = try await photo(900, 600, by: workers) { x, _ in x < 450 ? Self.white : Self.black }
            let ready = try await workers.prepare(photo, PrepareOptions(maximumEdge: 300, quality: 100))
            let light = PixelRect(left: 140, top: 20, width: 8, height: 100)
            let dark = PixelRect(left: 152, top: 20, width: 8, height: 100)
            #expect(near(try await Studio.colour(of: ready.bytes, light, by: workers), [255, 255, 255], by: 20))
            #expect(near(try await Studio.colour(of: ready.bytes, dark, by: workers), [0, 0, 0], by: 20))
        }
    }

    @Test(
        "lines of a pixel, and sizes of all remainders, are made smaller as well",
        arguments: [(4000, 1), (1, 4000), (17, 16), (33, 31), (2049, 15), (7, 130), (16, 16_000)])
    func oddSizes(_ width: Int, _ height: Int) async throws {
        try await Studio.with { workers in
            let photo = try await photo(width, height, by: workers) { _, _ in (90, 140, 60) }
            for edge in [16, 100, 1536] where edge < max(width, height) {
                let ready = try await workers.prepare(photo, PrepareOptions(maximumEdge: edge))
                #expect(max(ready.width, ready.height) == edge)
                #expect(min(ready.width, ready.height) >= 1)
                let colour = try #require(ready.backdrop)
                let parts = [Int(colour >> 16), Int(colour >> 8 & 255), Int(colour & 255)]
                #expect(near(parts, [90, 140, 60], by: 4), "\(parts)")
            }
        }
    }
}

extension PixelRect {
    fileprivate func contains(_ x: Int, _ y: Int) -> Bool {
        x >= left && x < left + width && y >= top && y < top + height
    }
}
