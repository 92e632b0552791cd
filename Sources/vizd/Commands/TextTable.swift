// Columns for a terminal: every cell made harmless (names come from strangers), every column as wide as its widest
// cell.

internal import Contract

struct TextTable {
    let titles: [String]
    private(set) var rows: [[String]] = []

    /// A cell longer than this is cut.
    private let widest: Int

    init(_ titles: String..., widest: Int = 48) {
        self.titles = titles
        self.widest = widest
    }

    mutating func add(_ cells: String...) {
        precondition(cells.count == titles.count, "\(cells.count) cells for \(titles.count) columns")
        rows.append(cells.map { $0.isEmpty ? "-" : printable($0, limit: widest) })
    }

    /// The lines, each with its end; without the spaces that nobody sees.
    var text: String {
        let all = [titles] + rows
        let widths = titles.indices.map { column in all.map { DisplayWidth.of($0[column]) }.max() ?? 0 }
        return all.map { row in
            let cells = zip(row, widths).map { cell, width in DisplayWidth.fit(cell, to: width) }
            let line = cells.joined(separator: "  ")
            return String(line.reversed().drop { $0 == " " }.reversed()) + "\n"
        }.joined()
    }
}
