// One job at a time puts down what becomes of an outfit: its picture and its record, or the end of both.
//
// A picture that is stored and then recorded, and a removal that clears the record and then removes the picture, must
// not run into each other: the record would name a picture that is gone. So each has the outfit's turn from its first
// step to its last, in the order of their coming, and the later one stands. Of one process; two that share a wardrobe
// know nothing of each other.

internal import DequeModule
internal import Synchronization
internal import Wardrobe

final class OutfitTurns: Sendable {
    struct Place: Hashable, Sendable {
        let user: UserID
        let outfit: OutfitID
    }

    /// Who waits at each place where somebody is.
    private let waiting = Mutex<[Place: Deque<CheckedContinuation<Void, Never>>]>([:])

    /// Takes the turn, when it is free.
    func enter(_ place: Place) async {
        await withCheckedContinuation { continuation in
            let isIn = waiting.withLock { waiting in
                if waiting[place] == nil {
                    waiting[place] = []
                    return true
                }
                waiting[place]?.append(continuation)
                return false
            }
            if isIn { continuation.resume() }
        }
    }

    /// Gives the turn to the next in line, if there is one.
    func leave(_ place: Place) {
        let next = waiting.withLock { waiting in
            let next = waiting[place]?.popFirst()
            if next == nil { waiting[place] = nil }
            return next
        }
        next?.resume()
    }

    /// Places where somebody is.
    var placeCount: Int { waiting.withLock { $0.count } }
}
