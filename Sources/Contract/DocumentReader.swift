// Reads the documents that vizd itself writes, for the commands that show them.
//
// Field by field, each problem with its path. Keys that are not known are passed over: a newer vizd may have written
// the file. What is there has to be of the right kind.

/// Why a status or result file cannot be read.
package struct DocumentFault: Error, Equatable, Sendable {
    /// A sentence for a person.
    package let message: String
    /// Every problem with its path; empty if the file is no JSON.
    package let problems: [Problem]
}

/// Collects the fields of a document and what is wrong with them. A field that cannot be read has a stand-in value,
/// which nobody sees: `finish` throws.
struct DocumentReader {
    /// Deeper than a request may be, since a result holds a request's metadata.
    static let levels = RequestLimit.levels + 16
    /// The largest whole number that every reader of JSON takes exactly (RFC 7493).
    static let largest = 9_007_199_254_740_991

    let document: JSONDocument
    private var problems = ProblemList()

    init(_ bytes: [UInt8]) throws(DocumentFault) {
        do throws(JSONFault) {
            document = try JSONDocument(parsing: bytes, maximumDepth: Self.levels)
        } catch {
            throw DocumentFault(message: "This is not valid JSON: \(error.message).", problems: [])
        }
    }

    /// Throws what has been found, if anything.
    func finish() throws(DocumentFault) {
        guard problems.count > 0 else { return }
        let first = problems.listed[0]
        let place = first.path.isEmpty ? "the document" : first.path
        throw DocumentFault(
            message: "This is not as vizd writes it: \(place) \(first.message).", problems: problems.listed)
    }

    mutating func add(_ path: String, _ message: String) { problems.add(path, message) }

    /// A field that has to be there, if only as null.
    mutating func field(_ key: some RawRepresentable<String>, of object: Place) -> Place? {
        guard let node = object.node[key.rawValue] else {
            problems.add(object.path(key.rawValue), "is missing")
            return nil
        }
        return Place(node: node, path: object.path(key.rawValue))
    }

    /// A field that may be absent.
    func optionalField(_ key: some RawRepresentable<String>, of object: Place) -> Place? {
        object.node[key.rawValue].map { Place(node: $0, path: object.path(key.rawValue)) }
    }

    mutating func object(_ key: some RawRepresentable<String>, of object: Place) -> Place? {
        field(key, of: object).flatMap { self.object($0) }
    }

    mutating func object(_ place: Place) -> Place? {
        if case .object = place.node.value { return place }
        return mismatch(place, "an object")
    }

    mutating func elements(_ place: Place) -> [Place] {
        guard case .array(let nodes) = place.node.value else { return mismatch(place, "an array") ?? [] }
        return nodes.enumerated().map { Place(node: $1, path: "\(place.path)[\($0)]") }
    }

    mutating func text(_ key: some RawRepresentable<String>, of object: Place) -> String {
        field(key, of: object).flatMap { text($0) } ?? ""
    }

    mutating func textOrNull(_ key: some RawRepresentable<String>, of object: Place) -> String? {
        field(key, of: object).flatMap { $0.node.value == .null ? nil : text($0) }
    }

    mutating func text(_ place: Place) -> String? {
        if case .string(let text) = place.node.value { return text }
        return mismatch(place, "a string")
    }

    mutating func flag(_ place: Place) -> Bool {
        if case .bool(let value) = place.node.value { return value }
        return mismatch(place, "true or false") ?? false
    }

    mutating func flag(_ key: some RawRepresentable<String>, of object: Place) -> Bool {
        field(key, of: object).map { flag($0) } ?? false
    }

    /// A number that is not negative.
    mutating func amount(_ place: Place) -> Double {
        if case .number(let text) = place.node.value, let value = Double(text), value.isFinite, value >= 0 {
            return value
        }
        return mismatch(place, "a number, 0 or more") ?? 0
    }

    mutating func amount(_ key: some RawRepresentable<String>, of object: Place) -> Double {
        field(key, of: object).map { amount($0) } ?? 0
    }

    mutating func amountOrNull(_ key: some RawRepresentable<String>, of object: Place) -> Double? {
        field(key, of: object).flatMap { $0.node.value == .null ? nil : amount($0) }
    }

    mutating func count(_ key: some RawRepresentable<String>, of object: Place, within range: ClosedRange<Int>) -> Int {
        field(key, of: object).map { count($0, within: range) } ?? 0
    }

    mutating func count(_ place: Place, within range: ClosedRange<Int>) -> Int {
        if case .number(let text) = place.node.value, let value = Double(text), let whole = Int(exactly: value),
            range.contains(whole)
        {
            return whole
        }
        let limits =
            range.upperBound == Self.largest
            ? "\(range.lowerBound) or more" : "\(range.lowerBound) to \(range.upperBound)"
        return mismatch(place, "a whole number, \(limits)") ?? 0
    }

    mutating func word<Word: RawRepresentable<String> & CaseIterable>(_ place: Place, _ type: Word.Type) -> Word? {
        if case .string(let text) = place.node.value, let word = Word(rawValue: text) { return word }
        return mismatch(place, "one of \(Word.allCases.map(\.rawValue).joined(separator: ", "))")
    }

    /// A SHA-256 in lower-case hexadecimal.
    mutating func digest(_ place: Place) -> String? {
        if case .string(let text) = place.node.value, text.utf8.count == 64,
            text.utf8.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x66).contains($0) })
        {
            return text
        }
        return mismatch(place, "64 hexadecimal digits")
    }

    mutating func moment(_ key: some RawRepresentable<String>, of object: Place) -> Timestamp {
        let nothing = Timestamp(nanoseconds: 0)
        guard let place = field(key, of: object) else { return nothing }
        if case .string(let text) = place.node.value, let moment = Timestamp(rfc3339: text) { return moment }
        return mismatch(place, "a date and time as in \"2026-11-24T18:00:00Z\"") ?? nothing
    }

    mutating func momentOrNull(_ key: some RawRepresentable<String>, of object: Place) -> Timestamp? {
        field(key, of: object).flatMap { $0.node.value == .null ? nil : moment(key, of: object) }
    }

    mutating func countOrNull(_ key: some RawRepresentable<String>, of object: Place) -> Int? {
        field(key, of: object).flatMap { $0.node.value == .null ? nil : count($0, within: 0...Self.largest) }
    }

    private mutating func mismatch<Value>(_ place: Place, _ wanted: String) -> Value? {
        problems.add(place.path, "is \(place.node.value.kind) and should be \(wanted)")
        return nil
    }

    /// A value and its path.
    struct Place {
        let node: JSONNode
        let path: String

        func path(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }
    }

    /// The document as a whole.
    var root: Place { Place(node: document.root, path: "") }
}
