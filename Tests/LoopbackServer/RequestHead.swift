// Reads the head of a request: its first line, its headers, and what they say of the body and of the connection.

/// What a head says.
enum RequestHead {
    /// How the length of the body is told.
    enum Framing: Equatable { case none, length(Int), chunked, malformed }

    /// The head as a request without a body; nil where it is no HTTP/1.
    static func parse(_ bytes: [UInt8], connection: Int) -> LoopbackRequest? {
        let lines = bytes.split(separator: 10, omittingEmptySubsequences: false).map { line in
            line.last == 13 ? line.dropLast() : line
        }
        let words = lines[0].split(separator: 32, omittingEmptySubsequences: false)
        guard words.count == 3, words[2].starts(with: "HTTP/1.".utf8), !words[0].isEmpty, !words[1].isEmpty else {
            return nil
        }
        var headers: [(name: String, value: String)] = []
        headers.reserveCapacity(lines.count - 1)
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: UInt8(ascii: ":")), colon > line.startIndex else { return nil }
            headers.append((text(line[..<colon]), text(trimmed(line[(colon + 1)...]))))
        }
        return LoopbackRequest(
            method: text(words[0]), target: text(words[1]), headers: headers, connection: connection)
    }

    /// How long the body is. Two different lengths, or a length beside chunks, are malformed.
    static func framing(of request: LoopbackRequest) -> Framing {
        if let coding = request.header("Transfer-Encoding") {
            let isPlain = coding.lowercased() == "chunked" && request.header("Content-Length") == nil
            return isPlain ? .chunked : .malformed
        }
        let lengths = request.headers.filter { $0.name.lowercased() == "content-length" }.map(\.value)
        guard let first = lengths.first else { return .none }
        guard lengths.allSatisfy({ $0 == first }), first.utf8.allSatisfy({ (48...57).contains($0) }),
            let count = Int(first)
        else { return .malformed }
        return count == 0 ? .none : .length(count)
    }

    /// Whether the connection serves another request after this one.
    static func keepsAlive(_ request: LoopbackRequest, head: [UInt8]) -> Bool {
        let line = head.prefix { $0 != 13 && $0 != 10 }
        let wish = request.header("Connection")?.lowercased()
        return line.last == UInt8(ascii: "0") ? wish == "keep-alive" : wish != "close"
    }

    private static func text(_ bytes: ArraySlice<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }

    private static func trimmed(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var bytes = bytes.drop { $0 == 32 || $0 == 9 }
        while let last = bytes.last, last == 32 || last == 9 { bytes.removeLast() }
        return bytes
    }
}
