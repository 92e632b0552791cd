// Where a job goes on, for every phase, every last attempt and every code; and that a retry decides it once and for
// all.

import Contract
import Testing

@testable import Ledger

@Suite("Resume")
struct ResumeTests {
    /// Every attempt that the books can hold, and none.
    static let attempts: [AttemptRow?] =
        [nil]
        + [NewAttempt.paid, .free].flatMap { order in
            AttemptState.allCases.flatMap { state in
                [nil, "task-1"].flatMap { taskID in
                    [false, true].compactMap { made in attempt(order, state, taskID, made: made) }
                }
            }
        }

    static func attempt(
        _ order: NewAttempt, _ state: AttemptState, _ taskID: String?, made: Bool = false
    ) -> AttemptRow? {
        if state == .task && taskID == nil || [.intent, .refused].contains(state) && taskID != nil { return nil }
        if made && state != .settled { return nil }
        var attempt = AttemptRow(name: "a", run: 1, attempt: 1, order: order, createdAt: .at(1))
        (attempt.state, attempt.taskID, attempt.made) = (state, taskID, made)
        return attempt
    }

    static func row(_ phase: Phase, picture: Bool = false, stored: Bool = false) -> JobRow {
        var row = JobRow.sample("a")
        (row.phase, row.plan, row.starts, row.firstSubmitAt) = (phase, [1], 3, .at(2))
        row.picture = picture ? .sample : nil
        row.stored = stored ? [2] : nil
        return row
    }

    @Test("after a crash, the phase says where a job goes on")
    func crash() throws {
        let outcome = Outcome(box: .done, code: nil, result: [3])
        for last in Self.attempts {
            #expect(Resume.point(of: Self.row(.claimed), last: last) == .prepare)
            #expect(Resume.point(of: Self.row(.ordered), last: last) == Resume.fromAttempt(last))
            #expect(Resume.point(of: Self.row(.fetched, picture: true), last: last) == .store(.sample))
            #expect(Resume.point(of: Self.row(.fetched), last: last) == Resume.fromAttempt(last))
            #expect(Resume.point(of: Self.row(.stored, picture: true, stored: true), last: last) == .update)
            #expect(Resume.point(of: Self.row(.recorded, picture: true, stored: true), last: last) == .conclude)
            #expect(Resume.point(of: Self.row(.landed), last: last) == nil)
            var landing = Self.row(.landing)
            landing.outcome = outcome
            #expect(Resume.point(of: landing, last: last) == .land(outcome))
        }
    }

    @Test("a task id is polled, in whatever state its attempt is")
    func polled() throws {
        for last in Self.attempts.compactMap(\.self) where last.taskID != nil {
            #expect(Resume.fromAttempt(last) == .poll(taskID: "task-1", attempt: last))
        }
    }

    @Test("a paid intent whose answer is lost is never ordered again by itself")
    func unknown() throws {
        for state in [AttemptState.intent, .uncertain, .settled] {
            let last = try #require(Self.attempt(.paid, state, nil))
            #expect(Resume.fromAttempt(last) == .submissionUnknown(last))
        }
    }

    @Test("what cost nothing is prepared anew")
    func anew() throws {
        #expect(Resume.fromAttempt(nil) == .prepare)
        #expect(Resume.fromAttempt(Self.attempt(.paid, .refused, nil)) == .prepare)
        for state in [AttemptState.intent, .uncertain, .settled, .refused] {
            #expect(Resume.fromAttempt(Self.attempt(.free, state, nil)) == .prepare)
        }
    }

    @Test("a retry orders anew after three codes, whatever is there")
    func ordersAnew() {
        for code in [ResultCode.submissionUnknown, .generationFailed, .moderation, .cancelled] {
            for last in Self.attempts {
                for (picture, stored) in [(false, false), (true, false), (true, true)] {
                    let row = Self.row(.landed, picture: picture, stored: stored)
                    #expect(Resume.afterFailure(code, of: row, last: last) == .prepare)
                }
            }
        }
    }

    @Test("a retry after any other code goes on from what is there")
    func goesOn() {
        let anew: Set<ResultCode> = [
            .submissionUnknown, .generationFailed, .moderation, .cancelled, .notAnImage, .downloadTooLarge,
        ]
        for code in ResultCode.allCases where !anew.contains(code) {
            for last in Self.attempts {
                let (bare, picture) = (Self.row(.landed), Self.row(.landed, picture: true))
                let expected = last?.isSpent == true ? .prepare : Resume.fromAttempt(last)
                #expect(Resume.afterFailure(code, of: bare, last: last) == expected)
                #expect(Resume.afterFailure(code, of: picture, last: last) == .store(.sample))
                let stored = Self.row(.landed, picture: true, stored: true)
                #expect(Resume.afterFailure(code, of: stored, last: last) == .update)
            }
        }
    }

