// kill -9 at any moment, of the daemon and of its image workers: nothing is lost, nothing is done twice, nothing is
// left behind.

import Contract
import Digest
import Foundation
import Ledger
import Linux
import TestSupport
import Testing

extension EndToEnd {
    @Suite("Crashes")
    @Outside
    struct Crashes {
        private static let users = ["ann", "bob", "cy", "dee", "eve"]

        @Test("thirty jobs of five users survive eight kills at any moment: each ends once, with its picture")
        func manyKills() throws {
            let site = try Site(users: Self.users)
            try spreadOut(site)
            var chance = SeededChance(seed: 20_261_124)
            var names: [String] = []
            for round in 0..<6 {
                for user in Self.users {
                    names.append("\(user)-\(round)")
                    try site.deliver(request(user, round), as: "\(user)-\(round).json")
                }
            }
            for _ in 0..<8 {
                // Few at a time: every one that is in preparation at a kill has one start less to live through.
                let daemon = try site.start(["VIZD_LIMITS_IN_FLIGHT": "4"])
                // A moment is the n-th line of the log: claims, admissions, ends, whatever comes.
                let moment = chance.next(below: 30)
                try daemon.await("line \(moment)") { () -> Bool? in
                    let left = try site.names("incoming").count + site.names("processing").count
                    return try left == 0 || daemon.lines().count >= moment + 1 ? true : nil
                }
                try daemon.kill()
            }
            let last = try site.ready()
            for name in names {
                guard case .failed(let failure) = try last.landed(name).outcome else { continue }
                // Who was in preparation at more than three of the ends is given up, and can be taken up again.
                #expect(failure.code == .poison, "\(name): \(failure)")
                try site.move("\(name).json", from: "failed", to: "incoming")
                _ = try last.complete(name)
            }
            try last.settled()
            #expect(try last.stop() == 0)
            try expectWhole(names, site)
        }

        @Test("an image worker that is killed costs at most the job that it was at, which can be taken up again")
        func workersKilled() throws {
            let site = try Site(users: Self.users)
            try spreadOut(site)
            let daemon = try site.ready()
            var names: [String] = []
            for user in Self.users {
                for round in 0..<2 {
                    names.append("\(user)-\(round)")
                    try site.deliver(request(user, round), as: "\(user)-\(round).json")
                }
            }
            // Those that are there are killed, at work or at rest, whenever a few more jobs have ended.
            for ended in [2, 4, 6] {
                let workers = try daemon.await("\(ended) ends") { () -> [Int32]? in
                    let count = try (site.names("done").count + site.names("failed").count) / 2
                    return count >= ended ? try daemon.workers() : nil
                }
                for worker in workers {
                    do throws(SystemFailure) {
                        try Host.kill(worker, signal: 9)
                    } catch {
                        // It went by itself.
                    }
                }
            }
            for name in names {
                let result = try daemon.landed(name)
                if case .failed(let failure) = result.outcome {
                    // The picture that was being decoded when its worker died is to blame as far as vizd can know;
                    // and a second worker that dies before it has begun is one too many (internal).
                    let codes: [ResultCode] = [.garmentUnreadable, .generationFailed, .notAnImage, .internal]
                    #expect(codes.contains(failure.code), "\(name): \(failure)")
                    try site.move("\(name).json", from: "failed", to: "incoming")
                    _ = try daemon.complete(name)
                }
            }
            #expect(try daemon.stop() == 0)
            try expectWhole(names, site)
        }

        // MARK: The jobs

