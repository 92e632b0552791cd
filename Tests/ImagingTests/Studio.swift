// What the imaging tests share: workers from the built executable, the committed pictures, and a look at pixels.

import Imaging
import Linux
import TestSupport
import Testing

enum Studio {
    /// Workers of the built `vizd-image`.
    static func workers(_ count: Int = 1, _ change: (inout ImageLimits) -> Void = { _ in }) throws -> ImageWorkers {
        var limits = ImageLimits()
        change(&limits)
        return try ImageWorkers(executable: BuiltProducts.path(of: "vizd-image"), workers: count, limits: limits)
    }

    /// Runs with workers that are gone afterwards.
    static func with<Answer: Sendable>(
        _ count: Int = 1, _ change: (inout ImageLimits) -> Void = { _ in },
        _ body: (ImageWorkers) async throws -> Answer
    ) async throws -> Answer {
        let workers = try workers(count, change)
        do {
            let answer = try await body(workers)
            await workers.shutdown()
            return answer
        } catch {
            await workers.shutdown()
            throw error
        }
    }

    /// A committed test picture.
    static func picture(_ name: String) throws -> OpenFile {
        try Host.openFile("\(Repository.root)/Tests/ImagingTests/Images/\(name)")
    }

    /// A photo of the example wardrobe.
    static func garment(_ name: String) throws -> OpenFile {
        try Host.openFile("\(Repository.root)/Examples/wardrobe_photos/peichin/items/\(name)")
    }

    /// The first part of a committed picture, as a transfer leaves it that breaks off.
    static func cut(_ name: String, to share: Double) throws -> OpenFile {
        let bytes = try picture(name).read(limit: 1 << 20)
        return try OpenFile.inMemory(Array(bytes.prefix(Int(Double(bytes.count) * share))))
    }

    /// The failure that `body` ends in.
    static func failure<Answer>(_ body: () async throws(ImageFailure) -> Answer) async -> ImageFailure? {
        do throws(ImageFailure) {
            _ = try await body()
            return nil
        } catch {
            return error
        }
    }

    /// Waits, giving way to others, until a condition holds. Gives up after ten seconds.
    static func until(_ condition: () throws -> Bool) async throws {
        let deadline = MonotonicClock.now() + 10_000_000_000
        while try !condition() {
            try #require(MonotonicClock.now() < deadline, "what was waited for did not happen")
            await Task.yield()
        }
    }

    /// The colour of a part of an encoded picture that is of one colour. No decoder is linked here, so the worker
    /// looks: a sheet is made of that part alone, and what `prepare` says of its border is its colour.
    static func colour(of jpeg: [UInt8], _ rect: PixelRect, by workers: ImageWorkers) async throws -> [Int] {
        let target = PixelRect(left: 0, top: 0, width: 16, height: 16)
        let cell = SheetCell(image: 0, crop: rect, target: target, backdrop: nil)
        let sheet = SheetOrder(width: 16, height: 16, ground: 0, quality: 100, cells: [cell])
        let small = try await workers.compose(sheet, images: [jpeg])
        let seen = try await workers.prepare(try OpenFile.inMemory(small)).backdrop
        let colour = try #require(seen, "the part is not of one colour")
        return [Int(colour >> 16), Int(colour >> 8 & 255), Int(colour & 255)]
    }
}

/// Whether two colours are about the same.
func near(_ a: [Int], _ b: [Int], by most: Int = 16) -> Bool { zip(a, b).allSatisfy { abs($0 - $1) <= most } }
