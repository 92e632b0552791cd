// The life of a task, with the clock in the test's hand.

import Contract
import Foundation
import Testing

@testable import RunwaySimulator

@Suite("The life of a task")
struct TaskLifeTests {
    private let clock = HandClock()

    private func simulator(_ change: (inout RunwayConfiguration) -> Void = { _ in }) throws -> RunwaySimulator {
        var configuration = RunwayConfiguration()
        configuration.credits = 1000
        configuration.duration = 10...10
        configuration.seed = 7
        change(&configuration)
        return try RunwaySimulator(configuration, clock: clock.now)
    }

    @Test("a task is pending, runs with rising progress, succeeds, and tells what it cost only then")
    func succeeds() throws {
        let simulator = try simulator()
        let caller = Caller(simulator)
        let id = try caller.created()
        #expect(try caller.task(id).status == "PENDING")
        #expect(try caller.task(id).estimate == 8)
        #expect(try caller.task(id).cost == nil)
        clock.advance(seconds: 2)
        #expect(try caller.task(id).status == "RUNNING")
        #expect(try caller.task(id)["progress"]?.number == 0)
        clock.advance(seconds: 4)
        #expect(try caller.task(id)["progress"]?.number == 0.5)
        clock.advance(seconds: 3.9)
        #expect(try caller.task(id).status == "RUNNING")
        clock.advance(seconds: 0.1)
        let done = try caller.task(id)
        #expect(done.status == "SUCCEEDED")
        #expect(done.cost == 8)
        #expect(done.estimate == nil)
        #expect(done["progress"] == nil)
        #expect(done["output"]?.elements.count == 1)
        #expect(done["createdAt"]?.text == Timestamp(nanoseconds: simulator.books.tasks[0].createdAt).rfc3339)
    }

