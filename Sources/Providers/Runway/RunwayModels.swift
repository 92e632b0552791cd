// Runway's models that make a picture from reference pictures: one table, a model an entry, the default first.
//
// The facts are those of Runway's own SDK (5.24, `types/text_to_image_create_params.py`) and price page; where only a
// third party says so, or nobody, the entry's comment says "unverified" and the figure is the careful one: the shortest
// prompt of any model, the narrowest aspect, the highest price of the family. A wrong figure costs a refusal that is
// not charged, or a reservation that is too high until the task tells its price; never money.
//
// Left out: models that take no references (`recraft_v4_1_flash`, `recraft_v4_1_vector`), and the size `auto`, which
// a request cannot spell.

internal import Contract

/// A model of `POST /v1/text_to_image`.
struct RunwayModel: Sendable {
    /// Sizes of one price.
    struct Tier: Sendable {
        /// Credits for one picture.
        let credits: Double
        let sizes: [PixelSize]

        /// Sizes as the fact sheets list them: `1024:1024 1080:1080`.
        init(_ credits: Double, _ sizes: String) {
            self.credits = credits
            self.sizes = sizes.split(whereSeparator: \.isWhitespace).map { PixelSize(listed: $0) }
        }
    }

    /// How a prompt points to a reference.
    typealias Mention = PromptRule.Mention

    let name: String
    /// The size nearest to 3:4, the shape of outfit cards, in the tier of the best picture for its price.
    let portrait: PixelSize
    let tiers: [Tier]
    /// Sizes beyond the listed ones, at the price of the first tier.
    var free: SizeRule?
    let references: ClosedRange<Int>
    /// Width divided by height that a reference may have. Only gen4_image (0.5 at least: seen in a refusal) and
    /// gemini_2.5_flash (documented) are known; for all others the narrowest of these is kept.
    var aspect = 0.5...2.0
    let mention: Mention
    /// UTF-16 code units: said of gen4, and the careful reading of "characters" for the others.
    let promptLimit: Int
    var takesSeed = false
    /// Whether there is a field `outputCount`; 1 is sent, since the default is nowhere written.
    var countsOutputs = false
    /// What is sent besides, so that the price is a known one and the picture has a ground.
    var options: [(key: String, value: String)] = []
    /// Credits on top of the picture's, for each reference.
    var creditsPerReference = 0.0
    /// Whether one of the references may be the person who wears the garments of the others, since the prompt can tell
    /// them apart. Not where one picture is all, nor where the first one is what is edited.
    var takesPerson = true
}

