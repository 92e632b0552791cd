// FASHN AI's models that put garments on a person: one table, a model an entry, the default first.
//
// The inputs are those of the official client (0.9, `types/prediction_run_params.py`). Credits are contradicted among
// its own pages, and told exactly when a prediction has ended: what is reserved is the highest figure that any of them
// names for what is ordered here (balanced mode). Sizes are asked for as a shape and a resolution; the pixels that come
// of these are nowhere written, so the ones listed here are nominal: the largest of the exact shape, in multiples of
// 8, within one, four or sixteen times 1024 × 1024. The picture's own size stands in the result beside it.

internal import Contract

/// A model of `POST /v1/run`.
struct FashnModel: Sendable {
    /// The names of the inputs that hold pictures.
    struct Inputs: Sendable {
        let garments: String
        let person: String
    }

    let name: String
    let inputs: Inputs
    /// What is sent besides, so that the price is a known one and there is one picture.
    let options: [(key: String, value: FashnOption)]
    /// Credits at most for one picture.
    let credits: Double
    /// Whether the person's photo has to be there.
    let needsPerson: Bool
    /// Whether it takes a prompt, a shape and a resolution, and what more than one garment on a picture makes sense to.
    let isFree: Bool
    /// Whether the shape is asked for although there is a photo of a person; where it is not, the picture has that
    /// photo's.
    let shapesPerson: Bool

    /// Every model, the default first.
    static let all = [
        FashnModel(
            name: "product-to-model", inputs: Inputs(garments: "product_image", person: "model_image"),
            options: [("generation_mode", .text("balanced")), ("output_format", .text("png"))], credits: 4,
            needsPerson: false, isFree: true, shapesPerson: false),
        FashnModel(
            name: "tryon-max", inputs: Inputs(garments: "product_image", person: "model_image"),
            options: [
                ("generation_mode", .text("balanced")), ("num_images", .number(1)), ("output_format", .text("png")),
            ], credits: 4, needsPerson: true, isFree: true, shapesPerson: true),
        // One garment, no prompt, one size: 864 × 1296.
        FashnModel(
            name: "tryon-v1.6", inputs: Inputs(garments: "garment_image", person: "model_image"),
            options: [("mode", .text("quality")), ("num_samples", .number(1)), ("output_format", .text("png"))],
            credits: 1, needsPerson: true, isFree: false, shapesPerson: false),
    ]

    /// The same with one of them first.
    static func all(first name: String) -> [FashnModel] {
        all.filter { $0.name == name } + all.filter { $0.name != name }
    }

    static func of(_ order: Order) -> FashnModel {
        guard let model = all.first(where: { $0.name == order.model.name }) else {
            preconditionFailure("an order for \(order.model.name) came to FASHN AI, which has no such model")
        }
        return model
    }

    /// So many predictions at once (six is unverified: two readings of its pages agree) and no queue behind them.
    static func allowances(_ concurrent: Int) -> [String: Allowance] {
        let each = Allowance(atOnce: concurrent)
        return Dictionary(uniqueKeysWithValues: all.map { ($0.name, each) })
    }

    /// The longest prompt is nowhere written (unverified): short enough for any of its kind.
    private static let promptLimit = 1000

    /// As the pipeline knows it.
    var traits: ModelTraits {
        let only = PixelSize(width: 864, height: 1296)
        let rule = PromptRule(
            limit: FashnModel.promptLimit,
            mention: .part(garments: "the product image", person: "the model image"))
        return ModelTraits(
            name: name, sizes: .listed(isFree ? FashnSize.all.map(\.pixels) : [only]),
            defaultSize: isFree ? FashnSize.standard.pixels : only,
            references: ReferenceRule(count: 1...1, sharesSheets: isFree, countsPerson: false),
            prompt: isFree ? rule : nil, takesSeed: true, takesPersonImage: true, needsPersonImage: needsPerson,
            kinds: [.image])
    }
}

/// The value of an input.
enum FashnOption: Sendable {
    case text(String)
    case number(Int)
}

/// A shape at a resolution.
struct FashnSize: Sendable, Equatable {
    /// As `aspect_ratio` has it.
    let shape: String
    /// As `resolution` has it.
    let resolution: String
    let pixels: PixelSize

    /// Every size, the lowest resolution first.
    static let all: [FashnSize] = [("1k", 1), ("2k", 2), ("4k", 4)].flatMap { resolution, factor in
        shapes.map { FashnSize($0, $1, resolution, factor) }
    }

    private static let shapes = [
        (3, 4), (1, 1), (4, 3), (3, 2), (2, 3), (5, 4), (4, 5), (16, 9), (9, 16), (21, 9),
    ]

    /// The shape of outfit cards.
    static let standard = all[0]

    private init(_ width: Int, _ height: Int, _ resolution: String, _ factor: Int) {
        let unit = PixelSize(width: width, height: height)
        var step = 8
        while unit.scaled(step + 8).area <= 1024 * 1024 { step += 8 }
        (shape, self.resolution, pixels) = ("\(width):\(height)", resolution, unit.scaled(step * factor))
    }

    /// The one that has these pixels.
    static func of(_ pixels: PixelSize) -> FashnSize? { all.first { $0.pixels == pixels } }
}

extension PixelSize {
    fileprivate var area: Int { width * height }
    fileprivate func scaled(_ factor: Int) -> PixelSize { PixelSize(width: width * factor, height: height * factor) }
}

extension Price {
    /// A credit bought on demand is said to cost 7.5 US cents (unverified); one of a subscription costs less.
    init(fashnCredits credits: Double) {
        self.init(credits: credits, microdollars: Int64((credits * 75_000).rounded(.up)))
    }
}
