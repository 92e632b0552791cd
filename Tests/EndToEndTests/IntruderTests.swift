// Photos that take their image worker over, in a daemon with a hundred honest jobs: each ends its own job with a
// reason, the others are done, and the daemon is as it was.

import Contract
import Foundation
import Glibc
import Linux
import TestSupport
import Testing

extension EndToEnd {
    @Suite("Photos that take a worker over")
    @Outside
    struct Intruders {
        @Test("each ends its own job with garment_unreadable, and a hundred others are complete")
        func hundred() throws {
            let site = try Site(intruder: try Intruder())
            let items = try Directory(path: "\(site.wardrobe)/peichin/items")
            // Those that hang are left out: the daemon's patience is a minute.
            let words = [
                "crash", "abort", "leave", "deep", "hang up", "babble", "socket", "exec", "fork", "kill", "hog",
            ]
            for (number, word) in words.enumerated() {
                try items.open(FileName("bad-\(number).jpg"), .create).write(all: Intruder.photo(word))
            }
            let daemon = try site.ready()
            for number in 0..<100 {
                try site.deliver(request("good-\(number)", "blue-sneakers.jpg"), as: "good-\(number).json")
                guard number % 9 == 0, number / 9 < words.count else { continue }
                let name = "bad-\(number / 9)"
                try site.deliver(request(name, "\(name).jpg"), as: "\(name).json")
            }
            for (number, word) in words.enumerated() {
                let failure = try daemon.failed("bad-\(number)")
                #expect(failure.code == .garmentUnreadable, "\(word): \(failure)")
                #expect(failure.message.contains("bad-\(number).jpg"), "\(word): \(failure.message)")
            }
            for number in 0..<100 { _ = try daemon.complete("good-\(number)") }
            try daemon.settled()
            #expect(try daemon.stop() == 0)
        }

        private func request(_ outfit: String, _ photo: String) -> String {
            let item = #"{"name":"Sneakers","image":"wardrobe_photos/peichin/items/\#(photo)"}"#
            return #"{"user_id":"peichin","outfit_id":"\#(outfit)","outfit":{"items":[\#(item)]}}"#
        }
    }
}