        /// Each user's outfits 1, 2 and 3 twice, under names of their own.
        private func spreadOut(_ site: Site) throws {
            for user in Self.users {
                let text = String(decoding: try site.record(of: user), as: UTF8.self)
                let parts = text.components(separatedBy: #""saved": ["#)
                let copies = (0..<6).map { outfit($0) + "," }.joined()
                try site.setRecord(Array((parts[0] + #""saved": ["# + copies + parts[1]).utf8), of: user)
            }
        }

        private func outfit(_ number: Int) -> String {
            let photos = [
                "black-t-shirt.png", "summer-shorts.jpg", "mittens.jpg", "gold-chain.jpg", "blue-fedora.heic",
                "hiking-boots.webp",
            ]
            let items = (0...(number % 3)).map { index in
                #"{"id":"x","name":"Piece \#(index)","image_path":"items/\#(photos[(number + index) % photos.count])"}"#
            }
            return #"{"id":"set-\#(number)","outfit_data":{"items":[\#(items.joined(separator: ","))]}}"#
        }

        private func request(_ user: String, _ round: Int) -> String {
            #"{"user_id":"\#(user)","outfit_id":"set-\#(round)"}"#
        }

        // MARK: What is expected

        private func expectWhole(_ names: [String], _ site: Site) throws {
            let expected = names.flatMap { ["\($0).json", "\($0).result.json"] }.sorted()
            #expect(try site.names("done").sorted() == expected)
            for box in ["incoming", "processing", "failed", "tmp"] {
                #expect(try site.box(box).names().isEmpty, "\(box)")
            }
            for name in names { try expectPicture(name, site) }
            for user in Set(names.map { String($0.prefix { $0 != "-" }) }) {
                try expectRecord(of: user, names.filter { $0.hasPrefix(user + "-") }, site)
            }
            let journal = try #require(try JournalReader.open(path: "\(site.state)/vizd.sqlite"))
            #expect(try journal.rows(open: true).isEmpty)
            #expect(try Set(journal.rows(open: false).map(\.name)) == Set(names))
            #expect(try journal.rows(open: false).allSatisfy { $0.run == 1 && $0.outcome?.box == .done })
            let work = try Directory(path: "\(site.state)/work").names().map(\.description)
            #expect(work == ["exec", "prepared"], "left in work/: \(work)")
        }

        private func expectPicture(_ name: String, _ site: Site) throws {
            let bytes = try #require(try site.file("done", "\(name).result.json"))
            let result = try ResultDocument.decode(bytes)
            guard case .complete(let picture, _) = result.outcome, case .local(let path) = picture.storage else {
                Issue.record("\(name) is not complete")
                return
            }
            let image = try Host.readFile(path, limit: 1 << 26)
            #expect(SHA256.of(image).hex == picture.image.sha256 && JPEGHeader(image)?.width == 1080, "\(name)")
            let request = try #require(try site.file("done", "\(name).json"))
            #expect(result.requestSHA256 == SHA256.of(request).hex, "\(name)")
        }

        /// Every outfit has its one picture, once.
        private func expectRecord(of user: String, _ names: [String], _ site: Site) throws {
            let record = try JSONDocument(parsing: site.record(of: user))
            for name in names {
                let outfit = JSONValue.string("set-\(name.split(separator: "-")[1])")
                let saved = try #require(record.root["saved"]?.elements?.first { $0["id"]?.value == outfit })
                let entries = try #require(saved["visualizations"]?.elements, "\(name)")
                #expect(entries.map { $0["job_id"]?.value } == [.string(name)], "\(name)")
            }
            // Nothing of vizd's is left beside the record but the lock and the folder for what it writes aside.
            let folder = try Directory(path: "\(site.wardrobe)/\(user)")
            let hidden = try folder.names().filter { $0.bytes.first == 0x2E }
            #expect(hidden == [".saved_outfits.lock", ".vizd"], "\(hidden)")
            // A picture half-written at a kill is swept once it is old; no text of a record is left.
            let aside = try folder.directory(".vizd").names().map(\.description)
            #expect(aside.allSatisfy { $0.hasPrefix("picture-") }, "\(aside)")
            let pictures = try folder.directory("items").directory("visualizations").names().map(\.description)
            #expect(pictures.sorted() == names.map { "set-\($0.split(separator: "-")[1]).jpg" }.sorted())
        }
    }
}

/// Numbers that look like chance and are the same each time.
struct SeededChance {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next(below limit: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int((state >> 33) % UInt64(limit))
    }
}
