// Retention on the disk: the files of jobs that ended long ago leave `done` and `failed` for good.
//
// Order of a step: requests, fsync of the boxes, results, fsync of the boxes; the journal forgets the jobs afterwards.
// So nobody ever sees a request without its result, each prefix is a state that the next step goes on from (the journal
// still knows the job as landed), and who moves a request back to `incoming` at this very moment either has it, and the
// job stays, or finds it gone. What is not the job's own (a link, another file under its name) is left with all of it.
// A step that cannot remove a file says so and does no harm; a failed fsync is fatal, as everywhere.

package import Linux
internal import Synchronization

/// The files of one job that is to go.
package struct OldJob: Sendable {
    /// How the request beside the result is told from another file of that name.
    package enum Request: Sendable {
        /// By the SHA-256 of its bytes.
        case digest([UInt8])
        /// It was never read (too large, not vizd's to read): any regular file is taken for it.
        case unread
    }

    /// The result of a part, which has no request.
    package struct Part: Hashable, Sendable {
        package let name: LandingName
        package let box: Box

        package init(name: LandingName, box: Box) { (self.name, self.box) = (name, box) }
    }

    /// The name of its files.
    package let name: LandingName
    /// `done` or `failed`.
    package let box: Box
    package let request: Request
    package let parts: [Part]

    /// Names the files.
    package init(name: LandingName, box: Box, request: Request, parts: [Part] = []) {
        precondition(box == .done || box == .failed, "nothing is removed from \(box)")
        (self.name, self.box, self.request, self.parts) = (name, box, request, parts)
    }

    fileprivate var results: [(file: FileName, box: Box)] {
        parts.map { ($0.name.resultFile, $0.box) } + [(name.resultFile, box)]
    }
}

/// What became of the files of a job that was to go.
package enum Removal: Hashable, Sendable {
    /// None of them is there any more, durably; so many were.
    case removed(files: Int)
    /// A request of its name waits or is worked on: a retry is under way. Nothing more was removed.
    case inUse
    /// Something that vizd did not put there has the name of one of its files: `failed/NAME.json`. All were left.
    case foreign(String)
    /// One of them may not be removed. The rest of its files were left.
    case blocked(SystemFailure)
}

/// Removes old files, through descriptors of its own: a failed fsync here is not hidden from those who land jobs.
/// Blocks.
package struct OldFiles: Sendable {
    private let spool: Spool
    private let done: Directory
    private let failed: Directory
    private let digest: @Sendable ([UInt8]) -> [UInt8]
    /// No request is larger, whatever the limit was when it was taken.
    private static let requestLimit = 64 << 20

    /// Opens the two boxes. `digest` is SHA-256.
    package init(_ spool: Spool, digest: @escaping @Sendable ([UInt8]) -> [UInt8]) throws(SpoolFatal) {
        do throws(SystemFailure) {
            (done, failed) = (try spool.root.directory(Box.done.folder), try spool.root.directory(Box.failed.folder))
        } catch {
            throw SpoolFatal("look for old files", error)
        }
        (self.spool, self.digest) = (spool, digest)
    }

    private subscript(_ box: Box) -> Directory { box == .done ? done : failed }

    private struct Item {
        let job: OldJob
        var files = 0
        var end: Removal?
    }

    /// Removes the files of these jobs; the answers are in the same order. The caller holds their names.
    package func remove(_ jobs: [OldJob]) throws(SpoolFatal) -> [Removal] {
        var items = jobs.map { Item(job: $0) }
        try attempt(&items) { item throws(SystemFailure) in try look(&item) }
        try attempt(&items) { item throws(SystemFailure) in try takeRequest(&item) }
        try sync(&items)
        try attempt(&items) { item throws(SystemFailure) in try takeResults(&item) }
        try sync(&items)
        return items.map { $0.end ?? .removed(files: $0.files) }
    }

    private func attempt(
        _ items: inout [Item], _ step: (inout Item) throws(SystemFailure) -> Void
    ) throws(SpoolFatal) {
        for index in items.indices where items[index].end == nil {
            do throws(SystemFailure) {
                try step(&items[index])
            } catch let error where error.errno == .inputOutput {
                throw SpoolFatal("remove old files", error)
            } catch {
                items[index].end = .blocked(error)
            }
        }
    }

    /// Finds what must not be removed, before anything is.
    private func look(_ item: inout Item) throws(SystemFailure) {
        if try isInUse(item.job) { return item.end = .inUse }
        for (file, box) in item.job.results {
            if let info = try self[box].infoIfPresent(of: file), info.kind != .regular {
                return item.end = .foreign("\(box.rawValue)/\(file)")
            }
        }
        if try !isOwnRequest(item.job) { item.end = .foreign("\(item.job.box.rawValue)/\(item.job.name.requestFile)") }
    }

    /// Whether a request of its name is on its way. A job moves forward, so looking in this order cannot miss it.
    private func isInUse(_ job: OldJob) throws(SystemFailure) -> Bool {
        for box in [Box.incoming, .processing] {
            if try spool[box].infoIfPresent(of: job.name.requestFile) != nil { return true }
        }
        return false
    }

    /// Whether what lies beside the result, if anything does, is the job's request.
    private func isOwnRequest(_ job: OldJob) throws(SystemFailure) -> Bool {
        let (file, folder) = (job.name.requestFile, self[job.box])
        guard let info = try folder.infoIfPresent(of: file) else { return true }
        guard info.kind == .regular else { return false }
        guard case .digest(let known) = job.request else { return true }
        switch Reading.of(file, in: folder, limit: OldFiles.requestLimit) {
        case .bytes(let bytes, _): return digest(bytes) == known
        case .gone: return true
        case .odd, .tooLarge, .unreadable: return false
        case .short(_, let failure): throw failure
        }
    }

    private func takeRequest(_ item: inout Item) throws(SystemFailure) {
        if try self[item.job.box].unlinkIfPresent(item.job.name.requestFile) {
            item.files += 1
        } else if try isInUse(item.job) {
            // Somebody moved it back between the two looks.
            item.end = .inUse
        }
    }

    private func takeResults(_ item: inout Item) throws(SystemFailure) {
        for (file, box) in item.job.results where try self[box].unlinkIfPresent(file) { item.files += 1 }
    }

    /// Makes what was removed durable. On a disk without room for that the jobs stay, to be looked at again.
    private func sync(_ items: inout [Item]) throws(SpoolFatal) {
        for box in [Box.done, .failed] {
            let concerned = items.indices.filter { index in
                items[index].end == nil && items[index].job.results.contains { $0.box == box }
            }
            if concerned.isEmpty { continue }
            do throws(SystemFailure) {
                try self[box].sync()
            } catch let error where error.errno.isFull {
                for index in concerned { items[index].end = .blocked(error) }
            } catch {
                throw SpoolFatal("remove old files", error)
            }
        }
    }
}

