// What was spent: the attempts of a month, or of all, summed by user, by model, by day or by month. Attempts are never
// deleted, so these are the books that a provider's invoice is held against. Free attempts are left out.

internal import GRDB

/// What the sums are made by.
package enum CostGrouping: String, CaseIterable, Sendable {
    case user, model, day, month
}

/// The sums of one user, model, day or month.
package struct CostRow: Hashable, Sendable {
    /// The user's id, the model's name (`runway/gen4_image`), the day (`2026-11-24`, UTC), or the month in whose budget
    /// it counts (`2026-11`, UTC).
    package let key: String
    package let attempts: Int
    /// The providers' own units, final where they are known.
    package let credits: Double
    /// Millionths of a US dollar: what may still become a charge, what was charged, what nobody can say.
    package let reserved: Int64
    package let settled: Int64
    package let uncertain: Int64

    package init(key: String, attempts: Int, credits: Double, reserved: Int64, settled: Int64, uncertain: Int64) {
        (self.key, self.attempts, self.credits) = (key, attempts, credits)
        (self.reserved, self.settled, self.uncertain) = (reserved, settled, uncertain)
    }
}

extension Books {
    /// The rows of a month (`2026-11`; nil: of all), largest sum first; by day and month in their order.
    func costs(_ month: String?, user: String?, by grouping: CostGrouping) throws -> [CostRow] {
        let key =
            switch grouping {
            case .user: "user_id"
            case .model: "provider || coalesce('/' || model, '')"
            case .day: "date(created_at / 1000000000, 'unixepoch')"
            case .month: "month"
            }
        let order = grouping == .day || grouping == .month ? "key" : "reserved + settled + uncertain DESC, key"
        return try all(
            """
            SELECT \(key) AS key, count(*) AS attempts,
                sum(CASE state WHEN 'refused' THEN 0 ELSE coalesce(final_credits, estimate_credits, 0) END) AS credits,
                sum(CASE WHEN state IN ('intent', 'task') THEN estimate_usd_micros ELSE 0 END) AS reserved,
                sum(CASE WHEN state IN ('settled', 'refused') THEN final_usd_micros ELSE 0 END) AS settled,
                sum(CASE state WHEN 'uncertain' THEN estimate_usd_micros ELSE 0 END) AS uncertain
            FROM attempt WHERE (? IS NULL OR month = ?) AND (? IS NULL OR user_id = ?) AND free_of_charge = 0
            GROUP BY 1 ORDER BY \(order)
            """,
            [month, month, user, user]
        ).map { row in
            try CostRow(
                key: row.value("key"), attempts: row.value("attempts"), credits: row.value("credits"),
                reserved: row.value("reserved"),
                settled: row.value("settled"), uncertain: row.value("uncertain"))
        }
    }

    /// What is spent or reserved by the run of a job and its whole family, by its user and by all in a month.
    func spent(_ job: JobRow, user: String, month: String) throws -> Spent {
        let root = job.kinship?.root ?? job.name
        let request =
            try one(
                """
                SELECT sum(coalesce(final_usd_micros, estimate_usd_micros)) AS sum
                FROM job JOIN attempt ON attempt.name = job.name AND attempt.run = job.run
                WHERE job.name = ? OR job.root = ?
                """,
                [root, root])?.find("sum") as Int64?
        let month = { (who: String) throws -> Int64 in
            try self.one("SELECT usd_micros FROM spend WHERE month = ? AND user_id = ?", [month, who])?.find(
                "usd_micros")
                ?? 0
        }
        return Spent(byRequest: request ?? 0, byUserThisMonth: try month(user), byAllThisMonth: try month(""))
    }
}
