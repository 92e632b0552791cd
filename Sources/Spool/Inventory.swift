// What lies in the spool when vizd starts: the directory side of the recovery table. The journal is the other side;
// nothing is decided here but the one case that needs no journal, the same file in `incoming` and `processing`.

package import Linux

/// A claimed file that was found.
package struct Found: Hashable, Sendable {
    /// Its name and role.
    package let claimed: Claimed
    /// What the kernel says of it.
    package let info: FileInfo
}

/// Where the files of a job are. Each is nil where there is none of that name.
package struct Presence: Hashable, Sendable {
    /// `incoming/NAME.json`.
    package let incoming: FileInfo?
    /// `processing/NAME.json`.
    package let processing: FileInfo?
    /// `done/NAME.json`.
    package let done: FileInfo?
    /// `failed/NAME.json`.
    package let failed: FileInfo?
    /// `done/NAME.result.json`.
    package let doneResult: FileInfo?
    /// `failed/NAME.result.json`.
    package let failedResult: FileInfo?
    /// `incoming/NAME.cancel`.
    package let cancel: FileInfo?
}

/// The content of `processing` at start.
package struct Inventory: Sendable {
    /// Requests and asides, by name.
    package private(set) var found: [Found] = []
    /// Status files, by name.
    package private(set) var statuses: [FileName] = []
    /// Names in `incoming` that were the same file as a claimed one, and were removed.
    package private(set) var twinsRemoved: [FileName] = []
    /// Files in `processing` that vizd did not put there; they are left.
    package private(set) var strangers: [FileName] = []

    /// Lists `processing` and resolves twins, durably.
    package init(of spool: Spool) throws(SpoolFatal) {
        do throws(SystemFailure) {
            for name in try spool[.processing].names() { try sort(name, spool) }
            try resolveTwins(spool)
        } catch {
            throw SpoolFatal("list what is in progress", error)
        }
    }

    private mutating func sort(_ name: FileName, _ spool: Spool) throws(SystemFailure) {
        if name.bytes.first != 0x2E && name.bytes.suffix(JobFiles.status.count).elementsEqual(JobFiles.status) {
            statuses.append(name)
        } else if let claimed = Claimed(found: name) {
            guard let info = try spool[.processing].infoIfPresent(of: name) else { return }
            found.append(Found(claimed: claimed, info: info))
        } else if !JobFiles.isOurTemporary(name) {
            strangers.append(name)
        }
    }

    private mutating func resolveTwins(_ spool: Spool) throws(SystemFailure) {
        if found.isEmpty { return }
        // Durable here before it is removed there, as in a claim.
        try spool[.processing].sync()
        for entry in found {
            guard let name = entry.claimed.role.name else { continue }
            if try spool.removeTwin(name.requestFile, of: entry.claimed) { twinsRemoved.append(name.requestFile) }
        }
        // Also without a twin: a claim that was broken off between its two syncs could still be undone by a power cut,
        // and bring a request back that has landed by then.
        try spool[.incoming].sync()
    }

    /// Status files without a request: `NAME.status.json`, or `NAME.0001.status.json` of a part, where `processing`
    /// holds no NAME.
    package var staleStatuses: [FileName] {
        let names = Set(found.compactMap { $0.claimed.role.name?.text.utf8 }.map(Array.init))
        return statuses.filter { file in
            let stem = Array(file.bytes.dropLast(JobFiles.status.count))
            // A part of a part is the deepest there is, and a film's still beneath it.
            return !(0...3).contains { names.contains(Array(stem.dropLast(5 * $0))) }
        }
    }
}

extension ClaimRole {
    /// The job's name where it has a valid one.
    package var name: JobName? {
        switch self {
        case .job(let name), .again(let name): name
        case .invalid: nil
        }
    }
}

extension Spool {
    /// Removes a name from `incoming` if it is the very file that was claimed. The caller syncs `incoming`.
    @discardableResult
    func removeTwin(_ file: FileName, of claimed: Claimed) throws(SystemFailure) -> Bool {
        guard let waiting = try self[.incoming].infoIfPresent(of: file),
            try self[.processing].infoIfPresent(of: claimed.source)?.identity == waiting.identity
        else { return false }
        return try self[.incoming].unlinkIfPresent(file)
    }

    /// Where the files of a job are.
    package func presence(of name: JobName) throws(SpoolFatal) -> Presence {
        let (request, result) = (name.requestFile, name.landing.resultFile)
        do throws(SystemFailure) {
            return Presence(
                incoming: try self[.incoming].infoIfPresent(of: request),
                processing: try self[.processing].infoIfPresent(of: request),
                done: try self[.done].infoIfPresent(of: request), failed: try self[.failed].infoIfPresent(of: request),
                doneResult: try self[.done].infoIfPresent(of: result),
                failedResult: try self[.failed].infoIfPresent(of: result),
                cancel: try self[.incoming].infoIfPresent(of: name.landing.cancelFile))
        } catch {
            throw SpoolFatal("look for the files of \(name)", error)
        }
    }

    /// Removes what an earlier run left half-made in a box: hidden files of vizd's own making, by their names. Status
    /// files without a request are `Inventory.staleStatuses`. The box's live writers must not have begun yet, but for
    /// the one whose names end in `tag`.
    /// - Returns: the names that were removed.
    package func sweep(_ box: Box, but tag: String? = nil) throws(SpoolFatal) -> [FileName] {
        do throws(SystemFailure) {
            var ours: [FileName] = []
            try self[box].forEachName { name in
                if JobFiles.isOurTemporary(name) && !(tag.map { JobFiles.isTemporary(name, tagged: $0) } ?? false) {
                    ours.append(name)
                }
                return true
            }
            for name in ours { try self[box].unlinkIfPresent(name) }
            return ours
        } catch {
            throw SpoolFatal("clean up \(box.rawValue)", error)
        }
    }

    /// Removes status files by name.
    package func removeStatuses(_ files: [FileName]) throws(SpoolFatal) {
        do throws(SystemFailure) {
            for file in files { try self[.processing].unlinkIfPresent(file) }
        } catch {
            throw SpoolFatal("remove stale status files", error)
        }
    }

    /// Removes a claimed file for good: a duplicate of a job that is known, its bytes and all. Durable on return.
    package func remove(_ claimed: Claimed) throws(SpoolFatal) {
        do throws(SystemFailure) {
            if try self[.processing].unlinkIfPresent(claimed.source) { try self[.processing].sync() }
        } catch {
            throw SpoolFatal("remove a duplicate request", error)
        }
    }

    /// Gives a second request of a name the name itself, once the first has landed: `.again…` becomes `NAME.json`.
    /// - Returns: the claimed file under its new name; nil when the name is still taken or the file is gone.
    package func promote(_ claimed: Claimed) throws(SpoolFatal) -> Claimed? {
        guard case .again(let name) = claimed.role else { return nil }
        let job = Claimed(job: name)
        do throws(SystemFailure) {
            try self[.processing].rename(claimed.source, as: job.source, .noReplace)
            try self[.processing].sync()
            return job
        } catch let error where error.errno == .exists || error.errno == .notFound {
            return nil
        } catch {
            throw SpoolFatal("take up the second request of a name", error)
        }
    }
}
