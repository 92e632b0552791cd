// The server beneath the simulator, by itself: what a proper client gets, and that its mischief is exactly what was
// asked.

import Foundation
import LoopbackServer
import Testing

@Suite("The loopback server")
struct LoopbackServerTests {
    private static func echo(_ request: LoopbackRequest) -> LoopbackReply {
        .answer(
            status: 200, headers: [("Content-Type", "text/plain")],
            body: Array("\(request.method) \(request.target) ".utf8) + request.body)
    }

    private func text(_ exchange: Exchange) -> String { String(decoding: exchange.body, as: UTF8.self) }

    @Test("one connection serves many requests, also when they come at once, in their order")
    func keepAlive() throws {
        let server = try LoopbackServer(handler: Self.echo)
        let client = try RawClient(port: server.port)
        client.send("GET /a HTTP/1.1\r\n\r\nPOST /b HTTP/1.1\r\nContent-Length: 3\r\n\r\nxyzGET /c HTTP/1.1\r\n\r\n")
        #expect(text(client.answer()) == "GET /a ")
        #expect(text(client.answer()) == "POST /b xyz")
        #expect(text(client.answer()) == "GET /c ")
        #expect(server.connectionsAccepted == 1)
        #expect(server.requests.map(\.target) == ["/a", "/b", "/c"])
        #expect(server.requests.allSatisfy { $0.isWhole && $0.connection == 1 })
    }

    @Test("chunked bodies are put together, and a client that asks to go on is told so")
    func bodies() throws {
        let server = try LoopbackServer(handler: Self.echo)
        let client = try RawClient(port: server.port)
        client.send(
            "PUT /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n5;a=b\r\nhello\r\n1\r\n!\r\n"
                + "0\r\nTrailer: t\r\n\r\nGET /y HTTP/1.1\r\n\r\n")
        #expect(client.answer().status == 100)
        #expect(text(client.answer()) == "PUT /x hello!")
        #expect(text(client.answer()) == "GET /y ")
    }

    @Test("HEAD gets the length and no body, 204 neither")
    func bodiless() throws {
        let server = try LoopbackServer { request in
            request.target == "/none" ? .answer(status: 204, headers: [], body: []) : Self.echo(request)
        }
        let client = try RawClient(port: server.port)
        client.send("HEAD /a HTTP/1.1\r\n\r\nGET /none HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\n")
        let head = client.answer(isHead: true)
        #expect(head.header("Content-Length") == "8")
        let none = client.answer()
        #expect(none.status == 204 && none.header("Content-Length") == nil)
        #expect(text(client.answer()) == "GET /b ")
    }

    @Test("headers are found whatever their case, values without the space around them")
    func headers() throws {
        let server = try LoopbackServer(handler: Self.echo)
        let client = try RawClient(port: server.port)
        client.send("GET / HTTP/1.1\r\nX-Thing: \t a b \r\nx-thing:second\r\n\r\n")
        #expect(client.answer().status == 200)
        #expect(server.requests[0].header("x-THING") == "a b")
        #expect(server.requests[0].headers.count == 2)
    }

