// The drop-box as systemd/vizd.tmpfiles makes it, with the real uids of several submitters and of the daemon: what one
// of them may do to another's request (nothing), and who reads what comes of it. Needs root, to become those users.

import Contract
import Foundation
import Linux
import TestSupport
import Testing

/// Users of this test alone; they need no entry in /etc/passwd.
private enum User: Int {
    case vizd = 64_101
    case alice, bob, stranger

    static let submitters = 64_100

    /// Options of setpriv(1).
    var identity: [String] {
        let groups = self == .stranger ? ["--clear-groups"] : ["--groups", "\(User.submitters)"]
        return ["/usr/bin/setpriv", "--reuid", "\(rawValue)", "--regid", "\(rawValue)", "--no-new-privs"] + groups
    }
}

/// A site whose spool is the shipped drop-box.
private final class DropBox {
    let site: Site

    init() throws {
        site = try Site()
        let rules = String(
            decoding: try Host.readFile("\(Repository.root)/systemd/vizd.tmpfiles", limit: 1 << 16), as: UTF8.self
        ).split(separator: "\n").filter { !$0.hasPrefix("#") && $0.contains("/var/spool/vizd") }
        let own = rules.joined(separator: "\n").replacing("/var/spool/vizd", with: "SPOOL")
            .replacing("vizd-submit", with: "\(User.submitters)").replacing("vizd", with: "\(User.vizd.rawValue)")
            .replacing("SPOOL", with: site.spool)
        try write(own + "\n", to: "\(site.path)/rules.conf")
        try shell(
            """
            set -e
            chmod 755 '\(site.path)'
            systemd-tmpfiles --create '\(site.path)/rules.conf'
            mkdir '\(site.path)/bin' '\(site.state)'
            cp '\(try BuiltProducts.path(of: "vizd"))' '\(try BuiltProducts.path(of: "vizd-image"))' '\(site.path)/bin/'
            chown -R \(User.vizd.rawValue):\(User.vizd.rawValue) '\(site.state)' '\(site.wardrobe)'
            """)
    }

    private func write(_ text: String, to path: String) throws { try Data(text.utf8).write(to: URL(filePath: path)) }

    private func shell(_ script: String) throws {
        let run = try Spoken(["/bin/sh", "-c", script])
        guard run.status == 0 else { throw Overdue(description: "the drop-box cannot be made: \(run.output)") }
    }

    /// A shell script in the spool's folder, as one of the users.
    func run(as user: User, _ script: String) throws -> Spoken {
        try Spoken(
            user.identity + ["/bin/sh", "-c", "cd '\(site.spool)' && " + script], environment: site.environment())
    }

    /// The daemon as its own user, under the umask of its unit.
    func daemon() throws -> DaemonRun {
        let script = "umask 0027; shift; exec '\(site.path)/bin/vizd' \"$@\""
        return try site.ready(through: User.vizd.identity + ["/bin/sh", "-c", script, "sh"])
    }
}

/// A command run to its end, with all it said.
private struct Spoken {
    let status: Int32
    let output: String

    init(_ command: [String], environment: [String: String] = ["PATH": "/usr/bin:/bin"]) throws {
        let process = Process()
        process.executableURL = URL(filePath: command[0])
        process.arguments = Array(command.dropFirst())
        process.environment = environment
        let pipe = Pipe()
        (process.standardOutput, process.standardError) = (pipe, pipe)
        process.standardInput = FileHandle.nullDevice
        try process.run()
        output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        status = process.terminationStatus
    }
}

/// The shipped rules need systemd-tmpfiles, and other users need root.
private let canBecomeOthers: Bool = {
    let can = Host.userID == 0 && FileManager.default.isExecutableFile(atPath: "/usr/bin/systemd-tmpfiles")
    if !can { print("skipped: the drop-box with real uids needs root and systemd-tmpfiles") }
    return can
}()

