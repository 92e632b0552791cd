// What a power cut leaves of a request whose producer did not sync, told apart from another request.

import Linux
import Testing

@testable import Spool

@Suite("Remains of a request")
struct RemainsTests {
    private let request = Array(#"{"user_id":"u","outfit_id":"o"}"#.utf8)

    @Test("nothing, every beginning, zeros and both together are torn; the whole is sound")
    func torn() {
        for kept in 0..<request.count {
            let beginning = Array(request.prefix(kept))
            #expect(Remains.judge(beginning, of: request) == .torn, "\(kept)")
            for zeros in 1...(request.count - kept) {
                let padded = beginning + [UInt8](repeating: 0, count: zeros)
                #expect(Remains.judge(padded, of: request) == .torn, "\(kept), \(zeros)")
            }
        }
        #expect(Remains.judge(request, of: request) == .sound)
    }

    @Test("one other byte, or one more, makes it another's")
    func foreign() {
        for place in request.indices {
            var other = request
            other[place] ^= 1
            #expect(Remains.judge(other, of: request) == .foreign, "\(place)")
        }
        #expect(Remains.judge(request + [0], of: request) == .foreign)
        #expect(Remains.judge(request + [0x0A], of: request) == .foreign)
        #expect(Remains.judge(Array(request.dropFirst()), of: request) == .foreign)
    }

    @Test("a file that is put aside is a second request of its name, and the copy takes its place")
    func aside() throws {
        let place = try TestSpool()
        let name = try #require(JobName("a"))
        let folder = place.spool[.processing]
        try folder.open("a.json", .create).write(all: Array("other".utf8))
        let aside = try place.spool.putAside(name)
        #expect(aside.role == .again(name) && Claimed(found: aside.source) == aside)
        try place.spool.putBack(request, as: name)
        #expect(try folder.open("a.json", .read).read(limit: 100) == request)
        #expect(try folder.open(aside.source, .read).read(limit: 100) == Array("other".utf8))
        #expect(throws: SpoolFatal.self) { try place.spool.putBack(request, as: name) }
        try place.spool.putBack(Array("more".utf8), as: name, replacing: true)
        #expect(try folder.open("a.json", .read).read(limit: 100) == Array("more".utf8))
    }
}
