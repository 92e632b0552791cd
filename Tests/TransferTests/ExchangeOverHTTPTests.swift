// Plain exchanges: what goes out, what comes back, where it is kept.

import Glibc
import Linux
import LoopbackServer
import TestSupport
import Testing

@testable import Transfer

@Suite("Exchanges over HTTP")
struct ExchangeOverHTTPTests {
    @Test(
        "every method goes out as it should, with its body and nothing that was not asked for",
        arguments: [
            (TransferMethod.get, nil), (.head, nil), (.post, "{}"), (.post, nil), (.put, "picture"), (.put, nil),
            (.delete, nil), (.delete, "why"),
        ] as [(TransferMethod, String?)])
    func methods(method: TransferMethod, body: String?) async throws {
        let parlour = try Parlour { .status(200, [("x-method", $0.method)], String(decoding: $0.body, as: UTF8.self)) }
        var request = parlour.request(method, "/a/../b?c=d%20e", body: body)
        request.headers = [TransferHeader("X-Blank", ""), TransferHeader("X-Some", "thing; a=b")]
        let answer = try await parlour.client.transfer(request)
        #expect(answer.status == 200)
        #expect(answer.header("X-METHOD") == method.rawValue)
        #expect(answer.text == (method == .head ? "" : body ?? ""))
        let got = try #require(parlour.server.requests.first)
        #expect(got.target == "/a/../b?c=d%20e")
        #expect(got.body == Array((body ?? "").utf8))
        let names = got.headers.map { $0.name.lowercased() }.filter { $0 != "content-length" }
        #expect(Set(names) == ["host", "user-agent", "accept", "x-blank", "x-some"])
        #expect(got.header("user-agent") == "vizd")
        #expect(got.header("x-blank") == "")
        #expect(
            got.header("content-length")
                == (body.map { "\($0.utf8.count)" } ?? (method == .post || method == .put ? "0" : nil)))
    }

    @Test("an answer of any status is an answer", arguments: [200, 204, 302, 404, 429, 500, 503])
    func statuses(status: Int) async throws {
        let parlour = try Parlour { _ in .status(status, [("Retry-After", "7"), ("Location", "/x")]) }
        let answer = try await parlour.client.transfer(parlour.request())
        #expect(answer.status == status)
        #expect(answer.isSuccess == (status < 300))
        #expect(answer.header("retry-after") == "7")
    }

    @Test("a connection is used again, and one is enough for one transfer after another")
    func reuse() async throws {
        let parlour = try Parlour { _ in .ok("x") }
        for _ in 0..<20 { _ = try await parlour.client.transfer(parlour.request()) }
        #expect(parlour.server.connectionsAccepted == 1)
        #expect(parlour.client.report.connectionsOpened == 1)
        #expect(parlour.client.report.done == 20)
    }

    @Test("a body that is read from a file arrives whole, and the file's own position stays")
    func fileBody() async throws {
        let bytes = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let parlour = try Parlour { .ok("\($0.body.count)") }
        let file = try OpenFile.inMemory(bytes)
        var request = parlour.request(.put)
        request.body = .file(file, count: 2_999_999)
        #expect(try await parlour.client.transfer(request).text == "2999999")
        #expect(parlour.server.requests[0].body == Array(bytes.prefix(2_999_999)))
        #expect(lseek(file.raw, 0, SEEK_CUR) == 3_000_000)
    }

    @Test("a file that is shorter than promised ends the transfer, and its request is a part")
    func shortFileBody() async throws {
        let parlour = try Parlour { _ in .ok() }
        var request = parlour.request(.put)
        request.body = .file(try OpenFile.inMemory([1, 2, 3]), count: 4)
        #expect(await parlour.client.verdict(request) == Verdict(.broken, .part))
        #expect(parlour.whole("PUT") == 0)
    }

    @Test("a large body comes into memory or into a file, the same bytes")
    func sinks() async throws {
        let bytes = (0..<5_000_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        let parlour = try Parlour { _ in .answer(status: 200, headers: [], body: bytes) }
        var request = parlour.request()
        request.limits.bytes = 5_000_000
        #expect(try await parlour.client.transfer(request).body == bytes)
        let file = try OpenFile.inMemory()
        request.sink = .file(file)
        let answer = try await parlour.client.transfer(request)
        #expect(answer.body.isEmpty)
        #expect(answer.bytes == 5_000_000)
        #expect(try file.read(limit: 6_000_000) == bytes)
    }

    @Test("an answer that is no success never touches the file")
    func errorBesideFile() async throws {
        let parlour = try Parlour { _ in .status(403, [], "no") }
        let file = try OpenFile.inMemory()
        var request = parlour.request()
        request.sink = .file(file)
        let answer = try await parlour.client.transfer(request)
        #expect(answer.status == 403 && answer.text == "no" && answer.bytes == 2)
        #expect(try file.info().size == 0)
    }

    @Test("a full disk is told as such")
    func fullDisk() async throws {
        let parlour = try Parlour { _ in .ok("bytes") }
        var request = parlour.request()
        request.sink = .file(OpenFile(Descriptor(owning: open("/dev/full", O_WRONLY | O_CLOEXEC)), label: "full"))
        let failure = await parlour.client.failure(request)
        #expect(failure?.code == .sink)
        #expect(failure?.system?.errno == .noSpace)
        #expect(failure?.status == 200)
        #expect(failure?.sent == .whole)
    }

    @Test("of a long error only the beginning is kept, and that is no failure")
    func longError() async throws {
        let parlour = try Parlour { _ in .answer(status: 500, headers: [], body: [UInt8](repeating: 65, count: 1 << 20))
        }
        let answer = try await parlour.client.transfer(parlour.request())
        #expect(answer.status == 500)
        #expect(answer.body == [UInt8](repeating: 65, count: 65_536))
        var small = parlour.request()
        small.limits.bytes = 10
        #expect(try await parlour.client.transfer(small).body.count == 10)
    }

    @Test("early hints come before the answer and are not it; a trailer comes after it and is not it either")
    func surroundings() async throws {
        let parlour = try Parlour { _ in
            .raw(
                "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nX-A: one\r\n two\r\nx-a:three\r\n"
                    + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Late: y\r\n\r\n")
        }
        let answer = try await parlour.client.transfer(parlour.request())
        #expect(answer.text == "abc")
        #expect(answer.header("link") == nil && answer.header("x-late") == nil)
        #expect(answer.headers.filter { $0.name.lowercased() == "x-a" }.map(\.value) == ["one two", "three"])
    }

    @Test("a compressed body stays as it came")
    func compressed() async throws {
        let bytes: [UInt8] = [0x1F, 0x8B, 8, 0, 1, 2]
        let parlour = try Parlour { _ in .answer(status: 200, headers: [("Content-Encoding", "gzip")], body: bytes) }
        #expect(try await parlour.client.transfer(parlour.request()).body == bytes)
        #expect(parlour.server.requests[0].header("accept-encoding") == nil)
    }

    @Test("what may not be sent is refused before anybody is asked")
    func refusedBefore() async throws {
        let parlour = try Parlour { _ in .ok() }
        for (name, value) in [
            ("X", "a\r\nY: b"), ("X", "a\nb"), ("X", "a\0b"), ("X: y", "z"), ("", "z"), ("X ", "y"),
            ("Content-Length", "3"),
            ("Transfer-Encoding", "chunked"), ("Host", "elsewhere"),
        ] {
            var request = parlour.request()
            request.headers = [TransferHeader(name, value)]
            #expect(await parlour.client.verdict(request) == Verdict(.refusedHeader, .nothing), "\(name)")
        }
        var request = parlour.request()
        request.credential = TransferCredential(name: "Authorization", value: "Bearer a\r\nX: y", origin: "https://a.b")
        #expect(await parlour.client.verdict(request) == Verdict(.refusedHeader, .nothing))
        for url in [
            "http://localhost:\(parlour.server.port)/", "http://127.0.0.1:1/", "ftp://127.0.0.1/", "file:///etc/passwd",
            "http://u:p@127.0.0.1:\(parlour.server.port)/", "http://127.0.0.1:\(parlour.server.port)/a b", "", "//x/",
        ] {
            let verdict = await parlour.client.verdict(TransferRequest(.get, url, reach: .configured))
            #expect(verdict == Verdict(.refusedURL, .nothing), "\(url)")
        }
        #expect(parlour.server.connectionsAccepted == 0)
    }

    @Test("a message tells the host and never the query, the key or the login")
    func messages() async throws {
        let parlour = try Parlour { _ in .steps([.close]) }
        var request = parlour.request(.post, "/path?signature=geheim", body: "geheim")
        request.credential = TransferCredential(
            name: "Authorization", value: "Bearer geheim", origin: "http://127.0.0.1:\(parlour.server.port)")
        let failure = try #require(await parlour.client.failure(request))
        #expect(failure.message.contains("127.0.0.1"))
        #expect(!"\(failure)".contains("geheim") && !"\(request.credential!)".contains("geheim"))
        #expect(parlour.server.requests[0].header("authorization") == "Bearer geheim")
    }
}