    @Test("more than the limit are throttled and begin in the order of their creation, a model at a time")
    func throttles() throws {
        let simulator = try simulator {
            $0.limits.concurrent = 2
            $0.modelLimits["gemini_2.5_flash"] = ModelLimits(concurrent: 1)
        }
        let caller = Caller(simulator)
        let ids = try (0..<5).map { _ in try caller.created() }
        let other = try caller.created(Sample.create(model: "gemini_2.5_flash", ratio: "1024:1024"))
        #expect(
            try ids.map { try caller.task($0).status } == ["PENDING", "PENDING"]
                + .init(repeating: "THROTTLED", count: 3))
        #expect(try caller.task(other).status == "PENDING")
        clock.advance(seconds: 10)
        let second = try ids.map { try caller.task($0).status }
        #expect(second == ["SUCCEEDED", "SUCCEEDED", "PENDING", "PENDING", "THROTTLED"])
        // The last one began when the first two of the second pair ended, however late it is asked for.
        clock.advance(seconds: 13)
        #expect(try caller.task(ids[4]).status == "RUNNING")
        clock.advance(seconds: 7)
        #expect(try caller.task(ids[4]).status == "SUCCEEDED")
    }

    @Test("a throttled task begins when the place of a cancelled one is free")
    func cancelledMakesRoom() throws {
        let simulator = try simulator { $0.limits.concurrent = 1 }
        let caller = Caller(simulator)
        let ids = try (0..<3).map { _ in try caller.created() }
        clock.advance(seconds: 1)
        #expect(try caller.call("DELETE", "/v1/tasks/\(ids[1])").status == 204)
        #expect(try caller.call("DELETE", "/v1/tasks/\(ids[0])").status == 204)
        #expect(try caller.task(ids[2]).status == "PENDING")
        clock.advance(seconds: 10)
        #expect(try caller.task(ids[2]).status == "SUCCEEDED")
        #expect(simulator.books.creditsBilled == 8)
    }

    @Test("an address serves until it lapses, every read signs a new one, and a lapsed or forged one is refused")
    func addressesLapse() throws {
        let simulator = try simulator { $0.urlLifetime = 60 }
        let caller = Caller(simulator)
        let id = try caller.created()
        clock.advance(seconds: 10)
        let first = try caller.output(id)
        let second = try caller.output(id)
        #expect(first != second)
        #expect(try caller.get(first).status == 200)
        clock.advance(seconds: 59.9)
        #expect(try caller.get(second).status == 200)
        clock.advance(seconds: 0.1)
        #expect(try caller.get(first).status == 403)
        let renewed = try caller.output(id)
        #expect(try caller.get(renewed).status == 200)
        #expect(try caller.get(String(renewed.dropLast(2)) + "AA").status == 403)
        #expect(try caller.get(String(renewed.prefix { $0 != "?" })).status == 403)
        #expect(try caller.get(renewed.replacingOccurrences(of: "_0.png", with: "_1.png")).status == 403)
    }

    @Test("what had not begun is refunded when it is cancelled, what runs is not, and neither can be read again")
    func cancelling() throws {
        let simulator = try simulator()
        let caller = Caller(simulator)
        let (waiting, running, done) = (try caller.created(), try caller.created(), try caller.created())
        #expect(simulator.books.creditsLeft == 1000 - 24)
        #expect(try caller.call("DELETE", "/v1/tasks/\(waiting)").status == 204)
        #expect(simulator.books.creditsLeft == 1000 - 16)
        clock.advance(seconds: 5)
        #expect(try caller.call("DELETE", "/v1/tasks/\(running)").status == 204)
        clock.advance(seconds: 5)
        let output = try caller.output(done)
        #expect(try caller.call("DELETE", "/v1/tasks/\(done)").status == 204)
        for id in [waiting, running, done] {
            #expect(try caller.get("/v1/tasks/\(id)").status == 404)
            #expect(try caller.call("DELETE", "/v1/tasks/\(id)").status == 404)
        }
        #expect(try caller.get(output).status == 404)
        #expect(simulator.books.tasks.map(\.billed) == [0, 8, 8])
        #expect(simulator.books.tasks.map(\.status) == ["DELETED", "DELETED", "DELETED"])
        #expect(simulator.books.creditsLeft == 1000 - 16)
    }

    @Test("an unknown task is not found, in the words of the service")
    func unknown() throws {
        let simulator = try simulator()
        let exchange = try Caller(simulator).get("/v1/tasks/4a3f3a9e-0000-4000-8000-000000000000")
        #expect(exchange.status == 404)
        #expect(try exchange.json()["error"]?.text == "Could not find Task")
    }

    @Test(
        "a moderated input is charged, every other failure is refunded, unless the fault says otherwise",
        arguments: [
            ("SAFETY.INPUT.TEXT", nil, 8), ("SAFETY.INPUT.IMAGE", nil, 8), ("SAFETY.OUTPUT.IMAGE", nil, 0),
            ("INPUT_PREPROCESSING.SAFETY.TEXT", nil, 0), ("INTERNAL.BAD_OUTPUT.01", nil, 0),
            ("THIRD_PARTY.UNAVAILABLE", nil, 0), ("SAFETY.OUTPUT.IMAGE", true, 8), ("SAFETY.INPUT.TEXT", false, 0),
        ] as [(String, Bool?, Int)])
    func failures(_ code: String, _ charged: Bool?, _ cost: Int) throws {
        let simulator = try simulator()
        let caller = Caller(simulator)
        simulator.inject(.init(at: .create, fault: .failure(code: code, message: "Not this one.", charged: charged)))
        let id = try caller.created()
        clock.advance(seconds: 10)
        let task = try caller.task(id)
        #expect(task.status == "FAILED")
        #expect(task["failure"]?.text == "Not this one.")
        #expect(task["failureCode"]?.text == code)
        #expect(task.cost == Double(cost))
        #expect(simulator.books.creditsLeft == 1000 - cost)
        #expect(simulator.books.creditsBilled == cost)
    }

    @Test("times and failures are drawn from the seed, and the same seed draws the same")
    func repeats() throws {
        let run = { () throws -> [String] in
            let simulator = try simulator {
                $0.duration = 2...9
                $0.failures = [FailureShare(code: "INTERNAL", percent: 40)]
            }
            let caller = Caller(simulator)
            let ids = try (0..<40).map { _ in try caller.created() }
            clock.advance(seconds: 5)
            return try ids + ids.map { try caller.task($0).status ?? "" }
        }
        let (first, second) = (try run(), try run())
        #expect(first == second)
        #expect(first.contains("FAILED") && first.contains("SUCCEEDED") && first.contains("RUNNING"))
    }

    @Test(
        "whatever is created, cancelled, forgotten and let run: every credit is left, set aside or billed",
        arguments: 0..<20)
    func creditsAddUp(_ seed: UInt64) throws {
        var random = Randomness(seed: seed)
        var configuration = RunwayConfiguration()
        configuration.credits = 400
        configuration.limits = ModelLimits(concurrent: 2, daily: 40)
        configuration.refundsCancelled = seed % 2 == 0
        var book = RunwayBook(configuration)
        let body = try JSONDocument(parsing: Array(Sample.create().utf8)).root
        guard case .order(let order) = Orders.textToImage(body) else { throw CancellationError() }
        let fates: [Fate] = [
            .success, .failure(code: "SAFETY.INPUT.TEXT", message: "", charged: nil), .cancellation,
            .failure(code: nil, message: "", charged: nil),
        ]
        var now: Int64 = 0
        for _ in 0..<300 {
            now += Int64.random(in: 0...3, using: &random)
            book.advance(to: now)
            switch Int.random(in: 0..<4, using: &random) {
            case 0, 1:
                let fate = fates.randomElement(using: &random) ?? .success
                let (id, duration) = (random.uuid(), Int64.random(in: 0...9, using: &random))
                _ = book.create(order, digests: [], fate: fate, id: id, duration: duration, at: now)
            case 2: if let id = book.order.randomElement(using: &random) { _ = book.remove(id, at: now) }
            default: if let id = book.order.randomElement(using: &random) { book.cancelFromElsewhere(id, at: now) }
            }
            let tasks = book.order.compactMap { book.tasks[$0] }
            let open = tasks.filter { $0.billed == nil }
            let billed = tasks.reduce(0) { $0 + ($1.billed ?? 0) }
            #expect(book.credits + billed + open.count * 8 == 400)
            #expect(book.usage.days.values.flatMap(\.values).reduce(0, +) == 400 - book.credits)
            #expect(book.credits >= 0 && book.load(of: "gen4_image").running <= 2)
            #expect(open.count == book.load(of: "gen4_image").running + book.load(of: "gen4_image").waiting)
        }
        #expect(book.order.count > 10)
    }

    @Test("a lane of one never runs two, whenever it is asked")
    func lanes() {
        for pace in [Int64(1), 3, 7, 1000] {
            var lane = Lane(limit: 1)
            var events: [Lane.Event] = []
            for (index, duration) in [Int64(5), 1, 4, 2].enumerated() {
                if let event = lane.add("\(index)", duration: duration, at: 0) { events.append(event) }
            }
            for now in stride(from: Int64(0), through: 1000, by: Int64.Stride(pace)) {
                while let event = lane.next(until: now) { events.append(event) }
            }
            #expect(
                events == [
                    .started("0", at: 0), .ended("0", at: 5), .started("1", at: 5), .ended("1", at: 6),
                    .started("2", at: 6), .ended("2", at: 10), .started("3", at: 10), .ended("3", at: 12),
                ])
        }
    }
}
