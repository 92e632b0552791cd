// Status and result files: their exact text, and the way back.

import Testing

@testable import Contract

@Suite("status files")
struct StatusDocumentTests {
    @Test("a status has the contract's keys in the contract's order")
    func exactText() {
        #expect(
            String(decoding: Samples.status.encode(), as: UTF8.self) == """
                {"job_id":"7d0c","status":"processing","progress":35,"stage":"generate",\
                "message":"Waiting for the picture","estimated_time":21.5,"attempt":1,"user_id":"peichin",\
                "outfit_id":"8f14e45f-ceea-467f-a0e6-1d1c6d3a0001","provider":"Runway ML",\
                "waiting":null,"updated_at":"2026-11-24T02:04:19.125Z"}

                """)
        let waiting = String(decoding: Samples.waiting.encode(), as: UTF8.self)
        #expect(
            waiting.contains(
                #""waiting":{"for":"place","since":"2026-11-24T02:04:19.125Z","#
                    + #""until":"2026-11-24T02:04:19.125Z","ahead":12}"#))
    }

    @Test("a status reads back as it was")
    func roundTrip() throws {
        var status = Samples.status
        #expect(try StatusDocument.decode(status.encode()) == status)
        (status.outfitID, status.provider, status.stage) = (nil, nil, .prepare)
        #expect(try StatusDocument.decode(status.encode()) == status)
    }

    @Test("figures out of range are brought into it, and secrets removed")
    func clamps() throws {
        var status = Samples.status
        status.progress = 140
        status.estimatedTime = .nan
        status.message = "polling https://h/x?_jwt=abc"
        let read = try StatusDocument.decode(status.encode())
        #expect(read.progress == 100)
        #expect(read.estimatedTime == 0)
        #expect(read.message == "polling https://h/x?[removed]")
    }

    @Test("a file that is no status is refused with every problem")
    func refuses() {
        let text = #"{"job_id":7,"status":"complete","progress":101,"stage":"paint","estimated_time":-1,"attempt":0}"#
        do throws(DocumentFault) {
            _ = try StatusDocument.decode(Array(text.utf8))
            Issue.record("it was taken")
        } catch {
            #expect(
                Set(error.problems.map(\.path)) == [
                    "status", "job_id", "progress", "stage", "message", "estimated_time", "attempt", "user_id",
                    "outfit_id", "provider", "waiting", "updated_at",
                ])
        }
        for text in ["", "[]", "{"] {
            #expect(throws: DocumentFault.self) { try StatusDocument.decode(Array(text.utf8)) }
        }
    }
}

@Suite("result files")
struct ResultDocumentTests {
    @Test("every result reads back as it was, in one line as in several")
    func roundTrip() throws {
        for (name, document) in Samples.all {
            #expect(try ResultDocument.decode(document.encode()) == document, "\(name)")
            #expect(try ResultDocument.decode(document.encode(pretty: false)) == document, "\(name)")
        }
    }

