// Random records in random layouts: whatever is in them, an update leaves everybody else's text as it was, in its
// order.

import Contract
import Testing

@testable import Wardrobe

/// SplitMix64 (Steele, Lea, Flood 2014): the same documents in every run.
private struct Seeded: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

/// Writes random values with random white space.
private struct Author {
    var random: Seeded
    let spaces: [String]
    var name = 0

    mutating func gap() -> String { spaces.randomElement(using: &random)! }

    mutating func value(_ depth: Int) -> String {
        let plain = [
            "1e3", "-0", "1.10", "12345678901234567890", "true", "false", "null", "\"\"", #""\ud800""#,
            #""\u00e9é\/""#, #""]}{[,:\"""#, "\"😀\"", "{}", "[]", "[ ]",
        ]
        switch depth > 0 ? Int.random(in: 0..<4, using: &random) : 3 {
        case 0: return object((0..<Int.random(in: 0..<4, using: &random)).map { _ in (key(), value(depth - 1)) })
        case 1: return array((0..<Int.random(in: 0..<4, using: &random)).map { _ in value(depth - 1) })
        default: return plain.randomElement(using: &random)!
        }
    }

    mutating func key() -> String {
        name += 1
        return ["k\(name)", #"\u006b\#(name)"#, "é \(name)", "visualization\(name)"].randomElement(using: &random)!
    }

    mutating func object(_ members: [(String, String)]) -> String {
        "{" + members.map { "\(gap())\"\($0.0)\"\(gap()):\(gap())\($0.1)\(gap())" }.joined(separator: ",") + "}"
    }

    mutating func array(_ elements: [String]) -> String {
        "[" + elements.map { "\(gap())\($0)\(gap())" }.joined(separator: ",") + "]"
    }

    mutating func outfit(_ id: String) -> String {
        var members = [("id", "\"\(id)\"")]
        for key in ["visualization_url", "visualization_updated_at", "visualizations"] {
            guard Bool.random(using: &random) else { continue }
            let entries = ["[]", "null", #"[{"job_id":"old" ,"mine":1e3}]"#, #"[7 , {"job_id":"j"}]"#]
            members.append((key, key == "visualizations" ? entries.randomElement(using: &random)! : value(1)))
        }
        for _ in 0..<Int.random(in: 0..<4, using: &random) { members.append((key(), value(3))) }
        return object(members.shuffled(using: &random))
    }

    mutating func record() -> String {
        var saved = (0..<Int.random(in: 0..<4, using: &random)).map { outfit("other\($0)") } + [outfit("o")]
        if Bool.random(using: &random) { saved.append(value(2)) }
        var members = [("saved", array(saved.shuffled(using: &random)))]
        if Bool.random(using: &random) { members.append(("last_updated", value(1))) }
        for _ in 0..<Int.random(in: 0..<4, using: &random) { members.append((key(), value(3))) }
        return gap() + object(members.shuffled(using: &random)) + gap()
    }
}

@Suite("editing random records")
struct RecordPropertyTests {
    @Test("members and elements stand where they would stand if each value were a record of its own")
    func places() throws {
        for seed in 0..<300 {
            var author = Author(random: Seeded(state: UInt64(seed)), spaces: ["", " ", "\n      ", "\r\n\t"])
            let record = try RecordText(Array(author.record().utf8))
            var left = [record.root]
            while let value = left.popLast() {
                let alone = try RecordText(Array(record.bytes[value]))
                let (members, elements) = (record.members(of: value), record.elements(of: value))
                let shift = value.lowerBound
                #expect(
                    alone.members(of: alone.root).map { $0.value.lowerBound + shift..<$0.value.upperBound + shift }
                        == members.map(\.value))
                #expect(
                    alone.elements(of: alone.root).map { $0.lowerBound + shift..<$0.upperBound + shift } == elements)
                #expect(record.firstKey(of: value) == members.first?.key.lowerBound)
                left += members.map(\.value) + elements
            }
        }
    }

