// Black Forest Labs on this machine: the FLUX.2 endpoints as far as a client meets them (the API's pages and its
// OpenAPI document).
//
// Fields are judged strictly: one that the endpoint does not have, another type or a size off the grid is a 422 with
// its place, so that a slip of the client shows. A task is answered at the address that its order named; the address of
// a picture serves ten minutes from the task's end, and reading the task again does not renew it unless told so.

internal import Contract
package import LoopbackServer
package import RunwaySimulator
package import ServiceSimulator

/// How Black Forest Labs speak.
package struct BFLDialect: Dialect {
    package var concurrent = 24
    package var addressLifetime = 600.0
    /// Nowhere written: both are simulated.
    package var renewsAddresses = false
    package let signsAddresses = true

    package init() {}
}

extension BFLDialect {
    package func route(_ target: Target) -> (route: ServiceRoute, verb: String)? {
        let parts = target.path.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map(String.init)
        switch parts {
        case ["v1", "credits"]: return (.account, "GET")
        // The cluster in the address is part of it: only as it was handed out it leads to the task.
        case ["cluster-7", "v1", "get_result"]: return (.task(target["id"] ?? ""), "GET")
        default: break
        }
        if parts.count == 2, parts[0] == "v1", parts[1].hasPrefix("flux-") { return (.create(parts[1]), "POST") }
        if parts.count == 3, parts[0] == "results", parts[2] == "sample.png" { return (.output(parts[1]), "GET") }
        return nil
    }

    package func refusal(_ request: LoopbackRequest, keys: Set<String>) -> Answer? {
        if keys.contains(request.header("x-key") ?? "") { return nil }
        return error(403, "Not authenticated - Invalid Authentication")
    }

    package func taskID(_ uuid: String) -> String { uuid }
    package func pollPath(_ id: String) -> String { "/cluster-7/v1/get_result?id=\(id)" }
    package func outputPath(_ id: String) -> String { "/results/\(id)/sample.png" }
    /// Nowhere written: what was made is charged, what was refused is not.
    package func charges(_ flaw: Flaw) -> Bool { flaw.code == "Content Moderated" }

    package func created(_ task: TaskView) -> Answer {
        .json { writer in
            writer.member("id", task.id)
            writer.member("polling_url", task.pollAddress)
            if case .withoutEstimate = task.fault {} else { writer.member("cost", task.order.credits) }
            writer.key("input_mp")
            writer.raw(Array("null".utf8))
            if case .extraUnknownFields = task.fault { writer.member("region", "simulated") }
        }
    }

    package func state(_ task: TaskView) -> Answer {
        .json { writer in
            writer.member("id", task.id)
            writer.member("status", status(task))
            writer.key("result")
            if let address = task.address {
                writer.beginObject()
                writer.member("sample", address)
                writer.member("prompt", task.order.prompt)
                writer.member("seed", task.order.seed ?? 1)
                writer.endObject()
            } else {
                writer.raw(Array("null".utf8))
            }
            if case .running(let share) = task.phase { writer.member("progress", share) }
            guard case .failed(let flaw) = task.phase else { return }
            writer.key("details")
            writer.beginObject()
            if flaw.code?.hasSuffix("Moderated") ?? false {
                writer.key("Moderation Reasons")
                writer.beginArray()
                writer.string(flaw.message)
                writer.endArray()
            } else {
                writer.member("error", flaw.message)
            }
            writer.endObject()
        }
    }

    private func status(_ task: TaskView) -> String {
        if case .unknownStatus(let word) = task.fault { return word }
        switch task.phase {
        case .waiting: return "Pending"
        case .running: return "Generating"
        case .succeeded: return "Ready"
        case .failed(let flaw): return flaw.code ?? "Error"
        case .cancelled: return "Error"
        }
    }

    package func account(_ credits: Double) -> Answer { .json { $0.member("credits", credits) } }

    package func unknownTask(_ id: String) -> Answer {
        .json(404) { writer in
            writer.member("id", id)
            writer.member("status", "Task not found")
        }
    }

    package func obstacle(_ obstacle: OrderObstacle) -> Answer {
        switch obstacle {
        case .noCredit: error(402, "Insufficient credits.")
        case .tooManyAtOnce:
            .json(429) { writer in
                writer.member("detail", "Too many active tasks.")
                writer.member("retry_after", 1)
            }
        }
    }

    package func error(_ status: Int, _ text: String) -> Answer { .json(status) { $0.member("detail", text) } }
}
