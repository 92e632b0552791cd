// What the FLUX.2 endpoints take as an order, and what it costs.

package import Contract
internal import RunwaySimulator
package import ServiceSimulator

/// An endpoint.
private struct Endpoint {
    let references: Int
    /// Credits for the first megapixel, and for each further one and each of the references.
    let first: Double
    let further: Double
    /// Fields that others have not.
    var fields: [String] = []

    static let all: [String: Endpoint] = [
        "flux-2-pro": Endpoint(references: 8, first: 3, further: 1.5, fields: ["disable_pup"]),
        "flux-2-pro-preview": Endpoint(references: 8, first: 3, further: 1.5, fields: ["disable_pup"]),
        "flux-2-max": Endpoint(references: 8, first: 7, further: 3, fields: ["disable_pup"]),
        "flux-2-flex": Endpoint(
            references: 8, first: 5, further: 5, fields: ["prompt_upsampling", "guidance", "steps"]),
        "flux-2-klein-9b": Endpoint(references: 4, first: 1.5, further: 0.2),
        "flux-2-klein-9b-preview": Endpoint(references: 4, first: 1.5, further: 0.2),
        "flux-2-klein-4b": Endpoint(references: 4, first: 1.4, further: 0.1),
    ]

    /// The names of the inputs for pictures, in their order.
    var inputs: [String] { ["input_image"] + (2...8).prefix(references - 1).map { "input_image_\($0)" } }

    var known: Set<String> {
        let common = [
            "prompt", "width", "height", "seed", "safety_tolerance", "output_format", "transparent_bg", "webhook_url",
            "webhook_secret",
        ]
        return Set(common + inputs + fields)
    }
}

/// A fault with its place.
private struct Fault422: Error {
    let field: String
    let words: String
}

extension BFLDialect {
    package func read(_ kind: String, _ body: JSONNode) -> OrderReading {
        guard let endpoint = Endpoint.all[kind] else { return .refused(error(404, "Not Found")) }
        do throws(Fault422) {
            return .order(try Self.order(kind, endpoint, body))
        } catch {
            return .refused(Self.refusal(error))
        }
    }

    private static func refusal(_ fault: Fault422) -> Answer {
        .json(422) { writer in
            writer.key("detail")
            writer.beginArray()
            writer.beginObject()
            writer.member("type", "value_error")
            writer.key("loc")
            writer.beginArray()
            writer.string("body")
            writer.string(fault.field)
            writer.endArray()
            writer.member("msg", fault.words)
            writer.endObject()
            writer.endArray()
        }
    }

    private static func order(_ name: String, _ endpoint: Endpoint, _ body: JSONNode) throws(Fault422)
        -> ServiceOrder
    {
        guard let members = body.members else { throw Fault422(field: "body", words: "Input should be an object") }
        for member in members where !endpoint.known.contains(member.key) {
            throw Fault422(field: member.key, words: "Extra inputs are not permitted")
        }
        guard let prompt = body["prompt"]?.text, !prompt.isEmpty else {
            throw Fault422(field: "prompt", words: "Field required")
        }
        let size = try size(body)
        let (pictures, areas) = try pictures(endpoint, body)
        guard areas.reduce(size.width * size.height, +) <= 9_000_000 else {
            throw Fault422(field: "input_image", words: "Inputs and output exceed 9 megapixels")
        }
        if let seed = body["seed"], seed.whole == nil {
            throw Fault422(field: "seed", words: "Input should be an integer")
        }
        try check(body)
        let credits =
            endpoint.first
            + endpoint.further
            * Double(megapixels(size.width * size.height) - 1 + areas.reduce(0) { $0 + megapixels($1) })
        return ServiceOrder(
            model: name, prompt: prompt, size: size, seed: body["seed"]?.whole, pictures: pictures, credits: credits)
    }

    /// Megapixels of 1024 × 1024, a part counted as a whole.
    private static func megapixels(_ area: Int) -> Int { max(1, (area + 1_048_575) / 1_048_576) }

    private static func check(_ body: JSONNode) throws(Fault422) {
        if let format = body["output_format"], !["jpeg", "png", "webp"].contains(format.text ?? "") {
            throw Fault422(field: "output_format", words: "Input should be 'jpeg', 'png' or 'webp'")
        }
        if let tolerance = body["safety_tolerance"], !(tolerance.whole.map((0...5).contains) ?? false) {
            throw Fault422(field: "safety_tolerance", words: "Input should be less than or equal to 5")
        }
    }

    private static func size(_ body: JSONNode) throws(Fault422) -> PictureSize {
        var sides: [Int] = []
        for name in ["width", "height"] {
            guard let node = body[name] else {
                sides.append(1024)
                continue
            }
            guard let side = node.whole, side >= 64 else {
                throw Fault422(field: name, words: "Input should be greater than or equal to 64")
            }
            guard side % 16 == 0 else { throw Fault422(field: name, words: "Input should be a multiple of 16") }
            sides.append(side)
        }
        guard sides[0] * sides[1] <= 4_194_304 else { throw Fault422(field: "width", words: "More than 4 megapixels") }
        return PictureSize(width: sides[0], height: sides[1])
    }

    /// The pictures with their names, and the pixels of each.
    private static func pictures(_ endpoint: Endpoint, _ body: JSONNode) throws(Fault422) -> ([ShownPicture], [Int]) {
        var shown: [ShownPicture] = []
        var areas: [Int] = []
        var missing: String?
        for name in endpoint.inputs {
            guard let node = body[name] else {
                missing = missing ?? name
                continue
            }
            if let missing { throw Fault422(field: missing, words: "Field required before \(name)") }
            let picture = InputPicture(node.text ?? "", allowsBareBase64: true)
            guard let sha256 = picture.sha256 else {
                throw Fault422(field: name, words: "Input should be a URL or base64")
            }
            if case .broken = picture { throw Fault422(field: name, words: "Cannot identify the image") }
            if case .image(_, let width, let height) = picture { areas.append(width * height) }
            shown.append(ShownPicture(input: name, sha256: sha256))
        }
        return (shown, areas)
    }
}
