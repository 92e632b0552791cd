// FASHN AI: what is sent, and what each thing that can come back means.

import Contract
import Testing
import Transfer

@testable import Providers

private let id = "123a87r9-4129-4bb3-be18-9c9fb5bd7fc1-u1"
private let created = #"{"id":"\#(id)","error":null}"#
private let key = "fa-0123456789ab-0123456789abcdef"

private func fashn(_ wire: Wire, seed: Int64 = 5, _ change: (inout ServiceSettings) -> Void = { _ in }) -> Fashn {
    var settings = ServiceSettings(baseURL: "https://api.example.test/", model: "", concurrent: 7)
    change(&settings)
    return Fashn(settings, key: key, transfer: wire, clock: { seed })
}

private func order(
    _ model: String = "product-to-model", size: PixelSize? = nil, seed: UInt32? = nil, prompt: String? = "p",
    withPerson: Bool = false
) -> Order {
    guard let traits = FashnModel.all.first(where: { $0.name == model })?.traits else {
        preconditionFailure("no model \(model)")
    }
    var references = [Sample.reference(nil, image: [1, 2, 3])]
    if withPerson {
        references.append(Sample.reference(nil, image: [0xFF, 0xD8, 0xFF, 0xE0]))
        references[1].role = .person
    }
    return Order(
        kind: .image, model: traits, size: size ?? traits.defaultSize, seed: seed, prompt: prompt,
        references: references)
}

@Suite("FASHN AI")
struct FashnTests {
    private func text(_ order: Order) -> String {
        String(decoding: FashnOrder.body(order, FashnModel.of(order), fallbackSeed: 5).bytes, as: UTF8.self)
    }

    // MARK: - What is sent

    @Test("an order goes out byte for byte, once, with the key as a bearer to its own origin")
    func exactBody() async throws {
        let wire = Wire(always: .answer(200, created))
        #expect(await fashn(wire).submit(order(seed: 7)) == .accepted(taskID: id, estimate: nil))
        let request = try #require(wire.requests.first)
        #expect(wire.requests.count == 1)
        #expect(request.method == .post && request.url == "https://api.example.test/v1/run")
        #expect(request.credential?.name == "Authorization" && request.credential?.value == "Bearer \(key)")
        #expect(request.credential?.origin == "https://api.example.test" && request.redirects == 0)
        #expect(request.limits.stall >= 60_000_000_000 && request.header("Content-Type") == "application/json")
        let body =
            #"{"model_name":"product-to-model","inputs":{"product_image":"data:image/jpeg;base64,AQID","prompt":"p","#
            + #""aspect_ratio":"3:4","resolution":"1k","seed":7,"generation_mode":"balanced","output_format":"png"}}"#
        #expect(String(decoding: request.sentBytes ?? [], as: UTF8.self) == body)
    }

    @Test("with a photo of a person each model dresses that person, and asks only for what it takes")
    func person() {
        #expect(
            text(order(withPerson: true))
                == #"{"model_name":"product-to-model","inputs":{"product_image":"data:image/jpeg;base64,AQID","#
                + #""model_image":"data:image/jpeg;base64,/9j/4A==","prompt":"p","resolution":"1k","seed":5,"#
                + #""generation_mode":"balanced","output_format":"png"}}"#, "the picture has the photo's shape")
        #expect(
            text(order("tryon-max", size: PixelSize(width: 2048, height: 2048), withPerson: true))
                == #"{"model_name":"tryon-max","inputs":{"product_image":"data:image/jpeg;base64,AQID","#
                + #""model_image":"data:image/jpeg;base64,/9j/4A==","prompt":"p","aspect_ratio":"1:1","#
                + #""resolution":"2k","seed":5,"generation_mode":"balanced","num_images":1,"output_format":"png"}}"#)
        #expect(
            text(order("tryon-v1.6", prompt: nil, withPerson: true))
                == #"{"model_name":"tryon-v1.6","inputs":{"garment_image":"data:image/jpeg;base64,AQID","#
                + #""model_image":"data:image/jpeg;base64,/9j/4A==","seed":5,"mode":"quality","num_samples":1,"#
                + #""output_format":"png"}}"#)
    }

