// Photos made ready by real workers, kept in a real folder.

import Imaging
import Linux
import TestSupport
import Testing

@testable import Pipeline

@Suite("Prepared photos")
struct PreparedPhotosTests {
    private let scratch: Scratch
    private let workers: ImageWorkers

    init() throws {
        scratch = try Scratch()
        workers = try ImageWorkers(executable: BuiltProducts.path(of: "vizd-image"), workers: 2)
        try scratch.copy(Repository.garment("green-bow-tie.jpg"), to: "tie.jpg")
        try scratch.copy(Repository.garment("mittens.jpg"), to: "mittens.jpg")
    }

    private func photos(
        options: PrepareOptions = PrepareOptions(), bytesMax: Int = 1 << 26, photoBytesMax: Int = 50 << 20
    ) throws -> PreparedPhotos {
        try PreparedPhotos(
            folder: scratch.folder("prepared"), workers: workers, pool: BlockingPool(threads: 4), options: options,
            bytesMax: bytesMax, photoBytesMax: photoBytesMax)
    }

    private func open(_ name: String) throws -> OpenFile { try Host.openFile("\(scratch.path)/\(name)") }

    private func kept() throws -> [FileName] { try scratch.folder("prepared").names() }

    /// The inode of each kept file: another one is a file that was made anew.
    private func inodes() throws -> [UInt64] {
        let folder = try scratch.folder("prepared")
        return try folder.names().map { try folder.info(of: $0).inode }
    }

    @Test("many who want the same photo at once get the same picture, which is kept once")
    func shared() async throws {
        let photos = try photos()
        try scratch.copy("\(scratch.path)/tie.jpg", to: "copy.jpg")
        let pictures = try await withThrowingTaskGroup(of: PreparedPhoto.self) { group in
            for number in 0..<24 {
                let file = try open(number.isMultiple(of: 2) ? "tie.jpg" : "copy.jpg")
                group.addTask { try await photos.prepare(file) }
            }
            var all: Set<PreparedPhoto> = []
            for try await picture in group { all.insert(picture) }
            return all
        }
        #expect(pictures.count == 1)
        #expect(try kept() == pictures.map(\.shape.fileName))
        let info = try await workers.inspect(try OpenFile.inMemory(Array(try #require(pictures.first).bytes)))
        #expect(info.width == pictures.first?.shape.width && info.height == pictures.first?.shape.height)
    }

    @Test("what one run prepared the next one takes from the folder, without a worker")
    func survives() async throws {
        let first = try await photos().prepare(try open("tie.jpg"))
        let before = try inodes()
        await workers.shutdown()
        #expect(try await photos().prepare(try open("tie.jpg")) == first)
        #expect(try inodes() == before)
    }

    @Test("a photo that was replaced in place by one of the same size is prepared anew")
    func changed() async throws {
        let photos = try photos()
        let (tie, mittens) = (try scratch.read("tie.jpg"), try scratch.read("mittens.jpg"))
        let size = max(tie.count, mittens.count)
        let padded = { (bytes: [UInt8]) in bytes + [UInt8](repeating: 0, count: size - bytes.count) }
        try scratch.write(padded(tie), "photo.jpg")
        let first = try await photos.prepare(try open("photo.jpg"))
        try scratch.write(padded(mittens), "photo.jpg")
        let second = try await photos.prepare(try open("photo.jpg"))
        #expect(first.shape.digest != second.shape.digest && first.bytes != second.bytes)
        #expect(try kept().count == 2)
    }

    @Test("a photo that cannot be read is a failure each time, and nothing is kept of it")
    func unreadable() async throws {
        let photos = try photos()
        try scratch.write(Array("<html>no picture</html>".utf8), "page.jpg")
        for _ in 0..<2 {
            let failure = await #expect(throws: ImageFailure.self) { try await photos.prepare(try open("page.jpg")) }
            #expect(failure?.code == .unsupportedFormat)
        }
        #expect(try kept().isEmpty)
        try scratch.write(try scratch.read("tie.jpg"), "page.jpg")
        _ = try await photos.prepare(try open("page.jpg"))
        #expect(try kept().count == 1, "once it is a picture it is taken")
    }

    @Test("a photo of more bytes than the limit is refused with both figures")
    func tooLarge() async throws {
        let photos = try photos(photoBytesMax: 1000)
        let size = try open("tie.jpg").info().size
        let failure = await #expect(throws: ImageFailure.self) { try await photos.prepare(try open("tie.jpg")) }
        #expect(failure?.code == .tooLarge)
        #expect(failure?.message.contains("\(size) bytes") == true && failure?.message.contains("1000") == true)
    }

    @Test("a folder that outgrows its limit lets the oldest go, in this run and at the next start")
    func prunes() async throws {
        let first = try await photos().prepare(try open("tie.jpg"))
        let small = try photos(bytesMax: first.bytes.count + 10)
        let second = try await small.prepare(try open("mittens.jpg"))
        #expect(try kept() == [second.shape.fileName])
        _ = try await photos().prepare(try open("tie.jpg"))
        #expect(try kept().count == 2)
        _ = try photos(bytesMax: 100)
        #expect(try kept().count == 1, "the last one stays until the next comes")
    }

    @Test("pictures made with other options, half-written and foreign files go at the start")
    func tidies() async throws {
        _ = try await photos().prepare(try open("tie.jpg"))
        try scratch.write([1], "prepared/.0000")
        try scratch.write([1], "prepared/notes.txt")
        let small = try photos(options: PrepareOptions(maximumEdge: 64))
        #expect(try kept().isEmpty)
        let picture = try await small.prepare(try open("tie.jpg"))
        #expect(max(picture.shape.width, picture.shape.height) == 64)
    }

    @Test("a picture that somebody removed, or that a power cut left torn or empty, is made anew")
    func torn() async throws {
        let whole = try await photos().prepare(try open("tie.jpg"))
        let name = "prepared/\(whole.shape.fileName)"
        let zeroes = [UInt8](repeating: 0, count: whole.bytes.count)
        for torn in [nil, [], Array(whole.bytes.dropLast(100)), zeroes] as [[UInt8]?] {
            try scratch.folder("prepared").unlink(whole.shape.fileName)
            if let torn { try scratch.write(torn, name) }
            #expect(try await photos().prepare(try open("tie.jpg")) == whole, "\(torn?.count ?? -1) bytes")
            #expect(try scratch.read(name) == whole.bytes)
        }
    }

    @Test("a folder in which nothing can be kept costs time and no job")
    func notKept() async throws {
        let photos = try photos()
        let first = try await photos.prepare(try open("tie.jpg"))
        let folder = try scratch.folder("prepared")
        // A folder stands where the picture would be kept.
        try folder.unlink(first.shape.fileName)
        try folder.makeDirectory(first.shape.fileName, mode: 0o755)
        #expect(try await photos.prepare(try open("tie.jpg")) == first)
        #expect(try await photos.prepare(try open("tie.jpg")) == first)
    }
}

extension Repository {
    /// The path of a photo of the example wardrobe.
    static func garment(_ name: String) -> String { "\(root)/Examples/wardrobe_photos/peichin/items/\(name)" }

    /// The bytes of a committed test picture.
    static func picture(_ name: String) throws -> [UInt8] {
        try Host.readFile("\(root)/Tests/ImagingTests/Images/\(name)", limit: 1 << 26)
    }
}
