// How large the pictures of an order may be, and what of a task's text people are shown.

import Contract
import Ledger
import Providers
import TestSupport
import Testing

@testable import Pipeline

@Suite("Pictures within a limit of pixels, and tasks with notes")
struct ReferenceRoomTests {
    @Test("each picture has its share of what the picture that is made leaves, and any size where there is no limit")
    func room() {
        let made = PixelSize(width: 1000, height: 1000)
        let limited = ReferenceRule(count: 0...8, sharesSheets: true, pixels: 9_000_000)
        #expect(limited.room(for: 8, beside: made) == 1_000_000 && limited.room(for: 3, beside: made) == 2_666_666)
        #expect(limited.room(for: 0, beside: made) == 8_000_000)
        #expect(limited.room(for: 4, beside: PixelSize(width: 4000, height: 4000)) == 0)
        #expect(ReferenceRule(count: 0...8, sharesSheets: true).room(for: 8, beside: made) == .max)
    }

    @Test("a sheet is made as much smaller as it has to be, keeps its shape nearly, and is never larger than its room")
    func shrunk() {
        let sheet = PixelSize(width: 1152, height: 1536)
        #expect(sheet.shrunk(to: .max) == sheet && sheet.shrunk(to: 1152 * 1536) == sheet)
        for room in stride(from: 20_000, to: 1_769_472, by: 12_345) {
            let small = sheet.shrunk(to: room)
            #expect(small.width * small.height <= room && small.width % 16 == 0 && small.height % 16 == 0, "\(room)")
            let shape = Double(small.width) / Double(small.height)
            #expect(abs(shape - 0.75) < 0.15, "\(room)")
            #expect(small.width * small.height > room / 2, "\(room)")
        }
        #expect(sheet.shrunk(to: 0) == PixelSize(width: 16, height: 16))
    }

    @Test("a task is asked for by its whole text, and shown by its id alone, when it goes well and when it does not")
    func shown() async throws {
        let atelier = try Atelier()
        let text = "t-1 cost=8 https://pictures.test/ask?id=t-1"
        let price = Price(credits: 8, microdollars: 80_000)
        let request = atelier.request(#""provider": "paid", "regenerate": true"#, outfit: Atelier.one)
        atelier.paid.say(.accepted(taskID: text, estimate: price))
        atelier.paid.tell(.done(outputs: ["https://pictures.test/a.png"], price: price))
        atelier.transfer.answer(200, try Repository.picture("noise.png"))
        #expect(try await atelier.run(request, as: "a").picture?.making.taskID == "t-1")
        atelier.paid.say(.accepted(taskID: text, estimate: price))
        atelier.paid.tell(.done(outputs: [], price: price))
        let failure = try #require(try await atelier.run(request, as: "b").failure)
        #expect(failure.taskID == "t-1" && failure.message.contains("task t-1)"), "\(failure.message)")
        #expect(atelier.paid.polls == [text, text])
        #expect(try await atelier.journal.attempts("b").map(\.taskID) == [text])
    }
}
