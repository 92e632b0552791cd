// OpenAI on the spawned program: what a dropped request becomes and costs, and what becomes of a call of minutes when
// vizd ends in it. The simulator's books are the witness.

import Contract
import Ledger
import Linux
import OpenAISimulator
import TestSupport
import Testing

extension EndToEnd {
    /// A spool beside a simulated OpenAI.
    private struct OpenAIPlace {
        let site: Site
        let openAI: OpenAISimulator
        let key: String

        init() throws {
            site = try Site()
            key = "sk-" + Random.hex(bytes: 16)
            var configuration = OpenAIConfiguration()
            configuration.keys = [key]
            openAI = try OpenAISimulator(configuration)
        }

        func ready(_ more: [String: String] = [:]) throws -> DaemonRun {
            let settings = [
                "VIZD_PROVIDER": "openai", "OPENAI_API_KEY": key, "OPENAI_BASE_URL": openAI.baseURL + "/v1",
                "OPENAI_QUALITY": "low", "VIZD_HTTP_ALLOW_INSECURE": "127.0.0.1:\(openAI.port)",
            ]
            return try site.ready(settings.merging(more) { $1 })
        }

        func order(_ name: String, outfit: Int = 1, more: String = "") throws {
            let words = #""prompt":"Mark \#(name) here""#
            try site.deliver(
                Fixture.request(outfit, more: words + (more.isEmpty ? "" : "," + more)), as: "\(name).json")
        }

        func attempts(_ name: String) throws -> [AttemptRow] {
            try JournalReader.open(path: "\(site.state)/vizd.sqlite")?.attempts(name) ?? []
        }

        /// What the books of vizd and of the simulator say was spent on a job, in millionths of a dollar.
        func spent(_ name: String) throws -> (ours: Int64, theirs: Int64) {
            let pictures = openAI.books.pictures.filter { $0.prompt.contains("Mark \(name) here") }
            return (
                try attempts(name).reduce(0) { $0 + ($1.final?.usdMicros ?? 0) },
                pictures.reduce(0) { $0 + $1.microdollars }
            )
        }
    }

