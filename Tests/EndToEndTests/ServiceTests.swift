// FASHN AI and Black Forest Labs on the spawned program: a request goes in, a picture comes out, and whatever goes
// wrong on the way, nothing is paid twice and the ledger has what the service billed.

import BFLSimulator
import Contract
import FashnSimulator
import Ledger
import Linux
import RunwaySimulator
import ServiceSimulator
import TestSupport
import Testing

/// A service by its name, for parametrized tests.
enum House: String, CaseIterable, Sendable {
    case fashn, bfl

    func made(renewing: Bool = false) -> ServiceHouse {
        switch self {
        case .fashn:
            return ServiceHouse(
                id: "fashn", displayName: "FASHN AI", dialect: FashnDialect(), creditMicros: 75_000,
                key: "fa-5c1d7e90a2b4-5c1d7e90a2b4c6d8e0f2")
        case .bfl:
            var dialect = BFLDialect()
            dialect.renewsAddresses = renewing
            return ServiceHouse(
                id: "bfl", displayName: "Black Forest Labs", dialect: dialect, creditMicros: 10_000,
                key: "1f7c55d0-3a61-4f0e-9d83-bb20c4a7e915")
        }
    }

    /// What an answer says when there are no credits.
    var poor: Fault {
        switch self {
        case .fashn: .status(429, body: #"{"error":"OutOfCredits","message":"No credits."}"#)
        case .bfl: .status(402, body: #"{"detail":"Insufficient credits."}"#)
        }
    }

    /// A failure by moderation.
    var moderated: Fault {
        .failure(code: self == .fashn ? "ContentModerationError" : "Request Moderated", message: "Not this.")
    }
}

extension ServiceSite {
    /// A request for a new picture of the example's outfit of that number.
    func order(_ name: String, outfit: Int = 2, more: String = "") throws {
        let anew = #""regenerate":true"#
        try site.deliver(
            Fixture.request(outfit, more: more.isEmpty ? anew : "\(anew),\(more)"), as: "\(name).json")
    }

    /// Stops vizd and looks whether everything fits together.
    func finish(_ daemon: DaemonRun, _ names: [String]) throws {
        try daemon.settled()
        #expect(try daemon.stop() == 0)
        let complaints = try complaints(names)
        #expect(complaints.isEmpty, "\(complaints.joined(separator: "\n"))")
    }
}

extension EndToEnd {
    @Suite("Services with tasks")
    @Outside
    struct Services {
        // MARK: Orders

        @Test(
            "outfits of one, three and eight garments become pictures, and cost what the service bills",
            arguments: House.allCases)
        func orders(_ house: House) throws {
            let place = try ServiceSite(house.made())
            let daemon = try place.ready()
            for number in [2, 1, 4] { try place.order("outfit-\(number)", outfit: number) }
            for (number, garments) in [(2, 1), (1, 3), (4, 8)] {
                let name = "outfit-\(number)"
                let picture = try daemon.complete(name)
                let result = try #require(try place.result(name))
                let task = try #require(place.service.books.tasks.first { $0.id == picture.making.taskID })
                #expect(picture.provider == place.house.displayName)
                #expect(picture.making.references == (house == .fashn ? 1 : garments))
                #expect(task.order.pictures.count == picture.making.references)
                #expect(task.order.prompt == picture.making.prompt && picture.image.width == task.order.size.width)
                #expect(result.cost.credits == task.billed && result.attempts == 1 && !result.cost.uncertain)
                #expect(result.cost.usd == (task.billed ?? 0) * place.house.creditMicros / 1_000_000)
            }
            try place.finish(daemon, ["outfit-2", "outfit-1", "outfit-4"])
            let costs = try place.site.command("costs", "--json")
            #expect(costs.status == 0 && costs.output.contains("\"uncertain\":0"), "\(costs.output)")
        }

        @Test(
            "a request names the service, a model, a size and a seed, and what it does not have is said before anything is ordered"
        )
        func choices() throws {
            let place = try ServiceSite(House.bfl.made())
            let daemon = try place.ready(["VIZD_PROVIDER": "flatlay"])
            try place.order(
                "wide", more: #""provider":"bfl","model":"flux-2-klein-4b","ratio":"1280:720","seed":11"#)
            let picture = try daemon.complete("wide")
            #expect(picture.making.model == "flux-2-klein-4b" && picture.making.seed == 11)
            let order = try #require(place.service.books.tasks.first?.order)
            #expect(order.seed == 11 && order.size.width == 1280 && order.model == "flux-2-klein-4b")
            try place.order("odd", more: #""provider":"bfl","ratio":"1000:1000""#)
            #expect(try daemon.failed("odd").details.map(\.path) == ["ratio"])
            try place.order("elsewhere", more: #""provider":"fashn""#)
            let missing = try daemon.failed("elsewhere")
            #expect(missing.code == .providerNotConfigured && missing.message.contains("fashn.apiKey"))
            #expect(place.service.books.createsReceived == 1)
            try place.finish(daemon, ["wide"])
        }

        @Test("a model that only dresses a person in a photo is not ordered from without one")
        func personless() throws {
            let place = try ServiceSite(House.fashn.made())
            let daemon = try place.ready()
            try place.order("nobody", more: #""model":"tryon-max""#)
            let failure = try daemon.failed("nobody")
            #expect(failure.code == .invalidRequest && failure.details.map(\.path) == ["person_image"])
            #expect(place.service.books.createsReceived == 0)
            try place.finish(daemon, [])
        }

        // MARK: Faults

        private struct Trial {
            let name: String
            let place: FaultPlace
            let fault: Fault
            var count = 1
            let ending: Ending
        }

        private func trials(_ house: House) -> [Trial] {
            let unknown = Ending.failed(.submissionUnknown)
            let isCharged = house == .bfl
            return [
                Trial(name: "limit", place: .create, fault: .status(429, body: "{}"), ending: .complete(attempts: 2)),
                Trial(
                    name: "invalid", place: .create, fault: .status(400, body: "{}"), ending: .failed(.providerRejected)
                ),
                Trial(name: "unprocessable", place: .create, fault: .status(422), ending: .failed(.providerRejected)),
                Trial(name: "trouble", place: .create, fault: .status(503), ending: unknown),
                Trial(name: "reset", place: .create, fault: .dropAfterBody, ending: unknown),
                Trial(name: "made-trouble", place: .create, fault: .createThenStatus(500), ending: unknown),
                Trial(name: "made-reset", place: .create, fault: .createThenDrop, ending: unknown),
                Trial(name: "made-cut", place: .create, fault: .cutAnswer, ending: unknown),
                Trial(name: "made-garbage", place: .create, fault: .garbageJSON, ending: unknown),
                Trial(name: "unknown-fields", place: .create, fault: .extraUnknownFields, ending: .complete),
                Trial(name: "moderated", place: .create, fault: house.moderated, ending: .failed(.moderation)),
                Trial(
                    name: "failed-once", place: .create,
                    fault: .failure(code: isCharged ? "Error" : "PipelineError", message: "Simulated failure."),
                    // Only where a failure is known to be free it is ordered again.
                    ending: isCharged ? .failed(.generationFailed) : .complete(attempts: 2)),
                Trial(
                    name: "photo", place: .create, fault: .failure(code: "ImageLoadError", message: "No image."),
                    ending: isCharged ? .complete : .failed(.generationFailed)),
                Trial(name: "questions", place: .poll, fault: .status(500), count: 3, ending: .complete),
                Trial(name: "odd-status", place: .poll, fault: .unknownStatus("Musing"), count: 2, ending: .complete),
                Trial(
                    name: "forgotten", place: .poll, fault: .forgotten,
                    ending: .failed(.generationFailed, attempts: 1, providerCode: "TASK_GONE")),
                Trial(name: "expired-once", place: .download, fault: .status(403), ending: .complete),
                Trial(
                    name: "expired", place: .download, fault: .status(403), count: 2, ending: .failed(.downloadFailed)),
                Trial(name: "half-once", place: .download, fault: .truncatedPicture, ending: .complete),
                Trial(
                    name: "no-picture", place: .download, fault: .notAPicture, count: 2, ending: .failed(.notAnImage)),
                Trial(
                    name: "slow", place: .download, fault: .trickle(bytes: 2048, everyMilliseconds: 5),
                    ending: .complete),
            ].filter { !(isCharged && $0.name == "photo") }
        }

        @Test(
            "whatever goes wrong with an order, a question or a download, the job ends as the contract says and the books agree",
            arguments: House.allCases)
        func faults(_ house: House) throws {
            let place = try ServiceSite(house.made())
            let daemon = try place.ready()
            var attempts = 0
            let trials = trials(house)
            for trial in trials {
                place.service.inject(Injection(at: trial.place, count: trial.count, fault: trial.fault))
                try place.order(trial.name)
                let result = try daemon.landed(trial.name)
                attempts += result.attempts
                let reason = if case .failed(let failure) = result.outcome { failure.message } else { "complete" }
                #expect(Ending(result, as: trial.ending) == trial.ending, "\(trial.name): \(reason)")
                if case .failed(let failure) = result.outcome {
                    #expect(!(failure.taskID ?? "").contains(" ") && !failure.message.contains("get_result"))
                }
                place.service.clearFaults()
            }
            // Each attempt is one call, whatever the network made of it.
            #expect(place.service.books.createsReceived == attempts)
            try place.finish(daemon, trials.map(\.name))
        }

        @Test(
            "a refused key and missing credits fail the job that met them, and the next ones wait for a person",
            arguments: House.allCases)
        func holds(_ house: House) throws {
            for (fault, code) in [
                (Fault.status(401, body: "{}"), ResultCode.providerAuth), (house.poor, .providerNoCredit),
            ] {
                let place = try ServiceSite(house.made())
                let daemon = try place.ready()
                place.service.inject(Injection(at: .create, fault: fault))
                try place.order("first")
                let failure = try daemon.failed("first")
                #expect(failure.code == code && !failure.retryable)
                try place.order("second")
                try daemon.await("the second to wait") { () -> Bool? in
                    try place.site.names("processing") == ["second.json"] ? true : nil
                }
                try daemon.signal(1)
                _ = try daemon.complete("second")
                #expect(place.service.books.createsReceived == 2)
                try place.finish(daemon, ["first", "second"])
            }
        }

        @Test("an address that has expired is asked for once more, and serves where reading the task renews it")
        func expiry() throws {
            for renews in [true, false] {
                let place = try ServiceSite(House.bfl.made(renewing: renews))
                let daemon = try place.ready()
                place.service.inject(Injection(at: .download, fault: .status(403)))
                if !renews { place.service.inject(Injection(at: .download, fault: .status(403))) }
                try place.order("late")
                let result = try daemon.landed("late")
                #expect(Ending(result, as: .complete) == (renews ? .complete : .failed(.downloadFailed)))
                #expect(result.cost.credits == place.service.books.creditsBilled)
                try place.finish(daemon, ["late"])
            }
        }

        // MARK: Ends of the program

        @Test(
            "kill -9 while a task works: the next start asks at the task's own address and fetches its picture",
            arguments: House.allCases)
        func killed(_ house: House) throws {
            let place = try ServiceSite(house.made(), held: true)
            let first = try place.ready()
            try place.order("working")
            try first.await("the task in the journal") { () -> Bool? in
                try place.handle(of: "working") == nil ? nil : true
            }
            try first.kill()
            let handle = try #require(try place.handle(of: "working"))
            #expect(handle.contains("/cluster-7/v1/get_result?id=") == (house == .bfl))
            place.letTimePass()
            let second = try place.ready()
            let picture = try second.complete("working")
            let books = place.service.books
            #expect(books.tasks.map(\.id) == [picture.making.taskID] && books.createsReceived == 1)
            try place.finish(second, ["working"])
        }

        @Test(
            "kill -9 before the answer to an order: the next start asks a person, and orders nothing",
            arguments: House.allCases)
        func killedUnanswered(_ house: House) throws {
            let place = try ServiceSite(house.made())
            place.service.inject(Injection(at: .create, fault: .createThenStall))
            let first = try place.ready()
            try place.order("unanswered")
            try first.await("the order at the service") { () -> Bool? in
                place.service.books.tasks.count == 1 ? true : nil
            }
            try first.kill()
            let second = try place.ready()
            let failure = try second.failed("unanswered")
            #expect(failure.code == .submissionUnknown && !failure.retryable)
            #expect(!failure.message.contains("counted"), "nobody counts the day's orders here")
            #expect(place.service.books.createsReceived == 1)
            try place.finish(second, ["unanswered"])
        }
    }
}
