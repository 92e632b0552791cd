// An order as FASHN AI wants it: the JSON body of `POST /v1/run`.
//
// Photos go along as data URIs. A prediction without a seed repeats itself (some models have a fixed default), so an
// order that asks for none gets one that differs from the last.

internal import Contract
internal import Transfer

/// Writes orders.
enum FashnOrder {
    /// The body. The order's model is one of the table; it has one picture of garments and at most one of a person.
    static func body(_ order: Order, _ model: FashnModel, fallbackSeed: UInt32) -> WovenBody {
        precondition(order.kind == .image, "an order of a \(order.kind.rawValue) came to \(model.name)")
        let garments = order.references.filter { $0.role == .garment }
        let people = order.references.filter { $0.role == .person }
        guard let product = garments.first, garments.count == 1, people.count <= 1 else {
            preconditionFailure("\(garments.count) pictures of garments and \(people.count) of people came to FASHN AI")
        }
        precondition(people.count == 1 || !model.needsPerson, "an order without a person came to \(model.name)")
        var text = OrderText()
        text.json.beginObject()
        text.json.member("model_name", model.name)
        text.json.key("inputs")
        text.json.beginObject()
        write(product, as: model.inputs.garments, to: &text)
        if let person = people.first { write(person, as: model.inputs.person, to: &text) }
        if model.isFree { writeWishes(order, shaped: people.isEmpty || model.shapesPerson, to: &text) }
        text.json.member("seed", Int(order.seed ?? fallbackSeed))
        for option in model.options {
            switch option.value {
            case .text(let word): text.json.member(option.key, word)
            case .number(let number): text.json.member(option.key, number)
            }
        }
        text.json.endObject()
        text.json.endObject()
        return text.body
    }

    private static func write(_ reference: Reference, as name: String, to text: inout OrderText) {
        text.json.key(name)
        text.photo(reference.image)
    }

    private static func writeWishes(_ order: Order, shaped: Bool, to text: inout OrderText) {
        guard let size = FashnSize.of(order.size) else {
            preconditionFailure("an order of \(order.size) came to FASHN AI, which has no such size")
        }
        if let prompt = order.prompt { text.json.member("prompt", prompt) }
        if shaped { text.json.member("aspect_ratio", size.shape) }
        text.json.member("resolution", size.resolution)
    }
}
