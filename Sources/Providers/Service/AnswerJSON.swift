// Reading answers of services: leniently, since fields come and go without a new version.
//
// Whatever is missing or of another kind is nil; nothing here fails in another way.

internal import Contract

/// The bodies as trees.
enum AnswerJSON {
    /// Nil for anything that is no JSON.
    static func root(_ body: [UInt8]) -> JSONNode? {
        do throws(JSONFault) {
            return try JSONDocument(parsing: body, allowingLoneSurrogates: true).root
        } catch {
            return nil
        }
    }
}

extension JSONNode {
    /// The string that stands here.
    var text: String? {
        guard case .string(let text) = value else { return nil }
        return text
    }

    /// The finite number that stands here.
    var double: Double? {
        guard case .number(let text) = value, let number = Double(text), number.isFinite else { return nil }
        return number
    }

    /// The number of 0 or more, and within reason, that stands here.
    var amount: Double? { double.flatMap { (0...1e9).contains($0) ? $0 : nil } }

    /// The whole number of 0 or more that stands here.
    var count: Int? { amount.flatMap { Int(exactly: $0) } }

    /// The elements of the array that stands here.
    var elements: [JSONNode]? {
        guard case .array(let elements) = value else { return nil }
        return elements
    }

    /// The members of the object that stands here.
    var members: [JSONMember]? {
        guard case .object(let members) = value else { return nil }
        return members
    }
}
