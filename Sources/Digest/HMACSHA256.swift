// HMAC-SHA256 (RFC 2104): what signs requests to an object store.
//
// The work is libcrypto's, in one call. Like the hash, it can only fail when memory is exhausted: the program ends with
// a sentence then.

import CCrypto

/// Keyed digests.
package enum HMACSHA256 {
    /// The code of a message under a key of any length, the empty one included.
    package static func code(of message: [UInt8], key: [UInt8]) -> SHA256Digest {
        let bytes = [UInt8](unsafeUninitializedCapacity: SHA256.length) { buffer, count in
            var length: UInt32 = 0
            // A null key would mean "the key of the call before" to libcrypto.
            let answer = (key.isEmpty ? [0] : key).withUnsafeBytes { keyBytes in
                HMAC(
                    EVP_sha256(), keyBytes.baseAddress, CInt(key.count), message, message.count, buffer.baseAddress,
                    &length)
            }
            precondition(answer != nil, "libcrypto gave no HMAC")
            count = Int(length)
        }
        guard let digest = SHA256Digest(bytes: bytes) else { preconditionFailure("an HMAC of \(bytes.count) bytes") }
        return digest
    }
}
