// Landing: a finished job's result appears in `done` or `failed`, then its request beside it, durably and in batches.
//
// Order of a batch: results written under hidden names, made durable with the requests' bytes, renamed; fsync of
// the boxes; requests renamed beside them; fsync of the boxes and of `processing`; status files removed. Each prefix of
// this is a state from which the same landing, given again, ends in the same place: it finds what is done and does the
// rest. A full disk is an outcome (`paused`); a failed fsync is fatal, and then nothing lands any more.

package import Linux

/// A finished job that is to land.
package struct LandingOrder: Sendable {
    /// The name of its files in the box.
    package let name: LandingName
    /// `done` or `failed`.
    package let box: Box
    /// The content of `NAME.result.json`.
    package let result: [UInt8]
    /// The request's file in `processing`; nil for a job without one (a part of a compound job).
    package let source: FileName?
    /// Whose status file ends; nil for a job without one.
    package let status: LandingName?

    /// Describes a landing.
    package init(name: LandingName, box: Box, result: [UInt8], source: FileName?, status: LandingName?) {
        precondition(box == .done || box == .failed, "a job cannot land in \(box)")
        (self.name, self.box, self.result, self.source, self.status) = (name, box, result, source, status)
    }
}

/// What became of a landing.
package enum LandingOutcome: Hashable, Sendable {
    /// All of it is durable. The request's name in the box; nil for a job without one, or whose request somebody
    /// removed.
    case landed(request: FileName?)
    /// The disk is full, even with the held-back room. Land it again after a pause.
    case paused(SystemFailure)
    /// A file stands in the way that vizd may not touch. Tell the operator, and land it again later.
    case blocked(SystemFailure)
}

/// Lands jobs on a thread of its own, as many at a time as are waiting.
package final class Landing: Sendable {
    private enum Work: Sendable {
        case land(LandingOrder, @Sendable (Result<LandingOutcome, SpoolFatal>) -> Void)
        case withdraw(Withdrawal, @Sendable (Result<LandingOutcome, SpoolFatal>) -> Void)

        var answer: @Sendable (Result<LandingOutcome, SpoolFatal>) -> Void {
            switch self {
            case .land(_, let answer), .withdraw(_, let answer): answer
            }
        }
    }

    private struct State {
        var inbox: [Work] = []
        var isClosed = false
        var broken: SpoolFatal?
    }

    /// The most landings in one batch.
    private static let batchLimit = 256
    private let monitor = Monitor(State())
    private let spool: Spool
    /// Ends the hidden names of this run, and tells them from those that an earlier one left. Eight hex digits.
    package let tag = Random.hex(bytes: 4)

    /// Starts the thread.
    /// - Parameters:
    ///   - status: whose files end with the jobs.
    ///   - reserve: room that is given up when the disk is full, and taken back when there is room above `floor`.
    package init(_ spool: Spool, status: StatusFiles?, reserve: Reserve? = nil, floor: DiskFloor = DiskFloor(bytes: 0))
    {
        self.spool = spool
        OwnedThread.spawn(name: "vizd-landing") { [monitor, tag] in
            var batch = LandingBatch(spool: spool, status: status, reserve: reserve, floor: floor, tag: tag)
            Landing.serve(monitor, &batch)
        }
    }

    /// Whoever awaits a landing holds this object: when it goes, nothing is under way.
    deinit { monitor.change { $0.isClosed = true } }

    /// Lands a job. The caller's task is suspended until all of it is durable.
    package func land(_ order: LandingOrder) async throws(SpoolFatal) -> LandingOutcome {
        try await submit { .land(order, $0) }
    }

    /// Removes a result that no longer holds, before the job runs again. Durable on return.
    /// - Parameter withRequest: also the request beside it, where the same bytes are in `processing` again.
    package func withdraw(_ name: LandingName, from box: Box, withRequest: Bool = false) async throws(SpoolFatal)
        -> LandingOutcome
    {
        let withdrawal = Withdrawal(name: name, box: box, withRequest: withRequest)
        return try await submit { .withdraw(withdrawal, $0) }
    }

    /// Removes what earlier runs left half-written in `done` or `failed`, and nothing of this one's: it may run beside
    /// landings. Blocks as long as it takes to list the box, which may hold the jobs of months.
    /// - Returns: the names that were removed.
    package func sweep(_ box: Box) throws(SpoolFatal) -> [FileName] { try spool.sweep(box, but: tag) }

    private func submit(_ work: @Sendable (@escaping @Sendable (Result<LandingOutcome, SpoolFatal>) -> Void) -> Work)
        async throws(SpoolFatal) -> LandingOutcome
    {
        let outcome: Result<LandingOutcome, SpoolFatal> = await withUnsafeContinuation { continuation in
            let work = work { continuation.resume(returning: $0) }
            let broken = monitor.change { state -> SpoolFatal? in
                if state.broken == nil { state.inbox.append(work) }
                return state.broken
            }
            if let broken { work.answer(.failure(broken)) }
        }
        return try outcome.get()
    }

    private static func serve(_ monitor: Monitor<State>, _ batch: inout LandingBatch) {
        while let works = monitor.wait({ state in take(&state) }), !works.isEmpty {
            do throws(SpoolFatal) {
                let outcomes = try batch.run(
                    withdrawals: works.compactMap { if case .withdraw(let one, _) = $0 { one } else { nil } },
                    orders: works.compactMap { if case .land(let one, _) = $0 { one } else { nil } })
                var (withdrawn, landed) = (outcomes.withdrawn[...], outcomes.landed[...])
                for work in works {
                    switch work {
                    case .withdraw(_, let answer): answer(.success(withdrawn.removeFirst()))
                    case .land(_, let answer): answer(.success(landed.removeFirst()))
                    }
                }
            } catch {
                let late = monitor.change { state -> [Work] in
                    state.broken = error
                    defer { state.inbox = [] }
                    return state.inbox
                }
                for work in works + late { work.answer(.failure(error)) }
                return
            }
        }
    }

    /// The next batch, empty at the end, nil while there is nothing.
    private static func take(_ state: inout State) -> [Work]? {
        if state.inbox.isEmpty { return state.isClosed ? [] : nil }
        let works = Array(state.inbox.prefix(batchLimit))
        state.inbox.removeFirst(works.count)
        return works
    }
}
