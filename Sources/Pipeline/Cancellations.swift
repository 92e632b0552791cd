// Who wishes which job to end, and who may: the board on which a wish finds its job, and the flag by which the job's
// waits hear of it.
//
// A job enters before anybody looks for wishes on the disk, and the owner of its request is told once the journal knows
// it: so a wish is either seen by that look or heard here, whichever comes first. Nothing is polled; a wait races with
// the wish.

internal import Synchronization

/// Whether one job is to end: made once, heard by whatever the job waits for.
package final class JobCancel: Sendable {
    private struct State {
        var isMade = false
        /// A job does one thing at a time, so there is one at most.
        var wake: (@Sendable () -> Void)?
    }

    private let state = Mutex(State())

    /// For a job that nobody wishes to end yet.
    package init() {}

    /// Whether somebody wished for it.
    package var isMade: Bool { state.withLock { $0.isMade } }

    /// The job is to end.
    package func make() {
        let wake = state.withLock { state in
            defer { (state.isMade, state.wake) = (true, nil) }
            return state.wake
        }
        wake?()
    }

    /// Calls `wake` when the wish is made: at once where it was.
    func onMade(_ wake: @escaping @Sendable () -> Void) {
        let isMade = state.withLock { state in
            if !state.isMade { state.wake = wake }
            return state.isMade
        }
        if isMade { wake() }
    }

    /// The wait is over.
    func forget() { state.withLock { $0.wake = nil } }
}

/// The board: jobs under way and the wishes about them. Names are compared by their bytes.
package final class Cancellations: Sendable {
    /// What a wish met with.
    package enum Answer: Hashable, Sendable {
        /// No job of that name is under way here.
        case unknown
        /// The job hears it, now or as soon as its owner is known.
        case heard
        /// Only the owner of the request, root and vizd's own user may.
        case refused
    }

    private struct Entry {
        let cancel: JobCancel
        /// The job that it is a part of, which may be a part itself.
        let whole: [UInt8]?
        var owner: UInt32?
        /// Who wished before the owner was known.
        var early: Set<UInt32> = []
    }

    private let jobs = Mutex<[[UInt8]: Entry]>([:])
    private let ownUser: UInt32
    /// Others than these need not be remembered: nobody has so many users.
    private static let earlyMax = 64

    /// - Parameter ownUser: the user that vizd runs as.
    package init(ownUser: UInt32) { self.ownUser = ownUser }

    /// Whether `wisher` may cancel a job of `owner`.
    package func permits(_ wisher: UInt32, owner: UInt32) -> Bool {
        wisher == 0 || wisher == owner || wisher == ownUser
    }

    /// A job begins; nobody may have entered under the name. A part of a batch whose end is wished for hears it at
    /// once.
    package func enter(_ name: String, partOf whole: String? = nil) -> JobCancel {
        let cancel = JobCancel()
        let whole = whole.map { Array($0.utf8) }
        let isOver = jobs.withLock { jobs in
            let old = jobs.updateValue(Entry(cancel: cancel, whole: whole), forKey: Array(name.utf8))
            precondition(old == nil, "two jobs \(name) are under way at once")
            return whole.flatMap { jobs[$0] }?.cancel.isMade ?? false
        }
        if isOver { cancel.make() }
        return cancel
    }

    /// The wish of a job that has entered, and goes on after its parts have ended.
    package func known(_ name: String) -> JobCancel {
        guard let entry = jobs.withLock({ $0[Array(name.utf8)] }) else {
            preconditionFailure("the job \(name) goes on and was never entered")
        }
        return entry.cancel
    }

    /// The journal knows whose request it is; `wisher` is the owner of the wish that lies on the disk, if one does.
    /// - Returns: false where that one may not.
    package func admitted(_ name: String, owner: UInt32, wisher: UInt32?) -> Bool {
        let (heard, isPermitted) = jobs.withLock { jobs -> ([JobCancel], Bool) in
            guard var entry = jobs[Array(name.utf8)] else { return ([], true) }
            let may = { (one: UInt32) in self.permits(one, owner: owner) }
            let isWished = wisher.map(may) ?? false || entry.early.contains(where: may)
            (entry.owner, entry.early) = (owner, [])
            jobs[Array(name.utf8)] = entry
            return (isWished ? Cancellations.all(of: name, entry, jobs) : [], wisher.map(may) ?? true)
        }
        for one in heard { one.make() }
        return isPermitted
    }

    /// Somebody wishes that the job end, and with it its open parts.
    package func wish(_ name: String, by wisher: UInt32) -> Answer {
        let (answer, heard) = jobs.withLock { jobs -> (Answer, [JobCancel]) in
            guard let entry = jobs[Array(name.utf8)] else { return (.unknown, []) }
            guard let owner = entry.owner else {
                if entry.early.count < Cancellations.earlyMax { jobs[Array(name.utf8)]?.early.insert(wisher) }
                return (.heard, [])
            }
            if !permits(wisher, owner: owner) { return (.refused, []) }
            return (.heard, Cancellations.all(of: name, entry, jobs))
        }
        for one in heard { one.make() }
        return answer
    }

    /// A job has ended: wishes of its name are for whoever comes next.
    /// - Returns: whether its end was wished for.
    @discardableResult
    package func leave(_ name: String) -> Bool {
        jobs.withLock { $0.removeValue(forKey: Array(name.utf8)) }?.cancel.isMade ?? false
    }

    /// The job's own, those of its parts and of theirs.
    private static func all(of name: String, _ entry: Entry, _ jobs: [[UInt8]: Entry]) -> [JobCancel] {
        var (found, level) = ([entry.cancel], Set([Array(name.utf8)]))
        while !level.isEmpty {
            let parts = jobs.filter { part in part.value.whole.map(level.contains) ?? false }
            found += parts.values.map(\.cancel)
            level = Set(parts.keys)
        }
        return found
    }
}
