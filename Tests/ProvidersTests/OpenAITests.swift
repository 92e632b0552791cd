// OpenAI: what is sent, what each thing that can come back means, and what it costs.

import Contract
import Testing
import Transfer

@testable import Providers

private let key = "sk-0123456789abcdef"
/// The smallest picture that begins like one, as base64 and as bytes.
private let jpeg: [UInt8] = [0xFF, 0xD8, 0xFF, 0xE0]
private let made =
    #"{"created":1,"data":[{"b64_json":"/9j/4A=="}],"usage":{"input_tokens":1151,"input_tokens_details":"#
    + #"{"image_tokens":1024,"text_tokens":127},"output_tokens":1372,"total_tokens":2523}}"#

private func openAI(_ wire: Wire, change: (inout OpenAISettings) -> Void = { _ in }) -> OpenAI {
    var settings = OpenAISettings()
    settings.baseURL = "https://api.example.test"
    change(&settings)
    return OpenAI(settings, key: key, transfer: wire)
}

private func order(_ prompt: String = "a person wears image 1", references: Int = 2) -> Order {
    let model = OpenAIModel.all[0].traits
    return Order(
        kind: .image, model: model, size: model.defaultSize, seed: nil, prompt: prompt,
        references: (1...references).map { Sample.reference(nil, image: [0xFF, 0xD8, UInt8($0)]) })
}

private func submit(_ outcome: Wire.Outcome, change: (inout OpenAISettings) -> Void = { _ in }) async -> Submission {
    await openAI(Wire(always: outcome), change: change).submit(order())
}

@Suite("OpenAI")
struct OpenAITests {
    // MARK: - What is sent

    @Test("an order goes out once, as a form, byte for byte, with the key for its own origin and the account's headers")
    func exactForm() async throws {
        let wire = Wire(always: .answer(200, made))
        _ = await openAI(wire) {
            ($0.baseURL, $0.organization, $0.project) = ("https://API.example.test:8443/v1/", "org-1", "proj-2")
        }.submit(order())
        #expect(wire.requests.count == 1)
        let request = try #require(wire.requests.first)
        #expect(request.method == .post && request.url == "https://API.example.test:8443/v1/images/edits")
        #expect(request.credential?.origin == "https://api.example.test:8443" && request.redirects == 0)
        #expect(request.credential?.value == "Bearer \(key)" && request.header("Authorization") == nil)
        #expect(request.header("OpenAI-Organization") == "org-1" && request.header("OpenAI-Project") == "proj-2")
        #expect(request.limits.stall >= 180_000_000_000 && request.limits.total >= 180_000_000_000)
        let boundary = "vizd-" + "d13255" + String(repeating: "0", count: 20) + "-0"
        #expect(request.header("Content-Type") == "multipart/form-data; boundary=\(boundary)")
        let field = { (name: String, value: String) -> [UInt8] in
            Array("--\(boundary)\r\nContent-Disposition: form-data; name=\"\(name)\"\r\n\r\n\(value)\r\n".utf8)
        }
        let photo = { (number: Int) -> [UInt8] in
            let head =
                "--\(boundary)\r\nContent-Disposition: form-data; name=\"image[]\"; "
                + "filename=\"image-\(number).jpg\"\r\nContent-Type: image/jpeg\r\n\r\n"
            return Array(head.utf8) + [0xFF, 0xD8, UInt8(number), 0x0D, 0x0A]
        }
        let fields = [
            ("model", "gpt-image-2"), ("prompt", "a person wears image 1"), ("n", "1"), ("size", "1024x1536"),
            ("quality", "medium"), ("output_format", "jpeg"), ("output_compression", "95"), ("background", "opaque"),
        ]
        var body: [UInt8] = []
        for (name, value) in fields { body += field(name, value) }
        body += photo(1)
        body += photo(2)
        body += "--\(boundary)--\r\n".utf8
        #expect(request.sentBytes == body)
    }

    @Test("a prompt that contains the boundary brings no fields of its own")
    func boundary() throws {
        let first = OpenAIForm.boundary("d1", for: "")
        let hostile = "shirt\r\n--\(first)\r\nContent-Disposition: form-data; name=\"n\"\r\n\r\n10"
        let form = OpenAIForm.encode(order(hostile), quality: .low)
        let mark = try #require(form.contentType.split(separator: "=").last)
        #expect(!hostile.contains("--\(mark)"))
        let text = String(decoding: form.bytes, as: UTF8.self)
        #expect(text.components("--\(mark)\r\n") == 10)
    }

