// What a provider says of itself, the registry, and the flat lay's order to its painter.

import Contract
import Synchronization
import Testing
import Transfer

@testable import Providers

/// Remembers the sheet that it was to draw.
private final class Easel: SheetPainting {
    private let sheets = Mutex<[FlatLaySheet]>([])
    private let failure: ProviderFailure?

    init(failure: ProviderFailure? = nil) { self.failure = failure }

    var all: [FlatLaySheet] { sheets.withLock { $0 } }

    func paint(_ sheet: FlatLaySheet, _ references: [Reference]) async throws(ProviderFailure) -> [UInt8] {
        sheets.withLock { $0.append(sheet) }
        if let failure { throw failure }
        return references.map { UInt8($0.name.utf8.count) }
    }
}

private func reference(_ name: String, _ width: Int, _ height: Int) -> Reference {
    Reference(
        name: name, category: nil, width: 1000, height: 1000,
        content: PixelBox(left: 10, top: 20, width: width, height: height), backdrop: nil, image: [1],
        digest: "00")
}

@Suite("Providers")
struct ProviderTests {
    @Test("listed sizes are taken as listed, and nothing else")
    func listed() {
        let rule = SizeRule.listed([PixelSize(width: 1080, height: 1440), PixelSize(width: 512, height: 512)])
        #expect(rule.admits(PixelSize(width: 1080, height: 1440)) && !rule.admits(PixelSize(width: 1440, height: 1080)))
        #expect(rule.phrase == "one of 1080:1440, 512:512")
    }

    @Test("free sizes are taken up to their sides and their slenderness, the edges included")
    func free() {
        let rule = SizeRule.free(sides: 256...4096, slenderness: 3)
        let cases: [(Int, Int, Bool)] = [
            (256, 256, true), (4096, 4096, true), (255, 256, false), (4097, 4096, false), (256, 768, true),
            (768, 256, true), (256, 769, false), (769, 256, false), (4096, 1366, true), (4096, 1365, false),
            (1, 99_999, false), (99_999, 99_999, false),
        ]
        for (width, height, isTaken) in cases {
            #expect(rule.admits(PixelSize(width: width, height: height)) == isTaken, "\(width):\(height)")
        }
        #expect(rule.phrase.contains("256") && rule.phrase.contains("4096") && rule.phrase.contains("3 times"))
    }

    @Test("sizes by area are taken from the first to the last pixel, up to their slenderness, and nothing overflows")
    func area() {
        let rule = SizeRule.area(3_686_400...16_777_216, slenderness: 3)
        let cases: [(Int, Int, Bool)] = [
            (1920, 1920, true), (1919, 1921, false), (4096, 4096, true), (4097, 4096, false), (1200, 3600, true),
            (1200, 3601, false), (0, 0, false), (Int.max, Int.max, false), (Int.max, 1, false),
        ]
        for (width, height, isTaken) in cases {
            #expect(rule.admits(PixelSize(width: width, height: height)) == isTaken, "\(width):\(height)")
        }
        #expect(rule.phrase.contains("3686400 to 16777216 pixels"))
    }

    @Test("sizes on a grid are taken in steps, up to their longest side, their area and their slenderness")
    func grid() {
        let rule = SizeRule.grid(step: 16, longest: 2048, area: 65_536...2_097_152, slenderness: 4)
        let cases: [(Int, Int, Bool)] = [
            (256, 256, true), (248, 256, false), (264, 256, false), (2048, 1024, true), (2048, 1040, false),
            (2064, 512, false), (2048, 512, true), (2048, 496, false), (240, 272, false), (0, 0, false),
        ]
        for (width, height, isTaken) in cases {
            #expect(rule.admits(PixelSize(width: width, height: height)) == isTaken, "\(width):\(height)")
        }
        #expect(rule.phrase.contains("multiples of 16") && rule.phrase.contains("2048"))
    }

    @Test("a task's text is its id and what the provider noted, and a text of one word is its own id")
    func handles() {
        let handle = TaskHandle(id: "a-1", notes: ["cost=2", "https://x.test/?a=b"])
        #expect(handle.text == "a-1 cost=2 https://x.test/?a=b" && TaskHandle(handle.text) == handle)
        #expect(TaskHandle("17f20503").text == "17f20503" && TaskHandle("17f20503").notes.isEmpty)
        #expect(TaskHandle("").id.isEmpty)
    }

    @Test("a model is found by its exact name, and the first serves where none is named")
    func models() throws {
        let traits = FlatLay(painter: Easel()).traits
        #expect(traits.model(nil)?.name == "flatlay" && traits.model("flatlay")?.name == "flatlay")
        #expect(traits.model("Flatlay") == nil && traits.model("") == nil)
        #expect(traits.isFree && traits.displayName == "Flat lay")
        let model = try #require(traits.model(nil))
        #expect(!model.takesSeed && model.prompt == nil && !model.takesPersonImage && model.kinds == [.image])
        #expect(model.references.count.upperBound >= 40, "an outfit within a request has up to 40 garments")
    }

