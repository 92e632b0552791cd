// One order on the bench: the input is read once into memory (what is judged is then also what is handed on, even if
// somebody writes to the file meanwhile, and an empty file never reaches libvips, which aborts on one), worked on, and
// the encoded picture written into the file in memory that came with the order.

import ImagingWire
import Linux

struct Bench {
    private let order: ImageOrder
    private let files: [OpenFile]

    init(_ order: ImageOrder, _ files: [OpenFile]) { (self.order, self.files) = (order, files) }

    func work() throws(ImageFailure) -> (ImageInfo?, PictureShape?) {
        guard files.count == (order.task == .inspect ? 1 : 2) else {
            throw ImageFailure(.unreadable, "the order came with \(files.count) descriptors")
        }
        switch order.task {
        case .inspect:
            return (try Picture.inspect(try input(limit: order.mostBytes)), nil)
        case .prepare(let options):
            let bytes = try input(limit: order.mostBytes)
            let (info, picture) = try Picture.prepare(bytes, mostPixels: order.mostPixels, options)
            return (info, try output(picture))
        case .verify(let quality):
            let bytes = try input(limit: order.mostBytes)
            let (info, picture) = try Picture.verify(bytes, mostPixels: order.mostPixels, quality: quality)
            return (info, try output(picture))
        case .compose(let sheet, let lengths):
            let bytes = try input(limit: lengths.reduce(0, +))
            let picture = try Picture.compose(sheet, bytes, lengths, mostPixels: order.mostPixels)
            return (nil, try output(picture))
        }
    }

    private func input(limit: Int) throws(ImageFailure) -> [UInt8] {
        let info = try system { () throws(SystemFailure) in try files[0].info() }
        guard info.kind == .regular else { throw ImageFailure(.unreadable, "it is \(info.kind.phrase)") }
        guard info.size > 0 else { throw ImageFailure(.unreadable, "the file is empty") }
        guard info.size <= limit else { throw ImageFailure(.tooLarge, "it has \(info.size) bytes") }
        return try system { () throws(SystemFailure) in try files[0].read(limit: limit) }
    }

    private func system<Answer>(_ body: () throws(SystemFailure) -> Answer) throws(ImageFailure) -> Answer {
        do throws(SystemFailure) {
            return try body()
        } catch {
            throw ImageFailure(error.errno == .tooLarge ? .tooLarge : .unreadable, error.description)
        }
    }

    private func output(_ picture: EncodedPicture) throws(ImageFailure) -> PictureShape {
        do throws(SystemFailure) {
            try files[1].write(all: picture.bytes)
        } catch {
            throw ImageFailure(.unavailable, "the encoded picture could not be handed over (\(error))")
        }
        return PictureShape(
            bytes: picture.bytes.count, width: picture.width, height: picture.height, content: picture.content,
            backdrop: picture.backdrop)
    }
}
