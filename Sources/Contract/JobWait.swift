// What a job waits for, for programs: the `waiting` of a status file and of `vizd status --json`. The sentence for a
// person is the message beside it.

/// What a job waits for. The words are for programs; they do not change.
package enum WaitReason: String, CaseIterable, Sendable {
    // In incoming/; `vizd status` alone says so, a status file begins with the claim.
    /// Its turn, behind others.
    case queue
    /// Nobody works on this spool.
    case noDaemon = "no_daemon"
    /// One of the jobs under way has to end (`limits.inFlight`).
    case inFlightLimit = "in_flight_limit"
    /// One of its user's jobs under way has to end (`limits.perUser`).
    case userLimit = "user_limit"

    // At vizd.
    /// Room on the disk.
    case room
    /// Its turn to have its photos in memory.
    case memory

    // Before the order.
    /// A place at the provider, as the account may have so many tasks at once.
    case place
    /// The account's pictures of the day are used up.
    case dailyLimit = "daily_limit"
    /// The provider refused the key or has no credit left; it is left alone for a while.
    case providerHeld = "provider_held"
    /// The provider said how long to wait.
    case rateLimit = "rate_limit"
    /// The provider cannot be reached, or is overloaded.
    case providerDown = "provider_down"
    /// The next try, after one that came to nothing.
    case retry

    // After it.
    /// The provider's own queue.
    case providerQueue = "provider_queue"
}

/// A wait.
package struct JobWait: Equatable, Sendable {
    /// What for.
    package var reason: WaitReason
    /// Since when.
    package var since: Timestamp
    /// Until when at most, or when it is tried again; nil where nobody knows.
    package var until: Timestamp?
    /// How many are before it; nil where there is no line.
    package var ahead: Int?

    package init(_ reason: WaitReason, since: Timestamp, until: Timestamp? = nil, ahead: Int? = nil) {
        (self.reason, self.since, self.until, self.ahead) = (reason, since, until, ahead)
    }

    /// Writes the value of a key.
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member(WaitingKey.reason, reason.rawValue)
        writer.member(WaitingKey.since, since.rfc3339)
        writer.member(WaitingKey.until, until?.rfc3339)
        writer.member(WaitingKey.ahead, ahead)
        writer.endObject()
    }

    /// Reads it; nil for null.
    static func read(_ place: DocumentReader.Place, _ reader: inout DocumentReader) -> JobWait? {
        if place.node.value == .null { return nil }
        guard let object = reader.object(place) else { return nil }
        let reason = reader.field(WaitingKey.reason, of: object).flatMap { reader.word($0, WaitReason.self) }
        let since = reader.moment(WaitingKey.since, of: object)
        let until = reader.momentOrNull(WaitingKey.until, of: object)
        let ahead = reader.countOrNull(WaitingKey.ahead, of: object)
        return JobWait(reason ?? .retry, since: since, until: until, ahead: ahead)
    }
}

/// A key of `waiting`.
enum WaitingKey: String, CaseIterable {
    case reason = "for"
    case since
    case until
    case ahead
}

extension Timestamp {
    /// The time of day, for a sentence: `14:03:22 UTC`.
    package var clock: String { "\(rfc3339.dropFirst(11).prefix(8)) UTC" }
}
