// SHA-256 of bytes that arrive in pieces: a request's digest, a garment photo's, a stored picture's.
//
// The work is libcrypto's (EVP). A hash is a value: it hashes what was given to it and nothing else, copies included; a
// copy that is changed gets a context of its own. The library refuses only when memory is exhausted, and then there is
// nothing to answer with: the program ends with a sentence.

import CCrypto

/// The 32 bytes of a SHA-256 digest.
package struct SHA256Digest: Hashable, Sendable, CustomStringConvertible {
    /// The digest's 32 bytes, in the order in which they are printed.
    package let bytes: [UInt8]

    /// A digest from its 32 bytes, or nil if there are not 32.
    package init?(bytes: [UInt8]) {
        guard bytes.count == SHA256.length else { return nil }
        self.bytes = bytes
    }

    /// A digest from 64 hexadecimal digits of either case, or nil if it is anything else.
    package init?(hex: String) {
        let digits = hex.utf8.map(Self.nibble)
        guard digits.count == 2 * SHA256.length else { return nil }
        var bytes: [UInt8] = []
        for index in stride(from: 0, to: digits.count, by: 2) {
            guard let high = digits[index], let low = digits[index + 1] else { return nil }
            bytes.append(high << 4 | low)
        }
        self.bytes = bytes
    }

    /// 64 lower-case hexadecimal digits.
    package var hex: String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    /// The digest in Base64 with padding (RFC 4648, section 4): 44 characters.
    package var base64: String { String(decoding: Base64.encode(bytes), as: UTF8.self) }

    /// The same as `hex`.
    package var description: String { hex }

    private static func nibble(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}

/// A SHA-256 computation under way (FIPS 180-4). Feed it with `update`, end it with `finalize`.
package struct SHA256 {
    /// How many bytes a digest has.
    package static let length = 32

    private var context = Context()

    /// A hash of nothing yet.
    package init() {}

    /// The digest of bytes that are all there.
    package static func of(_ bytes: [UInt8]) -> SHA256Digest {
        var hash = SHA256()
        hash.update(bytes)
        return hash.finalize()
    }

    /// Appends bytes to what is hashed.
    package mutating func update(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { update($0) }
    }

    /// Appends the bytes of a buffer to what is hashed.
    package mutating func update(_ bytes: UnsafeRawBufferPointer) {
        guard let start = bytes.baseAddress, !bytes.isEmpty else { return }
        if !isKnownUniquelyReferenced(&context) { context = Context(copying: context) }
        precondition(EVP_DigestUpdate(context.pointer, start, bytes.count) == 1, "libcrypto refused bytes to hash")
    }

    /// Appends the bytes of a sequence to what is hashed.
    package mutating func update(_ bytes: some Sequence<UInt8>) {
        let served: Void? = bytes.withContiguousStorageIfAvailable { update(UnsafeRawBufferPointer($0)) }
        if served == nil { update(Array(bytes)) }
    }

    /// The digest of everything given so far. The hash itself is not ended by this: more can be appended.
    package func finalize() -> SHA256Digest {
        let last = Context(copying: context)
        let bytes = [UInt8](unsafeUninitializedCapacity: Self.length) { buffer, count in
            var length: UInt32 = 0
            precondition(EVP_DigestFinal_ex(last.pointer, buffer.baseAddress, &length) == 1, "libcrypto gave no digest")
            count = Int(length)
        }
        guard let digest = SHA256Digest(bytes: bytes) else { preconditionFailure("a digest of \(bytes.count) bytes") }
        return digest
    }

    /// Owner of one libcrypto context: made here, freed here, changed only while it has one owner.
    private final class Context {
        let pointer: OpaquePointer

        init() {
            pointer = Self.allocate()
            precondition(EVP_DigestInit_ex(pointer, EVP_sha256(), nil) == 1, "libcrypto has no SHA-256")
        }

        init(copying other: Context) {
            pointer = Self.allocate()
            precondition(EVP_MD_CTX_copy_ex(pointer, other.pointer) == 1, "libcrypto could not copy a hash")
        }

        deinit { EVP_MD_CTX_free(pointer) }

        private static func allocate() -> OpaquePointer {
            guard let pointer = EVP_MD_CTX_new() else { preconditionFailure("no memory for a hash") }
            return pointer
        }
    }
}
