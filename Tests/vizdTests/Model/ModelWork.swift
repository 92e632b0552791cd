// The pipeline's steps in the model: what the world may answer to each, and what is then written down. The answer and
// the commit are two steps, since a death may come between them; that is where money is lost or spent twice.

import Contract
import Ledger
import Providers

@testable import Pipeline

extension ModelLife {
    // MARK: Doing

    /// Everything that may come of a step before any of it is written down.
    func working(_ machine: JobMachine, _ step: JobStep) throws(Breach) -> [ModelLife] {
        if world.isWished, machine.isCancellable, !hasEnded { return [try feed(machine, Self.wished)] }
        return switch step {
        case .prepare: try events(machine, .prepared(Self.plan), or: .outfitNotFound) + reusing(machine)
        case .order(let plan): [try ordering(machine, plan)]
        case .submit: try submitting(machine, step)
        case .follow: try following(machine, step)
        case .cancel: try givingUp(machine, step)
        case .fetch: try fetching(machine, step)
        case .keep: try keeping(machine, step)
        case .store:
            try result(machine, step, .stored, or: .storageFailed) { world in world.isStored = true }
        case .update:
            try result(machine, step, .recorded, or: .recordConflict) { world in world.isRecorded = true }
        case .pause(let pause): try pausing(machine, pause)
        case .finish: [try at(.conclude(nil))]
        case .fail(let failure): [try at(.conclude(failure.code))]
        }
    }

    /// It goes well, or fails by a mishap.
    private func events(_ machine: JobMachine, _ event: JobEvent, or code: ResultCode) throws(Breach) -> [ModelLife] {
        let well = try feed(machine, event)
        let ill = try mishap("\(code.rawValue)") { life throws(Breach) in
            try life.feed(machine, .failed(JobFailure(code, "")))
        }
        return [well] + ill
    }

    private func result(
        _ machine: JobMachine, _ step: JobStep, _ answer: Answer, or code: ResultCode,
        _ change: (inout ModelWorld) -> Void
    ) throws(Breach) -> [ModelLife] {
        var done = self
        change(&done.world)
        done.point = .made(machine, step, answer)
        let ill = try mishap("\(code.rawValue)") { life throws(Breach) in
            try life.feed(machine, .failed(JobFailure(code, "")))
        }
        return [done] + ill
    }

    /// The outfit is unchanged, and its picture is there.
    private func reusing(_ machine: JobMachine) throws(Breach) -> [ModelLife] {
        guard world.books.row?.phase == .claimed, !hasOrdered else { return [] }
        var picture = ModelBooks.picture
        picture.file = ""
        let life = try feed(machine, .reused(Self.plan, picture, Self.stored)) { world throws(Breach) in
            try world.books.reused(Self.stored.encoded())
            world.isStored = true
            world.tell("answered from what is stored")
        }
        return [life]
    }

    private func ordering(_ machine: JobMachine, _ plan: Plan) throws(Breach) -> ModelLife {
        var life = try feed(machine, .ordered(plan)) { world throws(Breach) in try order(&world) }
        life.hasOrdered = true
        return life
    }

    private func order(_ world: inout ModelWorld) throws(Breach) {
        let attempt = NewAttempt(
            provider: "vendor", model: "model", userID: "user", estimate: vendor.price, freeOfCharge: vendor == .free)
        try world.books.order(attempt, plan: Self.plan.encoded())
        world.tell("ordered")
    }

    private func submitting(_ machine: JobMachine, _ step: JobStep) throws(Breach) -> [ModelLife] {
        guard let last = world.books.last else { throw Breach(description: "a call without an intent") }
        if world.isWished {
            return [try feed(machine, Self.wished) { world throws(Breach) in try world.books.settle(.refused) }]
        }
        var created = self
        let order = ModelOrder(run: last.run, attempt: last.attempt, fate: vendor == .paidTask ? .running : .done)
        try created.world.begin(order, vendor, resubmits: resubmits)
        created.point = .made(machine, step, vendor == .paidTask ? .accepted(id: order.id) : .picture)
        var lives = [created]
        for (mishap, advice) in [("refused for now", RetryAdvice.later(seconds: nil)), ("refused for good", .never)] {
            lives += try self.mishap(mishap) { life throws(Breach) in
                try life.at(.made(machine, step, .refused(advice)))
            }
        }
        guard vendor != .free else { return lives }
        lives += try mishap("lost on its way") { life throws(Breach) in try life.at(.made(machine, step, .lost)) }
        if let world = created.world.after("its answer was lost") {
            created.world = world
            lives.append(try created.at(.made(machine, step, .lost)))
        }
        return lives
    }

