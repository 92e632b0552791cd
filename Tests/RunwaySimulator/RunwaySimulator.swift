// Runway on this machine: the API of api.dev.runwayml.com (version 2024-11-06) as far as a client that makes pictures
// meets it, its storage for outputs and its upload slots, on 127.0.0.1 and for nothing.
//
// As strict as what is known of the service, and able to go wrong in every way that the service or the network can.
// Its books are the witness for what a client did: every create that arrived whole, every task, every credit. The
// rules are values (`Orders`, `RunwayBook`, `FaultList`); what is here is the one lock and the HTTP around them.

internal import Contract
internal import LoopbackServer
internal import Synchronization

/// A simulated Runway. It stops when it is let go of.
package final class RunwaySimulator: Sendable {
    private let core: Core
    private let server: LoopbackServer

    /// Starts one on the configuration's port.
    /// - Parameter clock: nanoseconds since 1970, never going back; drive it by hand and tasks take as long as you say.
    /// - Throws: `LoopbackFailure` when it cannot listen.
    package init(
        _ configuration: RunwayConfiguration = RunwayConfiguration(),
        clock: @escaping @Sendable () -> Int64 = SteadyClock.now
    ) throws {
        let core = Core(configuration, clock: clock)
        self.core = core
        server = try LoopbackServer(
            port: configuration.port, remembersRequests: false, onHead: { core.meet($0) }, handler: { core.answer($0) })
        core.change { $0.port = server.port }
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
    package var books: Books { core.books() }

    /// Begins anew: no tasks, no faults, the balance of the start.
    package func reset() { core.reset() }

    /// Stops listening and ends every connection.
    package func stop() { server.stop() }
}

/// What all connections share.
final class Core: Sendable {
    /// Everything that changes.
    struct Live: Sendable {
        var book: RunwayBook
        var faults = FaultList()
        var random: Randomness
        var port: UInt16 = 0
        var signatures = 0
    }

    let configuration: RunwayConfiguration
    let clock: @Sendable () -> Int64
    private let live: Mutex<Live>
    let pictures = PictureStore()
    let signer: AddressSigner

    init(_ configuration: RunwayConfiguration, clock: @escaping @Sendable () -> Int64) {
        self.configuration = configuration
        self.clock = clock
        var random = Randomness(seed: configuration.seed)
        signer = AddressSigner(secret: random.uuid())
        live = Mutex(Live(book: RunwayBook(configuration), random: random))
    }

    func reset() {
        live.withLock { live in
            live.book = RunwayBook(configuration)
            live.faults.clear()
        }
    }

    /// Changes or reads what changes, alone.
    func change<Answer: Sendable>(_ body: (inout Live) -> Answer) -> Answer { live.withLock { body(&$0) } }

    /// Does something in the present: whatever was to happen before has happened.
    func now<Answer: Sendable>(_ body: (inout Live, Int64) -> Answer) -> Answer {
        live.withLock { live in
            let moment = clock()
            live.book.advance(to: moment)
            return body(&live, moment)
        }
    }

    /// The address by which a client reached the simulator, for addresses in answers; a TLS front before it says so.
    func base(of request: LoopbackRequest) -> String {
        let scheme = request.header("X-Forwarded-Proto") == "https" ? "https" : "http"
        return "\(scheme)://" + (request.header("Host") ?? "127.0.0.1:\(change { $0.port })")
    }

    // MARK: Faults

    /// The answer of a fault for which nothing is done, if one waits for this call.
    func spoiled(_ place: FaultPlace, _ call: FaultCall) -> LoopbackReply? {
        let fault = live.withLock { live in
            live.faults.take(at: place, call) { !$0.isDone }
        }
        return fault.map { Disturbance.instead(of: $0) }
    }

    /// Does a call together with the fault that waits for it, in one piece: the fault is used up if the call is done.
    func commit<Answer: Sendable>(
        _ place: FaultPlace, _ call: FaultCall,
        _ body: (inout Live, Int64, Fault?) -> (answer: Answer, isDone: Bool)
    ) -> (answer: Answer, fault: Fault?) {
        now { live, moment in
            let fault = live.faults.next(at: place, call).flatMap { $0.isDone ? $0 : nil }
            let outcome = body(&live, moment, fault)
            guard fault != nil, outcome.isDone else { return (outcome.answer, nil) }
            _ = live.faults.take(at: place, call) { $0.isDone }
            return (outcome.answer, fault)
        }
    }
}
