// The way of a request to whoever answers it, in the order of the real service's checks: route and verb, key, version,
// size of the body; after that its JSON, its schema, its assets, the account.

internal import Contract
internal import LoopbackServer

/// Where a request goes.
enum Route: Equatable {
    case textToImage, imageToVideo, imageUpscale, generateImage
    case task(String)
    case openUpload
    case organization, usage
    case routers
    case router(String)
    case routerRequests(String)
    case fillUpload(String)
    case output(String)
    case injections, books, reset

    /// The route of a path and the verbs that it takes; nil where there is none.
    static func find(_ path: String) -> (route: Route, verbs: [String])? {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map(String.init)
        switch parts {
        case ["v1", "text_to_image"]: return (.textToImage, ["POST"])
        case ["v1", "image_to_video"]: return (.imageToVideo, ["POST"])
        case ["v1", "image_upscale"]: return (.imageUpscale, ["POST"])
        case ["v1", "generate", "image"]: return (.generateImage, ["POST"])
        case ["v1", "uploads"]: return (.openUpload, ["POST"])
        case ["v1", "organization"]: return (.organization, ["GET"])
        case ["v1", "organization", "usage"]: return (.usage, ["POST"])
        case ["v1", "routers"]: return (.routers, ["GET", "POST"])
        case ["simulator", "inject"]: return (.injections, ["POST", "DELETE"])
        case ["simulator", "books"]: return (.books, ["GET"])
        case ["simulator", "reset"]: return (.reset, ["POST"])
        default: break
        }
        if parts.count == 3, parts[0] == "v1", parts[1] == "tasks" { return (.task(parts[2]), ["GET", "DELETE"]) }
        if parts.count == 3, parts[0] == "v1", parts[1] == "routers" { return (.router(parts[2]), ["GET"]) }
        if parts.count == 4, parts[0] == "v1", parts[1] == "routers", parts[3] == "requests" {
            return (.routerRequests(parts[2]), ["GET"])
        }
        if parts.count == 2, parts[0] == "uploads" { return (.fillUpload(parts[1]), ["POST"]) }
        if parts.count == 4, parts[0] == "outputs" { return (.output(path), ["GET", "HEAD"]) }
        return nil
    }

    var isCreate: Bool { [.textToImage, .imageToVideo, .imageUpscale, .generateImage].contains(self) }

    /// Whether it is Runway's API, which wants a key; storage and the simulator's own controls do not.
    var isAPI: Bool {
        switch self {
        case .fillUpload, .output, .injections, .books, .reset: false
        default: true
        }
    }

    /// Where faults strike it before its body is read.
    var place: FaultPlace? {
        if isCreate { return .create }
        switch self {
        case .openUpload, .fillUpload: return .upload
        default: return nil
        }
    }
}

/// The path and the query of a request's target.
package struct Target: Sendable {
    package let path: String
    let query: [(name: String, value: String)]

    package init(_ target: String) {
        let local = target.hasPrefix("/") ? target[...] : target.drop { $0 != ":" }.dropFirst(3).drop { $0 != "/" }
        let halves = local.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        path = halves.first.map(String.init) ?? "/"
        query = (halves.count > 1 ? halves[1] : "").split(separator: "&").map { pair in
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            return (name: String(parts[0]), value: parts.count > 1 ? String(parts[1]) : "")
        }
    }

    package subscript(_ name: String) -> String? { query.first { $0.name == name }?.value }
}

extension Core {
    /// Looks at a head before its body is read: faults that strike there, and bodies that are too large.
    func meet(_ request: LoopbackRequest) -> LoopbackReply? {
        let target = Target(request.target)
        guard let found = Route.find(target.path), found.verbs.contains(request.method) else { return nil }
        if let place = found.route.place {
            let fault = change { live in
                live.faults.take(at: place, FaultCall(path: target.path)) {
                    if case .dropBeforeBody = $0 { true } else { false }
                }
            }
            if fault != nil { return .steps([.reset]) }
        }
        let length = request.header("Content-Length").flatMap { Int($0) } ?? 0
        guard found.route.isAPI, length > configuration.maximumBody else { return nil }
        return (refusal(request) ?? .error(413, "Request body is too large.")).reply
    }

