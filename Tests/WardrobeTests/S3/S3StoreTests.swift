// The client against a store that answers what the test says: what is sent, what is tried again and for how long, and
// what every refusal is called.

import Contract
import Digest
import Linux
import LoopbackServer
import TestSupport
import Testing
import Transfer

@testable import Wardrobe

@Suite("the client of an object store")
struct S3StoreTests {
    private let key = S3Key("p/a b.json")!

    @Test("a write carries its digests, its condition and its headers, and answers the ETag")
    func put() async throws {
        let scripted = try ScriptedStore([ScriptedStore.success()])
        let store = scripted.client()
        let headers = [TransferHeader("Content-Type", "application/json")]
        #expect(try await store.put(.bytes([1, 2]), at: key, headers: headers, if: .matches("\"0\"")) == "\"1\"")
        try await store.put(.bytes([]), at: key, if: .absent)
        let file = try OpenFile.inMemory([9, 1, 2, 3, 9])
        let digest = SHA256.of([9, 1, 2])
        try await store.put(.file(file, count: 3, digest: digest), at: key)
        let requests = scripted.server.requests
        #expect(requests.map(\.method) == ["PUT", "PUT", "PUT"] && requests.map(\.body) == [[1, 2], [], [9, 1, 2]])
        #expect(requests.allSatisfy { $0.target == "/closet/p/a%20b.json" })
        #expect(requests[0].header("if-match") == "\"0\"" && requests[0].header("content-type") == "application/json")
        #expect(requests[1].header("if-none-match") == "*" && requests[1].header("if-match") == nil)
        #expect(requests[2].header("x-amz-content-sha256") == digest.hex)
        #expect(requests[2].header("x-amz-checksum-sha256") == digest.base64)
        #expect(
            requests[2].header("authorization")?.hasPrefix("AWS4-HMAC-SHA256 Credential=AKIDSHOWN/20270115/us-east-1/")
                == true)
    }

    @Test("an object is read into memory or into a file, with what its owner put on it")
    func get() async throws {
        let headers = [
            ("ETag", "\"7\""), ("Content-Type", "application/json"), ("x-amz-meta-owner", "app"), ("Server", "s"),
        ]
        let scripted = try ScriptedStore([ScriptedStore.success("hello", headers: headers)])
        let store = scripted.client()
        let object = try await store.get(key, limit: 10)
        #expect(object.bytes == Array("hello".utf8) && object.count == 5 && object.tag == "\"7\"")
        #expect(object.descriptions.map(\.name).sorted() == ["Content-Type", "x-amz-meta-owner"])
        let file = try OpenFile.inMemory()
        let filed = try await store.get(key, into: file, limit: 10)
        let written = try file.read(limit: 10)
        #expect(filed.bytes.isEmpty && filed.count == 5 && written == Array("hello".utf8))
        #expect(await s3Failure { () throws(S3Failure) in try await store.get(key, limit: 4) }?.reason == .tooLarge)
        #expect(try await store.head(key).count == 5)
        #expect(scripted.clock.waits.isEmpty)
    }

    @Test("what passes is tried again with growing waits, and what came of it is the answer")
    func again() async throws {
        let scripted = try ScriptedStore([
            ScriptedStore.refusal(503, "SlowDown"), ScriptedStore.refusal(500, "InternalError"),
            .steps([.reset]), .answer(status: 502, headers: [], body: []),
            ScriptedStore.refusal(429, "TooMany", headers: [("Retry-After", "7")]), .steps([.close]),
            ScriptedStore.refusal(400, "RequestTimeout"), ScriptedStore.success("x"),
        ])
        #expect(try await scripted.client().get(key, limit: 10).bytes == Array("x".utf8))
        // The transfer itself goes out again where a connection that served before dies without a word: no wait.
        #expect(
            scripted.clock.waits == [
                .milliseconds(150), .milliseconds(300), .milliseconds(600), .seconds(7), .milliseconds(2400),
            ])
        #expect(scripted.server.requests.count == 8)
    }

    @Test("a store that stays away is given up when the time is over, and not before")
    func givenUp() async throws {
        let scripted = try ScriptedStore([ScriptedStore.refusal(503, "SlowDown")])
        let store = scripted.client(patience: 20_000_000_000)
        let failure = await s3Failure { () throws(S3Failure) in try await store.get(key, limit: 10) }
        #expect(failure?.reason == .busy && failure?.status == 503)
        #expect(failure?.wardrobe.code == .storageFailed && failure?.wardrobe.retryable == true)
        let waited = scripted.clock.waits.reduce(Duration.zero, +)
        #expect(waited > .seconds(10) && waited <= .seconds(20))
        // The job's own deadline counts where it is sooner; one try is made even after it.
        let tries = scripted.server.requests.count
        let late = await s3Failure { () throws(S3Failure) in
            try await store.put(.bytes([1]), at: key, until: 1)
        }
        #expect(late?.reason == .busy && scripted.server.requests.count == tries + 1)
    }

    @Test("a port where nobody listens is a store that is away")
    func nobody() async throws {
        let port = try RawPort(listening: false)
        let scripted = try ScriptedStore([ScriptedStore.success()], alsoAt: port.port)
        let store = scripted.client(patience: 5_000_000_000, port: port.port)
        let failure = await s3Failure { () throws(S3Failure) in try await store.get(key, limit: 10) }
        #expect(failure?.reason == .unreachable && scripted.clock.waits.count > 2)
        #expect(failure?.message.contains("s3://closet/p/a b.json could not be reached") == true)
    }

    private static let refusals: [(LoopbackReply, S3Failure.Reason, String)] = [
        (ScriptedStore.refusal(404, "NoSuchKey"), .noObject, "there is no s3://closet/"),
        (ScriptedStore.refusal(404, "NoSuchBucket"), .noBucket, "correct s3.bucketName"),
        (ScriptedStore.refusal(403, "AccessDenied"), .denied, "s3:PutObject"),
        (ScriptedStore.refusal(403, "SignatureDoesNotMatch"), .wrongKeys, "AWS_SECRET_ACCESS_KEY"),
        (ScriptedStore.refusal(403, "InvalidAccessKeyId"), .wrongKeys, "AWS_ACCESS_KEY_ID"),
        (ScriptedStore.refusal(400, "ExpiredToken"), .tokenExpired, "fresh temporary credentials"),
        (ScriptedStore.refusal(412, "PreconditionFailed"), .conditionFailed, "another program changed"),
        (ScriptedStore.refusal(409, "ConditionalRequestConflict"), .conditionFailed, "another program changed"),
        (ScriptedStore.refusal(501, "NotImplemented"), .noConditions, "conditional writes"),
        (
            ScriptedStore.refusal(301, "PermanentRedirect", headers: [("x-amz-bucket-region", "eu-north-1")]),
            .wrongRegion("eu-north-1"), "set s3.region to eu-north-1"
        ),
        (
            ScriptedStore.refusal(400, "AuthorizationHeaderMalformed", "<Region>sa-east-1</Region>"),
            .wrongRegion("sa-east-1"), "lies in the region sa-east-1"
        ),
        (
            .answer(status: 301, headers: [("Location", "https://elsewhere.example.org/")], body: []),
            .wrongRegion(nil), "correct s3.region"
        ),
        (
            // Our clock stands at 2027-01-15T08:00:00Z.
            ScriptedStore.refusal(403, "RequestTimeTooSkewed", headers: [("Date", "Fri, 15 Jan 2027 07:40:00 GMT")]),
            .clockSkew(1200), "clock is 1200 s ahead of its own: set the clock"
        ),
        (ScriptedStore.refusal(403, "RequestTimeTooSkewed"), .clockSkew(nil), "too far from its own"),
        (
            // Further from our clock than 64 bits of nanoseconds reach; it counts as the first moment that they do.
            ScriptedStore.refusal(403, "RequestTimeTooSkewed", headers: [("Date", "Mon, 01 Jan 0001 00:00:00 GMT")]),
            .clockSkew(1_800_000_000 + 9_223_372_036), "ahead of its own: set the clock"
        ),
        (
            ScriptedStore.refusal(301, "PermanentRedirect", "<Region>eu\u{1B}[31m</Region>"),
            .wrongRegion("eu\\u{001B}[31m"), "lies in the region eu\\u{001B}[31m"
        ),
        (ScriptedStore.refusal(400, "InvalidArgument"), .refused, "400 InvalidArgument m"),
        (.answer(status: 403, headers: [], body: []), .denied, "403"),
        (.answer(status: 200, headers: [], body: Array(repeating: 1, count: 99)), .tooLarge, "larger"),
    ]

    @Test("every refusal has its name, says what to do, and is asked for once only", arguments: 0..<19)
    func refused(_ number: Int) async throws {
        let (reply, reason, words) = Self.refusals[number]
        let scripted = try ScriptedStore([reply])
        let store = scripted.client()
        let failure = await s3Failure { () throws(S3Failure) in try await store.get(key, limit: 10) }
        #expect(failure?.reason == reason && failure?.message.contains(words) == true, "\(String(describing: failure))")
        #expect(scripted.clock.waits.isEmpty && scripted.server.requests.count == 1)
        #expect(failure?.message.contains("hidden") == false && failure?.message.contains("AKIDSHOWN") == false)
        #expect(failure?.wardrobe.code == .storageFailed)
    }

    @Test("removing what is not there is no failure")
    func delete() async throws {
        let scripted = try ScriptedStore([
            .answer(status: 204, headers: [], body: []), ScriptedStore.refusal(404, "NoSuchKey"),
            ScriptedStore.refusal(404, "NoSuchBucket"),
        ])
        let store = scripted.client()
        try await store.delete(key)
        try await store.delete(key)
        #expect(await s3Failure { () throws(S3Failure) in try await store.delete(key) }?.reason == .noBucket)
    }

    @Test("a file that a broken answer was written to is empty before the next try")
    func brokenFile() async throws {
        let cut = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf of it"
        let scripted = try ScriptedStore([.steps([.bytes(Array(cut.utf8)), .close]), ScriptedStore.success("ok")])
        let file = try OpenFile.inMemory()
        _ = try await scripted.client().get(key, into: file, limit: 1000)
        #expect(try file.read(limit: 1000) == Array("ok".utf8) && scripted.server.requests.count == 2)
    }

    // MARK: The probe

    @Test("a store that ignores conditions is found out, whichever it ignores, and nothing of the probe stays")
    func probe() async throws {
        let refused = ScriptedStore.refusal(412, "PreconditionFailed")
        let scripts: [([LoopbackReply], String)] = [
            ([ScriptedStore.success()], "only if absent"),
            ([ScriptedStore.success(), refused, ScriptedStore.success()], "another ETag"),
            ([ScriptedStore.success(headers: [])], "no ETag"),
        ]
        for (script, words) in scripts {
            let scripted = try ScriptedStore(script)
            let probe = S3Probe(scripted.client())
            let failure = await s3Failure { () throws(S3Failure) in try await probe.run(forRecords: true) }
            #expect(failure?.reason == .noConditions && failure?.message.contains(words) == true)
            #expect(failure?.message.contains("wardrobe.type: local") == true)
            #expect(scripted.server.requests.last?.method == "DELETE")
        }
    }

    @Test("a store that does not read back what was written is refused for pictures, too")
    func forgetful() async throws {
        let scripted = try ScriptedStore([ScriptedStore.success(), ScriptedStore.success("something else")])
        let probe = S3Probe(scripted.client())
        let failure = await s3Failure { () throws(S3Failure) in try await probe.run(forRecords: false) }
        #expect(failure?.reason == .refused && failure?.message.contains("does not read back") == true)
    }
}

