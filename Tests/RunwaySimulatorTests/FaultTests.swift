// Every fault, over real connections: what the client sees, and what the books say was done.

import Contract
import Foundation
import Testing

@testable import RunwaySimulator

@Suite("Faults")
struct FaultTests {
    private let clock = HandClock()
    private let simulator: RunwaySimulator
    private let caller: Caller

    init() throws {
        var configuration = RunwayConfiguration()
        configuration.duration = 10...10
        simulator = try RunwaySimulator(configuration, clock: clock.now)
        caller = Caller(simulator)
    }

    private func inject(_ place: FaultPlace, _ fault: Fault) { simulator.inject(.init(at: place, fault: fault)) }

    // MARK: Creates

    @Test("a status is answered instead, with its headers, and nothing is created")
    func status() throws {
        inject(.create, .status(503, body: "<html>busy</html>", headers: [("Retry-After", "7")]))
        let exchange = try caller.create()
        #expect(exchange.status == 503)
        #expect(exchange.header("Retry-After") == "7")
        #expect(exchange.body == Array("<html>busy</html>".utf8))
        #expect(simulator.books.tasks.isEmpty)
        #expect(simulator.books.createsReceived == 1)
        #expect(simulator.books.createsDisturbed == 1)
        #expect(try caller.create().status == 200)
    }

    @Test("an error can be answered to a create that was done", arguments: [502, 503, 504])
    func createThenStatus(_ status: Int) throws {
        inject(.create, .createThenStatus(status))
        #expect(try caller.create().status == status)
        #expect(simulator.books.tasks.count == 1)
        #expect(simulator.books.creditsReserved == 8)
    }

    @Test("a fault that wants the create done waits for one that is")
    func waitsForASuccess() throws {
        inject(.create, .createThenStatus(504))
        #expect(try caller.create(Sample.create(ratio: "16:9")).status == 400)
        #expect(try caller.create().status == 504)
        #expect(try caller.create().status == 200)
    }

    @Test("a connection is reset before the body, after it, or after the create: only the last one is paid")
    func drops() throws {
        inject(.create, .dropBeforeBody)
        let client = try RawClient(port: simulator.port)
        let request = caller.request("POST", "/v1/text_to_image", Array(Sample.create().utf8))
        client.send(Array(request.prefix(request.count - 10)))
        #expect(client.answer() == .broken(bytes: 0, reset: true))
        #expect(simulator.books.createsReceived == 0)
        inject(.create, .dropAfterBody)
        #expect(try caller.create() == .broken(bytes: 0, reset: true))
        #expect(simulator.books.createsReceived == 1)
        #expect(simulator.books.tasks.isEmpty)
        inject(.create, .createThenDrop)
        #expect(try caller.create() == .broken(bytes: 0, reset: true))
        #expect(simulator.books.createsReceived == 2)
        #expect(simulator.books.tasks.count == 1)
    }

    @Test("an answer can stay away, with the task created or not", arguments: [true, false])
    func stalls(_ isCreated: Bool) throws {
        inject(.create, isCreated ? .createThenStall : .stall)
        let client = try RawClient(port: simulator.port)
        client.send(caller.request("POST", "/v1/text_to_image", Array(Sample.create().utf8)))
        // The client gives up; had there been an answer, it would stand before the end.
        client.finish()
        #expect(client.rest().bytes.isEmpty)
        #expect(simulator.books.tasks.count == (isCreated ? 1 : 0))
    }

    @Test("an answer can be cut in its middle, be no JSON, or come under another type")
    func badAnswers() throws {
        inject(.create, .cutAnswer)
        guard case .broken(let bytes, false) = try caller.create() else {
            Issue.record("the answer was whole")
            return
        }
        #expect(bytes > 60)
        inject(.create, .garbageJSON)
        let garbage = try caller.create()
        #expect(garbage.status == 200)
        #expect(throws: JSONFault.self) { try garbage.json() }
        inject(.create, .wrongContentType())
        let wrong = try caller.create()
        #expect(wrong.header("Content-Type") == "text/html")
        #expect(try wrong.json()["id"]?.text != nil)
        #expect(simulator.books.tasks.count == 3)
    }

    @Test("fields can be missing or be more than anybody knows")
    func oddFields() throws {
        inject(.create, .withoutEstimate)
        let bare = try caller.create().json()
        #expect(bare["id"] != nil && bare["estimatedCost"] == nil)
        inject(.create, .extraUnknownFields)
        let rich = try caller.create().json()
        #expect(rich["id"] != nil && rich["queuePosition"]?.number == 7)
        inject(.poll, .extraUnknownFields)
        let id = try #require(rich["id"]?.text)
        #expect(try caller.task(id)["experimental"] != nil)
        inject(.poll, .withoutEstimate)
        #expect(try caller.task(id).estimate == nil)
        #expect(try caller.task(id).estimate == 8)
    }

