// A checker for JSON Schema 2020-12, as far as the project's own schemas go.
//
// It knows the keywords that they use and stops the test at any other, so that no schema says something that is not
// checked. `format` is an annotation, as the standard has it; the patterns beside it decide.

import Testing

@testable import Contract

struct JSONSchema {
    private static let annotations: Set = ["$schema", "$id", "$defs", "title", "description", "default", "format"]

    let root: JSONNode
    private let patterns = Patterns()

    init(_ bytes: [UInt8]) throws { root = try JSONDocument(parsing: bytes).root }

    func accepts(_ bytes: [UInt8]) throws -> Bool {
        let document: JSONDocument
        do throws(JSONFault) {
            document = try JSONDocument(parsing: bytes)
        } catch {
            return false
        }
        return try accepts(document.root, root)
    }

    private func accepts(_ node: JSONNode, _ schema: JSONNode) throws -> Bool {
        guard case .object(let keywords) = schema.value else { throw Unexpected() }
        for keyword in keywords where !Self.annotations.contains(keyword.key) {
            if try !holds(keyword.key, keyword.node, of: node, in: schema) { return false }
        }
        return true
    }

    private func holds(_ keyword: String, _ rule: JSONNode, of node: JSONNode, in schema: JSONNode) throws -> Bool {
        switch keyword {
        case "$ref": try accepts(node, try resolve(rule))
        case "type": try isOf(rule, node)
        case "enum": try list(rule).contains { same($0, node) }
        case "const": same(rule, node)
        case "oneOf": try list(rule).count { try accepts(node, $0) } == 1
        case "anyOf": try list(rule).contains { try accepts(node, $0) }
        case "not": try !accepts(node, rule)
        case "required", "properties", "additionalProperties", "propertyNames":
            try objectHolds(keyword, rule, of: node, in: schema)
        case "items", "minItems", "maxItems", "uniqueItems": try arrayHolds(keyword, rule, of: node)
        case "minLength", "maxLength", "pattern": try stringHolds(keyword, rule, of: node)
        case "minimum", "maximum": try numberHolds(keyword, rule, of: node)
        default: throw UnknownKeyword(name: keyword)
        }
    }

    private func objectHolds(
        _ keyword: String, _ rule: JSONNode, of node: JSONNode, in schema: JSONNode
    ) throws -> Bool {
        guard case .object(let members) = node.value else { return true }
        switch keyword {
        case "required": return try list(rule).allSatisfy { node[try string($0)] != nil }
        case "properties":
            return try members.allSatisfy { member in try rule[member.key].map { try accepts(member.node, $0) } ?? true
            }
        case "additionalProperties":
            guard rule.value == .bool(false), let properties = schema["properties"] else { throw Unexpected() }
            return members.allSatisfy { properties[$0.key] != nil }
        default:
            return try members.allSatisfy { try accepts(JSONNode(value: .string($0.key), range: $0.keyRange), rule) }
        }
    }

    private func arrayHolds(_ keyword: String, _ rule: JSONNode, of node: JSONNode) throws -> Bool {
        guard case .array(let elements) = node.value else { return true }
        switch keyword {
        case "items": return try elements.allSatisfy { try accepts($0, rule) }
        case "minItems": return Double(elements.count) >= (try number(rule))
        case "maxItems": return Double(elements.count) <= (try number(rule))
        default:
            return elements.indices.allSatisfy { index in
                !elements[..<index].contains { same($0, elements[index]) }
            }
        }
    }

    private func stringHolds(_ keyword: String, _ rule: JSONNode, of node: JSONNode) throws -> Bool {
        guard case .string(let text) = node.value else { return true }
        switch keyword {
        case "minLength": return Double(text.unicodeScalars.count) >= (try number(rule))
        case "maxLength": return Double(text.unicodeScalars.count) <= (try number(rule))
        default:
            return try patterns.expression(string(rule)).wholeMatch(in: text) != nil
        }
    }

    private func numberHolds(_ keyword: String, _ rule: JSONNode, of node: JSONNode) throws -> Bool {
        guard case .number(let text) = node.value, let value = Double(text) else { return true }
        return keyword == "minimum" ? value >= (try number(rule)) : value <= (try number(rule))
    }

    private func isOf(_ rule: JSONNode, _ node: JSONNode) throws -> Bool {
        if case .array(let types) = rule.value { return try types.contains { try isOf($0, node) } }
        switch (try string(rule), node.value) {
        case ("object", .object), ("array", .array), ("string", .string), ("number", .number), ("boolean", .bool),
            ("null", .null):
            return true
        case ("integer", .number(let text)): return Double(text).map { $0 == $0.rounded() } ?? false
        default: return false
        }
    }

    private func resolve(_ reference: JSONNode) throws -> JSONNode {
        let parts = try string(reference).split(separator: "/")
        guard parts.count == 3, parts[0] == "#", parts[1] == "$defs" else { throw Unexpected() }
        return try #require(root["$defs"]?[String(parts[2])])
    }

    /// Whether two values say the same, wherever they stand and however their numbers are written.
    private func same(_ left: JSONNode, _ right: JSONNode) -> Bool {
        switch (left.value, right.value) {
        case (.string(let left), .string(let right)): left.utf8.elementsEqual(right.utf8)
        case (.number(let left), .number(let right)): Double(left) == Double(right)
        case (.bool(let left), .bool(let right)): left == right
        case (.null, .null): true
        default: false
        }
    }

    private func list(_ node: JSONNode) throws -> [JSONNode] {
        guard case .array(let elements) = node.value else { throw Unexpected() }
        return elements
    }

    private func string(_ node: JSONNode) throws -> String {
        guard case .string(let text) = node.value else { throw Unexpected() }
        return text
    }

    private func number(_ node: JSONNode) throws -> Double {
        guard case .number(let text) = node.value, let value = Double(text) else { throw Unexpected() }
        return value
    }

    /// The patterns of a schema, compiled once.
    private final class Patterns {
        private var compiled: [String: Regex<AnyRegexOutput>] = [:]

        func expression(_ pattern: String) throws -> Regex<AnyRegexOutput> {
            if let expression = compiled[pattern] { return expression }
            guard pattern.first == "^", pattern.last == "$" else { throw Unexpected() }
            let expression = try Regex(String(pattern.dropFirst().dropLast())).matchingSemantics(.unicodeScalar)
            compiled[pattern] = expression
            return expression
        }
    }

    struct UnknownKeyword: Error { let name: String }
}
