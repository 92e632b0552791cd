// The one door to the kernel, on real folders: names as bytes, nothing outside the folder, files whole or not at all.

import Foundation
import Glibc
import Linux
import Testing

/// A folder of its own for a test, removed with everything in it when the test lets go of it.
final class Scratch: Sendable {
    let directory: Directory
    private let name: FileName
    private let parent: Directory

    init() throws {
        parent = try Directory(path: "/tmp")
        name = FileName("vizd-linux-\(Random.hex(bytes: 8))")
        directory = try parent.directory(name, createMode: 0o700)
    }

    deinit {
        do {
            try Scratch.empty(directory)
            try parent.removeDirectory(name)
        } catch {
            Issue.record("the test folder could not be removed: \(error)")
        }
    }

    private static func empty(_ folder: Directory) throws {
        for name in try folder.names() {
            if try folder.info(of: name).kind == .directory {
                try empty(folder.directory(name))
                try folder.removeDirectory(name)
            } else {
                try folder.unlink(name)
            }
        }
    }
}

@Suite("Directory")
struct DirectoryTests {
    let scratch: Scratch
    var folder: Directory { scratch.directory }

    init() throws { scratch = try Scratch() }

    @Test("a file of the kernel, which has no size and answers once, is read whole")
    func kernelFiles() throws {
        let path = "/proc/sys/kernel/osrelease"
        let told = FileManager.default.contents(atPath: path)
        #expect(try Host.readFile(path, limit: 1 << 10) == told.map(Array.init))
        #expect(try Host.readFile(path, limit: 1 << 10).count > 3)
    }

    @Test("a folder that is opened together with the one above it is the same one, under the same path")
    func inOneStep() throws {
        _ = try folder.directory("within", createMode: 0o700)
        let step = try Directory(path: folder.path, holding: "within")
        #expect(try step.info().identity == folder.directory("within").info().identity)
        #expect(step.path == "\(folder.path)/within")
        // The one above may be a link, as for the shell; the folder itself may not.
        try folder.symlink("link", to: "within")
        let deeper = try folder.directory("within").directory("deeper", createMode: 0o700)
        let through = try Directory(path: "\(folder.path)/link", holding: "deeper")
        #expect(try through.info().identity == deeper.info().identity)
        for name: FileName in ["link", "missing"] {
            #expect(throws: SystemFailure.self) { try Directory(path: folder.path, holding: name) }
        }
        try folder.publish([1], as: "file", temporary: ".file.tmp")
        #expect(throws: SystemFailure.self) { try Directory(path: folder.path, holding: "file") }
    }

    @Test("a file that is made fresh takes the place of what a crash left under its name, and of nothing that stays")
    func fresh() throws {
        try folder.openFresh(".left").write(all: [1, 2, 3])
        let file = try folder.openFresh(".left", mode: 0o600)
        #expect(try file.info().size == 0 && file.info().mode & 0o777 == 0o600)
        #expect(file.label == "\(folder.path)/.left")
        try folder.symlink(".link", to: ".left")
        #expect(try folder.openFresh(".link").info().identity != file.info().identity)
        #expect(try folder.info(of: ".link").kind == .regular)
        _ = try folder.directory("folder", createMode: 0o700)
        #expect(throws: SystemFailure.self) { try folder.openFresh("folder") }
    }

    @Test("a file whose owner dates it beyond what nanoseconds in 64 bits hold is as new as they can say")
    func farFuture() throws {
        try folder.publish([1], as: "far", temporary: ".far.tmp")
        let file = try folder.open("far", .read)
        var times = [
            timespec(tv_sec: Int(Int32.max) * 5, tv_nsec: 0), timespec(tv_sec: Int(Int32.max) * 5, tv_nsec: 0),
        ]
        #expect(futimens(file.raw, &times) == 0)
        #expect(try folder.info(of: "far").modified == .max)
    }

    func errno(_ body: () throws -> Void) -> Errno? {
        do {
            try body()
            return nil
        } catch {
            return (error as? SystemFailure)?.errno
        }
    }

    @Test("a published file is there whole, and its temporary name is gone")
    func publishes() throws {
        try folder.publish(Array("hello".utf8), as: "a.json", temporary: ".a.tmp")
        #expect(try folder.open("a.json", .read).read(limit: 100) == Array("hello".utf8))
        #expect(try folder.names() == ["a.json"])
    }

    @Test("a file that may not replace leaves the older one and nothing of its own")
    func publishesWithoutReplacing() throws {
        try folder.publish([1], as: "a", temporary: ".a.tmp")
        #expect(errno { try folder.publish([2], as: "a", temporary: ".a.tmp", rule: .noReplace) } == .exists)
        #expect(try folder.open("a", .read).read(limit: 9) == [1])
        #expect(try folder.names() == ["a"])
    }

