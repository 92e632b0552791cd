// The providers of the conformance suite, each beside a simulator of its own, and what a place for one has to be able
// to do. One more takes a `Stage` of its own and a line in one of the lists of `Candidates`.
//
// What a provider has is the kind of its stage: one with tasks is a `TaskStage`, one whose tasks end in addresses an
// `AddressStage`, one whose answer brings the picture an `InlineStage`. A case that asks for tasks is made of the list
// of those that have them, so that for the others it is not there, and does not pass without having looked at anything.

import BFLSimulator
import Contract
import FashnSimulator
import RunwaySimulator
import Synchronization
import Testing
import Transfer

@testable import Providers

/// A provider that is to conform, and the kind of place that there is for it.
struct Candidate<Place>: Sendable, CustomTestStringConvertible {
    /// As the configuration spells it.
    let name: String
    let open: @Sendable () throws -> Place

    var testDescription: String { name }

    /// The same as less than it is.
    func seen<Other>(as kind: @escaping @Sendable (Place) -> Other) -> Candidate<Other> {
        Candidate<Other>(name: name) { [open] in kind(try open()) }
    }
}

/// Every provider of this build, by what it has.
enum Candidates {
    /// Tasks that end in addresses of pictures.
    static let withAddresses: [Candidate<any AddressStage>] = [
        Candidate(name: "runway") { try RunwayStage() },
        Candidate(name: "fashn") { try ServiceStage.fashn() },
        Candidate(name: "bfl") { try ServiceStage.bfl() },
    ]

    /// Tasks that are asked about.
    static let withTasks: [Candidate<any TaskStage>] = withAddresses.map { $0.seen { $0 } }

    /// An account that tells what it has.
    static let withAccounts = withTasks

    private static let openai = Candidate<any InlineStage>(name: "openai") { try OpenAIStage() }
    private static let exec = Candidate<any InlineStage>(name: "exec") { try ExecStage() }

    /// Answers that bring the picture along.
    static let inline: [Candidate<any InlineStage>] = [
        openai, exec, Candidate(name: "flatlay") { FlatLayStage() },
    ]

    /// Services elsewhere, which are paid and have a key.
    static let hosted: [Candidate<any Stage>] = withTasks.map { $0.seen { $0 } } + [openai.seen { $0 }]

    /// Calls that last, cost nothing, and end when they are given up.
    static let ending: [Candidate<any InlineStage>] = [exec]

    /// All of them.
    static let all: [Candidate<any Stage>] = withTasks.map { $0.seen { $0 } } + inline.map { $0.seen { $0 } }
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

/// What may go wrong with the one call that may be paid.
enum Mischief: CaseIterable {
    // Nothing is made, and the answer says so.

    case limit, badKey, noCredit
    /// A refusal that repeats the key, a signed address and a photo.
    case echo
    /// A program or a painter fails.
    case breaks

    // Nothing is made, and nobody can know.

    case trouble, resetUnanswered

    // It is made, and the answer does not say so.

    case madeThenTrouble, madeThenReset, madeThenCut, madeThenGarbage, madeThenEmpty
    /// The answer is longer than any that names a task.
    case madeThenVast

    // It is made, comes with the answer, and is no use.

    case tooLarge, wrongBytes

    /// A program goes on until it is ended.
    case hangs

    /// What may happen to any order that is sent to a service.
    static let ofServices: [Mischief] = [
        .limit, .badKey, .noCredit, .echo, .trouble, .resetUnanswered, .madeThenTrouble, .madeThenReset, .madeThenCut,
        .madeThenGarbage, .madeThenEmpty,
    ]

    /// Whether the order exists after it.
    var makes: Bool {
        switch self {
        case .limit, .badKey, .noCredit, .echo, .breaks, .trouble, .resetUnanswered, .hangs: false
        case .madeThenTrouble, .madeThenReset, .madeThenCut, .madeThenGarbage, .madeThenEmpty, .madeThenVast: true
        case .tooLarge, .wrongBytes: true
        }
    }

    /// Whether the answer proves what is.
    var isClear: Bool {
        switch self {
        case .limit, .badKey, .noCredit, .echo, .breaks, .tooLarge, .wrongBytes, .hangs: true
        case .trouble, .resetUnanswered, .madeThenTrouble, .madeThenReset, .madeThenCut, .madeThenGarbage,
            .madeThenEmpty, .madeThenVast:
            false
        }
    }
}

/// A provider at work beside its simulator.
protocol Stage: Sendable {
    /// The provider, made anew as after a restart: it knows nothing but its settings.
    func provider() throws -> any Provider
    /// What can go wrong here.
    var mischiefs: [Mischief] { get }
    /// Lets the next order go wrong.
    func spoil(_ mischief: Mischief) throws
    var witness: Witness { get throws }
    /// Texts that no message may contain; the key first, where there is one.
    var secrets: [String] { get }
}

/// One whose orders become tasks.
protocol TaskStage: Stage {
    /// Lets the next question about a task go wrong; what it asks about goes on.
    func spoilQuestion(_ fault: Fault)
    /// Puts the simulator's clock on.
    func pass(hours: Double)
}

/// One whose tasks end in addresses.
protocol AddressStage: TaskStage {
    /// Fetches an address out of an answer, as the pipeline does.
    func fetch(_ address: String) async throws(TransferFailure) -> TransferAnswer
    /// Whether a finished task that is read again has an address that serves, however old it is.
    var renewsAddresses: Bool { get }
}

/// One whose answer brings the picture along.
protocol InlineStage: Stage {
    /// Whether these are the bytes of the picture that was made, all of them.
    func isWhole(_ picture: [UInt8]) -> Bool
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

    /// An order of a model for what it makes first, a picture or a film: so many pictures of garments, and the person
    /// where there is to be one.
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
            kind: model.kinds[0], model: model, size: size ?? model.defaultSize, seed: nil, prompt: written?.text,
            references: references, seconds: model.seconds)
    }
}
