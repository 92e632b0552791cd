// Tasks and the account: reading them, giving them up, and what a failed one means.

import Contract
import Testing
import Transfer

@testable import Providers

@Suite("Runway: tasks")
struct RunwayTaskTests {
    private func poll(_ status: Int, _ body: String) async throws(ProviderFailure) -> TaskState {
        try await Sample.runway(Wire(always: .answer(status, body))).poll(Sample.task).state
    }

    private func task(_ fields: String) -> String {
        #"{"id":"\#(Sample.task)","createdAt":"2026-08-25T23:17:00.540Z",\#(fields)}"#
    }

    @Test("each status of a task is read, and one that is not known waits")
    func statuses() async throws {
        let one = Price(credits: 8, microdollars: 80_000)
        let url = "https://cdn.example.test/a.png?_jwt=x"
        let cases: [(String, TaskState)] = [
            (#""status":"PENDING","estimatedCost":{"credits":8}"#, .waiting(.queued)),
            (#""status":"THROTTLED""#, .waiting(.throttled)),
            (#""status":"RUNNING","progress":0.5"#, .running(progress: 0.5)),
            (#""status":"RUNNING""#, .running(progress: nil)),
            (#""status":"RUNNING","progress":null"#, .running(progress: nil)),
            (#""status":"RUNNING","progress":7"#, .running(progress: 1)),
            (#""status":"RUNNING","progress":-1"#, .running(progress: 0)),
            (#""status":"succeeded","output":["\#(url)"],"cost":{"credits":8}"#, .done(outputs: [url], price: one)),
            (
                #""status":"SUCCEEDED","output":["\#(url)",7,"",null,"http://127.0.0.1:9/b.png"]"#,
                .done(outputs: [url, "http://127.0.0.1:9/b.png"], price: nil)
            ),
            (#""status":"POSTPROCESSING","new":{"a":[1]}"#, .waiting(.unknown("POSTPROCESSING"))),
        ]
        for (fields, state) in cases { #expect(try await poll(200, task(fields)) == state, "\(fields)") }
        for spelling in ["CANCELLED", "CANCELED", "cancelled"] {
            guard case .gone(let code, let message, _) = try await poll(200, task(#""status":"\#(spelling)""#)) else {
                Issue.record("\(spelling)")
                continue
            }
            #expect(code == "CANCELLED" && message.contains("cancelled"))
        }
    }

    @Test("a task that was cancelled tells its price where Runway does")
    func cancelledWithAPrice() async throws {
        for (cost, credits) in [(#","cost":{"credits":0}"#, 0.0), (#","cost":{"credits":5}"#, 5), ("", nil)] {
            guard case .gone(_, _, let price) = try await poll(200, task(#""status":"CANCELLED"\#(cost)"#)) else {
                Issue.record("\(cost)")
                continue
            }
            #expect(price?.credits == credits)
        }
    }

    @Test("success without an address that can be fetched is a failure with its price")
    func noOutput() async throws {
        for output in [
            #""x":1"#, #""output":[]"#, #""output":null"#, #""output":"https://a.example.test/x""#,
            #""output":["ftp://x/y","data:image/png;base64,AA","https://a b"]"#,
        ] {
            let body = task(#""status":"SUCCEEDED","cost":{"credits":8},\#(output)"#)
            guard case .failed(let failure, let price) = try await poll(200, body) else {
                Issue.record("\(output)")
                continue
            }
            #expect(failure.code == .generationFailed && !failure.retryable && price?.credits == 8)
        }
    }

    @Test("every failure code means what the longest known prefix says")
    func failures() async throws {
        let cases: [(String?, ResultCode, Bool)] = [
            ("SAFETY.INPUT.TEXT", .moderation, false), ("SAFETY.INPUT.IMAGE", .moderation, false),
            ("SAFETY.INPUT", .moderation, false), ("SAFETY.OUTPUT.IMAGE", .moderation, false),
            ("SAFETY", .moderation, false),
            ("SAFETY.NEW", .moderation, false), ("INPUT_PREPROCESSING.SAFETY.TEXT", .moderation, false),
            ("INPUT_PREPROCESSING.SAFETY.THIRD_PARTY", .moderation, false),
            ("INPUT_PREPROCESSING.INTERNAL", .generationFailed, true),
            ("INTERNAL.BAD_OUTPUT.01", .generationFailed, true),
            ("INTERNAL.BAD_OUTPUT.CODE01", .generationFailed, true), ("ASSET.INVALID", .generationFailed, false),
            ("THIRD_PARTY.UNAVAILABLE", .generationFailed, true), ("INTERNAL", .generationFailed, true),
            ("INTERNAL.OTHER", .generationFailed, true), (nil, .generationFailed, true), ("", .generationFailed, true),
            ("SOMETHING.NEW", .generationFailed, true), ("SAFETYNET", .generationFailed, true),
            ("ASSET.INVALIDATED", .generationFailed, true),
        ]
        for (code, meaning, isRetryable) in cases {
            let named = code.map { #""failureCode":"\#($0)","# } ?? #""failureCode":null,"#
            let body = task(#""status":"FAILED",\#(named)"failure":"It went wrong.","cost":{"credits":0}"#)
            guard case .failed(let failure, let price) = try await poll(200, body) else {
                Issue.record("\(code ?? "no code")")
                continue
            }
            #expect(failure.code == meaning && failure.retryable == isRetryable, "\(code ?? "no code")")
            #expect(failure.providerCode == (code == "" ? nil : code), "\(code ?? "no code")")
            #expect(failure.message.contains("It went wrong.") && price == Price(credits: 0, microdollars: 0))
        }
        #expect(RunwayFailures.taskCode("SAFETY.INPUT.TEXT").advice.contains("charged"))
        guard case .failed(let failure, let price) = try await poll(200, task(#""status":"FAILED""#)) else {
            Issue.record("a failure without anything")
            return
        }
        #expect(failure.message == "Runway made no picture. Something went wrong within Runway. It may go well later.")
        #expect(price == nil, "no price that was not told")
    }

    @Test("a task that Runway does not know is gone, and so is one whose id cannot be Runway's, without asking")
    func gone() async throws {
        guard case .gone(let code, let message, _) = try await poll(404, #"{"error":"Could not find Task"}"#) else {
            Issue.record("not gone")
            return
        }
        #expect(code == "TASK_GONE" && message.contains("runway.apiKey"))
        let wire = Wire(always: .answer(200, "{}"))
        let runway = Sample.runway(wire)
        for id in ["", "x", "../organization", "\(Sample.task)?x", "\(Sample.task)/../.."] {
            guard case .gone = try await runway.poll(id).state else {
                Issue.record("\(id)")
                continue
            }
            try await runway.cancel(id)
        }
        #expect(wire.requests.isEmpty)
    }

    @Test("what stands in the way of reading a task says nothing of it, and it may be read again")
    func unreadable() async throws {
        let bodies = ["", "{", "[]", "null", "{}", #"{"status":7}"#, #"{"id":"\#(Sample.task)"}"#]
        for body in bodies {
            let failure = try #require(await failure { try await poll(200, body) }, "\(body)")
            #expect(failure.code == .providerUnavailable && failure.retry == .later(seconds: nil) && failure.retryable)
        }
        for status in [301, 400, 401, 403, 405, 408, 429, 500, 502, 503, 504] {
            let failure = try #require(
                await failure { try await poll(status, #"{"error":"No credits."}"#) }, "\(status)")
            #expect(failure.code == ([401, 403].contains(status) ? .providerAuth : .providerUnavailable), "\(status)")
            #expect(failure.retry == .later(seconds: nil) && failure.httpStatus == status, "\(status)")
        }
        for code in TransferFailure.Code.allCases {
            let runway = Sample.runway(Wire(always: .broken(code, .whole)))
            let failure = try #require(await failure { try await runway.poll(Sample.task) }, "\(code)")
            #expect(failure.code == .providerUnavailable && failure.retry == .later(seconds: nil), "\(code)")
        }
    }

    @Test("Retry-After of a read is handed on")
    func retryAfter() async throws {
        let runway = Sample.runway(Wire(always: .answer(503, "", [TransferHeader("Retry-After", "17")])))
        #expect(await failure { try await runway.poll(Sample.task) }?.retry == .later(seconds: 17))
    }

    @Test("a task is read by its path with key and version, and given up by DELETE; one that is not there is given up")
    func requests() async throws {
        let wire = Wire { request in request.method == .delete ? .answer(204) : .answer(200, #"{"status":"PENDING"}"#) }
        let runway = Sample.runway(wire)
        _ = try await runway.poll(Sample.task)
        try await runway.cancel(Sample.task)
        #expect(wire.requests.map(\.method) == [.get, .delete])
        #expect(wire.requests.allSatisfy { $0.url == "https://api.example.test/v1/tasks/\(Sample.task)" })
        #expect(wire.requests.allSatisfy { $0.header("X-Runway-Version") == "2024-11-06" && $0.credential != nil })
        try await Sample.runway(Wire(always: .answer(404))).cancel(Sample.task)
        let failed = Sample.runway(Wire(always: .answer(502)))
        #expect(await failure { try await failed.cancel(Sample.task) }?.retry == .later(seconds: nil))
    }

    // MARK: - The account

    @Test("the account is its credits and what it may do with each model")
    func account() async throws {
        let body =
            #"{"creditBalance":1234,"tier":{"maxMonthlyCreditSpend":10000,"models":{"#
            + #""gen4_image":{"maxConcurrentGenerations":2,"maxDailyGenerations":200},"#
            + #""muse_image":{"maxConcurrentGenerations":null,"maxDailyGenerations":null}}},"#
            + #""usage":{"models":{"gen4_image":{"dailyGenerations":17},"gen3a_turbo":{"dailyGenerations":3}}}}"#
        let wire = Wire(always: .answer(200, body))
        let account = try #require(try await Sample.runway(wire).account())
        #expect(account.balance == 1234)
        #expect(
            account.models == [
                "gen4_image": Allowance(concurrent: 2, daily: 200, usedToday: 17),
                "muse_image": Allowance(concurrent: nil, daily: nil, usedToday: 0),
            ])
        #expect(wire.requests.map(\.url) == ["https://api.example.test/v1/organization"])
        let poor = try await Sample.runway(Wire(always: .answer(200, #"{"creditBalance":0.5}"#))).account()
        #expect(poor == Account(balance: 0.5, models: [:]))
    }

    @Test("an account that cannot be read is a failure that says why")
    func noAccount() async throws {
        for body in ["", "[]", "{}", #"{"creditBalance":"7"}"#] {
            let runway = Sample.runway(Wire(always: .answer(200, body)))
            #expect(await failure { try await runway.account() }?.code == .providerUnavailable, "\(body)")
        }
        for (status, code) in [
            (401, ResultCode.providerAuth), (403, .providerAuth), (404, .providerUnavailable),
            (500, .providerUnavailable),
        ] {
            let runway = Sample.runway(Wire(always: .answer(status, #"{"error":"No API key was provided."}"#)))
            let failure = try #require(await failure { try await runway.account() }, "\(status)")
            #expect(failure.code == code && failure.httpStatus == status)
        }
    }
}

/// What a call throws; nil where it does not.
func failure<Answer>(_ call: () async throws -> Answer) async -> ProviderFailure? {
    do {
        _ = try await call()
        return nil
    } catch {
        return error as? ProviderFailure
    }
}
