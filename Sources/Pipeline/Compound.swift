// Compound jobs: what is looked at before the first of their parts is paid for, and what the whole comes to when the
// last has ended. The parts themselves are jobs as any other.
//
// The choices of every part (provider, model, ratio, seed, kind) are checked before any of them is begun. Several views
// go into the outfit's record together, as a step that the journal knows; done again it changes nothing.

package import Contract
internal import Digest
internal import Ledger
internal import Wardrobe

/// A part that has ended.
package struct EndedPart: Sendable {
    /// Its name.
    package let name: String
    /// Its request.
    package let request: JobRequest
    /// What came of it.
    package let result: ResultDocument
    /// Where its picture is stored, as the journal has it; nil where none is.
    private let note: StoredNote?

    /// - Parameter stored: the journal's words on where its picture is stored.
    package init(name: String, request: JobRequest, result: ResultDocument, stored: [UInt8]? = nil) {
        (self.name, self.request, self.result) = (name, request, result)
        note = stored.flatMap(StoredNote.init(encoded:))
    }

    /// How the record tells of its picture under a view's name: one that was there before as what it is, an entry of
    /// the job that made it.
    fileprivate func entry(_ view: ResultDocument.View, of job: String, at now: Timestamp) -> Visualization {
        Visualization(
            url: view.picture.imageURL, view: view.name, provider: view.picture.provider,
            model: view.picture.making.model, jobID: note?.maker ?? job, createdAt: note?.storedAt ?? now)
    }

    fileprivate var views: [ResultDocument.View] {
        guard case .complete(_, let views) = result.outcome else { return [] }
        return views
    }

    /// The name of its one view.
    fileprivate var view: String { request.views.first?.name ?? "" }

    /// Why it failed; nil where it did not.
    fileprivate var failure: ResultDocument.Failure? {
        guard case .failed(let failure) = result.outcome else { return nil }
        return failure
    }
}

// MARK: - Before

extension Pipeline {
    /// Why no part of this request can be begun; nil where they can. Every choice that a provider does not have is
    /// named, with its path in the whole request.
    package func hindrance(of request: JobRequest) -> JobFailure? {
        if let late = expired(request) { return late }
        switch request.parts {
        case nil: return refusedChoice(request)
        // The outfits of a batch differ in nothing that is chosen.
        case .batch(let members): return members.first.flatMap(hindrance)
        case .still(let still): return refusedChoice(request) ?? refusedChoice(still)
        case .views(let views): return hindrance(ofViews: views)
        }
    }

    private func hindrance(ofViews views: [JobRequest]) -> JobFailure? {
        var problems: [Problem] = []
        for (index, view) in views.enumerated() {
            guard let failure = hindrance(of: view) else { continue }
            guard failure.code == .invalidRequest else { return failure }
            for problem in failure.details {
                let own = problem.path.hasPrefix("views[0]") ? "views[\(index)]" + problem.path.dropFirst(8) : nil
                let moved = Problem(path: own ?? problem.path, message: problem.message)
                if !problems.contains(moved) { problems.append(moved) }
            }
        }
        return problems.isEmpty ? nil : .invalid(problems)
    }

    private func refusedChoice(_ request: JobRequest) -> JobFailure? {
        do throws(JobFailure) {
            _ = try choose(request.provider ?? settings.provider, request.asItsViewSays)
            return nil
        } catch {
            return error
        }
    }
}

// MARK: - After

