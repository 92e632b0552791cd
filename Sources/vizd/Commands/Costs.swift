// `vizd costs`: what was spent, from the ledger; by user, model, day or month, as a table, a chart or JSON.

internal import ArgumentParser
internal import Contract
internal import Ledger
internal import Linux

extension CostGrouping: ExpressibleByArgument {}

struct Costs: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show what was spent in a month, by user, model or day; or by month.",
        discussion: """
            Reserved is what an order under way may still cost, settled is what was charged, uncertain is an estimate \
            of which nobody can say whether it was charged (its answer was lost). Months and days are UTC. It reads \
            the journal in state.dir and needs no running vizd.

            Examples:
              vizd costs
              vizd costs --user peichin --by model --month 2026-10
              vizd costs --by month
              vizd costs --chart
              vizd costs --json | jq .settled

            Exit status: 0, 64 usage, 73 the journal cannot be read, 78 configuration.
            """)

    @Option(help: ArgumentHelp("Only this user's.", valueName: "user"))
    var user: String?

    @Option(
        help: ArgumentHelp(
            "The month, such as 2026-11; this one if absent, all of them with --by month.", valueName: "month"))
    var month: String?

    @Option(help: ArgumentHelp("user, model, day or month.", valueName: "what"))
    var by: CostGrouping = .user

    @Flag(help: "One JSON object.")
    var json = false

    @Flag(help: "Draw what was spent each day.")
    var chart = false

    @OptionGroup var config: ConfigOption

    func validate() throws {
        if chart && by == .month { throw ValidationError("--chart draws the days of a month; leave --by month out.") }
        if let month, CostReport.isMonth(month) == false {
            throw ValidationError("--month takes a month such as 2026-11.")
        }
    }

    func run() throws {
        try ending {
            let grouping = chart ? .day : by
            let thisMonth = AttemptRow.month(of: Timestamp(nanoseconds: WallClock.now()))
            let month = month ?? (grouping == .month ? nil : thisMonth)
            let rows = try Costs.rows(config.stateDirectory(), month, user, grouping)
            let report = CostReport(month: month, user: user, grouping: grouping, rows: rows)
            let width = Terminal.columns(1) ?? 80
            Surroundings.print(json ? report.json : chart ? report.chart(width: width) : report.text)
            return .success
        }
    }

    private static func rows(_ state: String, _ month: String?, _ user: String?, _ grouping: CostGrouping)
        throws(CommandFailure) -> [CostRow]
    {
        do throws(JournalFailure) {
            guard let reader = try JournalReader.open(path: "\(state)/vizd.sqlite") else { return [] }
            return try reader.costs(month, user: user, by: grouping)
        } catch {
            throw CommandFailure(.cannotCreate, error.description)
        }
    }
}

/// The sums of a month, for people and for programs.
struct CostReport {
    /// Nil: all months.
    let month: String?
    let user: String?
    let grouping: CostGrouping
    let rows: [CostRow]

    /// Whether a text is a month as the ledger spells it.
    static func isMonth(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        guard bytes.count == 7, bytes[4] == UInt8(ascii: "-") else { return false }
        let digits = bytes.enumerated().allSatisfy { $0.offset == 4 || (0x30...0x39).contains($0.element) }
        return digits && (1...12).contains(Int(text.suffix(2)) ?? 0)
    }

    private var reserved: Int64 { rows.reduce(0) { $0 + $1.reserved } }
    private var settled: Int64 { rows.reduce(0) { $0 + $1.settled } }
    private var uncertain: Int64 { rows.reduce(0) { $0 + $1.uncertain } }

    /// A table with the sum in its last line.
    var text: String {
        let who = user.map { " by \(printable($0))" } ?? ""
        if rows.isEmpty { return "Nothing was spent\(who)\(month.map { " in \($0)" } ?? " yet").\n" }
        var table = TextTable(grouping.rawValue.uppercased(), "ATTEMPTS", "CREDITS", "RESERVED", "SETTLED", "UNCERTAIN")
        for row in rows {
            table.add(
                row.key, "\(row.attempts)", CostReport.number(row.credits), dollars(row.reserved),
                dollars(row.settled), dollars(row.uncertain))
        }
        table.add(
            "in all", "\(rows.reduce(0) { $0 + $1.attempts })", CostReport.number(rows.reduce(0) { $0 + $1.credits }),
            dollars(reserved), dollars(settled), dollars(uncertain))
        return "\(month ?? "All months"), US dollars\(who)\n" + table.text
    }

    /// 13.23 of the contract; `month` is null where it is of all months.
    var json: String {
        var writer = JSONWriter()
        writer.beginObject()
        writer.member("month", month)
        writer.member("currency", "USD")
        CostReport.members(reserved, settled, uncertain, &writer)
        writer.key("rows")
        writer.beginArray()
        for row in rows {
            writer.beginObject()
            writer.member(grouping == .user ? "user_id" : grouping.rawValue, row.key)
            writer.member("attempts", row.attempts)
            writer.member("credits", row.credits)
            CostReport.members(row.reserved, row.settled, row.uncertain, &writer)
            writer.endObject()
        }
        writer.endArray()
        writer.endObject()
        return String(decoding: writer.bytes, as: UTF8.self) + "\n"
    }

    private static func members(_ reserved: Int64, _ settled: Int64, _ uncertain: Int64, _ writer: inout JSONWriter) {
        writer.member("reserved", Double(reserved) / 1e6)
        writer.member("settled", Double(settled) / 1e6)
        writer.member("uncertain", Double(uncertain) / 1e6)
    }

    /// A bar a day: what was settled solid, what may still come or nobody can say shaded.
    func chart(width: Int) -> String {
        let most = rows.map { $0.settled + $0.reserved + $0.uncertain }.max() ?? 0
        guard most > 0 else { return text }
        let room = max(10, min(width, 120) - 24)
        let lines = rows.map { row -> String in
            let open = row.reserved + row.uncertain
            let solid = Int(Double(row.settled) / Double(most) * Double(room))
            let shaded = min(room - solid, Int((Double(open) / Double(most) * Double(room)).rounded(.up)))
            let bar = String(repeating: "█", count: solid) + String(repeating: "░", count: open > 0 ? shaded : 0)
            return "\(row.key)  \(bar) \(dollars(row.settled + open))\n"
        }
        let sum = dollars(settled + reserved + uncertain)
        return "\(month ?? "All months"), US dollars a day: █ settled, ░ reserved or uncertain; \(sum) in all\n"
            + lines.joined()
    }

    private static func number(_ value: Double) -> String {
        FixedPoint.text(Int((min(max(value, 0), 1e12) * 1000).rounded()), decimals: 3)
    }
}