    private func environment(key: String?) -> ProviderEnvironment {
        var environment = ProviderEnvironment(
            painter: Easel(), transfer: Wire(always: .broken(.unconnected, .nothing)), monotonicClock: { 0 })
        environment.runway.apiKey = key
        return environment
    }

    @Test("the registry of this build has its providers by name, and no name twice")
    func registry() async {
        let registry = ProviderRegistry(environment(key: "k"))
        #expect(registry.names == ["flatlay", "runway", "fashn", "bfl", "openai", "exec"])
        #expect(registry.provider("flatlay")?.traits.id == "flatlay" && registry.provider("Runway") == nil)
        #expect(registry.provider("runway")?.traits.displayName == "Runway ML")
        await #expect(processExitsWith: .failure) {
            _ = ProviderRegistry([FlatLay(painter: Easel()), FlatLay(painter: Easel())])
        }
    }

    @Test("a provider without its key is there by name, says which setting is missing, and becomes ready by a reload")
    func missing() throws {
        let registry = ProviderRegistry(environment(key: nil))
        #expect(registry.names.contains("runway") && registry.provider("runway") == nil)
        guard case .missing(let id, let name, let setting)? = registry.entry("runway") else {
            Issue.record("not missing")
            return
        }
        #expect(id == "runway" && name == "Runway ML" && setting == "runway.apiKey")
        #expect(registry.entry("runway")?.displayName == "Runway ML" && registry.entry("nobody") == nil)
        for (id, setting) in [("fashn", "fashn.apiKey"), ("bfl", "bfl.apiKey")] {
            guard case .missing(id, _, setting)? = registry.entry(id) else {
                Issue.record("\(id) is there without its key")
                continue
            }
        }
        registry.replace(ProviderRegistry.entries(environment(key: "k")))
        #expect(registry.provider("runway") != nil)
    }

    @Test("a model that does not make its own default size is our fault and stops the process")
    func ownDefault() async {
        await #expect(processExitsWith: .failure) {
            _ = ModelTraits(
                name: "m", sizes: .listed([]), defaultSize: PixelSize(width: 1, height: 1),
                references: ReferenceRule(count: 0...1, sharesSheets: false), prompt: nil, takesSeed: false,
                takesPersonImage: false, kinds: [.image])
        }
    }

    @Test("a provider without tasks knows no task, gives none up, stages nothing and has no account")
    func defaults() async throws {
        let flatlay = FlatLay(painter: Easel())
        guard case .gone(let code, let message, _) = try await flatlay.poll("x").state else {
            Issue.record("a task of the flat lay")
            return
        }
        #expect(code == "TASK_GONE" && message.contains("Flat lay"))
        try await flatlay.cancel("x")
        #expect(try await flatlay.account() == nil)
        let order = Order(
            kind: .image, model: flatlay.traits.models[0], size: PixelSize(width: 800, height: 600), seed: nil,
            prompt: nil, references: [reference("hat", 1, 1)])
        #expect(try await flatlay.stage(order) == order)
    }

    @Test("a flat lay has a place for each garment, on a sheet of the ordered size, and costs nothing")
    func flatlay() async throws {
        let easel = Easel()
        let flatlay = FlatLay(painter: easel)
        let model = try #require(flatlay.traits.model(nil))
        // One of no height at all: a photo's own fault, not a division by nothing.
        let references = [reference("shirt", 300, 400), reference("trousers", 200, 600), reference("belt", 900, 0)]
        let order = Order(
            kind: .image, model: model, size: PixelSize(width: 800, height: 600), seed: nil, prompt: nil,
            references: references)
        #expect(flatlay.price(order) == .free)
        #expect(await flatlay.submit(order) == .made(GeneratedPicture(bytes: [5, 8, 4]), price: .free))
        #expect(await flatlay.submit(order) == .made(GeneratedPicture(bytes: [5, 8, 4]), price: .free))
        let sheets = easel.all
        #expect(sheets.count == 2 && sheets[0] == sheets[1], "the same order gives the same sheet")
        #expect(sheets[0].size == order.size && sheets[0].places.count == 3)
        for place in sheets[0].places {
            #expect(place.width > 0 && place.height > 0 && place.left >= 0 && place.top >= 0)
            #expect(place.left + place.width <= 800 && place.top + place.height <= 600)
        }
    }

    @Test("what the painter cannot draw is the provider's failure, word for word")
    func painterFails() async throws {
        let failure = ProviderFailure(code: .generationFailed, message: "No paint.", retryable: true)
        let flatlay = FlatLay(painter: Easel(failure: failure))
        let model = try #require(flatlay.traits.model(nil))
        let order = Order(
            kind: .image, model: model, size: model.defaultSize, seed: nil, prompt: nil,
            references: [reference("hat", 100, 100)])
        #expect(await flatlay.submit(order) == .refused(failure))
    }
}
