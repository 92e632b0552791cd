// A proper answer, before a fault gets at it.

package import Contract
package import LoopbackServer

/// Status, headers, body.
package struct Answer: Sendable {
    package var status = 200
    package var headers: [(String, String)] = []
    package var body: [UInt8] = []

    package init(status: Int = 200, headers: [(String, String)] = [], body: [UInt8] = []) {
        (self.status, self.headers, self.body) = (status, headers, body)
    }

    /// An answer in JSON.
    package static func json(_ status: Int = 200, _ write: (inout JSONWriter) -> Void) -> Answer {
        var writer = JSONWriter()
        writer.beginObject()
        write(&writer)
        writer.endObject()
        return Answer(status: status, headers: [("Content-Type", "application/json")], body: writer.bytes)
    }

    /// `{"error": …}`, as every error of the API has it.
    static func error(_ status: Int, _ text: String) -> Answer { json(status) { $0.member("error", text) } }

    /// A body that does not pass.
    static func issues(_ issues: [Issue]) -> Answer {
        json(400) { writer in
            writer.member("error", "Validation of body failed")
            writer.key("issues")
            writer.beginArray()
            for issue in issues { issue.write(to: &writer) }
            writer.endArray()
            writer.member("docUrl", "https://docs.dev.runwayml.com/api")
        }
    }

    /// As storage services refuse.
    package static func storage(_ status: Int, _ code: String) -> Answer {
        let body = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>\(code)</Code></Error>"
        return Answer(status: status, headers: [("Content-Type", "application/xml")], body: Array(body.utf8))
    }

    package var reply: LoopbackReply { .answer(status: status, headers: headers, body: body) }
}

/// What faults make of answers.
package enum Disturbance {
    private static let json = [("Content-Type", "application/json")]

    /// What is answered where nothing is done.
    package static func instead(of fault: Fault) -> LoopbackReply {
        switch fault {
        case .status(let status, let body, let headers):
            .answer(status: status, headers: json + headers, body: Array(body.utf8))
        case .stall: .steps([.stall])
        default: .steps([.reset])
        }
    }

    /// What becomes of the answer to something that was done. Faults that are within the answer are in it already.
    package static func reply(_ answer: Answer, _ fault: Fault?) -> LoopbackReply {
        let half = Array(answer.body.prefix(answer.body.count / 2))
        switch fault {
        case .createThenStatus(let status, let body, let headers):
            return .answer(status: status, headers: json + headers, body: Array(body.utf8))
        case .createThenDrop: return .steps([.reset])
        case .createThenStall: return .steps([.stall])
        case .cutAnswer: return .steps([.bytes(head(answer) + half), .close])
        case .stallMidway: return .steps([.bytes(head(answer) + half), .stall])
        case .short: return .steps([.bytes(head(answer) + answer.body.dropLast()), .close])
        case .late(let milliseconds): return .steps([.pause(milliseconds: milliseconds), .bytes(whole(answer))])
        case .trickle(let count, let pause): return .steps(pieces(answer, count, pause))
        case .endless: return .steps([.bytes(chunkedHead(answer)), .endless(chunk(answer.body))])
        case .garbageJSON: return changed(answer, body: Array(#"{"id": oops, "status" <html>"#.utf8)).reply
        case .wrongContentType(let type): return changed(answer, type: type).reply
        case .page: return changed(answer, body: page, type: "text/html; charset=utf-8").reply
        case .truncatedPicture: return changed(answer, body: half).reply
        case .notAPicture: return changed(answer, body: Array("This is no picture.\n".utf8)).reply
        case .empty: return changed(answer, body: []).reply
        case .redirect(let address): return .answer(status: 302, headers: [("Location", address)], body: [])
        default: return answer.reply
        }
    }

    private static let page = Array("<!doctype html><title>Please wait</title><p>Please wait.</p>\n".utf8)

    private static func changed(_ answer: Answer, body: [UInt8]? = nil, type: String? = nil) -> Answer {
        var answer = answer
        if let body { answer.body = body }
        if let type { answer.headers = [("Content-Type", type)] }
        return answer
    }

    private static func head(_ answer: Answer, framing: String) -> [UInt8] {
        var text = "HTTP/1.1 \(answer.status) Simulated\r\n"
        for (name, value) in answer.headers { text += "\(name): \(value)\r\n" }
        return Array((text + framing + "\r\n\r\n").utf8)
    }

    private static func head(_ answer: Answer) -> [UInt8] {
        head(answer, framing: "Content-Length: \(answer.body.count)")
    }

    private static func chunkedHead(_ answer: Answer) -> [UInt8] {
        head(answer, framing: "Transfer-Encoding: chunked")
    }

    private static func whole(_ answer: Answer) -> [UInt8] { head(answer) + answer.body }

    private static func chunk(_ bytes: [UInt8]) -> [UInt8] {
        Array((String(bytes.count, radix: 16) + "\r\n").utf8) + bytes + [13, 10]
    }

    private static func pieces(_ answer: Answer, _ count: Int, _ pause: Int) -> [LoopbackStep] {
        var steps: [LoopbackStep] = [.bytes(head(answer))]
        for start in stride(from: 0, to: answer.body.count, by: max(1, count)) {
            if start > 0 { steps.append(.pause(milliseconds: pause)) }
            steps.append(.bytes(Array(answer.body[start..<min(start + max(1, count), answer.body.count)])))
        }
        return steps
    }
}
