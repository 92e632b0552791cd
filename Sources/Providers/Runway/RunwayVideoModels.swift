// Runway's models that animate one picture: one table, a model an entry, the default first.
//
// The facts are those of Runway's own SDK (5.24, `types/image_to_video_create_params.py`) and price page. Left out are
// the models whose sizes are not a list that a request's ratio could be checked against (`hailuo3`, `wan3`, the
// `seedance2`, `kling` and `grok_imagine` families and others), or whose price nobody tells: a film costs dollars, and
// what cannot be reckoned before is not ordered.

internal import Contract

/// A model of `POST /v1/image_to_video`.
struct RunwayVideoModel: Sendable {
    /// How long a film may be, in whole seconds.
    enum Lengths: Sendable {
        case range(ClosedRange<Int>)
        case listed([Int])
    }

    let name: String
    /// In pixels of the film; one that stands upright comes first.
    let sizes: [PixelSize]
    let lengths: Lengths
    /// Width divided by height that the picture may have; the widest that is known where nothing is published.
    var aspect = 0.5...2.0
    /// UTF-16 code units: the careful reading of "characters".
    let promptLimit: Int
    var takesSeed = false
    /// Whether it makes sound unless it is told not to, for which it takes twice as much.
    var isSilenced = false
    let creditsPerSecond: Double
    /// Credits on top, for the picture that it begins with.
    var creditsPerPicture = 0.0
}

extension RunwayVideoModel {
    /// Every model, the default first.
    static let all: [RunwayVideoModel] = [
        RunwayVideoModel(
            name: "gen4_turbo", sizes: gen4, lengths: .range(2...10), aspect: 0.5...2.358, promptLimit: 1000,
            takesSeed: true, creditsPerSecond: 5),
        RunwayVideoModel(
            name: "gen4.5", sizes: gen4, lengths: .range(2...10), promptLimit: 1000, takesSeed: true,
            creditsPerSecond: 12),
        // 40 and 15 with sound. Nobody hears an outfit.
        RunwayVideoModel(
            name: "veo3.1", sizes: veo, lengths: .listed([4, 6, 8]), promptLimit: 1000, isSilenced: true,
            creditsPerSecond: 20),
        RunwayVideoModel(
            name: "veo3.1_fast", sizes: veo, lengths: .listed([4, 6, 8]), promptLimit: 1000, isSilenced: true,
            creditsPerSecond: 10),
        RunwayVideoModel(
            name: "gemini_omni_flash", sizes: omni, lengths: .range(3...10), promptLimit: 4000, creditsPerSecond: 10,
            creditsPerPicture: 1),
    ]

    private static let gen4 = sizes((832, 1104), (720, 1280), (960, 960), (1104, 832), (1280, 720), (1584, 672))
    private static let veo = sizes((720, 1280), (1080, 1920), (1280, 720), (1920, 1080))
    private static let omni = sizes((720, 1280), (1280, 720))

    private static func sizes(_ sides: (Int, Int)...) -> [PixelSize] {
        sides.map { PixelSize(width: $0.0, height: $0.1) }
    }

    /// As the pipeline knows it. `seconds` is the length that is wanted; it gets the nearest that it makes.
    func traits(seconds: Int) -> ModelTraits {
        ModelTraits(
            name: name, sizes: .listed(sizes), defaultSize: sizes[0],
            references: ReferenceRule(count: 1...1, aspect: aspect, sharesSheets: false),
            prompt: PromptRule(limit: promptLimit, mention: .number(word: "picture")), takesSeed: takesSeed,
            takesPersonImage: false, kinds: [.video], seconds: lengths.nearest(to: seconds))
    }

    /// Credits for a film of so many seconds.
    func credits(seconds: Int) -> Double { creditsPerSecond * Double(seconds) + creditsPerPicture }
}

extension RunwayVideoModel.Lengths {
    /// Whether a film may be so long.
    func admits(_ seconds: Int) -> Bool { nearest(to: seconds) == seconds }

    /// The length that is nearest; of two the shorter, which costs less.
    func nearest(to seconds: Int) -> Int {
        switch self {
        case .range(let range): return min(max(seconds, range.lowerBound), range.upperBound)
        case .listed(let lengths):
            let nearest = lengths.min { (abs($0 - seconds), $0) < (abs($1 - seconds), $1) }
            guard let nearest else { preconditionFailure("a video model without lengths") }
            return nearest
        }
    }

    /// For a message: what may be asked for.
    var phrase: String {
        switch self {
        case .range(let range): "films of \(range.lowerBound) to \(range.upperBound) seconds"
        case .listed(let lengths): "films of \(lengths.map(String.init).joined(separator: ", ")) seconds"
        }
    }
}

extension Runway {
    /// What `runway.videoModel` may be, the default first.
    package static var videoModelNames: [String] { RunwayVideoModel.all.map(\.name) }

    /// What stands against films of so many seconds by a model, as a clause that says what it makes; nil for nothing,
    /// and for a model that Runway does not have.
    package static func objection(to seconds: Int, of model: String) -> String? {
        guard let entry = RunwayVideoModel.all.first(where: { $0.name == model }) else { return nil }
        return entry.lengths.admits(seconds) ? nil : "\(model) makes \(entry.lengths.phrase)"
    }
}
