// Requests that need no order, and the user's own photo, with the built program and the simulated Runway.

import Contract
import Foundation
import Linux
import RunwaySimulator
import TestSupport
import Testing

extension EndToEnd {
    @Suite("Runway, spared and shown a person")
    @Outside
    struct RunwayReuse {
        @Test(
            "the same outfit again costs nothing, also after a kill -9; regenerate and a changed photo cost a picture")
        func spared() throws {
            let place = try RunwaySite()
            func send(_ name: String, _ more: String = "") throws {
                try place.site.deliver(Fixture.request(2, more: more), as: "\(name).json")
            }
            let first = try place.ready()
            try send("first")
            let made = try first.complete("first")
            #expect(!made.making.reused)
            try send("second")
            let again = try first.complete("second")
            let result = try #require(try place.result("second"))
            #expect(again.making.reused && again.image == made.image && again.imageURL == made.imageURL)
            #expect(result.cost.usd == 0 && !result.cost.uncertain && result.attempts == 0)
            try first.kill()
            let second = try place.ready()
            try send("third")
            #expect(try second.complete("third").making.reused)
            #expect(place.runway.books.createsReceived == 1)
            try send("fourth", #""regenerate":true"#)
            #expect(try !second.complete("fourth").making.reused)
            let items = "\(place.site.wardrobe)/peichin/items"
            try FileManager.default.removeItem(atPath: "\(items)/black-t-shirt.png")
            try FileManager.default.copyItem(
                atPath: "\(items)/red-winter-hat.png", toPath: "\(items)/black-t-shirt.png")
            try send("fifth")
            #expect(try !second.complete("fifth").making.reused)
            #expect(place.runway.books.createsReceived == 3)
            let record = String(decoding: try place.site.record(), as: UTF8.self)
            for (name, count) in ["first": 1, "second": 0, "third": 0, "fourth": 1, "fifth": 1] {
                #expect(record.ranges(of: "\"job_id\": \"\(name)\"").count == count, "\(name)")
            }
            let complete = try second.stop()
            #expect(complete == 0)
        }

        @Test("the user's photo goes as @person beside sheets of the garments, and one that is missing costs nothing")
        func person() throws {
            let place = try RunwaySite()
            let daemon = try place.ready()
            try place.order("me", outfit: Fixture.outfit(4), more: #""person_image":"items/mittens.jpg""#)
            let making = try daemon.complete("me").making
            let task = try #require(place.tasks(of: "me").first)
            #expect(task.tags.count == 3 && task.tags.last == "person" && making.references == 3)
            #expect(task.prompt.contains("the person in @person"))
            try place.order("nobody", more: #""person_image":"items/nobody.jpg""#)
            let failure = try daemon.failed("nobody")
            #expect(failure.code == .garmentUnreadable && failure.details.map(\.path) == ["person_image"])
            #expect(place.runway.books.createsReceived == 1)
            try place.finish(daemon, ["me", "nobody"])
        }
    }
}
