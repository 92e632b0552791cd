// Why a job ends in failed/: the code, the sentence and what belongs to it in the result.

package import Contract
internal import Providers

/// A job's failure.
package struct JobFailure: Error, Equatable, Sendable {
    package let code: ResultCode
    /// What happened, to what, and what to do next.
    package let message: String
    /// Nil for the code's own answer.
    package let retryable: Bool?
    /// Problems of a request, each with its path.
    package let details: [Problem]
    /// The status of the answer that decided it.
    package var httpStatus: Int?
    /// The provider's own code.
    package var providerCode: String?

    package init(_ code: ResultCode, _ message: String, retryable: Bool? = nil, details: [Problem] = []) {
        (self.code, self.message, self.retryable, self.details) = (code, message, retryable, details)
    }

    /// What a provider said, as it said it.
    init(_ failure: ProviderFailure) {
        self.init(failure.code, failure.message, retryable: failure.retryable)
        (httpStatus, providerCode) = (failure.httpStatus, failure.providerCode)
    }

    /// Why a task failed, as its provider said it.
    init(_ failure: TaskFailure) {
        self.init(failure.code, failure.message, retryable: failure.retryable)
        providerCode = failure.providerCode
    }
}
