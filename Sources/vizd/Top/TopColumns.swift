// Columns of a table that fit any width: the least important ones are left out where there is no room, the others get
// what they need in the order of their importance.

struct TopColumn {
    /// Columns of the terminal that it takes at least, if it is shown.
    let minimum: Int
    /// That it takes at most.
    let maximum: Int
    /// The lower, the longer it is kept.
    let rank: Int
    var right = false
    /// What is in a row, cut to a width by the table.
    let cells: [Cell]

    enum Cell {
        case text(String, Ink)
        /// As wide as the column turns out to be.
        case drawn((Int) -> TopLine)
    }

    fileprivate var isDrawn: Bool {
        if case .drawn = cells.first { return true }
        return false
    }

    fileprivate var natural: Int {
        let widest = cells.map { cell in
            if case .text(let text, _) = cell { return DisplayWidth.of(text) }
            return maximum
        }.max()
        return min(maximum, widest ?? 0)
    }
}

enum TopTable {
    private static let gap = 2

    /// The rows, none wider than `width`.
    static func lines(_ columns: [TopColumn], width: Int, style: TopStyle) -> [TopLine] {
        let rows = columns.map(\.cells.count).max() ?? 0
        let widths = widths(columns, width)
        let shown = columns.indices.filter { widths[$0] > 0 }
        return (0..<rows).map { row in
            var line = TopLine()
            for (place, index) in shown.enumerated() {
                if place > 0 { line.add(String(repeating: " ", count: gap)) }
                let column = columns[index]
                let isLast = place == shown.count - 1
                switch column.cells[row] {
                case .drawn(let draw): line.add(draw(widths[index]))
                case .text(let text, let ink):
                    let cell =
                        isLast && !column.right
                        ? DisplayWidth.cut(text, to: widths[index], ellipsis: style.ellipsis)
                        : DisplayWidth.fit(
                            text, to: widths[index], right: column.right, ellipsis: style.ellipsis)
                    line.add(cell, ink)
                }
            }
            return line
        }
    }

    /// The width of each column; 0 for one that is left out: those without anything in them, and the ones that do not
    /// fit.
    static func widths(_ columns: [TopColumn], _ width: Int) -> [Int] {
        var widths = [Int](repeating: 0, count: columns.count)
        var left = width + gap
        let order = columns.indices.sorted { columns[$0].rank < columns[$1].rank }
        for index in order {
            let least = min(columns[index].minimum, columns[index].natural)
            guard least > 0, least + gap <= left else { continue }
            widths[index] = least
            left -= least + gap
        }
        // The first one is shown however narrow the terminal is.
        if let first = order.first, widths.allSatisfy({ $0 == 0 }), columns[first].natural > 0 {
            widths[first] = max(1, width)
            return widths
        }
        // A bar says as much when it is short; so it grows last.
        let growing = order.filter { !columns[$0].isDrawn } + order.filter { columns[$0].isDrawn }
        for index in growing where widths[index] > 0 {
            let more = min(columns[index].natural - widths[index], left)
            widths[index] += more
            left -= more
        }
        return widths
    }
}
