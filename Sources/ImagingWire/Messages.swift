// What the daemon and an image worker say to each other, one message a datagram of a SOCK_SEQPACKET pair:
//
//     worker: hello       once, after it has started libvips and locked itself in; or failed with the reason, once
//     daemon: order       with the descriptors of the input (a photo, or all pictures of a sheet in a row) and, but for
//                         `inspect`, of an empty file in memory for the encoded picture
//     worker: begun       it has read the order; before that, the order may be given to another worker
//     worker: answer      done or failed, with the order's number
//
// Every message opens with the protocol's version and a kind. A version that differs means that the daemon and the
// worker are of different builds: the daemon refuses the worker.

/// The protocol's version; changed whenever a message changes.
package let wireVersion: UInt8 = 1

/// Limits that a message itself must keep.
package enum WireLimit {
    /// Pixels of a sheet's or a prepared photo's side.
    package static let edge = 16...8192
    /// JPEG quality.
    package static let quality = 1...100
    /// Cells of a sheet, and pictures that come with one.
    package static let cells = 64
    /// Bytes of one picture that goes into a sheet.
    package static let sheetPictureBytes = 64 << 20
}

/// One thing to be done.
package enum ImageTask: Hashable, Sendable {
    /// Read the header.
    case inspect
    /// Make a photo ready.
    case prepare(PrepareOptions)
    /// Decode all of it; a JPEG is handed back as it came, anything else as a JPEG of this quality.
    case verify(quality: Int)
    /// Compose a sheet of pictures that lie in the input one after another, with these lengths in bytes.
    case compose(SheetOrder, lengths: [Int])
}

/// A task with its number and limits.
package struct ImageOrder: Hashable, Sendable {
    /// Comes back in the answer.
    package let number: UInt32
    /// The most bytes that a photo may have.
    package let mostBytes: Int
    /// The most pixels that a header may promise.
    package let mostPixels: Int
    /// What is to be done.
    package let task: ImageTask

    /// Makes an order.
    package init(number: UInt32, mostBytes: Int, mostPixels: Int, task: ImageTask) {
        (self.number, self.mostBytes, self.mostPixels, self.task) = (number, mostBytes, mostPixels, task)
    }

    /// The message.
    package func encode() -> [UInt8] {
        var out = WireWriter()
        out.put(wireVersion)
        out.put32(number)
        out.put64(UInt64(mostBytes))
        out.put64(UInt64(mostPixels))
        switch task {
        case .inspect: out.put(UInt8(1))
        case .prepare(let options):
            out.put(UInt8(2))
            out.put(options.maximumEdge)
            out.put(options.quality)
        case .verify(let quality):
            out.put(UInt8(3))
            out.put(quality)
        case .compose(let sheet, let lengths):
            out.put(UInt8(4))
            ImageOrder.put(sheet, lengths, into: &out)
        }
        return out.bytes
    }

    private static func put(_ sheet: SheetOrder, _ lengths: [Int], into out: inout WireWriter) {
        for value in [sheet.width, sheet.height, Int(sheet.ground), sheet.shadow, sheet.quality] { out.put(value) }
        out.put(lengths.count)
        for length in lengths { out.put(length) }
        out.put(sheet.cells.count)
        for cell in sheet.cells {
            out.put(cell.image)
            out.put(cell.crop)
            out.put(cell.target)
            out.put(colour: cell.backdrop)
        }
    }

    /// Reads a message.
    /// - Throws: when it is of another version, cut, too long, or asks for what the limits forbid.
    package init(decoding bytes: [UInt8]) throws(WireFault) {
        var message = WireReader(bytes)
        guard try message.byte("version") == wireVersion else { throw WireFault("version") }
        let number = try message.number32("number")
        let most = [try message.number64("bytes"), try message.number64("pixels")]
        guard most.allSatisfy({ $0 <= UInt64(Int.max) }) else { throw WireFault("limits") }
        let task: ImageTask
        switch try message.byte("kind") {
        case 1: task = .inspect
        case 2:
            let edge = try message.number("edge", in: WireLimit.edge)
            let quality = try message.number("quality", in: WireLimit.quality)
            task = .prepare(PrepareOptions(maximumEdge: edge, quality: quality))
        case 3: task = .verify(quality: try message.number("quality", in: WireLimit.quality))
        case 4: task = try ImageOrder.sheet(from: &message)
        default: throw WireFault("kind")
        }
        try message.end()
        self.init(number: number, mostBytes: Int(most[0]), mostPixels: Int(most[1]), task: task)
    }

    private static func sheet(from message: inout WireReader) throws(WireFault) -> ImageTask {
        let width = try message.number("width", in: WireLimit.edge)
        let height = try message.number("height", in: WireLimit.edge)
        let ground = UInt32(try message.number("ground", in: 0...0xFF_FFFF))
        let shadow = try message.number("shadow", in: 0...100)
        let quality = try message.number("quality", in: WireLimit.quality)
        var lengths: [Int] = []
        for _ in 0..<(try message.number("pictures", in: 0...WireLimit.cells)) {
            lengths.append(try message.number("length", in: 1...WireLimit.sheetPictureBytes))
        }
        var cells: [SheetCell] = []
        for _ in 0..<(try message.number("cells", in: 0...WireLimit.cells)) {
            let image = try message.number("image", in: 0...WireLimit.cells)
            guard image < lengths.count else { throw WireFault("image") }
            let crop = try message.rect("crop")
            let target = try message.rect("target")
            guard target.fits(width: width, height: height) else { throw WireFault("target") }
            let backdrop = try message.colour("backdrop")
            cells.append(SheetCell(image: image, crop: crop, target: target, backdrop: backdrop))
        }
        let sheet = SheetOrder(
            width: width, height: height, ground: ground, shadow: shadow, quality: quality, cells: cells)
        return .compose(sheet, lengths: lengths)
    }
}

