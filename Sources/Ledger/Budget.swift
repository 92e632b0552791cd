// What may be spent, and whether one more order fits: a value. `Journal.order` asks it in the same transaction that
// writes the reservation, so that any number of orders at once never go over together.
//
// Reserved, settled and uncertain amounts all count, each in the month of its intent (UTC): an estimate that may still
// become a charge is spent until the final figure says otherwise.

internal import Contract

/// The limits of the configuration (`budget.*`), in millionths of a US dollar; nil is none.
package struct BudgetLimits: Hashable, Sendable {
    /// All attempts of one request together.
    package var perRequest: Int64?
    /// One user in a calendar month.
    package var perUserMonthly: Int64?
    /// All users in a calendar month.
    package var monthly: Int64?

    package init(perRequest: Int64? = nil, perUserMonthly: Int64? = nil, monthly: Int64? = nil) {
        (self.perRequest, self.perUserMonthly, self.monthly) = (perRequest, perUserMonthly, monthly)
    }

    /// Everything may be spent.
    package static let none = BudgetLimits()

    /// Whether there is anything to ask for.
    package var isEmpty: Bool { self == .none }
}

/// What is spent or reserved already, in millionths of a US dollar.
struct Spent: Hashable, Sendable {
    var byRequest: Int64
    var byUserThisMonth: Int64
    var byAllThisMonth: Int64
}

/// An order that does not fit.
struct BudgetExcess: Hashable, Sendable {
    /// The setting that stands against it.
    let setting: String
    let limit: Int64
    let spent: Int64
    let estimate: Int64

    /// Judges an order; nil where it fits. The narrowest limit is told first.
    static func judge(_ estimate: Int64, _ spent: Spent, _ limits: BudgetLimits) -> BudgetExcess? {
        let rows: [(String, Int64?, Int64)] = [
            ("budget.perRequest", limits.perRequest, spent.byRequest),
            ("budget.perUserMonthly", limits.perUserMonthly, spent.byUserThisMonth),
            ("budget.monthly", limits.monthly, spent.byAllThisMonth),
        ]
        for (setting, limit, spent) in rows {
            // An order that costs nothing always fits, also where a budget was lowered below what is spent.
            if let limit, estimate > 0, spent + estimate > limit {
                return BudgetExcess(setting: setting, limit: limit, spent: spent, estimate: estimate)
            }
        }
        return nil
    }

    /// What happened, to what, and what to do next.
    func sentence(user: String, month: String) -> String {
        let (what, next): (String, String) =
            switch setting {
            case "budget.perRequest": ("this request has cost", "Raise it")
            case "budget.perUserMonthly":
                ("\(user) has spent in \(month)", "Raise it, or wait for the next month (UTC)")
            default: ("all users have spent in \(month)", "Raise it, or wait for the next month (UTC)")
            }
        return "The order would cost $\(dollars(estimate)), and \(what) $\(dollars(spent)) of the "
            + "$\(dollars(limit)) of \(setting), reservations included. Nothing was ordered. \(next), then move the "
            + "request from failed/ back to incoming/."
    }
}
