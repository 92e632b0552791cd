// What becomes of a wish for a job's end (`incoming/NAME.cancel`): it reaches a job under way, waits for one whose life
// has not begun, or is removed with a line in the log that says why.
//
// The loop claims a request that still waits in incoming/; everything else is seen to here. To look at a wish twice
// does no harm. The file goes only when the job has landed, so that a crash forgets no wish.

import Contract
import Ledger
import Linux
import Logging
import Pipeline
import Spool

extension JobLife {
    /// Sees to a wish about a job that does not wait in `incoming`.
    func heed(_ wish: CancelWish) async -> LifeEnd {
        do throws(LifeTrouble) {
            try await see(to: wish)
            return .ended
        } catch {
            return .machine(error.sentence)
        }
    }

    private func see(to wish: CancelWish) async throws(LifeTrouble) {
        let found = try await waiting(wish)
        guard let info = found.wish else { return }
        guard info.kind == .regular else {
            return try await drop(wish, .refused, "it is \(info.kind.phrase), and only a regular file counts")
        }
        switch cancels.wish(wish.target.text, by: info.uid) {
        case .heard:
            log.info("cancel.heard", metadata: ["job": "\(wish.target)"])
        case .refused: try await refuse(wish, info.uid)
        case .unknown: try await judge(wish, info, found.request)
        }
    }

    /// A wish about a name that no job under way here has.
    private func judge(_ wish: CancelWish, _ info: FileInfo, _ request: FileInfo?) async throws(LifeTrouble) {
        guard let job = wish.job else { return try await judgePart(wish) }
        if let request {
            // The loop claims what may be cancelled.
            if cancels.permits(info.uid, owner: request.uid) { return }
            return try await refuse(wish, info.uid)
        }
        let presence = try await presence(of: job)
        // Its life begins as soon as there is a slot, and looks for the wish itself.
        if presence.incoming != nil || presence.processing != nil { return }
        let row = try await journalled { () async throws(JournalFailure) in try await journal.row(job.text) }
        if let row, row.phase.isOpen { return }
        let files = [presence.done, presence.doneResult, presence.failed, presence.failedResult]
        if row == nil && files.allSatisfy({ $0 == nil }) {
            return try await drop(wish, .unknown, "there is no job of that name")
        }
        let isDone = presence.done != nil || presence.doneResult != nil
        try await drop(wish, .tooLate, "the job has ended before, in \(isDone ? "done" : "failed")/")
    }

    /// A wish about a part whose turn has not come: its life looks for the wish itself.
    private func judgePart(_ wish: CancelWish) async throws(LifeTrouble) {
        let name = wish.target.text
        let row = try await journalled { () async throws(JournalFailure) in try await journal.row(name) }
        switch row?.phase.isOpen {
        case true?: return
        case false?: try await drop(wish, .tooLate, "that part has ended before")
        case nil: try await drop(wish, .unknown, "there is no such part of a job")
        }
    }

    /// A part begins, of a request of this owner. `found` is the wish about it that lies on the disk.
    func hearWish(_ name: JobName, _ found: FileInfo?, owner: UInt32) async throws(LifeTrouble) {
        let wish = found.flatMap { $0.kind == .regular ? $0 : nil }
        if cancels.admitted(name.text, owner: owner, wisher: wish?.uid) { return }
        try await refuse(name, wish)
    }

    /// What the journal's answer to a job means for wishes about it. `found` is the wish that lies on the disk.
    func hearWish(_ name: JobName, _ found: FileInfo?, _ answer: Admitted, _ job: Admitted.Job)
        async throws(LifeTrouble)
    {
        let wish = found.flatMap { $0.kind == .regular ? $0 : nil }
        var earlier: JobRow?
        switch answer.judgement {
        case .retry(let row), .rerun(let row), .fresh(replacing: let row?): earlier = row
        default: break
        }
        if let wish, let landed = earlier?.landedAt, wish.changed < landed.nanoseconds {
            // A power cut brought it back, or somebody came too late and was not heard yet.
            _ = cancels.admitted(name.text, owner: job.row.ownerUID, wisher: nil)
            return try await end(name, .tooLate, "it was meant for the run of the job that has ended")
        }
        if cancels.admitted(name.text, owner: job.row.ownerUID, wisher: wish?.uid) { return }
        try await refuse(name, wish)
    }

    private func refuse(_ name: JobName, _ wish: FileInfo?) async throws(LifeTrouble) {
        try await remove(name)
        log.warning(
            "cancel.refused", metadata: name.metadata(["reason": "\(JobLife.refusal(wish?.uid ?? 0))"]))
    }

    /// A job has landed: a wish about it is fulfilled, or came too late.
    func endWish(_ name: JobName) async throws(LifeTrouble) {
        guard cancels.leave(name.text) else { return }
        let row = try await journalled { () async throws(JournalFailure) in try await journal.row(name.text) }
        if row?.outcome?.code == .cancelled { return try await end(name, .done, "the job is cancelled") }
        try await end(name, .tooLate, "the job ended before it could be cancelled")
    }

    // MARK: - Removing

    private enum WishEnd: String {
        case done = "cancel.done"
        case tooLate = "cancel.too_late"
        case unknown = "cancel.unknown"
        case refused = "cancel.refused"
    }

    private static func refusal(_ uid: UInt32) -> String {
        "the wish is of user \(uid); only the owner of the request, root and vizd's own user may cancel it"
    }

    private func refuse(_ wish: CancelWish, _ uid: UInt32) async throws(LifeTrouble) {
        try await drop(wish, .refused, JobLife.refusal(uid))
    }

    private func end(_ name: JobName, _ end: WishEnd, _ reason: String) async throws(LifeTrouble) {
        try await remove(name)
        log.notice("\(end.rawValue)", metadata: name.metadata(["reason": "\(reason)"]))
    }

    private func remove(_ name: JobName) async throws(LifeTrouble) {
        guard let wish = CancelWish(name.landing.cancelFile) else {
            preconditionFailure("the job \(name) has no name for a wish")
        }
        try await remove(wish)
    }

    private func drop(_ wish: CancelWish, _ end: WishEnd, _ reason: String) async throws(LifeTrouble) {
        try await remove(wish)
        log.log(
            level: end == .refused ? .warning : .notice, "\(end.rawValue)",
            metadata: ["job": "\(wish.target)", "reason": "\(reason)"])
    }

    private func remove(_ wish: CancelWish) async throws(LifeTrouble) {
        let spool = spool
        let isGone = try await spoken { () async throws(SpoolFatal) in
            try await pool.run { () throws(SpoolFatal) in try spool.remove(wish) }
        }
        if !isGone { log.warning("cancel.left_alone", metadata: ["file": "\(wish.file)"]) }
    }

    private func waiting(_ wish: CancelWish) async throws(LifeTrouble) -> (wish: FileInfo?, request: FileInfo?) {
        let spool = spool
        return try await spoken { () async throws(SpoolFatal) in
            try await pool.run { () throws(SpoolFatal) in try spool.waiting(wish) }
        }
    }
}
