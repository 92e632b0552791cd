// The end of a wardrobe: what is being written comes to its end, what was written is looked after once more, and
// nothing is begun any more.

import Contract
import Linux
import Synchronization
import TestSupport
import Testing

@testable import Wardrobe

@Suite("The end of a wardrobe")
struct ClosingTests {
    private let place: TemporaryWardrobe
    /// Wardrobes in which a change waits for ever are kept as long as the process, as vizd's is.
    private static let kept = Mutex<[LocalWardrobe]>([])

    init() throws {
        place = try TemporaryWardrobe()
        try place.write(TemporaryWardrobe.record(["a", "b"]), to: "saved_outfits.json")
    }

    private func entries(_ outfit: String) throws -> [String] {
        try jobs(of: outfit, in: place.read("saved_outfits.json"))
    }

    @Test("what a program without the lock has written over a moment ago is repaired before the end, and not after it")
    func lastLook() async throws {
        let wardrobe = place.wardrobe()
        let before = try place.read("saved_outfits.json")
        try await wardrobe.record(update("a", job: "j"), of: place.user)
        try place.write(before, to: "saved_outfits.json")
        await wardrobe.close()
        #expect(try entries("a") == ["j"])
        try place.write(before, to: "saved_outfits.json")
        await wardrobe.settled()
        #expect(try entries("a") == [], "nobody looks after it any more")
    }

    @Test("a rewrite under way is waited for; what comes later is never begun")
    func underWay() async throws {
        let (isSynced, goesOn) = (Monitor(false), Monitor(false))
        let wardrobe = place.wardrobe { step in
            guard step == .synced else { return }
            isSynced.change { $0 = true }
            _ = goesOn.wait { $0 ? true : nil }
        }
        Self.kept.withLock { $0.append(wardrobe) }
        let user = place.user
        let recording = Task { try await wardrobe.record(update("a", job: "j"), of: user) }
        await withCheckedContinuation { waiter in
            OwnedThread.spawn(name: "synced") {
                _ = isSynced.wait(until: MonotonicClock.now() + Patience.limit) { $0 ? true : nil }
                waiter.resume()
            }
        }
        // The rewrite goes on when the end is waited for already, or is about to be.
        OwnedThread.spawn(name: "later") {
            _ = Monitor(()).wait(until: MonotonicClock.now() + 20_000_000) { _ in nil as Void? }
            goesOn.change { $0 = true }
        }
        await wardrobe.close()
        #expect(try entries("a") == ["j"])
        #expect(try !place.names().contains { $0.hasSuffix(".partial") })
        try await recording.value
        Task { try await wardrobe.record(update("b", job: "k"), of: user) }
        await wardrobe.close()
        #expect(try entries("b") == [])
    }
}
