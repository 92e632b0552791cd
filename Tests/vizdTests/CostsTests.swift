// `vizd costs`: the table, the chart and the JSON of some rows.

import Contract
import Ledger
import Testing

@testable import vizd

@Suite("Costs, as shown")
struct CostsTests {
    private let rows = [
        CostRow(key: "peichin", attempts: 3, credits: 21, reserved: 80_000, settled: 130_000, uncertain: 0),
        CostRow(key: "a\u{1B}[31m", attempts: 1, credits: 8, reserved: 0, settled: 0, uncertain: 80_000),
    ]

    private func report(_ grouping: CostGrouping = .user, _ rows: [CostRow]? = nil) -> CostReport {
        CostReport(month: "2026-11", user: nil, grouping: grouping, rows: rows ?? self.rows)
    }

    @Test("the table has a line for each and the sum in its last; names of strangers do no harm")
    func table() {
        let lines = report().text.split(separator: "\n")
        #expect(lines.count == 5 && lines[1].hasPrefix("USER"))
        #expect(lines[2].contains("peichin") && lines[2].contains("0.13") && lines[2].contains("0.08"))
        #expect(!report().text.contains("\u{1B}"))
        #expect(lines[4].hasPrefix("in all") && lines[4].contains("29") && lines[4].contains("0.13"))
        #expect(report(.user, []).text == "Nothing was spent in 2026-11.\n")
    }

    @Test("the JSON is the contract's, with a key by what is summed")
    func json() throws {
        let document = try JSONDocument(parsing: Array(report(.user, [rows[0]]).json.utf8))
        #expect(
            String(decoding: document.source, as: UTF8.self) == """
                {"month":"2026-11","currency":"USD","reserved":0.08,"settled":0.13,"uncertain":0,"rows":\
                [{"user_id":"peichin","attempts":3,"credits":21,"reserved":0.08,"settled":0.13,"uncertain":0}]}

                """)
        #expect(report(.model, [rows[0]]).json.contains(#""model":"peichin""#))
        #expect(report(.day, [rows[0]]).json.contains(#""day":"peichin""#))
        let all = CostReport(month: nil, user: nil, grouping: .month, rows: [rows[0]])
        #expect(all.json.hasPrefix(#"{"month":null,"currency":"USD""#) && all.json.contains(#""month":"peichin""#))
        #expect(all.text.hasPrefix("All months, US dollars\nMONTH"))
        #expect(CostReport(month: nil, user: nil, grouping: .month, rows: []).text == "Nothing was spent yet.\n")
    }

    @Test("the chart has a bar a day, as long as what was spent, within the width")
    func chart() {
        let days = [
            CostRow(key: "2026-11-24", attempts: 1, credits: 8, reserved: 0, settled: 800_000, uncertain: 0),
            CostRow(key: "2026-11-25", attempts: 1, credits: 8, reserved: 0, settled: 400_000, uncertain: 0),
            CostRow(key: "2026-11-26", attempts: 1, credits: 8, reserved: 0, settled: 0, uncertain: 80_000),
        ]
        let lines = report(.day, days).chart(width: 64).split(separator: "\n")
        let bars = lines.dropFirst().map { line in line.filter { "█░".contains($0) }.count }
        #expect(bars == [40, 20, 4])
        #expect(lines[3].contains("░") && !lines[3].contains("█") && lines[3].hasSuffix("0.08"))
        #expect(lines.allSatisfy { $0.count <= 80 })
    }

    @Test("a month is four digits, a dash and 01 to 12")
    func months() {
        for good in ["2026-01", "2026-12", "0000-10"] { #expect(CostReport.isMonth(good), "\(good)") }
        for bad in ["2026-13", "2026-00", "2026-1", "26-01", "2026/01", "2026-1a", "", "2026-011"] {
            #expect(!CostReport.isMonth(bad), "\(bad)")
        }
    }
}