/// The encoded picture that the worker has written into the output file.
package struct PictureShape: Hashable, Sendable {
    /// How many bytes of the output file are the picture.
    package let bytes: Int
    /// Pixels.
    package let width: Int
    /// Pixels.
    package let height: Int
    /// The box inside the uniform border; the whole picture if there is none.
    package let content: PixelRect
    /// The border's colour.
    package let backdrop: UInt32?

    /// Describes what was written.
    package init(bytes: Int, width: Int, height: Int, content: PixelRect, backdrop: UInt32?) {
        (self.bytes, self.width, self.height) = (bytes, width, height)
        (self.content, self.backdrop) = (content, backdrop)
    }
}

/// What a worker says.
package enum WorkerMessage: Hashable, Sendable {
    /// It is ready for orders.
    case hello
    /// It has read this order and starts on it.
    case begun(number: UInt32)
    /// Done: the source's header (none for a sheet), the picture (none for `inspect`), and the most memory that the
    /// worker has had resident so far, in bytes.
    case done(number: UInt32, source: ImageInfo?, picture: PictureShape?, residentPeak: Int)
    /// Not done, with the decoder's words.
    case failed(number: UInt32, code: ImageFailure.Code, detail: String, residentPeak: Int)

    /// The message.
    package func encode() -> [UInt8] {
        var out = WireWriter()
        out.put(wireVersion)
        switch self {
        case .hello: out.put(UInt8(1))
        case .begun(let number):
            out.put(UInt8(2))
            out.put32(number)
        case .done(let number, let source, let picture, let peak):
            out.put(UInt8(3))
            out.put32(number)
            out.put64(UInt64(peak))
            WorkerMessage.put(source, picture, into: &out)
        case .failed(let number, let code, let detail, let peak):
            out.put(UInt8(4))
            out.put32(number)
            out.put64(UInt64(peak))
            out.put(code.rawValue)
            out.put(detail)
        }
        return out.bytes
    }

    private static func put(_ source: ImageInfo?, _ picture: PictureShape?, into out: inout WireWriter) {
        out.put(source == nil ? UInt8(0) : 1)
        if let source {
            for value in [source.width, source.height, source.orientation, source.pages] { out.put(value) }
            out.put(source.format.rawValue)
            out.put(source.hasAlpha ? UInt8(1) : 0)
        }
        out.put(picture == nil ? UInt8(0) : 1)
        if let picture {
            for value in [picture.bytes, picture.width, picture.height] { out.put(value) }
            out.put(picture.content)
            out.put(colour: picture.backdrop)
        }
    }

    /// Reads a message.
    /// - Throws: when it is of another version, cut, too long or contradicts itself.
    package init(decoding bytes: [UInt8]) throws(WireFault) {
        var message = WireReader(bytes)
        guard try message.byte("version") == wireVersion else { throw WireFault("version") }
        switch try message.byte("kind") {
        case 1: self = .hello
        case 2: self = .begun(number: try message.number32("number"))
        case 3:
            let number = try message.number32("number")
            let peak = try WorkerMessage.peak(from: &message)
            let source = try message.byte("source") == 0 ? nil : try WorkerMessage.source(from: &message)
            let picture = try message.byte("picture") == 0 ? nil : try WorkerMessage.picture(from: &message)
            self = .done(number: number, source: source, picture: picture, residentPeak: peak)
        case 4:
            let number = try message.number32("number")
            let peak = try WorkerMessage.peak(from: &message)
            guard let code = ImageFailure.Code(rawValue: try message.byte("code")) else { throw WireFault("code") }
            self = .failed(number: number, code: code, detail: try message.text("detail"), residentPeak: peak)
        default: throw WireFault("kind")
        }
        try message.end()
    }

    private static func peak(from message: inout WireReader) throws(WireFault) -> Int {
        guard let peak = Int(exactly: try message.number64("peak")) else { throw WireFault("peak") }
        return peak
    }

    private static func source(from message: inout WireReader) throws(WireFault) -> ImageInfo {
        let side = 1...Int(Int32.max)
        let width = try message.number("width", in: side)
        let height = try message.number("height", in: side)
        let orientation = try message.number("orientation", in: 1...8)
        let pages = try message.number("pages", in: side)
        guard let format = ImageFormat(rawValue: try message.byte("format")) else { throw WireFault("format") }
        let alpha = try message.byte("alpha")
        return ImageInfo(
            width: width, height: height, format: format, orientation: orientation, hasAlpha: alpha != 0, pages: pages)
    }

    private static func picture(from message: inout WireReader) throws(WireFault) -> PictureShape {
        let bytes = try message.number("bytes", in: 1...Int(Int32.max))
        let width = try message.number("width", in: 1...1_000_000)
        let height = try message.number("height", in: 1...1_000_000)
        let content = try message.rect("content")
        guard content.fits(width: width, height: height) else { throw WireFault("content") }
        let backdrop = try message.colour("backdrop")
        return PictureShape(bytes: bytes, width: width, height: height, content: content, backdrop: backdrop)
    }
}
