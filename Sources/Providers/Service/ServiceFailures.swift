// What refusals of a hosted service mean: a table of HTTP statuses with the sentences that go with them, and the line
// between what proves that nothing was created and what does not.
//
// 400 to 499 without 408 is a refusal, and so are the redirects that say "ask over there"; 5xx, 408 and 303 prove
// nothing. What a service does otherwise (a body that tells of missing credits) is its provider's to say, by a code.

internal import Contract
internal import Transfer

/// Reads refusals of one service.
struct ServiceFailures: Sendable {
    let service: Service
    let quote: @Sendable (String) -> String

    /// What a refusal says for itself.
    struct Words: Equatable {
        /// The service's own code, such as `OutOfCredits`; nil where it gives none.
        var code: String?
        /// Its sentence; empty where it gives none.
        var text = ""
        /// What the service's code means where it is not what the status means.
        var meaning: ResultCode?
        /// Seconds to wait, where the body tells and the headers do not.
        var delay: Double?
    }

    // MARK: - HTTP statuses

    /// Whether an answer with this status proves that nothing was created.
    static func isRefusal(_ status: Int) -> Bool {
        switch status {
        case 301, 302, 307, 308: true
        case 408: false
        case 400..<500: true
        default: false
        }
    }

    /// What an answer without success means for an order or a question.
    /// - Parameter what: what was refused, as in "the order".
    func refusal(_ what: String, _ answer: TransferAnswer, _ said: Words = Words()) -> ProviderFailure {
        let code = said.meaning ?? ServiceFailures.code(answer.status)
        let (happened, advice) = sentences(code, answer.status)
        let words = quote(said.text)
        let clause = words.isEmpty ? "" : ": \(words.hasSuffix(".") ? String(words.dropLast()) : words)"
        let passes = code == .providerUnavailable
        return ProviderFailure(
            code: code, message: "\(happened) \(what) (status \(answer.status)\(clause)). \(advice)",
            retryable: passes,
            retry: passes ? .later(seconds: RetryAfter.seconds(answer) ?? said.delay.map { min($0, 3600) }) : .never,
            httpStatus: answer.status, providerCode: said.code.map(quote))
    }

    private static func code(_ status: Int) -> ResultCode {
        switch status {
        case 401, 403: .providerAuth
        case 402: .providerNoCredit
        case 408, 429, 500...599: .providerUnavailable
        default: .providerRejected
        }
    }

    /// What happened, to which the thing is added that it happened to, and what to do next.
    private func sentences(_ code: ResultCode, _ status: Int) -> (String, String) {
        let name = service.displayName
        switch (code, status) {
        case (.providerAuth, _):
            return (
                "\(name) refused the key for",
                "Check \(service.setting("apiKey")) at \(service.portal), and that \(service.setting("baseUrl")) is "
                    + "the one it belongs to."
            )
        case (.providerNoCredit, _):
            return (
                "The account at \(name) has too few credits for",
                "Buy credits at \(service.portal), then send the request again."
            )
        case (.providerUnavailable, 429):
            return ("A limit of \(name)'s stops", "Send the request again later, or fewer at once.")
        case (.providerUnavailable, _):
            return ("\(name) had trouble of its own with", "Send the request again later.")
        case (_, 300...399):
            return (
                "\(name)'s address sends elsewhere with",
                "Redirects are not followed. Check \(service.setting("baseUrl")): it has to be the API itself."
            )
        case (_, 404...405):
            return (
                "\(name)'s address does not know",
                "Check \(service.setting("baseUrl")), which has to be the API itself, without /v1, and the model's name."
            )
        case (_, 413):
            return ("\(name) has no room for", "Use smaller garment photos or fewer garments.")
        default:
            return ("\(name) refused", "Correct what it names, then send the request again.")
        }
    }

    // MARK: - No answer

