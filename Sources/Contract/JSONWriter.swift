// Writes JSON in the order in which it is told to.
//
// The caller says key, value, key, value; commas, colons and (if pretty) line breaks are put in here. A misuse, such as
// a key within an array or a bracket that was not opened, is a bug of ours and stops the process. What comes out is
// always well-formed: strings are escaped, numbers that JSON cannot write become null.

/// An ordered writer of one JSON value.
package struct JSONWriter: Sendable {
    /// What has been written so far.
    package private(set) var bytes: [UInt8] = []
    /// Whether each member and element has a line of its own, indented by two spaces a level.
    package let pretty: Bool
    private var levels: [Level] = []
    private var keyIsPending = false

    private struct Level: Sendable {
        let isObject: Bool
        var isEmpty = true
    }

    /// A writer with nothing written.
    package init(pretty: Bool = false) { self.pretty = pretty }

    /// Opens an object, as the root, an element or the value of the last key.
    package mutating func beginObject() { begin(isObject: true) }
    /// Closes the innermost object.
    package mutating func endObject() { end(isObject: true) }
    /// Opens an array.
    package mutating func beginArray() { begin(isObject: false) }
    /// Closes the innermost array.
    package mutating func endArray() { end(isObject: false) }

    /// Writes the key of the next value. Only within an object; the caller sees to it that no key occurs twice.
    package mutating func key(_ name: String) {
        precondition(levels.last?.isObject == true && !keyIsPending, "the key \(name) has no place here")
        separate()
        quote(name)
        bytes.append(UInt8(ascii: ":"))
        if pretty { bytes.append(0x20) }
        keyIsPending = true
    }

    /// Writes a string, or null.
    package mutating func string(_ text: String?) {
        guard let text else { return null() }
        beforeValue()
        quote(text)
    }

    /// Writes a whole number.
    package mutating func number(_ value: Int) { number(text: String(value)) }

    /// Writes a number in its shortest form that reads back the same; a whole one without a fraction (`8`, not `8.0`).
    /// JSON has no infinity and no not-a-number: they are written as null.
    package mutating func number(_ value: Double) {
        guard value.isFinite else { return null() }
        if value == value.rounded(), abs(value) < 0x1p60 {
            number(text: String(Int64(value)))
        } else {
            number(text: "\(value)")
        }
    }

    /// Writes a number whose text the caller has (and answers for).
    package mutating func number(text: String) { raw(text.utf8) }

    /// Writes true or false.
    package mutating func bool(_ value: Bool) { raw((value ? "true" : "false").utf8) }

    /// Writes null.
    package mutating func null() { raw("null".utf8) }

    /// Writes the source text of a value, byte for byte; the caller answers for its being one.
    package mutating func raw(_ text: some Sequence<UInt8>) {
        beforeValue()
        bytes += text
    }

    /// The same for an array, which is copied in one piece whoever calls.
    package mutating func raw(_ text: [UInt8]) {
        beforeValue()
        bytes.append(contentsOf: text)
    }

    /// Ends a finished text with a line feed, as files do.
    package mutating func endLine() {
        precondition(levels.isEmpty, "\(levels.count) containers are still open")
        bytes.append(UInt8(ascii: "\n"))
    }

    private mutating func begin(isObject: Bool) {
        beforeValue()
        bytes.append(isObject ? UInt8(ascii: "{") : UInt8(ascii: "["))
        levels.append(Level(isObject: isObject))
    }

    private mutating func end(isObject: Bool) {
        precondition(levels.last?.isObject == isObject && !keyIsPending, "there is nothing of this kind to close")
        let wasEmpty = levels.removeLast().isEmpty
        if pretty, !wasEmpty { breakLine() }
        bytes.append(isObject ? UInt8(ascii: "}") : UInt8(ascii: "]"))
    }

    private mutating func beforeValue() {
        if keyIsPending {
            keyIsPending = false
        } else if let level = levels.last {
            precondition(!level.isObject, "a value in an object needs a key")
            separate()
        } else {
            precondition(bytes.isEmpty, "a text holds one value")
        }
    }

    private mutating func separate() {
        if !levels[levels.count - 1].isEmpty { bytes.append(UInt8(ascii: ",")) }
        levels[levels.count - 1].isEmpty = false
        if pretty { breakLine() }
    }

    private mutating func breakLine() {
        bytes.append(UInt8(ascii: "\n"))
        bytes += repeatElement(0x20, count: 2 * levels.count)
    }

    private mutating func quote(_ text: String) {
        bytes.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes += [UInt8(ascii: "\\"), byte]
            case 0x08: bytes += "\\b".utf8
            case 0x09: bytes += "\\t".utf8
            case 0x0A: bytes += "\\n".utf8
            case 0x0C: bytes += "\\f".utf8
            case 0x0D: bytes += "\\r".utf8
            case 0..<0x20: bytes += ("\\u" + hex(UInt32(byte), digits: 4)).utf8
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }
}

extension JSONWriter {
    /// A key with a string, or null.
    package mutating func member(_ name: String, _ text: String?) {
        key(name)
        string(text)
    }

    /// A key with a number in its shortest form, or null.
    package mutating func member(_ name: String, _ value: Double?) {
        key(name)
        if let value { number(value) } else { null() }
    }

    /// A key with a whole number, or null.
    package mutating func member(_ name: String, _ value: Int?) {
        key(name)
        if let value { number(value) } else { null() }
    }

    /// A key with true, false or null.
    package mutating func member(_ name: String, _ value: Bool?) {
        key(name)
        if let value { bool(value) } else { null() }
    }
}
