// The sentences of the failures that the pipeline itself finds: what happened, to what, what to do next.

internal import Contract
internal import Imaging
internal import Ledger
internal import Providers

/// A clause of another module as a sentence of its own: a capital at its beginning, a full stop at its end.
func sentence(_ clause: String) -> String {
    let opened = clause.prefix(1).uppercased() + clause.dropFirst()
    return opened.hasSuffix(".") ? opened : opened + "."
}

extension JobFailure {
    init(fault: RequestFault) { self.init(fault.code, fault.message, details: fault.details) }

    static func invalid(_ problems: [Problem]) -> JobFailure {
        let first = problems.first.map { "\($0.path): \($0.message)" } ?? ""
        let more = problems.count > 1 ? " (and \(problems.count - 1) more, see details)" : ""
        return JobFailure(
            .invalidRequest,
            "The request asks for something that cannot be had. \(first)\(more) Correct it and send it again.",
            details: problems)
    }

    static func unknownProvider(_ name: String, _ known: [String]) -> JobFailure {
        JobFailure(
            .unknownProvider,
            "There is no provider \"\(printable(name))\"; this vizd has \(known.joined(separator: ", ")). "
                + "Name one of them, or none for the configured one.")
    }

    static func notConfigured(_ provider: String, _ setting: String) -> JobFailure {
        JobFailure(
            .providerNotConfigured,
            "\(provider) needs \(setting), which is not set. Set it in vizd's configuration and reload vizd, or name "
                + "another provider; then move the request from failed/ back to incoming/.")
    }

    static func downForTooLong(_ provider: String, _ reason: String) -> JobFailure {
        JobFailure(
            .providerUnavailable,
            "\(provider) was down for as long as a job may wait for it (limits.jobDeadline), and nothing was ordered. "
                + "The last order that tried it: \(sentence(reason)) When it is there again, move the request from "
                + "failed/ back to incoming/.")
    }

    static func nothingOfOutfit(_ outfit: String, _ user: String) -> JobFailure {
        JobFailure(
            .outfitNotFound,
            "There is nothing to delete: \(user) has no saved outfit \(outfit), and no picture is stored under that "
                + "name. Check outfit_id and user_id.")
    }

    static func sheetNotDrawn(_ names: String, _ failure: ProviderFailure) -> JobFailure {
        JobFailure(
            .internal,
            "The sheet with \(names) could not be made, and nothing was ordered: \(failure.message) "
                + "Then move the request from failed/ back to incoming/.",
            retryable: true)
    }

    static func tooManyGarments(_ count: Int, _ model: ModelTraits) -> JobFailure {
        let (least, most) = (model.references.count.lowerBound, model.references.count.upperBound)
        return .invalid([
            Problem(
                path: "outfit_id",
                message: "The outfit has \(count) garments; \(model.name) "
                    + (count < least ? "needs at least \(least)." : "takes up to \(most)."))
        ])
    }

    /// `withPerson`: whether the photo of the person is one of the `count`.
    static func unreadable(_ problems: [Problem], of count: Int, withPerson: Bool) -> JobFailure {
        JobFailure(
            .garmentUnreadable,
            "\(problems.count) of \(count) \(withPerson ? "photos" : "garments") cannot be used, and nothing was "
                + "ordered. "
                + problems.map(\.message).joined(separator: " ")
                + " When the photos are in order, move the request from failed/ back to incoming/.",
            details: problems)
    }

    static func imagingUnavailable(_ what: String, _ failure: ImageFailure) -> JobFailure {
        JobFailure(
            .internal,
            "\(what) could not be looked at: \(failure.message) Then move the request from failed/ back to incoming/.",
            retryable: true)
    }

    /// `isFetched`: it lies at the provider, and may be fetched once more; else it came with the answer.
    static func notAnImage(_ failure: ImageFailure, isFetched: Bool) -> JobFailure {
        let advice =
            isFetched
            ? "to try once more" : "to have it made anew, which costs as much again"
        return JobFailure(
            .notAnImage,
            "What the provider sent is no whole picture: \(sentence(failure.message)) "
                + "Move the request from failed/ back to incoming/ \(advice).")
    }

