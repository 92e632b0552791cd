// What the tests of transfers share: a server with a client that may talk to it, failures as values, and events to wait
// for instead of time.

import Linux
import LoopbackServer
import Synchronization
import TestSupport
import Testing

@testable import Transfer

/// A plain server and a client that may talk to it without TLS.
struct Parlour {
    let server: LoopbackServer
    let client: CurlTransfer

    init(
        _ change: (inout TransferSettings) -> Void = { _ in },
        onHead: (@Sendable (LoopbackRequest) -> LoopbackReply?)? = nil,
        _ handler: @escaping @Sendable (LoopbackRequest) -> LoopbackReply
    ) throws {
        server = try LoopbackServer(onHead: onHead, handler: handler)
        var settings = TransferSettings()
        settings.allowInsecure = ["127.0.0.1:\(server.port)"]
        // On a busy machine minutes may lie between two steps of a test.
        settings.idleMax = 3600
        change(&settings)
        client = try CurlTransfer(settings)
    }

    func url(_ path: String = "/") -> String { "http://127.0.0.1:\(server.port)\(path)" }

    func request(_ method: TransferMethod = .get, _ path: String = "/", body: String? = nil) -> TransferRequest {
        var request = TransferRequest(method, url(path), reach: .configured)
        if let body { request.body = .bytes(Array(body.utf8)) }
        return request
    }

    /// The whole requests that the server read.
    func whole(_ method: String) -> Int { server.requests.count { $0.method == method && $0.isWhole } }
}

extension Transferring {
    /// Why a transfer fails; an issue if it does not.
    func failure(_ request: TransferRequest, sourceLocation: SourceLocation = #_sourceLocation) async
        -> TransferFailure?
    {
        do throws(TransferFailure) {
            let answer = try await transfer(request)
            Issue.record("answered with \(answer.status)", sourceLocation: sourceLocation)
            return nil
        } catch {
            return error
        }
    }

    /// What a failure comes down to.
    func verdict(_ request: TransferRequest, sourceLocation: SourceLocation = #_sourceLocation) async -> Verdict? {
        await failure(request, sourceLocation: sourceLocation).map { Verdict($0.code, $0.sent) }
    }
}

/// Code and how much was sent: what the callers decide on.
struct Verdict: Hashable {
    let code: TransferFailure.Code
    let sent: TransferSent

    init(_ code: TransferFailure.Code, _ sent: TransferSent) { (self.code, self.sent) = (code, sent) }
}

extension LoopbackReply {
    static func ok(_ text: String = "") -> LoopbackReply {
        .answer(status: 200, headers: [], body: Array(text.utf8))
    }

    static func status(_ status: Int, _ headers: [(String, String)] = [], _ text: String = "") -> LoopbackReply {
        .answer(status: status, headers: headers, body: Array(text.utf8))
    }

    static func raw(_ text: String, then steps: LoopbackStep...) -> LoopbackReply {
        .steps([.bytes(Array(text.utf8))] + steps)
    }
}

extension TransferAnswer {
    var text: String { String(decoding: body, as: UTF8.self) }
}

/// Something that happens some times, for tasks that wait until it has.
final class Happening: Sendable {
    private struct State {
        var count = 0
        var waiters: [(count: Int, waiter: CheckedContinuation<Void, Never>)] = []
    }

    private let state = Mutex(State())

    /// It happened once more.
    func happen() {
        let ready = state.withLock { state in
            state.count += 1
            let ready = state.waiters.filter { $0.count <= state.count }
            state.waiters.removeAll { $0.count <= state.count }
            return ready
        }
        for one in ready { one.waiter.resume() }
    }

    /// Waits until it has happened so many times.
    func times(_ count: Int) async {
        await withCheckedContinuation { waiter in
            let isOver = state.withLock { state in
                if state.count >= count { return true }
                state.waiters.append((count, waiter))
                return false
            }
            if isOver { waiter.resume() }
        }
    }
}

extension CurlTransfer {
    /// Waits until the figures are as they should be; an issue if they are not after a minute.
    func awaitReport(
        sourceLocation: SourceLocation = #_sourceLocation, _ isRight: (TransferReport) -> Bool
    ) async {
        let deadline = MonotonicClock.now() + Patience.limit
        while !isRight(report) {
            if MonotonicClock.now() > deadline {
                Issue.record("the figures stay \(report)", sourceLocation: sourceLocation)
                return
            }
            await Task.yield()
        }
    }
}

/// A value that threads count on.
final class Tally: Sendable {
    private let state = Mutex((now: 0, most: 0))

    func enter() {
        state.withLock {
            $0.now += 1
            $0.most = max($0.most, $0.now)
        }
    }

    func leave() { state.withLock { $0.now -= 1 } }

    /// The most that were in at once.
    var most: Int { state.withLock { $0.most } }
}
