// The steps of landing, one batch at a time, on the thread that owns it. See `Landing` for the order and the promise.

internal import Linux

/// A result that is to go before its job runs again.
struct Withdrawal: Sendable {
    let name: LandingName
    let box: Box
    let withRequest: Bool
}

/// Runs batches of landings. Blocks.
struct LandingBatch {
    let spool: Spool
    let status: StatusFiles?
    let reserve: Reserve?
    let floor: DiskFloor
    /// Ends the hidden names of this run.
    let tag: String
    private var syncing = SyncChoice()

    init(spool: Spool, status: StatusFiles?, reserve: Reserve?, floor: DiskFloor, tag: String) {
        (self.spool, self.status, self.reserve, self.floor, self.tag) = (spool, status, reserve, floor, tag)
    }

    /// One landing on its way; `outcome` is set as soon as it can go no further in this batch.
    private struct Item {
        let order: LandingOrder
        var fresh: OpenFile?
        var request: FileName?
        var outcome: LandingOutcome?
    }

    mutating func run(withdrawals: [Withdrawal], orders: [LandingOrder]) throws(SpoolFatal)
        -> (withdrawn: [LandingOutcome], landed: [LandingOutcome])
    {
        let withdrawn = try withdraw(withdrawals)
        var items = orders.map { Item(order: $0) }
        try attempt(&items) { item throws(SystemFailure) in item.fresh = try stage(item.order) }
        try syncFresh(&items)
        try attempt(&items) { item throws(SystemFailure) in try publish(item) }
        try syncBoxes(&items)
        try attempt(&items) { item throws(SystemFailure) in item.request = try moveRequest(item.order) }
        try syncBoxes(&items)
        try sync(.processing, &items) { $0.order.source != nil }
        try attempt(&items) { item throws(SystemFailure) in
            if let name = item.order.status { try status?.retire(name) }
        }
        _ = try reserve?.restore(above: floor)
        return (withdrawn, items.map { $0.outcome ?? .landed(request: $0.request) })
    }

    // MARK: Failures

    /// Takes each item that is still on its way one step further.
    private func attempt(_ items: inout [Item], _ step: (inout Item) throws(SystemFailure) -> Void) throws(SpoolFatal) {
        for index in items.indices where items[index].outcome == nil {
            do throws(SystemFailure) {
                do throws(SystemFailure) {
                    try step(&items[index])
                } catch let error where error.errno.isFull {
                    // The held-back room is for this: what is paid for must be able to land.
                    guard let reserve, try released(reserve) else { throw error }
                    try step(&items[index])
                }
            } catch {
                items[index].outcome = try outcome(of: error)
            }
        }
    }

    private func released(_ reserve: Reserve) throws(SystemFailure) -> Bool {
        do throws(SpoolFatal) { return try reserve.release() } catch { throw error.failure }
    }

    private func outcome(of error: SystemFailure) throws(SpoolFatal) -> LandingOutcome {
        if error.errno.isFull { return .paused(error) }
        if error.concernsOneFile && error.call != "fsync" && error.call != "syncfs" { return .blocked(error) }
        throw SpoolFatal("land a finished job", error)
    }

    // MARK: Results

    /// Writes a result under its hidden name; nil when it is there already (landed before, up to a later step).
    private func stage(_ order: LandingOrder) throws(SystemFailure) -> OpenFile? {
        let box = spool[order.box]
        if case .bytes(let bytes, _) = Reading.of(order.name.resultFile, in: box, limit: order.result.count),
            bytes == order.result
        {
            return nil
        }
        let hidden = JobFiles.temporary(for: order.name.resultFile, tag: tag)
        do throws(SystemFailure) {
            let file = try box.openFresh(hidden)
            try file.write(all: order.result)
            return file
        } catch {
            // A half-written hidden file takes room that others need now. What cannot be removed is swept at start.
            do throws(SystemFailure) { try box.unlinkIfPresent(hidden) } catch {}
            throw error
        }
    }

    /// Makes the content of new results and of requests durable: file by file, or all at once where that is cheaper. A
    /// request's producer may never have synced it, and once it has landed there is no other copy.
    private mutating func syncFresh(_ items: inout [Item]) throws(SpoolFatal) {
        let fresh = items.indices.filter {
            (items[$0].fresh != nil || items[$0].order.source != nil) && items[$0].outcome == nil
        }
        if fresh.isEmpty { return }
        let start = MonotonicClock.now()
        let files = fresh.count { items[$0].fresh != nil } + fresh.count { items[$0].order.source != nil }
        let whole = syncing.wholeFileSystem(for: files)
        if whole {
            do throws(SystemFailure) {
                try spool[.processing].syncFileSystem()
            } catch {
                let outcome = try outcome(of: error)
                for index in fresh { items[index].outcome = outcome }
            }
        } else {
            for index in fresh {
                do throws(SystemFailure) {
                    try items[index].fresh?.sync()
                    try requestFile(of: items[index].order)?.sync()
                } catch {
                    items[index].outcome = try outcome(of: error)
                }
            }
        }
        syncing.took(MonotonicClock.now() - start, files: files, wholeFileSystem: whole)
    }

    /// The request that is to be moved. Nil where it is no file or may not be read, since then vizd never read it, and
    /// where it has been moved already.
    private func requestFile(of order: LandingOrder) throws(SystemFailure) -> OpenFile? {
        guard let source = order.source else { return nil }
        do throws(SystemFailure) {
            guard try spool[.processing].infoIfPresent(of: source)?.kind == .regular else { return nil }
            return try spool[.processing].open(source, .read)
        } catch let error where error.concernsOneFile || error.errno == .notFound {
            return nil
        }
    }

