// Stages 4 and 5: the picture where it stays, and the outfit's record. Both can be made again without harm, so a job
// that was interrupted in them simply makes them again.

internal import Contract
internal import Digest
internal import Imaging
internal import Ledger
internal import Linux
internal import Providers
internal import Wardrobe

extension Pipeline {
    /// Stores the kept picture for good.
    func store(_ plan: Plan, _ note: PictureNote, _ job: inout JobRun) async throws(StepTrouble) -> JobEvent {
        guard let picture = try await kept(note, job) else { throw .job(.pictureGone(job.ticket.name, note)) }
        var seconds: Double?
        do throws(ImageFailure) {
            if plan.kind == .video { seconds = try MovieInspection.inspect(picture).seconds }
        } catch {
            throw .job(.pictureGone(job.ticket.name, note))
        }
        let stored: StoredPicture
        do throws(WardrobeFailure) {
            stored = try await wardrobe.storePicture(
                picture, for: job.storedName(plan.kind), until: deadline(of: job))
        } catch {
            throw StepTrouble(error)
        }
        var place = StoredNote(url: stored.url, place: stored.place, seconds: seconds)
        let moment = now()
        place.storedAt = moment
        let kept = plan.fingerprint.map {
            KeptPicture(
                slot: job.slot, fingerprint: $0.bytes, place: place.encoded(), picture: note, job: job.ticket.name,
                madeAt: moment)
        }
        do throws(JournalFailure) {
            try await journal.stored(job.ticket.name, place.encoded(), keeping: kept)
        } catch {
            throw StepTrouble(error)
        }
        return .stored(place)
    }

    private func kept(_ note: PictureNote, _ job: JobRun) async throws(StepTrouble) -> [UInt8]? {
        if let picture = job.picture { return picture }
        do throws(SystemFailure) {
            return try await work.picture(note)
        } catch {
            throw StepTrouble(error, of: "reading the picture from the work folder")
        }
    }

    /// Tells the outfit's record of the picture; an outfit that came within its request has none. One of several views
    /// is recorded with the others, when all have ended (`Compound`).
    func update(_ plan: Plan, _ note: PictureNote, _ stored: StoredNote, _ job: JobRun)
        async throws(StepTrouble) -> JobEvent
    {
        if job.request?.outfit == nil, job.ticket.row.kinship?.kind != .view {
            // A picture that was there before is recorded as what it is: the entry of the job that made it stands as
            // it was, and comes back where it is missing.
            let picture = Visualization(
                url: stored.url, view: job.view, provider: displayName(plan.provider), model: plan.model,
                jobID: stored.maker ?? job.ticket.name, createdAt: stored.storedAt ?? now())
            do throws(WardrobeFailure) {
                try await wardrobe.record(RecordUpdate(outfit: job.outfit, visualizations: [picture]), of: job.user)
            } catch {
                throw StepTrouble(error)
            }
        }
        do throws(JournalFailure) {
            try await journal.recorded(job.ticket.name)
        } catch {
            throw StepTrouble(error)
        }
        return .recorded
    }

    /// The provider's name for people; its own word where this build does not have it any more.
    func displayName(_ provider: String) -> String { providers.provider(provider)?.traits.displayName ?? provider }
}

extension JobRun {
    /// The contract has checked the ids; a bad one here is our bug.
    var user: UserID {
        guard let id = request.flatMap({ UserID($0.userID) }) else { preconditionFailure("\(ticket.name) has no user") }
        return id
    }

    /// The request's outfit, or the job itself for one that came without an id; for a part the job at the top.
    var outfit: OutfitID {
        let job = ticket.row.kinship?.root ?? ticket.name
        guard let id = request?.outfitID.map({ OutfitID($0) }) ?? OutfitID(job: job) else {
            preconditionFailure("\(ticket.name) has no outfit")
        }
        return id
    }

    /// The name of its one view, if it has one.
    var view: String? { request?.views.first?.name }

    /// The place of its picture, as the books know it.
    var slot: PictureSlot {
        PictureSlot(userID: user.text, outfitID: outfit.text, view: view, kind: request?.kind ?? .image)
    }

    /// Where the outfit's picture or film is stored.
    func storedName(_ kind: PictureKind) -> StoredName {
        let ending = kind == .video ? "mp4" : "jpg"
        guard let name = StoredName(user: user, outfit: outfit, view: view, fileExtension: ending) else {
            preconditionFailure("\(ticket.name) has no place for its picture")
        }
        return name
    }
}

extension StepTrouble {
    /// What the wardrobe's own answer means.
    init(_ failure: WardrobeFailure) {
        switch failure.answer {
        case .fail: self = .job(JobFailure(failure.code, sentence(failure.message)))
        case .pause: self = .full(failure.message)
        case .stop: self = .machine(failure.message)
        }
    }
}
