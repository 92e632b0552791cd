// Pictures that are broken at random, through the real worker: each is a picture, or a failure that can be told.

import Foundation
import Imaging
import Linux
import TestSupport
import Testing

@Suite("Fuzzing pictures")
struct WorkerPictureTests {
    private static let formats = [
        "corners.webp", "corners.avif", "corners.heic", "corners.tiff", "alpha.png", "animated.gif",
        "orientation-6.jpg",
        "profile.jpg", "gps.jpg",
    ]
    /// What may be said of a picture; `workerDied` also says that a worker lives and would need more memory than it
    /// has. The other failures are of vizd.
    private static let verdicts: Set<ImageFailure.Code> = [
        .tooManyPixels, .unsupportedFormat, .unreadable, .truncated, .workerDied,
    ]
    /// Pictures a run; VIZD_FUZZ_TIMES takes more.
    private static let count =
        200 * (ProcessInfo.processInfo.environment["VIZD_FUZZ_TIMES"].flatMap { Int($0) } ?? 1)

    @Test("a broken picture is a picture or a failure, and the next one is served")
    func brokenPictures() async throws {
        let seeds = try Self.formats.map { name in
            [UInt8](try Data(contentsOf: URL(filePath: "\(Repository.root)/Tests/ImagingTests/Images/\(name)")))
        }
        let workers = try ImageWorkers(executable: BuiltProducts.path(of: "vizd-image"), workers: 1)
        var (made, failed) = (0, 0)
        for number in 0..<Self.count {
            var dice = Dice(state: UInt64(number))
            let bytes = broken(seeds[number % seeds.count], &dice)
            do throws(ImageFailure) {
                _ = try await workers.prepare(try inMemory(bytes))
                made += 1
            } catch {
                failed += 1
                let name = Self.formats[number % seeds.count]
                #expect(Self.verdicts.contains(error.code), "\(name), broken as \(number): \(error.message)")
                #expect(!error.message.isEmpty)
            }
        }
        #expect(made > 0 && failed > 0, "\(made) made, \(failed) failed")
        // None ended its worker, as a fault in our own code would, or a sanitizer that has found one.
        #expect(workers.deaths == 0)
        let whole = try await workers.prepare(OpenFile.inMemory(seeds[0]))
        #expect(whole.width > 0)
        await workers.shutdown()
    }

    private func inMemory(_ bytes: [UInt8]) throws(ImageFailure) -> OpenFile {
        do throws(SystemFailure) { return try OpenFile.inMemory(bytes) } catch { preconditionFailure("\(error)") }
    }

    /// One to eight bytes, anywhere or in the head, are others; now and then the end is missing.
    private func broken(_ whole: [UInt8], _ dice: inout Dice) -> [UInt8] {
        var bytes = whole
        for _ in 0...dice.below(8) {
            let place = dice.below(dice.below(2) == 0 ? bytes.count : min(bytes.count, 128))
            bytes[place] = dice.below(2) == 0 ? UInt8(dice.below(256)) : bytes[place] ^ (1 << UInt8(dice.below(8)))
        }
        if dice.below(6) == 0 { bytes.removeLast(dice.below(bytes.count)) }
        return bytes
    }
}
