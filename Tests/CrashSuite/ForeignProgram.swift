// Another program that writes the same record: it reads it, counts a field of its own up, and writes the whole file
// anew, with the lock that is written down for this or without any. What it wrote must stand, whoever dies meanwhile.

internal import Contract
internal import Linux

/// One writer on a thread of its own, until it is ended.
final class ForeignProgram: Sendable {
    private struct State {
        var stops = false
        var isOver = false
        var rounds = 0
        var failure: String?
    }

    private let folder: String
    private let locks: Bool
    private let state = Monitor(State())
    /// It does something else in between; who writes more often than a disk syncs leaves nobody the time to write.
    private static let rest: Int64 = 15_000_000

    /// Begins to write.
    init(folder: String, locks: Bool) {
        (self.folder, self.locks) = (folder, locks)
        OwnedThread.spawn(name: "foreign") { [self] in
            var failure: String?
            do { while !state.look({ $0.stops }) { try write() } } catch { failure = "\(error)" }
            state.change { state in (state.failure, state.isOver) = (failure, true) }
        }
    }

    /// Ends it. Answers how often it wrote, and what stopped it before.
    func end() -> (rounds: Int, failure: String?) {
        state.change { $0.stops = true }
        _ = state.wait { $0.isOver ? true : nil }
        return state.look { ($0.rounds, $0.failure) }
    }

    private func write() throws {
        let directory = try Directory(path: folder)
        let lock = locks ? try FileLock.wait(directory.open(".saved_outfits.lock", .readWrite)) : nil
        let bytes = try directory.open("saved_outfits.json", .read).read(limit: 1 << 26)
        let rounds = state.look { $0.rounds } + 1
        let rest = bytes.drop { $0 != UInt8(ascii: ",") }
        try directory.publish(
            Array(#"{"foreign":\#(rounds)"#.utf8) + rest, as: "saved_outfits.json", temporary: ".foreign",
            durable: false)
        state.change { $0.rounds = rounds }
        try lock?.release()
        _ = state.wait(until: MonotonicClock.now() + Self.rest) { $0.stops ? true : nil }
    }
}
