// One job as the journal knows it.
//
// The row is the truth about a job from the moment its file was claimed until retention forgets it; the folders only
// say where the file lies. What is large (the request, the plan, the result) is kept in a table of its own and is nil
// in rows that were read for a list. Names are compared byte for byte by SQLite; Swift's `==` on strings also equates
// canonically equivalent ones, so nothing in this module uses a job's name as the key of a dictionary.

package import Contract

/// How far a job got. The raw values are the words in the journal.
package enum Phase: String, CaseIterable, Sendable {
    /// The file is ours, nothing is outstanding at a provider: preparing, or about to.
    case claimed
    /// An intent or a task exists.
    case ordered
    /// The picture is durable in `work/`.
    case fetched
    /// The picture is where it stays.
    case stored
    /// The outfit's record names it.
    case recorded
    /// The result is written in the journal and is being put into its box.
    case landing
    /// Result and request lie in their box, durably.
    case landed

    /// Whether there is still something to do.
    package var isOpen: Bool { self != .landed }

    /// Whether a job may go from here to `next`. Everything may fail, so every working phase may go to `landing`; an
    /// answer at no cost (`reused`) goes from `claimed` straight to `stored` or `landing`; an order may be followed by
    /// another, and a picture by a second fetch of it or, where it was free and got lost, by another order.
    package func permits(_ next: Phase) -> Bool {
        switch (self, next) {
        case (.claimed, .ordered), (.claimed, .stored), (.ordered, .ordered), (.ordered, .fetched): true
        case (.fetched, .ordered), (.fetched, .fetched), (.fetched, .stored), (.stored, .recorded): true
        case (.claimed, .landing), (.ordered, .landing), (.fetched, .landing), (.stored, .landing): true
        case (.recorded, .landing), (.landing, .landed): true
        default: false
        }
    }
}

/// The box in which a finished job lies.
package enum OutcomeBox: String, CaseIterable, Sendable {
    case done, failed
}

/// A picture that was fetched and lies, synced, in `state.dir/work/`; or one that was stored before the job began and
/// answers it (`isReused`).
package struct PictureNote: Hashable, Sendable {
    /// Its file name in `work/`; empty for one that is reused.
    package var file: String
    /// 32 bytes.
    package var sha256: [UInt8]
    /// Its size.
    package var bytes: Int
    /// Pixels.
    package var width: Int
    /// Pixels.
    package var height: Int
    /// As found by looking at its bytes: `image/jpeg`.
    package var contentType: String

    package init(file: String, sha256: [UInt8], bytes: Int, width: Int, height: Int, contentType: String) {
        self.file = file
        self.sha256 = sha256
        self.bytes = bytes
        self.width = width
        self.height = height
        self.contentType = contentType
    }

    /// Whether it was there before the job began, so that nothing of it lies in `work/`.
    package var isReused: Bool { file.isEmpty }
}

/// How a job ended.
package struct Outcome: Hashable, Sendable {
    /// Where it lands.
    package var box: OutcomeBox
    /// Why, in `failed`; nil in `done`.
    package var code: ResultCode?
    /// The bytes of the result file; nil once they have landed, and in rows read for a list.
    package var result: [UInt8]?

    package init(box: OutcomeBox, code: ResultCode?, result: [UInt8]?) {
        self.box = box
        self.code = code
        self.result = result
    }
}

/// What a part is to the job that it is a part of. The raw values are the words in the journal.
package enum PartKind: String, CaseIterable, Sendable {
    /// One outfit of a batch: it has a status file and a result file of its own.
    case member
    /// One of several pictures of an outfit: it is told of in the result of the whole alone.
    case view
    /// The still picture that a film is made from: files as a member has them.
    case still

    /// Whether its result lands in a box under its own name.
    package var hasFiles: Bool { self != .view }
}

/// Where a part belongs.
package struct Kinship: Hashable, Sendable {
    /// The name of the job that it is a part of, which may be a part itself.
    package var parent: String
    /// 1, 2, ... in the order of the request.
    package var number: Int
    /// The name of the job at the top: the one with the request file.
    package var root: String
    /// The run of that job for which the part was made.
    package var rootRun: Int
    /// What it is to its parent.
    package var kind: PartKind

    package init(parent: String, number: Int, root: String, rootRun: Int, kind: PartKind) {
        (self.parent, self.number, self.root, self.rootRun, self.kind) = (parent, number, root, rootRun, kind)
    }
}

/// One job.
package struct JobRow: Hashable, Sendable {
    /// NAME of NAME.json.
    package var name: String
    /// 1, then one more each time that the name is run anew. Attempts of earlier runs stay in the ledger under theirs.
    package var run: Int
    /// SHA-256 of the request's bytes.
    package var digest: [UInt8]
    /// Owner of the file when it was claimed.
    package var ownerUID: UInt32
    /// How far it got.
    package var phase: Phase
    /// Nil where the request could not be read.
    package var userID: String?
    /// Nil where the request could not be read, or has none.
    package var outfitID: String?
    /// The configured name, once one is chosen.
    package var provider: String?
    /// The trusted copy of the request; nil after landing, and in rows read for a list.
    package var request: [UInt8]?
    /// What was ordered, in the pipeline's own form, from the intent on; nil in rows read for a list.
    package var plan: [UInt8]?
    /// The fetched picture.
    package var picture: PictureNote?
    /// Where the picture was stored, in the pipeline's own form; nil in rows read for a list.
    package var stored: [UInt8]?
    /// Starts of the current stage on the job's own bytes that have not ended cleanly yet (`Poison`).
    package var starts: Int
    /// When the file was claimed, or put back for a retry.
    package var claimedAt: Timestamp
    /// From here the deadline of the job runs: the first intent, or the retry that polls an old task.
    package var firstSubmitAt: Timestamp?
    /// How it ended; nil while it works.
    package var outcome: Outcome?
    /// When result and request lay in their box.
    package var landedAt: Timestamp?
    /// What it is a part of; nil for a job with a request file of its own.
    package var kinship: Kinship?

    /// A job as it begins: claimed, nothing ordered, no start counted.
    package init(
        name: String, run: Int, digest: [UInt8], ownerUID: UInt32, request: [UInt8]?, claimedAt: Timestamp
    ) {
        self.name = name
        self.run = run
        self.digest = digest
        self.ownerUID = ownerUID
        self.phase = .claimed
        self.request = request
        self.starts = 0
        self.claimedAt = claimedAt
    }
}