    @Test("whatever is in a record, only the members that an update sets change")
    func othersStay() throws {
        let styles = [[""], ["", " "], ["\n  ", "\n    ", " "], ["\r\n\t", ""], [" ", "\t", "\n"]]
        for seed in 0..<800 {
            var author = Author(random: Seeded(state: UInt64(seed)), spaces: styles[seed % styles.count])
            let before = author.record()
            let updates = [update("o", job: "j", at: 1), update("o", job: "k", at: 2)]
            let edited = try RecordEditor.apply(updates, to: Array(before.utf8), now: Timestamp(nanoseconds: 3))
            let after = String(decoding: try #require(edited.bytes), as: UTF8.self)
            #expect(try others(in: before) == others(in: after), "seed \(seed)")
            #expect(try jobs(of: "o", in: after).prefix(2).contains("k"), "seed \(seed)")
            #expect(Set(try jobs(of: "o", in: after)).isSuperset(of: Set(try jobs(of: "o", in: before) + ["j", "k"])))
            let again = try RecordEditor.apply(updates, to: Array(after.utf8), now: Timestamp(nanoseconds: 4))
            #expect(again.bytes == nil, "seed \(seed)")
            // The strict parser, which shares no code with the editor, takes the result.
            _ = try JSONDocument(parsing: Array(after.utf8), allowingLoneSurrogates: true)
        }
    }

    @Test("whatever is in a record, a removal leaves all else, and what an update added goes again without a trace")
    func removals() throws {
        let styles = [[""], ["", " "], ["\n  ", "\n    ", " "], ["\r\n\t", ""], [" ", "\t", "\n"]]
        let removal = RecordChange.removal(OutfitID("o")!, over: nil)
        for seed in 0..<800 {
            var author = Author(random: Seeded(state: UInt64(seed)), spaces: styles[seed % styles.count])
            let before = author.record()
            let now = Timestamp(nanoseconds: 3)
            let edited = try RecordEditor.apply([removal], to: Array(before.utf8), now: now)
            let bare = edited.bytes ?? Array(before.utf8)
            let text = String(decoding: bare, as: UTF8.self)
            #expect(try others(in: before) == others(in: text), "seed \(seed)")
            #expect(try RecordEditor.apply([removal], to: bare, now: now).bytes == nil, "seed \(seed)")
            let record = try RecordText(bare)
            let (_, object) = try #require(SavedOutfits(record).find(OutfitID("o")!))
            #expect(MemberTexts(RecordEditor.members, of: object, in: record).isEmpty, "seed \(seed)")
            guard edited.bytes != nil else { continue }
            // It has a `last_updated` of this moment by now, so that nothing but the picture comes and goes.
            let full = try #require(try RecordEditor.apply([update("o", job: "j")], to: bare, now: now).bytes)
            #expect(try RecordEditor.apply([removal], to: full, now: now).bytes == bare, "seed \(seed)")
            _ = try JSONDocument(parsing: bare, allowingLoneSurrogates: true)
        }
    }

    /// The source text of everything that belongs to others, in its order, with the text before and after the value.
    private func others(in text: String) throws -> [String] {
        let record = try RecordText(Array(text.utf8))
        let text = { (range: Range<Int>) in String(decoding: record.bytes[range], as: UTF8.self) }
        let ours = ["visualization_url", "visualization_updated_at", "visualizations"]
        var found = [text(0..<record.root.lowerBound), text(record.root.upperBound..<record.bytes.count)]
        for member in record.members(of: record.root) where !record.spells(member.key, "last_updated") {
            guard record.spells(member.key, "saved") else {
                found.append(text(member.key.lowerBound..<member.value.upperBound))
                continue
            }
            for element in record.elements(of: member.value) {
                guard let id = record.value("id", of: element), record.spells(id, "o") else {
                    found.append(text(element))
                    continue
                }
                for member in record.members(of: element) where !ours.contains(where: { record.spells(member.key, $0) })
                {
                    found.append(text(member.key.lowerBound..<member.value.upperBound))
                }
            }
        }
        return found
    }
}
