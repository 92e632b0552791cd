// What vizd asks of whoever makes a picture: name, limits, price, and the one call that may cost money.
//
// A provider does no waiting, no retrying of `submit`, and touches no file and no record: the pipeline does, so that
// the rules against paying twice stand in one place and hold for every provider. Adding one takes one file here and
// one line in `ProviderRegistry`.

package import Contract

/// The size of a picture in pixels, spelled `W:H` in requests (as Runway does).
package struct PixelSize: Hashable, Sendable, CustomStringConvertible {
    package let width: Int
    package let height: Int

    package init(width: Int, height: Int) { (self.width, self.height) = (width, height) }

    /// The size that a ratio of a request spells out.
    package init(_ ratio: Ratio) { self.init(width: ratio.width, height: ratio.height) }

    package var description: String { "\(width):\(height)" }
}

/// Which sizes a model makes.
package enum SizeRule: Hashable, Sendable {
    /// Exactly these.
    case listed([PixelSize])
    /// Any whose sides lie in `sides` and whose longer side is at most `slenderness` times the shorter.
    case free(sides: ClosedRange<Int>, slenderness: Int)

    /// Whether the model makes this size.
    package func admits(_ size: PixelSize) -> Bool {
        switch self {
        case .listed(let sizes): return sizes.contains(size)
        case .free(let sides, let slenderness):
            let (short, long) = (min(size.width, size.height), max(size.width, size.height))
            return sides.contains(short) && sides.contains(long) && long <= short * slenderness
        }
    }

    /// For a message: what may be asked for.
    package var phrase: String {
        switch self {
        case .listed(let sizes): "one of \(sizes.map(\.description).joined(separator: ", "))"
        case .free(let sides, let slenderness):
            "W:H with sides of \(sides.lowerBound) to \(sides.upperBound) pixels, none more than \(slenderness) "
                + "times the other"
        }
    }
}

/// What one model of a provider takes and makes.
package struct ModelTraits: Hashable, Sendable {
    /// As requests and results spell it.
    package let name: String
    package let sizes: SizeRule
    package let defaultSize: PixelSize
    /// How many reference pictures one order may hold.
    package let maximumReferences: Int
    /// Whether a prompt is part of the order.
    package let takesPrompt: Bool
    package let takesSeed: Bool
    package let takesPersonImage: Bool
    package let kinds: [PictureKind]

    package init(
        name: String, sizes: SizeRule, defaultSize: PixelSize, maximumReferences: Int, takesPrompt: Bool,
        takesSeed: Bool, takesPersonImage: Bool, kinds: [PictureKind]
    ) {
        precondition(sizes.admits(defaultSize), "model \(name) does not make its own default size")
        self.name = name
        self.sizes = sizes
        self.defaultSize = defaultSize
        self.maximumReferences = maximumReferences
        self.takesPrompt = takesPrompt
        self.takesSeed = takesSeed
        self.takesPersonImage = takesPersonImage
        self.kinds = kinds
    }
}

/// What a provider is, before anything is asked of it.
package struct ProviderTraits: Hashable, Sendable {
    /// As the configuration and requests spell it: `flatlay`.
    package let id: String
    /// As results spell it: `Flat lay`.
    package let displayName: String
    /// The first is the default.
    package let models: [ModelTraits]
    /// Whether `submit` costs nothing and leaves nothing behind, so that it can be made again when nobody knows how
    /// the last one ended.
    package let isFree: Bool

    package init(id: String, displayName: String, models: [ModelTraits], isFree: Bool) {
        precondition(!models.isEmpty, "provider \(id) has no model")
        (self.id, self.displayName, self.models, self.isFree) = (id, displayName, models, isFree)
    }

    /// The model of that name, or the default where none is named.
    package func model(_ name: String?) -> ModelTraits? {
        guard let name else { return models[0] }
        return models.first { $0.name == name }
    }
}

/// One garment as a provider gets it: upright, sRGB, on white, without metadata.
package struct Reference: Hashable, Sendable {
    /// The garment's name in the outfit.
    package let name: String
    /// The app's word: `tops`, `accessories` …; nil where it gives none.
    package let category: String?
    /// Pixels.
    package let width: Int
    package let height: Int
    /// Where the garment is within the picture, without the even border around it.
    package let content: PixelBox
    /// The colour of that border as 0xRRGGBB; nil where the picture has none.
    package let backdrop: UInt32?
    /// A JPEG file.
    package let image: [UInt8]

    package init(
        name: String, category: String?, width: Int, height: Int, content: PixelBox, backdrop: UInt32?, image: [UInt8]
    ) {
        (self.name, self.category, self.content, self.backdrop) = (name, category, content, backdrop)
        (self.width, self.height, self.image) = (width, height, image)
    }
}

/// A rectangle in whole pixels, from the upper left corner.
package struct PixelBox: Hashable, Sendable {
    package let left: Int
    package let top: Int
    package let width: Int
    package let height: Int

    package init(left: Int, top: Int, width: Int, height: Int) {
        (self.left, self.top, self.width, self.height) = (left, top, width, height)
    }
}

/// What is to be made.
package struct Order: Hashable, Sendable {
    package let kind: PictureKind
    package let model: ModelTraits
    package let size: PixelSize
    package let seed: UInt32?
    /// Nil where the model takes none.
    package let prompt: String?
    package let references: [Reference]

    package init(
        kind: PictureKind, model: ModelTraits, size: PixelSize, seed: UInt32?, prompt: String?, references: [Reference]
    ) {
        (self.kind, self.model, self.size, self.seed) = (kind, model, size, seed)
        (self.prompt, self.references) = (prompt, references)
    }
}

/// What an order costs, in the provider's credits and in millionths of a US dollar.
package struct Price: Hashable, Sendable {
    /// Nil where the provider does not count in credits.
    package let credits: Double?
    package let microdollars: Int64

    package init(credits: Double?, microdollars: Int64) { (self.credits, self.microdollars) = (credits, microdollars) }

    /// Costs nothing.
    package static let free = Price(credits: nil, microdollars: 0)
}

/// A picture as the provider made it: a whole image file of any format that vizd reads.
package struct GeneratedPicture: Hashable, Sendable {
    package let bytes: [UInt8]

    package init(bytes: [UInt8]) { self.bytes = bytes }
}

/// A provider said no, or could not.
package struct ProviderFailure: Error, Hashable, Sendable {
    /// One of the codes for providers in the contract.
    package let code: ResultCode
    /// What happened, to what, what to do next.
    package let message: String
    /// Whether the same order may go well later.
    package let retryable: Bool

    package init(code: ResultCode, message: String, retryable: Bool) {
        (self.code, self.message, self.retryable) = (code, message, retryable)
    }
}

/// Whoever makes pictures.
package protocol Provider: Sendable {
    /// Name, models, limits.
    var traits: ProviderTraits { get }

    /// What this order will cost at most.
    func price(_ order: Order) -> Price

    /// The one call that may cost money; it is made once for an attempt.
    func submit(_ order: Order) async throws(ProviderFailure) -> GeneratedPicture
}
