// What a photo can do that has taken its worker over: nothing to the machine, and to others no more than a little time.
// Each attempt is made inside the running worker, behind its closed door, by the preloaded intruder.

import Imaging
import Linux
import TestSupport
import Testing

@Suite("Intruders", .serialized)
struct IntruderTests {
    private let intruder: Intruder

    init() throws { intruder = try Intruder() }

    /// Runs with workers that have an intruder and are gone afterwards.
    private func with<Answer: Sendable>(
        _ count: Int = 1, _ change: (inout ImageLimits) -> Void = { _ in }, _ other: Intruder? = nil,
        _ body: (ImageWorkers) async throws -> Answer
    ) async throws -> Answer {
        var limits = ImageLimits()
        change(&limits)
        let workers = try ImageWorkers(executable: (other ?? intruder).worker, workers: count, limits: limits)
        do {
            let answer = try await body(workers)
            await workers.shutdown()
            return answer
        } catch {
            await workers.shutdown()
            throw error
        }
    }

    /// What the intruder wrote into its photo: a line each.
    private func lines(_ photo: OpenFile) throws -> [String] {
        let text = String(decoding: try photo.read(limit: 1 << 20).dropFirst(64), as: UTF8.self)
        return text.split(separator: "\n").map(String.init)
    }

    private func prepare(_ photo: OpenFile, _ workers: ImageWorkers) async -> ImageFailure? {
        await Studio.failure { () throws(ImageFailure) in try await workers.prepare(photo) }
    }

    @Test(
        "no file, nothing beyond what was handed over, and nothing of the machine can be had: EPERM to every attempt",
        arguments: [("files", 26), ("handed", 21), ("machine", 43)])
    func refused(word: String, count: Int) async throws {
        try await with { workers in
            let photo = try OpenFile.inMemory(Intruder.photo(word))
            #expect(await prepare(photo, workers)?.code == .unreadable)
            let lines = try lines(photo)
            #expect(lines.last == "over")
            let attempts = lines.filter { $0.last?.isNumber == true }
            #expect(attempts.count >= count, "\(lines)")
            // clone3 is said to be unknown, so that the C library takes the call that can be judged.
            let done = attempts.filter { !$0.hasSuffix(" 1") && $0 != "clone3 38" }
            #expect(done.isEmpty)
            _ = try await workers.prepare(Studio.picture("noise.jpg"))
        }
        #expect(throws: SystemFailure.self) { try Host.openFile("/tmp/vizd-intruder") }
    }

    @Test(
        "a socket, a program, another process or another space ends the worker at once, and only its order",
        arguments: [
            "socket", "unix", "netlink", "pair", "connect", "bind", "exec", "execfd", "fork", "system", "space",
            "unshare", "setns", "mount", "ptrace", "peek", "poke", "kill", "ring", "bpf",
        ] + oldCalls)
    func ended(word: String) async throws {
        try await with { workers in
            let photo = try OpenFile.inMemory(Intruder.photo(word))
            let failure = await prepare(photo, workers)
            #expect(failure?.code == .workerDied)
            #expect(failure?.message.contains("ended by signal 31") == true, "\(failure?.message ?? "")")
            #expect(try lines(photo) == ["\(word) begun"])
            _ = try await workers.prepare(Studio.picture("noise.jpg"))
        }
    }

    /// Calls by the doors of other machines, where there are such.
    private static var oldCalls: [String] {
        #if arch(x86_64)
        ["vfork", "x32", "i386"]
        #else
        []
        #endif
    }

    @Test("in a sandbox that refuses name spaces, Landlock and the newer way to set a filter, the filter alone holds")
    func sandboxed() async throws {
        let intruder = try Intruder(sandboxed: true)
        try await with(1, { _ in }, intruder) { workers in
            for word in ["files", "machine"] {
                let photo = try OpenFile.inMemory(Intruder.photo(word))
                #expect(await prepare(photo, workers)?.code == .unreadable)
                let attempts = try lines(photo).filter { $0.last?.isNumber == true }
                #expect(attempts.count > 20 && attempts.allSatisfy { $0.hasSuffix(" 1") || $0 == "clone3 38" })
            }
            let photo = try OpenFile.inMemory(Intruder.photo("socket"))
            #expect(await prepare(photo, workers)?.message.contains("ended by signal 31") == true)
            _ = try await workers.prepare(Studio.garment("blue-fedora.heic"))
        }
    }

