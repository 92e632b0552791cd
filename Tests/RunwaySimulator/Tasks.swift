// Reading and removing tasks, and the downloads of what they made.
//
// What is made is a PNG of the asked size whatever `outputFormat` says, and for videos an MP4 of such pictures.

internal import Contract
internal import Digest
internal import LoopbackServer

extension Core {
    /// Answers `GET /v1/tasks/{id}`.
    func readTask(_ id: String, _ target: Target, _ request: LoopbackRequest) -> LoopbackReply {
        let call = FaultCall(path: target.path)
        if let reply = spoiled(.poll, call) {
            now { live, moment in _ = live.book.poll(id, at: moment) }
            return reply
        }
        let (found, fault) = commit(.poll, call) { live, moment, fault in
            switch fault {
            case .forgotten: live.book.forget(id)
            case .cancelledElsewhere: live.book.cancelFromElsewhere(id, at: moment)
            default: break
            }
            let task = live.book.poll(id, at: moment)
            live.signatures += 1
            let isDone = if case .forgotten = fault { true } else { task != nil }
            return ((task: task, moment: moment, signature: live.signatures), isDone)
        }
        guard let task = found.task else { return Answer.error(404, "Could not find Task").reply }
        let base = base(of: request)
        let answer = Answer.json { writer in
            write(task, at: found.moment, base: base, signature: found.signature, fault, &writer)
        }
        return Disturbance.reply(answer, fault)
    }

    private func write(
        _ task: TaskRecord, at moment: Int64, base: String, signature: Int, _ fault: Fault?,
        _ writer: inout JSONWriter
    ) {
        let phase = task.phase(at: moment)
        writer.member("id", task.id)
        if case .unknownStatus(let status) = fault {
            writer.member("status", status)
        } else {
            writer.member("status", phase.status)
        }
        writer.member("createdAt", Timestamp(nanoseconds: task.createdAt).rfc3339)
        switch phase {
        case .running(let progress): writer.member("progress", progress)
        case .succeeded: writeOutputs(task, at: moment, base: base, signature: signature, &writer)
        case .failed(let code, let message):
            writer.member("failure", message)
            if case .missingFailureCode = fault {} else if let code { writer.member("failureCode", code) }
        case .pending, .throttled, .cancelled: break
        }
        if let billed = task.billed {
            Self.write(Double(billed), "cost", &writer)
        } else if case .withoutEstimate = fault {
        } else {
            Self.write(task.order.estimate, "estimatedCost", &writer)
        }
        Self.writeUnknown(fault, &writer)
    }

    private func writeOutputs(
        _ task: TaskRecord, at moment: Int64, base: String, signature: Int, _ writer: inout JSONWriter
    ) {
        let ending = task.order.kind == .video ? "mp4" : "png"
        writer.key("output")
        writer.beginArray()
        for index in 0..<task.order.outputs {
            let path = "/outputs/\(task.order.model)/\(task.id)/\(Self.slug(task.order.prompt))_\(index).\(ending)"
            let lapses = moment + Int64(configuration.urlLifetime * 1e9)
            writer.string("\(base)\(path)?_jwt=\(signer.token(for: path, lapses: lapses, number: signature))")
        }
        writer.endArray()
    }

    /// The first words of a prompt as they may stand in a path.
    private static func slug(_ prompt: String) -> String {
        let words = prompt.split { !$0.isASCII || !($0.isLetter || $0.isNumber) }.prefix(6)
        return words.isEmpty ? "picture" : words.joined(separator: "_")
    }

    /// Answers `DELETE /v1/tasks/{id}`.
    func removeTask(_ id: String, _ target: Target) -> LoopbackReply {
        let call = FaultCall(path: target.path)
        if let reply = spoiled(.cancel, call) { return reply }
        let (wasThere, fault) = commit(.cancel, call) { live, moment, _ in
            let wasThere = live.book.remove(id, at: moment)
            return (wasThere, wasThere)
        }
        guard wasThere else { return Answer.error(404, "Could not find Task").reply }
        return Disturbance.reply(Answer(status: 204), fault)
    }

