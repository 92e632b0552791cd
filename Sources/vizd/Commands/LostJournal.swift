// A spool whose journal is lost: every file in processing/ is looked at, judged (`LostVerdict`) and moved.
//
// Each move is durable before the next one begins, and a broken-off run is simply made again: what has moved is not
// there any more, and a result without its request is found and completed. The caller holds the spool's lock.

import Contract
import Digest
import Linux
import Pipeline
import Spool

/// One file and what becomes of it.
struct LostMove {
    let file: LostFile
    let verdict: LostVerdict
}

/// Sees to the jobs in progress of a spool.
struct LostJournal {
    let spool: Spool
    /// The provider of requests that name none.
    let provider: String
    /// Bytes of a request (`limits.requestBytes`).
    let requestBytes: Int
    /// Nanoseconds since 1970.
    let wallClock: @Sendable () -> Int64

    /// What would be done, in the order in which it is done: second requests after the first.
    func plan(trustsStatus: Bool) throws(SpoolFatal) -> [LostMove] {
        var (jobs, others): ([JobName: LostFile], [LostFile]) = ([:], [])
        for claimed in try spool.claimedFiles() {
            guard let file = try look(at: claimed) else { continue }
            if case .job(let name) = claimed.role { jobs[name] = file } else { others.append(file) }
        }
        return (jobs.sorted { $0.key < $1.key }.map(\.value) + others).map { file in
            let first = file.claimed.role.name.flatMap { jobs[$0] }
            return LostMove(
                file: file, verdict: LostVerdict.judge(file, first: first, trustsStatus: trustsStatus))
        }
    }

    /// Carries it out.
    func carryOut(_ moves: [LostMove]) throws {
        // A power cut in a claim may have left a file in both folders; there it would be claimed anew.
        _ = try Inventory(of: spool)
        let landing = Landing(spool, status: nil)
        for move in moves { try carryOut(move, landing) }
        // A file that stays keeps what is known of it.
        if !moves.contains(where: \.stays) { try spool.removeAllStatuses() }
    }

    private func carryOut(_ move: LostMove, _ landing: Landing) throws {
        let file = move.file
        switch move.verdict.fate {
        case .stays: return
        case .duplicate: try spool.remove(file.claimed)
        case .back(let name):
            if try spool.giveBack(file.claimed, as: name) { return }
            throw CommandFailure(
                .tryAgain, "\(shown("\(name)")) came into incoming/ meanwhile. Run this again.")
        case .failed(let name, let code):
            if move.verdict.removesWaiting, let own = file.claimed.role.name {
                try spool.removeWaiting(own.requestFile)
            }
            try land(file, as: name, in: .failed, result(of: file, as: name, code).encode(), landing)
        case .concluded(let box):
            guard let name = file.claimed.role.name?.landing, let result = try resultBytes(of: name, in: box) else {
                throw CommandFailure(.tryAgain, "The result of \(shown(file.claimed.role.id)) is gone. Run this again.")
            }
            try land(file, as: name, in: box, result, landing)
        }
    }

    private func land(
        _ file: LostFile, as name: LandingName, in box: Box, _ result: [UInt8], _ landing: Landing
    ) throws {
        let order = LandingOrder(name: name, box: box, result: result, source: file.claimed.source, status: nil)
        switch try Waiter.wait({ try await landing.land(order) }) {
        case .landed: return
        case .paused(let failure): throw CommandFailure(.tryAgain, "\(failure). Make room and run this again.")
        case .blocked(let failure): throw CommandFailure(.cannotCreate, "\(failure). Mend that and run this again.")
        }
    }

    // MARK: - Looking

    private func look(at claimed: Claimed) throws(SpoolFatal) -> LostFile? {
        let status = claimed.role.name.flatMap(lastStatus)
        let content: LostFile.Content
        switch Reading.of(claimed.source, in: spool[.processing], limit: requestBytes) {
        case .gone: return nil
        case .odd, .tooLarge: content = .unread
        case .unreadable(_, let sentence): content = .closed(sentence)
        case .short(_, let failure): content = .closed("\(failure).")
        case .bytes(let bytes, let info):
            let request = ClaimedRequest(bytes: bytes, info: info)
            content = .request(
                request.digest, .init(request.decoded, configured: provider, shown: status?.provider))
        }
        var file = LostFile(claimed: claimed, content: content, status: status)
        if let name = claimed.role.name { try compare(&file, with: name) }
        return file
    }

    /// What there is of its name in the other boxes.
    private func compare(_ file: inout LostFile, with name: JobName) throws(SpoolFatal) {
        let presence = try spool.presence(of: name)
        let others = [presence.done, presence.failed, presence.doneResult, presence.failedResult]
        file.isNameFree = others.allSatisfy { $0 == nil }
        for box in [Box.failed, .done] {
            if try isEnded(file, name, in: box) { file.ended = box }
            if let landed = digest(of: name, in: box) { file.landed = landed }
        }
        // Its own second name, which a power cut may leave, is no other request.
        guard let waiting = presence.incoming, waiting.identity != presence.processing?.identity else { return }
        let isSame = file.digest != nil && digest(of: name, in: .incoming) == file.digest
        file.waiting = isSame ? .same : .other
    }

