// What an order costs in credits, by the price table of each model. 1 credit is one US cent.

/// How a model is charged.
enum Tariff: Sendable {
    /// So much an image.
    case flat(Double)
    /// Some sizes cost less than the others.
    case sizes(cheap: [String], Double, others: Double)
    /// By pixels: the first line whose bound is not exceeded.
    case pixels([(upTo: Int, credits: Double)])
    /// By quality, and so much more for each reference and image.
    case quality([String: Double], usually: String, perReference: Double)
    /// gpt_image_2: low 1, medium 5, high 20; in 4K and at `auto` 2, 11, 41.
    case gptImage2
    /// grok_imagine_image_2: by quality and size, one credit a reference once a request.
    case grok
    /// ideogram_4_5: by quality, which is medium with references and high without where it is not given.
    case ideogram45

    /// The estimate for an order.
    func credits(_ order: Pricing) -> Double {
        let images = Double(order.outputs)
        switch self {
        case .flat(let price): return price * images
        case .sizes(let cheap, let price, let others): return (cheap.contains(order.ratio) ? price : others) * images
        case .pixels(let lines):
            return (lines.first { order.size.pixels <= $0.upTo }?.credits ?? 0) * images
        case .quality(let prices, let usual, let perReference):
            let price = prices[order.quality ?? usual] ?? 0
            return (price + perReference * Double(order.references)) * images
        case .gptImage2:
            let isLarge = order.ratio == "auto" || Sizes.gpt4K.contains(order.ratio)
            let small: [String: Double] = ["low": 1, "medium": 5]
            let large: [String: Double] = ["low": 2, "medium": 11]
            let quality = order.quality ?? "high"
            return (isLarge ? large[quality] ?? 41 : small[quality] ?? 20) * images
        case .grok:
            let isLarge = order.size.pixels > 2_000_000
            let price: Double = (order.quality == "low" ? 4 : 6) + (isLarge ? 2 : 0)
            return price * images + Double(order.references)
        case .ideogram45:
            let prices: [String: Double] = ["very_low": 1, "low": 4, "medium": 8, "high": 25]
            return (prices[order.quality ?? (order.references > 0 ? "medium" : "high")] ?? 25) * images
        }
    }
}

/// What the price of an order depends on.
struct Pricing: Sendable {
    let ratio: String
    let size: PictureSize
    let outputs: Int
    let references: Int
    let quality: String?
}
