// TLS and HTTP/2 against a real server: who is trusted, how connections are shared, where redirects lead and keys go.

import Linux
import LoopbackServer
import TestSupport
import Testing

@testable import Transfer

@Suite("TLS")
struct TLSTests {
    @Test("HTTP/2 is spoken where it is offered, HTTP/1.1 elsewhere", arguments: [true, false])
    func versions(offersHTTP2: Bool) async throws {
        let server = try LoopbackServer { .ok("\($0.body.count)") }
        let front = try await TLSFront.start(backendPort: server.port, offersHTTP2: offersHTTP2)
        let client = try CurlTransfer(front.settings)
        for method in [TransferMethod.get, .post, .put] {
            var request = TransferRequest(method, "https://provider.test:\(front.port)/a?b", reach: .configured)
            if method != .get { request.body = .bytes([UInt8](repeating: 1, count: 3_000_000)) }
            #expect(try await client.transfer(request).text == (method == .get ? "0" : "3000000"))
        }
        #expect(server.requests.allSatisfy { $0.header("via")?.hasPrefix(offersHTTP2 ? "2 " : "1.1 ") == true })
        // One for the first two, one for the POST alone.
        #expect(client.report.connectionsOpened == 2)
    }

    @Test("over HTTP/2 a hundred transfers share one connection")
    func multiplexed() async throws {
        let together = Monitor(0)
        let server = try LoopbackServer { request in
            guard request.target != "/first" else { return .ok() }
            // None is answered before all are there.
            together.change { $0 += 1 }
            _ = together.wait(until: MonotonicClock.now() + Patience.limit) { $0 >= 90 ? true : nil }
            return .ok(request.target)
        }
        let front = try await TLSFront.start(backendPort: server.port)
        var settings = front.settings
        settings.maximumPerOrigin = 90
        let client = try CurlTransfer(settings)
        let base = "https://provider.test:\(front.port)"
        _ = try await client.transfer(TransferRequest(.get, "\(base)/first", reach: .configured))
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for number in 0..<90 {
                group.addTask {
                    let request = TransferRequest(.get, "\(base)/\(number)", reach: .configured)
                    return try await client.transfer(request).text == "/\(number)"
                }
            }
            for try await isRight in group { #expect(isRight) }
        }
        #expect(client.report.connectionsOpened == 1)
    }

    @Test(
        "a certificate that is not right is refused before anything is sent",
        arguments: [
            (CertificateKind.wrongHost, "is for another host"), (.expired, "has expired"),
            (.selfSigned, "is signed by nobody but itself"),
        ])
    func badCertificates(kind: CertificateKind, message: String) async throws {
        let server = try LoopbackServer { _ in .ok() }
        let front = try await TLSFront.start(backendPort: server.port, certificate: kind)
        let client = try CurlTransfer(front.settings)
        var request = TransferRequest(.post, "https://provider.test:\(front.port)/?secret", reach: .configured)
        request.body = .bytes([1])
        let failure = await client.failure(request)
        #expect(failure?.code == .tls && failure?.sent == .nothing)
        #expect(failure?.message == "the certificate of provider.test \(message)")
        #expect(server.requests.isEmpty)
    }

    @Test("an authority that nobody named is not trusted")
    func unknownAuthority() async throws {
        let server = try LoopbackServer { _ in .ok() }
        let front = try await TLSFront.start(backendPort: server.port)
        var settings = front.settings
        settings.caFile = nil
        let client = try CurlTransfer(settings)
        let failure = await client.failure(
            TransferRequest(.get, "https://provider.test:\(front.port)/", reach: .configured))
        #expect(failure?.code == .tls && failure?.sent == .nothing)
        #expect(failure?.message == "the certificate of provider.test comes from an authority that is not trusted")
        #expect(server.requests.isEmpty)
    }

    @Test("a POST whose HTTP/2 connection dies, while others use it, is sent once and counts as sent")
    func connectionDies() async throws {
        let asked = Happening()
        let server = try LoopbackServer { request in
            asked.happen()
            return .steps([.stall])
        }
        let front = try await TLSFront.start(backendPort: server.port)
        let client = try CurlTransfer(front.settings)
        let base = "https://provider.test:\(front.port)"
        var order = TransferRequest(.post, "\(base)/order", reach: .configured)
        order.body = .bytes([1, 2, 3])
        let paid = Task { [order] in await client.verdict(order) }
        await asked.times(1)
        // It joins the POST's connection, which is one that was used before from then on.
        let look = Task { await client.verdict(TransferRequest(.get, "\(base)/look", reach: .configured)) }
        await asked.times(2)
        #expect(client.report.connectionsOpened == 1)
        front.stop()
        #expect(await paid.value == Verdict(.broken, .whole))
        #expect(await look.value?.sent == .whole)
        #expect(server.requests.count { $0.method == "POST" } == 1)
    }
}

