// What is in a spool: how many jobs in each box, which are next, which ended lately. Read through once, whatever the
// size: names are counted as they come, and only as many as are to be shown are kept.

internal import Contract
internal import Linux
internal import Spool

/// A file of a box with the time that orders it.
struct BoxEntry: Equatable, Sendable {
    let file: FileName
    /// Nanoseconds since 1970.
    let time: Int64
}

/// A box that was read through.
struct BoxCount: Sendable {
    /// Jobs in it.
    private(set) var count = 0
    /// Whether there are more, which were not looked at.
    var isCut = false
    /// The first of them in the asked order, at most as many as were asked for.
    private(set) var kept: [BoxEntry] = []

    private let limit: Int
    private let oldestFirst: Bool

    init(keeping limit: Int, oldestFirst: Bool) {
        self.limit = limit
        self.oldestFirst = oldestFirst
    }

    mutating func add(_ entry: BoxEntry) {
        count += 1
        if kept.count == limit, let last = kept.last, !comes(entry, before: last) { return }
        let place = kept.firstIndex { comes(entry, before: $0) } ?? kept.count
        kept.insert(entry, at: place)
        if kept.count > limit { kept.removeLast() }
    }

    private func comes(_ one: BoxEntry, before other: BoxEntry) -> Bool {
        if one.time != other.time { return oldestFirst == (one.time < other.time) }
        return one.file.bytes.lexicographicallyPrecedes(other.file.bytes)
    }
}

extension SpoolReader {
    /// The requests of `incoming` or `processing` by their age, oldest first; at most `most` are looked at.
    func requests(in box: Box, keeping limit: Int, most: Int = .max) throws(SystemFailure) -> BoxCount {
        var count = BoxCount(keeping: limit, oldestFirst: true)
        count.isCut = try walk(box, most: most, Self.isRequest) { count.add($0) }
        return count
    }

    /// The results of `done` or `failed`, newest first; at most `most` are looked at. `seen` is told when each was
    /// written (nanoseconds since 1970).
    func results(
        in box: Box, keeping limit: Int, most: Int = .max, seen: (Int64) -> Void = { _ in }
    ) throws(SystemFailure) -> BoxCount {
        var count = BoxCount(keeping: limit, oldestFirst: false)
        let belongs = { (file: FileName) in
            file.bytes.first != UInt8(ascii: ".") && file.ends(in: ".result.json")
        }
        count.isCut = try walk(box, most: most, belongs) { entry in
            count.add(entry)
            seen(entry.time)
        }
        return count
    }

    private static func isRequest(_ file: FileName) -> Bool {
        if case .ignored = NameClass(file) { return false }
        return !file.ends(in: ".status.json")
    }

    /// The time of a request is that of its last move (ctime: mtime is the producer's to choose), of a result its
    /// writing.
    /// - Returns: whether there are more than `most`.
    private func walk(
        _ box: Box, most: Int, _ belongs: (FileName) -> Bool, _ body: (BoxEntry) -> Void
    ) throws(SystemFailure) -> Bool {
        let isResult = box == .done || box == .failed
        let folder = try self.box(box)
        let listing = try Listing(folder)
        var looked = 0
        while let file = try listing.next() {
            guard belongs(file) else { continue }
            if looked == most { return true }
            looked += 1
            // What is gone by now has moved on.
            guard let info = try folder.infoIfPresent(of: file) else { continue }
            body(BoxEntry(file: file, time: isResult ? info.modified : info.changed))
        }
        return false
    }
}

extension FileName {
    func ends(in suffix: String) -> Bool { bytes.suffix(suffix.utf8.count).elementsEqual(suffix.utf8) }

    /// Without `suffix`, for people: the name of the job whose file this is.
    func job(without suffix: String) -> String {
        ends(in: suffix) ? FileName(bytes: Array(bytes.dropLast(suffix.utf8.count))).description : description
    }
}
