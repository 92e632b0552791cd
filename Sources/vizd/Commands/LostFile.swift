// What becomes of a file in processing/ when the journal is lost: a pure value.
//
// It promises that nothing for which an order may be out goes back to incoming/, where it would be bought again. What
// it goes by is written beside each case. A status file is written behind the work and never synced: one that says
// `generate` proves that it came so far, one that says `prepare` proves nothing, as the order may have left a moment
// later. So that is believed only where a person says so.

import Contract
import Digest
import Linux
import Providers
import Spool

/// What the spool shows of a claimed file.
struct LostFile {
    /// What its content tells.
    enum Content: Equatable {
        /// It is a request, with this digest.
        case request(SHA256Digest, Order)
        /// A link, a pipe, a folder or too large: vizd never reads such a file, so nothing came of it.
        case unread
        /// It is there and cannot be read now; one sentence.
        case closed(String)
    }

    /// Whether it can have cost anything.
    enum Order: Equatable {
        /// It fails before anything is ordered, or asks for something that costs nothing.
        case never
        /// Its provider is free.
        case free
        /// Its provider is paid, or not known.
        case possible
    }

    /// What waits in incoming/ under its name.
    enum Waiting: Equatable {
        case nothing
        /// A file with the same bytes.
        case same
        case other
    }

    let claimed: Claimed
    let content: Content
    /// What its status file last said.
    var status: StatusDocument?
    /// The box that has a result of these very bytes.
    var ended: Box?
    /// What a request of its name in done/ or failed/ has for a digest; nil where there is none.
    var landed: SHA256Digest?
    /// Whether done/ and failed/ have nothing of its name.
    var isNameFree = true
    var waiting = Waiting.nothing

    var digest: SHA256Digest? {
        guard case .request(let digest, _) = content else { return nil }
        return digest
    }

    /// Its own name, or one that is made from its bytes (or its file's name) where its own is taken.
    func name(free: Bool) -> LandingName {
        if free, let name = claimed.role.name { return name.landing }
        return LandingName.of(claimed.role, digest: (digest ?? SHA256.of(claimed.source.bytes)).bytes)
    }
}

/// Where it goes.
enum LostFate: Hashable {
    /// To incoming/ under this name.
    case back(FileName)
    /// To failed/ with a result that says this.
    case failed(LandingName, ResultCode)
    /// Beside its result, which is there already.
    case concluded(Box)
    /// It is a copy of a request that is seen to, and goes.
    case duplicate
    /// It stays, and so does the refusal of `vizd run`; the sentence says what to do.
    case stays(String)
}

/// The fate of one file, with the reason for a person.
struct LostVerdict: Hashable {
    let fate: LostFate
    /// A clause.
    let reason: String
    /// Whether the copy of it that waits in incoming/ goes too: it would be bought a second time.
    var removesWaiting = false

    init(_ fate: LostFate, _ reason: String, removesWaiting: Bool = false) {
        (self.fate, self.reason, self.removesWaiting) = (fate, reason, removesWaiting)
    }

    /// Judges a file.
    /// - Parameters:
    ///   - first: the job in processing/ whose name a second request (`.again.…`) has.
    ///   - trustsStatus: whether a status file that says `prepare` is believed.
    static func judge(_ file: LostFile, first: LostFile?, trustsStatus: Bool) -> LostVerdict {
        if case .closed(let sentence) = file.content { return LostVerdict(.stays(sentence), "cannot be read") }
        switch file.claimed.role {
        case .job: return job(file, trustsStatus)
        case .again: return again(file, first)
        case .invalid: return LostVerdict(.failed(file.name(free: false), .invalidName), "its name breaks the rule")
        }
    }

    private static func job(_ file: LostFile, _ trustsStatus: Bool) -> LostVerdict {
        // The result was durable before the request could follow it, and an older one is removed before any work.
        if let box = file.ended { return LostVerdict(.concluded(box), "its result is there") }
        switch file.content {
        case .unread, .closed: return back(file, "was never read")
        case .request(_, .never): return back(file, "nothing can have been ordered for it")
        case .request(_, .free): return back(file, "its provider is free of charge")
        case .request(_, .possible): break
        }
        if trustsStatus, let status = file.status, status.stage == .prepare {
            return back(file, "its status says that nothing was ordered yet")
        }
        let isFree = file.isNameFree && file.waiting != .other
        return LostVerdict(
            .failed(file.name(free: isFree), .submissionUnknown), "may have been paid for; \(lastWord(of: file))",
            removesWaiting: file.waiting == .same)
    }

    private static func back(_ file: LostFile, _ reason: String) -> LostVerdict {
        switch file.waiting {
        case .same: LostVerdict(.duplicate, "\(reason), and a copy of it waits in incoming/")
        case .nothing: LostVerdict(.back(file.name(free: true).requestFile), reason)
        case .other: LostVerdict(.back(file.name(free: false).requestFile), "\(reason); its name is taken there")
        }
    }

    /// As the daemon has it: a copy of the first one goes, other bytes fail, and it runs only where there is no first.
    /// It has never been worked on under this name.
    private static func again(_ file: LostFile, _ first: LostFile?) -> LostVerdict {
        let earlier = first.map(\.digest) ?? file.landed
        if first == nil && file.landed == nil { return back(file, "a second request, never begun") }
        if let earlier, earlier == file.digest { return LostVerdict(.duplicate, "the same as the first of its name") }
        return LostVerdict(.failed(file.name(free: false), .nameTaken), "another request has its name")
    }

    private static func lastWord(of file: LostFile) -> String {
        guard let status = file.status else { return "it has no status file" }
        return "its status last said \(status.stage.rawValue), \(status.progress) %"
    }
}

extension LostFile.Order {
    /// What a request can have cost.
    /// - Parameters:
    ///   - configured: the provider of a request that names none.
    ///   - shown: the provider that the status file names, as people know it.
    init(_ decoded: Result<JobRequest, RequestFault>, configured: String, shown: String?) {
        guard case .success(let request) = decoded, request.action == .visualize else {
            self = .never
            return
        }
        let free = ProviderRegistry.free.first { $0.id == request.provider ?? configured }
        // The configuration may have changed since; what the status names was really used.
        guard let free, shown == nil || shown == free.displayName else {
            self = .possible
            return
        }
        self = .free
    }
}
