// What the account has and may do: `GET /v1/organization`, which is free.
//
// Runway's pages contradict each other on tiers, so the limits are read, never assumed. Models that the account used
// once and has no limits for any more are left out.

internal import Contract

/// Reads the answer.
enum RunwayAccount {
    /// Nil for anything that is no organisation.
    static func read(_ body: [UInt8]) -> Account? {
        guard let root = AnswerJSON.root(body), root.members != nil else { return nil }
        let balance = root["creditBalance"]?.amount
        let limits = root["tier"]?["models"]?.members
        guard balance != nil || limits != nil else { return nil }
        let usage = root["usage"]?["models"]
        var models: [String: Allowance] = [:]
        for model in limits ?? [] {
            models[model.key] = Allowance(
                concurrent: model.node["maxConcurrentGenerations"]?.count,
                daily: model.node["maxDailyGenerations"]?.count,
                usedToday: usage?[model.key]?["dailyGenerations"]?.count ?? 0)
        }
        return Account(balance: balance, models: models)
    }
}
