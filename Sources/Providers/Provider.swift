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
    /// Any of so many pixels in all whose longer side is at most `slenderness` times the shorter.
    case area(ClosedRange<Int>, slenderness: Int)
    /// As `area`, with sides that are multiples of `step` and at most `longest`.
    case grid(step: Int, longest: Int, area: ClosedRange<Int>, slenderness: Int)

    /// Whether the model makes this size.
    package func admits(_ size: PixelSize) -> Bool {
        switch self {
        case .listed(let sizes): return sizes.contains(size)
        case .free(let sides, let slenderness):
            let (short, long) = (min(size.width, size.height), max(size.width, size.height))
            return sides.contains(short) && sides.contains(long) && long <= short * slenderness
        case .area(let pixels, let slenderness):
            let (short, long) = (min(size.width, size.height), max(size.width, size.height))
            let (area, overflow) = short.multipliedReportingOverflow(by: long)
            return !overflow && short > 0 && pixels.contains(area) && long <= short * slenderness
        case .grid(let step, let longest, let area, let slenderness):
            let isOnGrid = size.width % step == 0 && size.height % step == 0
            return isOnGrid && max(size.width, size.height) <= longest
                && SizeRule.area(area, slenderness: slenderness).admits(size)
        }
    }

    /// The size whose shape is nearest to a picture's (width divided by height); of equally near ones the first. Nil
    /// where sizes are not listed.
    package func nearest(to aspect: Double) -> PixelSize? {
        guard case .listed(let sizes) = self, aspect > 0 else { return nil }
        // A shape twice as wide is as far away as one half as wide.
        func distance(_ size: PixelSize) -> Double {
            let ratio = Double(size.width) / Double(size.height) / aspect
            return max(ratio, 1 / ratio)
        }
        return sizes.min { distance($0) < distance($1) }
    }

    /// For a message: what may be asked for.
    package var phrase: String {
        switch self {
        case .listed(let sizes): "one of \(sizes.map(\.description).joined(separator: ", "))"
        case .free(let sides, let slenderness):
            "W:H with sides of \(sides.lowerBound) to \(sides.upperBound) pixels, none more than \(slenderness) "
                + "times the other"
        case .area(let pixels, let slenderness):
            "W:H of \(pixels.lowerBound) to \(pixels.upperBound) pixels in all, no side more than \(slenderness) times "
                + "the other"
        case .grid(let step, let longest, let area, let slenderness):
            SizeRule.area(area, slenderness: slenderness).phrase
                + ", both multiples of \(step) and at most \(longest)"
        }
    }
}

/// How a model wants its prompt.
package struct PromptRule: Hashable, Sendable {
    /// What the provider counts when it counts a prompt's length.
    package enum Unit: Hashable, Sendable {
        /// UTF-16 code units, as JavaScript does.
        case utf16
        /// Unicode scalars.
        case scalars
    }

    /// How a prompt points to a reference picture.
    package enum Mention: Hashable, Sendable {
        /// By a tag of its own: `@teal_shirt`.
        case tag
        /// By a word and its number in the order of the pictures: `Figure 1`, `image 1`.
        case number(word: String)
        /// By what it is, where an order has one picture of the garments and at most one of the person.
        case part(garments: String, person: String)
    }

    /// The most that a prompt may have, in `unit`s.
    package let limit: Int
    package let unit: Unit
    package let mention: Mention

    package init(limit: Int, unit: Unit = .utf16, mention: Mention) {
        (self.limit, self.unit, self.mention) = (limit, unit, mention)
    }

    /// How long a text is by this rule.
    package func length(_ text: String) -> Int {
        switch unit {
        case .utf16: text.utf16.count
        case .scalars: text.unicodeScalars.count
        }
    }
}