    // MARK: - What came back

    @Test("a picture comes with its price by the tokens, an escaped slash and missing padding in its text or not")
    func picture() async throws {
        let price = Price(credits: nil, microdollars: 127 * 5 + 1024 * 8 + 1372 * 30)
        let same = [made, made.replacing("/9j", with: #"\/9j"#), made.replacing("==", with: "")]
        for text in same {
            #expect(await submit(.answer(200, text)) == .made(GeneratedPicture(bytes: jpeg), price: price), "\(text)")
        }
        let bare = await submit(.answer(200, #"{"data":[{"b64_json":"/9j/4A=="}]}"#))
        #expect(bare == .made(GeneratedPicture(bytes: jpeg), price: nil))
        let untold = #"{"data":[{"b64_json":"/9j/4A=="}],"usage":{"input_tokens":100,"output_tokens":10}}"#
        let dear = Price(credits: nil, microdollars: 100 * 8 + 10 * 30)
        #expect(await submit(.answer(200, untold)) == .made(GeneratedPicture(bytes: jpeg), price: dear))
    }

    @Test("an answer of success without a picture that can be used is charged, and is no open question")
    func spoiled() async throws {
        let usage = #""usage":{"input_tokens":10,"output_tokens":10}"#
        for text in [
            #"{"data":[],\#(usage)}"#, #"{\#(usage)}"#, #"{"data":[{"b64_json":"@@@@"}],\#(usage)}"#,
            #"{"data":[{"b64_json":"/9j/4"}],\#(usage)}"#, #"{"data":[{"b64_json":""}],\#(usage)}"#,
            #"{"data":[{"b64_json":"PGh0bWw+"}],\#(usage)}"#, #"{"data":[{"b64_json":null}],\#(usage)}"#,
        ] {
            guard case .spoiled(let failure, let price) = await submit(.answer(200, text)) else {
                Issue.record("\(text) is not spoiled")
                continue
            }
            #expect(failure.code == .generationFailed && price?.microdollars == 380, "\(text)")
        }
        let small = await submit(.answer(200, made)) { $0.pictureBytes = 0 }
        guard case .spoiled(let failure, _?) = small else {
            Issue.record("\(small)")
            return
        }
        #expect(failure.code == .downloadTooLarge && failure.message.contains("limits.downloadBytes"))
        let cut = await submit(.broken(.tooLarge, .whole, status: 200))
        guard case .spoiled(let other, nil) = cut else {
            Issue.record("\(cut)")
            return
        }
        #expect(other.code == .downloadTooLarge)
    }

    @Test("whatever leaves a doubt whether a picture was made is lost, and nothing else is")
    func lost() async {
        for status in [100, 303, 408, 500, 502, 503, 504, 520] {
            #expect(await submit(.answer(status, "{}")).loss?.httpStatus == status, "\(status)")
        }
        for text in ["", "<html>", "[]", #"{"data":["#] {
            #expect(await submit(.answer(200, text)).loss != nil, "\(text)")
        }
        for code in [TransferFailure.Code.broken, .stalled, .timedOut, .cutShort, .malformed, .cancelled] {
            #expect(await submit(.broken(code, .whole)).loss != nil, "\(code)")
            #expect(await submit(.broken(code, .whole, status: 200)).loss != nil, "\(code)")
            #expect(await submit(.broken(code, .part, status: 200)).loss != nil, "\(code)")
            #expect(await submit(.broken(code, .nothing)).refusal?.code == .providerUnavailable, "\(code)")
            #expect(await submit(.broken(code, .part)).refusal?.retry == .later(seconds: nil), "\(code)")
            #expect(await submit(.broken(code, .whole, status: 401)).refusal?.code == .providerAuth, "\(code)")
        }
        #expect(await submit(.broken(.refusedURL, .nothing)).refusal?.retry == .never)
    }

    private static func error(_ code: String, type: String = "invalid_request_error", more: String = "") -> String {
        #"{"error":{"message":"Words of theirs.","type":"\#(type)","param":null,"code":"\#(code)"\#(more)}}"#
    }

    @Test("each refusal has its code, and only a rate limit is tried again")
    func refusals() async {
        let image = "image_generation_user_error"
        let rows: [(Int, String, ResultCode, Bool)] = [
            (400, Self.error("invalid_value"), .providerRejected, false),
            (400, Self.error("invalid_image_file", type: image), .providerRejected, false),
            (400, Self.error("moderation_blocked", type: image), .moderation, false),
            (400, Self.error("x", more: #","moderation_details":{"moderation_stage":"input"}"#), .moderation, false),
            (400, Self.error("billing_hard_limit_reached"), .providerNoCredit, false),
            (401, Self.error("invalid_api_key"), .providerAuth, false), (403, "", .providerAuth, false),
            (404, Self.error("model_not_found"), .providerRejected, false), (413, "", .providerRejected, false),
            (429, Self.error("rate_limit_exceeded", type: "requests"), .providerUnavailable, true),
            (429, Self.error("slow_down"), .providerUnavailable, true), (429, "", .providerUnavailable, true),
            (429, Self.error("insufficient_quota", type: "insufficient_quota"), .providerNoCredit, false),
            (429, Self.error("credit_balance_exhausted", type: "insufficient_quota"), .providerNoCredit, false),
            (429, Self.error("project_spend_limit_exceeded"), .providerNoCredit, false),
            (302, "", .providerRejected, false), (422, "", .providerRejected, false),
        ]
        for (status, body, code, passes) in rows {
            let headers = [TransferHeader("Retry-After", "7"), TransferHeader("x-request-id", "req_42")]
            let failure = await submit(.answer(status, body, headers)).refusal
            #expect(failure?.code == code, "\(status) \(body)")
            #expect(failure?.retry == (passes ? .later(seconds: 7) : .never), "\(status) \(body)")
            #expect(failure?.message.contains("req_42") == true && failure?.httpStatus == status)
        }
    }

    @Test("a picture that moderation took back after it was made may be charged")
    func moderatedOutput() async {
        let body = Self.error(
            "moderation_blocked",
            more: #","moderation_details":{"moderation_stage":"output","categories":["violence"]}"#)
        guard case .spoiled(let failure, nil) = await submit(.answer(400, body)) else {
            Issue.record("it is not spoiled")
            return
        }
        #expect(failure.code == .moderation && failure.message.contains("violence"))
    }

    @Test("no key, address or picture of theirs comes into a message")
    func redaction() async {
        let echo = "Incorrect key \(key) sk-abcdefgh12345678 https://x.test/a?sig=secret data:image/png;base64,AAAA"
        for outcome in [
            Wire.Outcome.answer(401, Self.error("invalid_api_key").replacing("Words of theirs.", with: echo)),
            .answer(400, Self.error("invalid_value").replacing("Words of theirs.", with: echo)),
            .answer(500, echo, [TransferHeader("x-request-id", "req_\(key)")]),
        ] {
            let answer = await submit(outcome)
            let text = (answer.refusal?.message ?? "") + (answer.loss?.message ?? "")
            #expect(!text.isEmpty)
            for secret in [key, "abcdefgh12345678", "secret", "AAAA"] { #expect(!text.contains(secret), "\(text)") }
        }
    }

    // MARK: - Money and limits

    @Test("what is reserved is never less than the published prices and the measured bill")
    func ceiling() throws {
        let square = PixelSize(width: 1024, height: 1024)
        let published: [(String, OpenAIQuality, PixelSize, Int64)] = [
            ("gpt-image-2", .low, square, 6000), ("gpt-image-2", .medium, square, 53_000),
            ("gpt-image-2", .high, square, 211_000),
            ("gpt-image-2", .high, PixelSize(width: 1024, height: 1536), 165_000),
            ("gpt-image-1.5", .high, square, 133_000),
            ("gpt-image-1.5", .high, PixelSize(width: 1024, height: 1536), 200_000),
            ("gpt-image-1-mini", .low, square, 5000),
        ]
        for (name, quality, size, price) in published {
            let model = try #require(OpenAIModel.all.first { $0.name == name })
            let bare = model.ceiling(size, quality: quality, promptBytes: 0, references: [])
            #expect(bare >= price, "\(name) \(quality) \(size): \(bare)")
            let dressed = model.ceiling(size, quality: quality, promptBytes: 400, references: [square])
            #expect(dressed >= bare + 1151 * 8, "\(name)")
        }
        #expect(openAI(Wire(always: .answer(200))).price(order()).microdollars > 41_000)
    }

    @Test("sizes are those of the model: any on a grid of sixteen for the second generation, three for the others")
    func sizes() {
        let any = OpenAIModel.all[0].sizes
        for (width, height, isMade) in [
            (1024, 1536, true), (1152, 1536, true), (3840, 2160, true), (1080, 1440, false), (512, 512, false),
            (3856, 2160, false), (3840, 1264, false), (3840, 3840, false), (16, 16, false),
        ] {
            #expect(any.admits(PixelSize(width: width, height: height)) == isMade, "\(width):\(height)")
        }
        #expect(any.phrase.contains("multiples of 16"))
        #expect(!OpenAIModel.all[3].sizes.admits(PixelSize(width: 1152, height: 1536)))
    }

    @Test("without its key it says which setting is missing; with it the configured model is the default")
    func entry() {
        var environment = ProviderEnvironment(
            painter: NoPainter(), transfer: Wire(always: .answer(200)), monotonicClock: { 0 })
        guard case .missing(let id, _, let setting) = OpenAI.entry(environment) else {
            Issue.record("it is there without a key")
            return
        }
        #expect(id == "openai" && setting == "openai.apiKey")
        (environment.openai.apiKey, environment.openai.model) = (key, "gpt-image-1-mini")
        guard case .ready(let provider) = OpenAI.entry(environment) else {
            Issue.record("it is not there")
            return
        }
        #expect(provider.traits.models[0].name == "gpt-image-1-mini" && provider.traits.hasLongCalls)
        #expect(provider.traits.models.count == OpenAIModel.all.count && !provider.traits.isFree)
    }

    @Test("as many calls are let in as the configuration says, and none ahead of them")
    func places() async throws {
        let account = try #require(try await openAI(Wire(always: .answer(200))) { $0.concurrent = 3 }.account())
        #expect(account.models["gpt-image-2"] == Allowance(atOnce: 3))
    }

    @Test("a picture of tens of megabytes is found and decoded, whatever stands around it")
    func large() throws {
        var picture = jpeg
        var dice = Dice(7)
        picture += (0..<3_000_000).map { _ in UInt8(dice.roll(256)) }
        for cut in 0..<3 {
            let bytes = Array(picture.dropLast(cut))
            let text =
                Array(#"{"note":"b64_json","b64_json_":"x","a":["b64_json"],"data":[{"b64_json" : ""#.utf8)
                + base64(bytes) + Array(#""}],"b":"\"b64_json\":"}"#.utf8)
            #expect(OpenAIAnswer(text, limit: bytes.count)?.picture == .whole(bytes))
            #expect(OpenAIAnswer(text, limit: bytes.count - 3)?.picture == .tooLarge)
        }
    }

    @Test("no bytes in place of an answer end in anything but an answer")
    func garbage() {
        var dice = Dice(11)
        let source = Array(made.utf8)
        for _ in 0..<3000 {
            var bytes = source
            for _ in 0...dice.roll(4) { bytes[dice.roll(bytes.count)] = UInt8(dice.roll(256)) }
            if dice.roll(3) == 0 { bytes.removeLast(dice.roll(bytes.count)) }
            if case .whole(let picture)? = OpenAIAnswer(bytes, limit: 100)?.picture { #expect(picture.count <= 100) }
        }
    }
}

private struct NoPainter: SheetPainting {
    func paint(_ sheet: FlatLaySheet, _ references: [Reference]) async throws(ProviderFailure) -> [UInt8] { [] }
}

/// Another encoder than the one that is tested elsewhere.
private func base64(_ bytes: [UInt8]) -> [UInt8] {
    Array(OrderText.quoted(bytes).dropFirst(#""data:image/jpeg;base64,"#.utf8.count).dropLast())
}

extension String {
    /// How often a text stands in it.
    fileprivate func components(_ part: String) -> Int { ranges(of: part).count }
}