    @Test("a failure while a job was prepared anew is retried by preparing it again, whatever its attempt before was")
    func failedAgain() {
        for code in ResultCode.allCases {
            for last in Self.attempts {
                var row = Self.row(.landed)
                row.plan = nil
                #expect(Resume.afterFailure(code, of: row, last: last) == .prepare)
            }
        }
    }

    @Test("a retry of a picture that was none fetches it again where that is free, and never orders a paid one anew")
    func badPicture() throws {
        for code in [ResultCode.notAnImage, .downloadTooLarge] {
            let row = Self.row(.landed, picture: true)
            let task = try #require(Self.attempt(.paid, .settled, "task-1", made: true))
            #expect(Resume.afterFailure(code, of: row, last: task) == .poll(taskID: "task-1", attempt: task))
            let inline = Self.attempt(.paid, .settled, nil, made: true)
            #expect(Resume.afterFailure(code, of: row, last: inline) == .store(.sample))
            let free = Self.attempt(.free, .settled, nil, made: true)
            #expect(Resume.afterFailure(code, of: row, last: free) == .prepare)
        }
    }

    @Test(
        "an answer that was charged and brought nothing has nothing to read again: a retry orders anew, a crash does not"
    )
    func spent() throws {
        for code in ResultCode.allCases {
            let row = Self.row(.landed)
            let spent = try #require(Self.attempt(.paid, .settled, nil))
            #expect(spent.isSpent && Resume.afterFailure(code, of: row, last: spent) == .prepare)
            #expect(Resume.point(of: Self.row(.ordered), last: spent) == .submissionUnknown(spent))
            // One that brought a picture, or has a task, is no such attempt.
            for other in [Self.attempt(.paid, .settled, nil, made: true), Self.attempt(.paid, .settled, "task-1")] {
                #expect(try !#require(other).isSpent)
            }
        }
        // At a price that nobody told, only a code that says that the answer came tells it from a lost one.
        let untold = try #require(Self.attempt(.paid, .uncertain, nil))
        #expect(!untold.isSpent)
        for code in [ResultCode.notAnImage, .downloadTooLarge] {
            #expect(Resume.afterFailure(code, of: Self.row(.landed), last: untold) == .prepare)
        }
        #expect(Resume.afterFailure(.internal, of: Self.row(.landed), last: untold) == .submissionUnknown(untold))
    }

    @Test("a retry leaves a row from which a crash leads to the very same step")
    func reopened() {
        for code in [nil] + ResultCode.allCases.map(Optional.some) {
            for last in Self.attempts {
                for (picture, stored) in [(false, false), (true, false), (true, true)] {
                    let landed = Self.row(.landed, picture: picture, stored: stored)
                    let resume = Resume.afterFailure(code, of: landed, last: last)
                    let open = resume.reopened(landed, at: .at(9))
                    #expect(Resume.point(of: open, last: last) == resume)
                    #expect(open.starts == 0 && open.outcome == nil && open.claimedAt == .at(9))
                    #expect(open.firstSubmitAt != .at(2), "an old deadline would fail the retry at once")
                }
            }
        }
    }

    @Test("only preparing and storing handle the job's own bytes")
    func handlesBytes() throws {
        let last = try #require(Self.attempt(.paid, .task, "task-1"))
        #expect(Resume.prepare.handlesBytes && Resume.store(.sample).handlesBytes)
        let rest: [Resume] = [
            .submissionUnknown(last), .poll(taskID: "task-1", attempt: last), .update, .conclude,
            .land(Outcome(box: .done, code: nil, result: nil)),
        ]
        for resume in rest { #expect(!resume.handlesBytes) }
    }

    @Test("one more order may follow only what cannot bring, and has not brought, a picture that was paid for")
    func mayBeFollowed() {
        for last in Self.attempts.compactMap(\.self) {
            let outstanding = !last.freeOfCharge && (last.state == .intent || last.state == .task)
            let paidAndMade = !last.freeOfCharge && last.state == .settled && last.made
            #expect(last.mayBeFollowed == !(outstanding || paidAndMade), "\(last)")
        }
    }
}

@Suite("Poison")
struct PoisonTests {
    @Test("three unclean starts are borne, the fourth start is not made")
    func fourth() {
        let row = ResumeTests.row(.claimed)
        let verdicts = (1...6).map { Poison.judge(start: $0, row: row, last: nil) }
        #expect(verdicts == [.start, .start, .start, .poisoned, .poisoned, .poisoned])
    }

