// Judges that are not ours: FASHN AI's official client against the simulator. Black Forest Labs have none.

import BFLSimulator
import FashnSimulator
import Foundation
import FoundationNetworking
import RunwaySimulator
import ServiceSimulator
import Synchronization
import TestSupport
import Testing

@Suite("Services, and their referee")
struct ServiceRefereeTests {
    /// The Python that has the official clients.
    private func python() throws -> URL {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let named = ProcessInfo.processInfo.environment["VIZD_TEST_PYTHON"]
        let path = named.map { URL(filePath: $0) } ?? root.appending(path: ".venv/bin/python")
        try #require(
            FileManager.default.isExecutableFile(atPath: path.path),
            "There is no \(path.path): run scripts/install tests, or name a Python that has fashn in VIZD_TEST_PYTHON.")
        return path
    }

    /// Runs a program to its end: its exit code and all that it printed.
    private func run(_ program: URL, _ arguments: [String]) async throws -> (code: Int32, output: String) {
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

    @Test("the official client makes pictures of products and people, and is refused where it should be")
    func fashn() async throws {
        var configuration = ServiceConfiguration()
        (configuration.keys, configuration.duration, configuration.credits) = (["fa-referee"], 1.5, 100)
        let simulator = try ServiceSimulator(FashnDialect(), configuration)
        let client = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "client.py").path
        let (code, output) = try await run(python(), [client, simulator.baseURL, "fa-referee"])
        #expect(code == 0, "\(output)")
        let books = simulator.books
        #expect(books.tasks.count == 5 && books.createsReceived == 9 && books.createsRefused == 4)
        #expect(books.creditsLeft + books.tasks.reduce(0) { $0 + ($1.billed ?? $1.order.credits) } == 100)
        let second = try #require(books.tasks.dropFirst().first)
        #expect(second.order.pictures.map(\.input) == ["product_image", "model_image"])
    }

    @Test("a task over the limit is refused, one that ends makes room, and each credit is taken or given back")
    func money() async throws {
        let time = Moments()
        var (dialect, configuration) = (BFLDialect(), ServiceConfiguration())
        (dialect.concurrent, configuration.credits) = (2, 8)
        let simulator = try ServiceSimulator(dialect, configuration) { time.now }
        let order = #"{"prompt":"p","width":1024,"height":1024}"#
        func send(_ body: String) async throws -> (Int, String) {
            var request = URLRequest(url: URL(string: "\(simulator.baseURL)/v1/flux-2-pro") ?? URL(filePath: "/"))
            (request.httpMethod, request.httpBody) = ("POST", Data(body.utf8))
            request.setValue("application/json", forHTTPHeaderField: "Content-Type")
            request.setValue("simulator-key", forHTTPHeaderField: "x-key")
            let (data, answer) = try await URLSession.shared.data(for: request)
            return ((answer as? HTTPURLResponse)?.statusCode ?? 0, String(decoding: data, as: UTF8.self))
        }
        simulator.inject(Injection(at: .create, fault: .failure(code: "Error", message: "No.")))
        #expect(try await send(order).0 == 200)
        #expect(try await send(order).0 == 200)
        #expect(simulator.books.creditsLeft == 2)
        let third = try await send(order)
        #expect(third.0 == 402 && third.1.contains("Insufficient"), "credits are looked at first")
        time.pass(seconds: 5)
        // The first failed and gave its credits back.
        #expect(simulator.books.creditsLeft == 5 && simulator.books.creditsBilled == 3)
        #expect(try await send(order).0 == 200)
        for (field, body) in [
            ("width", #"{"prompt":"p","width":1000,"height":1024}"#), ("prompt", #"{"width":1024}"#),
            ("colour", #"{"prompt":"p","colour":"red"}"#), ("input_image", #"{"prompt":"p","input_image_2":"AA=="}"#),
            ("input_image", #"{"prompt":"p","input_image":"AA=="}"#), ("seed", #"{"prompt":"p","seed":"7"}"#),
            ("safety_tolerance", #"{"prompt":"p","safety_tolerance":6}"#),
        ] {
            let (status, text) = try await send(body)
            #expect(status == 422 && text.contains("\"\(field)\""), "\(body): \(status) \(text)")
        }
        #expect(simulator.books.createsRefused == 8 && simulator.books.tasks.count == 3)
    }
}

/// A clock that stands until it is moved.
private final class Moments: Sendable {
    private let state = Mutex(SteadyClock.now())
    var now: Int64 { state.withLock { $0 } }
    func pass(seconds: Int64) { state.withLock { $0 += seconds * 1_000_000_000 } }
}