    @Test(
        "what is no request is refused and the connection closed",
        arguments: [
            ("nonsense\r\n\r\n", 400), ("GET /\r\n\r\n", 400), ("GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
            ("POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx", 400),
            ("POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
            ("POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\nx", 400),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
            ("POST / HTTP/1.1\r\nContent-Length: 1001\r\n\r\n", 413),
        ])
    func refusals(_ request: String, _ status: Int) throws {
        let server = try LoopbackServer(maximumBody: 1000, handler: Self.echo)
        let client = try RawClient(port: server.port)
        client.send(request)
        #expect(client.answer().status == status)
        client.finish()
        #expect(client.rest().bytes.isEmpty)
        #expect(server.requests.isEmpty)
    }

    @Test("an answer to a head alone leaves the body unread, arrives whole, and ends the connection")
    func onHead() throws {
        let server = try LoopbackServer(
            onHead: { request in
                request.method == "POST" ? .answer(status: 413, headers: [], body: Array("no".utf8)) : nil
            }, handler: Self.echo)
        let client = try RawClient(port: server.port)
        client.send("POST / HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n")
        client.send([UInt8](repeating: 1, count: 300_000))
        let answer = client.answer()
        #expect(answer.status == 413 && text(answer) == "no")
        #expect(answer.header("Connection") == "close")
        #expect(server.requests.map(\.isWhole) == [false])
    }

    @Test("steps are done as they are told: bytes, reset, close, stall")
    func mischief() throws {
        let start = Array("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc".utf8)
        let server = try LoopbackServer { request in
            switch request.target {
            case "/reset": .steps([.bytes(start), .pause(milliseconds: 1), .reset])
            case "/close": .steps([.bytes(start), .close])
            case "/stall": .steps([.bytes(start), .stall])
            default: .steps([.bytes(start), .pause(milliseconds: 1), .bytes(Array("defghi".utf8))])
            }
        }
        let whole = try RawClient(port: server.port)
        whole.send("GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n")
        #expect(text(whole.answer()) == "abcdefghi")
        #expect(text(whole.answer()) == "abcdefghi")
        let reset = try RawClient(port: server.port)
        reset.send("GET /reset HTTP/1.1\r\n\r\n")
        #expect(reset.rest().reset)
        let closed = try RawClient(port: server.port)
        closed.send("GET /close HTTP/1.1\r\n\r\n")
        #expect(closed.rest() == (start, false))
        let stalled = try RawClient(port: server.port)
        stalled.send("GET /stall HTTP/1.1\r\n\r\n")
        #expect(stalled.rest(atMost: start.count).bytes == start)
        server.stop()
        #expect(stalled.rest().bytes == start)
        #expect(server.connectionsOpen == 0)
    }

    @Test("a request that was cut off is remembered as such and not handled")
    func cutOff() throws {
        let handled = Locked(0)
        let server = try LoopbackServer { request in
            handled.change { $0 += 1 }
            return Self.echo(request)
        }
        let client = try RawClient(port: server.port)
        client.send("POST /half HTTP/1.1\r\nContent-Length: 10\r\n\r\n12345")
        client.finish()
        #expect(client.rest().bytes.isEmpty)
        #expect(server.requests.map(\.isWhole) == [false])
        #expect(server.requests.first?.body == Array("12345".utf8))
        #expect(handled.value == 0)
    }

    @Test("hundreds of connections are served at once, and none is left after the end")
    func crowd() throws {
        let server = try LoopbackServer(handler: Self.echo)
        let clients = try (0..<300).map { _ in try RawClient(port: server.port) }
        for (index, client) in clients.enumerated() { client.send("GET /\(index) HTTP/1.1\r\n\r\n") }
        for (index, client) in clients.enumerated() { #expect(text(client.answer()) == "GET /\(index) ") }
        #expect(server.connectionsOpen == 300)
        server.stop()
        #expect(server.connectionsOpen == 0)
        #expect(clients.allSatisfy { $0.rest().bytes.isEmpty })
        let port = server.port
        let again = try LoopbackServer(port: port, handler: Self.echo)
        #expect(again.port == port)
        let taken = #expect(throws: LoopbackFailure.self) { try LoopbackServer(port: port, handler: Self.echo) }
        #expect(taken?.call == "bind" && taken?.errno == EADDRINUSE)
    }

    @Test("a server that is told so remembers nothing")
    func forgetful() throws {
        let server = try LoopbackServer(remembersRequests: false, handler: Self.echo)
        let client = try RawClient(port: server.port)
        client.send("GET / HTTP/1.0\r\n\r\n")
        #expect(client.answer().status == 200)
        #expect(client.rest().bytes.isEmpty)
        #expect(server.requests.isEmpty)
        #expect(server.connectionsAccepted == 1)
    }
}