extension Pipeline {
    /// Ends a job whose parts have all ended, in the order of the request. A film's still that is stored is no end: the
    /// job is then run as any other, and `joined` adds what the still cost.
    package func conclude(_ ticket: JobTicket, _ ended: [EndedPart]) async -> JobEnd {
        guard case .success(let request) = ticket.decoded, let parts = request.parts else {
            preconditionFailure("\(ticket.name) has no parts to be concluded")
        }
        switch parts {
        case .batch: return .result(document(ticket, request, ended, batch(ended)))
        case .still:
            guard let failure = ended.compactMap(\.failure).first else {
                preconditionFailure("\(ticket.name) is to be concluded before its film is made")
            }
            return .result(document(ticket, request, ended, .failed(failure)))
        case .views:
            if ended.allSatisfy({ $0.failure != nil }) {
                return .result(document(ticket, request, ended, .failed(Pipeline.noView(ended))))
            }
            return await concludeViews(ticket, request, ended)
        }
    }

    /// The result of a job with what its parts cost beside its own.
    package func joined(_ own: ResultDocument, with ended: [EndedPart]) -> ResultDocument {
        var whole = own
        whole.cost = Pipeline.sum([own.cost] + ended.map(\.result.cost))
        whole.attempts += ended.reduce(0) { $0 + $1.result.attempts }
        return whole
    }

    // MARK: Batches

    private func batch(_ ended: [EndedPart]) -> ResultDocument.Outcome {
        let batch = ResultDocument.Batch(
            members: ended.map { part in
                .init(outfitID: part.request.outfitID ?? "", jobID: part.name, isComplete: part.failure == nil)
            })
        guard batch.complete == 0, let first = ended.first, let reason = first.failure else { return .batch(batch) }
        let failures = ended.compactMap(\.failure)
        var failure = ResultDocument.Failure(
            code: reason.code,
            message: (ended.count == 1
                ? "The outfit could not be made." : "None of \(ended.count) outfits could be made.")
                + " The first (\(first.name)): \(reason.message) Each outfit's own result says why. "
                + "Moving this request from failed/ back to incoming/ tries them again.",
            stage: reason.stage, retryable: failures.contains(where: \.retryable))
        failure.batch = batch
        return .failed(failure)
    }

    // MARK: Views

    private static func noView(_ ended: [EndedPart]) -> ResultDocument.Failure {
        let failures = ended.compactMap(\.failure)
        guard let first = ended.first, let reason = failures.first else {
            preconditionFailure("a job without views has failed in all of them")
        }
        var failure = ResultDocument.Failure(
            code: reason.code,
            message: "None of the \(ended.count) views could be made. The first (\(first.view)): \(reason.message)",
            stage: reason.stage, retryable: failures.contains(where: \.retryable))
        failure.details = failures.enumerated().map { Problem(path: "views[\($0)]", message: $1.message) }
        return failure
    }

    private func concludeViews(_ ticket: JobTicket, _ request: JobRequest, _ ended: [EndedPart]) async -> JobEnd {
        while true {
            do throws(StepTrouble) {
                try await recordViews(ticket, request, ended)
                return .result(document(ticket, request, ended, Pipeline.views(ended)))
            } catch {
                switch error {
                case .full(let what): await awaitRoom("\(ticket.name): \(what)")
                case .machine(let sentence): return .stopped(sentence)
                case .job(let failure):
                    let failed = ResultDocument.Failure(
                        code: failure.code, message: failure.message, stage: .update, retryable: failure.retryable)
                    return .result(document(ticket, request, ended, .failed(failed)))
                }
            }
        }
    }

    private static func views(_ ended: [EndedPart]) -> ResultDocument.Outcome {
        let views = ended.flatMap(\.views)
        guard let first = views.first else { preconditionFailure("no view is stored, and none is said to have failed") }
        return .complete(picture: first.picture, views: views)
    }

    /// All stored views into the outfit's record, the first of them as the one that is shown.
    private func recordViews(_ ticket: JobTicket, _ request: JobRequest, _ ended: [EndedPart])
        async throws(StepTrouble)
    {
        do throws(JournalFailure) {
            guard let phase = try await journal.row(ticket.name)?.phase, phase != .recorded else { return }
            if phase == .claimed { try await journal.viewsStored(ticket.name) }
        } catch {
            throw StepTrouble(error)
        }
        if request.outfit == nil { try await record(ticket, request, ended) }
        do throws(JournalFailure) {
            try await journal.recorded(ticket.name)
        } catch {
            throw StepTrouble(error)
        }
    }

