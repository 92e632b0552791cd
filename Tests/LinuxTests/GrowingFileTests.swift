// Files that begin in memory: where they are, that nothing of them is lost on the way, and what they leave free.

import Glibc
import Linux
import Testing

@Suite("Growing files")
struct GrowingFileTests {
    private let scratch: Scratch
    private let room = MemoryRoom(bytes: 1000)

    init() throws { scratch = try Scratch() }

    private func growing(most: Int = 600) throws -> GrowingFile {
        let folder = scratch.directory
        return try GrowingFile(in: room, most: most) { () throws(SystemFailure) in try folder.openNameless() }
    }

    private func bytes(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ 1) } }

    private func write(_ bytes: ArraySlice<UInt8>, to file: GrowingFile) throws {
        let offset = bytes.startIndex
        try bytes.withUnsafeBytes { try file.pwrite(all: $0, at: offset) }
    }

    @Test("a small file is in memory, holds what was written, and gives its memory back when it goes")
    func small() throws {
        do {
            let file = try growing()
            try write(bytes(600)[..<250], to: file)
            try write(bytes(600)[250...], to: file)
            try write(bytes(600)[..<10], to: file)
            #expect(file.isInMemory)
            #expect(try file.file.read(limit: 1000) == bytes(600))
            #expect(room.free == 400)
        }
        #expect(room.free == 1000)
    }

    @Test("one that outgrows its share moves to the disk with all that it holds, and its memory is free at once")
    func moves() throws {
        let file = try growing()
        try write(bytes(2000)[..<599], to: file)
        let before = try file.file.info().identity.device
        try write(bytes(2000)[599..<601], to: file)
        #expect(!file.isInMemory)
        #expect(room.free == 1000)
        try write(bytes(2000)[601...], to: file)
        #expect(try file.file.read(limit: 3000) == bytes(2000))
        #expect(try file.file.info().identity.device != before)
    }

    @Test("files that find no room are on the disk, from their beginning or from where it was used up")
    func crowded() throws {
        let (one, two) = (try growing(), try growing())
        try write(bytes(600)[...], to: one)
        try write(bytes(600)[..<400], to: two)
        #expect(one.isInMemory && two.isInMemory && room.free == 0)
        let three = try growing()
        #expect(!three.isInMemory)
        try write(bytes(600)[400...], to: two)
        #expect(!two.isInMemory && room.free == 400)
        for file in [one, two] { #expect(try file.file.read(limit: 1000) == bytes(600)) }
    }

    @Test("a disk that takes nothing is told, and the memory comes back all the same")
    func full() throws {
        do {
            let file = try GrowingFile(in: room, most: 10) { () throws(SystemFailure) in
                throw SystemFailure(call: "open", errno: .noSpace, subject: "work")
            }
            try write(bytes(10)[...], to: file)
            #expect(throws: SystemFailure(call: "open", errno: .noSpace, subject: "work")) {
                try write(bytes(20)[10...], to: file)
            }
        }
        #expect(room.free == 1000)
    }
}
