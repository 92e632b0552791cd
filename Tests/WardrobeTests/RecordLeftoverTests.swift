// A record that is written, and an old text beside it that cannot be removed.

import Contract
import Linux
import Testing

@testable import Wardrobe

@Suite("What a written record leaves beside it")
struct RecordLeftoverTests {
    @Test("an update is done when the record is durable, even if the old text beside it cannot be removed")
    func cannotBeRemoved() async throws {
        let place = try TemporaryWardrobe()
        try place.write(TemporaryWardrobe.record(["a"]), to: "saved_outfits.json")
        let wardrobe = place.wardrobe { step in
            guard step == .synced else { return }
            do { try block(place) } catch { Issue.record(error) }
        }
        try await wardrobe.record(update("a", job: "j"), of: place.user)
        await wardrobe.settled()
        #expect(try jobs(of: "a", in: try place.read("saved_outfits.json")) == ["j"])
        #expect(try place.names().contains { $0.hasPrefix(".vizd/saved_outfits.aside-") }, "it was in the way")
    }

    /// Puts a folder in the place of the old text: unlink(2) refuses it.
    private func block(_ place: TemporaryWardrobe) throws {
        let scratch = try place.folder.directory(".vizd")
        for name in try scratch.names() where name.description.hasPrefix("saved_outfits.aside-") {
            try scratch.unlink(name)
            try scratch.makeDirectory(name, mode: 0o755)
        }
    }
}
