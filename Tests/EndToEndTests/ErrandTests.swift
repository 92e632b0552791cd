// Requests that make no picture, and everything else that a request may say of itself, through the built program.

import Contract
import Foundation
import Linux
import TestSupport
import Testing

extension EndToEnd {
    @Suite("Deleting, describing, and what a request says of itself")
    @Outside
    struct Errands {
        private func outcome(_ daemon: DaemonRun, _ name: String) throws -> ResultDocument.Outcome {
            try ResultDocument.decode(try daemon.result(name, in: "done")).outcome
        }

        private func pictures(_ site: Site) throws -> [String] {
            try Directory(path: "\(site.wardrobe)/peichin/items/visualizations").names().map(\.description)
        }

        private func delete(_ outfit: String) -> String {
            #"{"action":"delete","user_id":"peichin","outfit_id":"\#(outfit)"}"#
        }

        @Test("a picture is made and deleted, the record is what it was but for its time, and a second delete is empty")
        func deleting() throws {
            let site = try Site()
            let before = try JSONDocument(parsing: site.record())
            let daemon = try site.ready()
            try site.deliver(Fixture.request(1), as: "one.json")
            try site.deliver(Fixture.request(2), as: "two.json")
            let url = try daemon.complete("one").imageURL
            _ = try daemon.complete("two")
            let made = try JSONDocument(parsing: site.record())
            try site.deliver(delete(Fixture.outfit(1)), as: "gone.json")
            #expect(try outcome(daemon, "gone") == .removed([url]))
            #expect(try pictures(site) == ["\(Fixture.outfit(2)).jpg"])
            let after = try JSONDocument(parsing: site.record())
            let outfits = { (document: JSONDocument) in
                (document.root["saved"]?.elements ?? []).map { document.text(of: $0) }
            }
            #expect(outfits(after) == [outfits(before)[0]] + outfits(made).dropFirst())
            try site.deliver(delete(Fixture.outfit(1)), as: "again.json")
            #expect(try outcome(daemon, "again") == .removed([]))
            try site.deliver(delete("nowhere"), as: "none.json")
            let none = try daemon.failed("none")
            #expect(none.code == .outfitNotFound && none.message.contains("nowhere"))
            #expect(try site.names("processing").isEmpty && daemon.stop() == 0)
        }

        @Test("the commands delete and describe, wait for it, and refuse what makes no sense before it is delivered")
        func commands() throws {
            let site = try Site()
            let daemon = try site.ready()
            try site.deliver(Fixture.request(2), as: "two.json")
            let url = try daemon.complete("two").imageURL
            let outfit = Fixture.outfit(2)
            let deleted = try site.command("submit", "--user", "peichin", "--outfit", outfit, "--delete", "--wait")
            #expect(deleted.status == 0 && deleted.output == url + "\n")
            #expect(deleted.errors.contains("1 picture was removed"))
            let described = try site.command(
                "submit", "--user", "peichin", "--set-profile", "--model-descriptor", "tall, at ease", "--wait")
            #expect(described.status == 0 && described.output.isEmpty && described.errors.contains("tall, at ease"))
            let profile = "\(site.wardrobe)/peichin/user_profile.json"
            #expect(
                String(decoding: try Host.readFile(profile, limit: 1 << 20), as: UTF8.self).contains("tall, at ease"))
            let senseless = try site.command(
                "submit", "--user", "peichin", "--outfit", outfit, "--delete", "--provider", "flatlay")
            #expect(senseless.status == 64 && senseless.errors.contains("does not apply to the action delete"))
            #expect(try site.command("submit", "--user", "p", "--set-profile").status == 64)
            #expect(try daemon.stop() == 0)
        }

