// Why the object store did not do what it was asked: a reason, and a sentence that says what to do.
//
// Read off the status, the `<Code>` of the answer's XML and a few headers; the answer's own message is shown only where
// the code is none that we know, since it may quote what was signed. Nothing of a key is ever in it.

internal import Contract
package import Linux
internal import Transfer

/// A failure of the object store.
package struct S3Failure: Error, Hashable, Sendable, CustomStringConvertible {
    /// What kind of failure it is.
    package enum Reason: Hashable, Sendable {
        /// No object of that name.
        case noObject
        case noBucket
        /// The condition of a write does not hold: somebody else wrote meanwhile.
        case conditionFailed
        /// The store does not know conditional writes.
        case noConditions
        /// The keys are right and may not do this.
        case denied
        /// The store does not know the access key, or the signature does not fit the secret.
        case wrongKeys
        /// The token of temporary credentials is over, or none of this store's.
        case tokenExpired
        /// The bucket lies elsewhere; the region's name where the store said it.
        case wrongRegion(String?)
        /// The clocks differ; by how many seconds ours is ahead, where the answer told the time.
        case clockSkew(Int64?)
        /// The object is larger than what is read of it.
        case tooLarge
        /// The store asks for patience, or cannot answer just now.
        case busy
        /// No answer came.
        case unreachable
        /// The store does not take the request for a reason that will not pass.
        case refused
        /// What arrived is not what was sent.
        case damaged
        case cancelled
        /// The object could not be written to its file.
        case file(SystemFailure)

        /// Whether the same request may succeed in a moment.
        var passes: Bool { self == .busy || self == .unreachable || self == .damaged }
    }

    package let reason: Reason
    /// A sentence without its full stop: what, what happened, what to do.
    package let message: String
    package let status: Int?
    /// What the store asks to wait.
    let retryAfter: Duration?

    init(_ reason: Reason, _ message: String, status: Int? = nil, retryAfter: Duration? = nil) {
        (self.reason, self.message, self.status, self.retryAfter) = (reason, message, status, retryAfter)
    }

    package var description: String { message }

    /// Whether the same request may succeed in a moment, without anybody mending anything.
    package var isPassing: Bool { reason.passes }

    /// What it means for a job: a full disk under the file is a pause, all else `storage_failed`.
    var wardrobe: WardrobeFailure {
        if case .file(let failure) = reason { return .writing(failure, "a photo on its way from the bucket") }
        return WardrobeFailure(.storageFailed, message)
    }
}

// MARK: Reading answers

extension S3Failure {
    /// No answer came.
    init(_ failure: TransferFailure, _ what: String) {
        switch failure.code {
        case .cancelled: self.init(.cancelled, "the transfer of \(what) was broken off, since vizd stops")
        case .tooLarge: self.init(.tooLarge, "the object \(what) is larger than what is read of it")
        case .sink where failure.system != nil:
            self.init(
                failure.system.map { .file($0) } ?? .refused, "the object \(what) could not be written: \(failure)")
        case .refusedURL, .refusedHeader, .refusedAddress, .refusedRedirect, .headersTooLarge, .sink, .tls:
            self.init(
                .refused, "the object \(what) could not be reached (\(failure)): check s3.endpoint",
                status: failure.status)
        case .unresolved, .unconnected, .proxy, .broken, .cutShort, .malformed, .stalled, .timedOut:
            self.init(
                .unreachable, "the object \(what) could not be reached (\(failure)): see whether the object store runs",
                status: failure.status)
        }
    }

    /// An answer other than 2xx.
    /// - Parameters:
    ///   - what: `s3://bucket/key`.
    ///   - now: our time of day, to tell how far the clocks are apart.
    init(_ answer: TransferAnswer, _ what: String, now: Timestamp) {
        let reply = S3Reply(answer)
        let reason = Self.reason(reply, now)
        let seconds = answer.header("retry-after").flatMap { Int64($0) }.map { max(0, min($0, 3600)) }
        self.init(
            reason, Self.sentence(reason, what, reply), status: answer.status,
            retryAfter: seconds.map { .seconds($0) })
    }

    private static func reason(_ reply: S3Reply, _ now: Timestamp) -> Reason {
        if let known = known[reply.code] { return known }
        switch reply.code {
        case "RequestTimeTooSkewed", "RequestExpired":
            // In seconds each: the store's may be the year 1, and the difference in nanoseconds beyond 64 bits.
            return .clockSkew(reply.time.map { now.nanoseconds / 1_000_000_000 - $0.nanoseconds / 1_000_000_000 })
        case "PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException",
            "TemporaryRedirect", "Redirect":
            return .wrongRegion(reply.region)
        case "NotImplemented" where reply.status == 501: return .noConditions
        default: break
        }
        switch reply.status {
        case 301, 302, 307, 308: return .wrongRegion(reply.region)
        case 401, 403: return .denied
        case 404: return .noObject
        case 409, 412: return .conditionFailed
        case 408, 425, 429, 500, 502, 503, 504, 509: return .busy
        case 400 where reply.region != nil: return .wrongRegion(reply.region)
        default: return .refused
        }
    }

