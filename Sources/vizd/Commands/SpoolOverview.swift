// What `status` says of the spool as a whole.

internal import Contract
internal import Linux
internal import Spool

struct SpoolOverview {
    /// A box's count, or why it cannot be told.
    enum Count: Equatable {
        case jobs(Int)
        case unreadable(String)
    }

    let path: String
    /// What the daemon that holds the spool's lock says of itself; nil when none does.
    let daemon: String?
    let counts: [(box: Box, count: Count)]
    /// Nanoseconds; nil when nothing waits.
    let oldestWait: Int64?

    init(path: String, daemon: String?, counts: [(box: Box, count: Count)], oldestWait: Int64?) {
        self.path = path
        self.daemon = daemon
        self.counts = counts
        self.oldestWait = oldestWait
    }

    init(of spool: SpoolReader, now: Int64) throws(SystemFailure) {
        var oldest: Int64?
        var counts: [(box: Box, count: Count)] = []
        for box in [Box.incoming, .processing, .done, .failed] {
            do throws(SystemFailure) {
                let isResult = box == .done || box == .failed
                let found = try isResult ? spool.results(in: box, keeping: 1) : spool.requests(in: box, keeping: 1)
                if box == .incoming { oldest = found.kept.first.map { now - $0.time } }
                counts.append((box, .jobs(found.count)))
            } catch {
                counts.append((box, .unreadable(error.errno.text)))
            }
        }
        self.init(path: spool.path, daemon: try spool.daemon(), counts: counts, oldestWait: oldest)
    }

    var text: String {
        let state = daemon.map { "at work (\($0))" } ?? "not running on this spool; start one with `vizd run`"
        let lines = counts.map { box, count in
            let waits = box == .incoming ? oldestWait.map { ", the oldest for \(Age.text($0))" } ?? "" : ""
            return "\(padded(box.rawValue))\(words(count))\(waits)\n"
        }
        return "\(padded("spool"))\(shown(path))\n\(padded("vizd"))\(state)\n" + lines.joined()
    }

    /// One object in one line.
    var json: String {
        var writer = JSONWriter()
        writer.beginObject()
        writer.member("spool", path)
        writer.member("running", daemon != nil)
        for (box, count) in counts {
            if case .jobs(let number) = count {
                writer.member(box.rawValue, number)
            } else {
                writer.member(box.rawValue, nil as Int?)
            }
        }
        writer.member("oldest_wait_seconds", oldestWait.map { Int(max(0, $0) / 1_000_000_000) })
        writer.endObject()
        return String(decoding: writer.bytes, as: UTF8.self) + "\n"
    }

    private func words(_ count: Count) -> String {
        switch count {
        case .jobs(let number): "\(number)"
        case .unreadable(let why): "cannot be read: \(why)"
        }
    }

    private func padded(_ word: String) -> String { word + String(repeating: " ", count: max(1, 12 - word.count)) }
}
