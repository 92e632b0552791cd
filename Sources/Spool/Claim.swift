// Claiming: the rename from `incoming` to `processing` after which a request is vizd's, for many requests at a time.
//
// Order: the renames, fsync of `processing`, fsync of `incoming`. The worst that a power cut leaves is a file in both
// (btrfs), never in neither. Nothing may be started before `claim` has returned the file as claimed. A name that is
// taken in `processing` is moved aside under a name of its own, to be judged as a second request of that name.

package import Linux

/// What a claimed file is.
package enum ClaimRole: Hashable, Sendable {
    /// The request of a job: `processing/NAME.json`.
    case job(JobName)
    /// A second request of a name that is in progress: a duplicate, or a name that is taken.
    case again(JobName)
    /// A file whose name breaks the rule; it is here in order to fail.
    case invalid(InvalidName)

    /// The job id in logs and results.
    package var id: String {
        switch self {
        case .job(let name), .again(let name): name.text
        case .invalid(let name): name.escaped
        }
    }
}

/// A file in `processing` that is vizd's to handle.
package struct Claimed: Hashable, Sendable {
    /// Its name in `processing`.
    package let source: FileName
    /// What it is there for.
    package let role: ClaimRole

    /// Names a file and its role; tests and recovery use it.
    package init(source: FileName, role: ClaimRole) { (self.source, self.role) = (source, role) }

    init(job name: JobName) { self.init(source: name.requestFile, role: .job(name)) }

    /// `.again.INODE.NAME.json`: the inode keeps several files of one name apart.
    init(again name: JobName, inode: UInt64) {
        let source = FileName(".again.\(String(inode, radix: 16)).\(name.text).json")
        self.init(source: source, role: .again(name))
    }

    /// `.invalid.INODE.FAULT.ESCAPED.json`.
    init(invalid name: InvalidName, inode: UInt64) {
        let source = FileName(".invalid.\(String(inode, radix: 16)).\(name.fault.rawValue).\(name.escaped).json")
        self.init(source: source, role: .invalid(name))
    }

    /// Recognises a claimed file by its name in `processing`; nil for status files, vizd's temporary ones and others'.
    package init?(found source: FileName) {
        if case .request(let name) = NameClass(source) {
            self.init(job: name)
            return
        }
        guard let text = source.string, text.hasPrefix("."), text.hasSuffix(".json") else { return nil }
        let parts = text.dropFirst().dropLast(5).split(separator: ".", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3, let inode = UInt64(parts[1], radix: 16) else { return nil }
        if parts[0] == "again", let name = JobName(String(parts[2])) {
            self.init(again: name, inode: inode)
        } else if parts[0] == "invalid", let dot = parts[2].firstIndex(of: "."),
            let fault = NameFault(rawValue: String(parts[2][..<dot]))
        {
            let escaped = String(parts[2][parts[2].index(after: dot)...])
            self.init(invalid: InvalidName(escaped: escaped, fault: fault), inode: inode)
        } else {
            return nil
        }
    }
}

/// What became of one file that was to be claimed.
package enum ClaimOutcome: Hashable, Sendable {
    /// It is vizd's, durably.
    case claimed(Claimed)
    /// It was gone: withdrawn, or another was faster.
    case withdrawn
    /// The same file was in `processing` already (a power cut on btrfs); its name in `incoming` was removed.
    case twin(Claimed)
    /// It cannot be moved: leave it alone until it changes.
    case immovable(FileInfo?, SystemFailure)
    /// It lies where it was: the disk is full, try again after a pause.
    case paused
}

/// The outcome for one file.
package struct ClaimResult: Hashable, Sendable {
    /// The file's name in `incoming`.
    package let file: FileName
    /// What became of it.
    package let outcome: ClaimOutcome
}

/// The outcome of a batch.
package struct ClaimReport: Hashable, Sendable {
    /// One for each file, in the order given; those of an earlier batch that is durable only now come first.
    package var results: [ClaimResult] = []
    /// Set when the disk was full: nothing more is to be claimed for a while.
    package var pause: SystemFailure?

    /// The files that are vizd's now.
    package var claimed: [Claimed] {
        results.compactMap { if case .claimed(let claimed) = $0.outcome { claimed } else { nil } }
    }
}

/// Claims files. One thread uses it; it blocks for two fsyncs a batch.
package struct Claim {
    private let spool: Spool
    /// Renamed, but the disk was full when that was to be made durable: told as claimed once it is.
    private var unsynced: [ClaimResult] = []

    /// Claims from a spool.
    package init(_ spool: Spool) { self.spool = spool }

    /// Whether a batch was renamed but not made durable for want of room; `claim([])` after a pause goes on with it.
    package var hasUnsynced: Bool { !unsynced.isEmpty }

    /// Claims these files of `incoming`.
    /// - Throws: when the disk failed or a folder could not be synced. The process must end then.
    package mutating func claim(_ files: [FileName]) throws(SpoolFatal) -> ClaimReport {
        let incoming = spool[.incoming]
        var report = ClaimReport(results: unsynced)
        unsynced = []
        for file in files {
            let outcome = report.pause == nil ? try move(file, from: incoming, &report.pause) : .paused
            report.results.append(ClaimResult(file: file, outcome: outcome))
        }
        try makeDurable(&report, incoming)
        return report
    }

    private func move(_ file: FileName, from incoming: Directory, _ pause: inout SystemFailure?) throws(SpoolFatal)
        -> ClaimOutcome
    {
        do throws(SystemFailure) {
            return try rename(file, from: incoming)
        } catch {
            if error.errno == .notFound { return .withdrawn }
            if error.errno.isFull {
                pause = error
                return .paused
            }
            guard error.concernsOneFile && error.errno != .crossDevice else {
                throw SpoolFatal("claim a request", error)
            }
            do throws(SystemFailure) {
                return .immovable(try incoming.infoIfPresent(of: file), error)
            } catch {
                throw SpoolFatal("claim a request", error)
            }
        }
    }

    private func rename(_ file: FileName, from incoming: Directory) throws(SystemFailure) -> ClaimOutcome {
        switch NameClass(file) {
        case .request(let name):
            return try rename(file, name, from: incoming)
        case .invalid(let name):
            let aside = Claimed(invalid: name, inode: try incoming.info(of: file).inode)
            return try rename(file, aside: aside, from: incoming)
        case .ignored:
            preconditionFailure("\(file) is not vizd's to claim")
        }
    }

    private func rename(_ file: FileName, _ name: JobName, from incoming: Directory) throws(SystemFailure)
        -> ClaimOutcome
    {
        // Twice: the request that holds the name may land between the refusal and the look at it.
        for _ in 0..<2 {
            do throws(SystemFailure) {
                let claimed = Claimed(job: name)
                try incoming.rename(file, to: spool[.processing], as: claimed.source, .noReplace)
                return .claimed(claimed)
            } catch let error where error.errno == .exists {
                let waiting = try incoming.info(of: file)
                guard let holder = try spool[.processing].infoIfPresent(of: file) else { continue }
                if holder.identity == waiting.identity { return .twin(Claimed(job: name)) }
                return try rename(file, aside: Claimed(again: name, inode: waiting.inode), from: incoming)
            }
        }
        return try rename(
            file, aside: Claimed(again: name, inode: try incoming.info(of: file).inode), from: incoming)
    }

    private func rename(_ file: FileName, aside: Claimed, from incoming: Directory) throws(SystemFailure)
        -> ClaimOutcome
    {
        do throws(SystemFailure) {
            try incoming.rename(file, to: spool[.processing], as: aside.source, .noReplace)
            return .claimed(aside)
        } catch let error where error.errno == .exists {
            // The inode is in the name: what holds it is this very file, unless it was swapped meanwhile.
            let holder = try spool[.processing].infoIfPresent(of: aside.source)
            if holder?.identity == (try incoming.info(of: file)).identity { return .twin(aside) }
            throw error
        }
    }

    /// Destination first: a crash in between leaves a file in both folders at worst, never in neither.
    private mutating func makeDurable(_ report: inout ClaimReport, _ incoming: Directory) throws(SpoolFatal) {
        let moved = report.results.filter {
            switch $0.outcome {
            case .claimed, .twin: true
            case .withdrawn, .immovable, .paused: false
            }
        }
        if moved.isEmpty { return }
        do throws(SystemFailure) {
            try spool[.processing].sync()
            for result in moved {
                if case .twin(let claimed) = result.outcome { try spool.removeTwin(result.file, of: claimed) }
            }
            try incoming.sync()
        } catch let error where error.errno.isFull {
            unsynced = moved
            report.results.removeAll { moved.contains($0) }
            report.pause = error
        } catch {
            throw SpoolFatal("make a claim durable", error)
        }
    }
}
