// Ephemeral uploads: a slot from the API, then a form to the storage, which wants the slot's fields before the file.

internal import Contract
internal import LoopbackServer

extension Core {
    private static let endings = ["jpg", "jpeg", "png", "webp", "mp4", "mov", "webm", "mp3", "wav", "m4a"]
    private static let schema = Schema.object([
        Schema.Field(name: "filename", schema: .text(3...255), isRequired: true),
        Schema.Field(name: "type", schema: .choice(["ephemeral"]), isRequired: true),
    ])

    /// Answers `POST /v1/uploads`.
    func openUpload(_ request: LoopbackRequest, _ target: Target) -> LoopbackReply {
        let call = FaultCall(path: target.path, body: request.body)
        if let reply = spoiled(.upload, call) { return reply }
        let (node, broken) = json(request)
        guard let node else { return (broken ?? .error(400, "No body.")).reply }
        let issues = Self.schema.issues(of: node)
        guard issues.isEmpty, let filename = node["filename"]?.text else { return Answer.issues(issues).reply }
        let ending = filename.split(separator: ".", omittingEmptySubsequences: false).last?.lowercased() ?? ""
        guard filename.contains("."), Self.endings.contains(ending) else {
            return Answer.issues([Issue(.custom, [.key("filename")], "Unsupported file extension.")]).reply
        }
        let (slot, fault) = commit(.upload, call) { live, moment, _ in
            let (id, policy) = (live.random.uuid(), live.random.uuid())
            let slot = live.book.uploads.open(
                id, filename: filename, policy: policy, limit: configuration.uploadsPerMinute, at: moment)
            return (slot, slot != nil)
        }
        guard let slot else { return Answer.error(429, "Too many uploads. Try again later.").reply }
        return Disturbance.reply(Self.opened(slot, base(of: request)), fault)
    }

    private static func opened(_ slot: UploadShelf.Slot, _ base: String) -> Answer {
        Answer.json { writer in
            writer.member("uploadUrl", "\(base)/uploads/\(slot.id)")
            writer.key("fields")
            writer.beginObject()
            for field in slot.fields { writer.member(field.name, field.value) }
            writer.endObject()
            writer.member("runwayUri", slot.handle)
        }
    }

    /// Answers the form that fills a slot.
    func fillUpload(_ id: String, _ request: LoopbackRequest, _ target: Target) -> LoopbackReply {
        let call = FaultCall(path: target.path)
        if let reply = spoiled(.upload, call) { return reply }
        guard let form = Form(request) else { return Answer.storage(400, "MalformedPOSTRequest").reply }
        let (filling, fault) = commit(.upload, call) { live, _, _ in
            let filling = live.book.uploads.fill(id, fields: form.fields, file: form.file)
            return (filling, filling == .stored)
        }
        let answer =
            switch filling {
            case .stored: Answer(status: 204)
            case .noSuchSlot: Answer.storage(404, "NoSuchKey")
            case .alreadyUsed, .wrongFields: Answer.storage(403, "AccessDenied")
            case .wrongSize:
                Answer.storage(
                    400, form.file.count < UploadShelf.sizes.lowerBound ? "EntityTooSmall" : "EntityTooLarge")
            }
        return Disturbance.reply(answer, fault)
    }
}

/// A form (RFC 7578) of fields and then one file. Parts after the file do not count, as storage services have it.
struct Form: Sendable {
    let fields: [(name: String, value: [UInt8])]
    let file: [UInt8]

    /// Reads a form's body; nil where it is none, or has no part `file`.
    init?(_ request: LoopbackRequest) {
        guard let type = request.header("Content-Type"), type.lowercased().hasPrefix("multipart/form-data"),
            let mark = type.range(of: "boundary=")
        else { return nil }
        let boundary = type[mark.upperBound...].prefix { $0 != ";" }.filter { $0 != "\"" }
        guard !boundary.isEmpty else { return nil }
        var fields: [(name: String, value: [UInt8])] = []
        for part in Self.parts(request.body, Array("--\(boundary)".utf8)) {
            guard let name = part.name else { return nil }
            if name == "file" {
                self.fields = fields
                file = Array(part.content)
                return
            }
            fields.append((name, Array(part.content)))
        }
        return nil
    }

    /// What stands between the delimiters, its head taken apart.
    private static func parts(_ body: [UInt8], _ delimiter: [UInt8]) -> [(name: String?, content: ArraySlice<UInt8>)] {
        var found: [(name: String?, content: ArraySlice<UInt8>)] = []
        guard body.starts(with: delimiter) else { return [] }
        var start = delimiter.count
        while let end = ByteSearch.first(of: [13, 10] + delimiter, in: body, from: start) {
            if let gap = ByteSearch.first(of: [13, 10, 13, 10], in: body, from: start), gap < end {
                let head = String(decoding: body[start..<gap], as: UTF8.self)
                let quoted = head.components(between: "name=\"", and: "\"")
                found.append((quoted, body[(gap + 4)..<end]))
            } else {
                found.append((nil, []))
            }
            start = end + 2 + delimiter.count
        }
        return found
    }
}

extension String {
    /// The text after the first `start`, up to the next `end`.
    fileprivate func components(between start: String, and end: String) -> String? {
        guard let from = range(of: start) else { return nil }
        let rest = self[from.upperBound...]
        return rest.range(of: end).map { String(rest[..<$0.lowerBound]) }
    }
}

extension StringProtocol {
    /// Where a text occurs first.
    fileprivate func range(of piece: String) -> Range<Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].utf8.starts(with: piece.utf8) {
                return start..<index(start, offsetBy: piece.count)
            }
            start = index(after: start)
        }
        return nil
    }
}

/// Finds bytes in bytes.
enum ByteSearch {
    /// Where `piece` begins at or after `start`; nil where it does not occur.
    static func first(of piece: [UInt8], in bytes: [UInt8], from start: Int = 0) -> Int? {
        guard let first = piece.first else { return start }
        return bytes.withUnsafeBufferPointer { bytes in
            var at = start
            while at + piece.count <= bytes.count {
                if bytes[at] == first, (1..<piece.count).allSatisfy({ bytes[at + $0] == piece[$0] }) { return at }
                at += 1
            }
            return nil
        }
    }
}
