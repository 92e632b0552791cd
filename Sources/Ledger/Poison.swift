// When a job is given up because it keeps ending the daemon.
//
// A pure value. A start is written down before the job's own bytes are handled (preparing photos, decoding a picture,
// storing it) and forgotten when that stage has ended in any orderly way, a failure or a shutdown included. So the
// count says how often the daemon died over this stage. Polling is no start.

/// The verdict over one more start.
package enum Poison: Hashable, Sendable {
    /// Handle it.
    case start
    /// Land it in `failed/` with `poison`; its bytes are not touched again.
    case poisoned

    /// So many starts may end uncleanly; the next is not made.
    package static let uncleanStartsMax = 3

    /// Judges the start number `start` (1 is the first) of a job. What was paid for is fetched once before it is given
    /// up: while an attempt that costs money is out and its picture was never fetched, there is no poison.
    package static func judge(start: Int, row: JobRow, last: AttemptRow?) -> Poison {
        let paid = last.map { !$0.freeOfCharge && $0.state != .refused } ?? false
        let awaited = paid && row.phase == .ordered && row.picture == nil
        return start > uncleanStartsMax && !awaited ? .poisoned : .start
    }
}
