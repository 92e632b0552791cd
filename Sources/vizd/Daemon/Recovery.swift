// What a start makes of each job that the last run left, from where its request lies and what the journal says. A pure
// value: the table in docs/ARCHITECTURE.md, and a test for each of its cells.

import Ledger

/// Where the request of a name lies at the start.
struct RequestPlaces: Hashable {
    var processing: Bool
    /// The very request, with the bytes that the journal knows.
    var incoming: Bool
    var done: Bool
    var failed: Bool
}

/// What to do with a name at the start.
enum RecoveryStep: Hashable {
    /// Nothing: it waits in incoming/, to be claimed and judged in its turn, or has landed.
    case leave
    /// Live the life of the file in processing/; the journal judges it there.
    case live
    /// The journal has an open job whose file is gone from processing/: put its copy back there, then live it.
    case putBack
    /// The result is in the journal: finish the landing, wherever the request got to.
    case land
}

enum Recovery {
    /// Decides. `phase` is nil where the journal knows nothing of the name.
    static func step(phase: Phase?, _ places: RequestPlaces) -> RecoveryStep {
        // Whatever lies in processing/ is ours; what it is, the journal judges when it is read.
        if places.processing { return .live }
        switch phase {
        case nil, .landed: return .leave
        // The very request in incoming/: it is claimed in its turn and finishes this landing. Were it landed here,
        // the file would be taken for a request to run again, and the picture be bought again.
        case .landing: return places.incoming ? .leave : .land
        case .claimed, .ordered, .fetched, .stored, .recorded:
            // Back in incoming/ after a power cut: it is claimed again in its turn, and goes on from the journal.
            return places.incoming ? .leave : .putBack
        }
    }
}
