// Films from the spawned program: a stored still becomes a film beside it, one that comes broken is fetched again, and
// what it costs is what Runway's books say.

import Contract
import Foundation
import Linux
import RunwaySimulator
import TestSupport
import Testing

extension EndToEnd {
    @Suite("Films from Runway")
    @Outside
    struct RunwayFilms {
        private static let film = #""kind":"video""#

        /// A place where the outfit's picture is stored already.
        private static func place(held: Bool = false, edge: Int = 300) throws -> RunwaySite {
            let place = try RunwaySite(held: held)
            let folder = "\(place.site.wardrobe)/peichin/items/visualizations"
            try Host.makeDirectories(folder)
            let picture = NoisePicture.png(edge: edge, seed: 3)
            try Data(picture).write(to: URL(filePath: "\(folder)/\(Fixture.outfit(2)).jpg"))
            return place
        }

        @Test("a film of a stored picture is ordered by the second, stored beside it, and the record keeps its still")
        func whole() throws {
            let place = try Self.place()
            let daemon = try place.ready(["RUNWAY_VIDEO_DURATION": "4"])
            try place.order("film", more: Self.film)
            let made = try daemon.complete("film")
            let task = try #require(place.tasks(of: "film").first)
            #expect(task.model == "gen4_turbo" && task.ratio == "960:960" && task.references.count == 1)
            #expect(task.prompt == made.making.prompt && task.billed == 20)
            #expect(try place.result("film")?.cost == ResultDocument.Cost(credits: 20, usd: 0.2))
            #expect(made.image.contentType == "video/mp4" && made.image.duration == 4)
            #expect(made.image.width == 960 && made.image.height == 960)
            guard case .local(let path) = made.storage else { throw Overdue(description: "it is stored nowhere") }
            #expect(path.hasSuffix("/peichin/items/visualizations/\(Fixture.outfit(2)).mp4"))
            let bytes = try Host.readFile(path, limit: 1 << 26)
            #expect(bytes.count == made.image.bytes && Array(bytes[4..<8]) == Array("ftyp".utf8))
            let record = String(decoding: try place.site.record(), as: UTF8.self)
            #expect(record.contains(made.imageURL) && !record.contains("\"visualization_url\""))
            // The outfit's picture made anew is the one that the app shows, and the film stays in the list.
            try place.order("still")
            let still = try daemon.complete("still")
            let after = String(decoding: try place.site.record(), as: UTF8.self)
            #expect(after.contains("\"visualization_url\": \"\(still.imageURL)\"") && after.contains(made.imageURL))
            try place.finish(daemon, ["film", "still"])
        }

        @Test("a film that comes cut, empty or as something else is fetched again, never bought again")
        func broken() throws {
            try Self.place(held: true).run(
                [
                    Trial("whole", .download, .late(milliseconds: 50), .complete),
                    Trial("cut-once", .download, .truncatedPicture, .complete),
                    Trial("cut", .download, .truncatedPicture, count: 2, .failed(.notAnImage)),
                    Trial("short", .download, .short, .complete),
                    Trial("empty", .download, .empty, .complete),
                    Trial("still-once", .download, .stillInstead, .complete),
                    Trial("still", .download, .stillInstead, count: 2, .failed(.notAnImage)),
                    Trial("page", .download, .page, count: 2, .failed(.notAnImage)),
                    Trial("lost", .create, .createThenDrop, .failed(.submissionUnknown)),
                ], ["VIZD_HTTP_STALL": "2"], more: Self.film)
        }

        @Test("over the budget of a request nothing is sent")
        func nothingSent() throws {
            let place = try Self.place()
            let daemon = try place.ready(["VIZD_BUDGET_PER_REQUEST": "0.24"])
            try place.order("dear", more: Self.film)
            #expect(try daemon.failed("dear").code == .budgetExceeded)
            #expect(place.runway.books.createsReceived == 0)
            try place.finish(daemon, ["dear"])
        }

        @Test("without a stored picture one is made first, as a job of its own, and its price is part of the film's")
        func pictureFirst() throws {
            let place = try Self.place()
            let daemon = try place.ready()
            try place.order("bare", outfit: Fixture.outfit(1), more: Self.film)
            #expect(try daemon.complete("bare").image.contentType == "video/mp4")
            let (whole, still) = (try #require(try place.result("bare")), try #require(try place.result("bare.0001")))
            guard case .complete(let picture, _) = still.outcome else { throw Overdue(description: "\(still)") }
            #expect(picture.image.contentType == "image/jpeg" && whole.attempts == 2 && still.attempts == 1)
            #expect((whole.cost.credits ?? 0) > (still.cost.credits ?? 0) && place.runway.books.createsReceived == 2)
            try place.finish(daemon, ["bare"])
        }

        @Test("a still too large to go along is uploaded, and the film is made of what was uploaded")
        func uploaded() throws {
            let place = try Self.place(edge: 1536)
            let daemon = try place.ready()
            try place.order("film", more: Self.film)
            #expect(try daemon.complete("film").image.contentType == "video/mp4")
            #expect(place.runway.books.uploads == 1 && place.tasks(of: "film").first?.references.count == 1)
            try place.finish(daemon, ["film"])
        }

        @Test("killed while the film is made, vizd reads the same task again and pays once")
        func killed() throws {
            let place = try Self.place(held: true)
            let first = try place.ready()
            try place.order("film", more: Self.film)
            let task = try place.awaitTask("film", first)
            try first.await("a poll") { () -> Bool? in place.tasks(of: "film")[0].polls > 0 ? true : nil }
            try first.kill()
            place.letTimePass()
            let second = try place.ready()
            let made = try second.complete("film")
            #expect(made.making.taskID == task.id && made.making.model == "gen4_turbo" && made.image.duration == 5)
            try place.finish(second, ["film"])
        }
    }
}
