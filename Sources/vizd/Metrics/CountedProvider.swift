// A provider whose calls are counted by what came of them. It changes nothing: every answer goes on as it came.

import Contract
import Providers

struct CountedProvider: Provider {
    let provider: any Provider
    let meter: Meter

    var traits: ProviderTraits { provider.traits }
    var canCancel: Bool { provider.canCancel }

    func price(_ order: Order) -> Price { provider.price(order) }

    /// Most orders need nothing uploaded; those are no calls.
    func stage(_ order: Order) async throws(ProviderFailure) -> Order {
        try await counted(.upload, { $0 == order ? nil : "ok" }) { () async throws(ProviderFailure) in
            try await provider.stage(order)
        }
    }

    func submit(_ order: Order) async -> Submission { counted(await provider.submit(order)) }

    func submit(_ order: Order, progress: @escaping @Sendable (CallProgress) -> Void) async -> Submission {
        counted(await provider.submit(order, progress: progress))
    }

    func poll(_ taskID: String) async throws(ProviderFailure) -> TaskReport {
        try await counted(.poll, { $0.state.outcome }) { () async throws(ProviderFailure) in
            try await provider.poll(taskID)
        }
    }

    func cancel(_ taskID: String) async throws(ProviderFailure) {
        try await counted(.cancel, { "ok" }) { () async throws(ProviderFailure) in try await provider.cancel(taskID) }
    }

    /// A provider that does not tell was not called.
    func account() async throws(ProviderFailure) -> Account? {
        try await counted(.account, { $0 == nil ? nil : "ok" }) { () async throws(ProviderFailure) in
            try await provider.account()
        }
    }

    private func counted<Answer>(
        _ call: ProviderCall, _ outcome: (Answer) -> String?, _ body: () async throws(ProviderFailure) -> Answer
    ) async throws(ProviderFailure) -> Answer {
        do throws(ProviderFailure) {
            let answer = try await body()
            if let outcome = outcome(answer) { note(call, outcome) }
            return answer
        } catch {
            note(call, error.outcome)
            throw error
        }
    }

    private func counted(_ submission: Submission) -> Submission {
        note(.submit, submission.outcome)
        return submission
    }

    private func note(_ call: ProviderCall, _ outcome: String) {
        meter.count { $0.called(traits.id, call, outcome) }
    }
}

extension Submission {
    /// The word for the metrics.
    var outcome: String {
        switch self {
        case .made: "made"
        case .spoiled: "spoiled"
        case .accepted: "accepted"
        case .refused(let failure): failure.outcome
        case .lost: "lost"
        }
    }
}

extension TaskState {
    /// The word for the metrics.
    var outcome: String {
        switch self {
        case .waiting: "waiting"
        case .running: "running"
        case .done: "done"
        case .failed: "failed"
        case .gone: "gone"
        }
    }
}

extension ProviderFailure {
    /// The word for the metrics: a limit is none of the provider's troubles.
    var outcome: String { httpStatus == 429 ? "rate_limited" : code.rawValue }
}

extension ProviderEntry {
    /// The same, with its calls counted.
    func counted(by meter: Meter) -> ProviderEntry {
        guard case .ready(let provider) = self else { return self }
        return .ready(CountedProvider(provider: provider, meter: meter))
    }
}
