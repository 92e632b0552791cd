// The fourth depth: the built program as a process of its own, real folders, real pictures. One test after the other,
// since each has a daemon and image workers of its own.

import Contract
import Linux
import TestSupport
import Testing

@Suite("The program, spawned", .serialized, .keysStaySecret)
enum EndToEnd {}

/// After each test: no key has turned up in what its programs left behind.
struct KeysStaySecret: SuiteTrait, TestTrait, TestScoping {
    let isRecursive = true

    @concurrent
    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @concurrent @Sendable () async throws -> Void
    ) async throws {
        let end: Result<Void, any Error>
        do { end = .success(try await function()) } catch { end = .failure(error) }
        for leak in Leaks.take() { Issue.record("\(leak)") }
        try end.get()
    }
}

extension Trait where Self == KeysStaySecret {
    static var keysStaySecret: KeysStaySecret { KeysStaySecret() }
}

/// The outfits of the example wardrobe.
enum Fixture {
    static func outfit(_ number: Int) -> String { "8f14e45f-ceea-467f-a0e6-1d1c6d3a000\(number)" }

    /// A request for one of them.
    static func request(_ number: Int, user: String = "peichin", more: String = "") -> String {
        #"{"user_id":"\#(user)","outfit_id":"\#(outfit(number))"\#(more.isEmpty ? "" : "," + more)}"#
    }

    /// A request for an outfit that is not there: it fails before any picture is looked at.
    static func missing(user: String = "peichin", number: Int = 0) -> String {
        #"{"user_id":"\#(user)","outfit_id":"nowhere-\#(number)"}"#
    }
}

extension DaemonRun {
    /// Waits for a job's result in `done`.
    func complete(_ name: String) throws -> ResultDocument.Picture {
        let document = try ResultDocument.decode(try result(name, in: "done"))
        guard case .complete(let picture, _) = document.outcome, document.jobID == name else {
            throw Overdue(description: "\(name) is in done/ and is no complete job: \(document)")
        }
        return picture
    }

    /// Waits for a job's result in `failed`.
    func failed(_ name: String) throws -> ResultDocument.Failure {
        let document = try ResultDocument.decode(try result(name, in: "failed"))
        guard case .failed(let failure) = document.outcome, document.jobID == name else {
            throw Overdue(description: "\(name) is in failed/ and is no failed job: \(document)")
        }
        return failure
    }

    /// Waits for a job's result, wherever it lands.
    func landed(_ name: String) throws -> ResultDocument {
        try self.await("the result of \(name)") {
            for box in ["done", "failed"] {
                if let bytes = try whole(name, in: box) { return try ResultDocument.decode(bytes) }
            }
            return nil
        }
    }
}
