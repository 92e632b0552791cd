// An order after one whose picture was fetched and got lost: it has nothing of the earlier one's.

import Contract
import Testing

@testable import Ledger

@Suite("Journal: an order after a lost picture")
struct OrderAgainTests {
    @Test("a job that is ordered anew has no picture yet, so that a failure of it is not retried with the old one")
    func forgetsThePicture() async throws {
        let folder = try Folder()
        let journal = try Journal(path: folder.journal)
        _ = try await journal.admit(.sample("a"))
        _ = try await journal.order("a", plan: [1], .free, at: .at(1))
        try await journal.fetched("a", .sample, settling: .final(.free, made: true), at: .at(2))
        _ = try await journal.order("a", plan: [1], .free, at: .at(3))
        #expect(try await journal.row("a")?.picture == nil)
        try await journal.landing("a", .failed, code: .outfitNotFound, result: [9], at: .at(4))
        try await journal.landed(["a"], at: .at(5))
        let again = try #require(try await journal.admit(.sample("a", at: .at(6))).job)
        #expect(again.resume == .prepare)
    }
}
