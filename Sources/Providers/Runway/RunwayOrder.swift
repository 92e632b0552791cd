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
        let photos = order.references.reduce(0) { $0 + ($1.handle == nil ? DataURI.size(of: $1.image) : 0) }
        // A body that grows is copied again and again, and there are megabytes of it.
        var json = JSONWriter(reserving: photos + 4 * prompt.utf8.count + 2048)
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
        if let handle = reference.handle { json.string(handle) } else { DataURI.write(reference.image, to: &json) }
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
}
