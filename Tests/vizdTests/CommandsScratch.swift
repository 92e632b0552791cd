// What the tests of the commands share: a spool in a folder of its own, results and statuses to put into it, and a way
// to run the built program.

import Contract
import Foundation
import Linux
import Spool
import TestSupport
import Testing

@testable import vizd

/// A spool in a temporary folder, removed with everything in it when the test lets go of it.
final class ScratchSpool: Sendable {
    let path: String

    init(boxes: [Box] = Box.allCases) throws {
        path = "/tmp/vizd-commands-\(Random.hex(bytes: 8))"
        for box in boxes { try Host.makeDirectories("\(path)/\(box.rawValue)", mode: 0o770) }
    }

    deinit {
        do { try FileManager.default.removeItem(atPath: path) } catch { Issue.record("\(path) stays behind: \(error)") }
    }

    func reader() throws -> SpoolReader { try SpoolReader(path: path) }

    func write(_ bytes: [UInt8], _ name: String, in box: Box) throws {
        let folder = try Directory(path: "\(path)/\(box.rawValue)")
        try folder.publish(bytes, as: FileName(name), temporary: ".t", durable: false)
    }

    func names(in box: Box) throws -> [String] {
        try Directory(path: "\(path)/\(box.rawValue)").names().map(\.description)
    }
}

func reference(_ name: String) throws -> JobReference { try #require(JobReference(name)) }

enum Sample {
    static let now = Timestamp(rfc3339: "2026-11-24T02:18:03.123Z")!

    static func status(_ percent: Int = 53, stage: Stage = .generate, message: String = "The picture is made.")
        -> [UInt8]
    {
        StatusDocument(
            jobID: "a", progress: percent, stage: stage, message: message, estimatedTime: 12.2, attempt: 1,
            userID: "peichin", outfitID: "o-17", provider: "Flat lay", updatedAt: now
        ).encode()
    }

    static func complete(_ job: String = "a", path: String = "/srv/o-17.jpg", cost: ResultDocument.Cost = .init())
        -> ResultDocument
    {
        let picture = ResultDocument.Picture(
            imageURL: "wardrobe_photos/peichin/items/visualizations/o-17.jpg", storage: .local(path: path),
            generationTime: 0.5, provider: "Flat lay", making: .init(),
            image: .init(
                width: 1080, height: 1440, bytes: 1000, sha256: String(repeating: "0", count: 64),
                contentType: "image/jpeg"))
        return ResultDocument(
            jobID: job, progress: 100, outcome: .complete(picture: picture, views: []), cost: cost,
            timing: .init(total: 0.7), userID: "peichin", outfitID: "o-17", attempts: 1, requestSHA256: nil,
            metadata: nil, finishedAt: now, version: "0.1.0")
    }

    static func failed(_ job: String = "a", _ failure: ResultDocument.Failure) -> ResultDocument {
        ResultDocument(
            jobID: job, progress: 10, outcome: .failed(failure), userID: "peichin", outfitID: "o-17", attempts: 0,
            requestSHA256: nil, metadata: nil, finishedAt: now, version: "0.1.0")
    }
}

/// One run of the built program.
struct ProgramRun {
    let status: Int32
    let output: String
    let errors: String

    init(_ arguments: [String], environment: [String: String] = [:], input: String = "") throws {
        let process = SpawnedProcess()
        process.executableURL = URL(fileURLWithPath: try BuiltProducts.path(of: "vizd"))
        process.arguments = arguments
        process.environment = ["PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"].merging(environment) { $1 }
        let (stdin, stdout, stderr) = (Pipe(), Pipe(), Pipe())
        (process.standardInput, process.standardOutput, process.standardError) = (stdin, stdout, stderr)
        try process.run()
        stdin.fileHandleForWriting.write(Data(input.utf8))
        try stdin.fileHandleForWriting.close()
        // What these commands say fits into the pipes, so that one after the other may be read.
        output = String(decoding: stdout.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        errors = String(decoding: stderr.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        status = process.terminationStatus
    }

    /// On a spool, without any configuration file.
    init(_ arguments: String..., spool: ScratchSpool, input: String = "") throws {
        try self.init(arguments, environment: ["VIZD_SPOOL_DIR": spool.path], input: input)
    }
}
