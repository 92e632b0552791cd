// The creates: what is paid for. In the order of the checks: JSON, schema, assets, credits, daily cap; then the task
// exists, whatever becomes of the answer.

internal import Contract
internal import LoopbackServer

extension Core {
    /// Answers a create.
    func create(
        _ request: LoopbackRequest, _ target: Target, _ route: Route, _ read: (JSONNode) -> Orders.Reading
    ) -> LoopbackReply {
        let call = FaultCall(path: target.path, body: request.body)
        if let reply = spoiled(.create, call) {
            change { $0.book.counters.createsDisturbed += 1 }
            return reply
        }
        let (node, broken) = json(request)
        guard let node else { return counted(broken ?? .error(400, "No body."), route) }
        switch read(node) {
        case .issues(let issues): return counted(.issues(issues), route)
        case .order(let order):
            let (creation, fault) = place(order, call)
            switch creation {
            case .refused(let answer): return counted(answer, route)
            case .placed(let id):
                let answer = Answer.json { writer in
                    writer.member("id", id)
                    if case .withoutEstimate = fault {} else { Self.write(order.estimate, "estimatedCost", &writer) }
                    Self.writeUnknown(fault, &writer)
                }
                return Disturbance.reply(answer, fault)
            }
        }
    }

    /// What became of an order.
    enum Placing: Sendable {
        case placed(id: String)
        case refused(Answer)
    }

    /// Inspects the assets of an order, then charges and creates.
    func place(_ order: Order, _ call: FaultCall) -> (Placing, Fault?) {
        let inspection = inspector().inspect(order)
        guard inspection.issues.isEmpty else { return (.refused(.issues(inspection.issues)), nil) }
        return commit(.create, call) { live, moment, fault in
            let duration = drawDuration(&live.random)
            let fate = fault.flatMap(Self.fate) ?? drawFate(&live.random)
            let id = live.random.uuid()
            let creation = live.book.create(
                order, digests: inspection.digests, fate: fate, id: id, duration: duration, at: moment)
            switch creation {
            case .created(let id): return (.placed(id: id), true)
            case .noCredits:
                return (.refused(.error(400, "You do not have enough credits to run this task.")), false)
            case .dailyLimit:
                var answer = Answer.error(429, "Your daily task limit has been reached.")
                answer.headers.append(("apigw-requestid", live.random.uuid()))
                return (.refused(answer), false)
            }
        }
    }

    private func inspector() -> AssetInspector {
        AssetInspector(assets: configuration.assets) { handle in
            if self.configuration.knownUploads.contains(handle) { return .trusted }
            let lifetime = Int64(self.configuration.uploadLifetime * 1e9)
            let bytes = self.now { live, moment in
                live.book.uploads.content(of: handle, lifetime: lifetime, at: moment)
            }
            return bytes.map { .bytes($0) } ?? .missing
        }
    }

    private func drawDuration(_ random: inout Randomness) -> Int64 {
        let bounds = configuration.duration
        let seconds = bounds.lowerBound == bounds.upperBound ? bounds.lowerBound : .random(in: bounds, using: &random)
        return Int64(seconds * 1e9)
    }

    private func drawFate(_ random: inout Randomness) -> Fate {
        guard !configuration.failures.isEmpty else { return .success }
        var draw = Double.random(in: 0..<100, using: &random)
        for share in configuration.failures {
            if draw < share.percent {
                return .failure(code: share.code, message: "The generation failed.", charged: nil)
            }
            draw -= share.percent
        }
        return .success
    }

    private static func fate(_ fault: Fault) -> Fate? {
        switch fault {
        case .failure(let code, let message, let charged): .failure(code: code, message: message, charged: charged)
        case .missingFailureCode: .failure(code: nil, message: "Simulated failure.", charged: nil)
        case .cancelled: .cancellation
        default: nil
        }
    }

    /// `"estimatedCost": {"credits": 8}`.
    static func write(_ credits: Double, _ name: String, _ writer: inout JSONWriter) {
        writer.key(name)
        writer.beginObject()
        writer.member("credits", credits)
        writer.endObject()
    }

    static func writeUnknown(_ fault: Fault?, _ writer: inout JSONWriter) {
        guard case .extraUnknownFields = fault else { return }
        writer.member("queuePosition", 7)
        writer.key("experimental")
        writer.beginObject()
        writer.member("region", "simulated")
        writer.endObject()
    }
}
