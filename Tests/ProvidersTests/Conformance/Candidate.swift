// The providers of the conformance suite, each beside a simulator of its own. One more takes a `Stage` of its own and a
// line in `Candidate.all`.

import Contract
import RunwaySimulator
import Synchronization
import Testing
import Transfer

@testable import Providers

/// A provider that is to conform.
struct Candidate: Sendable, CustomTestStringConvertible {
    /// As the configuration spells it.
    let name: String
    let open: @Sendable () throws -> any Stage

    var testDescription: String { name }

    static let all = [
        Candidate(name: "runway") { try RunwayStage() },
        Candidate(name: "fashn") { try ServiceStage.fashn() },
        Candidate(name: "bfl") { try ServiceStage.bfl() },
    ]
}

/// What the simulator saw.
struct Witness: Equatable {
    /// Orders that arrived whole.
    let orders: Int
    /// Pictures that are made or were: what may be charged.
    let made: Int
    /// What was taken for all that have ended, in millionths of a US dollar at the provider's own price of a credit.
    let billed: Int64
}

/// What may go wrong with the one paid call.
enum Mischief: CaseIterable {
    // Nothing is made, and the answer says so.

    case limit, badKey, noCredit
    /// A refusal that repeats the key, a signed address and a photo.
    case echo

    // Nothing is made, and nobody can know.

    case trouble, resetUnanswered

    // It is made, and the answer does not say so.

    case madeThenTrouble, madeThenReset, madeThenCut, madeThenGarbage, madeThenEmpty

    /// Whether the order exists after it.
    var makes: Bool {
        switch self {
        case .limit, .badKey, .noCredit, .echo, .trouble, .resetUnanswered: false
        case .madeThenTrouble, .madeThenReset, .madeThenCut, .madeThenGarbage, .madeThenEmpty: true
        }
    }

    /// Whether the answer proves what is.
    var isClear: Bool {
        switch self {
        case .limit, .badKey, .noCredit, .echo: true
        default: false
        }
    }
}

/// A provider at work beside its simulator.
protocol Stage: Sendable {
    /// The provider, made anew as after a restart: it knows nothing but its settings.
    func provider() -> any Provider
    /// Fetches an address out of an answer, as the pipeline does.
    func fetch(_ address: String) async throws(TransferFailure) -> TransferAnswer
    /// Lets the next paid call go wrong.
    func spoil(_ mischief: Mischief)
    /// Lets the next question about a task go wrong; what it asks about goes on.
    func spoilQuestion(_ fault: Fault)
    /// Puts the simulator's clock on.
    func pass(hours: Double)
    var witness: Witness { get }
    /// Texts that no message may contain; the key first.
    var secrets: [String] { get }
    /// Whether a finished task that is read again has an address that serves, however old it is.
    var renewsAddresses: Bool { get }
}

/// A clock that stands until it is moved; shared by a stage and its simulator.
final class StageClock: Sendable {
    private let state = Mutex(SteadyClock.now())

    var now: Int64 { state.withLock { $0 } }
    func move(hours: Double) { state.withLock { $0 += Int64(hours * 3_600_000_000_000) } }
}

/// Orders that any of them takes.
enum StageOrder {
    /// A JPEG of 600 × 800 as far as its head goes: eight of them are within every limit of pixels.
    static let photo: [UInt8] = [
        0xFF, 0xD8, 0xFF, 0xC0, 0, 17, 8, 0x03, 0x20, 0x02, 0x58, 3, 1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1, 0xFF, 0xD9,
    ]

    static func reference(_ index: Int, _ role: ReferenceRole = .garment) -> Reference {
        // Behind the end of the picture nobody looks, and no two are the same.
        var reference = Reference(
            name: "Garment \(index)", category: nil, width: 600, height: 800,
            content: PixelBox(left: 0, top: 0, width: 600, height: 800), backdrop: nil,
            image: photo + [UInt8(index)], digest: "d\(index)")
        reference.role = role
        return reference
    }

    /// An order of a model: so many pictures of garments, and the person where there is to be one.
    static func of(
        _ model: ModelTraits, garments: Int, withPerson: Bool = false, size: PixelSize? = nil, fill: Bool = false
    ) -> Providers.Order {
        let pieces = (0..<garments).map { [PromptBrief.Piece(name: "Garment \($0)", category: "tops")] }
        var brief = PromptBrief(descriptor: nil, pictures: pieces)
        brief.showsPerson = withPerson
        // More than any model takes: it is cut to the limit.
        if fill { brief.directions = String(repeating: "slow light, ", count: 4000) }
        let written = model.prompt.map { PromptWriter.write(brief, by: $0) }
        var references = (0..<garments).map { reference($0) } + (withPerson ? [reference(99, .person)] : [])
        for (index, tag) in (written?.tags ?? []).enumerated() { references[index].tag = tag }
        return Providers.Order(
            kind: .image, model: model, size: size ?? model.defaultSize, seed: nil, prompt: written?.text,
            references: references)
    }
}
