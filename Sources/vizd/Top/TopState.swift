// What the person at the keys has chosen: which section the arrows move, how it is sorted, whether time stands still.
// A value: keys in, what to do out.

/// A section of the view, from top to bottom.
enum TopSection: Int, CaseIterable, Hashable, Sendable {
    case inFlight, waiting, failures
}

/// What the jobs in flight are sorted by.
enum TopSort: String, CaseIterable, Hashable, Sendable {
    case age, progress, left, user, name

    /// The rows in order; the oldest first where there is nothing to choose between two.
    func sorted(_ flights: [TopFlight], at now: Int64) -> [TopFlight] {
        flights.sorted { one, other in
            switch self {
            case .progress where one.percent(at: now) != other.percent(at: now):
                return one.percent(at: now) > other.percent(at: now)
            case .left where one.left(at: now) != other.left(at: now):
                return one.left(at: now) ?? .infinity < other.left(at: now) ?? .infinity
            case .user where one.user != other.user: return one.user ?? "" < other.user ?? ""
            case .name where one.name != other.name: return one.name < other.name
            default: return (one.since, one.name) < (other.since, other.name)
            }
        }
    }
}

/// What is to be done after a key.
enum TopAction: Hashable, Sendable {
    case nothing
    /// Draw what is known anew.
    case draw
    /// Read anew, then draw.
    case read
    case leave
}

struct TopState: Equatable, Sendable {
    private(set) var focus = TopSection.inFlight
    private(set) var sort = TopSort.age
    private(set) var isPaused = false
    private(set) var showsHelp = false
    /// The first row shown of each section. What is beyond the end is put right when it is drawn (`settle`).
    private(set) var offsets: [TopSection: Int] = [:]

    func offset(of section: TopSection) -> Int { offsets[section] ?? 0 }

    /// - Parameter page: how many rows of the section in focus are visible.
    mutating func take(_ key: TopKey, page: Int) -> TopAction {
        if showsHelp { return takeInHelp(key) }
        switch key {
        case .letter("q"), .letter("Q"): return .leave
        case .letter("?"), .letter("h"): showsHelp = true
        case .letter("p"):
            isPaused.toggle()
            return isPaused ? .draw : .read
        case .letter(" "): return .read
        case .letter("s"): sort = TopState.next(sort, 1)
        case .letter("S"): sort = TopState.next(sort, -1)
        case .tab: focus = TopState.next(focus, 1)
        case .backTab: focus = TopState.next(focus, -1)
        case .up, .letter("k"): scroll(-1)
        case .down, .letter("j"): scroll(1)
        case .pageUp: scroll(-max(1, page - 1))
        case .pageDown: scroll(max(1, page - 1))
        case .home, .letter("g"): offsets[focus] = 0
        case .end, .letter("G"): offsets[focus] = .max
        case .letter, .escape: return .nothing
        }
        return .draw
    }

    private mutating func takeInHelp(_ key: TopKey) -> TopAction {
        if key == .letter("q") { return .leave }
        showsHelp = false
        return .draw
    }

    private mutating func scroll(_ rows: Int) {
        let (moved, overflow) = offset(of: focus).addingReportingOverflow(rows)
        offsets[focus] = overflow ? .max : max(0, moved)
    }

    /// Puts an offset right that leads past the last page.
    mutating func settle(_ section: TopSection, rows: Int, visible: Int) {
        offsets[section] = min(offset(of: section), max(0, rows - visible))
    }

    private static func next<Choice: CaseIterable & Equatable>(_ choice: Choice, _ step: Int) -> Choice {
        let all = Array(Choice.allCases)
        let index = all.firstIndex(of: choice) ?? 0
        return all[(index + step + all.count) % all.count]
    }
}
