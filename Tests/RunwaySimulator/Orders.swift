// From a request body to an order: the schema, then the rules between fields. What remains to be judged after that are
// the assets and the account.

package import Contract

/// A create that passed the schema.
package struct Order: Sendable {
    /// An image that the order shows to the model, and where it stands in the body.
    package struct Reference: Sendable {
        package let uri: String
        package let tag: String?
        let path: [Issue.Step]
    }

    /// What is made.
    package enum Kind: String, Sendable { case image, video, upscale }

    package let kind: Kind
    package let model: String
    package let prompt: String
    /// As the body has it, `auto` where it has none.
    package let ratio: String
    /// The size of what is made; of `auto` some size of the model.
    package let size: PictureSize
    package let outputs: Int
    /// How long a film lasts; nil for a picture.
    var seconds: Int?
    package let references: [Reference]
    /// Credits, estimated.
    package let estimate: Double
    let aspects: ClosedRange<Double>?
}

/// Holds bodies of creates against the models' tables.
package enum Orders {
    /// What came of a body.
    package enum Reading: Sendable {
        case order(Order)
        case issues([Issue])
    }

    /// Reads the body of `POST /v1/text_to_image`.
    package static func textToImage(_ body: JSONNode) -> Reading {
        guard let model = model(of: body, in: ImageModel.byName) else { return .issues(unknownModel(body)) }
        let issues = imageSchemas[model.name]?.issues(of: body) ?? []
        guard issues.isEmpty else { return .issues(issues) }
        let order = imageOrder(body, model)
        let broken = model.rules.flatMap { $0.issues(of: body, order) }
        return broken.isEmpty ? .order(order) : .issues(broken)
    }

    /// Reads the body of `POST /v1/image_to_video`.
    package static func imageToVideo(_ body: JSONNode) -> Reading {
        guard let model = model(of: body, in: VideoModel.byName) else { return .issues(unknownModel(body)) }
        let issues = videoSchemas[model.name]?.issues(of: body) ?? []
        return issues.isEmpty ? .order(videoOrder(body, model)) : .issues(issues)
    }

    /// Reads the body of `POST /v1/image_upscale`.
    package static func imageUpscale(_ body: JSONNode) -> Reading {
        let issues = upscaleSchema.issues(of: body)
        guard issues.isEmpty else { return .issues(issues) }
        let uri = body["imageUri"]?.text ?? ""
        return .order(
            Order(
                kind: .upscale, model: upscaler, prompt: "", ratio: "auto",
                size: PictureSize(width: 2048, height: 2048), outputs: 1,
                references: [.init(uri: uri, tag: nil, path: [.key("imageUri")])], estimate: 25, aspects: nil))
    }

    static let upscaler = "magnific_precision_upscaler_v2"
    private static let imageSchemas = ImageModel.byName.mapValues(\.schema)
    private static let videoSchemas = VideoModel.byName.mapValues(\.schema)
    private static let upscaleSchema = Schema.object([
        Schema.Field(name: "model", schema: .choice([upscaler]), isRequired: true),
        Schema.Field(name: "imageUri", schema: .uri, isRequired: true),
        Schema.Field(name: "flavor", schema: .choice(["sublime", "photo", "photo_denoiser"])),
        Schema.Field(name: "scaleFactor", schema: .oneOf([2, 4, 8, 16])),
        Schema.Field(name: "sharpen", schema: .whole(0...100)),
        Schema.Field(name: "smartGrain", schema: .whole(0...100)),
        Schema.Field(name: "ultraDetail", schema: .whole(0...100)),
    ])

    private static func model<Model>(of body: JSONNode, in models: [String: Model]) -> Model? {
        body["model"]?.text.flatMap { models[$0] }
    }

    /// The live service was seen to answer both issues to an empty body.
    private static func unknownModel(_ body: JSONNode) -> [Issue] {
        guard case .object = body.value else { return Schema.object([]).issues(of: body) }
        let union = Issue(
            .invalidUnion, [.key("model")], "Invalid input",
            [
                "errors": .alternatives([]), "note": .text("No matching discriminator"),
                "discriminator": .text("model"),
            ])
        let node = body["model"]
        return (node?.text == nil ? Schema.text(0...Int.max).issues(of: node, at: [.key("model")]) : []) + [union]
    }

    private static func imageOrder(_ body: JSONNode, _ model: ImageModel) -> Order {
        let ratio = body["ratio"]?.text ?? "auto"
        let size = PictureSize(ratio) ?? usualSize(ratio, of: model)
        let outputs: Int
        if case .one = model.outputs { outputs = 1 } else { outputs = body["outputCount"]?.whole ?? 1 }
        var references: [Order.Reference] = []
        let listed = model.references.upperBound > 0 ? body["referenceImages"]?.elements ?? [] : []
        for (index, node) in listed.enumerated() {
            references.append(
                .init(
                    uri: node["uri"]?.text ?? "", tag: node["tag"]?.text,
                    path: [.key("referenceImages"), .index(index), .key("uri")]))
        }
        let estimate = model.tariff.credits(
            Pricing(
                ratio: ratio, size: size, outputs: outputs, references: references.count,
                quality: body["quality"]?.text))
        return Order(
            kind: .image, model: model.name, prompt: body["promptText"]?.text ?? "", ratio: ratio, size: size,
            outputs: outputs, references: references, estimate: estimate, aspects: model.aspects)
    }

    /// What `auto` comes to: the model chooses by its references, this one takes the first size of that tier.
    private static func usualSize(_ ratio: String, of model: ImageModel) -> PictureSize {
        let sizes = model.sizes.compactMap(PictureSize.init)
        let wanted = ratio == "auto_2k" ? sizes.first { $0.pixels > 2_000_000 } : sizes.first
        return wanted ?? PictureSize(width: 1024, height: 1024)
    }

    private static func videoOrder(_ body: JSONNode, _ model: VideoModel) -> Order {
        let ratio = body["ratio"]?.text ?? "auto"
        let image = body["promptImage"]
        var references: [Order.Reference] = []
        if let uri = image?.text { references = [.init(uri: uri, tag: nil, path: [.key("promptImage")])] }
        for (index, node) in (image?.elements ?? []).enumerated() {
            references.append(
                .init(
                    uri: node["uri"]?.text ?? "", tag: nil,
                    path: [.key("promptImage"), .index(index), .key("uri")]))
        }
        let seconds = body["duration"]?.whole ?? model.usualSeconds
        let isSilent = body["audio"]?.flag == false
        let perSecond = isSilent && model.name.hasPrefix("veo3.1") ? silentVeo(model) : model.creditsPerSecond
        return Order(
            kind: .video, model: model.name, prompt: body["promptText"]?.text ?? "", ratio: ratio,
            size: PictureSize(ratio) ?? PictureSize(width: 1280, height: 720), outputs: 1, seconds: seconds,
            references: references, estimate: perSecond * Double(seconds), aspects: model.aspects)
    }

    private static func silentVeo(_ model: VideoModel) -> Double { model.name == "veo3.1" ? 20 : 10 }
}

