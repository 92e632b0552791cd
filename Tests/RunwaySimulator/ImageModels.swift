// The models of `POST /v1/text_to_image`, one row a model: what each takes and what it costs.
//
// Limits are those of the official client and of Runway's OpenAPI document. Where neither states one, the row has a
// comment; the number then is this simulator's own and only keeps a client from sending anything at all.

/// A model that makes images.
struct ImageModel: Sendable {
    /// What a model has besides a prompt, a size and references.
    enum Trait: Sendable { case tags, subjects, seed, moderation }

    /// Whether and how `outputCount` is taken. A model without it ignores the key.
    enum Outputs: Sendable {
        case one
        case oneOrFour
        case upTo(Int)
    }

    /// Rules between fields.
    enum Rule: Sendable {
        case uniqueTags
        /// At most five human and nine object subjects.
        case fewSubjects
        /// `edit` needs a reference.
        case editNeedsReference
        /// A fixed size needs two references.
        case sizeNeedsTwoReferences
        /// `very_low`, `preciseEdit`, `maskUri` and the sizes of ideogram_4_5.
        case ideogram
    }

    let name: String
    /// UTF-16 code units.
    let prompt: Int
    let references: ClosedRange<Int>
    let sizes: [String]
    let tariff: Tariff
    var traits: [Trait] = []
    var outputs = Outputs.one
    var options: [Schema.Field] = []
    var sizeIsRequired = true
    /// Pixels of a size that is not listed.
    var freePixels: ClosedRange<Int>?
    var rules: [Rule] = []
    /// Width through height of a reference.
    var aspects: ClosedRange<Double>?
}

extension ImageModel {
    private static let gen4Aspects = 0.5...2.358
    private static let png = field("outputFormat", ["png", "jpeg"])
    private static let gptQuality = ["low", "medium", "high", "auto"]
    private static let gpt25Quality = ["low", "medium", "high", "xhigh", "max"]
    private static let gpt25Prices: Tariff = .quality(
        ["low": 1, "medium": 5, "high": 16, "xhigh": 40, "max": 76], usually: "high", perReference: 1)

