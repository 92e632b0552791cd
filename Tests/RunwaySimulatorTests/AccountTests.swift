// The account: who is let in, what it may spend, what it is told of that; uploads and routers.

import Contract
import Foundation
import Testing

@testable import RunwaySimulator

@Suite("The account")
struct AccountTests {
    private let clock = HandClock()

    private func simulator(_ change: (inout RunwayConfiguration) -> Void = { _ in }) throws -> RunwaySimulator {
        var configuration = RunwayConfiguration()
        configuration.credits = 100
        configuration.duration = 10...10
        change(&configuration)
        return try RunwaySimulator(configuration, clock: clock.now)
    }

    @Test("checks come in their order: route, verb, key, version, size, JSON, schema, asset, credits, daily cap")
    func order() throws {
        let simulator = try simulator {
            $0.credits = 8
            $0.limits.daily = 1
            $0.maximumBody = 4096
        }
        var caller = Caller(simulator)
        caller.changes = ["Authorization": nil, "X-Runway-Version": nil]
        let large = String(repeating: " ", count: 5000)
        #expect(try caller.post("/v1/text_to_picture", large).status == 404)
        #expect(try caller.get("/v1/text_to_image").status == 405)
        #expect(try caller.create(large).status == 401)
        caller.changes["Authorization"] = "Bearer key_other"
        #expect(try caller.create(large).status == 401)
        caller.changes = ["X-Runway-Version": nil]
        #expect(try caller.create(large).status == 400)
        caller.changes = [:]
        #expect(try caller.create(large).status == 413)
        #expect(try caller.create("{").json()["error"]?.text?.contains("valid JSON") == true)
        #expect(try caller.create(#"{"model":"a","model":"b"}"#).json()["error"]?.text?.contains("twice") == true)
        let broken = Sample.references(["data:image/png;base64,AAAA"])
        let schema = try caller.create(Sample.create(ratio: "16:9", more: broken)).json()
        #expect(schema["issues"]?.elements.first?["code"]?.text == "invalid_value")
        #expect(try caller.create(Sample.create(more: broken)).json()["issues"] != nil)
        _ = try caller.created()
        let poor = try caller.create()
        #expect(poor.status == 400)
        #expect(try poor.json()["error"]?.text == "You do not have enough credits to run this task.")
        #expect(try poor.json()["issues"] == nil)
        // The large ones were refused by their heads and not received whole.
        #expect(simulator.books.createsReceived == 6)
        #expect(simulator.books.createsRefused == 5)
    }

    @Test("the daily cap counts a rolling day of one model, throttled and cancelled ones too")
    func dailyCap() throws {
        let simulator = try simulator {
            $0.limits = ModelLimits(concurrent: 1, daily: 2)
        }
        let caller = Caller(simulator)
        let first = try caller.created()
        #expect(try caller.call("DELETE", "/v1/tasks/\(first)").status == 204)
        clock.advance(seconds: 3600)
        _ = try caller.created()
        let capped = try caller.create()
        #expect(capped.status == 429)
        #expect(try capped.json()["error"]?.text == "Your daily task limit has been reached.")
        #expect(capped.header("apigw-requestid") != nil)
        #expect(capped.header("Retry-After") == nil)
        #expect(try caller.create(Sample.create(model: "muse_image", ratio: "auto")).status == 200)
        clock.advance(seconds: 23 * 3600)
        _ = try caller.created()
        #expect(try caller.create().status == 429)
    }

