// The six outfits of the example wardrobe: what a newcomer drops first.

import Contract
import Digest
import Foundation
import Linux
import TestSupport
import Testing

extension EndToEnd {
    @Suite("The example wardrobe")
    @Outside
    struct Fixtures {
        @Test("four outfits become pictures, one has no garments, one names its lost photo, and the record is kept")
        func sixOutfits() throws {
            let site = try Site()
            let before = try site.record()
            for number in 1...6 { try site.deliver(Fixture.request(number), as: "outfit-\(number).json") }
            let daemon = try site.ready()
            for number in 1...4 {
                let picture = try daemon.complete("outfit-\(number)")
                #expect(picture.provider == "Flat lay" && !picture.making.reused)
                try expectPicture(picture, Fixture.outfit(number), site)
                try expectKeys(try daemon.result("outfit-\(number)", in: "done"))
            }
            #expect(try daemon.failed("outfit-5").code == .noGarmentImages)
            let lost = try daemon.failed("outfit-6")
            #expect(lost.code == .garmentUnreadable && lost.stage == .prepare && !lost.retryable)
            #expect(lost.message.contains("Lost scarf") && lost.message.contains("lost-scarf.jpg"))
            // The sneakers' recorded path is stale; their photo is found by the wardrobe's own record.
            #expect(lost.details.map(\.path) == ["items[0]"] && !lost.message.contains("sneakers"))
            for number in 5...6 { try expectKeys(try daemon.result("outfit-\(number)", in: "failed")) }
            try daemon.settled()
            #expect(try daemon.stop() == 0)
            try expectRecord(try site.record(), was: before, site)
        }

        @Test("an outfit within the request is drawn and stored under the job's name, and no record is touched")
        func inline() throws {
            let site = try Site()
            let before = try site.record()
            let request = """
                {"user_id":"peichin","metadata":{"n": 1e3, "note":"kept as it stands"},"outfit":{"items":[\
                {"name":"Shirt","image":"items/teal-silk-shirt.jpg"},{"name":"Hat","image":"items/blue-fedora.heic"}]}}
                """
            try site.deliver(request, as: "inline.json")
            let daemon = try site.ready()
            let picture = try daemon.complete("inline")
            try expectPicture(picture, "inline", site)
            let text = String(decoding: try daemon.result("inline", in: "done"), as: UTF8.self)
            #expect(text.contains(#"{"n": 1e3, "note":"kept as it stands"}"#))
            #expect(try site.record() == before)
            #expect(try daemon.stop() == 0)
        }

        // MARK: What is expected

        private func expectPicture(_ picture: ResultDocument.Picture, _ outfit: String, _ site: Site) throws {
            let place = "wardrobe_photos/peichin/items/visualizations/\(outfit).jpg"
            #expect(picture.imageURL == place && picture.storage == .local(path: "\(site.path)/\(place)"))
            let bytes = try Host.readFile("\(site.path)/\(place)", limit: 1 << 26)
            #expect(picture.image.bytes == bytes.count && picture.image.sha256 == SHA256.of(bytes).hex)
            #expect(picture.image.contentType == "image/jpeg")
            #expect(JPEGHeader(bytes) == JPEGHeader(width: 1080, height: 1440))
            #expect(picture.image.width == 1080 && picture.image.height == 1440)
        }

        /// The keys at the top are those of the schema, whichever way the job ended.
        private func expectKeys(_ result: [UInt8]) throws {
            let document = try JSONDocument(parsing: result)
            guard case .object(let members) = document.root.value else { throw Overdue(description: "no object") }
            let schema = try JSONDocument(
                parsing: Host.readFile("\(Repository.root)/docs/schema/result.schema.json", limit: 1 << 20))
            let required = try #require(schema.root["required"]?.strings)
            let allowed = try #require(schema.root["properties"]?.keys)
            let keys = Set(members.map(\.key))
            #expect(keys.isSuperset(of: required) && keys.isSubset(of: allowed))
            #expect(keys.contains("result") != keys.contains("error"))
        }

        /// Outfits without a picture stand byte for byte as they stood, the others but for what vizd sets.
        private func expectRecord(_ after: [UInt8], was before: [UInt8], _ site: Site) throws {
            let (old, new) = (try JSONDocument(parsing: before), try JSONDocument(parsing: after))
            let (oldOutfits, newOutfits) = (old.root["saved"]?.elements ?? [], new.root["saved"]?.elements ?? [])
            #expect(oldOutfits.count == 6 && newOutfits.count == 6)
            #expect(new.root.keys == old.root.keys)
            #expect(new.root["last_updated"]?.value != old.root["last_updated"]?.value)
            for (number, pair) in zip(oldOutfits, newOutfits).enumerated() {
                if number >= 4 {
                    #expect(new.text(of: pair.1) == old.text(of: pair.0))
                    continue
                }
                for key in pair.0.keys {
                    let (was, now) = (try #require(pair.0[key]), try #require(pair.1[key]))
                    #expect(new.text(of: now) == old.text(of: was), "\(key) of outfit \(number + 1)")
                }
                #expect(
                    pair.1.keys
                        == pair.0.keys + ["visualization_url", "visualization_updated_at", "visualizations"])
                try expectVisualization(pair.1, Fixture.outfit(number + 1), job: "outfit-\(number + 1)")
            }
        }

        private func expectVisualization(_ outfit: JSONNode, _ id: String, job: String) throws {
            let url = "wardrobe_photos/peichin/items/visualizations/\(id).jpg"
            #expect(outfit["visualization_url"]?.value == .string(url))
            let entries = try #require(outfit["visualizations"]?.elements)
            #expect(entries.count == 1)
            let entry = try #require(entries.first)
            #expect(entry.keys == ["url", "view", "provider", "model", "job_id", "created_at"])
            #expect(entry["job_id"]?.value == .string(job) && entry["url"]?.value == .string(url))
            #expect(entry["provider"]?.value == .string("Flat lay"))
        }
    }
}

/// The size that a JPEG's own header says.
struct JPEGHeader: Equatable {
    let width: Int
    let height: Int

    init(width: Int, height: Int) { (self.width, self.height) = (width, height) }

    /// Walks the segments up to the frame header; nil for what is no JPEG or has no end.
    init?(_ bytes: [UInt8]) {
        guard bytes.starts(with: [0xFF, 0xD8]), bytes.suffix(2) == [0xFF, 0xD9] else { return nil }
        var at = 2
        while at + 9 < bytes.count, bytes[at] == 0xFF {
            let kind = bytes[at + 1]
            if (0xC0...0xC2).contains(kind) {
                height = Int(bytes[at + 5]) << 8 | Int(bytes[at + 6])
                width = Int(bytes[at + 7]) << 8 | Int(bytes[at + 8])
                return
            }
            at += 2 + (Int(bytes[at + 2]) << 8 | Int(bytes[at + 3]))
        }
        return nil
    }
}

extension JSONNode {
    /// The elements of an array.
    var elements: [JSONNode]? {
        guard case .array(let nodes) = value else { return nil }
        return nodes
    }

    /// The keys of an object, in their order.
    var keys: [String] {
        guard case .object(let members) = value else { return [] }
        return members.map(\.key)
    }

    /// The strings of an array.
    var strings: [String]? {
        elements?.compactMap { if case .string(let text) = $0.value { text } else { nil } }
    }
}
