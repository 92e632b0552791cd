// The small values that everything else leans on: base64, image headers, the queue of faults, the check of a body.

import Contract
import Foundation
import Testing

@testable import RunwaySimulator

@Suite("Values")
struct ValueTests {
    @Test("base64 of any length is decoded as it was encoded")
    func base64() {
        var generator = Randomness(seed: 1)
        for count in 0..<70 {
            let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
            #expect(Base64.decode(Data(bytes).base64EncodedString()[...].utf8) == bytes)
            let url = Data(bytes).base64EncodedString().replacingOccurrences(of: "=", with: "")
                .replacingOccurrences(of: "+", with: "-").replacingOccurrences(of: "/", with: "_")
            #expect(Base64.urlEncoded(bytes) == url)
        }
    }

    @Test(
        "base64 that is not strictly so is refused",
        arguments: [
            "A", "AA", "AAA", "AA=A", "====", "A===", "AB==", "AAB=", "AA A", "AAA\n", "AAAA-_==", "AAAA====",
            "AA==AAAA",
        ])
    func badBase64(_ text: String) {
        #expect(Base64.decode(text[...].utf8) == nil)
    }

    @Test(
        "kind and size are read from real images",
        arguments: [
            ("alpha.png", "image/png", 64, 48), ("deep.png", "image/png", 64, 48), ("cmyk.jpg", "image/jpeg", 96, 64),
            ("gps.jpg", "image/jpeg", 96, 64), ("profile.jpg", "image/jpeg", 64, 48),
            ("orientation-6.jpg", "image/jpeg", 64, 96), ("corners.webp", "image/webp", 96, 64),
            ("noise.webp", "image/webp", 80, 60), ("large.webp", "image/webp", 12_000, 8000),
        ])
    func headers(_ name: String, _ type: String, _ width: Int, _ height: Int) throws {
        let bytes = try photo(name)
        let header = try #require(ImageHeader(bytes))
        #expect((header.type, header.width, header.height) == (type, width, height))
        for count in 0..<min(bytes.count, 2000) {
            // However short, it is read or refused and nothing else.
            let part = ImageHeader(Array(bytes.prefix(count)))
            #expect(part == nil || part == header)
        }
    }

    @Test(
        "what is none of the three kinds is refused",
        arguments: [
            "animated.gif", "corners.avif", "corners.heic", "corners.tiff", "drawing.svg", "page.jpg", "paper.pdf",
        ])
    func otherKinds(_ name: String) throws {
        #expect(ImageHeader(try photo(name)) == nil)
    }

    @Test("an extended WebP tells its canvas")
    func extendedWebP() {
        let start = Array("RIFF".utf8) + [0, 0, 0, 0] + Array("WEBPVP8X".utf8) + [10, 0, 0, 0, 0, 0, 0, 0]
        let header = ImageHeader(start + [0x8F, 0x01, 0, 0xF3, 0x01, 0])
        #expect(header.map { [$0.width, $0.height] } == [400, 500])
    }

    private func photo(_ name: String) throws -> [UInt8] {
        let images = Outside.folder.deletingLastPathComponent().appending(path: "ImagingTests/Images")
        return Array(try Data(contentsOf: images.appending(path: name)))
    }

    @Test(
        "a data URI is judged by its bytes: type, declared type, shape",
        arguments: [
            (Sample.dataURI(Sample.png(500, 1000)), true), (Sample.dataURI(Sample.png(499, 1000)), false),
            (Sample.dataURI(Sample.png(2358, 1000)), true), (Sample.dataURI(Sample.png(2359, 1000)), false),
            (Sample.dataURI(Sample.png(500, 1000), type: "image/jpeg"), false),
            (Sample.dataURI(Sample.png(0, 1000)), false), (Sample.dataURI(Array("hello".utf8)), false),
            ("data:image/png;charset=x;base64,AAAA", false), ("data:image/png;base64", false),
        ])
    func dataURIs(_ uri: String, _ isGood: Bool) throws {
        let inspector = AssetInspector(assets: [:]) { _ in .missing }
        let body = try JSONDocument(parsing: Array(Sample.create(more: Sample.references([uri])).utf8))
        guard case .order(let order) = Orders.textToImage(body.root) else {
            Issue.record("the schema refused it")
            return
        }
        #expect(inspector.inspect(order).issues.isEmpty == isGood)
    }

    @Test("identifiers are version 4 UUIDs, all different")
    func identifiers() throws {
        var random = Randomness(seed: nil)
        let ids = (0..<1000).map { _ in random.uuid() }
        #expect(Set(ids).count == 1000)
        #expect(
            ids.allSatisfy {
                $0.wholeMatch(of: /[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/) != nil
            })
    }

    @Test("every model has sizes that are written as sizes, and every size of every model is accepted")
    func everySize() throws {
        for model in ImageModel.all {
            for size in model.sizes {
                #expect(PictureSize(size) != nil || size.hasPrefix("auto"), "\(model.name) \(size)")
                let count = max(model.references.lowerBound, model.name == "bria_fibo_edit_1_5" ? 2 : 0)
                let withReferences = model.name == "ideogram_4_5" && Sizes.ideogramWithReferences.contains(size)
                let uris = (0..<max(count, withReferences ? 1 : 0)).map { "https://img.example.test/\($0).jpg" }
                let text = Sample.create(
                    model: model.name, ratio: size, more: uris.isEmpty ? "" : Sample.references(uris))
                guard case .order(let order) = Orders.textToImage(try JSONDocument(parsing: Array(text.utf8)).root)
                else {
                    Issue.record("\(model.name) \(size) was refused")
                    continue
                }
                #expect(order.estimate > 0)
            }
        }
        #expect(ImageModel.byName["gpt_image_2"]?.sizes.count == 31)
        #expect(ImageModel.byName["gemini_image3.1_flash"]?.sizes.count == 56)
        #expect(ImageModel.byName["nano_banana_2.1"]?.sizes.count == 42)
        #expect(ImageModel.byName["gemini_image3_pro"]?.sizes.count == 30)
        #expect(ImageModel.all.count == 21)
    }

    @Test("a fault names its matching text wherever it stands in the call")
    func matching() {
        let call = FaultCall(path: "/v1/tasks/abc", body: Array("{\"promptText\":\"a red dress\"}".utf8))
        #expect(call.contains("abc") && call.contains("red dress") && call.contains("}") && call.contains("{"))
        #expect(!call.contains("blue") && !call.contains("red dresses"))
    }
}
