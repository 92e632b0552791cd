// The strict reader of JSON beside two others: Foundation's and Python's. Where they differ, the table says why.

import Contract
import Foundation
import TestSupport
import Testing

/// A text as one reader sees it; nil where it is refused.
private typealias Reading = String?

/// Why two readers may differ about a text.
private enum Difference: String, CaseIterable, Sendable {
    /// vizd refuses it; the others keep the last, or all.
    case duplicateKey
    /// vizd refuses it; Python keeps the half, Foundation refuses most.
    case loneSurrogate
    /// vizd refuses a byte order mark, the others pass over it.
    case byteOrderMark
    /// vizd refuses UTF-16 and UTF-32, the others guess them from the zeros.
    case otherEncoding
    /// vizd allows 64 levels, the others more.
    case depth
    /// Python has NaN, Infinity and -Infinity.
    case notANumber
    /// Foundation refuses numbers that it has no type for; vizd keeps them as text.
    case numberRange
    /// Foundation rounds numbers of more digits than a double has otherwise than the C library does.
    case numberDigits
    /// Foundation takes a comma before the closing bracket.
    case trailingComma
    /// Foundation takes a NUL beside a value, and what follows on it after a number is not read.
    case zeroBytes
    /// Python takes halves of surrogate pairs that are encoded as three bytes each, which is no UTF-8.
    case encodedSurrogate
    /// Foundation drops a byte order mark at the start of a string.
    case markWithin
    /// Foundation's dictionary takes canonically equivalent keys for one.
    case equivalentKeys
}

@Suite("JSON beside other readers")
struct JSONDifferentialTests {
    private static let listed: [[UInt8]] =
        (JSONRules.taken + JSONRules.refused + JSONRules.open.map(\.text)).map { Array($0.utf8) }
        + JSONRules.refusedBytes
        + JSONRules.otherEncodings

    /// The listed texts, and as many again that were made of them.
    private static let corpus: [[UInt8]] = {
        let target = FuzzTarget("json", executions: 0, bytes: listed, words: jsonWords + ["\"a\":1,"]) { _ in }
        let mutator = Mutator(target, corpus: [], seed: 8259)
        return listed + (0..<20_000).map { Array(mutator.input($0).prefix(1024)) }
    }()

