// An order as Runway wants it: the JSON body of `POST /v1/text_to_image` or `/v1/image_to_video`.
//
// Photos go along as data URIs, or as the handle of an upload (`RunwayUploads`). What is sent is what the model's entry
// in the table says and no more: `contentModeration` is left to its default, and so is whatever has no price.

internal import Contract

/// Writes orders.
enum RunwayOrder {
    /// The body. The order's model is one of the table and has a prompt.
    static func body(_ order: Order, _ model: RunwayModel) -> [UInt8] {
        precondition(order.kind == .image, "an order of a \(order.kind.rawValue) came to \(model.name)")
        guard let prompt = order.prompt else { preconditionFailure("an order without a prompt came to \(model.name)") }
        var json = JSONWriter()
        json.beginObject()
        json.member("model", model.name)
        json.member("promptText", prompt)
        json.member("ratio", order.size.description)
        if !order.references.isEmpty { write(order.references, tagged: model.mention == .tag, to: &json) }
        if model.takesSeed, let seed = order.seed { json.member("seed", Int(seed)) }
        if model.countsOutputs { json.member("outputCount", 1) }
        for option in model.options { json.member(option.key, option.value) }
        json.endObject()
        return json.bytes
    }

    /// The body of a film's order: one picture, a prompt, a length. Everything that has a default is said, since
    /// nowhere is written what it is.
    static func body(film order: Order, _ model: RunwayVideoModel) -> [UInt8] {
        guard let prompt = order.prompt, let seconds = order.seconds, order.references.count == 1 else {
            preconditionFailure("a film without prompt, length or picture came to \(model.name)")
        }
        var json = JSONWriter()
        json.beginObject()
        json.member("model", model.name)
        json.key("promptImage")
        write(order.references[0], to: &json)
        json.member("promptText", prompt)
        json.member("ratio", order.size.description)
        json.member("duration", seconds)
        if model.takesSeed, let seed = order.seed { json.member("seed", Int(seed)) }
        if model.isSilenced { json.member("audio", false) }
        json.endObject()
        return json.bytes
    }

    private static func write(_ reference: Reference, to json: inout JSONWriter) {
        if let handle = reference.handle { json.string(handle) } else { json.raw(quotedDataURI(reference.image)) }
    }

    private static func write(_ references: [Reference], tagged: Bool, to json: inout JSONWriter) {
        json.key("referenceImages")
        json.beginArray()
        for reference in references {
            json.beginObject()
            json.key("uri")
            write(reference, to: &json)
            if tagged, let tag = reference.tag { json.member("tag", tag) }
            json.endObject()
        }
        json.endArray()
    }

    private static let opening = Array("\"data:image/jpeg;base64,".utf8)

    /// A JPEG as a JSON string that holds a data URI: nothing in it needs an escape. One pass into a buffer of the
    /// right size.
    static func quotedDataURI(_ image: [UInt8]) -> [UInt8] {
        let size = opening.count + (image.count + 2) / 3 * 4 + 1
        return [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            for byte in opening {
                buffer[count] = byte
                count += 1
            }
            image.withUnsafeBufferPointer { encode($0, to: buffer, at: &count) }
            buffer[count] = UInt8(ascii: "\"")
            count += 1
        }
    }

    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    /// Base64 with padding (RFC 4648, section 4).
    private static func encode(
        _ bytes: UnsafeBufferPointer<UInt8>, to buffer: UnsafeMutableBufferPointer<UInt8>, at count: inout Int
    ) {
        alphabet.withUnsafeBufferPointer { sign in
            var at = 0
            while at + 3 <= bytes.count {
                let group = Int(bytes[at]) << 16 | Int(bytes[at + 1]) << 8 | Int(bytes[at + 2])
                buffer[count] = sign[group >> 18]
                buffer[count + 1] = sign[group >> 12 & 63]
                buffer[count + 2] = sign[group >> 6 & 63]
                buffer[count + 3] = sign[group & 63]
                at += 3
                count += 4
            }
            guard at < bytes.count else { return }
            let isPair = at + 2 == bytes.count
            let group = Int(bytes[at]) << 16 | (isPair ? Int(bytes[at + 1]) << 8 : 0)
            buffer[count] = sign[group >> 18]
            buffer[count + 1] = sign[group >> 12 & 63]
            buffer[count + 2] = isPair ? sign[group >> 6 & 63] : UInt8(ascii: "=")
            buffer[count + 3] = UInt8(ascii: "=")
            count += 4
        }
    }
}
