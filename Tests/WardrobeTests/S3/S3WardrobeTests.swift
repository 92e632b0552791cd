// The wardrobe in a bucket of a real object store, which checks signatures and obeys conditions; boto3 is the judge of
// what is in it, and the other program that writes the same records.

import Contract
import Digest
import Foundation
import Linux
import Synchronization
import TestSupport
import Testing
import Transfer

@testable import Wardrobe

/// One SeaweedFS for all tests that do not kill it.
private actor Shared {
    static let shared = Shared()
    private var running: Task<Seaweed, any Error>?

    func seaweed() async throws -> Seaweed {
        let task = running ?? Task { try await Seaweed.start() }
        running = task
        return try await task.value
    }
}

/// A value that tasks share.
private final class Note<Value: Sendable>: Sendable {
    let value: Mutex<Value>
    init(_ value: Value) { self.value = Mutex(value) }
}

/// A client of a running store.
private struct Household: Sendable {
    let seaweed: Seaweed
    let transfer: CurlTransfer
    let store: S3Store
    let wardrobe: S3Wardrobe
    /// No other test's.
    let user = UserID("user " + Random.hex(bytes: 4))!

    /// - Parameter patience: seconds.
    init(
        _ seaweed: Seaweed, keys: S3Keys = Seaweed.writer, bucket name: String = Seaweed.bucket, patience: Int64 = 60,
        publicBase: String? = nil
    ) throws {
        self.seaweed = seaweed
        var settings = TransferSettings()
        settings.allowInsecure = [seaweed.authority]
        transfer = try CurlTransfer(settings)
        let bucket = S3Bucket(
            name: name, region: "us-east-1", endpoint: seaweed.endpoint, pathStyle: true, publicBaseURL: publicBase)!
        store = S3Store(
            bucket, credentials: S3Credentials(accessKeyID: keys.id, secretAccessKey: keys.secret),
            transfer: transfer, patience: patience * 1_000_000_000)
        let photos = RemotePhotos(
            store: store, transfer: transfer, allowedHosts: [], limit: 1 << 20, pace: .real,
            newFile: { () throws(SystemFailure) in try OpenFile.inMemory() })
        wardrobe = S3Wardrobe(store, photos: photos)
    }

    /// Puts something into the user's folder, as the app does.
    func put(_ text: String, as name: String) async throws {
        try await seaweed.ask("put", "\(user)/\(name)", input: Array(text.utf8))
    }

    func get(_ name: String) async throws -> String { try await seaweed.ask("get", "\(user)/\(name)").text }

    func listing() async throws -> [String: [String: String]] {
        try JSONDecoder().decode([String: [String: String]].self, from: Data(try await seaweed.ask("list").output))
    }

    func picture(_ outfit: String, view: String? = nil) -> StoredName {
        StoredName(user: user, outfit: OutfitID(outfit)!, view: view)!
    }
}

@Suite("the wardrobe in a bucket", .serialized)
struct S3WardrobeTests {
    @Test("every legal key is written, read and removed, and boto3 reads the same bytes")
    func keys() async throws {
        let home = try Household(try await Shared.shared.seaweed())
        // This store keeps no part of a key of more than 255 bytes, and takes a backslash for a slash.
        let names = awkwardKeys.filter { $0.utf8.count < 200 && !$0.contains("\\") }
        let keys = names.compactMap { S3Key("\(home.user)/keys/\($0)") }
        let bytes = { (key: S3Key) in Array(key.text.utf8) + [0, 255] }
        for key in keys {
            let tag = try await home.store.put(.bytes(bytes(key)), at: key)
            let read = try await home.store.get(key, limit: 4096)
            #expect(read.bytes == bytes(key) && read.tag == tag, "\(key)")
        }
        #expect(try await digests(of: keys, home) == keys.map { SHA256.of(bytes($0)).hex })
        for key in keys { try await home.store.delete(key) }
        #expect(try await digests(of: keys, home).allSatisfy { $0 == nil })
    }

    private func digests(of keys: [S3Key], _ home: Household) async throws -> [String?] {
        let asked = try JSONEncoder().encode(keys.map(\.text))
        let verdict = try await home.seaweed.ask("digests", input: Array(asked))
        return try JSONDecoder().decode([String?].self, from: Data(verdict.output))
    }

    @Test("this store obeys conditions, and the probe leaves nothing behind")
    func probe() async throws {
        let home = try Household(try await Shared.shared.seaweed())
        try await S3Probe(home.store).run(forRecords: true)
        #expect(try await home.listing().keys.filter { $0.hasPrefix(".vizd") }.isEmpty)
    }

