// One job for `status` and `list`: what can be said of it, in words, in a row and as JSON. Values only.

internal import Contract
internal import Linux
internal import Spool

struct JobReport: Equatable, Sendable {
    enum State: Equatable, Sendable {
        case queued
        case processing(JobProgress)
        case ended(ExitStatus, code: String?)
    }

    let name: String
    let state: State
    let userID: String?
    let outfitID: String?
    /// When it came into the state, nanoseconds since 1970.
    let since: Int64

    /// A request that waits; `bytes` is what it holds, nil when that cannot be read.
    init(waiting name: String, request bytes: [UInt8]?, since: Int64) {
        self.init(name: name, state: .queued, request: bytes, since: since)
    }

    /// A claimed job, by its status file if there is one yet, else by its request.
    init(processing name: String, status: [UInt8]?, request: [UInt8]?, since: Int64) {
        let state = State.processing(JobProgress(status: status))
        do throws(DocumentFault) {
            let document = try status.map { bytes throws(DocumentFault) in try StatusDocument.decode(bytes) }
            if let document {
                self.init(
                    name: name, state: state, userID: document.userID, outfitID: document.outfitID, since: since)
                return
            }
        } catch {
            // Another version's status file; the request says whose it is.
        }
        self.init(name: name, state: state, request: request, since: since)
    }

    /// A finished job.
    init(ended name: String, in box: Box, result bytes: [UInt8], since: Int64) {
        let status: ExitStatus = box == .done ? .success : .jobFailed
        do throws(DocumentFault) {
            let result = try ResultDocument.decode(bytes)
            var code: String?
            if case .failed(let failure) = result.outcome { code = failure.code.rawValue }
            self.init(
                name: name, state: .ended(status, code: code), userID: result.userID, outfitID: result.outfitID,
                since: since)
        } catch {
            self.init(name: name, state: .ended(status, code: nil), userID: nil, outfitID: nil, since: since)
        }
    }

    private init(name: String, state: State, request bytes: [UInt8]?, since: Int64) {
        do throws(RequestFault) {
            let request = try bytes.map { bytes throws(RequestFault) in try JobRequest.decode(bytes) }
            self.init(name: name, state: state, userID: request?.userID, outfitID: request?.outfitID, since: since)
        } catch {
            self.init(name: name, state: state, userID: error.userID, outfitID: error.outfitID, since: since)
        }
    }

    private init(name: String, state: State, userID: String?, outfitID: String?, since: Int64) {
        self.name = name
        self.state = state
        self.userID = userID
        self.outfitID = outfitID
        self.since = since
    }

    /// The state as results and status files spell it, with `queued` for one that nobody has taken yet.
    var status: String {
        switch state {
        case .queued: "queued"
        case .processing: StatusDocument.status
        case .ended(.success, _): "complete"
        case .ended: "failed"
        }
    }

    /// What there is to say beyond the state.
    var note: String {
        switch state {
        case .queued, .ended(_, code: nil): ""
        case .processing(let progress): ProgressLine.words(progress)
        case .ended(_, let code?): code
        }
    }

    func age(now: Int64) -> String { Age.text(now - since) }

    /// One line of JSON with its end.
    func json(now: Int64, waiting: JobWait? = nil) -> String {
        var writer = JSONWriter()
        writer.beginObject()
        writer.member("job_id", name)
        writer.member("status", status)
        if case .processing(.working(let percent, let stage, _, _)) = state {
            writer.member("progress", percent)
            writer.member("stage", stage)
        }
        if case .ended(_, let code?) = state { writer.member("code", code) }
        writer.member("user_id", userID)
        writer.member("outfit_id", outfitID)
        writer.member("since", Timestamp(nanoseconds: since).rfc3339)
        writer.member("age_seconds", Int(max(0, now - since) / 1_000_000_000))
        if let waiting {
            writer.key("waiting")
            waiting.write(to: &writer)
        }
        writer.endObject()
        return String(decoding: writer.bytes, as: UTF8.self) + "\n"
    }
}