    private func record(_ ticket: JobTicket, _ request: JobRequest, _ ended: [EndedPart]) async throws(StepTrouble) {
        guard let user = UserID(request.userID), let outfit = request.outfitID.flatMap({ OutfitID($0) }) else {
            preconditionFailure("the contract let a bad id through")
        }
        // Nobody removes a picture while it is entered; those that were removed before are not entered.
        let turn = OutfitTurns.Place(user: user, outfit: outfit)
        await turns.enter(turn)
        defer { turns.leave(turn) }
        do throws(WardrobeFailure) {
            var pictures: [Visualization] = []
            for part in ended {
                for view in part.views where try await isStored(view, of: request, user, outfit) {
                    pictures.append(part.entry(view, of: ticket.name, at: now()))
                }
            }
            if pictures.isEmpty { return }
            try await wardrobe.record(RecordUpdate(outfit: outfit, visualizations: pictures), of: user)
        } catch {
            throw StepTrouble(error)
        }
    }

    private func isStored(
        _ view: ResultDocument.View, of request: JobRequest, _ user: UserID, _ outfit: OutfitID
    ) async throws(WardrobeFailure) -> Bool {
        let ending = request.kind == .video ? "mp4" : "jpg"
        guard let name = StoredName(user: user, outfit: outfit, view: view.name, fileExtension: ending) else {
            preconditionFailure("the contract let the view \(view.name) through")
        }
        return try await wardrobe.readPicture(name) != nil
    }

    // MARK: The whole

    private func document(
        _ ticket: JobTicket, _ request: JobRequest, _ ended: [EndedPart], _ outcome: ResultDocument.Outcome
    ) -> ResultDocument {
        var progress = 100
        if case .failed = outcome { progress = ended.map(\.result.progress).max() ?? 0 }
        let claimed = max(0, Double(wallClock() - ticket.row.claimedAt.nanoseconds) / 1e9)
        let timing = ResultDocument.Timing(
            queued: ticket.queued, stages: Pipeline.sum(ended.map(\.result.timing)), total: ticket.queued + claimed)
        var document = ResultDocument(
            jobID: ticket.name, progress: progress, outcome: outcome, cost: Pipeline.sum(ended.map(\.result.cost)),
            timing: timing, userID: request.userID, outfitID: request.outfitID,
            attempts: ended.reduce(0) { $0 + $1.result.attempts },
            requestSHA256: SHA256Digest(bytes: ticket.row.digest)?.hex, metadata: request.metadata, finishedAt: now(),
            version: settings.version)
        document.submitterUID = ticket.row.ownerUID
        if case .complete = outcome {
            document.failedViews = ended.compactMap { part in part.failure.map { .init(name: part.view, failure: $0) } }
        }
        return document
    }

    /// Amounts together, in whole millionths of a dollar; credits where any of them has some.
    private static func sum(_ costs: [ResultDocument.Cost]) -> ResultDocument.Cost {
        let credits = costs.compactMap(\.credits)
        let micros = costs.reduce(Int64(0)) { $0 + Int64(($1.usd * 1e6).rounded()) }
        return ResultDocument.Cost(
            credits: credits.isEmpty && !costs.isEmpty ? nil : credits.reduce(0, +), usd: Double(micros) / 1e6,
            uncertain: costs.contains(where: \.uncertain))
    }

    /// The work of all parts, stage by stage: as they are worked on side by side, more than passes on the clock.
    private static func sum(_ timings: [ResultDocument.Timing]) -> [Stage: Double] {
        var stages: [Stage: Double] = [:]
        for timing in timings { stages.merge(timing.stages, uniquingKeysWith: +) }
        return stages
    }
}