        @Test("fifty profiles, deletes and pictures of one user at once lose nothing of each other")
        func fifty() throws {
            let site = try Site()
            let items = #"{"items":[{"name":"Tee","image_path":"items/black-t-shirt.png"}]}"#
            let saved = (0..<20).map { #"{"id":"o-\#($0)","n":1e3,"outfit_data":\#(items)}"# }
            try site.setRecord(Array(#"{"saved":[\#(saved.joined(separator: ","))]}"#.utf8))
            let daemon = try site.ready(["VIZD_LIMITS_PER_USER": "50"])
            for number in 0..<10 {
                try site.deliver(#"{"user_id":"peichin","outfit_id":"o-\#(number)"}"#, as: "m-\(number).json")
            }
            for number in 0..<10 { _ = try daemon.complete("m-\(number)") }
            for number in 0..<10 {
                try site.deliver(delete("o-\(number)"), as: "d-\(number).json")
                try site.deliver(#"{"user_id":"peichin","outfit_id":"o-\#(number + 10)"}"#, as: "m-\(number + 10).json")
                for part in 0..<3 {
                    let request =
                        #"{"action":"set_profile","user_id":"peichin","model_descriptor":"d-\#(number)-\#(part)"}"#
                    try site.deliver(request, as: "p-\(number)-\(part).json")
                }
            }
            for number in 0..<10 {
                #expect(
                    try outcome(daemon, "d-\(number)")
                        == .removed(["wardrobe_photos/peichin/items/visualizations/o-\(number).jpg"]))
                _ = try daemon.complete("m-\(number + 10)")
                for part in 0..<3 {
                    #expect(
                        try outcome(daemon, "p-\(number)-\(part)") == .profile(modelDescriptor: "d-\(number)-\(part)"))
                }
            }
            #expect(try daemon.stop() == 0)
            let record = try JSONDocument(parsing: site.record())
            for (number, outfit) in (record.root["saved"]?.elements ?? []).enumerated() {
                #expect(outfit["n"]?.value == .number("1e3"))
                #expect((outfit["visualizations"] != nil) == (number >= 10), "o-\(number)")
            }
            #expect(try pictures(site).count == 10)
        }

        @Test("a delete that is killed at any of its moments is made again by the next start and tells what it removed")
        func killed() throws {
            for moment in ["job.admitted", "vizd.ready"] {
                let site = try Site()
                let first = try site.ready()
                try site.deliver(Fixture.request(2), as: "two.json")
                let url = try first.complete("two").imageURL
                try site.deliver(delete(Fixture.outfit(2)), as: "gone.json")
                if moment == "job.admitted" { try first.awaitLine(moment, ["job": "gone"]) }
                try first.kill()
                let second = try site.ready()
                #expect(try outcome(second, "gone") == .removed([url]))
                #expect(try pictures(site) == [])
                #expect(try !String(decoding: site.record(), as: UTF8.self).contains("visualization"))
                #expect(try second.stop() == 0)
            }
        }

        @Test("metadata comes back as it was written, from every end; what is too late is not begun")
        func circumstances() throws {
            let site = try Site()
            let metadata = #"{"n": 1e3,  "ü":"\u00e9", "deep":[{"x":null}]}"#
            let daemon = try site.ready()
            let more = #""prompt":"in the rain","priority":"low","metadata":\#(metadata)"#
            try site.deliver(
                Fixture.request(2, more: more + #","not_after":"2999-01-01T00:00:00Z""#), as: "good.json")
            try site.deliver(
                Fixture.request(2, more: more + #","not_after":"2001-01-01T00:00:00Z""#), as: "late.json")
            try site.deliver(
                #"{"action":"set_profile","user_id":"peichin","model_descriptor":"","metadata":\#(metadata)}"#,
                as: "profile.json")
            _ = try daemon.complete("good")
            let late = try daemon.failed("late")
            #expect(late.code == .expired && late.message.contains("2001-01-01"))
            #expect(try outcome(daemon, "profile") == .profile(modelDescriptor: nil))
            for (name, box) in [("good", "done"), ("late", "failed"), ("profile", "done")] {
                let text = String(decoding: try daemon.result(name, in: box), as: UTF8.self)
                #expect(text.contains(metadata), "\(name)")
            }
            #expect(try daemon.stop() == 0)
        }

        @Test("the examples that need no provider do what they say, one after the other")
        func examples() throws {
            let site = try Site()
            let daemon = try site.ready()
            let ends: [(String, (ResultDocument.Outcome) -> Bool)] = [
                ("visualize", { if case .complete = $0 { true } else { false } }),
                ("inline-outfit", { if case .complete = $0 { true } else { false } }),
                ("delete", { if case .removed(let gone) = $0 { gone.count == 1 } else { false } }),
                ("set-profile", { if case .profile(let text) = $0 { text?.isEmpty == false } else { false } }),
            ]
            for (name, isRight) in ends {
                let file = "\(Repository.root)/Examples/requests/\(name).json"
                try site.deliver(try Host.readFile(file, limit: 1 << 20), as: FileName("\(name).json"))
                let end = try outcome(daemon, name)
                #expect(isRight(end), "\(name): \(end)")
            }
            #expect(try pictures(site) == ["tee-and-fedora.jpg"])
            #expect(try daemon.stop() == 0)
        }

        @Test("deletes and profiles in a bucket: boto3 finds nothing of the one and all of the other")
        func bucket() async throws {
            let seaweed = try await Seaweed.start()
            let site = try Site(users: [])
            try await seaweed.ask("upload", "\(Repository.root)/Examples/wardrobe_photos/peichin", "peichin")
            let daemon = try site.ready(seaweed.settings())
            try site.deliver(Fixture.request(2), as: "two.json")
            let url = try daemon.complete("two").imageURL
            try site.deliver(delete(Fixture.outfit(2)), as: "gone.json")
            #expect(try outcome(daemon, "gone") == .removed([url]))
            try site.deliver(
                #"{"action":"set_profile","user_id":"peichin","model_descriptor":"tall"}"#, as: "profile.json")
            #expect(try outcome(daemon, "profile") == .profile(modelDescriptor: "tall"))
            #expect(try await !seaweed.ask("get", "peichin/saved_outfits.json").text.contains("visualization"))
            #expect(
                try await seaweed.ask("get", "peichin/user_profile.json").text.contains(#""model_descriptor": "tall""#))
            #expect(try await !seaweed.ask("list").text.contains("visualizations/"))
            #expect(try daemon.stop() == 0)
        }
    }
}
