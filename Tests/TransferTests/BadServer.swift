// A server below HTTP that misbehaves in one way: `bad_server.py`, with a certificate that the client trusts.

import Glibc
import Linux
import TestSupport

@testable import Transfer

/// It ends with the last reference.
final class BadServer: Sendable {
    let port: UInt16
    private let certificates: Certificates
    private let folder: String
    private let process: pid_t

    private init(_ port: UInt16, _ certificates: Certificates, _ folder: String, _ process: pid_t) {
        (self.port, self.certificates, self.folder, self.process) = (port, certificates, folder, process)
    }

    deinit {
        kill(process, SIGKILL)
        while waitpid(process, nil, 0) == -1 && errno == EINTR {}
        _ = ProgramRun.finish("/bin/rm", ["-rf", folder])
    }

    /// Starts one that misbehaves in this way.
    static func start(_ way: String) async throws -> BadServer {
        let outcome: Result<BadServer, any Error> = await withCheckedContinuation { waiter in
            OwnedThread.spawn(name: "bad-server") { waiter.resume(returning: Result { try launch(way) }) }
        }
        return try outcome.get()
    }

    private static func launch(_ way: String) throws -> BadServer {
        let certificates = try Certificates()
        let files = try certificates.issue(.good)
        let folder = "/tmp/vizd-bad-server-\(Random.hex(bytes: 8))"
        try Host.makeDirectories(folder)
        let script = "\(Repository.root)/Tests/TransferTests/bad_server.py"
        guard let process = ProgramRun.start("/usr/bin/python3", [script, way, files.key, files.certificate, folder])
        else { throw Overdue(description: "python3 does not start") }
        let deadline = MonotonicClock.now() + Patience.limit
        let directory = try Directory(path: folder)
        while try directory.infoIfPresent(of: "port") == nil {
            guard MonotonicClock.now() < deadline, waitpid(process, nil, WNOHANG) == 0 else {
                throw Overdue(description: "bad_server.py does not start")
            }
            poll(nil, 0, 5)
        }
        let text = String(decoding: try Host.readFile("\(folder)/port", limit: 16), as: UTF8.self)
        guard let port = UInt16(text) else { throw Overdue(description: "bad_server.py has port \(text)") }
        return BadServer(port, certificates, folder, process)
    }

    /// The requests that reached it.
    func requests() throws -> Int {
        try Directory(path: folder).names().count { $0.description.hasPrefix("request-") }
    }

    /// The authority that clients have to trust.
    var caFile: String { certificates.caFile }

    /// A client that trusts it.
    func client() throws -> CurlTransfer {
        var settings = TransferSettings()
        settings.caFile = caFile
        settings.resolve = ["provider.test:\(port):127.0.0.1"]
        return try CurlTransfer(settings)
    }
}
