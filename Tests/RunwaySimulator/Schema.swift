// What a value of a request body must look like, as data, and the one function that holds a value against it.
//
// Keys that the schema does not name are ignored, as the live service ignores them. Lengths of texts are counted in
// UTF-16 code units, as its validator counts. A wrong value gives every issue it has, not only the first.

internal import Contract

/// The shape of a value.
indirect enum Schema: Sendable {
    /// A text of so many UTF-16 code units.
    case text(ClosedRange<Int>)
    /// A name by which a prompt mentions a reference: 3 to 16 of `[a-z][a-z0-9_]+`.
    case tag
    /// `https://`, `runway://` or `data:image/`.
    case uri
    case choice([String])
    /// One of some whole numbers.
    case oneOf([Int])
    case whole(ClosedRange<Int>)
    case flag
    case list(Schema, count: ClosedRange<Int>)
    case object([Field])
    /// One of the sizes, or any `W:H` with so many pixels.
    case size([String], orPixels: ClosedRange<Int>)
    case either(Schema, Schema)

    /// A member of an object.
    struct Field: Sendable {
        let name: String
        let schema: Schema
        var isRequired = false
    }

    /// The three forms of an address of an image, with the lengths of the whole string.
    static let uriForms: [(prefix: String, length: ClosedRange<Int>)] = [
        ("https://", 13...2048), ("runway://", 13...5000), ("data:image/", 13...5_242_880),
    ]

    /// What is wrong with a value; nil stands for a missing one.
    func issues(of node: JSONNode?, at path: [Issue.Step] = []) -> [Issue] {
        switch self {
        case .text(let length): Self.text(node, path) { Self.length($0, length, path) }
        case .tag: Self.text(node, path) { Self.length($0, 3...16, path) + Self.tagFormat($0, path) }
        case .uri: Self.uri(node, path)
        case .choice(let values): Self.choice(node, values, path)
        case .oneOf(let values): Self.oneOf(node, values, path)
        case .whole(let range): Self.whole(node, range, path)
        case .flag: Self.flag(node, path)
        case .list(let element, let count): Self.list(node, element, count, path)
        case .object(let fields): Self.object(node, fields, path)
        case .size(let values, let pixels): Self.size(node, values, pixels, path)
        case .either(let one, let other): Self.either(node, one, other, path)
        }
    }

    // MARK: Texts

    private static func text(_ node: JSONNode?, _ path: [Issue.Step], _ check: (String) -> [Issue]) -> [Issue] {
        guard let text = node?.text else { return [wrongType("string", node, path)] }
        return check(text)
    }

    private static func length(_ text: String, _ range: ClosedRange<Int>, _ path: [Issue.Step]) -> [Issue] {
        let count = text.utf16.count
        if count < range.lowerBound {
            return [tooSmall("string", "string to have >=\(range.lowerBound) characters", range.lowerBound, path)]
        }
        if count > range.upperBound {
            return [tooBig("string", "string to have <=\(range.upperBound) characters", range.upperBound, path)]
        }
        return []
    }

    private static func tagFormat(_ tag: String, _ path: [Issue.Step]) -> [Issue] {
        let bytes = Array(tag.utf8)
        let isLetter = { (byte: UInt8) in (97...122).contains(byte) }
        let isPart = { (byte: UInt8) in isLetter(byte) || (48...57).contains(byte) || byte == 95 }
        guard bytes.count < 2 || !isLetter(bytes[0]) || !bytes.allSatisfy(isPart) else { return [] }
        return [
            Issue(
                .invalidFormat, path, "Invalid string: must match pattern /^[a-z][a-z0-9_]+$/",
                ["format": .text("regex"), "pattern": .text("/^[a-z][a-z0-9_]+$/"), "origin": .text("string")])
        ]
    }

    private static func uri(_ node: JSONNode?, _ path: [Issue.Step]) -> [Issue] {
        let alternatives = uriForms.map { form in
            text(node, path) { text in
                let isOfForm = text.utf8.starts(with: form.prefix.utf8)
                let format = Issue(
                    .invalidFormat, path, "Invalid string: must start with \"\(form.prefix)\"",
                    ["format": .text("starts_with"), "prefix": .text(form.prefix), "origin": .text("string")])
                return (isOfForm ? [] : [format]) + length(text, form.length, path)
            }
        }
        if alternatives.contains([]) { return [] }
        return [Issue(.invalidUnion, path, "Invalid input", ["errors": .alternatives(alternatives)])]
    }

    private static func choice(_ node: JSONNode?, _ values: [String], _ path: [Issue.Step]) -> [Issue] {
        if let text = node?.text, values.contains(text) { return [] }
        let options = values.map { "\"\($0)\"" }.joined(separator: "|")
        return [Issue(.invalidValue, path, "Invalid option: expected one of \(options)", ["values": .texts(values)])]
    }

    private static func size(
        _ node: JSONNode?, _ values: [String], _ pixels: ClosedRange<Int>, _ path: [Issue.Step]
    ) -> [Issue] {
        guard let text = node?.text, !values.contains(text) else { return choice(node, values, path) }
        if let size = PictureSize(text), pixels.contains(size.width * size.height) { return [] }
        let free = Issue(
            .custom, path, "width * height must be between \(pixels.lowerBound) and \(pixels.upperBound)")
        return [
            Issue(
                .invalidUnion, path, "Invalid input",
                ["errors": .alternatives([choice(node, values, path), [free]])])
        ]
    }

    // MARK: Numbers and flags

    private static func whole(_ node: JSONNode?, _ range: ClosedRange<Int>, _ path: [Issue.Step]) -> [Issue] {
        guard let number = node?.number else { return [wrongType("number", node, path)] }
        guard number == number.rounded() else {
            return [
                Issue(
                    .invalidType, path, "Invalid input: expected int, received number",
                    ["expected": .text("int"), "format": .text("safeint")])
            ]
        }
        if number < Double(range.lowerBound) {
            return [tooSmall("number", "number to be >=\(range.lowerBound)", range.lowerBound, path)]
        }
        if number > Double(range.upperBound) {
            return [tooBig("number", "number to be <=\(range.upperBound)", range.upperBound, path)]
        }
        return []
    }

    private static func oneOf(_ node: JSONNode?, _ values: [Int], _ path: [Issue.Step]) -> [Issue] {
        if let number = node?.number, values.contains(where: { Double($0) == number }) { return [] }
        let options = values.map(String.init).joined(separator: "|")
        return [Issue(.invalidValue, path, "Invalid option: expected one of \(options)", ["values": .numbers(values)])]
    }

    private static func flag(_ node: JSONNode?, _ path: [Issue.Step]) -> [Issue] {
        if case .bool = node?.value { return [] }
        return [wrongType("boolean", node, path)]
    }

    // MARK: Containers

    private static func list(
        _ node: JSONNode?, _ element: Schema, _ count: ClosedRange<Int>, _ path: [Issue.Step]
    ) -> [Issue] {
        guard case .array(let elements) = node?.value else { return [wrongType("array", node, path)] }
        var found: [Issue] = []
        if elements.count < count.lowerBound {
            found.append(tooSmall("array", "array to have >=\(count.lowerBound) items", count.lowerBound, path))
        }
        if elements.count > count.upperBound {
            found.append(tooBig("array", "array to have <=\(count.upperBound) items", count.upperBound, path))
        }
        for (index, node) in elements.enumerated() { found += element.issues(of: node, at: path + [.index(index)]) }
        return found
    }

    private static func object(_ node: JSONNode?, _ fields: [Field], _ path: [Issue.Step]) -> [Issue] {
        guard let node, case .object = node.value else { return [wrongType("object", node, path)] }
        return fields.flatMap { field -> [Issue] in
            let member = node[field.name]
            if member == nil, !field.isRequired { return [] }
            return field.schema.issues(of: member, at: path + [.key(field.name)])
        }
    }

    private static func either(_ node: JSONNode?, _ one: Schema, _ other: Schema, _ path: [Issue.Step]) -> [Issue] {
        let alternatives = [one.issues(of: node, at: path), other.issues(of: node, at: path)]
        if alternatives.contains([]) { return [] }
        return [Issue(.invalidUnion, path, "Invalid input", ["errors": .alternatives(alternatives)])]
    }

    // MARK: Words

    private static func wrongType(_ expected: String, _ node: JSONNode?, _ path: [Issue.Step]) -> Issue {
        Issue(
            .invalidType, path, "Invalid input: expected \(expected), received \(node.kindWord)",
            ["expected": .text(expected)])
    }

    private static func tooBig(_ origin: String, _ text: String, _ limit: Int, _ path: [Issue.Step]) -> Issue {
        Issue(
            .tooBig, path, "Too big: expected \(text)",
            ["origin": .text(origin), "maximum": .number(limit), "inclusive": .flag(true)])
    }

    private static func tooSmall(_ origin: String, _ text: String, _ limit: Int, _ path: [Issue.Step]) -> Issue {
        Issue(
            .tooSmall, path, "Too small: expected \(text)",
            ["origin": .text(origin), "minimum": .number(limit), "inclusive": .flag(true)])
    }
}

