// What a job's life leans on: the names at work, a claimed request's bytes, files that never become jobs, and the calls
// on spool and journal with their answer to a full disk (wait) and to a broken one (leave).

import Contract
import Digest
import Ledger
import Linux
import Logging
import Pipeline
import Spool
import Synchronization

/// The machine failed under a job: one sentence.
struct LifeTrouble: Error {
    let sentence: String
}

/// Names of jobs that are under way in this process.
final class NamesAtWork: Sendable {
    private let names = Mutex<Set<JobName>>([])
    /// Names that nobody may begin to work on for a moment.
    private let held = Mutex<Set<JobName>>([])

    /// Answers whether the name was free.
    func insert(_ name: JobName) -> Bool {
        held.withLock { held in
            held.contains(name) ? false : names.withLock { $0.insert(name).inserted }
        }
    }

    /// Keeps a name that is free from being worked on, until `release`. Answers whether it was.
    func hold(_ name: JobName) -> Bool {
        held.withLock { held in
            names.withLock { $0.contains(name) } ? false : held.insert(name).inserted
        }
    }

    func release(_ name: JobName) { held.withLock { _ = $0.remove(name) } }

    func remove(_ name: JobName) { names.withLock { _ = $0.remove(name) } }

    /// Whether it is worked on, or held.
    func contains(_ name: JobName) -> Bool {
        held.withLock { $0.contains(name) } || names.withLock { $0.contains(name) }
    }

    /// All of them, as the journal spells them.
    var all: [String] { names.withLock { $0.map(\.text) } }
}

/// A request as it was read once after the claim; nothing looks at its file's content again.
struct ClaimedRequest: Sendable {
    let bytes: [UInt8]
    let info: FileInfo
    let digest: SHA256Digest
    let decoded: Result<JobRequest, RequestFault>

    init(bytes: [UInt8], info: FileInfo) {
        (self.bytes, self.info, digest) = (bytes, info, SHA256.of(bytes))
        do throws(RequestFault) {
            decoded = .success(try JobRequest.decode(bytes))
        } catch {
            decoded = .failure(error)
        }
    }

    var userID: String? {
        switch decoded {
        case .success(let request): request.userID
        case .failure(let fault): fault.userID
        }
    }

    var outfitID: String? {
        switch decoded {
        case .success(let request): request.outfitID
        case .failure(let fault): fault.outfitID
        }
    }
}

extension RefusedFile {
    static func notRegular(_ info: FileInfo, named file: FileName) -> RefusedFile {
        RefusedFile(
            code: .notARegularFile,
            message:
                "\(file) is \(info.kind.phrase), and vizd reads regular files only; it was not opened. Deliver the "
                + "request itself.",
            userID: nil, outfitID: nil, digest: SHA256.of(file.bytes), wasRead: false, ownerUID: info.uid)
    }

    static func tooLarge(_ info: FileInfo, limit: Int, named file: FileName) -> RefusedFile {
        RefusedFile(
            code: .requestTooLarge,
            message: "The request has \(info.size) bytes; vizd reads up to \(limit) (limits.requestBytes). Make it "
                + "smaller.",
            userID: nil, outfitID: nil, digest: SHA256.of(file.bytes), wasRead: false, ownerUID: info.uid)
    }

    static func unreadable(_ sentence: String, _ info: FileInfo?, named file: FileName) -> RefusedFile {
        RefusedFile(
            code: .notARegularFile, message: sentence, userID: nil, outfitID: nil, digest: SHA256.of(file.bytes),
            wasRead: false, ownerUID: info?.uid)
    }
}

extension JobName {
    /// The job's name first on every line of the log.
    func metadata(_ more: Logger.Metadata = [:]) -> Logger.Metadata {
        more.merging(["job": "\(text)"]) { first, _ in first }
    }
}

extension ResultDocument {
    /// Why it failed; nil where it did not.
    var failure: Failure? {
        guard case .failed(let failure) = outcome else { return nil }
        return failure
    }
}

extension Reading {
    /// What was read, if it was.
    var bytes: [UInt8]? {
        guard case .bytes(let bytes, _) = self else { return nil }
        return bytes
    }

    /// Whose file it is, where it could be looked at.
    var ownerUID: UInt32? {
        switch self {
        case .bytes(_, let info), .odd(let info), .tooLarge(let info): info.uid
        case .unreadable(let info, _), .short(let info, _): info?.uid
        case .gone: nil
        }
    }
}

extension LandingName {
    /// A name for a file that has none of its own, or whose own is taken.
    static func of(_ role: ClaimRole, digest: [UInt8]) -> LandingName {
        switch role {
        case .job(let name), .again(let name): name.landing(digest: digest)
        case .invalid(let name): name.landing(digest: digest)
        }
    }
}