/// What a model takes as reference pictures.
package struct ReferenceRule: Hashable, Sendable {
    /// How many one order may hold; the lower bound is what it must hold.
    package let count: ClosedRange<Int>
    /// Width divided by height that a picture may have; nil for any. What lies outside is padded.
    package let aspect: ClosedRange<Double>?
    /// Whether several garments may share one picture, so that an outfit of more garments than `count` can be made.
    package let sharesSheets: Bool
    /// The most pixels of all pictures of an order together, the one that is made included; nil for any. Pictures
    /// that are too large for it are drawn smaller.
    package let pixels: Int?
    /// Whether a photo of the person takes one of the places of `count`; where not, it has one of its own.
    package let countsPerson: Bool

    package init(
        count: ClosedRange<Int>, aspect: ClosedRange<Double>? = nil, sharesSheets: Bool, pixels: Int? = nil,
        countsPerson: Bool = true
    ) {
        (self.count, self.aspect, self.sharesSheets) = (count, aspect, sharesSheets)
        (self.pixels, self.countsPerson) = (pixels, countsPerson)
    }
}

/// What one model of a provider takes and makes.
package struct ModelTraits: Hashable, Sendable {
    /// As requests and results spell it.
    package let name: String
    package let sizes: SizeRule
    package let defaultSize: PixelSize
    package let references: ReferenceRule
    /// Nil where no prompt is part of the order.
    package let prompt: PromptRule?
    package let takesSeed: Bool
    /// Whether one of the references may be a photo of the person who wears the outfit.
    package let takesPersonImage: Bool
    /// Whether it only dresses a person in a photo, and makes up none.
    package let needsPersonImage: Bool
    package let kinds: [PictureKind]
    /// How long the films are that it is asked for, in seconds; nil for a model that makes none.
    package let seconds: Int?

    package init(
        name: String, sizes: SizeRule, defaultSize: PixelSize, references: ReferenceRule, prompt: PromptRule?,
        takesSeed: Bool, takesPersonImage: Bool, needsPersonImage: Bool = false, kinds: [PictureKind],
        seconds: Int? = nil
    ) {
        precondition(sizes.admits(defaultSize), "model \(name) does not make its own default size")
        precondition(
            !kinds.contains(.video) || (seconds != nil && prompt != nil),
            "films of \(name) have no length or no prompt")
        precondition(takesPersonImage || !needsPersonImage, "model \(name) needs a person's photo and takes none")
        self.needsPersonImage = needsPersonImage
        (self.name, self.sizes, self.defaultSize) = (name, sizes, defaultSize)
        (self.references, self.prompt) = (references, prompt)
        (self.takesSeed, self.takesPersonImage, self.kinds) = (takesSeed, takesPersonImage, kinds)
        self.seconds = seconds
    }
}

/// What a provider is, before anything is asked of it.
package struct ProviderTraits: Hashable, Sendable {
    /// As the configuration and requests spell it: `flatlay`.
    package let id: String
    /// As results spell it: `Flat lay`.
    package let displayName: String
    /// The first of each kind is that kind's default.
    package let models: [ModelTraits]
    /// Whether `submit` costs nothing and leaves nothing behind, so that it can be made again when nobody knows how
    /// the last one ended.
    package let isFree: Bool
    /// Whether `submit` itself lasts as long as the picture takes, up to minutes. Such a call is not counted among the
    /// few that may have photos in memory; what bounds it are the places that the account allows.
    package let hasLongCalls: Bool

    package init(
        id: String, displayName: String, models: [ModelTraits], isFree: Bool, hasLongCalls: Bool = false
    ) {
        precondition(!models.isEmpty, "provider \(id) has no model")
        (self.id, self.displayName, self.models) = (id, displayName, models)
        (self.isFree, self.hasLongCalls) = (isFree, hasLongCalls)
    }

    /// The models that make pictures or films.
    package func models(for kind: PictureKind) -> [ModelTraits] { models.filter { $0.kinds.contains(kind) } }

    /// The model of that name among those of a kind, or the kind's default where none is named.
    package func model(_ name: String?, for kind: PictureKind = .image) -> ModelTraits? {
        models.first { $0.kinds.contains(kind) && (name == nil || $0.name == name) }
    }
}

/// What a reference picture shows.
package enum ReferenceRole: Hashable, Sendable {
    /// A garment, or several on a sheet.
    case garment
    /// The person who is to wear them.
    case person
}

