// OpenAI's models that make a picture from reference pictures (`POST /v1/images/edits`): one table, the default first.
//
// Sizes and limits are those of OpenAI's own SDK (3.54) and image guide. Prices: the token rates of gpt-image-2 and 2.5
// from two readings of the price page in September 2026 and one measured bill; those of 1.5 follow from the guide's
// prices for a picture and its fixed numbers of tokens. A figure that nobody publishes is "unverified" in the entry's
// comment, and is the careful one: what is reserved is never too low by what is known, and the answer's own usage
// replaces it.
//
// Left out: `chatgpt-image-latest` (a name without a price), the 2.6 models (nothing is known but their names), the
// qualities `auto`, `xhigh` and `max` (no price that could be reserved), and the dated snapshots.

internal import Contract

/// What a million tokens cost, in US dollars; the same number is the price of one token in millionths of a dollar.
struct OpenAITariff: Hashable, Sendable {
    let textIn: Double
    let imageIn: Double
    let imageOut: Double

    /// Millionths of a dollar, rounded up.
    func microdollars(text: Int, images: Int, output: Int) -> Int64 {
        let sum = Double(text) * textIn + Double(images) * imageIn + Double(output) * imageOut
        return Int64(sum.rounded(.up))
    }
}

/// A model of `POST /v1/images/edits`.
struct OpenAIModel: Sendable {
    let name: String
    let sizes: SizeRule
    /// Upright, of a published price.
    let portrait = PixelSize(width: 1024, height: 1536)
    let tariff: OpenAITariff
    /// The most output tokens of a picture of 1024 × 1024; larger ones are taken to need as many more as they have
    /// more pixels, which is too many for those whose price is published.
    let output: [OpenAIQuality: Int]

    /// Every model, the default first.
    static let all: [OpenAIModel] = [
        // $0.006, 0.053, 0.211 for 1024 × 1024.
        OpenAIModel(
            name: "gpt-image-2", sizes: anySize, tariff: second, output: [.low: 200, .medium: 1767, .high: 7034]),
        // Numbers of tokens unverified: those of gpt-image-2, whose rates they have.
        OpenAIModel(
            name: "gpt-image-2.5-flare", sizes: anySize, tariff: second,
            output: [.low: 200, .medium: 1767, .high: 7034]),
        OpenAIModel(
            name: "gpt-image-2.5-sunburst", sizes: anySize, tariff: second,
            output: [.low: 200, .medium: 1767, .high: 7034]),
        // $0.009, 0.034, 0.133 for 272, 1,056, 4,160 tokens; input rates unverified: those of gpt-image-2.
        OpenAIModel(
            name: "gpt-image-1.5", sizes: threeSizes,
            tariff: OpenAITariff(textIn: 5, imageIn: 8, imageOut: 33.1),
            output: [.low: 272, .medium: 1056, .high: 4160]),
        // $0.005 for 272 tokens is the dearest figure that is published; input rates unverified as above.
        OpenAIModel(
            name: "gpt-image-1-mini", sizes: threeSizes,
            tariff: OpenAITariff(textIn: 5, imageIn: 8, imageOut: 18.4),
            output: [.low: 272, .medium: 1056, .high: 4160]),
    ]

    private static let second = OpenAITariff(textIn: 5, imageIn: 8, imageOut: 30)

    /// Above 2560 × 1440 OpenAI calls it experimental.
    private static let anySize = SizeRule.grid(step: 16, longest: 3840, area: 655_360...8_294_400, slenderness: 3)

    private static let threeSizes = SizeRule.listed([
        PixelSize(width: 1024, height: 1536), PixelSize(width: 1024, height: 1024),
        PixelSize(width: 1536, height: 1024),
    ])

    /// Pixels of the square that the published figures are for.
    private static let square = 1024 * 1024

    /// As the pipeline knows it.
    var traits: ModelTraits {
        ModelTraits(
            name: name, sizes: sizes, defaultSize: portrait,
            references: ReferenceRule(count: 1...16, sharesSheets: true),
            prompt: PromptRule(limit: 32_000, unit: .scalars, mention: .number(word: "image")), takesSeed: false,
            takesPersonImage: false, kinds: [.image])
    }

    /// Millionths of a dollar that an order costs at most. A text has no more tokens than bytes. A reference of a
    /// megapixel was measured at some 1,100 tokens (gpt-image-2 reads them at high fidelity always); half as many more
    /// are reserved.
    func ceiling(_ size: PixelSize, quality: OpenAIQuality, promptBytes: Int, references: [PixelSize]) -> Int64 {
        guard let unit = output[quality] else { preconditionFailure("\(name) has no price for \(quality)") }
        let images = references.reduce(0) { $0 + max(1200, OpenAIModel.scaled(1700, $1)) }
        return tariff.microdollars(
            text: promptBytes + 64, images: images, output: max(unit, OpenAIModel.scaled(unit, size)))
    }

    /// So many tokens for each square, rounded up.
    private static func scaled(_ tokens: Int, _ size: PixelSize) -> Int {
        let (area, overflow) = size.width.multipliedReportingOverflow(by: size.height)
        precondition(!overflow && area > 0, "\(size) is no size of a picture")
        return Int((Double(area) * Double(tokens) / Double(square)).rounded(.up))
    }
}