    private func publish(_ item: Item) throws(SystemFailure) {
        guard item.fresh != nil else { return }
        let hidden = JobFiles.temporary(for: item.order.name.resultFile, tag: tag)
        try spool[item.order.box].rename(hidden, as: item.order.name.resultFile, .replace)
    }

    // MARK: Requests

    /// Moves the request beside its result. Answers its name there; nil when there is none.
    private func moveRequest(_ order: LandingOrder) throws(SystemFailure) -> FileName? {
        guard let source = order.source else { return nil }
        do throws(SystemFailure) {
            try spool[.processing].rename(source, to: spool[order.box], as: order.name.requestFile, .noReplace)
            return order.name.requestFile
        } catch let error where error.errno == .notFound {
            return try alreadyThere(order, source)
        } catch let error where error.errno == .exists {
            return try moveBeside(order, source)
        }
    }

    /// The request is not in `processing`: this landing was done before, or somebody removed the file.
    private func alreadyThere(_ order: LandingOrder, _ source: FileName) throws(SystemFailure) -> FileName? {
        try spool[order.box].infoIfPresent(of: order.name.requestFile) == nil ? nil : order.name.requestFile
    }

    /// The name is taken in the box. The same file: one name is enough. The same bytes: the newer replaces the older.
    /// Anything else stays as it is, and this one gets a name of its own.
    private func moveBeside(_ order: LandingOrder, _ source: FileName) throws(SystemFailure) -> FileName? {
        let (processing, box) = (spool[.processing], spool[order.box])
        let fresh = try processing.info(of: source)
        let there = try box.infoIfPresent(of: order.name.requestFile)
        if there?.identity == fresh.identity {
            try processing.unlinkIfPresent(source)
            return order.name.requestFile
        }
        if let there, there.kind == .regular, fresh.kind == .regular, there.size == fresh.size, sameBytes(order, source)
        {
            try processing.rename(source, to: box, as: order.name.requestFile, .replace)
            return order.name.requestFile
        }
        let own = order.name.beside(inode: fresh.inode).requestFile
        do throws(SystemFailure) {
            try processing.rename(source, to: box, as: own, .noReplace)
        } catch let error where error.errno == .exists {
            guard try box.info(of: own).identity == fresh.identity else { throw error }
            try processing.unlinkIfPresent(source)
        }
        return own
    }

    private func sameBytes(_ order: LandingOrder, _ source: FileName) -> Bool {
        let limit = 16 << 20
        guard case .bytes(let one, _) = Reading.of(source, in: spool[.processing], limit: limit),
            case .bytes(let other, _) = Reading.of(order.name.requestFile, in: spool[order.box], limit: limit)
        else { return false }
        return one == other
    }

    // MARK: Folders

    private func syncBoxes(_ items: inout [Item]) throws(SpoolFatal) {
        for box in [Box.done, .failed] { try sync(box, &items) { $0.order.box == box } }
    }

    /// Syncs a folder once for all items that it concerns. They all stop here if there is no room for that.
    private func sync(_ box: Box, _ items: inout [Item], _ concerns: (Item) -> Bool) throws(SpoolFatal) {
        let concerned = items.indices.filter { items[$0].outcome == nil && concerns(items[$0]) }
        if concerned.isEmpty { return }
        do throws(SystemFailure) {
            try spool[box].sync()
        } catch {
            let outcome = try outcome(of: error)
            for index in concerned { items[index].outcome = outcome }
        }
    }

    // MARK: Withdrawals

    private func withdraw(_ withdrawals: [Withdrawal]) throws(SpoolFatal) -> [LandingOutcome] {
        var outcomes: [LandingOutcome] = []
        do throws(SystemFailure) {
            for one in withdrawals {
                do throws(SystemFailure) {
                    let result = try spool[one.box].unlinkIfPresent(one.name.resultFile)
                    if one.withRequest { try spool[one.box].unlinkIfPresent(one.name.requestFile) }
                    outcomes.append(.landed(request: result ? one.name.resultFile : nil))
                } catch let error where error.concernsOneFile {
                    outcomes.append(.blocked(error))
                }
            }
            for box in [Box.done, .failed] where withdrawals.contains(where: { $0.box == box }) {
                try spool[box].sync()
            }
        } catch let error where error.errno.isFull {
            return withdrawals.map { _ in .paused(error) }
        } catch {
            throw SpoolFatal("withdraw a stale result", error)
        }
        return outcomes
    }
}

/// How a batch of new files is made durable: one fsync each, or one syncfs, which also waits for what others have
/// written. A value that learns which is cheaper here: both are tried, then the cheaper one, the other again now and
/// then.
struct SyncChoice {
    private var perFile: Int64?
    private var whole: Int64?
    private var batches = 0

    /// Whether to sync the whole file system for so many files.
    mutating func wholeFileSystem(for files: Int) -> Bool {
        // A few files are never worth somebody else's dirty pages.
        if files < 8 { return false }
        batches += 1
        guard let perFile else { return false }
        guard let whole else { return true }
        let cheaper = whole < perFile * Int64(files)
        return batches.isMultiple(of: 64) ? !cheaper : cheaper
    }

    /// What the chosen way took, nanoseconds.
    mutating func took(_ time: Int64, files: Int, wholeFileSystem: Bool) {
        if wholeFileSystem {
            whole = whole.map { ($0 * 3 + time) / 4 } ?? time
        } else {
            let each = time / Int64(files)
            perFile = perFile.map { ($0 * 3 + each) / 4 } ?? each
        }
    }
}
