// A full disk, for real: spool, state and wardrobe on a small disk of their own. It is a pause, never a failed job.

import Contract
import Foundation
import Linux
import TestSupport
import Testing

extension EndToEnd {
    @Suite("Full disk", .enabled(if: SmallDisk.isAllowed))
    @Outside
    struct FullDisk {
        @Test("below spool.minFree nothing is claimed, it is said once, and it goes on when there is room")
        func floor() throws {
            let disk = try SmallDisk(megabytes: 48)
            let site = try Site(in: disk.path)
            let daemon = try site.ready(["VIZD_SPOOL_MIN_FREE": "20MiB"])
            try disk.fill(leaving: 10 << 20)
            try site.deliver(Fixture.request(2), as: "waits.json")
            let line = try daemon.awaitLine("claiming.paused")
            #expect(line["reason"]?.contains("spool.minFree") ?? false)
            #expect(try site.names("incoming") == ["waits.json"] && site.names("processing").isEmpty)
            try disk.clear()
            _ = try daemon.complete("waits")
            try daemon.awaitLine("claiming.resumed")
            #expect(try daemon.lines(of: "claiming.paused").count == 1)
            #expect(try daemon.stop() == 0)
        }

        @Test("a job that meets a full disk waits for room and is not failed")
        func noRoom() throws {
            // The gate brings a copy of the program onto the disk.
            let disk = try SmallDisk(megabytes: 160)
            let site = try Site(in: disk.path, gated: true)
            let daemon = try site.ready()
            try site.deliver(Fixture.request(1), as: "held.json")
            try daemon.awaitLine("job.admitted", ["job": "held"])
            try disk.fill(leaving: 0)
            try site.gate?.open()
            try daemon.awaitLine("disk.full")
            #expect(try site.names("failed").isEmpty && site.names("done").isEmpty)
            try disk.clear()
            _ = try daemon.complete("held")
            #expect(try daemon.stop() == 0)
            #expect(try site.names("failed").isEmpty)
        }

        @Test("a start on a full disk waits with a warning, and serves when there is room")
        func start() throws {
            let disk = try SmallDisk(megabytes: 48)
            let site = try Site(in: disk.path)
            #expect(try site.ready().stop() == 0)
            try site.deliver(Fixture.request(2), as: "waits.json")
            try disk.fill(leaving: 0)
            let daemon = try site.ready(["VIZD_SPOOL_MIN_FREE": "1MiB"])
            try daemon.awaitLine("claiming.paused")
            try disk.clear()
            _ = try daemon.complete("waits")
            #expect(try daemon.stop() == 0)
        }
    }
}

/// A mounted disk of a few megabytes, unmounted when the test lets go of it.
final class SmallDisk {
    let path: String
    private var filler: OpenFile?

    /// Whether one can be mounted here: root, and not in every container.
    static let isAllowed: Bool = {
        guard Host.userID == 0 else { return false }
        do {
            _ = try SmallDisk(megabytes: 1)
            return true
        } catch {
            return false
        }
    }()

    init(megabytes: Int) throws {
        path = "/tmp/vizd-disk-\(Random.hex(bytes: 8))"
        try Host.makeDirectories(path)
        try Self.run("/bin/mount", "-t", "tmpfs", "-o", "size=\(megabytes)m", "tmpfs", path)
    }

    deinit {
        do {
            try Self.run("/bin/umount", "-l", path)
            try FileManager.default.removeItem(atPath: path)
        } catch {
            print("\(path) stays mounted: \(error)")
        }
    }

    /// Takes all room but so many bytes.
    func fill(leaving bytes: Int) throws {
        let folder = try Directory(path: path)
        let file = try folder.open("filler", .create)
        let block = [UInt8](repeating: 0, count: 4096)
        do throws(SystemFailure) {
            while try folder.space().bytesFree > bytes { try file.write(all: block) }
        } catch  where error.errno == .noSpace {}
        filler = file
    }

    /// Gives the room back.
    func clear() throws {
        filler = nil
        try Directory(path: path).unlink("filler")
    }

    private static func run(_ program: String, _ arguments: String...) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        (process.standardOutput, process.standardError) = (FileHandle.nullDevice, FileHandle.nullDevice)
        try process.run()
        process.waitUntilExit()
        if process.terminationStatus != 0 {
            throw Overdue(description: "\(program) \(arguments) ended with \(process.terminationStatus)")
        }
    }
}
