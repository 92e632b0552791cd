// Requests, results and status files: bytes in, a value or a fault out, and what was read can be written again.

import Contract

extension FuzzTarget {
    /// Pieces of requests and of JSON.
    fileprivate static let requestWords =
        RequestKey.allCases.map { "\"\($0.rawValue)\":" } + jsonWords + [
            "\"visualize\"", "\"delete\"", "\"set_profile\"", "\"image\"", "\"video\"", "\"high\"", "\"1080:1440\"",
            "\"2026-11-24T01:04:19.5+01:00\"", "\"name\":", "\"items\":", "\"category\":", "\"styling_notes\":",
        ]

    private static let requests = [
        #"{"user_id":"peichin","outfit_id":"o-17"}"#,
        #"{"user_id":"u","outfit_ids":["a","b"],"priority":"high","metadata":{"k":[1,{"a":null}]}}"#,
        #"{"user_id":"u","outfit":{"items":[{"name":"n","image":"i.jpg","category":"tops"}],"styling_notes":"s"}}"#,
        #"{"user_id":"u","outfit_id":"o","views":[{"name":"street","prompt":"p","ratio":"1:1","seed":7}]}"#,
        #"{"user_id":"u","outfit_id":"o","kind":"video","regenerate":true,"not_after":"2026-11-24T01:04:19Z"}"#,
        #"{"user_id":"u","action":"set_profile","model_descriptor":"tall"}"#,
        #"{"user_id":"u","outfit_id":"o","provider":"runway","model":"m","ratio":"1080:1440","seed":4294967295}"#,
    ]

    /// A request file: a request within the limits, or a fault that can be told.
    static let request = FuzzTarget("request", executions: 30_000, seeds: requests, words: requestWords) { bytes in
        let request: JobRequest
        do throws(RequestFault) {
            request = try JobRequest.decode(bytes)
        } catch {
            try hold(!error.message.isEmpty, "a fault without a sentence")
            try hold(error.details.count <= RequestLimit.problems + 1, "\(error.details.count) problems are told")
            for text in [error.message] + error.details.flatMap({ [$0.path, $0.message] }) { try isFitToPrint(text) }
            return
        }
        try keepsLimits(request)
        try readsBack(request)
    }

    /// A file that nobody has claimed yet: a look never says more than the decoder will.
    static let peek = FuzzTarget("peek", executions: 30_000, seeds: requests, words: requestWords) { bytes in
        let look = RequestPeek.peek(bytes)
        guard let request = decoded(bytes) else { return }
        try hold(
            look == .object(userID: request.userID, priority: request.priority),
            "a request decodes, a look says \(look)")
    }

    private static func decoded(_ bytes: [UInt8]) -> JobRequest? {
        do { return try JobRequest.decode(bytes) } catch { return nil }
    }

    private static func keepsLimits(_ request: JobRequest) throws {
        let ids = [request.userID] + request.outfitIDs + [request.outfitID].compactMap(\.self)
        for id in ids {
            try hold((1...RequestLimit.idBytes).contains(id.utf8.count), "an id of \(id.utf8.count) bytes")
            try hold(id.unicodeScalars.count <= RequestLimit.idCharacters, "an id is too long")
            try hold(!id.utf8.contains(0x2F) && id.utf8.first != 0x2E, "an id that leads elsewhere: \(id)")
            try hold(!id.unicodeScalars.contains { $0.value < 0x20 || (0x7F...0x9F).contains($0.value) }, "controls")
        }
        try hold(request.outfitIDs.count <= RequestLimit.outfitIDs, "too many outfits")
        try hold(request.views.count <= RequestLimit.views, "too many views")
        try hold((request.outfit?.items.count ?? 0) <= RequestLimit.items, "too many items")
        try hold((request.metadata?.count ?? 0) <= RequestLimit.metadataBytes, "too much metadata")
        try hold((request.prompt?.count ?? 0) <= RequestLimit.promptCharacters, "too long a prompt")
        try hold(request.outfitID == nil || request.outfitIDs.isEmpty, "an outfit and a batch")
    }

    private static func readsBack(_ request: JobRequest) throws {
        let again = decoded(request.encode())
        // A moment is written with milliseconds.
        var one = request
        var other = again
        one.notAfter = nil
        other?.notAfter = nil
        try hold(other == one, "a request reads back as another: \(String(describing: again))")
    }

    private static let digest = String(repeating: "ab", count: 32)
    private static let results = [
        #"{"job_id":"7d0c","status":"failed","progress":10,"error":{"code":"outfit_not_found","message":"m","#
            + #""stage":"prepare","retryable":false},"cost":{"credits":0,"usd":0},"timing":{"total":1.5},"#
            + #""user_id":null,"outfit_id":null,"attempts":1,"request_sha256":"\#(digest)","#
            + #""metadata":{},"finished_at":"2026-11-24T01:04:19.500Z","vizd":"1.0.0"}"#,
        #"{"job_id":"a","status":"processing","progress":10,"stage":"generate","message":"m","estimated_time":40,"#
            + #""attempt":1,"user_id":"u","outfit_id":"o","provider":"Runway ML","updated_at":"2026-11-24T01:04:19Z"}"#,
    ]

    /// Results and status files as the commands read them back: a value that writes and reads itself, or a fault.
    static let documents = FuzzTarget(
        "documents", executions: 20_000, seeds: results,
        words: jsonWords + ["\"job_id\":", "\"result\":", "\"image\":", "\"complete\"", "\"failed\"", "\"cost\":"]
    ) { bytes in
        if let result = FuzzTarget.result(bytes) {
            try hold(FuzzTarget.result(result.encode()) == result, "a result reads back as another")
        }
        if let status = FuzzTarget.status(bytes) {
            try hold((0...100).contains(status.progress), "a progress of \(status.progress)")
            try hold(
                FuzzTarget.status(status.encode()) != nil, "a status that was read is written so that it cannot be")
        }
    }

    private static func result(_ bytes: [UInt8]) -> ResultDocument? {
        do { return try ResultDocument.decode(bytes) } catch { return nil }
    }

    private static func status(_ bytes: [UInt8]) -> StatusDocument? {
        do { return try StatusDocument.decode(bytes) } catch { return nil }
    }
}
