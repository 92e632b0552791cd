// The door to the image workers: photos and pictures go in, prepared JPEGs, sheets and verdicts come out.
//
// Promise: a photo can end its worker and nothing else. Workers start when they are needed, are reused, and are
// replaced when they die, hang, grow or have served their share. Nothing blocks the cooperative pool: each bench is a
// thread of its own that talks to one worker. Failures are `ImageFailure`s about the one picture; the workers as a
// whole never fail.

package import ImagingWire
package import Linux

/// A few worker processes and the queue before them.
package final class ImageWorkers: Sendable {
    private let shop: Workshop

    /// Makes the benches; no process starts before the first order.
    /// - Parameters:
    ///   - path: of the `vizd-image` executable.
    ///   - workers: how many may decode at the same time, at least 1.
    /// - Throws: EMFILE, when there are no descriptors left for the benches.
    package init(executable path: String, workers: Int, limits: ImageLimits = ImageLimits()) throws(SystemFailure) {
        shop = try Workshop(executable: path, benches: workers, limits: limits)
    }

    deinit { shop.close() }

    /// Reads a photo's header and decodes nothing.
    package func inspect(_ photo: OpenFile) async throws(ImageFailure) -> ImageInfo {
        guard let source = try await shop.order(.inspect, .photo(photo)).source else { throw Workshop.contradiction }
        return source
    }

    /// Makes a photo ready for a provider or a sheet.
    package func prepare(_ photo: OpenFile, _ options: PrepareOptions = PrepareOptions()) async throws(ImageFailure)
        -> PreparedImage
    {
        precondition(WireLimit.edge.contains(options.maximumEdge), "an edge of \(options.maximumEdge) pixels")
        let served = try await shop.order(.prepare(options), .photo(photo))
        guard let source = served.source, let picture = served.picture else { throw Workshop.contradiction }
        return PreparedImage(
            bytes: served.bytes, width: picture.width, height: picture.height, content: picture.content,
            backdrop: picture.backdrop, source: source)
    }

    /// Draws a sheet.
    /// - Parameter images: encoded pictures, as `prepare` makes them; the cells name them by index. At most 64.
    /// - Returns: a JPEG.
    package func compose(_ sheet: SheetOrder, images: [[UInt8]]) async throws(ImageFailure) -> [UInt8] {
        precondition(sheet.cells.count <= WireLimit.cells && images.count <= WireLimit.cells, "too many cells")
        precondition(sheet.cells.allSatisfy { images.indices.contains($0.image) }, "a cell names no image of the order")
        let lengths = images.map(\.count)
        return try await shop.order(.compose(sheet, lengths: lengths), .pictures(images)).bytes
    }

    /// Decodes every row of a picture that came from elsewhere. A JPEG is handed back as it is, anything else as a JPEG
    /// of quality 92.
    package func verify(_ picture: OpenFile) async throws(ImageFailure) -> VerifiedPicture {
        let served = try await shop.order(.verify(quality: 92), .photo(picture))
        guard let source = served.source, let shape = served.picture else { throw Workshop.contradiction }
        return VerifiedPicture(
            width: shape.width, height: shape.height, contentType: ImageFormat.jpeg.contentType, bytes: served.bytes,
            source: source)
    }

    /// Stops: whatever waits or is being decoded fails with `unavailable`, the workers are killed. Returns when they
    /// are gone.
    package func shutdown() async {
        shop.close()
        await shop.empty()
    }

    /// What each bench is doing, for metrics and tests.
    package func report() -> [BenchReport] { shop.report() }

    /// How many workers did not live to answer their order: they died, hung, or never began.
    package var deaths: Int { shop.deaths }

    /// Orders that wait for a bench.
    package var waitingCount: Int { shop.waitingCount }
}

/// What a bench is doing.
package struct BenchReport: Hashable, Sendable {
    /// Its worker, if it has one.
    package var processID: Int32?
    /// Whether an order was sent to that worker.
    package var isHanded = false
    /// Whether that worker has begun on it.
    package var isDecoding = false
}
