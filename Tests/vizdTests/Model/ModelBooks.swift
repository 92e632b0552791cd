// The model's journal: one row and its attempts, changed as `Journal` changes them, without SQLite. What may follow
// what is asked of the real values (`Admission`, `Resume`, `Poison`, `Phase`, `AttemptState`, `AttemptRow`); the few
// lines between them are those of `Journal+Admission` and `Journal+Steps`, which LedgerTests hold to the same answers.
//
// A step that the real books would refuse is a `Breach`: nothing that vizd does by itself may come to that.

import Contract

@testable import Ledger
@testable import Pipeline

/// A promise that does not hold: a sentence.
struct Breach: Error, CustomStringConvertible {
    let description: String
}

/// The journal. Every change is durable when it is made, as a commit is.
struct ModelBooks: Hashable {
    static let name = "job"
    static let digest: [UInt8] = [7]
    static let noTime = Timestamp(nanoseconds: 0)
    static let picture = PictureNote(
        file: "job", sha256: [1], bytes: 1, width: 1, height: 1, contentType: "image/jpeg")

    private(set) var row: JobRow?
    private(set) var attempts: [AttemptRow] = []

    /// The last attempt of the row's run.
    var last: AttemptRow? { attempts.last { $0.run == row?.run } }

    // MARK: Admission

    /// What `Journal.admit` answers.
    mutating func admit(_ oldRequest: Admission.OldRequest) throws(Breach) -> Admitted {
        let judgement = Admission.judge(
            digest: Self.digest, row: row, oldRequest: oldRequest, running: false)
        switch judgement {
        case .duplicate, .nameTaken, .later: return Admitted(judgement: judgement, job: nil)
        case .fresh, .rerun: return Admitted(judgement: judgement, job: begin())
        case .retry(let landed): return Admitted(judgement: judgement, job: try reopen(landed))
        case .resume(let row), .relanding(let row): return Admitted(judgement: judgement, job: try goOn(row))
        }
    }

    private mutating func begin() -> Admitted.Job {
        let run = max(row?.run ?? 0, attempts.map(\.run).max() ?? 0) + 1
        var fresh = JobRow(
            name: Self.name, run: run, digest: Self.digest, ownerUID: 0, request: [1], claimedAt: Self.noTime)
        fresh.starts = 1
        row = fresh
        return Admitted.Job(row: fresh, last: nil, resume: .prepare, poison: .start)
    }

    private mutating func reopen(_ landed: JobRow) throws(Breach) -> Admitted.Job {
        let resume = Resume.afterFailure(landed.outcome?.code, of: landed, last: last)
        var reopened = resume.reopened(landed, at: Self.noTime)
        reopened.request = [1]
        if resume == .prepare { try closeIntent() }
        row = reopened
        return try goOn(reopened)
    }

    private mutating func closeIntent() throws(Breach) {
        guard let last, last.state == .intent else { return }
        try settle(last.freeOfCharge ? .refused : .uncertain)
    }

    private mutating func goOn(_ known: JobRow) throws(Breach) -> Admitted.Job {
        var known = known
        guard let resume = Resume.point(of: known, last: last) else {
            throw Breach(description: "a landed job is gone on with")
        }
        guard resume.handlesBytes else {
            return Admitted.Job(row: known, last: last, resume: resume, poison: .start)
        }
        if resume == .prepare, last != nil, known.phase != .claimed {
            try closeIntent()
            (known.phase, known.plan) = (.claimed, nil)
        }
        known.starts += 1
        row = known
        let poison = Poison.judge(start: known.starts, row: known, last: last)
        return Admitted.Job(row: known, last: last, resume: resume, poison: poison)
    }

    // MARK: Steps

