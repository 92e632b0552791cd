// What Runway's refusals and failures mean: two tables, one of HTTP statuses and one of task failures, and the
// sentences that go with them.
//
// Statuses (`errors/errors`): 400, 401, 403, 404, 405, 413, 422, 429 prove that nothing was created. 5xx and 408 prove
// nothing: Runway's pages say that a create with an HTTP error is not charged, which cannot be seen from outside. Codes
// of failed tasks (`errors/task-failures`) are an open, dotted set; the longest prefix that is known decides.

internal import Contract
internal import Transfer

/// Reads refusals.
enum RunwayFailures {
    // MARK: - HTTP statuses

    /// A status of an answer without success, and what it means.
    struct Status {
        let statuses: ClosedRange<Int>
        let code: ResultCode
        /// What happened; what it happened to follows.
        let happened: String
        /// What to do next.
        let advice: String
    }

    /// The first entry that fits counts; where none does, it is a refusal of the order as such.
    static let statuses: [Status] = [
        Status(
            statuses: 300...399, code: .providerRejected, happened: "Runway's address sends elsewhere with",
            advice: "Redirects are not followed. Check runway.baseUrl: it has to be the API itself."),
        Status(
            statuses: 401...401, code: .providerAuth, happened: "Runway refused the key for",
            advice: "Check runway.apiKey: it must be a key of the developer portal, enabled, and for this "
                + "runway.baseUrl."),
        Status(
            statuses: 403...403, code: .providerAuth, happened: "Runway refused the key for",
            advice: "Check in the developer portal what the key of runway.apiKey may do."),
        Status(
            statuses: 404...405, code: .providerRejected, happened: "Runway's address does not know",
            advice: "Check runway.baseUrl: it has to be the API itself, without /v1."),
        Status(
            statuses: 408...408, code: .providerUnavailable, happened: "Runway had trouble of its own with",
            advice: "Send the request again later."),
        Status(
            statuses: 413...413, code: .providerRejected, happened: "Runway has no room for",
            advice: "Use smaller garment photos or fewer garments."),
        Status(
            statuses: 429...429, code: .providerUnavailable, happened: "A limit of Runway's stops",
            advice: "If it is the daily one, wait until it has rolled on, or raise the account's tier; then send the "
                + "request again."),
        Status(
            statuses: 500...599, code: .providerUnavailable, happened: "Runway had trouble of its own with",
            advice: "Send the request again later."),
    ]

    private static let outOfCredit = Status(
        statuses: 400...400, code: .providerNoCredit, happened: "The account at Runway has too few credits for",
        advice: "Buy credits for the API at dev.runwayml.com, then send the request again.")

    private static let otherwise = Status(
        statuses: 100...599, code: .providerRejected, happened: "Runway refused",
        advice: "Correct what it names, then send the request again.")

    /// What an answer without success means for an order, an upload or a question.
    /// - Parameters:
    ///   - what: what was refused, as in "the order".
    ///   - quote: makes a text of Runway's fit for a message.
    static func refusal(_ what: String, _ answer: TransferAnswer, quote: (String) -> String) -> ProviderFailure {
        let said = RunwayRefusal(answer.body, quote: quote)
        let isPoor = answer.status == 400 && said.isOutOfCredit
        let entry = isPoor ? outOfCredit : statuses.first { $0.statuses.contains(answer.status) } ?? otherwise
        let passes = entry.code == .providerUnavailable
        return ProviderFailure(
            code: entry.code,
            message: "\(entry.happened) \(what) (status \(answer.status)\(said.clause)). \(entry.advice)",
            retryable: passes, retry: passes ? .later(seconds: RetryAfter.seconds(answer)) : .never,
            httpStatus: answer.status)
    }

    /// What stood in the way of a call that never counted: nothing of it was acted on.
    static func unsent(_ what: String, _ failure: TransferFailure, quote: (String) -> String) -> ProviderFailure {
        let cause = quote(failure.message)
        switch failure.code {
        // The address or a header is no good: no waiting mends that.
        case .refusedURL, .refusedHeader, .refusedAddress, .refusedRedirect:
            return ProviderFailure(
                code: .providerUnavailable,
                message: "Runway could not be asked for \(what): \(cause). Check runway.baseUrl, runway.apiKey and "
                    + "http.allowInsecure, then send the request again.",
                retryable: true)
        // A bad certificate may be a clock that is not set yet or a proxy that restarts; another try costs nothing.
        default:
            return ProviderFailure(
                code: .providerUnavailable,
                message: "Runway could not be reached for \(what): \(cause). Check the network and http.proxy, then "
                    + "send the request again.",
                retryable: true, retry: .later(seconds: nil), httpStatus: failure.status)
        }
    }

    // MARK: - Failed tasks

    /// A code, what it means and whether the same order may go well another time.
    struct TaskCode {
        let prefix: String
        let code: ResultCode
        let retryable: Bool
        /// What to do next.
        let advice: String
    }

