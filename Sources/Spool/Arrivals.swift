// When to look at a name in `incoming`, and when a file that does not parse has had its time.
//
// A value without clock or disk: it is told what was seen and what a look showed, and says what is due. A file that was
// renamed in, closed after writing or met by a scan is looked at at once; one that was only created (a link, or a
// writer that has just begun) after the settle time. A file that is not complete is looked at again until its size and
// time have stood still for the settle time, and is then handed on as it is. Bounded: a name that does not fit is
// dropped, and `overflowed` asks for a scan, which finds it again.

internal import HeapModule
package import Linux

/// How a name came to our notice.
package enum Sighting: String, Hashable, Sendable, CaseIterable {
    case movedTo, closedAfterWrite, created, attributes, scan
}

/// What tells whether a file was still being written between two looks.
package struct FileStamp: Hashable, Sendable {
    /// Which file it was.
    package let identity: FileIdentity
    /// Bytes.
    package let size: Int
    /// Last change of the content, nanoseconds since 1970.
    package let modified: Int64

    /// Takes the stamp of a file.
    package init(_ info: FileInfo) {
        self.init(identity: info.identity, size: info.size, modified: info.modified)
    }

    /// Makes a stamp from its parts.
    package init(identity: FileIdentity, size: Int, modified: Int64) {
        (self.identity, self.size, self.modified) = (identity, size, modified)
    }
}

/// What a look showed, as far as the settle rule asks.
package enum ArrivalLook: Hashable, Sendable {
    /// Nothing of that name any more.
    case gone
    /// Not a complete request, or not readable yet.
    case incomplete(FileStamp)
    /// A complete request, or something that waiting would not change.
    case complete
}

/// What to do with a name after a look.
package enum ArrivalVerdict: Hashable, Sendable {
    /// Nothing; it is gone.
    case forget
    /// Nothing yet; it becomes due again.
    case wait
    /// Put it in the queue. `settled` tells that it never became complete; `seen` is when an event first told of it,
    /// nil where a scan did.
    case handOn(settled: Bool, seen: Int64?)
}

/// The names in `incoming` that are to be looked at. Times are monotonic nanoseconds.
package struct Arrivals: Sendable {
    private struct Pending {
        var serial: UInt64
        /// When an event first told of it; nil where a scan did.
        var seen: Int64?
        var stamp: FileStamp?
        /// Since when the stamp has stood still.
        var since: Int64
        var due: Int64
    }

    private struct Due: Comparable {
        let time: Int64
        let serial: UInt64
        let name: FileName
        static func < (one: Due, other: Due) -> Bool {
            (one.time, one.serial) < (other.time, other.serial)
        }
    }

    private let settle: Int64
    private let capacity: Int
    private var pending: [FileName: Pending] = [:]
    private var agenda = Heap<Due>()
    private var serial: UInt64 = 0

    /// Whether a name was dropped for want of room since the last `takeOverflow`.
    package private(set) var overflowed = false

    /// - Parameters:
    ///   - settle: quiet time for files that do not parse, nanoseconds (`spool.settle`).
    ///   - capacity: the most names that wait for a look.
    package init(settle: Int64, capacity: Int = 65_536) {
        (self.settle, self.capacity) = (settle, capacity)
    }

    /// How many names wait for a look.
    package var count: Int { pending.count }

    /// When the next name is due; nil when none waits.
    package var nextDeadline: Int64? {
        mutating get {
            dropStale()
            return agenda.min?.time
        }
    }

    /// Tells whether names were dropped, once.
    package mutating func takeOverflow() -> Bool {
        defer { overflowed = false }
        return overflowed
    }

    /// A name was seen.
    package mutating func note(_ name: FileName, _ sighting: Sighting, at now: Int64) {
        let due = sighting == .created ? now + settle : now
        guard let known = pending[name] else {
            guard pending.count < capacity else {
                overflowed = true
                return
            }
            let seen = sighting == .scan ? nil : now
            pending[name] = Pending(serial: 0, seen: seen, stamp: nil, since: now, due: due)
            schedule(name, at: due)
            return
        }
        // A scan meets a name that waits for its quiet time again and again; that is no news.
        if sighting != .scan && due < known.due { schedule(name, at: due) }
    }

    /// A name is gone, taken or of no interest any more.
    package mutating func forget(_ name: FileName) { pending[name] = nil }

    /// The names whose time has come, at most `limit`. Each is to be answered with `looked`.
    package mutating func due(at now: Int64, limit: Int) -> [FileName] {
        var names: [FileName] = []
        while names.count < limit, let first = agenda.min, first.time <= now {
            agenda.removeMin()
            guard pending[first.name]?.serial == first.serial else { continue }
            pending[first.name]?.due = .max
            names.append(first.name)
        }
        return names
    }

    /// A look at a name showed this.
    package mutating func looked(_ name: FileName, _ look: ArrivalLook, at now: Int64) -> ArrivalVerdict {
        switch look {
        case .gone:
            forget(name)
            return .forget
        case .complete:
            let seen = pending[name]?.seen
            forget(name)
            return .handOn(settled: false, seen: seen)
        case .incomplete(let stamp):
            var known = pending[name] ?? Pending(serial: 0, seen: nil, stamp: nil, since: now, due: .max)
            if known.stamp == stamp && now - known.since >= settle {
                forget(name)
                return .handOn(settled: true, seen: known.seen)
            }
            if known.stamp != stamp { (known.stamp, known.since) = (stamp, now) }
            pending[name] = known
            schedule(name, at: known.since + settle)
            return .wait
        }
    }

    private mutating func schedule(_ name: FileName, at time: Int64) {
        serial += 1
        pending[name]?.serial = serial
        pending[name]?.due = time
        agenda.insert(Due(time: time, serial: serial, name: name))
        if agenda.count > 2 * pending.count + 1024 { compact() }
    }

    private mutating func dropStale() {
        while let first = agenda.min, pending[first.name]?.serial != first.serial { agenda.removeMin() }
    }

    /// Drops what was overtaken, so that a name that is touched for ever does not fill the agenda.
    private mutating func compact() {
        agenda = Heap(agenda.unordered.filter { pending[$0.name]?.serial == $0.serial })
    }
}
