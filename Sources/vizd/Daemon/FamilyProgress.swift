// How far a compound job is: a value, from how many of its parts have ended and how far the others are.

import Contract
import Ledger
import Spool

/// The progress of a job that was taken apart.
struct FamilyProgress: Sendable, Equatable {
    /// What its parts are called, for a person.
    let noun: String
    /// All of them.
    let total: Int
    private(set) var complete: Int
    private(set) var failed: Int
    /// Percent of those that are worked on.
    private(set) var underWay: [JobName: Int] = [:]

    /// With the parts as the journal has them.
    init(_ parts: RequestParts, _ rows: [JobRow]) {
        let noun =
            switch parts {
            case .batch: "outfits"
            case .views: "views"
            case .still: "still pictures"
            }
        let ended = rows.filter { !$0.phase.isOpen }
        let complete = ended.count { $0.outcome?.box == .done }
        self.init(noun: noun, total: rows.count, complete: complete, failed: ended.count - complete)
    }

    init(noun: String, total: Int, complete: Int = 0, failed: Int = 0) {
        (self.noun, self.total, self.complete, self.failed) = (noun, total, complete, failed)
    }

    /// A part has come so far.
    mutating func report(_ part: JobName, percent: Int) { underWay[part] = min(max(percent, 0), 100) }

    /// A part has ended.
    mutating func ended(_ part: JobName, isComplete: Bool) {
        underWay[part] = nil
        if isComplete { complete += 1 } else { failed += 1 }
    }

    /// Parts that have not ended.
    var left: Int { max(0, total - complete - failed) }

    /// The mean over all parts; 100 is for the result alone.
    var percent: Int {
        let sum = 100 * (complete + failed) + underWay.values.reduce(0, +)
        return min(99, sum / max(1, total))
    }

    /// `12 of 500 outfits done, 1 failed, 16 under way`.
    var message: String {
        let parts = [
            "\(complete) of \(total) \(noun) done", failed > 0 ? "\(failed) failed" : nil,
            underWay.isEmpty ? nil : "\(underWay.count) under way",
        ]
        return parts.compactMap(\.self).joined(separator: ", ")
    }

    /// Seconds left, where one part takes so many.
    func remaining(each seconds: Double) -> Double {
        let atOnce = max(1, underWay.count)
        return seconds * Double((left + atOnce - 1) / atOnce)
    }
}
