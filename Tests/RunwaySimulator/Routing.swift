// Model routers over HTTP: making them, generating through them, reading what they routed.

internal import Contract
internal import LoopbackServer

extension Core {
    /// Answers `POST /v1/routers`.
    func makeRouter(_ request: LoopbackRequest) -> Answer {
        let (node, broken) = json(request)
        guard let node else { return broken ?? .error(400, "No body.") }
        let issues = RoutedInput.routerSchema.issues(of: node)
        guard issues.isEmpty, let slug = node["slug"]?.text else { return .issues(issues) }
        let settings = node["settings"]
        return now { live, moment in
            var router = Router(
                id: live.random.uuid(), slug: slug, name: node["name"]?.text ?? slug,
                description: node["description"]?.text, createdAt: moment)
            router.models = settings?["models"]?["ids"]?.elements.compactMap(\.text)
            router.allowsOnly = settings?["models"]?["mode"]?.text == "allowlist_only"
            router.ceiling = settings?["maxCreditsPerGeneration"]?["image"]?.whole
            router.optimizeFor = settings?["optimizeFor"]?.text ?? "cost"
            router.fallsBack = settings?["fallback"]?["onCapacity"]?.flag ?? false
            guard live.book.routers.add(router) else { return .error(400, "The slug is taken.") }
            return .json { Self.write(router, &$0) }
        }
    }

    /// Answers `GET /v1/routers`.
    func listRouters() -> Answer {
        let routers = change { $0.book.routers.routers }
        return .json { writer in
            writer.key("data")
            writer.beginArray()
            for router in routers {
                writer.beginObject()
                Self.write(router, &writer)
                writer.endObject()
            }
            writer.endArray()
            writer.member("nextCursor", nil as String?)
        }
    }

    /// Answers `GET /v1/routers/{id}`.
    func readRouter(_ name: String) -> Answer {
        guard let router = change({ $0.book.routers.router(named: name) }) else {
            return .error(404, "Could not find router")
        }
        return .json { Self.write(router, &$0) }
    }

    private static func write(_ router: Router, _ writer: inout JSONWriter) {
        writer.member("id", router.id)
        writer.member("slug", router.slug)
        writer.member("name", router.name)
        writer.member("description", router.description)
        writer.member("createdAt", Timestamp(nanoseconds: router.createdAt).rfc3339)
        writer.member("updatedAt", Timestamp(nanoseconds: router.createdAt).rfc3339)
        writer.key("settings")
        writer.beginObject()
        writer.member("schemaVersion", 1)
        writer.member("optimizeFor", router.optimizeFor)
        if let models = router.models {
            writer.key("models")
            writer.beginObject()
            writer.member("mode", router.allowsOnly ? "allowlist_only" : "allow_new_except")
            writer.key("ids")
            writer.beginArray()
            for model in models { writer.string(model) }
            writer.endArray()
            writer.endObject()
        }
        writer.endObject()
    }

    // MARK: Generating

    /// Answers `POST /v1/generate/image`.
    func generateImage(_ request: LoopbackRequest, _ target: Target) -> LoopbackReply {
        let call = FaultCall(path: target.path, body: request.body)
        if let reply = spoiled(.create, call) {
            change { $0.book.counters.createsDisturbed += 1 }
            return reply
        }
        let (node, broken) = json(request)
        guard let node else { return counted(broken ?? .error(400, "No body."), .generateImage) }
        let slug = node["configId"]?.text ?? ""
        let router = change { $0.book.routers.router(named: slug) }
        let issues = RoutedInput.schema.issues(of: node)
        guard issues.isEmpty, let input = node["input"] else {
            if let router { note(router, "invalid_request") }
            return counted(.issues(issues), .generateImage)
        }
        guard let router else {
            return counted(
                .json(404) { writer in
                    writer.member("error", "Could not find the router configuration.")
                    writer.member("code", "router_config_not_found")
                }, .generateImage)
        }
        return generate(RoutedInput(input), router, call)
    }