    static let all: [ImageModel] = [
        // Nothing is written about equal tags on gen4; they are refused, as the gpt_image models do in writing.
        ImageModel(
            name: "gen4_image", prompt: 1000, references: 0...3, sizes: Sizes.gen4,
            tariff: .sizes(cheap: Sizes.gen4Small, 5, others: 8), traits: [.tags, .seed, .moderation],
            rules: [.uniqueTags], aspects: gen4Aspects),
        ImageModel(
            name: "gen4_image_turbo", prompt: 1000, references: 1...3, sizes: Sizes.gen4, tariff: .flat(2),
            traits: [.tags, .seed, .moderation], rules: [.uniqueTags], aspects: gen4Aspects),
        ImageModel(
            name: "gemini_2.5_flash", prompt: 5500, references: 0...3, sizes: Sizes.oneK, tariff: .flat(5),
            traits: [.tags], aspects: 0.25...4),
        ImageModel(
            name: "gemini_image3_pro", prompt: 5500, references: 0...14, sizes: Sizes.geminiPro,
            tariff: .pixels([(10_000_000, 20), (.max, 40)]), traits: [.tags, .subjects], outputs: .oneOrFour,
            rules: [.fewSubjects]),
        ImageModel(
            name: "gemini_image3.1_flash", prompt: 5500, references: 0...14, sizes: Sizes.geminiFlash,
            tariff: .pixels([(500_000, 5), (2_000_000, 7), (10_000_000, 10), (.max, 16)]),
            traits: [.tags, .subjects], outputs: .oneOrFour, rules: [.fewSubjects]),
        // Prompt and price are not published.
        ImageModel(
            name: "gemini_image3.1_flash_lite", prompt: 5500, references: 0...14, sizes: Sizes.geminiFlashLite,
            tariff: .flat(4), traits: [.tags, .subjects], outputs: .oneOrFour, rules: [.fewSubjects]),
        // Prompt, the most outputs and price are not published.
        ImageModel(
            name: "nano_banana_2.1", prompt: 5500, references: 0...14, sizes: Sizes.nanoBanana,
            tariff: .pixels([(2_000_000, 7), (10_000_000, 10), (.max, 16)]), traits: [.tags], outputs: .upTo(4),
            options: [field("thinkingLevel", ["minimal", "medium", "high"])]),
        ImageModel(
            name: "gpt_image_2", prompt: 32_000, references: 0...16, sizes: Sizes.gpt, tariff: .gptImage2,
            traits: [.tags], outputs: .upTo(10),
            options: [field("quality", gptQuality), field("background", ["transparent", "opaque", "auto"])],
            rules: [.uniqueTags]),
        // The prompt's length is not published; the prices between low and max are guesses.
        ImageModel(
            name: "gpt_image_2_5_flare", prompt: 32_000, references: 0...16, sizes: Sizes.gpt, tariff: gpt25Prices,
            traits: [.tags], outputs: .upTo(10),
            options: [field("quality", gpt25Quality), field("background", ["opaque", "auto"])],
            rules: [.uniqueTags]),
        ImageModel(
            name: "gpt_image_2_5_sunburst", prompt: 32_000, references: 0...16, sizes: Sizes.gpt, tariff: gpt25Prices,
            traits: [.tags], outputs: .upTo(10),
            options: [field("quality", gpt25Quality), field("background", ["transparent", "opaque", "auto"])],
            rules: [.uniqueTags]),
        ImageModel(
            name: "seedream5_pro", prompt: 4000, references: 0...10, sizes: Sizes.seedreamPro,
            tariff: .pixels([(2_000_000, 5), (.max, 9)]), outputs: .upTo(4),
            options: [png, Schema.Field(name: "grounding", schema: .flag)]),
        ImageModel(
            name: "seedream5_lite", prompt: 4000, references: 0...14, sizes: Sizes.seedreamLite, tariff: .flat(4),
            outputs: .upTo(4), options: [png, Schema.Field(name: "grounding", schema: .flag)],
            freePixels: 3_686_400...16_777_216),
        // Prompt, references, the most outputs and price are not published.
        ImageModel(
            name: "seedream5_flash", prompt: 4000, references: 0...14, sizes: Sizes.seedreamFlash, tariff: .flat(3),
            outputs: .upTo(4), options: [png]),
        ImageModel(
            name: "grok_imagine_image_2", prompt: 2500, references: 0...3, sizes: Sizes.grok, tariff: .grok,
            outputs: .upTo(4),
            options: [field("quality", ["low", "medium"]), Schema.Field(name: "edit", schema: .flag)],
            rules: [.editNeedsReference]),
        // Prompts and the most outputs of the following are not published, nor is the price of bria_fibo_edit_1_5.
        ImageModel(
            name: "muse_image", prompt: 5000, references: 0...10, sizes: Sizes.muse, tariff: .flat(1),
            outputs: .upTo(4), options: [field("outputFormat", ["webp", "png", "jpeg"])]),
        ImageModel(
            name: "bria_fibo_1_5", prompt: 5000, references: 0...1, sizes: Sizes.bria,
            tariff: .pixels([(1_200_000, 5), (.max, 10)]), traits: [.seed], options: [png]),
        ImageModel(
            name: "bria_fibo_edit_1_5", prompt: 5000, references: 1...4, sizes: Sizes.briaEdit, tariff: .flat(5),
            traits: [.seed], options: [png], sizeIsRequired: false, rules: [.sizeNeedsTwoReferences]),
        ImageModel(
            name: "ideogram_4_5", prompt: 5000, references: 0...5, sizes: Sizes.ideogram, tariff: .ideogram45,
            outputs: .upTo(4),
            options: [
                field("quality", ["very_low", "low", "medium", "high"]), Schema.Field(name: "maskUri", schema: .uri),
                Schema.Field(name: "preciseEdit", schema: .flag),
            ], sizeIsRequired: false, rules: [.ideogram]),
        ImageModel(
            name: "ideogram_4_0", prompt: 5000, references: 0...1, sizes: Sizes.ideogramOld,
            tariff: .quality(["low": 4, "medium": 7, "high": 11], usually: "medium", perReference: 0),
            outputs: .upTo(4), options: [field("quality", ["low", "medium", "high"])], sizeIsRequired: false),
        // Prices of the recraft models are not known here.
        ImageModel(
            name: "recraft_v4_1_flash", prompt: 5000, references: 0...0, sizes: Sizes.recraftFlash, tariff: .flat(4),
            options: [field("outputFormat", ["webp", "png"])]),
        ImageModel(
            name: "recraft_v4_1_vector", prompt: 5000, references: 0...0, sizes: Sizes.recraftVector,
            tariff: .flat(8), sizeIsRequired: false),
    ]

    static let byName = Dictionary(uniqueKeysWithValues: all.map { ($0.name, $0) })

    private static func field(_ name: String, _ values: [String]) -> Schema.Field {
        Schema.Field(name: name, schema: .choice(values))
    }

    /// The shape of a body for this model.
    var schema: Schema {
        var reference = [Schema.Field(name: "uri", schema: .uri, isRequired: true)]
        if traits.contains(.tags) { reference.append(Schema.Field(name: "tag", schema: .tag)) }
        if traits.contains(.subjects) {
            reference.append(Schema.Field(name: "subject", schema: .choice(["object", "human"])))
        }
        let size: Schema = freePixels.map { .size(sizes, orPixels: $0) } ?? .choice(sizes)
        var fields = [
            Schema.Field(name: "promptText", schema: .text(1...prompt), isRequired: true),
            Schema.Field(name: "ratio", schema: size, isRequired: sizeIsRequired),
        ]
        if references.upperBound > 0 {
            fields.append(
                Schema.Field(
                    name: "referenceImages", schema: .list(.object(reference), count: references),
                    isRequired: references.lowerBound > 0))
        }
        if traits.contains(.seed) { fields.append(Schema.Field(name: "seed", schema: .whole(0...4_294_967_295))) }
        if traits.contains(.moderation) { fields.append(.moderation) }
        switch outputs {
        case .one: break
        case .oneOrFour: fields.append(Schema.Field(name: "outputCount", schema: .oneOf([1, 4])))
        case .upTo(let most): fields.append(Schema.Field(name: "outputCount", schema: .whole(1...most)))
        }
        return .object(fields + options)
    }
}

extension Schema.Field {
    /// `contentModeration`, which the gen4 models share.
    static let moderation = Schema.Field(
        name: "contentModeration",
        schema: .object([Schema.Field(name: "publicFigureThreshold", schema: .choice(["auto", "low"]))]))
}
