// Reading FASHN AI's answers: a new prediction, the state of one, and a refusal.
//
// What a prediction cost stands in the header `x-fashn-credits-used` of the answer that tells its end. One that failed
// is not charged, as its error pages say; where the header tells otherwise, the header counts.

internal import Contract
internal import Transfer

/// The answer to a create.
enum FashnCreated {
    /// The new prediction's id; nil for anything that names none. A sentence under `error` beside an id does not undo
    /// it: the prediction's own state tells what came of it.
    static func id(_ body: [UInt8]) -> String? {
        guard let id = AnswerJSON.root(body)?["id"]?.text, isID(id) else { return nil }
        return id
    }

    /// Whether a text can be an id: a UUID, sometimes with a suffix like `-u1`, so that it can stand in a path.
    static func isID(_ text: String) -> Bool {
        (8...80).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "_"): true
                default: false
                }
            }
    }
}

/// Reads a prediction.
enum FashnPrediction {
    /// What a prediction says of itself; nil for anything that is none.
    /// - Parameter quote: makes a text of FASHN AI's fit for a message.
    static func state(_ answer: TransferAnswer, quote: (String) -> String) -> TaskState? {
        guard let root = AnswerJSON.root(answer.body), let status = root["status"]?.text else { return nil }
        let price = credits(answer).map(Price.init(fashnCredits:))
        switch status {
        case "starting", "in_queue": return .waiting(.queued)
        case "processing": return .running(progress: nil)
        case "completed": return finished(root, price)
        case "failed":
            return .failed(FashnFailures.failure(root["error"], quote: quote), price: price ?? Price(fashnCredits: 0))
        case "time_out": return .failed(FashnFailures.timeOut, price: price)
        case "canceled", "cancelled":
            return .gone(
                code: "CANCELLED",
                message: "Somebody cancelled the prediction at FASHN AI; vizd did not. Look who else has the account's "
                    + "key, then send the request again.")
        default: return .waiting(.unknown(quote(status)))
        }
    }

    /// A success without a picture was charged for and does not come back: it is a failure with its price.
    private static func finished(_ root: JSONNode, _ price: Price?) -> TaskState {
        let outputs = (root["output"]?.elements ?? []).compactMap(\.text).filter(\.isWebAddress)
        guard outputs.isEmpty else { return .done(outputs: outputs, price: price) }
        let failure = TaskFailure(
            code: .generationFailed, providerCode: "NO_OUTPUT",
            message: "FASHN AI says that the picture is finished, and gives no address for it. It may have been "
                + "charged: show the prediction's id to FASHN AI's support, and send the request again to order anew.",
            retryable: false)
        return .failed(failure, price: price)
    }

    private static func credits(_ answer: TransferAnswer) -> Double? {
        guard let text = answer.header("x-fashn-credits-used"), let credits = Double(text), credits.isFinite,
            (0...1e6).contains(credits)
        else { return nil }
        return credits
    }
}

/// Why predictions fail, by their `error.name`.
enum FashnFailures {
    /// A name, what it means and whether the same order may go well another time.
    struct Entry {
        let name: String
        let code: ResultCode
        let retryable: Bool
        /// What to do next.
        let advice: String
    }

    /// Anything else is as `InternalServerError`.
    static let entries: [Entry] = [
        Entry(
            name: "ImageLoadError", code: .generationFailed, retryable: false,
            advice: "It could not read a photo. Replace the photos of the garments, or the person's."),
        Entry(
            name: "ContentModerationError", code: .moderation, retryable: false,
            advice: "FASHN AI's moderation refused a photo. Change the photos before another try."),
        Entry(
            name: "PoseError", code: .generationFailed, retryable: false,
            advice: "It found no body in a photo. Use a photo that shows the person's whole body, from the front."),
        Entry(
            name: "InputValidationError", code: .generationFailed, retryable: false,
            advice: "It takes these inputs not together. Change the model, the ratio or the photos."),
        Entry(
            name: "PipelineError", code: .generationFailed, retryable: true,
            advice: "Something went wrong within FASHN AI, at no charge. It may go well later."),
        Entry(
            name: "ThirdPartyError", code: .generationFailed, retryable: true,
            advice: "A service behind FASHN AI refused or failed, at no charge. It may go well later, or with other "
                + "photos."),
        Entry(
            name: "3rdPartyProviderError", code: .generationFailed, retryable: true,
            advice: "A service behind FASHN AI failed, at no charge. It may go well later."),
        Entry(
            name: "InternalServerError", code: .generationFailed, retryable: true,
            advice: "Something went wrong within FASHN AI. It may go well later."),
    ]

    /// What `error` of a failed prediction says.
    static func failure(_ error: JSONNode?, quote: (String) -> String) -> TaskFailure {
        let name = error?["name"]?.text.flatMap { $0.isEmpty ? nil : $0 }
        let entry = entries.first { $0.name == name } ?? entries[entries.count - 1]
        let said = error?["message"]?.text.map(quote) ?? ""
        let words = said.isEmpty ? "" : " (\(said))"
        return TaskFailure(
            code: entry.code, providerCode: name.map(quote),
            message: "FASHN AI made no picture\(words). \(entry.advice)", retryable: entry.retryable)
    }

    static let timeOut = TaskFailure(
        code: .generationFailed, providerCode: "time_out",
        message: "FASHN AI gave the picture up, since it took too long. It may go well later.", retryable: true)
}

/// What the body of a refusal says: `{"error": CODE, "message"}`.
enum FashnRefusal {
    static func words(_ body: [UInt8]) -> ServiceFailures.Words {
        let root = AnswerJSON.root(body)
        let code = root?["error"]?.text
        var words = ServiceFailures.Words(code: code, text: root?["message"]?.text ?? code ?? "")
        // The status is that of a limit that passes; this one does not by itself.
        if code == "OutOfCredits" { words.meaning = .providerNoCredit }
        return words
    }
}
