// The way back from processing/ to incoming/, for a spool whose journal is lost.

import Linux
import Testing

@testable import Spool

@Suite("Giving back")
struct GiveBackTests {
    @Test("claimed files are listed by what they are, without status files and strangers, and nothing is changed")
    func listing() throws {
        let place = try TestSpool()
        let folder = place.spool[.processing]
        let names = [".again.1f.a.json", ".invalid.2.tooLong.b.json", "a.json"]
        for name in names + ["a.status.json", "stranger", ".a.result.json.vizd-01234567"] {
            try folder.open(FileName(name), .create).write(all: [1])
        }
        #expect(try place.spool.claimedFiles().map { "\($0.source)" } == names)
        #expect(try folder.names().count == 6)
        try place.spool.removeAllStatuses()
        #expect(try folder.infoIfPresent(of: "a.status.json") == nil && folder.names().count == 5)
    }

    @Test("a file goes back under the name it is given; one that is taken or gone is told, and replaces nothing")
    func back() throws {
        let place = try TestSpool()
        let (processing, incoming) = (place.spool[.processing], place.spool[.incoming])
        try processing.open("a.json", .create).write(all: [1])
        try incoming.open("a.json", .create).write(all: [2])
        let claimed = try #require(Claimed(found: "a.json"))
        #expect(try !place.spool.giveBack(claimed, as: "a.json"))
        #expect(try place.spool.giveBack(claimed, as: "b.json"))
        #expect(try !place.spool.giveBack(claimed, as: "c.json"))
        #expect(try incoming.open("a.json", .read).read(limit: 9) == [2])
        #expect(try incoming.open("b.json", .read).read(limit: 9) == [1])
        #expect(try processing.names().isEmpty)
        try place.spool.removeWaiting("a.json")
        try place.spool.removeWaiting("a.json")
        #expect(try incoming.names() == ["b.json"])
    }
}
