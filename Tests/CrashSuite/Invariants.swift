// What must hold when a struck vizd has been started again and everything has settled. Each invariant is a function
// that answers its breaches as sentences; `RunwaySite.complaints` has those that hold at any time: boxes, ledger
// against Runway's books, bills, secrets, leftovers.

internal import Contract
internal import Digest
internal import Imaging
internal import Linux
internal import RunwaySimulator
internal import TestSupport

/// The invariants of one stage.
struct Invariants {
    private let stage: Stage
    private let strike: Strike
    private let foreignRounds: Int

    init(_ stage: Stage, _ strike: Strike, foreignRounds: Int) {
        (self.stage, self.strike, self.foreignRounds) = (stage, strike, foreignRounds)
    }

    /// Everything that does not hold.
    func breaches() throws -> [String] {
        // A job that failed when its picture was there keeps it in work/, for a retry.
        var found = try stage.place.complaints(stage.scenario.jobs.map(\.name)).filter {
            !$0.hasPrefix("left in work/")
        }
        for job in stage.scenario.jobs {
            guard let result = try stage.place.result(job.name) else { continue }
            found += endings(job, result) + orders(job, result) + (try picture(job, result))
            found += try errand(job, result)
        }
        return found + (try record()) + (try leftovers())
    }

    // MARK: One job

    /// A job ends as it would have without the strike; a paid call that the strike hit may leave its end unknown.
    private func endings(_ job: CrashJob, _ result: ResultDocument) -> [String] {
        var allowed: Set<ResultCode?> = [job.ending]
        if !strike.isCounting { allowed.insert(.submissionUnknown) }
        // Of a batch both may fail then: one is refused, the other's call is hit.
        if !strike.isCounting, case .batch = job.shape { allowed.insert(.providerRejected) }
        if case .fail = strike { allowed.formUnion([.storageFailed, .downloadFailed, .internal]) }
        let code: ResultCode? = if case .failed(let failure) = result.outcome { failure.code } else { nil }
        return allowed.contains(code) ? [] : ["\(job.name) ends as \(code?.rawValue ?? "complete"): \(result.outcome)"]
    }

    /// No task was created twice for one attempt, and no attempt made twice, but where somebody put back what was
    /// unknown, or complete.
    private func orders(_ job: CrashJob, _ result: ResultDocument) -> [String] {
        let tasks = stage.place.tasks(of: job.name).count
        let most = job.putBack == .never ? job.orders : 2 * job.orders
        return tasks <= most ? [] : ["\(job.name) was ordered \(tasks) times"]
    }

    /// A complete job's pictures are where the result says, are what it says, and decode.
    private func picture(_ job: CrashJob, _ result: ResultDocument) throws -> [String] {
        switch result.outcome {
        case .failed, .removed, .profile: return []
        case .batch(let batch): return try batch.members.flatMap { try member($0, of: job) }
        case .complete(let picture, let views):
            let all = views.isEmpty ? [picture] : views.map(\.picture)
            return try all.flatMap { try stored($0, of: job.name) } + parts(job, views, result)
        }
    }

    /// What was to go is gone, with what named it; a profile says what was asked for.
    private func errand(_ job: CrashJob, _ result: ResultDocument) throws -> [String] {
        guard let errand = job.errand, Self.isComplete(result) else { return [] }
        let folder = "\(stage.site.wardrobe)/\(Template.user)"
        switch errand {
        case .delete:
            let left = try Directory(path: "\(folder)/items/visualizations").names().map(\.description)
            return left.filter { $0.hasPrefix(job.outfit) }.map { "\(job.name) is complete and left \($0)" }
        case .setProfile(let text):
            let bytes = try Host.readFile("\(folder)/user_profile.json", limit: 1 << 20)
            let root = try JSONDocument(parsing: bytes).root
            return root["model_descriptor"]?.value == .string(text) ? [] : ["\(job.name): the profile says \(root)"]
        }
    }

    /// Every view is either made or told of as failed.
    private func parts(_ job: CrashJob, _ views: [ResultDocument.View], _ result: ResultDocument) -> [String] {
        guard case .views(let names) = job.shape else { return [] }
        let told = views.map(\.name) + result.failedViews.map(\.name)
        return told.sorted() == names.sorted() ? [] : ["\(job.name): its result tells of the views \(told)"]
    }

