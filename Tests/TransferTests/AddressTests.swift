// Addresses as values: which are public, how they are read, where references lead.

import Testing

@testable import Transfer

@Suite("Addresses")
struct AddressTests {
    @Test(
        "an address of a special range is not public, its neighbours outside are",
        arguments: [
            ("0.0.0.0", "0.255.255.255", "1.0.0.0"), ("10.0.0.0", "10.255.255.255", "11.0.0.0"),
            ("100.64.0.0", "100.127.255.255", "100.128.0.0"), ("127.0.0.0", "127.255.255.255", "128.0.0.0"),
            ("169.254.0.0", "169.254.255.255", "169.255.0.0"), ("172.16.0.0", "172.31.255.255", "172.32.0.0"),
            ("192.0.0.0", "192.0.0.255", "192.0.1.0"), ("192.0.2.0", "192.0.2.255", "192.0.3.0"),
            ("192.88.99.0", "192.88.99.255", "192.88.100.0"), ("192.168.0.0", "192.168.255.255", "192.169.0.0"),
            ("198.18.0.0", "198.19.255.255", "198.20.0.0"), ("198.51.100.0", "198.51.100.255", "198.51.101.0"),
            ("203.0.113.0", "203.0.113.255", "203.0.114.0"), ("224.0.0.0", "255.255.255.255", "223.255.255.255"),
            ("::", "::1", "2000::"), ("fc00::", "fdff:ffff::1", "2a00::1"), ("fe80::", "fec0::1", "2606:4700::1111"),
            ("ff02::1", "ff0e::1", "2400::1"), ("2001::", "2001:1ff:ffff::", "2001:200::"),
            ("2001:db8::", "2001:db8:ffff::1", "2001:db9::"), ("3fff::", "3fff:fff:ffff::", "3fff:1000::"),
            ("100::1", "64:ff9b:1::808:808", "64:ff9b::808:808"), ("2002:a00:1::", "2002:7f00:1::1", "2002:808:808::1"),
            ("::ffff:10.0.0.1", "::ffff:192.168.1.1", "::ffff:8.8.8.8"),
            ("64:ff9b::10.0.0.1", "64:ff9b::7f00:1", "3ffe::1"),
            ("::7f00:1", "5f00::1", "3000::1"),
        ])
    func ranges(first: String, last: String, outside: String) throws {
        #expect(try !#require(IPAddress(first)).isPublic)
        #expect(try !#require(IPAddress(last)).isPublic)
        #expect(try #require(IPAddress(outside)).isPublic)
    }

    @Test("the odd spellings of an IPv4 address are read as the resolver reads them, and names are none")
    func spellings() {
        for text in [
            "127.0.0.1", "127.1", "127.0.1", "0x7f.1", "0x7F000001", "017700000001", "2130706433", "0177.0.0.0x1",
        ] {
            #expect(IPAddress(text)?.bytes == [127, 0, 0, 1], "\(text)")
        }
        for text in [
            "", "a", "1.2.3.4.5", "256.1.1.1", "1.2.3.256", "4294967296", "08", "1..2", ".1", "1.", "+1", "-1", "0x",
            "1.2.3.x",
            "::1::", ":::", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "12345::", "::g", "fe80::1%eth0", "1::2:3:4:5:6:7:8",
            "::1.2.3", "::1.2.3.4.5", "1.2.3.4::", "[::1]",
        ] where text != "0x" {
            #expect(IPAddress(text) == nil, "\(text)")
        }
        #expect(IPAddress("::1.2.3.4")?.bytes == [UInt8](repeating: 0, count: 12) + [1, 2, 3, 4])
        #expect(IPAddress("1:2:3:4:5:6:7:8")?.description == "1:2:3:4:5:6:7:8")
        #expect(IPAddress("0x")?.bytes == [0, 0, 0, 0])
    }

