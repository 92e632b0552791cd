// The program with a real object store behind it: pictures and records in a bucket, one of both, a store that goes away
// in the middle, settings that cannot work. boto3 reads what is in the bucket.

import Contract
import Digest
import Foundation
import Linux
import LoopbackServer
import RunwaySimulator
import TestSupport
import Testing

extension EndToEnd {
    @Suite("A bucket")
    @Outside
    struct S3 {
        private func digest(_ key: String, _ seaweed: Seaweed) async throws -> String? {
            try await digests([key], seaweed)[0]
        }

        private func digests(_ keys: [String], _ seaweed: Seaweed) async throws -> [String?] {
            let asked = try JSONEncoder().encode(keys)
            let verdict = try await seaweed.ask("digests", input: Array(asked))
            return try JSONDecoder().decode([String?].self, from: Data(verdict.output))
        }

        private func entries(of outfit: String, in record: [UInt8]) throws -> [[String: Any]] {
            let object = try JSONSerialization.jsonObject(with: Data(record)) as? [String: Any]
            let saved = object?["saved"] as? [[String: Any]] ?? []
            let found = saved.first { $0["id"] as? String == outfit }
            return found?["visualizations"] as? [[String: Any]] ?? []
        }

        /// What keys must not be in: everything that a run of vizd leaves behind.
        private func leaks(_ daemon: DaemonRun, _ secret: String) throws -> Bool {
            try daemon.lines().contains { $0.contains(secret) }
        }

        @Test("records and pictures in the bucket: a job reads everything there and leaves everything there")
        func both() async throws {
            let seaweed = try await Seaweed.start()
            let site = try Site(users: [])
            try await seaweed.ask("upload", "\(Repository.root)/Examples/wardrobe_photos/peichin", "peichin")
            let daemon = try site.ready(seaweed.settings())
            try daemon.awaitLine("storage.ready")
            try site.deliver(Fixture.request(1), as: "one.json")
            let picture = try daemon.complete("one")
            let key = "peichin/items/visualizations/\(Fixture.outfit(1)).jpg"
            #expect(picture.imageURL == "\(seaweed.endpoint)/closet/\(key)")
            #expect(picture.storage == .s3(uri: "s3://closet/\(key)"))
            #expect(try await digest(key, seaweed) == picture.image.sha256)
            let record = try await seaweed.ask("get", "peichin/saved_outfits.json").output
            let entry = try #require(try entries(of: Fixture.outfit(1), in: record).first)
            #expect(entry["url"] as? String == picture.imageURL && entry["job_id"] as? String == "one")
            try site.deliver(Fixture.missing(), as: "none.json")
            #expect(try daemon.failed("none").code == .outfitNotFound)
            #expect(try site.names("incoming").isEmpty && !leaks(daemon, Seaweed.writer.secret))
            #expect(try daemon.stop() == 0)
        }

        @Test("records here and pictures in the bucket; nothing is written beneath the local root but the record")
        func mixed() async throws {
            let seaweed = try await Seaweed.start()
            let site = try Site()
            var settings = seaweed.settings()
            settings["VIZD_WARDROBE_TYPE"] = "local"
            settings["STORAGE_PUBLIC_BASE_URL"] = "https://cdn.example.org/p"
            let daemon = try site.ready(settings)
            try site.deliver(Fixture.request(1), as: "one.json")
            let picture = try daemon.complete("one")
            let key = "peichin/items/visualizations/\(Fixture.outfit(1)).jpg"
            #expect(picture.imageURL == "https://cdn.example.org/p/\(key)")
            #expect(picture.storage == .s3(uri: "s3://closet/\(key)"))
            #expect(try await digest(key, seaweed) == picture.image.sha256)
            let entry = try #require(try entries(of: Fixture.outfit(1), in: try site.record()).first)
            #expect(entry["url"] as? String == picture.imageURL)
            let items = try Directory(path: "\(site.wardrobe)/peichin/items").names().map(\.description)
            #expect(!items.contains("visualizations"))
            #expect(try daemon.stop() == 0)
        }

        @Test("a bucket that is away fails the job in time, keeps the paid picture, and a retry stores it unpaid")
        func away() async throws {
            let seaweed = try await Seaweed.start()
            let place = try RunwaySite()
            var settings = place.settings(seaweed.settings())
            settings["VIZD_HTTP_ALLOW_INSECURE"] = "127.0.0.1:\(place.runway.port),\(seaweed.authority)"
            settings["VIZD_WARDROBE_TYPE"] = "local"
            settings["VIZD_LIMITS_JOB_DEADLINE"] = "4"
            let daemon = try place.site.ready(settings)
            seaweed.kill()
            try place.order("one", outfit: Fixture.outfit(1))
            let failure = try daemon.failed("one")
            #expect(failure.code == .storageFailed && failure.retryable && failure.stage == .store)
            #expect(failure.message.contains("s3://closet/peichin/items/visualizations/"))
            let kept = try Directory(path: "\(place.site.state)/work").names().map(\.description)
            #expect(kept.contains("one.picture") && place.tasks(of: "one").count == 1)
            let items = try Directory(path: "\(place.site.wardrobe)/peichin/items").names().map(\.description)
            #expect(!items.contains("visualizations"))
            try await seaweed.restart()
            try place.site.move("one.json", from: "failed", to: "incoming")
            let picture = try daemon.complete("one")
            #expect(place.tasks(of: "one").count == 1)
            let key = "peichin/items/visualizations/\(Fixture.outfit(1)).jpg"
            #expect(try await digest(key, seaweed) == picture.image.sha256)
            #expect(try place.complaints(["one"]) == [])
            #expect(try daemon.stop() == 0)
        }

