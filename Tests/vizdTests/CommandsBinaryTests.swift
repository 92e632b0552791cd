// The built program: exit codes, and what goes to which stream.

import Contract
import Linux
import Spool
import Testing

@testable import vizd

@Suite("The program")
struct CommandsBinaryTests {
    private let spool: ScratchSpool

    init() throws { spool = try ScratchSpool() }

    @Test("--version says the version, --help begins with what it is")
    func versionAndHelp() throws {
        let version = try ProgramRun(["--version"])
        #expect(version.status == 0 && version.output == "vizd \(Version.text)\n")
        let help = try ProgramRun(["--help"])
        #expect(help.status == 0 && help.output.contains("check-config") && help.errors.isEmpty)
        for command in ["submit", "wait", "status", "list", "check-config", "recover"] {
            let help = try ProgramRun([command, "--help"])
            #expect(help.status == 0 && help.output.contains("vizd \(command)"), "\(command)")
        }
    }

    @Test("wrong arguments are 64, a job that is not there 66, a spool that is not there 73, a bad configuration 78")
    func exitCodes() throws {
        #expect(try ProgramRun(["submit"]).status == 64)
        #expect(try ProgramRun(["submit", "--outfit", "o", "--user", "u", "--timeout", "3"]).status == 64)
        #expect(try ProgramRun(["nonsense"]).status == 64)
        #expect(try ProgramRun("wait", "../x", spool: spool).status == 64)
        #expect(try ProgramRun("submit", "--user", "a/b", "--outfit", "o", spool: spool).status == 64)
        #expect(try ProgramRun("wait", "nobody", spool: spool).status == 66)
        #expect(try ProgramRun("status", "nobody", spool: spool).status == 66)
        #expect(try ProgramRun(["status"], environment: ["VIZD_SPOOL_DIR": "/nowhere"]).status == 73)
        #expect(try ProgramRun(["status", "--config", "/nowhere.conf"]).status == 78)
        #expect(try ProgramRun(["check-config"], environment: ["VIZD_LIMITS_IN_FLIGHT": "many"]).status == 78)
    }

    @Test("a request from standard input is delivered byte for byte, and a bad one is not delivered at all")
    func standardInput() throws {
        let text = " {\"user_id\":\"u\", \"outfit_id\":\"o\", \"metadata\":{\"n\":1e3}}\n"
        let good = try ProgramRun("submit", "-", "--name", "mine", spool: spool, input: text)
        #expect(good.status == 0 && good.output == "mine\n")
        #expect(try spool.reader().read("mine.json", in: .incoming) == Array(text.utf8))
        let bad = try ProgramRun("submit", "-", spool: spool, input: #"{"user_id":"u","outfit_id":"o","colour":1}"#)
        #expect(bad.status == 64 && bad.errors.contains("colour"))
        #expect(try spool.names(in: .incoming) == ["mine.json"])
    }

    @Test("wait ends as the job did: 0 with the picture on standard output, 1 with the reason on standard error")
    func waiting() throws {
        try spool.write(Sample.complete().encode(), "a.result.json", in: .done)
        let failure = ResultDocument.Failure(code: .outfitNotFound, message: "There is none.", stage: .prepare)
        try spool.write(Sample.failed("b", failure).encode(), "b.result.json", in: .failed)
        let complete = try ProgramRun("wait", "a.json", spool: spool)
        #expect(
            complete.status == 0 && complete.output == "/srv/o-17.jpg\n" && complete.errors.contains("free of charge"))
        let failed = try ProgramRun("wait", "b", spool: spool)
        #expect(failed.status == 1 && failed.output.isEmpty && failed.errors.contains("outfit_not_found"))
        #expect(try ProgramRun("status", "b", spool: spool).status == 0)
    }

    @Test("a wait with a time limit and no daemon is 75 and says how to start one")
    func timeout() throws {
        let run = try ProgramRun(
            "submit", "--user", "u", "--outfit", "o", "--wait", "--timeout", "50ms", spool: spool)
        #expect(run.status == 75 && run.output.isEmpty)
        #expect(run.errors.contains("vizd run") && run.errors.contains("queued"))
    }

    @Test("check-config names every problem at once, or shows what is in force and tries the spool")
    func checkConfig() throws {
        let bad = try ProgramRun(
            ["check-config"],
            environment: [
                "VIZD_SPOOL_DIR": spool.path, "VIZD_LOG_LEVEL": "loud", "RUNWAY_API_KEY": "two words",
                "VIZD_PROVIDER": "fashn",
            ])
        #expect(bad.status == 78 && bad.output.isEmpty)
        for word in ["log.level", "loud", "VIZD_LOG_LEVEL", "runway.apiKey", "needs fashn.apiKey", "3 problems"] {
            #expect(bad.errors.contains(word), "\(word)")
        }
        #expect(!bad.errors.contains("two words"))
        let good = try ProgramRun(
            ["check-config"], environment: ["VIZD_SPOOL_DIR": spool.path, "RUNWAY_API_KEY": "key_hidden"])
        #expect(good.status == 0, "\(good.output) \(good.errors)")
        #expect(good.output.contains("spool.dir") && good.output.contains("default"))
        #expect(!good.output.contains("key_hidden") && !good.errors.contains("key_hidden"))
        #expect(try ProgramRun(["check-config", "--defaults"]).output == ConfigurationTemplate.text)
    }

    @Test("list and status answer in lines of JSON")
    func json() throws {
        try spool.write(Array(#"{"user_id":"u","outfit_id":"o"}"#.utf8), "w.json", in: .incoming)
        try spool.write(Sample.complete().encode(), "a.result.json", in: .done)
        let list = try ProgramRun("list", "--json", spool: spool)
        #expect(list.output.split(separator: "\n").count == 2 && list.output.contains(#""status":"queued""#))
        #expect(try ProgramRun("status", "--json", spool: spool).output.contains(#""incoming":1"#))
        #expect(
            try ProgramRun("status", "a", "--json", spool: spool).output
                == String(decoding: Sample.complete().encode(), as: UTF8.self))
    }
}
