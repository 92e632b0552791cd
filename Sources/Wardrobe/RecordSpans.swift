// Where the large objects and arrays of a record end, noted while its grammar is checked.
//
// Only those of the upper levels are kept, and only if they have some length: so there is at most one entry of eight
// bytes for each sixteen bytes of the record, whatever stands in it. All others are short, or within one that is
// passed over as a whole, and their ends are looked for when they are asked for.

struct RecordSpans {
    private struct Span {
        let start: UInt32
        var end: UInt32
    }

    /// Levels of which ends are kept; the record's own value is the first.
    private static let levels = 4
    /// Bytes of the shortest that is kept.
    private static let shortest = 64

    /// In the order in which they start.
    private var spans: [Span] = []
    /// The places in `spans` of those that are open, from the outside in.
    private var open: [Int] = []

    /// An object or array starts here, on that level (from 1).
    mutating func open(at start: Int, level: Int) {
        // A record of four gigabytes is never read; its places would not fit.
        guard level <= Self.levels, let start = UInt32(exactly: start) else { return }
        open.append(spans.count)
        spans.append(Span(start: start, end: 0))
    }

    /// The innermost one has ended right before `end`.
    mutating func close(at end: Int, level: Int) {
        guard level <= Self.levels, open.count == level, let place = open.popLast() else { return }
        if let end = UInt32(exactly: end), end - spans[place].start >= Self.shortest {
            spans[place].end = end
        } else {
            // What is within it is shorter still and gone already.
            spans.removeSubrange(place...)
        }
    }

    /// Where the one that starts here ends; nil where that was not kept.
    func end(of start: Int) -> Int? {
        var (low, high) = (0, spans.count)
        while low < high {
            let middle = (low + high) / 2
            if Int(spans[middle].start) < start { low = middle + 1 } else { high = middle }
        }
        guard low < spans.count, Int(spans[low].start) == start else { return nil }
        return Int(spans[low].end)
    }
}