    static func notAFilm(_ failure: ImageFailure) -> JobFailure {
        JobFailure(
            .notAnImage,
            "What the provider sent is no whole film: \(sentence(failure.message)) "
                + "Move the request from failed/ back to incoming/ to try once more.")
    }

    static func noStill(of outfit: String) -> JobFailure {
        JobFailure(
            .garmentUnreadable,
            "There is no stored picture of the outfit \(printable(outfit)) that a film could begin with, and nothing "
                + "was ordered. Have its picture made first (the same request without kind and model), then move this "
                + "request from failed/ back to incoming/.")
    }

    static func stillUnreadable(of outfit: String, _ failure: ImageFailure) -> JobFailure {
        JobFailure(
            .garmentUnreadable,
            "The stored picture of the outfit \(printable(outfit)) cannot be made into a film, and nothing was ordered: "
                + "\(sentence(failure.message)) Have its picture made anew, then move this request from failed/ back "
                + "to incoming/.")
    }

    static let poison = JobFailure(
        .poison,
        "vizd ended in disorder three times while it worked on this request, so it is not started again. Look into "
            + "vizd's "
            + "log and at the outfit's photos for the cause; then move the request from failed/ back to incoming/.")

    static let strangeNote = JobFailure(
        .internal,
        "The journal's note about this job cannot be read: another version of vizd wrote it. Run that version until "
            + "the "
            + "job has ended, or send the request again under a new name.")

    static func booksRefuse(_ failure: JournalFailure) -> JobFailure {
        JobFailure(
            .internal,
            "The journal refused the next step of this job, so nothing was ordered: \(failure.message) "
                + "Please report this with vizd's log; a new request under another name is not affected.")
    }

    static func pictureGone(_ job: String, _ note: PictureNote?) -> JobFailure {
        JobFailure(
            .internal,
            "The finished picture was kept as work/\(note?.file ?? job) in the state folder, and that file is gone or "
                + "was changed. Put it back from a backup and retry, or send the request again with a new name "
                + "to make a new picture.")
    }

    /// An attempt that was charged and brought nothing; why that was is known no more.
    static func spent(_ attempt: AttemptRow, _ provider: String) -> JobFailure {
        JobFailure(
            .generationFailed,
            "Attempt \(attempt.attempt) at \(provider) was charged and brought no picture that can be kept, and vizd was "
                + "stopped before it could say why. Move the request from failed/ back to incoming/ to order it anew.",
            retryable: false)
    }

    static func submissionUnknown(_ attempt: AttemptRow, _ provider: String, _ suspicion: String?) -> JobFailure {
        JobFailure(
            .submissionUnknown,
            "Attempt \(attempt.attempt) was sent to \(provider) at \(attempt.createdAt.rfc3339) and vizd was stopped "
                + "before the answer came, so nobody knows whether it was charged. \(suspicion.map { $0 + " " } ?? "")"
                + "Look at the provider's usage page; then move the request from failed/ back to incoming/ to order it "
                + "again.")
    }

    /// `what` is a clause.
    static func answerLost(_ provider: String, attempt: Int, _ what: String, _ suspicion: String?) -> JobFailure {
        JobFailure(
            .submissionUnknown,
            "Attempt \(attempt) was sent to \(provider) and its answer was lost: \(what). So nobody knows whether it "
                + "was charged. \(suspicion.map { $0 + " " } ?? "")"
                + "Look at the provider's usage page; then move the request from failed/ back to incoming/ to order it "
                + "again.")
    }

