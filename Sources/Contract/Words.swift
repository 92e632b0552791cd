// The words of the contract that are one of a few: stages, priorities, actions and kinds.
//
// Each is spelled once, here; the same word stands in the files, in the log and in the journal.

/// A step of the work on a job, in the order in which they are taken.
package enum Stage: String, CaseIterable, Comparable, Sendable {
    /// Records are read, photos made ready, the prompt written.
    case prepare
    /// The provider makes the picture.
    case generate
    /// The picture is fetched and verified.
    case download
    /// The picture is stored for good.
    case store
    /// The outfit's record is updated.
    case update

    /// The earlier is the lesser.
    package static func < (left: Stage, right: Stage) -> Bool {
        left.position < right.position
    }

    private var position: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}

/// How soon a job is taken, compared with others that wait. `high` is the least, so that sorting puts it first.
package enum Priority: String, CaseIterable, Comparable, Sendable {
    /// Before all others.
    case high
    /// What a request has that says nothing.
    case normal
    /// After all others.
    case low

    /// 0 for `high`, 1 for `normal`, 2 for `low`.
    package var rank: Int {
        switch self {
        case .high: 0
        case .normal: 1
        case .low: 2
        }
    }

    /// The more urgent is the lesser.
    package static func < (left: Priority, right: Priority) -> Bool { left.rank < right.rank }
}

/// What a request asks for.
package enum JobAction: String, CaseIterable, Sendable {
    /// Make a picture of an outfit.
    case visualize
    /// Remove an outfit's stored pictures and the fields of its record that speak of them.
    case delete
    /// Set the description of the person in the user's profile.
    case setProfile = "set_profile"
}

/// What is made of an outfit.
package enum PictureKind: String, CaseIterable, Sendable {
    /// A still picture.
    case image
    /// A film made from the still picture.
    case video
}
