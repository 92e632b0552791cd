// The bookkeeping of one exchange and the way over redirects, as values.

import Linux
import Testing

@testable import Transfer

@Suite("Bookkeeping of an exchange")
struct ExchangeTests {
    private func exchange(
        _ method: TransferMethod = .post, body: Int = 10, _ change: (inout TransferLimits) -> Void = { _ in }
    ) -> Exchange {
        var limits = TransferLimits()
        (limits.connect, limits.total, limits.stall) = (10, 100, 30)
        change(&limits)
        return Exchange(method: method, limits: limits, bodyLength: body, writesFile: false, at: 1000)
    }

    private func lines(_ exchange: inout Exchange, _ lines: String...) {
        for line in lines { _ = exchange.line(Array("\(line)\r\n".utf8), at: 1000) }
    }

    @Test("nothing is sent before the request begins, a part until all of the body is fetched, then perhaps the whole")
    func sent() {
        var exchange = exchange()
        #expect(exchange.sent == .nothing)
        #expect(exchange.begins(at: 1001) == true)
        #expect(exchange.sent == .part)
        #expect(exchange.fetch(4, at: 1002) == 0..<4)
        #expect(exchange.sent == .part)
        #expect(exchange.fetch(100, at: 1003) == 4..<10)
        #expect(exchange.sent == .whole)
        #expect(exchange.fetch(100, at: 1004) == 10..<10)
    }

    @Test("a request without a body is whole once it has begun")
    func emptyBody() {
        var exchange = exchange(body: 0)
        #expect(exchange.sent == .nothing)
        #expect(exchange.begins(at: 1001) == true)
        #expect(exchange.sent == .whole)
    }

    @Test(
        "only what changes nothing begins twice, and not after an answer has begun",
        arguments: [TransferMethod.get, .head, .post, .put, .delete])
    func again(method: TransferMethod) {
        let harmless = method == .get || method == .head
        var first = exchange(method, body: 0)
        #expect(first.begins(at: 1001) == true)
        #expect(first.begins(at: 1002) == harmless)
        #expect(first.stop == (harmless ? nil : .resent))
        var answered = exchange(method, body: 0)
        _ = answered.begins(at: 1001)
        lines(&answered, "HTTP/1.1 200 OK")
        #expect(answered.begins(at: 1002) == false)
    }

    @Test("the limits of time follow each other: to connect, then between bytes, and always the whole")
    func times() {
        var exchange = exchange()
        #expect(exchange.look(at: 1000) == .until(1010))
        #expect(exchange.look(at: 1010) == .over(.unconnected))
        _ = exchange.begins(at: 1009)
        #expect(exchange.look(at: 1010) == .until(1039))
        _ = exchange.fetch(10, at: 1030)
        #expect(exchange.look(at: 1039) == .until(1060))
        exchange.moved(at: 1050)
        #expect(exchange.look(at: 1060) == .until(1080))
        #expect(exchange.look(at: 1080) == .over(.stalled))
        lines(&exchange, "HTTP/1.1 200 OK", "")
        _ = exchange.body(1, at: 1090)
        #expect(exchange.look(at: 1095) == .until(1100))
        #expect(exchange.look(at: 1100) == .over(.timedOut))
    }

    @Test("limits that have no end do not run over")
    func endless() {
        let exchange = exchange { ($0.connect, $0.total, $0.stall) = (.max, .max, .max) }
        #expect(exchange.look(at: 1 << 60) == .until(.max))
    }

    @Test("the body is bounded by what is declared and by what comes, of a success by the limit, of an error by less")
    func bodies() {
        var declared = exchange { $0.bytes = 5 }
        _ = declared.begins(at: 1001)
        lines(&declared, "HTTP/2 200", "content-length: 6", "")
        #expect(declared.stop == .tooLarge)
        var coming = exchange { $0.bytes = 5 }
        _ = coming.begins(at: 1001)
        lines(&coming, "HTTP/1.1 200 OK", "")
        #expect(coming.body(5, at: 1002) == .remember(5))
        #expect(coming.body(1, at: 1002) == .stop)
        #expect(coming.stop == .tooLarge && coming.received == 5)
        var error = exchange { $0.bytes = 5 }
        _ = error.begins(at: 1001)
        lines(&error, "HTTP/1.1 500 Oh", "Content-Length: 600", "")
        #expect(error.stop == nil)
        #expect(error.body(8, at: 1002) == .remember(5))
        #expect(error.stop == .truncated)
    }

    @Test("all header bytes count together, those of hints before the answer and of trailers too")
    func headerBytes() {
        var exchange = exchange { $0.headerBytes = 100 }
        _ = exchange.begins(at: 1001)
        lines(&exchange, "HTTP/1.1 103 Hints", "Link: x", "")
        #expect(exchange.head == nil)
        lines(&exchange, "HTTP/1.1 200 OK", "")
        #expect(exchange.head?.status == 200)
        #expect(exchange.line(Array(String(repeating: "x", count: 60).utf8), at: 1002) == false)
        #expect(exchange.stop == .headersTooLarge)
    }

