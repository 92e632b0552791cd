// A JSON text and the tree that was read from it.
//
// Strict RFC 8259 and a little more: UTF-8 only, no byte order mark, nothing after the value, no key twice in one
// object, no half of a surrogate pair (unless asked for), no more than so many levels. The tree keeps where each value
// stands in the source, so that an editor can replace one member and copy every other byte as it was. Numbers stay
// text. A text that breaks a rule is refused with its first fault; nothing is repaired.

/// A value with the place where it stands in the source.
package struct JSONNode: Equatable, Sendable {
    /// What stands there.
    package let value: JSONValue
    /// Byte offsets in the source, without white space around it; quotes, braces and brackets included.
    package let range: Range<Int>

    /// The member of an object by its key, compared by its Unicode scalars (Swift's `==` on strings would take
    /// canonically equivalent spellings for one key, JSON does not); nil where there is none, or no object.
    package subscript(key: String) -> JSONNode? {
        guard case .object(let members) = value else { return nil }
        return members.first { $0.key.utf8.elementsEqual(key.utf8) }?.node
    }
}

/// What JSON can say.
package enum JSONValue: Equatable, Sendable {
    /// Members in the order of the source; no key occurs twice.
    case object([JSONMember])
    /// Elements in the order of the source.
    case array([JSONNode])
    /// The text with its escapes resolved.
    case string(String)
    /// A number as it is written.
    case number(String)
    /// True or false.
    case bool(Bool)
    /// Null, which is a value and not an absence.
    case null

    /// The kind of the value as a sentence names it: `an object`, `a string`, `null`.
    package var kind: String {
        switch self {
        case .object: "an object"
        case .array: "an array"
        case .string: "a string"
        case .number: "a number"
        case .bool(let value): value ? "true" : "false"
        case .null: "null"
        }
    }
}

/// A key and its value.
package struct JSONMember: Equatable, Sendable {
    /// The key with its escapes resolved.
    package let key: String
    /// Byte offsets of the key in the source, quotes included.
    package let keyRange: Range<Int>
    /// The value.
    package let node: JSONNode
}

/// A parsed text together with its bytes.
package struct JSONDocument: Equatable, Sendable {
    /// The deepest nesting that can be asked for: a tree of this depth is still freed on a small thread's stack.
    package static let deepest = 512

    /// The bytes that were parsed, untouched.
    package let source: [UInt8]
    /// The value that they spell.
    package let root: JSONNode

    /// Parses a whole text.
    ///
    /// - Parameters:
    ///   - source: UTF-8 bytes; any bytes are safe to pass.
    ///   - maximumDepth: levels of objects and arrays that are allowed, 1 to `deepest`; `[[]]` has two.
    ///   - allowingLoneSurrogates: for records that other programs wrote. Half a pair is then U+FFFD in the tree's
    ///     string and stays in the source as it is. A request does not get this.
    /// - Throws: the first fault.
    package init(
        parsing source: [UInt8], maximumDepth: Int = 64, allowingLoneSurrogates: Bool = false
    ) throws(JSONFault) {
        precondition((1...Self.deepest).contains(maximumDepth), "a depth of \(maximumDepth) levels was asked for")
        var parser = JSONParser(
            scanner: JSONScanner(source, allowingLoneSurrogates: allowingLoneSurrogates), maximumDepth: maximumDepth)
        root = try parser.document()
        self.source = source
    }

    /// The source text of a value of this document.
    package func text(of node: JSONNode) -> [UInt8] { Array(source[node.range]) }
}
