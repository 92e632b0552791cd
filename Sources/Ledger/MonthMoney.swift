// The money of one month in a few sums: what a watcher asks again and again. Read beside the daemon's own writing, so
// that a long month never holds up a commit.

internal import GRDB

/// The sums of one month, in millionths of a US dollar.
package struct MonthMoney: Hashable, Sendable {
    /// What is reserved, charged and uncertain.
    package struct Sums: Hashable, Sendable {
        package var reserved: Int64 = 0
        package var settled: Int64 = 0
        package var uncertain: Int64 = 0

        /// Nothing.
        package init() {}
    }

    /// `2026-11`, in UTC.
    package let month: String
    /// By the configured name of the provider; free ones are not among them.
    package let providers: [String: Sums]
    /// What counts against `budget.monthly`.
    package let all: Int64
    /// What counts against `budget.perUserMonthly` for the user with the most.
    package let largestUser: Int64

    package init(month: String, providers: [String: Sums], all: Int64, largestUser: Int64) {
        (self.month, self.providers, self.all, self.largestUser) = (month, providers, all, largestUser)
    }
}

extension JournalReader {
    /// The sums of a month (`2026-11`).
    package func money(of month: String) throws(JournalFailure) -> MonthMoney {
        var providers: [String: MonthMoney.Sums] = [:]
        for row in try costs(month, by: .model) {
            let provider = String(row.key.prefix { $0 != "/" })
            providers[provider, default: MonthMoney.Sums()].reserved += row.reserved
            providers[provider]?.settled += row.settled
            providers[provider]?.uncertain += row.uncertain
        }
        let (all, largest) = try spend(of: month)
        return MonthMoney(month: month, providers: providers, all: all, largestUser: largest)
    }
}

extension Books {
    /// What all users, and the one with the most, have spent or reserved in a month.
    func spend(of month: String) throws -> (all: Int64, largest: Int64) {
        let row = try one(
            """
            SELECT coalesce(max(CASE user_id WHEN '' THEN usd_micros END), 0) AS total,
                coalesce(max(CASE user_id WHEN '' THEN 0 ELSE usd_micros END), 0) AS largest
            FROM spend WHERE month = ?
            """, [month])
        return try (row?.find("total") ?? 0, row?.find("largest") ?? 0)
    }
}