    @Test("a worker that cannot lock itself in serves nobody, and says why")
    func unlocked() async throws {
        // A filter around that takes the filters away, the older way too.
        let intruder = try Intruder(sandboxed: true, refusingFilters: true)
        try await with(1, { _ in }, intruder) { workers in
            let photo = try Studio.picture("noise.jpg")
            let failure = await prepare(photo, workers)
            #expect(failure?.code == .unavailable)
            #expect(failure?.message.contains("cannot lock itself in: seccomp") == true, "\(failure?.message ?? "")")
        }
    }

    @Test("a worker has the photo, the empty file for its picture, its socket and its own figures open, nothing more")
    func descriptors() async throws {
        try await with { workers in
            let photo = try OpenFile.inMemory(Intruder.photo("descriptors"))
            _ = await prepare(photo, workers)
            #expect(try lines(photo).filter { $0.hasPrefix("open") }.map { $0.dropFirst(5) } == (0...5).map { "\($0)" })
        }
    }

    @Test(
        "a worker that crashes, leaves, hangs, spins or babbles fails its order with the right code, and others go on",
        arguments: [
            ("crash", ImageFailure.Code.workerDied, "ended by signal 11"), ("abort", .workerDied, "ended by signal 6"),
            ("trap", .workerDied, "ended by signal"), ("leave", .workerDied, "ended with code 0"),
            ("deep", .workerDied, "ended by signal 11"), ("hang up", .workerDied, "the image worker ended"),
            ("babble", .workerDied, "ended by signal 9"), ("sleep", .timedOut, "longer than 4 s"),
            ("spin", .timedOut, "longer than 4 s"),
        ])
    func misbehaves(word: String, code: ImageFailure.Code, message: String) async throws {
        try await with(2, { $0.orderDeadline = 4_000_000_000 }) { workers in
            let bad = try OpenFile.inMemory(Intruder.photo(word))
            async let failure = prepare(bad, workers)
            try await goodOnes(12, workers)
            let outcome = try #require(await failure)
            #expect(outcome.code == code && outcome.message.contains(message), "\(outcome.message)")
            try await goodOnes(4, workers)
        }
    }

    /// Good photos, while something else happens; one may be late on a busy machine, and is then asked for again.
    private func goodOnes(_ count: Int, _ workers: ImageWorkers) async throws {
        for _ in 0..<count {
            var tries = 0
            while let failure = await prepare(try Studio.picture("noise.jpg"), workers) {
                tries += 1
                try #require(failure.code == .timedOut && tries < 20, "\(failure)")
            }
        }
    }

    @Test("a worker that takes all memory, threads without number or a file without end gets what it may have")
    func greedy() async throws {
        let most = 600 << 20
        try await with(1, { ($0.addressSpace, $0.bytes, $0.ordersPerWorker) = (most, 1 << 20, 1) }) { workers in
            func told(_ word: String, _ line: String) async throws -> [Int] {
                let photo = try OpenFile.inMemory(Intruder.photo(word))
                let failure = await prepare(photo, workers)
                #expect([.workerDied, .unreadable].contains(failure?.code), "\(word): \(failure as Any)")
                let all = try lines(photo)
                let found = try #require(
                    all.last { $0.hasPrefix(line) && $0.last?.isNumber == true }, "\(word): \(all)")
                return found.split(separator: " ").dropFirst().compactMap { Int($0) }
            }
            let megabytes = try await told("hog", "hog")[0]
            #expect(megabytes > 100 && megabytes < most >> 20)
            // Stacks of 64 KiB. With a space of its own a worker may have 128, otherwise 4,096 with all others of its
            // user; but no such limit holds for root, whom only the address space stops.
            let threads = try await told("crowd", "crowd")[0]
            #expect(threads > 0 && threads < (Host.userID == 0 ? most >> 16 : 4096))
            // EFBIG.
            let written = try await told("flood", "flood")
            #expect(written == [64 << 20, 27])
            _ = try await workers.prepare(Studio.picture("noise.jpg"))
        }
    }

    @Test("a photo that was opened for reading cannot be changed from within")
    func readOnly() async throws {
        let folder = try Directory(path: "/tmp")
        let name = FileName("vizd-photo-\(Random.hex(bytes: 8))")
        try folder.open(name, .create).write(all: Intruder.photo("files"))
        defer {
            do { try folder.unlink(name) } catch { Issue.record(error) }
        }
        try await with { workers in
            let photo = try Host.openFile("/tmp/\(name)")
            #expect(await prepare(photo, workers)?.code == .unreadable)
        }
        #expect(try Host.readFile("/tmp/\(name)", limit: 1 << 20) == Intruder.photo("files"))
    }
}
