// The messages between daemon and workers: what goes in comes out, and nothing else is taken.

import ImagingWire
import Testing

@Suite("The wire")
struct WireTests {
    private let orders: [ImageOrder] = {
        let crop = PixelRect(left: 1, top: 2, width: 30, height: 40)
        let cells = [
            SheetCell(image: 0, crop: crop, target: PixelRect(left: 0, top: 0, width: 100, height: 50), backdrop: nil),
            SheetCell(image: 1, crop: crop, target: PixelRect(left: 9, top: 8, width: 7, height: 6), backdrop: 0),
        ]
        let sheet = SheetOrder(width: 100, height: 200, ground: 0xF5F1EA, shadow: 30, quality: 88, cells: cells)
        let tasks: [ImageTask] = [
            .inspect, .prepare(PrepareOptions(maximumEdge: 777, quality: 81)), .verify(quality: 92),
            .compose(sheet, lengths: [5, 70_000]),
        ]
        return tasks.map { ImageOrder(number: 0xFFFF_FFFE, mostBytes: 1 << 40, mostPixels: 3, task: $0) }
    }()

    private let messages: [WorkerMessage] = {
        let info = ImageInfo(width: 10, height: 20, format: .tiff, orientation: 8, hasAlpha: true, pages: 3)
        let shape = PictureShape(
            bytes: 99, width: 30, height: 40, content: PixelRect(left: 1, top: 2, width: 3, height: 4),
            backdrop: 0xFFFFFF)
        return [
            .hello, .begun(number: 7), .done(number: 8, source: info, picture: shape, residentPeak: 1 << 33),
            .done(number: 9, source: info, picture: nil, residentPeak: 0),
            .failed(number: 1, code: .truncated, detail: "premature end", residentPeak: 5),
        ]
    }()

    @Test("every message comes out as it went in")
    func roundTrip() throws {
        for order in orders { #expect(try ImageOrder(decoding: order.encode()) == order) }
        for message in messages { #expect(try WorkerMessage(decoding: message.encode()) == message) }
    }

    @Test("a message that is cut, too long, or of another version is refused")
    func refused() {
        for bytes in orders.map({ $0.encode() }) {
            for count in 0..<bytes.count {
                #expect(throws: WireFault.self) { try ImageOrder(decoding: Array(bytes.prefix(count))) }
            }
            #expect(throws: WireFault.self) { try ImageOrder(decoding: bytes + [0]) }
            #expect(throws: WireFault.self) { try ImageOrder(decoding: [bytes[0] + 1] + bytes.dropFirst()) }
        }
        for bytes in messages.map({ $0.encode() }) {
            for count in 0..<bytes.count {
                #expect(throws: WireFault.self) { try WorkerMessage(decoding: Array(bytes.prefix(count))) }
            }
            #expect(throws: WireFault.self) { try WorkerMessage(decoding: bytes + [0]) }
        }
    }

    @Test("flipping any byte of a message never traps, and what is taken keeps the bounds")
    func flipped() {
        for bytes in messages.map({ $0.encode() }) {
            for place in bytes.indices {
                for value in [0, 1, 127, 128, 255] as [UInt8] {
                    var changed = bytes
                    changed[place] = value
                    guard
                        case .success(.done(_, _, let shape?, _)) = Result(catching: {
                            try WorkerMessage(decoding: changed)
                        })
                    else { continue }
                    #expect(shape.content.fits(width: shape.width, height: shape.height))
                }
            }
        }
    }

    @Test("an order beyond the limits is refused by the worker's side")
    func limits() {
        let far = SheetCell(
            image: 0, crop: PixelRect(left: 0, top: 0, width: 1, height: 1),
            target: PixelRect(left: 90, top: 0, width: 11, height: 5), backdrop: nil)
        let strange = SheetCell(
            image: 1, crop: far.crop, target: PixelRect(left: 0, top: 0, width: 5, height: 5), backdrop: nil)
        let tasks: [ImageTask] = [
            .prepare(PrepareOptions(maximumEdge: 9000)), .prepare(PrepareOptions(maximumEdge: 100, quality: 101)),
            .verify(quality: 0), .compose(SheetOrder(width: 100, height: 100, ground: 0, cells: [far]), lengths: [1]),
            .compose(SheetOrder(width: 100, height: 100, ground: 0, cells: [strange]), lengths: [1]),
            .compose(SheetOrder(width: 9000, height: 100, ground: 0, cells: []), lengths: []),
        ]
        for task in tasks {
            let bytes = ImageOrder(number: 1, mostBytes: 1, mostPixels: 1, task: task).encode()
            #expect(throws: WireFault.self) { try ImageOrder(decoding: bytes) }
        }
    }

    @Test("words of a worker come out without control characters")
    func words() throws {
        let message = WorkerMessage.failed(number: 1, code: .unreadable, detail: "a\u{1B}[31m\nb", residentPeak: 0)
        #expect(
            try WorkerMessage(decoding: message.encode())
                == .failed(number: 1, code: .unreadable, detail: "a?[31m?b", residentPeak: 0))
    }
}
