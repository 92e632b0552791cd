// Old files on a real disk: what goes and in which order, what is left, and what is made of every state in which a step
// can have been broken off.

import Glibc
import Linux
import Spool
import Testing

@Suite("Old files")
struct OldFilesTests {
    let test: TestSpool
    var spool: Spool { test.spool }

    init() throws { test = try TestSpool() }

    /// The digest of a test is the bytes themselves.
    private func remove(
        _ jobs: OldJob..., digest: @escaping @Sendable ([UInt8]) -> [UInt8] = { $0 }
    ) throws -> [Removal] {
        try OldFiles(spool, digest: digest).remove(jobs)
    }

    private func old(
        _ name: String = "a", _ box: Box = .done, request: OldJob.Request = .digest(Array("{request}".utf8)),
        parts: [OldJob.Part] = []
    ) throws -> OldJob {
        OldJob(name: try job(name).landing, box: box, request: request, parts: parts)
    }

    private func land(_ name: String = "a", in box: Box = .done) throws {
        try test.write("{request}", FileName("\(name).json"), in: box)
        try test.write("{result}", FileName("\(name).result.json"), in: box)
    }

    @Test("request and result go, with the results of the parts in whichever box, and nothing else does")
    func goes() throws {
        try land()
        try land("b")
        try test.write("{result}", "a.0001.result.json", in: .done)
        try test.write("{result}", "a.0002.result.json", in: .failed)
        try test.write("{result}", "a.0003.result.json", in: .failed)
        let parts = [(1, Box.done), (2, .failed)].map { OldJob.Part(name: JobName.sample.part($0).landing, box: $1) }
        #expect(try remove(old(parts: parts)) == [.removed(files: 4)])
        #expect(try test.names(.done) == ["b.json", "b.result.json"])
        #expect(try test.names(.failed) == ["a.0003.result.json"])
    }

    @Test("from every state in which a step can have been broken off the next one ends in the same place")
    func interrupted() throws {
        let parts = [OldJob.Part(name: JobName.sample.part(1).landing, box: .failed)]
        let states: [[(FileName, Box)]] = [
            [("a.json", .done), ("a.0001.result.json", .failed), ("a.result.json", .done)],
            [("a.0001.result.json", .failed), ("a.result.json", .done)], [("a.result.json", .done)], [],
        ]
        for state in states {
            for (file, box) in state { try test.write("{request}", file, in: box) }
            #expect(try remove(old(parts: parts)) == [.removed(files: state.count)])
            #expect(try test.names(.done) == [] && test.names(.failed) == [])
        }
    }

    @Test("while a request of its name waits or is worked on, all of its files stay")
    func inUse() throws {
        for box in [Box.incoming, .processing] {
            try land()
            try test.write("{request}", "a.json", in: box)
            #expect(try remove(old()) == [.inUse])
            #expect(try test.names(.done) == ["a.json", "a.result.json"])
            try spool[box].unlink("a.json")
            #expect(try remove(old()) == [.removed(files: 2)])
        }
    }

    @Test("who moves the request back between the look and the removal has it, and the result stays for the retry")
    func movedBack() throws {
        try land("a", in: .failed)
        let (failed, incoming) = (spool[.failed], spool[.incoming])
        let removals = try remove(old("a", .failed)) { bytes in
            // The look at the bytes is the last before they go.
            do { try failed.rename("a.json", to: incoming, as: "a.json", .noReplace) } catch { Issue.record(error) }
            return bytes
        }
        #expect(removals == [.inUse])
        #expect(try test.names(.incoming) == ["a.json"] && test.names(.failed) == ["a.result.json"])
    }

