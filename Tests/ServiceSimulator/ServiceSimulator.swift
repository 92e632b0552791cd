// A hosted service on this machine that makes pictures by tasks: orders, questions, a balance and a storage for what
// was made, on 127.0.0.1 and for nothing. What it speaks is a `Dialect`.
//
// As strict as what is known of the service, and able to go wrong in every way that it or the network can: the faults
// are those of the Runway simulator. Its books are the witness for what a client did: every create that arrived whole,
// every task, every credit.

internal import Contract
internal import Digest
internal import LoopbackServer
package import RunwaySimulator
internal import Synchronization

/// Everything that a simulator can be told at its start. Times in seconds.
package struct ServiceConfiguration: Sendable {
    /// The keys that are let in.
    package var keys: Set<String> = ["simulator-key"]
    /// The balance at the start.
    package var credits = 1_000_000.0
    /// How long a task takes.
    package var duration = 3.0
    /// What identifiers are drawn from; nil draws from the system.
    package var seed: UInt64?
    /// 0 is any free port.
    package var port: UInt16 = 0

    package init() {}
}

/// A task as the books have it.
package struct ServiceBooking: Sendable {
    package let id: String
    package let order: ServiceOrder
    package let phase: ServicePhase
    /// Credits that were taken in the end; nil while it is under way.
    package let billed: Double?
    package let polls: Int
    package let downloads: Int
}

/// Everything that happened since the start.
package struct ServiceBooks: Sendable {
    /// In the order of their creation.
    package let tasks: [ServiceBooking]
    /// Credits that are left: the start less what is billed and what is set aside for tasks under way.
    package let creditsLeft: Double
    /// Credits of finished tasks.
    package var creditsBilled: Double { tasks.reduce(0) { $0 + ($1.billed ?? 0) } }
    /// Creates that were received whole, whatever came of them.
    package let createsReceived: Int
    /// Of these, refused by a check.
    package let createsRefused: Int
    /// Of these, spoiled by a fault before anything was done.
    package let createsDisturbed: Int
    package let polls: Int
    package let downloads: Int
}

/// A simulated service. It stops when it is let go of.
package final class ServiceSimulator: Sendable {
    private let core: ServiceCore
    private let server: LoopbackServer

    /// Starts one on the configuration's port.
    /// - Parameter clock: nanoseconds since 1970, never going back; drive it by hand and tasks take as long as you say.
    /// - Throws: `LoopbackFailure` when it cannot listen.
    package init(
        _ dialect: any Dialect, _ configuration: ServiceConfiguration = ServiceConfiguration(),
        clock: @escaping @Sendable () -> Int64 = SteadyClock.now
    ) throws {
        let core = ServiceCore(dialect, configuration, clock)
        self.core = core
        server = try LoopbackServer(
            port: configuration.port, remembersRequests: false, onHead: { core.meet($0) }, handler: { core.answer($0) })
    }

    /// The port that it listens on.
    package var port: UInt16 { server.port }
    /// `http://127.0.0.1:PORT`.
    package var baseURL: String { "http://127.0.0.1:\(server.port)" }
    /// Lets something go wrong. Faults strike in the order of their injection.
    package func inject(_ injection: Injection) { core.change { $0.faults.add(injection) } }
    /// Takes back every fault that has not struck.
    package func clearFaults() { core.change { $0.faults.clear() } }
    /// What happened so far.
    package var books: ServiceBooks { core.books() }
    /// Stops listening and ends every connection.
    package func stop() { server.stop() }
}

/// What all connections share.
final class ServiceCore: Sendable {
    /// Everything that changes.
    struct Live: Sendable {
        var book: TaskBook
        var faults = FaultList()
        var random: Randomness
    }

    let dialect: any Dialect
    let configuration: ServiceConfiguration
    private let clock: @Sendable () -> Int64
    private let live: Mutex<Live>
    private let secret: String

    init(_ dialect: any Dialect, _ configuration: ServiceConfiguration, _ clock: @escaping @Sendable () -> Int64) {
        (self.dialect, self.configuration, self.clock) = (dialect, configuration, clock)
        var random = Randomness(seed: configuration.seed)
        secret = random.uuid()
        live = Mutex(Live(book: TaskBook(credits: configuration.credits), random: random))
    }

    /// Changes or reads what changes, alone.
    func change<Outcome: Sendable>(_ body: (inout Live) -> Outcome) -> Outcome { live.withLock { body(&$0) } }

    /// Does something in the present: whatever was to happen before has happened.
    private func now<Outcome: Sendable>(_ body: (inout Live, Int64) -> Outcome) -> Outcome {
        live.withLock { live in
            let moment = clock()
            live.book.advance(to: moment)
            return body(&live, moment)
        }
    }

