// Why a job failed, as one word: the `error.code` of a result.
//
// A flat table. The words are for programs; they do not change. Whether the same job may simply be run again is part of
// the code, except where the provider says so itself (its answer then decides, and the result is written with that).

/// The code of a failed job.
package enum ResultCode: String, CaseIterable, Sendable {
    // The file itself.
    case invalidJSON = "invalid_json"
    case invalidRequest = "invalid_request"
    case requestTooLarge = "request_too_large"
    case notARegularFile = "not_a_regular_file"
    case invalidName = "invalid_name"
    case nameTaken = "name_taken"
    case poison

    // The wardrobe; nothing was paid.
    case outfitNotFound = "outfit_not_found"
    case noGarmentImages = "no_garment_images"
    case garmentUnreadable = "garment_unreadable"
    case recordInvalid = "record_invalid"

    // Configuration.
    case unknownProvider = "unknown_provider"
    case providerNotConfigured = "provider_not_configured"

    // The provider said no, for good.
    case providerRejected = "provider_rejected"
    case providerAuth = "provider_auth"
    case providerNoCredit = "provider_no_credit"
    case moderation
    case generationFailed = "generation_failed"

    // It did not get there in time.
    case generationTimeout = "generation_timeout"
    case providerUnavailable = "provider_unavailable"

    // The paid request was sent and its answer was lost.
    case submissionUnknown = "submission_unknown"

    // The picture could not be fetched, or is none.
    case downloadFailed = "download_failed"
    case downloadTooLarge = "download_too_large"
    case notAnImage = "not_an_image"

    // Disk, S3 or record, after all retries.
    case storageFailed = "storage_failed"
    case recordConflict = "record_conflict"

    // As named.
    case budgetExceeded = "budget_exceeded"
    case expired
    case cancelled
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
