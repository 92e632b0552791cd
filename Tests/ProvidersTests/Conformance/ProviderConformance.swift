// What every provider has to hold, whoever it is: one suite, each provider beside its own simulator, over real HTTP on
// this machine or as a real program. The simulator's books are the witness. What only some of them have (tasks,
// addresses, a key, a picture in the answer) has suites of its own, made of the lists of `Candidates`.

import Contract
import RunwaySimulator
import Testing
import Transfer

@testable import Providers

/// The smallest order of a provider's first model.
private func smallest(_ provider: any Provider) -> Providers.Order {
    let model = provider.traits.models[0]
    return StageOrder.of(model, garments: max(1, model.references.count.lowerBound), withPerson: model.needsPersonImage)
}

private func hasLeaked(_ text: String, _ stage: any Stage) -> Bool { stage.secrets.contains { text.contains($0) } }

private struct Missing: Error { let what: String }

/// Orders, and answers the task's text.
private func task(_ stage: any TaskStage) async throws -> String {
    let provider = try stage.provider()
    guard case .accepted(let task, _) = await provider.submit(try await provider.stage(smallest(provider))) else {
        throw Missing(what: "a task of \(provider.traits.id)")
    }
    return task
}

extension Submission {
    /// Whether the order was taken, and the price that came with that.
    fileprivate var taken: (isSo: Bool, price: Price?) {
        switch self {
        case .accepted(_, let estimate): (true, estimate)
        case .made(_, let price): (true, price)
        case .spoiled, .refused, .lost: (false, nil)
        }
    }
}

@Suite("Every provider conforms")
struct ProviderConformance {
    @Test("every provider of this build is in this suite, as one with tasks or as one whose answer brings the picture")
    func complete() throws {
        let stage = FlatLayStage()
        let environment = ProviderEnvironment(
            painter: stage, transfer: Wire(always: .answer(500)), monotonicClock: { 0 })
        let names = Candidates.all.map(\.name)
        #expect(Set(names) == Set(ProviderRegistry.entries(environment).map(\.id)))
        #expect(Set(names).count == names.count)
        let free = Set(ProviderRegistry.free.map(\.id))
        #expect(Set(Candidates.hosted.map(\.name)) == Set(names).subtracting(free))
    }

    // MARK: - The order

    @Test(
        "one order is one call, whatever becomes of it, and what is called refused was never made",
        arguments: Candidates.all)
    func neverTwice(_ candidate: Candidate<any Stage>) async throws {
        let stage = try candidate.open()
        let isFree = try stage.provider().traits.isFree
        for mischief in stage.mischiefs {
            let stage = try candidate.open()
            let provider = try stage.provider()
            let order = try await provider.stage(smallest(provider))
            let before = try stage.witness
            try stage.spoil(mischief)
            let answer = await provider.submit(order)
            let after = try stage.witness
            #expect(after.orders - before.orders == 1, "\(mischief)")
            let made = after.made - before.made
            // What costs nothing may have made a picture that nobody can use.
            #expect(isFree ? made <= 1 : made == (mischief.makes ? 1 : 0), "\(mischief): \(made)")
            switch answer {
            case .refused: #expect(isFree || mischief.isClear && !mischief.makes, "\(mischief): \(answer)")
            case .lost: #expect(!isFree && !mischief.isClear, "\(mischief): \(answer)")
            case .spoiled: #expect(!isFree && mischief.isClear && mischief.makes, "\(mischief): \(answer)")
            case .made: #expect(isFree && mischief == .wrongBytes, "\(mischief): \(answer)")
            case .accepted: Issue.record("\(mischief): \(answer)")
            }
        }
    }

    @Test("after an order that went wrong the next one goes well", arguments: Candidates.all)
    func goesOn(_ candidate: Candidate<any Stage>) async throws {
        let stage = try candidate.open()
        let provider = try stage.provider()
        for mischief in stage.mischiefs {
            try stage.spoil(mischief)
            _ = await provider.submit(try await provider.stage(smallest(provider)))
            let answer = await provider.submit(try await provider.stage(smallest(provider)))
            #expect(answer.taken.isSo, "after \(mischief): \(answer)")
        }
        #expect(try stage.witness.orders == 2 * stage.mischiefs.count)
    }

    @Test(
        "no answer and no provider that is printed shows the key, a signature or a picture", arguments: Candidates.all)
    func redaction(_ candidate: Candidate<any Stage>) async throws {
        let stage = try candidate.open()
        for mischief in stage.mischiefs {
            let stage = try candidate.open()
            let provider = try stage.provider()
            try stage.spoil(mischief)
            let answer = await provider.submit(try await provider.stage(smallest(provider)))
            let text = "\(answer) \(String(reflecting: answer))"
            #expect(!hasLeaked(text, stage), "\(mischief): \(text)")
        }
        let provider = try stage.provider()
        for text in ["\(provider)", String(reflecting: provider), "\(ProviderEntry.ready(provider))"] {
            #expect(!hasLeaked(text, stage) && text.contains(provider.traits.id), "\(text)")
        }
    }

