// The simulators of this project as stages of the conformance suite: those of services that make pictures by tasks.

import BFLSimulator
import Contract
import FashnSimulator
import RunwaySimulator
import ServiceSimulator
import Transfer

@testable import Providers

/// What a careless answer may repeat.
func careless(_ key: String) -> String {
    "no \(key) for https://cdn.test/a.png?se=1&sig=feedbeef nor data:image/jpeg;base64,/9j/4AAQSkZJRg=="
}

extension Mischief {
    /// As the simulators know it.
    /// - Parameters:
    ///   - noCredit: status and body by which the service tells of missing credits.
    ///   - said: the service's body for a sentence.
    fileprivate func fault(noCredit: (Int, String), said: (String) -> String, key: String) -> Fault {
        switch self {
        case .limit: .status(429, body: said("Too many."), headers: [("Retry-After", "7")])
        case .badKey: .status(401, body: said("Bad key \(key)."))
        case .noCredit: .status(noCredit.0, body: noCredit.1)
        case .echo: .status(400, body: said(careless(key)))
        case .trouble: .status(503, body: said(careless(key)))
        case .resetUnanswered: .dropAfterBody
        case .madeThenTrouble: .createThenStatus(502, body: said(careless(key)))
        case .madeThenReset: .createThenDrop
        case .madeThenCut: .cutAnswer
        case .madeThenGarbage: .garbageJSON
        case .madeThenEmpty: .empty
        case .madeThenVast: .createThenStatus(200, body: said(String(repeating: "x", count: 4 << 20)))
        case .breaks, .tooLarge, .wrongBytes, .hangs: preconditionFailure("\(self) cannot happen to a task's order")
        }
    }
}

/// Transfers to this machine.
func loopbackTransfer(_ port: UInt16) throws -> CurlTransfer {
    var settings = TransferSettings()
    settings.allowInsecure = ["127.0.0.1:\(port)"]
    return try CurlTransfer(settings)
}

extension Transferring {
    fileprivate func picture(_ address: String) async throws(TransferFailure) -> TransferAnswer {
        var request = TransferRequest(.get, address, reach: .foreign)
        request.limits.bytes = 64 << 20
        return try await transfer(request)
    }
}

/// Runway beside its simulator.
final class RunwayStage: AddressStage {
    private static let key = "key_" + String(repeating: "5e", count: 24)

    private let simulator: RunwaySimulator
    private let transfer: CurlTransfer
    private let clock = StageClock()

    init() throws {
        var configuration = RunwayConfiguration()
        configuration.keys = [Self.key]
        simulator = try RunwaySimulator(configuration) { [clock] in clock.now }
        transfer = try loopbackTransfer(simulator.port)
    }

    deinit {
        transfer.close()
        simulator.stop()
    }

    let renewsAddresses = true
    let mischiefs = Mischief.ofServices + [.madeThenVast]
    let secrets = [RunwayStage.key, "_jwt=eyJ", "sig=feed", ";base64,/9j"]

    func provider() -> any Provider {
        var settings = RunwaySettings()
        settings.baseURL = simulator.baseURL
        return Runway(settings, key: Self.key, transfer: transfer, clock: { [clock] in clock.now })
    }

    func fetch(_ address: String) async throws(TransferFailure) -> TransferAnswer {
        try await transfer.picture(address)
    }

    func spoil(_ mischief: Mischief) {
        let said = { (text: String) in #"{"error":"\#(text)"}"# }
        let poor = (400, said("You do not have enough credits to run this task."))
        simulator.inject(Injection(at: .create, fault: mischief.fault(noCredit: poor, said: said, key: Self.key)))
    }

    func spoilQuestion(_ fault: Fault) { simulator.inject(Injection(at: .poll, fault: fault)) }
    func pass(hours: Double) { clock.move(hours: hours) }

    var witness: Witness {
        let books = simulator.books
        return Witness(
            orders: books.createsReceived, made: books.tasks.count, billed: Int64(books.creditsBilled) * 10_000)
    }
}

/// One of the services that make pictures by tasks, beside its simulator.
final class ServiceStage: AddressStage {
    private let simulator: ServiceSimulator
    private let transfer: CurlTransfer
    private let clock: StageClock
    private let key: String
    private let poor: (Int, String)
    private let said: @Sendable (String) -> String
    private let creditMicros: Double
    private let make: @Sendable (ServiceSettings, String, any Transferring) -> any Provider
    let renewsAddresses = false
    let mischiefs = Mischief.ofServices + [.madeThenVast]

    private init(
        _ dialect: any Dialect, key: String, poor: (Int, String), said: @escaping @Sendable (String) -> String,
        creditMicros: Double, make: @escaping @Sendable (ServiceSettings, String, any Transferring) -> any Provider
    ) throws {
        let clock = StageClock()
        var configuration = ServiceConfiguration()
        configuration.keys = [key]
        simulator = try ServiceSimulator(dialect, configuration) { clock.now }
        transfer = try loopbackTransfer(simulator.port)
        (self.clock, self.key, self.poor, self.said) = (clock, key, poor, said)
        (self.creditMicros, self.make) = (creditMicros, make)
    }

    deinit {
        transfer.close()
        simulator.stop()
    }

    static func fashn() throws -> ServiceStage {
        var dialect = FashnDialect()
        dialect.concurrent = 1000
        let said: @Sendable (String) -> String = { #"{"error":"BadRequest","message":"\#($0)"}"# }
        return try ServiceStage(
            dialect, key: "fa-0123456789abcdef-0123456789abcdef",
            poor: (429, #"{"error":"OutOfCredits","message":"No credits."}"#), said: said, creditMicros: 75_000
        ) { settings, key, transfer in Fashn(settings, key: key, transfer: transfer, clock: { 7 }) }
    }

    static func bfl() throws -> ServiceStage {
        var dialect = BFLDialect()
        dialect.concurrent = 1000
        let said: @Sendable (String) -> String = { #"{"detail":"\#($0)"}"# }
        return try ServiceStage(
            dialect, key: "8d2f6a10-93bb-4c55-a7c1-5f0e6b1d2c3a", poor: (402, said("Insufficient credits.")),
            said: said, creditMicros: 10_000
        ) { settings, key, transfer in BFL(settings, key: key, transfer: transfer) }
    }

    var secrets: [String] { [key, "sig=feed", ";base64,/9j"] }

    func provider() -> any Provider {
        make(ServiceSettings(baseURL: simulator.baseURL, model: "", concurrent: 4), key, transfer)
    }

    func fetch(_ address: String) async throws(TransferFailure) -> TransferAnswer {
        try await transfer.picture(address)
    }

    func spoil(_ mischief: Mischief) {
        simulator.inject(Injection(at: .create, fault: mischief.fault(noCredit: poor, said: said, key: key)))
    }

    func spoilQuestion(_ fault: Fault) { simulator.inject(Injection(at: .poll, fault: fault)) }
    func pass(hours: Double) { clock.move(hours: hours) }

    var witness: Witness {
        let books = simulator.books
        return Witness(
            orders: books.createsReceived, made: books.tasks.count, billed: Int64(books.creditsBilled * creditMicros))
    }
}