    /// A task whose time is over; `failure` is what was in the way when it was last asked.
    static func overdue(_ provider: String, _ taskID: String, _ failure: ProviderFailure?) -> JobFailure {
        let advice = "Move the request from failed/ back to incoming/ later: the task is asked again, not bought again."
        guard let failure else {
            return JobFailure(
                .generationTimeout,
                "The picture (task \(TaskHandle(taskID).id)) was not finished within the time that a job has (limits.jobDeadline). "
                    + advice)
        }
        var late = JobFailure(
            failure.holdsProvider ? failure.code : .providerUnavailable,
            "\(provider) could not be asked about the picture (task \(TaskHandle(taskID).id)) until the job's time was over "
                + "(limits.jobDeadline). \(failure.message) \(advice)", retryable: true)
        (late.httpStatus, late.providerCode) = (failure.httpStatus, failure.providerCode)
        return late
    }

    static func cancelled(attempts: Int) -> JobFailure {
        let cost =
            attempts == 0
            ? "before anything was ordered, so it cost nothing" : "before it was ordered once more"
        return JobFailure(.cancelled, "The job was cancelled \(cost). \(anew)")
    }

    /// A free call that was ended while it lasted.
    static func cancelledCall(_ provider: String) -> JobFailure {
        JobFailure(
            .cancelled,
            "The job was cancelled while \(provider) was making the picture, and that was ended. It cost nothing. "
                + anew)
    }

    private static let anew = "To have the picture after all, move the request from failed/ back to incoming/."

    static func cancelledTask(_ provider: String, _ taskID: String, isRunning: Bool) -> JobFailure {
        let money =
            isRunning
            ? "was at work on task \(taskID), which is charged in full"
            : "had not begun task \(taskID); it may refund it, and the books keep its estimate as uncertain"
        return JobFailure(.cancelled, "The job was cancelled while \(provider) \(money). \(anew)")
    }

    static func cancelledEnded(_ provider: String, _ taskID: String) -> JobFailure {
        JobFailure(
            .cancelled,
            "The job was cancelled, and task \(taskID) of \(provider) had ended without a picture by then. \(anew)")
    }

    static func cancelledGone(_ provider: String, _ taskID: String) -> JobFailure {
        JobFailure(
            .cancelled,
            "The job was cancelled, and \(provider) does not know task \(taskID) any more; the books keep its estimate "
                + "as uncertain. \(anew)")
    }

    static func cancelledDeaf(_ provider: String, _ taskID: String) -> JobFailure {
        JobFailure(
            .cancelled,
            "The job was cancelled. \(provider) has no way to give up task \(taskID), so it may end there and be "
                + "charged; its picture is not fetched. \(anew)")
    }

    /// `failure` is what was in the way of telling the provider.
    static func cancelledUnheard(_ provider: String, _ taskID: String, _ failure: ProviderFailure) -> JobFailure {
        JobFailure(
            .cancelled,
            "The job was cancelled, but \(provider) could not be told to give up task \(taskID) until the job's time "
                + "was over, so it may end there and be charged. \(failure.message) Look at the provider's usage page. "
                + anew)
    }

    static func noPicture(_ provider: String, _ taskID: String) -> JobFailure {
        JobFailure(
            .generationFailed,
            "\(provider) says that the picture (task \(TaskHandle(taskID).id)) is finished and names none. Look the task up there; to "
                + "order anew, move the request from failed/ back to incoming/.", retryable: false)
    }

    /// `what` is a sentence.
    static func notFetched(_ what: String) -> JobFailure {
        JobFailure(
            .downloadFailed,
            "The finished picture could not be fetched. \(what) Move the request from failed/ back to incoming/: it is "
                + "fetched again, not bought again.")
    }

    static func downloadTooLarge(_ limit: Int) -> JobFailure {
        JobFailure(
            .downloadTooLarge,
            "The finished picture has more than \(limit) bytes (limits.downloadBytes). Raise that limit, then move the "
                + "request from failed/ back to incoming/: it is fetched again, not bought again.")
    }

    /// A task that cannot be asked about, since its provider is not there; `missing` says why.
    static func taskOutOfReach(_ task: String, _ attempt: AttemptRow, _ missing: JobFailure) -> JobFailure {
        JobFailure(
            .providerNotConfigured,
            "Task \(task) of \(attempt.provider) belongs to this job and cannot be asked about. \(missing.message) The "
                + "task is then read again, not bought again.")
    }
}
