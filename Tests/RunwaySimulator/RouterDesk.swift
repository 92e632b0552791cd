// Model routers and the history of what they routed: the one place where a lost task's id can be found again.

internal import Contract

/// A router as its owner made it.
struct Router: Sendable {
    let id: String
    let slug: String
    let name: String
    let description: String?
    let createdAt: Int64
    var models: [String]?
    var allowsOnly = false
    var ceiling: Int?
    var optimizeFor = "cost"
    var fallsBack = false

    /// Whether a model may be chosen.
    func allows(_ model: String) -> Bool {
        guard let models else { return true }
        return models.contains(model) == allowsOnly
    }
}

/// A row of a router's history. It names no prompt and no reference of the caller's.
struct RoutedRequest: Sendable {
    let id: String
    let requestID: String
    let createdAt: Int64
    let status: String
    var model: String?
    var credits: Double?
    var taskID: String?
    var emptiedBy: [String] = []
}

/// All routers with their histories.
struct RouterDesk: Sendable {
    private(set) var routers: [Router] = []
    private var histories: [String: [RoutedRequest]] = [:]

    /// Adds a router; false when its slug is taken.
    mutating func add(_ router: Router) -> Bool {
        guard self.router(named: router.slug) == nil else { return false }
        routers.append(router)
        return true
    }

    /// By its slug or its id.
    func router(named name: String) -> Router? { routers.first { $0.slug == name || $0.id == name } }

    mutating func note(_ request: RoutedRequest, of router: Router) {
        histories[router.id, default: []].append(request)
    }

    /// A page, the youngest first, and where the next one begins.
    func page(of router: Router, from start: Int, limit: Int) -> (rows: [RoutedRequest], next: Int?) {
        let all = histories[router.id] ?? []
        let newest = all.reversed().dropFirst(start).prefix(limit)
        let end = start + newest.count
        return (Array(newest), end < all.count ? end : nil)
    }
}

/// The model-agnostic input of `POST /v1/generate/image`, and the choice that a router makes for it.
struct RoutedInput: Sendable {
    static let aspects = ["16:9", "9:16", "1:1", "4:3", "3:4", "21:9", "2:3", "3:2", "4:5", "5:4"]
    static let schema = Schema.object([
        Schema.Field(name: "configId", schema: .text(1...128), isRequired: true),
        Schema.Field(
            name: "input",
            schema: .object([
                Schema.Field(name: "promptText", schema: .text(1...32_000), isRequired: true),
                Schema.Field(name: "aspectRatio", schema: .choice(aspects)),
                Schema.Field(name: "resolution", schema: .choice(["1k", "2k", "4k"])),
                Schema.Field(name: "outputCount", schema: .whole(1...10)),
                Schema.Field(
                    name: "referenceImages",
                    schema: .list(
                        .object([Schema.Field(name: "uri", schema: .uri, isRequired: true)]), count: 0...16)),
                Schema.Field(name: "seed", schema: .whole(0...4_294_967_295)), .moderation,
            ]), isRequired: true),
    ])
    static let routerSchema = Schema.object([
        Schema.Field(name: "slug", schema: .text(1...64), isRequired: true),
        Schema.Field(name: "name", schema: .text(1...200)),
        Schema.Field(name: "description", schema: .text(0...1000)),
        Schema.Field(
            name: "settings",
            schema: .object([
                Schema.Field(
                    name: "models",
                    schema: .object([
                        Schema.Field(
                            name: "mode", schema: .choice(["allow_new_except", "allowlist_only"]), isRequired: true),
                        Schema.Field(name: "ids", schema: .list(.choice(knownModels), count: 0...64), isRequired: true),
                    ])),
                Schema.Field(
                    name: "maxCreditsPerGeneration",
                    schema: .object([Schema.Field(name: "image", schema: .whole(1...1_000_000))])),
                Schema.Field(
                    name: "fallback", schema: .object([Schema.Field(name: "onCapacity", schema: .flag)])),
                Schema.Field(name: "optimizeFor", schema: .choice(["cost", "latency", "quality"])),
            ])),
    ])
    static let knownModels = ImageModel.all.map(\.name) + VideoModel.all.map(\.name)

    let prompt: String
    let aspect: String
    let resolution: String
    let outputs: Int
    let uris: [String]
    let hasSeed: Bool

    /// The input of a body that passed the schema.
    init(_ input: JSONNode) {
        prompt = input["promptText"]?.text ?? ""
        aspect = input["aspectRatio"]?.text ?? "1:1"
        resolution = input["resolution"]?.text ?? "1k"
        outputs = input["outputCount"]?.whole ?? 1
        uris = (input["referenceImages"]?.elements ?? []).compactMap { $0["uri"]?.text }
        hasSeed = input["seed"] != nil
    }

    /// The first filter that leaves no model, or the orders that remain, the cheapest first.
    func candidates(_ router: Router) -> (orders: [Order], emptiedBy: String?) {
        var models = ImageModel.all
        let filters: [(name: String, keeps: (ImageModel) -> Bool)] = [
            ("capability", { size(of: $0) != nil && makes($0) && (!hasSeed || $0.traits.contains(.seed)) }),
            ("prompt_length", { prompt.utf16.count <= $0.prompt }),
            ("input_support", { $0.references.contains(uris.count) }), ("allow_deny", { router.allows($0.name) }),
            ("price", { model in router.ceiling.map { order(model).estimate <= Double($0 * outputs) } ?? true }),
        ]
        for filter in filters {
            models.removeAll { !filter.keeps($0) }
            if models.isEmpty { return ([], filter.name) }
        }
        return (models.map(order).sorted { $0.estimate < $1.estimate }, nil)
    }

    private func makes(_ model: ImageModel) -> Bool {
        switch model.outputs {
        case .one: outputs == 1
        case .oneOrFour: outputs == 1 || outputs == 4
        case .upTo(let most): outputs <= most
        }
    }

    /// The size of the model that is nearest to the asked shape, within a few percent, and of the asked tier.
    private func size(of model: ImageModel) -> String? {
        let parts = aspect.split(separator: ":").compactMap { Double($0) }
        let tiers = ["1k": 400_000...2_500_000, "2k": 2_500_001...8_000_000, "4k": 8_000_001...40_000_000]
        let fitting = model.sizes.filter { text in
            guard let size = PictureSize(text), tiers[resolution]?.contains(size.pixels) == true else { return false }
            return abs(Double(size.width) / Double(size.height) / (parts[0] / parts[1]) - 1) < 0.06
        }
        return fitting.max { (PictureSize($0)?.pixels ?? 0) < (PictureSize($1)?.pixels ?? 0) }
    }

    private func order(_ model: ImageModel) -> Order {
        let ratio = size(of: model) ?? "auto"
        let size = PictureSize(ratio) ?? PictureSize(width: 1024, height: 1024)
        let references = uris.enumerated().map { index, uri in
            Order.Reference(
                uri: uri, tag: nil,
                path: [.key("input"), .key("referenceImages"), .index(index), .key("uri")])
        }
        return Order(
            kind: .image, model: model.name, prompt: prompt, ratio: ratio, size: size, outputs: outputs,
            references: references,
            estimate: model.tariff.credits(
                Pricing(ratio: ratio, size: size, outputs: outputs, references: uris.count, quality: nil)),
            aspects: model.aspects)
    }
}