    /// What a batch says of an outfit is what the outfit's own result says.
    private func member(_ member: ResultDocument.Batch.Member, of job: CrashJob) throws -> [String] {
        guard let own = try stage.place.result(member.jobID) else { return ["\(member.jobID) has no result"] }
        if Self.isComplete(own) != member.isComplete || own.outfitID != member.outfitID {
            return ["\(member.jobID) is told as \(member) and ended as \(own.outcome)"]
        }
        guard case .complete(let picture, _) = own.outcome else { return [] }
        return try stored(picture, of: member.jobID)
    }

    private func stored(_ picture: ResultDocument.Picture, of name: String) throws -> [String] {
        guard case .local(let path) = picture.storage else { return ["\(name) is stored nowhere"] }
        let bytes = try Host.readFile(path, limit: 1 << 26)
        if SHA256.of(bytes).hex != picture.image.sha256 { return ["\(name): the stored picture is another"] }
        if picture.image.contentType == "video/mp4" {
            do throws(ImageFailure) { _ = try MovieInspection.inspect(bytes) } catch {
                return ["\(name): \(path) is no whole film: \(error.message)"]
            }
            return []
        }
        if let reason = Decoder.shared.refusal(of: bytes) { return ["\(name): \(path) does not decode: \(reason)"] }
        return []
    }

    // MARK: The record

    /// The record parses, holds what the foreign program wrote, and names the picture of every complete job once.
    private func record() throws -> [String] {
        let bytes = try stage.site.record(of: Template.user)
        let root: JSONNode
        do throws(JSONFault) { root = try JSONDocument(parsing: bytes).root } catch {
            return ["the record does not parse: \(error)"]
        }
        var found: [String] = []
        if root["foreign"]?.value != .number("\(foreignRounds)") {
            found.append("the foreign field is \(String(describing: root["foreign"]?.value)), not \(foreignRounds)")
        }
        for job in stage.scenario.jobs where job.shape != .single { found += try entries(of: job, in: root) }
        for job in stage.scenario.jobs where job.shape == .single {
            if case .setProfile? = job.errand { continue }
            let outfit = root["saved"]?.items.first { $0["id"]?.value == .string(job.outfit) }
            if outfit?["n"]?.value != .number("1e3") {
                found.append("\(job.outfit): a foreign field is not what it was")
            }
            let entries = (outfit?["visualizations"]?.items ?? []).map { $0["job_id"]?.value }
            let isComplete = try stage.place.result(job.name).map(Self.isComplete) ?? false
            if job.errand == .delete {
                let isNamed = outfit?["visualizations"] != nil || outfit?["visualization_url"] != nil
                if isComplete && isNamed {
                    found.append("\(job.outfit): the record names pictures that were deleted")
                }
                continue
            }
            let expected: [JSONValue?] = isComplete ? [.string(job.name)] : []
            // A re-run that failed leaves the picture of the run before it. Over a program without the lock vizd
            // watches for about a second, and a kill ends that watch.
            let isLeft = job.putBack != .never && entries == [.string(job.name)]
            let isUnwatched = stage.endsItsWatch && entries.isEmpty
            if entries != expected && !isLeft && !isUnwatched {
                found.append("\(job.outfit): the record has \(entries.count) entries of \(job.name)")
            }
        }
        return found
    }

    /// Each outfit of a batch has its own job's picture where that is complete; an outfit in views has all that are.
    private func entries(of job: CrashJob, in root: JSONNode) throws -> [String] {
        var expected: [String: [String]] = [:]
        switch try stage.place.result(job.name)?.outcome {
        case .batch(let batch)?:
            for member in batch.members { expected[member.outfitID] = member.isComplete ? [member.jobID] : [] }
        case .complete(_, let views)?: expected[job.outfit] = views.map { _ in job.name }
        case .failed?, .removed?, .profile?, nil: return []
        }
        return expected.compactMap { outfit, jobs in
            let found = root["saved"]?.items.first { $0["id"]?.value == .string(outfit) }
            let entries = (found?["visualizations"]?.items ?? []).map { $0["job_id"]?.value }
            return entries == jobs.map { .string($0) } ? nil : "\(outfit): the record has \(entries), not \(jobs)"
        }
    }

    private static func isComplete(_ result: ResultDocument) -> Bool {
        if case .failed = result.outcome { false } else { true }
    }

