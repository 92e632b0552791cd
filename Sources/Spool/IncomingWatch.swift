// The watch on `incoming`: inotify turned into hints, with a proof once a minute that it still hears.
//
// Promise: whoever scans after `init` and after each `rescan` hint misses nothing. Overflow asks for a rescan; a folder
// that was moved, deleted, replaced or unmounted is opened anew by its name and watched again. Where inotify cannot be
// had, `raw` is nil and the regular rescans serve; it is tried again at each canary. One thread owns it.

package import Linux

/// Why `incoming` must be read from the beginning.
package enum RescanReason: String, CaseIterable, Hashable, Sendable {
    /// The kernel dropped events.
    case overflow
    /// The folder itself was moved, deleted, replaced or unmounted, and was opened anew.
    case reopened
    /// The canary was not seen; the watch was built anew.
    case deaf
    /// The regular scan, `spool.rescan`.
    case regular
    /// There is room again for names that did not fit.
    case room
    /// The first scan after the start.
    case start
}

/// What the watch learned.
package enum WatchHint: Hashable, Sendable {
    /// Something happened to this name: look at it.
    case look(FileName, Sighting)
    /// The name was removed or moved away.
    case gone(FileName)
    /// Look at everything.
    case rescan(RescanReason)
    /// Something the operator should know; one sentence.
    case notice(String)
}