extension RunwayModel {
    /// Every model, the default first.
    static let all: [RunwayModel] = [
        // 5 credits for sizes that Runway calls 720p, 8 for 1080p. Which sizes are which is not published: 8 is
        // reserved, and the task tells what it was.
        RunwayModel(
            name: "gen4_image", portrait: PixelSize(width: 1080, height: 1440), tiers: [Tier(8, gen4)],
            references: 0...3, mention: .tag, promptLimit: 1000, takesSeed: true),
        RunwayModel(
            name: "gen4_image_turbo", portrait: PixelSize(width: 1080, height: 1440), tiers: [Tier(2, gen4)],
            references: 1...3, mention: .tag, promptLimit: 1000, takesSeed: true),

        // 20 up to 2K, 40 for 4K. Fourteen references as long as no `subject` is given, and none is.
        RunwayModel(
            name: "gemini_image3_pro", portrait: PixelSize(width: 1792, height: 2400),
            tiers: [Tier(20, gemini1K + gemini2K), Tier(40, gemini4K)],
            references: 0...14, mention: .tag, promptLimit: 5500, countsOutputs: true),
        // 5 to 16 by size (unverified, a third party's): 16 is reserved.
        RunwayModel(
            name: "gemini_image3.1_flash", portrait: PixelSize(width: 1792, height: 2400),
            tiers: [Tier(16, flashHalfK + flash1K + gemini2K + flash2K + gemini4K + flash4K)],
            references: 0...14, mention: .tag, promptLimit: 5500, countsOutputs: true),
        // Price and prompt unverified: those of gemini_image3.1_flash, and the shortest prompt.
        RunwayModel(
            name: "gemini_image3.1_flash_lite", portrait: PixelSize(width: 896, height: 1200),
            tiers: [Tier(16, banana1K)],
            references: 0...14, mention: .tag, promptLimit: 1000, countsOutputs: true),
        // Upstream was to be shut down on 2026-10-02 (unverified); one list still has prompts of 1,000.
        RunwayModel(
            name: "gemini_2.5_flash", portrait: PixelSize(width: 864, height: 1184), tiers: [Tier(5, gemini1K)],
            references: 0...3, aspect: 0.25...4, mention: .tag, promptLimit: 1000),
        // Price and prompt unverified: those of gemini_image3_pro, and the shortest prompt.
        RunwayModel(
            name: "nano_banana_2.1", portrait: PixelSize(width: 1792, height: 2400),
            tiers: [Tier(20, banana1K + bananaLong1K + gemini2K + bananaLong2K), Tier(40, gemini4K + bananaLong4K)],
            references: 0...14, mention: .tag, promptLimit: 1000, countsOutputs: true),

        // High is the default quality, and said all the same: 20, or 41 for 4K.
        RunwayModel(
            name: "gpt_image_2", portrait: PixelSize(width: 1440, height: 1920),
            tiers: [Tier(20, gpt1K + gpt2K), Tier(41, gpt4K)],
            references: 0...16, mention: .tag, promptLimit: 32_000, countsOutputs: true,
            options: [("quality", "high"), ("background", "opaque")]),
        // 1 to 76 by quality and size (unverified): 76 is reserved. Prompt unverified.
        RunwayModel(
            name: "gpt_image_2_5_flare", portrait: PixelSize(width: 1440, height: 1920),
            tiers: [Tier(76, gpt1K + gpt2K + gpt4K)],
            references: 0...16, mention: .tag, promptLimit: 1000, countsOutputs: true,
            options: [("quality", "high"), ("background", "opaque")], creditsPerReference: 1),
        RunwayModel(
            name: "gpt_image_2_5_sunburst", portrait: PixelSize(width: 1440, height: 1920),
            tiers: [Tier(76, gpt1K + gpt2K + gpt4K)],
            references: 0...16, mention: .tag, promptLimit: 1000, countsOutputs: true,
            options: [("quality", "high"), ("background", "opaque")], creditsPerReference: 1),

        // 5 for 1K, 9 for 2K.
        RunwayModel(
            name: "seedream5_pro", portrait: PixelSize(width: 1728, height: 2304),
            tiers: [Tier(5, seedreamPro1K), Tier(9, seedreamPro2K)],
            references: 0...10, mention: .number(word: "Figure"), promptLimit: 4000, countsOutputs: true),
        // Any size by its area. How slender one may be is unverified: three to one, which all listed ones keep to.
        RunwayModel(
            name: "seedream5_lite", portrait: PixelSize(width: 1728, height: 2304), tiers: [Tier(4, seedreamLite)],
            free: .area(3_686_400...16_777_216, slenderness: 3),
            references: 0...14, mention: .number(word: "Figure"), promptLimit: 4000, countsOutputs: true),
        // Price, prompt and references unverified: the price of seedream5_pro, the fewest references of its family.
        RunwayModel(
            name: "seedream5_flash", portrait: PixelSize(width: 1728, height: 2304), tiers: [Tier(9, seedreamFlash)],
            references: 0...10, mention: .number(word: "Figure"), promptLimit: 1000, countsOutputs: true),

        // Medium quality: 6 for 1K, 8 for 2K; each reference 1 more, once for a request.
        RunwayModel(
            name: "grok_imagine_image_2", portrait: PixelSize(width: 1776, height: 2368),
            tiers: [Tier(6, grok1K), Tier(8, grok2K)],
            references: 0...3, mention: .number(word: "image"), promptLimit: 2500, countsOutputs: true,
            options: [("quality", "medium")], creditsPerReference: 1),
        // Prompt unverified.
        RunwayModel(
            name: "muse_image", portrait: PixelSize(width: 1344, height: 1792), tiers: [Tier(1, muse)],
            references: 0...10, mention: .number(word: "image"), promptLimit: 1000, countsOutputs: true),

        // Prompt unverified. 5 for one megapixel, 10 for four.
        RunwayModel(
            name: "bria_fibo_1_5", portrait: PixelSize(width: 1536, height: 2048),
            tiers: [Tier(10, bria4MP), Tier(5, bria1MP)],
            references: 0...1, mention: .number(word: "image"), promptLimit: 1000, takesSeed: true,
            takesPerson: false),
        // Takes 1 to 4, but a size only with two at least, and every order of ours has a size. Price unverified.
        RunwayModel(
            name: "bria_fibo_edit_1_5", portrait: PixelSize(width: 768, height: 1024), tiers: [Tier(10, bria1MP)],
            references: 2...4, mention: .number(word: "image"), promptLimit: 1000, takesSeed: true,
            takesPerson: false),
        // Sizes as they are with references; without any, four others would do. Prompt unverified.
        RunwayModel(
            name: "ideogram_4_5", portrait: PixelSize(width: 1728, height: 2304), tiers: [Tier(8, ideogram45)],
            references: 1...5, mention: .number(word: "image"), promptLimit: 1000, countsOutputs: true,
            options: [("quality", "medium")]),
        // One picture to start from. Prompt unverified.
        RunwayModel(
            name: "ideogram_4_0", portrait: PixelSize(width: 1728, height: 2304), tiers: [Tier(7, ideogram40)],
            references: 0...1, mention: .number(word: "image"), promptLimit: 1000, countsOutputs: true,
            options: [("quality", "medium")], takesPerson: false),
    ]

