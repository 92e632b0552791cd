// What can be made to go wrong, and the list of what is to go wrong next.

/// Where a fault strikes.
package enum FaultPlace: String, Sendable, CaseIterable {
    case create, poll, cancel, download, organization, upload
}

/// One way in which a call goes wrong. The comment says whether what was asked for is done (a task created, an upload
/// stored) although the answer does not say so.
package enum Fault: Sendable {
    // Nothing is done.

    /// This answer instead.
    case status(Int, body: String = #"{"error":"Simulated failure."}"#, headers: [(String, String)] = [])
    /// RST before the body was read. Only at creates and uploads; `matching` sees the path alone.
    case dropBeforeBody
    /// RST after the whole request was read.
    case dropAfterBody
    /// No answer until the peer gives up.
    case stall

    // It is done.

    /// This answer instead.
    case createThenStatus(Int, body: String = #"{"error":"Simulated failure."}"#, headers: [(String, String)] = [])
    /// RST without a byte of the answer.
    case createThenDrop
    /// No answer until the peer gives up.
    case createThenStall
    /// Half of the body, then the connection is closed.
    case cutAnswer
    /// The head and half of the body, then silence.
    case stallMidway
    /// 200 with a body that is no JSON.
    case garbageJSON
    /// The right bytes under another content type.
    case wrongContentType(String = "text/html")
    /// The right answer with fields that nobody knows.
    case extraUnknownFields
    /// The right answer after so long.
    case late(milliseconds: Int)
    /// The answer in pieces.
    case trickle(bytes: Int, everyMilliseconds: Int)

    // Of a create: the task is created, and something about it is odd.

    /// Without `estimatedCost`.
    case withoutEstimate
    /// The task fails in the end. `charged` nil: as Runway charges such a failure.
    case failure(code: String?, message: String = "Simulated failure.", charged: Bool? = nil)
    /// The task ends as CANCELLED.
    case cancelled

    // Of a poll.

    /// A status that is in no list.
    case unknownStatus(String)
    /// FAILED without `failureCode`.
    case missingFailureCode
    /// The task is cancelled now, from elsewhere.
    case cancelledElsewhere
    /// 404 from now on; the task goes on and is charged.
    case forgotten

    // Of a download.

    /// 302 to an address.
    case redirect(String)
    /// An HTML page with 200.
    case page
    /// `Content-Length` says more than is sent.
    case short
    /// Chunks without an end.
    case endless
    /// The first half of the picture as if it were all.
    case truncatedPicture
    /// Bytes that are no picture, called one.
    case notAPicture
    /// A picture of no bytes.
    case empty
    /// A still picture where a film was ordered.
    case stillInstead

    /// Whether what was asked for is done.
    package var isDone: Bool {
        switch self {
        case .status, .dropBeforeBody, .dropAfterBody, .stall: false
        default: true
        }
    }
}

/// A fault that waits for its calls.
package struct Injection: Sendable {
    /// For as long as the simulator runs.
    package static let forever = Int.max

    package let place: FaultPlace
    /// How many calls it strikes.
    package var count: Int
    /// A piece of the request's body or path (a task's id, a prompt) that a call must have; nil takes any.
    package let matching: String?
    package let fault: Fault

    package init(at place: FaultPlace, count: Int = 1, matching: String? = nil, fault: Fault) {
        (self.place, self.count, self.matching, self.fault) = (place, count, matching, fault)
    }
}

/// The faults that wait, in the order in which they were injected. For each call the first that fits is taken.
package struct FaultList: Sendable {
    private var waiting: [Injection] = []

    package init() {}

    /// Puts one at the end.
    package mutating func add(_ injection: Injection) { waiting.append(injection) }
    /// Takes all back.
    package mutating func clear() { waiting.removeAll() }

    /// The next fault for a call, without using it up.
    package func next(at place: FaultPlace, _ call: FaultCall) -> Fault? {
        index(place, call).map { waiting[$0].fault }
    }

    /// Uses up one strike of the next fault for a call, if `wanted` says so of it.
    package mutating func take(at place: FaultPlace, _ call: FaultCall, where wanted: (Fault) -> Bool) -> Fault? {
        guard let index = index(place, call), wanted(waiting[index].fault) else { return nil }
        let fault = waiting[index].fault
        if waiting[index].count != Injection.forever { waiting[index].count -= 1 }
        if waiting[index].count <= 0 { waiting.remove(at: index) }
        return fault
    }

    private func index(_ place: FaultPlace, _ call: FaultCall) -> Int? {
        waiting.firstIndex { $0.place == place && ($0.matching.map(call.contains) ?? true) }
    }
}

/// What a fault's `matching` is looked for in.
package struct FaultCall: Sendable {
    let path: String
    let body: [UInt8]

    package init(path: String, body: [UInt8] = []) { (self.path, self.body) = (path, body) }

    func contains(_ piece: String) -> Bool {
        if path.contains(piece) { return true }
        return ByteSearch.first(of: Array(piece.utf8), in: body) != nil
    }
}
