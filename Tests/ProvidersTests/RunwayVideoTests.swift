// Films from Runway: the table held against the facts, what is sent, what it costs, and the words of a film.

import Contract
import Testing
import Transfer

@testable import Providers

private func model(_ name: String) throws -> RunwayVideoModel {
    try #require(RunwayVideoModel.all.first { $0.name == name })
}

private func size(_ width: Int, _ height: Int) -> PixelSize { PixelSize(width: width, height: height) }

private func order(_ name: String, seed: UInt32? = nil, seconds: Int = 5, bytes: Int = 3) throws -> Order {
    let traits = try model(name).traits(seconds: seconds)
    return Order(
        kind: .video, model: traits, size: traits.defaultSize, seed: seed, prompt: "p",
        references: [Sample.reference(nil, image: [UInt8](repeating: 1, count: bytes))], seconds: traits.seconds)
}

@Suite("Runway: films")
struct RunwayVideoTests {
    @Test("every model is as the facts have it, gen4_turbo first")
    func table() throws {
        let facts: [(name: String, sizes: Int, prompt: Int, seed: Bool, lengths: [Int], credits: Double)] = [
            ("gen4_turbo", 6, 1000, true, Array(2...10), 25), ("gen4.5", 6, 1000, true, Array(2...10), 60),
            ("veo3.1", 4, 1000, false, [4, 6, 8], 100), ("veo3.1_fast", 4, 1000, false, [4, 6, 8], 50),
            ("gemini_omni_flash", 2, 4000, false, Array(3...10), 51),
        ]
        #expect(RunwayVideoModel.all.map(\.name) == facts.map(\.name))
        for fact in facts {
            let entry = try model(fact.name)
            #expect(entry.sizes.count == fact.sizes && Set(entry.sizes).count == fact.sizes, "\(fact.name)")
            #expect(entry.promptLimit == fact.prompt && entry.takesSeed == fact.seed, "\(fact.name)")
            #expect((0...40).filter(entry.lengths.admits) == fact.lengths, "\(fact.name)")
            #expect(entry.credits(seconds: 5) == fact.credits, "\(fact.name)")
            #expect(entry.promptLimit >= PromptWriter.leastLimit && entry.sizes[0].width < entry.sizes[0].height)
        }
    }

    @Test("the nearest length is taken, of two the shorter, and what a model does not make is said")
    func lengths() throws {
        let veo = try model("veo3.1").lengths
        #expect([1, 4, 5, 6, 7, 8, 60].map(veo.nearest) == [4, 4, 4, 6, 6, 8, 8])
        let gen4 = try model("gen4_turbo").lengths
        #expect([1, 2, 5, 10, 11].map(gen4.nearest) == [2, 2, 5, 10, 10])
        #expect(Runway.objection(to: 5, of: "gen4_turbo") == nil && Runway.objection(to: 5, of: "gen9") == nil)
        #expect(Runway.objection(to: 5, of: "veo3.1") == "veo3.1 makes films of 4, 6, 8 seconds")
        #expect(Runway.objection(to: 11, of: "gen4.5") == "gen4.5 makes films of 2 to 10 seconds")
    }

    @Test("the configured model is the default of films, and pictures know nothing of it")
    func configured() throws {
        let traits = Sample.runway(Wire(always: .answer(500))) {
            $0.videoModel = "veo3.1_fast"
            $0.videoSeconds = 8
        }.traits
        #expect(traits.model(nil, for: .video)?.name == "veo3.1_fast")
        #expect(traits.model(nil, for: .video)?.seconds == 8 && traits.model("gen4_turbo", for: .video)?.seconds == 8)
        #expect(traits.model(nil)?.name == "gen4_image" && traits.model("gen4_turbo") == nil)
        #expect(traits.model("gen4_image", for: .video) == nil)
        #expect(Set(traits.models.map(\.name)).count == traits.models.count)
    }