    @Test("a paid job is not given up before its picture was fetched once")
    func paid() {
        for state in AttemptState.allCases {
            let last = ResumeTests.attempt(.paid, state, state == .task ? "task-1" : nil)
            let verdict = Poison.judge(start: 9, row: ResumeTests.row(.ordered), last: last)
            #expect(verdict == (state == .refused ? .poisoned : .start), "\(state)")
            #expect(Poison.judge(start: 4, row: ResumeTests.row(.fetched, picture: true), last: last) == .poisoned)
        }
    }

    @Test("a free job, and one whose paid attempts belong to the past, are given up like any other")
    func free() {
        let free = ResumeTests.attempt(.free, .intent, nil)
        #expect(Poison.judge(start: 4, row: ResumeTests.row(.ordered), last: free) == .poisoned)
        let past = ResumeTests.attempt(.paid, .uncertain, nil)
        #expect(Poison.judge(start: 4, row: ResumeTests.row(.claimed), last: past) == .poisoned)
    }
}

@Suite("Spool binding")
struct SpoolBindingTests {
    /// One line a case of the table: journal, spool, spool has work, journal has work, and what is expected.
    @Test("a journal and a spool that do not belong together are refused, in every case of the table")
    func table() {
        let bools = [false, true]
        for (spoolHasWork, journalHasWork) in bools.flatMap({ one in bools.map { (one, $0) } }) {
            func judge(_ journal: String?, _ spool: String?) -> SpoolBinding {
                SpoolBinding.judge(
                    journal: journal, spool: spool, spoolHasWork: spoolHasWork, journalHasWork: journalHasWork,
                    newID: "n")
            }
            #expect(judge("x", "x") == .bound)
            #expect(judge("x", "y").isRefused)
            #expect(spoolHasWork ? judge(nil, nil).isRefused : judge(nil, nil) == .adopt("n"))
            #expect(spoolHasWork ? judge(nil, "y").isRefused : judge(nil, "y") == .adopt("y"))
            #expect(spoolHasWork || journalHasWork ? judge("x", nil).isRefused : judge("x", nil) == .give("x"))
        }
    }
}

extension SpoolBinding {
    var isRefused: Bool { if case .refused(let sentence) = self { !sentence.isEmpty } else { false } }
}

@Suite("Phases and states")
struct TransitionTests {
    @Test("a job goes forward, step by step, and from any working phase to its landing")
    func phases() {
        let allowed: [Phase: Set<Phase>] = [
            .claimed: [.ordered, .stored, .landing], .ordered: [.ordered, .fetched, .landing],
            .fetched: [.ordered, .fetched, .stored, .landing], .stored: [.recorded, .landing], .recorded: [.landing],
            .landing: [.landed], .landed: [],
        ]
        for from in Phase.allCases {
            #expect(Set(Phase.allCases.filter(from.permits)) == allowed[from])
        }
    }

    @Test("an attempt is closed once; only its figure may be corrected, or learned")
    func states() {
        let allowed: [AttemptState: Set<AttemptState>] = [
            .intent: [.task, .settled, .uncertain, .refused], .task: [.settled, .uncertain],
            .uncertain: [.settled, .uncertain, .refused], .settled: [.settled], .refused: [],
        ]
        for from in AttemptState.allCases {
            #expect(Set(AttemptState.allCases.filter(from.permits)) == allowed[from])
        }
    }

    @Test("an attempt counts in the month of its intent, in UTC")
    func month() throws {
        let last = try #require(Timestamp(rfc3339: "2026-11-30T23:59:59.999Z"))
        let first = try #require(Timestamp(rfc3339: "2026-12-01T00:30:00+01:00"))
        #expect(AttemptRow.month(of: last) == "2026-11")
        #expect(AttemptRow.month(of: first) == "2026-11")
        #expect(AttemptRow.month(of: try #require(Timestamp(rfc3339: "2026-12-01T00:00:00Z"))) == "2026-12")
    }
}