    private func following(_ machine: JobMachine, _ step: JobStep) throws(Breach) -> [ModelLife] {
        guard let last = world.books.last, let index = world.orders.lastIndex(where: { $0.id == last.taskID }) else {
            throw Breach(description: "a task is asked that the provider never gave")
        }
        let fate = world.orders[index].fate
        var ends: [(ModelOrder.Fate, mishap: String?)] = [(fate == .running ? .done : fate, nil)]
        if fate == .running { ends += [(.failedFree, "it fails"), (.failedCharged, "it fails and is charged")] }
        if fate == .running || fate == .done { ends.append((.gone, "it is gone")) }
        var lives: [ModelLife] = []
        for end in ends {
            guard let after = end.mishap.map({ world.after($0) }) ?? world else { continue }
            var life = self
            life.world = after
            life.world.orders[index].fate = end.0
            lives.append(try life.at(.made(machine, step, .ended(end.0))))
        }
        return try lives
            + mishap("it does not end in time") { life throws(Breach) in
                try life.feed(machine, .failed(JobFailure(.generationTimeout, "")))
            }
    }

    /// The task is looked at once more, and the provider is told; it may have ended by then, or not hear.
    private func givingUp(_ machine: JobMachine, _ step: JobStep) throws(Breach) -> [ModelLife] {
        guard let last = world.books.last, let index = world.orders.lastIndex(where: { $0.id == last.taskID }) else {
            throw Breach(description: "a task is given up that the provider never gave")
        }
        func life(_ fate: ModelOrder.Fate, _ answer: Answer) throws(Breach) -> ModelLife {
            try at(.made(machine, step, answer)) { world in world.orders[index].fate = fate }
        }
        switch world.orders[index].fate {
        case .done: return [try life(.done, .ended(.done))]
        case .failedFree: return [try life(.failedFree, .givenUp(.final(.free, made: false)))]
        case .failedCharged: return [try life(.failedCharged, .givenUp(.final(vendor.price, made: false)))]
        case .gone: return [try life(.gone, .givenUp(.uncertain))]
        case .running: break
        }
        // What was at work is charged in full; what had not begun may be refunded.
        return try [
            life(.done, .ended(.done)), life(.failedCharged, .givenUp(.final(vendor.price, made: false))),
            life(.gone, .givenUp(.uncertain)),
        ]
            + mishap("nobody hears that the task is to end") { life throws(Breach) in
                try life.at(.made(machine, step, .givenUp(.uncertain)))
            }
    }

    private func fetching(_ machine: JobMachine, _ step: JobStep) throws(Breach) -> [ModelLife] {
        let ill = try mishap("the download fails") { life throws(Breach) in
            try life.feed(machine, .failed(JobFailure(.downloadFailed, ""))) { world throws(Breach) in
                try world.books.settle(.final(vendor.price, made: false))
            }
        }
        return [try at(.made(machine, step, .fetched))] + ill
    }

    private func keeping(_ machine: JobMachine, _ step: JobStep) throws(Breach) -> [ModelLife] {
        var kept = self
        kept.world.isKept = true
        kept.point = .made(machine, step, .kept)
        return try [kept]
            + mishap("it does not decode") { life throws(Breach) in try life.at(.made(machine, step, .spoiled)) }
    }

    private func pausing(_ machine: JobMachine, _ pause: Pause) throws(Breach) -> [ModelLife] {
        try [feed(machine, .resumed)]
            + mishap("the deadline comes first") { life throws(Breach) in try life.feed(machine, .failed(pause.cause)) }
    }

    // MARK: Writing down

