// How a call to a service is addressed: base address, key, bounds.
//
// The key is bound to the origin that a call goes to: the configured one, or another of the service's own that the
// provider vouches for. Nothing is sent twice here.

internal import Transfer

/// Makes requests to a service.
struct ServiceCalls: Sendable {
    private let transfer: any Transferring
    /// Without a slash at its end.
    let baseURL: String
    private let header: String
    private let prefix: String
    /// The key itself, which no message may show.
    private let key: String
    /// Nanoseconds without a byte after which a call that can be made again is broken off.
    private let stall: Int64

    /// - Parameters:
    ///   - header: the header that carries the key.
    ///   - prefix: what stands before the key in it.
    init(_ settings: ServiceSettings, key: String, header: String, prefix: String = "", transfer: any Transferring) {
        (self.transfer, self.key, self.header, self.prefix) = (transfer, key, header, prefix)
        stall = settings.stall
        baseURL = settings.baseURL.hasSuffix("/") ? String(settings.baseURL.dropLast()) : settings.baseURL
    }

    /// A GET below the base address. Bounded tightly: it can be made again.
    func read(_ path: String) async throws(TransferFailure) -> TransferAnswer {
        try await read(at: baseURL + path, reach: .configured)
    }

    /// A GET of an address to which the key may go.
    func read(at address: String, reach: TransferReach) async throws(TransferFailure) -> TransferAnswer {
        var request = self.request(.get, address, reach)
        request.limits.total = 30_000_000_000
        request.limits.stall = stall
        return try await transfer.transfer(request)
    }

    /// A POST with a JSON body. Giving up early would turn an order into a lost one: so it is waited for long.
    func post(_ path: String, _ body: WovenBody) async throws(TransferFailure) -> TransferAnswer {
        var request = self.request(.post, baseURL + path, .configured)
        request.headers.append(TransferHeader("Content-Type", "application/json"))
        request.body = .woven(body)
        request.limits.total = 120_000_000_000
        request.limits.stall = 120_000_000_000
        return try await transfer.transfer(request)
    }

    /// A text of the service's as it may stand in a message.
    func quote(_ text: String) -> String { ServiceQuote.shown(text, key: key) }

    /// Whether an address has the configured one's origin.
    func isOwn(_ address: String) -> Bool { address.webOrigin == baseURL.webOrigin }

    private func request(_ method: TransferMethod, _ address: String, _ reach: TransferReach) -> TransferRequest {
        var request = TransferRequest(method, address, reach: reach)
        request.headers = [TransferHeader("Accept", "application/json")]
        request.credential = TransferCredential(name: header, value: prefix + key, origin: address.webOrigin)
        request.limits.bytes = 1 << 20
        return request
    }
}
