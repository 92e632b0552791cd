// The simulator of OpenAI, judged by OpenAI's official client, and its strictness by what it refuses.

import Foundation
import RunwaySimulator
import TestSupport
import Testing

@testable import OpenAISimulator

@Suite("Simulated OpenAI")
struct OpenAISimulatorTests {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent()

    /// The Python that has the official clients.
    private static func python() throws -> URL {
        let root = folder.deletingLastPathComponent().deletingLastPathComponent()
        let named = ProcessInfo.processInfo.environment["VIZD_TEST_PYTHON"]
        let path = named.map { URL(filePath: $0) } ?? root.appending(path: ".venv/bin/python")
        try #require(
            FileManager.default.isExecutableFile(atPath: path.path),
            "There is no \(path.path): run scripts/install tests, or name a Python that has openai in VIZD_TEST_PYTHON."
        )
        return path
    }

    @Test(
        "the official client makes pictures of one photo and of several, reads their cost, and is refused as it should")
    func officialClient() async throws {
        let simulator = try OpenAISimulator()
        simulator.inject(.rateLimit, matching: "too many")
        simulator.inject(.quota, matching: "too poor")
        simulator.inject(.moderation("input"), matching: "too bare")
        simulator.inject(.makeThenStatus(503), matching: "too late")
        let process = SpawnedProcess()
        let pipe = Pipe()
        process.executableURL = try Self.python()
        process.arguments = [Self.folder.appending(path: "client.py").path, simulator.baseURL + "/v1"]
        process.environment = ["PATH": "/usr/bin:/bin", "NO_PROXY": "127.0.0.1", "PYTHONDONTWRITEBYTECODE": "1"]
        (process.standardOutput, process.standardError) = (pipe, pipe)
        try process.run()
        let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        #expect(process.terminationStatus == 0, "\(output)")
        let books = simulator.books
        let answered = books.pictures.filter(\.isAnswered)
        #expect(output.hasSuffix("spent \(answered.reduce(0) { $0 + $1.microdollars })\n"), "\(output)")
        #expect(answered.count == 2 && books.pictures.count == 3 && answered[1].references.count == 2)
        #expect(books.organization == "org-referee" && books.project == "proj-referee")
    }

    private static func part(_ name: String, _ value: String) -> FormPart {
        FormPart(name: name, fileName: nil, contentType: nil, bytes: Array(value.utf8))
    }

    private static func photo(_ bytes: [UInt8]? = nil, name: String = "image[]") -> FormPart {
        let picture = SimulatedPicture.png(width: 64, height: 64, model: "m", words: "")
        return FormPart(name: name, fileName: "a.png", contentType: "image/png", bytes: bytes ?? picture)
    }

    @Test("what OpenAI refuses is refused: fields that it does not have, values, sizes and files that it does not take")
    func strict() throws {
        let good = [Self.part("model", "gpt-image-2"), Self.part("prompt", "p"), Self.part("size", "1152x1536")]
        _ = try OpenAIEdit(good + [Self.photo()])
        for (parts, code) in [
            (good, "invalid_value"), (good + [FormPart](repeating: Self.photo(), count: 17), "invalid_value"),
            (good + [Self.photo(Array("GIF89a".utf8))], "invalid_image_file"),
            (good + [Self.photo(), Self.part("seed", "1")], "unknown_parameter"),
            (good + [Self.photo(), Self.part("response_format", "url")], "unknown_parameter"),
            (good + [Self.photo(), Self.part("input_fidelity", "high")], "invalid_input_fidelity_model"),
            (good + [Self.photo(), Self.part("quality", "xhigh")], "invalid_value"),
            (good + [Self.photo(), Self.part("prompt", "q")], "invalid_value"),
            (good + [Self.photo(), Self.part("n", "2")], "invalid_value"),
            (good + [Self.photo(), Self.part("output_compression", "95")], "invalid_value"),
            (Array(good.dropLast()) + [Self.photo(), Self.part("size", "1080x1440")], "invalid_value"),
            ([Self.part("model", "dall-e-2"), good[1], Self.photo()], "invalid_value"),
            ([Self.part("model", "gpt-image-1.5"), good[1], good[2], Self.photo()], "invalid_value"),
            ([good[0], Self.photo()], "invalid_value"),
        ] {
            let refused = #expect(throws: OpenAIObjection.self) { _ = try OpenAIEdit(parts) }
            #expect(refused?.code == code, "\(parts.map(\.name))")
        }
    }
}
