// Black Forest Labs: what is sent, and what each thing that can come back means.

import Contract
import Testing
import Transfer

@testable import Providers

private let id = "c8a1f0de-6f0b-4b8e-9f57-0d6f8f7b2a11"
private let address = "https://api.us1.bfl.ai/v1/get_result?id=\(id)"
private let created = #"{"id":"\#(id)","polling_url":"\#(address)","cost":4.5,"input_mp":1,"output_mp":1}"#
private let task = "\(id) cost=4.5 \(address)"
private let key = "8d2f6a10-93bb-4c55-a7c1-5f0e6b1d2c3a"

private func bfl(_ wire: Wire, base: String = "https://api.bfl.ai") -> BFL {
    BFL(ServiceSettings(baseURL: base, model: "flux-2-max", concurrent: 25), key: key, transfer: wire)
}

private func order(
    _ model: String = "flux-2-pro", size: PixelSize? = nil, seed: UInt32? = nil, references: [Reference] = []
) -> Order {
    guard let traits = BFLModel.all.first(where: { $0.name == model })?.traits else {
        preconditionFailure("no model \(model)")
    }
    return Order(
        kind: .image, model: traits, size: size ?? traits.defaultSize, seed: seed, prompt: "image 1",
        references: references)
}

@Suite("Black Forest Labs")
struct BFLTests {
    // MARK: - What is sent