    // MARK: - Limits

    @Test(
        "orders at the limits that a provider names are taken: each model, the fewest and the most pictures, the longest prompt, with a person and without",
        arguments: Candidates.all)
    func limits(_ candidate: Candidate<any Stage>) async throws {
        let stage = try candidate.open()
        let provider = try stage.provider()
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
                    #expect(
                        answer.taken.isSo, "\(model.name) with \(garments), person \(withPerson): \(answer)")
                    let price = provider.price(order).microdollars
                    #expect(provider.traits.isFree ? price == 0 : price > 0, "\(model.name): \(price)")
                    #expect(price >= answer.taken.price?.microdollars ?? 0, "\(model.name): \(price)")
                }
            }
        }
    }

    @Test("every size that a provider lists is taken, and the default is one of them", arguments: Candidates.all)
    func sizes(_ candidate: Candidate<any Stage>) async throws {
        let stage = try candidate.open()
        let provider = try stage.provider()
        for model in provider.traits.models {
            #expect(model.sizes.admits(model.defaultSize), "\(model.name)")
            var sizes = [model.defaultSize]
            if case .listed(let listed) = model.sizes { sizes = listed }
            for size in sizes {
                let garments = max(1, model.references.count.lowerBound)
                let order = StageOrder.of(model, garments: garments, withPerson: model.needsPersonImage, size: size)
                let answer = await provider.submit(try await provider.stage(order))
                #expect(answer.taken.isSo, "\(model.name) at \(size): \(answer)")
            }
        }
    }

    @Test(
        "a provider has a name of its own and models without doubles; to look at its account orders nothing",
        arguments: Candidates.all)
    func names(_ candidate: Candidate<any Stage>) async throws {
        let stage = try candidate.open()
        let traits = try stage.provider().traits
        #expect(traits.id == candidate.name && !traits.displayName.isEmpty)
        #expect(Set(traits.models.map(\.name)).count == traits.models.count)
        _ = try await stage.provider().account()
        #expect(try stage.witness.orders == 0)
    }
}

@Suite("Every service conforms")
struct ServiceConformance {
    @Test(
        "a refusal says who has to do what: wait, look after the key, buy credits, mend the order",
        arguments: Candidates.hosted)
    func refusals(_ candidate: Candidate<any Stage>) async throws {
        let codes: [(Mischief, ResultCode, RetryAdvice)] = [
            (.limit, .providerUnavailable, .later(seconds: 7)), (.badKey, .providerAuth, .never),
            (.noCredit, .providerNoCredit, .never), (.echo, .providerRejected, .never),
        ]
        for (mischief, code, advice) in codes {
            let stage = try candidate.open()
            let provider = try stage.provider()
            try stage.spoil(mischief)
            let failure = await provider.submit(smallest(provider)).refusal
            #expect(failure?.code == code && failure?.retry == advice, "\(mischief): \(failure as Any)")
            #expect(failure?.holdsProvider == [.badKey, .noCredit].contains(mischief), "\(mischief)")
        }
    }

    @Test(
        "an account that tells what it has tells credits and what each model may have",
        arguments: Candidates.withAccounts)
    func account(_ candidate: Candidate<any TaskStage>) async throws {
        let stage = try candidate.open()
        let provider = try stage.provider()
        let account = try #require(try await provider.account())
        #expect(account.balance ?? 0 > 0 && account.models[provider.traits.models[0].name] != nil)
        #expect(try stage.witness.orders == 0)
    }
}

@Suite("Every provider with tasks conforms")
struct TaskConformance {
    @Test(
        "a task is followed to its picture by a provider that was made anew, and costs what was reserved at most",
        arguments: Candidates.withAddresses)
    func toTheEnd(_ candidate: Candidate<any AddressStage>) async throws {
        let stage = try candidate.open()
        let provider = try stage.provider()
        let reserved = provider.price(smallest(provider)).microdollars
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
        let witness = try stage.witness
        #expect(price?.microdollars == witness.billed && witness.billed > 0 && reserved >= witness.billed)
        #expect(witness.orders == 1 && witness.made == 1)
        let handle = TaskHandle(task)
        #expect(!handle.id.isEmpty && !handle.id.contains("http") && !handle.id.contains("/"))
    }

