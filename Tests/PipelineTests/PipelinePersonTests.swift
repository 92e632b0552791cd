// The user's own photo as a reference: where it goes, what the prompt says of it, and what is wrong with it.

import Contract
import Providers
import TestSupport
import Testing

@testable import Ledger
@testable import Pipeline

@Suite("A photo of the person")
struct PipelinePersonTests {
    private let atelier: Atelier

    init() throws { atelier = try Atelier() }

    private func request(_ person: String, outfit: String = Atelier.three) -> String {
        atelier.request(#""provider": "paid", "person_image": "\#(person)""#, outfit: outfit)
    }

    @Test("it goes last, as @person, and the garments share what is left")
    func order() async throws {
        atelier.paid.answer(try Repository.picture("noise.jpg"))
        let result = try await atelier.run(request("items/mittens.jpg"))
        let order = try #require(atelier.paid.orders.first)
        // The model takes two: one is the person's, the three garments share a sheet.
        #expect(order.references.map(\.role) == [.garment, .person])
        #expect(order.references.map(\.tag) == ["sheet_1", "person"])
        #expect(order.prompt?.contains("the person in @person") == true)
        #expect(order.prompt?.contains("the 3 in @sheet_1") == true)
        #expect(result.picture?.making.references == 2)
        #expect(order.references[1].digest != order.references[0].digest)
    }

    @Test("it is found by the rules of garment photos; one that cannot be used is named beside the garments' own")
    func unreadable() async throws {
        for path in ["items/nobody.jpg", "../other/items/me.jpg", "user_profile.json"] {
            let result = try await atelier.run(request(path), as: "job-\(path.count)")
            let failure = try #require(result.failure)
            #expect(failure.code == .garmentUnreadable && failure.details.map(\.path) == ["person_image"], "\(path)")
            #expect(failure.message.contains("The person") && failure.message.contains("1 of 4 photos"), "\(failure)")
        }
        try atelier.scratch.write([1, 2, 3], "wardrobe_photos/peichin/items/black-t-shirt.png")
        let both = try await atelier.run(request("items/nobody.jpg", outfit: Atelier.one), as: "both")
        #expect(both.failure?.details.map(\.path) == ["items[0]", "person_image"])
        #expect(atelier.paid.orders.isEmpty)
    }

    @Test("a provider that takes none refuses the request, and nothing is ordered")
    func refused() async throws {
        let result = try await atelier.run(atelier.request(#""person_image": "items/mittens.jpg""#))
        #expect(result.failure?.code == .invalidRequest && result.failure?.details.map(\.path) == ["person_image"])
        #expect(result.failure?.message.contains("Flat lay takes no photo of a person") == true)
    }

    @Test("another person is another picture; the same one is answered from it")
    func reuse() async throws {
        for (number, (person, isReused)) in [
            ("items/mittens.jpg", false), ("items/mittens.jpg", true), ("items/green-bow-tie.jpg", false),
        ].enumerated() {
            atelier.paid.answer(try Repository.picture("noise.jpg"))
            let result = try await atelier.run(request(person), as: "job-\(number)")
            #expect(result.picture?.making.reused == isReused, "\(number)")
        }
        atelier.paid.answer(try Repository.picture("noise.jpg"))
        let alone = try await atelier.run(atelier.request(#""provider": "paid""#), as: "alone")
        #expect(alone.picture?.making.reused == false)
    }
}
