// Photos from the web, for records on the local disk: which hosts are asked, which redirects are followed, what is
// tried again, and what a photo may be.

import Contract
import Linux
import LoopbackServer
import Testing
import Transfer

@testable import Wardrobe

@Suite("photos from the web")
struct RemotePhotosTests {
    private let garment = { (path: String) in Garment(name: "Coat", candidates: [path]) }

    private func wardrobe(_ place: TemporaryWardrobe, _ web: ScriptedStore, hosts: [String] = ["127.0.0.1"])
        -> LocalWardrobe
    {
        let photos = RemotePhotos(
            store: nil, transfer: web.transfer, allowedHosts: hosts, limit: 100_000, pace: web.clock.pace.pace,
            newFile: { () throws(SystemFailure) in try OpenFile.inMemory() })
        return LocalWardrobe(root: place.path, pool: BlockingPool(threads: 2), pace: .real, photos: photos)
    }

    private func refusal(_ script: [LoopbackReply], hosts: [String] = ["127.0.0.1"], path: String? = nil)
        async throws -> (WardrobeFailure?, ScriptedStore)
    {
        let (place, web) = (try TemporaryWardrobe(), try ScriptedStore(script))
        let wardrobe = wardrobe(place, web, hosts: hosts)
        let path = path ?? "http://127.0.0.1:\(web.server.port)/c.jpg?token=abc"
        let failure = await wardrobeFailure { () throws(WardrobeFailure) in
            try await wardrobe.openPhoto(garment(path), of: place.user)
        }
        return (failure, web)
    }

    @Test("a photo of an allowed host is fetched, also after a fault and over a redirect to an allowed host")
    func fetched() async throws {
        let place = try TemporaryWardrobe()
        let web = try ScriptedStore([
            .answer(status: 503, headers: [], body: [7]),
            .answer(status: 302, headers: [("Location", "/moved.jpg")], body: []), ScriptedStore.success("photo"),
        ])
        let wardrobe = wardrobe(place, web)
        let photo = try await wardrobe.openPhoto(
            garment("http://127.0.0.1:\(web.server.port)/c.jpg?token=abc"), of: place.user)
        #expect(try photo.file.read(limit: 100) == Array("photo".utf8) && photo.info.size == 5)
        #expect(photo.path == "http://127.0.0.1:\(web.server.port)/c.jpg")
        #expect(web.server.requests.map(\.target) == ["/c.jpg?token=abc", "/c.jpg?token=abc", "/moved.jpg"])
        #expect(web.server.requests.allSatisfy { $0.header("authorization") == nil })
    }

    @Test("a host that is not allowed is not asked, neither at first nor after a redirect")
    func strangers() async throws {
        let (first, unasked) = try await refusal([ScriptedStore.success("photo")], hosts: ["images.example.org"])
        #expect(first?.code == .garmentUnreadable && first?.message.contains("wardrobe.allowedHosts") == true)
        #expect(unasked.server.requests.isEmpty)
        let (second, web) = try await refusal([
            .answer(status: 302, headers: [("Location", "https://elsewhere.example.org/c.jpg")], body: [])
        ])
        #expect(second?.message.contains("photos from elsewhere.example.org are not fetched") == true)
        #expect(web.server.requests.count == 1 && second?.message.contains("token=abc") == false)
    }

    @Test("a private address is not reached, whatever host is allowed")
    func privateAddress() async throws {
        let (failure, _) = try await refusal(
            [ScriptedStore.success("photo")], hosts: ["127.0.0.2"], path: "https://127.0.0.2/c.jpg")
        #expect(failure?.code == .garmentUnreadable && failure?.message.contains("private network") == true)
    }

    @Test("redirects in a ring, missing photos, empty ones and large ones are refused with the reason")
    func refused() async throws {
        let ring = LoopbackReply.answer(status: 302, headers: [("Location", "/c.jpg")], body: [])
        let scripts: [([LoopbackReply], String, Int)] = [
            ([ring], "redirects more than 3 times", 4),
            ([.answer(status: 404, headers: [], body: [])], "answered 404", 1),
            ([ScriptedStore.success("")], "it is empty", 1),
            ([ScriptedStore.success(String(repeating: "x", count: 100_001))], "", 1),
            ([.answer(status: 503, headers: [], body: [])], "answered 503", 3),
            ([.answer(status: 302, headers: [], body: [])], "redirects to nowhere", 1),
        ]
        for (script, words, count) in scripts {
            let (failure, web) = try await refusal(script)
            #expect(failure?.code == .garmentUnreadable && web.server.requests.count == count, "\(words)")
            #expect(words.isEmpty || failure?.message.contains(words) == true, "\(String(describing: failure))")
        }
    }

    @Test("a bucket's address does not serve where there is no bucket, and a local photo still does")
    func withoutBucket() async throws {
        let (place, web) = (try TemporaryWardrobe(), try ScriptedStore([ScriptedStore.success()]))
        let wardrobe = wardrobe(place, web)
        try place.write("local", to: "c.jpg")
        let both = Garment(name: "Coat", candidates: ["s3://closet/peichin/c.jpg", "c.jpg"])
        #expect(try await wardrobe.openPhoto(both, of: place.user).file.read(limit: 10) == Array("local".utf8))
        let failure = await wardrobeFailure { () throws(WardrobeFailure) in
            try await wardrobe.openPhoto(garment("s3://closet/peichin/c.jpg"), of: place.user)
        }
        #expect(failure?.message.contains("another bucket") == true)
    }
}
