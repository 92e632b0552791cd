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

    static func tooManyGarments(_ count: Int, _ model: ModelTraits) -> JobFailure {
        .invalid([
            Problem(
                path: "outfit_id",
                message: "The outfit has \(count) garments; \(model.name) takes up to \(model.maximumReferences).")
        ])
    }

    static func unreadable(_ problems: [Problem], of count: Int) -> JobFailure {
        JobFailure(
            .garmentUnreadable,
            "\(problems.count) of \(count) garments cannot be used, and nothing was ordered. "
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

    static func notAnImage(_ failure: ImageFailure) -> JobFailure {
        JobFailure(
            .notAnImage,
            "What the provider sent is no whole picture: \(failure.message) "
                + "Move the request from failed/ back to incoming/ to try once more.")
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

    static func pictureGone(_ note: PictureNote) -> JobFailure {
        JobFailure(
            .internal,
            "The finished picture was kept as work/\(note.file) in the state folder, and that file is gone or was "
                + "changed. "
                + "Put it back from a backup and retry, or send the request again with a new name to make a new "
                + "picture."
        )
    }

    static func submissionUnknown(_ attempt: AttemptRow) -> JobFailure {
        JobFailure(
            .submissionUnknown,
            "Attempt \(attempt.attempt) was sent to \(attempt.provider) at \(attempt.createdAt.rfc3339) and vizd "
                + "was stopped "
                + "before the answer came, so nobody knows whether it was charged. Look at the provider's usage page; "
                + "then move the request from failed/ back to incoming/ to order it again.")
    }

    static func taskOfAnotherProvider(_ task: String, _ attempt: AttemptRow) -> JobFailure {
        JobFailure(
            .providerNotConfigured,
            "Task \(task) of \(attempt.provider) belongs to this job, and this version of vizd cannot ask that "
                + "provider. "
                + "Run a version that can, then move the request from failed/ back to incoming/: the task is read "
                + "again, not bought again."
        )
    }
}
