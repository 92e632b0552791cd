// Builds the tree of a JSON text, with its open containers on a heap of its own.
//
// No recursion: however deep a text nests, it costs memory in proportion to what is allowed and no stack. Each step
// reads one value; a finished value goes into the innermost open container, which may finish that one in turn. Whether
// a key was there already is looked up in a set once an object has more than a few members, so that a large object
// costs no more a member than a small one.

struct JSONParser {
    var scanner: JSONScanner
    let maximumDepth: Int
    private var open: [OpenContainer] = []

    init(scanner: JSONScanner, maximumDepth: Int) {
        self.scanner = scanner
        self.maximumDepth = maximumDepth
    }

    /// Reads the whole text as one value.
    mutating func document() throws(JSONFault) -> JSONNode {
        try scanner.checkEncoding()
        scanner.skipSpace()
        guard scanner.next != nil else { throw scanner.fault(.empty, at: scanner.at) }
        while true {
            guard let node = try value(), let root = try finish(node) else { continue }
            scanner.skipSpace()
            guard scanner.next == nil else { throw scanner.fault(.trailingBytes, at: scanner.at) }
            return root
        }
    }

    /// Reads a value that has no parts; opens one that has some and answers nil.
    private mutating func value() throws(JSONFault) -> JSONNode? {
        let start = scanner.at
        let value: JSONValue
        switch scanner.next ?? 0 {
        case UInt8(ascii: "{"), UInt8(ascii: "["): return try container()
        case UInt8(ascii: "\""): value = .string(try scanner.string())
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): value = .number(try scanner.number())
        case UInt8(ascii: "+"), UInt8(ascii: "."): throw scanner.fault(.invalidNumber, at: start)
        case UInt8(ascii: "a")...UInt8(ascii: "z"): value = try scanner.name()
        default: throw scanner.unexpected()
        }
        return JSONNode(value: value, range: start..<scanner.at)
    }

    /// Opens an object (and reads its first key) or an array, or reads an empty one whole.
    private mutating func container() throws(JSONFault) -> JSONNode? {
        let start = scanner.at
        guard open.count < maximumDepth else { throw scanner.fault(.tooDeep(limit: maximumDepth), at: start) }
        let isObject = scanner.next == UInt8(ascii: "{")
        scanner.advance()
        scanner.skipSpace()
        if scanner.next == (isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) {
            scanner.advance()
            return JSONNode(value: isObject ? .object([]) : .array([]), range: start..<scanner.at)
        }
        open.append(OpenContainer(start: start, isObject: isObject))
        if isObject { try key() }
        return nil
    }

    /// Puts a finished value where it belongs and reads on to the next value; answers the root when all is closed.
    private mutating func finish(_ finished: JSONNode) throws(JSONFault) -> JSONNode? {
        var node = finished
        while !open.isEmpty {
            let top = open.count - 1
            open[top].append(node)
            let isObject = open[top].isObject
            scanner.skipSpace()
            switch scanner.next {
            case UInt8(ascii: ","):
                try comma(isObject: isObject)
                return nil
            case isObject ? UInt8(ascii: "}") : UInt8(ascii: "]"):
                scanner.advance()
                node = open.removeLast().closed(at: scanner.at)
            default: throw scanner.unexpected()
            }
        }
        return node
    }

    private mutating func comma(isObject: Bool) throws(JSONFault) {
        let place = scanner.at
        scanner.advance()
        scanner.skipSpace()
        if scanner.next == UInt8(ascii: "}") || scanner.next == UInt8(ascii: "]") {
            throw scanner.fault(.trailingComma, at: place)
        }
        if isObject { try key() }
    }

    /// Reads a key and its colon into the innermost object, which must not have that key yet.
    private mutating func key() throws(JSONFault) {
        let start = scanner.at
        let key = try scanner.string()
        let isNew = open[open.count - 1].begin(key, range: start..<scanner.at)
        // Halves of surrogate pairs all read as U+FFFD, so two keys that hold some may differ in the source.
        let mayDiffer = scanner.allowsLoneSurrogates && key.unicodeScalars.contains("\u{FFFD}")
        guard isNew || mayDiffer else { throw scanner.fault(.duplicateKey(key), at: start) }
        scanner.skipSpace()
        try scanner.expect(UInt8(ascii: ":"))
        scanner.skipSpace()
    }
}

/// An object or array whose end has not been seen.
private struct OpenContainer {
    /// Objects with more members than this look their keys up in a set instead of going through them.
    private static let few = 8

    let start: Int
    let isObject: Bool
    private var members: [JSONMember] = []
    private var elements: [JSONNode] = []
    private var key = ""
    private var keyRange = 0..<0
    private var seen: Set<Spelling> = []

    init(start: Int, isObject: Bool) {
        self.start = start
        self.isObject = isObject
    }

    /// Notes the key of the member that is about to be read; false if the object has it already.
    mutating func begin(_ key: String, range: Range<Int>) -> Bool {
        self.key = key
        keyRange = range
        if members.count < Self.few {
            return !members.contains { $0.key.utf8.elementsEqual(key.utf8) }
        }
        if seen.isEmpty { seen = Set(members.map { Spelling(text: $0.key) }) }
        return seen.insert(Spelling(text: key)).inserted
    }

    mutating func append(_ node: JSONNode) {
        if isObject {
            members.append(JSONMember(key: key, keyRange: keyRange, node: node))
        } else {
            elements.append(node)
        }
    }

    func closed(at end: Int) -> JSONNode {
        JSONNode(value: isObject ? .object(members) : .array(elements), range: start..<end)
    }
}

/// A string that equals another only if both are spelled with the same scalars. (Swift's own equality folds canonically
/// equivalent spellings into one; two such keys, or ids, are two.)
struct Spelling: Hashable {
    let text: String

    static func == (left: Spelling, right: Spelling) -> Bool { left.text.utf8.elementsEqual(right.text.utf8) }

    func hash(into hasher: inout Hasher) {
        var text = text
        text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }
}
