// The jobs that make no picture, through the whole pipeline: what they do, what they leave alone, and how they go on
// when they were interrupted, refused, or met by a job that makes a picture of the same outfit.

import Contract
import Ledger
import Linux
import Synchronization
import TestSupport
import Testing

@testable import Pipeline
@testable import Wardrobe

@Suite("jobs without a picture")
struct ErrandTests {
    private let atelier: Atelier

    init() throws { atelier = try Atelier() }

    private static let picture = "wardrobe_photos/peichin/items/visualizations/\(Atelier.one).jpg"

    private func removal(_ outfit: String = Atelier.one) -> String {
        #"{"action": "delete", "user_id": "peichin", "outfit_id": "\#(outfit)", "metadata": {"n": 1e3}}"#
    }

    private func profile(_ text: String) -> String {
        #"{"action": "set_profile", "user_id": "peichin", "model_descriptor": "\#(text)"}"#
    }

    private func user() throws -> UserID { try #require(UserID("peichin")) }

    /// Makes the picture of the outfit with one garment.
    private func made() async throws { _ = try await atelier.run(atelier.request(outfit: Atelier.one), as: "made") }

    private func stored() throws -> [String] {
        let folder = try Directory(path: "\(atelier.scratch.path)/wardrobe_photos/peichin/items/visualizations")
        return try folder.names().map(\.description)
    }

    @Test("a delete takes picture and record's fields away, without provider, attempt or cost")
    func delete() async throws {
        let before = try atelier.record()
        try await made()
        let result = try await atelier.run(removal())
        #expect(result.outcome == .removed([Self.picture]) && result.progress == 100)
        #expect(result.cost == .init() && result.attempts == 0 && result.outfitID == Atelier.one)
        #expect(result.metadata == Array(#"{"n": 1e3}"#.utf8))
        #expect(result.timing.stages[.update] != nil && result.timing.stages[.prepare] == nil)
        #expect(try stored() == [])
        let after = try atelier.record()
        let time = { (text: String) in try RecordText(Array(text.utf8)).string("last_updated", of: 0..<text.utf8.count)
        }
        let (old, new) = (try #require(try time(before)), try #require(try time(after)))
        #expect(after.replacing(new, with: old) == before)
        #expect(try await atelier.journal.row("a")?.phase == .recorded)
        #expect(try await atelier.journal.attempts("a") == [])
        #expect(atelier.reports.last?.stage == .update && atelier.reports.last?.provider == nil)
    }

    @Test("an outfit that was never drawn is nothing to remove, one that nobody knows is not found")
    func nothing() async throws {
        let before = try atelier.record()
        #expect(try await atelier.run(removal()).outcome == .removed([]))
        #expect(try atelier.record() == before)
        let unknown = try await atelier.run(removal("nowhere"), as: "b")
        #expect(unknown.failure?.code == .outfitNotFound && unknown.failure?.stage == .update)
        #expect(unknown.failure?.message.contains("nowhere") == true && unknown.failure?.retryable == false)
        let stranger = try await atelier.run(
            #"{"action": "delete", "user_id": "nobody", "outfit_id": "o"}"#, as: "c")
        #expect(stranger.failure?.code == .outfitNotFound)
    }

    @Test("an outfit that came within its request has a picture and no record, and is deleted by its name")
    func inline() async throws {
        _ = try await atelier.run(
            #"{"user_id": "peichin", "outfit": {"items": [{"name": "Tee", "image": "items/black-t-shirt.png"}]}}"#,
            as: "tee")
        #expect(try stored() == ["tee.jpg"])
        let result = try await atelier.run(removal("tee"))
        #expect(result.outcome == .removed(["wardrobe_photos/peichin/items/visualizations/tee.jpg"]))
        #expect(try stored() == [])
    }

    @Test("a profile is set, and what is drawn next wears it; an empty description is removed")
    func setProfile() async throws {
        let result = try await atelier.run(profile("Model: short, bald"))
        #expect(result.outcome == .profile(modelDescriptor: "Model: short, bald") && result.outfitID == nil)
        #expect(result.cost == .init() && result.attempts == 0)
        #expect(try await atelier.wardrobe.profile(of: user()).modelDescriptor == "Model: short, bald")
        #expect(try await atelier.wardrobe.profile(of: user()).styleWords.isEmpty == false)
        #expect(try await atelier.run(profile(""), as: "b").outcome == .profile(modelDescriptor: nil))
        #expect(try await atelier.wardrobe.profile(of: user()).modelDescriptor == nil)
        #expect(try await atelier.journal.row("b")?.phase == .stored)
    }

    @Test(
        "a delete that was stopped anywhere is made again, and tells all that it removed",
        arguments: [TroubledWardrobe.Call.clear, .remove])
    func stopped(_ call: TroubledWardrobe.Call) async throws {
        try await made()
        guard case .stopped = await atelier.end(try await atelier.admit(removal()), troubles: [call: [.stop]]) else {
            throw Unexpected(what: "the job was not stopped")
        }
        let ticket = try await atelier.admit(removal())
        #expect(ticket.resume == (call == .clear ? .prepare : .update))
        // A run before it came as far as removing the picture.
        if call == .remove {
            _ = try await atelier.wardrobe.removePictures(of: OutfitID(Atelier.one)!, user())
        }
        #expect(try await atelier.run(ticket).outcome == .removed([Self.picture]))
        #expect(try stored() == [] && !atelier.record().contains("visualization"))
        // Once all is gone only the result is missing: nothing is touched any more.
        let last = try await atelier.admit(removal())
        #expect(last.resume == .conclude)
        try await made2()
        #expect(try await atelier.run(last).outcome == .removed([Self.picture]))
        #expect(try stored() == ["\(Atelier.one).jpg"])
    }

    private func made2() async throws { _ = try await atelier.run(atelier.request(outfit: Atelier.one), as: "later") }

    @Test("a profile that is set is not set a second time by a job that only has to land")
    func profileLands() async throws {
        _ = try await atelier.run(profile("ours"))
        try await atelier.wardrobe.setDescriptor("theirs", of: user())
        let ticket = try await atelier.admit(profile("ours"))
        #expect(ticket.resume == .update)
        #expect(try await atelier.run(ticket).outcome == .profile(modelDescriptor: "ours"))
        #expect(try await atelier.wardrobe.profile(of: user()).modelDescriptor == "theirs")
    }

    @Test("a full disk is waited out, and a wardrobe that refuses fails the job, which then goes on where it was")
    func troubles() async throws {
        try await made()
        let refusal = WardrobeFailure(.storageFailed, "the picture could not be removed: mend the disk")
        let failed = try await atelier.run(
            removal(), troubles: [.clear: [.noRoom], .remove: [.noRoom, refusal]])
        #expect(atelier.waited.count == 2 && atelier.waited.allSatisfy { $0.hasPrefix("a: ") })
        #expect(failed.failure?.code == .storageFailed && failed.failure?.retryable == true)
        #expect(try stored().count == 1)
        try await atelier.land("a", failed)
        let ticket = try await atelier.admit(removal(), old: .failed)
        #expect(ticket.resume == .update)
        #expect(try await atelier.run(ticket).outcome == .removed([Self.picture]))
        let conflict = WardrobeFailure(.recordConflict, "the profile kept changing: see who writes it")
        let result = try await atelier.run(profile("x"), as: "b", troubles: [.describe: [.noRoom, conflict]])
        #expect(result.failure?.code == .recordConflict && result.failure?.retryable == true)
    }

    @Test("a picture and a delete of one outfit at once: each is whole, and the later one stands")
    func atOnce() async throws {
        // One pipeline, as in the daemon: turns are taken within it. Every second picture is one that is there already.
        let pipeline = atelier.pipeline()
        for round in 0..<6 {
            let make = try await atelier.admit(atelier.request(outfit: Atelier.one), as: "make-\(round)")
            let delete = try await atelier.admit(removal(), as: "delete-\(round)")
            async let made = atelier.run(make, in: pipeline)
            async let deleted = atelier.run(delete, in: pipeline)
            let (picture, removed) = try await (made, deleted)
            #expect(picture.picture != nil && removed.failure == nil)
            let isThere = try stored() == ["\(Atelier.one).jpg"]
            #expect(try atelier.record().contains("\"visualization_url\"") == isThere, "round \(round)")
        }
    }

    @Test("turns at an outfit are taken in the order of their coming, and outfits do not wait for each other")
    func turns() async throws {
        let turns = OutfitTurns()
        let place = OutfitTurns.Place(user: try user(), outfit: OutfitID("o")!)
        let order = Mutex<[Int]>([])
        await turns.enter(place)
        await turns.enter(OutfitTurns.Place(user: try user(), outfit: OutfitID("p")!))
        #expect(turns.placeCount == 2)
        let waiting = Task {
            await turns.enter(place)
            order.withLock { $0.append(2) }
            turns.leave(place)
        }
        order.withLock { $0.append(1) }
        turns.leave(place)
        await waiting.value
        #expect(order.withLock { $0 } == [1, 2] && turns.placeCount == 1)
    }

    @Test("an errand's note reads back, and nothing else reads as one")
    func notes() {
        let note = ErrandNote(removed: ["a \"b\"", "ü"])
        #expect(ErrandNote(encoded: note.encoded()) == note)
        for text in [
            "", "{}", #"{"errand":2,"removed":[]}"#, #"{"errand":1,"removed":[1]}"#, #"{"version":1,"url":"u"}"#,
        ] {
            #expect(ErrandNote(encoded: Array(text.utf8)) == nil)
        }
    }
}
