// A network that is not there: answers as a test says, and remembers what it was asked.

import Contract
import Synchronization
import Transfer

@testable import Providers

/// Answers requests, in memory.
final class Wire: Transferring {
    typealias Outcome = Result<TransferAnswer, TransferFailure>

    private let seen = Mutex<[TransferRequest]>([])
    private let respond: @Sendable (TransferRequest) async -> Outcome

    /// Answers each request by a function of it.
    init(_ respond: @escaping @Sendable (TransferRequest) async -> Outcome) { self.respond = respond }

    /// Answers every request with the same.
    convenience init(always outcome: Outcome) { self.init { _ in outcome } }

    /// What was asked, in order.
    var requests: [TransferRequest] { seen.withLock { $0 } }

    func transfer(_ request: TransferRequest) async throws(TransferFailure) -> TransferAnswer {
        seen.withLock { $0.append(request) }
        return try await respond(request).get()
    }
}

extension Wire.Outcome {
    /// An answer with a text as its body.
    static func answer(_ status: Int, _ body: String = "", _ headers: [TransferHeader] = []) -> Wire.Outcome {
        .success(TransferAnswer(status: status, headers: headers, body: Array(body.utf8)))
    }

    /// No answer.
    static func broken(
        _ code: TransferFailure.Code, _ sent: TransferSent, status: Int? = nil
    ) -> Wire.Outcome {
        .failure(TransferFailure(code, sent: sent, "the wire to api.example.test is cut", status: status))
    }
}

extension TransferRequest {
    /// The bytes of the body; nil where there is none, or a file.
    var sentBytes: [UInt8]? {
        switch body {
        case .bytes(let bytes): bytes
        case .woven(let woven): woven.bytes
        case .none, .file: nil
        }
    }

    /// The header's value.
    func header(_ name: String) -> String? { headers.first { $0.name == name }?.value }
}

/// A clock that stands until it is moved.
final class HandClock: Sendable {
    private let nanoseconds = Mutex<Int64>(1_000_000_000)

    var now: Int64 { nanoseconds.withLock { $0 } }
    func move(hours: Double) { nanoseconds.withLock { $0 += Int64(hours * 3_600_000_000_000) } }
}

/// A repeatable stream of numbers.
struct Dice {
    private var state: UInt64
    init(_ seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

    mutating func roll(_ sides: Int) -> Int {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return Int(state % UInt64(sides))
    }
}

/// What the tests of Runway share.
enum Sample {
    static let key = "key_0123456789abcdef0123456789abcdef"
    static let task = "17f20503-6c24-4c16-946b-35dbbce2af2f"

    static func runway(
        _ wire: Wire, clock: HandClock = HandClock(), change: (inout RunwaySettings) -> Void = { _ in }
    ) -> Runway {
        var settings = RunwaySettings()
        settings.baseURL = "https://api.example.test"
        change(&settings)
        return Runway(settings, key: key, transfer: wire, clock: { clock.now })
    }

    static func reference(_ tag: String?, bytes: Int = 3, fill: UInt8 = 0xAB) -> Reference {
        reference(tag, image: [UInt8](repeating: fill, count: bytes))
    }

    static func reference(_ tag: String?, image: [UInt8]) -> Reference {
        var reference = Reference(
            name: tag ?? "garment", category: nil, width: 900, height: 1200,
            content: PixelBox(left: 0, top: 0, width: 900, height: 1200), backdrop: nil, image: image,
            digest: "d1\(image.count)\(image.first ?? 0)" + String(repeating: "0", count: 20))
        reference.tag = tag
        return reference
    }

    /// An order of a model by its name.
    static func order(
        _ model: String = "gen4_image", seed: UInt32? = nil, prompt: String = "@top", references: [Reference] = []
    ) -> Order {
        guard let traits = RunwayModel.all.first(where: { $0.name == model })?.traits(wanted: nil) else {
            preconditionFailure("no model \(model)")
        }
        return Order(
            kind: .image, model: traits, size: traits.defaultSize, seed: seed, prompt: prompt, references: references)
    }
}

extension Submission {
    /// The failure of a refused order.
    var refusal: ProviderFailure? {
        if case .refused(let failure) = self { return failure }
        return nil
    }

    /// What became of the answer of a lost one.
    var loss: LostAnswer? {
        if case .lost(let answer) = self { return answer }
        return nil
    }
}
