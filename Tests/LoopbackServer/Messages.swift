// What goes over a loopback connection, as the tests see it: a request that came, and an answer that is either proper
// or told byte by byte, so that a server can also be slow, wrong, cut off or silent.

internal import Glibc

/// A request as it came.
package struct LoopbackRequest: Sendable {
    package let method: String
    /// Path and query, or the absolute form, as the request line has it.
    package let target: String
    /// In the order of their arrival, values without the white space around them.
    package let headers: [(name: String, value: String)]
    /// Empty in `onHead`. Without the framing of chunks.
    package var body: [UInt8] = []
    /// The number of its connection; the first is 1.
    package let connection: Int
    /// Whether the body (if any) was received to its end. A request that was cut off is remembered but not handled.
    package var isWhole = false

    /// The first value of a header, whatever the case of its name.
    package func header(_ name: String) -> String? {
        let wanted = name.lowercased()
        return headers.first { $0.name.lowercased() == wanted }?.value
    }
}

/// What is answered.
package enum LoopbackReply: Sendable {
    /// A proper answer. `Content-Length` is added unless the headers frame the body themselves; HEAD gets no body.
    case answer(status: Int, headers: [(String, String)], body: [UInt8])
    /// Raw bytes and mischief, in this order. When all steps are done the connection waits for its next request.
    case steps([LoopbackStep])
}

/// A piece of an answer that the test frames itself.
package enum LoopbackStep: Sendable {
    /// These bytes and no others.
    case bytes([UInt8])
    /// These bytes again and again until the peer closes or the server stops.
    case endless([UInt8])
    /// Nothing for so long, or until the peer closes.
    case pause(milliseconds: Int)
    /// The connection is aborted: the peer sees RST.
    case reset
    /// The connection is closed.
    case close
    /// Nothing more until the peer closes or the server stops.
    case stall
}

/// A system call that failed while the server was set up.
package struct LoopbackFailure: Error, Equatable, CustomStringConvertible {
    /// `bind`, `listen`.
    package let call: String
    package let errno: CInt

    package var description: String { "\(call): \(String(cString: strerror(errno)))" }
}

/// The words beside a status; nobody reads them, but tools print them.
func reason(_ status: Int) -> String {
    switch status {
    case 100: "Continue"
    case 200: "OK"
    case 201: "Created"
    case 204: "No Content"
    case 206: "Partial Content"
    case 301: "Moved Permanently"
    case 302: "Found"
    case 304: "Not Modified"
    case 307: "Temporary Redirect"
    case 308: "Permanent Redirect"
    case 400: "Bad Request"
    case 401: "Unauthorized"
    case 402: "Payment Required"
    case 403: "Forbidden"
    case 404: "Not Found"
    case 405: "Method Not Allowed"
    case 408: "Request Timeout"
    case 409: "Conflict"
    case 412: "Precondition Failed"
    case 413: "Content Too Large"
    case 416: "Range Not Satisfiable"
    case 422: "Unprocessable Content"
    case 429: "Too Many Requests"
    case 431: "Request Header Fields Too Large"
    case 500: "Internal Server Error"
    case 501: "Not Implemented"
    case 502: "Bad Gateway"
    case 503: "Service Unavailable"
    case 504: "Gateway Timeout"
    default: "Status"
    }
}
