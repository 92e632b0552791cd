// The steps of a job in the journal, in the order of its life. Each is one commit, shared with whoever waits at that
// moment.
//
// The order for a paid attempt: `order` has returned -> the call -> `tasked` has returned -> the first poll (DESIGN.md
// 8). A step from a phase that does not allow it (`Phase.permits`, `AttemptState.permits`, `AttemptRow.mayBeFollowed`)
// throws `wrongPhase` and changes nothing: this is where "nothing is paid twice" is kept, whatever the pipeline does.

package import Contract
internal import GRDB

// MARK: - Starts

extension Journal {
    /// Counts a start of a stage that handles the job's own bytes, before it does. Admission and `fetched` have counted
    /// the one that follows them; this is for a job that goes on without either.
    package func countStart(_ name: String) async throws(JournalFailure) -> Poison {
        try await write { books in
            var row = try books.knownJob(name)
            row.starts += 1
            try books.run("UPDATE job SET starts = ? WHERE name = ?", [row.starts, name])
            return Poison.judge(start: row.starts, row: row, last: try books.last(name, run: row.run))
        }
    }

    /// The stages of these jobs ended in good order though not at their end (a shutdown, a pause): their starts are
    /// forgotten. Names that the journal does not know are passed over.
    package func cleanStop(_ names: [String]) async throws(JournalFailure) {
        try await write { books in
            for name in names { try books.run("UPDATE job SET starts = 0 WHERE name = ? AND starts > 0", [name]) }
        }
    }
}

// MARK: - Ordering

extension Journal {
    /// Writes the intent of an order and reserves its estimate, before the call. Returns the attempt with its number.
    /// Throws `wrongPhase` while an earlier attempt of the run may still bring, or has brought, a picture, and
    /// `overBudget` where the estimate does not fit into `budget`: judged and written in one transaction.
    package func order(
        _ name: String, plan: [UInt8], _ order: NewAttempt, budget: BudgetLimits = .none, at now: Timestamp
    ) async throws(JournalFailure) -> AttemptRow {
        let attempt = try await write { books in
            let row = try books.knownJob(name)
            let last = try books.last(name, run: row.run)
            if row.phase != .claimed, let last { try books.closeBefore(anotherThan: last, at: now) }
            let attempt = AttemptRow(
                name: name, run: row.run, attempt: (last?.attempt ?? 0) + 1, order: order, createdAt: now)
            if !budget.isEmpty { try books.fits(attempt, into: budget, of: row) }
            try books.insert(attempt)
            try books.keep(.plan, plan, of: name)
            // A picture of an attempt before this one is none of this order's.
            try books.advance(
                name, to: .ordered,
                """
                , provider = ?, first_submit_at = coalesce(first_submit_at, ?), picture_file = NULL, \
                picture_sha256 = NULL, picture_bytes = NULL, picture_width = NULL, picture_height = NULL, \
                picture_type = NULL
                """, [order.provider, now.nanoseconds])
            return attempt
        }
        tally.note { $0.ordered(attempt) }
        return attempt
    }

    /// Writes the provider's handle, before the first poll, and its own estimate where it gave one.
    package func tasked(
        _ name: String, taskID: String, estimate: Money? = nil, at now: Timestamp
    ) async throws(JournalFailure) {
        try await write { books in
            var attempt = try books.lastAttempt(of: name)
            guard attempt.state.permits(.task) else { throw Books.wrong(attempt, .task) }
            (attempt.state, attempt.taskID, attempt.taskAt) = (.task, taskID, now)
            attempt.estimate = estimate ?? attempt.estimate
            try books.update(attempt)
        }
        tally.note { $0.moneyRevision += 1 }
    }

    /// Closes an attempt of the current run (the last, if no number is given), or corrects its final figure.
    package func settle(
        _ name: String, attempt number: Int? = nil, _ settlement: Settlement, at now: Timestamp
    ) async throws(JournalFailure) {
        let closing = try await write { books in
            try books.close(try books.lastAttempt(of: name, number: number), settlement, at: now)
        }
        tally.note { $0.booked(closing) }
    }
}

// MARK: - The picture

extension Journal {
    /// The picture is durable in `work/`. Counts the start of the stage that decodes and stores it, and closes the last
    /// attempt in the same commit where `settling` says how: a provider that answers with the picture itself leaves no
    /// moment in which it is paid for and nowhere.
    package func fetched(
        _ name: String, _ picture: PictureNote, settling: Settlement? = nil, at now: Timestamp
    ) async throws(JournalFailure) {
        let closing = try await write { books in
            let closing = try settling.map { try books.close(try books.lastAttempt(of: name), $0, at: now) }
            try books.advance(
                name, to: .fetched, starts: 1,
                """
                , picture_file = ?, picture_sha256 = ?, picture_bytes = ?, picture_width = ?, \
                picture_height = ?, picture_type = ?
                """,
                [
                    picture.file, picture.sha256.blob, picture.bytes, picture.width, picture.height,
                    picture.contentType,
                ])
            return closing
        }
        if let closing { tally.note { $0.booked(closing) } }
    }