    /// By the first words of their codes; anything else is as `INTERNAL`.
    static let taskCodes: [TaskCode] = [
        TaskCode(
            prefix: "SAFETY", code: .moderation, retryable: false,
            advice: "Runway's moderation refused it. Change the photos or the texts before another try."),
        // Charged, unlike the others.
        TaskCode(
            prefix: "SAFETY.INPUT", code: .moderation, retryable: false,
            advice: "Runway's moderation refused the prompt or a photo, which is charged. Change the texts or the "
                + "photos; the same order is refused, and charged, again."),
        TaskCode(
            prefix: "SAFETY.OUTPUT", code: .moderation, retryable: false,
            advice: "Runway's moderation refused the picture that came out. Another seed or another text may pass."),
        TaskCode(
            prefix: "INPUT_PREPROCESSING.SAFETY", code: .moderation, retryable: false,
            advice: "Runway's moderation refused the prompt or a photo. Change the texts or the photos."),
        TaskCode(
            prefix: "INPUT_PREPROCESSING", code: .generationFailed, retryable: true,
            advice: "Runway could not prepare the order. It may go well later."),
        TaskCode(
            prefix: "INTERNAL.BAD_OUTPUT", code: .generationFailed, retryable: true,
            advice: "Runway threw its own picture away as a bad one. It may go well another time, better with photos "
                + "without writing or logos on them."),
        TaskCode(
            prefix: "ASSET.INVALID", code: .generationFailed, retryable: false,
            advice: "Runway found a photo that it cannot use. Replace the garment photos."),
        TaskCode(
            prefix: "THIRD_PARTY.UNAVAILABLE", code: .generationFailed, retryable: true,
            advice: "The model's own maker is out of order. It may go well in some minutes."),
        TaskCode(
            prefix: "INTERNAL", code: .generationFailed, retryable: true,
            advice: "Something went wrong within Runway. It may go well later."),
    ]

    /// The entry whose prefix is the longest; whole words of the code only.
    static func taskCode(_ code: String) -> TaskCode {
        let fitting = taskCodes.filter { code == $0.prefix || code.hasPrefix($0.prefix + ".") }
        return fitting.max { $0.prefix.utf8.count < $1.prefix.utf8.count } ?? taskCodes[taskCodes.count - 1]
    }

    /// Why a task failed; a code that is missing is `INTERNAL`.
    static func task(_ root: JSONNode, quote: (String) -> String) -> TaskFailure {
        let named = root["failureCode"]?.text.flatMap { $0.isEmpty ? nil : quote($0) }
        let entry = taskCode(named ?? "INTERNAL")
        let said = root["failure"]?.text.map(quote) ?? ""
        let words = said.isEmpty ? "" : " (\(said))"
        return TaskFailure(
            code: entry.code, providerCode: named,
            message: "Runway made no picture\(words). \(entry.advice)", retryable: entry.retryable)
    }
}

/// What the body of a refusal says: `{"error", "issues"?}`.
struct RunwayRefusal {
    /// `error`, or the first issues with their paths; empty where there is neither.
    let text: String
    /// Whether it is about credits: the only text that decides anything, since the status is that of a bad order.
    let isOutOfCredit: Bool

    /// The text as a part of a sentence.
    var clause: String { text.isEmpty ? "" : ": \(text)" }

    /// Issues beyond these are counted, not named.
    private static let shownIssues = 4

    init(_ body: [UInt8], quote: (String) -> String) {
        let root = AnswerJSON.root(body)
        let error = root?["error"]?.text ?? ""
        let issues = root?["issues"]?.elements ?? []
        isOutOfCredit = error.lowercased().contains("credits") && root?["issues"] == nil
        guard !issues.isEmpty else {
            text = RunwayRefusal.withoutStop(quote(error))
            return
        }
        let named = issues.prefix(RunwayRefusal.shownIssues).map { RunwayRefusal.phrase($0, quote) }
        let more = issues.count - named.count
        text = named.joined(separator: "; ") + (more > 0 ? "; and \(more) more" : "")
    }

    private static func phrase(_ issue: JSONNode, _ quote: (String) -> String) -> String {
        let path = (issue["path"]?.elements ?? []).reduce(into: "") { path, element in
            switch element.value {
            case .string(let name):
                path += path.isEmpty || name.hasPrefix("[") || name.hasPrefix(".") ? name : ".\(name)"
            case .number(let index): path += "[\(index)]"
            default: break
            }
        }
        let message = withoutStop(quote(issue["message"]?.text ?? issue["code"]?.text ?? "no reason given"))
        return path.isEmpty ? message : "\(quote(path)): \(message)"
    }

    private static func withoutStop(_ text: String) -> String { text.hasSuffix(".") ? String(text.dropLast()) : text }
}
