// Watches over the loop from a thread of its own, and ends the connection that holds it up.
//
// libcurl 7.88 reads a connection of HTTP/2 until there is something for its transfer or nothing more to read, all in
// one call. A server that keeps sending frames without content is so read for as long as it likes, and nobody else is
// served. Here is noticed that one call lasts, which connection is read meanwhile, and that this is more than any call
// reads of an honest answer; that connection is shut, and libcurl comes back with its transfers failed.
//
// The thread sleeps while no transfer is under way, and looks once a second while one is.

internal import Linux
internal import Synchronization

/// The watch over one loop.
final class Lifeguard: Sendable {
    /// Bytes of one connection read within one call. libcurl leaves an honest answer after a hundred pieces of at most
    /// 32 KiB, so this is five times what it can come to.
    static let limit: Int64 = 16 << 20

    private struct State: Sendable {
        var isAtWork = false
        /// Whether the thread looks in time by itself.
        var isTicking = false
        var isClosed = false
    }

    /// A call that lasts, and what had been read of each connection when that was noticed.
    private struct LongCall {
        let number: UInt64
        var consumed: [CInt: Int64] = [:]
    }

    private let tick: Int64
    private let state = Monitor(State())
    /// Odd within a call of libcurl's.
    private let calls = Atomic<UInt64>(0)
    private let cuts = Atomic<Int>(0)
    /// The sockets that are libcurl's, with what tells each from a later one of its number. A connection is given back
    /// before it is closed; what never became one libcurl closes without a word, and its number may be another's.
    private let sockets = Mutex<[CInt: UInt64]>([:])

    /// Starts the thread, which ends with `close`.
    /// - Parameter tick: nanoseconds between two looks.
    init(tick: Int64 = 1_000_000_000) {
        self.tick = tick
        OwnedThread.spawn(name: "vizd-lifeguard") { [self] in watch() }
    }

    /// Connections that were shut so far.
    var shut: Int { cuts.load(ordering: .relaxed) }

    /// Sockets that it watches over.
    var known: Int { sockets.withLock { $0.count } }

    // MARK: What the loop tells

    /// There are transfers under way, or none any more.
    func set(isAtWork: Bool) {
        let mustWake = state.look { state in
            state.isAtWork = isAtWork
            return isAtWork && !state.isTicking
        }
        if mustWake { state.change { _ in } }
    }

    /// libcurl has this socket from now on, whether or not it watches it: it may come from the first byte to the last
    /// of an answer, and into a flood, within one call.
    func add(_ socket: CInt) {
        guard let cookie = Socket.cookie(socket) else { return }
        sockets.withLock { $0[socket] = cookie }
    }

    /// This connection is about to be closed.
    func remove(_ socket: CInt) { sockets.withLock { $0[socket] = nil } }

    /// Runs a call of libcurl's that may read from a network.
    func over<Answer>(_ call: () -> Answer) -> Answer {
        calls.add(1, ordering: .releasing)
        defer { calls.add(1, ordering: .releasing) }
        return call()
    }

    /// Ends the thread.
    func close() { state.change { $0.isClosed = true } }

    // MARK: The thread

    private func watch() {
        while let isClosed = state.wait({ $0.isClosed || $0.isAtWork ? $0.isClosed : nil }) {
            if isClosed { return }
            state.look { $0.isTicking = true }
            lookAround()
        }
    }

    /// Looks once a tick until there is nothing to watch over.
    private func lookAround() {
        var long: LongCall?
        while true {
            if state.wait(until: MonotonicClock.now() + tick, { $0.isClosed ? true : nil }) != nil { return }
            let isOver = state.look { state in
                state.isTicking = state.isAtWork
                return !state.isAtWork
            }
            if isOver { return }
            let number = calls.load(ordering: .acquiring)
            if number % 2 == 0 {
                long = nil
            } else if let known = long, known.number == number {
                long = judge(known)
            } else {
                long = LongCall(number: number)
            }
        }
    }

    /// Shuts what was read too much of in a call that goes on, and remembers what is new.
    private func judge(_ call: LongCall) -> LongCall {
        var call = call
        sockets.withLock { sockets in
            for (socket, cookie) in sockets {
                guard let consumed = Socket.consumed(socket), Socket.cookie(socket) == cookie else {
                    sockets[socket] = nil
                    continue
                }
                if let before = call.consumed[socket], consumed - before > Lifeguard.limit {
                    Socket.shut(socket)
                    cuts.add(1, ordering: .relaxed)
                    call.consumed[socket] = nil
                } else if call.consumed[socket] == nil {
                    call.consumed[socket] = consumed
                }
            }
        }
        return call
    }
}
