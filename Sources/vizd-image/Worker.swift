// vizd-image, the image worker: it serves the daemon's orders one after another over the socket on descriptor 0 and is
// the only program here that links libvips. It opens no path, has no environment and no other descriptors; photos come
// as descriptors with the order, encoded pictures go into files in memory that come with it. A broken or hostile photo
// can end this process and nothing else. It leaves when the daemon closes the socket, and dies with the daemon.

import CVipsShim
import ImagingWire
import Linux

@main
struct Worker {
    private let socket: MessageSocket

    static func main() {
        do throws(SystemFailure) {
            try ProcessLimits.confine(addressSpace: addressSpace, openFiles: 16, fileBytes: 1 << 30)
            try Worker(socket: MessageSocket(Descriptor(owning: 0))).run()
        } catch {
            Terminal.write("vizd-image: \(error). It is vizd's image worker: vizd starts it, nobody else.\n", to: 2)
            Host.exit(64)
        }
    }

    /// Bytes of address space, from the only argument; 2 GiB without one.
    private static var addressSpace: Int {
        CommandLine.arguments.dropFirst().first.flatMap { Int($0) } ?? 2 << 30
    }

    private func run() throws(SystemFailure) {
        try Picture.start()
        try socket.send(WorkerMessage.hello.encode())
        while let message = try socket.receive() {
            do throws(WireFault) {
                let order = try ImageOrder(decoding: message.bytes)
                try serve(order, message.files)
            } catch {
                // The daemon is of another build, or it is not the daemon. There is nothing to be served.
                throw SystemFailure(call: "order", errno: .invalid, subject: error.field)
            }
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
                number: order.number, source: source, picture: picture, residentPeak: ProcessLimits.residentPeak)
        } catch {
            return .failed(
                number: order.number, code: error.code, detail: error.message,
                residentPeak: ProcessLimits.residentPeak)
        }
    }
}
