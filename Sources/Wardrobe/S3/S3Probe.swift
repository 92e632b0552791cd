// Whether a bucket is what vizd needs: tried out with an object of its own, `.vizd/probe-…`, which is removed again.
//
// For pictures it is enough that an object can be written, read and removed. For records the store must obey
// conditions: a second `If-None-Match: *` and an `If-Match` of another ETag have to be refused, and the bytes have to
// be those of the last allowed write. A store that says yes to all of them would let two programs write over each
// other's changes, and nobody would notice; so its verdict is `noConditions`, and vizd keeps no records there.
// No user's folder begins with a dot.

internal import Linux

/// Tries a bucket out.
package struct S3Probe: Sendable {
    private let store: S3Store

    package init(_ store: S3Store) { self.store = store }

    /// Returns when the bucket can be used.
    /// - Parameter forRecords: whether conditional writes are tried, too.
    /// - Throws: `noConditions` where they are ignored; else what stood in the way.
    package func run(forRecords: Bool) async throws(S3Failure) {
        guard let key = S3Key(".vizd/probe-\(Random.hex(bytes: 8))") else {
            preconditionFailure("the probe's key is none")
        }
        do throws(S3Failure) {
            try await attempt(key, forRecords)
        } catch {
            // The first failure is the one to tell.
            do throws(S3Failure) { try await store.delete(key) } catch {}
            throw error
        }
        try await store.delete(key)
    }

    private func attempt(_ key: S3Key, _ forRecords: Bool) async throws(S3Failure) {
        let first = Array("vizd tries this bucket out\n".utf8)
        let second = Array("vizd tried this bucket out\n".utf8)
        guard forRecords else {
            try await store.put(.bytes(first), at: key)
            return try await expect(first, at: key)
        }
        let tag = try await store.put(.bytes(first), at: key, if: .absent)
        guard let tag else { throw ignored("it gives written objects no ETag") }
        try await expectRefusal("it wrote over an object that was to be written only if absent", key, .absent)
        try await expectRefusal(
            "it wrote over an object that was to have another ETag", key,
            .matches("\"00000000000000000000000000000000\""))
        try await expect(first, at: key)
        try await store.put(.bytes(second), at: key, if: .matches(tag))
        try await expect(second, at: key)
    }

    private func expectRefusal(_ otherwise: String, _ key: S3Key, _ condition: S3Condition) async throws(S3Failure) {
        do throws(S3Failure) {
            try await store.put(.bytes(Array("not to be written\n".utf8)), at: key, if: condition)
        } catch let error where error.reason == .conditionFailed || error.reason == .noObject {
            return
        }
        throw ignored(otherwise)
    }

    private func expect(_ bytes: [UInt8], at key: S3Key) async throws(S3Failure) {
        let found = try await store.get(key, limit: 4096)
        guard found.bytes == bytes else {
            throw S3Failure(
                .refused, "the object \(store.bucket.uri(key)) does not read back as it was written: use another store")
        }
    }

    private func ignored(_ why: String) -> S3Failure {
        S3Failure(
            .noConditions,
            "the object store of s3://\(store.bucket.name) ignores conditional writes (\(why)): records kept there would"
                + " lose changes; keep them elsewhere (wardrobe.type: local), or use a store that obeys If-Match and"
                + " If-None-Match")
    }
}
