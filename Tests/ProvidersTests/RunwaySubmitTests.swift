// The paid call: what is sent, and what each thing that can come back means.

import Contract
import Testing
import Transfer

@testable import Providers

private let created = #"{"id":"\#(Sample.task)","estimatedCost":{"credits":8}}"#
private let eightCredits = Price(credits: 8, microdollars: 80_000)

@Suite("Runway: the order")
struct RunwaySubmitTests {
    private func submit(_ outcome: Wire.Outcome, _ order: Order = Sample.order()) async -> Submission {
        await Sample.runway(Wire(always: outcome)).submit(order)
    }

    // MARK: - What is sent

    @Test("the smallest order of the facts goes out byte for byte, once, with key and version to its own origin")
    func exactBody() async throws {
        let wire = Wire(always: .answer(200, created))
        let order = Sample.order(
            seed: 7, prompt: "full body studio photo, person wears @top and @pants",
            references: [
                Sample.reference("top", image: [1, 2, 3]), Sample.reference("pants", image: [0xFF, 0xD8, 0xFF, 0xE0]),
            ])
        let answer = await Sample.runway(wire) { $0.baseURL = "https://API.example.test:8443/gateway/" }.submit(order)
        #expect(answer == .accepted(taskID: Sample.task, estimate: eightCredits))
        #expect(wire.requests.count == 1)
        let request = try #require(wire.requests.first)
        #expect(request.method == .post && request.url == "https://API.example.test:8443/gateway/v1/text_to_image")
        #expect(request.header("X-Runway-Version") == "2024-11-06")
        #expect(request.header("Content-Type") == "application/json" && request.header("Authorization") == nil)
        let credential = try #require(request.credential)
        #expect(credential.name == "Authorization" && credential.value == "Bearer \(Sample.key)")
        #expect(credential.origin == "https://api.example.test:8443")
        #expect(request.redirects == 0 && request.limits.stall >= 60_000_000_000)
        guard case .configured = request.reach else {
            Issue.record("an order to an address that nobody configured")
            return
        }
        let body =
            #"{"model":"gen4_image","promptText":"full body studio photo, person wears @top and @pants","#
            + #""ratio":"1080:1440","referenceImages":[{"uri":"data:image/jpeg;base64,AQID","tag":"top"},"#
            + #"{"uri":"data:image/jpeg;base64,/9j/4A==","tag":"pants"}],"seed":7}"#
        #expect(String(decoding: request.sentBytes ?? [], as: UTF8.self) == body)
    }

    @Test("each model gets the fields that it has, and no others")
    func fields() throws {
        func body(_ name: String) throws -> String {
            let entry = try #require(RunwayModel.all.first { $0.name == name })
            var uploaded = Sample.reference("top", image: [1, 2, 3])
            uploaded.handle = "runway://abc/def?g=h"
            let order = Sample.order(name, seed: 9, prompt: "p", references: [uploaded])
            return String(decoding: RunwayOrder.body(order, entry).bytes, as: UTF8.self)
        }
        #expect(
            try body("gpt_image_2") == #"{"model":"gpt_image_2","promptText":"p","ratio":"1440:1920","#
                + #""referenceImages":[{"uri":"runway://abc/def?g=h","tag":"top"}],"outputCount":1,"quality":"high","#
                + #""background":"opaque"}"#)
        #expect(
            try body("seedream5_lite") == #"{"model":"seedream5_lite","promptText":"p","ratio":"1728:2304","#
                + #""referenceImages":[{"uri":"runway://abc/def?g=h"}],"outputCount":1}"#)
        #expect(
            try body("bria_fibo_1_5") == #"{"model":"bria_fibo_1_5","promptText":"p","ratio":"1536:2048","#
                + #""referenceImages":[{"uri":"runway://abc/def?g=h"}],"seed":9}"#)
        for name in Runway.modelNames {
            let text = try body(name)
            #expect(!text.contains("contentModeration") && !text.contains("null"), "\(name)")
            #expect(text.contains("\"seed\":9") == (try #require(RunwayModel.all.first { $0.name == name }).takesSeed))
        }
        let bare = RunwayOrder.body(Sample.order(prompt: "p"), RunwayModel.all[0])
        #expect(
            String(decoding: bare.bytes, as: UTF8.self)
                == #"{"model":"gen4_image","promptText":"p","ratio":"1080:1440"}"#)
    }

