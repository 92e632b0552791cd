// Programs of the operator's, run for real under their keeper: what they are given, what becomes of what they say and
// write, and that nothing of them is left when their run is over.

import Contract
import Linux
import LoopbackServer
import Synchronization
import TestSupport
import Testing

@testable import Providers

/// A program in a folder of its own, and the provider that runs it.
private final class Bench {
    let path: String
    private let settings: ExecSettings
    let provider: Exec

    /// - Parameter script: what `/bin/sh` runs; its working directory is the folder of the run.
    init(_ script: String, program: [String]? = nil, change: (inout ExecSettings) -> Void = { _ in }) throws {
        path = "/tmp/vizd-exec-\(Random.hex(bytes: 8))"
        try Host.makeDirectories("\(path)/runs", mode: 0o700)
        var settings = ExecSettings()
        settings.command = program ?? ["/bin/sh", "-c", script, "paint", path]
        settings.keeper = try BuiltProducts.path(of: "vizd")
        settings.folder = try Directory(path: "\(path)/runs")
        settings.environment = ["PATH": "/usr/bin:/bin", "HOME": path]
        settings.timeout = 60_000_000_000
        change(&settings)
        self.settings = settings
        provider = Exec(settings, in: try Directory(path: "\(path)/runs"))
    }

    deinit {
        do { try ExecFolder.removeTree(FileName(String(path.dropFirst(5))), in: Directory(path: "/tmp")) } catch {
            Issue.record("\(path) stays: \(error)")
        }
    }

    /// Runs it for an order with one photo.
    func run(_ progress: @escaping @Sendable (CallProgress) -> Void = { _ in }) async -> Submission {
        await provider.submit(Bench.order, progress: progress)
    }

    static let order = Order(
        kind: .image, model: Exec.traits.models[0], size: PixelSize(width: 768, height: 1024), seed: 7,
        prompt: "a \"person\" wears image 1",
        references: [
            Reference(
                name: "Teal shirt", category: "tops", width: 3, height: 4,
                content: PixelBox(left: 0, top: 0, width: 3, height: 4), backdrop: nil, image: [1, 2, 3, 4],
                digest: "d1")
        ])

    /// A file that the program left beside its runs.
    func left(_ name: String) throws -> String {
        String(decoding: try Host.readFile("\(path)/\(name)", limit: 1 << 20), as: UTF8.self)
    }

    /// The folders of runs that are there.
    var runs: [FileName] { get throws { try Directory(path: "\(path)/runs").names() } }
}

extension Submission {
    fileprivate var failure: ProviderFailure? { if case .refused(let failure) = self { failure } else { nil } }
    fileprivate var bytes: [UInt8]? { if case .made(let picture, _) = self { picture.bytes } else { nil } }
}

/// Whether a process is there.
private func isThere(_ process: Int32) throws -> Bool {
    do throws(SystemFailure) {
        try Host.kill(process, signal: 0)
        return true
    } catch {
        guard error.errno.rawValue == 3 else { throw error }
        return false
    }
}

/// Waits until a process is gone.
private func awaitEnd(of process: Int32) async throws {
    let limit = MonotonicClock.now() + 30_000_000_000
    while try isThere(process) {
        guard MonotonicClock.now() < limit else {
            Issue.record("process \(process) is still there")
            return
        }
        try await Task.sleep(nanoseconds: 5_000_000)
    }
}

@Suite("Programs that make pictures")
struct ExecTests {
    @Test("a program reads its request, finds the photo, and its file is the picture; its folder is gone afterwards")
    func made() async throws {
        let bench = try Bench(
            "cat > $1/request; cat reference-1.jpg reference-1.jpg > out.jpg; echo noise; echo out.jpg")
        let answer = await bench.run()
        #expect(answer == .made(GeneratedPicture(bytes: [1, 2, 3, 4, 1, 2, 3, 4]), price: .free), "\(answer)")
        let text = try bench.left("request")
        let root = try JSONDocument(parsing: Array(text.utf8)).root
        #expect(root["prompt"]?.text == "a \"person\" wears image 1" && root["seed"]?.count == 7)
        #expect(root["width"]?.count == 768 && root["height"]?.count == 1024 && root["ratio"]?.text == "768:1024")
        let reference = try #require(root["references"]?.elements?.first)
        #expect(reference["name"]?.text == "Teal shirt" && reference["category"]?.text == "tops")
        #expect(reference["path"]?.text == "\(root["folder"]?.text ?? "")/reference-1.jpg")
        #expect(try bench.runs.isEmpty)
    }