/// One reference picture: a garment, several on a sheet, or the person who wears them (the last one); upright, sRGB,
/// on an even ground, without metadata.
package struct Reference: Hashable, Sendable {
    /// What is on it: the garment's name in the outfit, or the names of all that share it.
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
    /// SHA-256 of `image` in hexadecimal: what an upload of it is remembered by.
    package let digest: String
    /// What it shows.
    package var role = ReferenceRole.garment
    /// The word by which the prompt points to it; nil where it does not.
    package var tag: String?
    /// Where the provider has it already (`Provider.stage`); nil where it goes along with the order.
    package var handle: String?

    package init(
        name: String, category: String?, width: Int, height: Int, content: PixelBox, backdrop: UInt32?, image: [UInt8],
        digest: String
    ) {
        (self.name, self.category, self.content, self.backdrop) = (name, category, content, backdrop)
        (self.width, self.height, self.image, self.digest) = (width, height, image, digest)
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
    /// Of a film: the one picture that it begins with.
    package var references: [Reference]
    /// How long a film is to be; nil for a picture.
    package let seconds: Int?

    package init(
        kind: PictureKind, model: ModelTraits, size: PixelSize, seed: UInt32?, prompt: String?,
        references: [Reference], seconds: Int? = nil
    ) {
        (self.kind, self.model, self.size, self.seed) = (kind, model, size, seed)
        (self.prompt, self.references, self.seconds) = (prompt, references, seconds)
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

/// How far a call is that lasts as long as the picture takes.
package struct CallProgress: Hashable, Sendable {
    /// 0 to 1; nil where it is not known.
    package let fraction: Double?
    /// What is going on, on one line and printable; nil where nothing is said.
    package let words: String?

    package init(fraction: Double?, words: String?) { (self.fraction, self.words) = (fraction, words) }
}

/// Whoever makes pictures. Printed it is its name: what it is made of holds its key.
package protocol Provider: Sendable, CustomStringConvertible {
    /// Name, models, limits.
    var traits: ProviderTraits { get }

    /// What this order will cost at most.
    func price(_ order: Order) -> Price

    /// Free calls that have to come before the paid one: what is too large to go along with the order is uploaded and
    /// gets its `handle`. May be made again at any time.
    func stage(_ order: Order) async throws(ProviderFailure) -> Order

    /// The one call that may cost money; it is made once for an attempt. It never throws: what is known of the order
    /// after it is its answer.
    func submit(_ order: Order) async -> Submission

    /// The same call; `progress` may be told how far it is as long as it lasts, from any thread.
    func submit(_ order: Order, progress: @escaping @Sendable (CallProgress) -> Void) async -> Submission

    /// Reads a task once, by the text of its `accepted`: how far it is, or what came of it. Free; may be made again at
    /// any time, also for a task that has ended (its addresses are then new, where the provider renews them).
    /// - Throws: what stood in the way of reading it, which says nothing of the task.
    func poll(_ taskID: String) async throws(ProviderFailure) -> TaskReport

    /// Whether a task can be given up at all.
    var canCancel: Bool { get }

    /// Gives a task up; one that has ended may lose its picture by it. Harmless for one that is not there any more.
    func cancel(_ taskID: String) async throws(ProviderFailure)

    /// What the account has and may do; nil where the provider does not tell. Free.
    func account() async throws(ProviderFailure) -> Account?
}

extension Provider {
    package var description: String { "provider \(traits.id)" }
}

/// What a provider without tasks, uploads and accounts need not say.
extension Provider {
    /// Nothing has to come first.
    package func stage(_ order: Order) async throws(ProviderFailure) -> Order { order }

    /// Nothing is told of it.
    package func submit(_ order: Order, progress: @escaping @Sendable (CallProgress) -> Void) async -> Submission {
        await submit(order)
    }

    /// There are no tasks: one that is asked for is not there.
    package func poll(_ taskID: String) async throws(ProviderFailure) -> TaskReport {
        TaskReport(.gone(code: "TASK_GONE", message: "\(traits.displayName) has no tasks."))
    }

    /// There are no tasks.
    package var canCancel: Bool { false }

    /// There are no tasks.
    package func cancel(_ taskID: String) async throws(ProviderFailure) {}

    /// It does not tell.
    package func account() async throws(ProviderFailure) -> Account? { nil }
}