    @Test("an order goes out byte for byte, once, to its model's path, with the key in its own header")
    func exactBody() async throws {
        let wire = Wire(always: .answer(200, created))
        let references = [
            Sample.reference(nil, image: [1, 2, 3]), Sample.reference(nil, image: [0xFF, 0xD8, 0xFF, 0xE0]),
        ]
        let answer = await bfl(wire).submit(order(seed: 7, references: references))
        #expect(answer == .accepted(taskID: task, estimate: Price(credits: 4.5, microdollars: 45_000)))
        let request = try #require(wire.requests.first)
        #expect(
            wire.requests.count == 1 && request.method == .post && request.url == "https://api.bfl.ai/v1/flux-2-pro")
        #expect(request.credential?.name == "x-key" && request.credential?.value == key)
        #expect(request.credential?.origin == "https://api.bfl.ai" && request.redirects == 0)
        let body =
            #"{"prompt":"image 1","input_image":"data:image/jpeg;base64,AQID","#
            + #""input_image_2":"data:image/jpeg;base64,/9j/4A==","width":864,"height":1152,"seed":7,"#
            + #""output_format":"png"}"#
        #expect(String(decoding: request.sentBytes ?? [], as: UTF8.self) == body)
    }

    @Test("the configured model comes first, and every model has its references, its grid of sizes and its person")
    func models() {
        let traits = bfl(Wire(always: .answer(200))).traits
        #expect(traits.models.map(\.name).first == "flux-2-max" && traits.models.count == BFLModel.all.count)
        #expect(traits.displayName == "Black Forest Labs" && traits.id == "bfl")
        for model in traits.models {
            #expect(model.references.count == 0...(model.name.contains("klein") ? 4 : 8), "\(model.name)")
            #expect(
                model.takesSeed && model.takesPersonImage && !model.needsPersonImage && model.references.countsPerson)
            for (width, height, isTaken) in [
                (1024, 1024, true), (2048, 2048, true), (2064, 2048, false), (1000, 1024, false), (64, 512, true),
                (64, 1024, false), (16, 4096, false),
            ] {
                #expect(model.sizes.admits(PixelSize(width: width, height: height)) == isTaken, "\(width):\(height)")
            }
        }
    }

    @Test("what is reserved counts every begun megapixel: the first flat, each further one and the references' by rate")
    func prices() {
        func credits(_ model: String, _ width: Int, _ height: Int, _ references: Int) -> Double? {
            let photos = (0..<references).map { _ in Sample.reference(nil, image: [1]) }  // 900 × 1200 each.
            let order = order(model, size: PixelSize(width: width, height: height), references: photos)
            return bfl(Wire(always: .answer(200))).price(order).credits
        }
        #expect(credits("flux-2-pro", 864, 1152, 0) == 3 && credits("flux-2-pro", 864, 1152, 3) == 3 + 6 * 1.5)
        #expect(credits("flux-2-max", 2048, 2048, 0) == 19.0, "4,194,304 pixels are a fifth megapixel begun")
        #expect(credits("flux-2-klein-4b", 864, 1152, 1).map { ($0 * 10).rounded() } == 16)
    }

    // MARK: - What comes back

    @Test("an order's answer is remembered with its price and its address, and an address that is none is left out")
    func tickets() async {
        let cases: [(String, String?)] = [
            (created, task), (#"{"id":"\#(id)"}"#, id), (#"{"id":"\#(id)","cost":null}"#, id),
            (#"{"id":"\#(id)","cost":0}"#, "\(id) cost=0.0"),
            (#"{"id":"\#(id)","polling_url":"file:///etc/passwd","cost":"7"}"#, id),
            (#"{"id":"\#(id)","polling_url":"https://a b"}"#, id), (#"{"id":"a b","cost":1}"#, nil),
            (#"{"polling_url":"\#(address)"}"#, nil), ("[]", nil), ("", nil),
        ]
        for (body, text) in cases {
            let answer = await bfl(Wire(always: .answer(200, body))).submit(order())
            guard let text else {
                #expect(answer.loss != nil, "\(body)")
                continue
            }
            guard case .accepted(let taskID, _) = answer else {
                Issue.record("\(body): \(answer)")
                continue
            }
            #expect(taskID == text && TaskHandle(taskID).id == id, "\(body)")
            #expect(BFLTicket(taskID)?.text == taskID, "\(body)")
        }
    }

    @Test("an order's refusal names what is wrong with it, where, and who has to do something")
    func refusals() async {
        let many = (1...6).map { #"{"loc":["body","field_\#($0)"],"msg":"Bad.","type":"t"}"# }.joined(separator: ",")
        let cases: [(Int, String, ResultCode, String)] = [
            (400, #"{"detail":"No."}"#, .providerRejected, "No"), (401, "", .providerAuth, "bfl.apiKey"),
            (403, #"{"detail":"Not authenticated"}"#, .providerAuth, "Not authenticated"),
            (402, #"{"detail":"Insufficient credits."}"#, .providerNoCredit, "Insufficient credits"),
            (
                422, #"{"detail":[{"loc":["body","width"],"msg":"Too small.","type":"t"}]}"#, .providerRejected,
                "width: Too small"
            ), (422, #"{"detail":[\#(many)]}"#, .providerRejected, "and 2 more"),
            (429, #"{"detail":"Too many.","retry_after":9}"#, .providerUnavailable, "Too many"),
        ]
        for (status, body, code, words) in cases {
            let failure = await bfl(Wire(always: .answer(status, body))).submit(order()).refusal
            #expect(failure?.code == code && failure?.message.contains(words) == true, "\(status): \(failure as Any)")
            #expect(failure?.httpStatus == status)
            if status == 429 { #expect(failure?.retry == .later(seconds: 9)) }
        }
        let told = Wire(always: .answer(429, #"{"retry_after":9}"#, [TransferHeader("Retry-After", "3")]))
        #expect(await bfl(told).submit(order()).refusal?.retry == .later(seconds: 3), "the header counts")
        for status in [500, 503, 408] {
            #expect(await bfl(Wire(always: .answer(status))).submit(order()).loss?.httpStatus == status)
        }
        for code in TransferFailure.Code.allCases {
            for sent in [TransferSent.nothing, .part, .whole] {
                let answer = await bfl(Wire(always: .broken(code, sent))).submit(order())
                #expect((answer.loss != nil) == (sent == .whole), "\(code) \(sent)")
            }
        }
    }

    @Test("a task is asked for exactly at its address, and the key goes to the maker and to the configured host only")
    func addresses() async throws {
        let own = "http://127.0.0.1:8080"
        let cases: [(String, String, String)] = [
            (task, "https://api.bfl.ai", address),
            (id, "https://api.bfl.ai", "https://api.bfl.ai/v1/get_result?id=\(id)"),
            ("\(id) \(own)/x?id=1&a=%20", own, "\(own)/x?id=1&a=%20"),
            ("\(id) https://API.EU.bfl.ai/v1/get_result?id=1", own, "https://API.EU.bfl.ai/v1/get_result?id=1"),
            // Neither: asked where everybody may ask.
            ("\(id) https://evil.test/?bfl.ai", own, "\(own)/v1/get_result?id=\(id)"),
            ("\(id) http://api.bfl.ai/v1", own, "\(own)/v1/get_result?id=\(id)"),
            ("\(id) https://api.bfl.ai@evil.test/v1", own, "\(own)/v1/get_result?id=\(id)"),
            ("\(id) https://evil.test:443/.bfl.ai", own, "\(own)/v1/get_result?id=\(id)"),
            ("\(id) https://evilbfl.ai/v1", own, "\(own)/v1/get_result?id=\(id)"),
            ("\(id) https://api.bfl.ai:8443/v1", own, "\(own)/v1/get_result?id=\(id)"),
        ]
        for (text, base, asked) in cases {
            let wire = Wire(always: .answer(200, #"{"status":"Pending"}"#))
            #expect(try await bfl(wire, base: base).poll(text).state == .waiting(.queued), "\(text)")
            let request = try #require(wire.requests.first)
            #expect(request.url == asked && request.credential?.value == key, "\(text)")
            #expect(request.credential?.origin == asked.webOrigin, "\(text)")
            let isConfigured = if case .configured = request.reach { true } else { false }
            #expect(isConfigured == (asked.webOrigin == base), "\(text)")
        }
    }

    private func poll(_ body: String) async throws -> TaskState {
        try await bfl(Wire(always: .answer(200, body))).poll(task).state
    }

    @Test("each status of a task is what it says; done costs what the order's answer named")
    func statuses() async throws {
        let agreed = Price(credits: 4.5, microdollars: 45_000)
        #expect(try await poll(#"{"status":"Pending","progress":null}"#) == .waiting(.queued))
        #expect(try await poll(#"{"status":"Generating","progress":0.5}"#) == .running(progress: 0.5))
        #expect(try await poll(#"{"status":"Reasoning","progress":7}"#) == .running(progress: 1))
        #expect(try await poll(#"{"status":"Upscaling"}"#) == .waiting(.unknown("Upscaling")))
        let ready = #"{"status":"Ready","result":{"sample":"https://delivery-eu1.bfl.ai/a?sig=1","seed":1}"#
        let outputs = ["https://delivery-eu1.bfl.ai/a?sig=1"]
        #expect(try await poll(ready + "}") == .done(outputs: outputs, price: agreed))
        let other = Price(credits: 5, microdollars: 50_000)
        #expect(try await poll(ready + #","cost":5}"#) == .done(outputs: outputs, price: other))
        let unpriced = try await bfl(Wire(always: .answer(200, ready + "}"))).poll(id).state
        #expect(unpriced == .done(outputs: outputs, price: nil))
        for body in [#"{"status":"Ready"}"#, #"{"status":"Ready","result":{"sample":"nothing"}}"#] {
            guard case .failed(let failure, let price) = try await poll(body) else {
                Issue.record("\(body)")
                continue
            }
            #expect(failure.providerCode == "NO_OUTPUT" && price == agreed)
        }
        guard case .gone = try await poll(#"{"status":"Task not found"}"#) else {
            Issue.record("not gone")
            return
        }
    }

    @Test("moderation and failures say what they say, and nobody knows their price unless it is named")
    func failures() async throws {
        let cases: [(String, ResultCode, Bool, String)] = [
            (
                #"{"status":"Request Moderated","details":{"Moderation Reasons":["Nudity","Gore"]}}"#, .moderation,
                false,
                "Nudity, Gore"
            ), (#"{"status":"Content Moderated","details":null}"#, .moderation, false, "came out"),
            (#"{"status":"Error","error":"Out of luck."}"#, .generationFailed, true, "Out of luck."),
            (#"{"status":"Failed","details":{"error":"Ran dry."}}"#, .generationFailed, true, "Ran dry."),
        ]
        for (body, code, isRetryable, words) in cases {
            guard case .failed(let failure, let price) = try await poll(body) else {
                Issue.record("\(body)")
                continue
            }
            #expect(failure.code == code && failure.retryable == isRetryable && price == nil, "\(body)")
            #expect(failure.message.contains(words) && failure.providerCode != nil, "\(body)")
        }
        guard case .failed(_, let price) = try await poll(#"{"status":"Error","cost":0}"#) else {
            Issue.record("not failed")
            return
        }
        #expect(price == Price(credits: 0, microdollars: 0))
    }

    @Test("the account is its credits and as many tasks at once as are set: twenty-four where nobody says")
    func account() async throws {
        let wire = Wire(always: .answer(200, #"{"credits":99.5}"#))
        let account = try #require(try await bfl(wire).account())
        #expect(account.balance == 99.5 && wire.requests.map(\.url) == ["https://api.bfl.ai/v1/credits"])
        let allowance = Allowance(atOnce: 25)
        #expect(account.models["flux-2-pro"] == allowance && BFL.standard.concurrent == 24)
        #expect(await failure { try await bfl(Wire(always: .answer(200, "[]"))).account() } != nil)
    }
}
