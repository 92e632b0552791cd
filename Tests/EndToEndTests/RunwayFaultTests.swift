// Everything that Runway, its storage and the network between can do to an order, a question or a download: each job
// ends as the contract says, and the simulator's books agree with the ledger to the credit.

import Contract
import Foundation
import Linux
import LoopbackServer
import RunwaySimulator
import TestSupport
import Testing

extension EndToEnd {
    @Suite("Runway's faults")
    @Outside
    struct RunwayFaults {
        // MARK: Creates

        @Test("an order that was refused costs nothing, one whose answer was lost is never sent again")
        func creates() throws {
            // The others of 400 to 499 mean the key, the credit or trouble, and have rows or tests of their own.
            let others = Set([400, 401, 403, 408, 429])
            var trials = Trial.statuses(
                (400..<452).filter { !others.contains($0) }, .create, .failed(.providerRejected))
            trials += Trial.statuses([301, 302, 307, 308], .create, .failed(.providerRejected))
            let refusal = #"{"error":"Validation of body failed","issues":[{"code":"custom","message":"No."}]}"#
            trials += [Trial("invalid", .create, .status(400, body: refusal), .failed(.providerRejected))]
            // Refused for now.
            trials += [
                Trial("once-429", .create, .status(429), .complete(attempts: 2)),
                Trial(
                    "once-429-later", .create, .status(429, headers: [("Retry-After", "1")]),
                    .complete(attempts: 2)),
            ]
            // Something may have been created, and was not.
            let unclear = [300, 303, 304, 305, 408] + Array(500..<512) + Array(520..<527)
            trials += Trial.statuses(unclear, .create, .failed(.submissionUnknown))
            trials += [
                Trial("reset-after", .create, .dropAfterBody, .failed(.submissionUnknown)),
                Trial("no-content", .create, .status(204, body: ""), .failed(.submissionUnknown)),
                Trial("no-task", .create, .status(200, body: "{}"), .failed(.submissionUnknown)),
            ]
            // Something was.
            trials += [500, 502, 503, 504].map {
                Trial("created-\($0)", .create, .createThenStatus($0), .failed(.submissionUnknown))
            }
            trials += [
                Trial("created-reset", .create, .createThenDrop, .failed(.submissionUnknown)),
                Trial("created-cut", .create, .cutAnswer, .failed(.submissionUnknown)),
                Trial("created-short", .create, .short, .failed(.submissionUnknown)),
                Trial("created-garbage", .create, .garbageJSON, .failed(.submissionUnknown)),
                Trial("created-page", .create, .page, .failed(.submissionUnknown)),
                Trial("created-empty", .create, .empty, .failed(.submissionUnknown)),
                Trial("created-endless", .create, .endless, .failed(.submissionUnknown)),
            ]
            // Odd, and good.
            trials += [
                Trial("other-type", .create, .wrongContentType("text/plain"), .complete),
                Trial("unknown-fields", .create, .extraUnknownFields, .complete),
                Trial("no-estimate", .create, .withoutEstimate, .complete),
                Trial("late", .create, .late(milliseconds: 300), .complete),
                Trial("in-pieces", .create, .trickle(bytes: 7, everyMilliseconds: 5), .complete),
            ]
            let place = try RunwaySite(held: true)
            trials += [
                Trial(
                    "echo-of-secrets", .create, .status(400, body: Self.echo(place)),
                    .failed(.providerRejected)),
                Trial(
                    "lost-secrets", .create, .createThenStatus(503, body: Self.echo(place)),
                    .failed(.submissionUnknown)),
            ]
            try place.run(trials)
        }

        /// What a careless answer may repeat: the key, a signed address, a photo.
        private static func words(_ place: RunwaySite) -> String {
            "Bearer \(place.key) may not have https://storage.test/a.png?_jwt=eyJhbGciOiJIUzI1NiJ9.e30.abc "
                + "nor data:image/jpeg;base64,/9j/4AAQSkZJRg== nor \(place.key)"
        }

