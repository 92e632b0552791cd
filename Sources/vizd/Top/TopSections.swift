// The lower part of the view: jobs in flight, requests that wait, jobs that failed; and the line of keys.

internal import Contract

extension TopView {
    /// Rows below the header.
    var room: Int? {
        guard let rows else { return nil }
        return max(0, rows - 1 - header.count)
    }

    func rowCount(_ section: TopSection) -> Int {
        switch section {
        case .inFlight: snapshot.inFlight.rows.count
        case .waiting: snapshot.waiting.rows.count
        case .failures: snapshot.failures.rows.count
        }
    }

    /// How many rows each section shows, beneath a blank line and a title each: as evenly as what there is allows.
    func share(room: Int?) -> [TopSection: Int] {
        guard let room else {
            return Dictionary(
                uniqueKeysWithValues: TopSection.allCases.map { ($0, min(TopView.blockRows, rowCount($0))) })
        }
        let sections = visibleSections(room)
        var left = room - sections.reduce(0) { $0 + titleHeight(room, $1) }
        var share: [TopSection: Int] = [:]
        var open = sections.filter { rowCount($0) > 0 }
        while left > 0, !open.isEmpty {
            for section in open where left > 0 {
                share[section, default: 0] += 1
                left -= 1
            }
            open.removeAll { share[$0] ?? 0 >= rowCount($0) }
        }
        return share
    }

    /// All of them, or where they do not fit only the one that the keys move.
    private func visibleSections(_ room: Int) -> [TopSection] {
        room >= 3 * 3 ? TopSection.allCases : room >= 2 ? [state.focus] : []
    }

    /// A title, with a blank line above it where there is room.
    private func titleHeight(_ room: Int, _ section: TopSection) -> Int { room >= 3 * 3 ? 2 : 1 }

    func sections(room: Int?) -> [TopLine] {
        let share = share(room: room)
        let sections = room.map(visibleSections) ?? TopSection.allCases
        return sections.flatMap { section -> [TopLine] in
            let visible = share[section] ?? 0
            let first = settledOffset(section, visible)
            let rows = first..<min(rowCount(section), first + visible)
            let blank = (room ?? .max) >= 3 * 3 ? [TopLine()] : []
            return blank + [title(of: section, rows)] + table(section, rows)
        }
    }

    private func settledOffset(_ section: TopSection, _ visible: Int) -> Int {
        var state = state
        state.settle(section, rows: rowCount(section), visible: visible)
        return state.offset(of: section)
    }

    private func title(of section: TopSection, _ rows: Range<Int>) -> TopLine {
        let (name, count) =
            switch section {
            case .inFlight: ("IN FLIGHT", snapshot.inFlight.count)
            case .waiting: ("WAITING", snapshot.waiting.count)
            case .failures: ("FAILED LATELY", snapshot.failures.count)
            }
        var line = TopLine(name, section == state.focus && self.rows != nil ? .chosenTitle : .title)
        switch count {
        case .hidden: line.add("  this user may not look there", .faint)
        case .jobs(0): line.add("  none", .faint)
        default:
            let isWhole = count == .jobs(rows.count)
            line.add("  " + (isWhole ? count.text : "\(rows.lowerBound + 1)-\(rows.upperBound) of \(count.text)"))
        }
        if section == .inFlight, count != .jobs(0), count != .hidden { line.add("  by \(state.sort.rawValue)", .faint) }
        return line
    }

    private func table(_ section: TopSection, _ rows: Range<Int>) -> [TopLine] {
        let width = max(1, columns - 2)
        let lines =
            switch section {
            case .inFlight: TopTable.lines(flightColumns(rows), width: width, style: style)
            case .waiting: TopTable.lines(waitingColumns(rows), width: width, style: style)
            case .failures: TopTable.lines(failureColumns(rows), width: width, style: style)
            }
        return lines.map { line in
            var indented = TopLine(columns >= 20 ? "  " : "")
            indented.add(line)
            return indented
        }
    }

    // MARK: Columns

    private func flightColumns(_ range: Range<Int>) -> [TopColumn] {
        let now = snapshot.at
        let rows = state.sort.sorted(snapshot.inFlight.rows, at: now)[range]
        return [
            TopColumn(minimum: 10, maximum: 44, rank: 0, cells: rows.map { .text(shown($0.name), .plain) }),
            TopColumn(minimum: 6, maximum: 16, rank: 5, cells: rows.map { .text(shown($0.user ?? "-"), .plain) }),
            TopColumn(minimum: 6, maximum: 18, rank: 7, cells: rows.map { .text(shown($0.provider ?? "-"), .faint) }),
            TopColumn(
                minimum: 8, maximum: 8, rank: 3, cells: rows.map { .text($0.stage?.rawValue ?? "claimed", .work) }),
            TopColumn(
                minimum: 10, maximum: 20, rank: 2,
                cells: rows.map { row in .drawn { bar(row.percent(at: now), width: $0) } }),
            TopColumn(
                minimum: 5, maximum: 5, rank: 1, right: true,
                cells: rows.map { .text("\($0.percent(at: now)) %", .strong) }),
            TopColumn(minimum: 7, maximum: 9, rank: 4, right: true, cells: rows.map { .text(left($0), .plain) }),
            TopColumn(minimum: 16, maximum: 200, rank: 8, cells: rows.map { .text(shown($0.message), .faint) }),
        ]
    }

