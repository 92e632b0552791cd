// The view as lines: what is known, what was chosen, how large the terminal is. A value, drawn by `TopScreen` and
// printed as it is where there is no terminal that could be drawn on.
//
// No line is wider than the terminal and there are never more of them than it has rows. Every text of others goes
// through `shown`, here and once more in `TopLine`.

internal import Contract

struct TopView {
    let snapshot: TopSnapshot
    let state: TopState
    let style: TopStyle
    let columns: Int
    /// Nil: as many as there is to say, with at most `blockRows` rows a section (a plain block).
    let rows: Int?

    static let blockRows = 10

    /// The lines from the top.
    var lines: [TopLine] {
        var all = state.showsHelp ? help : header + sections(room: room)
        if rows != nil {
            if let limit = rows, limit > 2 {
                all = Array(all.prefix(limit - 1))
                all += [TopLine](repeating: TopLine(), count: limit - 1 - all.count) + [footer]
            } else {
                all = Array(all.prefix(rows ?? 0))
            }
        }
        return all.map { $0.cut(to: columns, ellipsis: style.ellipsis) }
    }

    /// How many rows of a section are visible, for the keys.
    func visible(_ section: TopSection) -> Int { share(room: room)[section] ?? 0 }

    /// The state with offsets that lead to a row.
    var settled: TopState {
        var state = state
        let share = share(room: room)
        for section in TopSection.allCases {
            state.settle(section, rows: rowCount(section), visible: share[section] ?? 0)
        }
        return state
    }

    // MARK: Header

    /// Of a low terminal it takes two fifths at most: then each subject has one line, and the last ones none.
    var header: [TopLine] {
        let subjects = [
            [title], flow(daemonWords), flow(countWords), snapshot.obstacle.map { [TopLine($0, .warning)] } ?? [],
            snapshot.troubles.map { TopLine($0, .bad) }, rateLines, moneyLines,
        ]
        let whole = Array(subjects.joined())
        guard let rows, whole.count > max(1, rows * 2 / 5) else { return whole }
        return Array(subjects.compactMap(\.first).prefix(max(1, rows * 2 / 5)))
    }

    private var title: TopLine {
        var line = TopLine("vizd top", .strong)
        line.add("  ")
        line.add(snapshot.spool)
        let time = Timestamp(nanoseconds: snapshot.at).rfc3339
        let clock = (state.isPaused ? "paused  " : "") + "\(time.prefix(10)) \(time.dropFirst(11).prefix(8)) UTC"
        let gap = columns - line.width - clock.count
        // In a narrow terminal the spool is the first to give way, and the clock the next.
        if gap < 2 {
            line = TopLine("vizd top  ", .strong)
            line.add(
                DisplayWidth.cut(
                    snapshot.spool, to: max(0, columns - line.width - clock.count - 2), ellipsis: style.ellipsis))
        }
        line.fill(to: columns - clock.count)
        if line.width + clock.count > columns { return TopLine("vizd top", .strong) }
        line.add(clock, state.isPaused ? .warning : .faint)
        return line
    }

    private var daemonWords: [TopLine] {
        guard let daemon = snapshot.daemon else {
            return [
                TopLine(style.ascii ? "x not running" : "○ not running", .bad),
                TopLine("`vizd run` starts one", .faint),
            ]
        }
        var words = [TopLine(style.ascii ? "* at work" : "● at work", .good)]
        words += daemon.words.map { TopLine($0, .faint) }
        if let since = daemon.since {
            words.append(TopLine("since \(since.rfc3339.prefix(16).replacing("T", with: " ")) UTC", .faint))
            words.append(TopLine("up \(Age.text(snapshot.at - since.nanoseconds))"))
        }
        return words + [watch]
    }

    /// A running vizd stirs in `incoming/` once a minute: the proof that its watch works. With three missed something
    /// is wrong.
    private var watch: TopLine {
        guard let stirred = snapshot.stirred else { return TopLine("watch ?", .faint) }
        let age = snapshot.at - stirred
        if age < 190_000_000_000 { return TopLine("watch seen \(Age.text(age)) ago") }
        return TopLine("watch silent for \(Age.text(age)): does it hang?", .bad)
    }