    @Test("no path leaves the folder: not by dots, not by a slash, not by a link")
    func staysBeneath() throws {
        _ = try folder.directory("inside", createMode: 0o700)
        try folder.symlink("out", to: "/etc")
        try folder.symlink("in", to: "inside")
        try folder.publish([1], as: "inside/x", temporary: "inside/.x")
        #expect(errno { _ = try folder.open("../etc/passwd", .read) } == .crossDevice)
        #expect(errno { _ = try folder.open("/etc/passwd", .read) } == .crossDevice)
        #expect(errno { _ = try folder.open("out/passwd", .read, resolve: .linksBeneath) } == .crossDevice)
        #expect(errno { _ = try folder.open("in/x", .read) } == .tooManyLinks)
        #expect(try folder.open("in/x", .read, resolve: .linksBeneath).read(limit: 9) == [1])
    }

    @Test("reading stops at the limit, whatever the file holds")
    func readsWithLimit() throws {
        try folder.publish([UInt8](repeating: 7, count: 100), as: "a", temporary: ".a")
        let file = try folder.open("a", .read)
        #expect(try file.read(limit: 100).count == 100)
        #expect(errno { _ = try file.read(limit: 99) } == .tooLarge)
    }

    @Test("a sparse file of a terabyte is refused after a megabyte was read")
    func refusesSparse() throws {
        try folder.open("big", .create).setSize(1 << 40)
        #expect(errno { _ = try folder.open("big", .read).read(limit: 1 << 20) } == .tooLarge)
    }

    @Test("a named pipe is opened without waiting for a writer and told by its kind")
    func opensFIFO() throws {
        try folder.makeFIFO("pipe")
        #expect(try folder.info(of: "pipe").kind == .fifo)
        #expect(try folder.open("pipe", .read).info().kind == .fifo)
    }

    @Test("renames: replace, refuse, exchange")
    func renames() throws {
        try folder.publish([1], as: "a", temporary: ".t")
        try folder.publish([2], as: "b", temporary: ".t")
        #expect(errno { try folder.rename("a", as: "b", .noReplace) } == .exists)
        try folder.rename("a", as: "b", .exchange)
        #expect(try folder.open("a", .read).read(limit: 9) == [2])
        try folder.rename("a", as: "b", .replace)
        #expect(try folder.names() == ["b"])
        #expect(errno { try folder.rename("a", as: "c", .noReplace) } == .notFound)
    }

    @Test("names of any bytes are listed as they are and shown without harm")
    func listsAnyName() throws {
        let odd: [FileName] = [
            FileName(bytes: [0xFF, 0x41]), "a\nb", "\u{1B}[2J", "weiß", FileName(String(repeating: "x", count: 255)),
        ]
        for name in odd { _ = try folder.open(name, .create) }
        #expect(try Set(folder.names()) == Set(odd))
        #expect(odd.prefix(4).map(\.description) == ["\\xFFA", "a\\x0Ab", "\\x1B[2J", "weiß"])
        #expect(odd[0].string == nil)
    }

    @Test("a folder of many files is walked to its end, and can be left early")
    func walksMany() throws {
        for index in 0..<2_000 { _ = try folder.open(FileName("file-\(index)"), .create) }
        #expect(try folder.names().count == 2_000)
        var seen = 0
        try folder.forEachName { _ in
            seen += 1
            return seen < 10
        }
        #expect(seen == 10)
    }

    @Test("free space is told in bytes and inodes")
    func tellsSpace() throws {
        let space = try folder.space()
        #expect(space.bytesFree > 0 && !space.isReadOnly)
    }

    @Test("a lock is held by one, and free again when its holder lets go")
    func locks() throws {
        let first = try FileLock.attempt(folder.open("lock", .readWrite))
        #expect(first != nil)
        #expect(try FileLock.attempt(folder.open("lock", .readWrite)) == nil)
        try first?.release()
        #expect(try FileLock.attempt(folder.open("lock", .readWrite)) != nil)
    }

    @Test("opening and closing many files leaves no descriptor behind, also when opening fails")
    func leaksNothing() throws {
        try folder.publish([1], as: "a", temporary: ".a")
        let before = Host.openDescriptors
        for _ in 0..<200 {
            _ = try folder.open("a", .read).read(limit: 9)
            #expect(errno { _ = try folder.open("none", .read) } == .notFound)
        }
        // Other tests of this process open files at the same time; a leak here would be two hundred.
        #expect(Host.openDescriptors < before + 100)
    }

    @Test("a failure names the call, the file and the kernel's reason")
    func describes() throws {
        do {
            _ = try folder.open("none\n", .read)
            Issue.record("a missing file was opened")
        } catch {
            #expect("\(error)" == "openat2 \(folder.path)/none\\x0A: No such file or directory (ENOENT)")
        }
    }
}
