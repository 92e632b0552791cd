// An HTTP/1.1 server on 127.0.0.1 for tests, with a thread a connection and blocking sockets: small enough to be
// believed, fast enough for load runs, and able to do everything to a client that a bad network does.
//
// Promises: keep-alive and pipelining, bodies by length and in chunks, HEAD; requests of one connection are handled in
// their order; after `stop` nothing listens and no connection lives. A request that was cut off is remembered
// (`isWhole` false) and not handled. Fails only when it cannot be set up.

internal import Glibc
internal import Synchronization

/// The server. It stops when it is let go of.
package final class LoopbackServer: Sendable {
    /// What its threads share with it; they do not keep the server itself.
    private final class Shared: Sendable {
        struct State {
            var live: [Int: CInt] = [:]
            var accepted = 0
            var requests: [LoopbackRequest] = []
            var isListening = true
            var isStopped = false
        }

        let state = Mutex(State())
        let listener: CInt
        init(listener: CInt) { self.listener = listener }
    }

    private let shared: Shared

    /// The port that it listens on.
    package let port: UInt16

    /// Listens and serves.
    ///
    /// - Parameters:
    ///   - port: 0 takes any free one.
    ///   - remembersRequests: whether `requests` keeps them; off for runs of hundreds of thousands.
    ///   - maximumBody: bytes of one body; more are answered with 413.
    ///   - onHead: called when the head was read and the body not yet; an answer here leaves the body unread and the
    ///     connection is closed after it, unless there was no body.
    ///   - handler: called with whole requests, on the connection's own thread; it may block.
    /// - Throws: `LoopbackFailure` when the port is taken or the machine has no descriptor left.
    package init(
        port: UInt16 = 0, remembersRequests: Bool = true, maximumBody: Int = 256 << 20,
        onHead: (@Sendable (LoopbackRequest) -> LoopbackReply?)? = nil,
        handler: @escaping @Sendable (LoopbackRequest) -> LoopbackReply
    ) throws(LoopbackFailure) {
        let (listener, bound) = try Self.listen(port)
        let shared = Shared(listener: listener)
        self.shared = shared
        self.port = bound
        let service = Service(
            onHead: onHead, handler: handler,
            remember: { request in
                if remembersRequests { shared.state.withLock { $0.requests.append(request) } }
            }, maximumBody: maximumBody)
        let started = Self.spawn { Self.accept(shared, service) }
        guard started == 0 else {
            close(listener)
            throw LoopbackFailure(call: "pthread_create", errno: started)
        }
    }

    deinit { stop() }

    /// How many connections were accepted so far.
    package var connectionsAccepted: Int { shared.state.withLock { $0.accepted } }

    /// How many connections are open now.
    package var connectionsOpen: Int { shared.state.withLock { $0.live.count } }

    /// The requests so far, in the order in which they were read; those that were cut off too.
    package var requests: [LoopbackRequest] { shared.state.withLock { $0.requests } }

    /// Stops listening and ends every connection. Waits until their threads have let go, but not for a handler that
    /// blocks: a second at most.
    package func stop() {
        shared.state.withLock { state in
            guard !state.isStopped else { return }
            state.isStopped = true
            // Wakes the thread in accept(2), which then closes the descriptor.
            shutdown(shared.listener, CInt(SHUT_RDWR))
            for descriptor in state.live.values { shutdown(descriptor, CInt(SHUT_RDWR)) }
        }
        for _ in 0..<1000 where shared.state.withLock({ $0.isListening || !$0.live.isEmpty }) { poll(nil, 0, 1) }
    }

    // MARK: Listening

    private static func listen(_ port: UInt16) throws(LoopbackFailure) -> (CInt, UInt16) {
        let kind = CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        let listener = try checked("socket") { socket(AF_INET, kind, 0) }
        do throws(LoopbackFailure) {
            var on: CInt = 1
            _ = try checked("setsockopt") {
                setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<CInt>.size))
            }
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = port.bigEndian
            address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            var size = socklen_t(MemoryLayout<sockaddr_in>.size)
            _ = try checked("bind") { withAddress(&address) { bind(listener, $0, size) } }
            _ = try checked("listen") { Glibc.listen(listener, 4096) }
            _ = try checked("getsockname") { withAddress(&address) { getsockname(listener, $0, &size) } }
            return (listener, UInt16(bigEndian: address.sin_port))
        } catch {
            close(listener)
            throw error
        }
    }

    private static func withAddress(
        _ address: inout sockaddr_in, _ body: (UnsafeMutablePointer<sockaddr>) -> CInt
    ) -> CInt {
        withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1, body)
        }
    }

    private static func checked(_ call: String, _ body: () -> CInt) throws(LoopbackFailure) -> CInt {
        let answer = body()
        guard answer >= 0 else { throw LoopbackFailure(call: call, errno: errno) }
        return answer
    }

    // MARK: Threads

    /// Accepts until the server stops, then closes the listener: it alone may, so that its number is not reused while
    /// it is waited on.
    private static func accept(_ shared: Shared, _ service: Service) {
        while true {
            let descriptor = Glibc.accept(shared.listener, nil, nil)
            if shared.state.withLock({ $0.isStopped }) {
                if descriptor >= 0 { close(descriptor) }
                break
            }
            // EMFILE and its like: connections wait in the backlog until others end.
            guard descriptor >= 0 else {
                poll(nil, 0, 5)
                continue
            }
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
            converse(on: descriptor, shared, service)
        }
        close(shared.listener)
        shared.state.withLock { $0.isListening = false }
    }

    /// Serves a connection on a thread of its own.
    private static func converse(on descriptor: CInt, _ shared: Shared, _ service: Service) {
        let number = shared.state.withLock { state -> Int? in
            guard !state.isStopped else { return nil }
            state.accepted += 1
            state.live[state.accepted] = descriptor
            return state.accepted
        }
        guard let number else {
            close(descriptor)
            return
        }
        let started = spawn {
            let conversation = Conversation(Wire(owning: descriptor), number: number, service: service)
            // Off the list before the number is free: `stop` must not shut down somebody else's descriptor.
            conversation.run { shared.state.withLock { $0.live[number] = nil } }
        }
        guard started == 0 else {
            shared.state.withLock { $0.live[number] = nil }
            close(descriptor)
            return
        }
    }

    /// Starts a detached thread with half a megabyte of stack, of which only what is touched costs memory.
    /// - Returns: 0, or the error number.
    private static func spawn(_ body: @escaping @Sendable () -> Void) -> CInt {
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        pthread_attr_setstacksize(&attributes, 512 << 10)
        pthread_attr_setdetachstate(&attributes, CInt(PTHREAD_CREATE_DETACHED))
        let raw = Unmanaged.passRetained(Body(body)).toOpaque()
        var thread = pthread_t()
        let failed = pthread_create(
            &thread, &attributes,
            { raw in
                Unmanaged<Body>.fromOpaque(raw!).takeRetainedValue().run()
                return nil
            }, raw)
        if failed != 0 { Unmanaged<Body>.fromOpaque(raw).release() }
        return failed
    }

    private final class Body: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }
}
