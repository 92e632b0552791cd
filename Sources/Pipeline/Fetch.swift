// Stage 3: the finished picture is fetched, decoded whole (a film: held against its own tables), and kept
// durably before the journal calls it fetched. The address came from the provider, so it is foreign: no key goes there,
// and it leads to no private network.

internal import Contract
internal import Imaging
internal import Ledger
internal import Linux
internal import Providers
internal import Transfer

extension Pipeline {
    /// Fetches the finished picture into a file without a name, which lies in the work folder unless it is small.
    func fetch(_ plan: Plan, _ job: inout JobRun) async throws(StepTrouble) -> JobEvent {
        var watch = FetchWatch()
        while true {
            guard let address = job.outputs.first else {
                preconditionFailure("a picture without an address was fetched")
            }
            let step: FetchWatch.Step
            switch try await download(address, &job) {
            case .whole: return .fetched
            case .trouble(let trouble): step = watch.next(after: trouble, dice: dice())
            }
            switch step {
            case .renew: try await renew(plan, &job)
            case .again(let seconds, let failure): try await wait(seconds, or: failure, plan, &job)
            case .fail(let failure):
                try await settle(job.settlement(made: false), job)
                throw .job(failure)
            }
        }
    }

    private enum Download {
        case whole
        case trouble(FetchTrouble)
    }

    private func download(_ address: String, _ job: inout JobRun) async throws(StepTrouble) -> Download {
        let file: GrowingFile
        do throws(SystemFailure) {
            file = try await work.growing()
        } catch {
            throw StepTrouble(error, of: "making a file for the finished picture in the work folder")
        }
        var request = TransferRequest(.get, address, reach: .foreign)
        request.sink = .growing(file)
        request.redirects = Pipeline.redirectsMax
        request.limits.bytes = settings.downloadBytes
        request.limits.stall = settings.stall
        request.limits.total = max(deadline(of: job) - monotonicClock(), settings.stall)
        do throws(TransferFailure) {
            let answer = try await transfer.transfer(request)
            guard answer.isSuccess, answer.bytes > 0 else { return .trouble(.status(answer)) }
            job.download = file
            return .whole
        } catch {
            guard error.code == .sink, let system = error.system else {
                return .trouble(.failure(error, limit: settings.downloadBytes))
            }
            throw StepTrouble(system, of: "writing the finished picture into the work folder")
        }
    }

    /// Pictures lie at storage services, which may point to another of theirs.
    private static let redirectsMax = 3

    /// Reads the task once more for a fresh address; what stands in the way of that is waited for as a broken fetch is.
    private func renew(_ plan: Plan, _ job: inout JobRun) async throws(StepTrouble) {
        guard let taskID = job.taskID, let provider = providers.provider(plan.provider) else { return }
        do throws(ProviderFailure) {
            if case .done(let outputs, _) = try await provider.poll(taskID).state, !outputs.isEmpty {
                job.outputs = outputs
            }
        } catch {
            try await wait(Persistence.backoff(1, dice: dice()), or: JobFailure.notFetched(error.message), plan, &job)
        }
    }

    private func wait(_ seconds: Double, or failure: JobFailure, _ plan: Plan, _ job: inout JobRun)
        async throws(StepTrouble)
    {
        let next = monotonicClock() + Int64(seconds * 1e9)
        if next > deadline(of: job) {
            try await settle(job.settlement(made: false), job)
            throw .job(failure)
        }
        job.report(job.progress(.download, .fetch(plan)).saying("\(failure.message) It is tried again."))
        await sleep(next)
    }

    // MARK: - Keeping

    /// Decodes the picture whole, or looks a film through, and keeps it in the work folder.
    func keep(_ plan: Plan, _ job: inout JobRun) async throws(StepTrouble) -> JobEvent {
        let picture: Verified
        do throws(ImageFailure) {
            picture = try await verified(plan, job)
        } catch {
            try await settle(job.settlement(made: false), job)
            // A worker that died over a picture says nothing of the picture: the same may go well the next time.
            if Pipeline.saysNothing(error) {
                throw .job(.imagingUnavailable("the finished picture", error))
            }
            let isFetched = job.taskID != nil
            return .spoiled(plan.kind == .video ? .notAFilm(error) : .notAnImage(error, isFetched: isFetched))
        }
        let note: PictureNote
        do throws(SystemFailure) {
            note = try await work.keep(
                picture.bytes, of: job.ticket.name, width: picture.width, height: picture.height,
                contentType: picture.contentType)
        } catch {
            throw StepTrouble(error, of: "keeping the picture in the work folder")
        }
        // One commit: the picture is ours and its price is final, or neither.
        do throws(JournalFailure) {
            try await journal.fetched(job.ticket.name, note, settling: job.settlement(made: true), at: now())
        } catch {
            throw StepTrouble(error)
        }
        (job.picture, job.submission, job.download) = (picture.bytes, nil, nil)
        return .kept(note)
    }

