// `NAME.cancel` in `incoming`: somebody's durable wish that the job NAME end. Only the name counts, never the content.
//
// A wish is never taken for a request. Its file stays where it is until the job has landed or was found not to be
// there, so that a crash forgets nothing: the next scan finds it again. What does not fit into the bounded line is not
// lost either; a scan brings it back once there is room.

internal import DequeModule
package import Linux

/// One wish, by the name of its file.
package struct CancelWish: Hashable, Sendable {
    /// `NAME.cancel`.
    package let file: FileName
    /// Whose end is wished for: a job, or a part of one (`NAME.0003`).
    package let target: LandingName
    /// The job's own name; nil where a part is meant.
    package let job: JobName?

    /// Reads a name in `incoming`; nil for one that can be no job's.
    package init?(_ file: FileName) {
        let ending = JobFiles.cancel
        guard file.bytes.first != 0x2E, file.bytes.suffix(ending.count).elementsEqual(ending),
            let text = String(validating: file.bytes.dropLast(ending.count), as: UTF8.self)
        else { return nil }
        self.file = file
        if let job = JobName(text) {
            (self.job, target) = (job, job.landing)
        } else if let part = JobName(job: text), let number = part.number, number > 0 {
            (job, target) = (nil, part.landing)
        } else {
            return nil
        }
    }
}

extension LandingName {
    /// `NAME.cancel`.
    package var cancelFile: FileName { FileName(bytes: Array(text.utf8) + JobFiles.cancel) }
}

/// The wishes that were seen and not looked at yet: a bounded line, a value.
package struct CancelWishes: Sendable {
    private let capacity: Int
    private var line = Deque<CancelWish>()
    private var known: Set<FileName> = []
    private var overflowed = false

    /// - Parameter capacity: the most wishes in the line.
    package init(capacity: Int = 1024) { self.capacity = capacity }

    /// How many wait to be looked at.
    package var count: Int { line.count }

    /// A wish was seen, perhaps not for the first time.
    package mutating func note(_ wish: CancelWish) {
        if known.contains(wish.file) { return }
        guard line.count < capacity else {
            overflowed = true
            return
        }
        known.insert(wish.file)
        line.append(wish)
    }

    /// The next ones, at most `limit`. Each may be seen again from now on: looking at it twice does no harm.
    package mutating func take(_ limit: Int) -> [CancelWish] {
        let taken = Array(line.prefix(max(0, limit)))
        line.removeFirst(taken.count)
        for wish in taken { known.remove(wish.file) }
        return taken
    }

    /// Whether a scan is wanted because there is room again for what was turned away. Tells it once.
    package mutating func takeRescanWish() -> Bool {
        guard overflowed, line.count <= capacity / 2 else { return false }
        overflowed = false
        return true
    }
}

extension Spool {
    /// What lies in `incoming` of a wish and of the request that it is about; each is nil where there is none.
    package func waiting(_ wish: CancelWish) throws(SpoolFatal) -> (wish: FileInfo?, request: FileInfo?) {
        do throws(SystemFailure) {
            let request = try wish.job.map { job throws(SystemFailure) in
                try self[.incoming].infoIfPresent(of: job.requestFile)
            }
            return (try self[.incoming].infoIfPresent(of: wish.file), request ?? nil)
        } catch {
            throw SpoolFatal("look at the wish \(wish.file)", error)
        }
    }

    /// Removes a wish that is fulfilled or came to nothing, durably: it must not come back for a later run of its job.
    /// - Returns: false for what cannot be removed (a folder of that name).
    package func remove(_ wish: CancelWish) throws(SpoolFatal) -> Bool {
        do throws(SystemFailure) {
            guard try self[.incoming].unlinkIfPresent(wish.file) else { return true }
            try self[.incoming].sync()
            return true
        } catch let error where error.errno.isFull {
            // It is gone; after a power cut it may be found again, and is then too late.
            return true
        } catch let error where error.concernsOneFile {
            return false
        } catch {
            throw SpoolFatal("remove the wish \(wish.file)", error)
        }
    }
}