    func books() -> ServiceBooks {
        let (book, moment) = now { live, moment in (live.book, moment) }
        let tasks = book.order.compactMap { book.tasks[$0] }.map {
            ServiceBooking(
                id: $0.id, order: $0.order, phase: $0.phase(at: moment), billed: $0.billed, polls: $0.polls,
                downloads: $0.downloads)
        }
        return ServiceBooks(
            tasks: tasks, creditsLeft: book.credits, createsReceived: book.counters.creates,
            createsRefused: book.counters.createsRefused, createsDisturbed: book.counters.createsDisturbed,
            polls: book.counters.polls, downloads: book.counters.downloads)
    }

    // MARK: - Faults

    /// The answer of a fault for which nothing is done, if one waits for this call.
    private func spoiled(_ place: FaultPlace, _ call: FaultCall) -> LoopbackReply? {
        change { $0.faults.take(at: place, call) { !$0.isDone } }.map { Disturbance.instead(of: $0) }
    }

    /// Does a call together with the fault that waits for it, in one piece: the fault is used up if the call is done.
    private func commit<Outcome: Sendable>(
        _ place: FaultPlace, _ call: FaultCall,
        _ body: (inout Live, Int64, Fault?) -> (outcome: Outcome, isDone: Bool)
    ) -> (outcome: Outcome, fault: Fault?) {
        now { live, moment in
            let fault = live.faults.next(at: place, call).flatMap { $0.isDone ? $0 : nil }
            let done = body(&live, moment, fault)
            guard fault != nil, done.isDone else { return (done.outcome, nil) }
            _ = live.faults.take(at: place, call) { $0.isDone }
            return (done.outcome, fault)
        }
    }

    /// Looks at a head before its body is read: a fault may strike there.
    func meet(_ request: LoopbackRequest) -> LoopbackReply? {
        let target = Target(request.target)
        guard case .create? = dialect.route(target)?.route else { return nil }
        let fault = change { live in
            live.faults.take(at: .create, FaultCall(path: target.path)) {
                if case .dropBeforeBody = $0 { true } else { false }
            }
        }
        return fault.map { _ in .steps([.reset]) }
    }

    // MARK: - Requests

    /// Answers a whole request.
    func answer(_ request: LoopbackRequest) -> LoopbackReply {
        let target = Target(request.target)
        guard let (route, verb) = dialect.route(target) else { return dialect.error(404, "Not Found").reply }
        if case .create = route, request.method == "POST" { change { $0.book.counters.creates += 1 } }
        guard request.method == verb || (verb == "GET" && request.method == "HEAD") else {
            return dialect.error(405, "Method Not Allowed").reply
        }
        if case .output(let id) = route { return download(id, target) }
        if let refusal = dialect.refusal(request, keys: configuration.keys) { return counted(refusal, route) }
        switch route {
        case .create(let kind): return create(kind, request, target)
        case .task(let id): return read(id, request, target)
        case .account:
            if let reply = spoiled(.organization, FaultCall(path: target.path)) { return reply }
            return dialect.account(now { live, _ in live.book.credits }).reply
        case .output: preconditionFailure("an output came to the API")
        }
    }

    private func counted(_ answer: Answer, _ route: ServiceRoute) -> LoopbackReply {
        if case .create = route { change { $0.book.counters.createsRefused += 1 } }
        return answer.reply
    }

    // MARK: Orders

    private func create(_ kind: String, _ request: LoopbackRequest, _ target: Target) -> LoopbackReply {
        let call = FaultCall(path: target.path, body: request.body)
        if let reply = spoiled(.create, call) {
            change { $0.book.counters.createsDisturbed += 1 }
            return reply
        }
        let type = (request.header("Content-Type") ?? "").lowercased().prefix { $0 != ";" }
        guard type == "application/json", let body = Self.json(request.body) else {
            return counted(dialect.error(422, "The body is no JSON."), .create(kind))
        }
        switch dialect.read(kind, body) {
        case .refused(let answer): return counted(answer, .create(kind))
        case .order(let order): return place(order, call, request)
        }
    }

    private static func json(_ body: [UInt8]) -> JSONNode? {
        do throws(JSONFault) { return try JSONDocument(parsing: body).root } catch { return nil }
    }

    private enum Placing: Sendable {
        case placed(ServiceTask)
        case refused(OrderObstacle)
    }

