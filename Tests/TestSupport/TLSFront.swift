// TLS and HTTP/2 before a plain server: a real nghttpx, with certificates of the tests' own authority.
//
// It is started and waited for on a thread of its own; it ends with `stop`, with the last reference, and with that
// thread, so that nothing is left behind by a test that dies.

import Glibc
import Linux

/// An nghttpx that speaks TLS to clients and HTTP/1.1 to a server on this machine.
package final class TLSFront: Sendable {
    /// Where it listens, on 127.0.0.1.
    package let port: UInt16
    /// The authority that clients have to trust.
    package var caFile: String { certificates.caFile }
    private let certificates: Certificates
    private let process: pid_t
    private let ended: Monitor<Bool>

    private init(_ port: UInt16, _ certificates: Certificates, _ process: pid_t, _ ended: Monitor<Bool>) {
        (self.port, self.certificates, self.process, self.ended) = (port, certificates, process, ended)
    }

    deinit { stop() }

    /// Starts one.
    /// - Parameters:
    ///   - backendPort: of the plain server on 127.0.0.1.
    ///   - certificate: the one that it shows.
    ///   - offersHTTP2: whether it offers HTTP/2, or HTTP/1.1 only.
    ///   - certificates: an authority to share with other fronts; nil for one of its own.
    package static func start(
        backendPort: UInt16, certificate: CertificateKind = .good, offersHTTP2: Bool = true,
        certificates shared: Certificates? = nil
    ) async throws -> TLSFront {
        let outcome: Result<TLSFront, any Error> = await withCheckedContinuation { waiter in
            OwnedThread.spawn(name: "tls-front") {
                do {
                    let certificates = try shared ?? Certificates()
                    let files = try certificates.issue(certificate)
                    let arguments = arguments(backendPort, files, offersHTTP2)
                    let (port, process) = try launch(arguments)
                    let ended = Monitor(false)
                    waiter.resume(returning: .success(TLSFront(port, certificates, process, ended)))
                    reap(process)
                    ended.change { $0 = true }
                } catch {
                    waiter.resume(returning: .failure(error))
                }
            }
        }
        return try outcome.get()
    }

    /// Kills it, connections and all, and waits until it is gone.
    package func stop() {
        // The number is the process's own until `ended`, which says that it was reaped.
        ended.look { isOver in if !isOver { _ = Glibc.kill(process, SIGKILL) } }
        _ = ended.wait { $0 ? true : nil }
    }

    private static func arguments(
        _ backendPort: UInt16, _ files: (key: String, certificate: String), _ offersHTTP2: Bool
    ) -> [String] {
        [
            "--backend=127.0.0.1,\(backendPort)", "--conf=/dev/null", "--workers=1", "--single-process",
            "--no-ocsp", "--no-location-rewrite", "--errorlog-file=/dev/null", "--accesslog-file=/dev/null",
            "--npn-list=\(offersHTTP2 ? "h2,http/1.1" : "http/1.1")", files.key, files.certificate,
        ]
    }

    /// Starts nghttpx on a free port and waits until it listens. Another program may be faster to take the port: then
    /// nghttpx ends, and the next port is tried.
    private static func launch(_ arguments: [String]) throws -> (UInt16, pid_t) {
        for _ in 0..<5 {
            let port = try freePort()
            // The kernel ends it when this thread ends.
            let command = ["--pdeathsig", "KILL", "/usr/sbin/nghttpx", "--frontend=127.0.0.1,\(port)"] + arguments
            guard let process = ProgramRun.start("/usr/bin/setpriv", command) else { break }
            let deadline = MonotonicClock.now() + Patience.limit
            while MonotonicClock.now() < deadline, waitpid(process, nil, WNOHANG) == 0 {
                if listens(port) { return (port, process) }
                poll(nil, 0, 5)
            }
        }
        throw Overdue(description: "nghttpx does not start")
    }

    private static func reap(_ process: pid_t) {
        while waitpid(process, nil, 0) == -1 && errno == EINTR {}
    }

    private static func freePort() throws -> UInt16 {
        let number = socket(AF_INET, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        defer { close(number) }
        var address = loopback(0)
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let answer = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(number, $0, size) == 0 ? getsockname(number, $0, &size) : -1
            }
        }
        guard answer == 0 else { throw SystemFailure(call: "bind", errno: Errno(rawValue: errno), subject: "") }
        return UInt16(bigEndian: address.sin_port)
    }

    private static func listens(_ port: UInt16) -> Bool {
        let number = socket(AF_INET, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        defer { close(number) }
        var address = loopback(port)
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(number, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }

    private static func loopback(_ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return address
    }
}
