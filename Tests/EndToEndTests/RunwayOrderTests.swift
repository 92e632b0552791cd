// What an order says by the time that it reaches Runway: the request's choices, the garments, photos too large to go
// along, and the way there under TLS.

import Contract
import Foundation
import Linux
import RunwaySimulator
import TestSupport
import Testing

extension EndToEnd {
    @Suite("Runway's orders")
    @Outside
    struct RunwayOrders {
        @Test("model, ratio, seed, descriptor and directions of a request reach Runway and stand in the result")
        func choices() throws {
            let place = try RunwaySite()
            // A trap that only an order with this seed springs.
            place.runway.inject(
                Injection(
                    at: .create, matching: #""seed":4294967295"#, fault: .failure(code: "ASSET.INVALID")))
            let daemon = try place.ready()
            let choices = #""ratio":"1920:1080","model_descriptor":"a tall rower with grey hair""#
            try place.order("chosen", more: #""model":"gen4_image_turbo","seed":7,\#(choices)"#)
            try place.order("seeded", more: #""seed":4294967295,"metadata":{"n": 1e3}"#)
            let making = try daemon.complete("chosen").making
            #expect(try daemon.failed("seeded").providerCode == "ASSET.INVALID")
            let task = try #require(place.tasks(of: "chosen").first)
            #expect(task.model == "gen4_image_turbo" && task.ratio == "1920:1080")
            #expect(task.prompt.contains("a tall rower with grey hair") && task.prompt == making.prompt)
            #expect(task.references.count == 1 && making.references == 1)
            #expect(making.model == task.model && making.ratio == task.ratio && making.seed == 7)
            #expect(making.taskID == task.id && making.modelDescriptorUsed && !making.userLevelDescriptor)
            #expect(try place.result("chosen")?.cost == ResultDocument.Cost(credits: 2, usd: 0.02))
            let picture = try daemon.complete("chosen").image
            #expect(
                picture.width == 1920 && picture.height == 1080 && picture.contentType == "image/jpeg")
            try place.finish(daemon, ["chosen", "seeded"])
        }

        @Test("the outfit of eight garments goes as three pictures, each tag of which is in the prompt")
        func eightGarments() throws {
            let place = try RunwaySite()
            let daemon = try place.ready()
            try place.order("eight", outfit: Fixture.outfit(4))
            #expect(try daemon.complete("eight").making.references == 3)
            let task = try #require(place.tasks(of: "eight").first)
            #expect(task.references.count == 3 && Set(task.references).count == 3)
            let tags = task.tags.compactMap(\.self)
            #expect(
                tags.count == 3 && tags.allSatisfy { task.prompt.contains("@\($0)") },
                "\(tags): \(task.prompt)")
            try place.finish(daemon, ["eight"])
        }

        @Test("what Runway does not make is refused before anything is sent")
        func refusedHere() throws {
            let place = try RunwaySite()
            let daemon = try place.ready()
            let wishes = [
                "ratio": #""ratio":"1081:1441""#, "model": #""model":"gen5_image""#,
                "seedless": #""model":"gemini_image3_pro","seed":7"#, "film": #""kind":"video","model":"gen4_image""#,
                "shape": #""kind":"video","ratio":"1080:1440""#,
            ]
            for (name, wish) in wishes { try place.order(name, more: wish) }
            try place.order("nobody", more: #""provider":"nobody""#)
            for (name, wish) in wishes {
                let failure = try daemon.failed(name)
                #expect(failure.code == .invalidRequest && !failure.details.isEmpty, "\(wish): \(failure)")
            }
            #expect(try daemon.failed("nobody").code == .unknownProvider)
            #expect(place.runway.books.createsReceived == 0)
            try place.finish(daemon, wishes.keys + ["nobody"])
        }

        @Test("a request for Runway where it has no key fails, names the setting, and runs when the key is there")
        func notConfigured() throws {
            let place = try RunwaySite()
            let file = "\(place.site.path)/vizd.conf"
            func write(_ text: String) throws { try Data(text.utf8).write(to: URL(filePath: file)) }
            try write("provider: flatlay\n")
            let without = ["RUNWAY_API_KEY": "", "VIZD_PROVIDER": ""]
            let daemon = try place.started(without, "--config", file)
            try place.order("keyless", more: #""provider":"runway""#)
            let failure = try daemon.failed("keyless")
            #expect(failure.code == .providerNotConfigured && failure.message.contains("runway.apiKey"))
            try write("provider: flatlay\nrunway:\n  apiKey: \(place.key)\n")
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file)
            try daemon.signal(1)
            try daemon.awaitLine("config.reloaded")
            try place.site.move("keyless.json", from: "failed", to: "incoming")
            #expect(try daemon.complete("keyless").provider == "Runway ML")
            try place.finish(daemon, ["keyless"])
        }

        @Test("photos too large to go along are uploaded once for all orders, and anew when the handles have expired")
        func uploads() throws {
            let place = try RunwaySite()
            for (number, name) in ["noise", "snow"].enumerated() {
                let picture = NoisePicture.png(edge: 1536, seed: UInt64(number))
                try Data(picture).write(
                    to: URL(filePath: "\(place.site.wardrobe)/peichin/items/\(name).png"))
            }
            // A slot that is not given out costs a pause, and no attempt.
            place.runway.inject(Injection(at: .upload, fault: .status(503)))
            let daemon = try place.ready()
            for name in ["first", "second"] {
                try place.site.deliver(Self.large(name), as: "\(name).json")
                _ = try daemon.complete(name)
                #expect(try place.runway.books.uploads == 2 && place.result(name)?.attempts == 1, "\(name)")
            }
            // vizd's clock has not moved: Runway refuses the handles, which is not charged, and they are forgotten.
            place.letPass(hours: 25)
            try place.site.deliver(Self.large("third"), as: "third.json")
            #expect(try daemon.failed("third").code == .providerRejected)
            try place.site.move("third.json", from: "failed", to: "incoming")
            _ = try daemon.complete("third")
            #expect(place.runway.books.uploads == 4)
            // The simulator looked into what the handles stand for.
            let references = place.runway.books.tasks.map(\.references)
            #expect(references.count == 3 && references[0].count == 2 && Set(references).count == 1)
            try place.finish(daemon, ["first", "second", "third"])
        }

        private static func large(_ name: String) -> String {
            let items = ["noise", "snow"].map { #"{"name":"\#($0)","image":"items/\#($0).png"}"# }
            let outfit = #"{"items":[\#(items.joined(separator: ","))]}"#
            return #"{"user_id":"peichin","prompt":"\#(RunwaySite.mark(name))","outfit":\#(outfit)}"#
        }

        @Test(
            "over TLS a job completes where the authority is known, and nothing is sent where it is not")
        func tls() async throws {
            let place = try RunwaySite()
            let front = try await TLSFront.start(backendPort: place.runway.port)
            let address = [
                "RUNWAY_BASE_URL": "https://127.0.0.1:\(front.port)",
                "VIZD_HTTP_ALLOW_INSECURE": "127.0.0.1:\(front.port)",
            ]
            let deaf = try place.started(address.merging(["VIZD_LIMITS_JOB_DEADLINE": "1"]) { $1 })
            try place.order("untrusted")
            let failure = try deaf.failed("untrusted")
            #expect(failure.code == .providerUnavailable && failure.retryable, "\(failure)")
            #expect(try deaf.stop() == 0)
            #expect(place.runway.books.createsReceived == 0)
            let daemon = try place.ready(address.merging(["VIZD_HTTP_CA_FILE": front.caFile]) { $1 })
            try place.order("trusted")
            _ = try daemon.complete("trusted")
            try place.finish(daemon, ["untrusted", "trusted"])
        }

        @Test("the audit behind these tests sees a secret, a stray file and a job without a result")
        func audit() throws {
            try hurtPlace()
            // The search of the place as it is taken down sees the key too.
            #expect(Leaks.take().count == 1)
        }

        private func hurtPlace() throws {
            let place = try RunwaySite()
            let daemon = try place.ready()
            try place.order("good")
            _ = try daemon.complete("good")
            try place.finish(daemon, ["good"])
            try Data("x\(place.key)".utf8).write(to: URL(filePath: "\(place.site.state)/note"))
            try place.site.deliver("{}", as: "stray.json")
            let complaints = try place.complaints(["good", "never"])
            #expect(complaints.count == 3, "\(complaints)")
            for word in [
                "stands in \(place.site.state)/note", "stray.json is left in incoming/",
                "never has not ended",
            ] {
                #expect(complaints.contains { $0.contains(word) }, "\(word)")
            }
        }
    }
}
