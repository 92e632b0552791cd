// Jobs whose provider makes tasks: from the order to the fetched picture, everything that may go wrong on the way, what
// the books know of it, and that nothing is ordered that may have been ordered already.

import Contract
import Linux
import Providers
import Synchronization
import TestSupport
import Testing
import Transfer

@testable import Ledger
@testable import Pipeline

private let price = Price(credits: 8, microdollars: 80_000)
private let nothing = Price(credits: 0, microdollars: 0)
private let busy = ProviderFailure(
    code: .providerUnavailable, message: "Scripted is busy.", retryable: true, retry: .later(seconds: nil),
    httpStatus: 503)
private let wrongKey = ProviderFailure(
    code: .providerAuth, message: "Scripted refuses the key. Mend it.", retryable: false, httpStatus: 401)
private let address = "https://pictures.test/a.png"

/// A household in which orders go to the paid provider.
private struct Tasks {
    let atelier: Atelier
    var provider: ScriptedProvider { atelier.paid }
    /// Never answered from a picture of a job before it.
    var request: String { atelier.request(#""provider": "paid", "regenerate": true"#, outfit: Atelier.one) }

    init() throws { atelier = try Atelier() }

    /// What a task that goes well brings.
    func goesWell(_ task: String = "t-1", picture: String = "noise.png") throws {
        provider.say(.accepted(taskID: task, estimate: price))
        provider.tell(.running(progress: 0.5), .done(outputs: [address], price: price))
        atelier.transfer.answer(200, try Repository.picture(picture))
    }

    func run(_ name: String = "a") async throws -> ResultDocument { try await atelier.run(request, as: name) }
    func failure(_ name: String = "a") async throws -> ResultDocument.Failure {
        try #require(try await run(name).failure)
    }
    func attempts(_ name: String = "a") async throws -> [AttemptRow] { try await atelier.journal.attempts(name) }
    func states(_ name: String = "a") async throws -> [AttemptState] { try await attempts(name).map(\.state) }

    /// A job of an earlier run of the program that stands at its task.
    func interrupted(_ task: String = "t-1", plan: Plan? = nil) async throws -> JobTicket {
        let ticket = try await atelier.admit(request)
        let known = Plan(
            provider: "paid", model: "plain", size: PixelSize(width: 512, height: 512), seed: nil, prompt: "p",
            references: 1, usedDescriptor: true, usedProfileDescriptor: true, countedBefore: plan?.countedBefore)
        let order = NewAttempt(
            provider: "paid", model: "plain", userID: "peichin", estimate: Money(price), freeOfCharge: false)
        _ = try await atelier.journal.order(ticket.name, plan: known.encoded(), order, at: Atelier.now)
        if !task.isEmpty { try await atelier.journal.tasked(ticket.name, taskID: task, at: Atelier.now) }
        return try await atelier.admit(request)
    }
}

@Suite("Jobs with tasks")
struct PipelineTaskTests {
    private let tasks: Tasks
    private var atelier: Atelier { tasks.atelier }

    init() throws { tasks = try Tasks() }

    @Test("a task is ordered once, asked until it is done, fetched, stored and settled at its final price")
    func goesWell() async throws {
        try tasks.goesWell()
        let result = try await tasks.run()
        let picture = try #require(result.picture)
        #expect(picture.making.taskID == "t-1" && picture.making.model == "plain" && picture.making.references == 1)
        #expect(picture.image.contentType == "image/jpeg" && picture.making.modelDescriptorUsed)
        #expect(picture.making.userLevelDescriptor && picture.making.prompt?.contains("Asian woman") == true)
        #expect(result.cost == .init(credits: 8, usd: 0.08) && result.attempts == 1)
        #expect(tasks.provider.orders.count == 1 && tasks.provider.polls == ["t-1", "t-1"])
        #expect(atelier.time.sleeps == [5, 5], "first after the interval, then after another")
        let attempt = try #require(try await tasks.attempts().first)
        #expect(attempt.state == .settled && attempt.made && attempt.taskID == "t-1")
        #expect(attempt.final == Money(price))
        let request = try #require(atelier.transfer.requests.first)
        #expect(request.url == address && request.credential == nil && request.headers.isEmpty)
        #expect(atelier.desk.figures("paid") == (taken: 0, waiting: 0))
    }

    @Test("the intent is durable before the call and the task's id before the first look at it")
    func orderOfCommits() async throws {
        try tasks.goesWell()
        let journal = atelier.journal
        tasks.provider.meanwhile {
            let rows = try await journal.attempts("a")
            #expect(rows.map(\.state) == [.intent] && rows.first?.estimate == Money(price))
        }
        _ = try await tasks.run()
    }

    @Test("the status file hears how far the provider is, and whether it holds the order back")
    func progress() async throws {
        tasks.provider.say(.accepted(taskID: "t-1", estimate: price))
        tasks.provider.tell(
            .waiting(.queued), .waiting(.throttled), .waiting(.unknown("PAUSED")), .running(progress: 0.25),
            .running(progress: nil), .done(outputs: [address], price: price))
        atelier.transfer.answer(200, try Repository.picture("noise.png"))
        _ = try await tasks.run()
        let told = atelier.reports.filter { $0.message.hasPrefix("Scripted") }
        #expect(told.map(\.percent) == [20, 20, 20, 35, 20])
        #expect(told[0].message.contains("queue") && told[1].message.contains("holds the order back"))
        #expect(told[2].message.contains("PAUSED") && told[3].message.contains("25 %"))
        #expect(told.allSatisfy { $0.stage == .generate && $0.attempt == 1 })
    }

    @Test("more garments than pictures share sheets, and each picture has its tag")
    func sheets() async throws {
        try tasks.goesWell()
        let result = try await atelier.run(atelier.request(#""provider": "paid""#, outfit: Atelier.three))
        #expect(result.picture?.making.references == 2)
        let order = try #require(tasks.provider.orders.first)
        #expect(order.references.count == 2 && order.references[0].name.contains(", "))
        #expect((order.references[0].width, order.references[0].height) == (1152, 1536))
        let tags = order.references.compactMap(\.tag)
        #expect(Set(tags).count == 2 && tags.allSatisfy { order.prompt?.contains("@\($0)") == true })
    }

    @Test("the photos are let go of when the order is out, and the answer when the picture is kept")
    func memory() async throws {
        try tasks.goesWell()
        let ticket = try await atelier.admit(tasks.request)
        var job = JobRun(ticket: ticket, startedAt: 0, report: { _ in })
        let pipeline = atelier.pipeline()
        guard case .prepared(let plan) = try await pipeline.prepare(&job) else { throw Unexpected(what: "no plan") }
        #expect(job.order?.references.isEmpty == false)
        guard case .ordered(let ordered) = try await pipeline.order(plan, &job) else {
            throw Unexpected(what: "no order")
        }
        _ = try await pipeline.submit(ordered, &job)
        #expect(job.order == nil)
        pipeline.leave(&job)
    }

    // MARK: - Refusals

    @Test("a refusal for good ends the job, settles at nothing and is told as the provider told it")
    func refused() async throws {
        tasks.provider.say(
            .refused(
                ProviderFailure(
                    code: .providerRejected, message: "The ratio is wrong.", retryable: false, httpStatus: 400)))
        let result = try await tasks.run()
        let failure = try #require(result.failure)
        #expect(failure.code == .providerRejected && failure.httpStatus == 400 && failure.stage == .generate)
        #expect(result.cost == .init(credits: 0, usd: 0) && result.attempts == 1)
        #expect(try await tasks.states() == [.refused])
        #expect(atelier.desk.figures("paid").taken == 0)
    }

    @Test("a refusal that may pass is tried again as an attempt of its own, and each is in the books")
    func refusedAndAgain() async throws {
        tasks.provider.say(.refused(busy))
        tasks.provider.say(.refused(busy))
        try tasks.goesWell()
        let result = try await tasks.run()
        #expect(result.picture != nil && result.attempts == 3)
        #expect(result.cost == .init(credits: 8, usd: 0.08))
        #expect(atelier.time.sleeps.prefix(2) == [2, 4])
        #expect(try await tasks.states() == [.refused, .refused, .settled])
    }

    @Test("tries end with the job's time, and the last refusal is what it failed with")
    func refusedUntilTheDeadline() async throws {
        // A limit: one that is down is waited for at the desk.
        let limited = ProviderFailure(
            code: .providerUnavailable, message: "Scripted is at its limit.", retryable: true,
            retry: .later(seconds: nil), httpStatus: 429)
        for _ in 0..<100 { tasks.provider.say(.refused(limited)) }
        let failure = try await tasks.failure()
        #expect(failure.code == .providerUnavailable && failure.retryable && failure.httpStatus == 429)
        let waited = atelier.time.sleeps.reduce(0, +)
        #expect(waited > 800 && waited <= 900)
        #expect(try await tasks.states().allSatisfy { $0 == .refused })
    }

    @Test("what has to come first and does not work is tried again without an attempt in the books")
    func staging() async throws {
        tasks.provider.failStage(busy)
        try tasks.goesWell()
        #expect(try await tasks.run().attempts == 1)
        #expect(atelier.time.sleeps.first == 2)
        tasks.provider.failStage(
            ProviderFailure(code: .providerRejected, message: "No upload.", retryable: false))
        let failure = try await tasks.failure("b")
        #expect(failure.code == .providerRejected)
        #expect(try await tasks.attempts("b").isEmpty)
    }

    @Test(
        "a refused key fails the job that met it, and the next waits, told why, until the configuration is read again")
    func held() async throws {
        tasks.provider.say(.refused(wrongKey))
        #expect(try await tasks.failure().code == .providerAuth)
        try tasks.goesWell()
        let atelier = atelier
        let (told, tell) = AsyncStream.makeStream(of: String.self)
        let ticket = try await atelier.admit(tasks.request, as: "b")
        let second = Task { await atelier.pipeline().run(ticket) { tell.yield($0.message) } }
        for await message in told where message.contains("refuses the key") { break }
        #expect(tasks.provider.orders.count == 1)
        atelier.desk.release()
        guard case .result(let result) = await second.value else { throw Unexpected(what: "stopped") }
        #expect(result.picture != nil)
    }

    @Test("an order that does not fit into a budget is not sent, is not in the books, and gives its place back")
    func overBudget() async throws {
        atelier.settings.withLock { $0.budget.perUserMonthly = 100_000 }
        try tasks.goesWell()
        #expect(try await tasks.run().picture != nil)
        let result = try await tasks.run("b")
        let failure = try #require(result.failure)
        #expect(failure.code == .budgetExceeded && !failure.retryable && failure.stage == .generate)
        #expect(failure.message.contains("budget.perUserMonthly") && failure.message.contains("peichin"))
        #expect(result.cost == .init() && result.attempts == 0)
        #expect(tasks.provider.orders.count == 1)
        #expect(try await tasks.attempts("b").isEmpty)
        #expect(atelier.desk.figures("paid") == (taken: 0, waiting: 0))
    }

    // MARK: - Lost answers

    @Test("an order whose answer is lost is not sent again: submission_unknown, and the books keep it as a cost")
    func lost() async throws {
        tasks.provider.say(.lost(LostAnswer("the connection broke before the answer came", httpStatus: nil)))
        let result = try await tasks.run()
        let failure = try #require(result.failure)
        #expect(failure.code == .submissionUnknown && !failure.retryable)
        #expect(failure.message.contains("the connection broke before the answer came"))
        #expect(result.cost == .init(credits: 8, usd: 0.08, uncertain: true))
        #expect(try await tasks.states() == [.uncertain])
        #expect(tasks.provider.orders.count == 1)
    }

    @Test("the message of a lost order says what the provider's own counters suggest")
    func suspicion() async throws {
        let allowance = { (used: Int) in
            Account(balance: 1, models: ["plain": Allowance(concurrent: nil, daily: nil, usedToday: used)])
        }
        for (index, (after, word)) in [(13, "probably took this one"), (12, "probably did not take it")].enumerated() {
            atelier.desk.read(allowance(12), of: "paid")
            tasks.provider.count(allowance(after))
            tasks.provider.say(.lost(LostAnswer("it was lost", httpStatus: 502)))
            let failure = try await tasks.failure("job-\(index)")
            #expect(failure.message.contains(word), "\(failure.message)")
            #expect(failure.httpStatus == 502)
        }
        atelier.desk.read(allowance(12), of: "paid")
        tasks.provider.count(allowance(3))
        tasks.provider.say(.lost(LostAnswer("it was lost")))
        #expect(try await tasks.failure("c").message.contains("probably") == false, "a day that rolled on says nothing")
    }

    @Test("with resubmit a lost order is sent once more after its pause, and both are costs")
    func resubmitted() async throws {
        atelier.settings.withLock { $0.resubmitAfter["paid"] = 120 }
        tasks.provider.say(.lost(LostAnswer("it was lost")))
        try tasks.goesWell("t-2")
        let result = try await tasks.run()
        #expect(result.picture?.making.taskID == "t-2" && result.attempts == 2)
        #expect(result.cost == .init(credits: 16, usd: 0.16, uncertain: true))
        #expect(atelier.time.sleeps.first == 120)
        #expect(try await tasks.states() == [.uncertain, .settled])
        tasks.provider.say(.lost(LostAnswer("it was lost")))
        tasks.provider.say(.lost(LostAnswer("it was lost again")))
        #expect(try await tasks.failure("b").message.contains("again"))
        #expect(try await tasks.states("b") == [.uncertain, .uncertain])
    }

    @Test(
        "an order that was lost with an earlier vizd is closed as a cost, and sent again only where the settings say so"
    )
    func lostBefore() async throws {
        let result = try await atelier.run(try await tasks.interrupted(""))
        #expect(result.failure?.code == .submissionUnknown)
        #expect(result.cost == .init(credits: 8, usd: 0.08, uncertain: true))
        #expect(try await tasks.states() == [.uncertain] && tasks.provider.orders.isEmpty)
        try await atelier.land("a", result)
        atelier.settings.withLock { $0.resubmitAfter["paid"] = 120 }
        try tasks.goesWell()
        let again = try await atelier.admit(tasks.request, old: .failed)
        #expect(again.resume == .prepare, "a person has decided")
        #expect(try await atelier.run(again).picture != nil)
    }

    @Test("with resubmit an order that was lost with an earlier vizd is followed by one more, never by two")
    func resubmittedAfterAStop() async throws {
        atelier.settings.withLock { $0.resubmitAfter["paid"] = 120 }
        let ticket = try await tasks.interrupted("")
        tasks.provider.say(.lost(LostAnswer("it was lost too")))
        let result = try await atelier.run(ticket)
        #expect(result.failure?.code == .submissionUnknown && result.attempts == 2)
        #expect(try await tasks.states() == [.uncertain, .uncertain])
        #expect(tasks.provider.orders.count == 1)
    }

    @Test("a disk that is full when a lost order is to be closed is a pause, and the cost is told once")
    func lostBeforeOnAFullDisk() async throws {
        let ticket = try await tasks.interrupted("")
        try await atelier.journal.haveNoRoomForSettling()
        let journal = atelier.journal
        atelier.whenItWaits { try await journal.haveRoom() }
        let result = try await atelier.run(ticket)
        #expect(result.failure?.code == .submissionUnknown && atelier.waited.count == 1)
        #expect(result.cost == .init(credits: 8, usd: 0.08, uncertain: true))
        #expect(try await tasks.states() == [.uncertain])
    }

    // MARK: - Tasks that come to nothing

    @Test("a task that failed at no charge is ordered again twice, then its failure is the job's")
    func failedForFree() async throws {
        let bad = TaskFailure(
            code: .generationFailed, providerCode: "INTERNAL.BAD_OUTPUT.01", message: "Bad output.", retryable: true)
        for task in ["t-1", "t-2", "t-3"] {
            tasks.provider.say(.accepted(taskID: task, estimate: price))
            tasks.provider.tell(.failed(bad, price: nothing))
        }
        let result = try await tasks.run()
        let failure = try #require(result.failure)
        #expect(failure.code == .generationFailed && failure.providerCode == "INTERNAL.BAD_OUTPUT.01")
        #expect(failure.taskID == "t-3" && failure.retryable && failure.stage == .generate)
        #expect(result.attempts == 3 && result.cost == .init(credits: 0, usd: 0))
        #expect(try await tasks.states() == [.settled, .settled, .settled])
        #expect(try await tasks.attempts().allSatisfy { $0.final == Money(nothing) && !$0.made })
    }

    @Test("a failure that was charged, whose charge is unknown, or that cannot pass is never ordered again")
    func failedAtACost() async throws {
        let cases: [(retryable: Bool, price: Price?, state: AttemptState)] = [
            (true, price, .settled), (true, nil, .uncertain), (false, nothing, .settled),
        ]
        for (index, one) in cases.enumerated() {
            let orders = tasks.provider.orders.count
            tasks.provider.say(.accepted(taskID: "t-\(index)", estimate: price))
            let failure = TaskFailure(
                code: .moderation, providerCode: "SAFETY.INPUT.TEXT", message: "No.", retryable: one.retryable)
            tasks.provider.tell(.failed(failure, price: one.price))
            let result = try await tasks.run("job-\(index)")
            #expect(result.failure?.code == .moderation && result.failure?.retryable == one.retryable)
            #expect(tasks.provider.orders.count == orders + 1)
            #expect(try await tasks.states("job-\(index)") == [one.state])
            #expect(result.cost.uncertain == (one.price == nil))
        }
    }

    @Test("a task that is gone or was cancelled elsewhere stands in the books as uncertain")
    func gone() async throws {
        for code in ["TASK_GONE", "CANCELLED"] {
            tasks.provider.say(.accepted(taskID: "t-1", estimate: price))
            tasks.provider.tell(.gone(code: code, message: "It is not there."))
            let result = try await tasks.run(code)
            #expect(result.failure?.code == .generationFailed && result.failure?.providerCode == code)
            #expect(result.failure?.taskID == "t-1" && result.failure?.retryable == false)
            #expect(result.cost == .init(credits: 8, usd: 0.08, uncertain: true))
            #expect(try await tasks.states(code) == [.uncertain])
        }
    }

    @Test("a finished task that names no picture is a failure at its price, and not ordered again")
    func withoutPicture() async throws {
        tasks.provider.say(.accepted(taskID: "t-1", estimate: price))
        tasks.provider.tell(.done(outputs: [], price: price))
        let result = try await tasks.run()
        #expect(result.failure?.code == .generationFailed && result.failure?.retryable == false)
        #expect(result.cost == .init(credits: 8, usd: 0.08))
        #expect(try await tasks.states() == [.settled] && tasks.provider.orders.count == 1)
    }

    // MARK: - Time

    @Test("a task that is never done ends with the job's time as generation_timeout, and stays a task in the books")
    func timeout() async throws {
        tasks.provider.say(.accepted(taskID: "t-1", estimate: price))
        for _ in 0..<500 { tasks.provider.tell(.running(progress: 0.9)) }
        let result = try await tasks.run()
        #expect(result.failure?.code == .generationTimeout && result.failure?.retryable == true)
        #expect(result.failure?.taskID == "t-1" && result.failure?.message.contains("t-1") == true)
        #expect(abs(atelier.time.sleeps.reduce(0, +) - 900) < 5)
        #expect(try await tasks.states() == [.task])
        #expect(result.cost == .init(credits: 8, usd: 0.08, uncertain: true))
        try await atelier.land("a", result)
        // A retry asks the same task again.
        tasks.provider.forgetNews()
        tasks.provider.tell(.done(outputs: [address], price: price))
        atelier.transfer.answer(200, try Repository.picture("noise.png"))
        let again = try await atelier.run(try await atelier.admit(tasks.request, old: .failed))
        #expect(again.picture != nil && again.attempts == 1 && tasks.provider.orders.count == 1)
    }

    @Test(
        "a provider that cannot be asked is asked at longer and longer pauses, and the job ends as provider_unavailable"
    )
    func silent() async throws {
        tasks.provider.say(.accepted(taskID: "t-1", estimate: price))
        tasks.provider.keepSilent(busy, times: 200)
        let failure = try await tasks.failure()
        #expect(failure.code == .providerUnavailable && failure.retryable && failure.httpStatus == 503)
        #expect(atelier.time.sleeps.prefix(6) == [5, 5, 10, 20, 40, 60])
        #expect(tasks.provider.polls.count < 30)
        #expect(atelier.reports.contains { $0.message.contains("The order stands") })
    }

    @Test("a key that is refused while a task is out loses nothing: the task is asked until the key is right again")
    func keyChangedMeanwhile() async throws {
        tasks.provider.say(.accepted(taskID: "t-1", estimate: price))
        tasks.provider.keepSilent(wrongKey, times: 3)
        tasks.provider.tell(.done(outputs: [address], price: price))
        atelier.transfer.answer(200, try Repository.picture("noise.png"))
        #expect(try await tasks.run().picture != nil)
    }

    @Test("a wall clock that jumps a day, either way, while a task is out changes nothing")
    func clockJumps() async throws {
        for (index, jump) in [86_400.0, -86_400].enumerated() {
            try tasks.goesWell()
            let time = atelier.time
            tasks.provider.meanwhile { time.jump(seconds: jump) }
            #expect(try await tasks.run("job-\(index)").picture != nil)
        }
    }

    @Test("a deadline that passed while vizd was stopped does not lose a finished picture")
    func lateStart() async throws {
        let ticket = try await tasks.interrupted()
        atelier.time.pass(seconds: 86_400)
        tasks.provider.tell(.done(outputs: [address], price: price))
        atelier.transfer.answer(200, try Repository.picture("noise.png"))
        let result = try await atelier.run(ticket)
        #expect(result.picture?.making.taskID == "t-1" && tasks.provider.orders.isEmpty)
        #expect(result.cost == .init(credits: 8, usd: 0.08) && result.attempts == 1)
    }

    @Test("after a stop a task is asked, not ordered, and its place is counted and given back")
    func resumed() async throws {
        let ticket = try await tasks.interrupted()
        atelier.desk.read(
            Account(balance: nil, models: ["plain": Allowance(concurrent: 1, daily: nil, usedToday: 0)]), of: "paid")
        tasks.provider.tell(.running(progress: nil), .done(outputs: [address], price: price))
        atelier.transfer.answer(200, try Repository.picture("noise.png"))
        #expect(try await atelier.run(ticket).picture != nil)
        #expect(tasks.provider.orders.isEmpty && atelier.desk.figures("paid").taken == 0)
    }

    @Test("a paid picture that is gone from the work folder is fetched again from its task, not bought again")
    func pictureGone() async throws {
        try tasks.goesWell()
        guard case .stopped = await atelier.end(try await atelier.admit(tasks.request), troubles: [.store: [.stop]])
        else {
            throw Unexpected(what: "not stopped")
        }
        try await atelier.work.drop("a")
        tasks.provider.tell(.done(outputs: [address], price: price))
        atelier.transfer.answer(200, try Repository.picture("noise.png"))
        let result = try await atelier.run(try await atelier.admit(tasks.request))
        #expect(result.picture != nil && tasks.provider.orders.count == 1)
        #expect(result.cost == .init(credits: 8, usd: 0.08))
        #expect(try await tasks.states() == [.settled])
    }
}
