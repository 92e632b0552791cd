// The estimate of a job's remaining time, against what a person would say.

import Testing

@testable import Pipeline

@Suite("How long a job will still take")
struct DurationHistoryTests {
    @Test("before a provider has a history it is the contract's forty seconds, less what has passed, and never nothing")
    func unknown() {
        let history = DurationHistory()
        #expect(history.remaining(provider: "flatlay", elapsed: 0) == 40)
        #expect(history.remaining(provider: "flatlay", elapsed: 30) == 10)
        #expect(history.remaining(provider: "flatlay", elapsed: 300) == 1)
    }

    @Test("with a history it is the middle one of the jobs that took longer than this one has")
    func conditional() {
        var history = DurationHistory()
        for seconds in [1.0, 2, 3, 4, 100] { history.add(seconds, provider: "a") }
        #expect(history.remaining(provider: "a", elapsed: 0) == 3)
        #expect(history.remaining(provider: "a", elapsed: 3.5) == 96.5)
        #expect(history.remaining(provider: "b", elapsed: 0) == 40)
    }

    @Test("a job that outlasts all others is said to need as long again as it is over")
    func outlasting() {
        var history = DurationHistory()
        history.add(10, provider: "a")
        #expect(history.remaining(provider: "a", elapsed: 30) == 20)
    }

    @Test("old jobs are forgotten, so that a provider which became faster is believed")
    func forgets() {
        var history = DurationHistory()
        for _ in 0..<DurationHistory.kept { history.add(100, provider: "a") }
        for _ in 0..<DurationHistory.kept { history.add(2, provider: "a") }
        #expect(history.remaining(provider: "a", elapsed: 0) == 2)
    }
}
