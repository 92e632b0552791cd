// Files that are no honest requests: every one ends in failed/ with a reason beside it, or is left alone, and the
// daemon serves the next request as if nothing had been.

import Contract
import Digest
import Foundation
import Glibc
import Linux
import TestSupport
import Testing

extension EndToEnd {
    @Suite("Hostile files")
    @Outside
    struct Hostile {
        @Test("what is no regular file is never opened, lands as it is with a reason, and the next request runs")
        func oddKinds() throws {
            let site = try Site()
            let daemon = try site.ready(["VIZD_LIMITS_REQUEST_BYTES": "4096"])
            let incoming = try site.box("incoming")
            let secret = FileName("\(site.path)/secret")
            try Directory(path: site.path).open("secret", .create).write(all: Array(Fixture.request(1).utf8))
            try incoming.symlink("link.json", to: secret)
            try incoming.symlink("dangling.json", to: "nowhere")
            try incoming.makeFIFO("pipe.json")
            try incoming.makeDirectory("folder.json", mode: 0o700)
            try incoming.directory("folder.json").open("inside", .create).write(all: [1])
            try bindSocket("\(site.spool)/incoming/socket.json")
            let kinds: [(String, FileKind)] = [
                ("link", .symlink), ("dangling", .symlink), ("pipe", .fifo), ("folder", .directory),
                ("socket", .socket),
            ]
            for (name, kind) in kinds {
                #expect(try daemon.failed(name).code == .notARegularFile, "\(name)")
                #expect(try site.box("failed").info(of: FileName("\(name).json")).kind == kind, "\(name)")
                let text = String(decoding: try daemon.result(name, in: "failed"), as: UTF8.self)
                #expect(!text.contains("outfit_id\":\"8f"), "\(name) tells what it leads to")
                // Nothing was read, so there is no digest of it to tell.
                #expect(try ResultDocument.decode(Array(text.utf8)).requestSHA256 == nil, "\(name)")
            }
            #expect(try site.box("failed").directory("folder.json").names() == ["inside"])
            try expectServes(daemon, site)
        }

        @Test("a file beyond the limit, also one of a tebibyte of nothing, is not read; one at the limit is")
        func sizes() throws {
            let site = try Site()
            let daemon = try site.ready(["VIZD_LIMITS_REQUEST_BYTES": "4096"])
            let request = Array(Fixture.missing().utf8)
            let full = request + [UInt8](repeating: 0x20, count: 4096 - request.count)
            try site.deliver(full, as: "full.json")
            try site.deliver(full + [0x20], as: "more.json")
            let sparse = try site.box("tmp").open("sparse", .create)
            try sparse.setSize(1 << 40)
            try site.box("tmp").rename("sparse", to: try site.box("incoming"), as: "sparse.json", .noReplace)
            #expect(try daemon.failed("full").code == .outfitNotFound)
            for name in ["more", "sparse"] {
                let failure = try daemon.failed(name)
                #expect(failure.code == .requestTooLarge && failure.message.contains("4096"), "\(name)")
                #expect(try ResultDocument.decode(daemon.result(name, in: "failed")).requestSHA256 == nil)
            }
            #expect(try site.box("failed").info(of: "sparse.json").size == 1 << 40)
            try expectServes(daemon, site)
        }

