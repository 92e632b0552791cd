// The short form of fuzzing, part of every run of the tests: all that is kept, and so many inputs of a fixed seed.
//
// A breach is told with its input in hexadecimal, made small. An input that ends the process stands in the file
// `vizd-fuzz-TARGET.input` of the temporary folder. Both belong into `Corpora/TARGET`, where they are tried for ever.

import Foundation
import TestSupport
import Testing

/// What is kept for a target.
private func corpus(of target: FuzzTarget) throws -> [[UInt8]] {
    let folder = "\(Repository.root)/Tests/FuzzingTests/Corpora/\(target.name)"
    guard FileManager.default.fileExists(atPath: folder) else { return [] }
    return try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
        .map { [UInt8](try Data(contentsOf: URL(filePath: "\(folder)/\($0)"))) }
}

/// A page that outlives the process: the input that is being tried.
private final class Trail {
    private static let size = 1 << 16
    private let page: UnsafeMutableRawPointer

    init(_ target: String) throws {
        let path = NSTemporaryDirectory() + "/vizd-fuzz-\(target).input"
        let file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0o600)
        try #require(file >= 0, "\(path) cannot be made")
        defer { close(file) }
        try #require(ftruncate(file, off_t(Trail.size)) == 0)
        page = try #require(mmap(nil, Trail.size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0))
        try #require(page != MAP_FAILED)
    }

    deinit { munmap(page, Trail.size) }

    /// Writes the length (8 bytes, little endian) and the input.
    func note(_ input: [UInt8]) {
        page.storeBytes(of: UInt64(input.count).littleEndian, as: UInt64.self)
        let room = UnsafeMutableRawBufferPointer(start: page + 8, count: Trail.size - 8)
        room.copyBytes(from: input.prefix(Trail.size - 8))
    }
}

@Suite("Fuzzing")
struct FuzzingTests {
    private static let targets = FuzzTargets.all + [.settings]
    /// Of the inputs that are made; VIZD_FUZZ_SEED takes others.
    private static let seed = ProcessInfo.processInfo.environment["VIZD_FUZZ_SEED"].flatMap { UInt64($0) } ?? 20_261_127
    /// How many times as long; VIZD_FUZZ_TIMES.
    private static let times = ProcessInfo.processInfo.environment["VIZD_FUZZ_TIMES"].flatMap { Int($0) } ?? 1

    @Test("no input breaks a promise", arguments: targets.map(\.name))
    func holds(_ name: String) throws {
        let target = try #require(FuzzingTests.targets.first { $0.name == name })
        let trail = try Trail(name)
        let campaign = Campaign(target: target, before: { trail.note($0) })
        let kept = try corpus(of: target)
        let old = campaign.replay(target.seeds + kept)
        #expect(old == nil, "\(old?.report ?? "")")
        let mutator = Mutator(target, corpus: kept, seed: FuzzingTests.seed)
        let new = campaign.run(mutator, executions: 0..<target.executions * FuzzingTests.times)
        #expect(new == nil, "\(new?.report ?? "")")
    }

    @Test("every folder of kept inputs is a target's, and all of them together are small")
    func corpora() throws {
        let root = "\(Repository.root)/Tests/FuzzingTests/Corpora"
        let names = Set(try FileManager.default.contentsOfDirectory(atPath: root)).subtracting(["README.md"])
        #expect(names.isSubset(of: FuzzingTests.targets.map(\.name)), "\(names)")
        let bytes = try FuzzingTests.targets.flatMap { try corpus(of: $0) }.reduce(0) { $0 + $1.count }
        #expect(bytes < 1 << 20, "\(bytes) bytes")
    }

    @Test("a broken promise is found and told with a small input, the same in every run")
    func finds() throws {
        let broken = FuzzTarget("broken", executions: 0, seeds: ["xxxxxxxx"], words: ["boom"]) { bytes in
            try hold(!String(decoding: bytes, as: UTF8.self).contains("boom"), "it went boom")
        }
        let campaign = Campaign(target: broken)
        let mutator = Mutator(broken, corpus: [], seed: 7)
        let found = try #require(campaign.run(mutator, executions: 0..<10_000))
        #expect(found.input == Array("boom".utf8) && found.breach == "it went boom")
        #expect(found.report.contains("626f6f6d"))
        #expect((0..<100).map(mutator.input) == (0..<100).map(Mutator(broken, corpus: [], seed: 7).input))
        #expect((0..<100).map(mutator.input) != (0..<100).map(Mutator(broken, corpus: [], seed: 8).input))
    }
}
