// The units that systemd reads: what they permit, that systemd understands them, and that they agree with the program.

import ArgumentParser
import Foundation
import Linux
import TestSupport
import Testing

@testable import vizd

private let analyze = "/usr/bin/systemd-analyze"

private let hasAnalyze: Bool = {
    let has = FileManager.default.isExecutableFile(atPath: analyze)
    if !has { print("skipped: \(analyze) is not installed, so nobody can judge the units") }
    return has
}()

@Suite("Units")
struct UnitFileTests {
    private static let units = ["vizd.service", "vizd@.service"]

    private func text(_ name: String) throws -> String {
        String(decoding: try Host.readFile("\(Repository.root)/systemd/\(name)", limit: 1 << 16), as: UTF8.self)
    }

    /// The lines that say something.
    private func lines(_ name: String) throws -> [String] {
        try text(name).split(separator: "\n").map(String.init).filter { !$0.hasPrefix("#") }
    }

    /// Runs systemd-analyze; all that it says.
    private func analyzed(_ arguments: [String]) throws -> (status: Int32, output: String) {
        let process = SpawnedProcess()
        process.executableURL = URL(filePath: analyze)
        process.arguments = arguments
        let pipe = Pipe()
        (process.standardOutput, process.standardError) = (pipe, pipe)
        try process.run()
        let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return (process.terminationStatus, output)
    }

    @Test("their exposure is 1.3 at most", .enabled(if: hasAnalyze), arguments: units)
    @Outside
    func exposure(unit: String) throws {
        let path = "\(Repository.root)/systemd/\(unit)"
        let run = try analyzed(["security", "--offline=true", "--threshold=13", "--no-pager", path])
        #expect(run.status == 0, "\(run.output.suffix(3000))")
        #expect(run.output.contains("Overall exposure level"))
    }

    @Test("systemd finds no fault in them", .enabled(if: hasAnalyze), arguments: units)
    @Outside
    func verified(unit: String) throws {
        let folder = "/tmp/vizd-units-\(Random.hex(bytes: 8))"
        try Host.makeDirectories(folder)
        defer { #expect(throws: Never.self) { try FileManager.default.removeItem(atPath: folder) } }
        // The programs where they are now; man pages are not installed here.
        let here = try text(unit).replacing("/usr/bin/vizd", with: BuiltProducts.path(of: "vizd"))
            .replacing("/usr/lib/vizd/make-spool", with: "\(Repository.root)/systemd/make-spool")
        try Data(here.utf8).write(to: URL(filePath: "\(folder)/\(unit)"))
        let run = try analyzed(["verify", "--man=no", "\(folder)/\(unit)"])
        #expect(run.status == 0 && run.output.isEmpty, "\(run.output)")
    }

    @Test("the template says what the plain unit says, but for the names of its own spool")
    func same() throws {
        func general(_ name: String) throws -> [String] {
            try lines(name).filter { !$0.hasPrefix("ExecStart") && !$0.hasPrefix("AssertPathExists") }
                .filter { !$0.hasPrefix("Description") }.map { $0.replacing("-%i", with: "") }
        }
        #expect(try general("vizd@.service") == general("vizd.service"))
    }

    @Test("every secret setting can be given as a credential, each under the name that vizd looks for")
    func credentials() throws {
        let secrets = SettingsTable.all.filter(\.isSecret).map { $0.key.replacing(".", with: "-") }
        for (unit, prefix) in zip(Self.units, ["vizd", "vizd-%i"]) {
            let given = try lines(unit).filter { $0.hasPrefix("LoadCredential=") }
            #expect(given.sorted() == secrets.map { "LoadCredential=\($0):\(prefix).\($0)" }.sorted())
        }
    }

    @Test("they name no option, command or variable that vizd does not know")
    func known() throws {
        for unit in Self.units {
            for line in try lines(unit) where line.hasPrefix("Environment=VIZD_") {
                let name = line.dropFirst("Environment=VIZD_".count).prefix { $0 != "=" }
                let known = SettingsTable.all.map { $0.key.replacing(".", with: "_").uppercased() }
                #expect(known.contains(String(name)), "\(line)")
            }
            for line in try lines(unit) where line.hasPrefix("ExecStart=") {
                let words = line.split(separator: " ").dropFirst().map {
                    $0 == "/etc/vizd/%i.conf" ? "/dev/null" : "\($0)"
                }
                #expect(throws: Never.self) { _ = try Vizd.parseAsRoot(words) }
            }
        }
    }

    @Test("a start speaks up after two seconds, and not more often than every two")
    func pace() {
        var pace = PulsePace(from: 10)
        let interval = PulsePace.interval
        let moments = [10, 9 + interval, 10 + interval, 9 + 2 * interval, 10 + 2 * interval]
        let answers = moments.map { pace.isDue(at: $0) }
        #expect(answers == [false, false, true, false, true])
        // What is asked for is longer than the pause between two questions.
        #expect(PulsePace.extensionMicroseconds * 1000 > 10 * PulsePace.interval)
    }
}
