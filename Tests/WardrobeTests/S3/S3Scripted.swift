// What the tests of the object store share: a clock that jumps instead of waiting, a scripted store, a client.

import Contract
import Linux
import LoopbackServer
import Synchronization
import Transfer

@testable import Wardrobe

/// Time that passes only when somebody waits for it.
final class JumpingClock: Sendable {
    private let now = Mutex<Int64>(1_000_000_000)
    private let waited = Mutex<[Duration]>([])

    var waits: [Duration] { waited.withLock { $0 } }

    var pace: S3Pace {
        S3Pace(
            pace: Pace(
                now: { Timestamp(nanoseconds: 1_800_000_000_000_000_000) }, pause: { self.wait($0) }, chance: { 0.5 }),
            monotonic: { self.now.withLock { $0 } })
    }

    private func wait(_ duration: Duration) {
        waited.withLock { $0.append(duration) }
        let (seconds, attoseconds) = duration.components
        now.withLock { $0 += seconds * 1_000_000_000 + attoseconds / 1_000_000_000 }
    }
}

/// A store that answers what the test says, one answer a request, the last one again and again.
final class ScriptedStore: Sendable {
    let server: LoopbackServer
    let clock = JumpingClock()
    let transfer: CurlTransfer

    /// - Parameter port: one more port that the client may speak to without TLS.
    init(_ replies: [LoopbackReply], alsoAt port: UInt16? = nil) throws {
        let left = Mutex(replies)
        server = try LoopbackServer { _ in
            left.withLock { $0.count > 1 ? $0.removeFirst() : $0[0] }
        }
        var settings = TransferSettings()
        settings.allowInsecure = Set([server.port, port ?? server.port].map { "127.0.0.1:\($0)" })
        transfer = try CurlTransfer(settings)
    }

    deinit { server.stop() }

    /// A client of it.
    /// - Parameter patience: nanoseconds.
    func client(patience: Int64 = 60_000_000_000, port: UInt16? = nil) -> S3Store {
        let bucket = S3Bucket(
            name: "closet", region: "us-east-1", endpoint: "http://127.0.0.1:\(port ?? server.port)", pathStyle: true)!
        return S3Store(
            bucket, credentials: S3Credentials(accessKeyID: "AKIDSHOWN", secretAccessKey: "hidden"),
            transfer: transfer, pace: clock.pace, patience: patience)
    }

    /// A refusal as stores make them.
    static func refusal(_ status: Int, _ code: String, _ more: String = "", headers: [(String, String)] = [])
        -> LoopbackReply
    {
        let text = "<?xml version=\"1.0\"?>\n<Error><Code>\(code)</Code><Message>m</Message>\(more)</Error>"
        return .answer(status: status, headers: headers, body: Array(text.utf8))
    }

    static func success(_ body: String = "", headers: [(String, String)] = [("ETag", "\"1\"")]) -> LoopbackReply {
        .answer(status: 200, headers: headers, body: Array(body.utf8))
    }
}

/// What a call failed with; nil when it did not.
func s3Failure<Answer>(_ body: () async throws(S3Failure) -> Answer) async -> S3Failure? {
    do throws(S3Failure) {
        _ = try await body()
        return nil
    } catch {
        return error
    }
}

/// The same for a wardrobe.
func wardrobeFailure<Answer>(_ body: () async throws(WardrobeFailure) -> Answer) async -> WardrobeFailure? {
    do throws(WardrobeFailure) {
        _ = try await body()
        return nil
    } catch {
        return error
    }
}
