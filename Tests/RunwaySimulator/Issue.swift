// What is wrong with a request body, as Runway's validator says it: the shapes of zod 4, since that is what the live
// service answers. A client is expected to show the messages and to decide by none of them.

internal import Contract

/// One thing wrong with a body.
package struct Issue: Equatable, Sendable {
    /// The kinds that the service was seen to use.
    package enum Code: String, Sendable {
        case invalidType = "invalid_type"
        case invalidValue = "invalid_value"
        case tooBig = "too_big"
        case tooSmall = "too_small"
        case invalidFormat = "invalid_format"
        case invalidUnion = "invalid_union"
        /// Of an asset or of a rule between fields.
        case custom
    }

    /// A step from the body's root towards the value.
    package enum Step: Equatable, Sendable {
        case key(String)
        case index(Int)
    }

    /// What an issue of some kind tells besides.
    indirect enum Extra: Equatable, Sendable {
        case text(String)
        case number(Int)
        case flag(Bool)
        case texts([String])
        case numbers([Int])
        /// The issues of each alternative of a union.
        case alternatives([[Issue]])
    }

    struct Detail: Equatable, Sendable {
        let name: String
        let value: Extra
    }

    package let code: Code
    package let path: [Step]
    package let message: String
    let details: [Detail]

    init(_ code: Code, _ path: [Step], _ message: String, _ details: KeyValuePairs<String, Extra> = [:]) {
        (self.code, self.path, self.message) = (code, path, message)
        self.details = details.map { Detail(name: $0.key, value: $0.value) }
    }

    /// Writes the issue as an object.
    func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("code", code.rawValue)
        for detail in details {
            writer.key(detail.name)
            detail.value.write(to: &writer)
        }
        writer.key("path")
        writer.beginArray()
        for step in path {
            switch step {
            case .key(let name): writer.string(name)
            case .index(let index): writer.number(index)
            }
        }
        writer.endArray()
        writer.member("message", message)
        writer.endObject()
    }
}

extension Issue.Extra {
    func write(to writer: inout JSONWriter) {
        switch self {
        case .text(let text): writer.string(text)
        case .number(let number): writer.number(number)
        case .flag(let flag): writer.bool(flag)
        case .texts(let texts): list(texts, &writer) { $1.string($0) }
        case .numbers(let numbers): list(numbers, &writer) { $1.number($0) }
        case .alternatives(let alternatives):
            list(alternatives, &writer) { issues, writer in list(issues, &writer) { $0.write(to: &$1) } }
        }
    }

    private func list<Element>(
        _ elements: [Element], _ writer: inout JSONWriter, _ write: (Element, inout JSONWriter) -> Void
    ) {
        writer.beginArray()
        for element in elements { write(element, &writer) }
        writer.endArray()
    }
}
