// What FASHN AI takes as an order: a model's name and its inputs, each of a type and with its words.

package import Contract
internal import RunwaySimulator
package import ServiceSimulator

/// What an input may be.
private enum Kind {
    case picture, text, flag
    case word([String])
    case whole(ClosedRange<Int>)
}

/// A model and its inputs.
private struct Model {
    let inputs: [String: Kind]
    let required: [String]
    /// Credits by resolution, for the modes in their order.
    let credits: @Sendable (_ mode: String, _ resolution: String) -> Double
}

private let shapes = ["21:9", "1:1", "4:3", "3:2", "2:3", "5:4", "4:5", "3:4", "16:9", "9:16"]
private let common: [String: Kind] = [
    "output_format": .word(["png", "jpeg"]), "return_base64": .flag, "seed": .whole(0...4_294_967_295),
]
private let free: [String: Kind] = common.merging([
    "aspect_ratio": .word(shapes), "resolution": .word(["1k", "2k", "4k"]), "prompt": .text,
]) { $1 }

/// Two, three or four credits by resolution, one more in quality and one less in haste.
private func scaled(_ mode: String, _ resolution: String) -> Double {
    let bases: [String: Double] = ["1k": 2, "2k": 3, "4k": 4]
    let extras: [String: Double] = ["quality": 1, "fast": -1]
    return (bases[resolution] ?? 2) + (extras[mode] ?? 0)
}

private let models: [String: Model] = [
    "product-to-model": Model(
        inputs: free.merging([
            "product_image": .picture, "model_image": .picture, "image_prompt": .picture,
            "generation_mode": .word(["fast", "balanced", "quality"]),
        ]) { $1 }, required: ["product_image"], credits: scaled),
    "tryon-max": Model(
        inputs: free.merging([
            "product_image": .picture, "model_image": .picture, "num_images": .whole(1...4),
            "generation_mode": .word(["balanced", "quality"]),
        ]) { $1 }, required: ["product_image", "model_image"], credits: scaled),
    "tryon-v1.6": Model(
        inputs: common.merging([
            "garment_image": .picture, "model_image": .picture, "num_samples": .whole(1...4),
            "category": .word(["auto", "tops", "bottoms", "one-pieces"]),
            "garment_photo_type": .word(["auto", "flat-lay", "model"]),
            "mode": .word(["performance", "balanced", "quality"]),
            "moderation_level": .word(["conservative", "permissive", "none"]), "segmentation_free": .flag,
        ]) { $1 }, required: ["garment_image", "model_image"], credits: { _, _ in 1 }),
]

extension FashnDialect {
    package func read(_ kind: String, _ body: JSONNode) -> OrderReading {
        for member in body.members ?? [] where !["model_name", "inputs", "webhook_url"].contains(member.key) {
            return .refused(error(400, "\(member.key) is not a known field."))
        }
        guard let name = body["model_name"]?.text, let model = models[name] else {
            return .refused(error(400, "model_name is not a known model."))
        }
        guard let inputs = body["inputs"]?.members else { return .refused(error(400, "inputs is required.")) }
        for input in inputs {
            if let fault = Self.fault(input, model) { return .refused(error(400, fault)) }
        }
        for name in model.required where body["inputs"]?[name] == nil {
            return .refused(error(400, "\(name) is required."))
        }
        return .order(Self.order(name, model, body["inputs"] ?? body))
    }

    private static func fault(_ input: JSONMember, _ model: Model) -> String? {
        guard let kind = model.inputs[input.key] else { return "\(input.key) is not an input of this model." }
        switch kind {
        case .picture:
            guard let text = input.node.text, InputPicture(text, allowsBareBase64: false).sha256 != nil else {
                return "\(input.key) must be a URL or a base64 string with its prefix data:image/<format>;base64."
            }
        case .text: if input.node.text?.isEmpty ?? true { return "\(input.key) must be a text." }
        case .flag: if input.node.kind != "boolean" { return "\(input.key) must be true or false." }
        case .word(let words):
            if !words.contains(input.node.text ?? "") { return "\(input.key) must be one of \(words)." }
        case .whole(let range):
            if !(input.node.whole.map(range.contains) ?? false) { return "\(input.key) must be in \(range)." }
        }
        return nil
    }

    private static func order(_ name: String, _ model: Model, _ inputs: JSONNode) -> ServiceOrder {
        var pictures: [ShownPicture] = []
        var flaw: Flaw?
        for input in inputs.members ?? [] {
            guard case .picture? = model.inputs[input.key] else { continue }
            let picture = InputPicture(input.node.text ?? "", allowsBareBase64: false)
            pictures.append(ShownPicture(input: input.key, sha256: picture.sha256 ?? ""))
            if case .broken = picture {
                flaw = Flaw(code: "ImageLoadError", message: "The image \(input.key) could not be loaded.")
            }
        }
        let resolution = inputs["resolution"]?.text ?? "1k"
        let mode = inputs["generation_mode"]?.text ?? "balanced"
        let count = inputs["num_images"]?.whole ?? inputs["num_samples"]?.whole ?? 1
        return ServiceOrder(
            model: name, prompt: inputs["prompt"]?.text ?? "",
            size: size(name, inputs["aspect_ratio"]?.text, resolution), seed: inputs["seed"]?.whole,
            pictures: pictures, credits: model.credits(mode, resolution) * Double(count), flaw: flaw)
    }

    /// About one, four or sixteen megapixels of the shape; sides in multiples of 32, as models have them.
    private static func size(_ model: String, _ shape: String?, _ resolution: String) -> PictureSize {
        if model == "tryon-v1.6" { return PictureSize(width: 864, height: 1296) }
        let sides = (shape ?? "3:4").split(separator: ":").compactMap { Double($0) }
        let scale = (1024 * 1024 / (sides[0] * sides[1])).squareRoot()
        let factor = ["1k": 1, "2k": 2, "4k": 4][resolution] ?? 1
        let pixels = sides.map { Int(($0 * scale / 32).rounded()) * 32 * factor }
        return PictureSize(width: pixels[0], height: pixels[1])
    }
}
