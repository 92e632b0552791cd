// An order as Black Forest Labs want it: the JSON body of `POST /v1/MODEL`.
//
// Photos go along within it; the prompt calls them "image 1", "image 2" in the order of their fields. What is left to
// its default is left out: moderation, the rewriting of prompts, and whatever has no price.

internal import Contract
internal import Transfer

/// Writes orders.
enum BFLOrder {
    /// The body. The order's model is one of the table and has a prompt.
    static func body(_ order: Order, _ model: BFLModel) -> WovenBody {
        precondition(order.kind == .image, "an order of a \(order.kind.rawValue) came to \(model.name)")
        precondition(order.references.count <= model.references, "too many references came to \(model.name)")
        guard let prompt = order.prompt else { preconditionFailure("an order without a prompt came to \(model.name)") }
        var text = OrderText()
        text.json.beginObject()
        text.json.member("prompt", prompt)
        for (index, reference) in order.references.enumerated() {
            text.json.key(index == 0 ? "input_image" : "input_image_\(index + 1)")
            text.photo(reference.image)
        }
        text.json.member("width", order.size.width)
        text.json.member("height", order.size.height)
        if let seed = order.seed { text.json.member("seed", Int(seed)) }
        text.json.member("output_format", "png")
        text.json.endObject()
        return text.body
    }
}