    @Test("the size whose shape is nearest to the still's is found, also where none fits")
    func nearest() throws {
        let gen4 = try model("gen4_turbo").traits(seconds: 5).sizes
        let cases: [(Double, PixelSize)] = [
            (0.75, size(832, 1104)), (0.5625, size(720, 1280)), (1, size(960, 960)), (4.0 / 3, size(1104, 832)),
            (16.0 / 9, size(1280, 720)), (0.1, size(720, 1280)), (9, size(1584, 672)), (2.0 / 3, size(832, 1104)),
        ]
        for (aspect, expected) in cases { #expect(gen4.nearest(to: aspect) == expected, "\(aspect)") }
        #expect(SizeRule.listed([]).nearest(to: 1) == nil && gen4.nearest(to: 0) == nil)
        #expect(SizeRule.free(sides: 1...9, slenderness: 2).nearest(to: 1) == nil)
    }

    @Test("the order of a film goes to its own path, with one picture, and is an accepted task")
    func submit() async throws {
        let created = #"{"id":"\#(Sample.task)","estimatedCost":{"credits":25}}"#
        let wire = Wire(always: .answer(200, created))
        let answer = await Sample.runway(wire).submit(try order("gen4_turbo", seed: 7))
        #expect(answer == .accepted(taskID: Sample.task, estimate: Price(credits: 25, microdollars: 250_000)))
        let request = try #require(wire.requests.first)
        #expect(wire.requests.count == 1 && request.url == "https://api.example.test/v1/image_to_video")
        #expect(
            String(decoding: request.sentBytes ?? [], as: UTF8.self)
                == #"{"model":"gen4_turbo","promptImage":"data:image/jpeg;base64,AQEB","promptText":"p","#
                + #""ratio":"832:1104","duration":5,"seed":7}"#)
    }

    @Test("each model gets the fields that it has, and an uploaded still goes as its handle")
    func fields() throws {
        var staged = try order("veo3.1", seed: 7, seconds: 5)
        staged.references[0].handle = "runway://abc"
        #expect(
            String(decoding: RunwayOrder.body(film: staged, try model("veo3.1")).bytes, as: UTF8.self)
                == #"{"model":"veo3.1","promptImage":"runway://abc","promptText":"p","ratio":"720:1280","duration":4,"#
                + #""audio":false}"#)
        let omni = RunwayOrder.body(film: try order("gemini_omni_flash"), try model("gemini_omni_flash"))
        #expect(!String(decoding: omni.bytes, as: UTF8.self).contains("audio"))
    }

    @Test("a film costs by the second, and what is reserved is what the table says")
    func prices() throws {
        let runway = Sample.runway(Wire(always: .answer(500)))
        #expect(runway.price(try order("gen4_turbo", seconds: 10)) == Price(credits: 50, microdollars: 500_000))
        #expect(runway.price(try order("veo3.1", seconds: 8)) == Price(credits: 160, microdollars: 1_600_000))
        #expect(runway.price(try order("gemini_omni_flash", seconds: 3)) == Price(credits: 31, microdollars: 310_000))
    }
}

@Suite("The words of a film")
struct FilmPromptTests {
    private let rule = PromptRule(limit: 1000, mention: .number(word: "picture"))

    @Test("without directions it moves gently, with them as they say, and nothing is added in either")
    func words() {
        let plain = PromptWriter.write(FilmBrief(garments: ["Teal silk shirt", "Blue sneakers"]), by: rule)
        #expect(plain.contains("gently") && plain.contains("The outfit: Teal silk shirt, Blue sneakers."))
        #expect(plain.contains("Nothing is added") && !plain.contains("Directions"))
        let asked = PromptWriter.write(FilmBrief(garments: [], directions: " She turns\nonce! "), by: rule)
        #expect(asked.contains("Directions: She turns once! Everything") && !asked.contains("The outfit:"))
        #expect(asked.contains("Nothing is added") && !asked.contains("gently"))
    }

    @Test("whatever is asked for, the prompt fits, the guard stays, and the directions go before the names")
    func fits() {
        for limit in [PromptWriter.leastLimit, 1000, 4000] {
            let rule = PromptRule(limit: limit, mention: .number(word: "picture"))
            for (name, count, words) in [
                ("é", 40, 0), ("👗 dress", 40, 500), ("x", 1, 5000),
                ("long " + String(repeating: "y", count: 190), 40, 90),
            ] {
                let brief = FilmBrief(
                    garments: (0..<count).map { "\(name) \($0)" },
                    directions: words == 0 ? nil : String(repeating: "turn ", count: words))
                let text = PromptWriter.write(brief, by: rule)
                #expect(rule.length(text) <= limit && text.hasSuffix("no cut, no text."), "\(limit), \(name)")
                #expect(text.contains("Directions:") == (words > 0), "\(limit), \(name)")
            }
        }
    }

    @Test("a text of a user's is data: it names no reference and hides nothing")
    func data() {
        let text = PromptWriter.write(
            FilmBrief(garments: ["@top\u{202E}"], directions: "@person\u{0} waves @all"), by: rule)
        #expect(!text.contains("@") && !text.unicodeScalars.contains { $0.value < 32 || $0.value == 0x202E })
    }
}
