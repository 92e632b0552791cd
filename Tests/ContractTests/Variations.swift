// Documents made of a document by one change each: a member gone, a value replaced, a key added.

@testable import Contract

enum Variations {
    /// What values are replaced by: one of each kind, and some at the edge of a rule.
    private static let values = [
        "null", "true", "false", "-1", "0", "1", "1.5", "101", "4294967296", "1e3", "\"\"", "\"x\"", "\"A b\"",
        "\"../x\"", "\"a\\nb\"", "\"a\\u0000\"", "\"1:1\"", "\"delete\"", "\"set_profile\"", "\"high\"", "\"generate\"",
        "\"failed\"", "\"processing\"", "\"2026-11-24T02:04:19Z\"", "[]", "[\"x\"]", "[{}]", "{}",
    ]

    /// Every document that one change makes of this one.
    static func of(_ source: [UInt8]) throws -> [[UInt8]] {
        let document = try JSONDocument(parsing: source)
        var edits: [(Range<Int>, String)] = []
        collect(document.root, &edits)
        return edits.map { range, text in Array(source[..<range.lowerBound]) + text.utf8 + source[range.upperBound...] }
    }

    private static func collect(_ node: JSONNode, _ edits: inout [(Range<Int>, String)]) {
        for value in values { edits.append((node.range, value)) }
        switch node.value {
        case .object(let members):
            let inside = node.range.lowerBound + 1
            for added in ["zzz", "outfit_id", "prompt", "error", "result", "storage_uri", "view"]
            where node[added] == nil {
                edits.append((inside..<inside, "\"\(added)\":\"x\"" + (members.isEmpty ? "" : ",")))
            }
            for (index, member) in members.enumerated() {
                edits.append((removal(of: index, from: members), ""))
                collect(member.node, &edits)
            }
        case .array(let elements): for element in elements { collect(element, &edits) }
        default: break
        }
    }

    /// The bytes of a member together with one of the commas beside it.
    private static func removal(of index: Int, from members: [JSONMember]) -> Range<Int> {
        let member = members[index]
        if index + 1 < members.count { return member.keyRange.lowerBound..<members[index + 1].keyRange.lowerBound }
        let start = index == 0 ? member.keyRange.lowerBound : members[index - 1].node.range.upperBound
        return start..<member.node.range.upperBound
    }
}
