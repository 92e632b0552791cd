// Reading the answers of Black Forest Labs: a new task, the state of one, and a refusal.
//
// What a moderated or failed task costs is not written down: where its state names no price, nothing is known of it.

internal import Contract
internal import Transfer

/// What an order's answer says that is needed until the task's end: its id, the address to ask at, the price.
struct BFLTicket: Equatable {
    let id: String
    /// As it was named; nil where it was not.
    let address: String?
    /// In credits; nil where it was not told.
    let cost: Double?

    /// Nil for an answer that names no task.
    init?(created body: [UInt8]) {
        guard let root = AnswerJSON.root(body), let id = root["id"]?.text, BFLTicket.isID(id) else { return nil }
        self.id = id
        address = root["polling_url"]?.text.flatMap { $0.isWebAddress ? $0 : nil }
        cost = root["cost"]?.amount
    }

    /// Reads the text that a task is remembered by; nil for what no answer can have named.
    init?(_ text: String) {
        let handle = TaskHandle(text)
        guard BFLTicket.isID(handle.id) else { return nil }
        id = handle.id
        address = handle.notes.first { $0.isWebAddress }
        cost = handle.notes.first { $0.hasPrefix(BFLTicket.label) }.flatMap {
            Double($0.dropFirst(BFLTicket.label.count))
        }
    }

    private static let label = "cost="

    /// The text that a task is remembered by.
    var text: String {
        let notes = [cost.map { "\(BFLTicket.label)\($0)" }, address]
        return TaskHandle(id: id, notes: notes.compactMap { $0 }).text
    }

    var price: Price? { cost.map(Price.init(bflCredits:)) }

    /// Whether a text can be an id, so that it can stand in a query.
    static func isID(_ text: String) -> Bool {
        (1...128).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "_"): true
                default: false
                }
            }
    }

    /// Whether an address leads to one of the maker's own clusters (`https://api.us1.bfl.ai/…`): the key may go there.
    static func isMakers(_ address: String) -> Bool {
        let origin = address.webOrigin
        guard origin.hasPrefix("https://"), origin.hasSuffix(".bfl.ai") else { return false }
        return origin.dropFirst(8).utf8.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "."): true
            default: false
            }
        }
    }
}

/// Reads a task.
enum BFLTask {
    /// What a task says of itself; nil for anything that is no task.
    /// - Parameters:
    ///   - agreed: the price that the order's answer named.
    ///   - quote: makes a text of the service's fit for a message.
    static func state(_ body: [UInt8], agreed: Price?, quote: (String) -> String) -> TaskState? {
        guard let root = AnswerJSON.root(body), let status = root["status"]?.text else { return nil }
        let price = root["cost"]?.amount.map(Price.init(bflCredits:))
        switch status {
        case "Pending": return .waiting(.queued)
        case "Reasoning", "Generating":
            return .running(progress: root["progress"]?.double.map { min(max($0, 0), 1) })
        case "Ready": return finished(root, price ?? agreed)
        case "Request Moderated", "Content Moderated":
            return .failed(moderated(status, root, quote: quote), price: price)
        case "Error", "Failed": return .failed(failed(status, root, quote: quote), price: price)
        case "Task not found": return BFL.unknown.state
        default: return .waiting(.unknown(quote(status)))
        }
    }

    /// A success without a picture was charged for and does not come back: it is a failure with its price.
    private static func finished(_ root: JSONNode, _ price: Price?) -> TaskState {
        if let sample = root["result"]?["sample"]?.text, sample.isWebAddress {
            return .done(outputs: [sample], price: price)
        }
        let failure = TaskFailure(
            code: .generationFailed, providerCode: "NO_OUTPUT",
            message: "Black Forest Labs say that the picture is finished, and give no address for it. It may have been "
                + "charged: show the task's id to their support, and send the request again to order anew.",
            retryable: false)
        return .failed(failure, price: price)
    }

    private static func moderated(_ status: String, _ root: JSONNode, quote: (String) -> String) -> TaskFailure {
        let reasons = (root["details"]?["Moderation Reasons"]?.elements ?? []).compactMap(\.text)
        let words = reasons.isEmpty ? "" : " (\(quote(reasons.joined(separator: ", "))))"
        let what =
            status == "Request Moderated"
            ? "The moderation of Black Forest Labs refused the prompt or a photo\(words). Change the texts or the "
                + "photos before another try."
            : "The moderation of Black Forest Labs refused the picture that came out\(words). Another seed or another "
                + "text may pass."
        return TaskFailure(code: .moderation, providerCode: status, message: what, retryable: false)
    }

    private static func failed(_ status: String, _ root: JSONNode, quote: (String) -> String) -> TaskFailure {
        let said = root["error"]?.text ?? root["details"]?["error"]?.text ?? ""
        let words = said.isEmpty ? "" : " (\(quote(said)))"
        return TaskFailure(
            code: .generationFailed, providerCode: status,
            message: "Black Forest Labs made no picture\(words). It may go well later.", retryable: true)
    }
}

/// What the body of a refusal says: `{"detail": TEXT}`, or for 422 `{"detail": [{"loc", "msg"}]}`.
enum BFLRefusal {
    /// Faults beyond these are counted, not named.
    private static let shown = 4

    static func words(_ body: [UInt8], quote: (String) -> String) -> ServiceFailures.Words {
        let root = AnswerJSON.root(body)
        let text = root?["detail"]?.text ?? faults(root?["detail"]?.elements ?? [], quote)
        let said = text.isEmpty ? root?["error"]?.text ?? root?["message"]?.text ?? "" : text
        return ServiceFailures.Words(text: said, delay: root?["retry_after"]?.amount)
    }

    private static func faults(_ elements: [JSONNode], _ quote: (String) -> String) -> String {
        let named = elements.prefix(shown).map { fault in
            let path = (fault["loc"]?.elements ?? []).compactMap(\.text).drop { $0 == "body" }
            let words = quote(fault["msg"]?.text ?? "no reason given")
            return path.isEmpty ? words : "\(quote(path.joined(separator: "."))): \(words)"
        }
        let more = elements.count - named.count
        return named.joined(separator: "; ") + (more > 0 ? "; and \(more) more" : "")
    }
}
