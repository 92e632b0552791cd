// The client of an object store: put, get, head and delete of single objects and lists of them, signed, tried again
// while that can help.
//
// A request that may have changed something is tried again, too: every one of them can be made twice without harm. A
// write under a condition whose answer was lost may find that its own first try stands in its way
// (`conditionFailed`); whoever reads again then finds what it wrote. Digests go along with every body, so that the
// store takes nothing that was damaged on the way. Every failure is an `S3Failure`.

internal import Contract
package import Digest
package import Linux
package import Transfer

/// Time and chance, as the object store's client sees them.
package struct S3Pace: Sendable {
    package var pace: Pace
    /// Nanoseconds, for measuring.
    package var monotonic: @Sendable () -> Int64

    package init(pace: Pace, monotonic: @escaping @Sendable () -> Int64) {
        (self.pace, self.monotonic) = (pace, monotonic)
    }

    /// The machine's clocks.
    package static let real = S3Pace(pace: .real, monotonic: { MonotonicClock.now() })
}

/// What is put into an object.
package enum S3Body: Sendable {
    case bytes([UInt8])
    /// The first `count` bytes of a file, whose digest is known.
    case file(OpenFile, count: Int, digest: SHA256Digest)

    fileprivate var digest: SHA256Digest {
        switch self {
        case .bytes(let bytes): SHA256.of(bytes)
        case .file(_, _, let digest): digest
        }
    }

    fileprivate var transfer: TransferBody {
        switch self {
        case .bytes(let bytes): .bytes(bytes)
        case .file(let file, let count, _): .file(file, count: count)
        }
    }

    fileprivate var count: Int {
        switch self {
        case .bytes(let bytes): bytes.count
        case .file(_, let count, _): count
        }
    }
}

/// When a write may happen.
package enum S3Condition: Hashable, Sendable {
    case always
    /// Only over the object with this ETag.
    case matches(String)
    /// Only where there is no object.
    case absent

    fileprivate var headers: [TransferHeader] {
        switch self {
        case .always: []
        case .matches(let tag): [TransferHeader("If-Match", tag)]
        case .absent: [TransferHeader("If-None-Match", "*")]
        }
    }
}

/// An object as it was read.
package struct S3Object: Sendable {
    /// Empty where the body went to a file, or was not asked for.
    package let bytes: [UInt8]
    /// Its size.
    package let count: Int
    /// With its quotation marks; nil where the store gives none.
    package let tag: String?
    /// What has to be given again when the object is written anew, so that it stays what it was: its type and the
    /// words that its owner put on it.
    package let descriptions: [TransferHeader]

    fileprivate init(_ answer: TransferAnswer, count: Int) {
        (bytes, self.count, tag) = (answer.body, count, answer.header("etag"))
        descriptions = answer.headers.filter { header in
            let name = header.name.lowercased()
            return S3Object.kept.contains(name) || name.hasPrefix("x-amz-meta-")
        }
    }

    private static let kept: Set<String> = [
        "content-type", "cache-control", "content-disposition", "content-language", "content-encoding", "expires",
    ]
}

