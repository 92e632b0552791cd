// The loop's book of compound jobs, and how far they are: values.

import Contract
import Ledger
import Linux
import Spool
import Testing

@testable import vizd

@Suite("Compound jobs in the loop")
struct FamiliesTests {
    private let batch = JobName(job: "b")!
    private var families = Families()
    private var queue = Queue(capacity: 100, perUser: 100)

    private func family(_ parent: JobName, _ open: [Int], user: String = "big") -> Family {
        Family(parent: parent, user: user, priority: 1, arrival: 5, open: open, queued: 0.5)
    }

    private mutating func put(_ entry: QueueEntry?) {
        if let entry { #expect(queue.insert(entry) == .queued) }
    }

    /// Takes the next entry from the queue, as the loop does.
    private mutating func turn() -> Errand? {
        guard let job = queue.take()?.fileless else { return nil }
        let (errand, next) = families.taken(job)
        put(next)
        return errand
    }

    @Test("one part stands in the queue at a time, the next takes its place, and the whole comes when all have ended")
    mutating func inTurn() {
        put(families.begin(family(batch, [1, 3])))
        #expect(queue.count == 1 && families.behind == 1 && families.count == 1)
        #expect(turn() == .part(batch.part(1), since: 5))
        #expect(queue.count == 1 && families.behind == 0)
        #expect(turn() == .part(batch.part(3), since: 5))
        #expect(turn() == nil, "both are at work")
        put(families.ended(batch.part(3)))
        #expect(queue.isEmpty)
        put(families.ended(batch.part(1)))
        #expect(turn() == .whole(batch, queued: 0.5))
        #expect(families.ended(batch) == nil && families.count == 0)
    }

    @Test("a part that has parts of its own has ended when its whole has")
    mutating func nested() {
        put(families.begin(family(batch, [1])))
        let member = batch.part(1)
        #expect(turn() == .part(member, since: 5))
        put(families.begin(family(member, [1, 2])))
        #expect(turn() == .part(member.part(1), since: 5))
        #expect(turn() == .part(member.part(2), since: 5))
        put(families.ended(member.part(1)))
        put(families.ended(member.part(2)))
        #expect(turn() == .whole(member, queued: 0.5))
        put(families.ended(member))
        #expect(turn() == .whole(batch, queued: 0.5))
    }

    @Test("a batch of five hundred delays nobody's request: the others come in turn, whenever they arrive")
    mutating func fairness() {
        put(families.begin(family(batch, Array(1...500))))
        for _ in 0..<3 { _ = turn() }
        let request = QueueEntry(file: "single.json", user: "small", priority: 1, arrival: Arrival(time: 99))
        #expect(queue.insert(request) == .queued)
        var turns = 0
        while let entry = queue.take(), let job = entry.fileless {
            put(families.taken(job).next)
            turns += 1
        }
        #expect(turns <= 1, "the single request came after \(turns) parts")
        #expect(families.behind > 490)
    }

    @Test("what stands in the queue is known, for a queue that is made anew")
    mutating func anew() {
        put(families.begin(family(batch, [1, 2])))
        _ = turn()
        #expect(families.waiting.map(\.fileless) == [batch.part(2)])
        _ = turn()
        #expect(families.waiting.isEmpty)
        _ = families.ended(batch.part(1))
        _ = families.ended(batch.part(2))
        #expect(families.waiting.map(\.fileless) == [batch])
    }

    @Test("progress is the mean over the parts, and the message says how many are done, failed and under way")
    func progress() {
        var progress = FamilyProgress(noun: "outfits", total: 500, complete: 12, failed: 1)
        #expect(progress.percent == 2 && progress.message == "12 of 500 outfits done, 1 failed")
        for number in 1...16 { progress.report(batch.part(number), percent: 50) }
        #expect(progress.message == "12 of 500 outfits done, 1 failed, 16 under way")
        #expect(progress.percent == (1300 + 800) / 500 && progress.left == 487)
        #expect(progress.remaining(each: 10) == 310, "31 times sixteen at once")
        progress.ended(batch.part(1), isComplete: true)
        #expect(progress.message == "13 of 500 outfits done, 1 failed, 15 under way")
        var last = FamilyProgress(noun: "views", total: 1)
        last.ended(batch.part(1), isComplete: true)
        #expect(last.percent == 99 && last.left == 0 && last.message == "1 of 1 views done")
    }
}
