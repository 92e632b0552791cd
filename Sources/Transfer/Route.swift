// The way of one transfer over its redirects: where it may go, what goes along, when it has arrived.
//
// Every address is judged here before anything is sent, the first one and each that an answer leads to. libcurl never
// follows by itself: it would judge by its own rules, and a login or a key would be its to pass on.

/// What a process allows.
struct RouteRules: Sendable {
    /// `host:port` pairs that need no TLS and no public address.
    let allowInsecure: Set<String>
    /// Whether a proxy stands in between. The socket is the proxy's then: an address that the URL spells out is judged
    /// here, what a name stands for is the proxy's to judge.
    let isProxied: Bool
}

/// One request on the way, ready to be sent.
struct Leg: Sendable {
    let method: TransferMethod
    let destination: Destination
    let headers: [String]
    let body: TransferBody
    let sink: TransferSink
    let limits: TransferLimits
    /// Whether the address that is connected to has to be a public one.
    let judgesAddress: Bool
    /// Whether the address came from an answer and not from the configuration.
    let isForeign: Bool
}

/// Where a transfer is on its way.
struct Route: Sendable {
    /// What follows from an answer.
    enum Step: Sendable {
        /// It is the one that was wanted.
        case arrived(TransferAnswer)
        /// `leg` has changed: that is the next request.
        case onward
    }

    private let request: TransferRequest
    private let rules: RouteRules
    private let start: Destination
    private var left: Int
    private var hasLeft = false
    private var spent: Int64 = 0
    /// The request to send.
    private(set) var leg: Leg

    /// Judges a request.
    init(_ request: TransferRequest, _ rules: RouteRules) throws(TransferFailure) {
        guard let destination = Destination(request.url) else {
            throw TransferFailure(.refusedURL, sent: .nothing, "the address is no absolute http or https address")
        }
        try Route.judge(destination, request.reach, rules)
        var headers = request.headers
        if let credential = request.credential { headers.append(TransferHeader(credential.name, credential.value)) }
        for header in headers {
            guard let fault = RequestHeaders.fault(of: header, to: destination) else { continue }
            throw TransferFailure(.refusedHeader, sent: .nothing, fault)
        }
        (self.request, self.rules, start, left) = (request, rules, destination, request.redirects)
        leg = Route.leg(request, rules, to: destination, sameOrigin: true, spent: 0)
    }

    /// Takes an answer and the time that it took in nanoseconds; waiting for a place is no part of that.
    mutating func answered(_ answer: TransferAnswer, after time: Int64) throws(TransferFailure) -> Step {
        guard request.redirects > 0, request.method == .get || request.method == .head,
            [301, 302, 303, 307, 308].contains(answer.status)
        else { return .arrived(answer) }
        let from = leg.destination
        func refused(_ why: String) -> TransferFailure {
            TransferFailure(.refusedRedirect, sent: .whole, "\(from.host) redirects \(why)", status: answer.status)
        }
        guard let text = answer.header("location") else { throw refused("to nowhere") }
        guard let next = from.resolving(text) else { throw refused("to what is no address") }
        guard from.isSecure && next.isSecure else { throw refused("without TLS at both ends") }
        guard left > 0 else { throw refused("more than \(request.redirects) times") }
        try Route.judge(next, request.reach, rules)
        left -= 1
        spent += time
        guard spent < request.limits.total else {
            throw TransferFailure(.timedOut, sent: .whole, "\(from.host) spent the time on redirects")
        }
        // Once led away, a transfer stays a stranger, also when it is led back.
        if next.origin != start.origin { hasLeft = true }
        leg = Route.leg(request, rules, to: next, sameOrigin: !hasLeft, spent: spent)
        return .onward
    }

    private static func leg(
        _ request: TransferRequest, _ rules: RouteRules, to destination: Destination, sameOrigin: Bool, spent: Int64
    ) -> Leg {
        var limits = request.limits
        limits.total -= spent
        let isForeign = if case .foreign = request.reach { true } else { false }
        return Leg(
            method: request.method, destination: destination,
            headers: RequestHeaders.lines(of: request, to: destination, sameOrigin: sameOrigin), body: request.body,
            sink: request.sink, limits: limits,
            judgesAddress: isForeign && !rules.isProxied && !rules.allowInsecure.contains(destination.authority),
            isForeign: isForeign)
    }

    private static func judge(
        _ destination: Destination, _ reach: TransferReach, _ rules: RouteRules
    ) throws(TransferFailure) {
        if rules.allowInsecure.contains(destination.authority) { return }
        guard destination.isSecure else {
            throw TransferFailure(
                .refusedURL, sent: .nothing, "\(destination.authority) may not be spoken to without TLS")
        }
        if case .foreign = reach, destination.isPrivateByName {
            throw TransferFailure(.refusedAddress, sent: .nothing, "\(destination.host) lies in a private network")
        }
    }
}
