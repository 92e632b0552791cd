// The embedded provider: the garments laid out on one sheet, as a stylist lays them on a bed. Free, offline, the same
// picture for the same outfit. It fails only where the image worker does, as `generation_failed`.

internal import Contract

/// A sheet to be drawn: references placed on an even ground.
package struct FlatLaySheet: Hashable, Sendable {
    package let size: PixelSize
    /// The ground's colour, 0xRRGGBB.
    package let ground: UInt32
    /// One for each reference, in their order: where its garment (the `content` box) goes.
    package let places: [PixelBox]

    package init(size: PixelSize, ground: UInt32, places: [PixelBox]) {
        (self.size, self.ground, self.places) = (size, ground, places)
    }
}

/// Draws sheets; the program gives the image workers for it.
package protocol SheetPainting: Sendable {
    /// A JPEG file of the sheet.
    func paint(_ sheet: FlatLaySheet, _ references: [Reference]) async throws(ProviderFailure) -> [UInt8]
}

/// Lays garments out on one sheet.
package struct FlatLay: Provider {
    private let painter: any SheetPainting
    /// A warm white, so that the white of product photos melts into it.
    private static let ground: UInt32 = 0xF5F1EA

    package init(painter: any SheetPainting) { self.painter = painter }

    /// The same for every one, so that they can be asked for without a painter.
    package static let traits = ProviderTraits(
        id: "flatlay", displayName: "Flat lay",
        models: [
            ModelTraits(
                name: "flatlay", sizes: .free(sides: 256...4096, slenderness: 3),
                defaultSize: PixelSize(width: 1080, height: 1440),
                references: ReferenceRule(count: 1...40, sharesSheets: false), prompt: nil,
                takesSeed: false, takesPersonImage: false, kinds: [.image])
        ],
        isFree: true)

    package var traits: ProviderTraits { FlatLay.traits }

    /// Nothing.
    package func price(_ order: Order) -> Price { .free }

    /// Draws the sheet: the same one for the same order.
    package func submit(_ order: Order) async -> Submission {
        let garments = order.references.map {
            FlatLayLayout.Garment(
                name: $0.name, category: $0.category ?? "",
                aspect: Double($0.content.width) / Double(max($0.content.height, 1)))
        }
        let layout = FlatLayLayout(garments, width: order.size.width, height: order.size.height)
        let sheet = FlatLaySheet(size: order.size, ground: FlatLay.ground, places: layout.placements)
        do throws(ProviderFailure) {
            return .made(GeneratedPicture(bytes: try await painter.paint(sheet, order.references)), price: .free)
        } catch {
            return .refused(error)
        }
    }
}