    @Test("whatever answers a question, the task stands and is read the next time", arguments: Candidates.withTasks)
    func questions(_ candidate: Candidate<any TaskStage>) async throws {
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
        arguments: Candidates.withTasks)
    func gone(_ candidate: Candidate<any TaskStage>) async throws {
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
        arguments: Candidates.withAddresses)
    func expired(_ candidate: Candidate<any AddressStage>) async throws {
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
        #expect(try stage.witness.made == 1)
    }

    @Test(
        "a task can be given up, or the provider says that it cannot and the task goes on",
        arguments: Candidates.withTasks)
    func cancelled(_ candidate: Candidate<any TaskStage>) async throws {
        let stage = try candidate.open()
        let task = try await task(stage)
        let provider = try stage.provider()
        let failure = await failure { try await provider.cancel(task) }
        #expect((failure == nil) == provider.canCancel)
        stage.pass(hours: 0.01)
        switch try await provider.poll(task).state {
        case .gone: #expect(provider.canCancel)
        case .done: #expect(!provider.canCancel && failure?.retry == .never)
        case let other: Issue.record("\(other)")
        }
    }

    @Test("no failure of a question holds the key, a signature or a picture", arguments: Candidates.withTasks)
    func redaction(_ candidate: Candidate<any TaskStage>) async throws {
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
}

@Suite("Every provider whose answer brings the picture conforms")
struct InlineConformance {
    @Test(
        "the picture is handed on as it was made, whole, at the price that is charged, which is reserved at least",
        arguments: Candidates.inline)
    func made(_ candidate: Candidate<any InlineStage>) async throws {
        let stage = try candidate.open()
        let provider = try stage.provider()
        let order = smallest(provider)
        let reserved = provider.price(order).microdollars
        guard case .made(let picture, let price) = await provider.submit(order) else {
            Issue.record("no picture of \(candidate.name)")
            return
        }
        #expect(stage.isWhole(picture.bytes), "\(picture.bytes.prefix(16))")
        let witness = try stage.witness
        #expect(price?.microdollars == witness.billed && reserved >= witness.billed)
        #expect(witness.orders == 1 && witness.made == 1)
    }

    @Test(
        "a picture that is too large, or is none, is never called lost, and never ordered again by itself",
        arguments: Candidates.inline)
    func unusable(_ candidate: Candidate<any InlineStage>) async throws {
        let known = Set(try candidate.open().mischiefs)
        for mischief in [Mischief.tooLarge, .wrongBytes] where known.contains(mischief) {
            let stage = try candidate.open()
            try stage.spoil(mischief)
            switch await (try stage.provider()).submit(smallest(try stage.provider())) {
            case .spoiled(let failure, _):
                #expect(!failure.retryable && failure.message.hasSuffix("."), "\(mischief): \(failure)")
                #expect(failure.code == (mischief == .tooLarge ? .downloadTooLarge : .generationFailed))
            case .refused(let failure): #expect(failure.retry == .never, "\(mischief): \(failure)")
            case .made(let picture, let price):
                // Whether it is one is seen when it is decoded, as with every picture.
                #expect(mischief == .wrongBytes && !picture.bytes.isEmpty && price == .free)
            case let other: Issue.record("\(mischief): \(other)")
            }
        }
    }

    @Test(
        "there is no task: one that is asked for is not there, and to give one up does no harm",
        arguments: Candidates.inline)
    func noTasks(_ candidate: Candidate<any InlineStage>) async throws {
        let stage = try candidate.open()
        let provider = try stage.provider()
        guard case .gone(let code, let message, _) = try await provider.poll("a-task").state else {
            Issue.record("a task is there")
            return
        }
        #expect(code == "TASK_GONE" && message.hasSuffix("."))
        #expect(!provider.canCancel)
        try await provider.cancel("a-task")
        #expect(try stage.witness == Witness(orders: 0, made: 0, billed: 0))
    }

    @Test("a call that lasts and costs nothing ends when it is given up, and says so", arguments: Candidates.ending)
    func givenUp(_ candidate: Candidate<any InlineStage>) async throws {
        let stage = try candidate.open()
        let provider = try stage.provider()
        #expect(provider.traits.isFree && provider.traits.hasLongCalls)
        try stage.spoil(.hangs)
        let (started, begin) = AsyncStream<Void>.makeStream()
        let order = smallest(provider)
        let call = Task { await provider.submit(order) { _ in begin.yield() } }
        for await _ in started { break }
        call.cancel()
        let failure = await call.value.refusal
        #expect(failure?.code == .cancelled && failure?.retry == .never)
        #expect(try stage.witness == Witness(orders: 1, made: 0, billed: 0))
    }
}