    private func generate(_ input: RoutedInput, _ router: Router, _ call: FaultCall) -> LoopbackReply {
        let (orders, emptiedBy) = input.candidates(router)
        guard let order = choose(orders, router) else {
            note(router, "no_eligible_model", emptiedBy: emptiedBy)
            return counted(Self.noModel(emptiedBy), .generateImage)
        }
        let (placing, fault) = place(order, call)
        switch placing {
        case .refused(let answer):
            note(router, "error", order)
            return counted(answer, .generateImage)
        case .placed(let id):
            note(router, "routed", order, id)
            let answer = Answer.json { writer in
                writer.member("id", id)
                writer.key("routing")
                writer.beginObject()
                Self.write(order, input, router, &writer)
                writer.endObject()
                Self.writeUnknown(fault, &writer)
            }
            return Disturbance.reply(answer, fault)
        }
    }

    /// The cheapest; where the router says so, the cheapest that can begin at once.
    private func choose(_ orders: [Order], _ router: Router) -> Order? {
        guard router.fallsBack else { return orders.first }
        let free = now { live, _ in
            orders.first { order in
                let running = live.book.load(of: order.model).running
                return self.configuration.limits(of: order.model).concurrent.map { running < $0 } ?? true
            }
        }
        return free ?? orders.first
    }

    private static func noModel(_ filter: String?) -> Answer {
        .json(400) { writer in
            writer.member("error", "No eligible model for this request.")
            writer.member("code", "no_eligible_model")
            writer.key("pipeline")
            writer.beginArray()
            writer.endArray()
            writer.key("emptiedBy")
            writer.beginArray()
            if let filter { writer.string(filter) }
            writer.endArray()
        }
    }

    private static func write(_ order: Order, _ input: RoutedInput, _ router: Router, _ writer: inout JSONWriter) {
        writer.member("configId", router.slug)
        writer.member("model", order.model)
        writer.member("provider", provider(order.model))
        write(order.estimate, "estimatedCost", &writer)
        writer.key("resolvedInput")
        writer.beginObject()
        writer.member("aspectRatio", input.aspect)
        writer.member("ratio", order.ratio)
        writer.member("resolution", input.resolution)
        writer.endObject()
        writer.key("resolvedSettings")
        writer.beginObject()
        writer.member("optimizeFor", router.optimizeFor)
        writer.member("priceCeiling", router.ceiling)
        writer.endObject()
    }

    private static func provider(_ model: String) -> String {
        model.hasPrefix("gen4") ? "runway" : String(model.prefix { $0 != "_" })
    }

    private func note(
        _ router: Router, _ status: String, _ order: Order? = nil, _ task: String? = nil, emptiedBy: String? = nil
    ) {
        now { live, moment in
            let (id, request) = (live.random.uuid(), live.random.uuid())
            live.book.routers.note(
                RoutedRequest(
                    id: id, requestID: request, createdAt: moment, status: status, model: order?.model,
                    credits: order?.estimate, taskID: task, emptiedBy: emptiedBy.map { [$0] } ?? []),
                of: router)
        }
    }

    /// Answers `GET /v1/routers/{id}/requests?limit=N[&cursor=…]`.
    func listRequests(_ name: String, _ target: Target) -> Answer {
        guard let limit = target["limit"].flatMap({ Int($0) }), (1...100).contains(limit) else {
            let path: [Issue.Step] = [.key("limit")]
            return .issues([Issue(.invalidType, path, "Invalid input: expected number", ["expected": .text("number")])])
        }
        let start = target["cursor"].flatMap { Int($0) } ?? 0
        let page = change { live in
            live.book.routers.router(named: name).map { live.book.routers.page(of: $0, from: start, limit: limit) }
        }
        guard let page else { return .error(404, "Could not find router") }
        return .json { writer in
            writer.key("data")
            writer.beginArray()
            for row in page.rows { Self.write(row, &writer) }
            writer.endArray()
            writer.member("nextCursor", page.next.map(String.init))
        }
    }

    private static func write(_ row: RoutedRequest, _ writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("id", row.id)
        writer.member("requestId", row.requestID)
        writer.member("createdAt", Timestamp(nanoseconds: row.createdAt).rfc3339)
        writer.member("status", row.status)
        writer.member("model", row.model)
        writer.member("provider", row.model.map(provider))
        writer.member("taskId", row.taskID)
        writer.member("estimatedCredits", row.credits)
        writer.key("emptiedBy")
        writer.beginArray()
        for filter in row.emptiedBy { writer.string(filter) }
        writer.endArray()
        writer.key("pipeline")
        writer.beginArray()
        writer.endArray()
        writer.endObject()
    }
}
