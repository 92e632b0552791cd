// Reading Runway's answers: leniently, since fields come and go without a new version.
//
// Fields that are not known are passed over, and whatever is missing or of another kind is nil. Only what decides is
// asked for: the id of a new task, the status of one that is read.

internal import Contract
internal import Transfer

/// The answer to a create.
struct RunwayCreated: Equatable {
    /// A UUID, so that it can stand in a path.
    let taskID: String
    let estimate: Price?

    /// Nil for anything that does not name a task.
    init?(_ body: [UInt8]) {
        guard let root = AnswerJSON.root(body), let id = root["id"]?.text, RunwayCreated.isTaskID(id) else {
            return nil
        }
        taskID = id
        estimate = root["estimatedCost"]?["credits"]?.amount.map(Price.init(runwayCredits:))
    }

    /// Whether a text is a UUID: the form of every task id that was ever seen.
    static func isTaskID(_ text: String) -> Bool {
        let groups = text.utf8.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
        return groups.map(\.count) == [8, 4, 4, 4, 12] && groups.allSatisfy { $0.allSatisfy(isHexDigit) }
    }

    private static func isHexDigit(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x46).contains(byte) || (0x61...0x66).contains(byte)
    }
}

/// Reads a task.
enum RunwayTask {
    /// What a task says of itself; nil for anything that is no task.
    /// - Parameter quote: makes a text of Runway's fit for a message.
    static func state(_ body: [UInt8], quote: (String) -> String) -> TaskState? {
        guard let root = AnswerJSON.root(body), let status = root["status"]?.text else { return nil }
        let price = root["cost"]?["credits"]?.amount.map(Price.init(runwayCredits:))
        switch status.uppercased() {
        case "PENDING": return .waiting(.queued)
        case "THROTTLED": return .waiting(.throttled)
        case "RUNNING": return .running(progress: root["progress"]?.double.map { min(max($0, 0), 1) })
        case "SUCCEEDED": return finished(root, price)
        case "FAILED": return .failed(RunwayFailures.task(root, quote: quote), price: price)
        case "CANCELLED", "CANCELED":
            return .gone(
                code: "CANCELLED",
                message: "Somebody cancelled the task at Runway; vizd did not. Look who else has the account's key, "
                    + "then send the request again.",
                price: price)
        default: return .waiting(.unknown(quote(status)))
        }
    }

    /// Success without a picture was charged for and does not come back: it is a failure with its price.
    private static func finished(_ root: JSONNode, _ price: Price?) -> TaskState {
        let outputs = (root["output"]?.elements ?? []).compactMap(\.text).filter(isAddress)
        guard outputs.isEmpty else { return .done(outputs: outputs, price: price) }
        let failure = TaskFailure(
            code: .generationFailed, providerCode: "NO_OUTPUT",
            message: "Runway says that the picture is finished, and gives no address for it. It may have been charged: "
                + "show the task's id to Runway's support, and send the request again to order anew.",
            retryable: false)
        return .failed(failure, price: price)
    }

    /// Whether it can be fetched at all; the transfers judge where it leads.
    private static func isAddress(_ text: String) -> Bool {
        let start = text.prefix(8).lowercased()
        return (start.hasPrefix("https://") || start.hasPrefix("http://")) && text.utf8.count <= 16_384
            && text.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7F }
    }
}

/// The answer to a request for an upload slot.
struct RunwaySlot: Equatable {
    let address: String
    /// The form's fields, in their order.
    let fields: [Field]
    let handle: String

    struct Field: Equatable {
        let name: String
        let value: String
    }

    /// Nil for anything that is no slot.
    init?(_ body: [UInt8]) {
        guard let root = AnswerJSON.root(body), let address = root["uploadUrl"]?.text,
            let handle = root["runwayUri"]?.text, handle.hasPrefix("runway://"),
            (13...5000).contains(handle.utf8.count),
            case .object(let members)? = root["fields"]?.value
        else { return nil }
        let fields = members.compactMap { member in member.node.text.map { Field(name: member.key, value: $0) } }
        guard fields.count == members.count else { return nil }
        (self.address, self.fields, self.handle) = (address, fields, handle)
    }
}

extension Price {
    /// One credit is a US cent. Fractions are rounded up to the next millionth of a dollar.
    init(runwayCredits credits: Double) {
        self.init(credits: credits, microdollars: Int64((credits * 10_000).rounded(.up)))
    }
}