    private var countWords: [TopLine] {
        var waiting = word("waiting", snapshot.waiting.count.text)
        if let oldest = snapshot.waiting.rows.first {
            waiting.add(" (oldest \(Age.text(snapshot.at - oldest.since)))", .faint)
        }
        var flight = word("in flight", snapshot.inFlight.count.text)
        flight.add(" of \(snapshot.slots)", .faint)
        let failed = snapshot.failures.count
        let behind = snapshot.behind < 3_000_000_000 ? [] : [TopLine("as of \(Age.text(snapshot.behind)) ago", .faint)]
        return [
            waiting, flight, word("done", snapshot.done.text),
            word("failed", failed.text, failed == .jobs(0) ? .strong : .bad),
        ] + behind
    }

    private func word(_ name: String, _ figure: String, _ ink: Ink = .strong) -> TopLine {
        var line = TopLine("\(name) ", .faint)
        line.add(figure, ink)
        return line
    }

    /// The ended jobs of the last minutes, and a stroke a minute for the last hour.
    private var rateLines: [TopLine] {
        let rate = snapshot.rate
        if rate.isHidden { return [TopLine("ended      this user may not look into done/ and failed/", .faint)] }
        var words: [TopLine] = []
        for minutes in [1, 5, 60] {
            var line = word("\(minutes) min", (rate.isCut ? ">=" : "") + "\(rate.complete(in: minutes))")
            let failed = rate.failed(in: minutes)
            if failed > 0 { line.add(" +\(failed) failed", .bad) }
            words.append(line)
        }
        var lines = flow(words, label: "ended")
        if columns >= 30, rate.complete(in: TopRate.minutes) > 0, let last = lines.last {
            let width = min(TopRate.minutes, columns - 11)
            let strokes = TopLine(sparkline(rate.complete, width: width), .good)
            // Beside the figures where there is room, else below them.
            var line = last
            if last.width + 3 + width <= columns {
                line.add("   ")
                line.add(strokes)
                lines[lines.count - 1] = line
            } else {
                line = TopLine(String(repeating: " ", count: 11))
                line.add(strokes)
                lines.append(line)
            }
        }
        return lines
    }

    /// A stroke a minute, the latest at the right; the highest is the most that there was.
    private func sparkline(_ minutes: [Int], width: Int) -> String {
        let strokes = style.ascii ? Array("_.-=*#") : Array("▁▂▃▄▅▆▇█")
        let bins = minutes.prefix(width).reversed()
        let most = max(1, bins.max() ?? 1)
        return String(bins.map { $0 == 0 ? strokes[0] : strokes[1 + ($0 * (strokes.count - 1) - 1) / most] })
    }

    private var moneyLines: [TopLine] {
        guard case .known(let spend) = snapshot.money else {
            guard case .unknown(let why) = snapshot.money else { return [] }
            return [TopLine("spent      unknown: \(why)", .faint)]
        }
        var month = word("this month", "$\(dollars(spend.month))")
        if let budget = spend.budget {
            let isNear = spend.month * 10 >= budget * 9
            month.add(" of $\(dollars(budget)) ", isNear ? .warning : .plain)
            let percent = budget <= 0 ? 100 : Int(min(100, spend.month * 100 / budget))
            month.add(bar(percent, width: 12, ink: isNear ? .warning : .work))
        }
        var words = [word("today", "$\(dollars(spend.today))"), month]
        if spend.reserved > 0 { words.append(TopLine("reserved $\(dollars(spend.reserved))", .faint)) }
        if spend.uncertain > 0 { words.append(TopLine("uncertain $\(dollars(spend.uncertain))", .warning)) }
        return flow(words, label: "spent")
    }

    func bar(_ percent: Int, width: Int, ink: Ink = .work) -> TopLine {
        let full = min(width, max(0, percent * width / 100))
        var line = TopLine(String(repeating: style.ascii ? "#" : "━", count: full), ink)
        line.add(String(repeating: style.ascii ? "-" : "─", count: width - full), .rail)
        return line
    }

    /// Words one after another, on the next line where one does not fit any more.
    private func flow(_ words: [TopLine], label: String? = nil) -> [TopLine] {
        let indent = label == nil ? 0 : 11
        var lines: [TopLine] = []
        var line = TopLine(label.map { DisplayWidth.fit($0, to: indent) } ?? "", .faint)
        var isEmpty = true
        for word in words {
            if !isEmpty, line.width + 3 + word.width > columns {
                lines.append(line)
                line = TopLine(String(repeating: " ", count: indent))
                isEmpty = true
            }
            if !isEmpty { line.add("   ") }
            line.add(word)
            isEmpty = false
        }
        return lines + [line]
    }
}