    @Test("base64 is right for every length, as the examples of its definition have it")
    func base64() {
        let examples: [(String, String)] = [
            ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ]
        for (text, encoded) in examples {
            let uri = OrderText.quoted(Array(text.utf8))
            #expect(String(decoding: uri, as: UTF8.self) == "\"data:image/jpeg;base64,\(encoded)\"")
        }
        let all = OrderText.quoted((0...255).map { UInt8($0) })
        let digits = String(decoding: all, as: UTF8.self)
        #expect(digits.contains("AAECAwQFBgcICQoLDA0ODxAR") && digits.hasSuffix("+fr7/P3+/w==\""))
        #expect(all.count == 25 + 344)
    }

    @Test("a photo that is written piece by piece is one text, whatever its length")
    func pieces() {
        for count in [3071, 3072, 3073, 3074, 6144, 10_001] {
            let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 167) }
            let groups = stride(from: 0, to: count, by: 3).flatMap { start in
                // A group by itself is as long as its text: what stands before it has whole groups.
                OrderText.quoted(Array(bytes[start..<min(start + 3, count)])).dropFirst(24).dropLast()
            }
            let uri = OrderText.quoted(bytes)
            #expect(uri.dropFirst(24).dropLast().elementsEqual(groups), "\(count) bytes")
        }
    }

    // MARK: - What comes back

    @Test("a task's id with or without an estimate, and with fields of tomorrow, is an accepted order")
    func accepted() async {
        let bodies: [(String, Price?)] = [
            (created, eightCredits), (#"{"id":"\#(Sample.task)"}"#, nil),
            (
                #"{"new":[1],"id":"\#(Sample.task.uppercased())","estimatedCost":{"credits":2.5}}"#,
                Price(credits: 2.5, microdollars: 25_000)
            ),
            (#"{"id":"\#(Sample.task)","estimatedCost":null}"#, nil),
            (#"{"id":"\#(Sample.task)","estimatedCost":{"credits":"8"}}"#, nil),
            (#"{"id":"\#(Sample.task)","estimatedCost":{"credits":-1}}"#, nil),
            (#"{"id":"\#(Sample.task)","estimatedCost":{"credits":1e999}}"#, nil),
        ]
        for (body, estimate) in bodies {
            guard case .accepted(let id, let price) = await submit(.answer(200, body)) else {
                Issue.record("not accepted: \(body)")
                continue
            }
            #expect(id.lowercased() == Sample.task && price == estimate, "\(body)")
        }
        #expect(await submit(.answer(201, created)) == .accepted(taskID: Sample.task, estimate: eightCredits))
    }

    @Test("success that names no task is lost, however it fails to")
    func unreadableSuccess() async {
        let bodies = [
            "", "null", "[]", "{}", "<html>", String(created.dropLast(3)), #"{"id":null}"#, #"{"id":7}"#, #"{"id":""}"#,
            #"{"id":"task-1"}"#, #"{"id":"../organization"}"#, #"{"id":"\#(Sample.task)/x"}"#,
            #"{"id":"\#(Sample.task)\n"}"#, #"{"id":"zzf20503-6c24-4c16-946b-35dbbce2af2f"}"#,
            #"{"id":"17f205036c244c16946b35dbbce2af2f"}"#, #"{"id":"\#(Sample.task)","id":"\#(Sample.task)"}"#,
            "\u{0}\u{1}", "{\"id\":\"" + String(repeating: "a", count: 100_000),
        ]
        for body in bodies {
            let loss = await submit(.answer(200, body)).loss
            #expect(loss?.httpStatus == 200, "\(body.prefix(60))")
        }
        #expect(await submit(.answer(204)).loss?.httpStatus == 204)
    }

    @Test("every status says whether the order may exist")
    func statuses() async throws {
        let refused: [(Int, ResultCode, Bool)] = [
            (400, .providerRejected, false), (401, .providerAuth, false), (402, .providerRejected, false),
            (403, .providerAuth, false), (404, .providerRejected, false), (405, .providerRejected, false),
            (409, .providerRejected, false), (413, .providerRejected, false), (415, .providerRejected, false),
            (422, .providerRejected, false), (429, .providerUnavailable, true), (431, .providerRejected, false),
            (451, .providerRejected, false), (499, .providerRejected, false), (301, .providerRejected, false),
            (302, .providerRejected, false), (307, .providerRejected, false), (308, .providerRejected, false),
        ]
        for (status, code, isRetryable) in refused {
            let failure = try #require(await submit(.answer(status, #"{"error":"No."}"#)).refusal, "\(status)")
            #expect(failure.code == code && failure.retryable == isRetryable, "\(status)")
            #expect(failure.retry == (isRetryable ? .later(seconds: nil) : .never), "\(status)")
            #expect(failure.httpStatus == status && failure.message.hasSuffix("."), "\(status)")
            #expect(failure.holdsProvider == [401, 403].contains(status), "\(status)")
        }
        for status in [300, 303, 304, 305, 408, 500, 501, 502, 503, 504, 520, 599, 100, 199] {
            #expect(await submit(.answer(status, #"{"error":"No."}"#)).loss?.httpStatus == status, "\(status)")
        }
    }

    @Test("too few credits is told from a bad order by the word and by the absence of issues")
    func credits() async throws {
        let poor = #"{"error":"You do not have enough credits to run this task."}"#
        let failure = try #require(await submit(.answer(400, poor)).refusal)
        #expect(failure.code == .providerNoCredit && !failure.retryable && failure.holdsProvider)
        #expect(failure.message.contains("enough credits") && failure.message.contains("dev.runwayml.com"))
        let bad = #"{"error":"credits","issues":[{"code":"custom","path":["x"],"message":"credits"}]}"#
        #expect(await submit(.answer(400, bad)).refusal?.code == .providerRejected)
        #expect(await submit(.answer(400, #"{"error":"credits","issues":[]}"#)).refusal?.code == .providerRejected)
        #expect(await submit(.answer(422, poor)).refusal?.code == .providerRejected)
    }

    @Test("a refused body names the paths of its issues, four of them, and counts the rest")
    func issues() async throws {
        let issue =
            #"{"code":"too_big","path":["promptText"],"message":"Too big: expected string to have <=1000 characters"}"#
        let odd = #"{"code":"custom","path":["references","[0]",".uri"],"message":"Invalid asset aspect ratio."}"#
        let deep = #"{"code":"invalid_format","path":["referenceImages",1,"tag"]}"#
        let bare = #"{"message":"why"}"#
        let listed = [issue, odd, deep, bare, issue, issue].joined(separator: ",")
        let body =
            #"{"error":"Validation of body failed","issues":[\#(listed)]}"#
        let failure = try #require(await submit(.answer(400, body)).refusal)
        #expect(
            failure.message == "Runway refused the order (status 400: promptText: Too big: expected string to have "
                + "<=1000 characters; references[0].uri: Invalid asset aspect ratio; referenceImages[1].tag: "
                + "invalid_format; why; and 2 more). Correct what it names, then send the request again.")
    }

    @Test("no message holds a key, a signed address, a handle, a data URI or more than its share of somebody's text")
    func secrets() async throws {
        let echoes = [
            "Failed to fetch https://user:pw@cdn.example.test/x.jpg?X-Amz-Signature=abcdef0123 today",
            "bad data:image/jpeg;base64,\(String(repeating: "QUJD", count: 50_000)) uri",
            "unknown runway://aGVsbG8td29ybGQ/abc?sig=1 handle", "Bearer \(Sample.key) is not valid",
            "the key \(Sample.key)", "\u{1B}[2Jline\nbreak\u{202E}", String(repeating: "long ", count: 10_000),
        ]
        for echo in echoes {
            var json = JSONWriter()
            json.string(echo)
            let quoted = String(decoding: json.bytes, as: UTF8.self)
            let bodies = [
                #"{"error":\#(quoted)}"#,
                #"{"error":"x","issues":[{"code":"custom","path":[\#(quoted)],"message":\#(quoted)}]}"#,
            ]
            for (status, body) in [400, 401, 404, 422, 429].flatMap({ status in bodies.map { (status, $0) } }) {
                let message = try #require(await submit(.answer(status, body)).refusal).message
                for secret in ["pw@", "abcdef0123", "QUJDQUJD", "aGVsbG8", Sample.key, "\u{1B}", "\n", "\u{202E}"] {
                    #expect(!message.contains(secret), "\(status): \(secret)")
                }
                #expect(message.count < 1200)
            }
        }
    }

    @Test("what is quoted has neither this provider's key, whatever its form, nor handles, and is short")
    func quotes() {
        let text = RunwayQuote.shown("x plain-secret y runway://aa/b_c?d=e, z runway://f", key: "plain-secret")
        #expect(text == "x [removed] y runway://[removed], z runway://[removed]")
        #expect(RunwayQuote.shown(String(repeating: "ab", count: 300), key: "").count == 203)
        #expect(RunwayQuote.shown("", key: "k") == "")
    }

    @Test("a failed transfer is lost once the whole was sent, and refused before that, whatever the reason")
    func transfers() async throws {
        let settings: Set<TransferFailure.Code> = [.refusedURL, .refusedHeader, .refusedAddress, .refusedRedirect]
        for code in TransferFailure.Code.allCases {
            #expect(await submit(.broken(code, .whole)).loss?.message.contains("wire to api.example.test") == true)
            for sent in [TransferSent.nothing, .part] {
                let failure = try #require(await submit(.broken(code, sent)).refusal, "\(code)")
                #expect(failure.code == .providerUnavailable && failure.retryable, "\(code)")
                #expect(failure.retry == (settings.contains(code) ? .never : .later(seconds: nil)), "\(code)")
                #expect(failure.message.contains("api.example.test") && failure.message.hasSuffix("."), "\(code)")
            }
        }
    }

    @Test("a status that came before the connection broke counts, for a refusal and against one")
    func brokenWithStatus() async {
        #expect(await submit(.broken(.cutShort, .whole, status: 400)).refusal?.code == .providerRejected)
        #expect(await submit(.broken(.broken, .part, status: 413)).refusal?.httpStatus == 413)
        #expect(await submit(.broken(.cutShort, .whole, status: 200)).loss?.httpStatus == 200)
        #expect(await submit(.broken(.tooLarge, .part, status: 200)).loss?.httpStatus == 200)
        #expect(await submit(.broken(.cutShort, .whole, status: 502)).loss?.httpStatus == 502)
        #expect(await submit(.broken(.cutShort, .part, status: 502)).refusal?.retry == .later(seconds: nil))
    }

    @Test("whatever came back, the order was sent exactly once")
    func once() async {
        for outcome in [Wire.Outcome.answer(200, created), .answer(503), .answer(429), .broken(.unconnected, .nothing)]
        {
            let wire = Wire(always: outcome)
            _ = await Sample.runway(wire).submit(Sample.order())
            #expect(wire.requests.count == 1)
        }
    }

    // MARK: - Retry-After

    @Test("Retry-After is read in seconds and as a date held against the answer's own, and never beyond an hour")
    func retryAfter() async {
        let now = "Tue, 24 Nov 2026 18:00:00 GMT"
        let cases: [(String, String?, Double?)] = [
            ("5", nil, 5), (" 120 ", nil, 120), ("1.5", nil, 1.5), ("0", nil, nil), ("-3", nil, nil), ("", nil, nil),
            ("soon", nil, nil), ("5 s", nil, nil), ("1.2.3", nil, nil), ("99999", nil, 3600),
            ("999999999999999999999999999999", nil, 3600),
            ("Tue, 24 Nov 2026 18:00:30 GMT", now, 30), ("Tue, 24 Nov 2026 17:59:59 GMT", now, nil),
            ("Wed, 25 Nov 2026 18:00:00 GMT", now, 3600), ("Tue, 24 Nov 2026 18:00:30 GMT", nil, nil),
            ("Tue, 24 Nov 2026 18:00:30 GMT", "noon", nil), ("Tue, 24 Nov 2026 18:00:30 CET", now, nil),
            // Further apart than 64 bits of nanoseconds reach.
            ("Fri, 31 Dec 9999 23:59:59 GMT", "Sat, 01 Jan 1600 00:00:00 GMT", 3600),
            ("Sat, 01 Jan 1600 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT", nil),
            ("Tuesday, 24-Nov-26 18:00:30 GMT", now, nil), ("Tue, 31 Nov 2026 18:00:30 GMT", now, nil),
        ]
        for (text, date, seconds) in cases {
            let headers = [TransferHeader("retry-after", text)] + (date.map { [TransferHeader("Date", $0)] } ?? [])
            let failure = await submit(.answer(429, "{}", headers)).refusal
            #expect(failure?.retry == .later(seconds: seconds), "\(text)")
        }
        #expect(RetryAfter.moment("Sun, 06 Nov 1994 08:49:37 GMT")?.rfc3339 == "1994-11-06T08:49:37.000Z")
    }
}

extension OrderText {
    /// A JPEG as the JSON string that orders hold.
    static func quoted(_ image: [UInt8]) -> [UInt8] {
        var text = OrderText()
        text.photo(image)
        return text.body.bytes
    }
}
