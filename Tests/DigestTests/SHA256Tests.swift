// SHA-256 against published vectors (FIPS 180-4 examples and the NIST CAVP byte-oriented short messages).

import Digest
import Testing

@Suite("SHA-256")
struct SHA256Tests {
    /// Message (hexadecimal) and digest.
    private static let vectors: [(message: String, digest: String)] = [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("d3", "28969cdfa74a12c82f3bad960b0b000aca2ac329deea5c2328ebc6f2ba9802c1"),
        ("11af", "5ca7133fa735326081558ac312c620eeca9970d1e70a4b95533d956f072d1f98"),
        ("b4190e", "dff2e73091f6c05e528896c4c831b9448653dc2ff043528f6769437bc7b975c2"),
        ("74ba2521", "b16aa56be3880d18cd41e68384cf1ec8c17680c45a02b1575dc1518923ae8b0e"),
        ("616263", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "6162636462636465636465666465666765666768666768696768696a68696a6b"
                + "696a6b6c6a6b6c6d6b6c6d6e6c6d6e6f6d6e6f706e6f7071",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
    ]

    @Test("published messages give their published digests")
    func vectors() throws {
        for vector in Self.vectors {
            #expect(SHA256.of(try bytes(vector.message)).hex == vector.digest)
        }
    }

    @Test("a million times the letter a, in uneven pieces, gives the published digest")
    func millionLetters() {
        var hash = SHA256()
        var left = 1_000_000
        var size = 1
        while left > 0 {
            let piece = min(size, left)
            hash.update([UInt8](repeating: UInt8(ascii: "a"), count: piece))
            left -= piece
            size = size * 3 % 4_099
        }
        #expect(hash.finalize().hex == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
    }

    @Test("every way to give bytes gives the same digest")
    func allDoors() {
        let bytes = Array("vizd".utf8)
        var sequence = SHA256()
        sequence.update(AnySequence(bytes))
        var slice = SHA256()
        slice.update(bytes[0..<4])
        var raw = SHA256()
        bytes.withUnsafeBytes { raw.update($0) }
        for hash in [sequence, slice, raw] {
            #expect(hash.finalize() == SHA256.of(bytes))
        }
    }

    @Test("a copy goes its own way when one of the two is fed more")
    func copies() {
        var first = SHA256()
        first.update(Array("ab".utf8))
        var second = first
        second.update(Array("c".utf8))
        #expect(first.finalize() == SHA256.of(Array("ab".utf8)))
        #expect(second.finalize() == SHA256.of(Array("abc".utf8)))
        first.update(Array("c".utf8))
        #expect(first.finalize() == second.finalize())
    }

    @Test("a digest survives the way to hexadecimal and back, and other text is none")
    func hexadecimal() {
        let digest = SHA256.of([1, 2, 3])
        #expect(SHA256Digest(hex: digest.hex) == digest)
        #expect(SHA256Digest(hex: digest.hex.uppercased()) == digest)
        #expect(SHA256Digest(hex: String(digest.hex.dropLast())) == nil)
        #expect(SHA256Digest(hex: "zz" + digest.hex.dropFirst(2)) == nil)
        #expect(SHA256Digest(bytes: [1, 2, 3]) == nil)
    }

    private func bytes(_ hex: String) throws -> [UInt8] {
        try stride(from: 0, to: hex.utf8.count, by: 2).map { offset in
            let start = hex.utf8.index(hex.utf8.startIndex, offsetBy: offset)
            let end = hex.utf8.index(start, offsetBy: 2)
            return try #require(UInt8(hex[start..<end], radix: 16))
        }
    }
}
