// What every provider has to hold, whoever it is: one suite, each provider beside its own simulator, over real HTTP on
// this machine. The simulator's books are the witness.

import Contract
import RunwaySimulator
import Testing
import Transfer

@testable import Providers

@Suite("Every provider conforms")
struct ProviderConformance {
    /// The smallest order of a provider's first model.
    private func order(_ provider: any Provider) -> Providers.Order {
        let model = provider.traits.models[0]
        return StageOrder.of(
            model, garments: max(1, model.references.count.lowerBound), withPerson: model.needsPersonImage)
    }

    /// Orders, and answers the task's text.
    private func task(_ stage: any Stage) async throws -> String {
        let provider = stage.provider()
        let order = try await provider.stage(order(provider))
        guard case .accepted(let task, _) = await provider.submit(order) else {
            throw Missing(what: "a task of \(provider.traits.id)")
        }
        return task
    }

    private struct Missing: Error { let what: String }

    private func hasLeaked(_ text: String, _ stage: any Stage) -> Bool { stage.secrets.contains { text.contains($0) } }

    // MARK: - The paid call

    @Test(
        "one order is one call, whatever becomes of it, and what is called refused was never made",
        arguments: Candidate.all)
    func neverTwice(_ candidate: Candidate) async throws {
        for mischief in Mischief.allCases {
            let stage = try candidate.open()
            let provider = stage.provider()
            let order = try await provider.stage(order(provider))
            let before = stage.witness
            stage.spoil(mischief)
            let answer = await provider.submit(order)
            let after = stage.witness
            #expect(after.orders - before.orders == 1, "\(mischief)")
            #expect(after.made - before.made == (mischief.makes ? 1 : 0), "\(mischief)")
            switch answer {
            case .refused: #expect(mischief.isClear, "\(mischief): \(answer)")
            case .lost: #expect(!mischief.isClear, "\(mischief): \(answer)")
            default: Issue.record("\(mischief): \(answer)")
            }
        }
    }

    @Test(
        "a refusal says who has to do what: wait, look after the key, buy credits, mend the order",
        arguments: Candidate.all)
    func refusals(_ candidate: Candidate) async throws {
        let codes: [(Mischief, ResultCode, RetryAdvice)] = [
            (.limit, .providerUnavailable, .later(seconds: 7)), (.badKey, .providerAuth, .never),
            (.noCredit, .providerNoCredit, .never), (.echo, .providerRejected, .never),
        ]
        for (mischief, code, advice) in codes {
            let stage = try candidate.open()
            let provider = stage.provider()
            stage.spoil(mischief)
            let failure = await provider.submit(order(provider)).refusal
            #expect(failure?.code == code && failure?.retry == advice, "\(mischief): \(failure as Any)")
            #expect(failure?.holdsProvider == [.badKey, .noCredit].contains(mischief), "\(mischief)")
        }
    }

    @Test("no message of any kind holds the key, a signature or a picture", arguments: Candidate.all)
    func redaction(_ candidate: Candidate) async throws {
        for mischief in Mischief.allCases {
            let stage = try candidate.open()
            let provider = stage.provider()
            stage.spoil(mischief)
            let text = "\(await provider.submit(order(provider)))"
            #expect(!hasLeaked(text, stage), "\(mischief): \(text)")
        }
        let stage = try candidate.open()
        let task = try await task(stage)
        for status in [400, 401, 429, 500] {
            let words = careless(stage.secrets[0])
            let body = #"{"error":"\#(words)","message":"\#(words)","detail":"\#(words)"}"#
            stage.spoilQuestion(.status(status, body: body))
            let failure = await failure { try await stage.provider().poll(task) }
            #expect(failure != nil && !hasLeaked("\(failure as Any)", stage), "\(status): \(failure as Any)")
        }
    }

    // MARK: - The task

