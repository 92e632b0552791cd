// An authority of the tests' own and certificates of it, good and bad, made by the `openssl` command in a folder that
// is removed with them.

import Glibc
import Linux

/// What certificate a server shows.
package enum CertificateKind: String, Sendable, CaseIterable {
    /// For `localhost`, `provider.test`, `downloads.test` and 127.0.0.1.
    case good
    /// For `elsewhere.test` alone.
    case wrongHost
    case expired
    /// Signed by itself.
    case selfSigned
}

/// An authority and its certificates.
package final class Certificates: Sendable {
    /// Where they lie.
    package let folder: String
    /// The authority that clients have to trust.
    package var caFile: String { "\(folder)/authority.pem" }

    private static let names = "DNS:localhost,DNS:provider.test,DNS:downloads.test,IP:127.0.0.1"
    private static let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]

    /// Makes the authority. Blocks for some tens of milliseconds.
    package init() throws {
        folder = "\(Host.environment["TMPDIR"] ?? "/tmp")/vizd-certificates-\(Random.hex(bytes: 8))"
        try Host.makeDirectories(folder)
        try Certificates.openssl(
            ["req", "-x509"] + Certificates.key
                + [
                    "-keyout", "\(folder)/authority.key", "-out", caFile, "-days", "30", "-subj",
                    "/CN=vizd test authority",
                ]
        )
    }

    deinit { _ = ProgramRun.finish("/bin/rm", ["-rf", folder]) }

    /// Makes a certificate; answers the files of key and certificate.
    package func issue(_ kind: CertificateKind) throws -> (key: String, certificate: String) {
        let base = "\(folder)/\(kind.rawValue)-\(Random.hex(bytes: 4))"
        let names = kind == .wrongHost ? "DNS:elsewhere.test" : Certificates.names
        let files = (key: "\(base).key", certificate: "\(base).pem")
        let request = ["-keyout", files.key, "-subj", "/CN=vizd test server", "-addext", "subjectAltName=\(names)"]
        if kind == .selfSigned {
            try Certificates.openssl(["req", "-x509"] + Certificates.key + request + ["-out", files.certificate])
            return files
        }
        try Certificates.openssl(["req", "-new"] + Certificates.key + request + ["-out", "\(base).csr"])
        try Certificates.openssl([
            "x509", "-req", "-in", "\(base).csr", "-CA", caFile, "-CAkey", "\(folder)/authority.key", "-CAcreateserial",
            "-days", kind == .expired ? "-1" : "30", "-copy_extensions", "copy", "-out", files.certificate,
        ])
        return files
    }

    private static func openssl(_ arguments: [String]) throws {
        guard ProgramRun.finish("/usr/bin/openssl", arguments) else {
            throw Overdue(description: "openssl \(arguments.first ?? "") failed")
        }
    }
}

/// Running programs to their end.
package enum ProgramRun {
    /// Starts a program without standard streams; nil when that fails.
    package static func start(_ path: String, _ arguments: [String]) -> Int32? {
        var words = ([path] + arguments).map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for number in CInt(0)...2 { posix_spawn_file_actions_addopen(&actions, number, "/dev/null", O_RDWR, 0) }
        var process: Int32 = 0
        return posix_spawn(&process, path, &actions, nil, &words, nil) == 0 ? process : nil
    }

    /// Waits for a program; answers whether it ended well.
    package static func finish(_ path: String, _ arguments: [String]) -> Bool {
        guard let process = start(path, arguments) else { return false }
        var status: CInt = 0
        while waitpid(process, &status, 0) == -1 { guard errno == EINTR else { return false } }
        return status == 0
    }
}