        @Test("check-config and the start refuse what cannot work, each with its reason and without the keys")
        func refused() async throws {
            let seaweed = try await Seaweed.start()
            let careless = try LoopbackServer { request in
                let tag = [("ETag", "\"1\"")]
                return .answer(status: request.method == "DELETE" ? 204 : 200, headers: tag, body: [])
            }
            defer { careless.stop() }
            let other = "127.0.0.1:\(careless.port)"
            // The place's own planted key would go before the file's.
            let byFile = ["AWS_SECRET_ACCESS_KEY": ""]
            let trials: [(String, Int32, String, [String: String])] = [
                ("good", 0, "passed all tests", [:]),
                ("wrong secret", 78, "check AWS_ACCESS_KEY_ID", ["s3.secretAccessKey": "not-the-secret"]),
                (
                    "read-only keys", 78, "s3:PutObject",
                    ["s3.accessKeyId": Seaweed.reader.id, "s3.secretAccessKey": Seaweed.reader.secret]
                ),
                (
                    "careless store", 78, "ignores conditional writes",
                    ["s3.endpoint": "http://\(other)", "http.allowInsecure": "[\"\(other)\"]"]
                ),
                ("no bucket", 78, "s3.bucketName", ["s3.bucketName": ""]),
                ("no TLS", 78, "without TLS", ["http.allowInsecure": "[]"]),
                ("no address", 78, "makes no address", ["s3.region": "eu central"]),
            ]
            for (name, status, words, changes) in trials {
                let site = try Site()
                let file = try configuration(seaweed, changes, in: site)
                let check = try site.command(byFile, "check-config", "--config", file)
                let said = check.output + check.errors
                #expect(check.status == status && said.contains(words), "\(name): \(said)")
                let secrets = [Seaweed.writer.secret, Seaweed.reader.secret, "not-the-secret"]
                #expect(!secrets.contains { said.contains($0) }, "\(name)")
                if status == 0 { continue }
                let daemon = try site.start(byFile, "--config", file)
                #expect(try daemon.awaitExit() == status, "\(name)")
            }
            seaweed.kill()
            let site = try Site()
            let file = try configuration(seaweed, [:], in: site)
            let check = try site.command(byFile, "check-config", "--config", file)
            #expect(check.status == 75 && check.output.contains("could not be reached"))
            // A start waits for nobody: what needs the bucket says so itself.
            let daemon = try site.ready(byFile, "--config", file)
            try daemon.awaitLine("storage.unreachable")
            #expect(try daemon.stop() == 0)
        }

        private func configuration(_ seaweed: Seaweed, _ changes: [String: String], in site: Site) throws -> String {
            var all = [
                "storage.type": "s3", "s3.bucketName": Seaweed.bucket, "s3.endpoint": seaweed.endpoint,
                "s3.pathStyle": "true", "s3.accessKeyId": Seaweed.writer.id,
                "s3.secretAccessKey": Seaweed.writer.secret, "http.allowInsecure": "[\"\(seaweed.authority)\"]",
            ]
            all.merge(changes) { $1 }
            let text = all.keys.sorted().map { "\($0): \(all[$0, default: ""])\n" }.joined()
            let path = site.path + "/vizd.conf"
            try Data(text.utf8).write(to: URL(fileURLWithPath: path))
            return path
        }

        @Test("two daemons on one bucket share a user's outfits, one is killed, and nothing of either is lost")
        func together() async throws {
            let seaweed = try await Seaweed.start()
            try await seaweed.ask(
                "put", "peichin/items/shirt.png", "image/png",
                input: try Host.readFile(
                    "\(Repository.root)/Examples/wardrobe_photos/peichin/items/black-t-shirt.png", limit: 1 << 24))
            let outfits = (0..<40).map { "outfit-\($0)" }
            let saved = outfits.map { outfit -> [String: Any] in
                let item = ["id": "i", "name": "Shirt", "image_path": "items/shirt.png"]
                return ["id": outfit, "outfit_data": ["items": [item]]]
            }
            let record = try JSONSerialization.data(withJSONObject: ["saved": saved])
            try await seaweed.ask("put", "peichin/saved_outfits.json", input: Array(record))
            let sites = [try Site(users: []), try Site(users: [])]
            var daemons = try sites.map { try $0.ready(seaweed.settings()) }
            for (number, outfit) in outfits.enumerated() {
                let request = #"{"user_id":"peichin","outfit_id":"\#(outfit)"}"#
                try sites[number % 2].deliver(request, as: "job-\(number).json")
            }
            _ = try daemons[1].complete("job-1")
            try daemons[1].kill()
            daemons[1] = try sites[1].ready(seaweed.settings())
            let made = try outfits.indices.map { try daemons[$0 % 2].complete("job-\($0)").image.sha256 }
            let keys = outfits.map { "peichin/items/visualizations/\($0).jpg" }
            #expect(try await digests(keys, seaweed) == made)
            let after = try await seaweed.ask("get", "peichin/saved_outfits.json").output
            for (number, outfit) in outfits.enumerated() {
                let named = try entries(of: outfit, in: after).compactMap { $0["job_id"] as? String }
                #expect(named == ["job-\(number)"], "\(outfit)")
            }
            for daemon in daemons { #expect(try daemon.stop() == 0) }
        }
    }
}
