// Through a proxy: what it gets to see, and what a failure of it is called.

import Glibc
import Linux
import LoopbackServer
import TestSupport
import Testing

@testable import Transfer

/// What a proxy says in place of opening a tunnel.
private struct Lie: CustomTestStringConvertible, Sendable {
    /// Short: the reply itself would fill the test's log with its bytes.
    let testDescription: String
    let reply: LoopbackReply

    init(_ name: String, _ reply: LoopbackReply) { (testDescription, self.reply) = (name, reply) }
}

@Suite("Proxies")
struct ProxyTests {
    private func client(_ proxyPort: UInt16, _ change: (inout TransferSettings) -> Void = { _ in }) throws
        -> CurlTransfer
    {
        var settings = TransferSettings()
        settings.proxy = "http://user:geheim@127.0.0.1:\(proxyPort)"
        settings.allowInsecure = ["shop.test:80"]
        change(&settings)
        return try CurlTransfer(settings)
    }

    @Test("a plain request goes to the proxy in its absolute form, with the proxy's login for the proxy alone")
    func absoluteForm() async throws {
        let proxy = try LoopbackServer { _ in .ok("from afar") }
        let client = try client(proxy.port)
        let answer = try await client.transfer(TransferRequest(.get, "http://shop.test/x?y", reach: .foreign))
        #expect(answer.text == "from afar")
        #expect(proxy.requests[0].target == "http://shop.test/x?y")
        #expect(proxy.requests[0].header("proxy-authorization") == "Basic dXNlcjpnZWhlaW0=")
        #expect(proxy.requests[0].header("authorization") == nil)
    }

    @Test("a TLS request goes through a tunnel, and the proxy sees nothing of it")
    func tunnel() async throws {
        let server = try LoopbackServer { .ok($0.target) }
        let front = try await TLSFront.start(backendPort: server.port)
        let proxy = try TunnelProxy(to: front.port)
        let client = try client(proxy.port) { $0.caFile = front.caFile }
        for _ in 0..<3 {
            let answer = try await client.transfer(
                TransferRequest(.get, "https://provider.test/secret", reach: .foreign))
            #expect(answer.text == "/secret")
        }
        #expect(proxy.heads.count == 1)
        #expect(proxy.heads[0].hasPrefix("CONNECT provider.test:443 HTTP/1.1\r\n"))
        #expect(!proxy.heads[0].contains("/secret"))
        #expect(server.requests.allSatisfy { $0.header("proxy-authorization") == nil })
    }

    @Test("a proxy that is not there has received nothing, and its login shows nowhere")
    func down() async throws {
        let closed = try RawPort(listening: false)
        let client = try client(closed.port)
        for url in ["http://shop.test/", "https://provider.test/"] {
            var request = TransferRequest(.post, url, reach: .configured)
            request.body = .bytes([1])
            let failure = await client.failure(request)
            #expect(failure?.code == .proxy && failure?.sent == .nothing)
            #expect(failure?.message == "no connection to the proxy: Connection refused")
        }
    }

    @Test("a proxy that opens no tunnel has let nothing through", arguments: [403, 407, 502])
    func refuses(status: Int) async throws {
        let proxy = try LoopbackServer { _ in .status(status) }
        var request = TransferRequest(.post, "https://provider.test/", reach: .configured)
        request.body = .bytes([1])
        let failure = await (try client(proxy.port)).failure(request)
        #expect(failure?.code == .proxy && failure?.sent == .nothing)
        #expect(failure?.message == "the proxy did not connect to provider.test")
        #expect(proxy.requests.allSatisfy { $0.method == "CONNECT" })
    }

    @Test("a proxy that hangs up on the tunnel has let nothing through")
    func hangsUp() async throws {
        let proxy = try LoopbackServer { _ in .steps([.close]) }
        let request = TransferRequest(.get, "https://provider.test/", reach: .configured)
        #expect(await (try client(proxy.port)).verdict(request) == Verdict(.proxy, .nothing))
        #expect(proxy.requests.map(\.target) == ["provider.test:443"])
    }

    @Test("a proxy that leads the tunnel to another host is found out by its certificate, and gets nothing")
    func leadsElsewhere() async throws {
        let server = try LoopbackServer { _ in .ok() }
        let front = try await TLSFront.start(backendPort: server.port, certificate: .wrongHost)
        let proxy = try TunnelProxy(to: front.port)
        var request = TransferRequest(.post, "https://provider.test/?key=geheim", reach: .configured)
        request.body = .bytes([1])
        request.credential = TransferCredential(name: "Authorization", value: "geheim", origin: "https://provider.test")
        let failure = await (try client(proxy.port) { $0.caFile = front.caFile }).failure(request)
        #expect(failure?.code == .tls && failure?.sent == .nothing)
        #expect(failure?.message == "the certificate of provider.test is for another host")
        #expect(server.requests.isEmpty && proxy.heads.allSatisfy { !$0.contains("geheim") })
    }