    @Test("the organisation tells balance, limits and today's generations, and the usage nets refunds by day")
    func organization() throws {
        let simulator = try simulator {
            $0.modelLimits["gen4_image"] = ModelLimits(concurrent: 2, daily: 200)
        }
        let caller = Caller(simulator)
        simulator.inject(.init(at: .create, fault: .failure(code: "INTERNAL")))
        _ = try caller.created()
        _ = try caller.created(Sample.create(ratio: "720:960"))
        let before = try caller.get("/v1/organization").json()
        #expect(before["creditBalance"]?.number == 87)
        #expect(before["usage"]?["models"]?["gen4_image"]?["dailyGenerations"]?.number == 2)
        #expect(before["tier"]?["models"]?["gen4_image"]?["maxConcurrentGenerations"]?.number == 2)
        #expect(before["tier"]?["models"]?["gen4_image"]?["maxDailyGenerations"]?.number == 200)
        #expect(before["tier"]?["models"]?["muse_image"]?["maxDailyGenerations"]?.value == .null)
        clock.advance(seconds: 20)
        let after = try caller.get("/v1/organization").json()
        #expect(after["creditBalance"]?.number == 95)
        let usage = try caller.post("/v1/organization/usage", "{}").json()
        let row = usage["results"]?.elements.first?["usedCredits"]?.elements.first
        #expect(row?["model"]?.text == "gen4_image")
        #expect(row?["amount"]?.number == 5)
        let wrong = #"{"startDate":"2026-01-01","beforeDate":"2026-06-01"}"#
        #expect(try caller.post("/v1/organization/usage", wrong).status == 400)
        #expect(try caller.post("/v1/organization/usage", #"{"startDate":"yesterday"}"#).status == 400)
    }

