// What a picture may cost. Every limit is a setting with its unit in its comment; the defaults are those of vizd.conf.

// Whoever speaks to the workers speaks of the wire's pictures and failures; they need not know of the wire.
@_exported public import ImagingWire

/// Limits for photos, pictures and the workers that decode them.
package struct ImageLimits: Sendable {
    /// The most bytes of a photo or picture.
    package var bytes = 50 << 20
    /// The most pixels, by the header.
    package var pixels = 100_000_000
    /// Nanoseconds that one order may take; then its worker is killed.
    package var orderDeadline: Int64 = 60_000_000_000
    /// Nanoseconds that a worker may take to start, which is long on a machine that has too much to do.
    package var startDeadline: Int64 = 30_000_000_000
    /// Bytes of address space of a worker (RLIMIT_AS). A HEIC photo of 12 megapixels needs 1 GiB, a JPEG 0.4 GiB.
    package var addressSpace = 2 << 30
    /// A worker that has had more bytes resident than this is replaced before its next order.
    package var residentBytes = 256 << 20
    /// A worker is replaced after so many orders, so that what libraries leak stays small.
    package var ordersPerWorker = 200
    /// Nanoseconds after which an idle worker is let go; its memory goes back to the machine.
    package var idleTime: Int64 = 300_000_000_000

    /// The defaults.
    package init() {}

    /// The most bytes of an encoded picture that is taken from a worker.
    var outputBytes: Int { max(bytes, 64 << 20) }
}

/// A photo made ready: upright, sRGB, opaque, without metadata, encoded as JPEG.
package struct PreparedImage: Sendable {
    /// The JPEG.
    package let bytes: [UInt8]
    /// Pixels.
    package let width: Int
    /// Pixels.
    package let height: Int
    /// The box inside its uniform border, in pixels of the prepared picture; the whole picture when there is none.
    package let content: PixelRect
    /// The border's colour, nil when the border is not uniform.
    package let backdrop: UInt32?
    /// What the photo's own header said.
    package let source: ImageInfo
}

/// A picture that was decoded from its first row to its last.
package struct VerifiedPicture: Sendable {
    /// Pixels.
    package let width: Int
    /// Pixels.
    package let height: Int
    /// Of `bytes`: always `image/jpeg`.
    package let contentType: String
    /// The picture's own bytes when it came as a JPEG, otherwise a JPEG made of it.
    package let bytes: [UInt8]
    /// What the picture's own header said.
    package let source: ImageInfo
}