    // MARK: - Sizes

    private static let gen4 =
        "1024:1024 1080:1080 1168:880 1360:768 1440:1080 1080:1440 1808:768 1920:1080 1080:1920 2112:912 1280:720 "
        + "720:1280 720:720 960:720 720:960 1680:720"

    private static let gemini1K =
        "1344:768 768:1344 1024:1024 1184:864 864:1184 1536:672 832:1248 1248:832 896:1152 1152:896 "
    private static let gemini2K =
        "2048:2048 1696:2528 2528:1696 1792:2400 2400:1792 1856:2304 2304:1856 1536:2752 2752:1536 3168:1344 "
    private static let gemini4K =
        "4096:4096 3392:5056 5056:3392 3584:4800 4800:3584 3712:4608 4608:3712 3072:5504 5504:3072 6336:2688 "

    private static let flashHalfK =
        "512:512 416:624 624:416 432:592 592:432 448:576 576:448 384:672 672:384 768:336 256:1024 1024:256 176:1408 "
        + "1408:176 "
    private static let flash1K =
        "1024:1024 832:1248 1248:832 864:1184 1184:864 896:1152 1152:896 768:1344 1344:768 1536:672 512:2048 2048:512 "
        + "352:2816 2816:352 "
    private static let flash2K = "1024:4096 4096:1024 704:5632 5632:704 "
    private static let flash4K = "2048:8192 8192:2048 1408:11264 11264:1408 "

    private static let banana1K =
        "1024:1024 848:1264 1264:848 896:1200 1200:896 928:1152 1152:928 768:1376 1376:768 1584:672 "
    private static let bananaLong1K = "512:2064 2064:512 352:2928 2928:352 "
    private static let bananaLong2K = "1024:4128 4128:1024 704:5856 5856:704 "
    private static let bananaLong4K = "2048:8256 8256:2048 1408:11712 11712:1408 "

