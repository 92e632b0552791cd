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
                return run.output.contains(#""status":"processing""#) ? run : nil
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