/// A walk through a box for results that were written before a moment: a few names at a time, so that a box of a
/// hundred thousand files holds nobody up. Blocks.
package final class OldResults: Sendable {
    private struct Walk {
        let listing: Listing
        var foreign: (first: FileName?, count: Int) = (nil, 0)
    }

    private let folder: Directory
    private let walk: Mutex<Walk>
    private let before: Int64

    /// Names of things that vizd did not put there: the first of them, and how many there were so far.
    package var foreign: (first: FileName?, count: Int) { walk.withLock { $0.foreign } }

    /// - Parameter before: nanoseconds since 1970, by the files' own times.
    package init(_ spool: Spool, _ box: Box, before: Int64) throws(SystemFailure) {
        let folder = try spool.root.directory(box.folder)
        (self.folder, self.before) = (folder, before)
        walk = Mutex(Walk(listing: try Listing(folder)))
    }

    /// The old results among the next `limit` names; nil at the end.
    package func next(_ limit: Int) throws(SystemFailure) -> [FileName]? {
        try walk.withLock { walk throws(SystemFailure) in
            var found: [FileName] = []
            for seen in 0..<limit {
                guard let name = try walk.listing.next() else { return seen == 0 ? nil : found }
                switch try judge(name) {
                case .old: found.append(name)
                case .foreign: walk.foreign = (walk.foreign.first ?? name, walk.foreign.count + 1)
                case .other: break
                }
            }
            return found
        }
    }

    private enum Kind {
        case old, foreign
        /// A request, a younger result, or a file that is being written.
        case other
    }

    private func judge(_ name: FileName) throws(SystemFailure) -> Kind {
        if name.bytes.first == 0x2E { return .other }
        guard name.bytes.suffix(JobFiles.json.count).elementsEqual(JobFiles.json) else { return .foreign }
        guard LandingName(result: name) != nil, let info = try folder.infoIfPresent(of: name) else { return .other }
        if info.kind != .regular { return .foreign }
        return info.modified < before ? .old : .other
    }

    /// The content of a result; nil where it is none that vizd could have written, or is gone.
    package func content(of result: FileName) -> [UInt8]? {
        guard case .bytes(let bytes, _) = Reading.of(result, in: folder, limit: 16 << 20) else { return nil }
        return bytes
    }
}