        private static func echo(_ place: RunwaySite) -> String { "{\"error\":\"\(words(place))\"}" }

        @Test("a connection that is reset before the order was read leads to one picture or to an open question")
        func resetBeforeBody() throws {
            let place = try RunwaySite()
            place.runway.inject(Injection(at: .create, fault: .dropBeforeBody))
            let daemon = try place.ready()
            try place.order("early")
            let result = try daemon.landed("early")
            // How much of a small order was on its way is for the kernel to say; what vizd makes of it follows.
            switch result.outcome {
            case .batch, .removed, .profile: Issue.record("an order came back as \(result.outcome)")
            case .complete: #expect(result.attempts == 2 && place.tasks(of: "early").count == 1)
            case .failed(let failure):
                #expect(failure.code == .submissionUnknown && result.attempts == 1)
                #expect(place.tasks(of: "early").isEmpty)
            }
            try place.finish(daemon, ["early"])
        }

        // MARK: Questions and the ends of tasks

        @Test("whatever answers a question about a task, the order stands and is asked about again")
        func polls() throws {
            var trials = Trial.statuses(
                [302, 400, 401, 403, 405, 408, 413, 429, 500, 502, 503, 504], .poll, count: 2, .complete)
            trials += [
                Trial("reset", .poll, .dropAfterBody, count: 2, .complete),
                Trial("cut", .poll, .cutAnswer, count: 2, .complete),
                Trial("short", .poll, .short, .complete),
                Trial("garbage", .poll, .garbageJSON, count: 2, .complete),
                Trial("page", .poll, .page, .complete),
                Trial("empty", .poll, .empty, .complete),
                Trial("endless", .poll, .endless, .complete),
                Trial("no-content", .poll, .status(204, body: ""), .complete),
                Trial("no-task", .poll, .status(200, body: "{}"), count: 2, .complete),
                Trial("null", .poll, .status(200, body: "null"), .complete),
                Trial("silent", .poll, .stall, .complete),
                Trial("silent-midway", .poll, .stallMidway, .complete),
                Trial("late", .poll, .late(milliseconds: 300), .complete),
                Trial("in-pieces", .poll, .trickle(bytes: 7, everyMilliseconds: 5), .complete),
                Trial("other-type", .poll, .wrongContentType("text/plain"), .complete),
                Trial("unknown-fields", .poll, .extraUnknownFields, count: 3, .complete),
                Trial("unknown-status", .poll, .unknownStatus("WAITING_FOR_GODOT"), count: 3, .complete),
                Trial(
                    "cancelled-elsewhere", .poll, .cancelledElsewhere,
                    .failed(.generationFailed, attempts: 1, providerCode: "CANCELLED")),
                Trial(
                    "forgotten", .poll, .forgotten,
                    .failed(.generationFailed, attempts: 1, providerCode: "TASK_GONE")),
                Trial(
                    "not-found", .poll, .status(404, body: #"{"error":"Could not find Task"}"#),
                    .failed(.generationFailed, attempts: 1, providerCode: "TASK_GONE")),
            ]
            let place = try RunwaySite(held: true)
            let echo = Self.echo(place)
            trials += [
                Trial("echo-of-secrets", .poll, .status(503, body: echo), count: 4, .complete),
                Trial(
                    "failure-with-secrets", .create,
                    .failure(code: "ASSET.INVALID", message: Self.words(place)),
                    .failed(.generationFailed)),
            ]
            try place.run(trials + Self.failures, ["VIZD_HTTP_STALL": "1"])
            // Broken off after `http.stall`, not after the 20 s of its default.
            let waited = try #require(try place.result("silent")?.timing.stages[.generate])
            #expect(waited < 20, "\(waited)")
        }

        /// Failed tasks (section 3.4 of the providers' facts): what is moderation, what was charged, and what is
        /// ordered again, twice at most.
        private static let failures: [Trial] = {
            func failing(
                _ name: String, _ code: String?, charged: Bool? = nil, count: Int = 1, _ ending: Ending
            ) -> Trial {
                Trial(name, .create, .failure(code: code, charged: charged), count: count, ending)
            }
            var trials = [
                "SAFETY.INPUT.TEXT", "SAFETY.INPUT.IMAGE", "SAFETY.OUTPUT.IMAGE", "SAFETY",
                "INPUT_PREPROCESSING.SAFETY.TEXT", "INPUT_PREPROCESSING.SAFETY.THIRD_PARTY",
            ].map { code in
                failing(
                    "for-good-\(code.lowercased())", code,
                    .failed(.moderation, attempts: 1, providerCode: code))
            }
            trials += [
                "INPUT_PREPROCESSING.INTERNAL", "INTERNAL.BAD_OUTPUT.01", "INTERNAL.BAD_OUTPUT.CODE01",
                "INTERNAL",
                "THIRD_PARTY.UNAVAILABLE", "NEW_KIND.OF.TROUBLE",
            ].map { failing("once-\($0.lowercased())", $0, .complete(attempts: 2)) }
            trials += [
                failing("once-without-a-code", nil, .complete(attempts: 2)),
                failing(
                    "asset", "ASSET.INVALID",
                    .failed(.generationFailed, attempts: 1, providerCode: "ASSET.INVALID")),
                failing(
                    "charged-output", "SAFETY.OUTPUT.IMAGE", charged: true,
                    .failed(.moderation, attempts: 1, providerCode: nil)),
                // Never again after a failure that was charged.
                failing(
                    "charged-internal", "INTERNAL", charged: true,
                    .failed(.generationFailed, attempts: 1, providerCode: "INTERNAL")),
                failing(
                    "three-times", "INTERNAL", count: 3,
                    .failed(.generationFailed, attempts: 3, providerCode: "INTERNAL")),
                Trial(
                    "cancelled", .create, .cancelled,
                    .failed(.generationFailed, attempts: 1, providerCode: "CANCELLED")),
            ]
            return trials
        }()

        // MARK: Downloads

        @Test("a picture that does not come is fetched again, one that is none is not stored, and it is paid once")
        func downloads() throws {
            // A fresh address serves where the old one does not.
            var trials = Trial.statuses([401, 403, 404, 410], .download, .complete)
            trials += Trial.statuses([401, 403, 404, 410], .download, count: 2, .failed(.downloadFailed))
            trials += Trial.statuses([400, 405, 416, 451], .download, .failed(.downloadFailed))
            trials += Trial.statuses([204, 408, 425, 429, 500, 502, 503, 504], .download, .complete)
            trials += [
                Trial("reset", .download, .dropAfterBody, .complete),
                Trial("cut", .download, .cutAnswer, .complete),
                Trial("short", .download, .short, .complete),
                Trial("empty", .download, .empty, .complete),
                Trial("silent", .download, .stall, .complete),
                Trial("silent-midway", .download, .stallMidway, .complete),
                Trial("late", .download, .late(milliseconds: 300), .complete),
                Trial("other-type", .download, .wrongContentType("text/html"), .complete),
                Trial("page-once", .download, .page, .complete),
                Trial("page", .download, .page, count: 2, .failed(.notAnImage)),
                Trial("truncated-once", .download, .truncatedPicture, .complete),
                Trial("truncated", .download, .truncatedPicture, count: 2, .failed(.notAnImage)),
                Trial("no-picture", .download, .notAPicture, count: 2, .failed(.notAnImage)),
                Trial("endless", .download, .endless, .failed(.downloadTooLarge)),
            ]
            try RunwaySite(held: true).run(
                trials, ["VIZD_HTTP_STALL": "1", "VIZD_LIMITS_DOWNLOAD_BYTES": "4MiB"])
        }

        @Test(
            "a download may lead to another server under TLS and no further, and the key goes nowhere")
        func redirects() async throws {
            let photo = try Host.readFile(
                "\(Repository.root)/Examples/wardrobe_photos/peichin/items/teal-silk-shirt.jpg",
                limit: 1 << 26)
            let other = try LoopbackServer { request in
                if request.target == "/circle" {
                    return .answer(status: 302, headers: [("Location", "/circle")], body: [])
                }
                return .answer(status: 200, headers: [("Content-Type", "image/jpeg")], body: photo)
            }
            let place = try RunwaySite(held: true)
            let certificates = try Certificates()
            let front = try await TLSFront.start(
                backendPort: place.runway.port, certificates: certificates)
            let second = try await TLSFront.start(backendPort: other.port, certificates: certificates)
            let hidden = try await TLSFront.start(backendPort: other.port, certificates: certificates)
            let there = "https://127.0.0.1:\(second.port)"
            let leads: [(name: String, address: String, ending: Ending)] = [
                ("elsewhere", "\(there)/picture", .complete),
                ("in-circles", "\(there)/circle", .failed(.downloadFailed)),
                ("without-tls", "http://127.0.0.1:\(other.port)/plain", .failed(.downloadFailed)),
                ("private", "https://127.0.0.1:\(hidden.port)/hidden", .failed(.downloadFailed)),
                ("file", "file:///etc/hostname", .failed(.downloadFailed)),
            ]
            try place.run(
                leads.map { Trial($0.name, .download, .redirect($0.address), $0.ending) },
                [
                    "RUNWAY_BASE_URL": "https://127.0.0.1:\(front.port)",
                    "VIZD_HTTP_CA_FILE": certificates.caFile,
                    "VIZD_HTTP_ALLOW_INSECURE":
                        "127.0.0.1:\(front.port),127.0.0.1:\(second.port),127.0.0.1:\(other.port)",
                ])
            let seen = other.requests
            #expect(Set(seen.map(\.target)) == ["/picture", "/circle"])
            #expect(
                seen.allSatisfy {
                    $0.header("Authorization") == nil && $0.header("X-Runway-Version") == nil
                })
        }