@Suite("records in a scripted store")
struct S3RecordsTests {
    private let user = UserID("p")!
    private let refused = ScriptedStore.refusal(412, "PreconditionFailed")

    private func record(_ tag: String, _ text: String = TemporaryWardrobe.record(["o"])) -> LoopbackReply {
        ScriptedStore.success(text, headers: [("ETag", tag)])
    }

    private func failure(of script: [LoopbackReply]) async throws -> (WardrobeFailure?, ScriptedStore) {
        let scripted = try ScriptedStore(script)
        let proof = S3Proof()
        proof.give()
        let records = RecordLines(
            S3Records(store: scripted.client(), kind: .outfits, proof: proof, looksAfter: false))
        let failure = await wardrobeFailure { () throws(WardrobeFailure) in
            try await records.change(change("o", job: "j"), of: user)
        }
        return (failure, scripted)
    }

    @Test("a record that changed since it was read is read again, and written over the newer one only")
    func again() async throws {
        let theirs = TemporaryWardrobe.record(["o", "theirs"])
        let (failure, scripted) = try await failure(of: [
            record("\"1\""), refused, record("\"2\"", theirs), ScriptedStore.success(),
        ])
        #expect(failure == nil)
        let puts = scripted.server.requests.filter { $0.method == "PUT" }
        #expect(puts.map { $0.header("if-match") } == ["\"1\"", "\"2\""] && scripted.clock.waits.count == 1)
        let text = String(decoding: puts[1].body, as: UTF8.self)
        #expect(text.contains("theirs"))
        #expect(try jobs(of: "o", in: text) == ["j"])
    }