    @Test(
        "every model has its price at its usual options",
        arguments: [
            ("gen4_image", "1080:1440", "", 8.0), ("gen4_image", "720:1280", "", 5),
            ("gemini_2.5_flash", "1024:1024", "", 5),
            ("gemini_image3_pro", "1024:1024", "", 20), ("gemini_image3_pro", "4096:4096", #","outputCount":4"#, 160),
            ("gpt_image_2", "1440:1920", "", 20), ("gpt_image_2", "auto", #","quality":"low""#, 2),
            ("seedream5_pro", "auto_2k", "", 9), ("seedream5_lite", "2048:2048", "", 4), ("muse_image", "auto", "", 1),
            ("grok_imagine_image_2", "2048:2048", #","quality":"low","outputCount":2"#, 12),
            ("bria_fibo_1_5", "2048:2048", "", 10), ("ideogram_4_5", "1024:1024", "", 25),
        ])
    func prices(_ model: String, _ ratio: String, _ more: String, _ price: Double) throws {
        let simulator = try simulator { $0.credits = 1000 }
        let exchange = try Caller(simulator).create(Sample.create(model: model, ratio: ratio, more: more))
        #expect(try exchange.json().estimate == price)
        #expect(simulator.books.creditsReserved == Int(price))
    }

    @Test("references count, their tags and digests are in the books; a turbo picture costs 2")
    func references() throws {
        let simulator = try simulator()
        let caller = Caller(simulator)
        let image = Sample.png(768, 1024)
        let more = Sample.references([Sample.dataURI(image), "https://img.example.test/b.jpg"])
        _ = try caller.created(Sample.create(model: "gen4_image_turbo", more: more))
        let task = simulator.books.tasks[0]
        #expect(task.estimated == 2)
        #expect(task.tags == ["ref0", "ref1"])
        #expect(task.references.count == 2)
        #expect(task.references.allSatisfy { $0.count == 64 } && task.references[0] != task.references[1])
    }

    @Test("a video is made from an image by its own rules and billed by the second")
    func video() throws {
        let simulator = try simulator { $0.credits = 1000 }
        let caller = Caller(simulator)
        let start = #"{"model":"gen4_turbo","ratio":"720:1280","duration":5,"promptImage":"#
        let image = #""https://img.example.test/a.jpg""#
        let made = try caller.post("/v1/image_to_video", start + image + "}")
        #expect(try made.json().estimate == 25)
        clock.advance(seconds: 10)
        let id = try #require(try made.json()["id"]?.text)
        let download = try caller.get(try caller.output(id))
        #expect(download.header("Content-Type") == "video/mp4")
        let film = download.body
        #expect(Array(film[4..<8]) == Array("ftyp".utf8))
        simulator.inject(Injection(at: .download, fault: .truncatedPicture))
        #expect(try caller.get(try caller.output(id)).body == Array(film.prefix(film.count / 2)))
        simulator.inject(Injection(at: .download, fault: .stillInstead))
        let still = try caller.get(try caller.output(id))
        #expect(still.header("Content-Type") == "image/png" && Array(still.body[1..<4]) == Array("PNG".utf8))
        let last = #"[{"uri":"https://img.example.test/a.jpg","position":"last"}]}"#
        #expect(try caller.post("/v1/image_to_video", start + last).status == 400)
        #expect(try caller.post("/v1/image_to_video", #"{"model":"gen4_image"}"#).status == 400)
        let upscale = #"{"model":"magnific_precision_upscaler_v2","imageUri":\#(image),"scaleFactor":4}"#
        #expect(try caller.post("/v1/image_upscale", upscale).json().estimate == 25)
        #expect(try caller.post("/v1/image_upscale", #"{"model":"other","imageUri":\#(image)}"#).status == 400)
    }
}

@Suite("Uploads")
struct UploadTests {
    private let clock = HandClock()

    private func form(_ parts: [(name: String, value: [UInt8])], boundary: String = "b0undary") -> [UInt8] {
        var body: [UInt8] = []
        for part in parts {
            let file = part.name == "file" ? "; filename=\"a.png\"\r\nContent-Type: image/png" : ""
            body += Array("--\(boundary)\r\nContent-Disposition: form-data; name=\"\(part.name)\"\(file)\r\n\r\n".utf8)
            body += part.value + [13, 10]
        }
        return body + Array("--\(boundary)--\r\n".utf8)
    }

    /// A slot: where to send it, its fields, its handle.
    private func slot(_ caller: Caller) throws -> (path: String, fields: [(name: String, value: [UInt8])], uri: String)
    {
        let answer = try caller.post("/v1/uploads", #"{"filename":"shirt.png","type":"ephemeral"}"#).json()
        let url = try #require(answer["uploadUrl"]?.text)
        guard case .object(let members) = answer["fields"]?.value else { throw CancellationError() }
        let fields = members.map { (name: $0.key, value: Array(($0.node.text ?? "").utf8)) }
        return (String(url.dropFirst("http://127.0.0.1:\(caller.port)".count)), fields, answer["runwayUri"]?.text ?? "")
    }

    private func send(_ caller: Caller, _ path: String, _ body: [UInt8]) throws -> Exchange {
        var caller = caller
        caller.changes = [
            "Content-Type": "multipart/form-data; boundary=b0undary", "Authorization": nil,
            "X-Runway-Version": nil,
        ]
        return try caller.call("POST", path, body)
    }

    @Test("a filled slot is a reference for a day; an unknown, unfilled, misfilled or expired one is refused")
    func life() throws {
        let simulator = try RunwaySimulator(RunwayConfiguration(), clock: clock.now)
        let caller = Caller(simulator)
        let (path, fields, uri) = try slot(caller)
        let create = Sample.create(more: Sample.references([uri]))
        #expect(try caller.create(create).status == 400)
        let file = [(name: "file", value: Sample.png(800, 1000))]
        #expect(try send(caller, path, form(file + fields)).status == 403)
        #expect(try send(caller, path, form(Array(fields.dropLast()) + file)).status == 403)
        #expect(try send(caller, path, form(fields + [(name: "file", value: [1, 2, 3])])).status == 400)
        #expect(try send(caller, "/uploads/unknown", form(fields + file)).status == 404)
        #expect(try caller.create(create).status == 400)
        #expect(try send(caller, path, form(fields + file)).status == 204)
        #expect(try send(caller, path, form(fields + file)).status == 403)
        #expect(try caller.create(create).status == 200)
        #expect(try caller.create(create).status == 200)
        clock.advance(seconds: 24 * 3600)
        #expect(try caller.create(create).status == 400)
        #expect(simulator.books.uploads == 1)
    }

    @Test("an upload that is no fitting image is refused at the create")
    func inspected() throws {
        let simulator = try RunwaySimulator(RunwayConfiguration(), clock: clock.now)
        let caller = Caller(simulator)
        for (file, status) in [
            (Sample.png(400, 1000), 400), (Array("GIF89a".utf8) + Sample.png(1, 1), 400), (Sample.png(500, 1000), 200),
        ] {
            let (path, fields, uri) = try slot(caller)
            #expect(try send(caller, path, form(fields + [(name: "file", value: file)])).status == 204)
            #expect(try caller.create(Sample.create(more: Sample.references([uri]))).status == status)
        }
    }

    @Test("slots are limited by the minute and their names by their endings")
    func slots() throws {
        var configuration = RunwayConfiguration()
        configuration.uploadsPerMinute = 2
        let simulator = try RunwaySimulator(configuration, clock: clock.now)
        let caller = Caller(simulator)
        let body = #"{"filename":"a.jpg","type":"ephemeral"}"#
        #expect(try caller.post("/v1/uploads", #"{"filename":"a.exe","type":"ephemeral"}"#).status == 400)
        #expect(try caller.post("/v1/uploads", #"{"filename":"a.jpg"}"#).status == 400)
        #expect(try (0..<3).map { _ in try caller.post("/v1/uploads", body).status } == [200, 200, 429])
        clock.advance(seconds: 60)
        #expect(try caller.post("/v1/uploads", body).status == 200)
    }
}

@Suite("Routers")
struct RouterTests {
    private let router = #"""
        {"slug":"vizd","settings":{"models":{"mode":"allowlist_only","ids":["gen4_image"]},
        "maxCreditsPerGeneration":{"image":8},"optimizeFor":"cost"}}
        """#
    private let input = #"{"configId":"vizd","input":{"promptText":"x","aspectRatio":"3:4","resolution":"1k"}}"#

    @Test("a task that a router made is found again in its history although the answer was lost")
    func recovery() throws {
        let simulator = try RunwaySimulator()
        let caller = Caller(simulator)
        let id = try #require(try caller.post("/v1/routers", router).json()["id"]?.text)
        simulator.inject(.init(at: .create, fault: .createThenDrop))
        #expect(try caller.post("/v1/generate/image", input) == .broken(bytes: 0, reset: true))
        #expect(try caller.get("/v1/routers/\(id)/requests").status == 400)
        let rows = try caller.get("/v1/routers/\(id)/requests?limit=5").json()["data"]?.elements ?? []
        #expect(rows.count == 1)
        #expect(rows.first?["status"]?.text == "routed")
        #expect(rows.first?["model"]?.text == "gen4_image")
        #expect(rows.first?["taskId"]?.text == simulator.books.tasks.first?.id)
        #expect(rows.first?["estimatedCredits"]?.number == 8)
    }

    @Test("a router chooses the model and the size, and says when there is none")
    func choice() throws {
        let simulator = try RunwaySimulator()
        let caller = Caller(simulator)
        #expect(try caller.post("/v1/generate/image", input).status == 404)
        #expect(try caller.post("/v1/routers", router).status == 200)
        #expect(try caller.post("/v1/routers", router).status == 400)
        let routing = try caller.post("/v1/generate/image", input).json()["routing"]
        #expect(routing?["model"]?.text == "gen4_image")
        #expect(routing?["resolvedInput"]?["ratio"]?.text == "1080:1440")
        let four = input.replacingOccurrences(of: #""1k""#, with: #""4k""#)
        let none = try caller.post("/v1/generate/image", four)
        #expect(none.status == 400)
        #expect(try none.json()["code"]?.text == "no_eligible_model")
        #expect(try none.json()["emptiedBy"]?.elements.first?.text == "allow_deny")
        #expect(try caller.post("/v1/generate/image", #"{"configId":"vizd"}"#).status == 400)
        let page = try caller.get("/v1/routers/vizd/requests?limit=2").json()
        #expect(page["data"]?.elements.compactMap { $0["status"]?.text } == ["invalid_request", "no_eligible_model"])
        let next = try #require(page["nextCursor"]?.text)
        let rest = try caller.get("/v1/routers/vizd/requests?limit=2&cursor=\(next)").json()
        #expect(rest["data"]?.elements.compactMap { $0["status"]?.text } == ["routed"])
        #expect(rest["nextCursor"]?.value == .null)
    }
}