        @Test("an address that has expired is renewed by reading the task again, and nothing is ordered for it")
        func expiredAddress() throws {
            let later = Monitor<RunwaySite?>(nil)
            let place = try RunwaySite { configuration in
                configuration.urlLifetime = 3600
                // The first fetch is put off; before the second the address expires.
                configuration.log = { line in
                    guard line.contains("/outputs/") else { return }
                    later.change { site in
                        site?.letPass(hours: 2)
                        site = nil
                    }
                }
            }
            later.change { $0 = place }
            place.runway.inject(Injection(at: .download, fault: .status(503)))
            let daemon = try place.ready()
            try place.order("late")
            _ = try daemon.complete("late")
            #expect(later.look { $0 == nil })
            let books = place.runway.books
            // Put off, refused with the old signature, served with the new one.
            #expect(books.tasks.count == 1 && books.tasks[0].downloads == 1 && books.downloads == 2)
            try place.finish(daemon, ["late"])
        }

        // MARK: Time that runs out

        @Test("a job whose time is over fails, and moved back to incoming/ it goes on with its task, for nothing")
        func deadlines() throws {
            let place = try RunwaySite(held: true)
            let daemon = try place.ready(["VIZD_LIMITS_JOB_DEADLINE": "3", "VIZD_HTTP_STALL": "1"])
            var codes: [String: ResultCode] = [
                "slow": .generationTimeout, "unanswered": .providerUnavailable, "refused": .providerAuth,
            ]
            // The answers come late enough for a trap to be there before the first question.
            for name in codes.keys {
                place.spoilCreate(name, .late(milliseconds: 1000))
                try place.order(name)
            }
            for (name, status) in [("unanswered", 503), ("refused", 401)] {
                let task = try place.awaitTask(name, daemon)
                place.runway.inject(
                    Injection(at: .poll, count: Injection.forever, matching: task.id, fault: .status(status)))
            }
            for (name, code) in codes { try expectFailure(name, code, place, daemon) }
            place.runway.clearFaults()
            place.letTimePass()
            // The refused key holds the provider until somebody did something.
            try daemon.signal(1)
            try daemon.awaitLine("config.reloaded")
            place.runway.inject(Injection(at: .download, count: Injection.forever, fault: .status(500)))
            try place.order("unfetched")
            codes["unfetched"] = .downloadFailed
            try expectFailure("unfetched", .downloadFailed, place, daemon)
            place.runway.clearFaults()
            for name in codes.keys { try place.site.move("\(name).json", from: "failed", to: "incoming") }
            for name in codes.keys {
                let picture = try daemon.complete(name)
                #expect(picture.making.taskID == place.tasks(of: name).first?.id, "\(name)")
            }
            #expect(place.runway.books.createsReceived == codes.count)
            try place.finish(daemon, codes.keys.sorted())
        }