/// A size in pixels, as `ratio` spells it: `1080:1440`.
package struct PictureSize: Hashable, Sendable {
    package let width: Int
    package let height: Int

    package init(width: Int, height: Int) { (self.width, self.height) = (width, height) }

    /// Reads `W:H`; nil for anything else, `auto` included.
    init?(_ text: String) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, let width = Int(parts[0]), let height = Int(parts[1]),
            (1...20_000).contains(width), (1...20_000).contains(height), "\(width):\(height)" == text
        else { return nil }
        self.init(width: width, height: height)
    }

    var pixels: Int { width * height }
}

extension JSONNode {
    var text: String? {
        if case .string(let text) = value { text } else { nil }
    }

    var number: Double? {
        if case .number(let text) = value { Double(text) } else { nil }
    }

    var whole: Int? { number.flatMap(Int.init(exactly:)) }

    var flag: Bool? {
        if case .bool(let flag) = value { flag } else { nil }
    }

    var elements: [JSONNode] {
        if case .array(let elements) = value { elements } else { [] }
    }

    var members: [JSONMember] {
        if case .object(let members) = value { members } else { [] }
    }
}

extension JSONNode? {
    /// What the validator calls the kind of a value.
    var kindWord: String {
        switch self?.value {
        case nil: "undefined"
        case .null: "null"
        case .string: "string"
        case .number: "number"
        case .bool: "boolean"
        case .array: "array"
        case .object: "object"
        }
    }
}