        @Test("bytes that are no request are invalid_json or invalid_request, and lie unchanged beside the reason")
        func contents() throws {
            let site = try Site()
            let daemon = try site.ready(["VIZD_SPOOL_SETTLE": "0.1"])
            let good = Fixture.missing()
            let json: [(String, [UInt8])] = [
                ("empty", []), ("words", Array("hello".utf8)), ("bom", [0xEF, 0xBB, 0xBF] + Array(good.utf8)),
                ("utf16", good.utf16.flatMap { [UInt8($0 & 255), UInt8($0 >> 8)] }),
                ("twice", Array(#"{"user_id":"a","user_id":"b","outfit_id":"o"}"#.utf8)),
                ("trailing", Array((good + "}").utf8)), ("comma", Array(#"{"user_id":"a","outfit_id":"o",}"#.utf8)),
                ("latin1", Array(#"{"user_id":"caf"#.utf8) + [0xE9] + Array(#"","outfit_id":"o"}"#.utf8)),
                ("nul", Array(good.utf8) + [0]), ("surrogate", Array(#"{"user_id":"\ud800","outfit_id":"o"}"#.utf8)),
                ("deep", Array(String(repeating: "[", count: 100_000).utf8)),
            ]
            for (name, bytes) in json { try site.deliver(bytes, as: FileName("\(name).json")) }
            for (name, bytes) in json {
                let failure = try daemon.failed(name)
                #expect(failure.code == .invalidJSON && failure.stage == nil, "\(name)")
                #expect(try site.file("failed", "\(name).json") == bytes, "\(name)")
            }
            try expectServes(daemon, site)
        }

        @Test("a request that asks for what there is not names every problem with its path, and the nearest known key")
        func wrongRequests() throws {
            let site = try Site()
            let daemon = try site.ready()
            let cases: [(name: String, text: String, paths: Set<String>)] = [
                ("array", "[]", [""]), ("dots", #"{"user_id":"..","outfit_id":"o"}"#, ["user_id"]),
                ("slash", #"{"user_id":"a/b","outfit_id":"../c"}"#, ["user_id", "outfit_id"]),
                ("unknown", #"{"user_id":"a","outfit_id":"o","priorty":"high"}"#, ["priorty"]),
                ("kinds", #"{"user_id":1,"outfit_id":["o"],"priority":"soon"}"#, ["user_id", "outfit_id", "priority"]),
            ]
            for (name, text, _) in cases { try site.deliver(text, as: "\(name).json") }
            for (name, _, paths) in cases {
                let failure = try daemon.failed(name)
                #expect(failure.code == .invalidRequest, "\(name)")
                #expect(Set(failure.details.map(\.path)) == paths, "\(name): \(failure.details)")
            }
            #expect(try daemon.failed("unknown").message.contains("priority"))
            try expectServes(daemon, site)
        }

        @Test("a name that breaks the rule lands escaped, shortened and with its digest, and can be dropped again")
        func badNames() throws {
            let site = try Site()
            let daemon = try site.ready()
            let request = Array(Fixture.missing().utf8)
            let tag = "~" + SHA256.of(request).hex.prefix(8)
            let long = String(repeating: "x", count: 201)
            let names: [([UInt8], String)] = [
                (Array("a\u{1}b".utf8), "a%01b"), (Array("\u{1B}[2J".utf8), "%1B%5B2J"),
                (Array("new\nline".utf8), "new%0Aline"), (Array("c\u{85}1".utf8), "c%C2%851"),
                ([0x66, 0xFF], "f%FF"), (Array("x.result".utf8), "x.result"), (Array("x.status".utf8), "x.status"),
                (Array("x.cancel".utf8), "x.cancel"), (Array("x.0001".utf8), "x.0001"),
                (Array(long.utf8), String(long.prefix(100))),
            ]
            for (name, _) in names { try site.deliver(request, as: FileName(bytes: name + Array(".json".utf8))) }
            let fits = String(repeating: "é", count: 100)
            try site.deliver(request, as: FileName(fits + ".json"))
            for (name, escaped) in names {
                let failure = try daemon.failed(escaped + tag)
                #expect(failure.code == .invalidName, "\(FileName(bytes: name))")
                #expect(try site.file("failed", "\(escaped)\(tag).json") == request, "\(escaped)")
                let result = try ResultDocument.decode(daemon.result(escaped + tag, in: "failed"))
                #expect(result.requestSHA256 == SHA256.of(request).hex, "\(escaped)")
            }
            #expect(try daemon.failed(fits).code == .outfitNotFound)
            // Nothing on a line of the log could move a cursor.
            #expect(try !daemon.lines().joined().unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x9B })
            try expectServes(daemon, site)
        }

        @Test("dot-files, unfinished names and names without .json are left alone, and told of once a kind")
        func leftAlone() throws {
            let site = try Site()
            let names = [".hidden.json", "README", "a.json.tmp", "b.part", "c.json~", "notes.txt"]
            for name in names { try site.deliver(Fixture.missing(), as: name) }
            let daemon = try site.ready()
            for name in ["late.txt", "d.tmp", ".e.json"] { try site.deliver(Fixture.missing(), as: name) }
            try expectServes(daemon, site)
            #expect(Set(try site.names("incoming")) == Set(names + ["late.txt", "d.tmp", ".e.json"]))
            #expect(try daemon.lines(of: "file.ignored").count == 3)
        }

        @Test("no photo outside of the user's own folder is ever used, by dots, by another's name or by a link")
        func foreignPhotos() throws {
            let site = try Site(users: ["peichin", "bob"])
            let items = try Directory(path: "\(site.wardrobe)/peichin/items")
            try Directory(path: site.path).open("private.jpg", .create).write(
                all: Host.readFile("\(site.wardrobe)/bob/items/mittens.jpg", limit: 1 << 26))
            try items.symlink("out.jpg", to: FileName("\(site.path)/private.jpg"))
            try items.symlink("over.jpg", to: "../../bob/items/mittens.jpg")
            let daemon = try site.ready()
            let paths = [
                "../bob/items/mittens.jpg", "wardrobe_photos/bob/items/mittens.jpg", "bob/items/mittens.jpg",
                "\(site.wardrobe)/bob/items/mittens.jpg", "items/../../bob/items/mittens.jpg", "items/out.jpg",
                "items/over.jpg", "/etc/passwd", "items",
            ]
            for (number, path) in paths.enumerated() {
                let item = #"{"name":"Mittens","image":"\#(path)"}"#
                try site.deliver(#"{"user_id":"peichin","outfit":{"items":[\#(item)]}}"#, as: "photo-\(number).json")
            }
            for (number, path) in paths.enumerated() {
                let failure = try daemon.failed("photo-\(number)")
                #expect([.garmentUnreadable, .invalidRequest].contains(failure.code), "\(path)")
            }
            try expectServes(daemon, site)
        }

        @Test("a user's folder or record that is a link elsewhere is not followed, and nothing is written there")
        func foreignRecords() throws {
            let site = try Site(users: ["peichin", "bob"])
            let root = try Directory(path: site.wardrobe)
            try root.symlink("eve", to: "bob")
            try root.makeDirectory("mallory", mode: 0o755)
            try root.directory("mallory").symlink("saved_outfits.json", to: "../bob/saved_outfits.json")
            let before = try site.record(of: "bob")
            let daemon = try site.ready()
            for user in ["eve", "mallory"] {
                try site.deliver(Fixture.request(2, user: user), as: "\(user).json")
                let code = try daemon.failed(user).code
                #expect(code == .recordInvalid || code == .outfitNotFound, "\(user): \(code)")
            }
            #expect(try site.record(of: "bob") == before)
            #expect(try Directory(path: "\(site.wardrobe)/bob/items").infoIfPresent(of: "visualizations") == nil)
            try expectServes(daemon, site)
        }

        // MARK: What is expected

        /// The daemon is alive and well.
        private func expectServes(_ daemon: DaemonRun, _ site: Site) throws {
            try site.deliver(Fixture.request(2), as: "afterwards.json")
            _ = try daemon.complete("afterwards")
            try daemon.await("an empty processing/") { try site.box("processing").names().isEmpty ? true : nil }
            #expect(try daemon.stop() == 0)
        }

        private func bindSocket(_ path: String) throws {
            let number = try UnixSocket.bound(path, stream: true)
            close(number)
        }
    }
}