@Suite("Redirects over TLS")
struct RedirectTests {
    /// A front with a server that redirects `/to?URL` to the URL.
    private func start() async throws -> (LoopbackServer, TLSFront, CurlTransfer) {
        let server = try LoopbackServer { request in
            guard request.target.hasPrefix("/to") else { return .ok(request.target) }
            let parts = request.target.split(separator: "?", maxSplits: 1)
            let status = Int(parts[0].dropFirst(3)) ?? 302
            return .status(status, [("Location", String(parts[1]))], "moved")
        }
        let front = try await TLSFront.start(backendPort: server.port)
        return (server, front, try CurlTransfer(front.settings))
    }

    private func request(_ front: TLSFront, _ path: String, _ method: TransferMethod = .get) -> TransferRequest {
        var request = TransferRequest(method, "https://provider.test:\(front.port)\(path)", reach: .configured)
        request.redirects = 2
        return request
    }

    @Test("redirects are followed as often as was asked for, from https to https, and by nobody else than us")
    func followed() async throws {
        let (server, front, client) = try await start()
        #expect(try await client.transfer(request(front, "/to?/to301?/end")).text == "/end")
        #expect(server.requests.map(\.target) == ["/to?/to301?/end", "/to301?/end", "/end"])
        #expect(await client.verdict(request(front, "/to?/to?/to?/end")) == Verdict(.refusedRedirect, .whole))
        for place in ["http://provider.test:\(front.port)/", "ftp://x/", "file:///etc/passwd", "https://u:p@x/"] {
            #expect(
                await client.verdict(request(front, "/to?\(place)")) == Verdict(.refusedRedirect, .whole), "\(place)")
        }
        var plain = request(front, "/to?/end")
        plain.redirects = 0
        let answer = try await client.transfer(plain)
        #expect(answer.status == 302 && answer.text == "moved" && answer.header("location") == "/end")
        var post = request(front, "/to307?/end", .post)
        post.body = .bytes([1])
        #expect(try await client.transfer(post).status == 307)
        #expect(server.requests.count { $0.method == "POST" } == 1)
    }

    @Test("a redirect into a private network is refused to a stranger's address")
    func foreignRedirect() async throws {
        let (server, front, _) = try await start()
        var settings = front.settings
        // The first host is allowed, as a stand-in for a public one; the second lies on this machine too.
        settings.allowInsecure = ["provider.test:\(front.port)"]
        let client = try CurlTransfer(settings)
        var request = request(front, "/to?https://downloads.test:\(front.port)/end")
        request.reach = .foreign
        #expect(await client.verdict(request) == Verdict(.refusedAddress, .nothing))
        #expect(server.requests.count == 1)
    }

    @Test(
        "a redirect to a private address in any spelling, to another scheme or to what can be misread goes nowhere",
        arguments: [
            "https://127.0.0.1/", "https://0x7f.1/", "https://2130706433/", "https://localhost/", "https://[::1]/",
            "https://[::ffff:169.254.169.254]/", "https://169.254.169.254/latest/meta-data/", "https://10.0.0.1/",
            "https://192.168.0.1:8443/", "https://100.64.0.1/", "https://[fd00::1]/", "https://[64:ff9b::7f00:1]/",
            "//127.0.0.1/", "//localhost:443/x", "http://127.0.0.1/", "ftp://127.0.0.1/", "file:///etc/passwd",
            "gopher://127.0.0.1:25/x", "https://a@127.0.0.1/", "https://127.0.0.1%2f@a/", "https:///", "https://",
        ])
    func privateRedirects(place: String) async throws {
        let (server, front, _) = try await start()
        var settings = front.settings
        settings.allowInsecure = ["provider.test:\(front.port)"]
        let client = try CurlTransfer(settings)
        var request = request(front, "/to?\(place)")
        request.reach = .foreign
        let verdict = await client.verdict(request)
        #expect([.refusedAddress, .refusedRedirect].contains(verdict?.code), "\(verdict as Any)")
        #expect(server.requests.count == 1)
    }

    @Test("a key stays at its origin, whatever an answer says, also when it leads back")
    func keys() async throws {
        let (server, front, client) = try await start()
        let (home, away) = ("https://provider.test:\(front.port)", "https://downloads.test:\(front.port)")
        var request = request(front, "/to?\(away)/to?\(home)/end")
        request.credential = TransferCredential(name: "Authorization", value: "Bearer geheim", origin: home)
        request.headers = [TransferHeader("X-Trace", "abc"), TransferHeader("Accept", "image/jpeg")]
        #expect(try await client.transfer(request).text == "/end")
        #expect(server.requests.map { $0.header("authorization") } == ["Bearer geheim", nil, nil])
        #expect(server.requests.map { $0.header("x-trace") } == ["abc", nil, nil])
        #expect(server.requests.map { $0.header("accept") } == ["image/jpeg", "image/jpeg", "image/jpeg"])
    }

    @Test("a file gets the last answer's body only")
    func file() async throws {
        let (server, front, client) = try await start()
        let file = try OpenFile.inMemory()
        var request = request(front, "/to?/end")
        request.sink = .file(file)
        let answer = try await client.transfer(request)
        #expect(answer.bytes == 4, "\(answer)")
        #expect(try file.read(limit: 100) == Array("/end".utf8))
        #expect(Set(server.requests.map(\.target)) == ["/to?/end", "/end"])
    }
}
