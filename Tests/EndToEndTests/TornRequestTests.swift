// Requests whose bytes were lost after vizd had read them: a producer that does not sync, and a power cut. The name is
// in processing/, the bytes are not; the journal has a copy.

import Contract
import Digest
import Foundation
import Linux
import TestSupport
import Testing

extension EndToEnd {
    @Suite("Requests that a power cut tore")
    @Outside
    struct TornRequests {
        @Test(
            "a request that was admitted goes on from the journal's copy, whatever is left of its file",
            arguments: ["nothing", "a beginning", "zeros", "a beginning and zeros"])
        func torn(_ what: String) throws {
            let site = try Site(gated: true)
            let copy = try killedOver("job", site)
            var left = [UInt8](repeating: 0, count: copy.count)
            switch what {
            case "nothing": left = []
            case "a beginning": left = Array(copy.prefix(11))
            case "zeros": break
            default: left.replaceSubrange(0..<11, with: copy.prefix(11))
            }
            try write(left, "job.json", site)
            try site.gate?.open()
            let daemon = try site.ready()
            _ = try daemon.complete("job")
            try daemon.settled()
            #expect(try site.file("done", "job.json") == copy)
            #expect(try site.names("failed").isEmpty && site.names("done") == ["job.json", "job.result.json"])
            let line = try daemon.awaitLine("job.admitted", ["job": "job"])
            #expect(line["judgement"] == "resume" && line["run"] == "1")
            #expect(try daemon.stop() == 0)
        }

        @Test("other bytes that somebody put in its place are refused, and the job goes on beside them")
        func replaced() throws {
            let site = try Site(gated: true)
            let copy = try killedOver("job", site)
            let other = Array(Fixture.request(1).utf8)
            try write(other, "job.json", site)
            try site.gate?.open()
            let daemon = try site.ready()
            _ = try daemon.complete("job")
            let taken = "job~" + SHA256.of(other).hex.prefix(8)
            #expect(try daemon.failed(taken).code == .nameTaken)
            try daemon.settled()
            #expect(try site.file("done", "job.json") == copy && site.file("failed", "\(taken).json") == other)
            #expect(try daemon.stop() == 0)
        }

        /// A place whose vizd was killed over a job in its first stage. Answers the request.
        private func killedOver(_ name: String, _ site: Site) throws -> [UInt8] {
            let daemon = try site.ready()
            try site.deliver(Fixture.request(2), as: "\(name).json")
            try daemon.awaitLine("job.admitted", ["job": name])
            try daemon.kill()
            return try #require(try site.file("processing", "\(name).json"))
        }

        private func write(_ bytes: [UInt8], _ name: String, _ site: Site) throws {
            let file = try site.box("processing").open(FileName(name), .readWrite)
            try file.setSize(0)
            try file.write(all: bytes)
        }
    }
}
