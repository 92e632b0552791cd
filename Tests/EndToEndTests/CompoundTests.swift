// Compound requests on the spawned program: five hundred outfits in one file beside another user's request, views, a
// kill while parts are out, and what the commands say of it all.

import Contract
import Ledger
import Linux
import RunwaySimulator
import TestSupport
import Testing

extension EndToEnd {
    @Suite("Batches and views")
    @Outside
    struct Compounds {
        private static let count = 500

        /// A wardrobe with so many outfits of one garment each.
        private func dressed(_ count: Int) throws -> Site {
            let site = try Site(users: ["peichin", "ann"])
            let items = #"{"items":[{"name":"Tee","image_path":"items/black-t-shirt.png"}]}"#
            let saved = (1...count).map { #"{"id":"o-\#($0)","outfit_data":\#(items)}"# }
            try site.setRecord(Array(#"{"saved":[\#(saved.joined(separator: ","))]}"#.utf8))
            return site
        }

        private func batch(_ name: String, _ outfits: [String], more: String = "") -> String {
            let ids = outfits.map { #""\#($0)""# }.joined(separator: ",")
            let prompt = RunwaySite.mark(name)
            return #"{"user_id":"peichin","outfit_ids":[\#(ids)],"prompt":"\#(prompt)"\#(more)}"#
        }

        private func members(_ document: ResultDocument) -> [ResultDocument.Batch.Member] {
            switch document.outcome {
            case .batch(let batch): batch.members
            case .failed(let failure): failure.batch?.members ?? []
            case .complete, .removed, .profile: []
            }
        }

        @Test("five hundred outfits in one file: killed with parts out, and another user's later request does not wait")
        func fiveHundred() throws {
            let site = try dressed(Self.count)
            let place = try RunwaySite(at: site, held: true) { configuration in
                configuration.limits.daily = 10_000
                configuration.duration = 0.02...0.02
            }
            let settings = [
                "RUNWAY_RATIO": "720:720", "VIZD_LIMITS_PER_USER": "16", "VIZD_LIMITS_IN_FLIGHT": "20",
            ]
            let first = try place.ready(settings)
            try site.deliver(batch("big", (1...Self.count).map { "o-\($0)" }), as: "big.json")
            for number in 1...16 { try awaitTask("big.00\(number < 10 ? "0" : "")\(number)", place, first) }
            let single =
                #"{"user_id":"ann","outfit_id":"\#(Fixture.outfit(2))","prompt":"\#(RunwaySite.mark("single"))"}"#
            try site.deliver(single, as: "single.json")
            try awaitTask("single", place, first)
            #expect(try place.status(of: "big")?.message == "0 of 500 outfits done, 16 under way")
            try first.kill()
            let second = try place.ready(settings)
            place.letTimePass()
            _ = try second.complete("single")
            for ended in stride(from: 25, through: Self.count, by: 25) {
                try second.await("\(ended) outfits") { try site.names("done").count >= ended ? true : nil }
            }
            let members = members(try ResultDocument.decode(try second.result("big", in: "done")))
            let outfits = (1...Self.count).map { "o-\($0)" }
            #expect(members.map(\.outfitID) == outfits)
            #expect(members.allSatisfy { $0.isComplete })
            // The line of a job is written when its result is there already.
            let order = try second.await("a line for each") { () -> [String]? in
                let order = try second.lines(of: "job.complete").compactMap { $0["job"] }
                return order.count == Self.count + 2 ? order : nil
            }
            let turn = try #require(order.firstIndex(of: "single"))
            #expect(turn < 50, "the single request came after \(turn) of the batch's")
            #expect(order.last == "big")
            // No task was bought twice, the sixteen and the one that were out when it was killed neither.
            #expect(place.runway.books.tasks.count == Self.count + 1)
            try place.finish(second, ["big", "single"])
        }

        @Test("what failed of a batch is named; a batch that failed is retried by its name, and only what failed of it")
        func partly() throws {
            let site = try dressed(3)
            let place = try RunwaySite(at: site)
            let daemon = try place.ready(["RUNWAY_RATIO": "720:720"])
            try site.deliver(batch("some", ["o-1", "nowhere", "o-3"]), as: "some.json")
            let some = members(try ResultDocument.decode(try daemon.result("some", in: "done")))
            #expect(some.map(\.isComplete) == [true, false, true])
            #expect(try place.result("some.0002")?.failure == .outfitNotFound)
            place.spoilCreate("none", .status(400), count: 2)
            try site.deliver(batch("none", ["o-1", "o-2"]), as: "none.json")
            #expect(try daemon.failed("none").code == .providerRejected)
            let refusal = try site.command("retry", "none.0001")
            #expect(refusal.status == 66 && refusal.errors.contains("vizd retry none"))
            #expect(try site.command("retry", "none").status == 0)
            let again = members(try ResultDocument.decode(try daemon.result("none", in: "done")))
            #expect(again.count == 2 && again.allSatisfy { $0.isComplete })
            let waited = try site.command("wait", "some")
            #expect(waited.status == 0 && waited.errors.contains("2 of 3 outfits"))
            #expect(waited.errors.contains("some.0002 (outfit nowhere) failed"))
            #expect(try site.command("wait", "some.0002").status == 1)
            #expect(try site.command("status", "some.0003").output.contains("complete"))
            #expect(try site.command("wait", "some.0009").status == 66)
            try place.finish(daemon, ["some", "none"])
        }

        @Test("views are orders of their own, stored and recorded under their names; one that fails is named")
        func views() throws {
            let place = try RunwaySite()
            place.runway.inject(Injection(at: .create, matching: "from behind", fault: .status(400)))
            let daemon = try place.ready(["RUNWAY_RATIO": "720:720"])
            let list =
                #"[{"name":"front"},{"name":"side","ratio":"720:960","seed":7},{"name":"back","prompt":"from behind"}]"#
            try place.order("views", more: #""views":\#(list)"#)
            try place.order("one", more: #""views":[{"name":"only"}]"#)
            let document = try daemon.landed("views")
            guard case .complete(_, let made) = document.outcome else { throw Overdue(description: "\(document)") }
            #expect(made.map(\.name) == ["front", "side"])
            #expect(made[1].picture.making.ratio == "720:960" && made[1].picture.making.seed == 7)
            #expect(document.failedViews.map(\.name) == ["back"])
            #expect(document.failedViews[0].failure.code == .providerRejected && document.attempts == 3)
            #expect(place.tasks(of: "views").count == 2)
            guard case .complete(_, let one) = try daemon.landed("one").outcome else {
                throw Overdue(description: "one view failed")
            }
            #expect(one.map(\.name) == ["only"])
            let record = String(decoding: try place.site.record(), as: UTF8.self)
            for view in ["front", "side", "only"] { #expect(record.contains("views/\(Fixture.outfit(2))/\(view).jpg")) }
            #expect(!record.contains("/back.jpg"))
            let waited = try place.site.command("wait", "views")
            #expect(waited.output.split(separator: "\n").count == 2 && waited.errors.contains("The view back failed"))
            try place.finish(daemon, ["views", "one"])
        }

        /// Waits until a job's task is durable in the journal.
        private func awaitTask(_ name: String, _ place: RunwaySite, _ daemon: DaemonRun) throws {
            try daemon.await("the task of \(name) in the journal") { () -> Bool? in
                let journal = try JournalReader.open(path: "\(place.site.state)/vizd.sqlite")
                return try journal?.attempts(name).last?.taskID == nil ? nil : true
            }
        }
    }
}

extension ResultDocument {
    /// The code of a failed one.
    fileprivate var failure: ResultCode? {
        if case .failed(let failure) = outcome { failure.code } else { nil }
    }
}
