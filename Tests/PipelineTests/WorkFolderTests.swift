// The pictures under way, in a real folder.

import Digest
import Ledger
import Linux
import Testing

@testable import Pipeline

@Suite("The work folder")
struct WorkFolderTests {
    private let scratch: Scratch
    private let work: WorkFolder

    init() throws {
        scratch = try Scratch()
        work = WorkFolder(try scratch.folder("work"), pool: BlockingPool(threads: 2))
    }

    private func names() throws -> [String] { try scratch.folder("work").names().map(\.description) }

    private func keep(_ bytes: [UInt8], of job: String) async throws -> PictureNote {
        try await work.keep(bytes, of: job, width: 3, height: 2, contentType: "image/jpeg")
    }

    @Test("a kept picture is there whole under its job's name, and the note says what it is")
    func keeps() async throws {
        let note = try await keep([1, 2, 3], of: "a")
        #expect(note.sha256 == SHA256.of([1, 2, 3]).bytes)
        #expect((note.bytes, note.width, note.height) == (3, 3, 2))
        #expect(note.contentType == "image/jpeg")
        #expect(try names() == [note.file])
        #expect(try await work.picture(note) == [1, 2, 3])
        let info = try scratch.folder("work").info(of: FileName(note.file))
        #expect(info.mode & 0o777 == 0o600, "nobody else reads what a provider was paid for")
    }

    @Test("keeping another picture of the job replaces the first one, whose note finds nothing any more")
    func replaces() async throws {
        let first = try await keep([1, 2, 3], of: "a")
        let second = try await keep([4, 5, 6], of: "a")
        #expect(first.file == second.file)
        #expect(try await work.picture(first) == nil)
        #expect(try await work.picture(second) == [4, 5, 6])
    }

    @Test("a picture that is gone, shorter, longer or other than it was noted is no picture")
    func wrong() async throws {
        let note = try await keep([1, 2, 3, 4], of: "a")
        for bytes: [UInt8] in [[1, 2, 3], [1, 2, 3, 4, 5], [1, 2, 3, 5], []] {
            try scratch.write(bytes, "work/\(note.file)")
            #expect(try await work.picture(note) == nil, "\(bytes)")
        }
        try scratch.write([1, 2, 3, 4], "work/\(note.file)")
        #expect(try await work.picture(note) == [1, 2, 3, 4])
        try await work.drop("a")
        #expect(try await work.picture(note) == nil)
        #expect(try names().isEmpty)
        try await work.drop("a")
    }

    @Test("names of two hundred bytes and of any script are kept apart and told again")
    func longNames() async throws {
        // The last ends in a mark that Swift joins with the dot behind it to one character.
        let jobs = [
            String(repeating: "n", count: 200), String(repeating: "é", count: 100), "e\u{301}", "é", "👗 outfit", "a b",
            "نص\u{600}",
        ]
        for (index, job) in jobs.enumerated() { _ = try await keep([UInt8(index)], of: job) }
        let found = try await work.jobs()
        #expect(Set(found.map { Array($0.utf8) }) == Set(jobs.map { Array($0.utf8) }))
        for job in found { try await work.drop(job) }
        #expect(try names().isEmpty)
    }

    @Test("the listing removes what an earlier run left half-written, and nothing else")
    func listing() async throws {
        _ = try await keep([1], of: "a")
        try scratch.write([1], "work/.b.picture")
        try scratch.write([1], "work/.hidden")
        try scratch.write([1], "work/notes.txt")
        _ = try scratch.folder("work/prepared")
        #expect(try await work.jobs() == ["a"])
        #expect(try names() == [".hidden", "a.picture", "notes.txt", "prepared"])
    }

    @Test("a half-written file of the same job does not stand in the way of keeping it")
    func halfWritten() async throws {
        try scratch.write([9, 9], "work/.a.picture")
        let note = try await keep([1, 2], of: "a")
        #expect(try await work.picture(note) == [1, 2])
        #expect(try names() == ["a.picture"])
    }

    @Test("a folder that cannot be written is the machine's failure, and leaves nothing half-written")
    func failures() async throws {
        try scratch.folder("work/a.picture").makeDirectory("in-the-way", mode: 0o755)
        await #expect(throws: SystemFailure.self) { _ = try await keep([1], of: "a") }
        #expect(try names() == ["a.picture"])
    }
}