    @Test(
        "a proxy that answers for the host itself, never ends its answer or says nothing has let nothing through",
        arguments: [
            Lie("an answer of its own", .raw("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", then: .close)),
            Lie("elsewhere", .raw("HTTP/1.1 302 Found\r\nLocation: https://127.0.0.1/\r\nContent-Length: 0\r\n\r\n")),
            Lie(
                "headers",
                .raw("HTTP/1.1 200 OK\r\n" + String(repeating: "X-Header: value\r\n", count: 200_000), then: .stall)),
            Lie("a header", .raw("HTTP/1.1 200 OK\r\nX: " + String(repeating: "y", count: 3_000_000), then: .stall)),
            Lie("another protocol", .raw("SSH-2.0-OpenSSH_9.2\r\n", then: .stall)),
            Lie("silence", .steps([.stall])), Lie("a reset", .steps([.reset])),
        ])
    fileprivate func lies(lie: Lie) async throws {
        let proxy = try LoopbackServer { _ in lie.reply }
        var request = TransferRequest(.post, "https://provider.test/secret", reach: .configured)
        request.body = .bytes([1])
        request.limits.connect = 2_000_000_000
        let failure = await (try client(proxy.port)).failure(request)
        #expect([.proxy, .tls, .unconnected].contains(failure?.code) && failure?.sent == .nothing, "\(failure as Any)")
        #expect(failure?.message.contains("geheim") == false)
        #expect(proxy.requests.allSatisfy { $0.method == "CONNECT" && !$0.target.contains("secret") })
    }

    @Test("a plain request that the proxy wants a login for is the proxy's failure")
    func wantsLogin() async throws {
        let proxy = try LoopbackServer { _ in .status(407) }
        let request = TransferRequest(.get, "http://shop.test/", reach: .configured)
        #expect(await (try client(proxy.port)).verdict(request) == Verdict(.proxy, .whole))
        #expect(proxy.requests.map(\.target) == ["http://shop.test/"])
    }

    @Test("an address that spells out a private one is refused also where the proxy would connect to it")
    func privateLiterals() async throws {
        let proxy = try LoopbackServer { _ in .ok() }
        let client = try client(proxy.port)
        for host in ["10.0.0.1", "0x7f.1", "[::1]", "localhost"] {
            let request = TransferRequest(.get, "https://\(host)/", reach: .foreign)
            #expect(await client.verdict(request) == Verdict(.refusedAddress, .nothing), "\(host)")
        }
        #expect(proxy.connectionsAccepted == 0)
    }
}

/// A proxy that knows CONNECT alone, and leads every tunnel to one port of this machine.
private final class TunnelProxy: Sendable {
    private let listener: RawPort
    var port: UInt16 { listener.port }
    private let seen = Monitor<[String]>([])

    /// The heads of the requests that came.
    var heads: [String] { seen.look { $0 } }

    init(to target: UInt16) throws {
        listener = try RawPort(listening: true)
        OwnedThread.spawn(name: "proxy") { [listener, seen] in
            while true {
                let one = accept(listener.number, nil, nil)
                guard one >= 0 else { return }
                OwnedThread.spawn(name: "tunnel") { TunnelProxy.serve(one, target, seen) }
            }
        }
    }

    deinit { listener.hangUp() }

    private static func serve(_ client: CInt, _ target: UInt16, _ seen: Monitor<[String]>) {
        defer { close(client) }
        var head: [UInt8] = []
        while !head.suffix(4).elementsEqual("\r\n\r\n".utf8) {
            var byte: UInt8 = 0
            guard recv(client, &byte, 1, 0) == 1 else { return }
            head.append(byte)
        }
        seen.change { $0.append(String(decoding: head, as: UTF8.self)) }
        let server = socket(AF_INET, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        defer { close(server) }
        guard RawPort.connect(server, to: target) else { return }
        let ready = Array("HTTP/1.1 200 Connection established\r\n\r\n".utf8)
        send(client, ready, ready.count, CInt(MSG_NOSIGNAL))
        while pump(client, server) {}
    }

    /// Carries what has come to the other side; false when one side is done.
    private static func pump(_ one: CInt, _ other: CInt) -> Bool {
        var waiting = [one, other].map { pollfd(fd: $0, events: CShort(POLLIN), revents: 0) }
        guard poll(&waiting, 2, -1) > 0 else { return false }
        var buffer = [UInt8](repeating: 0, count: 65_536)
        for (from, to) in [(0, other), (1, one)] where waiting[from].revents != 0 {
            let count = recv(waiting[from].fd, &buffer, buffer.count, 0)
            guard count > 0, send(to, buffer, count, CInt(MSG_NOSIGNAL)) == count else { return false }
        }
        return true
    }
}
