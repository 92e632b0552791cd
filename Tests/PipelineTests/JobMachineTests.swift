// Every way through the stages, as events: what is done next, where it ends, and what cannot be.

import Contract
import Ledger
import Providers
import Testing

@testable import Pipeline

private let plan = Plan(
    provider: "flatlay", model: "flatlay", size: PixelSize(width: 1080, height: 1440), seed: 7, prompt: nil,
    references: 3, usedDescriptor: false, usedProfileDescriptor: false)
private let picture = PictureNote(
    file: "a.picture", sha256: [UInt8](repeating: 7, count: 32), bytes: 100, width: 1080, height: 1440,
    contentType: "image/jpeg")
private let stored = StoredNote(url: "w/p/o.jpg", path: "/srv/w/p/o.jpg")
private let failure = JobFailure(.generationFailed, "It did not work.")

/// The whole way: what happens, and what is to be done then.
private let way: [(event: JobEvent, next: JobStep, stage: Stage?)] = [
    (.prepared(plan), .order(plan), .generate),
    (.ordered, .generate(plan), .generate),
    (.generated, .keep(plan), .download),
    (.kept(picture), .store(plan, picture), .store),
    (.stored(stored), .update(plan, picture, stored), .update),
    (.recorded, .finish(plan, picture, stored), nil),
]

/// Where a job may enter: the first step there, its stage, and how much of the way is behind it.
private let entries: [(entry: JobEntry, first: JobStep, stage: Stage, behind: Int)] = [
    (.prepare, .prepare, .prepare, 0),
    (.store(plan, picture), .store(plan, picture), .store, 4),
    (.update(plan, picture, stored), .update(plan, picture, stored), .update, 5),
]

@Suite("A job's way through the stages")
struct JobMachineTests {
    @Test("from each entry the steps follow each other to the end, each with its stage")
    func wholeWay() {
        for (entry, first, stage, behind) in entries {
            var (machine, step) = JobMachine.begin(at: entry)
            #expect(step == first)
            #expect(machine.stage == stage)
            for (event, next, stage) in way[behind...] {
                step = machine.take(event)
                #expect(step == next, "after \(event) from \(entry)")
                #expect(machine.stage == stage, "after \(event) from \(entry)")
            }
        }
    }

    @Test("a failure ends the job from whichever stage it comes, and nothing is left to do")
    func failures() {
        for (entry, _, _, behind) in entries {
            for steps in behind..<way.count {
                var (machine, _) = JobMachine.begin(at: entry)
                for (event, _, _) in way[behind..<steps] { _ = machine.take(event) }
                #expect(machine.take(.failed(failure)) == .fail(failure), "after \(steps) steps from \(entry)")
                #expect(machine.stage == nil)
            }
        }
    }

    @Test("what is done already is only concluded, and what cannot go on only fails")
    func entriesThatEnd() {
        let (done, finish) = JobMachine.begin(at: .conclude(plan, picture, stored))
        #expect(finish == .finish(plan, picture, stored))
        #expect(done.stage == nil)
        let (dead, fail) = JobMachine.begin(at: .fail(failure))
        #expect(fail == .fail(failure))
        #expect(dead.stage == nil)
    }

    @Test("the picture is ordered before the provider is called, and kept before it is stored, on every path")
    func orderOfSteps() {
        var seen: [JobStep] = []
        var (machine, step) = JobMachine.begin(at: .prepare)
        for (event, _, _) in way {
            seen.append(step)
            step = machine.take(event)
        }
        let paid: [JobStep] = [.prepare, .order(plan), .generate(plan), .keep(plan)]
        #expect(seen == paid + [.store(plan, picture), .update(plan, picture, stored)])
    }

    @Test("an event that cannot come in a state stops the process")
    func impossibleEvents() async {
        await #expect(processExitsWith: .failure) {
            var (machine, _) = JobMachine.begin(at: .prepare)
            _ = machine.take(.generated)
        }
        await #expect(processExitsWith: .failure) {
            var (machine, _) = JobMachine.begin(at: .prepare)
            _ = machine.take(.failed(JobFailure(.internal, "first")))
            _ = machine.take(.failed(JobFailure(.internal, "second")))
        }
        await #expect(processExitsWith: .failure) {
            var (machine, _) = JobMachine.begin(at: .prepare)
            _ = machine.take(.recorded)
        }
    }
}
