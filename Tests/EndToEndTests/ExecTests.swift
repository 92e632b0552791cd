// A program of the operator's on the spawned vizd: the example script, progress in the status file, secrets that it
// never sees, and that it ends with vizd, however vizd ends.

import Contract
import Foundation
import Linux
import TestSupport
import Testing

extension EndToEnd {
    @Suite("Programs that make pictures")
    struct ExecOrders {
        private func settings(_ command: String, _ more: [String: String] = [:]) -> [String: String] {
            ["VIZD_PROVIDER": "exec", "VIZD_EXEC_COMMAND": command].merging(more) { $1 }
        }

        /// A shell script of the test's own.
        private func script(_ site: Site, _ text: String) throws -> String {
            let file = try Directory(path: site.path).open("paint.sh", .create, mode: 0o755)
            try file.write(all: Array("#!/bin/sh\n\(text)\n".utf8))
            return "\(site.path)/paint.sh"
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

        /// Waits for the two processes that a script wrote down as `far` and `near`.
        private func pair(_ site: Site, _ daemon: DaemonRun) throws -> [Int32] {
            try daemon.await("the program", in: [site.path]) { () -> [Int32]? in
                let texts = try ["far", "near"].map { name -> String in
                    guard try Directory(path: site.path).infoIfPresent(of: FileName(name)) != nil else { return "" }
                    return String(decoding: try Host.readFile("\(site.path)/\(name)", limit: 100), as: UTF8.self)
                }
                let numbers = texts.compactMap { Int32($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
                return numbers.count == 2 ? numbers : nil
            }
        }

        @Test("the example script makes a picture of a dropped request, for nothing")
        func example() throws {
            let site = try Site()
            let daemon = try site.ready(settings("\(Repository.root)/Examples/providers/collage"))
            try site.deliver(Fixture.request(1, more: #""seed":7,"ratio":"320:480""#), as: "collage.json")
            let picture = try daemon.complete("collage")
            #expect(picture.provider == "exec" && picture.making.references == 3)
            #expect(picture.image.width == 320 && picture.image.height == 480)
            let result = try ResultDocument.decode(try #require(try site.file("done", "collage.result.json")))
            #expect(result.cost.usd == 0 && result.attempts == 1)
            #expect(try Directory(path: "\(site.state)/work/exec").names().isEmpty)
            #expect(try daemon.stop() == 0)
        }

        @Test("what a program tells of its progress stands in the status file, and no secret of vizd's reaches it")
        func progressAndSecrets() throws {
            let site = try Site()
            let program = try script(
                site,
                """
                cat /proc/self/environ | tr '\\0' '\\n' > '\(site.path)/environ'
                echo progress 0.5 mixing the colours
                while [ ! -e '\(site.path)/go' ]; do sleep 0.05; done
                cp reference-1.jpg out.jpg; echo out.jpg
                """)
            let secrets = ["RUNWAY_API_KEY": "key_planted", "AWS_SECRET_ACCESS_KEY": "planted", "OTHER": "planted"]
            let daemon = try site.ready(settings(program, secrets))
            try site.deliver(Fixture.request(2), as: "a.json")
            try daemon.await("progress in the status file") { () -> Bool? in
                let text = String(decoding: try site.file("processing", "a.status.json") ?? [], as: UTF8.self)
                return text.contains("(50 %): mixing the colours") ? true : nil
            }
            try Directory(path: site.path).open("go", .create).sync()
            _ = try daemon.complete("a")
            let seen = String(decoding: try Host.readFile("\(site.path)/environ", limit: 1 << 20), as: UTF8.self)
            #expect(seen.contains("PATH=") && !seen.contains("planted") && !seen.contains("VIZD_"), "\(seen)")
            #expect(try daemon.stop() == 0)
        }

        @Test("kill -9 of vizd ends its program and all that it started; the job is run again, since it is free")
        func killed() throws {
            let site = try Site()
            let program = try script(
                site,
                """
                if [ -e '\(site.path)/again' ]; then cp reference-1.jpg out.jpg; echo out.jpg; exit; fi
                trap '' TERM
                setsid sh -c 'trap "" TERM; echo $$ > '\(site.path)/far'; while :; do sleep 1; done' &
                while [ ! -s '\(site.path)/far' ]; do sleep 0.05; done
                echo $$ > '\(site.path)/near'
                while :; do sleep 1; done
                """)
            let first = try site.ready(settings(program))
            try site.deliver(Fixture.request(2), as: "a.json")
            let processes = try pair(site, first)
            try first.kill()
            try Directory(path: site.path).open("again", .create).sync()
            let second = try site.ready(settings(program))
            _ = try second.complete("a")
            try second.await("the end of the first run's processes") { () -> Bool? in
                try processes.contains(where: isThere) ? nil : true
            }
            #expect(try second.stop() == 0)
        }

        @Test("a wish ends the program and all that it started, at once and for nothing")
        func cancelled() throws {
            let site = try Site()
            let program = try script(
                site,
                """
                trap '' TERM
                setsid sh -c 'trap "" TERM; echo $$ > '\(site.path)/far'; while :; do sleep 1; done' &
                while [ ! -s '\(site.path)/far' ]; do sleep 0.05; done
                echo $$ > '\(site.path)/near'
                while :; do sleep 1; done
                """)
            let daemon = try site.ready(settings(program))
            try site.deliver(Fixture.request(2), as: "a.json")
            let processes = try pair(site, daemon)
            try site.deliver("", as: "a.cancel")
            let result = try ResultDocument.decode(try daemon.result("a", in: "failed"))
            // Who sees the result sees the end of the program.
            #expect(try !processes.contains(where: isThere))
            guard case .failed(let failure) = result.outcome else {
                Issue.record("\(result)")
                return
            }
            #expect(failure.code == .cancelled && failure.message.contains("cost nothing"), "\(failure)")
            #expect(result.cost.usd == 0 && !result.cost.uncertain)
            try daemon.awaitLine("cancel.done", ["job": "a"])
            #expect(try Directory(path: "\(site.state)/work/exec").names().isEmpty)
            #expect(try daemon.stop() == 0)
        }

        @Test("check-config names a program that is relative, is not there, or is none")
        func checked() throws {
            let site = try Site()
            for (command, words) in [
                ("paint", "whole path"), ("/nonexistent/paint", "No such file"), ("/tmp", "denied"),
            ] {
                let run = try site.command(settings(command), "check-config")
                #expect(run.status == 78 && run.errors.contains(words) && run.errors.contains("exec.command"), "\(run)")
            }
        }
    }
}