    @Test("the first reason to stop is the one that counts, and nothing is taken after it")
    func firstReason() {
        var exchange = exchange()
        exchange.halt(.cancelled)
        exchange.halt(.stalled)
        #expect(exchange.stop == .cancelled)
        #expect(exchange.begins(at: 1001) == false)
        #expect(exchange.sent == .nothing)
    }
}

@Suite("Routes")
struct RouteTests {
    private let rules = RouteRules(allowInsecure: ["plain.test:80"], isProxied: false)

    private func route(
        _ url: String, _ redirects: Int = 3, _ method: TransferMethod = .get, reach: TransferReach = .configured
    ) throws -> Route {
        var request = TransferRequest(method, url, reach: reach)
        request.redirects = redirects
        request.credential = TransferCredential(name: "X-Key", value: "geheim", origin: "https://a.test:443")
        return try Route(request, rules)
    }

    private func moved(_ place: String?, _ status: Int = 302) -> TransferAnswer {
        TransferAnswer(status: status, headers: place.map { [TransferHeader("LOCATION", $0)] } ?? [], body: [])
    }

    private func hasKey(_ route: Route) -> Bool { route.leg.headers.contains("X-Key: geheim") }

    @Test(
        "a key goes to its own origin only",
        arguments: [
            ("https://a.test/", true), ("https://A.TEST:443/x", true), ("https://a.test:8443/", false),
            ("http://plain.test/", false), ("https://b.a.test/", false), ("https://a.test.evil/", false),
            ("https://a.test./", false),
        ])
    func keys(url: String, expected: Bool) throws { #expect(hasKey(try route(url)) == expected) }

    @Test(
        "a redirect is followed, or is the answer, or is refused",
        arguments: [
            (301, "/x", "https://a.test/x"), (302, "/x", "https://a.test/x"), (303, "/x", "https://a.test/x"),
            (307, "/x", "https://a.test/x"), (308, "https://b.test/", "https://b.test/"), (300, "/x", "answer"),
            (304, "/x", "answer"), (200, "/x", "answer"), (404, "/x", "answer"), (302, nil, "refused"),
            (302, "http://a.test/", "refused"),
            (302, "ftp://a.test/", "refused"), (302, "http://plain.test/", "refused"),
            (302, "https://u:p@a.test/", "refused"),
        ] as [(Int, String?, String)])
    func followed(status: Int, place: String?, expected: String) throws {
        var route = try route("https://a.test/start")
        do throws(TransferFailure) {
            switch try route.answered(moved(place, status), after: 5) {
            case .arrived: #expect(expected == "answer")
            case .onward: #expect(expected == route.leg.destination.url)
            }
        } catch {
            #expect(expected == "refused" && error.code == .refusedRedirect && error.status == status)
        }
    }

    @Test("only GET and HEAD are followed", arguments: [TransferMethod.post, .put, .delete], [301, 303, 307, 308])
    func methods(method: TransferMethod, status: Int) throws {
        var route = try route("https://a.test/start", 3, method)
        guard case .arrived = try route.answered(moved("/x", status), after: 1) else {
            Issue.record("\(method) was followed")
            return
        }
    }

    @Test("the time of all requests on the way counts together, and there is an end to them")
    func bounds() throws {
        var route = try route("https://a.test/", 2)
        let total = route.leg.limits.total
        _ = try route.answered(moved("/1"), after: 100)
        #expect(route.leg.limits.total == total - 100)
        _ = try route.answered(moved("/2"), after: 200)
        #expect(route.leg.limits.total == total - 300)
        #expect(throws: TransferFailure.self) { try route.answered(moved("/3"), after: 1) }
        var slow = try self.route("https://a.test/", 2)
        #expect(throws: TransferFailure.self) { try slow.answered(moved("/1"), after: total) }
    }

    @Test("a key does not come back to a request that was led away")
    func ledBack() throws {
        var route = try route("https://a.test/")
        _ = try route.answered(moved("https://b.test/"), after: 1)
        #expect(!hasKey(route))
        _ = try route.answered(moved("https://a.test/delete"), after: 1)
        #expect(!hasKey(route))
    }

    @Test("a stranger's redirect to a private address is refused by its spelling, and judged by its socket otherwise")
    func foreign() throws {
        var route = try route("https://a.test/", reach: .foreign)
        #expect(route.leg.judgesAddress)
        #expect(throws: TransferFailure.self) { try route.answered(moved("https://169.254.169.254/"), after: 1) }
        #expect(try !self.route("http://plain.test/", reach: .foreign).leg.judgesAddress)
        #expect(try !self.route("https://a.test/").leg.judgesAddress)
    }
}
