// JSON and records: two readers of one grammar that must agree, and changes that leave everybody else's text alone.

@testable import Contract
@testable import Wardrobe

extension FuzzTarget {
    private static let texts = [
        #"{"a":[1,-0.5,1e3,true,null,"\u00e9\ud83d\ude00\/"],"b":{"c":{}}}"#, #"[[[1]],"x"]"#, " \"a\" ", "1.0E-2",
    ]

    /// The strict reader and that of records, which share no code: what the first takes the second takes too, and
    /// sees at the same places.
    static let json = FuzzTarget("json", executions: 40_000, seeds: texts, words: jsonWords) { bytes in
        let strict: JSONDocument
        do throws(JSONFault) {
            strict = try JSONDocument(parsing: bytes)
        } catch {
            try hold((0...bytes.count).contains(error.offset), "a fault at \(error.offset) of \(bytes.count)")
            try isFitToPrint(error.message)
            return
        }
        let record: RecordText
        do throws(RecordFault) {
            record = try RecordText(bytes)
        } catch {
            throw Breach("strict JSON is refused as a record: \(error.message)")
        }
        try hold(record.root == strict.root.range, "the value stands at \(record.root) or \(strict.root.range)")
        try agree(strict.root, record)
    }

    private static func agree(_ node: JSONNode, _ record: RecordText) throws {
        switch node.value {
        case .object(let members):
            let others = record.members(of: node.range)
            try hold(
                members.map { RecordMember(key: $0.keyRange, value: $0.node.range) } == others,
                "other members: \(others)")
            for member in members { try agree(member.node, record) }
        case .array(let elements):
            try hold(elements.map(\.range) == record.elements(of: node.range), "other elements")
            for element in elements { try agree(element, record) }
        case .string(let text):
            try hold(record.string(node.range).map { Array($0.utf8) } == Array(text.utf8), "another text: \(text)")
            try hold(record.spells(node.range, text), "a text that is not spelled: \(text)")
        case .number, .bool, .null: break
        }
    }

    private static let saved = [
        #"{"saved":[{"id":"o","k":1e3},{"id":"p","visualizations":[{"job_id":"x"}]}],"last_updated":"t","x":"\ud800"}"#,
        "{\n  \"saved\": [\n    {\n      \"id\": \"o\",\n      \"visualization_url\": \"u\",\n      \"z\": []\n    }\n  ]\n}\n",
        #"{"saved":[{"\u0069d":"o","visualizations":null,"visualization_url":NaN}]}"#, #"{"saved":[]}"#,
        #"[{"id":"o"}]"#, "{\"saved\":[{\"id\":\"o\",\"a\":{\"b\":[]}}]}\r\n",
    ]

    /// A record that somebody else wrote: an update and a removal change what is vizd's and not one byte besides.
    static let records = FuzzTarget(
        "records", executions: 20_000, seeds: saved,
        words: jsonWords + [
            "\"saved\":", "\"id\":", "\"o\"", "\"visualizations\":", "\"visualization_url\":", "\"last_updated\":",
            "\"visualization_updated_at\":", "{\"id\":\"o\"}", "\"job_id\":\"j\"", "\\u006f",
        ]
    ) { bytes in
        guard let outfit = OutfitID("o"), let others = others(bytes) else { return }
        let picture = Visualization(url: "u/j", provider: "Flat lay", jobID: "j", createdAt: Timestamp(nanoseconds: 1))
        let update = RecordChange.pictures(RecordUpdate(outfit: outfit, visualizations: [picture]))
        for change in [update, .removal(outfit, over: nil)] {
            guard let edited = edited(change, bytes) else { continue }
            try hold(FuzzTarget.others(edited) == others, "somebody else's text changed: \(shown(edited))")
            try hold(FuzzTarget.edited(change, edited) == nil, "the same change twice: \(shown(edited))")
        }
    }

    private static func shown(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    private static func edited(_ change: RecordChange, _ bytes: [UInt8]) -> [UInt8]? {
        do {
            return try RecordEditor.apply([change], to: bytes, now: Timestamp(nanoseconds: 3)).bytes
        } catch {
            return nil
        }
    }

    /// The text of everything that is not vizd's, in its order; nil for what is no record.
    private static func others(_ bytes: [UInt8]) -> [[UInt8]]? {
        let record: RecordText
        do { record = try RecordText(bytes) } catch { return nil }
        var found = [Array(bytes[..<record.root.lowerBound]), Array(bytes[record.root.upperBound...])]
        guard record.kind(of: record.root) == .object else { return found + [Array(bytes[record.root])] }
        for member in record.members(of: record.root) where !record.spells(member.key, "last_updated") {
            guard record.spells(member.key, "saved"), record.kind(of: member.value) == .array else {
                found.append(Array(bytes[member.key.lowerBound..<member.value.upperBound]))
                continue
            }
            for element in record.elements(of: member.value) { found += others(element, of: record) }
        }
        return found
    }

    /// The text of an outfit that is not vizd's.
    private static func others(_ element: Range<Int>, of record: RecordText) -> [[UInt8]] {
        guard record.kind(of: element) == .object else { return [Array(record.bytes[element])] }
        return record.members(of: element)
            .filter { member in !RecordEditor.members.contains { record.spells(member.key, $0) } }
            .map { Array(record.bytes[$0.key.lowerBound..<$0.value.upperBound]) }
    }

    /// A profile: the description comes and goes, the rest stays.
    static let profiles = FuzzTarget(
        "profiles", executions: 20_000,
        seeds: [#"{"model_descriptor":"tall","style_words":["a"],"k":1e3}"#, "{\n \"a\": 1\n}\n", "{}"],
        words: jsonWords + ["\"model_descriptor\":", "\"style_words\":", "\\u006d"]
    ) { bytes in
        for wish in ["short", nil] {
            let edited: [UInt8]?
            do { edited = try ProfileEditor.apply([.descriptor(wish, over: nil)], to: bytes).bytes } catch { return }
            guard let edited else { continue }
            try hold(rest(edited) == rest(bytes), "somebody else's text changed: \(shown(edited))")
            let after = try RecordText(edited)
            try hold(after.string("model_descriptor", of: after.root) == wish, "it says otherwise: \(shown(edited))")
        }
    }

    private static func rest(_ bytes: [UInt8]) -> [[UInt8]]? {
        do {
            let record = try RecordText(bytes)
            guard record.kind(of: record.root) == .object else { return nil }
            return record.members(of: record.root).filter { !record.spells($0.key, "model_descriptor") }
                .map { Array(bytes[$0.key.lowerBound..<$0.value.upperBound]) }
        } catch {
            return nil
        }
    }
}
