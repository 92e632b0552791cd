// When a task is asked: the first time, the next time, after silence, and when it is given up.

import Contract
import Providers
import Testing

@testable import Pipeline

private let second: Int64 = 1_000_000_000
private let busy = ProviderFailure(
    code: .providerUnavailable, message: "It is busy.", retryable: true, retry: .later(seconds: nil))

private func told(_ seconds: Double) -> ProviderFailure {
    ProviderFailure(
        code: .providerUnavailable, message: "It is busy.", retryable: true, retry: .later(seconds: seconds))
}

private func watch(_ rule: PollRule = PollRule(), deadline: Int64 = 900) -> TaskWatch {
    TaskWatch(rule, deadline: deadline * second)
}

@Suite("The watch over a task")
struct TaskWatchTests {
    @Test("a new task is asked first when the model's quickest usually end, a little before, never within the interval")
    func first() {
        let cases: [(usual: Double?, dice: Double, at: Double)] = [
            (nil, 0, 5), (nil, 1, 5), (3, 0, 5), (20, 0, 20), (20, 1, 18), (5.2, 1, 5),
        ]
        for (usual, dice, at) in cases {
            let step = watch().first(usual: usual, age: nil, now: 7 * second, dice: dice)
            #expect(step == .ask(at: 7 * second + Int64(at * 1e9)), "\(String(describing: usual)), \(dice)")
        }
    }

    @Test("a pause that the configuration names before the first question is used as it is")
    func configured() {
        let rule = PollRule(initial: 0.25, interval: 5)
        #expect(watch(rule).first(usual: 20, age: nil, now: 0, dice: 1) == .ask(at: second / 4))
    }

    @Test("after a stop a task is asked at its usual time, and one whose time is over within a second")
    func afterAStop() {
        #expect(watch().first(usual: 20, age: 6, now: 0, dice: 0.5) == .ask(at: 14 * second))
        #expect(watch().first(usual: 20, age: 3600, now: 0, dice: 0.5) == .ask(at: second / 2))
        #expect(watch().first(usual: nil, age: 3600, now: 0, dice: 0) == .ask(at: 0))
    }

    @Test("a task under way is asked every five seconds and up to one more")
    func interval() {
        var watch = watch()
        #expect(watch.next(after: .underWay, now: 10 * second, dice: 0) == .ask(at: 15 * second))
        #expect(watch.next(after: .underWay, now: 10 * second, dice: 1) == .ask(at: 16 * second))
    }

    @Test("silence makes the pauses longer up to a minute, an answer makes them short again")
    func silence() {
        var watch = watch(PollRule(interval: 5), deadline: 100_000)
        for pause: Int64 in [5, 10, 20, 40, 60, 60] {
            #expect(watch.next(after: .unheard(busy), now: 0, dice: 0) == .ask(at: pause * second))
        }
        _ = watch.next(after: .underWay, now: 0, dice: 0)
        #expect(watch.next(after: .unheard(busy), now: 0, dice: 1) == .ask(at: Int64(7.5 * 1e9)))
    }

    @Test("a provider that names a pause gets it, but never less than the interval")
    func retryAfter() {
        var watch = watch()
        #expect(watch.next(after: .unheard(told(30)), now: 0, dice: 0) == .ask(at: 30 * second))
        #expect(watch.next(after: .unheard(told(0.1)), now: 0, dice: 0) == .ask(at: 10 * second))
    }

    @Test("the last question comes at the deadline, and what was in the way then is told")
    func deadline() {
        var watch = watch(deadline: 12)
        #expect(watch.next(after: .underWay, now: 8 * second, dice: 0) == .ask(at: 12 * second))
        #expect(watch.next(after: .underWay, now: 12 * second, dice: 0) == .overdue(nil))
        #expect(watch.next(after: .unheard(busy), now: 12 * second, dice: 0) == .overdue(busy))
    }

    @Test("a pause that the provider asked for and that ends after the deadline is not cut short")
    func silenceBeyondTheDeadline() {
        var watch = watch(deadline: 12)
        #expect(watch.next(after: .unheard(told(30)), now: 8 * second, dice: 0) == .overdue(told(30)))
    }

    @Test("a task is asked once even where the deadline passed while vizd was stopped")
    func lateStart() {
        let watch = watch(deadline: 1)
        #expect(watch.first(usual: nil, age: 5000, now: 100 * second, dice: 0) == .ask(at: 100 * second))
    }
}

@Suite("What tasks usually take")
struct TaskTimesTests {
    private let place = DeskBook.Place(provider: "runway", model: "gen4_image")

    @Test("the usual time is that of the quickest quarter of the last fifty, each model for itself")
    func usual() {
        let times = TaskTimes()
        #expect(!times.knows(place) && times.usual(place) == nil)
        times.remember([], place)
        #expect(times.knows(place) && times.usual(place) == nil)
        for seconds in [40.0, 10, 30, 20] { times.add(seconds, place) }
        #expect(times.usual(place) == 10)
        times.add(5, place)
        #expect(times.usual(place) == 10)
        for _ in 0..<50 { times.add(60, place) }
        #expect(times.usual(place) == 60)
        #expect(times.usual(DeskBook.Place(provider: "runway", model: "other")) == nil)
    }

    @Test("what the books know goes before what was seen meanwhile")
    func remembered() {
        let times = TaskTimes()
        times.add(9, place)
        times.remember([Double](repeating: 30, count: 80), place)
        #expect(times.usual(place) == 30)
        for _ in 0..<49 { times.add(9, place) }
        #expect(times.usual(place) == 9, "the one that was seen is the latest of all")
    }
}
