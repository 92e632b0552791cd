// A client that hides nothing: it sends what it is told, byte for byte, and says exactly what came back and how the
// connection ended.

import Contract
import Foundation
import Testing

@testable import RunwaySimulator

/// What came back for one request.
enum Exchange: Equatable {
    case answer(status: Int, head: String, body: [UInt8])
    /// The connection ended before the answer was whole; how many bytes had come, and whether by RST.
    case broken(bytes: Int, reset: Bool)

    var status: Int? {
        if case .answer(let status, _, _) = self { status } else { nil }
    }

    var body: [UInt8] {
        if case .answer(_, _, let body) = self { body } else { [] }
    }

    /// A header of the answer.
    func header(_ name: String) -> String? {
        guard case .answer(_, let head, _) = self else { return nil }
        let line = head.components(separatedBy: "\r\n").first { $0.lowercased().hasPrefix(name.lowercased() + ":") }
        return line.map { $0.dropFirst(name.count + 1).trimmingCharacters(in: .whitespaces) }
    }

    /// The body as JSON.
    func json() throws -> JSONNode { try JSONDocument(parsing: body).root }
}

/// One connection to 127.0.0.1. Reads give up after a minute, which is only the limit of patience.
final class RawClient {
    private let descriptor: CInt
    private var buffer: [UInt8] = []

