// Stages 2 and 3: the order and the picture. The intent is committed before the provider hears of it; what the provider
// sends is decoded whole and kept durably before the journal calls it fetched.

internal import Contract
internal import Imaging
internal import Ledger
internal import Linux
internal import Providers

extension Pipeline {
    /// Commits the intent: from here on a crash means that something may have been ordered.
    func order(_ plan: Plan, _ job: inout JobRun) async throws(StepTrouble) -> JobEvent {
        guard let order = job.order, let provider = providers.provider(plan.provider) else {
            preconditionFailure("an order that was not prepared came to be written down")
        }
        // Preparing may have taken its time, waiting for room too.
        if let late = job.request.flatMap(expired) { throw .job(late) }
        let price = provider.price(order)
        let estimate = Money(credits: price.credits, usdMicros: price.microdollars)
        let attempt = NewAttempt(
            provider: plan.provider, model: plan.model, userID: job.request?.userID ?? "", estimate: estimate,
            freeOfCharge: provider.traits.isFree)
        do throws(JournalFailure) {
            job.attempts = try await journal.order(job.ticket.name, plan: plan.encoded(), attempt, at: now()).attempt
        } catch {
            throw StepTrouble(error)
        }
        job.estimate = estimate
        return .ordered
    }

    /// Makes the one call of this attempt, and books what is known of it then.
    func generate(_ plan: Plan, _ job: inout JobRun) async throws(StepTrouble) -> JobEvent {
        guard let order = job.order, let provider = providers.provider(plan.provider) else {
            preconditionFailure("an order that was not prepared came to the provider")
        }
        // This step is made again when the journal had no room for what came of it; the call never is.
        let answer: Result<GeneratedPicture, ProviderFailure>
        if let known = job.answer { answer = known } else { answer = await Pipeline.submit(order, to: provider) }
        job.answer = answer
        switch answer {
        // A picture that came back was charged for, whatever becomes of it.
        case .success: job.cost = ResultDocument.Cost(job.estimate)
        case .failure(let failure):
            try await settle(.refused, job)
            job.cost = ResultDocument.Cost(credits: job.estimate.credits == nil ? nil : 0)
            throw .job(JobFailure(failure.code, failure.message, retryable: failure.retryable))
        }
        return .generated
    }

    private static func submit(_ order: Order, to provider: any Provider) async
        -> Result<GeneratedPicture, ProviderFailure>
    {
        do throws(ProviderFailure) {
            return .success(try await provider.submit(order))
        } catch {
            return .failure(error)
        }
    }

    /// Decodes the picture whole and keeps it in the work folder.
    func keep(_ job: inout JobRun) async throws(StepTrouble) -> JobEvent {
        guard case .success(let generated)? = job.answer else { preconditionFailure("no picture came to be kept") }
        let picture: VerifiedPicture
        do throws(ImageFailure) {
            picture = try await workers.verify(try inMemory(generated.bytes))
        } catch {
            try await settle(.final(job.estimate, made: false), job)
            // A worker that died over a picture says nothing of the picture: the same may go well the next time.
            if error.code.isOurs || [.workerDied, .timedOut].contains(error.code) {
                throw .job(.imagingUnavailable("the finished picture", error))
            }
            throw .job(.notAnImage(error))
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
            try await journal.fetched(job.ticket.name, note, settling: .final(job.estimate, made: true), at: now())
        } catch {
            throw StepTrouble(error)
        }
        job.picture = picture.bytes
        return .kept(note)
    }

    private func settle(_ settlement: Settlement, _ job: JobRun) async throws(StepTrouble) {
        do throws(JournalFailure) {
            try await journal.settle(job.ticket.name, settlement, at: now())
        } catch {
            throw StepTrouble(error)
        }
    }

    private func inMemory(_ bytes: [UInt8]) throws(ImageFailure) -> OpenFile {
        do throws(SystemFailure) {
            return try OpenFile.inMemory(bytes, label: "the finished picture")
        } catch {
            throw ImageFailure(.unavailable, "there is no memory for it (\(error)). Try again later.")
        }
    }

    func now() -> Timestamp { Timestamp(nanoseconds: wallClock()) }
}
