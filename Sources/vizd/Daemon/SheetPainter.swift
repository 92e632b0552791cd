// The image workers as the painter of flat lays: the one place where a provider's sheet becomes their order.

import Contract
import Imaging
import Providers

/// Draws sheets with the image workers.
struct SheetPainter: SheetPainting {
    let workers: ImageWorkers
    /// How dark the garments' soft shadow on the ground is, in percent: as by a window.
    private static let shadow = 30

    func paint(_ sheet: FlatLaySheet, _ references: [Reference]) async throws(ProviderFailure) -> [UInt8] {
        let cells = zip(references, sheet.places).enumerated().map { index, pair in
            SheetCell(
                image: index, crop: PixelRect(pair.0.content), target: PixelRect(pair.1), backdrop: pair.0.backdrop)
        }
        let order = SheetOrder(
            width: sheet.size.width, height: sheet.size.height, ground: sheet.ground, shadow: SheetPainter.shadow,
            cells: cells)
        do throws(ImageFailure) {
            return try await workers.compose(order, images: references.map(\.image))
        } catch {
            throw ProviderFailure(
                code: .generationFailed, message: "The sheet could not be drawn: \(error.message)",
                retryable: error.code == .unavailable)
        }
    }
}

extension PixelRect {
    fileprivate init(_ box: PixelBox) { self.init(left: box.left, top: box.top, width: box.width, height: box.height) }
}
