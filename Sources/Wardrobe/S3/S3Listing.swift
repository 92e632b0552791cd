// What is beneath a prefix of a bucket, read off the answers of ListObjectsV2, page by page.
//
// No XML parser: of an answer only the texts of elements without attributes and children are looked for, with the five
// named and the numbered references resolved. A store that gives more pages than anybody's pictures fill is refused,
// and so is one that says that there is more and not where it goes on.

internal import Transfer

/// One page of a listing.
struct S3Page: Hashable {
    let keys: [S3Key]
    /// Where the next page begins; nil on the last.
    let next: String?

    /// Nil for what is no listing.
    init?(_ text: String) {
        guard text.contains("<ListBucketResult"), text.contains("</ListBucketResult>") else { return nil }
        let keys = Self.elements("Key", of: text).map { S3Key($0) }
        guard !keys.contains(nil) else { return nil }
        self.keys = keys.compactMap(\.self)
        let goesOn = Self.elements("IsTruncated", of: text).first == "true"
        next = goesOn ? Self.elements("NextContinuationToken", of: text).first : nil
        if goesOn && next == nil { return nil }
    }

    private static func elements(_ name: String, of text: String) -> [String] {
        let (open, close) = (Array("<\(name)>".utf8), Array("</\(name)>".utf8))
        let bytes = Array(text.utf8)
        var found: [String] = []
        var at = 0
        while let start = place(of: open, in: bytes, from: at).map({ $0 + open.count }),
            let end = place(of: close, in: bytes, from: start)
        {
            found.append(resolved(String(decoding: bytes[start..<end], as: UTF8.self)))
            at = end + close.count
        }
        return found
    }

    private static func place(of mark: [UInt8], in bytes: [UInt8], from start: Int) -> Int? {
        var at = start
        while at + mark.count <= bytes.count {
            if bytes[at] == mark[0], bytes[at..<at + mark.count].elementsEqual(mark) { return at }
            at += 1
        }
        return nil
    }

    private static let named = ["amp": "&", "lt": "<", "gt": ">", "quot": "\"", "apos": "'"]

    /// A text with its references resolved; one that is none stays as it stands.
    private static func resolved(_ text: String) -> String {
        var result = ""
        var rest = text[...]
        while let start = rest.firstIndex(of: "&") {
            result += rest[..<start]
            rest = rest[start...]
            guard let end = rest.firstIndex(of: ";"), let character = character(rest[..<end].dropFirst()) else {
                result.append(rest.removeFirst())
                continue
            }
            result += character
            rest = rest[rest.index(after: end)...]
        }
        return result + rest
    }

    private static func character(_ reference: Substring) -> String? {
        if let known = named[String(reference)] { return known }
        guard reference.first == "#" else { return nil }
        let digits = reference.dropFirst()
        let number = digits.first == "x" ? UInt32(digits.dropFirst(), radix: 16) : UInt32(digits)
        return number.flatMap { Unicode.Scalar($0) }.map { String($0) }
    }
}

extension S3Store {
    /// Pages of a thousand keys that are read at most.
    private static let pages = 100
    /// Bytes of a page: a thousand keys of 1,024 bytes, every one of them escaped, with what stands around them.
    private static let pageBytes = 16 << 20

    /// All keys that begin with `prefix`, in the order in which the store gives them.
    package func keys(beneath prefix: String) async throws(S3Failure) -> [S3Key] {
        var keys: [S3Key] = []
        var next: String?
        for _ in 0..<Self.pages {
            var query = [(name: "list-type", value: "2"), (name: "prefix", value: prefix)]
            if let next { query.append((name: "continuation-token", value: next)) }
            let answer = try await list(query, limit: Self.pageBytes, what: "s3://\(bucket.name)/\(prefix)")
            guard let page = S3Page(String(decoding: answer.body, as: UTF8.self)) else {
                throw S3Failure(
                    .refused,
                    "the object store's listing of s3://\(bucket.name)/\(prefix) cannot be read: use another store")
            }
            keys += page.keys.filter { $0.text.utf8.starts(with: prefix.utf8) }
            next = page.next
            if next == nil { return keys }
        }
        throw S3Failure(
            .refused,
            "there are more than \(Self.pages * 1000) objects beneath s3://\(bucket.name)/\(prefix): remove some")
    }
}
