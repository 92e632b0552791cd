// The life of a compound job, in two halves, and the life of its parts.
//
// First half: the parts' choices are checked, their rows are made, and the loop is told of them (`.parked`); no task
// and no slot is held while they wait and work. Second half: all have ended, and the whole is concluded from the
// results that the journal holds. A part lives as a request does, but for its file: there is none. After a crash the
// parent's file brings its life back; the parts are found as they stand.

import Contract
import Digest
import Ledger
import Linux
import Logging
import Pipeline
import Spool

/// A job that was let in, or a part whose turn has come, with what its life needs. By reference: thousands wait.
final class LiveJob: Sendable {
    let name: JobName
    /// What the pipeline gets.
    let ticket: JobTicket
    /// Whether the start may be made.
    let poison: Poison
    /// Its request's file in `processing/`; nil for a part.
    let source: FileName?
    /// Whether somebody wishes it to end.
    let cancel: JobCancel

    var row: JobRow { ticket.row }
    /// Whether it has a status file, and its result a box.
    var hasFiles: Bool { row.kinship?.kind.hasFiles ?? true }

    /// `queued`: seconds that it waited.
    init(
        name: JobName, decoded: Result<JobRequest, RequestFault>, admitted: Admitted.Job, source: FileName?,
        queued: Double, cancel: JobCancel
    ) {
        (self.name, poison, self.source, self.cancel) = (name, admitted.poison, source, cancel)
        ticket = JobTicket(
            name: name.text, decoded: decoded, resume: admitted.resume, row: admitted.row, last: admitted.last,
            queued: queued)
    }
}

extension JobLife {
    /// Does what the loop found due of a compound job.
    func live(_ errand: Errand) async -> LifeEnd {
        do throws(LifeTrouble) {
            switch errand {
            case .part(let name, let since):
                let queued = max(0, Double(wallClock() - since) / 1e9)
                return try await part(name, queued: queued)
            case .whole(let name, let queued):
                try await whole(name, queued: queued)
                return .ended
            }
        } catch {
            return .machine(error.sentence)
        }
    }

    // MARK: - Parts

    private func part(_ name: JobName, queued: Double) async throws(LifeTrouble) -> LifeEnd {
        let live = try await OwnStack.run { () async throws(LifeTrouble) in try await enter(name, queued: queued) }
        guard let live else { return .ended }
        return try await toItsEnd(live)
    }

    /// A part as a job among those at work; nil for one that has landed.
    private func enter(_ name: JobName, queued: Double) async throws(LifeTrouble) -> LiveJob? {
        guard working.insert(name) else { preconditionFailure("\(name) is at work already") }
        var entered: LiveJob?
        defer { if entered == nil { leave(name) } }
        // Before the disk is looked at for a wish about this part alone.
        let cancel = cancels.enter(name.text, partOf: name.parent?.text)
        guard let live = try await goOn(name, queued: queued, cancel) else { return nil }
        let presence = try await presence(of: name)
        try await hearWish(name, presence.cancel, owner: live.row.ownerUID)
        if live.hasFiles, live.row.phase != .landing { try await withdrawResults(of: name, presence) }
        entered = live
        return live
    }

    /// Whether a job that could be taken apart is not: a film whose still picture is stored, or which has been ordered.
    func isWhole(_ live: LiveJob, _ request: JobRequest, _ parts: RequestParts) async throws(LifeTrouble) -> Bool {
        guard case .still = parts else { return false }
        let known = try await journalled { () async throws(JournalFailure) in
            try await journal.parts(of: live.name.text, complete: false)
        }
        if !known.isEmpty { return false }
        if live.row.phase != .claimed { return true }
        if request.regenerate { return false }
        return await pipeline.hasStill(live.ticket)
    }

    /// A part, or a parent in its second half, as the journal has it; nil for one that has landed.
    private func goOn(_ name: JobName, queued: Double, _ cancel: JobCancel) async throws(LifeTrouble) -> LiveJob? {
        let admitted = try await journalled { () async throws(JournalFailure) in
            try await journal.goOn(name.text, at: now())
        }
        guard let admitted else { return nil }
        guard let bytes = admitted.row.request else { preconditionFailure("the journal lost the request of \(name)") }
        return LiveJob(
            name: name, decoded: Result { () throws(RequestFault) in try JobRequest.decode(bytes) },
            admitted: admitted, source: admitted.row.kinship == nil ? name.requestFile : nil, queued: queued,
            cancel: cancel)
    }