    /// Whether the record names the pictures of all complete jobs by now: after a careless program has written over
    /// them, that takes vizd a moment.
    static func isRecorded(_ stage: Stage) throws -> Bool {
        let root = try JSONDocument(parsing: try stage.site.record(of: Template.user)).root
        return try stage.scenario.jobs.allSatisfy { job in
            guard let result = try stage.place.result(job.name), isComplete(result) else { return true }
            let outfit = root["saved"]?.items.first { $0["id"]?.value == .string(job.outfit) }
            return outfit?["visualizations"]?.items.count == 1
        }
    }

    // MARK: Leftovers

    /// Nothing of vizd's is left beside the user's files but its locks and the folder for what it writes aside; that
    /// holds at most pictures that a kill cut off, which are swept when they are old.
    private func leftovers() throws -> [String] {
        try kept() + aside()
    }

    /// In work/ is nothing but prepared photos, the place for programs, and the pictures of jobs that have failed and
    /// can be retried. One that could not be removed is removed by the next start.
    func kept() throws -> [String] {
        let names = try Directory(path: "\(stage.site.state)/work").names().map(\.description)
        return try names.filter { name in
            if ["exec", "prepared"].contains(name) { return false }
            if case .fail("unlink", _, _) = strike { return false }
            // A part's goes with the whole.
            let job = name.split(separator: ".").first.map(String.init) ?? ""
            guard name.hasSuffix(".picture"), let result = try stage.place.result(job) else { return true }
            return Self.isComplete(result)
        }.map { "\($0) is left in work/" }
    }

    private func aside() throws -> [String] {
        let folder = try Directory(path: "\(stage.site.wardrobe)/\(Template.user)")
        let hidden = try folder.names().map(\.description).filter { $0.hasPrefix(".") }
        var found = hidden.filter { ![".saved_outfits.lock", ".user_profile.lock", ".vizd"].contains($0) }.map {
            "\($0) is left beside the record"
        }
        if hidden.contains(".vizd") {
            let aside = try folder.directory(".vizd").names().map(\.description)
            // Where removing is what failed, the old text stays until the record is written the next time.
            var stays = ["picture-"]
            if case .fail("unlink", _, _) = strike { stays.append("saved_outfits.aside-") }
            found += try displaced(aside)
            if stage.endsItsWatch { stays.append(Self.displacedPrefix) }
            found += aside.filter { name in !stays.contains { name.hasPrefix($0) } }.map { "\($0) is left in .vizd/" }
        }
        return found
    }

    private static let displacedPrefix = "saved_outfits.displaced-"

    /// What a program without the lock wrote in the moment of a swap has no place any more where a kill came before
    /// vizd could look and that program has written again since: it is kept for a person, whole.
    private func displaced(_ names: [String]) throws -> [String] {
        try names.filter { $0.hasPrefix(Self.displacedPrefix) }.compactMap { name in
            let bytes = try Host.readFile("\(stage.site.wardrobe)/\(Template.user)/.vizd/\(name)", limit: 1 << 26)
            do throws(JSONFault) {
                _ = try JSONDocument(parsing: bytes)
                return nil
            } catch {
                return "\(name) was kept in .vizd/ and is no whole record: \(error)"
            }
        }
    }
}

/// Decodes pictures with the workers of the program.
private final class Decoder: Sendable {
    static let shared = Decoder()
    private let workers = Monitor<ImageWorkers?>(nil)

    /// Why a picture does not decode; nil where it does.
    func refusal(of bytes: [UInt8]) -> String? {
        let answer = Monitor<String??>(nil)
        Task {
            var reason: String?
            do { _ = try await shop().verify(try OpenFile.inMemory(bytes)) } catch { reason = "\(error)" }
            answer.change { $0 = .some(reason) }
        }
        return answer.wait { $0 } ?? nil
    }

    private func shop() throws -> ImageWorkers {
        try workers.look { $0 }
            ?? {
                let fresh = try ImageWorkers(executable: BuiltProducts.path(of: "vizd-image"), workers: 1)
                return workers.change { known in
                    known = known ?? fresh
                    return known ?? fresh
                }
            }()
    }
}

extension JSONNode {
    /// An array's elements; none of anything else.
    fileprivate var items: [JSONNode] {
        guard case .array(let nodes) = value else { return [] }
        return nodes
    }
}
