// Changing a record without writing it anew: pieces of its text are replaced, every other byte is copied.
//
// What is put in looks like what is there: the white space before the last key of an object stands before a new one
// too, the colon as well, and new objects are broken into lines only where the file does that, with its own indentation
// and line ends. A member that already has the value keeps its spelling and causes no change.

internal import Contract

/// A member to be set.
struct RecordSetting {
    enum Value {
        case string(String)
        case null
        /// JSON text, already laid out.
        case text([UInt8])

        static func optional(_ text: String?) -> Value { text.map { .string($0) } ?? .null }
    }

    let key: String
    let value: Value

    init(_ key: String, _ value: Value) { (self.key, self.value) = (key, value) }

    /// The value as JSON text.
    var text: [UInt8] {
        switch value {
        case .string(let text): quoted(text)
        case .null: Array("null".utf8)
        case .text(let text): text
        }
    }
}

/// JSON text of a string.
func quoted(_ text: String) -> [UInt8] {
    var writer = JSONWriter()
    writer.string(text)
    return writer.bytes
}

/// A piece of the source and what comes in its place.
struct RecordEdit: Hashable {
    let range: Range<Int>
    let text: [UInt8]

    /// The bytes of `range` with edits within it applied. The edits do not overlap.
    static func apply(_ edits: [RecordEdit], to source: [UInt8], in range: Range<Int>) -> [UInt8] {
        var result: [UInt8] = []
        var at = range.lowerBound
        for edit in edits.sorted(by: { $0.range.lowerBound < $1.range.lowerBound }) {
            result += source[at..<edit.range.lowerBound]
            result += edit.text
            at = edit.range.upperBound
        }
        return result + source[at..<range.upperBound]
    }
}

/// How the file lays out what is in it.
struct RecordLayout: Hashable {
    /// The line end of the file, empty where everything stands in one line.
    let newline: [UInt8]
    /// What one more level is indented by.
    let unit: [UInt8]
    /// What stands before the members of the object that is looked at; nothing if they are not on lines of their own.
    let indent: [UInt8]
    /// What stands between a key and its value.
    let colon: [UInt8]

    var breaksLines: Bool { !newline.isEmpty }

    /// What stands after a comma where there is no line break: a space if there is one after the colon.
    var commaGap: [UInt8] { colon.last == 0x20 ? [0x20] : [] }

    /// The layout of the members of an object within a record.
    init(of object: Range<Int>, in record: RecordText) {
        unit = Self.unit(of: record)
        guard let last = record.members(of: object).last else {
            (newline, indent, colon) = ([], [], Array(": ".utf8))
            return
        }
        colon = Array(record.bytes[last.key.upperBound..<last.value.lowerBound])
        let gap = record.space(before: last.key.lowerBound)
        newline = Self.newline(of: gap)
        indent = newline.isEmpty ? [] : Self.indent(of: gap)
    }

    private init(newline: [UInt8], unit: [UInt8], indent: [UInt8], colon: [UInt8]) {
        (self.newline, self.unit, self.indent, self.colon) = (newline, unit, indent, colon)
    }

    /// The same without line breaks.
    var inOneLine: RecordLayout { RecordLayout(newline: [], unit: unit, indent: [], colon: colon) }

    /// The layout one level further in.
    var inner: RecordLayout { RecordLayout(newline: newline, unit: unit, indent: indent + unit, colon: colon) }

    /// Text in brackets: one part a line, or all in one.
    func bracketed(_ open: Character, _ parts: [[UInt8]], _ close: Character) -> [UInt8] {
        let before = breaksLines ? newline + indent + unit : []
        let between = Array(",".utf8) + (breaksLines ? before : commaGap)
        let after = breaksLines ? newline + indent : []
        return Array(String(open).utf8) + before + Array(parts.joined(separator: between)) + after
            + Array(String(close).utf8)
    }

    /// A whole new object.
    func object(_ settings: [RecordSetting]) -> [UInt8] {
        bracketed("{", settings.map { quoted($0.key) + colon + $0.text }, "}")
    }

    /// The first member of the file's own object shows one level of indentation.
    private static func unit(of record: RecordText) -> [UInt8] {
        guard let first = record.firstKey(of: record.root) else { return [] }
        let gap = record.space(before: first)
        return newline(of: gap).isEmpty ? [0x20, 0x20] : indent(of: gap)
    }

    static func newline(of gap: [UInt8]) -> [UInt8] {
        guard gap.contains(0x0A) else { return [] }
        return gap.contains(0x0D) ? [0x0D, 0x0A] : [0x0A]
    }

    private static func indent(of gap: [UInt8]) -> [UInt8] {
        Array(gap[((gap.lastIndex(of: 0x0A) ?? -1) + 1)...])
    }
}

extension RecordText {
    /// The edits that give an object these members: values are replaced where they stand, missing members come last.
    func edits(setting settings: [RecordSetting], in object: Range<Int>) -> [RecordEdit] {
        let members = members(of: object)
        var edits: [RecordEdit] = []
        var missing: [RecordSetting] = []
        for setting in settings {
            guard let member = members.last(where: { spells($0.key, setting.key) }) else {
                missing.append(setting)
                continue
            }
            if !says(member.value, setting.value) { edits.append(RecordEdit(range: member.value, text: setting.text)) }
        }
        return edits + append(missing, to: object, after: members)
    }

    /// The edits that take members of these names out of an object, each with a comma; the others keep their bytes.
    func edits(removing names: [String], from object: Range<Int>) -> [RecordEdit] {
        let members = members(of: object)
        let goes = members.map { member in names.contains { spells(member.key, $0) } }
        guard let stays = goes.firstIndex(of: false) else {
            guard let first = members.first, let last = members.last else { return [] }
            let end = afterSpace(last.value.upperBound)
            return [RecordEdit(range: first.key.lowerBound - space(before: first.key.lowerBound).count..<end, text: [])]
        }
        return members.indices.filter { goes[$0] }.map { index in
            let range =
                index < stays
                ? members[index].key.lowerBound..<members[index + 1].key.lowerBound
                : members[index - 1].value.upperBound..<members[index].value.upperBound
            return RecordEdit(range: range, text: [])
        }
    }

    private func says(_ value: Range<Int>, _ wanted: RecordSetting.Value) -> Bool {
        switch wanted {
        case .string(let text): spells(value, text)
        case .null: kind(of: value) == .null
        case .text(let text): bytes[value].elementsEqual(text)
        }
    }

    private func append(_ settings: [RecordSetting], to object: Range<Int>, after members: [RecordMember])
        -> [RecordEdit]
    {
        guard !settings.isEmpty else { return [] }
        let layout = RecordLayout(of: object, in: self)
        guard let last = members.last else { return [RecordEdit(range: object, text: layout.object(settings))] }
        var gap = space(before: last.key.lowerBound)
        if !layout.breaksLines && members.count == 1 { gap = layout.commaGap }
        let text = settings.flatMap { Array(",".utf8) + gap + quoted($0.key) + layout.colon + $0.text }
        // A replaced last value ends where the new members begin: the edit that is empty sorts after it.
        return [RecordEdit(range: last.value.upperBound..<last.value.upperBound, text: text)]
    }
}
