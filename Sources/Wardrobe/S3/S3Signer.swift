// Signs requests to an object store: AWS Signature Version 4, in the headers.
//
// A value without a clock. Signed are the host, every header that it is given and every one that it adds; what libcurl
// adds by itself (User-Agent, Accept) is not, and need not be. The text that is signed is held against botocore's in a
// table test (`Tests/WardrobeTests/S3`). Source: "Create a signed AWS API request", with S3's exceptions: the path is
// signed as it is sent, neither normalised nor escaped twice, and the digest of the body is a header of its own.

internal import Contract
internal import Digest
internal import Transfer

/// The keys to a bucket. Their text shows nowhere.
package struct S3Credentials: Hashable, Sendable, CustomStringConvertible, CustomReflectable {
    let accessKeyID: String
    let secretAccessKey: String
    /// Of temporary credentials only.
    let sessionToken: String?

    package init(accessKeyID: String, secretAccessKey: String, sessionToken: String? = nil) {
        (self.accessKeyID, self.secretAccessKey) = (accessKeyID, secretAccessKey)
        self.sessionToken = sessionToken
    }

    package var description: String { "(secret)" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}

/// What is to be signed.
struct S3Signable {
    var method: TransferMethod
    /// As in the `Host` line: the port only where it is not the scheme's own.
    var host: String
    /// Escaped, as it is sent.
    var path: String
    /// Not escaped, in any order.
    var query: [(name: String, value: String)] = []
    var headers: [TransferHeader] = []
    /// SHA-256 of the body as 64 digits.
    var payload: String

    /// The query as it is sent and signed: escaped and sorted, without a question mark.
    var sortedQuery: String {
        let pairs = query.map { (S3Escaping.part($0.name), S3Escaping.part($0.value)) }
        return pairs.sorted { $0 < $1 }.map { "\($0)=\($1)" }.joined(separator: "&")
    }
}

/// A signed request's headers.
struct S3Signed {
    /// What was given and what was added, but for `Authorization`.
    let headers: [TransferHeader]
    /// The value of `Authorization`.
    let authorization: String
}

struct S3Signer: Sendable {
    private static let algorithm = "AWS4-HMAC-SHA256"

    let credentials: S3Credentials
    let region: String

    func sign(_ request: S3Signable, at time: Timestamp) -> S3Signed {
        let moment = Self.moment(time)
        var headers = request.headers
        headers.append(TransferHeader("x-amz-content-sha256", request.payload))
        headers.append(TransferHeader("x-amz-date", moment))
        if let token = credentials.sessionToken { headers.append(TransferHeader("x-amz-security-token", token)) }
        let lines = Self.canonical(headers + [TransferHeader("host", request.host)])
        let names = lines.map(\.name).joined(separator: ";")
        let canonical = [
            request.method.rawValue, request.path, request.sortedQuery,
            lines.map { "\($0.name):\($0.value)\n" }.joined(), names, request.payload,
        ].joined(separator: "\n")
        let scope = "\(moment.prefix(8))/\(region)/s3/aws4_request"
        let text = [Self.algorithm, moment, scope, SHA256.of(Array(canonical.utf8)).hex].joined(separator: "\n")
        let signature = HMACSHA256.code(of: Array(text.utf8), key: key(day: String(moment.prefix(8)))).hex
        return S3Signed(
            headers: headers,
            authorization: "\(Self.algorithm) Credential=\(credentials.accessKeyID)/\(scope), "
                + "SignedHeaders=\(names), Signature=\(signature)")
    }

    /// `20261126T230749Z`.
    static func moment(_ time: Timestamp) -> String {
        String(time.rfc3339.prefix(19).filter { $0 != "-" && $0 != ":" }) + "Z"
    }

    private func key(day: String) -> [UInt8] {
        var key = Array("AWS4\(credentials.secretAccessKey)".utf8)
        for part in [day, region, "s3", "aws4_request"] { key = HMACSHA256.code(of: Array(part.utf8), key: key).bytes }
        return key
    }

    /// Names in lower case and sorted, values trimmed, runs of white space as one space, lines of one name as one.
    private static func canonical(_ headers: [TransferHeader]) -> [(name: String, value: String)] {
        var values: [String: [String]] = [:]
        for header in headers { values[header.name.lowercased(), default: []].append(collapsed(header.value)) }
        return values.keys.sorted().map { ($0, values[$0, default: []].joined(separator: ",")) }
    }

    private static func collapsed(_ value: String) -> String {
        value.utf8.split { $0 == 0x20 || $0 == 0x09 }.map { String(decoding: $0, as: UTF8.self) }
            .joined(separator: " ")
    }
}