    @Suite("OpenAI")
    struct OpenAIOrders {
        @Test("a dropped request becomes a stored picture at the price of its tokens, and nothing secret is written")
        func complete() throws {
            let place = try OpenAIPlace()
            let daemon = try place.ready()
            try place.order("first")
            let picture = try daemon.complete("first")
            #expect(picture.provider == "OpenAI" && picture.making.model == "gpt-image-2")
            #expect(picture.making.references == 3 && picture.making.taskID == nil)
            let booked = try #require(place.openAI.books.pictures.first)
            #expect(booked.references.count == 3 && booked.size == "1024x1536" && booked.quality == "low")
            #expect(booked.prompt.contains("image 1") && booked.prompt.contains("image 3"))
            let (ours, theirs) = try place.spent("first")
            #expect(ours == theirs && ours > 0)
            try place.order("second", more: #""ratio":"1152:1536","model":"gpt-image-2.5-flare""#)
            #expect(try daemon.complete("second").making.model == "gpt-image-2.5-flare")
            #expect(try daemon.stop() == 0)
            #expect(try !daemon.lines().joined().contains(place.key))
        }

        @Test("every way to fail has its code and its cost, and no order is sent a second time but after a rate limit")
        func faults() throws {
            let place = try OpenAIPlace()
            let rows: [(String, OpenAIFault, ResultCode?, attempts: Int)] = [
                ("limited", .rateLimit, nil, 2), ("moderated", .moderation("input"), .moderation, 1),
                ("taken-back", .moderation("output"), .moderation, 1),
                ("broken", .status(500), .submissionUnknown, 1), ("busy", .makeThenStatus(503), .submissionUnknown, 1),
                ("dropped", .makeThenDrop, .submissionUnknown, 1), ("cut", .cutAnswer, .submissionUnknown, 1),
                ("noise", .brokenBase64, .generationFailed, 1), ("text", .notAPicture, .generationFailed, 1),
                ("empty", .noPicture, .generationFailed, 1), ("huge", .padded(1_100_000), .downloadTooLarge, 1),
                ("vast", .padded(4 << 20), .downloadTooLarge, 1),
                ("untold", .withoutUsage, nil, 1), ("bad", .status(400), .providerRejected, 1),
            ]
            for (name, fault, _, _) in rows { place.openAI.inject(fault, matching: "Mark \(name) here") }
            let daemon = try place.ready(["VIZD_LIMITS_DOWNLOAD_BYTES": "1MiB"])
            for (name, _, _, _) in rows { try place.order(name, outfit: 2) }
            for (name, _, code, attempts) in rows {
                let result = try daemon.landed(name)
                if case .failed(let failure) = result.outcome {
                    #expect(failure.code == code, "\(name): \(failure.message)")
                    // OpenAI has no counters from which anything could be concluded.
                    #expect(!failure.message.contains("counted"), "\(name): \(failure.message)")
                } else {
                    #expect(code == nil, "\(name) is complete")
                }
                #expect(result.attempts == attempts, "\(name)")
            }
            #expect(place.openAI.books.received == rows.count + 1)
            for name in ["limited", "noise", "text", "empty", "huge"] {
                let (ours, theirs) = try place.spent(name)
                #expect(ours == theirs, "\(name)")
            }
            for name in ["broken", "busy", "dropped", "cut", "taken-back", "vast", "untold"] {
                #expect(try place.attempts(name).map(\.state) == [.uncertain], "\(name)")
            }
            #expect(try daemon.landed("untold").cost.uncertain)
            #expect(try daemon.stop() == 0)
        }

        @Test("without credit the provider is left alone: the next job waits with the reason in its status")
        func poor() throws {
            let place = try OpenAIPlace()
            place.openAI.inject(.quota)
            let daemon = try place.ready()
            try place.order("poor", outfit: 2)
            #expect(try daemon.failed("poor").code == .providerNoCredit)
            try place.order("next", outfit: 2)
            try daemon.await("the status of next to tell why it waits") { () -> Bool? in
                let text = try place.site.file("processing", "next.status.json") ?? []
                return String(decoding: text, as: UTF8.self).contains("credit") ? true : nil
            }
            try daemon.signal(1)
            _ = try daemon.complete("next")
            #expect(place.openAI.books.received == 2)
        }

        @Test("kill -9 in a call: its order is an open question, is never sent again, and a person may order anew")
        func killed() throws {
            let place = try OpenAIPlace()
            place.openAI.inject(.makeThenStall)
            let first = try place.ready()
            try place.order("long", outfit: 2)
            try first.await("the call of long") { place.openAI.books.pictures.isEmpty ? nil : true }
            try first.kill()
            let second = try place.ready()
            let failure = try second.failed("long")
            #expect(failure.code == .submissionUnknown && !failure.retryable)
            #expect(place.openAI.books.received == 1)
            try place.site.move("long.json", from: "failed", to: "incoming")
            _ = try second.complete("long")
            #expect(place.openAI.books.pictures.count == 2)
            #expect(try place.attempts("long").map(\.state).sorted { "\($0)" < "\($1)" } == [.settled, .uncertain])
        }

        @Test("calls that hang hold up nobody else: so many are let in, the rest wait, and flat lays go on")
        func starvation() throws {
            let place = try OpenAIPlace()
            place.openAI.inject(.makeThenStall, count: 100)
            let daemon = try place.ready(["OPENAI_CONCURRENT": "32", "VIZD_LIMITS_PER_USER": "100"])
            try daemon.awaitLine("provider.account")
            for number in 1...40 { try place.order("hung-\(number)", outfit: 2) }
            // As many as may have their photos in memory.
            try daemon.await("32 calls") { place.openAI.books.pictures.count == 32 ? true : nil }
            for number in 1...3 {
                try place.site.deliver(
                    Fixture.request(1, more: #""provider":"flatlay""#), as: "flat-\(number).json")
            }
            for number in 1...3 { _ = try daemon.complete("flat-\(number)") }
            #expect(place.openAI.books.received == 32)
            try daemon.kill()
        }
    }
}
