// OpenAI on this machine: `POST /v1/images/edits` as far as a client that makes pictures meets it, on 127.0.0.1 and for
// nothing.
//
// As strict as what is known of the service (the form's fields, their values, the photos), and able to go wrong in
// every way that the service or the network can. Its books are the witness for what a client did: every call that
// arrived whole, every picture that was made and what it cost, whether or not the client ever saw it. The pictures are
// PNGs, whatever format is asked for.

internal import Contract
internal import Digest
internal import LoopbackServer
internal import RunwaySimulator
internal import Synchronization

/// How a simulator begins.
package struct OpenAIConfiguration: Sendable {
    package var port: UInt16 = 0
    /// The keys that are let in.
    package var keys: Set<String> = ["sk-simulator"]
    /// How long a picture takes, in milliseconds.
    package var duration = 20

    package init() {}
}

/// What goes wrong with one call.
package enum OpenAIFault: Sendable {
    /// Answered with this; nothing is made.
    case status(Int, body: String = "", headers: [(String, String)] = [])
    /// The connection breaks before anything is made.
    case drop
    /// A picture is made, and the connection breaks before the answer.
    case makeThenDrop
    /// A picture is made, and no answer ever comes.
    case makeThenStall
    /// A picture is made, and the answer is this status.
    case makeThenStatus(Int)
    /// A picture is made, and the answer of success has this body.
    case makeThenBody(String)
    /// The answer breaks off in its middle.
    case cutAnswer
    /// The picture's text is no base64.
    case brokenBase64
    /// The picture's bytes are none of an image.
    case notAPicture
    /// The answer has no picture in it.
    case noPicture
    /// The picture has so many bytes more, all of them zero.
    case padded(Int)
    /// The answer has no usage.
    case withoutUsage
    /// The answer comes so many milliseconds later.
    case late(Int)

    /// The refusals of OpenAI by their names.
    package static func error(
        _ status: Int, type: String, code: String, message: String, details: String = "",
        headers: [(String, String)] = []
    ) -> OpenAIFault {
        let body =
            #"{"error":{"message":"\#(message)","type":"\#(type)","param":null,"code":"\#(code)"\#(details)}}"#
        return .status(status, body: body, headers: headers)
    }

    /// Too many calls.
    package static let rateLimit = error(
        429, type: "requests", code: "rate_limit_exceeded", message: "Rate limit reached for images per minute.",
        headers: [("Retry-After", "1")])
    /// No money left.
    package static let quota = error(
        429, type: "insufficient_quota", code: "insufficient_quota", message: "You exceeded your current quota.")
    /// The prompt or a photo is refused, or, with `output`, the picture that was made.
    package static func moderation(_ stage: String) -> OpenAIFault {
        error(
            400, type: "image_generation_user_error", code: "moderation_blocked",
            message: "Your request was rejected by the safety system.",
            details: #","moderation_details":{"moderation_stage":"\#(stage)","categories":["sexual"]}"#)
    }

    /// Whether a picture is made for all that.
    var makes: Bool {
        switch self {
        case .status, .drop: false
        default: true
        }
    }
}

/// A picture that was made.
package struct OpenAIBooked: Sendable {
    package let model: String
    package let prompt: String
    package let size: String
    package let quality: String
    /// SHA-256 in hexadecimal of each photo, in the order of the form.
    package let references: [String]
    /// Millionths of a dollar, by the rates of gpt-image-2.
    package let microdollars: Int64
    /// Whether its answer was sent whole.
    package let isAnswered: Bool
}

/// Everything that happened.
package struct OpenAIBooks: Sendable {
    package var pictures: [OpenAIBooked] = []
    /// Calls that were received whole, whatever came of them.
    package var received = 0
    /// Of these, refused by a check.
    package var refused = 0
    /// `OpenAI-Organization` and `OpenAI-Project` of the last call that had them.
    package var organization: String?
    package var project: String?
}

/// A simulated OpenAI. It stops when it is let go of.
package final class OpenAISimulator: Sendable {
    private struct Live: Sendable {
        var books = OpenAIBooks()
        var faults: [(matching: String, fault: OpenAIFault)] = []
    }

    private let server: LoopbackServer
    private let state: State

    /// What the server's threads share.
    private final class State: Sendable {
        let configuration: OpenAIConfiguration
        let live = Mutex(Live())
        init(_ configuration: OpenAIConfiguration) { self.configuration = configuration }
    }

    /// Starts one.
    package init(_ configuration: OpenAIConfiguration = OpenAIConfiguration()) throws {
        let state = State(configuration)
        self.state = state
        server = try LoopbackServer(port: configuration.port, remembersRequests: false) {
            OpenAISimulator.answer($0, state)
        }
    }

    /// The port that it listens on.
    package var port: UInt16 { server.port }

    /// `http://127.0.0.1:PORT`.
    package var baseURL: String { "http://127.0.0.1:\(server.port)" }

    /// Lets something go wrong with the next calls whose prompt has these words; with every one where there are none.
    package func inject(_ fault: OpenAIFault, matching words: String = "", count: Int = 1) {
        state.live.withLock { live in for _ in 0..<count { live.faults.append((words, fault)) } }
    }

    /// What happened so far.
    package var books: OpenAIBooks { state.live.withLock { $0.books } }

    /// Stops listening and ends every connection.
    package func stop() { server.stop() }

    // MARK: - Calls

    private static func answer(_ request: LoopbackRequest, _ state: State) -> LoopbackReply {
        guard request.target == "/v1/images/edits" else { return refusal(404, "invalid_request_error", "unknown_url") }
        guard request.method == "POST" else { return refusal(405, "invalid_request_error", "method_not_supported") }
        state.live.withLock { live in
            live.books.received += 1
            live.books.organization = request.header("OpenAI-Organization") ?? live.books.organization
            live.books.project = request.header("OpenAI-Project") ?? live.books.project
        }
        let words = request.header("Authorization") ?? ""
        guard words.hasPrefix("Bearer "), state.configuration.keys.contains(String(words.dropFirst(7))) else {
            return refused(401, "invalid_request_error", "invalid_api_key", "Incorrect API key provided.", state)
        }
        let order: OpenAIEdit
        do throws(OpenAIObjection) {
            order = try OpenAIEdit(MultipartReader.parts(request))
        } catch {
            return refused(400, error.type, error.code, error.message, state)
        }
        return perform(order, state)
    }

    private static func perform(_ order: OpenAIEdit, _ state: State) -> LoopbackReply {
        let fault = state.live.withLock { live -> OpenAIFault? in
            guard let at = live.faults.firstIndex(where: { order.prompt.contains($0.matching) || $0.matching.isEmpty })
            else { return nil }
            return live.faults.remove(at: at).fault
        }
        if let fault, !fault.makes {
            guard case .status(let status, let body, let headers) = fault else { return .steps([.reset]) }
            let all = [("Content-Type", "application/json"), ("x-request-id", "req_simulated")] + headers
            return .answer(status: status, headers: all, body: Array(body.utf8))
        }
        wait(milliseconds: state.configuration.duration)
        let picture = OpenAIPicture(order, fault)
        let booked = OpenAIBooked(
            model: order.model, prompt: order.prompt, size: order.size, quality: order.quality,
            references: order.photos.map { SHA256.of($0).hex }, microdollars: order.microdollars,
            isAnswered: picture.isAnswered)
        state.live.withLock { $0.books.pictures.append(booked) }
        return picture.reply
    }

    private static func refused(_ status: Int, _ type: String, _ code: String, _ message: String, _ state: State)
        -> LoopbackReply
    {
        state.live.withLock { $0.books.refused += 1 }
        return refusal(status, type, code, message)
    }

    private static func refusal(_ status: Int, _ type: String, _ code: String, _ message: String = "No such thing.")
        -> LoopbackReply
    {
        var json = JSONWriter()
        json.beginObject()
        json.key("error")
        json.beginObject()
        json.member("message", message)
        json.member("type", type)
        json.member("param", nil as String?)
        json.member("code", code)
        json.endObject()
        json.endObject()
        return .answer(
            status: status, headers: [("Content-Type", "application/json"), ("x-request-id", "req_simulated")],
            body: json.bytes)
    }
}
