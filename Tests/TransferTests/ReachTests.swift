// Addresses that came from somebody else's text, and the private networks that they must not reach.

import Linux
import LoopbackServer
import TestSupport
import Testing

@testable import Transfer

@Suite("Foreign addresses")
struct ReachTests {
    @Test(
        "an address that spells out a private one is refused in every spelling",
        arguments: [
            "127.0.0.1", "127.1", "0x7f000001", "0x7f.0.0.1", "017700000001", "2130706433", "10.0.0.1",
            "169.254.169.254",
            "[::1]", "[::ffff:127.0.0.1]", "[64:ff9b::a00:1]", "[fe80::1]", "[fd00::1]", "localhost", "LOCALHOST",
            "x.localhost", "localhost.", "127.0.0.1.", "0",
        ])
    func literals(host: String) async throws {
        let client = try CurlTransfer(TransferSettings())
        let request = TransferRequest(.get, "https://\(host)/", reach: .foreign)
        #expect(await client.verdict(request) == Verdict(.refusedAddress, .nothing))
        #expect(client.report.connectionsOpened == 0)
    }

    @Test("a name is judged by the address that is connected to, before a byte is sent")
    func names() async throws {
        let server = try LoopbackServer { _ in .ok() }
        for address in [
            "127.0.0.1", "[::1]", "10.1.2.3", "169.254.169.254", "[::ffff:127.0.0.1]", "127.0.0.1,10.0.0.1",
        ] {
            var settings = TransferSettings()
            settings.resolve = ["pictures.test:\(server.port):\(address)"]
            let client = try CurlTransfer(settings)
            var request = TransferRequest(.get, "https://pictures.test:\(server.port)/", reach: .foreign)
            let failure = await client.failure(request)
            #expect(failure?.code == .refusedAddress && failure?.sent == .nothing, "\(address)")
            #expect(failure?.message == "pictures.test leads into a private network")
            #expect(client.report.connectionsOpened == 0)
            // The operator's own words are not judged: this one gets as far as the server, which knows no TLS.
            request.reach = .configured
            request.limits.connect = 200_000_000
            if address == "127.0.0.1" { #expect(await client.verdict(request) == Verdict(.unconnected, .nothing)) }
        }
        #expect(server.connectionsAccepted == 1)
    }

    @Test("a host of http.allowInsecure may be private, any other may not be spoken to without TLS")
    func allowed() async throws {
        let parlour = try Parlour { _ in .ok("in") }
        #expect(try await parlour.client.transfer(TransferRequest(.get, parlour.url(), reach: .foreign)).text == "in")
        let other = try LoopbackServer { _ in .ok() }
        let request = TransferRequest(.get, "http://127.0.0.1:\(other.port)/", reach: .foreign)
        #expect(await parlour.client.verdict(request) == Verdict(.refusedURL, .nothing))
        #expect(other.connectionsAccepted == 0)
    }

    @Test("a connection that the operator's request opened does not serve a stranger's", arguments: [true, false])
    func usedConnection(offersHTTP2: Bool) async throws {
        let server = try LoopbackServer { _ in .ok("private") }
        let front = try await TLSFront.start(backendPort: server.port, offersHTTP2: offersHTTP2)
        let client = try CurlTransfer(front.settings)
        var request = TransferRequest(.get, "https://provider.test:\(front.port)/", reach: .configured)
        #expect(try await client.transfer(request).text == "private")
        request.reach = .foreign
        #expect(await client.verdict(request) == Verdict(.refusedAddress, .nothing))
        #expect(server.requests.count == 1)
        request.reach = .configured
        #expect(try await client.transfer(request).text == "private")
    }
}

extension TLSFront {
    /// For a client that trusts this front and finds the tests' names at it.
    var settings: TransferSettings {
        var settings = TransferSettings()
        settings.caFile = caFile
        settings.resolve = ["provider.test:\(port):127.0.0.1", "downloads.test:\(port):127.0.0.1"]
        return settings
    }
}