extension EndToEnd {
    @Suite("The drop-box", .enabled(if: canBecomeOthers))
    @Outside
    struct DropBoxTests {
        @Test("nobody lists, reads, replaces, removes or links another's request, even by its name")
        func apart() throws {
            let box = try DropBox()
            let text = Fixture.request(2)
            // A careful umask must not hide the request from vizd, a careless one must not show it to others.
            for (name, umask) in [("careful", "077"), ("careless", "000")] {
                let drop = "umask \(umask); printf '%s' '\(text)' >tmp/\(name).json && mv -n tmp/\(name).json incoming/"
                #expect(try box.run(as: .alice, drop).status == 0)
                for attempt in [
                    "ls incoming", "ls tmp", "cat incoming/\(name).json", "rm -f incoming/\(name).json",
                    "echo x >incoming/\(name).json", "echo x >>incoming/\(name).json",
                    "echo x >tmp/b && mv -f tmp/b incoming/\(name).json", "mv incoming/\(name).json incoming/mine.json",
                    "ln incoming/\(name).json tmp/mine.json", "chmod 666 incoming/\(name).json",
                ] {
                    #expect(try box.run(as: .bob, attempt).status != 0, "bob: \(attempt)")
                    #expect(try box.run(as: .stranger, attempt).status != 0, "a stranger: \(attempt)")
                }
            }
            let daemon = try box.daemon()
            for name in ["careful", "careless"] {
                let result = try ResultDocument.decode(daemon.result(name, in: "done"))
                #expect(result.submitterUID == UInt32(User.alice.rawValue))
            }
            #expect(try daemon.stop() == 0)
            #expect(try box.site.file("done", "careful.json") == Array(text.utf8))
        }

        @Test("results are for the group to read, requests for their owners, what is in progress for vizd alone")
        func readers() throws {
            let box = try DropBox()
            let daemon = try box.daemon()
            #expect(try box.run(as: .alice, "printf '%s' '\(Fixture.request(2))' >incoming/a.json").status == 0)
            _ = try daemon.complete("a")
            #expect(try box.run(as: .bob, "cat done/a.result.json").output.contains("\"complete\""))
            #expect(try box.run(as: .bob, "ls done").output.contains("a.result.json"))
            #expect(try box.run(as: .bob, "cat done/a.json").status != 0)
            #expect(try box.run(as: .alice, "cat done/a.json").output == Fixture.request(2))
            for attempt in ["rm -f done/a.result.json", "mv done/a.json incoming/", "echo x >done/b", "ls processing"] {
                #expect(try box.run(as: .alice, attempt).status != 0, "alice: \(attempt)")
            }
            #expect(try box.run(as: .stranger, "cat done/a.result.json").status != 0)
            #expect(try daemon.stop() == 0)
        }

        @Test("a request that its owner keeps for herself waits, the log says why; once vizd may read it, it is taken")
        func keptForHerself() throws {
            let box = try DropBox()
            let daemon = try box.daemon()
            let drop = "echo '{}' >tmp/p && chmod 600 tmp/p && mv tmp/p incoming/p.json"
            #expect(try box.run(as: .bob, drop).status == 0)
            let left = try daemon.awaitLine("request.left_alone", ["file": "p.json"])
            #expect(left["reason"]?.contains("uid \(User.bob.rawValue)") ?? false && left["reason"]!.contains("chmod"))
            #expect(try box.run(as: .bob, "ln -s /etc/shadow incoming/link.json").status == 0)
            #expect(try daemon.failed("link").code == .notARegularFile)
            #expect(try box.run(as: .bob, "chmod 640 incoming/p.json").status == 0)
            #expect(try daemon.failed("p").code == .invalidRequest)
            for name in ["p", "link"] {
                let result = try ResultDocument.decode(daemon.result(name, in: "failed"))
                #expect(result.submitterUID == UInt32(User.bob.rawValue))
            }
            #expect(try daemon.stop() == 0)
        }

        @Test("vizd submit --wait serves somebody who may only drop, and two may use the same name in turn")
        func commands() throws {
            let box = try DropBox()
            let daemon = try box.daemon()
            let vizd = "'\(box.site.path)/bin/vizd'"
            let submit = "\(vizd) submit --user peichin --outfit \(Fixture.outfit(2)) --name one --wait --timeout 60s"
            let first = try box.run(as: .alice, submit)
            #expect(first.status == 0 && first.output.contains(".jpg"), "\(first.output)")
            let second = try box.run(as: .bob, submit)
            #expect(second.status == 73 && second.output.contains("--name"), "\(second.output)")
            #expect(try box.run(as: .bob, "\(vizd) wait one").status == 0)
            let list = try box.run(as: .bob, "\(vizd) list")
            #expect(list.status == 0 && list.output.contains("one"), "\(list.output)")
            #expect(try daemon.stop() == 0)
        }
    }
}
