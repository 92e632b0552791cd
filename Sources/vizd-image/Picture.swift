// The C shim's calls with Swift's types. Every function throws the shim's code with libvips' own words; the daemon
// makes a sentence of it.

import CVipsShim
import ImagingWire
import Linux

/// Encoded bytes and what is known about them.
struct EncodedPicture {
    let bytes: [UInt8]
    let width: Int
    let height: Int
    let content: PixelRect
    let backdrop: UInt32?
}

enum Picture {
    /// Starts libvips; before anything else here.
    static func start() throws(SystemFailure) {
        var why = Why()
        guard vz_start(&why.text) == VZ_OK else {
            throw SystemFailure(call: "vips_init", errno: .noMemory, subject: why.string)
        }
    }

    static func inspect(_ bytes: [UInt8]) throws(ImageFailure) -> ImageInfo {
        var info = vz_info()
        var why = Why()
        let code = vz_inspect(bytes, bytes.count, &info, &why.text)
        try why.check(code)
        return try describe(info)
    }

    static func prepare(_ bytes: [UInt8], mostPixels: Int, _ options: PrepareOptions) throws(ImageFailure)
        -> (ImageInfo, EncodedPicture)
    {
        var info = vz_info()
        var out = vz_picture()
        var why = Why()
        defer { vz_release(out.bytes) }
        let (edge, quality) = (CInt(options.maximumEdge), CInt(options.quality))
        // The call stands on its own line: as an argument of `check` it would write into `why` after that was read.
        let code = vz_prepare(bytes, bytes.count, Int64(mostPixels), edge, quality, &info, &out, &why.text)
        try why.check(code)
        return (try describe(info), encoded(out, content: rect(out.content)))
    }

    static func verify(_ bytes: [UInt8], mostPixels: Int, quality: Int) throws(ImageFailure)
        -> (ImageInfo, EncodedPicture)
    {
        var info = vz_info()
        var out = vz_picture()
        var why = Why()
        defer { vz_release(out.bytes) }
        let code = vz_verify(bytes, bytes.count, Int64(mostPixels), CInt(quality), &info, &out, &why.text)
        try why.check(code)
        let whole = PixelRect(left: 0, top: 0, width: Int(out.width), height: Int(out.height))
        guard out.bytes == nil else { return (try describe(info), encoded(out, content: whole)) }
        let kept = EncodedPicture(
            bytes: bytes, width: whole.width, height: whole.height, content: whole, backdrop: nil)
        return (try describe(info), kept)
    }

    /// The pictures lie in `bytes` one after another.
    static func compose(_ sheet: SheetOrder, _ bytes: [UInt8], _ lengths: [Int], mostPixels: Int) throws(ImageFailure)
        -> EncodedPicture
    {
        guard bytes.count == lengths.reduce(0, +) else {
            throw ImageFailure(.truncated, "the sheet's pictures came with \(bytes.count) bytes")
        }
        let starts = lengths.reduce(into: [0]) { $0.append($0.last! + $1) }
        var out = vz_picture()
        var why = Why()
        defer { vz_release(out.bytes) }
        let code = bytes.withUnsafeBytes { raw in
            let cells = sheet.cells.map { cell in
                vz_cell(
                    bytes: raw.baseAddress.map { $0 + starts[cell.image] }, count: lengths[cell.image],
                    crop: box(cell.crop), target: box(cell.target), backdrop: cell.backdrop.map { Int32($0) } ?? -1)
            }
            return vz_compose(
                cells, CInt(cells.count), CInt(sheet.width), CInt(sheet.height), Int32(sheet.ground),
                CInt(sheet.shadow), CInt(sheet.quality), Int64(mostPixels), &out, &why.text)
        }
        try why.check(code)
        return encoded(out, content: PixelRect(left: 0, top: 0, width: sheet.width, height: sheet.height))
    }

    private static func encoded(_ out: vz_picture, content: PixelRect) -> EncodedPicture {
        EncodedPicture(
            bytes: [UInt8](UnsafeRawBufferPointer(start: out.bytes, count: out.count)), width: Int(out.width),
            height: Int(out.height), content: content, backdrop: out.backdrop < 0 ? nil : UInt32(out.backdrop))
    }

    private static func describe(_ info: vz_info) throws(ImageFailure) -> ImageInfo {
        guard let format = ImageFormat(rawValue: UInt8(clamping: info.format)) else {
            throw ImageFailure(.unsupportedFormat, "libvips found another format")
        }
        return ImageInfo(
            width: Int(info.width), height: Int(info.height), format: format,
            orientation: (1...8).contains(info.orientation) ? Int(info.orientation) : 1, hasAlpha: info.alpha != 0,
            pages: max(1, Int(info.pages)))
    }

    private static func rect(_ box: vz_box) -> PixelRect {
        PixelRect(left: Int(box.left), top: Int(box.top), width: Int(box.width), height: Int(box.height))
    }

    private static func box(_ rect: PixelRect) -> vz_box {
        vz_box(
            left: Int32(rect.left), top: Int32(rect.top), width: Int32(rect.width), height: Int32(rect.height))
    }
}

/// Room for the shim's words, and what its codes mean here.
private struct Why {
    var text = [CChar](repeating: 0, count: Int(VZ_WHY))

    var string: String {
        String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    func check(_ code: CInt) throws(ImageFailure) {
        switch Int(code) {
        case VZ_OK: return
        case VZ_TOO_MANY_PIXELS: throw ImageFailure(.tooManyPixels, string)
        case VZ_UNSUPPORTED: throw ImageFailure(.unsupportedFormat, string)
        case VZ_TRUNCATED: throw ImageFailure(.truncated, string)
        case VZ_UNREADABLE: throw ImageFailure(.unreadable, string)
        default: throw ImageFailure(.workerDied, string)
        }
    }
}
