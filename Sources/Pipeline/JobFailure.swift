// Why a job ends in failed/: the code, the sentence and what belongs to it in the result.

package import Contract

/// A job's failure.
package struct JobFailure: Error, Equatable, Sendable {
    package let code: ResultCode
    /// What happened, to what, and what to do next.
    package let message: String
    /// Nil for the code's own answer.
    package let retryable: Bool?
    /// Problems of a request, each with its path.
    package let details: [Problem]

    package init(_ code: ResultCode, _ message: String, retryable: Bool? = nil, details: [Problem] = []) {
        (self.code, self.message, self.retryable, self.details) = (code, message, retryable, details)
    }
}
