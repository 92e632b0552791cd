// One worker process as its bench sees it: started, greeted, given orders, killed. All calls block, on the bench's own
// thread; the worker is killed by the kernel when that thread ends. Nothing that the worker says is believed beyond the
// bounds of the wire: a worker that was taken over by a hostile photo can spoil that photo's order and no more.

import ImagingWire
import Linux
import Synchronization

/// Why an exchange with a worker ended without an answer.
enum WorkerTrouble: Error {
    /// It is gone; it never was ours to speak to, or it closed the socket.
    case gone(String)
    /// The deadline passed.
    case late
    /// vizd is stopping.
    case stopping
}

/// Wakes a bench: for an order that it was given, or because vizd is stopping.
final class Bell: Sendable {
    private let wake: EventFD
    private let stopped = Atomic(false)

    init() throws(SystemFailure) { wake = try EventFD() }

    var raw: CInt { wake.raw }

    func ring() { wake.signal() }

    func stop() {
        stopped.store(true, ordering: .releasing)
        wake.signal()
    }

    /// Takes the ringing back; true when vizd is stopping. A bench at work may hear the bell of the order that it has.
    func answered() -> Bool {
        wake.drain()
        return stopped.load(ordering: .acquiring)
    }
}

/// Belongs to its bench's thread.
final class WorkerProcess {
    private let socket: MessageSocket
    private var child: ChildProcess?
    let processID: Int32

    /// Readable when the worker has gone (or speaks unasked, which is as bad).
    var raw: CInt { socket.raw }

    private init(executable: String, limits: ImageLimits) throws(SystemFailure) {
        let (ours, theirs) = try MessageSocket.pair()
        let child = try ChildProcess(
            executable: executable, arguments: ["\(limits.addressSpace)", "\(limits.outputBytes)"],
            input: try theirs.duplicate())
        socket = ours
        processID = child.processID
        self.child = consume child
    }

    /// Starts a worker and waits for its greeting. One that is late with it says nothing of the photo that it was
    /// started for, so it counts as gone.
    static func start(executable: String, limits: ImageLimits, bell: Bell) throws(WorkerTrouble) -> WorkerProcess {
        let worker: WorkerProcess
        do throws(SystemFailure) {
            worker = try WorkerProcess(executable: executable, limits: limits)
        } catch {
            throw .gone("\(error)")
        }
        let deadline = MonotonicClock.now() + limits.startDeadline
        let greeting: WorkerMessage
        do throws(WorkerTrouble) {
            greeting = try worker.receive(deadline: deadline, bell: bell)
        } catch {
            guard case .late = error else { throw error }
            throw .gone("it had not begun after \(Double(limits.startDeadline) / 1e9) s")
        }
        switch greeting {
        case .hello: return worker
        case .failed(_, .unavailable, let detail, _): throw .gone(detail)
        default: throw .gone("it spoke another protocol")
        }
    }

    /// Hands the order over and waits until the worker has read it.
    /// - Throws: before the worker has begun on it; another worker may have it.
    func hand(
        _ order: ImageOrder, _ files: [OpenFile], deadline: Int64, bell: Bell, sent: () -> Void
    ) throws(WorkerTrouble) {
        do throws(SystemFailure) {
            try socket.send(order.encode(), files: files)
        } catch {
            throw .gone("\(error)")
        }
        sent()
        let answer = try receive(deadline: deadline, bell: bell)
        guard answer == .begun(number: order.number) else { throw .gone("it answered another order") }
    }

    /// Kills it and says how it had ended.
    func end() -> String {
        guard let process = child.take() else { return "had ended before" }
        do throws(SystemFailure) { return try process.end().description } catch { return "ended (\(error))" }
    }

    /// Waits for what the worker says next.
    func receive(deadline: Int64, bell: Bell) throws(WorkerTrouble) -> WorkerMessage {
        try wait(until: deadline, bell)
        let message: ReceivedMessage?
        do throws(SystemFailure) {
            message = try socket.receive(deadline: deadline)
        } catch {
            throw .gone("\(error)")
        }
        guard let message else { throw .gone("it left without a word") }
        do throws(WireFault) {
            return try WorkerMessage(decoding: message.bytes)
        } catch {
            throw .gone("it sent a message that cannot be read: \(error.field)")
        }
    }

    private func wait(until deadline: Int64, _ bell: Bell) throws(WorkerTrouble) {
        while true {
            let left = deadline - MonotonicClock.now()
            let ready: [Bool]
            do throws(SystemFailure) {
                ready = try Poll.readable([socket.raw, bell.raw], timeout: left)
            } catch {
                throw .gone("\(error)")
            }
            if ready[0] { return }
            if ready[1] && bell.answered() { throw .stopping }
            if left <= 0 { throw .late }
        }
    }
}
