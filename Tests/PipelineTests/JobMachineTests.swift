// Every way through the stages, as events: what is done next, where it ends, what is tried again and how often, and
// what cannot be.

import Contract
import Ledger
import Providers
import Testing

@testable import Pipeline

private let plan = Plan(
    provider: "runway", model: "gen4_image", size: PixelSize(width: 1080, height: 1440), seed: 7, prompt: nil,
    references: 3, usedDescriptor: false, usedProfileDescriptor: false)
private let counted = Plan(
    provider: "runway", model: "gen4_image", size: PixelSize(width: 1080, height: 1440), seed: 7, prompt: nil,
    references: 3, usedDescriptor: false, usedProfileDescriptor: false, countedBefore: 12)
private let picture = PictureNote(
    file: "a.picture", sha256: [UInt8](repeating: 7, count: 32), bytes: 100, width: 1080, height: 1440,
    contentType: "image/jpeg")
private let stored = StoredNote(url: "w/p/o.jpg", path: "/srv/w/p/o.jpg")
private let failure = JobFailure(.generationFailed, "It did not work.")
private let task = "4a7b"

private typealias Way = [(event: JobEvent, next: JobStep, stage: Stage?)]

/// The whole way of an order that becomes a task: what happens, and what is to be done then.
private let taskWay: Way = [
    (.prepared(plan), .order(plan), .generate),
    (.ordered(counted), .submit(counted), .generate),
    (.accepted(taskID: task), .follow(counted, taskID: task), .generate),
    (.done, .fetch(counted), .download),
    (.fetched, .keep(counted), .download),
    (.kept(picture), .store(counted, picture), .store),
    (.stored(stored), .update(counted, picture, stored), .update),
    (.recorded, .finish(counted, picture, stored), nil),
]

/// The same where the picture comes with the answer.
private let shortWay: Way =
    Array(taskWay[..<2]) + [(.made, .keep(counted), .download)] + Array(taskWay[5...])

/// Where a job may enter: the first step there, its stage, and what is still before it.
private let entries: [(entry: JobEntry, first: JobStep, stage: Stage, way: Way)] = [
    (.prepare, .prepare, .prepare, taskWay),
    (.prepare, .prepare, .prepare, shortWay),
    (.follow(counted, taskID: task), .follow(counted, taskID: task), .generate, Array(taskWay[3...])),
    (.store(counted, picture), .store(counted, picture), .store, Array(taskWay[6...])),
    (.update(counted, picture, stored), .update(counted, picture, stored), .update, Array(taskWay[7...])),
]

private func begin(_ entry: JobEntry = .prepare, resubmits: Int = 0) -> (JobMachine, JobStep) {
    JobMachine.begin(at: entry, Persistence(resubmits: resubmits))
}

/// A machine to which these events have happened.
private func machine(_ events: JobEvent...) -> JobMachine {
    var (machine, _) = begin()
    for event in events { _ = machine.take(event) }
    return machine
}

@Suite("A job's way through the stages")
struct JobMachineTests {
    @Test("from each entry the steps follow each other to the end, each with its stage")
    func wholeWay() {
        for (entry, first, stage, way) in entries {
            var (machine, step) = begin(entry)
            #expect(step == first)
            #expect(machine.stage == stage)
            for (event, next, stage) in way {
                step = machine.take(event)
                #expect(step == next, "after \(event) from \(entry)")
                #expect(machine.stage == stage, "after \(event) from \(entry)")
            }
        }
    }

    @Test("a failure ends the job from whichever stage it comes, and nothing is left to do")
    func failures() {
        for (entry, _, _, way) in entries {
            for steps in way.indices {
                var (machine, _) = begin(entry)
                for (event, _, _) in way[..<steps] { _ = machine.take(event) }
                #expect(machine.take(.failed(failure)) == .fail(failure), "after \(steps) steps from \(entry)")
                #expect(machine.stage == nil)
            }
        }
    }

    @Test("what is done already is only concluded, and what cannot go on only fails")
    func entriesThatEnd() {
        let (done, finish) = begin(.conclude(plan, picture, stored))
        #expect(finish == .finish(plan, picture, stored))
        #expect(done.stage == nil)
        let (dead, fail) = begin(.fail(failure))
        #expect(fail == .fail(failure))
        #expect(dead.stage == nil)
    }

    @Test(
        "on every path the intent is written before the call, the task asked after it, and the picture kept before it is stored"
    )
    func orderOfSteps() {
        var seen: [JobStep] = []
        var (machine, step) = begin()
        for (event, _, _) in taskWay {
            seen.append(step)
            step = machine.take(event)
        }
        let paid: [JobStep] = [
            .prepare, .order(plan), .submit(counted), .follow(counted, taskID: task), .fetch(counted), .keep(counted),
        ]
        #expect(seen == paid + [.store(counted, picture), .update(counted, picture, stored)])
    }

    @Test("a picture that is there already is only recorded: no order, no call, nothing fetched or stored")
    func reused() {
        var machine = machine()
        #expect(machine.take(.reused(plan, picture, stored)) == .update(plan, picture, stored))
        #expect(machine.stage == .update)
        #expect(machine.take(.recorded) == .finish(plan, picture, stored))
        var other = JobMachineTests.placed
        #expect(other.take(.reused(plan, picture, stored)) == .update(plan, picture, stored), "after a wait, too")
    }