    @Test("a complete result on one line is as the contract shows it")
    func exactText() {
        let digest = Samples.digest
        #expect(
            String(decoding: Samples.completeLocal.encode(pretty: false), as: UTF8.self) == """
                {"job_id":"7d0c","status":"complete","progress":100,"result":{\
                "image_url":"wardrobe_photos/peichin/items/visualizations/8f14e45f-ceea-467f-a0e6-1d1c6d3a0001.jpg",\
                "image_path":"/srv/wardrobe_photos/peichin/items/visualizations/\
                8f14e45f-ceea-467f-a0e6-1d1c6d3a0001.jpg",\
                "generation_time":0.412,"provider":"Flat lay",\
                "metadata":{"task_id":null,"model":null,"user_level_descriptor":false,"model_descriptor_used":false,\
                "ratio":"1080:1440","seed":null,"prompt":null,"references":3,"reused":false},"image":{"width":1080,\
                "height":1440,"bytes":412331,"sha256":"\(digest)","content_type":"image/jpeg",\
                "duration":null}},\
                "cost":{"credits":0,"usd":0},"timing":{"queued":0.01,"prepare":0.2,"generate":0.412,"download":0,\
                "store":0.1,"update":0.02,"total":0.742},"user_id":"peichin",\
                "outfit_id":"8f14e45f-ceea-467f-a0e6-1d1c6d3a0001","attempts":1,"request_sha256":"\(digest)",\
                "submitter_uid":1001,"metadata":{},"finished_at":"2026-11-24T02:04:19.125Z","vizd":"1.0.0"}

                """)
    }

    @Test("a failed result has the keys of a complete one, with error in place of result")
    func sameKeys() throws {
        func keys(_ document: ResultDocument) throws -> [String] {
            guard case .object(let members) = try JSONDocument(parsing: document.encode()).root.value else { return [] }
            return members.map(\.key)
        }
        let complete = try keys(Samples.completeLocal)
        #expect(complete == ResultKey.allCases.map(\.rawValue).filter { $0 != "error" })
        for document in [Samples.failedUnread, Samples.failedInvalid, Samples.failedUnknown] {
            #expect(try keys(document) == complete.map { $0 == "result" ? "error" : $0 })
        }
    }

    @Test("a stored picture has a path or a bucket's key, never both")
    func storage() throws {
        let local = try JSONDocument(parsing: Samples.completeLocal.encode()).root["result"]
        #expect(local?["image_path"] != nil && local?["storage_uri"] == nil)
        let s3 = try JSONDocument(parsing: Samples.completeS3.encode()).root["result"]
        #expect(s3?["image_path"] == nil && s3?["storage_uri"] != nil)
        guard case .array(let images)? = s3?["images"]?.value else { throw Unexpected() }
        #expect(images.map { $0["view"]?.value } == [.string("plain"), .string("street")])
        #expect(images.first?["image_url"]?.value == s3?["image_url"]?.value)
    }

    @Test("metadata is echoed as the text that it came as")
    func echoesMetadata() {
        let text = String(decoding: Samples.completeS3.encode(), as: UTF8.self)
        #expect(text.contains(#""metadata": {"cart": [1e3, "\u00e9"],  "note":null}"#))
    }

    @Test("metadata nested as deep as a request may be still reads back")
    func readsDeepMetadata() throws {
        let levels = RequestLimit.levels - 1
        let nested = String(repeating: "{\"a\":", count: levels) + "1" + String(repeating: "}", count: levels)
        let request = try JobRequest.decode(Array(#"{"user_id":"u","outfit_id":"o","metadata":\#(nested)}"#.utf8))
        var document = Samples.completeLocal
        document.metadata = try #require(request.metadata)
        #expect(try ResultDocument.decode(document.encode()) == document)
    }

    @Test("a lost answer is not retryable, by hand only, and its cost uncertain")
    func byHand() throws {
        let root = try JSONDocument(parsing: Samples.failedUnknown.encode()).root
        #expect(root["error"]?["retryable"]?.value == .bool(false))
        #expect(root["error"]?["by_hand"]?.value == .bool(true))
        #expect(root["cost"]?["uncertain"]?.value == .bool(true))
        var failure = ResultDocument.Failure(code: .submissionUnknown, message: "x", stage: .generate, retryable: true)
        #expect(!failure.retryable)
        failure.retryable = true
        let written = try JSONDocument(parsing: Samples.result(.failed(failure)).encode()).root
        #expect(written["error"]?["retryable"]?.value == .bool(false))
        #expect(ResultDocument.Failure(code: .moderation, message: "x", stage: nil, retryable: true).retryable)
        #expect(ResultDocument.Failure(code: .storageFailed, message: "x", stage: nil).retryable)
    }

    @Test("no secret gets into an error, wherever it stands")
    func hidesSecrets() {
        var failure = ResultDocument.Failure(
            code: .providerRejected, message: "POST with Bearer key_abcdef0123 and data:image/png;base64,AAAA failed",
            stage: .generate)
        failure.details = [Problem(path: "key_abcdef0123", message: "see https://h/p?_jwt=abcdef")]
        failure.providerCode = "sk-abcdef0123"
        failure.taskID = "https://h/t?sig=abcdef"
        let text = String(decoding: Samples.result(.failed(failure)).encode(), as: UTF8.self)
        for secret in ["abcdef", "AAAA", "_jwt"] { #expect(!text.contains(secret), "\(secret)") }
    }

    @Test("a message of any length is written short")
    func boundsMessages() throws {
        let failure = ResultDocument.Failure(
            code: .internal, message: String(repeating: "long ", count: 100_000), stage: nil)
        #expect(Samples.result(.failed(failure)).encode().count < 4_000)
    }

    @Test("a result that contradicts itself or lacks something is refused")
    func refuses() throws {
        let whole = String(decoding: Samples.completeLocal.encode(pretty: false), as: UTF8.self)
        let edits = [
            (#""status":"complete""#, #""status":"failed""#), (#""status":"complete""#, #""status":"processing""#),
            (#""image_path""#, #""image_Path""#), (#""width":1080"#, #""width":0"#), (#""usd":0"#, #""usd":"0""#),
            (#""references":3"#, #""references":-3"#), (#""prepare":0.2"#, #""prepare":"0.2""#),
            (#""metadata":{}"#, #""metadata":[]"#), (#""finished_at":"2026"#, #""finished_at":"26"#),
            (#""attempts":1"#, #""attempts":1.5"#), (#""seed":null"#, #""seed":4294967296"#),
            (#""result":{"#, #""error":{},"result":{"#),
            (#""image_path":"#, #""storage_uri":"s3://b/k","image_path":"#),
        ]
        for (old, new) in edits {
            let edited = whole.replacing(old, with: new, maxReplacements: 1)
            #expect(edited != whole, "\(old)")
            #expect(throws: DocumentFault.self, "\(new)") { try ResultDocument.decode(Array(edited.utf8)) }
        }
        #expect(throws: DocumentFault.self) { try ResultDocument.decode([]) }
    }

    @Test("keys of a later version are passed over")
    func ignoresUnknownKeys() throws {
        let whole = String(decoding: Samples.completeLocal.encode(), as: UTF8.self)
        let newer = whole.replacing("\"progress\"", with: "\"colour\":{\"a\":[1]},\"progress\"", maxReplacements: 1)
        #expect(try ResultDocument.decode(Array(newer.utf8)) == Samples.completeLocal)
    }
}