    private static func saysNothing(_ failure: ImageFailure) -> Bool {
        failure.code.isOurs || [.workerDied, .timedOut].contains(failure.code)
    }

    /// So often a picture is looked at that is there only now.
    private static let looksMax = 4

    /// Looks at what came. What was fetched can be fetched again by a retry; what came with the answer to a paid call
    /// is nowhere else, so a worker that fails over it is not its end.
    private func verified(_ plan: Plan, _ job: JobRun) async throws(ImageFailure) -> Verified {
        var looks = 1
        while true {
            do throws(ImageFailure) {
                switch plan.kind {
                case .image: return Verified(try await workers.verify(try arrived(job)))
                case .video: return try await film(try arrived(job))
                }
            } catch {
                guard job.taskID == nil, Pipeline.saysNothing(error), looks < Pipeline.looksMax else { throw error }
                await sleep(monotonicClock() + Int64(Persistence.backoff(looks, dice: dice()) * 1e9))
                looks += 1
            }
        }
    }

    /// What came, found whole.
    private struct Verified {
        let bytes: [UInt8]
        let width: Int
        let height: Int
        let contentType: String

        init(_ picture: VerifiedPicture) {
            (bytes, contentType) = (picture.bytes, picture.contentType)
            (width, height) = (picture.width, picture.height)
        }

        init(_ bytes: [UInt8], _ film: MovieFacts) {
            (self.bytes, contentType) = (bytes, film.contentType)
            (width, height) = (film.width, film.height)
        }
    }

    private func film(_ file: OpenFile) async throws(ImageFailure) -> Verified {
        let bytes: [UInt8]
        do throws(SystemFailure) {
            bytes = try await work.read(file, limit: settings.downloadBytes)
        } catch {
            throw ImageFailure(.unavailable, "it cannot be read from the disk (\(error)). Check the disk.")
        }
        return Verified(bytes, try MovieInspection.inspect(bytes))
    }

    /// The picture as it came: with the answer, or fetched.
    private func arrived(_ job: JobRun) throws(ImageFailure) -> OpenFile {
        if let download = job.download { return download.file }
        guard case .made(let picture, _)? = job.submission else { preconditionFailure("no picture came to be kept") }
        do throws(SystemFailure) {
            return try OpenFile.inMemory(picture.bytes, label: "the finished picture")
        } catch {
            throw ImageFailure(.unavailable, "there is no memory for it (\(error)). Try again later.")
        }
    }
}

/// What stood in the way of a fetch.
enum FetchTrouble {
    /// Another answer than the picture, or an empty one.
    case status(TransferAnswer)
    /// No answer, or not the whole; `limit` is `limits.downloadBytes`.
    case failure(TransferFailure, limit: Int)
}

/// What to do about a fetch that did not work: a value.
struct FetchWatch {
    enum Step: Equatable {
        /// Read the task again for a fresh address, then fetch again.
        case renew
        /// Fetch again after so many seconds; what the job fails with when there is no time left for it.
        case again(Double, JobFailure)
        case fail(JobFailure)
    }

    /// So often a picture is fetched that does not come.
    static let triesMax = 8

    private var tries = 0
    private var isRenewed = false

    mutating func next(after trouble: FetchTrouble, dice: Double) -> Step {
        switch trouble {
        case .status(let answer): return next(after: answer, dice: dice)
        case .failure(let failure, let limit): return next(after: failure, limit: limit, dice: dice)
        }
    }

    private mutating func next(after answer: TransferAnswer, dice: Double) -> Step {
        var failure = JobFailure.notFetched(
            answer.isSuccess ? "Its address answered with no bytes." : "Its address answered with \(answer.status).")
        failure.httpStatus = answer.status
        switch answer.status {
        // Addresses expire, and reading the task gives a new one.
        case 401, 403, 404, 410:
            if isRenewed { return .fail(failure) }
            isRenewed = true
            return .renew
        case 200..<300, 408, 425, 429, 500...: return again(failure, dice)
        default: return .fail(failure)
        }
    }

    private mutating func next(after failure: TransferFailure, limit: Int, dice: Double) -> Step {
        switch failure.code {
        case .tooLarge: return .fail(.downloadTooLarge(limit))
        case .refusedURL, .refusedHeader, .refusedAddress, .refusedRedirect:
            return .fail(.notFetched(sentence(failure.message)))
        case .unresolved, .unconnected, .proxy, .tls, .broken, .cutShort, .malformed, .stalled, .timedOut,
            .headersTooLarge, .sink, .cancelled:
            return again(.notFetched(sentence(failure.message)), dice)
        }
    }

    private mutating func again(_ failure: JobFailure, _ dice: Double) -> Step {
        tries += 1
        guard tries < FetchWatch.triesMax else { return .fail(failure) }
        return .again(Persistence.backoff(tries, dice: dice), failure)
    }
}