extension Presence {
    /// Where the earlier request of a name lies.
    var oldRequest: Admission.OldRequest { done != nil ? .done : failed != nil ? .failed : .nowhere }
}

extension OutcomeBox {
    /// The folder of that name.
    var box: Box {
        switch self {
        case .done: .done
        case .failed: .failed
        }
    }
}

extension Admission.Judgement {
    /// The word for the log.
    var word: String {
        switch self {
        case .fresh: "fresh"
        case .resume: "resume"
        case .relanding: "relanding"
        case .rerun: "rerun"
        case .retry: "retry"
        case .duplicate: "duplicate"
        case .nameTaken: "name_taken"
        case .later: "later"
        }
    }
}

// MARK: - Calls that wait for room

extension JobLife {
    /// Asks the journal; waits while the disk is full, leaves when it is broken.
    func journalled<Value>(_ body: () async throws(JournalFailure) -> Value) async throws(LifeTrouble) -> Value {
        while true {
            do throws(JournalFailure) {
                return try await body()
            } catch {
                guard error.code == .full || error.code == .busy else { throw LifeTrouble(sentence: "\(error)") }
                await awaitRoom(error.message)
            }
        }
    }

    /// Lands files; waits while the disk is full or something stands in the way, leaves when it is broken.
    func land(_ order: LandingOrder, id: String) async throws(LifeTrouble) {
        while true {
            switch try await spoken({ () async throws(SpoolFatal) in try await landing.land(order) }) {
            case .landed: return
            case .paused(let failure): await awaitRoom("\(failure)")
            case .blocked(let failure):
                log.error("landing.blocked", metadata: ["job": "\(id)", "reason": "\(failure)"])
                await pause(JobLife.blockedPatience)
            }
        }
    }

    /// How long to wait when something stands in the way of a landing.
    private static let blockedPatience: Int64 = 10_000_000_000

    /// Removes what lies in done/ and failed/ of an earlier run of this name. A request there goes too, but for a
    /// readable one of which the journal knows nothing: it may be the only copy of somebody's work.
    func withdraw(_ name: JobName, _ presence: Presence, _ judgement: Admission.Judgement) async throws(LifeTrouble) {
        for (box, request, result) in [
            (Box.done, presence.done, presence.doneResult), (Box.failed, presence.failed, presence.failedResult),
        ] where request != nil || result != nil {
            let unknown = judgement == .fresh(replacing: nil) && request?.kind == .regular
            try await withdraw(name, from: box, withRequest: request != nil && !unknown)
        }
    }

    func withdraw(_ name: JobName, from box: Box, withRequest: Bool) async throws(LifeTrouble) {
        while true {
            switch try await spoken({ () async throws(SpoolFatal) in
                try await landing.withdraw(name.landing, from: box, withRequest: withRequest)
            }) {
            case .landed: return log.info("result.withdrawn", metadata: name.metadata(["box": "\(box.rawValue)"]))
            case .paused(let failure): await awaitRoom("\(failure)")
            case .blocked(let failure):
                // Of an earlier run; this one's landing replaces it, or says what is in the way.
                return log.warning("result.left", metadata: name.metadata(["reason": "\(failure)"]))
            }
        }
    }

    /// Removes a file that needs no answer of its own.
    func remove(_ claimed: Claimed, as reason: String) async throws(LifeTrouble) {
        let spool = spool
        try await spoken { () async throws(SpoolFatal) in
            try await pool.run { () throws(SpoolFatal) in try spool.remove(claimed) }
        }
        meter.count { $0.requestRemoved() }
        log.notice("request.removed", metadata: ["job": "\(claimed.role.id)", "reason": "\(reason)"])
    }

    func promote(_ claimed: Claimed) async throws(LifeTrouble) -> Claimed? {
        let spool = spool
        return try await spoken { () async throws(SpoolFatal) in
            try await pool.run { () throws(SpoolFatal) in try spool.promote(claimed) }
        }
    }

    func presence(of name: JobName) async throws(LifeTrouble) -> Presence {
        let spool = spool
        return try await spoken { () async throws(SpoolFatal) in
            try await pool.run { () throws(SpoolFatal) in try spool.presence(of: name) }
        }
    }

    func spoken<Value>(_ body: () async throws(SpoolFatal) -> Value) async throws(LifeTrouble) -> Value {
        do throws(SpoolFatal) { return try await body() } catch { throw LifeTrouble(sentence: "\(error)") }
    }
}