    @Test("an absolute path within its folder serves too")
    func absolute() async throws {
        let bench = try Bench("printf x > a.png; mkdir b; mv a.png b/; printf '%s\\r\\n' \"$PWD/b/a.png\"")
        #expect(await bench.run().bytes == [0x78])
    }

    @Test("progress is told as it comes, and is no path")
    func progress() async throws {
        // What comes before the last was seen would be passed over, so it goes on when that has been told.
        let bench = try Bench(
            "seen() { until [ -e $path/$1 ]; do sleep 0.05; done; }; path=$1; echo progress 0.25 warming up; seen 1; "
                + "echo progress 75%; seen 2; printf x > o; echo o; echo progress 1")
        let folder = try Directory(path: bench.path)
        let told = Mutex<[CallProgress]>([])
        let answer = await bench.run { news in
            let count = told.withLock { told in
                told.append(news)
                return told.count
            }
            do throws(SystemFailure) { _ = try folder.open(FileName("\(count)"), .create) } catch {
                Issue.record("the program is not told: \(error)")
            }
        }
        #expect(answer.bytes == [0x78], "\(answer)")
        let expected = [CallProgress(fraction: 0.25, words: "warming up"), CallProgress(fraction: 0.75, words: nil)]
        #expect(told.withLock { Array($0.prefix(2)) } == expected)
    }

    @Test("it has three descriptors, four variables, its own session and group, and none of vizd's secrets")
    func given() async throws {
        let bench = try Bench(
            "ls /proc/self/fd | tr '\\n' ' ' > $1/fds; cat /proc/self/environ | tr '\\0' '\\n' | cut -d= -f1 | sort | "
                + "tr '\\n' ' ' > $1/names; cut -d' ' -f1,5,6 /proc/$$/stat > $1/ids; printf x > o; echo o")
        #expect(await bench.run().bytes != nil)
        // `ls` has one more, for the folder that it reads.
        #expect(try bench.left("fds") == "0 1 2 3 ")
        #expect(try bench.left("names") == "HOME LANG PATH PWD TMPDIR ")
        let ids = try bench.left("ids").split(whereSeparator: \.isWhitespace)
        #expect(Set(ids).count == 1 && ids.count == 3, "\(ids)")
    }

    @Test("one that ends badly is told with its code and its last words, printable and without keys")
    func failed() async throws {
        let bench = try Bench(
            "echo first >&2; printf 'no GPU\\033[31m sk-0123456789abcdef\\nlast words' >&2; echo out.jpg; exit 3")
        let failure = try #require(await bench.run().failure)
        #expect(failure.code == .generationFailed && failure.retry == .never && failure.retryable)
        #expect(failure.message.contains("ended with code 3") && failure.message.contains("last words"))
        #expect(!failure.message.contains("0123456789abcdef") && !failure.message.contains("\u{1B}"))
    }

    @Test("a program that is not there, or is none, is told by its name")
    func unstarted() async throws {
        for program in ["/nonexistent/paint", "/etc/passwd", "/tmp"] {
            let failure = try #require(try await Bench("", program: [program]).run().failure)
            #expect(failure.code == .providerUnavailable && failure.message.contains(program), "\(failure.message)")
        }
    }

    @Test("a link, a folder, a fifo, an empty file, a path that leads out, and none at all are no picture")
    func noPicture() async throws {
        for (script, words) in [
            ("ln -s /etc/passwd o; echo o", "links"), ("mkdir o; echo o", "folder"),
            ("mkfifo o; echo o", "pipe"), (": > o; echo o", "empty"), ("echo /etc/passwd", "not in its folder"),
            ("echo ../../x", "cannot be taken"), ("mkdir d; ln -s / d/l; echo d/l/etc/passwd", "links"),
            ("true", "named no picture"), ("echo progress 1", "named no picture"),
            ("echo nothing-here", "nothing-here"),
        ] {
            let failure = try #require(try await Bench(script).run().failure, "\(script)")
            #expect(failure.code == .generationFailed, "\(script)")
            #expect(failure.message.contains(words), "\(script): \(failure.message)")
        }
    }

