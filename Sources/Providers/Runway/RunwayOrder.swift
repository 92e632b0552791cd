// An order as Runway wants it: the JSON body of `POST /v1/text_to_image` or `/v1/image_to_video`.
//
// Photos go along as data URIs, or as the handle of an upload (`RunwayUploads`). What is sent is what the model's entry
// in the table says and no more: `contentModeration` is left to its default, and so is whatever has no price.

internal import Contract
internal import Transfer

/// Writes orders.
enum RunwayOrder {
    /// The body. The order's model is one of the table and has a prompt.
    static func body(_ order: Order, _ model: RunwayModel) -> WovenBody {
        precondition(order.kind == .image, "an order of a \(order.kind.rawValue) came to \(model.name)")
        guard let prompt = order.prompt else { preconditionFailure("an order without a prompt came to \(model.name)") }
        var text = OrderText()
        text.json.beginObject()
        text.json.member("model", model.name)
        text.json.member("promptText", prompt)
        text.json.member("ratio", order.size.description)
        if !order.references.isEmpty { write(order.references, tagged: model.mention == .tag, to: &text) }
        if model.takesSeed, let seed = order.seed { text.json.member("seed", Int(seed)) }
        if model.countsOutputs { text.json.member("outputCount", 1) }
        for option in model.options { text.json.member(option.key, option.value) }
        text.json.endObject()
        return text.body
    }

    /// The body of a film's order: one picture, a prompt, a length. Everything that has a default is said, since
    /// nowhere is written what it is.
    static func body(film order: Order, _ model: RunwayVideoModel) -> WovenBody {
        guard let prompt = order.prompt, let seconds = order.seconds, order.references.count == 1 else {
            preconditionFailure("a film without prompt, length or picture came to \(model.name)")
        }
        var text = OrderText()
        text.json.beginObject()
        text.json.member("model", model.name)
        text.json.key("promptImage")
        write(order.references[0], to: &text)
        text.json.member("promptText", prompt)
        text.json.member("ratio", order.size.description)
        text.json.member("duration", seconds)
        if model.takesSeed, let seed = order.seed { text.json.member("seed", Int(seed)) }
        if model.isSilenced { text.json.member("audio", false) }
        text.json.endObject()
        return text.body
    }

    private static func write(_ reference: Reference, to text: inout OrderText) {
        if let handle = reference.handle { text.json.string(handle) } else { text.photo(reference.image) }
    }

    private static func write(_ references: [Reference], tagged: Bool, to text: inout OrderText) {
        text.json.key("referenceImages")
        text.json.beginArray()
        for reference in references {
            text.json.beginObject()
            text.json.key("uri")
            write(reference, to: &text)
            if tagged, let tag = reference.tag { text.json.member("tag", tag) }
            text.json.endObject()
        }
        text.json.endArray()
    }
}
