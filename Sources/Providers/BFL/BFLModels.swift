// The FLUX.2 models: one table, a model an entry, the default first.
//
// A credit is a US cent. A picture costs its first megapixel flat and a rate for each further one, and the references
// cost the rate for each of theirs (the maker's own price sheet). How parts of a megapixel count is not written down;
// each picture's are rounded up, so that what is reserved is never too low by what is known. The order's answer names
// the price. Left out: the older FLUX.1 models, and the try-on tool, whose price nobody publishes.

internal import Contract

/// A model of `POST /v1/MODEL`.
struct BFLModel: Sendable {
    let name: String
    let references: Int
    /// Credits for the first megapixel of the picture.
    let first: Double
    /// Credits for each further one, and for each of the references.
    let further: Double

    /// Every model, the default first.
    static let all = [
        BFLModel(name: "flux-2-pro", references: 8, first: 3, further: 1.5),
        BFLModel(name: "flux-2-pro-preview", references: 8, first: 3, further: 1.5),
        BFLModel(name: "flux-2-max", references: 8, first: 7, further: 3),
        BFLModel(name: "flux-2-flex", references: 8, first: 5, further: 5),
        BFLModel(name: "flux-2-klein-9b", references: 4, first: 1.5, further: 0.2),
        BFLModel(name: "flux-2-klein-9b-preview", references: 4, first: 1.5, further: 0.2),
        BFLModel(name: "flux-2-klein-4b", references: 4, first: 1.4, further: 0.1),
    ]

    /// The same with one of them first.
    static func all(first name: String) -> [BFLModel] {
        all.filter { $0.name == name } + all.filter { $0.name != name }
    }

    static func of(_ order: Order) -> BFLModel {
        guard let model = all.first(where: { $0.name == order.model.name }) else {
            preconditionFailure("an order for \(order.model.name) came to Black Forest Labs, who have no such model")
        }
        return model
    }

    /// So many tasks at once (every account has twenty-four) and no queue behind them.
    static func allowances(_ concurrent: Int) -> [String: Allowance] {
        let each = Allowance(atOnce: concurrent)
        return Dictionary(uniqueKeysWithValues: all.map { ($0.name, each) })
    }

    /// The sides of a picture are multiples of 16; four megapixels at most, taken as 2048 × 2048. How slender one may
    /// be is not written down: 64 is the shortest side, and eight to one keeps every size that anybody wants.
    private static let sizes = SizeRule.grid(step: 16, longest: 4096, area: 32_768...4_194_304, slenderness: 8)
    /// References and picture together, said of pro and kept to for all.
    private static let pixels = 9_000_000
    /// The limit is 32,000 tokens; this many code units are never more than that, whatever the language.
    private static let promptLimit = 8000

    /// As the pipeline knows it.
    var traits: ModelTraits {
        ModelTraits(
            name: name, sizes: BFLModel.sizes, defaultSize: PixelSize(width: 864, height: 1152),
            references: ReferenceRule(count: 0...references, sharesSheets: true, pixels: BFLModel.pixels),
            prompt: PromptRule(limit: BFLModel.promptLimit, mention: .number(word: "image")), takesSeed: true,
            takesPersonImage: true, kinds: [.image])
    }

    /// Credits at most for one picture of this size with such references.
    func credits(_ size: PixelSize, references: [PixelSize]) -> Double {
        let further = size.megapixels - 1 + references.reduce(0) { $0 + $1.megapixels }
        return first + self.further * Double(further)
    }
}

extension PixelSize {
    /// Megapixels, the last one counted as a whole.
    fileprivate var megapixels: Int { max(1, (width * height + 999_999) / 1_000_000) }
}

extension Price {
    /// One credit is a US cent. Fractions are rounded up to the next millionth of a dollar.
    init(bflCredits credits: Double) {
        self.init(credits: credits, microdollars: Int64((credits * 10_000).rounded(.up)))
    }
}