    /// One that waited for a place.
    private static var placed: JobMachine { machine(.prepared(plan), .placed) }

    @Test("after a wait for a place everything is prepared anew")
    func placed() {
        var machine = machine(.prepared(plan))
        #expect(machine.take(.placed) == .prepare)
        #expect(machine.take(.prepared(plan)) == .order(plan))
    }

    @Test("an event that cannot come in a state stops the process")
    func impossibleEvents() async {
        await #expect(processExitsWith: .failure) { _ = machine(.done) }
        await #expect(processExitsWith: .failure) { _ = machine(.failed(failure), .failed(failure)) }
        await #expect(processExitsWith: .failure) { _ = machine(.recorded) }
        // A second order while one is out: the one thing that must never be.
        await #expect(processExitsWith: .failure) {
            _ = machine(.prepared(plan), .ordered(plan), .accepted(taskID: task), .prepared(plan))
        }
    }
}

@Suite("What is tried again")
struct PersistenceTests {
    @Test("a certain refusal that may pass is waited out, longer each time, and everything is prepared anew")
    func refusals() {
        var machine = machine(.prepared(plan), .ordered(plan))
        for seconds in [2.0, 4, 8, 16, 32, 60, 60] {
            let step = machine.take(.refused(failure, .later(seconds: nil), dice: 0))
            #expect(step == .pause(Pause(seconds: seconds, cause: failure)))
            #expect(machine.stage == .generate)
            #expect(machine.take(.resumed) == .prepare)
            _ = machine.take(.prepared(plan))
            _ = machine.take(.ordered(plan))
        }
    }

    @Test("the provider's own pause is kept where it is longer, and the dice make each pause up to a half longer")
    func advice() {
        var longer = machine(.prepared(plan), .ordered(plan))
        let step = longer.take(.refused(failure, .later(seconds: 90), dice: 0))
        #expect(step == .pause(Pause(seconds: 90, cause: failure)))
        var shorter = machine(.prepared(plan), .ordered(plan))
        let other = shorter.take(.refused(failure, .later(seconds: 0.5), dice: 1))
        #expect(other == .pause(Pause(seconds: 3, cause: failure)))
    }

    @Test("a refusal for good ends the job, before the order and after it")
    func refusedForGood() {
        for events: [JobEvent] in [[.prepared(plan)], [.prepared(plan), .ordered(plan)]] {
            var (machine, _) = begin()
            for event in events { _ = machine.take(event) }
            #expect(machine.take(.refused(failure, .never, dice: 0)) == .fail(failure))
            #expect(machine.stage == nil)
        }
    }

    @Test("a task that failed at no charge is ordered again twice and no more, one that was charged never")
    func reorders() {
        var charged = machine(.prepared(plan), .ordered(plan), .accepted(taskID: task))
        #expect(charged.take(.taskFailed(failure, isRepeatable: false, dice: 0)) == .fail(failure))
        var free = machine(.prepared(plan), .ordered(plan), .accepted(taskID: task))
        for seconds in [2.0, 4] {
            let step = free.take(.taskFailed(failure, isRepeatable: true, dice: 0))
            #expect(step == .pause(Pause(seconds: seconds, cause: failure)))
            #expect(free.take(.resumed) == .prepare)
            for event: JobEvent in [.prepared(plan), .ordered(plan), .accepted(taskID: task)] { _ = free.take(event) }
        }
        #expect(free.take(.taskFailed(failure, isRepeatable: true, dice: 0)) == .fail(failure))
    }

    @Test("a lost order is a person's to judge, unless the settings say to send it again: then once")
    func losses() {
        var byHand = machine(.prepared(plan), .ordered(plan))
        #expect(byHand.take(.lost(failure, resubmitAfter: nil)) == .fail(failure))
        var again = machine(.prepared(plan), .ordered(plan))
        let step = again.take(.lost(failure, resubmitAfter: 120))
        #expect(step == .pause(Pause(seconds: 120, cause: failure)))
        for event: JobEvent in [.resumed, .prepared(plan), .ordered(plan)] { _ = again.take(event) }
        #expect(again.take(.lost(failure, resubmitAfter: 120)) == .fail(failure))
    }

    @Test("what was lost before a stop counts: a second loss after it is not sent again")
    func lossesOfBefore() {
        #expect(begin(.lost(failure, resubmitAfter: nil)).1 == .fail(failure))
        #expect(begin(.lost(failure, resubmitAfter: 7)).1 == .pause(Pause(seconds: 7, cause: failure)))
        #expect(begin(.lost(failure, resubmitAfter: 7), resubmits: 1).1 == .fail(failure))
    }

    @Test("a picture that does not decode is fetched once more, after another look at its task")
    func spoiled() {
        var fetched = machine(.prepared(plan), .ordered(plan), .accepted(taskID: task), .done, .fetched)
        #expect(fetched.take(.spoiled(failure)) == .follow(plan, taskID: task))
        for event: JobEvent in [.done, .fetched] { _ = fetched.take(event) }
        #expect(fetched.take(.spoiled(failure)) == .fail(failure))
        var given = machine(.prepared(plan), .ordered(plan), .made)
        #expect(given.take(.spoiled(failure)) == .fail(failure), "there is nothing to fetch again")
    }
}
