// The models of `POST /v1/image_to_video`, one row a model. Sizes are checked where a model has a short list of them;
// the tiered lists of the others are not repeated here, their `ratio` may be any text.

/// A model that makes a video from an image.
struct VideoModel: Sendable {
    /// How long a video may be, in seconds.
    enum Durations: Sendable {
        case range(ClosedRange<Int>)
        case oneOf([Int])
    }

    let name: String
    var sizes: [String]?
    let durations: Durations
    /// UTF-16 code units.
    let prompt: Int
    /// What must be there besides the model: `promptImage`, `ratio`, `promptText`, `duration`.
    let required: [String]
    /// Where an image may stand, and how many there may be.
    var positions = ["first"]
    var images = 1
    let creditsPerSecond: Double
    /// Seconds that are charged where the request names none.
    var usualSeconds = 5
    /// Width through height of the image.
    var aspects: ClosedRange<Double>?
}

extension VideoModel {
    private static let gen4 = ["1280:720", "720:1280", "1104:832", "832:1104", "960:960", "1584:672"]
    private static let veo = ["1280:720", "720:1280", "1080:1920", "1920:1080"]
    private static let ends = ["first", "last"]

    static let all: [VideoModel] =
        [
            VideoModel(
                name: "gen4_turbo", sizes: gen4, durations: .range(2...10), prompt: 1000,
                required: ["promptImage", "ratio"], creditsPerSecond: 5, usualSeconds: 10, aspects: 0.5...2.358),
            VideoModel(
                name: "gen4.5", sizes: gen4, durations: .range(2...10), prompt: 1000,
                required: ["promptImage", "ratio", "promptText", "duration"], creditsPerSecond: 12,
                aspects: 0.5...2),
            VideoModel(
                name: "veo3.1", sizes: veo, durations: .oneOf([4, 6, 8]), prompt: 1000,
                required: ["promptImage", "ratio"], positions: ends, images: 2, creditsPerSecond: 40,
                usualSeconds: 8),
            VideoModel(
                name: "veo3.1_fast", sizes: veo, durations: .oneOf([4, 6, 8]), prompt: 1000,
                required: ["promptImage", "ratio"], positions: ends, images: 2, creditsPerSecond: 15,
                usualSeconds: 8),
        ] + others

    /// Models whose prompt limit, durations or prices are only partly published; the longest known row is taken.
    private static let others: [VideoModel] = [
        plain("seedance2", 4...15, 3500, 36), plain("seedance2_fast", 4...15, 3500, 29),
        plain("seedance2_mini", 4...15, 3500, 16), plain("seedance2_5", 4...30, 15_000, 20),
        plain("hailuo3", 5...15, 6000, 10, required: ["promptText"], images: 9),
        plain("h3_max", 1...30, 5000, 5, required: ["promptText"]), plain("happyhorse_1_0", 3...15, 2500, 15),
        plain("grok_imagine_1_5", 1...15, 2500, 10), plain("grok_imagine_1_5_lite", 1...15, 2500, 10),
        plain("gemini_omni_flash", 3...10, 4000, 10),
        plain("gemini_omni_flash_1.1", 3...10, 4000, 10, required: ["promptText"]),
        plain("wan3", 1...30, 5000, 10, required: ["promptText"]),
        plain("wan3_prime", 1...30, 5000, 14, required: ["promptText"]),
        VideoModel(
            name: "kling2.5_turbo_pro", durations: .oneOf([5, 10]), prompt: 5000, required: ["promptText"],
            positions: ends, images: 2, creditsPerSecond: 5),
        plain("kling3.0_standard", 1...15, 5000, 8), plain("kling3.0_pro", 1...15, 5000, 12),
        plain("kling3.0_4k", 1...15, 5000, 20), plain("klingO3_standard", 1...15, 5000, 8),
        plain("klingO3_pro", 1...15, 5000, 12), plain("klingO3_4k", 1...15, 5000, 20),
        plain("kling_4", 1...15, 5000, 20),
    ]

    private static func plain(
        _ name: String, _ seconds: ClosedRange<Int>, _ prompt: Int, _ credits: Double, required: [String] = [],
        images: Int = 2
    ) -> VideoModel {
        VideoModel(
            name: name, durations: .range(seconds), prompt: prompt, required: required, positions: ends,
            images: images, creditsPerSecond: credits)
    }

    static let byName = Dictionary(uniqueKeysWithValues: all.map { ($0.name, $0) })

    /// The shape of a body for this model.
    var schema: Schema {
        let image = Schema.object([
            Schema.Field(name: "uri", schema: .uri, isRequired: true),
            Schema.Field(name: "position", schema: .choice(positions), isRequired: true),
        ])
        let duration: Schema =
            switch durations {
            case .range(let seconds): .whole(seconds)
            case .oneOf(let seconds): .oneOf(seconds)
            }
        var fields = [
            Schema.Field(name: "promptImage", schema: .either(.uri, .list(image, count: 1...images))),
            Schema.Field(name: "ratio", schema: sizes.map { .choice($0) } ?? .text(1...32)),
            Schema.Field(name: "promptText", schema: .text(1...prompt)),
            Schema.Field(name: "duration", schema: duration),
            Schema.Field(name: "seed", schema: .whole(0...4_294_967_295)),
            Schema.Field(name: "audio", schema: .flag), .moderation,
        ]
        for index in fields.indices where required.contains(fields[index].name) { fields[index].isRequired = true }
        return .object(fields)
    }
}
