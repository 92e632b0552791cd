// Who waits for a user's record: one line a user, served by one at a time, many items in one go.
//
// A value. `add` says whether somebody has to begin serving the line; `take` hands out what has gathered meanwhile and
// ends the service when nothing has. So fifty updates that arrive during one rewrite become one more rewrite.

struct UserLines<Item> {
    private var lines: [UserID: [Item]] = [:]

    /// Whether no line is being served.
    var isEmpty: Bool { lines.isEmpty }

    /// Puts an item at the end of a user's line. True if the caller has to serve the line from now on.
    mutating func add(_ item: Item, for user: UserID) -> Bool {
        let isNew = lines[user] == nil
        lines[user, default: []].append(item)
        return isNew
    }

    /// Up to `limit` items from the front; none when the line is empty, and then its service has ended.
    mutating func take(upTo limit: Int, for user: UserID) -> [Item] {
        guard let line = lines[user], !line.isEmpty else {
            lines[user] = nil
            return []
        }
        lines[user] = Array(line.dropFirst(limit))
        return Array(line.prefix(limit))
    }
}

/// What was changed in a user's record lately, to be looked after: a writer that knows no lock may have read the file
/// before and write over it after. Each change is looked at twice, and twice more after each repair, up to six times in
/// all. A `Mark` tells a record's text without reading it: a file's identity and times, an object's ETag.
struct RecentChanges<Mark: Hashable & Sendable>: Sendable {
    private struct Entry: Sendable {
        let change: RecordChange
        var looks = 2
        var looksInAll = 6
    }

    private var entries: [Entry] = []
    /// The record as the last rewrite left it; while it is this one, unchanged, everything is in it.
    private(set) var left: Mark?

    var isEmpty: Bool { entries.isEmpty }

    var changes: [RecordChange] { entries.map(\.change) }

    /// The record was rewritten with these and those from before, and had to be `changed` for that or not.
    mutating func wrote(_ changes: [RecordChange], changed: Bool, leaving mark: Mark?) {
        left = mark
        if changed { for index in entries.indices { entries[index].looks = 2 } }
        for change in changes { add(change) }
        // No more than a record keeps: what fell off its end must not be put in again.
        var kept = 0
        var pictures = 0
        for entry in entries.reversed() {
            pictures += entry.change.pictureCount
            if pictures > RecordEditor.history { break }
            kept += 1
        }
        entries.removeFirst(entries.count - kept)
    }

    private mutating func add(_ change: RecordChange) {
        var change = change
        var kept: [Entry] = []
        for entry in entries {
            if let both = change.replacing(entry.change) { change = both } else { kept.append(entry) }
        }
        entries = change.isIdle ? kept : kept + [Entry(change: change)]
    }

    /// A look has been taken at all of them.
    mutating func looked() {
        for index in entries.indices {
            entries[index].looks -= 1
            entries[index].looksInAll -= 1
        }
        entries.removeAll { $0.looks == 0 || $0.looksInAll == 0 }
    }
}
