// Bodies that are put together while they are sent: the same bytes, however they are cut.

import LoopbackServer
import Testing

@testable import Transfer

@Suite("Woven bodies")
struct WovenBodyTests {
    /// Base64 by its definition, bit by bit.
    private func base64(_ bytes: [UInt8]) -> [UInt8] {
        let signs = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        let bits = bytes.flatMap { byte in (0..<8).map { byte >> (7 - $0) & 1 } }
        let text = stride(from: 0, to: bits.count, by: 6).map { start in
            signs[(0..<6).reduce(0) { $0 << 1 | Int(start + $1 < bits.count ? bits[start + $1] : 0) }]
        }
        return text + [UInt8](repeating: UInt8(ascii: "="), count: (4 - text.count % 4) % 4)
    }

    private func bytes(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 167 &+ 250) } }

    private func piece(_ range: Range<Int>, of body: WovenBody) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: range.count) { buffer, filled in
            body.copy(range, to: UnsafeMutableRawBufferPointer(buffer))
            filled = range.count
        }
    }

    @Test("the examples of base64's definition")
    func examples() {
        let examples = [
            ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ]
        for (text, encoded) in examples {
            let body = WovenBody([], [WovenBody.Picture(at: 0, Array(text.utf8))])
            #expect(String(decoding: body.bytes, as: UTF8.self) == encoded)
        }
    }

    @Test("pictures of every length stand where they belong, also beside each other and at the ends")
    func lengths() {
        let text = Array("<one|two>".utf8)
        for count in 0..<70 {
            let (one, two, three) = (bytes(count), bytes(count / 2 + 1), bytes(3 * count))
            let body = WovenBody(text, [.init(at: 0, one), .init(at: 5, two), .init(at: 5, []), .init(at: 9, three)])
            let whole = base64(one) + text[..<5] + base64(two) + text[5...] + base64(three)
            #expect(body.bytes == whole, "\(count) bytes")
            #expect(body.count == whole.count)
        }
        #expect(WovenBody(text).bytes == text)
        #expect(WovenBody([]).bytes.isEmpty)
    }

    @Test("every piece of a body is that piece of the whole")
    func pieces() {
        for count in [7, 8, 9, 25] {
            let body = WovenBody(Array("ab".utf8), [.init(at: 1, bytes(count)), .init(at: 2, bytes(count + 1))])
            let whole = body.bytes
            for start in 0...whole.count {
                for end in start...whole.count {
                    #expect(piece(start..<end, of: body) == Array(whole[start..<end]), "\(start)..<\(end)")
                }
            }
        }
    }

    @Test("a body that is larger than any buffer goes out as it is, with its length before it")
    func overHTTP() async throws {
        let parlour = try Parlour { .ok("\($0.body.count)") }
        let pictures = [WovenBody.Picture(at: 3, bytes(1_000_001)), .init(at: 6, bytes(500_000))]
        let body = WovenBody(Array("one two".utf8), pictures)
        var request = parlour.request(.post)
        request.body = .woven(body)
        #expect(try await parlour.client.transfer(request).text == "\(body.count)")
        let got = try #require(parlour.server.requests.first)
        #expect(got.header("content-length") == "\(body.count)")
        #expect(got.body == body.bytes)
    }
}