    // MARK: Downloads

    /// Answers a download from the storage. The signature is the key; there is no other.
    func download(_ path: String, _ target: Target) -> LoopbackReply {
        let call = FaultCall(path: path)
        if let reply = spoiled(.download, call) {
            change { $0.book.counters.downloads += 1 }
            return reply
        }
        let parts = path.split(separator: "/")
        let id = String(parts[2])
        let (found, fault) = commit(.download, call) { live, moment, _ -> (answer: Found, isDone: Bool) in
            guard signer.isGood(target["_jwt"] ?? "", for: path, at: moment) else { return (.refused, false) }
            guard let order = live.book.download(id) else { return (.missing, false) }
            return (.order(order), true)
        }
        switch found {
        case .refused: return Answer.storage(403, "AccessDenied").reply
        case .missing: return Answer.storage(404, "NoSuchKey").reply
        case .order(let order):
            let index = parts[3].split(separator: "_").last.flatMap { Int($0.prefix { $0 != "." }) } ?? 0
            return Disturbance.reply(output(of: id, index, order, fault), fault)
        }
    }

    private enum Found: Sendable {
        case order(Order)
        case refused, missing
    }

    private func output(of id: String, _ index: Int, _ order: Order, _ fault: Fault?) -> Answer {
        let isStill = if case .stillInstead = fault { true } else { false }
        if order.kind == .video, !isStill {
            return Answer(headers: [("Content-Type", "video/mp4")], body: pictures.film(of: id, order: order))
        }
        return Answer(
            headers: [("Content-Type", "image/png")], body: pictures.picture(of: id, index: index, order: order))
    }
}

/// Signs addresses of outputs as Runway's storage does: a JWT (HS256) in the query, whose `exp` is the expiry.
struct AddressSigner: Sendable {
    private let secret: [UInt8]

    init(secret: String) { self.secret = Array(secret.utf8) }

    /// A token for a path. `number` makes each one different.
    func token(for path: String, lapses: Int64, number: Int) -> String {
        var writer = JSONWriter()
        writer.beginObject()
        // Whole seconds as a JWT has them; the simulator itself goes by the finer claim.
        writer.member("exp", Int((lapses + 999_999_999) / 1_000_000_000))
        writer.member("jti", String(number))
        writer.key("lapses")
        writer.number(text: String(lapses))
        writer.endObject()
        let head = Base64.urlEncoded(Array(#"{"alg":"HS256","typ":"JWT"}"#.utf8))
        let signed = "\(head).\(Base64.urlEncoded(writer.bytes))"
        return "\(signed).\(signature(signed, path))"
    }

    /// Whether a token is of ours, for this path, and not over.
    func isGood(_ token: String, for path: String, at moment: Int64) -> Bool {
        let parts = token.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, signature("\(parts[0]).\(parts[1])", path) == parts[2] else { return false }
        var payload = parts[1].replacing("-", with: "+").replacing("_", with: "/")
        payload += String(repeating: "=", count: (4 - payload.utf8.count % 4) % 4)
        guard let bytes = Base64.decode(payload[...].utf8) else { return false }
        do throws(JSONFault) {
            let lapses = try JSONDocument(parsing: bytes).root["lapses"]
            guard case .number(let text) = lapses?.value, let end = Int64(text) else { return false }
            return moment < end
        } catch {
            return false
        }
    }

    /// HMAC-SHA256 (RFC 2104) over the token's text and the path, which the token does not carry.
    private func signature(_ text: String, _ path: String) -> String {
        let key = secret + [UInt8](repeating: 0, count: 64 - secret.count)
        let inner = SHA256.of(key.map { $0 ^ 0x36 } + Array((text + path).utf8))
        return Base64.urlEncoded(SHA256.of(key.map { $0 ^ 0x5C } + inner.bytes).bytes)
    }
}