        private func expectFailure(
            _ name: String, _ code: ResultCode, _ place: RunwaySite, _ daemon: DaemonRun
        ) throws {
            let failure = try daemon.failed(name)
            #expect(failure.code == code && failure.retryable, "\(name): \(failure)")
            #expect(failure.taskID == place.tasks(of: name).first?.id, "\(name)")
            #expect(failure.message.contains("not bought again"), "\(name): \(failure.message)")
        }

        @Test(
            "an order that Runway does not take in time, or not from this key, fails with nothing paid")
        func neverTaken() throws {
            let place = try RunwaySite()
            let daemon = try place.ready(["VIZD_LIMITS_JOB_DEADLINE": "1"])
            let full = #"{"error":"Your daily task limit has been reached."}"#
            place.spoilCreate("full", .status(429, body: full), count: Injection.forever)
            try place.order("full")
            let failure = try daemon.failed("full")
            #expect(
                failure.code == .providerUnavailable && failure.retryable && failure.httpStatus == 429)
            #expect(failure.message.contains("daily task limit"))
            #expect(place.runway.books.tasks.isEmpty)
            place.runway.clearFaults()
            try place.site.move("full.json", from: "failed", to: "incoming")
            _ = try daemon.complete("full")
            place.spoilCreate("barred", .status(403))
            try place.order("barred")
            let barred = try daemon.failed("barred")
            #expect(barred.code == .providerAuth && !barred.retryable && barred.httpStatus == 403)
            try place.finish(daemon, ["full", "barred"])
        }

        @Test("while nothing listens an order waits and says why, and goes through as soon as something does")
        func refusedConnection() throws {
            let gone = try RunwaySimulator()
            let port = gone.port
            gone.stop()
            let (site, key) = (try Site(), RunwaySite.freshKey())
            let daemon = try site.ready(RunwaySite.settings(port: port, key: key))
            let request = #""user_id":"peichin","outfit_id":"\#(Fixture.outfit(2))""#
            try site.deliver(
                "{\(request),\"prompt\":\"\(RunwaySite.mark("patient"))\"}", as: "patient.json")
            try daemon.await("a status that names the obstacle") { () -> Bool? in
                guard let bytes = try site.file("processing", "patient.status.json") else { return nil }
                let message = try StatusDocument.decode(bytes).message
                return message.contains("could not be reached") && message.contains("next try") ? true : nil
            }
            let place = try RunwaySite(at: site, key: key) { $0.port = port }
            _ = try daemon.complete("patient")
            #expect(try place.result("patient")?.attempts ?? 0 > 1)
            #expect(place.runway.books.tasks.count == 1)
            try place.finish(daemon, ["patient"])
        }
    }
}
