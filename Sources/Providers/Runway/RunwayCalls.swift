// How a call to Runway is addressed: base address, key, version, bounds.
//
// The key is bound to the base address's own origin; a call that goes elsewhere (`foreign`) has neither the key nor the
// version header. Nothing is sent twice here.

internal import Transfer

/// Makes requests to Runway.
struct RunwayCalls: Sendable {
    /// The version that decides how the service behaves; it is asked for on every call (`api-details/versioning`).
    static let version = "2024-11-06"

    private let transfer: any Transferring
    private let baseURL: String
    private let credential: TransferCredential
    /// The key itself, which no message may show.
    private let key: String
    /// Nanoseconds without a byte after which a call that can be made again is broken off.
    private let stall: Int64

    init(transfer: any Transferring, baseURL: String, key: String, stall: Int64 = RunwaySettings().stall) {
        (self.transfer, self.key, self.stall) = (transfer, key, stall)
        self.baseURL = baseURL.hasSuffix("/") ? String(baseURL.dropLast()) : baseURL
        credential = TransferCredential(
            name: "Authorization", value: "Bearer \(key)", origin: baseURL.webOrigin)
    }

    /// A GET or DELETE. Bounded tightly: it can be made again.
    func read(_ method: TransferMethod, _ path: String) async throws(TransferFailure) -> TransferAnswer {
        var request = self.request(method, path)
        request.limits.total = 30_000_000_000
        request.limits.stall = stall
        return try await transfer.transfer(request)
    }

    /// A POST with a JSON body. Runway fetches and checks every reference before it answers, without a byte in the
    /// meantime, and giving up early would turn an order into a lost one: so it is waited for long.
    func post(_ path: String, _ body: WovenBody) async throws(TransferFailure) -> TransferAnswer {
        var request = self.request(.post, path)
        request.headers.append(TransferHeader("Content-Type", "application/json"))
        request.body = .woven(body)
        request.limits.total = 120_000_000_000
        request.limits.stall = 120_000_000_000
        return try await transfer.transfer(request)
    }

    /// A POST to an address that an answer named: no key, no version.
    func foreign(_ address: String, contentType: String, _ body: [UInt8]) async throws(TransferFailure)
        -> TransferAnswer
    {
        var request = TransferRequest(.post, address, reach: .foreign)
        request.headers = [TransferHeader("Content-Type", contentType)]
        request.body = .bytes(body)
        request.limits.total = 300_000_000_000
        request.limits.stall = stall
        request.limits.bytes = 1 << 20
        return try await transfer.transfer(request)
    }

    /// A text of Runway's as it may stand in a message.
    func quote(_ text: String) -> String { RunwayQuote.shown(text, key: key) }

    private func request(_ method: TransferMethod, _ path: String) -> TransferRequest {
        var request = TransferRequest(method, baseURL + path, reach: .configured)
        request.headers = [
            TransferHeader("X-Runway-Version", RunwayCalls.version), TransferHeader("Accept", "application/json"),
        ]
        request.credential = credential
        request.limits.bytes = 1 << 20
        return request
    }
}
