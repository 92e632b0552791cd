// Workers that die, hang, grow and are stopped: one order fails, the next one works, and nothing is left behind.

import Imaging
import Linux
import TestSupport
import Testing

@Suite("Image workers", .serialized)
struct WorkerTests {
    private let kill: Int32 = 9
    private let stop: Int32 = 19

    @Test("no worker starts before the first order, and one worker serves many")
    func reused() async throws {
        try await Studio.with(2) { workers in
            #expect(workers.report().allSatisfy { $0.processID == nil })
            _ = try await workers.inspect(Studio.picture("noise.png"))
            let first = workers.report().compactMap(\.processID)
            for _ in 0..<5 { _ = try await workers.inspect(Studio.picture("noise.jpg")) }
            #expect(first.count == 1 && workers.report().compactMap(\.processID) == first)
        }
    }

    @Test("a worker is judged by its own memory, not by that of the program that started it")
    func ownMemory() async throws {
        // More than a worker may have; a child's ru_maxrss would begin there.
        let ballast = [UInt8](repeating: 1, count: 400 << 20)
        try await Studio.with(1) { workers in
            _ = try await workers.inspect(Studio.picture("noise.png"))
            let first = workers.report()[0].processID
            for _ in 0..<3 { _ = try await workers.inspect(Studio.picture("noise.jpg")) }
            #expect(first != nil && workers.report()[0].processID == first)
        }
        withExtendedLifetime(ballast) {}
    }