    /// Writes an intent.
    mutating func order(_ order: NewAttempt, plan: [UInt8]) throws(Breach) {
        let phase = try known().phase
        if phase != .claimed, let last {
            guard last.mayBeFollowed else {
                throw Breach(description: "an order after attempt \(last.attempt), which is \(last.state.rawValue)")
            }
            switch last.state {
            case .intent: try settle(.refused)
            case .task: try settle(.final(.free, made: false))
            case .settled, .uncertain, .refused: break
            }
        }
        let number = (last?.attempt ?? 0) + 1
        attempts.append(
            AttemptRow(
                name: Self.name, run: try known().run, attempt: number, order: order, createdAt: Self.noTime))
        try advance(.ordered) { row in
            (row.plan, row.provider, row.picture, row.firstSubmitAt) = (plan, order.provider, nil, Self.noTime)
        }
    }

    /// Writes a task's id.
    mutating func tasked(_ id: String) throws(Breach) {
        try change(.task) { attempt in (attempt.taskID, attempt.taskAt) = (id, Self.noTime) }
    }

    /// Closes the last attempt.
    mutating func settle(_ settlement: Settlement) throws(Breach) {
        try change(settlement.state) { attempt in
            attempt.settledAt = Self.noTime
            switch settlement {
            case .final(let money, let made): (attempt.final, attempt.made) = (money, made)
            case .uncertain: (attempt.final, attempt.made) = (nil, false)
            case .unpriced: (attempt.final, attempt.made) = (nil, true)
            case .refused: (attempt.final, attempt.made) = (.free, false)
            }
        }
    }

    /// The picture is in `work/`, and its price is final.
    mutating func fetched(_ price: Money) throws(Breach) {
        try settle(.final(price, made: true))
        try advance(.fetched, starts: 1) { row in row.picture = Self.picture }
    }

    /// It is answered from a picture that is stored already.
    mutating func reused(_ note: [UInt8]) throws(Breach) {
        guard try known().phase == .claimed else { throw Breach(description: "an ordered job is answered for nothing") }
        var picture = Self.picture
        picture.file = ""
        try advance(.stored) { row in (row.plan, row.picture, row.stored) = (ModelLife.plan.encoded(), picture, note) }
    }

    /// The picture is where it stays.
    mutating func stored(_ note: [UInt8]) throws(Breach) {
        try advance(.stored) { row in row.stored = note }
    }

    /// The record names it.
    mutating func recorded() throws(Breach) { try advance(.recorded) }

    /// There is a result.
    mutating func landing(_ outcome: Outcome) throws(Breach) {
        try advance(.landing) { row in row.outcome = outcome }
    }

    /// Result and request lie in their box.
    mutating func landed() throws(Breach) {
        if try known().phase == .landed { return }
        try advance(.landed) { row in
            row.outcome?.result = nil
            (row.request, row.landedAt) = (nil, Self.noTime)
            if row.outcome?.box == .done { (row.plan, row.stored) = (nil, nil) }
        }
    }

    // MARK: In the books

    private func known() throws(Breach) -> JobRow {
        guard let row else { throw Breach(description: "a step of a job that the journal does not know") }
        return row
    }

    private mutating func advance(
        _ next: Phase, starts: Int = 0, _ body: (inout JobRow) -> Void = { _ in }
    ) throws(Breach) {
        var known = try known()
        guard known.phase.permits(next) else {
            throw Breach(description: "the journal is asked to go from \(known.phase.rawValue) to \(next.rawValue)")
        }
        (known.phase, known.starts) = (next, starts)
        body(&known)
        row = known
    }

    private mutating func change(_ next: AttemptState, _ body: (inout AttemptRow) -> Void) throws(Breach) {
        let run = row?.run
        guard let index = attempts.lastIndex(where: { $0.run == run }) else {
            throw Breach(description: "there is no attempt to call \(next.rawValue)")
        }
        guard attempts[index].state.permits(next) else {
            throw Breach(
                description: "an attempt that is \(attempts[index].state.rawValue) would become \(next.rawValue)")
        }
        attempts[index].state = next
        body(&attempts[index])
    }
}
