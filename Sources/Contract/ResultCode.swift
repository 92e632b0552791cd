// Why a job failed, as one word: the `error.code` of a result.
//
// A flat table. The words are for programs; they do not change. Whether the same job may simply be run again is part of
// the code, except where the provider says so itself (its answer then decides, and the result is written with that).

/// The code of a failed job.
package enum ResultCode: String, CaseIterable, Sendable {
    // The file itself.
    /// No strict JSON document: duplicate keys, trailing bytes, a byte order mark, another encoding than UTF-8.
    case invalidJSON = "invalid_json"
    /// JSON, but not what the contract asks for; `details` has every problem.
    case invalidRequest = "invalid_request"
    /// More bytes than `limits.requestBytes`.
    case requestTooLarge = "request_too_large"
    /// A symbolic link, a FIFO, a socket, a device or a folder under the name of a request.
    case notARegularFile = "not_a_regular_file"
    /// A NAME that breaks the rules for names.
    case invalidName = "invalid_name"
    /// The name of an earlier job with other bytes.
    case nameTaken = "name_taken"
    /// Starts that ended uncleanly too often.
    case poison

    // The wardrobe; nothing was paid.
    /// The user has no outfit with this id.
    case outfitNotFound = "outfit_not_found"
    /// The outfit has no garment with a photo.
    case noGarmentImages = "no_garment_images"
    /// Photos that are missing, out of bounds or no pictures; all are named.
    case garmentUnreadable = "garment_unreadable"
    /// A record of the user that cannot be read or updated as one.
    case recordInvalid = "record_invalid"

    // Configuration.
    /// A provider that vizd does not have.
    case unknownProvider = "unknown_provider"
    /// A provider without its key or command.
    case providerNotConfigured = "provider_not_configured"

    // The provider said no, for good.
    /// The provider refused the order as such (400 and its like).
    case providerRejected = "provider_rejected"
    /// The provider refused the key (401, 403).
    case providerAuth = "provider_auth"
    /// The account has no credit left.
    case providerNoCredit = "provider_no_credit"
    /// The provider's moderation refused the order or its picture.
    case moderation
    /// The provider tried and failed.
    case generationFailed = "generation_failed"

    // It did not get there in time.
    /// The picture was not there within `limits.jobDeadline`.
    case generationTimeout = "generation_timeout"
    /// The provider could not be reached within `limits.jobDeadline`.
    case providerUnavailable = "provider_unavailable"

    // The paid request was sent and its answer was lost.
    /// Whether the order exists, and is paid, cannot be known.
    case submissionUnknown = "submission_unknown"

    // The picture could not be fetched, or is none.
    /// The finished picture could not be fetched.
    case downloadFailed = "download_failed"
    /// The finished picture has more bytes than `limits.downloadBytes`.
    case downloadTooLarge = "download_too_large"
    /// What was fetched does not decode as a picture.
    case notAnImage = "not_an_image"

    // Disk, S3 or record, after all retries.
    /// The storage refused or failed the picture.
    case storageFailed = "storage_failed"
    /// Other writers changed the record each time it was to be updated.
    case recordConflict = "record_conflict"

    // As named.
    /// The order would have gone over a budget.
    case budgetExceeded = "budget_exceeded"
    /// It was not submitted by the request's `not_after`.
    case expired
    /// Somebody cancelled it.
    case cancelled
    /// A fault of vizd itself.
    case `internal`

    /// Whether the same job can succeed when it is run again as it is. For the provider's own refusals (`moderation`,
    /// `generation_failed` and the like) this is the answer where the provider gives none.
    package var retryable: Bool {
        switch self {
        case .generationTimeout, .providerUnavailable, .downloadFailed, .storageFailed, .recordConflict: true
        default: false
        }
    }

    /// Whether a person has to look before it is run again, since money may have been spent.
    package var byHand: Bool { self == .submissionUnknown }
}
