// The answer to a call: a picture in base64 and the tokens that it cost, and what faults make of it.

internal import Contract
internal import Glibc
internal import LoopbackServer
internal import RunwaySimulator

/// Blocks the connection's own thread.
func wait(milliseconds: Int) { usleep(UInt32(milliseconds) * 1000) }

/// The answer, spoiled or not.
struct OpenAIPicture {
    let reply: LoopbackReply
    /// Whether it goes out whole.
    let isAnswered: Bool

    init(_ order: OpenAIEdit, _ fault: OpenAIFault?) {
        let body = OpenAIPicture.body(order, fault)
        let headers = [("Content-Type", "application/json"), ("x-request-id", "req_simulated")]
        let proper = LoopbackReply.answer(status: 200, headers: headers, body: body)
        switch fault {
        case .makeThenDrop: (reply, isAnswered) = (.steps([.reset]), false)
        case .makeThenStall: (reply, isAnswered) = (.steps([.stall]), false)
        case .makeThenStatus(let status):
            (reply, isAnswered) = (.answer(status: status, headers: headers, body: Array("{}".utf8)), false)
        case .makeThenBody(let text):
            (reply, isAnswered) = (.answer(status: 200, headers: headers, body: Array(text.utf8)), false)
        case .cutAnswer:
            let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: \(body.count)\r\n\r\n"
            reply = .steps([.bytes(Array(head.utf8) + body.prefix(body.count / 2)), .close])
            isAnswered = false
        case .late(let milliseconds):
            wait(milliseconds: milliseconds)
            (reply, isAnswered) = (proper, true)
        default: (reply, isAnswered) = (proper, true)
        }
    }

    private static func body(_ order: OpenAIEdit, _ fault: OpenAIFault?) -> [UInt8] {
        var picture = SimulatedPicture.png(
            width: order.width, height: order.height, model: order.model, words: order.prompt)
        if case .padded(let count) = fault { picture += [UInt8](repeating: 0, count: count) }
        if case .notAPicture = fault { picture = Array("This is no picture.".utf8) }
        var json = JSONWriter()
        json.beginObject()
        json.member("created", 1_795_521_600)
        json.key("data")
        json.beginArray()
        if case .noPicture = fault {
        } else {
            json.beginObject()
            json.key("b64_json")
            let text = SimulatedPicture.base64(picture)
            if case .brokenBase64 = fault {
                json.string("@@" + String(decoding: text.dropFirst(2), as: UTF8.self))
            } else {
                json.raw([UInt8(ascii: "\"")] + text + [UInt8(ascii: "\"")])
            }
            json.endObject()
        }
        json.endArray()
        json.member("background", "opaque")
        json.member("output_format", "png")
        json.member("quality", order.quality)
        json.member("size", order.size)
        if case .withoutUsage = fault {} else { write(order, to: &json) }
        json.endObject()
        return json.bytes
    }

    private static func write(_ order: OpenAIEdit, to json: inout JSONWriter) {
        json.key("usage")
        json.beginObject()
        json.member("input_tokens", order.textTokens + order.imageTokens)
        json.key("input_tokens_details")
        json.beginObject()
        json.member("image_tokens", order.imageTokens)
        json.member("text_tokens", order.textTokens)
        json.endObject()
        json.member("output_tokens", order.outputTokens)
        json.member("total_tokens", order.textTokens + order.imageTokens + order.outputTokens)
        json.endObject()
    }
}