    @Test(
        "a task is followed to its picture by a provider that was made anew, and costs what was reserved at most",
        arguments: Candidate.all)
    func toTheEnd(_ candidate: Candidate) async throws {
        let stage = try candidate.open()
        let reserved = stage.provider().price(order(stage.provider())).microdollars
        let task = try await task(stage)
        guard case .waiting = try await stage.provider().poll(task).state else {
            Issue.record("it has begun before time has passed")
            return
        }
        stage.pass(hours: 0.01)
        guard case .done(let outputs, let price) = try await stage.provider().poll(task).state else {
            Issue.record("it is not done")
            return
        }
        let picture = try await stage.fetch(try #require(outputs.first))
        #expect(picture.isSuccess && picture.body.starts(with: [0x89, 0x50, 0x4E, 0x47]))
        #expect(price?.microdollars == stage.witness.billed && stage.witness.billed > 0)
        #expect(reserved >= stage.witness.billed)
        #expect(stage.witness.orders == 1 && stage.witness.made == 1)
        let handle = TaskHandle(task)
        #expect(!handle.id.isEmpty && !handle.id.contains("http") && !handle.id.contains("/"))
    }

    @Test("whatever answers a question, the task stands and is read the next time", arguments: Candidate.all)
    func questions(_ candidate: Candidate) async throws {
        let stage = try candidate.open()
        let task = try await task(stage)
        let faults: [Fault] = [
            .status(400), .status(401), .status(403), .status(405), .status(429), .status(500), .status(503),
            .cutAnswer, .garbageJSON, .page, .empty, .status(200, body: "{}"), .status(204, body: ""),
        ]
        for fault in faults {
            stage.spoilQuestion(fault)
            let failure = await failure { try await stage.provider().poll(task) }
            guard case .later? = failure?.retry else {
                Issue.record("\(fault): \(failure as Any)")
                continue
            }
            #expect(failure?.retryable == true && failure?.code != .providerNoCredit, "\(fault)")
        }
        stage.spoilQuestion(.unknownStatus("Thinking about it"))
        #expect(try await stage.provider().poll(task).state == .waiting(.unknown("Thinking about it")))
        stage.pass(hours: 0.01)
        guard case .done = try await stage.provider().poll(task).state else {
            Issue.record("it is not done")
            return
        }
    }

    @Test(
        "a task that is not known any more is gone, and so is a text that no order can have left",
        arguments: Candidate.all)
    func gone(_ candidate: Candidate) async throws {
        let stage = try candidate.open()
        let task = try await task(stage)
        stage.spoilQuestion(.forgotten)
        for text in [task, task, "", " ", "../credits", "a/b?c"] {
            guard case .gone(let code, let message, _) = try await stage.provider().poll(text).state else {
                Issue.record("\(text) is there")
                continue
            }
            #expect(code == "TASK_GONE" && message.hasSuffix("."), "\(text)")
        }
    }

    @Test(
        "an address that has expired is refused as one, and the task is still done when it is read again",
        arguments: Candidate.all)
    func expired(_ candidate: Candidate) async throws {
        let stage = try candidate.open()
        let task = try await task(stage)
        stage.pass(hours: 0.01)
        guard case .done(let outputs, _) = try await stage.provider().poll(task).state, let first = outputs.first else {
            Issue.record("it is not done")
            return
        }
        stage.pass(hours: 100)
        #expect([401, 403, 404, 410].contains(try await stage.fetch(first).status))
        guard case .done(let later, _) = try await stage.provider().poll(task).state, let again = later.first else {
            Issue.record("it is not done any more")
            return
        }
        #expect(try await stage.fetch(again).isSuccess == stage.renewsAddresses)
        #expect(stage.witness.made == 1)
    }

    @Test("a task can be given up, or the provider says that it cannot and the task goes on", arguments: Candidate.all)
    func cancelled(_ candidate: Candidate) async throws {
        let stage = try candidate.open()
        let task = try await task(stage)
        let provider = stage.provider()
        let failure = await failure { try await provider.cancel(task) }
        #expect((failure == nil) == provider.canCancel)
        stage.pass(hours: 0.01)
        switch try await provider.poll(task).state {
        case .gone: #expect(provider.canCancel)
        case .done: #expect(!provider.canCancel && failure?.retry == .never)
        case let other: Issue.record("\(other)")
        }
    }

    // MARK: - Limits

    @Test(
        "orders at the limits that a provider names are taken: each model, the fewest and the most pictures, the longest prompt, with a person and without",
        arguments: Candidate.all)
    func limits(_ candidate: Candidate) async throws {
        let stage = try candidate.open()
        let provider = stage.provider()
        for model in provider.traits.models {
            let counts = Set([max(1, model.references.count.lowerBound), model.references.count.upperBound])
            for count in counts where count > 0 {
                for withPerson in model.takesPersonImage ? [true, false] : [false]
                where withPerson || !model.needsPersonImage {
                    let garments = withPerson && model.references.countsPerson ? count - 1 : count
                    if garments == 0 { continue }
                    let order = StageOrder.of(model, garments: garments, withPerson: withPerson, fill: true)
                    if let rule = model.prompt {
                        #expect(rule.length(order.prompt ?? "") > rule.limit * 9 / 10, "\(model.name)")
                    }
                    let answer = await provider.submit(try await provider.stage(order))
                    guard case .accepted(_, let estimate) = answer else {
                        Issue.record("\(model.name) with \(garments), person \(withPerson): \(answer)")
                        continue
                    }
                    let price = provider.price(order).microdollars
                    #expect(price > 0 && price >= estimate?.microdollars ?? 0, "\(model.name): \(price)")
                }
            }
        }
    }

    @Test("every size that a provider lists is taken, and the default is one of them", arguments: Candidate.all)
    func sizes(_ candidate: Candidate) async throws {
        let stage = try candidate.open()
        let provider = stage.provider()
        for model in provider.traits.models {
            #expect(model.sizes.admits(model.defaultSize), "\(model.name)")
            guard case .listed(let sizes) = model.sizes else { continue }
            for size in sizes {
                let garments = max(1, model.references.count.lowerBound)
                let order = StageOrder.of(model, garments: garments, withPerson: model.needsPersonImage, size: size)
                guard case .accepted = await provider.submit(order) else {
                    Issue.record("\(model.name) at \(size)")
                    continue
                }
            }
        }
    }

    @Test(
        "a provider has a name of its own, models without doubles, and an account that can be read",
        arguments: Candidate.all)
    func names(_ candidate: Candidate) async throws {
        let stage = try candidate.open()
        let traits = stage.provider().traits
        #expect(traits.id == candidate.name && !traits.displayName.isEmpty && !traits.isFree)
        #expect(Set(traits.models.map(\.name)).count == traits.models.count)
        let account = try #require(try await stage.provider().account())
        #expect(account.balance ?? 0 > 0 && account.models[traits.models[0].name] != nil)
        #expect(stage.witness.orders == 0)
    }
}