    /// Removes the results of a part that an earlier run of it left. A request of that name is never ours.
    private func withdrawResults(of name: JobName, _ presence: Presence) async throws(LifeTrouble) {
        if presence.doneResult != nil { try await withdraw(name, from: .done, withRequest: false) }
        if presence.failedResult != nil { try await withdraw(name, from: .failed, withRequest: false) }
    }

    /// Lets go of what an earlier run of a job left of its parts: results, pictures, rows, in this order.
    func forgetEarlierParts(of live: LiveJob) async throws(LifeTrouble) {
        let (root, run) = (live.name.text, live.row.run)
        let family = try await journalled { () async throws(JournalFailure) in try await journal.family(of: root) }
        let earlier = family.filter { $0.kinship?.rootRun != run }
        if earlier.isEmpty { return }
        for row in earlier {
            guard let name = JobName(job: row.name), let kind = row.kinship?.kind else { continue }
            if kind.hasFiles { try await withdrawResults(of: name, try await presence(of: name)) }
            await dropPicture(of: name)
        }
        try await journalled { () async throws(JournalFailure) in try await journal.forgetEarlierParts(of: root) }
    }

    // MARK: - The first half

    /// Takes a job apart. Answers the family whose parts are to be worked on; ends it where there is nothing to wait
    /// for.
    func takeApart(_ live: LiveJob, _ request: JobRequest, _ parts: RequestParts) async throws(LifeTrouble) -> LifeEnd {
        let known = try await journalled { () async throws(JournalFailure) in
            try await journal.parts(of: live.name.text, complete: false)
        }
        if live.poison == .poisoned {
            try await concludePoisoned(live)
            return .ended
        }
        if known.isEmpty, let refusal = refusal(of: live, request, parts) {
            try await conclude(live, refusal)
            return .ended
        }
        let fresh = known.isEmpty ? newParts(of: live, parts) : []
        let rows = try await journalled { () async throws(JournalFailure) in
            try await journal.expand(live.name.text, into: fresh, at: now())
        }
        board.begin(live.name, live.ticket, FamilyProgress(parts, rows))
        // What has been begun before goes on first: it may be at a provider.
        let open = rows.filter(\.phase.isOpen)
        let order = open.filter { $0.phase != .claimed } + open.filter { $0.phase == .claimed }
        if order.isEmpty {
            try await end(live, request, parts)
            return .ended
        }
        log.info("job.parts", metadata: live.name.metadata(["parts": "\(rows.count)", "open": "\(open.count)"]))
        return .parked(
            Family(
                parent: live.name, user: request.userID, priority: request.priority.rank,
                arrival: live.row.claimedAt.nanoseconds, open: order.compactMap { $0.kinship?.number },
                queued: live.ticket.queued))
    }

    private func concludePoisoned(_ live: LiveJob) async throws(LifeTrouble) {
        switch await pipeline.poisoned(live.ticket) {
        case .result(let result): try await conclude(live, result)
        case .stopped(let sentence): throw LifeTrouble(sentence: sentence)
        }
    }

    /// Why a job is not taken apart at all.
    private func refusal(of live: LiveJob, _ request: JobRequest, _ parts: RequestParts) -> ResultDocument? {
        if live.cancel.isMade { return pipeline.cancelled(live.ticket) }
        if case .batch = parts, live.name.text.utf8.count > JobName.batchLimit {
            let sentence = """
                The name of a batch has at most \(JobName.batchLimit) bytes before .json, since those of its jobs are \
                longer. Shorten it and deliver the request again.
                """
            return pipeline.refused(live.ticket, JobFailure(.invalidName, sentence))
        }
        return pipeline.hindrance(of: request).map { pipeline.refused(live.ticket, $0) }
    }

    private func newParts(of live: LiveJob, _ parts: RequestParts) -> [NewPart] {
        parts.all.enumerated().map { index, part in
            let bytes = part.encode(pretty: false)
            return NewPart(
                name: live.name.part(index + 1).text, number: index + 1, kind: parts.kind,
                digest: SHA256.of(bytes).bytes, request: bytes, outfitID: part.outfitID)
        }
    }