    @Test("an order without a seed gets another one each time, since a prediction without one repeats itself")
    func seeds() async throws {
        var bodies: Set<[UInt8]> = []
        for moment: Int64 in [1, 2, 1_099_511_627_779] {
            let wire = Wire(always: .answer(200, created))
            _ = await fashn(wire, seed: moment).submit(order())
            bodies.insert(try #require(wire.requests.first?.sentBytes))
        }
        #expect(bodies.count == 3)
    }

    @Test("the models: what needs a person says so, several garments share a picture where that makes sense")
    func models() {
        let traits = fashn(Wire(always: .answer(200))) { $0.model = "tryon-max" }.traits
        #expect(traits.models.map(\.name) == ["tryon-max", "product-to-model", "tryon-v1.6"])
        #expect(traits.displayName == "FASHN AI" && traits.id == "fashn" && !traits.isFree)
        #expect(traits.models.map(\.needsPersonImage) == [true, false, true])
        #expect(traits.models.map(\.references.sharesSheets) == [true, true, false])
        #expect(traits.models.allSatisfy { $0.takesPersonImage && !$0.references.countsPerson && $0.takesSeed })
        #expect(traits.models.map { $0.prompt == nil } == [false, false, true])
    }

    @Test("sizes are the exact shapes within one, four and sixteen times 1024 squared, and no two are the same")
    func sizes() {
        #expect(FashnSize.all.count == 30 && Set(FashnSize.all.map(\.pixels)).count == 30)
        #expect(FashnSize.standard.pixels == PixelSize(width: 864, height: 1152))
        for size in FashnSize.all {
            let (width, height) = (size.pixels.width, size.pixels.height)
            let limit = ["1k": 1, "2k": 4, "4k": 16][size.resolution].map { $0 << 20 } ?? 0
            #expect(width * height <= limit && width * height > limit * 8 / 10, "\(size)")
            let sides = size.shape.split(separator: ":").compactMap { Int($0) }
            #expect(width * sides[1] == height * sides[0] && width % 8 == 0 && height % 8 == 0, "\(size)")
        }
    }

    @Test("the prompt calls the one picture by what it is")
    func prompt() throws {
        let rule = try #require(FashnModel.all[0].traits.prompt)
        let pieces = ["Silk shirt", "Shorts"].map { PromptBrief.Piece(name: $0, category: nil) }
        var brief = PromptBrief(descriptor: nil, pictures: [pieces])
        brief.showsPerson = true
        let two = PromptWriter.write(brief, by: rule)
        #expect(two.text.contains("Model: the person in the model image."))
        #expect(two.text.contains("these 2 garments: the 2 in the product image (Silk shirt, Shorts)."))
        #expect(two.tags == [nil, nil])
        let one = PromptWriter.write(PromptBrief(descriptor: nil, pictures: [[pieces[0]]]), by: rule)
        #expect(one.text.contains("The model wears the garment in the product image (Silk shirt)."))
    }

    // MARK: - What comes back

    @Test("an answer to an order is a prediction, a refusal or in doubt, by its status and its code")
    func answers() async {
        let refusals: [(Int, String, ResultCode, Bool)] = [
            (400, "BadRequest", .providerRejected, false), (401, "UnauthorizedAccess", .providerAuth, false),
            (402, "OutOfCredits", .providerNoCredit, false), (403, "Forbidden", .providerAuth, false),
            (404, "NotFound", .providerRejected, false), (413, "TooLarge", .providerRejected, false),
            (429, "OutOfCredits", .providerNoCredit, false), (429, "RateLimitExceeded", .providerUnavailable, true),
            (429, "ConcurrencyLimitExceeded", .providerUnavailable, true), (307, "", .providerRejected, false),
        ]
        for (status, code, meaning, isLater) in refusals {
            let wire = Wire(always: .answer(status, #"{"error":"\#(code)","message":"So it is."}"#))
            let failure = await fashn(wire).submit(order()).refusal
            #expect(failure?.code == meaning && failure?.httpStatus == status, "\(status) \(code): \(failure as Any)")
            #expect((failure?.retry == .later(seconds: nil)) == isLater, "\(status) \(code)")
            #expect(failure?.providerCode == code, "\(status) \(code)")
            #expect(failure?.message.contains("So it is") == true, "\(status) \(code)")
        }
        for status in [500, 502, 503, 408, 303, 304] {
            let wire = Wire(always: .answer(status, #"{"error":"InternalServerError","message":"x"}"#))
            #expect(await fashn(wire).submit(order()).loss?.httpStatus == status)
        }
        for body in ["", "{}", "[]", #"{"id":7}"#, #"{"id":"a/b"}"#, #"{"id":""}"#, #"{"id":null,"error":"No."}"#] {
            #expect(await fashn(Wire(always: .answer(200, body))).submit(order()).loss != nil, "\(body)")
        }
    }

    @Test("without an answer it depends on what was sent, whatever the reason")
    func noAnswer() async {
        for code in TransferFailure.Code.allCases {
            for sent in [TransferSent.nothing, .part, .whole] {
                let answer = await fashn(Wire(always: .broken(code, sent))).submit(order())
                #expect((answer.loss != nil) == (sent == .whole), "\(code) \(sent)")
            }
        }
        let early = await fashn(Wire(always: .broken(.cutShort, .part, status: 200))).submit(order())
        #expect(early.loss?.httpStatus == 200)
        let refused = await fashn(Wire(always: .broken(.cutShort, .whole, status: 400))).submit(order())
        #expect(refused.refusal?.code == .providerRejected)
    }

    private func poll(_ body: String, _ headers: [TransferHeader] = []) async throws -> TaskState {
        try await fashn(Wire(always: .answer(200, body, headers))).poll(id).state
    }

    @Test("each status of a prediction is what it says, and what it cost stands in a header")
    func statuses() async throws {
        #expect(try await poll(#"{"status":"starting"}"#) == .waiting(.queued))
        #expect(try await poll(#"{"status":"in_queue"}"#) == .waiting(.queued))
        #expect(try await poll(#"{"status":"processing"}"#) == .running(progress: nil))
        #expect(try await poll(#"{"status":"dreaming"}"#) == .waiting(.unknown("dreaming")))
        let done = #"{"status":"completed","output":["https://cdn.fashn.ai/x/output_0.png"]}"#
        let address = ["https://cdn.fashn.ai/x/output_0.png"]
        let credits = Price(credits: 3, microdollars: 225_000)
        let told = [TransferHeader("X-Fashn-Credits-Used", "3")]
        #expect(try await poll(done, told) == .done(outputs: address, price: credits))
        for silent in [
            [], [TransferHeader("x-fashn-credits-used", "three")], [TransferHeader("x-fashn-credits-used", "-1")],
        ] {
            #expect(try await poll(done, silent) == .done(outputs: address, price: nil))
        }
        for output in ["null", "[]", #"["data:image/png;base64,AA"]"#, #"["https://a b"]"#, #""https://a""#] {
            guard
                case .failed(let failure, let price) = try await poll(
                    #"{"status":"completed","output":\#(output)}"#, told)
            else {
                Issue.record("\(output)")
                continue
            }
            #expect(failure.providerCode == "NO_OUTPUT" && !failure.retryable && price == credits, "\(output)")
        }
        guard case .gone(let code, _, _) = try await poll(#"{"status":"canceled"}"#) else {
            Issue.record("not gone")
            return
        }
        #expect(code == "CANCELLED")
        guard case .failed(let late, let price) = try await poll(#"{"status":"time_out"}"#) else {
            Issue.record("not failed")
            return
        }
        #expect(late.retryable && price == nil, "nobody says what it cost")
    }

    @Test("each name of a failure means what the pages say, and a failure is free unless the header says otherwise")
    func failures() async throws {
        let names: [(String?, ResultCode, Bool)] = [
            ("ImageLoadError", .generationFailed, false), ("ContentModerationError", .moderation, false),
            ("PoseError", .generationFailed, false), ("InputValidationError", .generationFailed, false),
            ("PipelineError", .generationFailed, true), ("ThirdPartyError", .generationFailed, true),
            ("3rdPartyProviderError", .generationFailed, true), ("InternalServerError", .generationFailed, true),
            ("SomethingNew", .generationFailed, true), ("", .generationFailed, true), (nil, .generationFailed, true),
        ]
        for (name, code, isRetryable) in names {
            let named = name.map { #""name":"\#($0)","# } ?? ""
            let body = #"{"status":"failed","error":{\#(named)"message":"It went wrong."}}"#
            guard case .failed(let failure, let price) = try await poll(body) else {
                Issue.record("\(name as Any)")
                continue
            }
            #expect(failure.code == code && failure.retryable == isRetryable, "\(name as Any)")
            #expect(failure.providerCode == (name == "" ? nil : name) && price == Price(credits: 0, microdollars: 0))
            #expect(failure.message.contains("It went wrong."))
        }
        let charged = try await poll(#"{"status":"failed"}"#, [TransferHeader("x-fashn-credits-used", "1")])
        guard case .failed(_, let price) = charged else {
            Issue.record("\(charged)")
            return
        }
        #expect(price == Price(credits: 1, microdollars: 75_000))
    }

    @Test("the account is its credits and as many predictions at once as are set: six where nobody says")
    func account() async throws {
        let body = #"{"credits":{"total":12.5,"subscription":2.5,"on_demand":10}}"#
        let wire = Wire(always: .answer(200, body))
        let account = try #require(try await fashn(wire).account())
        #expect(account.balance == 12.5 && wire.requests.map(\.url) == ["https://api.example.test/v1/credits"])
        let allowance = Allowance(atOnce: 7)
        #expect(account.models["product-to-model"] == allowance && account.models.count == 3)
        #expect(Fashn.standard.concurrent == 6)
        for body in ["", "{}", #"{"credits":7}"#] {
            #expect(await failure { try await fashn(Wire(always: .answer(200, body))).account() } != nil, "\(body)")
        }
    }
}