    @Test("a late answer and one in pieces come whole in the end")
    func slow() throws {
        inject(.create, .late(milliseconds: 20))
        #expect(try caller.create().json()["id"] != nil)
        inject(.create, .trickle(bytes: 10, everyMilliseconds: 1))
        #expect(try caller.create().json()["id"] != nil)
    }

    @Test("a fault strikes the call that it names, as often as it says, in the order of injection")
    func aim() throws {
        simulator.inject(.init(at: .create, count: 2, matching: "red dress", fault: .status(503)))
        simulator.inject(.init(at: .create, count: Injection.forever, matching: "blue", fault: .status(500)))
        let red = Sample.create(prompt: "a red dress")
        #expect(try caller.create().status == 200)
        #expect(try (0..<3).map { _ in try caller.create(red).status } == [503, 503, 200])
        #expect(try (0..<3).map { _ in try caller.create(Sample.create(prompt: "blue")).status } == [500, 500, 500])
        simulator.clearFaults()
        #expect(try caller.create(Sample.create(prompt: "blue")).status == 200)
    }

    // MARK: Polls, cancels, the organisation

    @Test("a task can show an unknown status, lose its failure code, be cancelled elsewhere, be forgotten")
    func polls() throws {
        let id = try caller.created()
        inject(.poll, .unknownStatus("QUEUED_ELSEWHERE"))
        #expect(try caller.task(id).status == "QUEUED_ELSEWHERE")
        #expect(try caller.task(id).status == "PENDING")
        simulator.inject(.init(at: .poll, matching: id, fault: .status(502)))
        #expect(try caller.get("/v1/tasks/\(id)").status == 502)
        inject(.poll, .cancelledElsewhere)
        #expect(try caller.task(id).status == "CANCELLED")
        #expect(try caller.task(id).cost == 0)
        inject(.create, .missingFailureCode)
        let failing = try caller.created()
        inject(.create, .cancelled)
        let cancelled = try caller.created()
        clock.advance(seconds: 10)
        #expect(try caller.task(failing).status == "FAILED")
        #expect(try caller.task(failing)["failureCode"] == nil)
        #expect(try caller.task(cancelled).status == "CANCELLED")
        let lost = try caller.created()
        inject(.poll, .forgotten)
        #expect(try caller.get("/v1/tasks/\(lost)").status == 404)
        clock.advance(seconds: 10)
        #expect(try caller.get("/v1/tasks/\(lost)").status == 404)
        #expect(simulator.books.tasks.last?.billed == 8)
    }

    @Test("cancels, uploads and the organisation fail as they are told")
    func otherPlaces() throws {
        let id = try caller.created()
        inject(.cancel, .createThenStatus(503))
        #expect(try caller.call("DELETE", "/v1/tasks/\(id)").status == 503)
        #expect(simulator.books.tasks[0].status == "DELETED")
        inject(.organization, .cutAnswer)
        #expect(try caller.get("/v1/organization").status == nil)
        inject(.upload, .status(429))
        #expect(try caller.post("/v1/uploads", #"{"filename":"a.jpg","type":"ephemeral"}"#).status == 429)
    }

    // MARK: Downloads

    private func finished() throws -> String {
        let id = try caller.created()
        clock.advance(seconds: 10)
        return try caller.output(id)
    }

    @Test("a download can be a page, no picture, half of one, empty, elsewhere, refused, gone")
    func downloads() throws {
        let path = try finished()
        let good = try caller.get(path)
        #expect(good.header("Content-Type") == "image/png")
        inject(.download, .page)
        let page = try caller.get(path)
        #expect(page.status == 200)
        #expect(page.header("Content-Type")?.hasPrefix("text/html") == true)
        inject(.download, .wrongContentType("application/octet-stream"))
        let mistyped = try caller.get(path)
        #expect(mistyped.header("Content-Type") == "application/octet-stream")
        #expect(mistyped.body == good.body)
        inject(.download, .truncatedPicture)
        #expect(try caller.get(path).body == Array(good.body.prefix(good.body.count / 2)))
        inject(.download, .notAPicture)
        #expect(try caller.get(path).body == Array("This is no picture.\n".utf8))
        inject(.download, .empty)
        #expect(try caller.get(path).body.isEmpty)
        inject(.download, .redirect("http://127.0.0.1:9/elsewhere"))
        let moved = try caller.get(path)
        #expect(moved.status == 302)
        #expect(moved.header("Location") == "http://127.0.0.1:9/elsewhere")
        for status in [403, 404, 500] {
            inject(.download, .status(status))
            #expect(try caller.get(path).status == status)
        }
        #expect(try caller.get(path).body == good.body)
        #expect(simulator.books.downloads == 11)
    }