    private func place(_ order: ServiceOrder, _ call: FaultCall, _ request: LoopbackRequest) -> LoopbackReply {
        let (placing, fault) = commit(.create, call) { live, moment, fault -> (outcome: Placing, isDone: Bool) in
            let id = dialect.taskID(live.random.uuid())
            let obstacle = live.book.create(
                order, id: id, fate: fate(order, fault), duration: Int64(configuration.duration * 1e9),
                concurrent: dialect.concurrent, at: moment)
            if let obstacle { return (.refused(obstacle), false) }
            guard let task = live.book.tasks[id] else { preconditionFailure("a task was made and is not there") }
            return (.placed(task), true)
        }
        switch placing {
        case .refused(let obstacle): return counted(dialect.obstacle(obstacle), .create(""))
        case .placed(let task):
            let view = view(task, .waiting, request, lapses: nil, fault)
            return Disturbance.reply(dialect.created(view), fault)
        }
    }

    private func fate(_ order: ServiceOrder, _ fault: Fault?) -> ServiceFate {
        switch fault {
        case .failure(let code, let message, let charged):
            let flaw = Flaw(code: code, message: message)
            return .failure(flaw, charged: charged ?? dialect.charges(flaw))
        case .cancelled: return .cancellation
        default: return order.flaw.map { .failure($0, charged: dialect.charges($0)) } ?? .success
        }
    }

    // MARK: Tasks

    private func read(_ id: String, _ request: LoopbackRequest, _ target: Target) -> LoopbackReply {
        let call = FaultCall(path: "\(target.path) \(id)")
        if let reply = spoiled(.poll, call) {
            change { live in _ = live.book.poll(id) }
            return reply
        }
        let (found, fault) = commit(.poll, call) { live, moment, fault -> (outcome: Found, isDone: Bool) in
            switch fault {
            case .forgotten: live.book.forget(id)
            case .cancelledElsewhere: live.book.cancelFromElsewhere(id, at: moment)
            default: break
            }
            let task = live.book.poll(id)
            let isDone = if case .forgotten = fault { true } else { task != nil }
            return (Found(task: task, moment: moment), isDone)
        }
        guard let task = found.task else { return dialect.unknownTask(id).reply }
        let start = dialect.renewsAddresses ? found.moment : task.endedAt ?? found.moment
        let lapses = start + Int64(dialect.addressLifetime * 1e9)
        let view = view(task, task.phase(at: found.moment), request, lapses: lapses, fault)
        return Disturbance.reply(dialect.state(view), fault)
    }

    private struct Found: Sendable {
        let task: ServiceTask?
        let moment: Int64
    }

    private func view(
        _ task: ServiceTask, _ phase: ServicePhase, _ request: LoopbackRequest, lapses: Int64?, _ fault: Fault?
    ) -> TaskView {
        let base = "http://" + (request.header("Host") ?? "127.0.0.1")
        let path = dialect.outputPath(task.id)
        let query = lapses.map { dialect.signsAddresses ? "?se=\($0)&sig=\(seal(path, $0))" : "" }
        return TaskView(
            id: task.id, order: task.order, phase: phase,
            address: phase == .succeeded ? query.map { base + path + $0 } : nil,
            pollAddress: base + dialect.pollPath(task.id), billed: task.billed, fault: fault)
    }

    private func seal(_ path: String, _ lapses: Int64) -> String {
        SHA256.of(Array("\(secret) \(path) \(lapses)".utf8)).hex
    }

    // MARK: Downloads

    private func download(_ id: String, _ target: Target) -> LoopbackReply {
        let call = FaultCall(path: target.path)
        if let reply = spoiled(.download, call) {
            change { $0.book.counters.downloads += 1 }
            return reply
        }
        let (order, fault) = commit(.download, call) { live, moment, _ -> (outcome: ServiceOrder?, isDone: Bool) in
            live.book.counters.downloads += 1
            guard serves(id, target, live.book.tasks[id], at: moment) else { return (nil, false) }
            let order = live.book.download(id)
            return (order, order != nil)
        }
        guard let order else { return Answer.storage(403, "AccessDenied").reply }
        let tint = id.utf8.reduce(0) { ($0 &* 31 &+ Int($1)) & 0xFFFF } % Placard.tints
        let picture = Placard.draw(order.size, model: order.model, prompt: String(order.prompt.prefix(96)), tint: tint)
        return Disturbance.reply(Answer(headers: [("Content-Type", "image/png")], body: picture), fault)
    }

    private func serves(_ id: String, _ target: Target, _ task: ServiceTask?, at moment: Int64) -> Bool {
        guard let ended = task?.endedAt else { return false }
        guard dialect.signsAddresses else { return moment < ended + Int64(dialect.addressLifetime * 1e9) }
        guard let lapses = target["se"].flatMap({ Int64($0) }) else { return false }
        return target["sig"] == seal(target.path, lapses) && moment < lapses
    }
}
