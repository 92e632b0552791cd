// What a gallery shows: the latest results of `done/` and `failed/`, read as `list` reads them, newest first.

internal import Contract
internal import Linux
internal import Spool

struct GalleryCollection: Sendable {
    /// The most results that are read to find those that are wanted.
    static let readMost = 5000

    var entries: [GalleryEntry] = []
    /// What is left out and why, a sentence each.
    var notes: [String] = []

    init(entries: [GalleryEntry] = [], notes: [String] = []) { (self.entries, self.notes) = (entries, notes) }

    /// - Throws: where none of the folders may be read.
    init(of spool: SpoolReader, _ filter: GalleryFilter, readMost: Int = readMost) throws(SystemFailure) {
        // A view that failed beside others is told in a result of done/.
        let boxes: [Box] = filter.state == .complete ? [.done] : [.done, .failed]
        var found: [(box: Box, entry: BoxEntry)] = []
        var total = 0
        var denied: SystemFailure?
        var isRead = false
        for box in boxes {
            do throws(SystemFailure) {
                let count = try spool.results(in: box, keeping: readMost)
                found += count.kept.map { (box, $0) }
                total += count.count
                isRead = true
            } catch  where [.accessDenied, .notFound].contains(error.errno) {
                denied = error
                notes.append("\(box.rawValue)/ cannot be read (\(error.errno.text)): its jobs are not here.")
            }
        }
        if !isRead, let denied { throw denied }
        found.sort { $0.entry.time > $1.entry.time }
        try read(found, total, spool, filter, readMost)
    }

    private mutating func read(
        _ found: [(box: Box, entry: BoxEntry)], _ total: Int, _ spool: SpoolReader, _ filter: GalleryFilter,
        _ readMost: Int
    ) throws(SystemFailure) {
        var (looked, strange, others, more) = (0, 0, 0, false)
        for (box, entry) in found {
            if let since = filter.since, entry.time < since { break }
            if entries.count >= filter.limit || looked == readMost {
                more = true
                break
            }
            looked += 1
            guard let bytes = try spool.readIfReadable(entry.file, in: box) else { continue }
            do throws(DocumentFault) {
                let cards = GalleryEntry.entries(try ResultDocument.decode(bytes))
                if cards.isEmpty { others += 1 }
                entries += cards.filter(filter.admits)
            } catch {
                strange += 1
            }
        }
        more = more || entries.count > filter.limit || total > found.count
        entries = Array(entries.prefix(filter.limit))
        if more {
            notes.append(
                looked == readMost
                    ? "Only the latest \(readMost) results were looked through."
                    : "There is more: these are the latest \(entries.count) (--limit).")
        }
        if others > 0 {
            notes.append(
                "Left out: \(others) batches, deletes and profile changes, which have no picture of their own.")
        }
        if strange > 0 { notes.append("Left out: \(strange) results that this version of vizd cannot read.") }
    }
}