    @Test("a worker that is killed at work fails that order only")
    func killedAtWork() async throws {
        try await Studio.with { workers in
            async let outcome = Studio.failure { () throws(ImageFailure) in
                try await workers.verify(try slow())
            }
            try await Studio.until { workers.report()[0].isDecoding }
            try Host.kill(try #require(workers.report()[0].processID), signal: kill)
            let failure = try #require(await outcome)
            #expect(failure.code == .workerDied)
            #expect(failure.message.contains("ended by signal 9"))
            _ = try await workers.prepare(Studio.picture("noise.jpg"))
        }
    }

    @Test("a worker that died between two orders is replaced, and nobody notices")
    func killedAtRest() async throws {
        try await Studio.with { workers in
            _ = try await workers.inspect(Studio.picture("noise.jpg"))
            let first = try #require(workers.report()[0].processID)
            try Host.kill(first, signal: kill)
            _ = try await workers.inspect(Studio.picture("noise.jpg"))
            #expect(workers.report()[0].processID != first)
        }
    }

    @Test("what is told to vizd and reaches every process of the service does not end a worker")
    func told() async throws {
        try await Studio.with { workers in
            _ = try await workers.inspect(Studio.picture("noise.jpg"))
            let first = try #require(workers.report()[0].processID)
            for signal: Int32 in [1, 10] { try Host.kill(first, signal: signal) }
            _ = try await workers.inspect(Studio.picture("noise.jpg"))
            #expect(workers.report()[0].processID == first)
        }
    }

    @Test("an order that a dying worker had not read yet is given to a fresh one")
    func killedBeforeReading() async throws {
        try await Studio.with { workers in
            _ = try await workers.inspect(Studio.picture("noise.jpg"))
            let first = try #require(workers.report()[0].processID)
            try Host.kill(first, signal: stop)
            let photo = try Studio.picture("noise.jpg")
            async let info = workers.inspect(photo)
            // The stopped worker holds the order unread in its socket; then it dies.
            try await Studio.until { workers.report()[0].isHanded }
            try Host.kill(first, signal: kill)
            #expect(try await info.width == 80)
        }
    }

    @Test("a worker that hangs is killed at the deadline, and the next order is served")
    func hanging() async throws {
        try await Studio.with(1, { $0.orderDeadline = 3_000_000_000 }) { workers in
            _ = try await workers.inspect(Studio.picture("noise.jpg"))
            let first = try #require(workers.report()[0].processID)
            try Host.kill(first, signal: stop)
            let photo = try Studio.picture("noise.jpg")
            let failure = await Studio.failure { () throws(ImageFailure) in try await workers.inspect(photo) }
            #expect(failure?.code == .timedOut)
            // On a busy machine a good order may be late as well.
            var failures = 0
            while failures < 100,
                await Studio.failure({ () throws(ImageFailure) in try await workers.inspect(photo) }) != nil
            { failures += 1 }
            #expect(failures < 100)
            #expect(workers.report()[0].processID != first)
            #expect(throws: SystemFailure.self, "it is gone and reaped") { try Host.kill(first, signal: 0) }
        }
    }

    @Test("a picture that needs more memory than a worker has fails alone")
    func outOfMemory() async throws {
        try await Studio.with(1, { $0.addressSpace = 420 << 20 }) { workers in
            _ = try await workers.prepare(Studio.picture("noise.jpg"))
            let big = try Studio.picture("large.webp")
            let failure = await Studio.failure { () throws(ImageFailure) in try await workers.verify(big) }
            #expect(failure?.code == .workerDied)
            _ = try await workers.prepare(Studio.picture("noise.jpg"))
        }
    }

    @Test("a worker leaves when it has served its share, has grown too large, or was idle for long")
    func retired() async throws {
        let photo = try Studio.picture("noise.jpg")
        let changes: [(Int, (inout ImageLimits) -> Void)] = [
            (2, { $0.ordersPerWorker = 2 }), (1, { $0.residentBytes = 1 << 20 }), (1, { $0.idleTime = 1_000_000 }),
        ]
        for (orders, change) in changes {
            try await Studio.with(1, change) { workers in
                for _ in 0..<orders { _ = try await workers.inspect(photo) }
                try await Studio.until { workers.report()[0].processID == nil }
                _ = try await workers.inspect(photo)
            }
        }
    }

    @Test("neither the daemon nor a worker keeps a descriptor, whether orders end well or badly")
    func descriptors() async throws {
        let photo = try Studio.picture("noise.jpg")
        let broken = try Studio.cut("noise.png", to: 0.5)
        func round() async throws {
            try await Studio.with(1) { workers in
                for _ in 0..<10 {
                    let ready = try await workers.prepare(photo)
                    _ = await Studio.failure { () throws(ImageFailure) in try await workers.verify(broken) }
                    let whole = PixelRect(left: 0, top: 0, width: 80, height: 60)
                    let cell = SheetCell(image: 0, crop: whole, target: whole, backdrop: nil)
                    let sheet = SheetOrder(width: 80, height: 60, ground: 0, cells: [cell])
                    _ = try await workers.compose(sheet, images: [ready.bytes])
                }
                let worker = try #require(workers.report()[0].processID)
                let open = try Directory(path: "/proc/\(worker)/fd")
                // The last order's two go when the worker turns to wait for the next; its own figures stay.
                try await Studio.until { try open.names().count == 4 }
                try Host.kill(worker, signal: kill)
                _ = try await workers.inspect(photo)
            }
        }
        try await round()
        // Other suites open files meanwhile; a leak would show as a hundred.
        let before = Host.openDescriptors
        for _ in 0..<3 { try await round() }
        #expect(Host.openDescriptors - before < 40)
    }

    // Another user than root may not look at the figures of a process that cannot be dumped.
    @Test(
        "a worker has no environment, has forbidden itself more memory, files, time and core dumps, and filters its calls",
        .enabled(if: Host.userID == 0))
    func confined() async throws {
        try await Studio.with(1, { $0.addressSpace = 1 << 30 }) { workers in
            _ = try await workers.inspect(Studio.picture("noise.jpg"))
            let folder = "/proc/\(try #require(workers.report()[0].processID))"
            #expect(try Host.readFile("\(folder)/environ", limit: 1 << 16).isEmpty)
            let limits = try String(decoding: Host.readFile("\(folder)/limits", limit: 1 << 16), as: UTF8.self)
            for (limit, value) in [
                ("Max address space", "1073741824"), ("Max open files", "16"), ("Max core file size", "0"),
                ("Max file size", "67108864"), ("Max cpu time", "600"),
            ] {
                let line = try #require(limits.split(separator: "\n").first { $0.hasPrefix(limit) })
                #expect(line.dropFirst(26).split(separator: " ").prefix(2).allSatisfy { $0 == value }, "\(line)")
            }
            let status = try String(decoding: Host.readFile("\(folder)/status", limit: 1 << 16), as: UTF8.self)
            #expect(status.contains("NoNewPrivs:\t1") && status.contains("Seccomp:\t2"))
        }
    }

    @Test("a few hundred damaged files end in a picture or a failure, never in silence")
    func damaged() async throws {
        var state: UInt64 = 7
        func roll(_ sides: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % sides
        }
        try await Studio.with { workers in
            var ends: [String: Int] = [:]
            for name in ["noise.jpg", "noise.png", "noise.webp", "noise.gif", "noise.tiff", "noise.avif", "cmyk.jpg"] {
                let whole = try Studio.picture(name).read(limit: 1 << 20)
                for _ in 0..<40 {
                    var bytes = whole
                    for _ in 0...roll(6) { bytes[roll(bytes.count)] = UInt8(roll(256)) }
                    let photo = try OpenFile.inMemory(bytes)
                    let failure = await Studio.failure { () throws(ImageFailure) in try await workers.prepare(photo) }
                    ends[failure.map { "\($0.code)" } ?? "picture", default: 0] += 1
                    if let failure { #expect(!failure.message.contains("()"), "it says why: \(failure.message)") }
                }
            }
            #expect(ends["timedOut"] == nil && ends["unavailable"] == nil, "\(ends)")
            #expect(ends["picture"] ?? 0 > 0 && ends["unreadable"] ?? 0 > 0, "\(ends)")
            _ = try await workers.prepare(Studio.picture("noise.jpg"))
        }
    }

    @Test(
        "a program that is no worker, or is not there, makes orders unavailable and nothing else",
        arguments: [
            "/nonexistent/vizd-image", "/bin/true", "/bin/cat",
        ])
    func noWorker(_ path: String) async throws {
        var limits = ImageLimits()
        limits.startDeadline = 300_000_000
        limits.orderDeadline = 300_000_000
        let workers = try ImageWorkers(executable: path, workers: 1, limits: limits)
        let photo = try Studio.picture("noise.jpg")
        for _ in 0..<2 {
            let failure = await Studio.failure { () throws(ImageFailure) in try await workers.inspect(photo) }
            // One that never begins, too: that says nothing of the photo.
            #expect(failure?.code == .unavailable, "\(failure as Any)")
        }
        await workers.shutdown()
    }

    @Test("a cancelled order leaves the queue, and the others keep their turn")
    func cancelled() async throws {
        try await Studio.with { workers in
            async let first = workers.verify(Studio.picture("slow.png"))
            try await Studio.until { workers.report()[0].isDecoding }
            let photo = try Studio.picture("noise.jpg")
            let waiting = Task {
                await Studio.failure { () throws(ImageFailure) in try await workers.inspect(photo) }
            }
            try await Studio.until { workers.waitingCount == 1 }
            async let last = workers.inspect(photo)
            try await Studio.until { workers.waitingCount == 2 }
            waiting.cancel()
            #expect(await waiting.value?.code == .cancelled)
            #expect(workers.waitingCount == 1)
            #expect(try await first.width == 8400)
            #expect(try await last.width == 80)
        }
    }

    @Test("shutdown fails what waits and what is being decoded, and kills the workers")
    func shutdown() async throws {
        let workers = try Studio.workers(1)
        async let decoding = Studio.failure { () throws(ImageFailure) in try await workers.verify(try slow()) }
        try await Studio.until { workers.report()[0].isDecoding }
        let worker = try #require(workers.report()[0].processID)
        async let waiting = Studio.failure { () throws(ImageFailure) in try await workers.verify(try slow()) }
        try await Studio.until { workers.waitingCount == 1 }
        await workers.shutdown()
        #expect(await decoding?.code == .unavailable)
        #expect(await waiting?.code == .unavailable)
        #expect(throws: SystemFailure.self) { try Host.kill(worker, signal: 0) }
        let late = await Studio.failure { () throws(ImageFailure) in try await workers.verify(try slow()) }
        #expect(late?.code == .unavailable)
    }

    @Test("many orders at once are all served, by all workers")
    func many() async throws {
        try await Studio.with(2) { workers in
            try await withThrowingTaskGroup(of: Int.self) { group in
                for number in 0..<60 {
                    let name = ["noise.jpg", "noise.png", "noise.webp"][number % 3]
                    group.addTask { try await workers.prepare(Studio.picture(name)).width }
                }
                var sum = 0
                for try await width in group { sum += width }
                #expect(sum == 60 * 80)
            }
            #expect(workers.report().allSatisfy { $0.processID != nil })
        }
    }

    private func slow() throws(ImageFailure) -> OpenFile {
        do { return try Studio.picture("slow.png") } catch { throw ImageFailure(.unreadable, "\(error)") }
    }
}