    /// Answers a whole request.
    func answer(_ request: LoopbackRequest) -> LoopbackReply {
        let reply = serve(request)
        if let log = configuration.log {
            let status =
                switch reply {
                case .answer(let status, _, _): String(status)
                case .steps: "disturbed"
                }
            log("\(request.method) \(Target(request.target).path) \(status)")
        }
        return reply
    }

    private func serve(_ request: LoopbackRequest) -> LoopbackReply {
        let target = Target(request.target)
        guard let (route, verbs) = Route.find(target.path) else { return Answer.error(404, "Not found").reply }
        if route.isCreate, request.method == "POST" { change { $0.book.counters.creates += 1 } }
        guard verbs.contains(request.method) else {
            var answer = Answer.error(405, "Method not allowed")
            answer.headers.append(("Allow", verbs.joined(separator: ", ")))
            return answer.reply
        }
        if route.isAPI {
            if let refusal = refusal(request) { return counted(refusal, route) }
            if request.body.count > configuration.maximumBody {
                return counted(.error(413, "Request body is too large."), route)
            }
        }
        return dispatch(request, target, route)
    }

    private func dispatch(_ request: LoopbackRequest, _ target: Target, _ route: Route) -> LoopbackReply {
        switch route {
        case .textToImage: create(request, target, route, Orders.textToImage)
        case .imageToVideo: create(request, target, route, Orders.imageToVideo)
        case .imageUpscale: create(request, target, route, Orders.imageUpscale)
        case .generateImage: generateImage(request, target)
        case .task(let id): request.method == "GET" ? readTask(id, target, request) : removeTask(id, target)
        case .openUpload: openUpload(request, target)
        case .fillUpload(let id): fillUpload(id, request, target)
        case .organization: readOrganization(target)
        case .usage: readUsage(request, target)
        case .routers: request.method == "GET" ? listRouters().reply : makeRouter(request).reply
        case .router(let name): readRouter(name).reply
        case .routerRequests(let name): listRequests(name, target).reply
        case .output(let path): download(path, target)
        case .injections: request.method == "POST" ? takeInjection(request).reply : dropInjections().reply
        case .books: books().answer.reply
        case .reset: resetAnswer().reply
        }
    }

    /// Why a request may not come in: its key, its version.
    private func refusal(_ request: LoopbackRequest) -> Answer? {
        guard let authorization = request.header("Authorization") else {
            return .error(401, "No API key was provided. Send it as a bearer token in the Authorization header.")
        }
        guard authorization.hasPrefix("Bearer "), configuration.keys.contains(String(authorization.dropFirst(7)))
        else { return .error(401, "The API key is invalid or disabled.") }
        guard let version = request.header("X-Runway-Version") else {
            return .error(400, "The X-Runway-Version header was not provided.")
        }
        return version == "2024-11-06" ? nil : .error(400, "The X-Runway-Version header names no known version.")
    }

    /// Counts a create that was refused.
    func counted(_ answer: Answer, _ route: Route) -> LoopbackReply {
        if route.isCreate { change { $0.book.counters.createsRefused += 1 } }
        return answer.reply
    }

    /// The JSON of a body, or why it is none.
    func json(_ request: LoopbackRequest) -> (JSONNode?, Answer?) {
        let type = (request.header("Content-Type") ?? "").lowercased()
        guard type.prefix(while: { $0 != ";" }) == "application/json" else {
            return (nil, .error(400, "The Content-Type must be application/json."))
        }
        do throws(JSONFault) {
            return (try JSONDocument(parsing: request.body).root, nil)
        } catch {
            return (nil, .error(400, "The body is not valid JSON: \(error.message)"))
        }
    }
}