    @Test("a file over the limit cannot be written, and one that was made so all the same is not read")
    func tooLarge() async throws {
        let limit = { (settings: inout ExecSettings) in settings.outputBytes = 65_536 }
        let written = try Bench(
            "dd if=/dev/zero of=o bs=4096 count=64 2>/dev/null; wc -c < o > $1/size; echo o", change: limit)
        _ = await written.run()
        #expect(try written.left("size") == "65536\n")
        // truncate(2) is under the same limit, so the largest file that can be there is one of the limit itself.
        #expect(try ExecFolderProbe.find(bytes: 65_537, limit: 65_536) == .tooLarge)
        #expect(try ExecFolderProbe.find(bytes: 65_536, limit: 65_536) == .whole)
    }

    @Test("one that hangs is ended with its children, those in another session too, at the time that is set")
    func hung() async throws {
        let bench = try Bench(
            "trap '' TERM; setsid sh -c 'trap \"\" TERM; echo $$ > '$1'/far; while :; do sleep 1; done' & "
                + "sh -c 'echo $$ > '$1'/near; exec sleep 1000' & "
                + "while [ ! -s $1/far -o ! -s $1/near ]; do sleep 0.05; done; echo progress 0.5; "
                + "while :; do sleep 1; done",
            change: { $0.timeout = 3_000_000_000 })
        let failure = try #require(await bench.run().failure)
        #expect(failure.code == .generationTimeout && failure.message.contains("3 s"), "\(failure.message)")
        for name in ["far", "near"] {
            let text = try bench.left(name).split(whereSeparator: \.isWhitespace)
            try await awaitEnd(of: try #require(text.first.flatMap { Int32($0) }))
        }
        #expect(try bench.runs.isEmpty)
    }

    @Test("what a program leaves running in the background ends with it")
    func background() async throws {
        let bench = try Bench("setsid sleep 1000 & echo $! > $1/pid; printf x > o; echo o")
        #expect(await bench.run().bytes == [0x78])
        try await awaitEnd(of: try #require(Int32(try bench.left("pid").split(separator: "\n")[0])))
    }

    @Test("a job that is given up ends its program")
    func cancelled() async throws {
        let bench = try Bench("echo $$ > $1/pid.new; mv $1/pid.new $1/pid; echo progress 0.1; exec sleep 1000")
        let (started, begin) = AsyncStream<Void>.makeStream()
        let provider = bench.provider
        let job = Task { await provider.submit(Bench.order) { _ in begin.yield() } }
        for await _ in started { break }
        job.cancel()
        #expect(await job.value.failure?.code == .cancelled)
        try await awaitEnd(of: try #require(Int32(try bench.left("pid").split(separator: "\n")[0])))
    }

    @Test("a flood of output ends it; a flood of complaints does not, and their end is kept")
    func floods() async throws {
        let flood = try #require(try await Bench("yes progress 0.1").run().failure)
        #expect(flood.code == .generationFailed && flood.message.contains("standard output"))
        let line = try #require(try await Bench("head -c 3000000 /dev/zero | tr '\\0' x; echo; exit 0").run().failure)
        #expect(line.message.contains("standard output"))
        let complaints = try Bench(
            "yes complaint | head -c 8000000 >&2; echo the end >&2; printf x > o; echo o; exit 1")
        let failure = try #require(await complaints.run().failure)
        #expect(failure.message.contains("the end") && failure.message.utf8.count < 1000)
    }

    @Test("one that wants more memory than it may have does not get it")
    func memory() async throws {
        let program = ["/usr/bin/python3", "-c", "x = bytearray(1 << 30); print('o')"]
        let failure = try #require(
            try await Bench("", program: program, change: { $0.memory = 256 << 20 }).run().failure)
        #expect(failure.code == .generationFailed && failure.message.contains("MemoryError"), "\(failure.message)")
    }

    @Test("when whoever keeps a program is killed, it is killed too, and its run is told as lost")
    func keeperKilled() async throws {
        let bench = try Bench("echo $$ > $1/pid; kill -9 $PPID; exec sleep 1000")
        let failure = try #require(await bench.run().failure)
        #expect(failure.code == .generationFailed && failure.message.contains("keeper"), "\(failure.message)")
        try await awaitEnd(of: try #require(Int32(try bench.left("pid").split(separator: "\n")[0])))
    }

    @Test("what is told to vizd and reaches every process of the service does not end the keeper")
    func keeperIsTold() async throws {
        let bench = try Bench("for s in HUP USR1 TERM INT; do kill -$s $PPID; done; printf x > o; echo o")
        #expect(await bench.run().bytes == Array("x".utf8))
    }

    @Test("no more runs go on at once than are allowed, and each has a folder of its own")
    func atOnce() async throws {
        let bench = try Bench(
            "ls -d ../run-* | wc -l >> $1/counts; sleep 0.1; printf x > o; echo o", change: { $0.concurrent = 2 })
        let provider = bench.provider
        await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<6 { group.addTask { await provider.submit(Bench.order).bytes != nil } }
            for await isMade in group { #expect(isMade) }
        }
        let counts = try bench.left("counts").split(separator: "\n").compactMap { Int($0) }
        #expect(counts.count == 6 && counts.allSatisfy { (1...2).contains($0) }, "\(counts)")
    }

    @Test("the example bridge to a Stable Diffusion server asks a stand-in for a picture and hands it on")
    func bridge() async throws {
        let server = try LoopbackServer { _ in
            .answer(
                status: 200, headers: [("Content-Type", "application/json")], body: Array(#"{"images":["eA=="]}"#.utf8))
        }
        let script = "\(Repository.root)/Examples/providers/stable-diffusion"
        let answer = try await Bench("", program: [script, "http://127.0.0.1:\(server.port)/"]).run()
        #expect(answer.bytes == [0x78], "\(answer)")
        let request = try #require(server.requests.first)
        #expect(request.method == "POST" && request.target == "/sdapi/v1/img2img" && server.requests.count == 1)
        let body = try JSONDocument(parsing: request.body).root
        #expect(body["init_images"]?.elements?.first?.text == "AQIDBA==" && body["seed"]?.count == 7)
        #expect(body["width"]?.count == 768 && body["height"]?.count == 1024)
        #expect(body["prompt"]?.text == Bench.order.prompt)
        server.stop()
        let failure = try #require(try await Bench("", program: [script, "http://127.0.0.1:1/"]).run().failure)
        #expect(failure.message.contains("made no picture"), "\(failure.message)")
    }

    @Test("what an earlier start left is swept, whatever it is, and links are not followed")
    func swept() async throws {
        let bench = try Bench("true")
        let runs = try Directory(path: "\(bench.path)/runs")
        try Host.makeDirectories("\(bench.path)/runs/run-1/deep/er", mode: 0o700)
        try Host.makeDirectories("\(bench.path)/precious")
        try Directory(path: "\(bench.path)/precious").open("kept", .create).write(all: [1])
        try Directory(path: "\(bench.path)/runs/run-1/deep").symlink("out", to: FileName("\(bench.path)/precious"))
        try Directory(path: "\(bench.path)/runs/run-1/deep/er").setMode(0)
        try runs.makeFIFO("fifo")
        #expect(Exec.sweep(runs) == [])
        #expect(try runs.names().isEmpty)
        #expect(try bench.left("precious/kept") == "\u{1}")
    }
}

/// A run's folder with a file of so many bytes in it.
private enum ExecFolderProbe {
    enum Answer { case whole, tooLarge, none }

    static func find(bytes: Int, limit: Int) throws -> Answer {
        let parent = try Directory(path: "/tmp")
        let folder = try ExecFolder(in: parent, name: "vizd-exec-\(Random.hex(bytes: 8))", Bench.order)
        try folder.directory.open("o", .create).write(all: [UInt8](repeating: 1, count: bytes))
        let found = folder.picture("o", limit: limit)
        try folder.remove()
        switch found {
        case .picture(let picture): return picture.count == bytes ? .whole : .none
        case .tooLarge: return .tooLarge
        case .none: return .none
        }
    }
}
