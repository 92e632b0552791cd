// What is typed, as keys: the bytes of a terminal come in pieces, and an arrow is three of them.

/// What `vizd top` can be told.
enum TopKey: Hashable, Sendable {
    case letter(Character)
    case up, down, pageUp, pageDown, home, end
    case tab, backTab
    case escape
}

struct TopKeys {
    /// The beginning of an escape sequence whose rest has not come yet.
    private var pending: [UInt8] = []

    /// Whether it waits for the rest of a sequence; if none comes soon, it was the Escape key (`settle`).
    var isWaiting: Bool { !pending.isEmpty }

    /// Takes bytes; answers the keys that are complete. What is no key of ours is passed over.
    mutating func take(_ bytes: [UInt8]) -> [TopKey] {
        var rest = (pending + bytes)[...]
        pending = []
        var keys: [TopKey] = []
        while let byte = rest.first {
            if byte == 0x1B {
                guard let (key, length) = TopKeys.sequence(rest) else {
                    pending = Array(rest)
                    break
                }
                if let key { keys.append(key) }
                rest = rest.dropFirst(length)
            } else {
                rest = rest.dropFirst()
                if let key = TopKeys.single(byte) { keys.append(key) }
            }
        }
        return keys
    }

    /// Nothing more has come: what waits was the Escape key alone.
    mutating func settle() -> [TopKey] {
        defer { pending = [] }
        return pending == [0x1B] ? [.escape] : []
    }

    private static func single(_ byte: UInt8) -> TopKey? {
        switch byte {
        case 0x09: .tab
        case 0x20...0x7E: .letter(Character(Unicode.Scalar(byte)))
        default: nil
        }
    }

    /// The key that a sequence stands for, and its length; nil where it is not complete. Sequences are bounded: what is
    /// longer than any key is thrown away.
    private static func sequence(_ bytes: ArraySlice<UInt8>) -> (key: TopKey?, length: Int)? {
        let bytes = Array(bytes.prefix(16))
        guard bytes.count > 1 else { return nil }
        // Alt and a letter, or Escape twice: the Escape stands for itself.
        guard bytes[1] == UInt8(ascii: "[") || bytes[1] == UInt8(ascii: "O") else { return (.escape, 1) }
        guard let end = bytes.dropFirst(2).firstIndex(where: { (0x40...0x7E).contains($0) }) else {
            return bytes.count == 16 ? (nil, 16) : nil
        }
        let parameter = String(decoding: bytes[2..<end].prefix { $0 != UInt8(ascii: ";") }, as: UTF8.self)
        return (key(bytes[end], parameter), end + 1)
    }

    private static func key(_ final: UInt8, _ parameter: String) -> TopKey? {
        switch (final, parameter) {
        case (UInt8(ascii: "A"), _): .up
        case (UInt8(ascii: "B"), _): .down
        case (UInt8(ascii: "H"), _), (UInt8(ascii: "~"), "1"), (UInt8(ascii: "~"), "7"): .home
        case (UInt8(ascii: "F"), _), (UInt8(ascii: "~"), "4"), (UInt8(ascii: "~"), "8"): .end
        case (UInt8(ascii: "~"), "5"): .pageUp
        case (UInt8(ascii: "~"), "6"): .pageDown
        case (UInt8(ascii: "Z"), _): .backTab
        default: nil
        }
    }
}
