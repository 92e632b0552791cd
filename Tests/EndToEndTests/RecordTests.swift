// The outfits' record under load: fifty jobs of one user, with other programs writing the same file meanwhile.

import Contract
import Foundation
import Linux
import TestSupport
import Testing

extension EndToEnd {
    @Suite("The record under load")
    @Outside
    struct Record {
        @Test(
            "fifty jobs of one user, while another program writes the record with or without the lock, lose nothing",
            arguments: [true, false])
        func fiftyAtOnce(_ locks: Bool) throws {
            let site = try Site()
            try site.setRecord(record(outfits: 50))
            for number in 0..<50 {
                try site.deliver(#"{"user_id":"peichin","outfit_id":"o-\#(number)"}"#, as: "j-\(number).json")
            }
            let writer = ForeignWriter(folder: "\(site.wardrobe)/peichin", locks: locks)
            let daemon = try site.ready(["VIZD_LIMITS_PER_USER": "50"])
            writer.begin()
            for number in 0..<50 { _ = try daemon.complete("j-\(number)") }
            let rounds = try writer.end()
            // What a writer without the lock wrote over is put back within about a second.
            _ = try daemon.await("every entry in the record", in: ["\(site.wardrobe)/peichin"]) { () -> Bool? in
                let record = try JSONDocument(parsing: site.record())
                let outfits = record.root["saved"]?.elements ?? []
                return outfits.allSatisfy { $0["visualizations"]?.elements?.count == 1 } ? true : nil
            }
            #expect(try daemon.stop() == 0)
            try expectNothingLost(try site.record(), rounds)
        }

        private func record(outfits: Int) -> [UInt8] {
            let items = #"{"items":[{"name":"Tee","image_path":"items/black-t-shirt.png"}]}"#
            let saved = (0..<outfits).map { #"{"id":"o-\#($0)","n":1e3,"outfit_data":\#(items)}"# }
            return Array(#"{"foreign":0,"saved":[\#(saved.joined(separator: ","))],"last_updated":"x"}"#.utf8)
        }

        private func expectNothingLost(_ bytes: [UInt8], _ rounds: Int) throws {
            let record = try JSONDocument(parsing: bytes)
            #expect(record.root["foreign"]?.value == .number("\(rounds)") && rounds > 0)
            let outfits = try #require(record.root["saved"]?.elements)
            #expect(outfits.count == 50)
            for (number, outfit) in outfits.enumerated() {
                #expect(outfit["id"]?.value == .string("o-\(number)") && outfit["n"]?.value == .number("1e3"))
                #expect(
                    outfit["visualizations"]?.elements?.map { $0["job_id"]?.value } == [.string("j-\(number)")],
                    "o-\(number)")
            }
        }
    }
}

/// Another program: reads the record, counts its own field up and writes the whole file, again and again.
private final class ForeignWriter: Sendable {
    private let folder: String
    private let locks: Bool
    private let state = Monitor((stop: false, ended: false, rounds: 0, failure: String?.none))

    init(folder: String, locks: Bool) { (self.folder, self.locks) = (folder, locks) }

    func begin() {
        OwnedThread.spawn(name: "foreign") { [self] in
            var failure: String?
            do { while !state.look({ $0.stop }) { try write() } } catch { failure = "\(error)" }
            state.change { state in (state.failure, state.ended) = (failure, true) }
        }
    }

    /// Answers how often it wrote.
    func end() throws -> Int {
        state.change { $0.stop = true }
        _ = state.wait { $0.ended ? true : nil }
        let (rounds, failure) = state.look { ($0.rounds, $0.failure) }
        if let failure { throw Overdue(description: failure) }
        return rounds
    }

    private func write() throws {
        let directory = try Directory(path: folder)
        let lock = locks ? try FileLock.wait(directory.open(".saved_outfits.lock", .readWrite)) : nil
        let bytes = try directory.open("saved_outfits.json", .read).read(limit: 1 << 26)
        let rounds = state.look { $0.rounds }
        // Under the lock its own count is always the one that it wrote last. Without it, it may look in the moment
        // before vizd notices and takes its own version back; what it writes then must stand all the same.
        guard !locks || bytes.starts(with: #"{"foreign":\#(rounds),"#.utf8) else {
            throw Overdue(description: "the foreign field is not \(rounds)")
        }
        let rest = bytes.drop { $0 != UInt8(ascii: ",") }
        try directory.publish(
            Array(#"{"foreign":\#(rounds + 1)"#.utf8) + rest, as: "saved_outfits.json", temporary: ".foreign",
            durable: false)
        state.change { $0.rounds = rounds + 1 }
        try lock?.release()
        // It does something else, too: who writes more often than the disk syncs leaves nobody the time to write.
        _ = state.wait(until: MonotonicClock.now() + 250_000_000) { $0.stop ? true : nil }
    }
}
