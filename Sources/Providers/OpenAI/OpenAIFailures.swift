// What OpenAI's refusals mean: a table of HTTP statuses and error codes, and the sentences that go with them.
//
// 400, 401, 403, 404, 413, 429 and their like prove that nothing was made. 5xx and 408 prove nothing: OpenAI does not
// say whether they are charged, there is no idempotency key and no way to look an order up, so they are lost.

internal import Contract
internal import Transfer

/// Reads refusals.
enum OpenAIFailures {
    /// Whether an answer with this status proves that nothing was made. Redirects that say "ask over there" do; 303
    /// says "done, look over there" and does not.
    static func isRefusal(_ status: Int) -> Bool {
        switch status {
        case 301, 302, 307, 308: true
        case 408: false
        case 400..<500: true
        default: false
        }
    }

    /// A kind of refusal, and what it means.
    struct Kind {
        let code: ResultCode
        /// What happened; status and OpenAI's words follow.
        let happened: String
        /// What to do next.
        let advice: String
        /// Whether the same order may go well after a while.
        var passes = false
    }

    private static let moderation = Kind(
        code: .moderation, happened: "OpenAI's moderation refused the order",
        advice: "Change the photos or the texts before another try.")

    private static let noCredit = Kind(
        code: .providerNoCredit, happened: "The account at OpenAI has no credit left, or its limit is reached",
        advice: "Buy credit or raise the limit at platform.openai.com, then send the request again.")

    private static let rate = Kind(
        code: .providerUnavailable, happened: "A rate limit of OpenAI's stops the order",
        advice: "Send the request again later; openai.concurrent makes vizd send fewer at once.", passes: true)

    private static let key = Kind(
        code: .providerAuth, happened: "OpenAI refused the key",
        advice: "Check openai.apiKey, openai.organization and openai.project.")

    private static let forbidden = Kind(
        code: .providerAuth, happened: "OpenAI does not let this key make pictures",
        advice: "Check at platform.openai.com what the key and its project may do, and whether the organisation has to "
            + "be verified for the model.")

    private static let address = Kind(
        code: .providerRejected, happened: "OpenAI does not know the address or the model",
        advice: "Check openai.baseUrl and openai.model.")

    private static let elsewhere = Kind(
        code: .providerRejected, happened: "OpenAI's address sends elsewhere",
        advice: "Redirects are not followed. Check openai.baseUrl: it has to be the API itself.")

    private static let tooLarge = Kind(
        code: .providerRejected, happened: "OpenAI has no room for the order",
        advice: "Use smaller garment photos or fewer garments.")

    private static let otherwise = Kind(
        code: .providerRejected, happened: "OpenAI refused the order",
        advice: "Correct what it names, then send the request again.")

    /// Codes and types that say that no money is left, whatever the status.
    private static let poor: Set = [
        "insufficient_quota", "credit_balance_exhausted", "project_spend_limit_exceeded",
        "billing_hard_limit_reached", "billing_not_active",
    ]

    /// Codes that say that the content was refused. Every other `image_generation_user_error` is about the form of it.
    private static let unwanted: Set = ["moderation_blocked", "content_policy_violation"]

    private static func kind(_ status: Int, _ said: OpenAIRefusal) -> Kind {
        if poor.contains(said.code) || poor.contains(said.type) { return noCredit }
        if status == 400, unwanted.contains(said.code) || said.isModerated { return moderation }
        return switch status {
        case 300..<400: elsewhere
        case 401: key
        case 403: forbidden
        case 404, 405: address
        case 413: tooLarge
        case 429: rate
        default: otherwise
        }
    }

    /// What an answer that proves that nothing was made means.
    /// - Parameter quote: makes a text of OpenAI's fit for a message.
    static func refusal(_ answer: TransferAnswer, quote: (String) -> String) -> ProviderFailure {
        let said = OpenAIRefusal(answer.body, quote: quote)
        let kind = kind(answer.status, said)
        let number = requestID(answer, quote).map { ", request \($0)" } ?? ""
        return ProviderFailure(
            code: kind.code,
            message: "\(kind.happened) (status \(answer.status)\(number)\(said.clause)). \(kind.advice)",
            retryable: kind.passes,
            retry: kind.passes ? .later(seconds: RetryAfter.seconds(answer)) : .never, httpStatus: answer.status,
            providerCode: said.code.isEmpty ? nil : said.code)
    }

    /// The number under which OpenAI's support finds a call.
    static func requestID(_ answer: TransferAnswer, _ quote: (String) -> String) -> String? {
        answer.header("x-request-id").flatMap { $0.isEmpty ? nil : quote($0) }
    }

    /// What stood in the way of a call of which nothing was acted on.
    static func unsent(_ failure: TransferFailure, quote: (String) -> String) -> ProviderFailure {
        let cause = quote(failure.message)
        switch failure.code {
        // The address or a header is no good: no waiting mends that.
        case .refusedURL, .refusedHeader, .refusedAddress, .refusedRedirect:
            return ProviderFailure(
                code: .providerUnavailable,
                message: "OpenAI could not be asked: \(cause). Check openai.baseUrl, openai.apiKey and "
                    + "http.allowInsecure, then send the request again.",
                retryable: true)
        default:
            return ProviderFailure(
                code: .providerUnavailable,
                message: "OpenAI could not be reached: \(cause). Check the network and http.proxy, then send the "
                    + "request again.",
                retryable: true, retry: .later(seconds: nil), httpStatus: failure.status)
        }
    }
}

/// What the body of a refusal says: `{"error": {"message", "type", "code", "param", "moderation_details"}}`.
struct OpenAIRefusal {
    /// Empty where there is none.
    let code: String
    let type: String
    /// Whether it tells what moderation found.
    let isModerated: Bool
    /// Whether moderation looked at a picture that had been made.
    let isAboutOutput: Bool
    /// The words as a part of a sentence.
    let clause: String

    init(_ body: [UInt8], quote: (String) -> String) {
        let error = AnswerJSON.root(body)?["error"]
        code = error?["code"]?.text.map(quote) ?? ""
        type = error?["type"]?.text.map(quote) ?? ""
        let details = error?["moderation_details"]
        isModerated = details?.members != nil
        isAboutOutput = details?["moderation_stage"]?.text == "output"
        let found = (details?["categories"]?.elements ?? []).compactMap(\.text).prefix(4)
        var words = quote(error?["message"]?.text ?? "")
        if words.hasSuffix(".") { words.removeLast() }
        if !found.isEmpty { words += "; it names \(quote(found.joined(separator: ", ")))" }
        clause = words.isEmpty ? "" : ": \(words)"
    }
}