    /// What is committed of an answer, and where the machine goes from there.
    func written(_ machine: JobMachine, _ step: JobStep, _ answer: Answer) throws(Breach) -> [ModelLife] {
        let price = vendor.price
        let failure = JobFailure(.generationFailed, "")
        var life =
            switch answer {
            case .accepted(let id):
                try feed(machine, .accepted(taskID: id)) { world throws(Breach) in try world.books.tasked(id) }
            case .picture: try feed(machine, .made)
            case .refused(let advice):
                try feed(machine, .refused(JobFailure(.providerRejected, ""), advice, dice: 0)) {
                    world throws(Breach) in try world.books.settle(.refused)
                }
            case .lost:
                try feed(machine, .lost(JobFailure(.submissionUnknown, ""), resubmitAfter: resubmits ? 1 : nil)) {
                    world throws(Breach) in try world.books.settle(.uncertain)
                }
            case .ended(.done), .ended(.running): try feed(machine, .done)
            case .ended(.failedFree), .ended(.failedCharged):
                try failed(machine, answer, failure)
            case .ended(.gone):
                try feed(machine, .failed(failure)) { world throws(Breach) in
                    // A figure that is final stands.
                    if world.books.last?.state != .settled { try world.books.settle(.uncertain) }
                }
            case .fetched: try feed(machine, .fetched)
            case .kept:
                try feed(machine, .kept(ModelBooks.picture)) { world throws(Breach) in
                    try world.books.fetched(price)
                }
            case .spoiled:
                try feed(machine, .spoiled(JobFailure(.notAnImage, ""))) { world throws(Breach) in
                    try world.books.settle(.final(price, made: false))
                }
            case .stored:
                try feed(machine, .stored(Self.stored)) { world throws(Breach) in
                    try world.books.stored(Self.stored.encoded())
                }
            case .recorded: try feed(machine, .recorded) { world throws(Breach) in try world.books.recorded() }
            case .givenUp(let settlement):
                try feed(machine, Self.wished) { world throws(Breach) in try world.books.settle(settlement) }
            }
        if case .ended(.done) = answer { life.hasEnded = true }
        return [life]
    }

    private func failed(_ machine: JobMachine, _ answer: Answer, _ failure: JobFailure) throws(Breach) -> ModelLife {
        let isFree = if case .ended(.failedFree) = answer { true } else { false }
        let price = isFree ? Money(credits: 0, usdMicros: 0) : vendor.price
        return try feed(machine, .taskFailed(failure, isRepeatable: isFree, dice: 0)) { world throws(Breach) in
            try world.books.settle(.final(price, made: false))
        }
    }

    // MARK: In between

    /// What the pipeline tells the machine of a job that is to end.
    private static var wished: JobEvent { .cancelled(JobFailure(.cancelled, "")) }

    /// The machine takes an event; what is committed with it is committed first.
    private func feed(
        _ machine: JobMachine, _ event: JobEvent,
        _ commit: (inout ModelWorld) throws(Breach) -> Void = { _ in }
    ) throws(Breach) -> ModelLife {
        var (life, machine) = (self, machine)
        try commit(&life.world)
        let step = machine.take(event)
        life.point = .work(machine, step)
        return life
    }

    /// What comes of a mishap, where one is left.
    private func mishap(_ what: String, _ body: (ModelLife) throws(Breach) -> ModelLife) throws(Breach) -> [ModelLife] {
        guard let after = world.after(what) else { return [] }
        var life = self
        life.world = after
        return [try body(life)]
    }
}

extension ModelWorld {
    /// The provider begins something. This is the moment in which a picture could be paid for twice.
    mutating func begin(_ order: ModelOrder, _ vendor: ModelVendor, resubmits: Bool) throws(Breach) {
        let before = orders.filter { $0.run == order.run && !$0.isForgiven }
        if vendor != .free {
            let lost = before.filter { isUnknown($0) && resubmits }
            let paid = before.filter { ($0.mayBePaid || $0.fate == .failedCharged) && !(isUnknown($0) && resubmits) }
            if let first = paid.first {
                throw Breach(description: "\(order.id) is bought while \(first.id) is \(first.fate)")
            }
            if lost.count > Persistence.resubmitsMax {
                throw Breach(description: "\(order.id) is bought after \(lost.count) lost ones")
            }
        }
        orders.append(order)
        tell("\(order.id) begins")
    }

    /// Whether the journal has given up to know what became of an order, without ever having had its id.
    private func isUnknown(_ order: ModelOrder) -> Bool {
        books.attempts.contains {
            $0.run == order.run && $0.attempt == order.attempt && $0.state == .uncertain && $0.taskID == nil
        }
    }
}
