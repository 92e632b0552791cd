// Why a request still waits in incoming/: from facts, and from a real folder.

import Contract
import Linux
import Spool
import Testing

@testable import vizd

private let rules = WaitingRules(inFlight: 4, perUser: 2, minFree: 0, requestBytes: 1 << 20)

@Suite("Why a request waits")
struct WhyWaitingTests {
    private func why(_ change: (inout WhyWaiting.Facts) -> Void = { _ in }) -> WhyWaiting {
        var facts = WhyWaiting.Facts(
            isServed: true, floor: nil, inFlight: 0, inFlightOfUser: 0, ahead: 3, waiting: 9,
            arrived: Sample.now.nanoseconds)
        change(&facts)
        return WhyWaiting(facts, rules)
    }

    @Test("the first thing that is in the way is told, with the place in the line")
    func reasons() {
        let table: [(WhyWaiting, WaitReason, String)] = [
            (why(), .queue, "3 requests are before it"),
            (why { $0.ahead = 1 }, .queue, "one request is before it"),
            (why { $0.ahead = 0 }, .queue, "it is the next"),
            (why { $0.ahead = nil }, .queue, "9 requests wait, too many"),
            (why { $0.inFlight = 4 }, .inFlightLimit, "4 jobs are under way, and 4 is the most (limits.inFlight)"),
            (why { ($0.inFlight, $0.inFlightOfUser) = (4, 2) }, .userLimit, "2 is the most (limits.perUser)"),
            (why { ($0.floor, $0.inFlight) = ("/srv has 1 MiB free.", 4) }, .room, "/srv has 1 MiB free."),
            (why { ($0.isServed, $0.floor) = (false, "x") }, .noDaemon, "start one with `vizd run`"),
        ]
        for (why, reason, words) in table {
            #expect(why.waiting.reason == reason && why.waiting.since == Sample.now)
            #expect(why.sentence.contains(words), "\(why.sentence)")
        }
        #expect(why().waiting.ahead == 3)
    }

    private func deliver(_ name: String, user: String, priority: String = "normal", to spool: ScratchSpool) throws {
        let request = #"{"user_id":"\#(user)","outfit_id":"o","priority":"\#(priority)"}"#
        try spool.write(Array(request.utf8), "\(name).json", in: .incoming)
    }

    @Test("the place in the line follows priority and the users' turns")
    func place() throws {
        let spool = try ScratchSpool()
        for name in ["a1", "a2", "a3"] { try deliver(name, user: "a", to: spool) }
        try deliver("b1", user: "b", to: spool)
        try deliver("c1", user: "c", priority: "high", to: spool)
        try deliver("d1", user: "d", priority: "low", to: spool)
        let reader = try spool.reader()
        let places = try ["c1", "a1", "b1", "a2", "a3", "d1"].map { name in
            try reader.why(reference(name), arrived: 0, rules).waiting.ahead
        }
        #expect(places == [0, 1, 2, 3, 4, 5])
    }

    @Test("jobs of the same user in processing/ count, whoever else is at work")
    func limits() throws {
        let spool = try ScratchSpool()
        try deliver("a", user: "a", to: spool)
        for (name, user) in [("x", "a"), ("y", "b"), ("z", "a")] {
            try spool.write(Array(#"{"user_id":"\#(user)"}"#.utf8), "\(name).json", in: .processing)
        }
        let reader = try spool.reader()
        let why = try reader.why(reference("a"), arrived: 0, rules)
        // Nobody holds the lock of such a spool, which is what is told first.
        #expect(why.waiting.reason == .noDaemon && why.waiting.ahead == 0)
        #expect(why.sentence.contains("no vizd is at work"))
    }

    @Test("status says it to a person and to a program")
    func status() throws {
        let spool = try ScratchSpool()
        try spool.write(
            Array(#"{"user_id":"a","outfit_id":"o","not_after":"2030-01-01T00:00:00Z"}"#.utf8), "a.json", in: .incoming)
        let (reader, job) = (try spool.reader(), try reference("a"))
        let text = try JobStatus.text(of: job, in: reader, rules, json: false, now: WallClock.now())
        #expect(text.contains("it is the next") && text.contains("it expires at 2030-01-01T00:00:00.000Z"))
        let json = try JobStatus.text(of: job, in: reader, rules, json: true, now: WallClock.now())
        #expect(json.contains(#""waiting":{"for":"no_daemon","since":""#) && json.contains(#""ahead":0}"#))
    }
}
