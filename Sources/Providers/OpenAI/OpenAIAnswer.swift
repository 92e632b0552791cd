// OpenAI's answer to an order: the picture in base64 within a JSON text of tens of megabytes, and what it cost.
//
// The one long string is found in the bytes and decoded where it stands; what is left of the text is small and is read
// as JSON. Fields that are not known are passed over. An answer of success without a picture that can be used was made
// and charged all the same.

internal import Contract

/// What the answer of success says.
struct OpenAIAnswer {
    /// What became of the picture.
    enum Picture: Equatable {
        case whole([UInt8])
        /// It would have more bytes than it may.
        case tooLarge
        /// There is none, or it is no base64, or what it holds is no image.
        case none(String)
    }

    let picture: Picture
    let usage: OpenAIUsage?

    /// - Parameter limit: the most bytes of the decoded picture.
    /// - Returns: nil for anything that is no JSON object.
    init?(_ body: [UInt8], limit: Int) {
        var places: [Range<Int>] = []
        guard let root = AnswerJSON.root(OpenAIAnswer.withoutPictures(body, found: &places)), root.members != nil else {
            return nil
        }
        usage = root["usage"].flatMap(OpenAIUsage.init)
        // An order is for one picture; of more the first serves.
        guard let place = places.first, !place.isEmpty else {
            picture = .none("holds no picture")
            return
        }
        guard place.count / 4 * 3 <= limit + 2 else {
            picture = .tooLarge
            return
        }
        guard let bytes = OpenAIBase64.decode(body[place]) else {
            picture = .none("holds a picture that is no base64")
            return
        }
        picture = OpenAIAnswer.isImage(bytes) ? .whole(bytes) : .none("holds something that is no image")
    }

    /// How the formats that OpenAI makes begin. The pipeline decodes the picture whole later; this tells apart what was
    /// never one.
    private static func isImage(_ bytes: [UInt8]) -> Bool {
        let isWebP = bytes.starts(with: "RIFF".utf8) && bytes.dropFirst(8).starts(with: "WEBP".utf8)
        return isWebP || bytes.starts(with: [0xFF, 0xD8, 0xFF]) || bytes.starts(with: [0x89, 0x50, 0x4E, 0x47])
    }

    private static let key = Array("b64_json".utf8)

    /// The text with empty strings in place of the pictures, and where those stood.
    static func withoutPictures(_ body: [UInt8], found: inout [Range<Int>]) -> [UInt8] {
        var rest: [UInt8] = []
        var at = 0
        var copied = 0
        var lastWasKey = false
        while at < body.count {
            guard body[at] == UInt8(ascii: "\"") else {
                // Only space and a colon may come between the key and its value.
                if lastWasKey, ![0x20, 0x09, 0x0A, 0x0D, UInt8(ascii: ":")].contains(body[at]) { lastWasKey = false }
                at += 1
                continue
            }
            let start = at + 1
            let end = endOfString(body, from: start)
            if lastWasKey {
                found.append(start..<end)
                rest += body[copied..<start]
                copied = end
            }
            lastWasKey = !lastWasKey && body[start..<end].elementsEqual(key)
            at = end + 1
        }
        return found.isEmpty ? body : rest + body[copied...]
    }

    /// Where the quote stands that ends a string; the end of the text where none does.
    private static func endOfString(_ body: [UInt8], from start: Int) -> Int {
        body.withUnsafeBufferPointer { bytes in
            var at = start
            while at < bytes.count, bytes[at] != UInt8(ascii: "\"") {
                at += bytes[at] == UInt8(ascii: "\\") ? 2 : 1
            }
            return min(at, bytes.count)
        }
    }
}

/// The tokens of an answer.
struct OpenAIUsage: Equatable {
    let text: Int
    let images: Int
    let output: Int

    /// Nil where the sums are not there. Input whose kind is not told counts as images, the dearer of the two.
    init?(_ node: JSONNode) {
        guard let input = node["input_tokens"]?.count, let output = node["output_tokens"]?.count else { return nil }
        let text = min(node["input_tokens_details"]?["text_tokens"]?.count ?? 0, input)
        (self.text, self.images, self.output) = (text, input - text, output)
    }
}

/// Base64 within a JSON string.
enum OpenAIBase64 {
    private static let bad: UInt8 = 0xFF

    private static let values: [UInt8] = {
        var table = [UInt8](repeating: bad, count: 256)
        let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
        for (value, sign) in alphabet.utf8.enumerated() { table[Int(sign)] = UInt8(value) }
        return table
    }()

    /// The bytes (RFC 4648, section 4, with its padding or without); nil where it is none. A slash may be escaped, as
    /// some writers of JSON do.
    static func decode(_ text: ArraySlice<UInt8>) -> [UInt8]? {
        var isValid = true
        let bytes = [UInt8](unsafeUninitializedCapacity: text.count / 4 * 3 + 3) { out, count in
            isValid = text.withUnsafeBufferPointer { signs in
                values.withUnsafeBufferPointer { decode(signs, $0, out, &count) }
            }
            if !isValid { count = 0 }
        }
        return isValid ? bytes : nil
    }

    private static func decode(
        _ signs: UnsafeBufferPointer<UInt8>, _ values: UnsafeBufferPointer<UInt8>,
        _ out: UnsafeMutableBufferPointer<UInt8>, _ count: inout Int
    ) -> Bool {
        var (group, held, padding) = (UInt32(0), 0, 0)
        count = 0
        var at = 0
        while at < signs.count {
            var sign = signs[at]
            at += 1
            if sign == UInt8(ascii: "\\") {
                guard at < signs.count, signs[at] == UInt8(ascii: "/") else { return false }
                sign = signs[at]
                at += 1
            }
            if sign == UInt8(ascii: "=") {
                padding += 1
                continue
            }
            let value = values[Int(sign)]
            guard value != bad, padding == 0 else { return false }
            group = group << 6 | UInt32(value)
            held += 1
            guard held == 4 else { continue }
            out[count] = UInt8(truncatingIfNeeded: group >> 16)
            out[count + 1] = UInt8(truncatingIfNeeded: group >> 8)
            out[count + 2] = UInt8(truncatingIfNeeded: group)
            (count, group, held) = (count + 3, 0, 0)
        }
        return finish(group, held, padding, out, &count)
    }

    /// The last one or two bytes.
    private static func finish(
        _ group: UInt32, _ held: Int, _ padding: Int, _ out: UnsafeMutableBufferPointer<UInt8>, _ count: inout Int
    ) -> Bool {
        switch held {
        case 0: return padding == 0
        case 2 where padding == 0 || padding == 2:
            out[count] = UInt8(truncatingIfNeeded: group >> 4)
            count += 1
            return true
        case 3 where padding <= 1:
            out[count] = UInt8(truncatingIfNeeded: group >> 10)
            out[count + 1] = UInt8(truncatingIfNeeded: group >> 2)
            count += 2
            return true
        default: return false
        }
    }
}
