// An order as it came, judged by everything that is known of the service: which fields there are, what they may be,
// which of them a model refuses, what a photo has to be.

internal import RunwaySimulator

/// Why an order is refused.
struct OpenAIObjection: Error {
    var type = "invalid_request_error"
    let code: String
    let message: String
}

/// A valid order.
struct OpenAIEdit {
    let model: String
    let prompt: String
    let size: String
    let width: Int
    let height: Int
    let quality: String
    let photos: [[UInt8]]

    private static let models: Set = [
        "gpt-image-2", "gpt-image-2.5-flare", "gpt-image-2.5-sunburst", "gpt-image-1.5", "gpt-image-1-mini",
    ]
    private static let fields: Set = [
        "model", "prompt", "n", "size", "quality", "output_format", "output_compression", "background",
        "input_fidelity", "stream", "partial_images", "user", "safety_identifier",
    ]

    init(_ parts: [FormPart]) throws(OpenAIObjection) {
        var texts: [String: String] = [:]
        var photos: [[UInt8]] = []
        for part in parts {
            if part.name == "image" || part.name == "image[]" {
                photos.append(try OpenAIEdit.photo(part))
            } else {
                guard OpenAIEdit.fields.contains(part.name), part.fileName == nil else {
                    throw OpenAIObjection(code: "unknown_parameter", message: "Unknown parameter: '\(part.name)'.")
                }
                let value = String(validating: part.bytes, as: UTF8.self)
                guard let value, texts.updateValue(value, forKey: part.name) == nil else {
                    throw OpenAIObjection(code: "invalid_value", message: "Invalid value for '\(part.name)'.")
                }
            }
        }
        let isSingle = parts.contains { $0.name == "image" }
        guard (1...16).contains(photos.count), !isSingle || photos.count == 1 else {
            throw OpenAIObjection(code: "invalid_value", message: "Between 1 and 16 images are taken.")
        }
        self.photos = photos
        model = try OpenAIEdit.choice(texts, "model", OpenAIEdit.models)
        guard let prompt = texts["prompt"], (1...32_000).contains(prompt.unicodeScalars.count) else {
            throw OpenAIObjection(code: "invalid_value", message: "'prompt' must have 1 to 32000 characters.")
        }
        self.prompt = prompt
        quality = try OpenAIEdit.choice(texts, "quality", ["low", "medium", "high", "auto"], otherwise: "auto")
        (size, width, height) = try OpenAIEdit.size(texts["size"] ?? "1024x1024", model)
        try OpenAIEdit.check(texts, model)
    }

    private static func choice(
        _ texts: [String: String], _ name: String, _ values: Set<String>, otherwise: String? = nil
    ) throws(OpenAIObjection) -> String {
        guard let value = texts[name] ?? otherwise, values.contains(value) else {
            throw OpenAIObjection(
                code: "invalid_value", message: "Invalid value: '\(texts[name] ?? "")' for '\(name)'.")
        }
        return value
    }

    private static func check(_ texts: [String: String], _ model: String) throws(OpenAIObjection) {
        _ = try choice(texts, "n", ["1"], otherwise: "1")
        _ = try choice(texts, "background", ["auto", "opaque"], otherwise: "auto")
        let format = try choice(texts, "output_format", ["png", "jpeg", "webp"], otherwise: "png")
        if let compression = texts["output_compression"] {
            guard let number = Int(compression), (0...100).contains(number), format != "png" else {
                throw OpenAIObjection(code: "invalid_value", message: "Invalid value for 'output_compression'.")
            }
        }
        if texts["input_fidelity"] != nil, model.hasPrefix("gpt-image-2") {
            throw OpenAIObjection(
                type: "image_generation_user_error", code: "invalid_input_fidelity_model",
                message: "'input_fidelity' is not supported by this model.")
        }
        if texts["stream"] == "true" { throw OpenAIObjection(code: "invalid_value", message: "No streams here.") }
    }

    private static func photo(_ part: FormPart) throws(OpenAIObjection) -> [UInt8] {
        let types = ["image/png", "image/jpeg", "image/webp"]
        guard part.fileName != nil, let look = SimulatedPicture.look(at: part.bytes), part.bytes.count < 50 << 20,
            types.contains(look.type), part.contentType == nil || part.contentType == look.type
        else {
            throw OpenAIObjection(
                type: "image_generation_user_error", code: "invalid_image_file",
                message: "Invalid image file or mode for image, please check your image file.")
        }
        return part.bytes
    }

    private static func size(_ text: String, _ model: String) throws(OpenAIObjection) -> (String, Int, Int) {
        let sides = text.split(separator: "x", omittingEmptySubsequences: false).compactMap { Int($0) }
        guard sides.count == 2, sides.allSatisfy({ (1...10_000).contains($0) }), "\(sides[0])x\(sides[1])" == text
        else { throw OpenAIObjection(code: "invalid_value", message: "Invalid size '\(text)'.") }
        let (width, height) = (sides[0], sides[1])
        let isAny =
            width % 16 == 0 && height % 16 == 0 && max(width, height) <= 3840
            && max(width, height) <= 3 * min(width, height) && (655_360...8_294_400).contains(width * height)
        let isListed = ["1024x1024", "1536x1024", "1024x1536"].contains(text)
        guard model.hasPrefix("gpt-image-2") ? isAny : isListed else {
            throw OpenAIObjection(code: "invalid_value", message: "Invalid size '\(text)' for \(model).")
        }
        return (text, width, height)
    }

    // MARK: - What it costs

    var textTokens: Int { prompt.utf8.count / 4 + 8 }
    /// As one bill had it: some 1,100 for a megapixel.
    var imageTokens: Int {
        photos.reduce(0) { sum, photo in
            let look = SimulatedPicture.look(at: photo)
            return sum + 100 + (look?.width ?? 0) * (look?.height ?? 0) * 1000 / 1_048_576
        }
    }
    var outputTokens: Int {
        let square = ["low": 196, "medium": 1756, "high": 7024][quality] ?? 7024
        return square * width * height / 1_048_576
    }
    var microdollars: Int64 { Int64(textTokens * 5 + imageTokens * 8 + outputTokens * 30) }
}
