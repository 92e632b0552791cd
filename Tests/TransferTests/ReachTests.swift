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
            "x.localhost", "localhost.", "127.0.0.1.", "0", "0.0.0.0", "127.255.255.254", "127.0.1", "0177.0.0.1",
            "0X7F.0.0.0x1", "0300.0250.0.1", "172.16.0.1", "172.31.255.255", "192.168.1", "100.64.0.1", "100.127.9.9",
            "169.254.1.1", "2852039166", "0xa9fea9fe", "192.0.0.170", "192.88.99.1", "198.18.0.1", "224.0.0.1",
            "239.255.255.250", "240.0.0.1", "255.255.255.255", "[::]", "[0:0:0:0:0:0:0:1]", "[::ffff:7f00:1]",
            "[::ffff:0a00:0001]", "[::ffff:169.254.169.254]", "[::127.0.0.1]", "[64:ff9b::7f00:1]",
            "[64:ff9b::169.254.169.254]", "[64:ff9b:1::808:808]", "[2002:7f00:1::]", "[2002:a9fe:a9fe::1]",
            "[2001::1]", "[2001:db8::1]", "[fec0::1]", "[fc00::1]", "[ff02::1]", "[100::1]",
        ])
    func literals(host: String) async throws {
        let client = try CurlTransfer(TransferSettings())
        let request = TransferRequest(.get, "https://\(host)/", reach: .foreign)
        #expect(await client.verdict(request) == Verdict(.refusedAddress, .nothing))
        #expect(client.report.connectionsOpened == 0)
    }

    @Test(
        "an address that one reader takes for another host than the next reader is none",
        arguments: [
            "https://8.8.8.8@127.0.0.1/", "https://127.0.0.1@8.8.8.8/", "https://a:b@127.0.0.1/",
            "https://127.0.0.1\\@a/",
            "https://a\\@127.0.0.1/", "https://127.0.0.1%00.a.test/", "https://127%2E0%2E0%2E1/",
            "https://%6c%6fcalhost/",
            "https://１２７.0.0.1/", "https://loc\u{00AD}alhost/", "https://ⓛocalhost/", "https://xn--/ a",
            "https://127.0.0.1..",
            "https://..127.0.0.1/", "https://127.0.0.1:443:80/", "https://127.0.0.1:+443/", "https://127.0.0.1:0/",
            "https://127.0.0.1:65536/", "https://127.0.0.1:443@a/", "https://[::1%25lo]/", "https://[::1%lo]/",
            "https://[127.0.0.1]/", "https://::1/", "https://[::1]a/", "https://127.0.0.1\t/", "https://127.0.0.1\n.a/",
            " https://127.0.0.1/", "https:127.0.0.1", "https:/127.0.0.1/", "https:///127.0.0.1/", "//127.0.0.1/",
            "ftp://127.0.0.1/", "file:///etc/passwd", "gopher://127.0.0.1:25/", "dict://127.0.0.1:11211/", "ldap://a/",
            "smb://a/", "unix:///run/x", "data:image/png;base64,AAAA", "javascript:1", "jar:https://a!/",
        ])
    func twoReadings(url: String) async throws {
        let client = try CurlTransfer(TransferSettings())
        for reach in [TransferReach.foreign, .configured] {
            #expect(
                await client.verdict(TransferRequest(.get, url, reach: reach)) == Verdict(.refusedURL, .nothing),
                "\(url)")
        }
        #expect(client.report.connectionsOpened == 0)
    }

    @Test("a name with several private addresses is connected to at none of them, with a dot at its end neither")
    func mixed() async throws {
        let server = try LoopbackServer { _ in .ok() }
        var settings = TransferSettings()
        // In all their forms.
        let addresses = [
            "127.0.0.1", "0.0.0.0", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[fe80::1]",
        ]
        settings.resolve = ["pictures.test:\(server.port):\(addresses.joined(separator: ","))"]
        let client = try CurlTransfer(settings)
        for _ in 0..<3 {
            let request = TransferRequest(.get, "https://pictures.test.:\(server.port)/", reach: .foreign)
            let verdict = await client.verdict(request)
            #expect(verdict?.sent == .nothing && [.refusedAddress, .unresolved].contains(verdict?.code))
        }
        #expect(client.report.connectionsOpened == 0 && server.connectionsAccepted == 0)
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