    private static let gpt1K =
        "2048:880 1920:1088 1920:1280 1920:1440 1920:1536 1920:1920 1536:1920 1440:1920 1280:1920 1088:1920 "
    private static let gpt2K =
        "2912:1248 2560:1440 2560:1712 2560:1920 2560:2048 2560:2560 2048:2560 1920:2560 1712:2560 1440:2560 "
    private static let gpt4K =
        "3840:1648 3840:2160 3504:2336 3264:2448 3200:2560 2880:2880 2560:3200 2448:3264 2336:3504 2160:3840 "

    private static let seedreamPro1K = "1024:1024 1184:896 896:1184 1376:768 768:1376 1296:864 864:1296"
    private static let seedreamPro2K = "2048:2048 2304:1728 1728:2304 2720:1530 1530:2720 2496:1664 1664:2496"
    private static let seedreamLite =
        "2048:2048 2304:1728 1728:2304 2848:1600 1600:2848 2496:1664 1664:2496 3136:1344 3072:3072 3456:2592 2592:3456 "
        + "4096:2304 2304:4096 3744:2496 2496:3744 4704:2016"
    private static let seedreamFlash =
        "1024:1024 1184:896 896:1184 1376:768 768:1376 1248:832 832:1248 1568:672 2048:2048 2304:1728 1728:2304 "
        + "2848:1600 1600:2848 2496:1664 1664:2496 3136:1344"

    private static let grok1K =
        "1024:1024 1280:720 720:1280 1152:864 864:1152 1248:832 832:1248 1248:576 576:1248 1280:576 576:1280 1408:704 "
        + "704:1408"
    private static let grok2K =
        "2048:2048 2816:1584 1584:2816 2368:1776 1776:2368 2496:1664 1664:2496 2912:1344 1344:2912 3200:1440 1440:3200 "
        + "2912:1456 1456:2912"

    private static let muse = "2352:1008 2016:1152 1920:1280 1792:1344 1600:1600 1344:1792 1280:1920 1152:2016"

    private static let bria1MP =
        "1024:1024 768:1152 1152:768 768:1024 1024:768 768:960 960:768 576:1024 1024:576"
    private static let bria4MP =
        "2048:2048 1536:2304 2304:1536 1536:2048 2048:1536 1536:1920 1920:1536 1152:2048 2048:1152"

    private static let ideogram45 =
        "1024:1024 1152:864 864:1152 1248:832 832:1248 1120:896 896:1120 2048:2048 2560:1440 1440:2560 2304:1728 "
        + "1728:2304 2496:1664 1664:2496 2240:1792 1792:2240 2880:1440 1440:2880 1024:576 576:1024 1408:704 704:1408"
    private static let ideogram40 =
        "2048:2048 2560:1440 1440:2560 2304:1728 1728:2304 2496:1664 1664:2496 3072:1280 1280:3072"
}

extension RunwayModel {
    /// Which sizes it makes.
    var sizes: SizeRule { free ?? .listed(tiers.flatMap(\.sizes)) }

    /// As the pipeline knows it. `wanted` is the size of a request that names none, where the model makes it.
    func traits(wanted: PixelSize?) -> ModelTraits {
        ModelTraits(
            name: name, sizes: sizes, defaultSize: wanted.flatMap { sizes.admits($0) ? $0 : nil } ?? portrait,
            references: ReferenceRule(count: references, aspect: aspect, sharesSheets: true),
            prompt: PromptRule(limit: promptLimit, mention: mention), takesSeed: takesSeed,
            takesPersonImage: takesPerson, kinds: [.image])
    }

    /// Credits at most for one picture of this size with so many references.
    func credits(_ size: PixelSize, references: Int) -> Double {
        let tier = tiers.first { $0.sizes.contains(size) } ?? tiers[0]
        return tier.credits + Double(references) * creditsPerReference
    }
}

extension PixelSize {
    /// A size of the table. It is ours: one that cannot be read is a slip of ours.
    fileprivate init(listed text: Substring) {
        let sides = text.split(separator: ":").compactMap { Int($0) }
        precondition(sides.count == 2 && sides[0] > 0 && sides[1] > 0, "\(text) is no size")
        self.init(width: sides[0], height: sides[1])
    }
}
