// The table of models, held against the figures of the sheet of facts.

import Contract
import Testing

@testable import Providers

private func model(_ name: String) throws -> RunwayModel { try #require(RunwayModel.all.first { $0.name == name }) }

/// Sizes, prompt, references, seed, tags, credits for the default size: as the facts have them.
private struct Fact {
    let name: String
    let sizes: Int
    let prompt: Int
    let references: ClosedRange<Int>
    let seed: Bool
    let tags: Bool
    let outputCount: Bool
    let credits: Double
}

private let facts: [Fact] = [
    Fact(
        name: "gen4_image", sizes: 16, prompt: 1000, references: 0...3, seed: true, tags: true, outputCount: false,
        credits: 8),
    Fact(
        name: "gen4_image_turbo", sizes: 16, prompt: 1000, references: 1...3, seed: true, tags: true,
        outputCount: false, credits: 2),
    Fact(
        name: "gemini_image3_pro", sizes: 30, prompt: 5500, references: 0...14, seed: false, tags: true,
        outputCount: true, credits: 20),
    Fact(
        name: "gemini_image3.1_flash", sizes: 56, prompt: 5500, references: 0...14, seed: false, tags: true,
        outputCount: true, credits: 16),
    Fact(
        name: "gemini_image3.1_flash_lite", sizes: 10, prompt: 1000, references: 0...14, seed: false, tags: true,
        outputCount: true, credits: 16),
    Fact(
        name: "gemini_2.5_flash", sizes: 10, prompt: 1000, references: 0...3, seed: false, tags: true,
        outputCount: false, credits: 5),
    Fact(
        name: "nano_banana_2.1", sizes: 42, prompt: 1000, references: 0...14, seed: false, tags: true,
        outputCount: true, credits: 20),
    Fact(
        name: "gpt_image_2", sizes: 30, prompt: 32_000, references: 0...16, seed: false, tags: true, outputCount: true,
        credits: 20),
    Fact(
        name: "gpt_image_2_5_flare", sizes: 30, prompt: 1000, references: 0...16, seed: false, tags: true,
        outputCount: true, credits: 76),
    Fact(
        name: "gpt_image_2_5_sunburst", sizes: 30, prompt: 1000, references: 0...16, seed: false, tags: true,
        outputCount: true, credits: 76),
    Fact(
        name: "seedream5_pro", sizes: 14, prompt: 4000, references: 0...10, seed: false, tags: false, outputCount: true,
        credits: 9),
    Fact(
        name: "seedream5_lite", sizes: 16, prompt: 4000, references: 0...14, seed: false, tags: false,
        outputCount: true, credits: 4),
    Fact(
        name: "seedream5_flash", sizes: 16, prompt: 1000, references: 0...10, seed: false, tags: false,
        outputCount: true, credits: 9),
    Fact(
        name: "grok_imagine_image_2", sizes: 26, prompt: 2500, references: 0...3, seed: false, tags: false,
        outputCount: true, credits: 8),
    Fact(
        name: "muse_image", sizes: 8, prompt: 1000, references: 0...10, seed: false, tags: false, outputCount: true,
        credits: 1),
    Fact(
        name: "bria_fibo_1_5", sizes: 18, prompt: 1000, references: 0...1, seed: true, tags: false, outputCount: false,
        credits: 10),
    Fact(
        name: "bria_fibo_edit_1_5", sizes: 9, prompt: 1000, references: 2...4, seed: true, tags: false,
        outputCount: false, credits: 10),
    Fact(
        name: "ideogram_4_5", sizes: 22, prompt: 1000, references: 1...5, seed: false, tags: false, outputCount: true,
        credits: 8),
    Fact(
        name: "ideogram_4_0", sizes: 9, prompt: 1000, references: 0...1, seed: false, tags: false, outputCount: true,
        credits: 7),
]

@Suite("Runway: models")
struct RunwayModelsTests {
    @Test("every model is as the facts have it, gen4_image first")
    func table() throws {
        #expect(RunwayModel.all.map(\.name) == facts.map(\.name))
        #expect(Runway.modelNames.first == "gen4_image")
        for fact in facts {
            let entry = try model(fact.name)
            #expect(entry.tiers.reduce(0) { $0 + $1.sizes.count } == fact.sizes, "\(fact.name)")
            #expect(entry.promptLimit == fact.prompt && entry.references == fact.references, "\(fact.name)")
            #expect(entry.takesSeed == fact.seed && (entry.mention == .tag) == fact.tags, "\(fact.name)")
            #expect(entry.countsOutputs == fact.outputCount, "\(fact.name)")
            #expect(entry.credits(entry.portrait, references: 0) == fact.credits, "\(fact.name)")
        }
    }

    @Test("no size is listed twice, every default is made and upright, every price is positive, every prompt has room")
    func sanity() {
        for entry in RunwayModel.all {
            let sizes = entry.tiers.flatMap(\.sizes)
            #expect(Set(sizes).count == sizes.count, "\(entry.name)")
            #expect(entry.sizes.admits(entry.portrait) && entry.portrait.width < entry.portrait.height, "\(entry.name)")
            #expect(sizes.allSatisfy { entry.sizes.admits($0) }, "\(entry.name)")
            #expect(entry.tiers.allSatisfy { $0.credits > 0 && !$0.sizes.isEmpty }, "\(entry.name)")
            #expect(entry.promptLimit >= PromptWriter.leastLimit && entry.references.upperBound <= 16, "\(entry.name)")
        }
        #expect(Set(Runway.modelNames).count == Runway.modelNames.count)
    }

    @Test("the default size of a model is the one nearest to three to four in its tier")
    func portraits() {
        func distance(_ size: PixelSize) -> Double { abs(Double(size.width) / Double(size.height) - 0.75) }
        for entry in RunwayModel.all {
            let near = entry.tiers.flatMap(\.sizes).filter {
                $0.width * $0.height <= entry.portrait.width * entry.portrait.height * 2
            }
            let best = near.map(distance).min() ?? 1
            #expect(distance(entry.portrait) <= best + 0.005, "\(entry.name)")
        }
    }

    @Test("the configured model comes first, and has the configured size where it makes it")
    func configured() throws {
        func traits(_ name: String, _ width: Int, _ height: Int) -> ProviderTraits {
            Sample.runway(Wire(always: .answer(500))) {
                $0.model = name
                $0.ratio = PixelSize(width: width, height: height)
            }.traits
        }
        let turbo = traits("gen4_image_turbo", 720, 1280)
        #expect(turbo.models[0].name == "gen4_image_turbo" && turbo.models(for: .image).count == facts.count)
        #expect(turbo.models[0].defaultSize == PixelSize(width: 720, height: 1280))
        #expect(turbo.model("gen4_image")?.defaultSize == PixelSize(width: 720, height: 1280))
        let gemini = traits("gemini_image3_pro", 1080, 1440)
        #expect(gemini.models[0].defaultSize == PixelSize(width: 1792, height: 2400))
        #expect(traits("nothing", 1, 1).models(for: .image).map(\.name) == facts.map(\.name))
        #expect(!turbo.isFree && turbo.id == "runway")
        #expect(turbo.models(for: .image).allSatisfy { $0.references.sharesSheets && $0.seconds == nil })
    }

    @Test("the settings can ask which models there are and which sizes one makes")
    func forSettings() throws {
        #expect(Runway.modelNames.count == 19 && Runway.sizes(of: "gen5_image") == nil)
        let gen4 = try #require(Runway.sizes(of: "gen4_image"))
        #expect(gen4.admits(PixelSize(width: 1080, height: 1440)) && !gen4.admits(PixelSize(width: 1080, height: 1441)))
        let lite = try #require(Runway.sizes(of: "seedream5_lite"))
        #expect(lite.admits(PixelSize(width: 2000, height: 2000)))
        #expect(
            !lite.admits(PixelSize(width: 1080, height: 1440)) && !lite.admits(PixelSize(width: 9000, height: 2000)))
    }

    @Test("prices are the highest that an order can come to, by size and by reference")
    func prices() throws {
        let runway = Sample.runway(Wire(always: .answer(500)))
        func credits(_ name: String, _ width: Int, _ height: Int, references: Int) throws -> Double? {
            let garments = (0..<references).map { Sample.reference("tag_\($0)") }
            let traits = try model(name).traits(wanted: nil)
            let order = Order(
                kind: .image, model: traits, size: PixelSize(width: width, height: height), seed: nil, prompt: "p",
                references: garments)
            let price = runway.price(order)
            #expect(price.microdollars == Int64((price.credits ?? 0) * 10_000))
            return price.credits
        }
        // Which sizes cost 5 is not published, so 8 is reserved for all.
        #expect(try credits("gen4_image", 720, 720, references: 3) == 8)
        #expect(try credits("gen4_image_turbo", 1080, 1440, references: 3) == 2)
        #expect(try credits("gemini_image3_pro", 2048, 2048, references: 3) == 20)
        #expect(try credits("gemini_image3_pro", 4096, 4096, references: 3) == 40)
        #expect(try credits("gpt_image_2", 3840, 1648, references: 0) == 41)
        #expect(try credits("gpt_image_2", 2560, 2560, references: 9) == 20)
        #expect(try credits("gpt_image_2_5_flare", 1440, 1920, references: 5) == 81)
        #expect(try credits("grok_imagine_image_2", 864, 1152, references: 3) == 9)
        #expect(try credits("grok_imagine_image_2", 1776, 2368, references: 2) == 10)
        #expect(try credits("seedream5_pro", 896, 1184, references: 2) == 5)
        #expect(try credits("seedream5_lite", 2000, 2000, references: 2) == 4)
        #expect(try credits("bria_fibo_1_5", 768, 1024, references: 1) == 5)
        #expect(Price(runwayCredits: 0.00001).microdollars == 1, "a fraction is rounded up")
    }

    @Test("a person's photo goes only where the garments have a picture beside it, and the prompt tells them apart")
    func people() {
        for model in RunwayModel.all {
            let traits = model.traits(wanted: nil)
            #expect(traits.takesPersonImage == model.takesPerson, "\(model.name)")
            if model.references.upperBound < 2 { #expect(!model.takesPerson, "\(model.name)") }
        }
        let without = RunwayModel.all.filter { !$0.takesPerson }.map(\.name)
        #expect(without == ["bria_fibo_1_5", "bria_fibo_edit_1_5", "ideogram_4_0"])
    }
}
