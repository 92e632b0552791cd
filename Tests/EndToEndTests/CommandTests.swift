// The commands of a person or a script against a daemon that runs.

import Contract
import Foundation
import Linux
import TestSupport
import Testing

extension EndToEnd {
    @Suite("Commands against a running daemon")
    @Outside
    struct Commands {
        @Test("submit --wait ends with 0 and prints the picture's path, or with 1 and the reason")
        func submitAndWait() throws {
            let site = try Site()
            let daemon = try site.ready()
            let good = try site.command("submit", "--user", "peichin", "--outfit", Fixture.outfit(2), "--wait")
            #expect(good.status == 0, "\(good.errors)")
            let path = "\(site.wardrobe)/peichin/items/visualizations/\(Fixture.outfit(2)).jpg"
            #expect(good.output == path + "\n")
            #expect(try JPEGHeader(Host.readFile(path, limit: 1 << 26)) != nil)
            let bad = try site.command("submit", "--user", "peichin", "--outfit", Fixture.outfit(6), "--wait")
            #expect(bad.status == 1 && bad.output.isEmpty && bad.errors.contains("Lost scarf"))
            #expect(try daemon.stop() == 0)
        }

        @Test("submit prints the job, wait and status follow it, list has it; what is not there is 66")
        func follow() throws {
            let site = try Site(gated: true)
            let daemon = try site.ready()
            let submitted = try site.command("submit", "--user", "peichin", "--outfit", Fixture.outfit(2))
            #expect(submitted.status == 0)
            let job = submitted.output.trimmingCharacters(in: .newlines)
            try daemon.awaitLine("job.admitted", ["job": job])
            let status = try daemon.await("a status file") { () -> CommandRun? in
                let run = try site.command("status", job, "--json")
                // Before there is one, the command says what it sees in the boxes.
                return run.output.contains(#""stage":"prepare""#) ? run : nil
            }
            let document = try StatusDocument.decode(Array(status.output.utf8))
            #expect(document.jobID == job && document.stage == .prepare && document.userID == "peichin")
            let list = try site.command("list", "--json")
            #expect(list.status == 0 && list.output.contains(job) && list.output.contains("processing"))
            let late = try site.command("wait", job, "--timeout", "50ms")
            #expect(late.status == 75 && late.output.isEmpty)
            try site.gate?.open()
            let done = try site.command("wait", job)
            #expect(done.status == 0 && done.output.hasSuffix("\(Fixture.outfit(2)).jpg\n"), "\(done.errors)")
            let result = try site.command("status", job, "--json")
            #expect(try ResultDocument.decode(Array(result.output.utf8)).jobID == job)
            #expect(try site.command("list", "--json").output.contains(#""status":"complete""#))
            for command in ["wait", "status"] { #expect(try site.command(command, "nobody").status == 66) }
            #expect(try daemon.stop() == 0)
        }

        @Test("top sees the daemon, what ended and what failed; the gallery has the picture and the reason")
        func topAndGallery() throws {
            let site = try Site()
            let daemon = try site.ready()
            let good = try site.command("submit", "--user", "peichin", "--outfit", Fixture.outfit(2), "--wait")
            #expect(good.status == 0, "\(good.errors)")
            #expect(
                try site.command("submit", "--user", "peichin", "--outfit", Fixture.outfit(6), "--wait").status == 1)
            let top = try site.command("top", "--once")
            #expect(top.status == 0 && top.errors.isEmpty, "\(top.errors)")
            for words in ["at work", "watch seen", "done 1", "failed 1", "1 min 1 +1 failed", "today $0.00"] {
                #expect(top.output.contains(words), "\(words): \(top.output)")
            }
            let out = site.path + "/gallery.html"
            let gallery = try site.command("gallery", "--out", out)
            #expect(gallery.status == 0, "\(gallery.errors)")
            #expect(gallery.output.contains("1 picture, 1 with a thumbnail, 1 failed"), "\(gallery.output)")
            let page = String(decoding: try Host.readFile(out, limit: 1 << 26), as: UTF8.self)
            #expect(page.contains(Fixture.outfit(2)) && page.contains("Lost scarf"))
            #expect(try daemon.stop() == 0)
        }

        @Test("check-config beside a running daemon finds nothing wrong and disturbs nothing")
        func checkConfig() throws {
            let site = try Site()
            let daemon = try site.ready()
            let check = try site.command("check-config")
            #expect(check.status == 0, "\(check.output) \(check.errors)")
            try site.deliver(Fixture.missing(), as: "a.json")
            _ = try daemon.failed("a")
            #expect(try daemon.stop() == 0)
            #expect(try site.names("incoming").isEmpty && site.names("done").isEmpty)
        }
    }
}
