// What vizd says about pictures, on both sides of the socket between the daemon and its image workers: plain values,
// no libvips, no descriptors. Sizes are pixels of the upright picture; colours are 0xRRGGBB in sRGB.

/// The formats that vizd reads.
package enum ImageFormat: UInt8, Hashable, Sendable, CaseIterable {
    case jpeg = 1, png, webp, heic, avif, gif, tiff

    /// The media type, such as `image/jpeg`.
    package var contentType: String {
        switch self {
        case .jpeg: "image/jpeg"
        case .png: "image/png"
        case .webp: "image/webp"
        case .heic: "image/heic"
        case .avif: "image/avif"
        case .gif: "image/gif"
        case .tiff: "image/tiff"
        }
    }
}

/// What a picture's header says.
package struct ImageInfo: Hashable, Sendable {
    /// Pixels as a viewer shows them, with the orientation applied.
    package let width: Int
    package let height: Int
    package let format: ImageFormat
    /// EXIF orientation, 1 (upright) to 8. HEIC and AVIF always say 1: their own rotation is applied by the decoder.
    package let orientation: Int
    package let hasAlpha: Bool
    /// Frames of an animation or pages of a document; vizd uses the first.
    package let pages: Int

    /// Makes a description; the worker does, and tests.
    package init(width: Int, height: Int, format: ImageFormat, orientation: Int, hasAlpha: Bool, pages: Int) {
        (self.width, self.height, self.format) = (width, height, format)
        (self.orientation, self.hasAlpha, self.pages) = (orientation, hasAlpha, pages)
    }
}

/// A rectangle of whole pixels, counted from the upper left corner.
package struct PixelRect: Hashable, Sendable {
    /// Pixels from the left edge.
    package let left: Int
    /// Pixels from the upper edge.
    package let top: Int
    /// Pixels.
    package let width: Int
    /// Pixels.
    package let height: Int

    /// Makes one; whether it fits anywhere is asked with `fits`.
    package init(left: Int, top: Int, width: Int, height: Int) {
        (self.left, self.top, self.width, self.height) = (left, top, width, height)
    }

    /// Whether it holds at least a pixel and lies within a picture of this size.
    package func fits(width outerWidth: Int, height outerHeight: Int) -> Bool {
        left >= 0 && top >= 0 && width > 0 && height > 0 && width <= outerWidth - left && height <= outerHeight - top
    }
}

/// How a photo is made ready.
package struct PrepareOptions: Hashable, Sendable {
    /// The longer side is shrunk to this many pixels; smaller photos stay as they are. 16 to 8192.
    package let maximumEdge: Int
    /// JPEG quality, 1 to 100.
    package let quality: Int

    /// What serves a provider well: 1,536 pixels, quality 90.
    package init(maximumEdge: Int = 1536, quality: Int = 90) {
        (self.maximumEdge, self.quality) = (maximumEdge, quality)
    }
}

/// A sheet to be composed: cells drawn in order onto a ground of one colour, encoded as JPEG.
package struct SheetOrder: Hashable, Sendable {
    /// Pixels, 16 to 8192 each.
    package let width: Int
    package let height: Int
    /// The ground's colour, 0xRRGGBB.
    package let ground: UInt32
    /// How dark the shadows are that the pictures cast on the ground, in percent; 0: none.
    package let shadow: Int
    /// JPEG quality, 1 to 100.
    package let quality: Int
    /// At most 64.
    package let cells: [SheetCell]

    /// Describes a sheet.
    package init(width: Int, height: Int, ground: UInt32, shadow: Int = 0, quality: Int = 92, cells: [SheetCell]) {
        (self.width, self.height, self.ground, self.shadow) = (width, height, ground, shadow)
        (self.quality, self.cells) = (quality, cells)
    }
}

/// One picture on a sheet.
package struct SheetCell: Hashable, Sendable {
    /// Which of the pictures that come with the order.
    package let image: Int
    /// The part of the picture to show; mostly the `content` of a prepared photo.
    package let crop: PixelRect
    /// Where it goes; it is stretched to fill this, so the caller keeps the aspect.
    package let target: PixelRect
    /// The colour that counts as clear (a prepared photo's `backdrop`): the ground shows through it and the garment is
    /// multiplied onto the ground. nil: the picture is laid on as it is.
    package let backdrop: UInt32?

    /// Describes a cell.
    package init(image: Int, crop: PixelRect, target: PixelRect, backdrop: UInt32?) {
        (self.image, self.crop, self.target, self.backdrop) = (image, crop, target, backdrop)
    }
}

/// Why a picture could not be had. It concerns one picture or sheet; the daemon goes on.
package struct ImageFailure: Error, Hashable, Sendable {
    /// What kind of trouble it is. The raw values are the numbers on the wire.
    package enum Code: UInt8, Hashable, Sendable, CaseIterable {
        /// More bytes than the limit.
        case tooLarge = 1
        /// More pixels than the limit, by the header; nothing was decoded.
        case tooManyPixels
        /// Not one of the formats of `ImageFormat`.
        case unsupportedFormat
        /// One of the formats, but damaged; or an empty file, or no file at all.
        case unreadable
        /// The file ends before its picture does.
        case truncated
        /// The worker died over it (a decoder's fault, or the memory limit).
        case workerDied
        /// The worker was stopped at the deadline.
        case timedOut
        /// No worker could be had: it does not start, or vizd is stopping.
        case unavailable
        /// The waiting task was cancelled.
        case cancelled
    }

    /// The kind, for whoever decides.
    package let code: Code
    /// A clause for a person that goes behind the picture's name and a colon.
    package let message: String

    /// Makes a failure; tests use it to stage one.
    package init(_ code: Code, _ message: String) { (self.code, self.message) = (code, message) }
}
