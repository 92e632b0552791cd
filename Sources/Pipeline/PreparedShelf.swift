// Which prepared photos are kept, as a value: the least recently used go first when the shelf is full.
//
// Each has a file name that holds everything but the pixels, so that a new start knows the shelf from a listing:
// DIGEST_OPTIONS_WIDTHxHEIGHT_LEFT.TOP.WIDTH.HEIGHT_BACKDROP_CHECK.jpg
// Nothing here is synced, so a power cut can leave a file with less in it than was written: CHECK tells.

internal import Digest
internal import Imaging
internal import Linux

/// A prepared photo without its pixels.
struct PreparedShape: Hashable, Sendable {
    /// What it was prepared for; a change of these makes all older ones useless.
    struct Options: Hashable, Sendable {
        let edge: Int
        let quality: Int

        init(_ options: PrepareOptions) { (edge, quality) = (options.maximumEdge, options.quality) }
    }

    /// Of the photo it was made from.
    let digest: SHA256Digest
    let options: Options
    /// Pixels.
    let width: Int
    let height: Int
    /// The garment within it.
    let content: PixelRect
    /// The border's colour, 0xRRGGBB.
    let backdrop: UInt32?
    /// Of the prepared picture's bytes, as `check(of:)` has it.
    let check: String

    init(
        digest: SHA256Digest, options: Options, width: Int, height: Int, content: PixelRect, backdrop: UInt32?,
        check: String
    ) {
        (self.digest, self.options, self.content, self.backdrop) = (digest, options, content, backdrop)
        (self.width, self.height, self.check) = (width, height, check)
    }

    /// Sixteen hexadecimal digits of the SHA-256 of a picture's bytes: enough to tell a whole file from a torn one.
    static func check(of content: SHA256Digest) -> String { String(content.hex.prefix(16)) }

    var fileName: FileName {
        let box = "\(content.left).\(content.top).\(content.width).\(content.height)"
        let colour = backdrop.map { String($0, radix: 16) } ?? "none"
        let made = "\(options.edge).\(options.quality)_\(width)x\(height)_\(box)_\(colour)_\(check)"
        return FileName("\(digest.hex)_\(made).jpg")
    }

    /// Reads such a name; nil for any other.
    init?(fileName: FileName) {
        guard let text = fileName.string, text.hasSuffix(".jpg") else { return nil }
        let parts = text.dropLast(4).split(separator: "_", omittingEmptySubsequences: false)
        guard parts.count == 6, let digest = SHA256Digest(hex: String(parts[0])) else { return nil }
        let options = parts[1].split(separator: ".").compactMap { Int($0) }
        let size = parts[2].split(separator: "x").compactMap { Int($0) }
        let box = parts[3].split(separator: ".").compactMap { Int($0) }
        guard options.count == 2, size.count == 2, box.count == 4 else { return nil }
        let backdrop = UInt32(parts[4], radix: 16)
        guard backdrop != nil || parts[4] == "none" else { return nil }
        self.init(
            digest: digest, options: Options(PrepareOptions(maximumEdge: options[0], quality: options[1])),
            width: size[0], height: size[1],
            content: PixelRect(left: box[0], top: box[1], width: box[2], height: box[3]), backdrop: backdrop,
            check: String(parts[5]))
        guard check.utf8.count == 16, check.utf8.allSatisfy({ "0123456789abcdef".utf8.contains($0) }) else {
            return nil
        }
        // The name must be the one that we would give: no second spelling of the same thing.
        guard self.fileName == fileName, content.fits(width: width, height: height) else { return nil }
    }
}

/// What makes a file the same one as before, content included.
struct FileState: Hashable, Sendable {
    private let identity: FileIdentity
    /// Bytes.
    let size: Int
    private let modified: Int64
    /// Nanoseconds since 1970.
    private let changed: Int64

    init(_ info: FileInfo) {
        (identity, size, modified, changed) = (info.identity, info.size, info.modified, info.changed)
    }

    /// A file that changed less than this ago may change again without showing it.
    private static let tick: Int64 = 2_000_000_000

    /// Whether any later change of it will show.
    func isSettled(at wall: Int64) -> Bool { changed < wall - FileState.tick }
}

/// Pictures that are in memory, so that jobs which are at work at the same time share them: a user's outfits have
/// garments in common. Bounded; what does not fit any more makes room by all being let go of.
struct PhotosInHand: Sendable {
    private var photos: [SHA256Digest: PreparedPhoto] = [:]
    private var bytes = 0
    private let bytesMax: Int

    init(bytesMax: Int) { self.bytesMax = bytesMax }

    /// The picture that was made of a photo with this digest.
    subscript(_ digest: SHA256Digest) -> PreparedPhoto? { photos[digest] }

    mutating func put(_ photo: PreparedPhoto) {
        if let former = photos[photo.shape.digest] {
            if former.shape == photo.shape { return }
            photos[photo.shape.digest] = nil
            bytes -= former.bytes.count
        }
        guard photo.bytes.count <= bytesMax else { return }
        if bytes + photo.bytes.count > bytesMax { letGo() }
        photos[photo.shape.digest] = photo
        bytes += photo.bytes.count
    }

    mutating func letGo() { (photos, bytes) = ([:], 0) }
}

/// The shelf: what is kept, and in which order it goes.
struct PreparedShelf: Sendable {
    /// A file that was read, and the digest of what was in it.
    struct Sight: Sendable {
        let file: FileState
        let content: SHA256Digest
    }

    private struct Place {
        let shape: PreparedShape
        let bytes: Int
        var used: Int
        var sight: Sight?
    }

    private var places: [SHA256Digest: Place] = [:]
    private var bytes = 0
    private var uses = 0
    private let bytesMax: Int

    init(bytesMax: Int) { self.bytesMax = bytesMax }

    /// What is kept of this photo; it counts as used now.
    mutating func take(_ digest: SHA256Digest) -> PreparedShape? {
        uses += 1
        places[digest]?.used = uses
        return places[digest]?.shape
    }

    /// What this photo's picture was when it was read last.
    func sight(of digest: SHA256Digest) -> Sight? { places[digest]?.sight }

    /// A picture was read, and is the one that was kept.
    mutating func saw(_ sight: Sight, of digest: SHA256Digest) { places[digest]?.sight = sight }

    /// Adds one; answers those that have to go for it, the least recently used first.
    mutating func put(_ shape: PreparedShape, bytes size: Int) -> [PreparedShape] {
        let former = forget(shape.digest)
        uses += 1
        places[shape.digest] = Place(shape: shape, bytes: size, used: uses)
        bytes += size
        var gone = former.map { $0 == shape ? [] : [$0] } ?? []
        guard bytes > bytesMax else { return gone }
        // Down to nine tenths at once, so that a full shelf is not sorted for every photo.
        for place in places.values.sorted(by: { $0.used < $1.used }) where bytes > bytesMax / 10 * 9 {
            if place.shape.digest == shape.digest { continue }
            forget(place.shape.digest)
            gone.append(place.shape)
        }
        return gone
    }

    /// Its file is gone.
    @discardableResult
    mutating func forget(_ digest: SHA256Digest) -> PreparedShape? {
        guard let place = places.removeValue(forKey: digest) else { return nil }
        bytes -= place.bytes
        return place.shape
    }
}
