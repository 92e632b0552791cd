// A journal whose rows say what vizd never wrote: they are read, or refused with a failure that is told; nothing traps.

import Contract
import Foundation
import GRDB
import Testing

@testable import Ledger

/// Numbers that are the same in every run.
private struct Lots {
    var state: UInt64

    mutating func below(_ bound: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int(state >> 33) % bound
    }
}

@Suite("Odd rows of the journal")
struct JournalRowTests {
    private static let rows = [
        """
        INSERT INTO job (name, run, digest, owner_uid, phase, user_id, outfit_id, provider, picture_file,
            picture_sha256, picture_bytes, picture_width, picture_height, picture_type, starts, claimed_at,
            first_submit_at)
        VALUES ('a', 1, zeroblob(32), 1000, 'fetched', 'u', 'o', 'runway', 'a.1.part', zeroblob(32), 9, 9, 9,
            'image/jpeg', 1, 5, 6)
        """,
        """
        INSERT INTO job (name, run, digest, owner_uid, phase, starts, claimed_at, box, code, landed_at)
        VALUES ('b', 2, zeroblob(32), 1000, 'landed', 1, 5, 'failed', 'moderation', 7)
        """,
        "INSERT INTO document (job, kind, bytes) VALUES (1, 'request', x'7b7d'), (1, 'plan', x'7b7d')",
        """
        INSERT INTO attempt (name, run, attempt, provider, model, user_id, month, state, task_id, estimate_credits,
            estimate_usd_micros, made, created_at, task_at, free_of_charge)
        VALUES ('a', 1, 1, 'runway', 'gen4_image', 'u', '2026-11', 'task', 't-1', 8, 80000, 0, 5, 6, 0)
        """,
    ]
    private static let values: [DatabaseValue] = {
        let numbers: [Int64] = [0, 1, -1, 1 << 32, .max, .min]
        let reals = [0.5, -1e308, Double.infinity]
        let texts = [
            "", "landed", "intent", "settled", "\u{0}", "9999-99", "é\u{202E}", String(repeating: "x", count: 5000),
        ]
        let blobs = [Data(), Data(repeating: 0xFF, count: 33)]
        return [.null] + numbers.map(\.databaseValue) + reals.map(\.databaseValue) + texts.map(\.databaseValue)
            + blobs.map(\.databaseValue)
    }()

    @Test("whatever stands in a row, it is read or refused in words")
    func rowsAreReadOrRefused() async throws {
        let folder = NSTemporaryDirectory() + "vizd-rows-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let path = folder + "/vizd.sqlite"
        let journal = try Journal(path: path)
        var configuration = Configuration()
        configuration.prepareDatabase { db in try db.execute(sql: "PRAGMA ignore_check_constraints = 1") }
        let editor = try DatabaseQueue(path: path, configuration: configuration)
        let reader = try #require(try JournalReader.open(path: path))
        var (read, refused) = (0, 0)
        var lots = Lots(state: 11)
        for _ in 0..<1_500 {
            try write(to: editor, &lots)
            do throws(JournalFailure) {
                try look(reader)
                read += 1
            } catch {
                refused += 1
                #expect(!error.message.isEmpty && error.code == .corrupt, "\(error)")
            }
        }
        #expect(read > 100 && refused > 0, "\(read) read, \(refused) refused")
        await journal.close()
        try FileManager.default.removeItem(atPath: folder)
    }

    /// The rows as vizd would have written them, but for one to three values.
    private func write(to editor: DatabaseQueue, _ lots: inout Lots) throws {
        let changes = (0...lots.below(3)).map { _ in (lots.below(3), lots.below(64), lots.below(Self.values.count)) }
        try editor.write { db in
            for table in ["document", "attempt", "job", "sqlite_sequence"] where try db.tableExists(table) {
                try db.execute(sql: "DELETE FROM \(table)")
            }
            for row in Self.rows { try db.execute(sql: row) }
            for (table, column, value) in changes {
                let name = ["job", "attempt", "document"][table]
                let columns = try db.columns(in: name).map(\.name).filter { $0 != "id" && $0 != "job" }
                let target = columns[column % columns.count]
                do {
                    try db.execute(
                        sql: "UPDATE \(name) SET \(target) = ? WHERE rowid = 1", arguments: [Self.values[value]])
                } catch let error as DatabaseError where error.resultCode == .SQLITE_CONSTRAINT {
                    // A strict table takes no other type, no NULL where there must be a value.
                    continue
                }
            }
        }
    }

    private func look(_ reader: JournalReader) throws(JournalFailure) {
        for name in ["a", "b"] {
            let last = try reader.attempts(name).last
            guard let row = try reader.row(name) else { continue }
            _ = Resume.point(of: row, last: last)
            for code in ResultCode.allCases { _ = Resume.afterFailure(code, of: row, last: last) }
        }
        _ = try reader.rows(open: true)
        _ = try reader.rows(open: false)
        _ = try reader.costs(nil, by: .user)
        _ = try reader.recentDurations(provider: "runway")
    }
}