    @Test("a write whose answer was lost is found done, and not done again")
    func lostAnswer() async throws {
        let edited = try RecordEditor.apply(
            [change("o", job: "j")], to: Array(TemporaryWardrobe.record(["o"]).utf8), now: Timestamp(nanoseconds: 0))
        let ours = String(decoding: try #require(edited.bytes), as: UTF8.self)
        let (failure, scripted) = try await failure(of: [
            record("\"1\""), ScriptedStore.refusal(500, "InternalError"), refused, record("\"2\"", ours),
        ])
        #expect(failure == nil && scripted.server.requests.map(\.method) == ["GET", "PUT", "PUT", "GET"])
    }

    @Test("a record that never stops changing is a conflict, told after ten seconds of waits")
    func conflict() async throws {
        let script = (0..<200).flatMap { [record("\"\($0)\""), refused] }
        let (failure, scripted) = try await failure(of: script)
        #expect(failure?.code == .recordConflict && failure?.retryable == true)
        let waited = scripted.clock.waits.reduce(Duration.zero, +)
        #expect(waited > .seconds(9) && waited <= .seconds(10))
    }

    @Test("no record is written without an ETag, and none to a store that was not seen to obey conditions")
    func unconditional() async throws {
        let (failure, scripted) = try await failure(of: [
            ScriptedStore.success(TemporaryWardrobe.record(["o"]), headers: [])
        ])
        #expect(failure?.code == .storageFailed && failure?.message.contains("no ETag") == true)
        #expect(scripted.server.requests.map(\.method) == ["GET"])
        let careless = try ScriptedStore([ScriptedStore.success()])
        let records = RecordLines(
            S3Records(store: careless.client(), kind: .outfits, proof: S3Proof(), looksAfter: false))
        let refusal = await wardrobeFailure { () throws(WardrobeFailure) in
            try await records.change(change("o", job: "j"), of: user)
        }
        #expect(refusal?.code == .storageFailed && refusal?.message.contains("ignores conditional writes") == true)
        #expect(!careless.server.requests.contains { $0.target.contains("saved_outfits") })
    }
}
