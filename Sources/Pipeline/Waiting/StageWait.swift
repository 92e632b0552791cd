// What a job under way waits for, as its status file tells it: the reason, since when, until when, and how many are
// before it now. The sentences are here; who waits decides when to say them.

package import Contract
internal import Ledger
internal import Providers

/// A wait of a job under way.
package struct StageWait: Equatable, Sendable {
    package let reason: WaitReason
    package let since: Timestamp
    package let until: Timestamp?
    /// Asked when it is told: a line moves on all the time.
    private let place: (@Sendable () -> Int?)?

    init(_ reason: WaitReason, since: Timestamp, until: Timestamp? = nil, place: (@Sendable () -> Int?)? = nil) {
        (self.reason, self.since, self.until, self.place) = (reason, since, until, place)
    }

    /// As the contract writes it, as things stand now.
    package var told: JobWait { JobWait(reason, since: since, until: until, ahead: place?()) }

    /// Where the line is does not matter: the same wait is the same wait.
    package static func == (one: StageWait, other: StageWait) -> Bool {
        (one.reason, one.since, one.until) == (other.reason, other.since, other.until)
    }
}

extension WaitReason {
    /// What a provider that could not do something makes a job wait for.
    init(_ httpStatus: Int?, _ code: ResultCode) {
        switch code {
        case _ where httpStatus == 429: self = .rateLimit
        case .providerUnavailable: self = .providerDown
        case .providerAuth, .providerNoCredit: self = .providerHeld
        default: self = .retry
        }
    }
}

extension Pipeline {
    /// The wall's time of a moment of the monotonic clock, which shows `now`.
    func wall(_ moment: Int64, at now: Int64) -> Timestamp {
        Timestamp(nanoseconds: wallClock() + (moment - now))
    }

    /// A wait that begins now or goes on.
    func wait(_ reason: WaitReason, until: Timestamp? = nil, _ job: inout JobRun) -> StageWait {
        StageWait(reason, since: job.since(reason, now()), until: until)
    }

    /// A wait at the provider's desk.
    func wait(_ wait: DeskWait, _ place: @escaping @Sendable () -> Int?) -> StageWait {
        let now = monotonicClock()
        return StageWait(
            wait.kind.reason, since: wall(wait.since, at: now), until: wait.until.map { wall($0, at: now) },
            place: place)
    }

    /// What is said of a wait at the desk.
    func told(_ reason: DeskWait, as wait: StageWait, _ provider: String, _ request: JobRequest?) -> String {
        var words = "Waiting for \(provider): \(Pipeline.closed(reason.reason))"
        switch reason.kind {
        case .held:
            words += " Held since \(wait.since.clock)"
            words += wait.until.map { ", and tried again at \($0.clock)." } ?? "."
        case .down:
            words += " Down since \(wait.since.clock); "
            words +=
                wait.until.map { "one order tries it at \($0.clock), the others wait." } ?? "one order tries it now."
        case .place, .daily: break
        }
        return words + Pipeline.limit(request)
    }

    /// What is said of a pause before the next try.
    func told(_ pause: Pause, until next: Timestamp, _ request: JobRequest?) -> String {
        let seconds = Int(pause.seconds.rounded(.up))
        return "\(pause.cause.message) The next try is in \(seconds) s, at \(next.clock)." + Pipeline.limit(request)
    }

    /// Until when a job that is not ordered yet may be ordered.
    static func limit(_ request: JobRequest?) -> String {
        request?.notAfter.map { " It is not ordered after \($0.rfc3339) (not_after)." } ?? ""
    }

    private static func closed(_ clause: String) -> String { clause.hasSuffix(".") ? clause : clause + "." }

    /// Tells that a step found no room and is made again.
    @inline(never)
    func tellRoom(_ what: String, _ step: JobStep, _ job: inout JobRun) {
        let wait = wait(.room, &job)
        let words = "Waiting for room on the disk (\(what)). The step is made again when there is some."
        job.report(job.progress(job.stage, step).saying(words, waiting: wait))
    }
}
