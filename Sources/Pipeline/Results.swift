// The result of a job, complete or failed, from what the pipeline knows of it.

package import Contract
package import Digest
internal import Ledger
internal import Providers
internal import Wardrobe

/// A file that never became a job: what was wrong with it.
package struct RefusedFile: Sendable {
    package let code: ResultCode
    /// What happened, to what, what to do next.
    package let message: String
    package let userID: String?
    package let outfitID: String?
    /// Of its content, or of its name where the content is not to be read.
    package let digest: SHA256Digest
    /// Whether `digest` is the content's.
    private let wasRead: Bool
    /// The file's owner; nil where the file could not be looked at.
    package let ownerUID: UInt32?

    package init(
        code: ResultCode, message: String, userID: String?, outfitID: String?, digest: SHA256Digest,
        wasRead: Bool = true, ownerUID: UInt32?
    ) {
        (self.code, self.message, self.userID, self.outfitID) = (code, message, userID, outfitID)
        (self.digest, self.wasRead, self.ownerUID) = (digest, wasRead, ownerUID)
    }

    /// For the result: null where nothing was read.
    var requestSHA256: String? { wasRead ? digest.hex : nil }
}

extension AttemptRow {
    /// From the order to its end: for a job that goes on after a restart with the picture already made.
    fileprivate var seconds: Double? {
        settledAt.map { Double($0.nanoseconds - createdAt.nanoseconds) / 1e9 }
    }
}

extension ResultDocument.Cost {
    /// An amount as the result tells it.
    init(_ money: Money, uncertain: Bool = false) {
        self.init(credits: money.credits, usd: Double(money.usdMicros) / 1e6, uncertain: uncertain)
    }
}

extension ResultDocument.Storage {
    fileprivate init(_ place: StoredPicture.Place) {
        switch place {
        case .file(let path): self = .local(path: path)
        case .object(let uri): self = .s3(uri: uri)
        }
    }
}

extension Pipeline {
    /// The result of a file that never became a job.
    package func refused(_ file: RefusedFile, as name: String) -> ResultDocument {
        var document = ResultDocument(
            jobID: name, progress: 0,
            outcome: .failed(ResultDocument.Failure(code: file.code, message: file.message, stage: nil)),
            userID: file.userID, outfitID: file.outfitID, attempts: 0, requestSHA256: file.requestSHA256, metadata: nil,
            finishedAt: now(), version: settings.version)
        document.submitterUID = file.ownerUID
        return document
    }

    /// The result of a job that has ended vizd too often to be started once more.
    package func poisoned(_ ticket: JobTicket) async -> JobEnd {
        while true {
            var job = JobRun(ticket: ticket, startedAt: monotonicClock(), report: { _ in })
            do throws(StepTrouble) {
                _ = try await remember(&job)
                return .result(failed(job, .poison, at: nil))
            } catch {
                switch error {
                case .full(let what): await awaitRoom("\(ticket.name): \(what)")
                case .machine(let sentence): return .stopped(sentence)
                case .job(let failure): return .result(failed(job, failure, at: nil))
                }
            }
        }
    }

    /// The result of a job whose picture is stored and recorded.
    func complete(_ job: JobRun, _ plan: Plan, _ picture: PictureNote, _ stored: StoredNote) -> ResultDocument {
        var making = ResultDocument.Making()
        making.taskID = picture.isReused ? nil : job.taskID.map { TaskHandle($0).id }
        making.model = plan.model
        making.modelDescriptorUsed = plan.usedDescriptor
        making.userLevelDescriptor = plan.usedProfileDescriptor
        making.ratio = plan.size.description
        making.seed = plan.seed
        making.prompt = plan.prompt
        making.references = plan.references
        making.reused = picture.isReused
        let facts = ResultDocument.ImageFacts(
            width: picture.width, height: picture.height, bytes: picture.bytes,
            sha256: SHA256Digest(bytes: picture.sha256)?.hex ?? "", contentType: picture.contentType,
            duration: stored.seconds)
        let made = ResultDocument.Picture(
            imageURL: stored.url, storage: .init(stored.place),
            generationTime: picture.isReused ? 0 : job.timing[.generate] ?? job.ticket.last?.seconds ?? 0,
            provider: displayName(plan.provider), making: making, image: facts)
        let views = job.view.map { [ResultDocument.View(name: $0, picture: made)] } ?? []
        return document(job, progress: 100, .complete(picture: made, views: views))
    }

    /// The result of a job that is not begun, for a reason that was found before its first stage.
    package func refused(_ ticket: JobTicket, _ failure: JobFailure) -> ResultDocument {
        failed(JobRun(ticket: ticket, startedAt: monotonicClock(), report: { _ in }), failure, at: .prepare)
    }

    /// The result of a job whose end was wished for before anything of it was begun.
    package func cancelled(_ ticket: JobTicket) -> ResultDocument { refused(ticket, .cancelled(attempts: 0)) }

    /// The result of a job that makes no picture.
    func done(_ job: JobRun, _ outcome: ResultDocument.Outcome) -> ResultDocument {
        document(job, progress: 100, outcome)
    }

    /// The result of a job that ended with a failure in `stage` (nil: before the first).
    func failed(_ job: JobRun, _ failure: JobFailure, at stage: Stage?) -> ResultDocument {
        var document = ResultDocument.Failure(
            code: failure.code, message: failure.message, stage: stage, retryable: failure.retryable)
        document.details = failure.details
        (document.httpStatus, document.providerCode) = (failure.httpStatus, failure.providerCode)
        document.taskID = job.taskID.map { TaskHandle($0).id }
        return self.document(job, progress: stage.map(JobRun.percent(at:)) ?? 0, .failed(document))
    }

    private func document(_ job: JobRun, progress: Int, _ outcome: ResultDocument.Outcome) -> ResultDocument {
        var stages: [Stage: Double] = [:]
        for stage in Stage.allCases { stages[stage] = job.timing[stage] }
        let timing = ResultDocument.Timing(
            queued: job.queued, stages: stages, total: job.ticket.queued + seconds(since: job.startedAt))
        var document = ResultDocument(
            jobID: job.ticket.name, progress: progress, outcome: outcome,
            cost: job.cost, timing: timing,
            userID: job.request?.userID ?? job.ticket.row.userID,
            outfitID: job.request?.outfitID ?? job.ticket.row.outfitID,
            attempts: job.attempts, requestSHA256: SHA256Digest(bytes: job.ticket.row.digest)?.hex,
            metadata: job.request?.metadata, finishedAt: now(), version: settings.version)
        document.submitterUID = job.ticket.row.ownerUID
        return document
    }
}