    /// The picture is where it stays; `bytes` say where, in the pipeline's own form. `keeping` is what it shows, for
    /// later requests; nil where nobody knows.
    package func stored(
        _ name: String, _ bytes: [UInt8], keeping kept: KeptPicture? = nil
    ) async throws(JournalFailure) {
        try await write { books in
            try books.advance(name, to: .stored)
            try books.keep(.stored, bytes, of: name)
            if let kept { try books.keep(kept) }
        }
    }

    /// The outfit's record names the picture (or there is no record to update).
    package func recorded(_ name: String) async throws(JournalFailure) {
        try await write { books in try books.advance(name, to: .recorded) }
    }
}

// MARK: - The end

extension Journal {
    /// The job is over: its result is kept here until it has landed.
    package func landing(
        _ name: String, _ box: OutcomeBox, code: Contract.ResultCode?, result: [UInt8], at now: Timestamp
    ) async throws(JournalFailure) {
        try await write { books in
            try books.advance(name, to: .landing, ", box = ?, code = ?", [box.rawValue, code?.rawValue])
            try books.keep(.result, result, of: name)
        }
    }

    /// Result and request of these jobs lie in their boxes, durably. Drops what is no longer needed: request and
    /// result; of a done job the plan and the place too, and all of its parts'. A job that has landed already is
    /// passed over, so that a landing can be repeated after a power cut.
    package func landed(_ names: [String], at now: Timestamp) async throws(JournalFailure) {
        try await write { books in for name in names { try books.land(name, at: now) } }
    }
}

// MARK: - In the books

extension Books {
    /// The last attempt of the current run, or the one with this number.
    func lastAttempt(of name: String, number: Int? = nil) throws -> AttemptRow {
        let run = try knownJob(name).run
        let found =
            try number.map { number in
                try one("SELECT * FROM attempt WHERE name = ? AND run = ? AND attempt = ?", [name, run, number])
                    .map(Self.attempt)
            } ?? last(name, run: run)
        guard let found else { throw Self.wrong("The job \(name) has no such attempt.") }
        return found
    }

    /// Closes an attempt. Refused costs nothing; uncertain and unpriced leave the estimate standing. A figure that may
    /// still change is marked as waiting to be read again. Answers how that changed what counts as spent.
    @discardableResult
    func close(_ attempt: AttemptRow, _ settlement: Settlement, at now: Timestamp) throws -> Closing {
        guard attempt.state.permits(settlement.state) else { throw Self.wrong(attempt, settlement.state) }
        let before = attempt
        var attempt = attempt
        // The moment of the first figure stays: durations are taken from it.
        attempt.settledAt = attempt.state == .settled ? attempt.settledAt : now
        attempt.state = settlement.state
        switch settlement {
        case .final(let money, let made): (attempt.final, attempt.made) = (money, made)
        case .uncertain: (attempt.final, attempt.made) = (nil, false)
        case .unpriced: (attempt.final, attempt.made) = (nil, true)
        case .refused: (attempt.final, attempt.made) = (.free, false)
        }
        attempt.recheckSince = attempt.mayBeCorrected ? now : nil
        try update(attempt)
        return Closing(before, attempt)
    }

    /// Makes sure that one more order may follow `last`; an interrupted free one is closed as having come to nothing.
    func closeBefore(anotherThan last: AttemptRow, at now: Timestamp) throws {
        guard last.mayBeFollowed else {
            throw Self.wrong(
                """
                The job \(last.name) is not ordered again: its attempt \(last.attempt) is \(last.state.rawValue).
                """)
        }
        switch last.state {
        case .intent: try close(last, .refused, at: now)
        case .task: try close(last, .final(.free, made: false), at: now)
        case .settled, .uncertain, .refused: break
        }
    }

    /// Throws `overBudget` for an order that does not fit.
    func fits(_ attempt: AttemptRow, into budget: BudgetLimits, of job: JobRow) throws {
        let spent = try spent(job, user: attempt.userID, month: attempt.month)
        guard let excess = BudgetExcess.judge(attempt.estimate.usdMicros, spent, budget) else { return }
        throw JournalFailure(.overBudget, excess.sentence(user: attempt.userID, month: attempt.month))
    }

    func land(_ name: String, at now: Timestamp) throws {
        let row = try knownJob(name)
        if row.phase == .landed { return }
        try advance(name, to: .landed, ", landed_at = ?", [now.nanoseconds])
        // A part's request and result are needed until the whole has landed; of a failed whole, for its retry too.
        if row.kinship != nil { return }
        try drop(row.outcome?.box == .done ? [.request, .result, .plan, .stored] : [.request, .result], of: name)
        if row.outcome?.box == .done { try dropDocuments(ofFamily: name) }
    }

    static func wrong(_ attempt: AttemptRow, _ next: AttemptState) -> JournalFailure {
        let (number, state) = (attempt.attempt, attempt.state.rawValue)
        return wrong("Attempt \(number) of the job \(attempt.name) is \(state) and cannot become \(next.rawValue).")
    }
}
