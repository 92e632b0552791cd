// What one simulated service says and wants differently from another: routes, keys, orders, prices and words. All of
// it is values; the tasks, the money, the faults and the HTTP are the simulator's.

package import Contract
package import LoopbackServer
package import RunwaySimulator

/// Where a request goes.
package enum ServiceRoute: Equatable, Sendable {
    /// An order; the word is the dialect's own.
    case create(String)
    case task(String)
    case account
    case output(String)
}

/// A picture that an order shows, as the books name it.
package struct ShownPicture: Equatable, Sendable {
    /// The input that holds it: `product_image`, `input_image_2`.
    package let input: String
    /// SHA-256 in hexadecimal of its bytes; of the address where it was one.
    package let sha256: String

    package init(input: String, sha256: String) { (self.input, self.sha256) = (input, sha256) }
}

/// An order that passed every check of its form.
package struct ServiceOrder: Equatable, Sendable {
    package let model: String
    package let prompt: String
    package let size: PictureSize
    package let seed: Int?
    package let pictures: [ShownPicture]
    /// What it costs.
    package let credits: Double
    /// What it fails with by itself: a photo that is none, where the service finds that out while it works.
    package let flaw: Flaw?

    package init(
        model: String, prompt: String, size: PictureSize, seed: Int?, pictures: [ShownPicture], credits: Double,
        flaw: Flaw? = nil
    ) {
        (self.model, self.prompt, self.size, self.seed) = (model, prompt, size, seed)
        (self.pictures, self.credits, self.flaw) = (pictures, credits, flaw)
    }
}

/// Why a task fails.
package struct Flaw: Equatable, Sendable {
    /// The service's own code.
    package let code: String?
    package let message: String

    package init(code: String?, message: String) { (self.code, self.message) = (code, message) }
}

/// What came of reading an order.
package enum OrderReading: Sendable {
    case order(ServiceOrder)
    case refused(Answer)
}

/// What an answer about a task is made of.
package struct TaskView: Sendable {
    package let id: String
    package let order: ServiceOrder
    package let phase: ServicePhase
    /// Where the picture is, once there is one.
    package let address: String?
    /// Where the task is asked for.
    package let pollAddress: String
    /// What is taken for it; nil while it is under way.
    package let billed: Double?
    /// A fault within the answer, if one strikes.
    package let fault: Fault?
}

/// How far a task is.
package enum ServicePhase: Equatable, Sendable {
    case waiting
    /// From 0 to 1.
    case running(Double)
    case succeeded
    case failed(Flaw)
    case cancelled

    /// Whether nothing more becomes of it.
    package var isOver: Bool {
        switch self {
        case .waiting, .running: false
        default: true
        }
    }
}

/// Why an order is not taken although its form is right.
package enum OrderObstacle: Sendable {
    case noCredit, tooManyAtOnce
}

/// A service's own part.
package protocol Dialect: Sendable {
    /// How many tasks an account has at once.
    var concurrent: Int { get }
    /// Seconds that an address of a picture serves.
    var addressLifetime: Double { get }
    /// Whether each reading of a finished task makes a new address.
    var renewsAddresses: Bool { get }
    /// Whether addresses carry a signature.
    var signsAddresses: Bool { get }

    /// The route of a path and the verb that it takes; nil where there is none.
    func route(_ target: Target) -> (route: ServiceRoute, verb: String)?
    /// Why a request may not come in.
    func refusal(_ request: LoopbackRequest, keys: Set<String>) -> Answer?
    /// A new task's id from a drawn UUID.
    func taskID(_ uuid: String) -> String
    /// The path of a task, its query included.
    func pollPath(_ id: String) -> String
    /// The path of a task's picture, without a query.
    func outputPath(_ id: String) -> String
    /// Judges an order.
    func read(_ kind: String, _ body: JSONNode) -> OrderReading
    /// Whether a task that ends like this is paid for.
    func charges(_ flaw: Flaw) -> Bool
    /// The answer to an order.
    func created(_ task: TaskView) -> Answer
    /// The answer to a question about a task.
    func state(_ task: TaskView) -> Answer
    /// The balance.
    func account(_ credits: Double) -> Answer
    func unknownTask(_ id: String) -> Answer
    func obstacle(_ obstacle: OrderObstacle) -> Answer
    func error(_ status: Int, _ text: String) -> Answer
}

extension JSONNode {
    /// The string that stands here.
    package var text: String? { if case .string(let text) = value { text } else { nil } }
    /// The number that stands here.
    package var number: Double? { if case .number(let text) = value { Double(text) } else { nil } }
    /// The whole number that stands here.
    package var whole: Int? { number.flatMap(Int.init(exactly:)) }
    /// The members of the object that stands here; nil for anything else.
    package var members: [JSONMember]? { if case .object(let members) = value { members } else { nil } }
    /// What stands here in a word.
    package var kind: String {
        switch value {
        case .null: "null"
        case .string: "string"
        case .number: "number"
        case .bool: "boolean"
        case .array: "array"
        case .object: "object"
        }
    }
}