    @Test("a streamed file arrives whole, and one that is not what its digest says does not arrive")
    func streamed() async throws {
        let home = try Household(try await Shared.shared.seaweed())
        let bytes = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
        let file = try OpenFile.inMemory(bytes)
        let key = try #require(S3Key("\(home.user)/film.mp4"))
        try await home.store.put(.file(file, count: bytes.count, digest: SHA256.of(bytes)), at: key)
        #expect(try await home.store.get(key, limit: 1 << 22).bytes == bytes)
        let other = try #require(S3Key("\(home.user)/broken.mp4"))
        let failure = await s3Failure { () throws(S3Failure) in
            try await home.store.patient(for: 1).put(
                .file(file, count: bytes.count, digest: SHA256.of([1])), at: other)
        }
        #expect(failure != nil)
        #expect(
            await s3Failure { () throws(S3Failure) in try await home.store.get(other, limit: 1 << 22) }?.reason
                == .noObject)
    }

    @Test("a picture has its key, its type, its addresses, and is replaced and removed")
    func pictures() async throws {
        let home = try Household(try await Shared.shared.seaweed(), publicBase: "https://cdn.example.org/img")
        let name = home.picture("o 1+2")
        _ = try await home.wardrobe.storePicture([1], for: name)
        let stored = try await home.wardrobe.storePicture([1, 2, 3], for: name)
        let path = "\(home.user)/items/visualizations/o 1+2.jpg"
        let escaped = path.replacing(" ", with: "%20").replacing("+", with: "%2B")
        #expect(stored.place == .object("s3://closet/\(path)") && stored.bytes == 3)
        #expect(stored.url == "https://cdn.example.org/img/\(escaped)" && stored.sha256 == SHA256.of([1, 2, 3]))
        _ = try await home.wardrobe.storePicture([4], for: home.picture("o", view: "street"))
        let listed = try await home.listing()
        #expect(listed[path]?["type"] == "image/jpeg" && listed[path]?["cache"] == "no-cache")
        #expect(listed[path]?["sha256"] == SHA256.of([1, 2, 3]).hex)
        #expect(listed["\(home.user)/items/visualizations/views/o/street.jpg"] != nil)
        #expect(try await home.wardrobe.readPicture(name) == [1, 2, 3])
        #expect(try await home.wardrobe.readPicture(home.picture("o", view: "street")) == [4])
        #expect(try await home.wardrobe.readPicture(home.picture("o")) == nil)
        try await home.wardrobe.removePicture(name)
        try await home.wardrobe.removePicture(name)
        #expect(try await home.listing()[path] == nil)
        let plain = try Household(home.seaweed)
        let address = try await plain.wardrobe.storePicture([1], for: plain.picture("o")).url
        #expect(
            address == "\(home.seaweed.endpoint)/closet/"
                + "\(plain.user)/items/visualizations/o.jpg".replacing(" ", with: "%20"))
    }

    @Test("profile, outfit and photos are read beneath the user's prefix, and nowhere else")
    func reading() async throws {
        let home = try Household(try await Shared.shared.seaweed())
        let user = home.user
        #expect(try await home.wardrobe.profile(of: user) == Profile())
        try await home.put(#"{"model_descriptor":"tall"}"#, as: "user_profile.json")
        #expect(try await home.wardrobe.profile(of: user).modelDescriptor == "tall")
        let missing = await wardrobeFailure { () throws(WardrobeFailure) in
            try await home.wardrobe.outfit(OutfitID("o")!, of: user)
        }
        #expect(missing?.code == .outfitNotFound && missing?.message.contains("s3://closet/\(user)/") == true)
        try await home.put(
            #"{"saved":[{"id":"o","outfit_data":{"items":[{"id":"i","name":"Coat"}]}}]}"#, as: "saved_outfits.json")
        try await home.put(
            #"{"items":[{"id":"i","styling_details":{"name":"Coat"},"system_metadata":{"image_path":"items/c.jpg"}}]}"#,
            as: "wardrobe_metadata.json")
        let garment = try await home.wardrobe.outfit(OutfitID("o")!, of: user).items[0]
        #expect(garment.candidates == ["items/c.jpg"])
        try await home.put("photo", as: "items/c d.jpg")
        let base = "\(home.seaweed.endpoint)/closet/\(user)".replacing(" ", with: "%20")
        let serving = [
            "items/c d.jpg", "\(user)/items/c d.jpg", "wardrobe_photos/\(user)/items/c d.jpg",
            "s3://closet/\(user)/items/c d.jpg", "s3://closet/wardrobe_photos/\(user)/items/c d.jpg",
            "\(base)/items/c%20d.jpg", "\(base)/items/c%20d.jpg?X-Amz-Signature=abc",
        ]
        for path in serving {
            let photo = try await home.wardrobe.openPhoto(
                Garment(name: "Coat", candidates: ["gone.jpg", path]), of: user)
            #expect(try photo.file.read(limit: 10) == Array("photo".utf8), "\(path)")
            #expect(!photo.path.contains("Signature"))
        }
        let stranger = try Household(home.seaweed)
        try await stranger.put("theirs", as: "items/c.jpg")
        let refused = [
            "s3://closet/\(stranger.user)/items/c.jpg", "../\(stranger.user)/items/c.jpg",
            "s3://other/\(user)/items/c d.jpg",
            "s3://closet/\(user)/../\(stranger.user)/items/c.jpg", "https://example.org/c.jpg?token=abc", "/etc/passwd",
            "",
            "\(home.seaweed.endpoint)/closet/\(stranger.user)/items/c.jpg".replacing(" ", with: "%20"),
        ]
        for path in refused {
            let failure = await wardrobeFailure { () throws(WardrobeFailure) in
                try await home.wardrobe.openPhoto(Garment(name: "Coat", candidates: [path]), of: user)
            }
            #expect(failure?.code == .garmentUnreadable, "\(path)")
            #expect(failure?.message.contains("token=abc") == false)
        }
        let large = try Household(home.seaweed)
        try await large.put(String(repeating: "x", count: 1 << 20 + 1), as: "items/large.jpg")
        let failure = await wardrobeFailure { () throws(WardrobeFailure) in
            try await large.wardrobe.openPhoto(Garment(name: "Coat", candidates: ["items/large.jpg"]), of: large.user)
        }
        #expect(failure?.code == .garmentUnreadable && failure?.message.contains("limits.imageBytes") == true)
    }

    @Test("a record is rewritten byte for byte but for the picture, and keeps what its owner put on it")
    func recording() async throws {
        let home = try Household(try await Shared.shared.seaweed())
        try await home.put(TemporaryWardrobe.record(["o", "p"]), as: "saved_outfits.json")
        try await home.wardrobe.record(update("o", job: "j"), of: home.user)
        let text = try await home.get("saved_outfits.json")
        #expect(try jobs(of: "o", in: text) == ["j"] && text.contains("\"keep\": 1e3"))
        let listed = try await home.listing()["\(home.user)/saved_outfits.json"]
        #expect(listed?["owner"] == "the app" && listed?["type"] == "application/json")
        // The same again changes nothing, and writes nothing.
        let before = try await home.store.head(S3Records.key("saved_outfits.json", home.user)).tag
        try await home.wardrobe.record(update("o", job: "j"), of: home.user)
        #expect(try await home.store.head(S3Records.key("saved_outfits.json", home.user)).tag == before)
        let gone = await wardrobeFailure { () throws(WardrobeFailure) in
            try await home.wardrobe.record(update("q", job: "j"), of: home.user)
        }
        #expect(gone?.code == .outfitNotFound)
        try await home.put("{", as: "saved_outfits.json")
        let broken = await wardrobeFailure { () throws(WardrobeFailure) in
            try await home.wardrobe.record(update("o", job: "k"), of: home.user)
        }
        #expect(broken?.code == .recordInvalid)
        #expect(try await home.get("saved_outfits.json") == "{")
    }

    @Test("fifty jobs from two daemons and another program that writes the same record lose nothing of each other")
    func contention() async throws {
        let home = try Household(try await Shared.shared.seaweed())
        let second = try Household(home.seaweed)
        let outfits = (0..<10).map { "o\($0)" }
        try await home.put(TemporaryWardrobe.record(outfits), as: "saved_outfits.json")
        let user = home.user
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await home.seaweed.ask("write", "\(user)/saved_outfits.json", "30", as: Seaweed.writer)
            }
            // Not before the other program is at it.
            let record = S3Records.key("saved_outfits.json", user)
            let before = try await home.store.head(record).tag
            while try await home.store.head(record).tag == before { try Task.checkCancellation() }
            for (number, wardrobe) in [home.wardrobe, second.wardrobe].enumerated() {
                for start in stride(from: number, to: 50, by: 10) {
                    group.addTask {
                        for job in stride(from: start, to: start + 10, by: 2) {
                            try await wardrobe.record(update("o\(job % 10)", job: "job-\(job)"), of: user)
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
        let text = try await home.get("saved_outfits.json")
        for outfit in outfits {
            let wanted = (0..<50).filter { "o\($0 % 10)" == outfit }.map { "job-\($0)" }
            #expect(try jobs(of: outfit, in: text).sorted() == wanted.sorted())
        }
        let record = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
        #expect(record?["foreign"] as? [Int] == Array(0..<30))
    }

    @Test("an entry that a program without conditions writes over is put back, once the record is looked at again")
    func blindWriter() async throws {
        let home = try Household(try await Shared.shared.seaweed())
        let old = TemporaryWardrobe.record(["o", "p"])
        try await home.put(old, as: "saved_outfits.json")
        let key = S3Records.key("saved_outfits.json", home.user)
        try await home.wardrobe.record(update("o", job: "j"), of: home.user)
        // It has read the record before the update, and adds a line of its own.
        let theirs = old.replacing("\"then\"", with: "\"theirs\"")
        try await home.store.put(.bytes(Array(theirs.utf8)), at: key)
        await home.wardrobe.settled()
        let text = try await home.get("saved_outfits.json")
        #expect(try jobs(of: "o", in: text) == ["j"])
        // An entry that is taken out later stays out.
        try await home.store.put(.bytes(Array(theirs.utf8)), at: key)
        await home.wardrobe.settled()
        #expect(try await home.get("saved_outfits.json") == theirs)
    }

    @Test("a wrong secret, an unknown key, a missing bucket and keys that only read are told apart")
    func misconfigured() async throws {
        let seaweed = try await Shared.shared.seaweed()
        let wrong = S3Keys(id: Seaweed.writer.id, secret: "another")
        let unknown = S3Keys(id: "AKIDNOBODY", secret: "another")
        for keys in [wrong, unknown] {
            let home = try Household(seaweed, keys: keys)
            let failure = await s3Failure { () throws(S3Failure) in try await S3Probe(home.store).run(forRecords: true)
            }
            #expect(failure?.reason == .wrongKeys && failure?.message.contains(keys.secret) == false)
        }
        let reader = try Household(seaweed, keys: Seaweed.reader)
        let denied = await s3Failure { () throws(S3Failure) in try await S3Probe(reader.store).run(forRecords: false) }
        #expect(denied?.reason == .denied)
        let nowhere = try Household(seaweed, bucket: "nowhere")
        let missing = await wardrobeFailure { () throws(WardrobeFailure) in
            try await nowhere.wardrobe.profile(of: nowhere.user)
        }
        #expect(missing?.code == .storageFailed && missing?.message.contains("s3.bucketName") == true)
    }

    @Test("a bucket that turns read-only is storage_failed at once, and takes the picture when it is writable again")
    func readOnly() async throws {
        let home = try Household(try await Shared.shared.seaweed())
        try await home.put(TemporaryWardrobe.record(["o"]), as: "saved_outfits.json")
        try await home.seaweed.ask("policy", "deny")
        let failures = [
            await wardrobeFailure { () throws(WardrobeFailure) in
                try await home.wardrobe.storePicture([1], for: home.picture("o"))
            },
            await wardrobeFailure { () throws(WardrobeFailure) in
                try await home.wardrobe.record(update("o", job: "j"), of: home.user)
            },
        ]
        for failure in failures {
            #expect(failure?.code == .storageFailed && failure?.retryable == true && failure?.answer == .fail)
            #expect(failure?.message.contains("s3:PutObject") == true)
        }
        try await home.seaweed.ask("policy", "allow")
        _ = try await home.wardrobe.storePicture([1], for: home.picture("o"))
        try await home.wardrobe.record(update("o", job: "j"), of: home.user)
        #expect(try jobs(of: "o", in: try await home.get("saved_outfits.json")) == ["j"])
    }

    @Test("a store that is killed in the middle of uploads and comes back has every picture and every entry")
    func killed() async throws {
        let seaweed = try await Seaweed.start()
        let home = try Household(seaweed, patience: 120)
        try await home.put(TemporaryWardrobe.record((0..<40).map { "o\($0)" }), as: "saved_outfits.json")
        let user = home.user
        let picture: @Sendable (Int) -> [UInt8] = { number in
            (0..<200_000).map { UInt8(truncatingIfNeeded: $0 &* number) }
        }
        let stored = Note(0)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<40 {
                group.addTask {
                    let name = StoredName(user: user, outfit: OutfitID("o\(number)")!)!
                    _ = try await home.wardrobe.storePicture(picture(number), for: name)
                    stored.value.withLock { $0 += 1 }
                    try await home.wardrobe.record(update("o\(number)", job: "job-\(number)"), of: user)
                }
            }
            group.addTask {
                seaweed.kill()
                try await seaweed.restart()
            }
            try await group.waitForAll()
        }
        #expect(stored.value.withLock { $0 } == 40)
        let listed = try await home.listing()
        let text = try await home.get("saved_outfits.json")
        for number in 0..<40 {
            let found = listed["\(user)/items/visualizations/o\(number).jpg"]
            #expect(found?["sha256"] == SHA256.of(picture(number)).hex)
            #expect(try jobs(of: "o\(number)", in: text) == ["job-\(number)"])
        }
    }
}
