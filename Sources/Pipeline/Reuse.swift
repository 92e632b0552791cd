// An answer from a picture that is stored already: no order, no place at a provider, no photo decoded, no cost.
//
// The journal knows what was stored in a place and what it shows (`KeptPicture`); the file is the judge. It is read and
// its digest compared, since it may have been removed, or replaced by a program that knows nothing of vizd. A row that
// does not match it answers nothing, so a crash between the file and the row can only cost a picture made anew.

internal import Contract
internal import Digest
internal import Ledger
internal import Wardrobe

extension Pipeline {
    /// The stored picture that this plan asks for, if the request permits it and it is there; durable when it is
    /// answered. Nil: it has to be made.
    func reuse(_ plan: Plan, _ job: inout JobRun) async throws(StepTrouble) -> JobEvent? {
        // Once something was ordered in this run of the program, its outcome is what the job waits for.
        guard let request = job.request, !request.regenerate, job.ticket.row.phase == .claimed, job.orderedAt == nil
        else { return nil }
        let kept: KeptPicture?
        do throws(JournalFailure) { kept = try await journal.kept(job.slot) } catch { throw StepTrouble(error) }
        guard let kept, kept.fingerprint == plan.fingerprint?.bytes, let place = StoredNote(encoded: kept.place) else {
            return nil
        }
        // From the look at the picture to its entry in the record nobody removes it.
        await takeTurn(&job)
        do throws(StepTrouble) {
            if let event = try await answer(plan, kept, place, job) { return event }
        } catch {
            giveTurn(&job)
            throw error
        }
        giveTurn(&job)
        return nil
    }

    private func answer(_ plan: Plan, _ kept: KeptPicture, _ place: StoredNote, _ job: JobRun)
        async throws(StepTrouble) -> JobEvent?
    {
        guard try await isThere(kept, job) else { return nil }
        // Where it is is said by today's configuration: the folder may have moved, or the bucket's public address.
        var stored =
            wardrobe.address(of: job.storedName(plan.kind)).map {
                StoredNote(url: $0.url, place: $0.place, seconds: place.seconds)
            }
            ?? StoredNote(url: place.url, place: place.place, seconds: place.seconds)
        (stored.maker, stored.storedAt) = (kept.job, kept.madeAt)
        do throws(JournalFailure) {
            try await journal.reused(
                job.ticket.name, plan: plan.encoded(), provider: plan.provider, picture: kept.picture,
                stored: stored.encoded())
        } catch {
            throw StepTrouble(error)
        }
        return .reused(plan, kept.picture, stored)
    }

    /// Whether the stored file has the very content that was stored. Storage that cannot be reached is a failure: the
    /// picture may well be there, and paying for another would not bring it back.
    private func isThere(_ kept: KeptPicture, _ job: JobRun) async throws(StepTrouble) -> Bool {
        do throws(WardrobeFailure) {
            guard let bytes = try await wardrobe.readPicture(job.storedName(job.slot.kind)) else { return false }
            return bytes.count == kept.picture.bytes && SHA256.of(bytes).bytes == kept.picture.sha256
        } catch {
            // Something else has its name: a folder, a link, far too many bytes.
            if error.answer == .fail && error.code == .recordInvalid { return false }
            throw StepTrouble(error)
        }
    }
}
