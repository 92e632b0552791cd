// The disk's room: what is held back for jobs under way, when nothing new may begin, and the waiting while it is full.
//
// A full disk is a pause: whoever meets ENOSPC waits here and tries again. The first to wait gives up what was held
// back, so that jobs which were paid for can still end.

import Linux
import Logging
import Spool
import Synchronization

/// A file system that vizd writes to.
struct FileSystemRoom {
    let folder: Directory
    let reserve: Reserve
}

/// Watches the room on every file system that vizd writes to.
final class Room: Sendable {
    private let places: [FileSystemRoom]
    private let floor: DiskFloor
    private let log: Logger
    /// How long to wait before a full disk is tried again, nanoseconds.
    private let interval: Int64
    private let pause: @Sendable (Int64) async -> Void
    private let pool: BlockingPool
    /// Monotonic nanoseconds.
    private let clock: @Sendable () -> Int64
    /// When it was last said that jobs wait, monotonic nanoseconds.
    private let said = Mutex<Int64?>(nil)
    /// A line in the log this often while jobs wait.
    private static let reminder: Int64 = 60_000_000_000

    /// `places` has one entry for each file system, the spool's first.
    init(
        places: [FileSystemRoom], floor: DiskFloor, interval: Int64, pool: BlockingPool, log: Logger,
        clock: @escaping @Sendable () -> Int64, pause: @escaping @Sendable (Int64) async -> Void
    ) {
        (self.places, self.clock) = (places, clock)
        (self.floor, self.interval, self.log, self.pause, self.pool) = (floor, interval, log, pause, pool)
    }

    /// What is held back on the first file system, the spool's: landing gives it up by itself.
    var spoolReserve: Reserve { places[0].reserve }

    /// How much room there is, on each file system. One that cannot be asked is left out: whoever writes there next
    /// says what is wrong.
    func readings() -> [DiskReading] {
        places.compactMap { place in
            do throws(SystemFailure) {
                let space = try place.folder.space()
                return DiskReading(
                    folder: place.folder.path, bytesFree: space.bytesFree, inodesFree: space.inodesFree,
                    isReadOnly: space.isReadOnly)
            } catch {
                log.debug("disk.unread", metadata: ["folder": "\(place.folder.path)", "reason": "\(error)"])
                return nil
            }
        }
    }

    /// Why nothing may be claimed now; nil when there is room everywhere. Takes back what had been given up.
    func obstacle() throws(SpoolFatal) -> String? {
        for place in places {
            if let sentence = try floor.obstacle(in: place.folder) { return sentence }
        }
        for place in places { _ = try place.reserve.restore(above: floor) }
        return nil
    }

    /// Waits a while for room, for a step that found none.
    func wait(_ reason: String) async {
        let now = clock()
        let isNews = said.withLock { said in
            if let last = said, now - last < Room.reminder { return false }
            said = now
            return true
        }
        if isNews {
            log.warning(
                "disk.full", metadata: ["reason": "\(reason)", "next": "jobs wait and go on when there is room"])
        }
        // What was held back is for those who are under way; the next try comes at once.
        if await pool.run({ self.givesUpReserve() }) { return }
        await pause(interval)
    }

    /// What is in the way of buying anything: less room than must be there before. A disk that cannot even be asked is
    /// not waited for: the next step on it says what is wrong.
    func floor(_ job: String) async -> String? {
        guard let sentence = await pool.run({ self.floorObstacle() }) else { return nil }
        log.notice("order.paused", metadata: ["job": "\(job)", "reason": "\(sentence)"])
        return sentence
    }

    private func floorObstacle() -> String? {
        for place in places {
            do throws(SpoolFatal) {
                if let sentence = try floor.obstacle(in: place.folder) { return sentence }
            } catch {
                log.error("disk.floor", metadata: ["reason": "\(error)"])
            }
        }
        return nil
    }

    private func givesUpReserve() -> Bool {
        for place in places {
            do throws(SpoolFatal) {
                if try place.reserve.release() { return true }
            } catch {
                log.error("disk.reserve", metadata: ["reason": "\(error)"])
            }
        }
        return false
    }
}