    /// What stood in the way of a call that never counted: nothing of it was acted on.
    func unsent(_ what: String, _ failure: TransferFailure) -> ProviderFailure {
        let (name, cause) = (service.displayName, quote(failure.message))
        switch failure.code {
        // The address or a header is no good: no waiting mends that.
        case .refusedURL, .refusedHeader, .refusedAddress, .refusedRedirect:
            return ProviderFailure(
                code: .providerUnavailable,
                message: "\(name) could not be asked for \(what): \(cause). Check \(service.setting("baseUrl")), "
                    + "\(service.setting("apiKey")) and http.allowInsecure, then send the request again.",
                retryable: true)
        // A bad certificate may be a clock that is not set yet or a proxy that restarts; another try costs nothing.
        default:
            return ProviderFailure(
                code: .providerUnavailable,
                message: "\(name) could not be reached for \(what): \(cause). Check the network and http.proxy, then "
                    + "send the request again.",
                retryable: true, retry: .later(seconds: nil), httpStatus: failure.status)
        }
    }

    // MARK: - The two kinds of calls

    /// What is known of an order after its one call.
    /// - Parameters:
    ///   - said: what a refusal says.
    ///   - accepted: the task of a success; nil where none can be read in it.
    func outcome(
        _ result: Result<TransferAnswer, TransferFailure>, said: (TransferAnswer) -> Words,
        accepted: (TransferAnswer) -> Submission?
    ) -> Submission {
        let name = service.displayName
        switch result {
        case .success(let answer) where answer.isSuccess:
            return accepted(answer)
                ?? .lost(LostAnswer("\(name)'s answer names no task that can be read", httpStatus: answer.status))
        case .success(let answer) where ServiceFailures.isRefusal(answer.status):
            return .refused(refusal("the order", answer, said(answer)))
        case .success(let answer):
            return .lost(LostAnswer("\(name) answered with status \(answer.status)", httpStatus: answer.status))
        case .failure(let failure):
            // A status that came before the connection broke decides as it does with a whole answer.
            if let status = failure.status, ServiceFailures.isRefusal(status) {
                return .refused(refusal("the order", TransferAnswer(status: status, headers: [], body: [])))
            }
            let hasAnswered = failure.status.map { (200..<300).contains($0) } ?? false
            if failure.sent == .whole || hasAnswered {
                return .lost(LostAnswer(quote(failure.message), httpStatus: failure.status))
            }
            return .refused(unsent("the order", failure))
        }
    }

    /// A free call may always be made again, whatever the answer was: it says nothing of a task that is paid for.
    func later(_ what: String, _ answer: TransferAnswer, _ said: Words = Words()) -> ProviderFailure {
        let failure = refusal(what, answer, said)
        let code: ResultCode = failure.code == .providerAuth ? .providerAuth : .providerUnavailable
        return ProviderFailure(
            code: code, message: failure.message, retryable: true,
            retry: .later(seconds: RetryAfter.seconds(answer) ?? said.delay), httpStatus: answer.status)
    }

    /// The same for one that got no answer.
    func later(_ what: String, _ cause: TransferFailure) -> ProviderFailure {
        let failure = unsent(what, cause)
        return ProviderFailure(
            code: failure.code, message: failure.message, retryable: true, retry: .later(seconds: nil),
            httpStatus: failure.httpStatus)
    }

    /// The same for one whose answer makes no sense.
    func unreadable(_ what: String, _ answer: TransferAnswer) -> ProviderFailure {
        ProviderFailure(
            code: .providerUnavailable,
            message: "\(service.displayName)'s answer about \(what) cannot be read. Check that "
                + "\(service.setting("baseUrl")) is the API itself; if it is, try again later.",
            retryable: true, retry: .later(seconds: nil), httpStatus: answer.status)
    }

    /// There is no call that gives a task up.
    func cannotCancel() -> ProviderFailure {
        ProviderFailure(
            code: .providerRejected,
            message: "\(service.displayName) has no way to give a task up: it goes on, and is charged as if nothing "
                + "had been said.",
            retryable: false)
    }
}
