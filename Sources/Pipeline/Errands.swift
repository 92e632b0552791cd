// The jobs that make no picture: `delete` takes an outfit's pictures away, `set_profile` says who wears the clothes. No
// provider, no attempt, no cost.
//
// A removal clears the record first and removes the pictures then, so that no record ever names a picture that vizd has
// removed. What there was is written into the journal before the first picture goes: a job that is interrupted makes
// everything again, which harms nothing, and still tells what it removed. Phases: claimed (nothing is said of yet),
// stored (the journal knows what goes; for a profile: it is set), recorded (all of it is gone). A full disk is waited
// out, as everywhere.

internal import Contract
internal import Ledger
internal import Wardrobe

/// What a job without a picture is about.
enum Errand: Equatable, Sendable {
    case removal(OutfitID)
    /// Nil: the profile is to describe nobody.
    case profile(String?)

    /// Nil for a request for pictures.
    init?(_ request: JobRequest) {
        switch request.action {
        case .visualize: return nil
        case .delete:
            guard let outfit = request.outfitID.flatMap({ OutfitID($0) }) else {
                preconditionFailure("the contract let a delete without an outfit through")
            }
            self = .removal(outfit)
        case .setProfile:
            guard let text = request.modelDescriptor else {
                preconditionFailure("the contract let a set_profile without a descriptor through")
            }
            self = .profile(text.isEmpty ? nil : text)
        }
    }

    fileprivate var message: String {
        switch self {
        case .removal: "Removing the outfit's pictures"
        case .profile: "Writing the user's profile"
        }
    }
}

/// What the journal keeps of an errand whose work has begun: the addresses of the pictures that go.
struct ErrandNote: Equatable {
    private static let version = 1

    var removed: [String]

    init(removed: [String]) { self.removed = removed }

    /// The bytes for the journal.
    func encoded() -> [UInt8] {
        var json = JSONWriter()
        json.beginObject()
        json.member("errand", ErrandNote.version)
        json.key("removed")
        json.beginArray()
        for address in removed { json.string(address) }
        json.endArray()
        json.endObject()
        return json.bytes
    }

    /// Reads what `encoded` wrote; nil for anything else.
    init?(encoded bytes: [UInt8]) {
        do throws(JSONFault) {
            let root = try JSONDocument(parsing: bytes).root
            guard root["errand"]?.value == .number("\(ErrandNote.version)"),
                case .array(let nodes)? = root["removed"]?.value
            else { return nil }
            let addresses = nodes.compactMap { if case .string(let text) = $0.value { text } else { String?.none } }
            guard addresses.count == nodes.count else { return nil }
            removed = addresses
        } catch {
            return nil
        }
    }
}

extension Pipeline {
    /// Runs an errand to its end.
    func run(_ errand: Errand, _ job: inout JobRun) async -> JobEnd {
        job.stage = .update
        job.report(
            StageReport(
                stage: .update, percent: 50, message: errand.message, userID: job.request?.userID,
                outfitID: job.request?.outfitID, provider: nil, attempt: 1))
        var note = job.ticket.row.stored.flatMap(ErrandNote.init(encoded:))
        if case .removal = errand { await turns.enter(job.turn) }
        defer { if case .removal = errand { turns.leave(job.turn) } }
        while true {
            let begun = monotonicClock()
            do throws(StepTrouble) {
                let outcome = try await perform(errand, job, &note)
                job.timing.add(seconds(since: begun), to: .update)
                return .result(done(job, outcome))
            } catch {
                job.timing.add(seconds(since: begun), to: .update)
                switch error {
                case .full(let what): await awaitRoom("\(job.ticket.name): \(what)")
                case .machine(let sentence): return .stopped(sentence)
                case .job(let failure): return .result(failed(job, failure, at: .update))
                }
            }
        }
    }

    private func perform(
        _ errand: Errand, _ job: JobRun, _ note: inout ErrandNote?
    ) async throws(StepTrouble) -> ResultDocument.Outcome {
        switch (errand, job.ticket.resume) {
        case (_, .prepare), (_, .update), (_, .conclude): break
        default: throw .job(.strangeNote)
        }
        switch errand {
        case .profile(let descriptor):
            if note == nil { try await describe(descriptor, job, &note) }
            return .profile(modelDescriptor: descriptor)
        case .removal(let outfit):
            if case .conclude = job.ticket.resume, let note { return .removed(note.removed) }
            return .removed(try await remove(outfit, job, &note))
        }
    }

    private func describe(_ descriptor: String?, _ job: JobRun, _ note: inout ErrandNote?) async throws(StepTrouble) {
        do throws(WardrobeFailure) {
            try await wardrobe.setDescriptor(descriptor, of: job.user)
        } catch {
            throw StepTrouble(error)
        }
        // Once it is set somebody else may set it: it is not set a second time by a job that only has to land.
        try await keep(ErrandNote(removed: []), job, &note)
    }

    /// The one place in which pictures of an outfit end, while the outfit's turn is held. What the journal remembers of
    /// them for later answers (`KeptPicture`) stays and is worth nothing without the files.
    private func remove(_ outfit: OutfitID, _ job: JobRun, _ note: inout ErrandNote?) async throws(StepTrouble)
        -> [String]
    {
        let (there, isRecorded) = try await unrecord(outfit, job)
        if note == nil {
            guard isRecorded || !there.isEmpty else { throw .job(.nothingOfOutfit(outfit.text, job.user.text)) }
            try await keep(ErrandNote(removed: there), job, &note)
        }
        let removed: [String]
        do throws(WardrobeFailure) {
            removed = try await wardrobe.removePictures(of: outfit, job.user)
        } catch {
            throw StepTrouble(error)
        }
        do throws(JournalFailure) { try await journal.recorded(job.ticket.name) } catch { throw StepTrouble(error) }
        let known = note?.removed ?? []
        return known + removed.filter { !known.contains($0) }
    }

    /// What is stored of the outfit; and whether it is in a record, which then says nothing of pictures any more.
    private func unrecord(_ outfit: OutfitID, _ job: JobRun) async throws(StepTrouble) -> ([String], Bool) {
        do throws(WardrobeFailure) {
            let there = try await wardrobe.pictures(of: outfit, job.user)
            return (there, try await wardrobe.clearRecord(of: outfit, job.user))
        } catch {
            throw StepTrouble(error)
        }
    }

    private func keep(_ fresh: ErrandNote, _ job: JobRun, _ note: inout ErrandNote?) async throws(StepTrouble) {
        do throws(JournalFailure) {
            try await journal.stored(job.ticket.name, fresh.encoded())
        } catch {
            throw StepTrouble(error)
        }
        note = fresh
    }
}

extension JobRun {
    /// Where it takes its turn at its outfit.
    var turn: OutfitTurns.Place { OutfitTurns.Place(user: user, outfit: outfit) }
}
