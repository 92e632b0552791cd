// The manual pages: every setting, request key and command is in them, and the formatters find nothing to complain of.

import ArgumentParser
import Contract
import Foundation
import Linux
import TestSupport
import Testing

@testable import vizd

private let mandoc = "/usr/bin/mandoc"

private let hasMandoc: Bool = {
    let has = FileManager.default.isExecutableFile(atPath: mandoc)
    if !has { print("skipped: \(mandoc) is not installed, so nobody can judge the manual pages") }
    return has
}()

@Suite("Manual pages")
struct ManualTests {
    private static let pages = ["vizd.8", "vizd.conf.5", "vizd-request.5"]

    private func page(_ name: String) throws -> String {
        String(decoding: try Host.readFile("\(Repository.root)/docs/man/\(name)", limit: 1 << 20), as: UTF8.self)
    }

    /// The tags of a page's lists, those that share a line apart: `.It Cm provider , model`.
    private func tags(_ name: String) throws -> Set<String> {
        let lines = try page(name).split(separator: "\n").filter { $0.hasPrefix(".It Cm ") }
        return Set(lines.flatMap { $0.dropFirst(7).split(separator: " ").filter { $0 != "," }.map(String.init) })
    }

    @Test("vizd.conf(5) has the settings that there are, and no others; scripts/man-settings writes them")
    func settings() throws {
        #expect(try tags("vizd.conf.5") == Set(SettingsTable.all.map(\.key)))
        // Sentence for sentence as in the configuration file, which is written from the table.
        let words = { (text: String) in text.split(whereSeparator: \.isWhitespace).joined(separator: " ") }
        let manual = words(try page("vizd.conf.5").replacing("\\&", with: "").replacing("\\e", with: "\\"))
        for setting in SettingsTable.all {
            #expect(manual.contains(".It Cm \(setting.key) \(words(setting.about))"), "\(setting.key)")
        }
    }

    @Test("vizd-request(5) has the keys that there are, and no others")
    func requestKeys() throws {
        #expect(try tags("vizd-request.5") == Set(RequestKey.allCases.map(\.rawValue)))
    }

    @Test("vizd(8) has the commands that there are, and no others")
    func commands() throws {
        let commands = Vizd.configuration.subcommands.map { $0._commandName }
        #expect(try tags("vizd.8") == Set(commands))
    }

    @Test("mandoc finds nothing to complain of", .enabled(if: hasMandoc), arguments: pages)
    @Outside
    func clean(name: String) throws {
        let process = SpawnedProcess()
        process.executableURL = URL(filePath: mandoc)
        process.arguments = ["-T", "lint", "-W", "warning", "\(Repository.root)/docs/man/\(name)"]
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let said = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        #expect(process.terminationStatus == 0 && said.isEmpty, "\(said)")
    }
}