    @Test("another file, a link or a folder under one of its names is left, with all that lies beside it")
    func foreign() throws {
        try test.write("secret", "target", in: .tmp)
        let shapes: [(FileName, (FileName) throws -> Void)] = [
            ("a.json", { try test.write("{other}", $0, in: .done) }),
            ("a.json", { try spool[.done].symlink($0, to: "../tmp/target") }),
            ("a.json", { try spool[.done].makeDirectory($0, mode: 0o700) }),
            ("a.json", { try spool[.done].makeFIFO($0) }),
            ("a.result.json", { try spool[.done].symlink($0, to: "../tmp/target") }),
            ("a.0001.result.json", { try spool[.done].symlink($0, to: "../tmp/target") }),
        ]
        let parts = [OldJob.Part(name: JobName.sample.part(1).landing, box: .done)]
        for (file, make) in shapes {
            try land()
            try spool[.done].unlinkIfPresent(file)
            try make(file)
            #expect(try remove(old(parts: parts)) == [.foreign("done/\(file)")])
            #expect(try test.names(.done).count == (file == "a.0001.result.json" ? 3 : 2))
            for name in try spool[.done].names() {
                let isFolder = try spool[.done].info(of: name).kind == .directory
                try isFolder ? spool[.done].removeDirectory(name) : spool[.done].unlink(name)
            }
        }
        #expect(try test.text("target", in: .tmp) == "secret")
    }

    @Test("a request that was never read goes whatever is in it, and another name of its file stays")
    func unread() throws {
        try land("a", in: .failed)
        try spool[.failed].link("a.json", to: spool[.tmp], as: "kept")
        #expect(try remove(old("a", .failed, request: .unread)) == [.removed(files: 2)])
        #expect(try test.text("kept", in: .tmp) == "{request}")
    }

    @Test("a box that may not be changed is told, nothing of it goes, and other jobs are seen to", .enabled(if: isRoot))
    func readOnly() async {
        // A process of its own: it becomes another user for good.
        await #expect(processExitsWith: .success) {
            let test = try TestSpool()
            for box in [Box.done, .failed] {
                try test.write("{request}", "a.json", in: box)
                try test.write("{result}", "a.result.json", in: box)
            }
            for path in ["", "/incoming", "/processing", "/done", "/failed"] { chmod(test.path + path, 0o755) }
            for name in ["a.json", "a.result.json"] { chmod("\(test.path)/done/\(name)", 0o644) }
            for name in ["a.json", "a.result.json"] { chmod("\(test.path)/failed/\(name)", 0o644) }
            chown(test.path + "/failed", 65534, 65534)
            try #require(seteuid(65534) == 0)
            let name = try job("a").landing
            let jobs = [Box.done, .failed].map { OldJob(name: name, box: $0, request: .unread) }
            let removals = try OldFiles(test.spool, digest: { $0 }).remove(jobs)
            guard case .blocked(let failure) = removals[0] else {
                Issue.record("\(removals)")
                return
            }
            #expect(failure.errno == .accessDenied && removals[1] == .removed(files: 2))
            try #require(seteuid(0) == 0)
            #expect(try test.names(.done) == ["a.json", "a.result.json"])
            #expect(try test.names(.failed) == [])
        }
    }

    // MARK: The walk

    private func walked(_ box: Box = .done, before: Int64, step: Int = 3) throws -> (old: [String], foreign: Int) {
        let walk = try OldResults(spool, box, before: before)
        var found: [String] = []
        while let names = try walk.next(step) { found += names.map(\.description) }
        return (found.sorted(), walk.foreign.count)
    }

    @Test("a walk finds old results a few names at a time; links, strange names and what is being written it leaves")
    func walk() throws {
        for number in 0..<20 { try land("job-\(number)") }
        let moment = try spool[.done].info(of: "job-0.result.json").modified
        try test.write("{}", ".hidden.result.json", in: .done)
        try test.write("{}", ".result.json", in: .done)
        try test.write("{}", "notes.txt", in: .done)
        try spool[.done].symlink("link.result.json", to: "/etc/passwd")
        try spool[.done].makeDirectory("folder.result.json", mode: 0o700)
        let all = try walked(before: moment + 3600 * second)
        #expect(all.old == (0..<20).map { "job-\($0).result.json" }.sorted())
        #expect(all.foreign == 3)
        #expect(try walked(before: moment).old.isEmpty)
        #expect(try walked(.failed, before: .max).old.isEmpty)
    }

    @Test("the content of a result is read through no link")
    func content() throws {
        try land()
        try spool[.done].symlink("link.result.json", to: "a.result.json")
        let walk = try OldResults(spool, .done, before: .max)
        #expect(walk.content(of: "a.result.json") == Array("{result}".utf8))
        #expect(walk.content(of: "link.result.json") == nil && walk.content(of: "none.result.json") == nil)
    }
}

extension JobName {
    fileprivate static var sample: JobName {
        guard let name = JobName("a") else { preconditionFailure("a is a name") }
        return name
    }
}
