// A quick look at a file that nobody has claimed yet: is it whole, whose is it, how urgent is it?
//
// One pass without a tree, so that a backlog of a hundred thousand files can be put in order cheaply. It never fails:
// what it cannot make out is left open here and told to the sender when the request is decoded. It promises only that a
// file which was cut off anywhere is `notYet`, and that a request which decodes is an `object` with the same user and
// priority.

/// What a look at a waiting file shows.
package enum RequestPeek: Equatable, Sendable {
    /// There is no complete JSON object (yet): empty, cut off, something else, or followed by something else.
    case notYet
    /// One JSON object. The user is nil where there is none that could be valid; the priority is `normal` where the
    /// request has none that is known.
    case object(userID: String?, priority: Priority)

    /// Looks at the bytes of a file.
    package static func peek(_ bytes: [UInt8]) -> RequestPeek {
        var look = Look(scanner: JSONScanner(bytes, allowingLoneSurrogates: true))
        do throws(JSONFault) {
            try look.object()
        } catch {
            // A fault means that it is not, or not yet, an object; which of the two, time will show.
            return .notYet
        }
        return .object(userID: look.userID, priority: look.priority)
    }

    private struct Look {
        var scanner: JSONScanner
        var userID: String?
        var priority = Priority.normal

        /// The whole text: one object and nothing else.
        mutating func object() throws(JSONFault) {
            scanner.skipSpace()
            try scanner.expect(UInt8(ascii: "{"))
            scanner.skipSpace()
            if scanner.next == UInt8(ascii: "\"") {
                try member()
                scanner.skipSpace()
                while scanner.next == UInt8(ascii: ",") {
                    scanner.advance()
                    scanner.skipSpace()
                    try member()
                    scanner.skipSpace()
                }
            }
            try scanner.expect(UInt8(ascii: "}"))
            scanner.skipSpace()
            guard scanner.next == nil else { throw scanner.unexpected() }
        }

        private mutating func member() throws(JSONFault) {
            let key = try scanner.string()
            scanner.skipSpace()
            try scanner.expect(UInt8(ascii: ":"))
            scanner.skipSpace()
            switch (key, scanner.next) {
            case (RequestKey.userID.rawValue, UInt8(ascii: "\"")):
                let text = try scanner.string()
                userID = TextRule.id.objection(to: text) == nil ? text : nil
            case (RequestKey.priority.rawValue, UInt8(ascii: "\"")):
                priority = Priority(rawValue: try scanner.string()) ?? .normal
            default: try skipValue()
            }
        }

        /// Moves past a value of any depth by counting what opens and closes; within it only strings are looked into.
        private mutating func skipValue() throws(JSONFault) {
            var depth = 0
            let start = scanner.at
            while let byte = scanner.next {
                switch byte {
                case UInt8(ascii: "\""):
                    try scanner.skipString()
                    if depth == 0 { return }
                    continue
                case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
                case UInt8(ascii: "}"), UInt8(ascii: "]"):
                    if depth == 0 { return try nothingEmpty(since: start) }
                    depth -= 1
                    if depth == 0 { return scanner.advance() }
                case UInt8(ascii: ","), 0x20, 0x09, 0x0A, 0x0D:
                    if depth == 0 { return try nothingEmpty(since: start) }
                default: break
                }
                scanner.advance()
            }
            throw scanner.unexpected()
        }

        private func nothingEmpty(since start: Int) throws(JSONFault) {
            if scanner.at == start { throw scanner.unexpected() }
        }
    }
}