extension ImageModel.Rule {
    /// What breaks the rule; the body passed its schema.
    func issues(of body: JSONNode, _ order: Order) -> [Issue] {
        let references: [Issue.Step] = [.key("referenceImages")]
        switch self {
        case .uniqueTags:
            let tags = order.references.compactMap(\.tag)
            return Set(tags).count == tags.count ? [] : [Issue(.custom, references, "Reference tags must be unique.")]
        case .fewSubjects: return subjects(body, references)
        case .editNeedsReference:
            guard body["edit"]?.flag == true, order.references.isEmpty else { return [] }
            return [Issue(.custom, [.key("edit")], "`edit` requires at least one reference image.")]
        case .sizeNeedsTwoReferences:
            guard order.ratio != "auto", order.references.count < 2 else { return [] }
            return [Issue(.custom, [.key("ratio")], "A fixed ratio requires at least two reference images.")]
        case .ideogram: return ideogram(body, order)
        }
    }

    private func subjects(_ body: JSONNode, _ path: [Issue.Step]) -> [Issue] {
        let subjects = (body["referenceImages"]?.elements ?? []).compactMap { $0["subject"]?.text }
        let limits = [("human", 5), ("object", 9)]
        return limits.compactMap { subject, most in
            guard subjects.count(where: { $0 == subject }) > most else { return nil }
            return Issue(.custom, path, "At most \(most) reference images may have the subject \(subject).")
        }
    }

    private func ideogram(_ body: JSONNode, _ order: Order) -> [Issue] {
        let isPrecise = body["preciseEdit"]?.flag == true
        let isVeryLow = body["quality"]?.text == "very_low"
        let hasSize = body["ratio"] != nil
        let alone = order.references.isEmpty
        let wrongSizes = alone ? Sizes.ideogramWithReferences : Sizes.ideogramAlone
        let rules: [(isBroken: Bool, key: String, text: String)] = [
            (isVeryLow && alone, "quality", "`very_low` requires reference images."),
            (isVeryLow && isPrecise, "quality", "`very_low` cannot be combined with `preciseEdit`."),
            (isPrecise && alone, "preciseEdit", "`preciseEdit` requires at least one reference image."),
            (body["maskUri"] != nil && alone, "maskUri", "`maskUri` requires at least one reference image."),
            (hasSize && (isPrecise || body["maskUri"] != nil), "ratio", "`ratio` cannot be combined with an edit."),
            (wrongSizes.contains(order.ratio), "ratio", "This ratio is not available with these references."),
        ]
        return rules.filter(\.isBroken).map { Issue(.custom, [.key($0.key)], $0.text) }
    }
}
