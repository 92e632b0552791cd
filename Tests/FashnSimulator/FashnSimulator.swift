// FASHN AI on this machine: predictions of the models that put garments on a person, as far as a client meets them
// (fashn 0.9, `types/prediction_run_params.py`, and the API's pages).
//
// Inputs are judged strictly: an input that the model does not have, another type or another word is a 400, so that a
// slip of the client shows. A photo that is none fails the prediction with `ImageLoadError`, as the service does.

internal import Contract
package import LoopbackServer
package import RunwaySimulator
package import ServiceSimulator

/// How FASHN AI speaks.
package struct FashnDialect: Dialect {
    package var concurrent = 6
    package var addressLifetime = 72 * 3600.0
    package let renewsAddresses = false
    package let signsAddresses = false

    package init() {}
}

extension FashnDialect {
    package func route(_ target: Target) -> (route: ServiceRoute, verb: String)? {
        let parts = target.path.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map(String.init)
        switch parts {
        case ["v1", "run"]: return (.create("run"), "POST")
        case ["v1", "credits"]: return (.account, "GET")
        default: break
        }
        if parts.count == 3, parts[0] == "v1", parts[1] == "status" { return (.task(parts[2]), "GET") }
        if parts.count == 2, parts[1] == "output_0.png" { return (.output(parts[0]), "GET") }
        return nil
    }

    package func refusal(_ request: LoopbackRequest, keys: Set<String>) -> Answer? {
        let value = request.header("Authorization") ?? ""
        if value.hasPrefix("Bearer "), keys.contains(String(value.dropFirst(7))) { return nil }
        return failure(401, "UnauthorizedAccess", "Invalid or missing API key.")
    }

    package func taskID(_ uuid: String) -> String { "\(uuid)-u1" }
    package func pollPath(_ id: String) -> String { "/v1/status/\(id)" }
    package func outputPath(_ id: String) -> String { "/\(id)/output_0.png" }
    package func charges(_ flaw: Flaw) -> Bool { false }

    package func created(_ task: TaskView) -> Answer {
        .json { writer in
            writer.member("id", task.id)
            writer.member("error", nil as String?)
            if case .extraUnknownFields = task.fault { writer.member("region", "simulated") }
        }
    }

    package func state(_ task: TaskView) -> Answer {
        var answer = Answer.json { writer in
            writer.member("id", task.id)
            writer.member("status", status(task))
            writer.key("output")
            if let address = task.address {
                writer.beginArray()
                writer.string(address)
                writer.endArray()
            } else {
                writer.raw(Array("null".utf8))
            }
            writer.key("error")
            guard case .failed(let flaw) = task.phase else { return writer.raw(Array("null".utf8)) }
            writer.beginObject()
            if case .missingFailureCode = task.fault {} else { writer.member("name", flaw.code) }
            writer.member("message", flaw.message)
            writer.endObject()
        }
        if let billed = task.billed, task.phase == .succeeded || billed > 0 {
            answer.headers.append(("x-fashn-credits-used", "\(Int(billed))"))
        }
        if case .withoutEstimate = task.fault { answer.headers.removeAll { $0.0 == "x-fashn-credits-used" } }
        return answer
    }

    private func status(_ task: TaskView) -> String {
        if case .unknownStatus(let word) = task.fault { return word }
        switch task.phase {
        case .waiting: return "in_queue"
        case .running: return "processing"
        case .succeeded: return "completed"
        case .failed: return "failed"
        case .cancelled: return "canceled"
        }
    }

    package func account(_ credits: Double) -> Answer {
        .json { writer in
            writer.key("credits")
            writer.beginObject()
            writer.member("total", Int(credits))
            writer.member("subscription", 0)
            writer.member("on_demand", Int(credits))
            writer.endObject()
        }
    }

    package func unknownTask(_ id: String) -> Answer { failure(404, "NotFound", "Prediction not found.") }

    package func obstacle(_ obstacle: OrderObstacle) -> Answer {
        switch obstacle {
        case .noCredit: failure(429, "OutOfCredits", "You have no credits left.")
        case .tooManyAtOnce: failure(429, "ConcurrencyLimitExceeded", "Too many predictions at once.")
        }
    }

    package func error(_ status: Int, _ text: String) -> Answer {
        switch status {
        case 404: failure(404, "NotFound", text)
        default: failure(status == 422 ? 400 : status, "BadRequest", text)
        }
    }

    private func failure(_ status: Int, _ code: String, _ message: String) -> Answer {
        .json(status) { writer in
            writer.member("error", code)
            writer.member("message", message)
        }
    }
}
