// The recipes of docs/OPERATIONS.md that a person follows with the daemon down, on the spawned program and with
// Runway's books as the witness: a spool moved or put back from a copy, a damaged journal, the emergency brake.

import Contract
import Foundation
import Linux
import RunwaySimulator
import TestSupport
import Testing

extension EndToEnd {
    @Suite("Recipes for operators")
    @Outside
    struct Operations {
        /// Copies spool and state with a tool that keeps everything, as the recipe says.
        private func copy(_ one: Site, to other: String) throws {
            try Host.makeDirectories(other)
            let process = Process()
            process.executableURL = URL(filePath: "/bin/cp")
            process.arguments = ["--archive", one.spool, one.state, other]
            try process.run()
            process.waitUntilExit()
            guard process.terminationStatus == 0 else { throw Overdue(description: "\(other) could not be written") }
        }

        /// Puts a copy in the place of what is there.
        private func restore(_ copy: String, to site: Site) throws {
            for folder in [site.spool, site.state] {
                try FileManager.default.removeItem(atPath: folder)
                let name = URL(filePath: folder).lastPathComponent
                try FileManager.default.copyItem(atPath: "\(copy)/\(name)", toPath: folder)
            }
        }

        @Test("a spool that is moved with its state goes on in its new place: what was ordered there is fetched here")
        func moved() throws {
            let place = try RunwaySite(held: true)
            let first = try place.ready()
            try place.order("a")
            let task = try place.awaitTask("a", first)
            try place.order("b")
            try place.awaitTask("b", first)
            #expect(try first.stop() == 0)
            let elsewhere = try Site()
            try copy(place.site, to: elsewhere.path + "/moved")
            for folder in ["spool", "state"] {
                let there = "\(elsewhere.path)/\(folder)"
                if folder == "spool" { try FileManager.default.removeItem(atPath: there) }
                try FileManager.default.moveItem(atPath: "\(elsewhere.path)/moved/\(folder)", toPath: there)
            }
            place.letTimePass()
            let second = try elsewhere.ready(place.settings())
            #expect(try second.complete("a").making.taskID == task.id)
            _ = try second.complete("b")
            #expect(try second.stop() == 0)
            #expect(place.runway.books.tasks.count == 2)
        }

        @Test(
            "put back from a copy, a job that was ordered then and has ended since is fetched again, not bought again")
        func restored() throws {
            let place = try RunwaySite(held: true)
            let backup = place.site.path + "/backup"
            let first = try place.ready()
            try place.order("a")
            let task = try place.awaitTask("a", first)
            #expect(try first.stop() == 0)
            try copy(place.site, to: backup)
            place.letTimePass()
            let second = try place.ready()
            _ = try second.complete("a")
            #expect(try second.stop() == 0)
            try restore(backup, to: place.site)
            let third = try place.ready()
            #expect(try third.complete("a").making.taskID == task.id)
            #expect(try third.stop() == 0)
            #expect(place.runway.books.tasks.count == 1)
        }

        @Test("a damaged journal is not written over: vizd says so and ends; put back from a copy, all goes on")
        func damaged() throws {
            let site = try Site()
            let first = try site.ready()
            try site.deliver(Fixture.request(2), as: "a.json")
            _ = try first.complete("a")
            #expect(try first.stop() == 0)
            let backup = site.path + "/backup"
            try copy(site, to: backup)
            let noise = [UInt8](repeating: 0xAA, count: 8192)
            for file in ["vizd.sqlite-wal", "vizd.sqlite-shm"] {
                try Directory(path: site.state).unlinkIfPresent(FileName(file))
            }
            let journal = try Directory(path: site.state).open("vizd.sqlite", .readWrite)
            try journal.write(all: noise)
            let broken = try site.start()
            #expect(try [1, 73].contains(broken.awaitExit()))
            let reason = try #require(try broken.lines(of: "vizd.cannot_start").first?["reason"])
            #expect(reason.contains("vizd.sqlite") || reason.contains("journal"), "\(reason)")
            #expect(try journal.read(limit: 1 << 26).starts(with: noise))
            try restore(backup, to: site)
            let third = try site.ready()
            try site.deliver(Fixture.request(2), as: "a.json")
            try third.settled()
            #expect(try third.stop() == 0)
            // The journal knows the job: the same request again is a duplicate.
            #expect(try third.lines(of: "job.complete").isEmpty && site.names("done").contains("a.json"))
        }

        @Test("a budget of nothing and a hang-up stop all spending; raised again, what failed meanwhile is retried")
        func brake() throws {
            let place = try RunwaySite()
            let file = "\(place.site.path)/vizd.conf"
            try Data("budget.monthly: 100\n".utf8).write(to: URL(filePath: file))
            let daemon = try place.ready([:], "--config", file)
            try place.order("before")
            _ = try daemon.complete("before")
            try Data("budget.monthly: 0\n".utf8).write(to: URL(filePath: file))
            try daemon.signal(1)
            #expect(try daemon.awaitLine("config.reloaded")["changed"] == "budget.monthly")
            try place.order("braked")
            #expect(try daemon.failed("braked").code == .budgetExceeded)
            #expect(place.runway.books.tasks.count == 1)
            try Data("budget.monthly: 100\n".utf8).write(to: URL(filePath: file))
            try daemon.signal(1)
            try daemon.awaitLine("config.reloaded", count: 2)
            #expect(try place.site.command("retry", "--all-failed", "--code", "budget_exceeded").status == 0)
            _ = try daemon.complete("braked")
            #expect(place.runway.books.tasks.count == 2)
            #expect(try daemon.stop() == 0)
        }
    }
}
