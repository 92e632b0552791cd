// What the log says of figures that were read again after their jobs had ended.

import Ledger
import Logging
import Pipeline

extension LateSettlement {
    /// Tells the log.
    init(_ pipeline: Pipeline, log: Logger) {
        self.init(pipeline) { news in
            switch news {
            case .corrected(let attempt, let correction):
                var facts = LateSettlement.facts(attempt)
                facts["from_usd"] = "\(Double(correction.before.usdMicros) / 1e6)"
                facts["was_uncertain"] = "\(correction.wasUncertain)"
                facts["usd"] = "\(Double(correction.after.usdMicros) / 1e6)"
                if let credits = correction.after.credits { facts["credits"] = "\(credits)" }
                log.notice("cost.corrected", metadata: facts)
            case .confirmed(let attempt): log.debug("cost.confirmed", metadata: LateSettlement.facts(attempt))
            case .unread(let attempt, let sentence):
                var facts = attempt.map(LateSettlement.facts) ?? [:]
                facts["reason"] = "\(sentence)"
                log.warning("cost.unread", metadata: facts)
            case .givenUp(let attempt): log.warning("cost.given_up", metadata: LateSettlement.facts(attempt))
            }
        }
    }

    private static func facts(_ attempt: AttemptRow) -> Logger.Metadata {
        [
            "job": "\(attempt.name)", "run": "\(attempt.run)", "attempt": "\(attempt.attempt)",
            "provider": "\(attempt.provider)", "task": "\(attempt.taskID ?? "none")",
        ]
    }
}
