// Reads multipart/form-data (RFC 7578) to the letter: every line where it has to be, no bytes before the first boundary
// or after the last, `Content-Disposition` with a name in quotes.

internal import LoopbackServer

/// A part of a form.
struct FormPart {
    let name: String
    let fileName: String?
    let contentType: String?
    let bytes: [UInt8]
}

/// Reads forms.
enum MultipartReader {
    private static func broken(_ what: String) -> OpenAIObjection {
        OpenAIObjection(code: "invalid_multipart", message: "Could not parse the form: \(what).")
    }

    /// The parts in their order.
    static func parts(_ request: LoopbackRequest) throws(OpenAIObjection) -> [FormPart] {
        let type = request.header("Content-Type") ?? ""
        let prefix = "multipart/form-data; boundary="
        guard type.hasPrefix(prefix), (1...70).contains(type.utf8.count - prefix.utf8.count) else {
            throw broken("no boundary")
        }
        let line = Array(("--" + type.dropFirst(prefix.count)).utf8)
        let body = request.body
        guard body.starts(with: line) else { throw broken("it does not begin with the boundary") }
        var parts: [FormPart] = []
        var at = line.count
        while true {
            let after = body[at...].prefix(2)
            if after.elementsEqual("--".utf8) {
                guard body[(at + 2)...].elementsEqual("\r\n".utf8) || at + 2 == body.count else {
                    throw broken("bytes after the end")
                }
                return parts
            }
            guard after.elementsEqual("\r\n".utf8) else { throw broken("no line end after a boundary") }
            let start = at + 2
            guard let end = find(Array("\r\n".utf8) + line, in: body, from: start) else { throw broken("no end") }
            parts.append(try part(Array(body[start..<end])))
            at = end + 2 + line.count
        }
    }

    private static func part(_ bytes: [UInt8]) throws(OpenAIObjection) -> FormPart {
        guard let end = find(Array("\r\n\r\n".utf8), in: bytes, from: 0) else { throw broken("a part without headers") }
        var headers: [String: String] = [:]
        for line in String(decoding: bytes[..<end], as: UTF8.self).split(separator: "\r\n") {
            let pieces = line.split(separator: ": ", maxSplits: 1)
            guard pieces.count == 2 else { throw broken("a header without a value") }
            headers[pieces[0].lowercased()] = String(pieces[1])
        }
        let disposition = (headers["content-disposition"] ?? "").split(separator: "; ").map(String.init)
        guard disposition.first == "form-data", let name = value("name", disposition) else {
            throw broken("a part without a name")
        }
        return FormPart(
            name: name, fileName: value("filename", disposition), contentType: headers["content-type"],
            bytes: Array(bytes[(end + 4)...]))
    }

    private static func value(_ name: String, _ pieces: [String]) -> String? {
        let start = "\(name)=\""
        let piece = pieces.first { $0.hasPrefix(start) && $0.hasSuffix("\"") && $0.utf8.count > start.utf8.count }
        return piece.map { String($0.dropFirst(start.count).dropLast()) }
    }

    /// Where some bytes begin.
    private static func find(_ wanted: [UInt8], in bytes: [UInt8], from start: Int) -> Int? {
        bytes.withUnsafeBufferPointer { bytes in
            wanted.withUnsafeBufferPointer { wanted in
                var at = start
                while at + wanted.count <= bytes.count {
                    var matched = 0
                    while matched < wanted.count, bytes[at + matched] == wanted[matched] { matched += 1 }
                    if matched == wanted.count { return at }
                    at += 1
                }
                return nil
            }
        }
    }
}