    @Test("a download can end too early, never end, stop in its middle, or come slowly")
    func unevenDownloads() throws {
        let path = try finished()
        let good = try caller.get(path).body
        inject(.download, .short)
        guard case .broken(_, false) = try caller.get(path) else {
            Issue.record("the download was whole")
            return
        }
        inject(.download, .endless)
        let endless = try RawClient(port: simulator.port)
        endless.send(caller.request("GET", path))
        #expect(endless.rest(atMost: 20 * good.count).bytes.count >= 20 * good.count)
        inject(.download, .stallMidway)
        let stalled = try RawClient(port: simulator.port)
        stalled.send(caller.request("GET", path))
        stalled.finish()
        let half = stalled.rest().bytes
        #expect(half.count > good.count / 2 && half.count < good.count)
        inject(.download, .stall)
        let silent = try RawClient(port: simulator.port)
        silent.send(caller.request("GET", path))
        silent.finish()
        #expect(silent.rest().bytes.isEmpty)
        inject(.download, .trickle(bytes: 8192, everyMilliseconds: 1))
        #expect(try caller.get(path).body == good)
    }

    // MARK: Over HTTP

    @Test("every fault can be injected over HTTP, and the books and a reset are there too")
    func control() throws {
        let body = #"""
            [{"at":"create","count":"forever","matching":"red","fault":{"kind":"createThenStatus","status":504}},
             {"at":"create","fault":{"kind":"status","status":429,"body":"{}","headers":{"Retry-After":"3"}}},
             {"at":"poll","count":2,"fault":{"kind":"unknownStatus","status":"ELSEWHERE"}}]
            """#
        #expect(try caller.post("/simulator/inject", body).json()["injected"]?.number == 3)
        let limited = try caller.create()
        #expect(limited.status == 429 && limited.header("Retry-After") == "3")
        #expect(try caller.create(Sample.create(prompt: "red")).status == 504)
        let books = try caller.get("/simulator/books").json()
        #expect(books["createsReceived"]?.number == 2)
        #expect(books["tasksCreated"]?.number == 1)
        let task = try #require(books["tasks"]?.elements.first)
        #expect(task["prompt"]?.text == "red")
        #expect(task["billed"]?.value == .null)
        #expect(try caller.task(try #require(task["id"]?.text)).status == "ELSEWHERE")
        #expect(try caller.call("DELETE", "/simulator/inject").status == 204)
        #expect(try caller.create(Sample.create(prompt: "red")).status == 200)
        #expect(try caller.post("/simulator/reset", "").status == 204)
        #expect(simulator.books.createsReceived == 0 && simulator.books.tasks.isEmpty)
        #expect(try caller.post("/simulator/inject", #"{"at":"create","fault":{"kind":"nonsense"}}"#).status == 400)
        #expect(try caller.post("/simulator/inject", #"{"at":"nowhere","fault":{"kind":"stall"}}"#).status == 400)
        #expect(try caller.post("/simulator/inject", "{").status == 400)
    }

    @Test(
        "every kind of fault has its name on the wire",
        arguments: [
            "status", "createThenStatus", "dropBeforeBody", "dropAfterBody", "stall", "createThenDrop",
            "createThenStall", "cutAnswer", "stallMidway", "garbageJSON", "wrongContentType", "extraUnknownFields",
            "late", "trickle", "withoutEstimate", "failure", "cancelled", "unknownStatus", "missingFailureCode",
            "cancelledElsewhere", "forgotten", "redirect", "page", "short", "endless", "truncatedPicture",
            "notAPicture", "empty", "stillInstead",
        ])
    func kinds(_ kind: String) throws {
        let text = #"{"kind":"\#(kind)","status":503,"url":"http://127.0.0.1:9/","code":"INTERNAL"}"#
        let node = try JSONDocument(parsing: Array(text.utf8)).root
        if kind == "unknownStatus" {
            #expect(Fault(node).map { "\($0)" } == #"unknownStatus("QUEUED_ELSEWHERE")"#)
        } else {
            #expect(Fault(node).map { "\($0)".prefix { $0 != "(" } } == kind[...])
        }
    }

    @Test("two creates at once use up one fault between them", arguments: 0..<8)
    func exactlyOnce(_ round: Int) throws {
        inject(.create, .createThenStatus(503))
        let (first, second) = (try RawClient(port: simulator.port), try RawClient(port: simulator.port))
        let request = caller.request("POST", "/v1/text_to_image", Array(Sample.create().utf8))
        first.send(request)
        second.send(request)
        let statuses = [first.answer().status, second.answer().status]
        #expect(Set(statuses) == [200, 503])
        #expect(simulator.books.tasks.count == 2)
    }
}