    fileprivate static let known: [String: Reason] = [
        "NoSuchKey": .noObject, "NoSuchBucket": .noBucket, "AccessDenied": .denied, "AllAccessDisabled": .denied,
        "AccountProblem": .denied, "InvalidAccessKeyId": .wrongKeys, "SignatureDoesNotMatch": .wrongKeys,
        "ExpiredToken": .tokenExpired, "InvalidToken": .tokenExpired, "TokenRefreshRequired": .tokenExpired,
        "PreconditionFailed": .conditionFailed, "ConditionalRequestConflict": .conditionFailed,
        "OperationAborted": .conditionFailed, "SlowDown": .busy, "Throttling": .busy, "ThrottlingException": .busy,
        "RequestTimeout": .busy, "InternalError": .busy, "ServiceUnavailable": .busy, "RequestLimitExceeded": .busy,
        "BadDigest": .damaged, "XAmzContentSHA256Mismatch": .damaged, "XAmzContentChecksumMismatch": .damaged,
        "IncompleteBody": .damaged,
    ]

    private static func sentence(_ reason: Reason, _ what: String, _ reply: S3Reply) -> String {
        switch reason {
        case .noObject: "there is no \(what)"
        case .noBucket: "the bucket of \(what) does not exist: correct s3.bucketName, or make the bucket"
        case .conditionFailed: "another program changed \(what)"
        case .noConditions: "the object store does not take conditional writes (\(reply.words)) for \(what)"
        case .denied:
            "the object store does not allow this with \(what) (\(reply.words)): give vizd's keys"
                + " s3:GetObject, s3:PutObject and s3:DeleteObject there, and s3:ListBucket on the bucket"
        case .wrongKeys:
            "the object store does not accept vizd's keys (\(reply.words)) for \(what): check AWS_ACCESS_KEY_ID and"
                + " AWS_SECRET_ACCESS_KEY, or s3.accessKeyId and s3.secretAccessKey"
        case .tokenExpired:
            "the session token is over or wrong (\(reply.words)) for \(what): give vizd fresh temporary credentials"
        case .wrongRegion(let region?): "the bucket of \(what) lies in the region \(region): set s3.region to \(region)"
        case .wrongRegion(nil): "the bucket of \(what) lies in another region (\(reply.words)): correct s3.region"
        case .clockSkew(let seconds):
            "the object store refuses \(what), since this machine's clock is \(skew(seconds)) its own: set the clock"
        case .busy: "the object store cannot serve \(what) just now (\(reply.words)): see its own log, or wait"
        case .damaged: "the object \(what) did not arrive as it was sent (\(reply.words)): check what lies in between"
        case .refused: "the object store refuses \(what) (\(reply.words)): see its documentation"
        case .tooLarge, .unreachable, .cancelled, .file: "the object \(what) failed (\(reply.words))"
        }
    }

    private static func skew(_ seconds: Int64?) -> String {
        guard let seconds, seconds != 0 else { return "too far from" }
        return "\(abs(seconds)) s \(seconds > 0 ? "ahead of" : "behind")"
    }
}

/// What is read off an answer that is a refusal.
struct S3Reply {
    let status: Int
    /// The XML's `<Code>`, empty where there is none.
    let code: String
    let region: String?
    /// The store's time of day.
    let time: Timestamp?
    /// For a sentence: `403 AccessDenied`; with the message where the code is none of the known.
    let words: String

    init(_ answer: TransferAnswer) {
        let body = String(decoding: answer.body.prefix(16_384), as: UTF8.self)
        status = answer.status
        code = Self.element("Code", of: body) ?? ""
        region = (answer.header("x-amz-bucket-region") ?? Self.element("Region", of: body)).map { printable($0) }
        time = answer.header("date").flatMap(HTTPDate.parse)
        let isKnown = code.isEmpty || S3Failure.known[code] != nil
        let message = isKnown ? "" : Self.element("Message", of: body) ?? ""
        let shown = [code, redacted(message)].map { printable($0, limit: 200) }.filter { !$0.isEmpty }
        words = (["\(answer.status)"] + shown).joined(separator: " ")
    }

    /// The text of the first element of that name. No XML parser: what is looked for has no attributes and no children.
    private static func element(_ name: String, of text: String) -> String? {
        guard let open = text.firstRange(of: "<\(name)>") else { return nil }
        let rest = text[open.upperBound...]
        guard let close = rest.firstRange(of: "</\(name)>") else { return nil }
        let inside = rest[..<close.lowerBound]
        return inside.isEmpty || inside.contains("<") ? nil : String(inside)
    }
}

/// The time of day in a `Date` header.
enum HTTPDate {
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    /// `Thu, 26 Nov 2026 23:07:49 GMT`; nil for any other form.
    static func parse(_ text: String) -> Timestamp? {
        let words = text.split(separator: " ")
        guard words.count == 6, let month = months.firstIndex(where: { $0 == words[2] }) else { return nil }
        let number = month < 9 ? "0\(month + 1)" : "\(month + 1)"
        let day = words[1].count == 1 ? "0\(words[1])" : String(words[1])
        return Timestamp(rfc3339: "\(words[3])-\(number)-\(day)T\(words[4])Z")
    }
}