/// The client of one bucket.
package struct S3Store: Sendable {
    package let bucket: S3Bucket
    private let signer: S3Signer
    private let transfer: any Transferring
    let pace: S3Pace
    /// Room for the text of a refusal, however little is read of an object.
    private static let refusalBytes = 64 << 10
    /// Nanoseconds that one request is tried for at most.
    private let patience: Int64
    /// Nanoseconds without a byte after which a try is broken off.
    private let stall: Int64

    /// - Parameters:
    ///   - patience: nanoseconds that one request is tried for.
    ///   - stall: nanoseconds without a byte after which a try is broken off.
    package init(
        _ bucket: S3Bucket, credentials: S3Credentials, transfer: any Transferring, pace: S3Pace = .real,
        patience: Int64 = 120_000_000_000, stall: Int64 = 20_000_000_000
    ) {
        (self.bucket, self.transfer, self.pace) = (bucket, transfer, pace)
        (self.patience, self.stall) = (patience, stall)
        signer = S3Signer(credentials: credentials, region: bucket.region)
    }

    /// The same bucket with another patience, in nanoseconds.
    package func patient(for patience: Int64) -> S3Store {
        S3Store(
            bucket, credentials: signer.credentials, transfer: transfer, pace: pace, patience: patience, stall: stall)
    }

    /// Writes an object whole. Answers its ETag.
    /// - Parameters:
    ///   - headers: `Content-Type`, `Cache-Control`, `x-amz-meta-…`.
    ///   - deadline: monotonic nanoseconds; no try begins after it.
    @discardableResult
    package func put(
        _ body: S3Body, at key: S3Key, headers: [TransferHeader] = [], if condition: S3Condition = .always,
        until deadline: Int64? = nil
    ) async throws(S3Failure) -> String? {
        let digest = body.digest
        var call = call(.put, key, payload: digest)
        call.headers = headers + condition.headers + [TransferHeader("x-amz-checksum-sha256", digest.base64)]
        call.body = body.transfer
        // A slow line is no broken one: 100 kB a second are enough.
        call.total = 60_000_000_000 + Int64(body.count) * 10_000
        return try await perform(call, until: deadline).header("etag")
    }

    /// Reads an object of at most `limit` bytes.
    package func get(_ key: S3Key, limit: Int) async throws(S3Failure) -> S3Object {
        var call = call(.get, key)
        (call.limit, call.total) = (limit, 60_000_000_000 + Int64(limit) * 10_000)
        let answer = try await perform(call, until: nil)
        return S3Object(answer, count: answer.bytes)
    }

    /// Reads an object of at most `limit` bytes into an empty file.
    package func get(_ key: S3Key, into file: OpenFile, limit: Int) async throws(S3Failure) -> S3Object {
        var call = call(.get, key)
        (call.limit, call.sink, call.total) = (limit, .file(file), 60_000_000_000 + Int64(limit) * 10_000)
        let answer = try await perform(call, until: nil)
        return S3Object(answer, count: answer.bytes)
    }

    /// What is known of an object, without its bytes.
    package func head(_ key: S3Key) async throws(S3Failure) -> S3Object {
        let answer = try await perform(call(.head, key), until: nil)
        return S3Object(answer, count: answer.header("content-length").flatMap { Int($0) } ?? 0)
    }

    /// Removes an object. One that is not there is no failure.
    package func delete(_ key: S3Key) async throws(S3Failure) {
        do throws(S3Failure) {
            _ = try await perform(call(.delete, key), until: nil)
        } catch let error where error.reason == .noObject {}
    }

    /// A page of a listing.
    /// - Parameters:
    ///   - query: what is asked for, not escaped.
    ///   - limit: bytes of the answer.
    ///   - what: what is listed, for messages.
    func list(
        _ query: [(name: String, value: String)], limit: Int, what: String
    ) async throws(S3Failure) -> TransferAnswer {
        var call = Call(.get, bucket.listPath, what)
        (call.query, call.limit) = (query, limit)
        return try await perform(call, until: nil)
    }

    // MARK: One request

    private func call(_ method: TransferMethod, _ key: S3Key, payload: SHA256Digest = SHA256.of([])) -> Call {
        Call(method, bucket.path(key), bucket.uri(key), payload: payload)
    }

    private struct Call {
        let method: TransferMethod
        /// Escaped, as it is sent.
        let path: String
        /// What it is about, for messages: `s3://bucket/key`.
        let what: String
        let payload: SHA256Digest
        var query: [(name: String, value: String)] = []
        var headers: [TransferHeader] = []
        var body: TransferBody = .none
        var sink: TransferSink = .memory
        var limit = 1 << 20
        /// Nanoseconds that one try may last.
        var total: Int64 = 60_000_000_000

        init(_ method: TransferMethod, _ path: String, _ what: String, payload: SHA256Digest = SHA256.of([])) {
            (self.method, self.path, self.what, self.payload) = (method, path, what, payload)
        }
    }

    private func perform(_ call: Call, until deadline: Int64?) async throws(S3Failure) -> TransferAnswer {
        let end = pace.monotonic() + patience
        var patience = S3Patience(deadline: min(end, deadline ?? end))
        while true {
            let failure: S3Failure
            do throws(S3Failure) {
                return try await attempt(call, patience)
            } catch {
                failure = error
            }
            switch patience.failed(failure, at: pace.monotonic(), chance: pace.pace.chance()) {
            case .giveUp: throw failure
            case .again(let wait): await pace.pace.pause(wait)
            }
            if Task.isCancelled { throw failure }
        }
    }

    private func attempt(_ call: Call, _ patience: S3Patience) async throws(S3Failure) -> TransferAnswer {
        let what = call.what
        let request = signed(call, patience.limit(at: pace.monotonic(), atMost: call.total))
        let answer: TransferAnswer
        do throws(TransferFailure) {
            answer = try await transfer.transfer(request)
        } catch {
            try emptied(call.sink)
            throw S3Failure(error, what)
        }
        guard answer.isSuccess else { throw S3Failure(answer, what, now: pace.pace.now()) }
        guard answer.bytes <= call.limit else {
            throw S3Failure(.tooLarge, "the object \(what) is larger than the \(call.limit) bytes that are read of it")
        }
        return answer
    }

    /// A file that a broken answer was written to, made ready for the next.
    private func emptied(_ sink: TransferSink) throws(S3Failure) {
        guard case .file(let file) = sink else { return }
        do throws(SystemFailure) {
            try file.setSize(0)
        } catch {
            throw S3Failure(.file(error), "a photo could not be written: \(error)")
        }
    }

    private func signed(_ call: Call, _ total: Int64) -> TransferRequest {
        let signable = S3Signable(
            method: call.method, host: bucket.host, path: call.path, query: call.query, headers: call.headers,
            payload: call.payload.hex)
        let signed = signer.sign(signable, at: pace.pace.now())
        let query = signable.sortedQuery.isEmpty ? "" : "?" + signable.sortedQuery
        var request = TransferRequest(call.method, bucket.origin + signable.path + query, reach: .configured)
        request.headers = signed.headers
        request.credential = TransferCredential(
            name: "Authorization", value: signed.authorization, origin: bucket.origin)
        (request.body, request.sink) = (call.body, call.sink)
        request.limits.bytes = max(call.limit, Self.refusalBytes)
        (request.limits.total, request.limits.stall) = (total, stall)
        return request
    }
}
