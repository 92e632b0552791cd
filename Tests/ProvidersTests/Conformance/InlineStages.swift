// Providers whose answer brings the picture along as stages of the conformance suite: OpenAI beside its simulator, a
// real program in a folder of its own, and the flat lay with a painter that does what the test says.

import Contract
import Linux
import OpenAISimulator
import Synchronization
import TestSupport
import Testing
import Transfer

@testable import Providers

/// OpenAI beside its simulator.
final class OpenAIStage: InlineStage {
    private static let key = "sk-proj-0123456789abcdef0123456789abcdef"
    private static let pictureBytes = 1 << 20

    private let simulator: OpenAISimulator
    private let transfer: CurlTransfer

    init() throws {
        var configuration = OpenAIConfiguration()
        (configuration.keys, configuration.duration) = ([Self.key], 0)
        simulator = try OpenAISimulator(configuration)
        transfer = try loopbackTransfer(simulator.port)
    }

    deinit {
        transfer.close()
        simulator.stop()
    }

    let mischiefs = Mischief.ofServices + [.tooLarge, .wrongBytes]
    let secrets = [OpenAIStage.key, "sig=feed", ";base64,/9j"]

    func provider() -> any Provider {
        var settings = OpenAISettings()
        (settings.baseURL, settings.pictureBytes) = (simulator.baseURL, Self.pictureBytes)
        return OpenAI(settings, key: Self.key, transfer: transfer)
    }

    func spoil(_ mischief: Mischief) { simulator.inject(fault(mischief)) }

    private func fault(_ mischief: Mischief) -> OpenAIFault {
        let request = "invalid_request_error"
        switch mischief {
        case .limit:
            return .error(
                429, type: "requests", code: "rate_limit_exceeded", message: "Too many.",
                headers: [("Retry-After", "7")])
        case .badKey: return .error(401, type: request, code: "invalid_api_key", message: "Bad key \(Self.key).")
        case .noCredit: return .quota
        case .echo: return .error(400, type: request, code: "invalid_value", message: careless(Self.key))
        case .trouble: return .error(503, type: "server_error", code: "overloaded", message: careless(Self.key))
        case .resetUnanswered: return .drop
        case .madeThenTrouble: return .makeThenStatus(502)
        case .madeThenReset: return .makeThenDrop
        case .madeThenCut: return .cutAnswer
        case .madeThenGarbage: return .makeThenBody(#"{"data": [{oops, <html>"#)
        case .madeThenEmpty: return .makeThenBody("")
        case .tooLarge: return .padded(Self.pictureBytes)
        case .wrongBytes: return .notAPicture
        case .breaks, .madeThenVast, .hangs: preconditionFailure("\(mischief) cannot happen to OpenAI's order")
        }
    }

    var witness: Witness {
        let books = simulator.books
        return Witness(
            orders: books.received, made: books.pictures.count,
            billed: books.pictures.reduce(0) { $0 + $1.microdollars })
    }

    func isWhole(_ picture: [UInt8]) -> Bool {
        picture.starts(with: [0x89, 0x50, 0x4E, 0x47]) && picture.suffix(8).starts(with: "IEND".utf8)
    }
}

/// A program that writes down that it ran, and does then what a file beside it says.
final class ExecStage: InlineStage {
    private static let key = "sk-proj-0123456789abcdef0123456789abcdef"
    private static let outputBytes = 1 << 20
    private static let script = """
        echo run >> "$1/runs"; mode=$(cat "$1/mode"); : > "$1/mode"
        case "$mode" in
        echo) cat "$1/words" >&2; exit 1 ;;
        breaks) exit 3 ;;
        tooLarge) head -c 2000000 /dev/zero > out || exit 1 ;;
        wrongBytes) printf 'This is no picture.' > out ;;
        hangs) echo progress 0.1; sleep 1000 & wait ;;
        *) cp reference-1.jpg out ;;
        esac
        echo made >> "$1/made"; echo out
        """

    private let folder: Directory
    private let name = "vizd-conform-\(Random.hex(bytes: 8))"

    init() throws {
        try Host.makeDirectories("/tmp/\(name)/folders", mode: 0o700)
        folder = try Directory(path: "/tmp/\(name)")
        for file in ["runs", "made", "mode"] { try folder.open(FileName(file), .create).write(all: []) }
        try folder.open("words", .create).write(all: Array(careless(Self.key).utf8))
    }

    deinit {
        do { try ExecFolder.removeTree(FileName(name), in: Directory(path: "/tmp")) } catch {
            Issue.record("\(folder.path) stays: \(error)")
        }
    }

    let mischiefs: [Mischief] = [.echo, .breaks, .tooLarge, .wrongBytes]
    let secrets = [ExecStage.key, "sig=feed", ";base64,/9j"]

    func provider() throws -> any Provider {
        var settings = ExecSettings()
        settings.command = ["/bin/sh", "-c", Self.script, "paint", folder.path]
        settings.keeper = try BuiltProducts.path(of: "vizd")
        settings.environment = ["PATH": "/usr/bin:/bin"]
        (settings.timeout, settings.outputBytes) = (60_000_000_000, Self.outputBytes)
        return Exec(settings, in: try folder.directory("folders"))
    }

    func spoil(_ mischief: Mischief) throws {
        try folder.unlink("mode")
        try folder.open("mode", .create).write(all: Array("\(mischief)".utf8))
    }

    private func lines(_ file: String) throws -> Int {
        try Host.readFile("\(folder.path)/\(file)", limit: 1 << 20).count { $0 == UInt8(ascii: "\n") }
    }

    var witness: Witness {
        get throws { Witness(orders: try lines("runs"), made: try lines("made"), billed: 0) }
    }

    func isWhole(_ picture: [UInt8]) -> Bool { picture == StageOrder.reference(0).image }
}

/// The flat lay, and a painter that counts.
final class FlatLayStage: InlineStage, SheetPainting {
    private let state = Mutex<(next: Mischief?, orders: Int, made: Int)>((nil, 0, 0))

    let mischiefs: [Mischief] = [.breaks, .wrongBytes]
    let secrets: [String] = []

    func provider() -> any Provider { FlatLay(painter: self) }
    func spoil(_ mischief: Mischief) { state.withLock { $0.next = mischief } }

    func paint(_ sheet: FlatLaySheet, _ references: [Reference]) async throws(ProviderFailure) -> [UInt8] {
        let fails = state.withLock { state in
            defer { state.next = nil }
            state.orders += 1
            state.made += state.next == .breaks ? 0 : 1
            return state.next == .breaks
        }
        if fails {
            throw ProviderFailure(code: .generationFailed, message: "The image worker died.", retryable: true)
        }
        return StageOrder.photo
    }

    var witness: Witness { state.withLock { Witness(orders: $0.orders, made: $0.made, billed: 0) } }
    func isWhole(_ picture: [UInt8]) -> Bool { picture == StageOrder.photo }
}