    @Test("what the RFC demands is taken, what it forbids refused, and what it leaves open is decided")
    func rules() {
        for text in JSONRules.taken { #expect(strict(Array(text.utf8)).reading != nil, "\(text.debugDescription)") }
        for text in JSONRules.refused { #expect(strict(Array(text.utf8)).reading == nil, "\(text.debugDescription)") }
        for bytes in JSONRules.refusedBytes + JSONRules.otherEncodings {
            #expect(strict(bytes).reading == nil, "\(bytes)")
        }
        for (text, taken, why) in JSONRules.open {
            #expect((strict(Array(text.utf8)).reading != nil) == taken, "\(text.prefix(80).debugDescription): \(why)")
        }
    }

    @Test("Python sees the same, but for what the table explains")
    func python() throws {
        let readings = try pythonReadings(Self.corpus)
        var met: Set<Difference> = []
        for (bytes, other) in zip(Self.corpus, readings) {
            let (reading, reason) = strict(bytes)
            guard reading != other else { continue }
            let why = difference(bytes, reading, reason, other)
            #expect(why != nil, "\(shown(bytes)): vizd \(reading ?? "refuses"), Python \(other ?? "refuses")")
            if let why { met.insert(why) }
        }
        #expect(met.isSuperset(of: [.duplicateKey, .byteOrderMark, .notANumber, .encodedSurrogate]))
    }

    @Test("Foundation sees the same, but for what the table explains")
    func foundation() throws {
        var met: Set<Difference> = []
        for bytes in Self.corpus {
            let (reading, reason) = strict(bytes)
            let other = foundationReading(bytes, reading == nil ? nil : try JSONDocument(parsing: bytes).root)
            guard reading != other else { continue }
            let why = difference(bytes, reading, reason, other)
            #expect(why != nil, "\(shown(bytes)): vizd \(reading ?? "refuses"), Foundation \(other ?? "refuses")")
            if let why { met.insert(why) }
        }
        #expect(
            met.isSuperset(of: [.duplicateKey, .byteOrderMark, .otherEncoding, .depth, .numberDigits]))
    }

    /// The entry of the table that a difference falls under; nil for one that it does not know.
    private func difference(
        _ bytes: [UInt8], _ reading: Reading, _ reason: JSONFault.Reason?, _ other: Reading
    ) -> Difference? {
        switch reason {
        case .duplicateKey?: return .duplicateKey
        case .loneSurrogate?: return .loneSurrogate
        case .byteOrderMark?: return .byteOrderMark
        case .otherEncoding?: return .otherEncoding
        case .tooDeep?: return .depth
        case .unexpectedCharacter?, .invalidNumber?:
            let text = String(decoding: bytes, as: UTF8.self)
            if text.contains("NaN") || text.contains("Infinity") { return .notANumber }
        case .trailingComma?: return .trailingComma
        case .invalidUTF8? where bytes.contains(0xED): return .encodedSurrogate
        case .some: break
        case nil: break
        }
        if reason != nil, other != nil { return endsAtZero(bytes) ? .zeroBytes : nil }
        if other == "another text" { return bytes.firstRange(of: [0xEF, 0xBB, 0xBF]) != nil ? .markWithin : nil }
        if other == "another number" {
            return numbers(reading ?? "").contains { $0.count { $0.isNumber } > 15 } ? .numberDigits : nil
        }
        if other == nil { return numbers(reading ?? "").contains { !fits($0) } ? .numberRange : nil }
        return other == "equivalent keys" ? .equivalentKeys : nil
    }

    /// Whether it is a NUL at which vizd stops reading.
    private func endsAtZero(_ bytes: [UInt8]) -> Bool {
        do throws(JSONFault) {
            _ = try JSONDocument(parsing: bytes)
            return false
        } catch {
            return bytes.indices.contains(error.offset) && bytes[error.offset] == 0
        }
    }

    private func numbers(_ reading: String) -> [Substring] { reading.matches(of: /n(-?[0-9][^,:\]}]*)/).map(\.1) }

    /// Whether a number has a place in 64 bits.
    private func fits(_ text: Substring) -> Bool {
        guard let value = Double(text), value.isFinite else { return false }
        return value != 0 || !text.prefix { $0 != "e" && $0 != "E" }.contains { ("1"..."9").contains($0) }
    }

    private func shown(_ bytes: [UInt8]) -> String {
        String(decoding: bytes.prefix(200), as: UTF8.self).debugDescription
    }

    // MARK: - The readers

    private func strict(_ bytes: [UInt8]) -> (reading: Reading, reason: JSONFault.Reason?) {
        do throws(JSONFault) {
            return (spelled(try JSONDocument(parsing: bytes).root), nil)
        } catch {
            return (nil, error.reason)
        }
    }

    /// The form that the Python referee writes.
    private func spelled(_ node: JSONNode) -> String {
        switch node.value {
        case .object(let members):
            "{" + members.map { "\(spelled($0.key)):\(spelled($0.node))" }.joined(separator: ",") + "}"
        case .array(let elements): "[" + elements.map(spelled).joined(separator: ",") + "]"
        case .string(let text): spelled(text)
        case .number(let text): "n" + text
        case .bool(let value): value ? "true" : "false"
        case .null: "null"
        }
    }

    private func spelled(_ text: String) -> String { "s" + hex(Array(text.utf8)) }

    private func hex(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    private func pythonReadings(_ texts: [[UInt8]]) throws -> [Reading] {
        let folder = NSTemporaryDirectory() + "vizd-json-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { #expect(throws: Never.self) { try FileManager.default.removeItem(atPath: folder) } }
        let (questions, answers) = (folder + "/questions", folder + "/answers")
        try Data(texts.map { hex($0) + "\n" }.joined().utf8).write(to: URL(filePath: questions))
        _ = FileManager.default.createFile(atPath: answers, contents: nil)
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["python3", "\(Repository.root)/Tests/FuzzingTests/Suites/json_referee.py"]
        process.standardInput = try FileHandle(forReadingFrom: URL(filePath: questions))
        process.standardOutput = try FileHandle(forWritingTo: URL(filePath: answers))
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0)
        let lines = try String(contentsOfFile: answers, encoding: .utf8).split(separator: "\n")
        try #require(lines.count == texts.count)
        return lines.map { $0 == "refused" ? nil : String($0) }
    }

    /// What Foundation says, in our spelling where it is the same value.
    private func foundationReading(_ bytes: [UInt8], _ ours: JSONNode?) -> Reading {
        let value: Any
        do {
            value = try JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed)
        } catch {
            return nil
        }
        guard let ours else { return "a value" }
        return compare(ours, value) ?? spelled(ours)
    }

    /// Nil where both say the same, else what is another.
    private func compare(_ node: JSONNode, _ other: Any) -> String? {
        switch node.value {
        case .object(let members):
            guard let pairs = other as? [String: Any] else { return "no object" }
            let keys = Set(members.map(\.key))
            guard pairs.count == members.count else {
                return pairs.count == keys.count ? "equivalent keys" : "other members"
            }
            for member in members {
                guard let value = pairs[member.key] else { return "no \(member.key)" }
                if let difference = compare(member.node, value) { return difference }
            }
            return nil
        case .array(let elements):
            guard let others = other as? [Any], others.count == elements.count else { return "other elements" }
            return zip(elements, others).lazy.compactMap { compare($0, $1) }.first
        case .string(let text):
            return (other as? String).map { Array($0.utf8) } == Array(text.utf8) ? nil : "another text"
        case .number(let text): return (other as? NSNumber)?.doubleValue == Double(text) ? nil : "another number"
        case .bool(let value): return (other as? Bool) == value ? nil : "another truth"
        case .null: return other is NSNull ? nil : "no null"
        }
    }
}
