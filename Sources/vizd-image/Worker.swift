// vizd-image, the image worker: it serves the daemon's orders one after another over the socket on descriptor 0 and is
// the only program here that links libvips. It has no environment and no other descriptors; photos come as descriptors
// with the order, encoded pictures go into files in memory that come with it. Before the first order it closes its cell
// (Linux/Confinement.swift), after which it can open, start and reach nothing. A broken or hostile photo can end this
// process and nothing else. It leaves when the daemon closes the socket, and dies with the daemon.

import CVipsShim
import ImagingWire
import Linux

@main
struct Worker {
    private let socket: MessageSocket
    private let cell: Cell

    /// Seconds of CPU after which a worker leaves between two orders. Twice that kills it: one order that runs to the
    /// daemon's deadline on four cores fits in between.
    private static let cpuSeconds = 300

    static func main() {
        SignalFD.ignoreNews()
        let socket = MessageSocket(Descriptor(owning: 0))
        let worker: Worker
        do throws(SystemFailure) {
            worker = try Worker(socket)
        } catch {
            refuse(error, socket)
            Host.exit(64)
        }
        do throws(SystemFailure) { try worker.run() } catch { Host.exit(64) }
        // At once: what a runtime likes to do at the end may be nothing that is still allowed.
        Host.exit(0)
    }

    /// Says why there is no worker; to a person at a terminal, where there is no daemon.
    private static func refuse(_ failure: SystemFailure, _ socket: MessageSocket) {
        do throws(SystemFailure) {
            let reason = "the worker cannot lock itself in: \(failure)"
            try socket.send(
                WorkerMessage.failed(number: 0, code: .unavailable, detail: reason, residentPeak: 0).encode())
        } catch {
            Terminal.write("vizd-image: \(error). It is vizd's image worker: vizd starts it, nobody else.\n", to: 2)
        }
    }

    /// Limits first, then whatever libraries load, then the door.
    private init(_ socket: MessageSocket) throws(SystemFailure) {
        try ProcessLimits(
            addressSpace: Worker.argument(1, otherwise: 2 << 30), openFiles: 16,
            fileBytes: Worker.argument(2, otherwise: 64 << 20), cpuSeconds: 2 * Worker.cpuSeconds
        ).apply()
        try Cell.leaveNetwork()
        try Picture.start()
        (self.socket, cell) = (socket, try Cell())
    }

    private static func argument(_ place: Int, otherwise: Int) -> Int {
        CommandLine.arguments.dropFirst(place).first.flatMap { Int($0) } ?? otherwise
    }

    private func run() throws(SystemFailure) {
        try socket.send(WorkerMessage.hello.encode())
        while let message = try socket.receive() {
            do throws(WireFault) {
                let order = try ImageOrder(decoding: message.bytes)
                try serve(order, message.files)
            } catch {
                // The daemon is of another build, or it is not the daemon. There is nothing to be served.
                throw SystemFailure(call: "order", errno: .invalid, subject: error.field)
            }
            if cell.cpuTime > Int64(Worker.cpuSeconds) * 1_000_000_000 { return }
        }
    }

    private func serve(_ order: ImageOrder, _ files: [OpenFile]) throws(WireFault) {
        do throws(SystemFailure) {
            try socket.send(WorkerMessage.begun(number: order.number).encode())
            try socket.send(answer(order, files).encode())
        } catch {
            // The daemon is gone; so are we.
            Host.exit(0)
        }
    }

    private func answer(_ order: ImageOrder, _ files: [OpenFile]) -> WorkerMessage {
        do throws(ImageFailure) {
            let (source, picture) = try Bench(order, files).work()
            return .done(
                number: order.number, source: source, picture: picture, residentPeak: cell.residentPeak)
        } catch {
            return .failed(
                number: order.number, code: error.code, detail: error.message, residentPeak: cell.residentPeak)
        }
    }
}