    init(port: UInt16) throws {
        descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        try #require(descriptor >= 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let answer = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        try #require(answer == 0, "connect: errno \(errno)")
        var limit = timeval(tv_sec: 60, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { close(descriptor) }

    func send(_ text: String) { send(Array(text.utf8)) }

    /// Sends as much as the peer takes.
    func send(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { raw in
            var sent = 0
            while sent < raw.count {
                let rest = UnsafeRawBufferPointer(rebasing: raw[sent...])
                let count = Foundation.send(descriptor, rest.baseAddress, rest.count, CInt(MSG_NOSIGNAL))
                guard count > 0 else { return }
                sent += count
            }
        }
    }

    /// Says that nothing more will be sent.
    func finish() { shutdown(descriptor, CInt(SHUT_WR)) }

    /// Reads more into the buffer: 1 when something came, 0 at the end, -1 at a reset.
    private func fill() -> Int {
        var piece = [UInt8](repeating: 0, count: 64 << 10)
        let count = recv(descriptor, &piece, piece.count, 0)
        if count > 0 { buffer += piece[..<count] }
        return count > 0 ? 1 : count
    }

    /// Whatever comes until the connection ends or there are so many bytes.
    func rest(atMost limit: Int = .max) -> (bytes: [UInt8], reset: Bool) {
        while buffer.count < limit {
            let got = fill()
            if got <= 0 { return (buffer, got < 0) }
        }
        return (buffer, false)
    }

    /// The next answer.
    func answer(isHead: Bool = false) -> Exchange {
        while true {
            if let end = buffer.firstRange(of: Array("\r\n\r\n".utf8)) {
                return body(after: end, isHead: isHead)
            }
            let got = fill()
            if got <= 0 { return .broken(bytes: buffer.count, reset: got < 0) }
        }
    }

    private func body(after end: Range<Int>, isHead: Bool) -> Exchange {
        let head = String(decoding: buffer[..<end.lowerBound], as: UTF8.self)
        let status = Int(head.split(separator: " ")[1]) ?? 0
        let line = head.lowercased().components(separatedBy: "\r\n").first { $0.hasPrefix("content-length:") }
        let length = isHead ? 0 : line.flatMap { Int($0.dropFirst(15).trimmingCharacters(in: .whitespaces)) } ?? 0
        while buffer.count < end.upperBound + length {
            let got = fill()
            if got <= 0 { return .broken(bytes: buffer.count, reset: got < 0) }
        }
        let body = Array(buffer[end.upperBound..<(end.upperBound + length)])
        buffer.removeFirst(end.upperBound + length)
        return .answer(status: status, head: head, body: body)
    }
}

/// Calls of the API, each on a connection of its own.
struct Caller {
    let port: UInt16
    /// Headers that replace or (nil) remove the usual ones.
    var changes: [String: String?] = [:]

    init(port: UInt16) { self.port = port }
    init(_ simulator: RunwaySimulator) { port = simulator.port }

    /// The bytes of a request.
    func request(_ method: String, _ target: String, _ body: [UInt8]? = nil) -> [UInt8] {
        var headers: [String: String] = [
            "Host": "127.0.0.1:\(port)", "Authorization": "Bearer key_simulator", "X-Runway-Version": "2024-11-06",
        ]
        if let body {
            headers["Content-Type"] = "application/json"
            headers["Content-Length"] = String(body.count)
        }
        for (name, value) in changes { headers[name] = value }
        let lines = headers.map { "\($0.key): \($0.value)\r\n" }.joined()
        return Array("\(method) \(target) HTTP/1.1\r\n\(lines)\r\n".utf8) + (body ?? [])
    }

    func call(_ method: String, _ target: String, _ body: [UInt8]? = nil) throws -> Exchange {
        let client = try RawClient(port: port)
        client.send(request(method, target, body))
        return client.answer(isHead: method == "HEAD")
    }

    func get(_ target: String) throws -> Exchange { try call("GET", target) }

    func post(_ target: String, _ body: String) throws -> Exchange { try call("POST", target, Array(body.utf8)) }

    /// A create of one gen4_image; the body can be given.
    func create(_ body: String = Sample.create()) throws -> Exchange { try post("/v1/text_to_image", body) }

    /// The id of a task that was created.
    func created(_ body: String = Sample.create()) throws -> String {
        let exchange = try create(body)
        try #require(exchange.status == 200, "\(String(decoding: exchange.body, as: UTF8.self))")
        return try #require(try exchange.json()["id"]?.text)
    }

    func task(_ id: String) throws -> JSONNode { try get("/v1/tasks/\(id)").json() }

    /// The path and query of a finished task's first output.
    func output(_ id: String) throws -> String {
        let url = try #require(try task(id)["output"]?.elements.first?.text)
        return String(url.dropFirst("http://127.0.0.1:\(port)".count))
    }
}

/// A clock that tests move by hand.
final class HandClock: Sendable {
    private let moment = Locked(Int64(1_795_000_000) * 1_000_000_000)

    var now: @Sendable () -> Int64 { { self.moment.value } }

    func advance(seconds: Double) { moment.change { $0 += Int64(seconds * 1e9) } }
}

/// A value behind a lock.
final class Locked<Value: Sendable>: @unchecked Sendable {
    // Guard: `held` is touched with `lock` only.
    private let lock = NSLock()
    private var held: Value

    init(_ value: Value) { held = value }

    var value: Value { lock.withLock { held } }
    func change(_ body: (inout Value) -> Void) { lock.withLock { body(&held) } }
}

/// Requests and images to try with.
enum Sample {
    static func create(
        model: String = "gen4_image", ratio: String = "1080:1440", prompt: String = "a person", more: String = ""
    ) -> String {
        #"{"model":"\#(model)","promptText":"\#(prompt)","ratio":"\#(ratio)"\#(more)}"#
    }

    static func references(_ uris: [String]) -> String {
        let items = uris.enumerated().map { #"{"uri":"\#($1)","tag":"ref\#($0)"}"# }
        return #","referenceImages":[\#(items.joined(separator: ","))]"#
    }

    /// A PNG of this size that has nothing in it but its header: what an inspection of the header sees.
    static func png(_ width: Int, _ height: Int, padding: Int = 600) -> [UInt8] {
        let start: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 0, 0, 0, 13, 0x49, 0x48, 0x44, 0x52]
        let size = [width, height].flatMap { value in [24, 16, 8, 0].map { UInt8(value >> $0 & 0xFF) } }
        return start + size + [8, 2, 0, 0, 0] + [UInt8](repeating: 7, count: padding)
    }

    static func dataURI(_ bytes: [UInt8], type: String = "image/png") -> String {
        "data:\(type);base64,\(Data(bytes).base64EncodedString())"
    }
}

extension JSONNode {
    var status: String? { self["status"]?.text }
    var cost: Double? { self["cost"]?["credits"]?.number }
    var estimate: Double? { self["estimatedCost"]?["credits"]?.number }
}
