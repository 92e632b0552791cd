// Servers that break the rules of TLS and HTTP/2: a transfer with one ends within its limits, is sent once, says
// rightly how much was sent, and the transfers with others go on meanwhile.

import Linux
import LoopbackServer
import TestSupport
import Testing

@testable import Transfer

@Suite("Bad servers", .serialized)
struct BadServerTests {
    /// What a server does, how a POST to it ends, and how often its GETs may come.
    struct Way: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let codes: [TransferFailure.Code?]

        init(_ name: String, _ codes: TransferFailure.Code?...) { (testDescription, self.codes) = (name, codes) }
    }

    static let ways: [Way] = [
        Way("goaway, not done", .broken), Way("goaway, done", .broken), Way("goaway, angry", .broken),
        Way("reset", .broken), Way("reset, refused", .broken), Way("reset within the body", .cutShort),
        Way("flood of resets", .broken, .stalled), Way("flood of continuations", .broken, .headersTooLarge),
        Way("flood of empty continuations", .broken, .stalled), Way("flood of settings", .broken, .stalled),
        Way("flood of pings", .broken, .stalled), Way("flood of empty data", .broken, .stalled),
        Way("flood of windows", .broken, .stalled), Way("flood of hints", .headersTooLarge, .broken),
        Way("header bomb", .headersTooLarge, .broken), Way("table of 4 GB", .broken),
        Way("hang up within the body", .cutShort), Way("hang up before its length", .cutShort),
        Way("frame beyond its limit, with a length", .cutShort), Way("data beyond the window", .tooLarge, .cutShort),
        Way("data before headers", .broken), Way("push", .broken, .stalled), Way("another stream", .broken, .stalled),
        Way("no status", .broken, .malformed), Way("line breaks in a header", .broken, .stalled),
        Way("two lengths", .broken, .stalled, .cutShort), Way("more than its length", .broken, .cutShort, .stalled),
        Way("silence", .stalled), Way("drip", .timedOut), Way("HTTP/1 where HTTP/2 was agreed on", .broken),
    ]

    private func request(_ server: BadServer, _ method: TransferMethod) -> TransferRequest {
        var request = TransferRequest(method, "https://provider.test:\(server.port)/", reach: .configured)
        if method == .post { request.body = .bytes(Array("order".utf8)) }
        (request.limits.stall, request.limits.total, request.limits.bytes) = (2_000_000_000, 6_000_000_000, 1 << 20)
        return request
    }

    @Test("whatever a server does in HTTP/2, an order is sent once and its failure says so", arguments: ways)
    func order(way: Way) async throws {
        let server = try await BadServer.start(way.testDescription)
        let client = try server.client()
        let failure = await client.failure(request(server, .post))
        // A machine that is busy with the flood may find the limit on the whole before the one between bytes.
        let isLate = way.testDescription.hasPrefix("flood") && failure?.code == .timedOut
        #expect(way.codes.contains(failure?.code) || isLate, "\(way.testDescription): \(failure?.message ?? "")")
        // One answers before the body can have come; then nobody can act on it.
        let isEarly = way.testDescription.hasPrefix("HTTP/1")
        #expect(failure?.sent == .whole || isEarly && failure?.sent == .part)
        #expect(try server.requests() == 1)
        // A question may be asked again, a few times at most.
        let question = await client.failure(request(server, .get))
        #expect(question != nil)
        #expect(try server.requests() < 10)
    }

    @Test("a server that allows no request is given up; the one that was on its way counts as sent")
    func noStreams() async throws {
        let server = try await BadServer.start("no streams")
        let failure = await (try server.client()).failure(request(server, .post))
        #expect([.broken, .stalled, .timedOut, .unconnected].contains(failure?.code), "\(failure as Any)")
        let requests = try server.requests()
        #expect(requests < 2 && (failure?.sent == .whole || requests == 0))
    }

    @Test("a frame beyond all limits ends the answer: without a length it is what came before, as libcurl sees it")
    func largeFrame() async throws {
        let server = try await BadServer.start("frame beyond its limit")
        let answer = try await (try server.client()).transfer(request(server, .post))
        #expect(answer.status == 200 && answer.body.isEmpty)
        #expect(try server.requests() == 1)
    }

    @Test(
        "a handshake that does not come to an end, or ends in an old version, sends nothing",
        arguments: [
            ("no handshake", TransferFailure.Code.unconnected), ("handshake of garbage", .tls),
            ("handshake that drips", .unconnected), ("TLS 1.0", .tls), ("TLS 1.1", .tls),
        ])
    func handshakes(way: String, code: TransferFailure.Code) async throws {
        let server = try await BadServer.start(way)
        var order = request(server, .post)
        order.limits.connect = 2_000_000_000
        let failure = await (try server.client()).failure(order)
        #expect(failure?.sent == .nothing)
        #expect(failure?.code == code || way == "handshake that drips" && failure?.code == .tls, "\(failure as Any)")
        #expect(try server.requests() == 0)
    }

    @Test(
        "a stranger is spoken to over HTTP/1.1 alone, so that no frames of its can hold others up",
        arguments: ["flood of empty data", "flood of settings"])
    func strangers(way: String) async throws {
        let bad = try await BadServer.start(way)
        var settings = TransferSettings()
        settings.caFile = bad.caFile
        settings.resolve = ["provider.test:\(bad.port):127.0.0.1"]
        settings.allowInsecure = ["provider.test:\(bad.port)"]
        let client = try CurlTransfer(settings)
        var picture = request(bad, .get)
        picture.reach = .foreign
        #expect(await client.failure(picture) != nil)
        #expect(try bad.requests() == 0, "it has seen no request that it understands")
    }

    @Test("a connection that was used before and is flooded while it rests ends when it is used again")
    func floodAtRest() async throws {
        let server = try await BadServer.start("flood after an answer")
        let client = try server.client()
        var question = request(server, .get)
        (question.limits.stall, question.limits.total) = (Patience.limit, Patience.limit)
        #expect(try await client.transfer(question).text == "good")
        // The buffers are full by now: what is read of them next has no end, from the first byte on.
        try await Task.sleep(nanoseconds: 300_000_000)
        do throws(TransferFailure) {
            // Either on a new connection, once that one was found out,
            #expect(try await client.transfer(question).text == "good")
        } catch {
            // or it had seemed to be alive until the question had gone out.
            #expect(error.code == .broken)
        }
        #expect(client.report.connectionsOpened < 10)
    }

    @Test(
        "while one server floods its connection, the transfers with another go on",
        arguments: [
            "flood of settings", "flood of pings", "flood of continuations", "flood of empty data",
        ])
    func others(way: String) async throws {
        let bad = try await BadServer.start(way)
        let good = try LoopbackServer { _ in .ok("good") }
        var settings = TransferSettings()
        settings.caFile = bad.caFile
        settings.resolve = ["provider.test:\(bad.port):127.0.0.1"]
        settings.allowInsecure = ["127.0.0.1:\(good.port)"]
        let client = try CurlTransfer(settings)
        async let flooded = client.failure(request(bad, .post))
        for _ in 0..<20 {
            var request = TransferRequest(.get, "http://127.0.0.1:\(good.port)/", reach: .configured)
            (request.limits.stall, request.limits.total) = (Patience.limit, Patience.limit)
            #expect(try await client.transfer(request).text == "good")
        }
        #expect(await flooded != nil)
    }
}