    private func left(_ flight: TopFlight) -> String {
        if let reason = flight.waitsFor { return reason.isOurTurn ? "waits" : "held" }
        return flight.left(at: snapshot.at).map { Age.text(Int64($0.rounded()) * 1_000_000_000) } ?? "-"
    }

    private func waitingColumns(_ range: Range<Int>) -> [TopColumn] {
        let rows = snapshot.waiting.rows[range]
        return [
            TopColumn(minimum: 10, maximum: 60, rank: 0, cells: rows.map { .text(shown($0.name), .plain) }),
            TopColumn(minimum: 6, maximum: 24, rank: 2, cells: rows.map { .text(shown($0.user ?? "-"), .plain) }),
            TopColumn(minimum: 6, maximum: 48, rank: 3, cells: rows.map { .text(shown($0.outfit ?? "-"), .faint) }),
            TopColumn(
                minimum: 5, maximum: 10, rank: 1, right: true,
                cells: rows.map { .text(Age.text(snapshot.at - $0.since), .plain) }),
        ]
    }

    private func failureColumns(_ range: Range<Int>) -> [TopColumn] {
        let rows = snapshot.failures.rows[range]
        return [
            TopColumn(minimum: 10, maximum: 44, rank: 0, cells: rows.map { .text(shown($0.name), .plain) }),
            TopColumn(minimum: 6, maximum: 16, rank: 3, cells: rows.map { .text(shown($0.user ?? "-"), .plain) }),
            TopColumn(minimum: 18, maximum: 22, rank: 1, cells: rows.map { .text(shown($0.code ?? "-"), .bad) }),
            TopColumn(
                minimum: 5, maximum: 10, rank: 2, right: true,
                cells: rows.map { .text(Age.text(snapshot.at - $0.at), .faint) }),
            TopColumn(minimum: 16, maximum: 400, rank: 4, cells: rows.map { .text(shown($0.message), .faint) }),
        ]
    }

    // MARK: Keys

    var footer: TopLine {
        if state.showsHelp { return TopLine("any key goes back, q leaves", .faint) }
        let arrows = style.ascii ? "arrows" : "↑↓"
        let all = [
            "q quit", "? help", state.isPaused ? "p go on" : "p pause", "s sort", "Tab section", "\(arrows) scroll",
            "Space now",
        ]
        var line = ""
        for word in all {
            let more = line.isEmpty ? word : "   " + word
            if DisplayWidth.of(line + more) > columns { break }
            line += more
        }
        return TopLine(line, .faint)
    }

    var help: [TopLine] {
        let keys: [(String, String)] = [
            ("q, Ctrl-C", "leave; Ctrl-Z stops it, `fg` goes on"),
            ("p", "time stands still, or goes on"),
            ("Space", "look now"),
            ("Tab", "which section the arrows move: the one with the bright title"),
            (style.ascii ? "arrows" : "↑ ↓, j k", "scroll by a row; Page Up and Page Down, Home and End"),
            (
                "s, S",
                "what the jobs in flight are sorted by: \(TopSort.allCases.map(\.rawValue).joined(separator: ", "))"
            ),
            ("?", "this"),
        ]
        let notes = [
            "", "Percent and time left are those of the job's status file, moved on by the clock: they follow what",
            "such jobs have lately taken. \"waits\" is a job whose turn comes, \"held\" one that the provider holds up.",
            "", "\"watch seen\" is the last stir in incoming/: a running vizd proves its watch there once a minute.",
            "", "Money counts as budgets count it, what is reserved and what is uncertain included; months are UTC.",
        ]
        return [TopLine("vizd top", .strong), TopLine()]
            + keys.map { key, words in
                var line = TopLine("  " + DisplayWidth.fit(key, to: 11), .strong)
                line.add(words)
                return line
            } + notes.map { TopLine($0, .faint) }
    }
}

extension WaitReason {
    /// Whether it waits for room, memory or a place, not for the provider's mercy.
    fileprivate var isOurTurn: Bool {
        switch self {
        case .providerHeld, .dailyLimit, .rateLimit, .providerDown, .retry: false
        default: true
        }
    }
}
