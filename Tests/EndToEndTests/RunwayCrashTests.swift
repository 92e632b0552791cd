// vizd is killed, or told to stop, while money is out: what was ordered is fetched after the next start, what may have
// been ordered is never ordered again unless the configuration says so, and nothing is paid twice.

import Contract
import Ledger
import Linux
import RunwaySimulator
import TestSupport
import Testing

extension EndToEnd {
    @Suite("Runway and a vizd that ends")
    @Outside
    struct RunwayCrashes {
        @Test("kill -9 with a task out, in a download and before an answer: two are finished, one is an open question")
        func killed() throws {
            let place = try RunwaySite(held: true)
            place.spoilCreate("answerless", .createThenStall)
            place.spoilCreate("unanswered", .stall)
            let first = try place.ready(["VIZD_HTTP_STALL": "60"])
            for name in ["waiting", "fetching", "answerless", "unanswered"] { try place.order(name) }
            for name in ["waiting", "answerless"] { try place.awaitTask(name, first) }
            let fetching = try place.awaitTask("fetching", first)
            place.runway.inject(Injection(at: .download, matching: fetching.id, fault: .stallMidway))
            try awaitTaskInJournal("waiting", place, first)
            let waiting = place.tasks(of: "waiting")[0]
            place.runway.inject(
                Injection(at: .poll, count: Injection.forever, matching: waiting.id, fault: .status(503)))
            place.letTimePass()
            try first.await("all four to be where they are to be") { () -> Bool? in
                let books = place.runway.books
                let isFetching = books.tasks.contains { $0.id == fetching.id && $0.downloads == 1 }
                return isFetching && books.createsReceived == 4 ? true : nil
            }
            try first.kill()
            place.runway.clearFaults()
            let second = try place.ready()
            for (name, task) in [("waiting", waiting), ("fetching", fetching)] {
                #expect(try second.complete(name).making.taskID == task.id)
            }
            for name in ["answerless", "unanswered"] {
                let failure = try second.failed(name)
                #expect(failure.code == .submissionUnknown && !failure.retryable, "\(failure)")
            }
            #expect(place.runway.books.tasks.count == 3)
            try place.finish(second, ["waiting", "fetching", "answerless", "unanswered"])
        }

        @Test("with resubmit an order that a kill left without an answer is sent once more, and counted twice")
        func resubmitted() throws {
            let place = try RunwaySite()
            place.spoilCreate("again", .createThenStall)
            let settings = ["RUNWAY_ON_LOST_RESPONSE": "resubmit", "RUNWAY_RESUBMIT_AFTER": "0.5"]
            let first = try place.ready(settings)
            try place.order("again")
            try place.awaitTask("again", first)
            try first.kill()
            let second = try place.ready(settings)
            // Without a kill it is the same; and once more is all.
            place.spoilCreate("dropped", .createThenDrop)
            place.spoilCreate("twice", .createThenDrop, count: 2)
            for name in ["dropped", "twice"] { try place.order(name) }
            // The lost one counts at the price of the list, the other at what it cost.
            for name in ["again", "dropped"] {
                _ = try second.complete(name)
                let result = try place.result(name)
                #expect(
                    result?.cost.credits == 8 + 5 && result?.cost.uncertain == true,
                    "\(name): \(result?.cost as Any)")
                #expect(result?.attempts == 2 && place.tasks(of: name).count == 2)
            }
            #expect(try second.failed("twice").code == .submissionUnknown)
            #expect(place.tasks(of: "twice").count == 2)
            try place.finish(second, ["again", "dropped", "twice"])
        }

        @Test("told to stop with twenty tasks out vizd ends with 0 in 5 s, and the next start finishes all of them")
        func drained() throws {
            let place = try RunwaySite(held: true)
            let first = try place.ready()
            let names = (1...20).map { "job-\($0)" }
            for name in names { try place.order(name) }
            for name in names { try awaitTaskInJournal(name, place, first) }
            let began = MonotonicClock.now()
            #expect(try first.stop() == 0)
            #expect(MonotonicClock.now() - began < 5_000_000_000)
            #expect(try place.site.names("processing").sorted() == names.map { "\($0).json" }.sorted())
            place.letTimePass()
            let second = try place.ready()
            for name in names {
                #expect(try second.complete(name).making.taskID == place.tasks(of: name).first?.id)
            }
            let books = place.runway.books
            #expect(books.tasks.count == 20 && books.createsReceived == 20 && books.cancels == 0)
            try place.finish(second, names)
        }

        /// Waits until a job's task is durable in the journal.
        private func awaitTaskInJournal(_ name: String, _ place: RunwaySite, _ daemon: DaemonRun) throws {
            try daemon.await("the task of \(name) in the journal") { () -> Bool? in
                let journal = try JournalReader.open(path: "\(place.site.state)/vizd.sqlite")
                return try journal?.attempts(name).last?.taskID == nil ? nil : true
            }
        }
    }
}
