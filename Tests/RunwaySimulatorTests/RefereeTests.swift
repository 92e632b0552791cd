// Judges that are not ours: Runway's official client, Python's zlib, and the program run as a process.

import Contract
import Foundation
import TestSupport
import Testing

@testable import RunwaySimulator

/// Programs of other people that tests run.
enum Outside {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent()

    /// The Python that has the official clients.
    static func python() throws -> URL {
        let root = folder.deletingLastPathComponent().deletingLastPathComponent()
        let named = ProcessInfo.processInfo.environment["VIZD_TEST_PYTHON"]
        let path = named.map { URL(filePath: $0) } ?? root.appending(path: ".venv/bin/python")
        try #require(
            FileManager.default.isExecutableFile(atPath: path.path),
            "There is no \(path.path): run scripts/install, or name a Python that has runwayml in VIZD_TEST_PYTHON.")
        return path
    }

    /// Runs a program to its end: its exit code and all that it printed.
    static func run(_ program: URL, _ arguments: [String]) async throws -> (code: Int32, output: String) {
        let log = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        try Data().write(to: log)
        defer { unlink(log.path) }
        let process = SpawnedProcess()
        let output = try FileHandle(forWritingTo: log)
        (process.executableURL, process.arguments) = (program, arguments)
        (process.standardOutput, process.standardError) = (output, output)
        process.environment = ["PATH": "/usr/bin:/bin", "NO_PROXY": "127.0.0.1", "PYTHONDONTWRITEBYTECODE": "1"]
        let code = try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Int32, any Error>) in
            process.terminationHandler = { continuation.resume(returning: $0.terminationStatus) }
            do { try process.run() } catch { continuation.resume(throwing: error) }
        }
        return (code, String(decoding: try Data(contentsOf: log), as: UTF8.self))
    }
}

/// The lines that a process prints, as they come.
final class Lines {
    let handle: FileHandle
    private var buffer = Data()

    init(handle: FileHandle) { self.handle = handle }

    /// The next whole line; nil at the end.
    func next() -> String? {
        while true {
            if let end = buffer.firstIndex(of: 10) {
                defer { buffer.removeSubrange(...end) }
                return String(decoding: buffer[..<end], as: UTF8.self)
            }
            let more = handle.availableData
            if more.isEmpty { return nil }
            buffer += more
        }
    }
}

@Suite("Referees")
struct RefereeTests {
    @Test("the official client makes, waits, fetches, uploads, cancels, routes, and is refused where it should be")
    func officialClient() async throws {
        var configuration = RunwayConfiguration()
        configuration.credits = 1000
        // Long enough for a client on a busy machine to look while they run.
        configuration.duration = 4...4
        configuration.modelLimits["gen4_image"] = ModelLimits(concurrent: 2)
        let simulator = try RunwaySimulator(configuration)
        simulator.inject(
            .init(at: .create, matching: "please fail", fault: .failure(code: "SAFETY.INPUT.TEXT")))
        let client = Outside.folder.appending(path: "client.py").path
        let (code, output) = try await Outside.run(Outside.python(), [client, simulator.baseURL])
        #expect(code == 0, "\(output)")
        let books = simulator.books
        #expect(output.hasSuffix("spent \(books.creditsBilled + books.creditsReserved)\n"))
        #expect(books.uploads == 1)
        #expect(books.tasks.count == 8)
        #expect(books.createsReceived == 10 && books.createsRefused == 2)
        #expect(books.tasks[0].references.count == 2 && books.tasks[0].references[0] == books.tasks[0].references[1])
    }

    @Test("a picture of every size of every model is a PNG that zlib decodes to its last bit")
    func everyPicture() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { #expect(throws: Never.self) { try FileManager.default.removeItem(at: folder) } }
        // Python looks at a million pixels in some tenths of a second; two of the largest stand for all of those.
        let sizes = Set(ImageModel.all.flatMap(\.sizes).compactMap(PictureSize.init)).filter { $0.pixels < 1_600_000 }
        let prompts = ["", "x", "a person in a wide coat, photographed from the side in the rain, at night, smiling"]
        let large = [PictureSize(width: 11_712, height: 1408), PictureSize(width: 1408, height: 11_264)]
        for (index, size) in (Array(sizes) + large).enumerated() {
            let picture = Placard.draw(
                size, model: "gen4_image", prompt: prompts[index % 3], tint: index % Placard.tints)
            let name = "\(index)-\(size.width)x\(size.height).png"
            try Data(picture).write(to: folder.appending(path: name))
        }
        let client = Outside.folder.appending(path: "client.py").path
        let (code, output) = try await Outside.run(Outside.python(), [client, "--pictures", folder.path])
        #expect(code == 0 && output == "decoded \(sizes.count + 2) pictures\n", "\(output)")
    }

    @Test("the program says where it listens, serves, and ends with 0 on SIGTERM")
    func program() throws {
        let process = SpawnedProcess()
        let beside = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
        process.executableURL = beside.appending(path: "runway-simulator")
        process.arguments = [
            "--key", "key_a", "--key", "key_b", "--duration", "100-200", "--credits", "20", "--concurrency", "1",
            "--daily", "2", "--fail", "INTERNAL@50", "--fail", "SAFETY.INPUT.TEXT@50", "--seed", "3",
        ]
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let lines = Lines(handle: pipe.fileHandleForReading)
        let first = try #require(lines.next())
        #expect(first.hasPrefix("listening on http://127.0.0.1:"))
        let port = try #require(first.split(separator: ":").last.flatMap { UInt16($0) })
        var caller = Caller(port: port)
        #expect(try caller.create().status == 401)
        caller.changes["Authorization"] = "Bearer key_b"
        let id = try caller.created()
        #expect(lines.next() == "POST /v1/text_to_image 401")
        #expect(lines.next() == "POST /v1/text_to_image 200")
        #expect(try caller.task(id).status == "PENDING")
        #expect(try caller.task(caller.created()).status == "THROTTLED")
        #expect(try caller.create().status == 400)
        #expect(try caller.get("/simulator/books").json()["creditsLeft"]?.number == 4)
        process.terminate()
        while lines.next() != nil {}
        process.waitUntilExit()
        #expect(process.hasExited && process.terminationStatus == 0)
    }
}