    private func isEnded(_ file: LostFile, _ name: JobName, in box: Box) throws(SpoolFatal) -> Bool {
        guard let digest = file.digest, let bytes = try resultBytes(of: name.landing, in: box) else { return false }
        do throws(DocumentFault) {
            return try ResultDocument.decode(bytes).requestSHA256 == digest.hex
        } catch {
            return false
        }
    }

    private func resultBytes(of name: LandingName, in box: Box) throws(SpoolFatal) -> [UInt8]? {
        Reading.of(name.resultFile, in: spool[box], limit: LostJournal.documentLimit).bytes
    }

    private func digest(of name: JobName, in box: Box) -> SHA256Digest? {
        Reading.of(name.requestFile, in: spool[box], limit: requestBytes).bytes.map(SHA256.of)
    }

    private func lastStatus(of name: JobName) -> StatusDocument? {
        let file = name.landing.statusFile
        let reading = Reading.of(file, in: spool[.processing], limit: LostJournal.documentLimit)
        guard let bytes = reading.bytes else { return nil }
        do throws(DocumentFault) {
            return try StatusDocument.decode(bytes)
        } catch {
            // Cut off by a power cut: it says nothing.
            return nil
        }
    }

    /// No result or status comes near it: prompts and metadata are limited.
    private static let documentLimit = 16 << 20

    // MARK: - Results

    private func result(of file: LostFile, as name: LandingName, _ code: ResultCode) -> ResultDocument {
        let request = content(of: file)
        var failure = ResultDocument.Failure(code: code, message: sentence(for: file, name, code), stage: nil)
        var (progress, attempts, cost) = (0, 0, ResultDocument.Cost())
        if code == .submissionUnknown {
            failure.stage = file.status?.stage
            (progress, attempts) = (file.status?.progress ?? 0, file.status.map(LostJournal.attempts) ?? 0)
            cost = ResultDocument.Cost(credits: nil, usd: 0, uncertain: true)
        }
        var document = ResultDocument(
            jobID: name.text, progress: progress, outcome: .failed(failure), cost: cost, userID: request?.userID,
            outfitID: request?.outfitID, attempts: attempts, requestSHA256: file.digest?.hex,
            metadata: request.flatMap(LostJournal.metadata), finishedAt: Timestamp(nanoseconds: wallClock()),
            version: Version.text)
        document.submitterUID = request?.info.uid
        return document
    }

    private func content(of file: LostFile) -> ClaimedRequest? {
        guard
            case .bytes(let bytes, let info) = Reading.of(
                file.claimed.source, in: spool[.processing], limit: requestBytes)
        else { return nil }
        return ClaimedRequest(bytes: bytes, info: info)
    }

    private static func metadata(_ request: ClaimedRequest) -> [UInt8]? {
        guard case .success(let decoded) = request.decoded else { return nil }
        return decoded.metadata
    }

    /// Orders that were certainly made.
    private static func attempts(_ status: StatusDocument) -> Int {
        status.stage == .prepare ? status.attempt - 1 : status.attempt
    }

    private func sentence(for file: LostFile, _ name: LandingName, _ code: ResultCode) -> String {
        switch (code, file.claimed.role) {
        case (.invalidName, .invalid(let invalid)): invalid.fault.sentence
        case (.nameTaken, let role):
            "A request named \(role.id) with other content is known already, so this one was not run and was kept as "
                + "\(name). Give it a name of its own and deliver it again."
        default:
            "vizd's journal was lost while this request was in progress, so nobody knows whether its picture was "
                + "ordered and charged. \(LostJournal.lastWords(file.status)) Look at the provider's usage page; then "
                + "move the request from failed/ back to incoming/ to order it again."
        }
    }

    private static func lastWords(_ status: StatusDocument?) -> String {
        guard let status else { return "It had no status file." }
        return "Its status file said last, at \(status.updatedAt.rfc3339): “\(status.message)” (\(status.stage), "
            + "\(status.progress) %)."
    }
}

extension LostMove {
    /// Whether the file could not be judged.
    var stays: Bool {
        if case .stays = verdict.fate { true } else { false }
    }

    /// The words for the table: where it goes.
    var destination: String {
        switch verdict.fate {
        case .back(let name): "incoming/\(name)"
        case .failed(let name, let code): "failed/\(name).json (\(code.rawValue))"
        case .concluded(let box): "\(box.rawValue)/\(file.claimed.source)"
        case .duplicate: "removed"
        case .stays: "stays"
        }
    }
}