    @Test(
        "an address is taken apart in one way",
        arguments: [
            ("https://Example.COM", "https://example.com/", "example.com:443"),
            ("HTTPS://a.b:443/c?d#e", "https://a.b/c?d", "a.b:443"), ("http://a.b:80?q", "http://a.b/?q", "a.b:80"),
            ("https://a_b-c:8443/%2e/../x", "https://a_b-c:8443/%2e/../x", "a_b-c:8443"),
            ("https://[::1]:9/", "https://[::1]:9/", "[::1]:9"),
            ("https://0x7f.1/", "https://127.0.0.1/", "127.0.0.1:443"),
            ("https://a/b@c:d", "https://a/b@c:d", "a:443"), ("https://a?b://c@d", "https://a/?b://c@d", "a:443"),
        ])
    func takenApart(text: String, url: String, authority: String) throws {
        let destination = try #require(Destination(text))
        #expect(destination.url == url)
        #expect(destination.authority == authority)
        #expect(Destination(url) == destination)
    }

    @Test("an address that can be read in two ways is none")
    func refused() {
        for text in [
            "", "a.b", "//a.b/", "https:/a.b", "https:a.b", "https://", "https:///x", "https://:443/", "ftp://a/",
            "data:,x",
            "https://u@a/", "https://u:p@a/", "https://a@b@c/", "https://a:/", "https://a:0/", "https://a:65536/",
            "https://a:+1/", "https://a:1x/", "https://a b/", "https://a/\u{0}", "https://a/ b", "https://a/\r\nX",
            "https://a\\b/",
            "https://a%2eb/", "https://%61/", "https://ä.de/", "https://a/ä", "https://.a/", "https://a..b/",
            "https://[::1/",
            "https://::1/", "https://[a]/", "https://[::1%25eth0]/", "https://[::1]x/", "https://[::1]:/",
            "https://a#@b/c:d@",
            " https://a/", "https://a;b/", "https://a,b/",
        ] where text != "https://a#@b/c:d@" {
            #expect(Destination(text) == nil, "\(text)")
        }
        #expect(Destination("https://a#@b/c")?.url == "https://a/")
        #expect(Destination("https://a/" + String(repeating: "x", count: 70_000)) == nil)
    }

    @Test(
        "a reference leads where RFC 3986 says",
        arguments: [
            ("g", "/b/c/g"), ("./g", "/b/c/g"), ("g/", "/b/c/g/"), ("/g", "/g"), ("?y", "/b/c/d?y"),
            ("g?y", "/b/c/g?y"),
            ("#s", "/b/c/d?q"), ("g#s", "/b/c/g"), ("", "/b/c/d?q"), (".", "/b/c/"), ("./", "/b/c/"), ("..", "/b/"),
            ("../g", "/b/g"), ("../..", "/"), ("../../g", "/g"), ("../../../g", "/g"), ("/./g", "/g"), ("/../g", "/g"),
            ("g.", "/b/c/g."), ("..g", "/b/c/..g"), ("g;x=1/../y", "/b/c/y"), ("g?y/../x", "/b/c/g?y/../x"),
            ("a:1/../g", nil),
        ] as [(String, String?)])
    func references(reference: String, target: String?) throws {
        let base = try #require(Destination("https://a.b/b/c/d?q"))
        #expect(base.resolving(reference)?.url == target.map { "https://a.b" + $0 })
    }

    @Test("a reference to another host is judged like any address")
    func otherHosts() throws {
        let base = try #require(Destination("https://a.b:8443/x"))
        #expect(base.resolving("//c.d/e")?.url == "https://c.d/e")
        #expect(base.resolving("https://c.d")?.url == "https://c.d/")
        #expect(base.resolving("/e")?.origin == "https://a.b:8443")
        for text in ["//u@c.d/", "javascript:alert", "https://c d/", "mailto:x@y", "/a b", "/ä", "//"] {
            #expect(base.resolving(text) == nil, "\(text)")
        }
    }
}
