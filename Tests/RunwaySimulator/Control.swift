// The simulator's own controls over HTTP, for tests that run it as a process of its own.
//
// `POST /simulator/inject`, an object or an array of them:
//     {"at": "create", "count": 2, "matching": "red dress", "fault": {"kind": "createThenStatus", "status": 503}}
// `count` is 1 where it is absent, or "forever". `kind` is a case of `Fault` by its name, its values are members:
// status, body, headers (an object), type, milliseconds, bytes, everyMilliseconds, code, message, charged, url.
// `DELETE /simulator/inject` takes them all back, `GET /simulator/books` reads, `POST /simulator/reset` begins anew.

internal import Contract
internal import LoopbackServer

extension Core {
    /// Answers `POST /simulator/inject`.
    func takeInjection(_ request: LoopbackRequest) -> Answer {
        do throws(JSONFault) {
            let root = try JSONDocument(parsing: request.body).root
            let nodes = if case .array(let elements) = root.value { elements } else { [root] }
            let injections = nodes.map(Injection.init)
            guard !injections.contains(where: { $0 == nil }) else {
                return .error(400, "An injection needs a known place under \"at\" and a known kind under \"fault\".")
            }
            change { live in
                for injection in injections.compactMap(\.self) { live.faults.add(injection) }
            }
            return .json { $0.member("injected", injections.count) }
        } catch {
            return .error(400, error.message)
        }
    }

    /// Answers `DELETE /simulator/inject`.
    func dropInjections() -> Answer {
        change { $0.faults.clear() }
        return Answer(status: 204)
    }

    /// Answers `POST /simulator/reset`.
    func resetAnswer() -> Answer {
        reset()
        return Answer(status: 204)
    }
}

extension Injection {
    /// Reads one injection; nil where its place or its fault is unknown.
    init?(_ node: JSONNode) {
        guard let place = node["at"]?.text.flatMap(FaultPlace.init), let fault = node["fault"].flatMap(Fault.init)
        else { return nil }
        let isForever = node["count"]?.text == "forever"
        self.init(
            at: place, count: isForever ? Injection.forever : node["count"]?.whole ?? 1,
            matching: node["matching"]?.text, fault: fault)
    }
}

extension Fault {
    private static let plain: [String: Fault] = [
        "dropBeforeBody": .dropBeforeBody, "dropAfterBody": .dropAfterBody, "stall": .stall,
        "createThenDrop": .createThenDrop, "createThenStall": .createThenStall, "cutAnswer": .cutAnswer,
        "stallMidway": .stallMidway, "garbageJSON": .garbageJSON, "extraUnknownFields": .extraUnknownFields,
        "withoutEstimate": .withoutEstimate, "cancelled": .cancelled, "missingFailureCode": .missingFailureCode,
        "cancelledElsewhere": .cancelledElsewhere, "forgotten": .forgotten, "page": .page, "short": .short,
        "endless": .endless, "truncatedPicture": .truncatedPicture, "notAPicture": .notAPicture, "empty": .empty,
        "stillInstead": .stillInstead,
    ]

    /// Reads a fault by its `kind`; nil for an unknown one or where a value is missing.
    init?(_ node: JSONNode) {
        let kind = node["kind"]?.text ?? ""
        if let fault = Self.plain[kind] {
            self = fault
            return
        }
        let headers = (node["headers"]?.members ?? []).map { ($0.key, $0.node.text ?? "") }
        let body = node["body"]?.text ?? #"{"error":"Simulated failure."}"#
        switch kind {
        case "status":
            guard let status = node["status"]?.whole else { return nil }
            self = .status(status, body: body, headers: headers)
        case "createThenStatus":
            guard let status = node["status"]?.whole else { return nil }
            self = .createThenStatus(status, body: body, headers: headers)
        case "wrongContentType": self = .wrongContentType(node["type"]?.text ?? "text/html")
        case "late": self = .late(milliseconds: node["milliseconds"]?.whole ?? 1000)
        case "trickle":
            self = .trickle(
                bytes: node["bytes"]?.whole ?? 1024, everyMilliseconds: node["everyMilliseconds"]?.whole ?? 100)
        case "failure":
            self = .failure(
                code: node["code"]?.text, message: node["message"]?.text ?? "Simulated failure.",
                charged: node["charged"]?.flag)
        case "unknownStatus": self = .unknownStatus(node["status"]?.text ?? "QUEUED_ELSEWHERE")
        case "redirect":
            guard let url = node["url"]?.text else { return nil }
            self = .redirect(url)
        default: return nil
        }
    }
}
