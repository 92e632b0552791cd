// The clauses that a person reads, one for each way in which a picture cannot be had. They go behind the name of the
// photo and a colon, and say what to do. The decoder's own words stand in brackets: they are for whoever reports a bug.

import ImagingWire
import Linux

extension ImageFailure {
    /// From what a worker says.
    init(_ code: Code, detail: String, limits: ImageLimits) {
        switch code {
        case .tooLarge:
            self.init(
                code, "\(detail); vizd takes up to \(limits.bytes) (limits.imageBytes). Use a smaller copy.")
        case .tooManyPixels:
            let most = limits.pixels / 1_000_000
            self.init(code, "\(detail); vizd takes up to \(most) megapixels (limits.imagePixels). Use a smaller copy.")
        case .unsupportedFormat:
            self.init(
                code, "\(detail). Save it as JPEG, PNG, WebP, HEIC, AVIF, GIF or TIFF.")
        case .unreadable:
            self.init(code, "it cannot be decoded (\(detail)). Replace it by a copy that opens in a viewer.")
        case .truncated:
            self.init(code, "it ends before its picture does (\(detail)). Copy it again from where it came.")
        case .workerDied:
            self.init(code, "the image worker gave up on it (\(detail)). Use a smaller copy.")
        case .timedOut, .unavailable, .cancelled:
            self.init(code, detail)
        }
    }

    static func died(_ ending: String) -> ImageFailure {
        ImageFailure(
            .workerDied,
            "the image worker \(ending) while it worked on it. Save the photo again with another program, or as PNG.")
    }

    static func timedOut(_ nanoseconds: Int64) -> ImageFailure {
        ImageFailure(
            .timedOut,
            "decoding it took longer than \(nanoseconds / 1_000_000_000) s and was stopped. Use a smaller copy.")
    }

    static func noWorker(_ reason: String) -> ImageFailure {
        ImageFailure(
            .unavailable, "no image worker could be had (\(reason)). Check that vizd-image is installed beside vizd.")
    }

    static let stopping = ImageFailure(.unavailable, "vizd is stopping; the job goes on after the next start.")

    static let cancelled = ImageFailure(.cancelled, "nobody waits for it any more.")

    static func memory(_ failure: SystemFailure) -> ImageFailure {
        ImageFailure(.unavailable, "it could not be handed to an image worker (\(failure)). Try again later.")
    }
}
