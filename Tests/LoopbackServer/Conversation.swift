// One connection from its first request to its end: reads a request, has it answered, does what the answer says.
//
// Strict enough to notice a bad client: a head that is no HTTP/1 is answered with 400, a head or a body over its limit
// with 431 or 413, and then the connection is closed.

/// What a connection needs of its server.
struct Service: Sendable {
    let onHead: (@Sendable (LoopbackRequest) -> LoopbackReply?)?
    let handler: @Sendable (LoopbackRequest) -> LoopbackReply
    let remember: @Sendable (LoopbackRequest) -> Void
    let maximumBody: Int
}

/// The loop of one connection.
struct Conversation: ~Copyable {
    /// Whether the connection goes on, and how it ends.
    enum Outcome { case goesOn, closes, resets }

    private enum BodyEnd { case whole, cut, tooLarge, malformed }

    private static let maximumHead = 64 << 10

    private var wire: Wire
    private let number: Int
    private let service: Service

    init(_ wire: consuming Wire, number: Int, service: Service) {
        self.wire = wire
        self.number = number
        self.service = service
    }

    /// Serves requests until one side ends it.
    /// - Parameter leaving: called right before the descriptor becomes free for others.
    consuming func run(leaving: () -> Void) {
        var outcome = Outcome.goesOn
        while outcome == .goesOn { outcome = exchange() }
        leaving()
        if outcome == .resets { wire.reset() } else { wire.close() }
    }

    /// One request and its answer.
    private mutating func exchange() -> Outcome {
        guard let head = wire.head(limit: Self.maximumHead) else { return .closes }
        guard var request = RequestHead.parse(head, connection: number) else { return refuse(400) }
        let framing = RequestHead.framing(of: request)
        let lasts = RequestHead.keepsAlive(request, head: head)
        if framing == .none { request.isWhole = true }
        if let reply = service.onHead?(request) {
            service.remember(request)
            let outcome = carryOut(reply, to: request, lasts: lasts && request.isWhole)
            if outcome == .closes, !request.isWhole, case .answer = reply { wire.finish() }
            return outcome
        }
        switch readBody(framing, of: &request) {
        case .whole: request.isWhole = true
        case .cut:
            service.remember(request)
            return .closes
        case .tooLarge: return refuse(413)
        case .malformed: return refuse(400)
        }
        service.remember(request)
        return carryOut(service.handler(request), to: request, lasts: lasts)
    }

    /// Answers something that is not handled further, and ends.
    private mutating func refuse(_ status: Int) -> Outcome {
        _ = wire.send(
            Array("HTTP/1.1 \(status) \(reason(status))\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".utf8))
        wire.finish()
        return .closes
    }

    // MARK: Bodies

    private mutating func readBody(_ framing: RequestHead.Framing, of request: inout LoopbackRequest) -> BodyEnd {
        if framing != .none, request.header("Expect")?.lowercased() == "100-continue" {
            _ = wire.send(Array("HTTP/1.1 100 Continue\r\n\r\n".utf8))
        }
        switch framing {
        case .none: return .whole
        case .malformed: return .malformed
        case .length(let count):
            guard count <= service.maximumBody else { return .tooLarge }
            request.body.reserveCapacity(min(count, 1 << 20))
            return wire.take(count, into: &request.body) ? .whole : .cut
        case .chunked: return readChunks(into: &request.body)
        }
    }

    /// Chunks up to the empty one, and the trailers after it, which nobody needs.
    private mutating func readChunks(into body: inout [UInt8]) -> BodyEnd {
        while true {
            guard let line = wire.line(limit: 1 << 10) else { return .cut }
            let digits = line.prefix { $0 != UInt8(ascii: ";") && $0 != 32 }
            guard let size = Int(String(decoding: digits, as: UTF8.self), radix: 16), size >= 0 else {
                return .malformed
            }
            guard body.count + size <= service.maximumBody else { return .tooLarge }
            if size == 0 { break }
            guard wire.take(size, into: &body), let end = wire.line(limit: 16) else { return .cut }
            guard end.isEmpty else { return .malformed }
        }
        while let line = wire.line(limit: Self.maximumHead) {
            if line.isEmpty { return .whole }
        }
        return .cut
    }

    // MARK: Answers

    private mutating func carryOut(_ reply: LoopbackReply, to request: LoopbackRequest, lasts: Bool) -> Outcome {
        switch reply {
        case .answer(let status, let headers, let body):
            let bytes = Self.message(status, headers, body, isHead: request.method == "HEAD", lasts: lasts)
            return wire.send(bytes) && lasts ? .goesOn : .closes
        case .steps(let steps):
            for step in steps {
                if let end = take(step) { return end }
            }
            return lasts ? .goesOn : .closes
        }
    }

    /// Does one step; an outcome ends the connection.
    private func take(_ step: LoopbackStep) -> Outcome? {
        switch step {
        case .bytes(let bytes): return wire.send(bytes) ? nil : .closes
        case .endless(let bytes):
            while wire.send(bytes) {}
            return .closes
        case .pause(let milliseconds): return wire.wait(milliseconds: milliseconds) == .timeOver ? nil : .closes
        case .reset: return .resets
        case .close: return .closes
        case .stall:
            _ = wire.wait(milliseconds: nil)
            return .closes
        }
    }

    /// A whole answer in one piece, so that it leaves in one packet where it is small.
    private static func message(
        _ status: Int, _ headers: [(String, String)], _ body: [UInt8], isHead: Bool, lasts: Bool
    ) -> [UInt8] {
        var head = "HTTP/1.1 \(status) \(reason(status))\r\n"
        for (name, value) in headers { head += "\(name): \(value)\r\n" }
        let isBodiless = status < 200 || status == 204 || status == 304
        let isFramed = headers.contains { ["content-length", "transfer-encoding"].contains($0.0.lowercased()) }
        if !isBodiless, !isFramed { head += "Content-Length: \(body.count)\r\n" }
        if !lasts { head += "Connection: close\r\n" }
        head += "\r\n"
        var bytes = [UInt8]()
        bytes.reserveCapacity(head.utf8.count + body.count)
        bytes += head.utf8
        if !isHead, !isBodiless { bytes += body }
        return bytes
    }
}