/// Watches `incoming`.
package final class IncomingWatch {
    private static let mask: InotifyMask = [
        .movedTo, .closedAfterWrite, .created, .attributes, .deleted, .movedFrom, .selfDeleted, .selfMoved,
        .onlyDirectory,
    ]

    /// On the spool's own folder: whether `incoming` is still the same. The folder's own event of deletion does not
    /// come while vizd holds it open.
    private static let rootMask: InotifyMask = [.movedTo, .created, .deleted, .movedFrom, .onlyDirectory]

    private let spool: Spool
    private var inotify: Inotify?
    private var watch: CInt = -1
    private var rootWatch: CInt = -1
    /// Counts how often the watch was built; the numbers of watches begin anew each time.
    private var generation = 0
    private var canary: Canary
    private let canaryTag = Random.hex(bytes: 4)
    private var canaryNoticed = false

    /// Begins to watch.
    /// - Parameters:
    ///   - canaryEvery: time between two proofs, nanoseconds.
    ///   - patience: how long the proof's event may take, nanoseconds.
    ///   - now: monotonic nanoseconds.
    ///   - hints: told what could not be had (a notice).
    package init(
        _ spool: Spool, canaryEvery: Int64 = 60_000_000_000, patience: Int64 = 2_000_000_000, at now: Int64,
        hints: inout [WatchHint]
    ) {
        self.spool = spool
        canary = Canary(every: canaryEvery, patience: patience, now: now)
        listen(&hints)
    }

    /// The descriptor to poll for reading; nil where there is no inotify.
    package var raw: CInt? { inotify?.raw }

    /// When `drain` is due even without an event, monotonic nanoseconds.
    package var nextDeadline: Int64 { canary.deadline }

    /// Whether the folder is being watched.
    package var isListening: Bool { inotify != nil }

    /// What happened since the last call, in order, without waiting. Also sends the canary when it is time.
    /// - Throws: `SpoolRefusal` when `incoming` is gone and cannot be opened anew.
    package func drain(at now: Int64) throws(SpoolRefusal) -> [WatchHint] {
        var hints: [WatchHint] = []
        let current = generation
        for event in try events(now, &hints) where generation == current { try take(event, now, &hints) }
        try tick(now, &hints)
        return hints
    }

    private func events(_ now: Int64, _ hints: inout [WatchHint]) throws(SpoolRefusal) -> [InotifyEvent] {
        do throws(SystemFailure) {
            return try inotify?.drain() ?? []
        } catch {
            hints.append(.notice("The watch on \(spool[.incoming].path) failed (\(error)); it is built anew."))
        }
        try rebuild(.deaf, now, &hints)
        return []
    }

    /// Feeds one event as if the kernel had sent it; for faults that cannot be staged otherwise.
    package func inject(_ event: InotifyEvent, at now: Int64) throws(SpoolRefusal) -> [WatchHint] {
        var hints: [WatchHint] = []
        try take(event, now, &hints)
        return hints
    }

    /// Opens `incoming` anew by its name and watches it again.
    package func rebuild(_ reason: RescanReason, at now: Int64) throws(SpoolRefusal) -> [WatchHint] {
        var hints: [WatchHint] = []
        try rebuild(reason, now, &hints)
        return hints
    }

    // MARK: Events

    private func take(_ event: InotifyEvent, _ now: Int64, _ hints: inout [WatchHint]) throws(SpoolRefusal) {
        if event.mask.contains(.overflow) {
            hints.append(.rescan(.overflow))
            return
        }
        if event.watch == rootWatch {
            if event.name == Box.incoming.folder { try requireInPlace(now, &hints) }
            return
        }
        guard event.watch == watch else { return }
        if !event.mask.isDisjoint(with: [.selfDeleted, .selfMoved, .ignored, .unmounted]) {
            try rebuild(.reopened, now, &hints)
        } else if let name = event.name {
            if let number = canaryNumber(name) {
                if event.mask.contains(.movedTo) { canary.seen(number, at: now) }
            } else if !event.mask.isDisjoint(with: [.deleted, .movedFrom]) {
                hints.append(.gone(name))
            } else if let sighting = IncomingWatch.sighting(event.mask) {
                hints.append(.look(name, sighting))
            }
        }
    }

    private static func sighting(_ mask: InotifyMask) -> Sighting? {
        if mask.contains(.movedTo) { return .movedTo }
        if mask.contains(.closedAfterWrite) { return .closedAfterWrite }
        if mask.contains(.created) { return .created }
        return mask.contains(.attributes) ? .attributes : nil
    }

    private func requireInPlace(_ now: Int64, _ hints: inout [WatchHint]) throws(SpoolRefusal) {
        do throws(SpoolFatal) {
            if try spool.incomingIsCurrent() { return }
        } catch {
            throw SpoolRefusal(exit: 73, "\(error)")
        }
        try rebuild(.reopened, now, &hints)
    }

    // MARK: Building anew

    private func rebuild(_ reason: RescanReason, _ now: Int64, _ hints: inout [WatchHint]) throws(SpoolRefusal) {
        // What the old watch still has to say is of no interest: everything is looked at again.
        generation += 1
        (inotify, watch, rootWatch) = (nil, -1, -1)
        try spool.reopenIncoming()
        listen(&hints)
        canary.rest(now)
        hints.append(.rescan(reason))
    }

    private func listen(_ hints: inout [WatchHint]) {
        do throws(SystemFailure) {
            let fresh = try Inotify()
            watch = try fresh.watch(spool[.incoming], IncomingWatch.mask)
            rootWatch = try fresh.watch(spool.root, IncomingWatch.rootMask)
            inotify = fresh
        } catch {
            (inotify, watch, rootWatch) = (nil, -1, -1)
            hints.append(
                .notice(
                    "\(spool[.incoming].path) cannot be watched (\(error)); new requests are found by the regular "
                        + "scan only. Raise fs.inotify.max_user_watches or max_user_instances if they are used up."))
        }
    }

    // MARK: The canary

    private func tick(_ now: Int64, _ hints: inout [WatchHint]) throws(SpoolRefusal) {
        switch canary.tick(now) {
        case .nothing: return
        case .launch(let number):
            if inotify == nil {
                try rebuild(.deaf, now, &hints)
            } else {
                launch(number, now, &hints)
            }
        case .deaf:
            hints.append(
                .notice("The watch on \(spool[.incoming].path) did not report vizd's own canary; it is built anew."))
            try rebuild(.deaf, now, &hints)
        }
    }

    private func canaryName(_ number: UInt64) -> String { "\(JobFiles.canary)\(canaryTag)-\(number)" }

    private func canaryNumber(_ name: FileName) -> UInt64? {
        guard let text = name.string, text.hasPrefix("\(JobFiles.canary)\(canaryTag)-") else { return nil }
        return text.split(separator: "-").last.flatMap { UInt64($0.prefix { $0 != "." }) }
    }

    private func launch(_ number: UInt64, _ now: Int64, _ hints: inout [WatchHint]) {
        let (incoming, name) = (spool[.incoming], canaryName(number))
        do throws(SystemFailure) {
            _ = try incoming.open(FileName(name), .create, mode: 0o600)
            try incoming.rename(FileName(name), as: FileName(name + ".seen"), .replace)
            try incoming.unlinkIfPresent(FileName(name + ".seen"))
            canaryNoticed = false
        } catch {
            // A full disk proves nothing about the watch. What is left of it is swept at the next start.
            canary.rest(now)
            if !canaryNoticed {
                hints.append(.notice("The watch on \(incoming.path) cannot be proved: \(error)."))
            }
            canaryNoticed = true
        }
    }
}

/// A walk through `incoming` in slices, so that work goes on while a large backlog is read. One thread owns it.
package final class Scan {
    private let listing: Listing
    private var isOver = false

    /// Begins a walk through a folder.
    package init(_ folder: Directory) throws(SpoolFatal) {
        do throws(SystemFailure) {
            listing = try Listing(folder)
        } catch {
            throw SpoolFatal("read incoming", error)
        }
    }

    /// The next names, at most `maxNames`; nil at the end.
    package func step(maxNames: Int) throws(SpoolFatal) -> [FileName]? {
        if isOver { return nil }
        var names: [FileName] = []
        do throws(SystemFailure) {
            while names.count < maxNames {
                guard let name = try listing.next() else {
                    isOver = true
                    break
                }
                names.append(name)
            }
        } catch let error where error.errno == .notFound {
            // The folder was deleted under the walk; the watch opens the new one.
            isOver = true
        } catch {
            throw SpoolFatal("read incoming", error)
        }
        return isOver && names.isEmpty ? nil : names
    }
}
