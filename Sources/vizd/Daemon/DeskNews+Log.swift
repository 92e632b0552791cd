// What the log says of the providers' health: when one is left alone, and why, and when it takes orders again.

import Logging
import Pipeline

extension Logger {
    /// Tells a change of a provider's health.
    func tell(_ news: DeskNews) {
        switch news {
        case .held(let provider, let reason, let pause): tell("provider.held", provider, reason, pause)
        case .down(let provider, let reason, let pause): tell("provider.down", provider, reason, pause)
        case .open(let provider, let after):
            notice("provider.open", metadata: ["provider": "\(provider)", "after_seconds": "\(after)"])
        }
    }

    private func tell(_ event: Message, _ provider: String, _ reason: String, _ pause: Double) {
        warning(
            event,
            metadata: ["provider": "\(provider)", "reason": "\(reason)", "tried_again_in_seconds": "\(pause)"])
    }
}