    // MARK: - The second half

    private func whole(_ name: JobName, queued: Double) async throws(LifeTrouble) {
        defer { working.remove(name) }
        let cancel = cancels.known(name.text)
        defer { cancels.leave(name.text) }
        guard let live = try await goOn(name, queued: queued, cancel) else { return }
        if case .land(let outcome) = live.ticket.resume {
            try await land(outcome, of: name, source: live.source, kind: live.row.kinship?.kind)
            return try await endWish(name)
        }
        guard case .success(let request) = live.ticket.decoded, let parts = request.parts else {
            preconditionFailure("\(name) had parts and has none")
        }
        try await end(live, request, parts)
        try await endWish(name)
    }

    private func end(_ live: LiveJob, _ request: JobRequest, _ parts: RequestParts) async throws(LifeTrouble) {
        if live.poison == .poisoned { return try await concludePoisoned(live) }
        let ended = try await ended(live, parts)
        let end: JobEnd
        if case .still = parts, ended.allSatisfy({ $0.result.failure == nil }) {
            board.familyEnded(live.name)
            end = await pipeline.run(
                live.ticket, cancel: live.cancel, report: { [board] in board.report(live.name, $0) })
        } else {
            end = await pipeline.conclude(live.ticket, ended)
        }
        switch end {
        case .stopped(let sentence): throw LifeTrouble(sentence: sentence)
        case .result(let document):
            if case .still = parts, ended.allSatisfy({ $0.result.failure == nil }) {
                meter.count { $0.worked(document.timing, isComplete: document.failure == nil) }
                try await conclude(live, pipeline.joined(document, with: ended))
            } else {
                try await conclude(live, document)
            }
        }
        if live.row.kinship == nil { await dropPictures(beneath: live.name) }
    }

    /// The parts' results, in the order of the request.
    private func ended(_ live: LiveJob, _ parts: RequestParts) async throws(LifeTrouble) -> [EndedPart] {
        let rows = try await journalled { () async throws(JournalFailure) in
            try await journal.parts(of: live.name.text, complete: true)
        }
        precondition(rows.count == parts.all.count, "\(live.name) has \(rows.count) parts of \(parts.all.count)")
        return zip(rows, parts.all).map { row, request in
            EndedPart(
                name: row.name, request: request, result: result(of: row, request), stored: row.stored)
        }
    }

    private func result(of row: JobRow, _ request: JobRequest) -> ResultDocument {
        guard let bytes = row.outcome?.result else { preconditionFailure("the journal lost the result of \(row.name)") }
        do throws(DocumentFault) {
            return try ResultDocument.decode(bytes)
        } catch {
            log.error("result.unreadable", metadata: ["job": "\(row.name)", "reason": "\(error.message)"])
            let sentence = "The result of \(row.name) in the journal cannot be read: another version of vizd wrote it."
            return ResultDocument(
                jobID: row.name, progress: 0,
                outcome: .failed(ResultDocument.Failure(code: .internal, message: sentence, stage: nil)),
                userID: request.userID, outfitID: request.outfitID, attempts: 0, requestSHA256: nil, metadata: nil,
                finishedAt: now(), version: Version.text)
        }
    }

    /// A job that is done is not retried: pictures that its failed parts kept for that go.
    private func dropPictures(beneath name: JobName) async {
        do throws(JournalFailure) {
            guard try await journal.row(name.text)?.outcome?.box == .done else { return }
            for row in try await journal.family(of: name.text) where row.picture != nil && row.outcome?.box == .failed {
                if let part = JobName(job: row.name) { await dropPicture(of: part) }
            }
        } catch {
            log.warning("work.leftover", metadata: name.metadata(["reason": "\(error)"]))
        }
    }
}

extension RequestParts {
    /// What its parts are, in the journal's words.
    fileprivate var kind: PartKind {
        switch self {
        case .batch: .member
        case .views: .view
        case .still: .still
        }
    }
}

extension LifeEnd {
    /// Whether its parts go on without it.
    var isParked: Bool {
        if case .parked = self { true } else { false }
    }
}
