// The words on disk: spelled here a second time, so that none changes by accident.

import Contract
import Testing

@Suite("words of the contract")
struct WordsTests {
    @Test("result codes are spelled as the contract spells them")
    func codes() {
        let expected = """
            invalid_json invalid_request request_too_large not_a_regular_file invalid_name name_taken poison \
            outfit_not_found no_garment_images garment_unreadable record_invalid unknown_provider \
            provider_not_configured provider_rejected provider_auth provider_no_credit moderation generation_failed \
            generation_timeout provider_unavailable submission_unknown download_failed download_too_large not_an_image \
            storage_failed record_conflict budget_exceeded expired cancelled internal
            """
        #expect(ResultCode.allCases.map(\.rawValue).joined(separator: " ") == expected)
    }

    @Test("what can succeed when run again is retryable, and a lost answer is for a person to judge")
    func retryable() {
        #expect(
            Set(ResultCode.allCases.filter(\.retryable))
                == [.generationTimeout, .providerUnavailable, .downloadFailed, .storageFailed, .recordConflict])
        #expect(ResultCode.allCases.filter(\.byHand) == [.submissionUnknown])
    }

    @Test("stages, priorities, actions and kinds are spelled as the contract spells them")
    func others() {
        #expect(Stage.allCases.map(\.rawValue) == ["prepare", "generate", "download", "store", "update"])
        #expect(Priority.allCases.map(\.rawValue) == ["high", "normal", "low"])
        #expect(JobAction.allCases.map(\.rawValue) == ["visualize", "delete", "set_profile"])
        #expect(PictureKind.allCases.map(\.rawValue) == ["image", "video"])
    }
}
