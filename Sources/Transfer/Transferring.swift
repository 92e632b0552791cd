// What the rest of vizd knows of HTTP: one request, one answer, and why there was none.
//
// A protocol, so that providers and stores are tested without a network. Whoever implements it keeps these promises:
// a request that may change something is sent at most once (nothing here tries again; only a GET or HEAD goes out again
// when a connection that had been used before dies without an answer to it); a credential goes to its own origin and
// nowhere else; an address that came from somebody else's text (`Reach.foreign`) never leads into private networks;
// every limit holds; a failure says how much of the request may have been received, since money hangs on that.

package import Linux

/// Makes HTTP transfers.
package protocol Transferring: Sendable {
    /// Makes one transfer. A cancelled task ends it with `cancelled`.
    func transfer(_ request: TransferRequest) async throws(TransferFailure) -> TransferAnswer
}

/// The verb of a request.
package enum TransferMethod: String, Sendable {
    case get = "GET"
    case head = "HEAD"
    case post = "POST"
    case put = "PUT"
    case delete = "DELETE"
}

/// A header line. Names and values with control characters are refused with `refusedHeader`.
package struct TransferHeader: Hashable, Sendable {
    package let name: String
    package let value: String

    package init(_ name: String, _ value: String) { (self.name, self.value) = (name, value) }
}

/// A secret header that belongs to one origin: it is sent there and left out anywhere else, redirects included. Its
/// text shows nowhere.
package struct TransferCredential: Sendable, CustomStringConvertible, CustomReflectable {
    /// `Authorization`, `x-key`.
    package let name: String
    /// The header's whole value: `Bearer key_…`.
    package let value: String
    /// `https://host[:port]`, lower case, without a path: the origin that may have it.
    package let origin: String

    package init(name: String, value: String, origin: String) {
        (self.name, self.value, self.origin) = (name, value, origin)
    }

    package var description: String { "\(name): (secret) for \(origin)" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}

/// What is sent along.
package enum TransferBody: Sendable {
    case none
    case bytes([UInt8])
    /// A text with pictures in it, which are made text on the way.
    case woven(WovenBody)
    /// The first `count` bytes of a file, read by position: the file's own offset does not matter and is not moved.
    case file(OpenFile, count: Int)
}

/// Where the body of the answer goes. Bodies of answers other than 2xx go to memory always.
package enum TransferSink: Sendable {
    case memory
    /// Written from the beginning of an empty file, which is left as it is when the transfer fails. Not synced.
    case file(OpenFile)
    /// The same for a file that may move from memory to the disk meanwhile.
    case growing(GrowingFile)

    /// Whether it is a file, wherever that is.
    var isFile: Bool {
        switch self {
        case .memory: false
        case .file, .growing: true
        }
    }
}

/// Where a request may go.
package enum TransferReach: Sendable {
    /// The operator wrote this address into the configuration: any host that it names.
    case configured
    /// The address came in an answer, a record or a request: public addresses only, judged on the address that is
    /// connected to. Hosts of `http.allowInsecure` are the exception.
    case foreign
}

/// Bounds of one transfer. Times in nanoseconds; a transfer that runs into one fails with that limit's code.
package struct TransferLimits: Hashable, Sendable {
    /// Until the connection stands, TLS included.
    package var connect: Int64 = 10_000_000_000
    /// From the start of the transfer to its end.
    package var total: Int64 = 60_000_000_000
    /// Without a byte in either direction.
    package var stall: Int64 = 20_000_000_000
    /// Bytes of the answer's body.
    package var bytes: Int = 4 << 20
    /// Bytes of the answer's headers, all together.
    package var headerBytes: Int = 64 << 10

    package init() {}
}

/// One HTTP exchange.
package struct TransferRequest: Sendable {
    package var method: TransferMethod
    /// Absolute; `https`, or `http` to a host of `http.allowInsecure`.
    package var url: String
    package var headers: [TransferHeader] = []
    package var credential: TransferCredential?
    package var body: TransferBody = .none
    package var sink: TransferSink = .memory
    package var limits = TransferLimits()
    package var reach: TransferReach
    /// How many redirects are followed, from https to https only; with 0 the redirect itself is the answer.
    package var redirects = 0

    package init(_ method: TransferMethod, _ url: String, reach: TransferReach) {
        (self.method, self.url, self.reach) = (method, url, reach)
    }
}

/// What came back: any status, 200 or not.
package struct TransferAnswer: Sendable {
    package let status: Int
    /// In the order of the answer; of the last answer where redirects were followed.
    package let headers: [TransferHeader]
    /// Empty where the body went to a file.
    package let body: [UInt8]
    /// Bytes of the body, wherever they went.
    package let bytes: Int

    package init(status: Int, headers: [TransferHeader], body: [UInt8], bytes: Int? = nil) {
        (self.status, self.headers, self.body) = (status, headers, body)
        self.bytes = bytes ?? body.count
    }

    /// The first header of that name, whatever its case.
    package func header(_ name: String) -> String? {
        headers.first { $0.name.lowercased() == name.lowercased() }?.value
    }

    /// Whether the status is one of success.
    package var isSuccess: Bool { (200..<300).contains(status) }
}

/// How much of a request may have reached the other side.
package enum TransferSent: Hashable, Sendable {
    /// No byte of it: the connection never stood.
    case nothing
    /// Certainly not the whole: the other side cannot have acted on it.
    case part
    /// Perhaps, or certainly, the whole.
    case whole
}

/// Why there is no answer.
package struct TransferFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// The reason as one word.
    package enum Code: String, Hashable, Sendable, CaseIterable {
        /// No absolute https address, or http where that is not allowed, or one with a login in it.
        case refusedURL
        /// A header that would break out of its line.
        case refusedHeader
        /// A foreign address that leads into a private, loopback or link-local network.
        case refusedAddress
        /// A redirect that is not followed: to http, to nowhere, or one too many.
        case refusedRedirect
        /// The name does not resolve.
        case unresolved
        /// Nobody listens there, or the connection took too long.
        case unconnected
        /// The proxy cannot be reached or refused.
        case proxy
        /// The certificate or the handshake is bad.
        case tls
        /// The connection broke before there was a whole answer.
        case broken
        /// The answer's body ended early.
        case cutShort
        /// What came is no HTTP.
        case malformed
        /// No byte for `limits.stall`.
        case stalled
        /// Longer than `limits.total`.
        case timedOut
        /// More bytes than `limits.bytes`.
        case tooLarge
        /// More header bytes than `limits.headerBytes`.
        case headersTooLarge
        /// The answer could not be written to its file.
        case sink
        /// The task was cancelled, or the program ends.
        case cancelled
    }

    package let code: Code
    package let sent: TransferSent
    /// A clause for a message: what happened, with the host; never a query, a key or a login.
    package let message: String
    /// Why the file could not be written, with `sink`.
    package let system: SystemFailure?
    /// The status, where the headers of an answer had come.
    package let status: Int?

    package init(_ code: Code, sent: TransferSent, _ message: String, system: SystemFailure? = nil, status: Int? = nil)
    {
        (self.code, self.sent, self.message, self.system) = (code, sent, message, system)
        self.status = status
    }

    package var description: String { message }
}
