// When somebody has to be looked at again: one moment for each transfer, the earliest first.
//
// A value without a clock. A transfer that has ended leaves its moment behind; it is dropped when it comes up, or with
// all of its kind when they are the most of what is kept.

internal import HeapModule

/// The moments of all transfers under way, in nanoseconds of the monotonic clock.
struct Deadlines {
    private struct Moment: Comparable {
        let time: Int64
        let id: TransferID

        static func < (one: Moment, other: Moment) -> Bool { (one.time, one.id) < (other.time, other.id) }
    }

    private var heap = Heap<Moment>()
    /// The moment that counts for each transfer.
    private var current: [TransferID: Int64] = [:]

    /// Moments that are kept, the outdated ones included.
    var footprint: Int { heap.count }

    /// Sets a transfer's moment in place of any earlier one.
    mutating func set(_ id: TransferID, _ time: Int64) {
        guard current.updateValue(time, forKey: id) != time else { return }
        heap.insert(Moment(time: time, id: id))
        if heap.count > 2 * current.count + 64 {
            heap = Heap(current.map { Moment(time: $0.value, id: $0.key) })
        }
    }

    /// Forgets a transfer.
    mutating func remove(_ id: TransferID) { current[id] = nil }

    /// The earliest moment.
    mutating func next() -> Int64? {
        while let first = heap.min {
            if current[first.id] == first.time { return first.time }
            heap.removeMin()
        }
        return nil
    }

    /// Takes the transfers whose moment has come; each needs a new one.
    mutating func take(until now: Int64) -> [TransferID] {
        var due: [TransferID] = []
        while let time = next(), time <= now {
            let id = heap.removeMin().id
            current[id] = nil
            due.append(id)
        }
        return due
    }
}
