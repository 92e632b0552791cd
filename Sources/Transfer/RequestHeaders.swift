// Which header lines may be sent, and to whom.
//
// A line break in a value would let whoever chose it write lines, or a whole request, of their own. Lines that say how
// the message is cut belong to libcurl. A credential goes to its origin; a redirect elsewhere takes along only what
// says nothing about the sender.

/// Header lines as libcurl takes them.
enum RequestHeaders {
    /// Lines that are libcurl's alone: they frame the message, or talk to the proxy.
    private static let framing: Set<String> = [
        "connection", "content-length", "expect", "keep-alive", "proxy-authorization", "proxy-connection", "te",
        "trailer", "transfer-encoding", "upgrade",
    ]

    /// What goes along when a redirect leads to another origin.
    private static let impersonal: Set<String> = ["accept", "accept-language", "range", "if-none-match"]

    /// Why a header cannot be sent; nil for a good one. The value never shows.
    static func fault(of header: TransferHeader, to destination: Destination) -> String? {
        guard !header.name.isEmpty, header.name.utf8.allSatisfy(isToken) else {
            return "a header for \(destination.host) has a name that is none"
        }
        let breaks = header.value.utf8.contains { ($0 < 0x20 && $0 != 0x09) || $0 == 0x7F }
        if breaks { return "the header \(header.name) for \(destination.host) has a control character in it" }
        let name = header.name.lowercased()
        if framing.contains(name) {
            return "the header \(header.name) for \(destination.host) is not the caller's to set"
        }
        if name == "host", ![destination.host, destination.authority].contains(header.value.lowercased()) {
            return "the header Host for \(destination.host) names another host"
        }
        return nil
    }

    /// The lines of a request.
    /// - Parameter sameOrigin: whether no redirect has led away from where the caller wanted to go.
    static func lines(of request: TransferRequest, to destination: Destination, sameOrigin: Bool) -> [String] {
        var headers = request.headers
        if !sameOrigin { headers = headers.filter { impersonal.contains($0.name.lowercased()) } }
        if sameOrigin, let credential = request.credential,
            Destination(credential.origin)?.origin == destination.origin
        {
            headers.append(TransferHeader(credential.name, credential.value))
        }
        // libcurl would wait for a "100 Continue", and call a body without a type a form.
        var removed = ["Expect:"]
        if !headers.contains(where: { $0.name.lowercased() == "content-type" }) { removed.append("Content-Type:") }
        return headers.map(line) + removed
    }

    /// `Name;` is libcurl's way to send a header without a value; `Name:` would take it out.
    private static func line(_ header: TransferHeader) -> String {
        let isBlank = header.value.utf8.allSatisfy { $0 == 0x20 || $0 == 0x09 }
        return isBlank ? "\(header.name);" : "\(header.name): \(header.value)"
    }

    /// The characters of a token in RFC 9110.
    private static func isToken(_ byte: UInt8) -> Bool {
        let letter = (0x61...0x7A).contains(byte | 0x20)
        return letter || (0x30...0x39).contains(byte) || "!#$%&'*+-.^_`|~".utf8.contains(byte)
    }
}
